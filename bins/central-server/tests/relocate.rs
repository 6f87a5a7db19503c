//! Moving a database: between all kinds of place, broken off everywhere, and never served twice.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use central_server::data_dir::DataDir;
use central_server::database::{Database, DatabaseUrl};
use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet, Receipt, RequestRecord};
use licensing_core::event::{Action, Event};
use licensing_core::time::Timestamp;
use licensing_store::copy::{self, Begin, CopyError, End, Mark, Progress, Row, Table, TableCopied, Value};
use licensing_store::{EventQuery, Store, StoreError};
use licensing_testkit::damage::one_of_everything;
use licensing_testkit::postgres::{self, Cluster};
use licensing_testkit::proof::{self, Figures};
use licensing_testkit::server::actor;

/// A place for a database that is gone with the value.
enum Spot {
    File(tempfile::TempDir),
    Path(PathBuf),
    Server(postgres::Database),
}

impl Spot {
    fn file() -> Self {
        Self::File(proof::fast_folder())
    }

    fn server() -> Self {
        Self::Server(Cluster::shared().database())
    }

    /// As it is written on a command line.
    fn name(&self) -> String {
        match self {
            Self::File(folder) => folder.path().join("data").display().to_string(),
            Self::Path(path) => path.display().to_string(),
            Self::Server(database) => database.url(),
        }
    }

    fn database(&self) -> Database {
        Database::new(DatabaseUrl::from(self.name()).place().unwrap()).unwrap()
    }

    fn is_served(&self) -> bool {
        self.database().open().is_ok()
    }
}

/// A place with one of everything in it.
fn filled(spot: Spot) -> Spot {
    if let Spot::File(folder) = &spot {
        std::fs::create_dir(folder.path().join("data")).unwrap();
    }
    let database = spot.database();
    one_of_everything(&*database.create().unwrap());
    spot
}

fn begin(key: u8) -> Begin {
    let text = |text: &str| text.to_owned();
    Begin {
        key: [key; 32],
        source: text("the source"),
        target: text("o'target\\"),
        now: Timestamp::from_secs(1),
    }
}

fn go(source: &mut dyn End, target: &mut dyn End, key: u8) -> Result<Vec<TableCopied>, CopyError> {
    let mut quiet = |_: Progress| {};
    if copy::prepare(source, target, &begin(key))? != copy::Done::Copied {
        copy::copy(source, target, &mut quiet)?;
    }
    let tables = copy::verify(source, target, &mut quiet)?;
    copy::finish(source, target)?;
    Ok(tables)
}

fn relocate(from: &Spot, to: &Spot, key: u8) -> Result<Vec<TableCopied>, CopyError> {
    let (from, to) = (from.database(), to.database());
    go(&mut *from.source().unwrap(), &mut *to.target().unwrap(), key)
}

/// An end that fails at one of its calls, like a process that is killed there.
struct Failing {
    end: Box<dyn End>,
    calls_left: Arc<AtomicUsize>,
    /// Whether the call takes place before the failure is told.
    after: bool,
}

impl Failing {
    fn call<T>(&mut self, call: impl FnOnce(&mut dyn End) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let left = self
            .calls_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(1)))
            .unwrap();
        if left == 0 || (left == 1 && !self.after) {
            return Err(StoreError::Unavailable("killed".to_owned()));
        }
        let answer = call(&mut *self.end);
        if left == 1 { Err(StoreError::Unavailable("killed".to_owned())) } else { answer }
    }
}

impl End for Failing {
    fn mark(&mut self) -> Result<Option<Mark>, StoreError> {
        self.call(|end| end.mark())
    }
    fn set_mark(&mut self, mark: Option<&Mark>) -> Result<(), StoreError> {
        self.call(|end| end.set_mark(mark))
    }
    fn is_empty(&mut self) -> Result<bool, StoreError> {
        self.call(|end| end.is_empty())
    }
    fn last_key(&mut self, table: &'static Table) -> Result<Option<Row>, StoreError> {
        self.call(|end| end.last_key(table))
    }
    fn read(
        &mut self,
        table: &'static Table,
        after: Option<&Row>,
        take: &mut dyn FnMut(Row) -> bool,
    ) -> Result<(), StoreError> {
        self.call(|end| end.read(table, after, take))
    }
    fn write(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<(), StoreError> {
        self.call(|end| end.write(table, rows))
    }
    fn complete(&mut self) -> Result<(), StoreError> {
        self.call(|end| end.complete())
    }
}

#[test]
fn a_database_goes_round_all_kinds_of_place_and_stays_equal() {
    let mut spot = filled(Spot::file());
    let mut first: Option<Vec<TableCopied>> = None;
    for (key, next) in (1..).zip([Spot::server(), Spot::server(), Spot::file(), Spot::file()]) {
        let tables = relocate(&spot, &next, key).unwrap();
        assert!(tables.iter().all(|table| table.rows > 0), "one of everything: {tables:?}");
        assert_eq!(first.get_or_insert(tables.clone()), &tables);
        assert!(!spot.is_served() && next.is_served());
        assert_eq!(relocate(&spot, &Spot::file(), 99), Err(CopyError::SourceGone("o'target\\".to_owned())));
        let database = next.database();
        let store = database.open().unwrap();
        assert_eq!(block_on(store.audit()), Ok(vec![]));
        spot = next;
    }
}

#[test]
fn numbers_go_on_after_the_highest() {
    let from = filled(Spot::file());
    for to in [Spot::server(), Spot::file()] {
        let last_event = last_event(&from);
        relocate(&from, &to, 1).unwrap();
        let database = to.database();
        let store = database.open().unwrap();
        let change = Event::new(Action::ItemCreated, &actor(), Timestamp::from_secs(1));
        let receipt = Receipt { hash: [77; 32], ..block_on(store.receipt([1; 32])).unwrap().unwrap() };
        let changes = ChangeSet {
            changes: vec![Change::KeepReceipt(receipt.clone())],
            events: vec![change],
            ..Default::default()
        };
        block_on(store.commit(changes)).unwrap();
        let after = EventQuery { after: last_event, limit: 9, ..Default::default() };
        let events = block_on(store.events(after)).unwrap();
        assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [last_event + 1]);
        // The newest receipt is the one that arrived last.
        let books = block_on(store.books_of(receipt.serial, receipt.firm_code)).unwrap().unwrap();
        assert_eq!(books.receipt.map(|receipt| receipt.hash), Some([77; 32]));
        drop(store);
        from.database().source().unwrap().set_mark(None).unwrap();
    }
}

fn last_event(spot: &Spot) -> u64 {
    let database = spot.database();
    let store = database.open().unwrap();
    let query = EventQuery { limit: 1_000, ..EventQuery::default() };
    block_on(store.events(query)).unwrap().last().unwrap().sequence
}

/// Breaks a move off at every call to either end, before it takes place and after, and lets it go on.
fn broken_off_everywhere(from: fn() -> Spot, to: fn() -> Spot, every: usize) -> u64 {
    let mut breaks = 0;
    for after in [false, true] {
        let (from, mut to) = (filled(from()), to());
        for calls in (1..).step_by(every) {
            let calls_left = Arc::new(AtomicUsize::new(calls));
            let fail = |end| Failing { end, calls_left: Arc::clone(&calls_left), after };
            let outcome = {
                let (from, to) = (from.database(), to.database());
                go(&mut fail(from.source().unwrap()), &mut fail(to.target().unwrap()), 1)
            };
            let (source, target) = (from.is_served(), to.is_served());
            let Err(error) = outcome else {
                assert!(!source && target);
                break;
            };
            assert!(error.to_string().contains("killed"), "{error}");
            assert!(!(source && target), "after {calls} calls both could be served");
            breaks += 1;
            // From where it broke off it goes on, unless it was at its end already.
            if !target {
                relocate(&from, &to, 2).unwrap();
            }
            assert!(!from.is_served() && to.is_served());
            // Once more from the beginning.
            from.database().source().unwrap().set_mark(None).unwrap();
            if let Spot::Server(database) = &to {
                database.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public").unwrap();
            } else {
                to = Spot::file();
            }
        }
    }
    breaks
}

#[test]
fn a_move_that_breaks_off_anywhere_goes_on_and_never_leaves_two() {
    let mut breaks = broken_off_everywhere(Spot::file, Spot::file, 1);
    // Servers are slow to begin anew.
    let every = if proof::size(0, 1) == 0 { 7 } else { 1 };
    breaks += broken_off_everywhere(Spot::file, Spot::server, every);
    breaks += broken_off_everywhere(Spot::server, Spot::file, every);
    assert!(breaks > 200, "{breaks}");
    Figures {
        name: "move-broken-off",
        what: "a move between databases of both kinds breaks off before and after every single operation, never leaves two \
               that can be served, and goes on to an equal copy",
        count: breaks,
        unit: "moves broken off",
        seeds: None,
        more: vec![],
    }
    .tell();
}

#[test]
fn what_is_no_source_and_no_target_is_refused() {
    for (from, to) in [(Spot::file(), Spot::server()), (Spot::server(), Spot::file())] {
        let (from, other, full) = (filled(from), Spot::file(), filled(Spot::server()));
        assert_eq!(relocate(&from, &full, 1), Err(CopyError::TargetInUse));
        assert!(from.is_served() && full.is_served(), "a refused move changes nothing");
        // A server that runs.
        let running = from.database();
        let store = running.open().unwrap();
        assert!(from.database().source().is_err());
        drop(store);
        drop(running);
        // Broken off, and begun again to another place: the first copy is of no use any more.
        let prepare = |to: &Spot, key| {
            let (from, to) = (from.database(), to.database());
            let (mut source, mut target) = (from.source().unwrap(), to.target().unwrap());
            copy::prepare(&mut *source, &mut *target, &begin(key)).map(drop)
        };
        prepare(&other, 1).unwrap();
        assert!(!from.is_served() && !other.is_served());
        assert_eq!(relocate(&other, &to, 3), Err(CopyError::SourceUnfinished("the source".to_owned())));
        assert_eq!(relocate(&full, &from, 3), Err(CopyError::TargetGone("o'target\\".to_owned())));
        prepare(&to, 2).unwrap();
        let stranger = Err(CopyError::TargetUnfinished("the source".to_owned()));
        assert_eq!(relocate(&from, &other, 4), stranger);
        assert_eq!(relocate(&full, &other, 4), stranger);
        relocate(&from, &to, 5).unwrap();
        assert!(to.is_served() && !from.is_served() && !other.is_served());
    }
}

#[test]
fn a_copy_that_differs_is_named_and_not_taken() {
    let (from, to) = (filled(Spot::file()), Spot::server());
    {
        let (from, to) = (from.database(), to.database());
        let (mut source, mut target) = (from.source().unwrap(), to.target().unwrap());
        copy::prepare(&mut *source, &mut *target, &begin(1)).unwrap();
        copy::copy(&mut *source, &mut *target, &mut |_| {}).unwrap();
    }
    let Spot::Server(database) = &to else { unreachable!() };
    database.sql("UPDATE licenses SET fresh = fresh + 1").unwrap();
    assert_eq!(relocate(&from, &to, 2), Err(CopyError::Differs { table: "licenses", row: 0 }));
    database.sql("UPDATE licenses SET fresh = fresh - 1; DELETE FROM tokens").unwrap();
    // What is missing at the end of a table is copied again; what is missing in the middle of one is found.
    relocate(&from, &to, 3).unwrap();
    assert!(to.is_served());
}

/// Fills a database with licenses of which nothing was activated, ten on a ticket, and an event for each.
fn many_licenses(spot: &Spot, licenses: u64) {
    let database = spot.database();
    let mut end = database.target().unwrap();
    let table = |name: &str| copy::TABLES.iter().find(|table| table.name == name).unwrap();
    let mut rows_of = |name: &str, count: u64, change: &dyn Fn(u64, &str, &mut Value)| {
        let table = table(name);
        let mut template = Vec::new();
        end.read(table, None, &mut |row| {
            template = row;
            false
        })
        .unwrap();
        for first in (0..count).step_by(2_000) {
            let row = |number: u64| {
                let mut row = template.clone();
                for (column, value) in table.columns.iter().zip(&mut row) {
                    change(number, column.name, value);
                }
                row
            };
            end.write(table, (first..count.min(first + 2_000)).map(row).collect()).unwrap();
        }
    };
    let id = |number: u64, length: usize| {
        let mut id = vec![7; length];
        id[..8].copy_from_slice(&(number + 1_000_000_000).to_be_bytes());
        Value::Blob(id)
    };
    rows_of("tickets", licenses.div_ceil(10), &|number, column, value| match column {
        "id" => *value = id(number, 16),
        "lookup" => *value = id(number, 32),
        _ => {}
    });
    rows_of("licenses", licenses, &|number, column, value| match column {
        "id" => *value = id(number, 16),
        "ticket" => *value = id(number / 10, 16),
        "position" => *value = Value::Integer(i64::try_from(number % 10).unwrap()),
        "fresh" => *value = Value::Integer(5),
        "activating" => *value = Value::Integer(0),
        _ => {}
    });
    rows_of("events", licenses, &|number, column, value| match column {
        "sequence" => *value = Value::Integer(i64::try_from(number).unwrap() + 1_000),
        "license" => *value = id(number, 16),
        _ => {}
    });
    end.complete().unwrap();
}

#[test]
fn a_large_database_goes_to_a_server_and_back() {
    let licenses = proof::size(20_000, 1_000_000);
    let (from, server, back) = (filled(Spot::file()), Spot::server(), Spot::file());
    many_licenses(&from, licenses);
    let there = relocate(&from, &server, 1).unwrap();
    let again = relocate(&server, &back, 2).unwrap();
    assert_eq!(there, again);
    let database = back.database();
    let store = database.open().unwrap();
    assert_eq!(block_on(store.counts()).unwrap().licenses, licenses + 1);
    assert_eq!(block_on(store.audit()), Ok(vec![]));
    Figures {
        name: "move-large",
        what: "a large database moves from SQLite to PostgreSQL and back; the hash of every table is the same",
        count: there.iter().chain(&again).map(|table| table.rows).sum(),
        unit: "rows moved",
        seeds: None,
        more: vec![("licenses", licenses)],
    }
    .tell();
}

fn central_server(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_central-server"));
    command.env_remove("CENTRAL_DATABASE").args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn refused(exit: i32, code: &str, arguments: &[&str]) {
    let output = central_server(&[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", told(&output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["code"], code, "{document}");
    for field in ["message", "rule", "remedy"] {
        assert!(document["error"][field].as_str().is_some_and(|text| !text.is_empty()), "{document}");
    }
}

/// A data folder made by `init`.
fn initialised(folder: &Path) -> PathBuf {
    let data = folder.join("central");
    let data_text = data.display().to_string();
    let output = central_server(&["init", "--data", &data_text, "--firm-code", "6000010"]);
    assert!(output.status.success(), "{}", told(&output));
    data
}

#[test]
fn the_command_moves_refuses_and_releases() {
    let (folder, to) = (proof::fast_folder(), Spot::server());
    let data = initialised(folder.path());
    let (from, to_name) = (data.display().to_string(), to.name());
    let empty = folder.path().join("empty").display().to_string();
    refused(4, "database_missing", &["move", "--from", &empty, "--to", &to_name]);
    refused(2, "usage", &["move", "--from", &from, "--to", &from]);
    refused(2, "usage", &["move", "--from", &from, "--to", "mysql://u:s3cret@h/d"]);
    refused(2, "usage", &["move", "--release", &from]);
    let away = to_name.replace("%2Flicensing", "%2Fnowhere");
    refused(6, "database_unreachable", &["move", "--from", &from, "--to", &away]);

    let moved = central_server(&["move", "--from", &from, "--to", &to_name, "--json"]);
    assert!(moved.status.success(), "{}", told(&moved));
    let document: serde_json::Value = serde_json::from_slice(&moved.stdout).unwrap();
    assert_eq!(document["resumed"], false);
    assert_eq!(document["tables"].as_array().unwrap().len(), copy::TABLES.len());
    assert!(!told(&moved).contains("postgres://"), "a URL may hold a password: {}", told(&moved));
    let serve = || central_server(&["serve", "--data", &from, "--listen", "127.0.0.1:0"]);
    let held = Spot::Path(data.clone()).database().source().unwrap();
    let busy = serve();
    assert_eq!(busy.status.code(), Some(75), "{}", told(&busy));
    drop(held);
    let served = serve();
    assert_eq!(served.status.code(), Some(3), "{}", told(&served));
    assert!(told(&served).contains("was moved to PostgreSQL database"), "{}", told(&served));
    refused(3, "database_moved", &["move", "--from", &from, "--to", &empty]);
    refused(3, "database_moved", &["move", "--from", &to_name, "--to", &from]);
    let looked = central_server(&["doctor", "--audit", "--data", &from, "--database", &to_name]);
    assert!(told(&looked).contains("audit: 0 differences"), "{}", told(&looked));

    // And back, into the same folder, once what was left there is out of the way.
    let old = data.join("old.db");
    std::fs::rename(DataDir::new(&data).database(), &old).unwrap();
    let back = central_server(&["move", "--from", &to_name, "--to", &from]);
    assert!(back.status.success(), "{}", told(&back));
    assert!(told(&back).contains("equal row by row"), "{}", told(&back));
    assert!(central_server(&["doctor", "--audit", "--data", &from]).status.success());

    // A source that is released after its copy may have been used is as if restored from a backup.
    let released = central_server(&["move", "--release", &to_name, "--json"]);
    assert!(released.status.success(), "{}", told(&released));
    let document: serde_json::Value = serde_json::from_slice(&released.stdout).unwrap();
    assert_eq!(document["reconciling"], true);
    assert!(to.is_served());
    let database = to.database();
    assert!(block_on(database.open().unwrap().reconciling()).unwrap().is_some());
}

/// More rows than one batch has, in tables that nothing else refers to.
fn many_rows(data: &Path, rows: u32) {
    let store = licensing_store_sqlite::SqliteStore::open(&DataDir::new(data).database()).unwrap();
    let event = Event::new(Action::ItemCreated, &actor(), Timestamp::from_secs(1));
    for number in 0..rows / 500 {
        let key = [number.to_be_bytes(); 8].concat().try_into().unwrap();
        let changes = ChangeSet {
            request: Some(RequestRecord {
                key,
                fingerprint: [1; 32],
                response: vec![7; 2_000],
                at: Timestamp::from_secs(1),
            }),
            events: vec![event.clone(); 500],
            ..Default::default()
        };
        block_on(store.commit(changes)).unwrap();
    }
}

#[test]
fn a_killed_move_is_finished_by_the_next_and_nothing_is_served_before() {
    let kills = proof::size(12, 200);
    let folder = proof::fast_folder();
    let data = initialised(folder.path());
    many_rows(&data, 40_000);
    let source = Spot::Path(data.clone());
    let (from, mut killed, mut unfinished) = (data.display().to_string(), 0, 0);
    for round in 0.. {
        let to = if round % 2 == 0 { Spot::server() } else { Spot::file() };
        let mut wait = 20;
        loop {
            let mut process = Command::new(env!("CARGO_BIN_EXE_central-server"))
                .args(["move", "--from", &from, "--to", &to.name()])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(wait));
            process.kill().unwrap();
            let output = process.wait_with_output().unwrap();
            if let Some(exit) = output.status.code() {
                assert_eq!(exit, 0, "{}", told(&output));
                break;
            }
            killed += 1;
            let served = (source.is_served(), to.is_served());
            assert_ne!(served, (true, true));
            unfinished += u64::from(served == (false, false));
            if served.1 {
                break;
            }
            // Never so short that it does not get on.
            wait += wait / 2;
        }
        assert!(to.is_served());
        let released = central_server(&["move", "--release", &from]);
        assert!(released.status.success(), "{}", told(&released));
        if killed >= kills {
            break;
        }
    }
    assert!(unfinished > 0, "no move was broken off in the middle");
    Figures {
        name: "move-kills",
        what: "kill -9 of a move between databases of both kinds at rising moments; the next run finishes it",
        count: killed,
        unit: "kills",
        seeds: None,
        more: vec![("in the middle", unfinished)],
    }
    .tell();
}
