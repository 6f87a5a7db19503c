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

/// `POST /api/v1/search`: finds what has an id like a text. A text may be a ticket, so it is never part of an address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// The beginning of an order id, a customer id or an item id; a license id or an approval id, or at least its first 8
    /// digits; a container serial, or its number; or a ticket code.
    pub text: String,
}

/// What was found, at most 10 of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchAnswer {
    /// The hits, kind by kind.
    pub hits: Vec<SearchHit>,
    /// Kinds of which there is more than is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchHit {
    /// `ticket`, `order`, `customer`, `item`, `license`, `container` or `approval`.
    pub kind: String,
    /// Its id; of a ticket that of an order whose licenses are on it.
    pub id: String,
    /// One line about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The state of a license, a container or an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// When it was made; of a customer the time of the last order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// `GET /api/v1/statistics?from=&until=`: how much happened, day by day, and what is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatisticsAnswer {
    /// Every day that was asked for, in order.
    pub days: Vec<DayStatistics>,
    /// All of them together.
    pub total: ActivityMessage,
    /// What waits for somebody now.
    pub open: OpenMessage,
}

/// What happened on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayStatistics {
    /// The day, in UTC: `2030-01-31`.
    pub day: String,
    /// How much.
    pub activity: ActivityMessage,
}

/// How much happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ActivityMessage {
    /// Licenses made.
    pub created: u64,
    /// Licenses proven to be in containers.
    pub activated: u64,
    /// Licenses proven to be out of them again.
    pub returned: u64,
    /// Requests refused.
    pub refused: u64,
}

/// What waits for somebody. None is counted beyond 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenMessage {
    /// Approvals nobody has decided.
    pub approvals: u32,
    /// Transfers whose receipt has not arrived.
    pub transfers: u32,
    /// Containers that are blacklisted, or in which manipulation was detected.
    pub flagged_containers: u32,
}
