//! The event log for whoever follows it: a feed with a cursor.

use std::time::Duration;

use licensing_core::event::Action;
use licensing_core::time::Timestamp;
use licensing_core::webhook::{event_id, sequence_of};
use licensing_store::{EventQuery, StoredEvent};
use licensing_wire::json::{EventEnvelope, EventFeed};
use licensing_wire::{options, time};
use tokio::time::{Instant, sleep_until};

use super::history::event_message;
use crate::service::{Answer, Failure, Service};

/// How often it is looked for what other processes have stored.
const LOOK: Duration = Duration::from_secs(1);
/// Seconds by which the clocks of processes that write events may differ.
const CLOCKS_SECS: u64 = 60;

/// What of the feed is wanted.
#[derive(Debug, Clone, Default)]
pub struct FeedQuery {
    /// After this event; `newest` for the end of the log; from the beginning when absent.
    pub after: Option<String>,
    /// Only these; all when empty.
    pub actions: Vec<Action>,
    /// At most so many.
    pub limit: u32,
    /// How long to wait for something to happen.
    pub wait: Duration,
}

/// An event as it is told to others. Where a request came from stays here.
#[must_use]
pub fn envelope(stored: &StoredEvent) -> EventEnvelope {
    let mut data = event_message(stored.clone());
    data.origin = None;
    EventEnvelope {
        id: event_id(stored.sequence, &stored.event),
        kind: data.action.clone(),
        timestamp: data.at.clone(),
        data,
    }
}

/// The actions of these words.
///
/// # Errors
/// A word is none.
pub fn read_actions<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Vec<Action>, Failure> {
    let mut actions = Vec::new();
    for word in words {
        let action = Action::from_name(word).ok_or_else(|| {
            Failure::denied("invalid_value", "events: expected types of events, see docs/events.md")
        })?;
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
    Ok(actions)
}

impl Service {
    /// What happened after an event; waits for it when there is nothing yet.
    ///
    /// # Errors
    /// The event is not in the log.
    pub async fn feed(&self, query: &FeedQuery) -> Result<Answer, Failure> {
        let (mut news, mut stopping) = (self.news(), self.stopping());
        let deadline = Instant::now() + query.wait;
        let mut reached = match query.after.as_deref() {
            None => None,
            Some("newest") => match self.store.last_event().await? {
                0 => None,
                last => self.event(last).await?,
            },
            Some(id) => Some(self.known_event(id).await?),
        };
        if query.after.as_deref() == Some("newest") {
            return answer(Vec::new(), reached.as_ref(), false);
        }
        loop {
            news.mark_unchanged();
            let after = reached.as_ref().map_or(0, |event| event.sequence);
            let read = EventQuery { after, limit: query.limit + 1, ..EventQuery::default() };
            let mut found = self.store.events(read).await?;
            let more = super::cut(&mut found, query.limit);
            reached = found.last().cloned().or(reached);
            found.retain(|stored| query.actions.is_empty() || query.actions.contains(&stored.event.action));
            if !found.is_empty() || (!more && (Instant::now() >= deadline || *stopping.borrow())) {
                return answer(found, reached.as_ref(), more);
            }
            if !more {
                tokio::select! {
                    _ = news.changed() => {}
                    _ = stopping.changed() => {}
                    () = sleep_until(deadline.min(Instant::now() + LOOK)) => {}
                }
            }
        }
    }

    async fn event(&self, sequence: u64) -> Result<Option<StoredEvent>, Failure> {
        let query = EventQuery { after: sequence.saturating_sub(1), limit: 1, ..EventQuery::default() };
        let found = self.store.events(query).await?.pop();
        Ok(found.filter(|stored| stored.sequence == sequence))
    }

    /// The event of an id. A log that was restored gives numbers again, and then an id of before names nothing in it.
    pub(super) async fn known_event(&self, id: &str) -> Result<StoredEvent, Failure> {
        let sequence = sequence_of(id)
            .ok_or_else(|| Failure::denied("invalid_value", "after: expected the id of an event"))?;
        let found = self.event(sequence).await?.filter(|stored| event_id(sequence, &stored.event) == id);
        found.ok_or_else(|| Failure::denied("cursor_unknown", "the event log holds no event of this id"))
    }

    /// The place in the log a word names: `newest`, `beginning`, a day, a time, or the id of an event.
    pub(super) async fn place_in_log(&self, from: &str) -> Result<u64, Failure> {
        let last = self.store.last_event().await?;
        match from {
            "newest" => Ok(last),
            "beginning" => Ok(0),
            id if id.starts_with("evt_") => Ok(self.known_event(id).await?.sequence),
            moment => {
                let at = options::parse_begin("from", moment)
                    .map_err(|error| Failure::denied("invalid_value", error.to_string()))?;
                self.place_at(at, last).await
            }
        }
    }

    /// The place before everything that happened at a moment or later. Numbers grow with time but for the difference of
    /// the writers' clocks, so it may be a little earlier.
    async fn place_at(&self, at: Timestamp, last: u64) -> Result<u64, Failure> {
        let at = Timestamp::from_secs(at.secs().saturating_sub(CLOCKS_SECS));
        let (mut before, mut end) = (0, last);
        while before < end {
            let middle = before.midpoint(end);
            let query = EventQuery { after: middle, limit: 1, ..EventQuery::default() };
            match self.store.events(query).await?.pop() {
                Some(next) if next.sequence <= end && next.event.at < at => before = next.sequence,
                _ => end = middle,
            }
        }
        Ok(before)
    }
}

fn answer(found: Vec<StoredEvent>, reached: Option<&StoredEvent>, more: bool) -> Result<Answer, Failure> {
    let next = reached.map(|stored| event_id(stored.sequence, &stored.event));
    Answer::json(200, &EventFeed { events: found.iter().map(envelope).collect(), next, more })
}

/// A time as messages have it.
pub(super) fn printed(at: Option<Timestamp>) -> Option<String> {
    at.map(time::print)
}

#[cfg(test)]
mod tests {
    use licensing_core::event::Action;

    #[test]
    fn the_page_lists_every_type_and_no_other() {
        let page = include_str!("../../../../docs/events.md");
        let (_, list) = page.split_once("| type | what happened |\n|---|---|\n").expect("the list of types");
        let listed: Vec<&str> =
            list.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        let types: Vec<&str> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(listed, types, "docs/events.md: the types in the order of the code");
    }
}
