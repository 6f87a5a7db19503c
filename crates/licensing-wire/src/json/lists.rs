//! Messages of what the vendor looks through.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An order in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderSummary {
    /// The vendor's order id.
    pub order_id: String,
    /// The customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// When it was placed.
    pub created_at: String,
}

/// A page of orders, without their licenses and tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderList {
    /// The orders.
    pub orders: Vec<OrderSummary>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A transfer whose receipt has not arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnfinishedMessage {
    /// License id.
    pub license: String,
    /// The order of the license.
    pub order_id: String,
    /// The customer of the license.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Item id.
    pub item: String,
    /// Display name.
    pub name: String,
    /// Container serial.
    pub container: String,
    /// Firm code.
    pub firm_code: u32,
    /// Licenses on the way.
    pub quantity: u32,
    /// `activating` or `returning`.
    pub state: String,
    /// When the update was issued.
    pub since: String,
}

/// A page of unfinished transfers, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnfinishedList {
    /// The transfers.
    pub transfers: Vec<UnfinishedMessage>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
