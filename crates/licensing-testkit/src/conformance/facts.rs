//! What a transfer decision is given.

use futures_executor::block_on;
use licensing_core::activation::ActivationState;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::device::DeviceState;
use licensing_core::format::context::VerifiedContext;
use licensing_core::ids::ContainerKind;
use licensing_core::work::Plan;
use licensing_store::FactsQuery;

use super::records::activation;
use crate::conformance::{PROOFS, Subject, order, order_changes, request};
use crate::server::{Server, firm};

fn query(device: &DeviceState, ticket: Option<licensing_core::ids::TicketId>, sequence: u64) -> FactsQuery {
    let (named, elsewhere, old) = (vec![], false, None);
    FactsQuery { ticket, serial: device.serial, firm_code: firm(), sequence, named, elsewhere, old }
}

/// Before the first contact there is nothing of the container; after an activation there is everything.
pub fn facts_hold_what_a_decision_needs(store: Subject) {
    let (ticket, license) = order(&store, 1, 5, false);
    let mut server = Server::new(1);
    let mut device = server.device(ContainerKind::Act);
    let before = block_on(store.facts(query(&device, Some(ticket), 1))).expect("facts");
    assert!(before.container.is_none() && before.firm.is_none() && before.seen_under_sequence.is_none());
    assert_eq!((before.lines.len(), before.activations.len()), (1, 0));
    let context = server.context(&mut device);
    request(&store, &context, Some(ticket), |work, settled| {
        work.activate(settled, &[(license, Some(2))], &PROOFS, &mut crate::TestEntropy::new(5)).map(Some)
    })
    .expect("an activation");
    // A bare receipt, without the ticket, still sees the line it may settle.
    for ticket in [Some(ticket), None] {
        let facts = block_on(store.facts(query(&device, ticket, 1))).expect("facts");
        assert_eq!(facts.ticket.is_some(), ticket.is_some());
        assert_eq!(facts.lines.iter().map(|line| line.ledger.activating).collect::<Vec<_>>(), [2]);
        assert!(
            matches!(facts.activations[..], [ref a] if matches!(a.state, ActivationState::Activating { .. }))
        );
        assert_eq!(facts.container.as_ref().map(|container| container.version), Some(1));
        let firm = facts.firm.expect("a firm item");
        assert_eq!((firm.version, firm.pending.len(), firm.confirmed.counter), (1, 1, 0));
        assert!(firm.last_context.is_some() && facts.seen_under_sequence.is_some());
    }
    let other = block_on(store.facts(query(&device, None, 2))).expect("facts");
    assert!(other.seen_under_sequence.is_none());
}

/// Pending steps come in the order of their counters, settled ones no more.
pub fn pending_steps_come_in_order(store: Subject) {
    let (ticket, license) = order(&store, 1, 9, false);
    let mut server = Server::new(2);
    let mut device = server.device(ContainerKind::Act);
    for round in 0..5 {
        let context = server.context(&mut device);
        request(&store, &context, Some(ticket), |work, settled| {
            work.activate(settled, &[(license, Some(1))], &PROOFS, &mut crate::TestEntropy::new(round))
                .map(Some)
        })
        .expect("an activation");
    }
    let facts = block_on(store.facts(query(&device, None, 99))).expect("facts");
    let pending = facts.firm.expect("a firm item").pending;
    let counters: Vec<u64> = pending.iter().map(|step| step.before.counter).collect();
    assert_eq!(counters, [0, 1, 2, 3, 4]);
    let id = pending.first().expect("a step").id;
    let settled = Change::SettleStep { id, proof: [1; 32], at: crate::server::NOW };
    block_on(store.commit(ChangeSet { changes: vec![settled], ..ChangeSet::default() })).expect("settled");
    let firms = block_on(store.firms_of_container(device.serial)).expect("firms");
    assert_eq!(firms.iter().map(|firm| firm.pending.len()).collect::<Vec<_>>(), [4]);
}

/// Only where licenses must stay together is it loaded where the others are.
pub fn together_loads_what_is_elsewhere(store: Subject) {
    let mut server = Server::new(3);
    for (number, together) in [(1, true), (2, false)] {
        let (ticket, license) = order(&store, number, 5, together);
        let (mut a, b) = (server.device(ContainerKind::Act), server.device(ContainerKind::Dongle));
        let context = server.context(&mut a);
        request(&store, &context, Some(ticket), |work, settled| {
            work.activate(
                settled,
                &[(license, Some(1))],
                &PROOFS,
                &mut crate::TestEntropy::new(u64::from(number)),
            )
            .map(Some)
        })
        .expect("an activation");
        let here = block_on(store.facts(query(&a, Some(ticket), 9))).expect("facts");
        assert_eq!(here.elsewhere, []);
        let there = block_on(store.facts(query(&b, Some(ticket), 9))).expect("facts");
        let expected = if together { vec![(license, a.serial)] } else { vec![] };
        let holders = |facts: &licensing_core::work::Facts| -> Vec<_> {
            facts.elsewhere.iter().map(|a| (a.license, a.container)).collect()
        };
        assert_eq!(holders(&there), expected);
        assert_eq!(there.others, [], "their containers are nobody's business here");
        let asked = FactsQuery { elsewhere: true, ..query(&b, Some(ticket), 9) };
        let asked = block_on(store.facts(asked)).expect("facts");
        assert_eq!(holders(&asked), [(license, a.serial)]);
        assert_eq!(asked.others.iter().map(|c| c.serial).collect::<Vec<_>>(), [a.serial]);
    }
}

/// A line that may not be split is enough to load where it is.
pub fn an_indivisible_line_loads_what_is_elsewhere(store: Subject) {
    let mut server = Server::new(5);
    let (mut changes, ticket, license) = order_changes(1, 5, false);
    if let Some(Change::InsertLicense(line)) = changes.changes.last_mut() {
        line.item.policy.split = false;
    }
    block_on(store.commit(changes)).expect("an order");
    let (a, b) = (server.device(ContainerKind::Act), server.device(ContainerKind::Dongle));
    for number in 1..=3 {
        let changes = vec![Change::PutActivation(activation(number, (ticket, license), a.serial))];
        block_on(store.commit(ChangeSet { changes, ..ChangeSet::default() })).expect("an activation");
    }
    let elsewhere = |device| {
        let facts = block_on(store.facts(query(device, Some(ticket), 1))).expect("facts");
        facts.elsewhere.iter().map(|a| a.container).collect::<Vec<_>>()
    };
    assert_eq!(elsewhere(&b), [a.serial; 3]);
    assert_eq!(elsewhere(&a), []);
}

/// From request to proof and back: what the real core decides about a real container is what is stored.
pub fn a_settled_transfer_is_stored(store: Subject) {
    let mut server = Server::new(6);
    let (ticket, license) = order(&store, 1, 3, false);
    let mut device = server.device(ContainerKind::Act);
    let ledger = || {
        let ledger = block_on(store.license(license)).expect("a read").expect("a license").ledger;
        (ledger.available(), ledger.activating, ledger.active, ledger.returning)
    };
    let prove = |server: &mut Server, device: &mut DeviceState, plan: Option<Plan>| {
        let plan = plan.expect("an update");
        let update = plan.issue(&server.issuer, &mut server.entropy).expect("a sealed update");
        *device = device.apply_update(&update).expect("an import").state;
        let receipt = server.context(device);
        request(&store, &receipt, None, |_, _| Ok(None)).expect("a settled receipt");
        let verified = VerifiedContext::verify(&receipt, &[]).expect("an honest context");
        let kept = block_on(store.receipt(verified.hash())).expect("a read").expect("a receipt");
        assert_eq!((kept.bytes, kept.serial, kept.link), (receipt, device.serial, verified.body().link));
        let facts = block_on(store.facts(query(device, None, verified.body().sequence))).expect("facts");
        assert_eq!(facts.seen_under_sequence, Some(verified.hash()));
        let pending = facts.activations.iter().filter(|a| a.state.pending_step().is_some());
        assert_eq!(pending.count(), 0, "nothing is pending");
        let firm = facts.firm.expect("a firm item");
        assert_eq!((firm.pending, firm.confirmed), (vec![], verified.body().link));
    };

    let context = server.context(&mut device);
    let plan = request(&store, &context, Some(ticket), |work, settled| {
        work.activate(settled, &[(license, Some(2))], &PROOFS, &mut crate::TestEntropy::new(1)).map(Some)
    });
    assert_eq!(ledger(), (1, 2, 0, 0));
    prove(&mut server, &mut device, plan.expect("an activation"));
    assert_eq!(ledger(), (1, 0, 2, 0));
    let live = block_on(store.ticket_contents(ticket, 9)).expect("activations").live;
    assert!(matches!(live[..], [ref a] if matches!(a.state, ActivationState::Active { .. })));

    let context = server.context(&mut device);
    let plan = request(&store, &context, Some(ticket), |work, settled| {
        work.give_back(settled, &[(license, Some(2))], &PROOFS, &mut crate::TestEntropy::new(2)).map(Some)
    });
    assert_eq!(ledger(), (1, 0, 0, 2));
    prove(&mut server, &mut device, plan.expect("a return"));
    assert_eq!(ledger(), (3, 0, 0, 0));
    assert_eq!(block_on(store.ticket_contents(ticket, 9)).map(|contents| contents.live), Ok(vec![]));
    assert_eq!(block_on(store.audit()), Ok(vec![]), "the books balance");
}

/// The context seen first under a sequence number stays; another one is no conflict and changes nothing.
pub fn a_noted_context_stays(store: Subject) {
    let device = Server::new(7).device(ContainerKind::Act);
    for hash in [[1; 32], [2; 32]] {
        let note = Change::NoteContext { serial: device.serial, firm_code: firm(), sequence: 4, hash };
        block_on(store.commit(ChangeSet { changes: vec![note], ..ChangeSet::default() })).expect("a note");
    }
    let seen =
        |sequence| block_on(store.facts(query(&device, None, sequence))).expect("facts").seen_under_sequence;
    assert_eq!((seen(3), seen(4), seen(5)), (None, Some([1; 32]), None));
}
