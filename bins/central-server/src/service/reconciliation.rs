//! Reconciling a database that was restored from a backup with what the containers know.

use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::event::{Action, Actor, Event};
use licensing_core::time::Timestamp;
use licensing_wire::json::ReconciliationAnswer;
use licensing_wire::time;

use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Service};

/// Begins the reconciliation of a database that was just restored: anew, if one was under way when it was copied.
#[must_use]
pub fn begin_reconciliation(actor: &Actor, now: Timestamp) -> ChangeSet {
    ChangeSet {
        changes: vec![Change::SetReconciling(Some(now))],
        events: vec![Event::new(Action::ReconciliationStarted, actor, now)],
        ..ChangeSet::default()
    }
}

impl Service {
    /// Whether, and since when, the server is being reconciled.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn reconciliation(&self) -> Result<Answer, Failure> {
        let since = self.store.reconciling().await?.map(time::print);
        Answer::json(200, &ReconciliationAnswer { since })
    }

    /// Begins or ends the reconciliation. Doing it again changes nothing.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn reconcile(&self, actor: &Actor, begin: bool) -> Result<Answer, Failure> {
        let decide = || async {
            let present = self.store.reconciling().await?;
            let (now, mut changes) = (self.now(), ChangeSet::default());
            let since = begin.then(|| present.unwrap_or(now));
            if since != present {
                changes.push(Change::SetReconciling(since));
                let action =
                    if begin { Action::ReconciliationStarted } else { Action::ReconciliationFinished };
                changes.events.push(Event::new(action, actor, now));
            }
            let answer = ReconciliationAnswer { since: since.map(time::print) };
            Ok(Decided { changes, answer: Answer::json(200, &answer) })
        };
        self.attempt(None, b"reconciliation", decide).await
    }
}
