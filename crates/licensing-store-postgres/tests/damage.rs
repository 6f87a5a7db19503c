//! Damaged content: a value that cannot be read is named, and never passes for absence.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use futures_executor::block_on;
use licensing_core::ids::ContainerSerial;
use licensing_store::{Store, StoreError};
use licensing_store_postgres::{PostgresStore, Settings};
use licensing_testkit::damage::{BOOKS, DAMAGES, READS, assert_findings, one_of_everything};
use licensing_testkit::postgres::{Cluster, Database};
use tokio::runtime::Runtime;

fn open(runtime: &Runtime, database: &Database) -> PostgresStore {
    let settings = Settings::parse(&database.url()).unwrap();
    runtime.block_on(PostgresStore::open(settings, runtime.handle().clone())).unwrap()
}

/// A database with one of everything, and its container; nobody is connected.
fn filled() -> (Database, ContainerSerial) {
    let (database, runtime) = (Cluster::shared().database(), Runtime::new().unwrap());
    let settings = Settings::parse(&database.url()).unwrap();
    let store = runtime.block_on(PostgresStore::create(settings, runtime.handle().clone())).unwrap();
    let serial = one_of_everything(&store);
    (database, serial)
}

#[test]
fn every_damaged_value_is_named() {
    let (database, serial) = filled();
    let runtime = Runtime::new().unwrap();
    let store = open(&runtime, &database);
    let all_whole = || READS.iter().all(|(_, read)| read(&store, serial).is_ok());
    assert!(all_whole());
    for (damage, name, table, column) in DAMAGES {
        let damage = damage.replace("{}", "''").replace("{00}", "'\\x00'").replace("{01}", "'\\x01'");
        let damaged = damage.split(' ').find(|word| !["UPDATE", "DELETE", "FROM"].contains(word)).unwrap();
        // Foreign keys are off, as they are for whatever damages a file.
        let run =
            |sql: &str| database.sql(&format!("SET session_replication_role = replica; {sql}")).unwrap();
        run(&format!("CREATE TABLE saved AS TABLE {damaged}; {damage}"));
        let (_, read) = READS.iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!(read(&store, serial), Err(StoreError::Inconsistent { table, column }), "{name}: {damage}");
        run(&format!("DELETE FROM {damaged}; INSERT INTO {damaged} TABLE saved; DROP TABLE saved"));
    }
    assert!(all_whole());
}

#[test]
fn an_audit_finds_what_does_not_add_up() {
    let (database, _) = filled();
    let runtime = Runtime::new().unwrap();
    let store = open(&runtime, &database);
    for (damage, findings) in BOOKS {
        database.sql(damage).unwrap();
        assert_findings(&store, damage, findings);
    }
    for column in ["withdrawn_carried", "carried"] {
        let damage = format!("UPDATE licenses SET {column} = '[{{'");
        database.sql(&damage).unwrap();
        let audit = block_on(store.audit());
        assert_eq!(audit, Err(StoreError::Inconsistent { table: "licenses", column }));
    }
}

#[test]
fn a_server_that_forgets_is_reported() {
    let (database, _) = filled();
    let runtime = Runtime::new().unwrap();
    // The servers of the tests do not sync: nothing there has to survive the machine.
    assert_eq!(block_on(open(&runtime, &database).unsafe_settings()).unwrap(), ["fsync is off"]);
}

#[test]
fn a_move_takes_every_table_and_column() {
    let (database, _) = filled();
    let mut described: Vec<String> = Vec::new();
    for table in &licensing_store::copy::TABLES {
        let columns = table.columns.iter();
        described.extend(columns.map(|column| format!("{}|{}|{:?}", table.name, column.name, column.kind)));
    }
    described.sort();
    let stored = database
        .sql(
            "SELECT table_name, column_name, CASE data_type WHEN 'bigint' THEN 'Integer' WHEN 'boolean' THEN 'Flag'
                WHEN 'text' THEN 'Text' WHEN 'bytea' THEN 'Blob' ELSE data_type END
             FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT IN ('moves', 'commits', 'schema_version', 'events_sequence')",
        )
        .unwrap();
    let mut stored: Vec<String> = stored.lines().map(str::to_owned).collect();
    stored.sort();
    assert_eq!(described, stored);
}
