//! Receivers of events, and what is still to be told them.

use licensing_core::event::Action;
use licensing_core::webhook::{Lease, Parked, Progress, Webhook};

use super::Reader;
use crate::{StoreError, Usage};

/// The actions of a receiver as they are stored.
#[must_use]
pub fn actions(actions: &[Action]) -> String {
    actions.iter().map(|action| action.name()).collect::<Vec<_>>().join(" ")
}

/// A receiver of events with how far it was told.
pub fn webhook(row: &Reader<'_>) -> Result<(Webhook, Progress), StoreError> {
    let words =
        |text: String| text.split_whitespace().map(Action::from_name).collect::<Option<Vec<Action>>>();
    let name: String = row.get("name")?;
    let disabled = match (row.maybe_time("disabled_at")?, row.get::<Option<String>>("disabled_why")?) {
        (Some(at), Some(why)) => Some((at, why)),
        (None, None) => None,
        _ => return Err(row.damaged("disabled_at")),
    };
    let lease = match (row.maybe_bytes("lease")?, row.maybe_time("lease_until")?) {
        (Some(holder), Some(until)) => Some(Lease { holder, until }),
        (None, None) => None,
        _ => return Err(row.damaged("lease")),
    };
    let progress = Progress {
        webhook: name.clone(),
        reached: row.number("reached")?,
        lease,
        failing_since: row.maybe_time("failing_since")?,
        taken_at: row.maybe_time("taken_at")?,
        version: row.number("progress_version")?,
    };
    let webhook = Webhook {
        name,
        url: row.get("url")?,
        sealed: row.get("sealed")?,
        actions: row.map("actions", words)?,
        disabled,
        created_at: row.time("created_at")?,
        version: row.number("version")?,
    };
    Ok((webhook, progress))
}

/// An event that is put aside.
pub fn parked(row: &Reader<'_>) -> Result<Parked, StoreError> {
    Ok(Parked {
        webhook: row.get("webhook")?,
        sequence: row.number("sequence")?,
        lane: row.get("lane")?,
        attempts: row.small("attempts")?,
        since: row.time("since")?,
        next_at: row.time("next_at")?,
        outcome: row.get("outcome")?,
        dead_at: row.maybe_time("dead_at")?,
    })
}

/// Number of the newest event.
pub fn last_event(row: &Reader<'_>) -> Result<u64, StoreError> {
    row.number("last")
}

/// What was counted in a month.
pub fn usage(row: &Reader<'_>) -> Result<Usage, StoreError> {
    Ok(Usage { activations: row.number("activations")?, told: row.number("told")? > 0 })
}
