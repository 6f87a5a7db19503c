//! The server of a history: real services over a real database file, which can crash.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use central_server::database::{Database, Place};
use central_server::keys::{self, KeyRing};
use central_server::metrics::Metrics;
use central_server::service::{FourEyes, Rules, Service, SessionRules};
use central_server::system::{Clock, Randomness};
use licensing_core::Entropy;
use licensing_core::event::Actor;
use licensing_core::ids::Name;
use licensing_core::terms::Tolerance;
use licensing_core::testing::TestEntropy;
use licensing_core::time::Timestamp;
use licensing_core::trust::emulator_maker;
use licensing_core::work::SelectionRule;
use licensing_store::Store;
use licensing_store_postgres::Settings;
use licensing_store_sqlite::SqliteStore;
use licensing_testkit::clock::ManualClock;
use licensing_testkit::postgres;
use licensing_testkit::server::{NOW, actor, firm};
use serde_json::json;

/// What can be ordered: id, policies and terms, what it updates.
pub(crate) const ITEMS: [(&str, &str); 9] = [
    ("BASE", r#"{"reactivation":"always","restore":"always"}"#),
    ("UNITS", r#"{"unit_counter":10,"reactivation":"after:2d","restore":"after:2d"}"#),
    ("ASK", r#"{"return":"approval","reactivation":"approval","expires":"+30d"}"#),
    ("WHOLE", r#"{"split":"denied","maintenance":"+365d","restore":"always"}"#),
    ("MODULE", r#"{"requires":"BASE"}"#),
    ("NEXT", r#"{"feature_map":"0x3","reactivation":"always"}"#),
    ("MORE-UNITS", r#"{"updates":"UNITS","add_units":5,"update_scope":"ticket"}"#),
    ("MORE-USES", r#"{"updates":"BASE","add_quantity":2}"#),
    ("LONGER", r#"{"updates":"ASK","extend":"30d"}"#),
];

#[derive(Clone)]
struct Hand(ManualClock);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// Randomness that follows from a seed and from how often it was asked.
struct Seeded {
    seed: u64,
    asked: AtomicU64,
}

impl Randomness for Seeded {
    fn source(&self) -> Box<dyn Entropy + Send> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Box::new(TestEntropy::new(self.seed.wrapping_mul(1_000_003).wrapping_add(asked) ^ (1 << 63)))
    }
}

/// What all histories begin with: keys, and a database with the items.
pub(crate) struct Beginning {
    keys: KeyRing,
    books: Books,
}

/// A database that histories begin with a copy of.
enum Books {
    File(Vec<u8>),
    Postgres { database: postgres::Database, io: tokio::runtime::Runtime },
}

/// A database on a PostgreSQL server, with the connections on these threads.
fn on_postgres(database: &postgres::Database, io: &tokio::runtime::Runtime) -> Database {
    let settings = Settings::parse(&database.url()).unwrap();
    Database::on(Place::Postgres(Box::new(settings)), io.handle().clone())
}

impl Beginning {
    pub(crate) fn make(folder: &Path, runtime: &tokio::runtime::Runtime) -> Self {
        let keys_at = folder.join("keys");
        std::fs::create_dir_all(&keys_at).unwrap();
        let name = Name::new("Sample Vendor").unwrap();
        // The clock will be turned back, and no history is about keys that are not valid yet.
        let early = Timestamp::from_secs(NOW.secs() - 100 * 86_400);
        keys::create(&keys_at, firm(), name, 36_500, early, &mut TestEntropy::new(1)).unwrap();
        let keys = keys::load(&keys_at).unwrap();
        let path = folder.join("beginning.db");
        let postgres = postgres::database_of_this_run().map(|database| {
            let io = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            (database, io.unwrap())
        });
        let store: Arc<dyn Store> = match &postgres {
            Some((database, io)) => on_postgres(database, io).create().unwrap(),
            None => Arc::new(SqliteStore::create(&path).unwrap()),
        };
        let service = service(store, &keys, &ManualClock::new(NOW), 0);
        for (id, options) in ITEMS {
            let mut item: serde_json::Value = serde_json::from_str(options).unwrap();
            let code = 6_000_010;
            for (field, value) in [
                ("id", json!(id)),
                ("name", json!(id)),
                ("firm_code", json!(code)),
                ("product_code", json!(1)),
            ] {
                item[field] = value;
            }
            let request = serde_json::from_value(item).unwrap();
            runtime.block_on(service.create_item(&actor(), None, &request)).unwrap();
        }
        drop(service);
        let books = match postgres {
            Some((database, io)) => Books::Postgres { database, io },
            None => Books::File(std::fs::read(&path).unwrap()),
        };
        Self { keys, books }
    }

    pub(crate) const fn is_on_postgres(&self) -> bool {
        matches!(self.books, Books::Postgres { .. })
    }
}

fn service(store: Arc<dyn Store>, keys: &KeyRing, clock: &ManualClock, seed: u64) -> Service {
    let rules = Rules {
        accept_test_containers: false,
        makers: vec![emulator_maker().public_key()],
        tolerance: Tolerance::Medium,
        selection: SelectionRule::Free,
        restore_similarity: 60,
        sessions: SessionRules::default(),
        four_eyes: FourEyes::default(),
    };
    let (clock, metrics) = (Arc::new(Hand(clock.clone())), Arc::new(Metrics::new(NOW)));
    let randomness = Arc::new(Seeded { seed, asked: AtomicU64::new(0) });
    Service::new(store, keys.clone(), rules, clock, metrics).with_randomness(randomness)
}

/// The server.
pub(crate) struct Central<'a> {
    beginning: &'a Beginning,
    folder: PathBuf,
    seed: u64,
    crashes: u64,
    pub(crate) clock: ManualClock,
    service: Option<Service>,
    /// Where it is not a file of the folder.
    postgres: Option<postgres::Database>,
}

impl<'a> Central<'a> {
    pub(crate) fn begin(beginning: &'a Beginning, folder: &Path, seed: u64) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let postgres = match &beginning.books {
            Books::File(bytes) => {
                std::fs::write(folder.join("0.db"), bytes).unwrap();
                None
            }
            Books::Postgres { database, .. } => Some(database.copy()),
        };
        let (folder, clock) = (folder.to_owned(), ManualClock::new(NOW));
        let mut central = Self { beginning, folder, seed, crashes: 0, clock, service: None, postgres };
        central.open();
        central
    }

    fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.db", self.crashes))
    }

    fn open(&mut self) {
        let store: Arc<dyn Store> = match (&self.postgres, &self.beginning.books) {
            (Some(database), Books::Postgres { io, .. }) => on_postgres(database, io).open().unwrap(),
            _ => Arc::new(SqliteStore::open_small(&self.file()).unwrap()),
        };
        let seed = self.seed.wrapping_mul(64).wrapping_add(self.crashes);
        self.service = Some(service(store, &self.beginning.keys, &self.clock, seed));
    }

    pub(crate) fn service(&self) -> &Service {
        self.service.as_ref().unwrap()
    }

    pub(crate) fn actor(&self) -> Actor {
        actor()
    }

    /// The computer of the server loses its power: what goes on is what the files hold at this moment, log and all.
    /// Where the database is on another computer, that loses the connections.
    pub(crate) fn crash(&mut self) {
        if let Some(database) = &self.postgres {
            database.disconnect().unwrap();
            (self.service, self.crashes) = (None, self.crashes + 1);
            return self.open();
        }
        let before = self.file();
        self.crashes += 1;
        let after = self.file();
        std::fs::copy(&before, &after).unwrap();
        let log = |path: &Path| path.with_extension("db-wal");
        if log(&before).exists() {
            std::fs::copy(log(&before), log(&after)).unwrap();
        }
        self.service = None;
        std::fs::remove_file(&before).unwrap();
        self.open();
    }
}
