//! What the vendor decides: approvals, the blacklist, pre-activated licenses, and that a database is reconciled.

use std::sync::Barrier;
use std::thread;

use futures_executor::block_on;
use licensing_core::approval::{Approval, ApprovalKind, ApprovalState};
use licensing_core::blacklist::BlacklistEntry;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::container::{ContainerRecord, ContainerStatus};
use licensing_core::ids::{
    ApprovalId, ContainerKind, ContainerSerial, LicenseId, PreActivationId, Text, TicketId,
};
use licensing_core::preactivation::PreActivation;
use licensing_store::{ApprovalQuery, CommitError, FactsQuery};

use super::records::{commit, container, keeps_versions, serial};
use crate::conformance::{Subject, order};
use crate::server::{NOW, firm};

const CONFLICT: Result<(), CommitError> = Err(CommitError::Conflict);

fn approval(number: u8, of: (TicketId, LicenseId)) -> Approval {
    Approval {
        id: ApprovalId([number; 16]),
        kind: if number.is_multiple_of(2) { ApprovalKind::Return } else { ApprovalKind::Reactivation },
        license: of.1,
        ticket: of.0,
        container: serial(ContainerKind::Act, u64::from(number)),
        firm_code: firm(),
        state: ApprovalState::Pending,
        first_grant_by: None,
        reason: Text::new("").expect("a text"),
        requested_at: NOW.plus_secs(u64::from(number)),
        version: 0,
    }
}

fn query(ticket: Option<TicketId>, serial: ContainerSerial) -> FactsQuery {
    let (named, elsewhere, old) = (vec![], false, None);
    FactsQuery { ticket, serial, firm_code: firm(), sequence: 1, named, elsewhere, old }
}

/// Approvals come back in every state, in pages, and as facts of their ticket until they are used.
pub fn approvals_are_kept(store: Subject) {
    let (owner, other) = (order(&store, 1, 9, false), order(&store, 2, 9, false));
    let (at, until) = (NOW.plus_secs(5), NOW.plus_days(3));
    let states = [
        ApprovalState::Pending,
        ApprovalState::Granted { at, until },
        ApprovalState::Denied { at },
        ApprovalState::Used { at },
    ];
    let mut expected = Vec::new();
    for (number, state) in (1..).zip(states.into_iter().chain([ApprovalState::Pending])) {
        let owner = if number == 5 { other } else { owner };
        commit(&store, Change::PutApproval(approval(number, owner))).expect("a question");
        let decided = Approval {
            state,
            first_grant_by: (number == 5).then(|| "user:a".to_owned()),
            reason: Text::new("wéll\n'why'").expect("a text"),
            version: 1,
            ..approval(number, owner)
        };
        commit(&store, Change::PutApproval(decided.clone())).expect("a decision");
        expected.push(Approval { version: 2, ..decided });
    }
    for approval in &expected {
        assert_eq!(block_on(store.approval(approval.id)), Ok(Some(approval.clone())));
    }
    let base = ApprovalQuery { limit: 9, ..ApprovalQuery::default() };
    let read = |query| block_on(store.approvals(query)).expect("approvals");
    assert_eq!(read(base.clone()), expected);
    assert_eq!(read(ApprovalQuery { limit: 2, ..base.clone() }), expected[..2]);
    let after = Some(expected[1].id);
    assert_eq!(read(ApprovalQuery { after, limit: 2, ..base.clone() }), expected[2..4]);
    let newest = ApprovalQuery { newest: true, ..base.clone() };
    assert_eq!(read(newest.clone()), expected.iter().rev().cloned().collect::<Vec<_>>());
    let older = ApprovalQuery { after, ..newest.clone() };
    assert_eq!(read(older), expected[..1]);
    let open = ApprovalQuery { pending: true, ..newest };
    assert_eq!(read(open), [expected[4].clone(), expected[0].clone()]);
    let pending = ApprovalQuery { pending: true, ..base };
    assert_eq!(read(pending.clone()), [expected[0].clone(), expected[4].clone()]);
    assert_eq!(read(ApprovalQuery { after, ..pending.clone() }), expected[4..]);
    assert_eq!(read(ApprovalQuery { limit: 1, ..pending }), expected[..1]);

    let here = serial(ContainerKind::Act, 1);
    let facts = |ticket| block_on(store.facts(query(ticket, here))).expect("facts").approvals;
    assert_eq!(facts(Some(owner.0)), expected[..3]);
    assert_eq!(facts(Some(other.0)), expected[4..]);
    assert_eq!(facts(None), []);
    let lost = approval(9, (owner.0, LicenseId([99; 16])));
    assert_eq!(commit(&store, Change::PutApproval(lost)), CONFLICT, "of no license");
    keeps_versions(&store, "approval", |version| {
        Change::PutApproval(Approval { version, ..approval(8, owner) })
    });
}

fn entry(version: u32, number: u64) -> BlacklistEntry {
    BlacklistEntry {
        version,
        serial: serial(ContainerKind::Act, number),
        listed_at: NOW.plus_secs(number),
        reason: Text::new("chargeback").expect("a text"),
    }
}

/// A version is given once, a container is listed once, and entries come in the order of their versions.
pub fn the_blacklist_is_numbered(store: Subject) {
    let here = serial(ContainerKind::Act, 1);
    for number in 1..=4 {
        commit(&store, Change::PutContainer(container(serial(ContainerKind::Act, number), 0)))
            .expect("a container");
    }
    assert_eq!(block_on(store.blacklist_version()), Ok(0));
    assert_eq!(block_on(store.facts(query(None, here))).expect("facts").blacklist_version, 0);
    let list = |version, number| commit(&store, Change::InsertBlacklisted(entry(version, number)));
    assert_eq!(list(1, 3), Ok(()));
    assert_eq!(list(1, 2), CONFLICT, "the same version");
    assert_eq!(list(2, 3), CONFLICT, "the same container");
    assert_eq!(list(2, 9), CONFLICT, "a container nobody knows");
    assert_eq!(list(2, 1), Ok(()));
    assert_eq!(list(3, 4), Ok(()));
    let expected = [entry(1, 3), entry(2, 1), entry(3, 4)];
    let read = |after, limit| block_on(store.blacklist(after, limit)).expect("entries");
    assert_eq!(read(0, 9), expected);
    assert_eq!(read(0, 2), expected[..2]);
    assert_eq!(read(2, 9), expected[2..]);
    assert_eq!(read(3, 9), []);
    assert_eq!(block_on(store.blacklist_version()), Ok(3));
    assert_eq!(block_on(store.facts(query(None, here))).expect("facts").blacklist_version, 3);
}

/// Many list containers at once, each deciding again on a conflict: the versions have no gaps.
pub fn versions_of_the_blacklist_have_no_gaps(store: Subject) {
    const WRITERS: u32 = 24;
    for number in 1..=WRITERS {
        let serial = serial(ContainerKind::Act, u64::from(number));
        commit(&store, Change::PutContainer(container(serial, 0))).expect("a container");
    }
    let barrier = Barrier::new(WRITERS as usize);
    thread::scope(|scope| {
        for number in 1..=WRITERS {
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let serial = serial(ContainerKind::Act, u64::from(number));
                loop {
                    let newest = block_on(store.blacklist_version()).expect("a version");
                    let known = block_on(store.container(serial)).expect("a read").expect("a container");
                    let reason = Text::new("chargeback").expect("a text");
                    let (listed, change) = licensing_core::blacklist::list(known, newest, reason, NOW);
                    let changes = vec![Change::PutContainer(listed), change];
                    match block_on(store.commit(ChangeSet { changes, ..ChangeSet::default() })) {
                        Ok(()) => return,
                        Err(CommitError::Conflict) => {}
                        Err(error) => unreachable!("{error}"),
                    }
                }
            });
        }
    });
    let entries = block_on(store.blacklist(0, 100)).expect("entries");
    assert!(entries.iter().map(|entry| entry.version).eq(1..=WRITERS));
    let mut listed: Vec<u64> = entries.iter().map(|entry| entry.serial.number()).collect();
    listed.sort_unstable();
    assert!(listed.into_iter().eq((1..=WRITERS).map(u64::from)));
    assert_eq!(block_on(store.audit()), Ok(vec![]), "every one of them has the status");
    // Whoever has the status without an entry, or an entry without the status, is found.
    let known = container(serial(ContainerKind::Dongle, 1), 0);
    let status = ContainerStatus::Blacklisted;
    commit(&store, Change::PutContainer(ContainerRecord { status, ..known.clone() })).expect("a container");
    let findings = block_on(store.audit()).expect("an audit");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].which, format!("container {}", known.serial));
}

/// A pre-activated license knows which containers have converted it, each once, and never more than it may.
pub fn pre_activations_are_converted_once(store: Subject) {
    let (ticket, _) = order(&store, 1, 1, false);
    let record = |version, converted| PreActivation {
        id: PreActivationId([7; 16]),
        ticket,
        quantity: 3,
        conversions: 2,
        converted,
        created_at: NOW,
        version,
    };
    let put = |version, converted| Change::PutPreActivation(record(version, converted));
    let id = record(0, 0).id;
    let [a, b] = [1, 2].map(|number| serial(ContainerKind::Dongle, number));
    let convert = |serial| Change::InsertConversion { id, serial };
    assert_eq!(block_on(store.preactivation(id, a)), Ok(None));
    assert_eq!(commit(&store, convert(a)), CONFLICT, "of nothing");
    let lost = PreActivation { ticket: TicketId([99; 16]), ..record(0, 0) };
    assert_eq!(commit(&store, Change::PutPreActivation(lost)), CONFLICT, "of no ticket");
    keeps_versions(&store, "pre-activation", |version| put(version, 0));
    let of = |changes| block_on(store.commit(ChangeSet { changes, ..ChangeSet::default() }));
    assert_eq!(of(vec![convert(a), put(3, 1)]), Ok(()));
    let read = |serial| block_on(store.preactivation(id, serial)).expect("a read").expect("a record");
    assert_eq!(read(a), (record(4, 1), true));
    assert_eq!(read(b), (record(4, 1), false));
    assert_eq!(of(vec![convert(a), put(4, 2)]), CONFLICT, "twice by one container");
    assert_eq!(of(vec![convert(b), put(3, 2)]), CONFLICT, "decided on an older version");
    assert_eq!(of(vec![convert(b), put(4, 3)]), CONFLICT, "more often than it may");
    assert_eq!(read(b), (record(4, 1), false), "nothing of all this took place");
    assert_eq!(of(vec![convert(b), put(4, 2)]), Ok(()));
    assert_eq!(read(b), (record(5, 2), true));
}

/// That a database is being reconciled is kept until it is taken back, and every decision is told.
pub fn reconciling_is_kept(store: Subject) {
    let here = serial(ContainerKind::Act, 1);
    for since in [None, Some(NOW), Some(NOW.plus_secs(1)), None, None] {
        commit(&store, Change::SetReconciling(since)).expect("a change");
        assert_eq!(block_on(store.reconciling()), Ok(since));
        assert_eq!(block_on(store.facts(query(None, here))).expect("facts").reconciling, since);
    }
}
