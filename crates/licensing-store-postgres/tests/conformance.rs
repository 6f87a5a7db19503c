//! The conformance suite of the storage port, on PostgreSQL.

use std::sync::Arc;

use licensing_store_postgres::{PostgresStore, Settings};
use licensing_testkit::conformance::Subject;
use licensing_testkit::postgres::{Cluster, Database};
use tokio::runtime::Runtime;

/// Dropped in this order: the connections end before the database is dropped.
struct Keep {
    _runtime: Runtime,
    _database: Database,
}

fn fresh() -> (Subject, Keep) {
    let database = Cluster::shared().database();
    let runtime = Runtime::new().expect("a runtime");
    let settings = Settings::parse(&database.url()).expect("a URL");
    let store =
        runtime.block_on(PostgresStore::create(settings, runtime.handle().clone())).expect("a new database");
    (Arc::new(store), Keep { _runtime: runtime, _database: database })
}

licensing_testkit::conformance_tests!(fresh());
