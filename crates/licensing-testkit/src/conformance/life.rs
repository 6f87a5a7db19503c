//! What the whole life of a license leaves in the records: competing steps, replaced lines, withdrawn shares.

use futures_executor::block_on;
use licensing_core::activation::{Activation, ActivationState, PendingUpdate};
use licensing_core::changeset::{Change, ChangeSet, Receipt};
use licensing_core::container::{FirmRecord, PendingStep};
use licensing_core::ids::{
    ActivationId, ContainerKind, ContainerSerial, EntryId, FirmCode, LicenseId, TicketId,
};
use licensing_core::license::{Ledger, LicenseLine, Share};
use licensing_core::step::{ChainLink, StepId};
use licensing_core::terms::Remainder;
use licensing_core::update_item::UpdateEffect;
use licensing_store::{CommitError, FactsQuery};

use super::records::{activation, commit, container, firm_record, serial, step};
use crate::conformance::{Subject, order, order_changes};
use crate::server::{NOW, firm};

const CONFLICT: Result<(), CommitError> = Err(CommitError::Conflict);

fn query(ticket: Option<TicketId>, serial: ContainerSerial) -> FactsQuery {
    let (named, elsewhere, old) = (vec![], false, None);
    FactsQuery { ticket, serial, firm_code: firm(), sequence: 1, named, elsewhere, old }
}

fn stored(store: &Subject, changes: Vec<Change>) {
    block_on(store.commit(ChangeSet { changes, ..ChangeSet::default() })).expect("a change set");
}

/// A step is voided, revived, settled or dropped only while it is unproven, and only from where that leads.
pub fn competing_steps_are_told_apart(store: Subject) {
    let here = serial(ContainerKind::Act, 1);
    let insert = |number| Change::InsertStep { serial: here, firm_code: firm(), step: step(number) };
    stored(
        &store,
        vec![Change::PutContainer(container(here, 0)), Change::PutFirm(firm_record(here, 0)), insert(6)],
    );
    // Another one that begins where this one begins.
    let rival = PendingStep { id: StepId([60; 32]), ..step(6) };
    let change = Change::InsertStep { serial: here, firm_code: firm(), step: rival.clone() };
    stored(&store, vec![change, insert(7)]);
    let unproven = || {
        let facts = block_on(store.facts(query(None, here))).expect("facts").firm.expect("a firm item");
        assert_eq!(block_on(store.firms_of_container(here)), Ok(vec![facts.clone()]));
        (facts.pending, facts.voided)
    };
    let id = |number: u8| StepId([number; 32]);
    let void = |number| commit(&store, Change::VoidStep { id: id(number) });
    let revive = |number| commit(&store, Change::ReviveStep { id: id(number) });
    let settle = |number| commit(&store, Change::SettleStep { id: id(number), proof: [1; 32], at: NOW });
    let drop = |number| commit(&store, Change::DropStep { id: id(number), proof: [1; 32], at: NOW });
    assert_eq!(unproven(), (vec![step(6), rival.clone(), step(7)], vec![]));
    assert_eq!((revive(6), void(99), revive(99), drop(99)), (CONFLICT, CONFLICT, CONFLICT, CONFLICT));
    assert_eq!((void(6), void(7)), (Ok(()), Ok(())));
    assert_eq!(void(6), CONFLICT);
    assert_eq!(unproven(), (vec![rival.clone()], vec![step(6), step(7)]));
    assert_eq!((revive(7), revive(7)), (Ok(()), CONFLICT));
    assert_eq!(unproven(), (vec![rival, step(7)], vec![step(6)]));
    assert_eq!((settle(60), drop(6)), (Ok(()), Ok(())), "one is proven, the other never was applied");
    assert_eq!(unproven(), (vec![step(7)], vec![]));
    for number in [60, 6] {
        let outcomes = [void(number), revive(number), settle(number), drop(number)];
        assert_eq!(outcomes, [CONFLICT; 4], "it is over");
    }
}

/// Contexts are forgotten for one firm item, and can then be noted anew.
pub fn contexts_are_forgotten(store: Subject) {
    let (here, other) = (serial(ContainerKind::Act, 1), FirmCode::new(6_000_011).expect("a firm code"));
    let note = |firm_code, sequence, hash| Change::NoteContext { serial: here, firm_code, sequence, hash };
    stored(&store, vec![note(firm(), 1, [1; 32]), note(firm(), 2, [2; 32]), note(other, 1, [3; 32])]);
    let seen = |firm_code, sequence| {
        let query = FactsQuery { firm_code, sequence, ..query(None, here) };
        block_on(store.facts(query)).expect("facts").seen_under_sequence
    };
    let forget = || Change::ForgetContexts { serial: here, firm_code: firm() };
    stored(&store, vec![forget(), note(firm(), 2, [4; 32])]);
    assert_eq!((seen(firm(), 1), seen(firm(), 2)), (None, Some([4; 32])));
    assert_eq!(seen(other, 1), Some([3; 32]));
    stored(&store, vec![forget(), forget()]);
    assert_eq!((seen(firm(), 2), seen(other, 1)), (None, Some([3; 32])));
}

/// What is live of a license comes oldest first, whatever its ticket holds besides.
pub fn live_of_a_license_is_found(store: Subject) {
    let (mut changes, ticket, license) = order_changes(1, 9, false);
    let Some(Change::InsertLicense(line)) = changes.changes.last().cloned() else {
        unreachable!("an order ends with its line")
    };
    let second = LicenseLine { id: LicenseId([2; 16]), position: 1, ..line };
    changes.push(Change::InsertLicense(second.clone()));
    block_on(store.commit(changes)).expect("an order");
    let places = [serial(ContainerKind::Act, 1), serial(ContainerKind::Dongle, 2)];
    let ended = ActivationState::Superseded { superseded_at: NOW };
    for number in [4, 3, 2, 1] {
        let owner = (ticket, if number == 2 { second.id } else { license });
        let place = places[usize::from(number % 2)];
        commit(&store, Change::PutActivation(activation(number, owner, place))).expect("an activation");
    }
    let over = Activation { state: ended, version: 1, ..activation(3, (ticket, license), places[1]) };
    commit(&store, Change::PutActivation(over)).expect("an end");
    let ids = |license| {
        let found = block_on(store.live_of_license(license)).expect("activations");
        found.iter().map(|a| a.id.0[0]).collect::<Vec<_>>()
    };
    assert_eq!((ids(license), ids(second.id), ids(LicenseId([9; 16]))), (vec![1, 4], vec![2], vec![]));
}

/// Everything of an activation that may change is changed, and nothing else.
pub fn an_activation_changes(store: Subject) {
    let owner = order(&store, 1, 9, false);
    let here = serial(ContainerKind::Act, 1);
    let effect = UpdateEffect { uses: 5, feature_map: Some(9), ..UpdateEffect::default() };
    for number in [1, 3] {
        let before = activation(number, owner, here);
        commit(&store, Change::PutActivation(before.clone())).expect("an activation");
        let after = Activation {
            entry: EntryId([77; 16]),
            quantity: 5,
            remainder: Remainder {
                units: None,
                expires: None,
                maintenance_until: Some(NOW.plus_days(9)),
                usage_started: before.remainder.usage_started.map(|at| at.plus_secs(5)),
                added_uses: 1 << 40,
                feature_map: None,
            },
            state: ActivationState::Active { activated_at: NOW.plus_secs(8), proof: [9; 32] },
            withdraw: !before.withdraw,
            update: match before.update {
                Some(_) => None,
                None => Some(PendingUpdate { effect, split_from: Some(EntryId([78; 16])) }),
            },
            version: 1,
            ..before
        };
        commit(&store, Change::PutActivation(after.clone())).expect("a change");
        let found = block_on(store.live_of_license(owner.1)).expect("activations");
        let expected = Activation { version: 2, ..after };
        assert_eq!(found.into_iter().find(|a| a.id == expected.id), Some(expected));
    }
}

fn share(quantity: u32) -> Share {
    let remainder = Remainder {
        units: Some(7),
        expires: Some(NOW),
        added_uses: 2,
        feature_map: Some(u32::MAX),
        ..Remainder::default()
    };
    Share { quantity, remainder }
}

/// A line comes back with what was withdrawn of it, where it goes, and what replaces it.
pub fn withdrawn_and_replaced_lines_come_back(store: Subject) {
    let (mut changes, _, _) = order_changes(1, 9, false);
    let here = serial(ContainerKind::Dongle, 5);
    let Some(Change::InsertLicense(line)) = changes.changes.last_mut() else {
        unreachable!("an order ends with its line")
    };
    line.assigned = Some(here);
    line.replaces = Some(LicenseId([8; 16]));
    line.ledger =
        Ledger { fresh: 2, withdrawn_fresh: 3, withdrawn_carried: vec![share(4)], ..Ledger::default() };
    let mut expected = LicenseLine { version: 1, ..line.clone() };
    block_on(store.commit(changes)).expect("an order");
    assert_eq!(block_on(store.license(expected.id)), Ok(Some(expected.clone())));
    expected.assigned = None;
    expected.replaced_by = Some(LicenseId([6; 16]));
    expected.wanted_back = true;
    (expected.quantity, expected.generation) = (12, 3);
    expected.ledger = Ledger {
        fresh: 1,
        carried: vec![share(1), share(2)],
        activating: 1,
        active: 2,
        returning: 3,
        withdrawn_fresh: 0,
        withdrawn_carried: vec![share(2)],
    };
    commit(&store, Change::UpdateLicense(expected.clone())).expect("an update");
    expected.version = 2;
    assert_eq!(block_on(store.license(expected.id)), Ok(Some(expected)));
}

/// Of every firm item the receipt that arrived last comes of those that prove the place that is taken as proven.
pub fn books_of_firm_items_come_in_pages(store: Subject) {
    let receipt = |number: u64, counter: u64, secs: u64| {
        let digest = [u8::try_from(counter).expect("a small number"); 32];
        let mut hash = [u8::try_from(number).expect("a small number"); 32];
        (hash[0], hash[1]) = (digest[0], u8::try_from(secs).expect("a small number"));
        Receipt {
            hash,
            serial: serial(ContainerKind::Act, number),
            firm_code: firm(),
            link: ChainLink { counter, digest },
            bytes: vec![1, 2, 3],
            received_at: NOW.plus_secs(secs),
        }
    };
    let place = ChainLink { counter: 6, digest: [6; 32] };
    for number in 1..=4 {
        let here = serial(ContainerKind::Act, number);
        stored(
            &store,
            vec![
                Change::PutContainer(container(here, 0)),
                Change::PutFirm(FirmRecord { confirmed: place, ..firm_record(here, 0) }),
            ],
        );
    }
    // The firm items stand at 6. The first has an older one too, the second a newer one of another place, the third
    // none, the fourth two of the same place, the later by a clock that had been turned back.
    let kept = [
        receipt(1, 5, 1),
        receipt(1, 6, 2),
        receipt(2, 6, 1),
        receipt(2, 7, 2),
        receipt(4, 6, 9),
        receipt(4, 6, 2),
    ];
    for receipt in kept {
        commit(&store, Change::KeepReceipt(receipt)).expect("a receipt");
    }
    let elsewhere = Receipt { link: ChainLink { counter: 6, digest: [7; 32] }, ..receipt(3, 6, 1) };
    commit(&store, Change::KeepReceipt(elsewhere)).expect("a receipt of another branch");
    let read = |after, limit| -> Vec<Option<Receipt>> {
        let books = block_on(store.firm_books(after, limit)).expect("books");
        books.into_iter().map(|books| books.receipt).collect()
    };
    let expected = [Some(receipt(1, 6, 2)), Some(receipt(2, 6, 1)), None, Some(receipt(4, 6, 2))];
    assert_eq!(read(None, 9), expected);
    assert_eq!(read(None, 1), expected[..1]);
    let after = |number| Some((serial(ContainerKind::Act, number), firm()));
    assert_eq!(read(after(1), 9), expected[1..]);
    assert_eq!(read(after(4), 9), []);
}

/// A line of its own ticket: number, container it is assigned to, and what replaces it.
fn line_of_its_own(number: u8, assigned: Option<ContainerSerial>, replaced_by: Option<u8>) -> Vec<Change> {
    let (mut changes, ..) = order_changes(number, 9, false);
    if let Some(Change::InsertLicense(line)) = changes.changes.last_mut() {
        (line.assigned, line.replaced_by) = (assigned, replaced_by.map(|by| LicenseId([by; 16])));
    }
    changes.changes
}

fn lines(facts: &licensing_core::work::Facts) -> Vec<u8> {
    facts.lines.iter().map(|line| line.id.0[0]).collect()
}

fn ids(activations: &[Activation]) -> Vec<u8> {
    activations.iter().map(|a| a.id.0[0]).collect()
}

/// Lines of other tickets come along: of what is here, named, assigned, and what replaces any of them; each once.
pub fn lines_beyond_the_ticket_are_loaded(store: Subject) {
    let (here, there) = (serial(ContainerKind::Act, 1), serial(ContainerKind::Act, 2));
    let places = [
        (1, None, Some(9)),
        (2, None, None),
        (3, None, Some(8)),
        (4, Some(here), Some(1)),
        (5, Some(there), None),
        (6, Some(here), Some(99)),
        (7, None, None),
        (8, None, Some(7)),
        (9, None, None),
    ];
    for (number, assigned, replaced_by) in places {
        stored(&store, line_of_its_own(number, assigned, replaced_by));
    }
    let of = |number: u8| (TicketId([number; 16]), LicenseId([number; 16]));
    let other_firm = FirmCode::new(6_000_011).expect("a firm code");
    let state = ActivationState::Consumed { activated_at: NOW, proof: [1; 32] };
    stored(
        &store,
        vec![
            Change::PutActivation(activation(1, of(2), here)),
            Change::PutActivation(activation(2, of(5), there)),
            Change::PutActivation(Activation { firm_code: other_firm, ..activation(3, of(7), here) }),
            Change::PutActivation(Activation { state, ..activation(4, of(7), here) }),
        ],
    );
    let facts = |ticket, named: &[u8]| {
        let named = named.iter().map(|number| LicenseId([*number; 16])).collect();
        block_on(store.facts(FactsQuery { named, ..query(ticket, here) })).expect("facts")
    };
    let with = facts(Some(TicketId([1; 16])), &[3, 2, 77]);
    assert_eq!(ids(&with.activations), [1], "of this firm code, here and live");
    assert_eq!(lines(&with), [1, 2, 3, 4, 6, 9, 8, 7]);
    assert_eq!(lines(&facts(None, &[])), [2, 4, 6, 1, 9], "with what replaces a replacement");
    assert_eq!(lines(&facts(None, &[5, 6, 4])), [2, 5, 6, 4, 1, 9]);
    assert_eq!(with.elsewhere, []);
}

/// For a re-activation all that is live of the ticket in other containers comes, with those containers; for a
/// restoration all that is live in the old one.
pub fn what_is_elsewhere_is_loaded(store: Subject) {
    let [here, a, b] = [1, 2, 3].map(|number| serial(ContainerKind::Act, number));
    for place in [here, a, b] {
        stored(
            &store,
            vec![Change::PutContainer(container(place, 0)), Change::PutFirm(firm_record(place, 0))],
        );
    }
    let known = |serial| licensing_core::container::ContainerRecord { version: 1, ..container(serial, 0) };
    let (ticket, license) = order(&store, 1, 9, false);
    stored(&store, line_of_its_own(2, None, Some(3)));
    stored(&store, line_of_its_own(3, None, None));
    let second = (TicketId([2; 16]), LicenseId([2; 16]));
    let other_firm = FirmCode::new(6_000_011).expect("a firm code");
    let cancelled = ActivationState::Cancelled { cancelled_at: NOW, proof: [1; 32] };
    let of = (ticket, license);
    stored(
        &store,
        vec![
            Change::PutActivation(activation(6, of, b)),
            Change::PutActivation(activation(5, of, a)),
            Change::PutActivation(activation(4, of, a)),
            Change::PutActivation(Activation { state: cancelled, ..activation(3, of, a) }),
            Change::PutActivation(activation(2, of, here)),
            Change::PutActivation(activation(7, second, b)),
            Change::PutActivation(Activation { firm_code: other_firm, ..activation(8, second, b) }),
            Change::InsertStep { serial: b, firm_code: firm(), step: step(6) },
            Change::InsertStep { serial: b, firm_code: firm(), step: step(7) },
            Change::VoidStep { id: step(7).id },
        ],
    );
    let facts = |change: &dyn Fn(&mut FactsQuery)| {
        let mut query = query(Some(ticket), here);
        change(&mut query);
        block_on(store.facts(query)).expect("facts")
    };
    let plain = facts(&|_| {});
    assert_eq!((ids(&plain.activations), ids(&plain.elsewhere), lines(&plain)), (vec![2], vec![], vec![1]));
    assert_eq!((&plain.others[..], &plain.old_firm), (&[][..], &None));

    let asked = facts(&|query| query.elsewhere = true);
    assert_eq!((ids(&asked.activations), ids(&asked.elsewhere)), (vec![2], vec![4, 5, 6]));
    assert_eq!((&asked.others, lines(&asked)), (&vec![known(a), known(b)], vec![1]));
    assert_eq!(asked.old_firm, None);

    for ticket in [None, Some(ticket)] {
        let restored = facts(&|query| (query.ticket, query.old) = (ticket, Some(b)));
        assert_eq!((ids(&restored.activations), ids(&restored.elsewhere)), (vec![2], vec![6, 7]));
        assert_eq!((&restored.others, lines(&restored)), (&vec![known(b)], vec![1, 2, 3]));
        let expected = FirmRecord { pending: vec![step(6)], voided: vec![step(7)], ..firm_record(b, 1) };
        assert_eq!(restored.old_firm, Some(expected));
        assert_eq!(restored.firm, Some(firm_record(here, 1)));
    }
    let stranger = serial(ContainerKind::Dongle, 9);
    let nothing = facts(&|query| query.old = Some(stranger));
    assert_eq!((nothing.elsewhere, nothing.others, nothing.old_firm), (vec![], vec![], None));
    assert_eq!(ActivationId([2; 16]), nothing.activations[0].id);

    // A restored database may be wrong about what the context names, wherever it has that.
    let named = |query: &mut FactsQuery| (query.ticket, query.named) = (None, vec![license, second.1]);
    assert_eq!(facts(&named).elsewhere, []);
    stored(&store, vec![Change::SetReconciling(Some(NOW))]);
    let named = facts(&named);
    assert_eq!((ids(&named.elsewhere), named.others), (vec![4, 5, 6, 7, 8], vec![known(a), known(b)]));
    assert_eq!(facts(&|query| query.elsewhere = true).elsewhere, asked.elsewhere, "each once");
}
