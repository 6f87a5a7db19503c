//! What the vendor looks through: filters, orders, and pages that are complete and repeat nothing.

use futures_executor::block_on;
use licensing_core::activation::{Activation, ActivationState};
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::container::{ContainerRecord, ContainerStatus, PendingStep};
use licensing_core::event::{Action, Event};
use licensing_core::ids::{
    ActivationId, ContainerKind, ContainerSerial, CustomerId, ItemId, LicenseId, OrderId, Text, TicketId,
};
use licensing_core::item::Item;
use licensing_core::license::{LINE_STATES, Ledger, LicenseLine, LineState, Share};
use licensing_core::order::{Order, StoredCode};
use licensing_core::step::StepId;
use licensing_core::terms::Remainder;
use licensing_core::ticket::Ticket;
use licensing_core::time::Timestamp;
use licensing_core::update_item::{UpdateScope, UpdateTerms};
use licensing_store::{
    ContainerQuery, EventQuery, ItemQuery, LicenseQuery, OrderQuery, Page, TransferQuery, smallest_id,
};

use super::contract::item;
use super::records::{activation, commit, container, serial, step};
use crate::conformance::{Subject, order_changes};
use crate::server::{NOW, actor, firm};

fn at(number: u8) -> Timestamp {
    NOW.plus_days(u32::from(number))
}

/// A license id of a day.
fn id(number: u8) -> LicenseId {
    let mut id = smallest_id(at(number));
    id[15] = number;
    LicenseId(id)
}

fn customer(number: u8) -> CustomerId {
    CustomerId::new(format!("C-{}", number % 2)).expect("an id")
}

fn stored(store: &Subject, changes: Vec<Change>) {
    block_on(store.commit(ChangeSet { changes, ..ChangeSet::default() })).expect("a change set");
}

/// A ticket of a customer with one line of an item of its own, made on its own day.
fn line(number: u8) -> (Vec<Change>, LicenseLine) {
    let (changes, ..) = order_changes(number, 5, false);
    let mut changes = changes.changes;
    if let Some(Change::InsertTicket { ticket, .. }) = changes.first_mut() {
        ticket.customer = (number < 6).then(|| customer(number));
    }
    let Some(Change::InsertLicense(line)) = changes.last_mut() else {
        unreachable!("an order ends with its line")
    };
    (line.id, line.created_at) = (id(number), at(number));
    let line = line.clone();
    let item = Item { definition: line.item.clone(), created_at: NOW, version: 0 };
    changes.insert(0, Change::PutItem(item));
    (changes, line)
}

/// License lines are found by every filter, oldest or newest first, each with the customer of its ticket.
pub fn license_lines_are_found(store: Subject) {
    for number in 1..=6u8 {
        stored(&store, line(number).0);
    }
    let here = serial(ContainerKind::Act, 1);
    let owner = |number: u8| (TicketId([number; 16]), id(number));
    let state = ActivationState::Returned { returned_at: NOW, proof: [1; 32] };
    let over = Activation { state, ..activation(2, owner(2), here) };
    let live = activation(3, owner(3), here);
    stored(&store, vec![Change::PutActivation(over), Change::PutActivation(live)]);
    let all = LicenseQuery { limit: 100, ..LicenseQuery::default() };
    let find = |change: &dyn Fn(&mut LicenseQuery)| {
        let mut query = all.clone();
        change(&mut query);
        let found = block_on(store.find_licenses(query.clone())).expect("license lines");
        let full = found.entries.len() == query.limit as usize;
        assert_eq!(found.next, found.entries.last().filter(|_| full).map(|last| last.line.id));
        for found in &found.entries {
            let number = found.line.id.0[15];
            assert_eq!(block_on(store.license(found.line.id)), Ok(Some(found.line.clone())));
            assert_eq!(found.customer, (number < 6).then(|| customer(number)));
        }
        found.entries.iter().map(|found| found.line.id.0[15]).collect::<Vec<_>>()
    };
    let [from, until]: [Option<Timestamp>; 2] = [Some(at(2)), Some(at(5))];
    assert_eq!(find(&|_| {}), [1, 2, 3, 4, 5, 6]);
    assert_eq!(find(&|query| query.newest = true), [6, 5, 4, 3, 2, 1]);
    assert_eq!(find(&|query| query.never_activated = true), [1, 4, 5, 6]);
    assert_eq!(find(&|query| query.item = ItemId::new("SNP-3").ok()), [3]);
    assert_eq!(find(&|query| query.item = ItemId::new("SNP").ok()), [0; 0]);
    assert_eq!(find(&|query| query.order = OrderId::new("O-4").ok()), [4]);
    assert_eq!(find(&|query| query.customer = CustomerId::new("C-1").ok()), [1, 3, 5]);
    assert_eq!(find(&|query| query.customer = CustomerId::new("c-1").ok()), [0; 0]);
    assert_eq!(find(&|query| query.from = from), [2, 3, 4, 5, 6]);
    assert_eq!(find(&|query| query.until = until), [1, 2, 3, 4]);
    assert_eq!(find(&|query| query.after = Some(id(4))), [5, 6]);
    assert_eq!(find(&|query| (query.after, query.newest) = (Some(id(3)), true)), [2, 1]);
    assert_eq!(find(&|query| query.limit = 2), [1, 2]);
    let several = |query: &mut LicenseQuery| {
        (query.from, query.until, query.customer) = (from, until, CustomerId::new("C-0").ok());
        query.never_activated = true;
    };
    assert_eq!(find(&several), [4]);
    let everything = |query: &mut LicenseQuery| {
        several(query);
        query.item = ItemId::new("SNP-4").ok();
        query.order = OrderId::new("O-4").ok();
        query.state = Some(LineState::Available);
        query.after = Some(id(3));
    };
    assert_eq!(find(&everything), [4]);
    let nothing = |query: &mut LicenseQuery| {
        everything(query);
        query.item = ItemId::new("SNP-2").ok();
    };
    assert_eq!(find(&nothing), [0; 0]);
    assert_eq!(find(&|query| (query.from, query.until) = (until, from)), [0; 0]);
}

/// What a database says of a line's state is what the core says, whatever is in its ledger.
pub fn every_state_of_a_license_is_found(store: Subject) {
    let used = Share { quantity: 1, remainder: Remainder::default() };
    let update = UpdateTerms {
        base: ItemId::new("BASE").expect("an id"),
        scope: UpdateScope::Container,
        add_units: Some(1),
        add_quantity: None,
        expiration: None,
        maintenance: None,
        features: None,
    };
    let mut expected = Vec::new();
    let mut number = 0;
    for parts in 0..64u32 {
        let bit = |at: u32| (parts >> at) & 1;
        for (is_update, replaced, wanted_back) in
            [(false, false, false), (true, false, true), (false, true, true)]
        {
            number += 1;
            let (mut changes, mut line) = line(number);
            line.item.update = is_update.then(|| update.clone());
            line.ledger = Ledger {
                fresh: bit(0),
                carried: vec![used; bit(1) as usize],
                activating: bit(2),
                active: bit(3),
                returning: bit(4),
                withdrawn_fresh: bit(5),
                withdrawn_carried: vec![used; bit(5) as usize],
            };
            line.quantity = (0..5).map(bit).sum::<u32>() + 2 * bit(5);
            (line.wanted_back, line.replaced_by) = (wanted_back, replaced.then_some(id(1)));
            changes.pop();
            changes.push(Change::InsertLicense(line.clone()));
            changes[0] = Change::PutItem(Item { definition: line.item.clone(), created_at: NOW, version: 0 });
            stored(&store, changes);
            expected.push((line.id, line.state()));
        }
    }
    for (state, word) in LINE_STATES {
        let query = LicenseQuery { state: Some(state), limit: 500, ..LicenseQuery::default() };
        let found = block_on(store.find_licenses(query)).expect("license lines");
        let found: Vec<LicenseId> = found.entries.iter().map(|found| found.line.id).collect();
        let of_state = expected.iter().filter(|(_, of)| *of == state).map(|(id, _)| *id);
        assert_eq!(found, of_state.collect::<Vec<_>>(), "{word}");
        assert!(!found.is_empty(), "{word}");
    }
}

/// Every page of a list, in order: none has more than was asked for, and the next begins behind the one before.
fn pages<T, K: Clone>(
    limit: usize,
    mut page: impl FnMut(Option<K>) -> Vec<T>,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let found = page(after.clone());
        assert!(found.len() <= limit && seen.len() < 1_000);
        let Some(last) = found.last() else { return seen };
        after = Some(key(last));
        seen.extend(found);
    }
}

fn placed(name: &str, of: Option<&str>, day: u8) -> Order {
    Order {
        id: OrderId::new(name).expect("an id"),
        customer: of.map(|of| CustomerId::new(of).expect("an id")),
        comment: Text::new("").expect("a text"),
        ticket: TicketId([1; 16]),
        content: [1; 32],
        created_at: at(day),
    }
}

/// Orders come in the order in which they were placed, those of one moment by their ids, and by customer and time.
pub fn orders_come_in_pages(store: Subject) {
    let ticket = Ticket { id: TicketId([1; 16]), customer: None, together: false, created_at: NOW };
    let code = StoredCode { lookup: [1; 32], sealed: vec![1] };
    let orders = [
        placed("O-9", Some("ACME"), 1),
        placed("O-1", Some("acme"), 2),
        placed("O-2", None, 2),
        placed("o-3", Some("ACME"), 2),
        placed("O-0", Some("ACME"), 3),
        placed("A", Some("B"), 4),
    ];
    let mut changes = vec![Change::InsertTicket { ticket, code }];
    changes.extend(orders.iter().rev().cloned().map(Change::InsertOrder));
    stored(&store, changes);
    let read = |query: OrderQuery| {
        let page =
            |after| block_on(store.find_orders(OrderQuery { after, ..query.clone() })).expect("orders");
        pages(2, page, |order: &Order| (order.created_at, order.id.clone()))
    };
    let all = OrderQuery { limit: 2, ..OrderQuery::default() };
    assert_eq!(read(all.clone()), orders);
    let newest = OrderQuery { newest: true, ..all.clone() };
    assert_eq!(read(newest.clone()), orders.iter().rev().cloned().collect::<Vec<_>>());
    let names = |query| read(query).iter().map(|order| order.id.to_string()).collect::<Vec<_>>();
    let of = OrderQuery { customer: CustomerId::new("ACME").ok(), ..all.clone() };
    assert_eq!(names(of.clone()), ["O-9", "o-3", "O-0"]);
    assert_eq!(names(OrderQuery { newest: true, ..of.clone() }), ["O-0", "o-3", "O-9"]);
    let (from, until) = (Some(at(2)), Some(at(4)));
    assert_eq!(names(OrderQuery { from, until, ..all.clone() }), ["O-1", "O-2", "o-3", "O-0"]);
    assert_eq!(names(OrderQuery { from, until, newest: true, ..of }), ["O-0", "o-3"]);
    assert_eq!(names(OrderQuery { from: until, until: from, ..all }), [""; 0]);
}

/// Containers come in order of their first contact, by kind, status and whether they are test containers.
pub fn containers_come_in_pages(store: Subject) {
    let mut expected = Vec::new();
    for (number, status) in (1u8..).zip([
        ContainerStatus::Normal,
        ContainerStatus::Blacklisted,
        ContainerStatus::Normal,
        ContainerStatus::ManipulationDetected,
        ContainerStatus::Normal,
    ]) {
        for kind in [ContainerKind::Act, ContainerKind::Dongle] {
            let container = ContainerRecord {
                status,
                test_host: number % 2 == 0,
                registered_at: at(9 - number / 2),
                ..container(serial(kind, ContainerSerial::NUMBER_MAX - u64::from(number)), 0)
            };
            commit(&store, Change::PutContainer(container.clone())).expect("a container");
            expected.push(ContainerRecord { version: 1, ..container });
        }
    }
    expected.sort_by_key(|container| (container.registered_at, container.serial));
    let read = |query: ContainerQuery| {
        let page = |after| {
            let page: Page<ContainerRecord, ContainerSerial> =
                block_on(store.list_containers(ContainerQuery { after, ..query })).expect("containers");
            let last = page.entries.last().map(|last| last.serial);
            assert!(page.next.is_none() || page.next == last);
            page.entries
        };
        pages(3, page, |container| (container.registered_at, container.serial))
    };
    let check = |query: ContainerQuery, matches: &dyn Fn(&ContainerRecord) -> bool| {
        let mut matching: Vec<_> = expected.iter().filter(|found| matches(found)).cloned().collect();
        assert!(!matching.is_empty());
        assert_eq!(read(query), matching);
        matching.reverse();
        assert_eq!(read(ContainerQuery { newest: true, ..query }), matching);
    };
    let all = ContainerQuery { limit: 3, ..ContainerQuery::default() };
    check(all, &|_| true);
    for kind in [ContainerKind::Act, ContainerKind::Dongle] {
        check(ContainerQuery { kind: Some(kind), ..all }, &|found| found.serial.kind() == kind);
    }
    for status in
        [ContainerStatus::Normal, ContainerStatus::Blacklisted, ContainerStatus::ManipulationDetected]
    {
        check(ContainerQuery { status: Some(status), ..all }, &|found| found.status == status);
    }
    for test in [true, false] {
        check(ContainerQuery { test: Some(test), ..all }, &|found| found.test_host == test);
    }
    let flagged = ContainerQuery { flagged: true, ..all };
    check(flagged, &|found| found.status != ContainerStatus::Normal);
    let both = ContainerQuery {
        kind: Some(ContainerKind::Act),
        status: Some(ContainerStatus::Blacklisted),
        ..flagged
    };
    check(both, &|found| {
        found.status == ContainerStatus::Blacklisted && found.serial.kind() == ContainerKind::Act
    });
    assert_eq!(block_on(store.counts()).expect("counts").containers, 10);
}

/// What waits for a receipt comes oldest first, with the step it waits for and the license it is of.
pub fn unfinished_transfers_come_oldest_first(store: Subject) {
    let (changes, line) = line(1);
    stored(&store, changes);
    let places = [serial(ContainerKind::Act, 1), serial(ContainerKind::Dongle, 2)];
    let waiting = |number: u8| {
        let step = StepId([number; 32]);
        let state = match number % 3 {
            0 => ActivationState::Returning { activated_at: NOW, step },
            1 => ActivationState::Activating { step },
            _ => ActivationState::Active { activated_at: NOW, proof: [1; 32] },
        };
        let place = places[usize::from(number % 2)];
        let created_at = NOW.plus_secs(u64::from(100 - number / 3));
        Activation { state, created_at, ..activation(number, (line.ticket, line.id), place) }
    };
    let issued = |number: u8| NOW.plus_secs(200 - u64::from(number));
    for number in 1..=9u8 {
        let step = PendingStep { issued_at: issued(number), ..step(number) };
        let place = places[usize::from(number % 2)];
        stored(
            &store,
            vec![
                Change::PutActivation(waiting(number)),
                Change::InsertStep { serial: place, firm_code: firm(), step },
            ],
        );
    }
    let read = |query: TransferQuery| {
        let page = |after| {
            let query = TransferQuery { after, ..query };
            let found = block_on(store.unfinished_transfers(query)).expect("transfers");
            for found in &found {
                let number = found.activation.id.0[0];
                assert_eq!(found.activation, Activation { version: 1, ..waiting(number) });
                assert_eq!((found.since, &found.order), (issued(number), &line.order));
                assert_eq!((&found.item, &found.name), (&line.item.id, &line.item.name));
                assert_eq!(found.customer, Some(customer(1)));
                assert_eq!(
                    block_on(store.activation(found.activation.id)),
                    Ok(Some(found.activation.clone()))
                );
            }
            found
        };
        let key =
            |found: &licensing_store::UnfinishedTransfer| (found.activation.created_at, found.activation.id);
        pages(2, page, key).iter().map(|found| found.activation.id.0[0]).collect::<Vec<_>>()
    };
    let all = TransferQuery { limit: 2, ..TransferQuery::default() };
    assert_eq!(read(all), [9, 6, 7, 3, 4, 1]);
    assert_eq!(read(TransferQuery { container: Some(places[0]), ..all }), [6, 4]);
    assert_eq!(read(TransferQuery { container: Some(places[1]), ..all }), [9, 7, 3, 1]);
    assert_eq!(read(TransferQuery { before: Some(issued(4)), ..all }), [9, 6, 7]);
    assert_eq!(block_on(store.activation(ActivationId([99; 16]))), Ok(None));
}

/// Items are found by the beginning of their ids, whether their letters are capital or small.
pub fn items_are_found_by_their_beginning(store: Subject) {
    for id in ["a-1", "A-1", "A-2", "a-3", "AB", "B", "b", "Ä", "a%"] {
        commit(&store, Change::PutItem(item(id))).expect("an item");
    }
    let read = |prefix: &str| {
        let page = |after| {
            let query = ItemQuery { prefix: prefix.to_owned(), after, limit: 2 };
            block_on(store.list_items(query)).expect("items")
        };
        let found = pages(2, page, |item: &Item| item.definition.id.clone());
        found.iter().map(|item| item.definition.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(read("a"), ["a%", "A-1", "a-1", "A-2", "a-3", "AB"]);
    assert_eq!(read("A-"), ["A-1", "a-1", "A-2", "a-3"]);
    assert_eq!(read("a%"), ["a%"]);
    assert_eq!(read("b"), ["B", "b"]);
    assert_eq!(read("ä"), [""; 0]);
    assert_eq!(read("_"), [""; 0]);
    assert_eq!(read(""), ["A-1", "A-2", "AB", "B", "a%", "a-1", "a-3", "b", "Ä"]);
}

/// Events are found by action and time, in order of their time, also where the clock was turned back.
pub fn events_are_filtered(store: Subject) {
    let here = serial(ContainerKind::Act, 1);
    let days = [3u8, 1, 2, 2, 4];
    for (number, day) in (0u8..).zip(days) {
        let action = if number % 2 == 0 { Action::OrderCreated } else { Action::Refused };
        let mut event = Event::new(action, &actor(), at(day)).ticket(TicketId([1; 16]));
        if number != 1 {
            event = event.container(here, firm());
        }
        event.detail = number.to_string();
        let events = vec![event];
        block_on(store.commit(ChangeSet { events, ..ChangeSet::default() })).expect("an event");
    }
    let read = |query: EventQuery| {
        let page = |after: Option<u64>| {
            block_on(store.events(EventQuery { after: after.unwrap_or(0), limit: 2, ..query }))
                .expect("events")
        };
        let found = pages(2, page, |event| event.sequence);
        found.iter().map(|event| event.event.detail.clone()).collect::<Vec<_>>().concat()
    };
    let all = EventQuery::default();
    let both = |query: EventQuery| (read(query), read(EventQuery { newest: true, ..query }));
    let told = |ways: (&str, &str)| (ways.0.to_owned(), ways.1.to_owned());
    assert_eq!(both(all), told(("01234", "43210")));
    let (from, until) = (Some(at(2)), Some(at(4)));
    assert_eq!(both(EventQuery { from, ..all }), told(("2304", "4032")));
    assert_eq!(both(EventQuery { from, until, ..all }), told(("230", "032")));
    let action = Some(Action::Refused);
    assert_eq!(both(EventQuery { action, ..all }), told(("13", "31")));
    assert_eq!(both(EventQuery { action, from, until, ..all }), told(("3", "3")));
    let container = Some(here);
    assert_eq!(both(EventQuery { container, ..all }), told(("0234", "4320")));
    assert_eq!(both(EventQuery { container, from, until, ..all }), told(("023", "320")));
    assert_eq!(both(EventQuery { container, action, ..all }), told(("3", "3")));
    let ticket = Some(TicketId([1; 16]));
    assert_eq!(both(EventQuery { ticket, action, ..all }), told(("13", "31")));
    let unknown = EventQuery { after: 1_000, limit: 9, from, ..all };
    assert_eq!(block_on(store.events(unknown)), Ok(vec![]));
}

/// Whoever goes through a list sees everything once that was there when he began, whatever is added meanwhile.
pub fn pages_hold_while_rows_are_added(store: Subject) {
    for number in 1..=20u8 {
        stored(&store, line(2 * number).0);
    }
    let there: Vec<u8> = (1..=20).map(|number| 2 * number).collect();
    for newest in [false, true] {
        let mut added = if newest { 101 } else { 1 };
        let page = |after| {
            let query = LicenseQuery {
                newest,
                after,
                limit: 3,
                state: Some(LineState::Available),
                ..Default::default()
            };
            let page = block_on(store.find_licenses(query)).expect("license lines");
            // One at each end and one in the middle, between what was seen and what was not.
            stored(&store, line(added).0);
            added += 2;
            let last = page.entries.last().map(|last| last.line.id);
            assert!(page.next.is_none() || page.next == last);
            page.entries
        };
        let mut seen = pages(3, page, |found| found.line.id);
        seen.retain(|found| there.contains(&found.line.id.0[15]));
        let mut numbers: Vec<u8> = seen.iter().map(|found| found.line.id.0[15]).collect();
        if newest {
            numbers.reverse();
        }
        assert_eq!(numbers, there);
    }
}
