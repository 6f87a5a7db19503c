//! Users and their sessions.

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::four_eyes::{HeldOrder, HeldState, Ordered};
use licensing_core::ids::{CustomerId, ItemId, OrderId};
use licensing_core::order::OrderLine;
use licensing_core::time::Timestamp;
use licensing_core::token::Role;
use licensing_core::user::session::{Session, Stage};
use licensing_core::user::{PasswordHash, SecondFactor, User, UserName};
use licensing_store::CommitError;

use super::Subject;
use crate::server::NOW;

fn commit(store: &Subject, changes: Vec<Change>) -> Result<(), CommitError> {
    block_on(store.commit(ChangeSet { changes, ..ChangeSet::default() }))
}

fn name(text: &str) -> UserName {
    UserName::new(text).expect("a name")
}

fn user(text: &str) -> User {
    User::new(name(text), vec![Role::Sales, Role::Support], PasswordHash::new("phc".into()), true, NOW)
}

fn session(number: u8, owner: &str, at: u64) -> Session {
    Session {
        hash: [number; 32],
        user: name(owner),
        stage: Stage::Full,
        created_at: Timestamp::from_secs(at),
        last_seen: Timestamp::from_secs(at),
        expires_at: Timestamp::from_secs(at + 100),
        origin: Some("192.0.2.1".into()),
        agent: "a browser".into(),
    }
}

/// Users come back as they were stored, each change needs the version it was decided on, and pages are in order.
pub fn users_are_kept(store: Subject) {
    assert_eq!(block_on(store.user(name("a"))), Ok(None));
    assert_eq!(commit(&store, vec![Change::PutUser(user("b"))]), Ok(()));
    let conflict = Err(CommitError::Conflict);
    assert_eq!(commit(&store, vec![Change::PutUser(user("b"))]), conflict, "a name exists once");
    let at = |secs| Some(Timestamp::from_secs(secs));
    let factor =
        SecondFactor { sealed: vec![1, 2], confirmed: true, last_step: 7, recovery: vec![[1; 32], [2; 32]] };
    let full = User {
        roles: vec![],
        password: PasswordHash::new("other".into()),
        password_set_at: Timestamp::from_secs(9),
        must_change: false,
        second_factor: Some(factor),
        failures: 3,
        failed_at: at(4),
        signed_in_at: at(5),
        disabled_at: at(6),
        version: 1,
        ..user("b")
    };
    assert_eq!(commit(&store, vec![Change::PutUser(full.clone())]), Ok(()));
    assert_eq!(commit(&store, vec![Change::PutUser(full.clone())]), conflict, "a stale version");
    assert_eq!(block_on(store.user(name("b"))), Ok(Some(User { version: 2, ..full.clone() })));
    let bare = User { second_factor: None, version: 2, ..full };
    assert_eq!(commit(&store, vec![Change::PutUser(bare.clone())]), Ok(()));
    assert_eq!(block_on(store.user(name("b"))), Ok(Some(User { version: 3, ..bare })));
    for other in ["c", "a@x", "a.x", "a-x", "a"] {
        assert_eq!(commit(&store, vec![Change::PutUser(user(other))]), Ok(()));
    }
    let names = |after, limit| -> Vec<String> {
        let users = block_on(store.list_users(after, limit)).expect("a page");
        users.iter().map(|user| user.name.to_string()).collect()
    };
    assert_eq!(names(None, 9), ["a", "a-x", "a.x", "a@x", "b", "c"]);
    assert_eq!(names(Some(name("a-x")), 2), ["a.x", "a@x"]);
    assert_eq!(names(Some(name("c")), 2), [""; 0]);
}

pub(super) fn held(id: &str, state: HeldState) -> HeldOrder {
    let line = |item: &str, quantity| OrderLine { item: ItemId::new(item).expect("an id"), quantity };
    HeldOrder {
        id: OrderId::new(id).expect("an id"),
        content: [7; 32],
        customer: None,
        lines: vec![line("A part, 12 pieces", 3), line("B", 1_000_000)],
        asked_by: "erp".to_owned(),
        asked_at: NOW,
        state,
        version: 0,
    }
}

/// What somebody has taken comes back, apart from what others have taken, and of other items.
pub fn ordered_is_kept(store: Subject) {
    let item = |id: &str| ItemId::new(id).expect("an id");
    let mut expected = Vec::new();
    for (by, id) in [("erp", "A"), ("erp", "B"), ("user:erp", "A")] {
        let first = Ordered::none(by.to_owned(), item(id)).with(expected.len() as u64, 86_400, NOW);
        assert_eq!(commit(&store, vec![Change::PutOrdered(first.clone())]), Ok(()));
        let more = Ordered { version: 1, ..first }.with(u64::MAX / 2, 86_400, NOW.plus_secs(7_200));
        assert_eq!(commit(&store, vec![Change::PutOrdered(more.clone())]), Ok(()));
        assert_eq!(commit(&store, vec![Change::PutOrdered(more.clone())]), Err(CommitError::Conflict));
        expected.push(Ordered { version: 2, ..more });
    }
    for ordered in expected {
        assert_eq!(block_on(store.ordered(ordered.by.clone(), ordered.item.clone())), Ok(Some(ordered)));
    }
    assert_eq!(block_on(store.ordered("erp".to_owned(), item("C"))), Ok(None));
}

/// Orders that wait for a second person come back in every state, and in pages, those that wait apart.
pub fn held_orders_are_kept(store: Subject) {
    let (by, at) = ("user:a".to_owned(), NOW.plus_secs(5));
    let states = [
        HeldState::Pending,
        HeldState::Released { by: by.clone(), at, until: at.plus_days(1) },
        HeldState::Denied { by: by.clone(), at },
        HeldState::Placed { by, at },
        HeldState::Pending,
    ];
    let mut expected = Vec::new();
    for (id, state) in ["A", "A b", "B", "a", "c"].into_iter().zip(states) {
        assert_eq!(commit(&store, vec![Change::PutHeldOrder(held(id, HeldState::Pending))]), Ok(()));
        let customer = Some(CustomerId::new("K").expect("an id"));
        let decided = HeldOrder { customer, content: [8; 32], version: 1, ..held(id, state) };
        assert_eq!(commit(&store, vec![Change::PutHeldOrder(decided.clone())]), Ok(()));
        let again = commit(&store, vec![Change::PutHeldOrder(decided.clone())]);
        assert_eq!(again, Err(CommitError::Conflict), "a stale version");
        expected.push(HeldOrder { version: 2, ..decided });
    }
    for order in &expected {
        assert_eq!(block_on(store.held_order(order.id.clone())), Ok(Some(order.clone())));
    }
    assert_eq!(block_on(store.held_order(OrderId::new("x").expect("an id"))), Ok(None));
    let read = |pending, after: Option<&str>, limit| {
        let after = after.map(|id| OrderId::new(id).expect("an id"));
        block_on(store.held_orders(pending, after, limit)).expect("held orders")
    };
    assert_eq!(read(false, None, 9), expected);
    assert_eq!(read(false, Some("A b"), 2), expected[2..4]);
    assert_eq!(read(true, None, 9), [expected[0].clone(), expected[4].clone()]);
    assert_eq!(read(true, Some("A"), 9), expected[4..]);
}

/// Sessions are found by the hash of their secret together with the user as he is now, and end in each of the ways.
pub fn sessions_are_kept(store: Subject) {
    let orphan = commit(&store, vec![Change::InsertSession(session(1, "a", 10))]);
    assert_eq!(orphan, Err(CommitError::Conflict), "a session is somebody's");
    let users = ["a", "b"].map(|name| Change::PutUser(user(name)));
    assert_eq!(commit(&store, users.to_vec()), Ok(()));
    let begun = [(1, "a", 10), (2, "a", 20), (3, "a", 30), (4, "b", 40)];
    let begun = begun.map(|(number, owner, at)| session(number, owner, at));
    assert_eq!(commit(&store, begun.iter().cloned().map(Change::InsertSession).collect()), Ok(()));
    assert_eq!(commit(&store, vec![Change::InsertSession(begun[0].clone())]), Err(CommitError::Conflict));
    let half = Session { stage: Stage::Code, origin: None, agent: String::new(), ..session(5, "b", 50) };
    assert_eq!(commit(&store, vec![Change::InsertSession(half.clone())]), Ok(()));
    let of = |number: u8| block_on(store.session([number; 32])).expect("a read");
    assert_eq!(of(5), Some((half, User { version: 1, ..user("b") })));
    assert_eq!(of(9), None);
    let disabled = User { disabled_at: Some(NOW), version: 1, ..user("b") };
    assert_eq!(commit(&store, vec![Change::PutUser(disabled)]), Ok(()));
    assert_eq!(of(4).map(|(_, user)| (user.disabled_at, user.version)), Some((Some(NOW), 2)));

    let seen = |at| Change::SeeSession { hash: [1; 32], at: Timestamp::from_secs(at) };
    assert_eq!(commit(&store, vec![seen(60)]), Ok(()));
    assert_eq!(commit(&store, vec![seen(50)]), Ok(()), "an earlier use is no news");
    assert_eq!(of(1).map(|(session, _)| session.last_seen.secs()), Some(60));
    let numbers = |owner: &str| -> Vec<u8> {
        let sessions = block_on(store.sessions_of(name(owner))).expect("sessions");
        sessions.iter().map(|session| session.hash[0]).collect()
    };
    assert_eq!(numbers("a"), [3, 2, 1], "newest first");
    let end = |hash: u8| Change::EndSession { hash: [hash; 32] };
    assert_eq!(commit(&store, vec![end(2), end(2)]), Ok(()), "what has ended stays ended");
    assert_eq!(commit(&store, vec![Change::SeeSession { hash: [2; 32], at: NOW }]), Ok(()));
    assert_eq!((numbers("a"), of(2)), (vec![3, 1], None));
    let except = |owner: &str, except| Change::EndSessionsOf { user: name(owner), except };
    assert_eq!(commit(&store, vec![except("a", Some([1; 32]))]), Ok(()));
    assert_eq!((numbers("a"), numbers("b")), (vec![1], vec![5, 4]));
    assert_eq!(commit(&store, vec![Change::ForgetSessions { until: Timestamp::from_secs(140) }]), Ok(()));
    assert_eq!((numbers("a"), numbers("b")), (vec![], vec![5]), "over at 110 and at 140");
    assert_eq!(commit(&store, vec![except("b", None)]), Ok(()));
    assert_eq!(numbers("b"), [0; 0]);
}
