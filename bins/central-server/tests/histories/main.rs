//! Random histories of a whole system: the services over a real database, containers of both kinds, a channel that
//! loses, repeats and reorders, power cuts, crashes, clocks that jump, and everything users and vendor can do.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

mod central;
mod check;
mod computers;
mod dice;
mod moves;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use central::{Beginning, Central};
use licensing_testkit::proof::{self, Figures};
use world::World;

/// Steps of a history.
const STEPS: usize = 60;
/// Histories of a CI run, and of a long one.
const HISTORIES: (u64, u64) = (2_000, 200_000);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// Lives one history; gives what happened, and what went wrong.
fn live(beginning: &Beginning, folder: &Path, seed: u64) -> Result<(), (Vec<String>, String)> {
    let runtime = runtime();
    let folder = folder.join(seed.to_string());
    let mut world = World::begin(&runtime, Central::begin(beginning, &folder, seed), seed);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        for number in 0..STEPS {
            world.note(format!("--- step {number}"));
            moves::step(&mut world);
            check::invariants(&mut world);
        }
        check::finish(&mut world);
    }));
    let log = std::mem::take(&mut world.log);
    drop(world);
    std::fs::remove_dir_all(&folder).unwrap();
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        (log, text.unwrap_or_default())
    })
}

fn tell(seed: u64, log: &[String], what: &str) -> String {
    let shown = log.iter().skip(log.len().saturating_sub(400)).cloned().collect::<Vec<_>>().join("\n");
    format!(
        "{shown}\nseed {seed}: {what}\nreplay it with\n  {}={seed} cargo test -p central-server --test histories -- --nocapture",
        proof::SEED
    )
}

#[test]
fn nothing_is_ever_lost_or_doubled() {
    let folder = proof::fast_folder();
    let beginning = Beginning::make(folder.path(), &runtime());
    if let Some(seed) = proof::only_seed() {
        match live(&beginning, folder.path(), seed) {
            Ok(()) => return println!("seed {seed} holds"),
            Err((log, what)) => panic!("{}", tell(seed, &log, &what)),
        }
    }
    let histories = proof::size(HISTORIES.0, HISTORIES.1);
    let next = AtomicU64::new(0);
    let failed = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= histories || failed.lock().unwrap().is_some() {
                        return;
                    }
                    if let Err((log, what)) = live(&beginning, folder.path(), seed) {
                        failed.lock().unwrap().get_or_insert((seed, log, what));
                    }
                }
            });
        }
    });
    if let Some((seed, log, what)) = failed.into_inner().unwrap() {
        panic!("{}", tell(seed, &log, &what));
    }
    Figures {
        name: "histories",
        what: "Random histories of the whole system: services, database, both kinds of container, a channel that loses, \
               repeats and reorders, power cuts, crashes, clock jumps, old copies put back",
        count: histories,
        unit: "histories of 60 steps",
        seeds: Some((0, histories - 1)),
        more: vec![],
    }
    .tell();
}
