//! What a change set does, and what it does not.

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet, Receipt, RequestRecord};
use licensing_core::event::{Action, Event};
use licensing_core::ids::{
    ApprovalId, ContainerKind, ContainerSerial, CustomerId, ItemId, LicenseId, OrderId, PreActivationId,
    Text, TicketId,
};
use licensing_core::item::{Item, ItemPolicy};
use licensing_core::order::Order;
use licensing_core::step::ChainLink;
use licensing_core::terms::{LicenseTerms, Remainder};
use licensing_core::time::Timestamp;
use licensing_core::token::{ApiToken, Permission, Role};
use licensing_store::{
    ApprovalQuery, CommitError, Counts, EventQuery, ItemQuery, LicenseQuery, Page, TicketContents,
};

use crate::conformance::{Subject, order, order_changes};
use crate::server::{NOW, actor, definition, firm};

pub(super) fn item(id: &str) -> Item {
    Item {
        definition: definition(id, LicenseTerms::default(), ItemPolicy::default()),
        created_at: NOW,
        version: 0,
    }
}

pub(super) fn of(change: Change) -> ChangeSet {
    ChangeSet { changes: vec![change], ..ChangeSet::default() }
}

/// Nothing is found where nothing was stored.
pub fn absent_is_none(store: Subject) {
    let serial = ContainerSerial::new(ContainerKind::Act, 7).expect("a serial");
    assert_eq!(block_on(store.answered([1; 32])), Ok(None));
    assert_eq!(block_on(store.items(vec![ItemId::new("X").expect("an id")])), Ok(vec![]));
    assert_eq!(block_on(store.order(OrderId::new("X").expect("an id"))), Ok(None));
    assert_eq!(block_on(store.ticket_by_code([1; 32])), Ok(None));
    assert_eq!(block_on(store.ticket(TicketId([1; 16]))), Ok(None));
    assert_eq!(block_on(store.lines_of_ticket(TicketId([1; 16]))), Ok(vec![]));
    assert_eq!(block_on(store.license(LicenseId([1; 16]))), Ok(None));
    assert_eq!(block_on(store.container(serial)), Ok(None));
    assert_eq!(block_on(store.firms_of_container(serial)), Ok(vec![]));
    assert_eq!(block_on(store.receipt([1; 32])), Ok(None));
    assert_eq!(block_on(store.token([1; 32])), Ok(None));
    assert_eq!(block_on(store.events(EventQuery { limit: 10, ..EventQuery::default() })), Ok(vec![]));
    assert_eq!(block_on(store.ticket_contents(TicketId([1; 16]), 9)), Ok(TicketContents::default()));
    assert_eq!(block_on(store.live_of_license(LicenseId([1; 16]))), Ok(vec![]));
    assert_eq!(
        block_on(store.find_licenses(LicenseQuery { limit: 9, ..LicenseQuery::default() })),
        Ok(Page { entries: vec![], next: None })
    );
    assert_eq!(block_on(store.approval(ApprovalId([1; 16]))), Ok(None));
    assert_eq!(block_on(store.approvals(ApprovalQuery { limit: 9, ..ApprovalQuery::default() })), Ok(vec![]));
    assert_eq!(block_on(store.blacklist(0, 9)), Ok(vec![]));
    assert_eq!(block_on(store.blacklist_version()), Ok(0));
    assert_eq!(block_on(store.preactivation(PreActivationId([1; 16]), serial)), Ok(None));
    assert_eq!(block_on(store.reconciling()), Ok(None));
    assert_eq!(block_on(store.firm_books(None, 9)), Ok(vec![]));
    assert_eq!(block_on(store.audit()), Ok(vec![]));
    assert_eq!(block_on(store.counts()), Ok(Counts::default()));
    assert_eq!(block_on(store.ready()), Ok(()));
}

/// Every record comes back as it was, with version 1.
pub fn what_is_stored_is_read_back(store: Subject) {
    let (ticket, license) = order(&store, 1, 5, true);
    let mut line = block_on(store.license(license)).expect("a read").expect("a license");
    assert_eq!((line.version, line.ledger.available()), (1, 5));
    line.ledger.fresh = 3;
    line.ledger.carried = vec![licensing_core::license::Share {
        quantity: 2,
        remainder: Remainder { units: Some(7), expires: Some(NOW), ..Remainder::default() },
    }];
    block_on(store.commit(of(Change::UpdateLicense(line.clone())))).expect("an update");
    line.version = 2;
    assert_eq!(block_on(store.license(license)), Ok(Some(line.clone())));
    assert_eq!(block_on(store.lines_of_ticket(ticket)), Ok(vec![line.clone()]));
    let contents = TicketContents { lines: vec![line], live: vec![] };
    assert_eq!(block_on(store.ticket_contents(ticket, 9)), Ok(contents));
    let (found, code) = block_on(store.ticket(ticket)).expect("a read").expect("a ticket");
    assert!(found.together && code.sealed == [1; 40]);
    assert_eq!(block_on(store.ticket_by_code([1; 32])), Ok(Some(found)));

    let placed = Order {
        id: OrderId::new("Ö 1/\"x\"").expect("an id"),
        customer: Some(CustomerId::new("C-1").expect("an id")),
        comment: Text::new("two\nlines").expect("a text"),
        ticket,
        content: [5; 32],
        created_at: NOW,
    };
    block_on(store.commit(of(Change::InsertOrder(placed.clone())))).expect("an order");
    assert_eq!(block_on(store.order(placed.id.clone())), Ok(Some(placed)));

    let receipt = Receipt {
        hash: [8; 32],
        serial: ContainerSerial::new(ContainerKind::Dongle, ContainerSerial::NUMBER_MAX).expect("a serial"),
        firm_code: firm(),
        link: ChainLink { counter: 3, digest: [9; 32] },
        bytes: vec![1, 2, 3],
        received_at: NOW,
    };
    for _ in 0..2 {
        // Keeping a receipt twice is no conflict: contexts may be repeated.
        block_on(store.commit(of(Change::KeepReceipt(receipt.clone())))).expect("a receipt");
    }
    assert_eq!(block_on(store.receipt([8; 32])), Ok(Some(receipt)));
    let counts = block_on(store.counts()).expect("counts");
    assert_eq!((counts.tickets, counts.licenses), (1, 1));
}

/// A key that exists already is a conflict, and changes nothing.
pub fn inserting_twice_conflicts(store: Subject) {
    order(&store, 1, 5, false);
    let (again, ..) = order_changes(1, 9, false);
    assert_eq!(block_on(store.commit(again)), Err(CommitError::Conflict));
    let line = block_on(store.license(LicenseId([1; 16]))).expect("a read").expect("a license");
    assert_eq!(line.quantity, 5);
    block_on(store.commit(of(Change::PutItem(item("A"))))).expect("an item");
    assert_eq!(block_on(store.commit(of(Change::PutItem(item("A"))))), Err(CommitError::Conflict));
}

/// Whoever decided on an older version does not win.
pub fn stale_versions_conflict(store: Subject) {
    let (_, license) = order(&store, 1, 5, false);
    let line = block_on(store.license(license)).expect("a read").expect("a license");
    block_on(store.commit(of(Change::UpdateLicense(line.clone())))).expect("the first");
    assert_eq!(block_on(store.commit(of(Change::UpdateLicense(line)))), Err(CommitError::Conflict));
    block_on(store.commit(of(Change::PutItem(item("A"))))).expect("an item");
    let future = Item { version: 9, ..item("A") };
    assert_eq!(block_on(store.commit(of(Change::PutItem(future)))), Err(CommitError::Conflict));
    let absent = Item { version: 1, ..item("B") };
    assert_eq!(block_on(store.commit(of(Change::PutItem(absent)))), Err(CommitError::Conflict));
}

/// When the last change conflicts, the first did not happen, and neither did its events or its request.
pub fn a_change_set_is_all_or_nothing(store: Subject) {
    let (_, license) = order(&store, 1, 5, false);
    let mut stale = block_on(store.license(license)).expect("a read").expect("a license");
    stale.version = 7;
    let mut changes = of(Change::PutItem(item("A")));
    changes.push(Change::UpdateLicense(stale));
    changes.events.push(Event::new(Action::ItemCreated, &actor(), NOW));
    changes.request = Some(record([1; 32], b"answer"));
    assert_eq!(block_on(store.commit(changes)), Err(CommitError::Conflict));
    assert_eq!(block_on(store.items(vec![ItemId::new("A").expect("an id")])), Ok(vec![]));
    assert_eq!(block_on(store.events(EventQuery { limit: 10, ..EventQuery::default() })), Ok(vec![]));
    assert_eq!(block_on(store.answered([1; 32])), Ok(None));
}

pub(super) fn record(key: [u8; 32], response: &[u8]) -> RequestRecord {
    RequestRecord { key, fingerprint: [2; 32], response: response.to_vec(), at: NOW }
}

/// A request changes things once, and its first answer stays.
pub fn a_request_is_answered_once(store: Subject) {
    let first = ChangeSet { request: Some(record([1; 32], b"first")), ..of(Change::PutItem(item("A"))) };
    block_on(store.commit(first)).expect("the first");
    let second = ChangeSet { request: Some(record([1; 32], b"second")), ..of(Change::PutItem(item("B"))) };
    assert_eq!(block_on(store.commit(second)), Err(CommitError::Duplicate));
    assert_eq!(block_on(store.answered([1; 32])), Ok(Some(record([1; 32], b"first"))));
    assert_eq!(block_on(store.items(vec![ItemId::new("B").expect("an id")])), Ok(vec![]));
}

/// Events are numbered as they were committed, and every filter finds its own.
pub fn events_come_in_commit_order(store: Subject) {
    let serial = ContainerSerial::new(ContainerKind::Act, 7).expect("a serial");
    for number in 0..30u8 {
        let mut event = Event::new(Action::LicenseCreated, &actor(), NOW.plus_secs(u64::from(number)));
        event.detail = format!("{number} 'quoted' \"text\" ; --");
        if number % 2 == 0 {
            event = event.license(LicenseId([1; 16])).quantity(u32::from(number));
        }
        if number % 3 == 0 {
            event = event.container(serial, firm()).proof([number; 32]);
        }
        if number % 5 == 0 {
            event = event.ticket(TicketId([2; 16]));
        }
        block_on(store.commit(ChangeSet { events: vec![event], ..ChangeSet::default() })).expect("an event");
    }
    let read = |query: EventQuery| {
        let events = block_on(store.events(query)).expect("events");
        assert!(events.is_sorted_by(|a, b| a.sequence < b.sequence));
        events
    };
    let base = EventQuery { limit: 100, ..EventQuery::default() };
    assert_eq!(read(base).len(), 30);
    assert_eq!(read(EventQuery { license: Some(LicenseId([1; 16])), ..base }).len(), 15);
    assert_eq!(read(EventQuery { container: Some(serial), ..base }).len(), 10);
    assert_eq!(read(EventQuery { ticket: Some(TicketId([2; 16])), ..base }).len(), 6);
    let both = EventQuery { license: Some(LicenseId([1; 16])), container: Some(serial), ..base };
    assert_eq!(read(both).len(), 5);
    let page = read(EventQuery { limit: 10, ..base });
    let rest = read(EventQuery { after: page.last().expect("a page").sequence, ..base });
    assert_eq!((page.len(), rest.len()), (10, 20));
    assert_eq!(page.first().map(|e| e.event.detail.as_str()), Some("0 'quoted' \"text\" ; --"));
}

/// Going through pages shows everything once.
pub fn pages_are_complete_and_in_order(store: Subject) {
    for number in 0..25 {
        block_on(store.commit(of(Change::PutItem(item(&format!("I-{number:02}")))))).expect("an item");
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = block_on(store.list_items(ItemQuery { after, limit: 10, ..ItemQuery::default() }))
            .expect("a page");
        assert!(page.len() <= 10 && seen.len() <= 25);
        let Some(last) = page.last() else { break };
        after = Some(last.definition.id.clone());
        seen.extend(page.into_iter().map(|item| item.definition.id));
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted());
}

/// Tokens are found by the hash of their secret, and revoking one is a versioned change.
pub fn tokens_are_kept(store: Subject) {
    let token = ApiToken {
        hash: [1; 32],
        name: "erp".to_owned(),
        roles: vec![Role::Sales, Role::Support],
        scopes: Some(vec![Permission::ItemRead, Permission::OrderWrite]),
        certificate: Some([7; 32]),
        created_at: NOW,
        expires_at: Some(NOW.plus_days(1)),
        revoked_at: None,
        version: 0,
    };
    block_on(store.commit(of(Change::PutToken(token.clone())))).expect("a token");
    let stored = ApiToken { version: 1, ..token };
    assert_eq!(block_on(store.token([1; 32])), Ok(Some(stored.clone())));
    let revoked = ApiToken { revoked_at: Some(Timestamp::from_secs(5)), ..stored.clone() };
    block_on(store.commit(of(Change::PutToken(revoked.clone())))).expect("revoked");
    assert_eq!(block_on(store.commit(of(Change::PutToken(stored)))), Err(CommitError::Conflict));
    assert_eq!(block_on(store.tokens()), Ok(vec![ApiToken { version: 2, ..revoked }]));
}
