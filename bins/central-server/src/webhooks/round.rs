//! One round with one receiver: what is due of what was put aside, then what is new.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::event::{Action, Event};
use licensing_core::time::Timestamp;
use licensing_core::webhook::{LANES_MAX, Lease, PARKED_MAX, Parked, Progress, Webhook, event_id, lane};
use licensing_store::{CommitError, EventQuery, ParkedQuery, StoreError, StoredEvent};

use super::message::Secrets;
use super::send::{Outcome, Sender};
use crate::config::Webhooks;
use crate::service::{Service, actor, envelope};

/// Events that are read at once.
const PAGE: u32 = 200;
/// Events that are told before it is stored: as many may be told twice when the process is killed.
const UNSTORED_MAX: u32 = 20;
/// Seconds a lease lasts beyond the longest attempt.
const LEASE_MARGIN_SECS: u64 = 5;
const DAY_SECS: u64 = 86_400;

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Another round, at once.
    More,
    /// Nothing, until something happens or becomes due.
    Nothing,
}

/// Why a round ends early.
#[derive(Debug)]
enum Halt {
    /// Somebody else has stored something: another process tells the receiver, or the vendor has changed it.
    Lost,
    /// The receiver was disabled.
    Disabled,
    /// The database failed.
    Store(StoreError),
    /// What is stored cannot be used.
    Damaged(&'static str),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(super) struct Round {
    service: Arc<Service>,
    sender: Arc<Sender>,
    settings: Arc<Webhooks>,
    holder: [u8; 16],
    webhook: Webhook,
    progress: Progress,
    /// What is put aside and still tried.
    parked: BTreeMap<u64, Parked>,
    /// What is to be stored with the progress.
    changes: Vec<Change>,
    events: Vec<Event>,
    unstored: u32,
}

impl Round {
    pub(super) fn new(
        service: &Arc<Service>,
        sender: &Arc<Sender>,
        settings: &Arc<Webhooks>,
        holder: [u8; 16],
        webhook: Webhook,
        progress: Progress,
    ) -> Self {
        Self {
            service: Arc::clone(service),
            sender: Arc::clone(sender),
            settings: Arc::clone(settings),
            holder,
            webhook,
            progress,
            parked: BTreeMap::new(),
            changes: Vec::new(),
            events: Vec::new(),
            unstored: 0,
        }
    }

    pub(super) async fn run(mut self) -> Turn {
        match self.go().await {
            Ok(turn) => return turn,
            Err(Halt::Lost | Halt::Disabled) => {}
            Err(Halt::Store(error)) => {
                tracing::warn!(webhook = self.webhook.name, %error, "what a webhook was told cannot be stored");
            }
            Err(Halt::Damaged(what)) => {
                tracing::error!(webhook = self.webhook.name, what, "a webhook cannot be served");
            }
        }
        Turn::Nothing
    }

    async fn go(&mut self) -> Result<Turn, Halt> {
        if !self.progress.is_free_for(&self.holder, self.service.now()) {
            return Ok(Turn::Nothing);
        }
        self.read_parked().await?;
        let due = self.due_lanes();
        let query = EventQuery { after: self.progress.reached, limit: PAGE, ..EventQuery::default() };
        let page = if self.has_room() { self.service.store().events(query).await? } else { Vec::new() };
        if due.is_empty() && page.is_empty() {
            return Ok(Turn::Nothing);
        }
        let vault = &self.service.keys().vault;
        let secrets = Secrets::open(vault, &self.webhook.name, &self.webhook.sealed)
            .map_err(|_| Halt::Damaged("its signing secrets cannot be opened"))?;
        // From here on no other process tells this receiver.
        self.store().await?;
        let was_away = self.progress.failing_since.is_some();
        for lane in due {
            if self.is_stopping() {
                break;
            }
            self.retry_lane(&lane, &secrets).await?;
        }
        let full = page.len() == PAGE as usize;
        let mut all = true;
        for stored in page {
            if self.is_stopping() || !self.has_room() {
                all = false;
                break;
            }
            self.tell(stored, &secrets).await?;
        }
        self.store().await?;
        let is_back = was_away && self.progress.failing_since.is_none();
        Ok(if (full && all) || is_back { Turn::More } else { Turn::Nothing })
    }

    async fn read_parked(&mut self) -> Result<(), Halt> {
        let webhook = self.webhook.name.clone();
        let limit = u32::try_from(PARKED_MAX).unwrap_or(u32::MAX);
        let query = ParkedQuery { webhook, dead: false, after: 0, limit };
        let parked = self.service.store().parked(query).await?;
        self.parked = parked.into_iter().map(|parked| (parked.sequence, parked)).collect();
        Ok(())
    }

    /// The lanes with something put aside, with the first of each.
    fn heads(&self) -> BTreeMap<&str, &Parked> {
        let mut heads = BTreeMap::new();
        for parked in self.parked.values() {
            heads.entry(parked.lane.as_str()).or_insert(parked);
        }
        heads
    }

    fn due_lanes(&self) -> Vec<String> {
        let now = self.service.now();
        let heads = self.heads();
        heads.values().filter(|head| head.next_at <= now).map(|head| head.lane.clone()).collect()
    }

    /// Whether something new may be tried, and put aside when it is not taken.
    fn has_room(&self) -> bool {
        self.parked.len() < PARKED_MAX && self.heads().len() < LANES_MAX
    }

    fn is_stopping(&self) -> bool {
        *self.service.stopping().borrow()
    }

    /// Tells what is put aside of a lane, in order, as far as it is taken.
    async fn retry_lane(&mut self, lane: &str, secrets: &Secrets) -> Result<(), Halt> {
        while let Some(head) = self.parked.values().find(|parked| parked.lane == lane).cloned() {
            if head.next_at > self.service.now() || self.is_stopping() {
                return Ok(());
            }
            let query =
                EventQuery { after: head.sequence.saturating_sub(1), limit: 1, ..EventQuery::default() };
            let found = self.service.store().events(query).await?.pop();
            let stored = found.filter(|stored| stored.sequence == head.sequence);
            let stored = stored.ok_or(Halt::Damaged("an event that is put aside does not exist"))?;
            match self.attempt(&stored, secrets).await? {
                None => {
                    self.parked.remove(&head.sequence);
                    let (webhook, sequence) = (head.webhook, head.sequence);
                    self.changes.push(Change::Unpark { webhook, sequence });
                }
                Some(failed) => {
                    self.put_aside(head, failed);
                    self.store().await?;
                }
            }
        }
        Ok(())
    }

    /// Tells an event that is new.
    async fn tell(&mut self, stored: StoredEvent, secrets: &Secrets) -> Result<(), Halt> {
        let now = self.service.now();
        if self.webhook.wants(&stored.event) {
            let mut parked = Parked {
                webhook: self.webhook.name.clone(),
                sequence: stored.sequence,
                lane: lane(&stored.event),
                attempts: 0,
                since: self.progress.put_aside_at(now),
                next_at: now,
                outcome: String::new(),
                dead_at: None,
            };
            if self.heads().contains_key(parked.lane.as_str()) {
                self.changes.push(Change::Park(parked.clone()));
                self.parked.insert(parked.sequence, parked);
            } else if let Some(failed) = self.attempt(&stored, secrets).await? {
                parked.since = self.progress.put_aside_at(now);
                self.put_aside(parked, failed);
                self.progress.reached = stored.sequence;
                return self.store().await;
            }
        }
        self.progress.reached = stored.sequence;
        if self.unstored >= UNSTORED_MAX { self.store().await } else { Ok(()) }
    }

    /// One attempt: `None` when it was taken, else why not.
    async fn attempt(
        &mut self,
        stored: &StoredEvent,
        secrets: &Secrets,
    ) -> Result<Option<(String, Option<u64>)>, Halt> {
        let now = self.service.now();
        let until = self.progress.lease.map_or(now, |lease| lease.until);
        if until.secs() < now.secs() + self.sender.timeout().as_secs() + 1 {
            self.store().await?;
        }
        let body = serde_json::to_vec(&envelope(stored)).map_err(|_| Halt::Damaged("an event"))?;
        let id = event_id(stored.sequence, &stored.event);
        let outcome = self.sender.send(&self.webhook.url, secrets, &id, now.secs(), body).await;
        self.service.metrics().webhook_attempt(outcome == Outcome::Taken);
        match outcome {
            Outcome::Taken => {
                self.unstored += 1;
                if self.progress.failing_since.is_some() {
                    self.wake();
                }
                self.progress.taken(self.service.now());
                Ok(None)
            }
            Outcome::Gone => Err(self.disable(outcome.words().to_owned()).await?),
            Outcome::Failed(why, asked) => {
                tracing::info!(webhook = self.webhook.name, event = id, why, "an event was not taken");
                self.progress.failed(self.service.now());
                Ok(Some((why, asked)))
            }
        }
    }

    /// The receiver is back: everything is tried again at once.
    fn wake(&mut self) {
        let now = self.service.now();
        let heads: BTreeSet<u64> = self.heads().values().map(|head| head.sequence).collect();
        for (_, parked) in self.parked.iter_mut().filter(|(sequence, _)| heads.contains(sequence)) {
            if parked.next_at > now {
                parked.next_at = now;
                self.changes.push(Change::Park(parked.clone()));
            }
        }
    }

    fn put_aside(&mut self, mut parked: Parked, (why, asked): (String, Option<u64>)) {
        let (now, mut entropy) = (self.service.now(), self.service.entropy());
        parked.outcome = why;
        parked.failed(&self.progress, &self.settings.retry_secs, asked, now, &mut entropy);
        if parked.dead_at.is_some() {
            let (webhook, sequence) = (&parked.webhook, parked.sequence);
            tracing::warn!(webhook, sequence, why = parked.outcome, "an event is not tried any more");
            self.service.metrics().webhook_dead_letter();
            self.parked.remove(&parked.sequence);
        } else {
            self.parked.insert(parked.sequence, parked.clone());
        }
        self.changes.push(Change::Park(parked));
    }

    /// Stores how far it is, and takes the lease for the next attempts.
    async fn store(&mut self) -> Result<(), Halt> {
        let now = self.service.now();
        let patience = u64::from(self.settings.disable_after_days) * DAY_SECS;
        let away = self.progress.failing_since.map_or(0, |since| now.secs_since(since));
        if patience > 0 && away >= patience && self.webhook.disabled.is_none() {
            let days = self.settings.disable_after_days;
            return Err(self.disable(format!("it took nothing for {days} days")).await?);
        }
        self.commit(now).await
    }

    /// Tells this receiver nothing any more. What comes later waits in the log.
    async fn disable(&mut self, why: String) -> Result<Halt, Halt> {
        let now = self.service.now();
        tracing::warn!(webhook = self.webhook.name, why, "a webhook was disabled");
        let mut event = Event::new(Action::WebhookDisabled, &actor("server", None), now);
        event.detail = format!("{}: {why}", self.webhook.name);
        self.webhook.disabled = Some((now, why));
        self.changes.push(Change::PutWebhook(self.webhook.clone()));
        self.events.push(event);
        self.commit(now).await?;
        Ok(Halt::Disabled)
    }

    async fn commit(&mut self, now: Timestamp) -> Result<(), Halt> {
        let until = now.plus_secs(2 * self.sender.timeout().as_secs() + LEASE_MARGIN_SECS);
        let ends = self.is_stopping() || self.webhook.disabled.is_some();
        self.progress.lease = (!ends).then_some(Lease { holder: self.holder, until });
        let mut changes = ChangeSet {
            changes: std::mem::take(&mut self.changes),
            events: std::mem::take(&mut self.events),
            ..ChangeSet::default()
        };
        changes.push(Change::PutProgress(self.progress.clone()));
        match self.service.store().commit(changes).await {
            Ok(()) => {
                self.progress.version += 1;
                self.unstored = 0;
                Ok(())
            }
            // Whether it took place is told by what the next round reads.
            Err(CommitError::Conflict | CommitError::Duplicate | CommitError::Unknown) => Err(Halt::Lost),
            Err(CommitError::Store(error)) => Err(Halt::Store(error)),
        }
    }
}
