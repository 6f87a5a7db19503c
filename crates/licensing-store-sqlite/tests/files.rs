//! The database as a file: opened again, damaged, of another version, backed up, killed.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::item::{Item, ItemPolicy};
use licensing_core::terms::LicenseTerms;
use licensing_store::{ItemQuery, Store};
use licensing_store_sqlite::{OpenError, SqliteStore};
use licensing_testkit::conformance::Subject;
use licensing_testkit::server::{NOW, definition};

fn put(store: &SqliteStore, id: &str) {
    let item = Item {
        definition: definition(id, LicenseTerms::default(), ItemPolicy::default()),
        created_at: NOW,
        version: 0,
    };
    let changes = vec![Change::PutItem(item)];
    block_on(store.commit(ChangeSet { changes, ..ChangeSet::default() })).unwrap();
}

fn count(store: &SqliteStore) -> usize {
    block_on(store.list_items(ItemQuery { limit: 100_000, ..ItemQuery::default() })).unwrap().len()
}

#[test]
fn everything_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    let store = SqliteStore::create(&path).unwrap();
    put(&store, "A");
    drop(store);
    assert!(matches!(SqliteStore::create(&path), Err(OpenError::Exists)));
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(count(&store), 1);
    assert_eq!(block_on(store.integrity()), Ok(true));
    assert_eq!(block_on(store.audit()), Ok(vec![]));
    assert!(matches!(SqliteStore::open(&folder.path().join("other.db")), Err(OpenError::Missing)));
}

#[test]
fn after_a_graceful_end_the_file_is_complete_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let path = folder.path().join(format!("{round}.db"));
        let store = SqliteStore::create(&path).unwrap();
        put(&store, "A");
        drop(store);
        let copy = folder.path().join(format!("{round}-copy.db"));
        std::fs::copy(&path, &copy).unwrap();
        assert!(!path.with_extension("db-wal").exists());
        assert_eq!(count(&SqliteStore::open(&copy).unwrap()), 1);
    }
}

#[test]
fn a_newer_or_damaged_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    drop(SqliteStore::create(&path).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    // user_version stands at offset 60 of the file.
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes());
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::Schema { found: 99, .. })));
    assert!(matches!(SqliteStore::migrate(&path), Err(OpenError::Schema { found: 99, .. })));
    std::fs::write(&path, b"this is no database, however long the text may be, and never was one at all")
        .unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::Sqlite(_))));
}

#[test]
fn a_backup_taken_while_writing_is_a_complete_database() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::create(&folder.path().join("central.db")).unwrap());
    for number in 0..50 {
        put(&store, &format!("before {number}"));
    }
    let writing = Arc::clone(&store);
    let writer = std::thread::spawn(move || {
        for number in 0..200 {
            put(&writing, &format!("during {number}"));
        }
    });
    let out = folder.path().join("backup.db");
    store.backup(&out).unwrap();
    writer.join().unwrap();
    assert!(matches!(store.backup(&out), Err(OpenError::Exists)));
    let restored = SqliteStore::open(&out).unwrap();
    assert!(count(&restored) >= 50);
    assert_eq!(block_on(restored.integrity()), Ok(true));
}

/// Runs in a child process: many writers commit for ever, and say each id once it was acknowledged.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Some(path) = place_of_the_child() else { return };
    let store = SqliteStore::open(&path).unwrap();
    let round = count(&store);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for number in 0.. {
                    let id = format!("{round:08}-{writer}-{number:08}");
                    put(store, &id);
                    println!("acknowledged {id}.");
                }
            });
        }
    });
}

/// Told by the arguments, because only main modules read the environment: the parent runs exactly this test, in
/// the folder of the database.
fn place_of_the_child() -> Option<std::path::PathBuf> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    (has("child_that_commits_until_it_is_killed") && has("--nocapture")).then(|| "killed.db".into())
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("killed.db");
    drop(SqliteStore::create(&path).unwrap());
    let mut acknowledged = Vec::new();
    for round in 1..=10 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_commits_until_it_is_killed", "--exact", "--nocapture"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The end of the line shows that it was said completely.
        let id = |line: String| Some(line.rsplit_once("acknowledged ")?.1.strip_suffix('.')?.to_owned());
        let mut ids = lines.map_while(Result::ok).filter_map(id);
        acknowledged.extend(ids.by_ref().take(50));
        child.kill().unwrap();
        // What it still said before it died counts as well.
        acknowledged.extend(ids);
        child.wait().unwrap();
        assert!(acknowledged.len() >= round * 50, "round {round}: the child did not commit");
        let store = SqliteStore::open(&path).unwrap();
        let stored =
            block_on(store.list_items(ItemQuery { limit: 1_000_000, ..ItemQuery::default() })).unwrap();
        let stored: BTreeSet<&str> = stored.iter().map(|item| item.definition.id.as_str()).collect();
        let lost = acknowledged.iter().find(|id| !stored.contains(id.as_str()));
        assert_eq!(lost, None, "round {round}: an acknowledged commit is missing");
        assert_eq!(block_on(store.integrity()), Ok(true));
    }
}

#[test]
fn a_store_can_be_held_as_the_port() {
    let folder = tempfile::tempdir().unwrap();
    let store: Subject = Arc::new(SqliteStore::create(&folder.path().join("central.db")).unwrap());
    assert_eq!(block_on(store.ready()), Ok(()));
}

#[test]
fn a_move_takes_every_table_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    drop(SqliteStore::create(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let texts = |sql: &str| -> Vec<(String, String)> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let mut described: Vec<(String, String)> = Vec::new();
    for table in &licensing_store::copy::TABLES {
        assert_eq!(table.key_columns().count(), table.key.len(), "{}", table.name);
        // The row's number, which no schema shows.
        let columns = table.columns.iter().filter(|column| column.name != "arrival");
        described.extend(
            columns.map(|column| (table.name.to_owned(), format!("{} {:?}", column.name, column.kind))),
        );
    }
    let stored = texts(
        "SELECT m.name, c.name || ' ' || CASE
            WHEN c.name IN ('together', 'test_host', 'resync', 'voided', 'withdraw', 'wanted_back', 'must_change',
                'factor_confirmed') THEN 'Flag'
            ELSE CASE c.type WHEN 'INTEGER' THEN 'Integer' WHEN 'TEXT' THEN 'Text' ELSE 'Blob' END END
         FROM sqlite_schema m, pragma_table_info(m.name) c
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'moves'",
    );
    let sorted = |mut list: Vec<_>| {
        list.sort();
        list
    };
    assert_eq!(sorted(described), sorted(stored));
}
