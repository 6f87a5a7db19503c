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
/// Histories of a CI run, and of a long one; on PostgreSQL, where each needs a database of its own made, fewer.
const HISTORIES: (u64, u64) = (2_000, 200_000);
const ON_POSTGRES: (u64, u64) = (40, 2_000);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// What is counted, and how it begins in the log of a history.
const COUNTED: [(&str, &str); 16] = [
    ("updates issued", "  answered with"),
    ("requests refused", "  refused: "),
    ("power cuts", "the power of "),
    ("server crashes", "the server crashes"),
    ("whole machines put back", "all of "),
    ("decisions of the vendor", "the vendor does "),
    ("transfers cancelled", "  event: transfer_cancelled"),
    ("cancelled activations that never happened", "  event: activation_void"),
    ("cancelled returns that never happened", "  event: return_void"),
    ("returns proven", "  event: return_confirmed"),
    ("licenses replaced", "  event: license_replaced"),
    ("exchanges issued", "  step: exchange"),
    ("product items split", "  step: split"),
    ("locks issued", "  step: lock"),
    ("licenses activated again", "  event: license_reactivated"),
    ("containers cleared", "  event: container_cleared"),
];

type Counts = [u64; COUNTED.len()];

/// Lives one history; gives what happened, or that and what went wrong.
fn live(beginning: &Beginning, folder: &Path, seed: u64) -> Result<Counts, (Vec<String>, String)> {
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
    let _ = std::fs::remove_dir_all(&folder);
    let count = |(_, begin): (&str, &str)| log.iter().filter(|line| line.starts_with(begin)).count() as u64;
    outcome.map(|()| COUNTED.map(count)).map_err(|panic| {
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
            Ok(_) => return println!("seed {seed} holds"),
            Err((log, what)) => panic!("{}", tell(seed, &log, &what)),
        }
    }
    let on_postgres = beginning.is_on_postgres();
    let (ci, long) = if on_postgres { ON_POSTGRES } else { HISTORIES };
    let histories = proof::size(ci, long);
    let first = proof::first_seed();
    let next = AtomicU64::new(first);
    let failed = Mutex::new(None);
    let counted = COUNTED.map(|_| AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + histories || failed.lock().unwrap().is_some() {
                        return;
                    }
                    match live(&beginning, folder.path(), seed) {
                        Ok(counts) => {
                            for (all, count) in counted.iter().zip(counts) {
                                all.fetch_add(count, Ordering::Relaxed);
                            }
                        }
                        Err((log, what)) => {
                            failed.lock().unwrap().get_or_insert((seed, log, what));
                        }
                    }
                }
            });
        }
    });
    if let Some((seed, log, what)) = failed.into_inner().unwrap() {
        panic!("{}", tell(seed, &log, &what));
    }
    let counts: Vec<(&'static str, u64)> =
        COUNTED.iter().map(|(name, _)| *name).zip(counted.map(AtomicU64::into_inner)).collect();
    assert!(
        counts.iter().all(|(_, count)| *count > 0 || histories < 500),
        "not everything was tried: {counts:?}"
    );
    Figures {
        name: if on_postgres { "histories-postgres" } else { "histories" },
        what: "Random histories of the whole system: services, database, both kinds of container, a channel that loses, \
               repeats and reorders, power cuts, crashes, clock jumps, old copies put back",
        count: histories,
        unit: "histories of 60 steps",
        seeds: Some((first, first + histories - 1)),
        more: counts,
    }
    .tell();
}
