//! Deciding until the decision can be stored, and giving a repeated request its first answer.

use std::future::Future;

use licensing_core::changeset::{ChangeSet, RequestRecord};
use licensing_core::crypto::digest::{Digest, hash};
use licensing_core::refusal::Refusal;
use licensing_store::CommitError;
use tokio::sync::{Mutex, MutexGuard};

use crate::service::{Answer, Failure, Service};

/// How often a decision is made anew because a row it was made from has changed.
const ATTEMPTS: u32 = 64;

/// A client's key for a request: the same key with the same request gets the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotency {
    pub(super) key: Digest,
    pub(super) fingerprint: Digest,
}

impl Idempotency {
    /// The key of a request: of a route with the parameters in its path and a body. Keys of different credentials
    /// never meet.
    #[must_use]
    pub fn new(credential: &[u8], key: &str, route: &str, params: &[String], body: &[u8]) -> Self {
        let params = params.iter().map(String::as_bytes);
        let request: Vec<&[u8]> = [route.as_bytes(), body].into_iter().chain(params).collect();
        Self {
            key: hash("idempotency key", &[credential, key.as_bytes()]),
            fingerprint: hash("request", &request),
        }
    }
}

/// Locks for requests that have lost a race, or would do the same at once: they queue. Only a matter of speed; what
/// keeps decisions right are the versions in the database.
#[derive(Debug)]
pub(super) struct Stripes([Mutex<()>; 64]);

impl Default for Stripes {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(())))
    }
}

impl Stripes {
    pub(super) async fn lock(&self, about: &[u8]) -> MutexGuard<'_, ()> {
        let stripe = usize::from(hash("stripe", &[about])[0]) % self.0.len();
        self.0[stripe].lock().await
    }
}

/// What was decided: what to store, and what to answer once it is stored.
pub(super) struct Decided {
    pub(super) changes: ChangeSet,
    pub(super) answer: Result<Answer, Failure>,
}

impl Service {
    /// Decides, commits, and decides again when the facts have changed meanwhile. `about` names what is decided
    /// on (a ticket, an order).
    pub(super) async fn attempt<F, Fut>(
        &self,
        idempotency: Option<Idempotency>,
        about: &[u8],
        decide: F,
    ) -> Result<Answer, Failure>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Decided, Failure>>,
    {
        let mut queued = None;
        for _ in 0..ATTEMPTS {
            let decided = decide().await;
            // Nearly every request is a new one, and one that is not finds its key taken when it is stored. Only where
            // nothing would be stored under the key must be looked whether the answer was another one before.
            if matches!(decided, Err(_) | Ok(Decided { answer: Err(_), .. }))
                && let Some(idempotency) = idempotency
                && let Some(answer) = self.answered(idempotency).await?
            {
                return Ok(answer);
            }
            let Decided { mut changes, answer } = decided?;
            if let (Some(idempotency), Ok(answer)) = (idempotency, &answer) {
                changes.request = Some(self.record(idempotency, answer));
            }
            if changes.is_empty() {
                return answer;
            }
            self.count_activations(&mut changes, false).await?;
            let events = changes.events.iter().map(|event| event.action).collect::<Vec<_>>();
            match (self.store.commit(changes).await, idempotency) {
                (Ok(()), _) => {
                    self.happened(&events);
                    return answer;
                }
                (Err(CommitError::Conflict), _) => {
                    self.metrics.conflict();
                    if queued.is_none() {
                        queued = Some(self.stripes.lock(about).await);
                    }
                    tokio::task::yield_now().await;
                }
                (Err(CommitError::Duplicate | CommitError::Unknown), Some(idempotency)) => {
                    if let Some(answer) = self.answered(idempotency).await? {
                        return Ok(answer);
                    }
                }
                (Err(error), _) => return Err(error.into()),
            }
        }
        Err(Failure::try_again())
    }

    /// The same for what is answered with something else than bytes, and never repeated: what was decided is stored
    /// before the outcome is told, a refusal's too.
    pub(super) async fn settle<T, F, Fut>(&self, about: &[u8], decide: F) -> Result<T, Failure>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<(ChangeSet, Result<T, Failure>), Failure>>,
    {
        let mut queued = None;
        for _ in 0..ATTEMPTS {
            let (changes, outcome) = decide().await?;
            if changes.is_empty() {
                return outcome;
            }
            let events = changes.events.iter().map(|event| event.action).collect::<Vec<_>>();
            match self.store.commit(changes).await {
                Ok(()) => {
                    self.metrics.happened(&events);
                    return outcome;
                }
                Err(CommitError::Conflict) => {
                    self.metrics.conflict();
                    if queued.is_none() {
                        queued = Some(self.stripes.lock(about).await);
                    }
                    tokio::task::yield_now().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::try_again())
    }

    /// The answer this request was given before.
    pub(super) async fn answered(&self, idempotency: Idempotency) -> Result<Option<Answer>, Failure> {
        let Some(record) = self.store.answered(idempotency.key).await? else { return Ok(None) };
        if record.fingerprint != idempotency.fingerprint {
            return Err(Refusal::IdempotencyKeyReused.into());
        }
        let plain = self
            .keys()
            .vault
            .open("answer", &record.response, &record.key)
            .map_err(|_| Failure::fault("a stored answer cannot be opened"))?;
        let (status, body) =
            plain.split_first_chunk::<2>().ok_or_else(|| Failure::fault("a stored answer is too short"))?;
        Ok(Some(Answer {
            status: u16::from_be_bytes(*status),
            content_type: "application/json",
            body: body.to_vec(),
            cookie: None,
            export: None,
        }))
    }

    /// An answer as it is stored: encrypted, because it may hold a ticket or a token.
    pub(super) fn record(&self, idempotency: Idempotency, answer: &Answer) -> RequestRecord {
        let mut plain = answer.status.to_be_bytes().to_vec();
        plain.extend_from_slice(&answer.body);
        RequestRecord {
            key: idempotency.key,
            fingerprint: idempotency.fingerprint,
            response: self.keys().vault.seal("answer", &plain, &idempotency.key, &mut self.entropy()),
            at: self.now(),
        }
    }
}
