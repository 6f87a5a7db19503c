//! How the queries of lists are planned: each reads the index that was made for it, in its order, and nothing else.

use licensing_core::container::ContainerStatus;
use licensing_core::event::Action;
use licensing_core::ids::{
    ActivationId, ContainerKind, ContainerSerial, CustomerId, ItemId, LicenseId, OrderId, TicketId,
};
use licensing_core::license::LINE_STATES;
use licensing_core::time::Timestamp;
use licensing_store::{
    ContainerQuery, EventQuery, ItemQuery, LicenseQuery, OrderQuery, SearchQuery, StoreError, TransferQuery,
};
use rusqlite::{Connection, OpenFlags};

use crate::{lists, migrate, read, search};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Tables that grow with what a vendor sells.
const LARGE: [&str; 9] =
    ["licenses", "orders", "tickets", "activations", "containers", "events", "steps", "approvals", "items"];

fn database() -> (Connection, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut db = migrate::connect(&folder.path().join("central.db"), flags).unwrap();
    migrate::migrate(&mut db, |_| Ok(())).unwrap();
    (db, folder)
}

/// What the planner says about every statement that a read runs.
fn plans<T>(
    db: &Connection,
    run: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Vec<(String, Vec<String>)> {
    read::SEEN.take();
    run(db).unwrap_or_else(|error| panic!("{error}"));
    let plan = |sql: String| {
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = statement.raw_query();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            lines.push(row.get::<_, String>("detail").unwrap());
        }
        drop(rows);
        (sql, lines)
    };
    read::SEEN.take().into_iter().map(plan).collect()
}

/// Every statement reads `index`, sorts nothing, and reads no large table from one end to the other.
fn reads<T>(db: &Connection, index: &str, run: impl FnOnce(&Connection) -> Result<T, StoreError>) {
    let plans = plans(db, run);
    assert!(!plans.is_empty(), "{index}");
    for (sql, lines) in plans {
        let told = format!("{sql}\n{}", lines.join("\n"));
        assert!(lines.iter().any(|line| line.contains(index)), "not by {index}:\n{told}");
        for line in lines {
            assert!(!line.contains("TEMP B-TREE"), "sorted:\n{told}");
            let mut words = line.split(' ');
            if words.next() == Some("SCAN") {
                // In the order of an index and with a limit it ends soon.
                let table = words.next().unwrap_or_default();
                let large =
                    LARGE.iter().any(|large| *large == table || large.starts_with(&format!("{table}_")));
                let alias = ["l", "a", "s", "i", "o"].contains(&table);
                assert!(
                    !(large || alias) || line.contains(" INDEX "),
                    "read from one end to the other:\n{told}"
                );
            }
        }
    }
}

#[test]
fn licenses_are_read_by_their_indexes() {
    let (db, _folder) = database();
    let (item, order) = (ItemId::new("I").ok(), OrderId::new("O").ok());
    let customer = CustomerId::new("C").ok();
    for newest in [false, true] {
        for after in [None, Some(LicenseId([1; 16]))] {
            for (from, until) in [(None, None), (Some(NOW), Some(NOW.plus_days(1)))] {
                let all = LicenseQuery { newest, after, from, until, limit: 100, ..LicenseQuery::default() };
                let check = |query: LicenseQuery, index: &str| {
                    reads(&db, index, |db| lists::licenses(db, &query));
                    reads(&db, index, |db| {
                        lists::licenses(db, &LicenseQuery { never_activated: true, ..query.clone() })
                    });
                    for (state, _) in LINE_STATES {
                        let query = LicenseQuery { state: Some(state), ..query.clone() };
                        reads(&db, index, |db| lists::licenses(db, &query));
                    }
                };
                check(all.clone(), "SEARCH l USING PRIMARY KEY");
                check(LicenseQuery { customer: customer.clone(), ..all.clone() }, "licenses_by_customer");
                check(LicenseQuery { item: item.clone(), ..all.clone() }, "licenses_by_definition");
                let both = LicenseQuery { item: item.clone(), customer: customer.clone(), ..all.clone() };
                check(both.clone(), "licenses_by_customer");
                check(LicenseQuery { order: order.clone(), ..all.clone() }, "licenses_by_order");
                check(LicenseQuery { order: order.clone(), ..both }, "licenses_by_order");
            }
        }
    }
}

#[test]
fn other_lists_are_read_by_their_indexes() {
    let (db, _folder) = database();
    let (serial, id) = (ContainerSerial::new(ContainerKind::Act, 1), OrderId::new("O").unwrap());
    for newest in [false, true] {
        for after in [None, Some((NOW, id.clone()))] {
            for (from, until) in [(None, None), (Some(NOW), Some(NOW.plus_days(1)))] {
                let all =
                    OrderQuery { newest, after: after.clone(), from, until, limit: 9, ..Default::default() };
                reads(&db, "orders_by_time", |db| lists::orders(db, &all));
                let of = OrderQuery { customer: CustomerId::new("C").ok(), ..all };
                reads(&db, "orders_by_customer", |db| lists::orders(db, &of));
            }
        }
        for after in [None, serial.map(|serial| (NOW, serial))] {
            let all = ContainerQuery { newest, after, limit: 9, ..ContainerQuery::default() };
            let check = |index, query: ContainerQuery| reads(&db, index, |db| lists::containers(db, &query));
            check("containers_by_time", all);
            check("containers_by_time", ContainerQuery { kind: Some(ContainerKind::Dongle), ..all });
            check("containers_by_time", ContainerQuery { test: Some(true), ..all });
            check("containers_by_time", ContainerQuery { status: Some(ContainerStatus::Normal), ..all });
            check("containers_flagged", ContainerQuery { flagged: true, ..all });
            let listed = Some(ContainerStatus::Blacklisted);
            check(
                "containers_flagged",
                ContainerQuery { status: listed, kind: Some(ContainerKind::Act), ..all },
            );
        }
        for after in [0, 7] {
            let all = EventQuery { newest, after, limit: 9, ..EventQuery::default() };
            let check = |index: &str, query: EventQuery| {
                // Where a page begins in time is looked up by the number.
                let begin = |sql: &str| sql.starts_with("SELECT at FROM events");
                let seen = plans(&db, |db| lists::events(db, &query));
                let begun = seen.iter().filter(|(sql, _)| begin(sql)).count();
                assert_eq!(begun, usize::from(query.by_time() && after > 0));
                if begun == 0 {
                    reads(&db, index, |db| lists::events(db, &query));
                }
            };
            check("events", all);
            check("events_by_ticket", EventQuery { ticket: Some(TicketId([1; 16])), ..all });
            check("events_by_license", EventQuery { license: Some(LicenseId([1; 16])), ..all });
            check("events_by_container", EventQuery { container: serial, ..all });
            let (action, from, until) = (Some(Action::Refused), Some(NOW), Some(NOW.plus_days(1)));
            check("events_by_container", EventQuery { container: serial, action, from, until, ..all });
            check("events_by_action", EventQuery { action, ..all });
            check("events_by_action", EventQuery { action, from, until, ..all });
            check("events_by_time", EventQuery { from, until, ..all });
        }
    }
    for after in [None, Some((NOW, ActivationId([1; 16])))] {
        let all = TransferQuery { after, limit: 9, ..TransferQuery::default() };
        reads(&db, "activations_unfinished", |db| lists::unfinished(db, &all));
        let old = TransferQuery { before: Some(NOW), ..all };
        reads(&db, "activations_unfinished", |db| lists::unfinished(db, &old));
        // What is live in one container is sorted.
        let plans = plans(&db, |db| lists::unfinished(db, &TransferQuery { container: serial, ..all }));
        assert!(plans[0].1.iter().any(|line| line.contains("activations_live_by_container")), "{plans:?}");
    }
    for after in [None, ItemId::new("I").ok()] {
        let all = ItemQuery { prefix: String::new(), after, limit: 9 };
        reads(&db, "PRIMARY KEY", |db| lists::items(db, &all));
        let some = ItemQuery { prefix: "i".to_owned(), ..all };
        reads(&db, "items_by_name", |db| lists::items(db, &some));
    }
}

#[test]
fn searching_and_counting_read_indexes() {
    let (db, _folder) = database();
    let query = SearchQuery {
        prefix: "a".to_owned(),
        ids: Some(([0; 16], [9; 16])),
        serials: ContainerSerial::new(ContainerKind::Act, 1).into_iter().collect(),
        limit: 9,
    };
    reads(&db, "", |db| search::search(db, &query));
    reads(&db, "events_by_action", |db| search::activity(db, &[Action::Refused], (NOW, NOW.plus_days(2))));
    for index in ["approvals_pending", "activations_unfinished", "containers_flagged"] {
        reads(&db, index, search::open);
    }
}
