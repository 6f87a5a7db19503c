//! `kill -9` of the real server and the real command line at random moments, with clients that try again: nothing is
//! lost and nothing is doubled.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]
#![expect(unreachable_pub, reason = "the support module is shared by several test programs")]

#[path = "support/fleet.rs"]
mod fleet;

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fleet::programs::NEVER;
use fleet::{Central, Computer};
use licensing_testkit::proof::{self, Figures};

/// Kills of the server in a CI run, and in a long one.
const KILLS: (u64, u64) = (200, 10_000);
const ON_POSTGRES: (u64, u64) = (50, 1_000);
const COMPUTERS: u64 = 2;
const TICKETS: usize = 2;
const QUANTITY: u32 = 5;

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[derive(Default)]
struct Counters {
    done: AtomicU64,
    failed: AtomicU64,
    killed: AtomicU64,
}

/// A user that activates and returns, now and then killed in the middle.
fn work(
    computer: &Computer,
    serial: &str,
    tickets: &[(String, String)],
    seed: u64,
    stop: &AtomicBool,
    counters: &Counters,
) {
    let mut chance = Chance(seed);
    while !stop.load(Ordering::Relaxed) {
        let (ticket, license) = &tickets[usize::try_from(chance.below(TICKETS as u64)).unwrap()];
        let (verb, share) = match chance.below(9) {
            0..=3 => ("activate", format!("{license}={}", chance.below(2) + 1)),
            4..=7 => ("deactivate", format!("{license}=1")),
            _ => ("cancel", String::new()),
        };
        let mut words = vec![verb, "--ticket", ticket, "--container", serial];
        if !share.is_empty() {
            words.extend(["--license", &share]);
        }
        let mut child =
            computer.command(&words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        if chance.below(4) == 0 {
            std::thread::sleep(Duration::from_millis(chance.below(70)));
            child.kill().unwrap();
            child.wait().unwrap();
            counters.killed.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            counters.done.fetch_add(1, Ordering::Relaxed);
        } else {
            let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let code = json["error"]["code"].as_str().unwrap();
            assert!(!NEVER.contains(&code), "{words:?}: {json}");
            counters.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Lets a user finish what is unfinished, alone.
fn settle(computer: &Computer, serial: &str) {
    for attempt in 0.. {
        match computer.run(&["auto-update", "--container", serial]) {
            Ok(_) => return,
            // Nothing of this container ever arrived.
            Err(code) if code == "container_unknown" => return,
            Err(code) => assert!(attempt < 3, "{serial} cannot be settled: {code}"),
        }
    }
}

fn check(central: &Central, computers: &[(Computer, String)], tickets: &[(String, String)]) {
    for (computer, serial) in computers {
        settle(computer, serial);
        settle(computer, serial);
    }
    let contexts: Vec<String> = computers.iter().map(|(computer, serial)| computer.context(serial)).collect();
    let (sound, said) = central.audit(&contexts);
    assert!(sound && said.contains("0 differences"), "{said}\n{}", central.log());
    let viewer = central.computer("viewer");
    let (mut available, mut unfinished) = (0, 0);
    for (ticket, _) in tickets {
        let license = &viewer.ok(&["ticket", "show", ticket])["licenses"][0];
        available += license["available"].as_u64().unwrap();
        unfinished += license["activating"].as_u64().unwrap() + license["returning"].as_u64().unwrap();
    }
    let held: u64 = computers.iter().map(|(computer, serial)| computer.held(serial)).sum();
    let all = u64::from(QUANTITY) * TICKETS as u64;
    assert_eq!((available + held, unfinished), (all, 0), "{available} available, {held} in containers");
}

#[test]
fn nothing_is_lost_or_doubled_when_processes_are_killed() {
    let mut central = Central::new(proof::fast_folder());
    let on_postgres = central.postgres.is_some();
    let (ci, long) = if on_postgres { ON_POSTGRES } else { KILLS };
    let kills = proof::size(ci, long);
    let tickets: Vec<(String, String)> =
        (0..TICKETS).map(|number| central.sell(&format!("O-{number}"), QUANTITY)).collect();
    let computers: Vec<(Computer, String)> = (0..COMPUTERS)
        .map(|number| {
            let computer = central.computer(&format!("computer-{number}"));
            let serial = computer.dongle();
            (computer, serial)
        })
        .collect();
    let (stop, counters) = (AtomicBool::new(false), Counters::default());
    let mut chance = Chance(kills);
    std::thread::scope(|scope| {
        for (number, (computer, serial)) in (1..).zip(&computers) {
            let (stop, counters, tickets) = (&stop, &counters, &tickets);
            scope.spawn(move || {
                // A client that fails must end the killing, too.
                let stops = StopOnDrop(stop);
                work(computer, serial, tickets, number, stop, counters);
                drop(stops);
            });
        }
        let _stops = StopOnDrop(&stop);
        for _ in 0..kills {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20 + chance.below(160)));
            central.kill();
            central.start();
        }
    });
    check(&central, &computers, &tickets);
    let (done, killed) = (counters.done.into_inner(), counters.killed.into_inner());
    assert!(done > 0, "no transfer ever succeeded");
    Figures {
        name: if on_postgres { "kills-postgres" } else { "kills" },
        what: "kill -9 of the server at random moments while clients activate, return and cancel, are killed themselves, \
               and try again; then an audit of tables, receipts and containers",
        count: kills,
        unit: "kills of the server",
        seeds: None,
        more: vec![("kills of clients", killed), ("transfers done", done), ("tried again", counters.failed.into_inner())],
    }
    .tell();
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
