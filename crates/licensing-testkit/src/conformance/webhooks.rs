//! Receivers of events: how far each has come, and what is put aside; and what is counted by month.

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::event::{Action, Event};
use licensing_core::webhook::{Lease, Parked, Progress, Webhook};
use licensing_store::{CommitError, EventQuery, ParkedQuery, Usage};

use super::records::{commit, keeps_versions};
use crate::conformance::Subject;
use crate::server::{NOW, actor};

const CONFLICT: Result<(), CommitError> = Err(CommitError::Conflict);

pub(crate) fn webhook(name: &str, version: u64) -> Webhook {
    Webhook {
        name: name.to_owned(),
        url: format!("https://{name}.example/x?y='z'"),
        sealed: vec![0, 1, 255],
        actions: vec![],
        disabled: None,
        created_at: NOW,
        version,
    }
}

pub(crate) fn parked(name: &str, sequence: u64) -> Parked {
    Parked {
        webhook: name.to_owned(),
        sequence,
        lane: "license 1".to_owned(),
        attempts: 0,
        since: NOW,
        next_at: NOW.plus_secs(sequence),
        outcome: String::new(),
        dead_at: None,
    }
}

fn make(store: &Subject, name: &str) {
    let mut changes = ChangeSet::default();
    changes.push(Change::PutWebhook(webhook(name, 0)));
    changes.push(Change::PutProgress(Progress::new(name.to_owned(), 0)));
    block_on(store.commit(changes)).expect("a webhook");
}

fn read(store: &Subject, name: &str, dead: bool, after: u64, limit: u32) -> Vec<Parked> {
    let query = ParkedQuery { webhook: name.to_owned(), dead, after, limit };
    block_on(store.parked(query)).expect("what is put aside")
}

/// Receivers come back in order of their names with how far they are, keep their versions, and go with all they have.
pub fn webhooks_are_kept(store: Subject) {
    assert_eq!(block_on(store.webhooks()), Ok(vec![]));
    let lost = Change::PutProgress(Progress::new("lost".to_owned(), 0));
    assert_eq!(commit(&store, lost), CONFLICT, "of no webhook");
    assert_eq!(commit(&store, Change::Park(parked("lost", 1))), CONFLICT, "of no webhook");
    for name in ["b", "A", "a"] {
        make(&store, name);
    }
    let disabled = Webhook {
        url: "http://10.0.0.1/".to_owned(),
        sealed: vec![7],
        actions: vec![Action::ItemCreated, Action::WebhookRemoved],
        disabled: Some((NOW.plus_secs(3), "gone, 'for good'".to_owned())),
        ..webhook("b", 1)
    };
    let progress = Progress {
        reached: 1 << 40,
        lease: Some(Lease { holder: [9; 16], until: NOW.plus_secs(30) }),
        failing_since: Some(NOW.plus_secs(1)),
        taken_at: Some(NOW.plus_secs(2)),
        version: 1,
        ..Progress::new("b".to_owned(), 0)
    };
    commit(&store, Change::PutWebhook(disabled.clone())).expect("a change");
    commit(&store, Change::PutProgress(progress.clone())).expect("a change");
    let fresh = |name: &str| (webhook(name, 1), Progress { version: 1, ..Progress::new(name.to_owned(), 0) });
    let changed = (Webhook { version: 2, ..disabled }, Progress { version: 2, ..progress });
    assert_eq!(block_on(store.webhooks()), Ok(vec![fresh("A"), fresh("a"), changed]));

    let remove = |version| Change::RemoveWebhook { name: "b".to_owned(), version };
    commit(&store, Change::Park(parked("b", 5))).expect("an event");
    assert_eq!(commit(&store, remove(1)), CONFLICT);
    assert_eq!(read(&store, "b", false, 0, 9).len(), 1, "nothing of it was done");
    assert_eq!(commit(&store, remove(2)), Ok(()));
    assert_eq!(commit(&store, remove(2)), CONFLICT);
    assert_eq!(block_on(store.webhooks()), Ok(vec![fresh("A"), fresh("a")]));
    assert_eq!(read(&store, "b", false, 0, 9), []);
    keeps_versions(&store, "webhook", |version| Change::PutWebhook(webhook("v", version)));
    keeps_versions(&store, "progress", |version| {
        Change::PutProgress(Progress { version, ..Progress::new("v".to_owned(), 0) })
    });
}

/// What is put aside comes back in order, the dead apart; and the progress stored with it is its fence.
pub fn events_are_put_aside(store: Subject) {
    make(&store, "a");
    make(&store, "b");
    for sequence in [9, 2, 5, 7] {
        commit(&store, Change::Park(parked("a", sequence))).expect("an event");
    }
    commit(&store, Change::Park(parked("b", 2))).expect("the same event for another");
    let changed = Parked {
        attempts: 3,
        since: NOW.plus_secs(4),
        next_at: NOW.plus_days(1),
        outcome: "status 500".to_owned(),
        ..parked("a", 5)
    };
    let dead = Parked { dead_at: Some(NOW.plus_days(4)), ..parked("a", 7) };
    commit(&store, Change::Park(changed.clone())).expect("a change");
    commit(&store, Change::Park(dead.clone())).expect("a change");
    assert_eq!(read(&store, "a", false, 0, 9), [parked("a", 2), changed.clone(), parked("a", 9)]);
    assert_eq!(read(&store, "a", false, 2, 1), [changed]);
    assert_eq!(read(&store, "a", true, 0, 9), [dead]);
    assert_eq!(read(&store, "a", true, 7, 9), []);
    let unpark = |sequence| Change::Unpark { webhook: "a".to_owned(), sequence };
    assert_eq!(commit(&store, unpark(7)), Ok(()));
    assert_eq!(commit(&store, unpark(7)), CONFLICT);
    assert_eq!(read(&store, "a", true, 0, 9), []);

    // A process that was paused has an old version, and changes nothing.
    let go_on = |version, reached| Progress { version, ..Progress::new("a".to_owned(), reached) };
    commit(&store, Change::PutProgress(go_on(1, 10))).expect("the next process");
    let mut late = ChangeSet::default();
    late.push(unpark(2));
    late.push(Change::PutProgress(go_on(1, 3)));
    assert_eq!(block_on(store.commit(late)), CONFLICT);
    assert_eq!(read(&store, "a", false, 0, 1), [parked("a", 2)]);
}

/// The number of the newest event is one after which nobody who reads on misses anything.
pub fn the_newest_event_is_known(store: Subject) {
    assert_eq!(block_on(store.last_event()), Ok(0));
    for count in 1..=3 {
        let events = vec![Event::new(Action::ItemCreated, &actor(), NOW); count];
        block_on(store.commit(ChangeSet { events, ..ChangeSet::default() })).expect("events");
        let last = block_on(store.last_event()).expect("a number");
        let all = block_on(store.events(EventQuery { limit: 99, ..EventQuery::default() })).expect("events");
        assert_eq!(all.last().map(|event| event.sequence), Some(last));
        let query = EventQuery { after: last, limit: 9, ..EventQuery::default() };
        assert_eq!(block_on(store.events(query)), Ok(vec![]));
    }
}

/// Activations are counted by month in parts; nobody passes a limit, and that it is near is noted once.
pub fn activations_are_counted(store: Subject) {
    let count = |month, shard, count, limit, told| {
        commit(&store, Change::CountActivations { month, shard, count, limit, told })
    };
    let usage = |month| block_on(store.usage(month)).expect("a count");
    assert_eq!(usage(202_611), Usage::default());
    assert_eq!(count(202_611, 0, 3, Some(10), false), Ok(()));
    assert_eq!(count(202_611, 7, 4, None, false), Ok(()));
    assert_eq!(count(202_612, 7, 1, None, false), Ok(()));
    assert_eq!(usage(202_611), Usage { activations: 7, told: false });
    assert_eq!(count(202_611, 0, 4, Some(10), false), CONFLICT, "beyond the limit in all parts");
    assert_eq!(count(202_611, 0, 2, Some(10), true), Ok(()));
    assert_eq!(usage(202_611), Usage { activations: 9, told: true });
    assert_eq!(count(202_611, 0, 1, Some(10), true), CONFLICT, "told already");
    assert_eq!(count(202_611, 0, 1, Some(10), false), Ok(()));
    assert_eq!(count(202_611, 0, 1, Some(10), false), CONFLICT);
    assert_eq!(count(202_611, 3, 5, None, false), Ok(()), "who is not limited");
    assert_eq!(usage(202_611), Usage { activations: 15, told: true });
    assert_eq!(usage(202_612), Usage { activations: 1, told: false });

    // Many at once: as many as there is room for, and not one more.
    let counted: u32 = std::thread::scope(|scope| {
        let writer = |_| {
            scope.spawn(|| {
                let tries = (0..10).map(|_| {
                    let change = Change::CountActivations {
                        month: 202_701,
                        shard: 0,
                        count: 1,
                        limit: Some(25),
                        told: false,
                    };
                    u32::from(commit(&store, change).is_ok())
                });
                tries.sum::<u32>()
            })
        };
        let writers: Vec<_> = (0..8).map(writer).collect();
        writers.into_iter().map(|writer| writer.join().expect("a writer")).sum()
    });
    assert_eq!((counted, usage(202_701).activations), (25, 25));
}
