//! A generated database is one an audit finds nothing wrong with, on either engine.

use central_server::audit::audit;
use central_server::config::Config;
use central_server::database::{Database, DatabaseUrl, Place};
use futures_executor::block_on;
use licensing_bench::generate::{Target, generate};
use licensing_store::EventQuery;
use licensing_testkit::postgres::Cluster;

const LICENSES: u64 = 10_000;

fn generated(target: &Target) {
    let made = generate(target, LICENSES, 7, |_| {}).expect("a generated server");
    assert_eq!(made.licenses, LICENSES);
    let database = Database::new(target.place.clone()).expect("a generated server");
    let store = database.open().expect("a generated server");
    let counts = block_on(store.counts()).expect("a generated server");
    assert_eq!(counts.licenses, LICENSES);
    assert!(counts.activations > LICENSES / 3 && counts.containers > LICENSES / 20, "{counts:?}");
    let report = block_on(audit(&*store, &Config::default().makers().expect("a generated server")))
        .expect("a generated server");
    assert_eq!(report.differences, Vec::<String>::new());
    assert!(report.compared > LICENSES / 20, "{} comparisons", report.compared);
    let events = block_on(store.events(EventQuery { limit: 1_000, ..EventQuery::default() }))
        .expect("a generated server");
    assert_eq!(events.len(), 1_000);
    assert!(generate(target, 1, 7, |_| {}).is_err(), "a place that is taken stays as it is");
}

#[test]
fn a_generated_file_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    generated(&Target { place: Place::File(data.join("central.db")), data });
}

#[test]
fn a_generated_postgres_database_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let database = Cluster::shared().database();
    let place = Place::Postgres(Box::new(DatabaseUrl::from(database.url()).settings().unwrap()));
    generated(&Target { place, data: folder.path().join("data") });
}
