//! Damaged content: a value that cannot be read is named, and never passes for absence.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::path::{Path, PathBuf};

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet, Receipt, RequestRecord};
use licensing_core::event::{Action, Event};
use licensing_core::ids::{ContainerKind, ContainerSerial, ItemId, LicenseId, OrderId, Text, TicketId};
use licensing_core::item::{Item, ItemPolicy};
use licensing_core::license::{LicenseLine, NewLine};
use licensing_core::order::{Order, StoredCode};
use licensing_core::step::ChainLink;
use licensing_core::terms::LicenseTerms;
use licensing_core::ticket::Ticket;
use licensing_core::token::{ApiToken, Role};
use licensing_core::work::{ProofMaster, ServerRules, Work};
use licensing_store::{EventQuery, FactsQuery, Store, StoreError};
use licensing_store_sqlite::{OpenError, SqliteStore};
use licensing_testkit::TestEntropy;
use licensing_testkit::server::{NOW, Server, actor, definition, firm};

const TICKET: TicketId = TicketId([1; 16]);
const LICENSE: LicenseId = LicenseId([1; 16]);

/// A database with one of everything, closed; and its container.
fn one_of_everything(path: &Path) -> ContainerSerial {
    let store = SqliteStore::create(path).unwrap();
    let definition = definition("SNP", LicenseTerms::default(), ItemPolicy::default());
    let item = Item { definition, created_at: NOW, version: 0 };
    let order = OrderId::new("O").unwrap();
    let mut changes = ChangeSet::default();
    changes.push(Change::PutItem(item.clone()));
    let ticket = Ticket { id: TICKET, customer: None, together: true, created_at: NOW };
    let code = StoredCode { lookup: [1; 32], sealed: vec![1] };
    changes.push(Change::InsertTicket { ticket, code });
    let line = NewLine {
        id: LICENSE,
        ticket: TICKET,
        order: order.clone(),
        position: 0,
        item: item.definition,
        quantity: 5,
        assigned: None,
    };
    changes.push(Change::InsertLicense(LicenseLine::new(line, NOW)));
    let comment = Text::new("").unwrap();
    let placed =
        Order { id: order, customer: None, comment, ticket: TICKET, content: [1; 32], created_at: NOW };
    changes.push(Change::InsertOrder(placed));
    changes.push(Change::PutToken(ApiToken {
        hash: [1; 32],
        name: "erp".to_owned(),
        roles: vec![Role::Sales],
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
        version: 0,
    }));
    changes.push(Change::KeepReceipt(Receipt {
        hash: [1; 32],
        serial: ContainerSerial::new(ContainerKind::Act, 1).unwrap(),
        firm_code: firm(),
        link: ChainLink { counter: 1, digest: [1; 32] },
        bytes: vec![1],
        received_at: NOW,
    }));
    changes.request = Some(RequestRecord { key: [1; 32], fingerprint: [1; 32], response: vec![1], at: NOW });
    changes.events.push(Event::new(Action::ItemCreated, &actor(), NOW));
    block_on(store.commit(changes)).unwrap();

    let mut server = Server::new(1);
    let mut device = server.device(ContainerKind::Act);
    let context = server.context(&mut device);
    let verified = licensing_core::format::context::VerifiedContext::verify(&context, &[]).unwrap();
    let facts = block_on(store.facts(query(device.serial))).unwrap();
    let rules = ServerRules { accept_test_containers: true, ..ServerRules::default() };
    let mut work = Work::new(facts, rules, actor(), NOW);
    let settled = work.settle(&verified, &context).unwrap();
    let proofs = ProofMaster([9; 32]);
    work.activate(&settled, &[(LICENSE, Some(2))], &proofs, &mut TestEntropy::new(1)).unwrap();
    block_on(store.commit(work.finish())).unwrap();
    device.serial
}

fn query(serial: ContainerSerial) -> FactsQuery {
    let (named, elsewhere, old) = (vec![], false, None);
    FactsQuery { ticket: Some(TICKET), serial, firm_code: firm(), sequence: 1, named, elsewhere, old }
}

/// What a read answers, as text.
type Read = fn(&SqliteStore, ContainerSerial) -> Result<String, StoreError>;

fn text<T: std::fmt::Debug>(value: T) -> String {
    format!("{value:?}")
}

const READS: [(&str, Read); 14] = [
    ("facts", |store, serial| block_on(store.facts(query(serial))).map(text)),
    ("license", |store, _| block_on(store.license(LICENSE)).map(text)),
    ("lines_of_ticket", |store, _| block_on(store.lines_of_ticket(TICKET)).map(text)),
    ("live_activations", |store, _| block_on(store.live_activations(TICKET, 9)).map(text)),
    ("items", |store, _| block_on(store.items(vec![ItemId::new("SNP").unwrap()])).map(text)),
    ("list_items", |store, _| block_on(store.list_items(None, 9)).map(text)),
    ("ticket", |store, _| block_on(store.ticket(TICKET)).map(text)),
    ("order", |store, _| block_on(store.order(OrderId::new("O").unwrap())).map(text)),
    ("container", |store, serial| block_on(store.container(serial)).map(text)),
    ("firms_of_container", |store, serial| block_on(store.firms_of_container(serial)).map(text)),
    ("token", |store, _| block_on(store.token([1; 32])).map(text)),
    ("events", |store, _| block_on(store.events(EventQuery { limit: 9, ..EventQuery::default() })).map(text)),
    ("receipt", |store, _| block_on(store.receipt([1; 32])).map(text)),
    ("answered", |store, _| block_on(store.answered([1; 32])).map(text)),
];

/// What is damaged, and which read must name it how.
const DAMAGES: [(&str, &str, &str, &str); 27] = [
    ("UPDATE licenses SET carried = '[{'", "license", "licenses", "carried"),
    ("UPDATE licenses SET ticket = x'00'", "license", "licenses", "ticket"),
    ("UPDATE licenses SET order_id = ''", "lines_of_ticket", "licenses", "order_id"),
    ("UPDATE licenses SET fresh = 4294967296", "facts", "licenses", "fresh"),
    ("UPDATE licenses SET version = -1", "license", "licenses", "version"),
    ("UPDATE definitions SET document = '{}'", "license", "licenses", "document"),
    ("UPDATE definitions SET document = '{}'", "list_items", "items", "document"),
    ("DELETE FROM definitions", "license", "licenses", "document"),
    ("DELETE FROM definitions", "facts", "licenses", "document"),
    ("DELETE FROM definitions", "items", "items", "document"),
    ("DELETE FROM licenses", "facts", "activations", "license"),
    ("UPDATE activations SET state = 'gone'", "live_activations", "activations", "state"),
    ("UPDATE activations SET state = 'active'", "live_activations", "activations", "activated_at"),
    ("UPDATE activations SET container = 7", "live_activations", "activations", "container"),
    ("UPDATE activations SET firm_code = 0", "live_activations", "activations", "firm_code"),
    ("UPDATE tickets SET customer = ''", "ticket", "tickets", "customer"),
    ("UPDATE orders SET content = x''", "order", "orders", "content"),
    ("UPDATE containers SET status = ''", "facts", "containers", "status"),
    ("UPDATE containers SET sealing_key = x'01'", "container", "containers", "sealing_key"),
    ("UPDATE firms SET last_hash = NULL", "firms_of_container", "firms", "last_hash"),
    ("UPDATE firms SET last_box_time = NULL", "facts", "firms", "last_box_time"),
    ("UPDATE steps SET after_digest = x'00'", "facts", "steps", "after_digest"),
    ("UPDATE contexts SET hash = x'00'", "facts", "contexts", "hash"),
    ("UPDATE tokens SET roles = 'king'", "token", "tokens", "roles"),
    ("UPDATE events SET action = 'x'", "events", "events", "action"),
    ("UPDATE receipts SET digest = x'00'", "receipt", "receipts", "digest"),
    ("UPDATE requests SET fingerprint = x'00'", "answered", "requests", "fingerprint"),
];

#[test]
fn every_damaged_value_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    let serial = one_of_everything(&path);
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
        assert!(connection.execute(damage, []).unwrap() > 0, "{damage}");
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
    one_of_everything(&path);
    for (damage, findings) in [
        ("UPDATE licenses SET fresh = 3", 0),
        ("UPDATE licenses SET fresh = 4", 1),
        ("UPDATE licenses SET fresh = 2, activating = 3", 1),
        ("UPDATE licenses SET fresh = 3, activating = 2", 0),
        ("UPDATE activations SET quantity = 1", 1),
        ("UPDATE licenses SET fresh = 0, carried = '[{\"quantity\":3}]', activating = 1, active = 1", 1),
    ] {
        rusqlite::Connection::open(&path).unwrap().execute(damage, []).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        let found = block_on(store.audit()).unwrap();
        assert_eq!(found.len(), findings, "{damage}: {found:?}");
        assert!(found.iter().all(|finding| finding.which == format!("license {LICENSE}")));
    }
    rusqlite::Connection::open(&path).unwrap().execute("UPDATE licenses SET carried = '[{'", []).unwrap();
    let damaged = StoreError::Inconsistent { table: "licenses", column: "carried" };
    assert_eq!(block_on(SqliteStore::open(&path).unwrap().audit()), Err(damaged));
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
    one_of_everything(&path);
    let length = std::fs::read(&path).unwrap().len();
    for keep in [1, 99, 100, 512, 4_096, length / 2, length - 4_096, length - 1] {
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
    let serial = one_of_everything(&path);
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
