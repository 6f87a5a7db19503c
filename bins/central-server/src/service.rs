//! What the server does, without HTTP: load facts, decide in the core, commit once, answer.

mod approvals;
mod attempt;
mod blacklist;
mod edition;
mod exports;
mod failure;
mod feed;
mod held_orders;
mod history;
mod items;
mod licenses;
mod lists;
mod mail;
mod orders;
mod preactivations;
mod receipts;
mod reconciliation;
mod search;
mod second_factor;
mod sessions;
mod templates;
mod tickets;
pub mod tokens;
mod transfers;
pub mod users;
mod webhooks;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use licensing_core::Entropy;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::event::{Action, Actor};
use licensing_core::ids::FirmCode;
use licensing_core::refusal::Refusal;
use licensing_core::terms::Tolerance;
use licensing_core::time::Timestamp;
use licensing_core::work::{SelectionRule, ServerRules};
use licensing_store::Store;
use serde::Serialize;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use zeroize::Zeroizing;

pub use attempt::Idempotency;
pub use exports::{Export, Exported, FORMATS, Format};
pub use failure::Failure;
pub use feed::{FeedQuery, envelope, read_actions};
pub use held_orders::FourEyes;
pub use history::HistoryFilter;
pub use lists::OrderFilter;
pub use reconciliation::begin_reconciliation;
pub use search::{STATISTICS_DAYS_MAX, SearchRights};
pub use sessions::{SessionRules, SignedIn, Source, Visitor, session_answer};
pub use tickets::Holder;
pub use transfers::Wish;

use crate::edition::{Edition, Limits};
use crate::keys::{FirmKeys, KeyRing};
use crate::mail::Mailer;
use crate::metrics::Metrics;
use crate::password::Passwords;
use crate::system::{Clock, Randomness, SystemEntropy};

/// Most entries a page holds, and how many it holds when not told.
pub const PAGE_MAX: u32 = 500;

/// Cuts what was read with a limit of one more to a page; whether there is a next one.
fn cut<T>(found: &mut Vec<T>, limit: u32) -> bool {
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    more
}

/// Rules of this server, from its settings.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Whether containers on simulated host traits are served.
    pub accept_test_containers: bool,
    /// Dongle makers that are trusted.
    pub makers: Vec<PublicKey>,
    /// Tolerance of templates.
    pub tolerance: Tolerance,
    /// What goes along with a selection for activation.
    pub selection: SelectionRule,
    /// How similar two computers must be for a restore, from 0 to 100.
    pub restore_similarity: u32,
    /// How long sessions last.
    pub sessions: SessionRules,
    /// What needs two people.
    pub four_eyes: FourEyes,
}

/// An answer, as bytes, so that asking again can give the same ones.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// What becomes of the session the browser keeps.
    pub cookie: Option<Cookie>,
    /// A file of which the body is the beginning.
    pub export: Option<Export>,
}

/// What becomes of the session a browser keeps.
#[derive(Clone, PartialEq, Eq)]
pub enum Cookie {
    /// It keeps this secret from now on.
    Keep(Zeroizing<String>),
    /// It keeps none.
    Forget,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Bodies hold tickets and tokens.
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

impl Answer {
    /// A JSON answer.
    ///
    /// # Errors
    /// The message cannot be written as JSON, which is our fault.
    pub fn json(status: u16, message: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_vec(message).map_err(|error| Failure::fault(error.to_string()))?;
        Ok(Self { status, content_type: "application/json", body, cookie: None, export: None })
    }
}

/// The services of the server.
pub struct Service {
    store: Arc<dyn Store>,
    keys: RwLock<Arc<KeyRing>>,
    rules: Rules,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    metrics: Arc<Metrics>,
    stripes: attempt::Stripes,
    passwords: Passwords,
    counted: edition::Counted,
    mailer: Option<Mailer>,
    mailing: attempt::Stripes,
    /// Changes when something was committed here.
    news: watch::Sender<()>,
    stopping: watch::Sender<bool>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}

impl Service {
    /// The services over a database with keys and rules.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        keys: KeyRing,
        rules: Rules,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            store,
            keys: RwLock::new(Arc::new(keys)),
            rules,
            clock,
            randomness: Arc::new(SystemEntropy::default()),
            metrics,
            stripes: attempt::Stripes::default(),
            passwords: Passwords::default(),
            counted: edition::Counted::new(Limits::of_edition(Edition::HighAvailability)),
            mailer: None,
            mailing: attempt::Stripes::default(),
            news: watch::Sender::new(()),
            stopping: watch::Sender::new(false),
        }
    }

    /// The same services with another source of randomness: what they do can be repeated exactly.
    ///
    /// # Security
    /// Every key, ticket and seal rests on it. Only tests have a reason to replace it.
    #[must_use]
    pub fn with_randomness(mut self, randomness: Arc<dyn Randomness>) -> Self {
        self.randomness = randomness;
        self
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Changes whenever this process has committed events.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Becomes true when the process is to stop: whoever waits for something goes away.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Tells whoever waits for something to go away.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Events were committed.
    fn happened(&self, events: &[Action]) {
        self.metrics.happened(events);
        self.news.send_replace(());
    }

    /// The keys in use.
    #[must_use]
    pub fn keys(&self) -> Arc<KeyRing> {
        // A poisoned lock only means that somebody panicked while swapping a pointer; the pointer is whole.
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes new keys into use, after a rotation.
    pub fn replace_keys(&self, keys: KeyRing) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Fresh randomness.
    #[must_use]
    pub fn entropy(&self) -> Box<dyn Entropy + Send> {
        self.randomness.source()
    }

    fn server_rules(&self) -> ServerRules {
        ServerRules {
            accept_test_containers: self.rules.accept_test_containers,
            selection: self.rules.selection,
            restore_similarity: self.rules.restore_similarity,
        }
    }

    fn firm(&self, firm_code: FirmCode) -> Result<FirmKeys, Refusal> {
        self.keys().firms.get(&firm_code).cloned().ok_or(Refusal::FirmUnknown(firm_code))
    }
}

/// Runs work that keeps a processor busy, so that connections are served meanwhile.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        // Here, and not on another thread, whose waking up a lonely client would wait for; who else is served by this
        // thread goes on elsewhere.
        let done = tokio::task::block_in_place(|| catch_unwind(AssertUnwindSafe(work)));
        return done.map_err(|_| Failure::fault("a decision failed"));
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::fault(format!("a worker thread failed: {error}")))
}

/// Who asks for something, for the event log.
#[must_use]
pub fn actor(name: &str, origin: Option<std::net::IpAddr>) -> Actor {
    Actor { name: name.to_owned(), origin: origin.map(|address| address.to_string()) }
}
