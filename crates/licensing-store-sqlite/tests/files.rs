//! The database as a file: opened again, damaged, of another version, backed up, killed.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::item::{Item, ItemPolicy};
use licensing_core::terms::LicenseTerms;
use licensing_store::Store;
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
    block_on(store.list_items(None, 100_000)).unwrap().len()
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

/// Runs in a child process: commits for ever and says each number once it was acknowledged.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Some(path) = option_env_path() else { return };
    let store = SqliteStore::open(&path).unwrap();
    let start = count(&store);
    for number in start.. {
        put(&store, &format!("{number:08}"));
        println!("acknowledged {number}");
    }
}

/// Handed over in a file, because only main modules read the environment.
fn option_env_path() -> Option<std::path::PathBuf> {
    let arguments: Vec<String> = std::env::args().collect();
    let exact = arguments.iter().any(|argument| argument == "child_that_commits_until_it_is_killed");
    let nocapture = arguments.iter().any(|argument| argument == "--nocapture");
    // The parent runs exactly this test, in the folder of the database.
    (exact && nocapture).then(|| std::path::PathBuf::from("killed.db"))
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("killed.db");
    drop(SqliteStore::create(&path).unwrap());
    for round in 1..=10usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_commits_until_it_is_killed", "--exact", "--nocapture"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        for line in lines.map_while(Result::ok) {
            if let Some((_, number)) = line.rsplit_once("acknowledged ") {
                acknowledged = number.parse::<usize>().unwrap() + 1;
                if acknowledged >= round * 20 {
                    break;
                }
            }
        }
        assert!(acknowledged >= round * 20, "round {round}: the child did not commit");
        child.kill().unwrap();
        child.wait().unwrap();
        let store = SqliteStore::open(&path).unwrap();
        assert!(count(&store) >= acknowledged, "round {round}: acknowledged commits are missing");
        assert_eq!(block_on(store.integrity()), Ok(true));
    }
}

#[test]
fn a_store_can_be_held_as_the_port() {
    let folder = tempfile::tempdir().unwrap();
    let store: Subject = Arc::new(SqliteStore::create(&folder.path().join("central.db")).unwrap());
    assert_eq!(block_on(store.ready()), Ok(()));
}
