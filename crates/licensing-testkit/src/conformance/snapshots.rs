//! Many at once: who is refused takes nothing from others, and readers see whole change sets only.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::event::{Action, Event};
use licensing_core::ids::{ContainerKind, ItemId};
use licensing_core::item::Item;
use licensing_store::{CommitError, EventQuery, FactsQuery, ItemQuery};

use super::contract::{item, record};
use super::records::{activation, container, serial};
use crate::conformance::{Subject, order};
use crate::server::{NOW, actor, firm};

const WRITERS: u8 = 64;

fn event(detail: String) -> Event {
    Event { detail, ..Event::new(Action::ItemCreated, &actor(), NOW) }
}

/// Runs `write` once per writer, all at the same moment, and gives the outcomes.
fn at_once<T: Send>(write: impl Fn(u8) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(usize::from(WRITERS));
    thread::scope(|scope| {
        let (write, barrier) = (&write, &barrier);
        let start = |number| {
            scope.spawn(move || {
                barrier.wait();
                write(number)
            })
        };
        let writing: Vec<_> = (0..WRITERS).map(start).collect();
        writing.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// The same request arrives many times at once: one is carried out, and its answer is what all will get.
pub fn equal_requests_at_once_are_answered_once(store: Subject) {
    let outcomes = at_once(|number| {
        block_on(store.commit(ChangeSet {
            request: Some(record([1; 32], &[number])),
            changes: vec![Change::PutItem(item(&format!("I-{number:02}")))],
            events: vec![event(number.to_string())],
        }))
    });
    let winners: Vec<usize> = (0..outcomes.len()).filter(|&at| outcomes[at].is_ok()).collect();
    let [winner] = winners[..] else { unreachable!("winners {winners:?}") };
    let duplicates = outcomes.iter().filter(|outcome| **outcome == Err(CommitError::Duplicate));
    assert_eq!(duplicates.count(), outcomes.len() - 1);
    let winner = u8::try_from(winner).expect("64 writers");
    assert_eq!(block_on(store.answered([1; 32])), Ok(Some(record([1; 32], &[winner]))));
    let items = block_on(store.list_items(ItemQuery { limit: 100, ..ItemQuery::default() })).expect("items");
    let names: Vec<&str> = items.iter().map(|item| item.definition.id.as_str()).collect();
    assert_eq!(names, [format!("I-{winner:02}")]);
    let events = block_on(store.events(EventQuery { limit: 100, ..EventQuery::default() })).expect("events");
    assert_eq!(events.len(), 1);
}

/// Change sets that conflict, between others that do not: the others stand, nothing of the refused ones does.
pub fn a_conflict_takes_nothing_from_its_neighbours(store: Subject) {
    let outcomes = at_once(|number| {
        let id = format!("I-{number:02}");
        let mut changes = vec![Change::PutItem(item(&id))];
        if number % 2 == 1 {
            changes.push(Change::PutItem(Item { version: 1, ..item("absent") }));
        }
        let request = Some(record([number; 32], b"answer"));
        block_on(store.commit(ChangeSet { request, changes, events: vec![event(id)] }))
    });
    for (number, outcome) in (0..WRITERS).zip(outcomes) {
        let stands = number % 2 == 0;
        assert_eq!(outcome, if stands { Ok(()) } else { Err(CommitError::Conflict) }, "writer {number}");
        let id = ItemId::new(format!("I-{number:02}")).expect("an id");
        assert_eq!(block_on(store.items(vec![id])).expect("a read").len(), usize::from(stands));
        assert_eq!(block_on(store.answered([number; 32])).expect("a read").is_some(), stands);
    }
    let events = block_on(store.events(EventQuery { limit: 100, ..EventQuery::default() })).expect("events");
    assert_eq!(events.len(), usize::from(WRITERS) / 2);
}

/// Whoever follows the events while they are written gets each one once and misses none.
pub fn following_the_events_misses_none(store: Subject) {
    const EACH: usize = 8;
    let done = AtomicBool::new(false);
    let follow = || {
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let last_round = done.load(Ordering::SeqCst);
            let page = block_on(store.events(EventQuery { after, limit: 7, ..EventQuery::default() }));
            let page = page.expect("a page");
            assert!(page.len() <= 7);
            let Some(last) = page.last() else {
                if last_round {
                    return seen;
                }
                continue;
            };
            assert!(last.sequence > after);
            after = last.sequence;
            seen.extend(page.into_iter().map(|stored| stored.event.detail));
        }
    };
    let seen = thread::scope(|scope| {
        let following = scope.spawn(follow);
        at_once(|writer| {
            for number in 0..EACH {
                let events = vec![event(format!("{writer:02}-{number}"))];
                block_on(store.commit(ChangeSet { events, ..ChangeSet::default() })).expect("an event");
            }
        });
        done.store(true, Ordering::SeqCst);
        following.join().expect("no panic")
    });
    for writer in 0..WRITERS {
        let own = |detail: &&String| detail.starts_with(&format!("{writer:02}-"));
        let expected: Vec<String> = (0..EACH).map(|number| format!("{writer:02}-{number}")).collect();
        assert_eq!(seen.iter().filter(own).cloned().collect::<Vec<_>>(), expected);
    }
    assert_eq!(seen.len(), usize::from(WRITERS) * EACH);
}

/// Facts are loaded while the ledger and its activations change together: they always agree.
pub fn facts_are_one_snapshot(store: Subject) {
    const COMMITS: u8 = 200;
    let owner = order(&store, 1, u32::from(COMMITS), false);
    let here = serial(ContainerKind::Act, 1);
    let known = ChangeSet { changes: vec![Change::PutContainer(container(here, 0))], ..ChangeSet::default() };
    block_on(store.commit(known)).expect("a container");
    let query = FactsQuery {
        ticket: Some(owner.0),
        serial: here,
        firm_code: firm(),
        sequence: 1,
        named: vec![],
        elsewhere: false,
        old: None,
    };
    let done = AtomicBool::new(false);
    let read = || {
        loop {
            let last_round = done.load(Ordering::SeqCst);
            let facts = block_on(store.facts(query.clone())).expect("facts");
            let ledger = facts.lines.first().expect("the line").ledger.activating;
            let activations: u32 = facts.activations.iter().map(|activation| activation.quantity).sum();
            assert_eq!(ledger, activations, "the ledger and its activations are of one moment");
            if last_round {
                return ledger;
            }
        }
    };
    let seen = thread::scope(|scope| {
        let reading: Vec<_> = (0..3).map(|_| scope.spawn(read)).collect();
        for number in 0..COMMITS {
            let mut line = block_on(store.license(owner.1)).expect("a read").expect("a license");
            line.ledger.fresh -= 1;
            line.ledger.activating += 1;
            let changes =
                vec![Change::UpdateLicense(line), Change::PutActivation(activation(number, owner, here))];
            block_on(store.commit(ChangeSet { changes, ..ChangeSet::default() })).expect("an activation");
        }
        done.store(true, Ordering::SeqCst);
        reading.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<u32>>()
    });
    assert_eq!(seen, [u32::from(COMMITS); 3]);
}
