//! Every kind of record: it comes back as it was stored, its key is its own, and its version is kept.

use futures_executor::block_on;
use licensing_core::activation::{Activation, ActivationState, PendingUpdate};
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::container::{ContainerRecord, ContainerStatus, FirmRecord, LastContext, PendingStep};
use licensing_core::crypto::seal::SealingPublicKey;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::event::{Action, Actor, Event};
use licensing_core::format::context::TraitDigest;
use licensing_core::four_eyes::{HeldOrder, HeldState, Ordered};
use licensing_core::ids::{
    ActivationId, ContainerKind, ContainerSerial, EntryId, ItemId, LicenseId, OrderId, TicketId,
};
use licensing_core::step::{ChainLink, StepId};
use licensing_core::terms::Remainder;
use licensing_core::token::{ApiToken, Role};
use licensing_core::update_item::UpdateEffect;
use licensing_core::user::{PasswordHash, User, UserName};
use licensing_store::{CommitError, EventQuery, ItemQuery};

use super::contract::{item, of, record};
use crate::conformance::{Subject, order, order_changes};
use crate::server::{NOW, firm};

pub(super) fn serial(kind: ContainerKind, number: u64) -> ContainerSerial {
    ContainerSerial::new(kind, number).expect("a serial")
}

pub(super) fn container(serial: ContainerSerial, version: u64) -> ContainerRecord {
    ContainerRecord {
        serial,
        identity_key: PublicKey::from_trusted([3; 32]),
        sealing_key: SealingPublicKey([4; 32]),
        test_host: true,
        status: ContainerStatus::Normal,
        registered_at: NOW,
        version,
    }
}

pub(super) fn firm_record(serial: ContainerSerial, version: u64) -> FirmRecord {
    FirmRecord {
        serial,
        firm_code: firm(),
        confirmed: ChainLink { counter: 6, digest: [5; 32] },
        pending: vec![],
        voided: vec![],
        resync: true,
        last_context: Some(LastContext {
            sequence: 8,
            certified_time: NOW.plus_secs(1),
            box_time: NOW.plus_secs(2),
            hash: [6; 32],
            seen_at: NOW.plus_secs(3),
            free_products: 77,
            traits: vec![TraitDigest { kind: [1; 4], weight: 9, digest: [2; 16] }],
        }),
        version,
    }
}

pub(super) fn activation(number: u8, of: (TicketId, LicenseId), container: ContainerSerial) -> Activation {
    Activation {
        id: ActivationId([number; 16]),
        license: of.1,
        ticket: of.0,
        container,
        firm_code: firm(),
        entry: EntryId([number; 16]),
        generation: 2,
        quantity: 1,
        remainder: Remainder {
            units: Some(u64::from(u32::MAX) * 1_000),
            expires: Some(NOW.plus_days(1)),
            maintenance_until: Some(NOW.plus_days(2)),
            usage_started: Some(NOW),
            added_uses: 3,
            feature_map: Some(u32::MAX),
        },
        state: ActivationState::Activating { step: StepId([number; 32]) },
        withdraw: number.is_multiple_of(2),
        update: number.is_multiple_of(3).then(|| PendingUpdate {
            effect: UpdateEffect { units: 1, expires: Some(NOW), ..UpdateEffect::default() },
            split_from: Some(EntryId([8; 16])),
        }),
        created_at: NOW.plus_secs(u64::from(number)),
        version: 0,
    }
}

pub(super) fn step(number: u8) -> PendingStep {
    let link = |counter: u8| ChainLink { counter: u64::from(counter), digest: [counter; 32] };
    let (before, after) = (link(number), link(number + 1));
    PendingStep { id: StepId([number; 32]), before, after, bytes: vec![number; 300], issued_at: NOW }
}

pub(super) fn commit(store: &Subject, change: Change) -> Result<(), CommitError> {
    block_on(store.commit(of(change)))
}

/// An activation comes back in each of its states, live ones oldest first, returned ones no more.
pub fn activations_come_back_in_every_state(store: Subject) {
    let owner = order(&store, 1, 9, false);
    let here = serial(ContainerKind::Dongle, ContainerSerial::NUMBER_MAX);
    let proof = [7; 32];
    let states = [
        ActivationState::Activating { step: StepId([1; 32]) },
        ActivationState::Active { activated_at: NOW, proof },
        ActivationState::Returning { activated_at: NOW, step: StepId([2; 32]) },
        ActivationState::Returned { returned_at: NOW, proof },
        ActivationState::Consumed { activated_at: NOW, proof },
        ActivationState::Cancelled { cancelled_at: NOW, proof },
        ActivationState::Superseded { superseded_at: NOW },
    ];
    for number in (1..=9u8).rev() {
        commit(&store, Change::PutActivation(activation(number, owner, here))).expect("an activation");
    }
    let read = |limit| block_on(store.ticket_contents(owner.0, limit)).expect("activations").live;
    let ids = |found: Vec<Activation>| found.iter().map(|a| a.id.0[0]).collect::<Vec<_>>();
    assert_eq!(ids(read(100)), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(ids(read(4)), [1, 2, 3, 4]);
    let mut expected = Activation { version: 1, ..activation(1, owner, here) };
    for state in states {
        expected.state = state;
        commit(&store, Change::PutActivation(expected.clone())).expect("an update");
        expected.version += 1;
        let found = read(100).into_iter().find(|a| a.id == expected.id);
        assert_eq!(found, state.is_live().then(|| expected.clone()), "{}", state.name());
    }
    assert_eq!(ids(read(2)), [2, 3]);
    let split = Activation { quantity: 1, remainder: Remainder::default(), ..activation(20, owner, here) };
    commit(&store, Change::PutActivation(split.clone())).expect("an activation");
    let found = read(100).pop().expect("the youngest");
    assert_eq!(found, Activation { version: 1, ..split });
    assert_eq!(block_on(store.counts()).expect("counts").activations, 10);
}

/// Containers, firm items and events come back with everything in them.
pub fn containers_and_events_come_back(store: Subject) {
    let here = serial(ContainerKind::Dongle, 5);
    let mut expected = container(here, 0);
    commit(&store, Change::PutContainer(expected.clone())).expect("a container");
    for status in
        [ContainerStatus::ManipulationDetected, ContainerStatus::Blacklisted, ContainerStatus::Normal]
    {
        expected.version += 1;
        assert_eq!(block_on(store.container(here)), Ok(Some(expected.clone())));
        expected.status = status;
        commit(&store, Change::PutContainer(expected.clone())).expect("an update");
    }
    let mut expected = FirmRecord { last_context: None, ..firm_record(here, 0) };
    commit(&store, Change::PutFirm(expected.clone())).expect("a firm item");
    expected.version = 1;
    assert_eq!(block_on(store.firms_of_container(here)), Ok(vec![expected]));
    commit(&store, Change::PutFirm(firm_record(here, 1))).expect("an update");
    let insert = Change::InsertStep { serial: here, firm_code: firm(), step: step(6) };
    commit(&store, insert).expect("a step");
    let expected = FirmRecord { pending: vec![step(6)], ..firm_record(here, 2) };
    assert_eq!(block_on(store.firms_of_container(here)), Ok(vec![expected]));

    let actor = Actor { name: "erp".to_owned(), origin: Some("192.0.2.7".to_owned()) };
    let full = Event::new(Action::ActivationIssued, &actor, NOW)
        .ticket(TicketId([1; 16]))
        .license(LicenseId([2; 16]))
        .container(here, firm())
        .quantity(u32::MAX)
        .proof([3; 32]);
    let bare = Event::new(Action::ItemCreated, &crate::server::actor(), NOW);
    let events = vec![Event { outcome: "not_available".to_owned(), ..full }, bare];
    block_on(store.commit(ChangeSet { events: events.clone(), ..ChangeSet::default() })).expect("events");
    let found = block_on(store.events(EventQuery { limit: 9, ..EventQuery::default() })).expect("events");
    assert_eq!(found.into_iter().map(|stored| stored.event).collect::<Vec<_>>(), events);
}

/// Version 0 inserts, version `v` updates exactly version `v`, everything else conflicts.
pub(super) fn keeps_versions(store: &Subject, what: &str, put: impl Fn(u64) -> Change) {
    let conflict = Err(CommitError::Conflict);
    let expected = [
        (1, &conflict),
        (0, &Ok(())),
        (0, &conflict),
        (2, &conflict),
        (1, &Ok(())),
        (1, &conflict),
        (2, &Ok(())),
    ];
    for (version, outcome) in expected {
        assert_eq!(&commit(store, put(version)), outcome, "{what} with version {version}");
    }
}

/// The rule of versions holds for each kind of record that has one.
pub fn every_versioned_record_keeps_its_version(store: Subject) {
    let owner = order(&store, 1, 9, false);
    let here = serial(ContainerKind::Act, 1);
    keeps_versions(&store, "container", |version| Change::PutContainer(container(here, version)));
    keeps_versions(&store, "firm item", |version| Change::PutFirm(firm_record(here, version)));
    keeps_versions(&store, "item", |version| {
        Change::PutItem(licensing_core::item::Item { version, ..item("A") })
    });
    keeps_versions(&store, "activation", |version| {
        Change::PutActivation(Activation { version, ..activation(1, owner, here) })
    });
    keeps_versions(&store, "token", |version| {
        let roles = vec![Role::Admin];
        let (hash, name) = ([1; 32], "t".to_owned());
        Change::PutToken(ApiToken {
            hash,
            name,
            roles,
            scopes: None,
            certificate: None,
            created_at: NOW,
            expires_at: None,
            revoked_at: None,
            version,
        })
    });
    keeps_versions(&store, "held order", |version| {
        Change::PutHeldOrder(HeldOrder { version, ..super::users::held("O", HeldState::Pending) })
    });
    keeps_versions(&store, "ordered", |version| {
        let none = Ordered::none("erp".to_owned(), ItemId::new("A").expect("an id"));
        Change::PutOrdered(Ordered { version, ..none })
    });
    keeps_versions(&store, "user", |version| {
        let (name, password) = (UserName::new("u").expect("a name"), PasswordHash::new(String::new()));
        Change::PutUser(User { version, ..User::new(name, vec![], password, false, NOW) })
    });
    let line = block_on(store.license(owner.1)).expect("a read").expect("a license");
    for (version, outcome) in
        [(2, Err(CommitError::Conflict)), (1, Ok(())), (1, Err(CommitError::Conflict)), (2, Ok(()))]
    {
        let line = licensing_core::license::LicenseLine { version, ..line.clone() };
        assert_eq!(commit(&store, Change::UpdateLicense(line)), outcome, "license with version {version}");
    }
}

/// Ids and ticket codes exist once, a step is settled once, and nothing is done to what does not exist.
pub fn every_key_is_unique(store: Subject) {
    let (ticket, _) = order(&store, 1, 1, false);
    let conflict = Err(CommitError::Conflict);
    let (again, ..) = order_changes(1, 1, false);
    let Some(Change::InsertTicket { ticket: stored, code }) = again.changes.first().cloned() else {
        unreachable!("an order begins with its ticket")
    };
    let other = licensing_core::ticket::Ticket { id: TicketId([2; 16]), ..stored };
    let same_code = Change::InsertTicket { ticket: other, code };
    assert_eq!(commit(&store, same_code), conflict, "two tickets with one code");
    let placed = licensing_core::order::Order {
        id: OrderId::new("O").expect("an id"),
        customer: None,
        comment: licensing_core::ids::Text::new("").expect("a text"),
        ticket,
        content: [1; 32],
        created_at: NOW,
    };
    assert_eq!(commit(&store, Change::InsertOrder(placed.clone())), Ok(()));
    assert_eq!(commit(&store, Change::InsertOrder(placed)), conflict, "the same order");

    let here = serial(ContainerKind::Act, 1);
    let insert = || Change::InsertStep { serial: here, firm_code: firm(), step: step(1) };
    let settle = |id| Change::SettleStep { id: StepId([id; 32]), proof: [1; 32], at: NOW };
    assert_eq!(commit(&store, insert()), Ok(()));
    assert_eq!(commit(&store, insert()), conflict, "the same step");
    assert_eq!(commit(&store, settle(2)), conflict, "an unknown step");
    assert_eq!(commit(&store, settle(1)), Ok(()));
    assert_eq!(commit(&store, settle(1)), conflict, "settled twice");

    // Two inserts of one key in one change set are no different from two change sets.
    let twice = ChangeSet {
        changes: vec![Change::PutItem(item("A")), Change::PutItem(item("A"))],
        ..ChangeSet::default()
    };
    assert_eq!(block_on(store.commit(twice)), conflict);
    assert_eq!(block_on(store.list_items(ItemQuery { limit: 9, ..ItemQuery::default() })), Ok(vec![]));
    let bare = ChangeSet { request: Some(record([9; 32], b"")), ..ChangeSet::default() };
    assert_eq!(block_on(store.commit(bare.clone())), Ok(()));
    assert_eq!(block_on(store.commit(bare)), Err(CommitError::Duplicate));
    assert_eq!(block_on(store.answered([9; 32])), Ok(Some(record([9; 32], b""))));
}

/// The lines of a ticket come in the order of orders and positions, whatever the order of their ids.
pub fn lines_come_in_order(store: Subject) {
    let (changes, ticket, _) = order_changes(1, 1, false);
    let Some((Change::InsertLicense(first), tickets)) = changes.changes.split_last() else {
        unreachable!("an order ends with its line")
    };
    let mut changes = ChangeSet { changes: tickets.to_vec(), ..ChangeSet::default() };
    for (id, position) in [(9u8, 0u32), (3, 2), (7, 1), (1, 10)] {
        let mut line = first.clone();
        (line.id, line.position) = (LicenseId([id; 16]), position);
        changes.push(Change::InsertLicense(line));
    }
    block_on(store.commit(changes)).expect("lines");
    let lines = block_on(store.lines_of_ticket(ticket)).expect("lines");
    assert_eq!(lines.iter().map(|line| line.position).collect::<Vec<_>>(), [0, 1, 2, 10]);
}
