//! Messages of mail to customers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The mail about an order, as it would be sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderMail {
    /// The vendor's order id.
    pub order_id: String,
    /// Its language: `en` or `de`.
    pub language: String,
    /// Subject.
    pub subject: String,
    /// Text, with the ticket. A bearer secret.
    pub text: String,
    /// Whether this server can send it.
    pub can_send: bool,
}

/// `POST /api/v1/orders/{id}/mail`: sends the ticket of an order to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderMailRequest {
    /// One address: `name@company.example`.
    pub to: String,
    /// Language: `en` (also when absent) or `de`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What is said before the text, up to 4000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A mail that the mail server has taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderMailAnswer {
    /// The vendor's order id.
    pub order_id: String,
    /// Whom it was sent to.
    pub to: String,
    /// What it is called, for the logs of mail servers.
    pub message_id: String,
    /// When.
    pub sent_at: String,
}
