//! The conformance suite of the storage port, on SQLite.

use std::sync::Arc;

use licensing_store_sqlite::SqliteStore;
use licensing_testkit::conformance::Subject;

fn fresh() -> (Subject, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::create(&folder.path().join("central.db")).expect("a new database");
    (Arc::new(store), folder)
}

licensing_testkit::conformance_tests!(fresh());
