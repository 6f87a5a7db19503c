//! Messages about telling events to others: the feed, and webhooks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventMessage;

/// An event as it is told to others: an entry of the feed, and the body of a webhook. Fields may be added; none changes
/// its meaning or goes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventEnvelope {
    /// Names the event for good; the same however often it is told. Also where a feed goes on.
    pub id: String,
    /// What happened; the action of `data`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    pub timestamp: String,
    /// The event.
    pub data: EventMessage,
}

/// `GET /api/v1/events/feed`: what happened after an event, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventFeed {
    /// The events.
    pub events: Vec<EventEnvelope>,
    /// Where to go on: the `after` of the next request. Absent while nothing has ever happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether there is more already.
    pub more: bool,
}

/// `POST /api/v1/webhooks`: makes a webhook.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// Its name.
    pub name: String,
    /// Where events are sent: an `https://` address.
    pub url: String,
    /// Types of events to send; all when empty.
    #[serde(default)]
    pub events: Vec<String>,
    /// From where: `newest` (what comes now; when absent), `beginning`, a day, a time, or the id of an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// `POST /api/v1/webhooks/{name}`: changes a webhook; what is absent stays.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookChange {
    /// Where events are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Types of events to send; all when empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// Whether events are sent. What happens meanwhile is sent when it is enabled again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// A new signing secret; it is told only this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookSecret {
    /// Name of the webhook.
    pub name: String,
    /// The secret, `whsec_` and base64 (Standard Webhooks).
    pub secret: String,
}

/// A webhook, and how far it has come.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookMessage {
    /// Its name.
    pub name: String,
    /// Where events are sent.
    pub url: String,
    /// Types of events that are sent; all when empty.
    pub events: Vec<String>,
    /// Whether events are sent.
    pub enabled: bool,
    /// Since when not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_because: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// Signing secrets in use: two while one is replaced.
    pub secrets: u32,
    /// Every event up to this sequence was sent, is not wanted, or waits.
    pub reached: u64,
    /// Sequence of the newest event.
    pub newest: u64,
    /// Events that wait for another attempt, or behind one that does.
    pub waiting: u32,
    /// Events that are not tried any more: 500 stands for that many or more.
    pub dead_letters: u32,
    /// When the receiver last took something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_taken_at: Option<String>,
    /// Since when the receiver has taken nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
}

/// All webhooks, in order of their names.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookList {
    /// The webhooks.
    pub webhooks: Vec<WebhookMessage>,
}

/// `POST /api/v1/webhooks/{name}/replay`: sends events again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// From where: `beginning`, a day, a time, or the id of the event before.
    pub from: String,
}

/// Events that are not tried any more, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetterList {
    /// The events.
    pub dead_letters: Vec<DeadLetter>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// An event that is not tried any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// Its sequence.
    pub sequence: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first tried.
    pub since: String,
    /// Since when it is not tried any more.
    pub dead_at: String,
    /// What came of the last attempt.
    pub outcome: String,
    /// The event.
    pub event: EventEnvelope,
}

/// `POST /api/v1/webhooks/{name}/test`: what came of a message sent now, of the type `webhook_test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookTest {
    /// Whether the receiver took it.
    pub taken: bool,
    /// What it answered, or why it could not.
    pub outcome: String,
}
