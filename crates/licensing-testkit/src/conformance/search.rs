//! Searching and counting.

use futures_executor::block_on;
use licensing_core::activation::{Activation, ActivationState};
use licensing_core::approval::{Approval, ApprovalKind, ApprovalState};
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::container::{ContainerRecord, ContainerStatus};
use licensing_core::event::{Action, Event};
use licensing_core::ids::{
    ActivationId, ApprovalId, ContainerKind, CustomerId, LicenseId, OrderId, Text, TicketId,
};
use licensing_core::order::Order;
use licensing_core::step::StepId;
use licensing_core::time::Timestamp;
use licensing_store::{DayCount, FoundCustomer, Open, SearchHits, SearchQuery};

use super::contract::item;
use super::records::{activation, commit, container, serial};
use crate::conformance::{Subject, order};
use crate::server::{NOW, actor, firm};

fn placed(id: &str, customer: &str, ticket: TicketId, day: u32) -> Change {
    Change::InsertOrder(Order {
        id: OrderId::new(id).expect("an id"),
        customer: CustomerId::new(customer).ok(),
        comment: Text::new("").expect("a text"),
        ticket,
        content: [1; 32],
        created_at: NOW.plus_days(day),
    })
}

fn question(number: u8, of: (TicketId, LicenseId)) -> Approval {
    Approval {
        id: ApprovalId([number; 16]),
        kind: ApprovalKind::Return,
        license: of.1,
        ticket: of.0,
        container: serial(ContainerKind::Act, 1),
        firm_code: firm(),
        state: ApprovalState::Pending,
        first_grant_by: None,
        reason: Text::new("").expect("a text"),
        requested_at: NOW,
        version: 0,
    }
}

/// Everything is found by the beginning of its id, each customer once, and never more of a kind than was asked for.
pub fn everything_is_found_by_its_id(store: Subject) {
    let owner = order(&store, 0x61, 1, false);
    order(&store, 0x62, 1, false);
    for (id, customer, day) in [
        ("A-1", "Acme", 1),
        ("a-2", "ACME", 2),
        ("A-3", "Acme", 9),
        ("B-1", "acme", 3),
        ("b-2", "Acme & sons", 4),
        ("ab", "Bell", 5),
        ("A-0", "", 6),
        ("C", "acme", 2),
    ] {
        commit(&store, placed(id, customer, owner.0, day)).expect("an order");
    }
    for id in ["A", "acme-pro", "B"] {
        commit(&store, Change::PutItem(item(id))).expect("an item");
    }
    let here = serial(ContainerKind::Act, 7);
    commit(&store, Change::PutContainer(container(here, 0))).expect("a container");
    for number in [0x61, 0x62, 0x63] {
        commit(&store, Change::PutApproval(question(number, owner))).expect("a question");
    }
    let query = |prefix: &str| SearchQuery { prefix: prefix.to_owned(), limit: 9, ..SearchQuery::default() };
    let search = |query| block_on(store.search(query)).expect("hits");
    let orders = |hits: &SearchHits| hits.orders.iter().map(|order| order.id.to_string()).collect::<Vec<_>>();
    let items =
        |hits: &SearchHits| hits.items.iter().map(|item| item.definition.id.to_string()).collect::<Vec<_>>();
    let customer = |name: &str, day| FoundCustomer {
        customer: CustomerId::new(name).expect("an id"),
        last_order: NOW.plus_days(day),
    };
    let hits = search(query("a"));
    assert_eq!(orders(&hits), ["A-0", "A-1", "a-2", "A-3", "ab"]);
    assert_eq!(items(&hits), ["A", "acme-pro"]);
    let customers =
        [customer("ACME", 2), customer("Acme", 9), customer("acme", 3), customer("Acme & sons", 4)];
    assert_eq!(hits.customers, customers);
    assert_eq!((hits.licenses.len(), hits.containers.len(), hits.approvals.len()), (0, 0, 0));
    let few = search(SearchQuery { limit: 2, ..query("A") });
    assert_eq!((orders(&few), few.customers.as_slice()), (vec!["A-0".into(), "A-1".into()], &customers[..2]));
    assert_eq!(search(query("acme &")).customers, customers[3..]);
    assert_eq!(orders(&search(query("C"))), ["C"]);
    assert_eq!(search(query("zz")), SearchHits::default());
    assert_eq!(search(query("%")), SearchHits::default());

    let ids = Some(([0x61; 16], [0x62; 16]));
    let serials = vec![serial(ContainerKind::Dongle, 7), here];
    let hits = search(SearchQuery { ids, serials: serials.clone(), ..query("zz") });
    let found: Vec<LicenseId> = hits.licenses.iter().map(|found| found.line.id).collect();
    assert_eq!(found, [LicenseId([0x61; 16]), LicenseId([0x62; 16])]);
    let found: Vec<u8> = hits.approvals.iter().map(|approval| approval.id.0[0]).collect();
    assert_eq!(found, [0x61, 0x62]);
    assert_eq!(hits.containers, [ContainerRecord { version: 1, ..container(here, 0) }]);
    let one = search(SearchQuery { ids, serials, limit: 1, ..query("zz") });
    assert_eq!((one.licenses.len(), one.approvals.len()), (1, 1));
}

/// What happened is counted by day and action, from the first moment on and before the last.
pub fn what_happened_is_counted_by_day(store: Subject) {
    let day = |number: u64| Timestamp::from_secs((20_000 + number) * 86_400);
    let event = |action, at: Timestamp, quantity: Option<u32>| {
        let event = Event::new(action, &actor(), at);
        quantity.map_or(event.clone(), |quantity| event.quantity(quantity))
    };
    let last_second = Timestamp::from_secs(day(2).secs() - 1);
    let events = vec![
        event(Action::LicenseCreated, day(1), Some(3)),
        event(Action::LicenseCreated, last_second, Some(4)),
        event(Action::Refused, day(1).plus_secs(7), None),
        event(Action::ItemCreated, day(1), None),
        event(Action::LicenseCreated, day(2), Some(u32::MAX)),
        event(Action::LicenseCreated, day(2), Some(u32::MAX)),
        event(Action::LicenseCreated, day(4), Some(1)),
        event(Action::Refused, Timestamp::from_secs(day(1).secs() - 1), None),
    ];
    block_on(store.commit(ChangeSet { events, ..ChangeSet::default() })).expect("events");
    const COUNTED: &[Action] = &[Action::LicenseCreated, Action::Refused, Action::ReturnConfirmed];
    let read = |from, until| {
        let mut counts = block_on(store.activity(COUNTED, from, until)).expect("counts");
        counts.sort_by_key(|count| (count.day, count.action.name()));
        counts
    };
    let count = |number, action, events, quantity| DayCount { day: day(number), action, events, quantity };
    let expected = [
        count(1, Action::LicenseCreated, 2, 7),
        count(1, Action::Refused, 1, 0),
        count(2, Action::LicenseCreated, 2, 2 * u64::from(u32::MAX)),
    ];
    assert_eq!(read(day(1), day(4)), expected);
    assert_eq!(read(day(1), last_second), [count(1, Action::LicenseCreated, 1, 3), expected[1]]);
    assert_eq!(read(day(5), day(9)), []);
    assert_eq!(read(day(4), day(1)), []);
}

/// What waits for somebody is counted.
pub fn what_is_open_is_counted(store: Subject) {
    assert_eq!(block_on(store.open()), Ok(Open::default()));
    let owner = order(&store, 1, 9, false);
    for number in 1..=6u8 {
        let status = match number {
            1 => ContainerStatus::ManipulationDetected,
            2 => ContainerStatus::Blacklisted,
            _ => ContainerStatus::Normal,
        };
        let here = serial(ContainerKind::Act, u64::from(number));
        commit(&store, Change::PutContainer(ContainerRecord { status, ..container(here, 0) }))
            .expect("a container");
        let state = if number < 3 { ApprovalState::Pending } else { ApprovalState::Denied { at: NOW } };
        commit(&store, Change::PutApproval(Approval { state, ..question(number, owner) }))
            .expect("a question");
        let state = match number {
            1 => ActivationState::Activating { step: StepId([1; 32]) },
            2 | 3 => ActivationState::Returning { activated_at: NOW, step: StepId([2; 32]) },
            _ => ActivationState::Active { activated_at: NOW, proof: [1; 32] },
        };
        let id = ActivationId([number; 16]);
        let put = Activation { id, state, ..activation(number, owner, here) };
        commit(&store, Change::PutActivation(put)).expect("an activation");
    }
    assert_eq!(block_on(store.open()), Ok(Open { approvals: 2, transfers: 3, flagged: 2 }));
}
