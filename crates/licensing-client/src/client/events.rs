//! Following events, and webhooks.

use licensing_wire::json::{
    DeadLetterList, EventFeed, ReplayRequest, WebhookChange, WebhookList, WebhookMessage, WebhookRequest,
    WebhookSecret, WebhookTest,
};
use serde_json::json;

use super::{ServerClient, encoded};
use crate::http::ClientError;

fn path(name: &str) -> String {
    format!("/api/v1/webhooks/{}", encoded(name))
}

impl ServerClient {
    /// What happened after an event (`None` from the beginning, `newest` for the end of the log); waits up to so many
    /// seconds, at most 25, when there is nothing yet.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn feed(
        &self,
        after: Option<&str>,
        types: &[String],
        wait_secs: u32,
    ) -> Result<EventFeed, ClientError> {
        let mut address = format!("/api/v1/events/feed?wait={wait_secs}");
        if let Some(after) = after {
            address.push_str(&format!("&after={}", encoded(after)));
        }
        if !types.is_empty() {
            address.push_str(&format!("&events={}", encoded(&types.join(","))));
        }
        self.get(&address)
    }

    /// Makes a webhook. The same key gives the same secret, however often it is sent.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn create_webhook(&self, request: &WebhookRequest, key: &str) -> Result<WebhookSecret, ClientError> {
        self.post("/api/v1/webhooks", request, Some(key))
    }

    /// All webhooks.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn webhooks(&self) -> Result<WebhookList, ClientError> {
        self.get("/api/v1/webhooks")
    }

    /// A webhook.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn webhook(&self, name: &str) -> Result<WebhookMessage, ClientError> {
        self.get(&path(name))
    }

    /// Changes, disables or enables a webhook.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn change_webhook(&self, name: &str, change: &WebhookChange) -> Result<WebhookMessage, ClientError> {
        self.post(&path(name), change, None)
    }

    /// Removes a webhook.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn remove_webhook(&self, name: &str) -> Result<WebhookMessage, ClientError> {
        self.delete(&path(name))
    }

    /// Gives a webhook a new signing secret beside the present one. The same key gives the same secret.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn rotate_webhook_secret(&self, name: &str, key: &str) -> Result<WebhookSecret, ClientError> {
        self.post(&format!("{}/secret", path(name)), &json!({}), Some(key))
    }

    /// Ends the older of two signing secrets.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn retire_webhook_secret(&self, name: &str) -> Result<WebhookMessage, ClientError> {
        self.delete(&format!("{}/secret", path(name)))
    }

    /// Sends a test message now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn test_webhook(&self, name: &str) -> Result<WebhookTest, ClientError> {
        self.post(&format!("{}/test", path(name)), &json!({}), None)
    }

    /// Sends everything from a place in the log again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn replay_webhook(&self, name: &str, from: &str) -> Result<WebhookMessage, ClientError> {
        let request = ReplayRequest { from: from.to_owned() };
        self.post(&format!("{}/replay", path(name)), &request, None)
    }

    /// A page of events a webhook is not tried with any more.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn dead_letters(&self, name: &str, after: u64) -> Result<DeadLetterList, ClientError> {
        self.get(&format!("{}/dead-letters?after={after}", path(name)))
    }

    /// Tries a dead letter again, or gives it up for good.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn settle_dead_letter(
        &self,
        name: &str,
        sequence: u64,
        again: bool,
    ) -> Result<WebhookMessage, ClientError> {
        let path = format!("{}/dead-letters/{sequence}", path(name));
        if again { self.post(&path, &json!({}), None) } else { self.delete(&path) }
    }
}
