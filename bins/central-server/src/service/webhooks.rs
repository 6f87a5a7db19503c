//! Receivers of events: made, changed, tested, removed; and what they are told again.

use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::event::{Action, Actor, Event};
use licensing_core::ids::OrderId;
use licensing_core::random;
use licensing_core::webhook::{Parked, Progress, Webhook};
use licensing_store::{EventQuery, ParkedQuery};
use licensing_wire::binary::to_hex;
use licensing_wire::json::{
    DeadLetter, DeadLetterList, EventEnvelope, EventMessage, ReplayRequest, WebhookChange, WebhookList,
    WebhookMessage, WebhookRequest, WebhookSecret, WebhookTest,
};
use licensing_wire::time;

use super::feed::{envelope, printed, read_actions};
use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Idempotency, PAGE_MAX, Service, cut};
use crate::webhooks::{Outcome, Secrets, Sender, check_url, print_secret};

/// Most receivers a server has.
const WEBHOOKS_MAX: usize = 100;
/// Everything about receivers is decided one after the other; this is what they queue on.
const ABOUT: &[u8] = b"webhooks";
/// Waiting events are counted up to this.
const COUNTED_MAX: u32 = 1_000;

fn unknown() -> Failure {
    Failure::denied("webhook_unknown", "there is no webhook of this name")
}

fn sound_url(url: &str) -> Result<String, Failure> {
    let url = url.trim();
    check_url(url).map_err(|why| Failure::denied("invalid_value", format!("url: {why}")))?;
    Ok(url.to_owned())
}

fn noted(action: Action, actor: &Actor, service: &Service, detail: String) -> ChangeSet {
    let mut event = Event::new(action, actor, service.now());
    event.detail = detail;
    ChangeSet { events: vec![event], ..ChangeSet::default() }
}

impl Service {
    async fn webhook(&self, name: &str) -> Result<(Webhook, Progress), Failure> {
        let found = self.store.webhooks().await?.into_iter().find(|(webhook, _)| webhook.name == name);
        found.ok_or_else(unknown)
    }

    fn secrets(&self, webhook: &Webhook) -> Result<Secrets, Failure> {
        Secrets::open(&self.keys().vault, &webhook.name, &webhook.sealed)
            .map_err(|_| Failure::fault("the signing secrets of a webhook cannot be opened"))
    }

    fn sealed(&self, name: &str, secrets: &Secrets) -> Vec<u8> {
        secrets.seal(&self.keys().vault, name, &mut self.entropy())
    }

    /// Makes a receiver and tells its signing secret.
    ///
    /// # Errors
    /// There is one of this name, there are too many, or the request is wrong.
    pub async fn create_webhook(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        request: &WebhookRequest,
    ) -> Result<Answer, Failure> {
        // The form of a name is the form of every id the vendor gives.
        let name = OrderId::new(request.name.trim()).map_err(|error| {
            Failure::denied("invalid_value", format!("name: expected {}", error.expected))
        })?;
        let url = sound_url(&request.url)?;
        let actions = read_actions(request.events.iter().map(String::as_str))?;
        let reached = self.place_in_log(request.from.as_deref().unwrap_or("newest")).await?;
        let decide = || async {
            let webhooks = self.store.webhooks().await?;
            if webhooks.iter().any(|(webhook, _)| webhook.name == name.as_str()) {
                return Err(Failure::denied("webhook_exists", "there is a webhook of this name"));
            }
            if webhooks.len() >= WEBHOOKS_MAX {
                let message = format!("there are {WEBHOOKS_MAX} webhooks already");
                return Err(Failure::denied("webhook_limit", message));
            }
            let secrets = Secrets::generate(&mut self.entropy());
            let webhook = Webhook {
                name: name.to_string(),
                url: url.clone(),
                sealed: self.sealed(name.as_str(), &secrets),
                actions: actions.clone(),
                disabled: None,
                created_at: self.now(),
                version: 0,
            };
            let mut changes = noted(Action::WebhookCreated, actor, self, webhook.name.clone());
            changes.push(Change::PutProgress(Progress::new(webhook.name.clone(), reached)));
            // Progress belongs to a receiver that is there.
            changes.changes.insert(0, Change::PutWebhook(webhook));
            Ok(Decided { changes, answer: told(201, name.as_str(), &secrets) })
        };
        self.attempt(idempotency, ABOUT, decide).await
    }

    /// Changes a receiver.
    ///
    /// # Errors
    /// There is none of this name, or the request is wrong.
    pub async fn change_webhook(
        &self,
        actor: &Actor,
        name: &str,
        request: &WebhookChange,
    ) -> Result<Answer, Failure> {
        let url = request.url.as_deref().map(sound_url).transpose()?;
        let actions = request.events.as_ref().map(|words| read_actions(words.iter().map(String::as_str)));
        let actions = actions.transpose()?;
        let decide = || async {
            let (mut webhook, mut progress) = self.webhook(name).await?;
            let mut changed = Vec::new();
            if let Some(url) = &url {
                webhook.url.clone_from(url);
                changed.push("address");
            }
            if let Some(actions) = &actions {
                webhook.actions.clone_from(actions);
                changed.push("events");
            }
            match request.enabled {
                Some(true) if webhook.disabled.is_some() => {
                    webhook.disabled = None;
                    progress.failing_since = None;
                    changed.push("enabled");
                }
                Some(false) if webhook.disabled.is_none() => {
                    webhook.disabled = Some((self.now(), format!("by {}", actor.name)));
                    changed.push("disabled");
                }
                _ => {}
            }
            let message = self.message(&webhook, &progress).await?;
            if changed.is_empty() {
                return Ok(Decided { changes: ChangeSet::default(), answer: Answer::json(200, &message) });
            }
            let action =
                if changed == ["disabled"] { Action::WebhookDisabled } else { Action::WebhookChanged };
            let mut changes = noted(action, actor, self, format!("{name}: {}", changed.join(", ")));
            changes.push(Change::PutWebhook(webhook));
            changes.push(Change::PutProgress(progress));
            Ok(Decided { changes, answer: Answer::json(200, &message) })
        };
        self.attempt(None, ABOUT, decide).await
    }

    /// Removes a receiver with everything that waits for it.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn remove_webhook(&self, actor: &Actor, name: &str) -> Result<Answer, Failure> {
        let decide = || async {
            let (webhook, progress) = self.webhook(name).await?;
            let message = self.message(&webhook, &progress).await?;
            let mut changes = noted(Action::WebhookRemoved, actor, self, name.to_owned());
            // The fence: whoever tells it at this moment stores nothing any more.
            changes.push(Change::PutProgress(progress));
            changes.push(Change::RemoveWebhook { name: name.to_owned(), version: webhook.version });
            Ok(Decided { changes, answer: Answer::json(200, &message) })
        };
        self.attempt(None, ABOUT, decide).await
    }

    /// Gives a receiver a new signing secret; the present one goes on signing beside it.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn rotate_webhook(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        name: &str,
    ) -> Result<Answer, Failure> {
        let decide = || async {
            let (mut webhook, _) = self.webhook(name).await?;
            let mut secrets = self.secrets(&webhook)?;
            secrets.rotate(&mut self.entropy());
            webhook.sealed = self.sealed(name, &secrets);
            let mut changes = noted(Action::WebhookChanged, actor, self, format!("{name}: new secret"));
            changes.push(Change::PutWebhook(webhook));
            Ok(Decided { changes, answer: told(200, name, &secrets) })
        };
        self.attempt(idempotency, ABOUT, decide).await
    }

    /// Ends the older signing secret of a receiver.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn retire_webhook_secret(&self, actor: &Actor, name: &str) -> Result<Answer, Failure> {
        let decide = || async {
            let (mut webhook, progress) = self.webhook(name).await?;
            let mut secrets = self.secrets(&webhook)?;
            let mut changes = ChangeSet::default();
            if secrets.retire() {
                webhook.sealed = self.sealed(name, &secrets);
                changes = noted(Action::WebhookChanged, actor, self, format!("{name}: old secret retired"));
                changes.push(Change::PutWebhook(webhook.clone()));
            }
            let message = self.message(&webhook, &progress).await?;
            Ok(Decided { changes, answer: Answer::json(200, &message) })
        };
        self.attempt(None, ABOUT, decide).await
    }

    /// Sends a message now, whatever else waits, and tells what came of it.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn test_webhook(&self, sender: &Sender, name: &str) -> Result<Answer, Failure> {
        let (webhook, _) = self.webhook(name).await?;
        let (now, secrets) = (self.now(), self.secrets(&webhook)?);
        let id = format!("test_{}", to_hex(&random::<8>(&mut self.entropy())));
        let data = EventMessage {
            sequence: 0,
            at: time::print(now),
            action: "webhook_test".to_owned(),
            outcome: "done".to_owned(),
            actor: "server".to_owned(),
            origin: None,
            license: None,
            container: None,
            firm_code: None,
            quantity: None,
            proof: None,
            detail: name.to_owned(),
        };
        let (kind, timestamp) = (data.action.clone(), data.at.clone());
        let message = EventEnvelope { id: id.clone(), kind, timestamp, data };
        let body = serde_json::to_vec(&message).map_err(|error| Failure::fault(error.to_string()))?;
        let outcome = sender.send(&webhook.url, &secrets, &id, now.secs(), body).await;
        let (taken, outcome) = (outcome == Outcome::Taken, outcome.words().to_owned());
        Answer::json(200, &WebhookTest { taken, outcome })
    }

    /// Goes back to an earlier place in the log and tells everything from there again.
    ///
    /// # Errors
    /// There is none of this name, or the place is none.
    pub async fn replay_webhook(
        &self,
        actor: &Actor,
        name: &str,
        request: &ReplayRequest,
    ) -> Result<Answer, Failure> {
        let place = self.place_in_log(request.from.trim()).await?;
        let decide = || async {
            let (webhook, mut progress) = self.webhook(name).await?;
            // Never forward: nothing is passed over.
            progress.reached = progress.reached.min(place);
            let mut changes = noted(Action::WebhookChanged, actor, self, format!("{name}: replay"));
            // They come again by themselves.
            for dead in [false, true] {
                for parked in self.parked(name, dead, progress.reached, u32::MAX).await? {
                    changes.push(Change::Unpark { webhook: parked.webhook, sequence: parked.sequence });
                }
            }
            let message = self.message(&webhook, &progress).await?;
            changes.push(Change::PutProgress(progress));
            Ok(Decided { changes, answer: Answer::json(200, &message) })
        };
        self.attempt(None, ABOUT, decide).await
    }

    async fn parked(&self, name: &str, dead: bool, after: u64, limit: u32) -> Result<Vec<Parked>, Failure> {
        let query = ParkedQuery { webhook: name.to_owned(), dead, after, limit };
        Ok(self.store.parked(query).await?)
    }

    /// What is not tried any more.
    ///
    /// # Errors
    /// There is no receiver of this name.
    pub async fn dead_letters(&self, name: &str, after: u64, limit: u32) -> Result<Answer, Failure> {
        self.webhook(name).await?;
        let mut found = self.parked(name, true, after, limit + 1).await?;
        let more = cut(&mut found, limit);
        let next = found.last().filter(|_| more).map(|parked| parked.sequence);
        let mut dead_letters = Vec::with_capacity(found.len());
        for parked in found {
            let query =
                EventQuery { after: parked.sequence.saturating_sub(1), limit: 1, ..EventQuery::default() };
            let stored = self.store.events(query).await?.pop();
            let stored = stored.filter(|stored| stored.sequence == parked.sequence);
            let stored = stored.ok_or_else(|| Failure::fault("an event that is put aside does not exist"))?;
            dead_letters.push(DeadLetter {
                sequence: parked.sequence,
                attempts: parked.attempts,
                since: time::print(parked.since),
                dead_at: printed(parked.dead_at).unwrap_or_default(),
                outcome: parked.outcome,
                event: envelope(&stored),
            });
        }
        Answer::json(200, &DeadLetterList { dead_letters, next })
    }

    /// Tries a dead letter again (`again`), or gives it up for good.
    ///
    /// # Errors
    /// There is no receiver of this name, or no dead letter of this number.
    pub async fn settle_dead_letter(
        &self,
        actor: &Actor,
        name: &str,
        sequence: u64,
        again: bool,
    ) -> Result<Answer, Failure> {
        let decide = || async {
            let (webhook, progress) = self.webhook(name).await?;
            let found = self.parked(name, true, sequence.saturating_sub(1), 1).await?.pop();
            let found = found.filter(|parked| parked.sequence == sequence);
            let mut parked = found.ok_or_else(|| {
                Failure::denied("dead_letter_unknown", "there is no dead letter of this number")
            })?;
            let what = if again { "tried again" } else { "given up" };
            let detail = format!("{name}: dead letter {sequence} {what}");
            let mut changes = noted(Action::WebhookChanged, actor, self, detail);
            let message = self.message(&webhook, &progress).await?;
            if again {
                (parked.dead_at, parked.attempts) = (None, 0);
                (parked.since, parked.next_at) = (self.now(), self.now());
                changes.push(Change::Park(parked));
            } else {
                changes.push(Change::Unpark { webhook: name.to_owned(), sequence });
            }
            changes.push(Change::PutProgress(progress));
            Ok(Decided { changes, answer: Answer::json(200, &message) })
        };
        self.attempt(None, ABOUT, decide).await
    }

    /// All receivers.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn webhooks(&self) -> Result<Answer, Failure> {
        let mut webhooks = Vec::new();
        for (webhook, progress) in self.store.webhooks().await? {
            webhooks.push(self.message(&webhook, &progress).await?);
        }
        Answer::json(200, &WebhookList { webhooks })
    }

    /// A receiver.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn show_webhook(&self, name: &str) -> Result<Answer, Failure> {
        let (webhook, progress) = self.webhook(name).await?;
        Answer::json(200, &self.message(&webhook, &progress).await?)
    }

    async fn message(&self, webhook: &Webhook, progress: &Progress) -> Result<WebhookMessage, Failure> {
        let waiting = self.parked(&webhook.name, false, 0, COUNTED_MAX).await?.len();
        let dead_letters = self.parked(&webhook.name, true, 0, PAGE_MAX).await?.len();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(WebhookMessage {
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            events: webhook.actions.iter().map(|action| action.name().to_owned()).collect(),
            enabled: webhook.disabled.is_none(),
            disabled_at: printed(webhook.disabled.as_ref().map(|(at, _)| *at)),
            disabled_because: webhook.disabled.as_ref().map(|(_, why)| why.clone()),
            created_at: time::print(webhook.created_at),
            secrets: count(self.secrets(webhook)?.count()),
            reached: progress.reached,
            newest: self.store.last_event().await?,
            waiting: count(waiting),
            dead_letters: count(dead_letters),
            last_taken_at: printed(progress.taken_at),
            failing_since: printed(progress.failing_since),
        })
    }
}

fn told(status: u16, name: &str, secrets: &Secrets) -> Result<Answer, Failure> {
    let secret = print_secret(secrets.newest()).to_string();
    Answer::json(status, &WebhookSecret { name: name.to_owned(), secret })
}
