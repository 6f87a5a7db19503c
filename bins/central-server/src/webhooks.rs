//! Telling events to the vendor's other programs: Standard Webhooks, at least once, in order per license.
//!
//! The event log is the outbox: it misses nothing and is in an order that can be followed. A receiver has a place in it;
//! what it does not take is put aside. One process at a time tells a receiver, by a lease in the database; the version
//! of its progress is the fence. See ADR 25.

mod message;
mod network;
mod round;
mod send;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use licensing_core::random;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep;

pub use message::{SECRET_BYTES, Secrets, print_secret, signature};
pub use network::{Network, is_public};
pub use round::Turn;
pub use send::{Outcome, Sender, check_url};

use crate::config::Webhooks;
use crate::service::Service;
use round::Round;

/// How often it is looked for what other processes have stored, and for attempts that are due.
const LOOK: Duration = Duration::from_secs(1);

/// Tells every receiver what it wants to know until the services stop, then gives its leases back.
pub async fn run(service: Arc<Service>, sender: Arc<Sender>, settings: Webhooks) {
    let holder = random::<16>(&mut service.entropy());
    let settings = Arc::new(settings);
    let mut news = service.news();
    let mut stopping = service.stopping();
    let mut rounds: JoinSet<Turn> = JoinSet::new();
    let mut busy: HashMap<Id, String> = HashMap::new();
    while !*stopping.borrow_and_update() {
        // What happens from here on is news, and wakes.
        news.mark_unchanged();
        match service.store().webhooks().await {
            Ok(webhooks) => {
                for (webhook, progress) in webhooks {
                    if webhook.disabled.is_some() || busy.values().any(|name| *name == webhook.name) {
                        continue;
                    }
                    let name = webhook.name.clone();
                    let round = Round::new(&service, &sender, &settings, holder, webhook, progress);
                    busy.insert(rounds.spawn(round.run()).id(), name);
                }
            }
            Err(error) => tracing::warn!(%error, "webhooks cannot be read"),
        }
        // A round that has more to do is followed by the next at once.
        let mut again = false;
        while !again {
            tokio::select! {
                Some(ended) = rounds.join_next_with_id() => again = forget(&mut busy, ended) == Turn::More,
                _ = stopping.changed() => again = true,
                Ok(()) = news.changed() => again = true,
                () = sleep(LOOK) => again = true,
            }
        }
    }
    // Rounds see it too, and give their leases back after what they are at.
    while let Some(ended) = rounds.join_next_with_id().await {
        forget(&mut busy, ended);
    }
}

fn forget(busy: &mut HashMap<Id, String>, ended: Result<(Id, Turn), JoinError>) -> Turn {
    let (id, turn) = match ended {
        Ok(ended) => ended,
        // The panic was logged where it happened; the next look begins a new round.
        Err(error) => (error.id(), Turn::Nothing),
    };
    busy.remove(&id);
    turn
}
