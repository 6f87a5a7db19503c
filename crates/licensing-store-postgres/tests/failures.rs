//! What can go wrong between the driver and its server: cut connections, a full disk, a replica that does not answer,
//! no free connection. What was acknowledged is there, once, and whatever was not can be repeated.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet, RequestRecord};
use licensing_core::item::{Item, ItemPolicy};
use licensing_core::terms::LicenseTerms;
use licensing_store::{CommitError, ItemQuery, Store, StoreError};
use licensing_store_postgres::{PostgresStore, Settings};
use licensing_testkit::postgres::{Cluster, Pair};
use licensing_testkit::proof::{self, Figures};
use licensing_testkit::proxy::{CUTS, Cutter};
use licensing_testkit::server::{NOW, definition};
use tokio::runtime::Runtime;

fn create(runtime: &Runtime, url: &str) -> PostgresStore {
    let settings = Settings::parse(url).unwrap();
    runtime.block_on(PostgresStore::create(settings, runtime.handle().clone())).unwrap()
}

fn open(runtime: &Runtime, url: &str) -> PostgresStore {
    PostgresStore::open_later(Settings::parse(url).unwrap(), runtime.handle().clone()).unwrap()
}

/// A change set that is recognised when it is repeated.
fn insert(number: u64, response: Vec<u8>) -> ChangeSet {
    let definition = definition(&format!("I-{number:08}"), LicenseTerms::default(), ItemPolicy::default());
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    ChangeSet {
        changes: vec![Change::PutItem(Item { definition, created_at: NOW, version: 0 })],
        request: Some(RequestRecord { key, fingerprint: [1; 32], response, at: NOW }),
        ..ChangeSet::default()
    }
}

/// Commits as a service does: again until it is done, by this try or an earlier one. Gives the number of tries.
fn until_done(store: &PostgresStore, number: u64) -> u64 {
    for tries in 1..1_000 {
        match block_on(store.commit(insert(number, vec![1]))) {
            Ok(()) | Err(CommitError::Duplicate) => return tries,
            Err(CommitError::Unknown | CommitError::Store(StoreError::Unavailable(_))) => {}
            Err(other) => unreachable!("{other}"),
        }
        thread::sleep(Duration::from_millis(20));
    }
    unreachable!("never done")
}

fn assert_stored(store: &PostgresStore, count: u64) {
    let items = block_on(store.list_items(ItemQuery { limit: 100_000, ..ItemQuery::default() })).unwrap();
    assert_eq!(items.len() as u64, count);
    assert_eq!(block_on(store.audit()), Ok(vec![]));
}

#[test]
fn a_connection_that_is_cut_around_a_commit_leaves_nobody_in_doubt() {
    let (runtime, database) = (Runtime::new().unwrap(), Cluster::shared().database());
    let cutter = Cutter::start(Cluster::shared().socket().join(".s.PGSQL.5432")).unwrap();
    let name = database.url().rsplit_once('/').unwrap().1.to_owned();
    let url = format!("postgres://postgres@{}/{name}?pool_size=8", cutter.address);
    let store = Arc::new(create(&runtime, &url));
    // One after the other: the driver itself finds out what became of each.
    let mut number = 0;
    for _ in 0..proof::size(10, 1_000) {
        for at in CUTS {
            cutter.cut(at);
            assert_eq!(block_on(store.commit(insert(number, vec![1]))), Ok(()), "{at:?}");
            number += 1;
            assert_eq!(cutter.done(), number, "{at:?}");
            let again = block_on(store.commit(insert(number - 1, vec![1])));
            assert_eq!(again, Err(CommitError::Duplicate));
        }
    }
    // Many at once.
    let (writers, each) = (8, proof::size(20, 1_000));
    thread::scope(|scope| {
        for writer in 0..writers {
            let (store, cutter) = (&store, &cutter);
            scope.spawn(move || {
                for at in 0..each {
                    cutter.cut(CUTS[usize::try_from((at + writer) % 4).unwrap()]);
                    until_done(store, 1_000_000 + writer * each + at);
                }
            });
        }
    });
    assert_stored(&store, number + writers * each);
    Figures {
        name: "postgres-cuts",
        what: "the connection to PostgreSQL is cut before, in, at and after a COMMIT, alone and with eight writers; every \
               change set is stored exactly once",
        count: cutter.done(),
        unit: "cut connections",
        seeds: None,
        more: vec![("change sets", number + writers * each)],
    }
    .tell();
}

#[test]
fn without_a_free_connection_one_is_told_and_nothing_hangs() {
    let (runtime, database) = (Runtime::new().unwrap(), Cluster::shared().database());
    let url = format!("{}?pool_size=2&pool_timeout=1&lock_timeout=60&statement_timeout=60", database.url());
    let store = Arc::new(create(&runtime, &url));
    let (blocker, connection) =
        runtime.block_on(tokio_postgres::connect(&database.url(), tokio_postgres::NoTls)).unwrap();
    runtime.spawn(connection);
    runtime.block_on(blocker.batch_execute("BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE")).unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..2)
            .map(|number| {
                scope.spawn({
                    let store = &store;
                    move || block_on(store.commit(insert(number, vec![1])))
                })
            })
            .collect();
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while database.sql(waits).unwrap() != "2" {}
        let refused = block_on(store.commit(insert(2, vec![1])));
        let Err(CommitError::Store(StoreError::Unavailable(text))) = refused else { panic!("{refused:?}") };
        assert!(text.contains("all 2 connections are busy"), "{text}");
        runtime.block_on(blocker.batch_execute("COMMIT")).unwrap();
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap(), Ok(()));
        }
    });
    until_done(&store, 2);
    assert_stored(&store, 3);
}

/// A limit on the size of files stands for the full disk: the server fails at the same places, for its tables as for
/// its log.
#[test]
fn a_full_disk_is_told_and_loses_nothing_that_was_acknowledged() {
    let cluster = Cluster::start(&[]).unwrap();
    let runtime = Runtime::new().unwrap();
    let url = cluster.url("postgres");
    drop(create(&runtime, &url));
    let (mut acknowledged, mut number, mut refused) = (Vec::new(), 0_u64, 0_u64);
    // Of 16 MiB is a file of the log: with the first the log has no room, with the second a table.
    for kib in [8 << 10, 20 << 10] {
        cluster.stop().unwrap();
        cluster.limit_files(Some(kib)).unwrap();
        cluster.start_again().unwrap();
        let store = open(&runtime, &format!("{url}?pool_timeout=1"));
        let mut random = 1_u64;
        for _ in 0..80 {
            number += 1;
            let big = (0..500_000).map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                random.to_be_bytes()[0]
            });
            match block_on(store.commit(insert(number, big.collect()))) {
                Ok(()) => acknowledged.push(number),
                Err(CommitError::Unknown | CommitError::Store(StoreError::Unavailable(_))) => refused += 1,
                Err(other) => unreachable!("{other}"),
            }
            if refused > u64::from(kib) / (8 << 10) * 2 {
                break;
            }
        }
        assert!(refused > 0, "{kib} KiB were enough");
        drop(store);
        cluster.stop().unwrap();
        cluster.limit_files(None).unwrap();
        cluster.start_again().unwrap();
        let store = open(&runtime, &url);
        // What was refused can be repeated, whether it was stored or not.
        let _tries: u64 = (1..=number).map(|number| until_done(&store, number)).sum();
        assert_stored(&store, number);
        for number in &acknowledged {
            let stored = block_on(store.answered(insert(*number, vec![]).request.unwrap().key)).unwrap();
            assert_eq!(stored.unwrap().response.len(), 500_000, "{number} was acknowledged");
        }
    }
    Figures {
        name: "postgres-full",
        what: "the log, then a table of PostgreSQL cannot grow any more; what was acknowledged is there, the rest is repeated",
        count: number,
        unit: "change sets",
        seeds: None,
        more: vec![("refused for want of space", refused)],
    }
    .tell();
}

#[test]
fn a_wait_for_the_replica_that_is_cut_short_is_not_taken_for_a_commit() {
    let pair = Pair::start().unwrap();
    let runtime = Runtime::new().unwrap();
    let store = Arc::new(create(&runtime, &pair.url("postgres")));
    until_done(&store, 1);
    pair.standby.stop().unwrap();
    let sql = |sql: &str| pair.primary.sql("postgres", sql).unwrap();
    let waits = "SELECT pid || ' ' || query_start FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    thread::scope(|scope| {
        let committing = scope.spawn(|| block_on(store.commit(insert(2, vec![1]))));
        let mut seen = Vec::new();
        // Each time the wait is cut short the server says that it has committed, and the driver does not believe it.
        while seen.len() < 3 {
            let wait = sql(waits);
            if !wait.is_empty() && !seen.contains(&wait) {
                sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
                seen.push(wait);
            }
        }
        assert_eq!(sql("SELECT count(*) FROM items"), "2", "the primary has it");
        assert!(!committing.is_finished(), "acknowledged without the replica");
        pair.standby.start_again().unwrap();
        assert_eq!(committing.join().unwrap(), Ok(()));
    });
    pair.wait_until_synchronous().unwrap();
    assert_eq!(pair.standby.sql("postgres", "SELECT count(*) FROM items").unwrap(), "2");
}

#[test]
fn acknowledged_commits_survive_the_death_of_primaries() {
    let fail_overs = proof::size(2, 20);
    let mut pair = Pair::start().unwrap();
    let runtime = Runtime::new().unwrap();
    let url = format!("{}?pool_size=4&pool_timeout=30", pair.url("postgres"));
    let store = Arc::new(create(&runtime, &url));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let counts = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (store, stop) = (&store, &stop);
                scope.spawn(move || {
                    let mut done = 0;
                    while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                        until_done(store, writer * 1_000_000 + done);
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        let failed_over = (0..fail_overs).try_for_each(|_| {
            thread::sleep(Duration::from_millis(300));
            pair.fail_over()
        });
        // Whatever came of it, the writers end.
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        failed_over.unwrap();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<u64>>()
    });
    assert_stored(&store, counts.iter().sum());
    assert!(counts.iter().all(|count| *count > 0));
    Figures {
        name: "postgres-fail-over",
        what: "the primary dies while four writers commit, its synchronous standby is promoted, and a new one made",
        count: fail_overs,
        unit: "fail-overs",
        seeds: None,
        more: vec![("change sets", counts.iter().sum())],
    }
    .tell();
}
