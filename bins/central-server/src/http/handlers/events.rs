//! Telling events to others: the feed, and webhooks.

use std::time::Duration;

use licensing_wire::json::{ReplayRequest, WebhookChange, WebhookRequest};

use crate::http::handlers::Call;
use crate::service::{Answer, Failure, FeedQuery, read_actions};

/// Longest wait for something to happen, in seconds: shorter than proxies and clients usually wait.
const WAIT_SECS_MAX: u64 = 25;

pub(in crate::http) async fn feed(call: Call) -> Result<Answer, Failure> {
    let wait = call.number("wait")?.unwrap_or(0);
    if wait > WAIT_SECS_MAX {
        let message = format!("wait: expected a whole number from 0 to {WAIT_SECS_MAX}");
        return Err(Failure::denied("invalid_value", message));
    }
    // Within the time of a request; and who waits may not keep out who works.
    let wait = wait.min(call.app.config.limits.request_timeout_secs.saturating_sub(2));
    let place = call.app.waiting.try_acquire();
    let wait = if place.is_ok() { wait } else { 0 };
    let events = call.value("events").unwrap_or_default();
    let query = FeedQuery {
        after: call.value("after").map(str::to_owned),
        actions: read_actions(events.split(',').map(str::trim).filter(|word| !word.is_empty()))?,
        limit: call.limit()?,
        wait: Duration::from_secs(wait),
    };
    call.app.service().feed(&query).await
}

pub(in crate::http) async fn create(call: Call) -> Result<Answer, Failure> {
    let request: WebhookRequest = call.message()?;
    let idempotency = call.vendor_idempotency();
    call.app.service().create_webhook(&call.authorized.actor(), idempotency, &request).await
}

pub(in crate::http) async fn list(call: Call) -> Result<Answer, Failure> {
    call.app.service().webhooks().await
}

pub(in crate::http) async fn show(call: Call) -> Result<Answer, Failure> {
    call.app.service().show_webhook(call.text()).await
}

pub(in crate::http) async fn change(call: Call) -> Result<Answer, Failure> {
    let request: WebhookChange = call.message()?;
    call.app.service().change_webhook(&call.authorized.actor(), call.text(), &request).await
}

pub(in crate::http) async fn remove(call: Call) -> Result<Answer, Failure> {
    call.app.service().remove_webhook(&call.authorized.actor(), call.text()).await
}

pub(in crate::http) async fn rotate(call: Call) -> Result<Answer, Failure> {
    let idempotency = call.vendor_idempotency();
    call.app.service().rotate_webhook(&call.authorized.actor(), idempotency, call.text()).await
}

pub(in crate::http) async fn retire(call: Call) -> Result<Answer, Failure> {
    call.app.service().retire_webhook_secret(&call.authorized.actor(), call.text()).await
}

pub(in crate::http) async fn test(call: Call) -> Result<Answer, Failure> {
    call.app.service().test_webhook(&call.app.sender, call.text()).await
}

pub(in crate::http) async fn replay(call: Call) -> Result<Answer, Failure> {
    let request: ReplayRequest = call.message()?;
    call.app.service().replay_webhook(&call.authorized.actor(), call.text(), &request).await
}

pub(in crate::http) async fn dead_letters(call: Call) -> Result<Answer, Failure> {
    let after = call.number("after")?.unwrap_or(0);
    call.app.service().dead_letters(call.text(), after, call.limit()?).await
}

pub(in crate::http) async fn retry_dead_letter(call: Call) -> Result<Answer, Failure> {
    settle(call, true).await
}

pub(in crate::http) async fn drop_dead_letter(call: Call) -> Result<Answer, Failure> {
    settle(call, false).await
}

async fn settle(call: Call, again: bool) -> Result<Answer, Failure> {
    let sequence = call.params.get(1).and_then(|text| text.parse().ok());
    let sequence =
        sequence.ok_or_else(|| Failure::denied("invalid_value", "sequence: expected a whole number"))?;
    let actor = call.authorized.actor();
    call.app.service().settle_dead_letter(&actor, call.text(), sequence, again).await
}
