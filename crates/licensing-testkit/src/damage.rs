//! Damaged content: a value that cannot be read is named, and never passes for absence. The list of damages for the
//! drivers' tests, which know how to do them.

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet, Receipt, RequestRecord};
use licensing_core::event::{Action, Event};
use licensing_core::ids::{ContainerKind, ContainerSerial, ItemId, LicenseId, OrderId, Text, TicketId};
use licensing_core::item::{Item, ItemPolicy};
use licensing_core::license::LicenseLine;
use licensing_core::order::{Order, StoredCode};
use licensing_core::step::ChainLink;
use licensing_core::terms::LicenseTerms;
use licensing_core::ticket::Ticket;
use licensing_core::token::{ApiToken, Role};
use licensing_core::work::{ProofMaster, ServerRules, Work};
use licensing_store::{EventQuery, FactsQuery, Store, StoreError};

use crate::TestEntropy;
use crate::server::{NOW, Server, actor, definition, firm};

/// The only ticket.
pub const TICKET: TicketId = TicketId([1; 16]);
/// The only license.
pub const LICENSE: LicenseId = LicenseId([1; 16]);

/// Fills an empty database with one of everything; gives the container.
pub fn one_of_everything(store: &dyn Store) -> ContainerSerial {
    let definition = definition("SNP", LicenseTerms::default(), ItemPolicy::default());
    let item = Item { definition, created_at: NOW, version: 0 };
    let order = OrderId::new("O").expect("plain data");
    let mut changes = ChangeSet::default();
    changes.push(Change::PutItem(item.clone()));
    let ticket = Ticket { id: TICKET, customer: None, together: true, created_at: NOW };
    let code = StoredCode { lookup: [1; 32], sealed: vec![1] };
    changes.push(Change::InsertTicket { ticket, code });
    let line = LicenseLine::new(LICENSE, TICKET, order.clone(), 0, &item, 5, NOW);
    changes.push(Change::InsertLicense(line));
    let comment = Text::new("").expect("plain data");
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
        serial: ContainerSerial::new(ContainerKind::Act, 1).expect("plain data"),
        firm_code: firm(),
        link: ChainLink { counter: 1, digest: [1; 32] },
        bytes: vec![1],
        received_at: NOW,
    }));
    changes.request = Some(RequestRecord { key: [1; 32], fingerprint: [1; 32], response: vec![1], at: NOW });
    changes.events.push(Event::new(Action::ItemCreated, &actor(), NOW));
    block_on(store.commit(changes)).expect("plain data");

    let mut server = Server::new(1);
    let mut device = server.device(ContainerKind::Act);
    let context = server.context(&mut device);
    let verified =
        licensing_core::format::context::VerifiedContext::verify(&context, &[]).expect("plain data");
    let facts = block_on(store.facts(query(device.serial))).expect("plain data");
    let rules = ServerRules { accept_test_containers: true, blacklist_version: 0 };
    let mut work = Work::new(facts, rules, actor(), NOW);
    let settled = work.settle(&verified, &context).expect("plain data");
    let proofs = ProofMaster([9; 32]);
    work.activate(&settled, &[(LICENSE, Some(2))], &proofs, &mut TestEntropy::new(1)).expect("plain data");
    block_on(store.commit(work.finish())).expect("plain data");
    device.serial
}

/// What a transfer decision about all of it needs.
pub fn query(serial: ContainerSerial) -> FactsQuery {
    FactsQuery { ticket: Some(TICKET), serial, firm_code: firm(), sequence: 1 }
}

/// What a read answers, as text.
pub type Read = fn(&dyn Store, ContainerSerial) -> Result<String, StoreError>;

fn text<T: std::fmt::Debug>(value: T) -> String {
    format!("{value:?}")
}

/// Every read, by name.
pub const READS: [(&str, Read); 14] = [
    ("facts", |store, serial| block_on(store.facts(query(serial))).map(text)),
    ("license", |store, _| block_on(store.license(LICENSE)).map(text)),
    ("lines_of_ticket", |store, _| block_on(store.lines_of_ticket(TICKET)).map(text)),
    ("live_activations", |store, _| block_on(store.live_activations(TICKET, 9)).map(text)),
    ("items", |store, _| block_on(store.items(vec![ItemId::new("SNP").expect("plain data")])).map(text)),
    ("list_items", |store, _| block_on(store.list_items(None, 9)).map(text)),
    ("ticket", |store, _| block_on(store.ticket(TICKET)).map(text)),
    ("order", |store, _| block_on(store.order(OrderId::new("O").expect("plain data"))).map(text)),
    ("container", |store, serial| block_on(store.container(serial)).map(text)),
    ("firms_of_container", |store, serial| block_on(store.firms_of_container(serial)).map(text)),
    ("token", |store, _| block_on(store.token([1; 32])).map(text)),
    ("events", |store, _| block_on(store.events(EventQuery { limit: 9, ..EventQuery::default() })).map(text)),
    ("receipt", |store, _| block_on(store.receipt([1; 32])).map(text)),
    ("answered", |store, _| block_on(store.answered([1; 32])).map(text)),
];

/// What is damaged, in SQL that both dialects have (byte strings are written `{00}`), and which read must name it how:
/// the read, the table, the column.
pub const DAMAGES: [(&str, &str, &str, &str); 27] = [
    ("UPDATE licenses SET carried = '[{'", "license", "licenses", "carried"),
    ("UPDATE licenses SET ticket = {00}", "license", "licenses", "ticket"),
    ("UPDATE licenses SET order_id = ''", "lines_of_ticket", "licenses", "order_id"),
    ("UPDATE licenses SET fresh = 4294967296", "facts", "licenses", "fresh"),
    ("UPDATE licenses SET version = -1", "license", "licenses", "version"),
    ("UPDATE definitions SET document = '[]'", "license", "licenses", "document"),
    ("UPDATE definitions SET document = '[]'", "list_items", "items", "document"),
    ("DELETE FROM definitions", "license", "licenses", "document"),
    ("DELETE FROM definitions", "facts", "licenses", "document"),
    ("DELETE FROM definitions", "items", "items", "document"),
    ("DELETE FROM licenses", "facts", "activations", "license"),
    ("UPDATE activations SET state = 'gone'", "live_activations", "activations", "state"),
    ("UPDATE activations SET state = 'active'", "live_activations", "activations", "activated_at"),
    ("UPDATE activations SET container = 7", "live_activations", "activations", "container"),
    ("UPDATE activations SET firm_code = 0", "live_activations", "activations", "firm_code"),
    ("UPDATE tickets SET customer = ''", "ticket", "tickets", "customer"),
    ("UPDATE orders SET content = {}", "order", "orders", "content"),
    ("UPDATE containers SET status = ''", "facts", "containers", "status"),
    ("UPDATE containers SET sealing_key = {01}", "container", "containers", "sealing_key"),
    ("UPDATE firms SET last_hash = NULL", "firms_of_container", "firms", "last_hash"),
    ("UPDATE firms SET last_box_time = NULL", "facts", "firms", "last_box_time"),
    ("UPDATE steps SET after_digest = {00}", "facts", "steps", "after_digest"),
    ("UPDATE contexts SET hash = {00}", "facts", "contexts", "hash"),
    ("UPDATE tokens SET roles = 'king'", "token", "tokens", "roles"),
    ("UPDATE events SET action = 'x'", "events", "events", "action"),
    ("UPDATE receipts SET digest = {00}", "receipt", "receipts", "digest"),
    ("UPDATE requests SET fingerprint = {00}", "answered", "requests", "fingerprint"),
];

/// What is done to the books, and how many licenses an audit must complain of after it.
pub const BOOKS: [(&str, usize); 6] = [
    ("UPDATE licenses SET fresh = 3", 0),
    ("UPDATE licenses SET fresh = 4", 1),
    ("UPDATE licenses SET fresh = 2, activating = 3", 1),
    ("UPDATE licenses SET fresh = 3, activating = 2", 0),
    ("UPDATE activations SET quantity = 1", 1),
    ("UPDATE licenses SET fresh = 0, carried = '[{\"quantity\":3}]', activating = 1, active = 1", 1),
];
