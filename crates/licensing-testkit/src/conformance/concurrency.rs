//! Many at once: nothing is lost, and one unit has one winner.

use std::sync::Barrier;
use std::thread;

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::ids::ContainerKind;
use licensing_core::refusal::Refusal;
use licensing_core::work::{Decline, Plan};
use licensing_store::CommitError;

use crate::conformance::{PROOFS, Subject, order, request};
use crate::server::Server;

const WRITERS: u32 = 64;

/// Every writer adds one to the same row, deciding again on a conflict: in the end all are counted.
pub fn sixty_four_writers_lose_nothing(store: Subject) {
    let (_, license) = order(&store, 1, WRITERS, false);
    let barrier = Barrier::new(WRITERS as usize);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                barrier.wait();
                loop {
                    let mut line = block_on(store.license(license)).expect("a read").expect("a license");
                    line.ledger.fresh -= 1;
                    line.ledger.withdrawn_fresh += 1;
                    let changes = vec![Change::UpdateLicense(line)];
                    match block_on(store.commit(ChangeSet { changes, ..ChangeSet::default() })) {
                        Ok(()) => return,
                        Err(CommitError::Conflict) => {}
                        Err(error) => unreachable!("{error}"),
                    }
                }
            });
        }
    });
    let line = block_on(store.license(license)).expect("a read").expect("a license");
    assert_eq!((line.ledger.fresh, line.ledger.withdrawn()), (0, WRITERS));
    assert_eq!(line.version, u64::from(WRITERS) + 1);
}

/// Sixty-four containers ask for the only unit at the same moment: one gets it, the others are told.
pub fn one_winner_of_one_unit(store: Subject) {
    let (ticket, license) = order(&store, 1, 1, false);
    let mut server = Server::new(4);
    let contexts: Vec<Vec<u8>> = (0..WRITERS)
        .map(|_| {
            let mut device = server.device(ContainerKind::Act);
            server.context(&mut device)
        })
        .collect();
    let barrier = Barrier::new(contexts.len());
    let outcomes: Vec<Result<Option<Plan>, Decline>> = thread::scope(|scope| {
        let ask = |(seed, context): (usize, &Vec<u8>)| {
            let context = context.clone();
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                barrier.wait();
                request(store, &context, Some(ticket), |work, settled| {
                    let mut entropy = crate::TestEntropy::new(seed as u64);
                    work.activate(settled, &[(license, Some(1))], &PROOFS, &mut entropy).map(Some)
                })
            })
        };
        let asking: Vec<_> = contexts.iter().enumerate().map(ask).collect();
        asking.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let winners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(winners, 1);
    let told = |outcome: &&Result<Option<Plan>, Decline>| {
        matches!(outcome, Err(Decline::Refused(Refusal::NotAvailable { available: 0, .. })))
    };
    assert_eq!(outcomes.iter().filter(told).count(), WRITERS as usize - 1);
    let line = block_on(store.license(license)).expect("a read").expect("a license");
    assert_eq!((line.ledger.available(), line.ledger.activating), (0, 1));
}
