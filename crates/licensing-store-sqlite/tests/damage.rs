//! Damaged content: a value that cannot be read is named, and never passes for absence.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::path::{Path, PathBuf};

use futures_executor::block_on;
use licensing_core::ids::ContainerSerial;
use licensing_store::{Store, StoreError};
use licensing_store_sqlite::{OpenError, SqliteStore};
use licensing_testkit::damage::{BOOKS, DAMAGES, LICENSE, READS, assert_findings, one_of_everything};

/// A database with one of everything, closed; and its container.
fn filled(path: &Path) -> ContainerSerial {
    one_of_everything(&SqliteStore::create(path).unwrap())
}

#[test]
fn every_damaged_value_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    let serial = filled(&path);
    let whole = SqliteStore::open(&path).unwrap();
    for (name, read) in READS {
        assert!(read(&whole, serial).is_ok(), "{name} of what is whole");
    }
    drop(whole);
    for (at, (damage, name, table, column)) in DAMAGES.into_iter().enumerate() {
        let copy = folder.path().join(format!("{at}.db"));
        std::fs::copy(&path, &copy).unwrap();
        let connection = rusqlite::Connection::open(&copy).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        let damage = damage.replace("{}", "x''").replace("{00}", "x'00'").replace("{01}", "x'01'");
        assert!(connection.execute(&damage, []).unwrap() > 0, "{damage}");
        drop(connection);
        let store = SqliteStore::open(&copy).unwrap();
        let (_, read) = READS.iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!(read(&store, serial), Err(StoreError::Inconsistent { table, column }), "{name}: {damage}");
    }
}

#[test]
fn an_audit_finds_what_does_not_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    filled(&path);
    for (damage, findings) in BOOKS {
        rusqlite::Connection::open(&path).unwrap().execute(damage, []).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        assert_findings(&store, damage, findings);
    }
    for column in ["withdrawn_carried", "carried"] {
        let damage = format!("UPDATE licenses SET {column} = '[{{'");
        rusqlite::Connection::open(&path).unwrap().execute(&damage, []).unwrap();
        let audit = block_on(SqliteStore::open(&path).unwrap().audit());
        assert_eq!(audit, Err(StoreError::Inconsistent { table: "licenses", column }));
    }
}

fn copy_with(path: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    let copy = path.with_file_name(name);
    std::fs::write(&copy, bytes).unwrap();
    copy
}

#[test]
fn a_shortened_file_is_never_an_empty_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    filled(&path);
    let bytes = std::fs::read(&path).unwrap();
    let length = bytes.len();
    // The last page may hold nothing yet, and then its end says nothing: what is cut off last is a byte that does.
    let last = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    for keep in [1, 99, 100, 512, 4_096, length / 2, length - 4_096, last] {
        let copy = copy_with(&path, &format!("{keep}.db"), |bytes| bytes.truncate(keep));
        // Where opening does not see it yet, the check and the reads do.
        if let Ok(store) = SqliteStore::open(&copy) {
            assert_ne!(block_on(store.integrity()), Ok(true), "{keep} of {length} bytes");
            assert_ne!(block_on(store.license(LICENSE)), Ok(None), "{keep} of {length} bytes");
        }
    }
    let empty = copy_with(&path, "empty.db", Vec::clear);
    for outcome in [SqliteStore::open(&empty).map(drop), SqliteStore::migrate(&empty).map(drop)] {
        assert!(matches!(outcome, Err(OpenError::Schema { found: 0, .. })));
    }
    assert_eq!(SqliteStore::migrate(&path).unwrap(), 0, "what is up to date stays as it is");
}

#[test]
fn an_overwritten_page_is_damage_and_never_absence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    let serial = filled(&path);
    let whole = SqliteStore::open(&path).unwrap();
    let expected: Vec<String> = READS.iter().map(|(_, read)| read(&whole, serial).unwrap()).collect();
    drop(whole);
    let damaged = StoreError::Inconsistent { table: "database", column: "file" };
    let pages = std::fs::read(&path).unwrap().len() / 4_096;
    let mut noticed = 0;
    for page in 0..pages {
        let copy = copy_with(&path, &format!("{page}.db"), |bytes| bytes[page * 4_096..][..4_096].fill(0xA5));
        let Ok(store) = SqliteStore::open(&copy) else {
            noticed += 1;
            continue;
        };
        let answers = READS.map(|(_, read)| read(&store, serial));
        for ((answer, expected), (name, _)) in answers.iter().zip(&expected).zip(READS) {
            let right = answer.as_ref().map_or_else(|error| *error == damaged, |answer| answer == expected);
            assert!(right, "{name} with page {page} overwritten: {answer:?}");
        }
        noticed += usize::from(answers.contains(&Err(damaged.clone())));
        assert_ne!(block_on(store.integrity()), Ok(true), "page {page}");
    }
    // Indexes no read of these goes through, and tables with what is only ever written, are left to the check.
    assert!(noticed * 2 > pages, "{noticed} of {pages} pages");
}
