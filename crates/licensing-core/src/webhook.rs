//! Webhooks: whom the server tells what has happened, how far it has come with it, and when it tries again.
//!
//! Events of one *lane* (one license, else one container, else one ticket) are told in their order. What cannot be told
//! is put aside with its lane, and the other lanes go on.

use crate::crypto::digest::Digest;
use crate::event::{Action, Event};
use crate::time::Timestamp;
use crate::{Entropy, random};

/// Lanes that may be put aside before nothing new is tried.
pub const LANES_MAX: usize = 16;
/// Events that may be put aside before nothing new is tried.
pub const PARKED_MAX: usize = 1_000;
/// Longest pause while a receiver takes nothing at all, in seconds: it is asked often enough to notice its return.
pub const PROBE_SECS: u64 = 900;
/// Longest pause a receiver may ask for, in seconds.
pub const ASKED_SECS_MAX: u64 = 86_400;

/// A receiver of events.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Name, which is its key.
    pub name: String,
    /// Where events go.
    pub url: String,
    /// The signing secrets, encrypted; the newest first.
    pub sealed: Vec<u8>,
    /// What is told; everything when empty.
    pub actions: Vec<Action>,
    /// Since when nothing is told any more, and why.
    pub disabled: Option<(Timestamp, String)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

impl std::fmt::Debug for Webhook {
    /// Without its address, which may hold a secret of the receiver.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// Whether it wants to be told.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        self.actions.is_empty() || self.actions.contains(&event.action)
    }
}

/// The right of one process to tell a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Whose it is, chosen at random.
    pub holder: [u8; 16],
    /// Until then.
    pub until: Timestamp,
}

/// How far a receiver has been told. Its version is the fence: who has been paused and comes back has an old one, and
/// can store nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The receiver.
    pub webhook: String,
    /// Every event up to this number was told, is not wanted, or is put aside.
    pub reached: u64,
    /// Who tells it now.
    pub lease: Option<Lease>,
    /// Since when it has taken nothing at all.
    pub failing_since: Option<Timestamp>,
    /// When it last took something.
    pub taken_at: Option<Timestamp>,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

impl Progress {
    /// The beginning, after an event.
    #[must_use]
    pub const fn new(webhook: String, reached: u64) -> Self {
        Self { webhook, reached, lease: None, failing_since: None, taken_at: None, version: 0 }
    }

    /// Whether this process may tell the receiver, or take over from one whose time is over.
    #[must_use]
    pub fn is_free_for(&self, holder: &[u8; 16], now: Timestamp) -> bool {
        self.lease.is_none_or(|lease| lease.holder == *holder || lease.until <= now)
    }

    /// It took something; not before the failures that are over with it.
    pub fn taken(&mut self, now: Timestamp) {
        let after = self.failing_since.take().map_or(now, |since| now.max(since));
        self.taken_at = Some(after);
    }

    /// It took nothing. Within the second in which it last took something, that counts as the next one: so which came
    /// first is never in doubt.
    pub fn failed(&mut self, now: Timestamp) {
        let begun = self.taken_at.map_or(now, |taken| now.max(taken.plus_secs(1)));
        self.failing_since.get_or_insert(begun);
    }

    /// When an event is put aside at `now`: not before the failures that are the reason.
    #[must_use]
    pub fn put_aside_at(&self, now: Timestamp) -> Timestamp {
        self.failing_since.map_or(now, |since| now.max(since))
    }
}

/// An event that is put aside for a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The receiver.
    pub webhook: String,
    /// Number of the event.
    pub sequence: u64,
    /// What it is about: see [`lane`].
    pub lane: String,
    /// How often it was tried; 0 when it only waits for an earlier one of its lane.
    pub attempts: u32,
    /// When it was put aside.
    pub since: Timestamp,
    /// When it is tried next, unless an earlier one of its lane comes first.
    pub next_at: Timestamp,
    /// What came of the last attempt, in words.
    pub outcome: String,
    /// Since when it is not tried any more.
    pub dead_at: Option<Timestamp>,
}

/// What events that must stay in order have in common.
#[must_use]
pub fn lane(event: &Event) -> String {
    match (event.license, event.container, event.ticket) {
        (Some(license), _, _) => format!("license {license}"),
        (None, Some(container), _) => format!("container {container}"),
        (None, None, Some(ticket)) => format!("ticket {ticket}"),
        (None, None, None) => String::new(),
    }
}

/// Names an event for good: its number and what it says. After a database was restored its numbers are given again, and
/// a receiver must not take the new event for the old one.
#[must_use]
pub fn event_id(sequence: u64, event: &Event) -> String {
    let number = sequence.to_be_bytes();
    let at = event.at.secs().to_be_bytes();
    let license = event.license.map(|id| id.0).unwrap_or_default();
    let container = event.container.map_or(0, crate::ids::ContainerSerial::number).to_be_bytes();
    let proof: Digest = event.proof.unwrap_or_default();
    let texts =
        [event.action.name(), event.outcome.as_str(), event.actor.name.as_str(), event.detail.as_str()];
    let parts = [&number[..], &at, &license, &container, &proof];
    let parts: Vec<&[u8]> = parts.into_iter().chain(texts.map(str::as_bytes)).collect();
    let hash = crate::crypto::digest::hash("event id", &parts);
    let short: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("evt_{sequence}_{short}")
}

/// The number in an event's name.
#[must_use]
pub fn sequence_of(id: &str) -> Option<u64> {
    id.strip_prefix("evt_")?.split_once('_')?.0.parse().ok()
}

impl Parked {
    /// Notes an attempt that failed, and was noted in the progress: when to try again, or that it is not tried any more. `pauses` are the seconds
    /// between attempts; `asked` those the receiver asked for.
    ///
    /// An event is given up only when the receiver has taken others meanwhile: one that takes nothing is away, and
    /// loses nothing by it.
    pub fn failed(
        &mut self,
        progress: &Progress,
        pauses: &[u64],
        asked: Option<u64>,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) {
        self.attempts = self.attempts.saturating_add(1);
        let tried = usize::try_from(self.attempts).unwrap_or(usize::MAX);
        // It has failed without a break since before this event was put aside.
        let away = progress.failing_since.is_some_and(|since| since <= self.since);
        if tried > pauses.len() && !away {
            self.dead_at = Some(now);
            return;
        }
        let pause = pauses.get(tried - 1).or(pauses.last()).copied().unwrap_or(PROBE_SECS);
        let pause = if away { pause.min(PROBE_SECS) } else { pause };
        let pause = pause.max(asked.unwrap_or(0).min(ASKED_SECS_MAX));
        // Up to an eighth more: receivers that failed together do not come back together.
        let [dice] = random::<1>(entropy);
        self.next_at = now.plus_secs(pause + (pause * u64::from(dice) / 255) / 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Actor;
    use crate::ids::LicenseId;
    use crate::testing::TestEntropy;

    const START: Timestamp = Timestamp::from_secs(1_000_000);

    fn event(license: u8) -> Event {
        let actor = Actor { name: "A".to_owned(), origin: None };
        Event::new(Action::LicenseCreated, &actor, START).license(LicenseId([license; 16]))
    }

    fn parked() -> Parked {
        Parked {
            webhook: "erp".to_owned(),
            sequence: 7,
            lane: lane(&event(1)),
            attempts: 0,
            since: START,
            next_at: START,
            outcome: String::new(),
            dead_at: None,
        }
    }

    #[test]
    fn an_event_is_given_up_only_when_others_were_taken() {
        let (pauses, mut entropy) = ([5, 3_600], TestEntropy::new(1));
        let (mut away, mut refused) = (parked(), parked());
        let mut nothing = Progress::new("erp".to_owned(), 7);
        nothing.failed(START);
        let mut others = nothing.clone();
        others.taken(START.plus_secs(1));
        others.failed(START.plus_secs(2));
        assert_eq!(others.failing_since, Some(START.plus_secs(2)));
        for round in 0..10 {
            let now = START.plus_secs(10_000 * (round + 1));
            away.failed(&nothing, &pauses, None, now, &mut entropy);
            assert_eq!(away.dead_at, None);
            let pause = away.next_at.secs_since(now);
            assert!((5..=PROBE_SECS + PROBE_SECS / 8).contains(&pause), "{pause}");
            if refused.dead_at.is_none() {
                refused.failed(&others, &pauses, None, now, &mut entropy);
            }
        }
        assert_eq!(refused.attempts, 3, "one attempt more than pauses");
        assert!(refused.dead_at.is_some());
    }

    #[test]
    fn within_one_second_it_is_known_what_came_first() {
        let (pauses, mut entropy) = ([1], TestEntropy::new(3));
        // One is refused, another taken, a third refused: all at once.
        let mut progress = Progress::new("erp".to_owned(), 7);
        progress.taken(START);
        progress.failed(START);
        let mut first = Parked { since: progress.put_aside_at(START), ..parked() };
        progress.taken(START);
        progress.failed(START);
        let mut third = Parked { since: progress.put_aside_at(START), ..parked() };
        for parked in [&mut first, &mut third] {
            for round in 0..3 {
                parked.failed(&progress, &pauses, None, START.plus_secs(round), &mut entropy);
            }
        }
        assert!(first.dead_at.is_some(), "another was taken since");
        assert_eq!(third.dead_at, None, "nothing was taken since");
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_but_not_for_ever() {
        let mut entropy = TestEntropy::new(2);
        let progress = Progress::new("erp".to_owned(), 7);
        for (asked, least, most) in [(None, 5, 6), (Some(600), 600, 676), (Some(u64::MAX), 86_400, 97_201)] {
            let mut parked = parked();
            parked.failed(&progress, &[5, 60], asked, START, &mut entropy);
            let pause = parked.next_at.secs_since(START);
            assert!((least..=most).contains(&pause), "{pause}");
        }
    }

    #[test]
    fn only_the_holder_or_who_comes_after_it_may_go_on() {
        let mut progress = Progress::new("erp".to_owned(), 0);
        assert!(progress.is_free_for(&[1; 16], START));
        progress.lease = Some(Lease { holder: [1; 16], until: START.plus_secs(10) });
        assert!(progress.is_free_for(&[1; 16], START));
        assert!(!progress.is_free_for(&[2; 16], START.plus_secs(9)));
        assert!(progress.is_free_for(&[2; 16], START.plus_secs(10)));
    }

    #[test]
    fn names_of_events_tell_what_they_say() {
        let (one, two) = (event_id(7, &event(1)), event_id(7, &event(2)));
        assert_ne!(one, two, "the number was given again");
        assert_eq!(sequence_of(&one), Some(7));
        assert_eq!(one, event_id(7, &event(1)));
        for bad in ["7", "evt_7", "evt_x_1", ""] {
            assert_eq!(sequence_of(bad), None, "{bad}");
        }
    }
}
