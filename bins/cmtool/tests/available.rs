//! Machines die while customers activate: a server of two behind a proxy, and the primary of a replicated database.
//! Nothing is lost or doubled, and every client finishes by trying again. Real processes.

#[path = "support/site.rs"]
mod site;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use licensing_testkit::postgres::{Cluster, Pair};
use licensing_testkit::proof::{self, Figures};
use licensing_testkit::proxy::Balancer;
use site::{Computer, Site};

/// Clients that activate at the same time.
const CLIENTS: u64 = 64;

fn wait_for(counter: &AtomicU64, at_least: u64) {
    while counter.load(Ordering::SeqCst) < at_least {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn either_server_dies_during_many_activations_and_nothing_is_lost() {
    let database = Cluster::shared().database();
    let url = database.url();
    let site = Site::new(Some(&url));
    let mut servers = [site.serve(Some(&url)), site.serve(Some(&url))];
    let balancer = Balancer::start(servers.iter().map(|server| server.address).collect()).unwrap();
    let vendor = site.computer("vendor", balancer.address);
    let (ticket, license) = vendor.sell("O-1", CLIENTS + 10);
    let clients: Vec<(Computer, String)> = (0..CLIENTS)
        .map(|number| {
            let computer = site.computer(&format!("computer-{number}"), balancer.address);
            let serial = computer.dongle();
            (computer, serial)
        })
        .collect();
    let (done, tries) = (AtomicU64::new(0), AtomicU64::new(0));
    let share = format!("{license}=1");
    std::thread::scope(|scope| {
        for (computer, serial) in &clients {
            let (done, tries, ticket, share) = (&done, &tries, &ticket, &share);
            scope.spawn(move || {
                let words = ["activate", "--ticket", ticket, "--container", serial, "--license", share];
                tries.fetch_add(computer.until_done(&words), Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        // Each dies in the middle of it and comes back at another address.
        for (at, after) in [(0, 8), (1, 30)] {
            wait_for(&done, after);
            servers[at].kill();
            wait_for(&done, after + 8);
            servers[at] = site.serve(Some(&url));
            balancer.put(servers.iter().map(|server| server.address).collect());
        }
    });
    let held: u64 = clients.iter().map(|(computer, serial)| computer.held(serial)).sum();
    assert_eq!((vendor.books(&ticket), held), ((10, 0), CLIENTS));
    site.audit(Some(&url), &clients);
    Figures {
        name: "two-servers",
        what: "one of two servers behind a plain TCP proxy is killed, then the other, while 64 clients activate on one \
               PostgreSQL database",
        count: CLIENTS,
        unit: "activations",
        seeds: None,
        more: vec![("kills of servers", 2), ("tries", tries.into_inner())],
    }
    .tell();
}

/// Activates and returns until it is told to stop; gives what was done, and what had to be tried again.
fn work(computer: &Computer, serial: &str, ticket: &str, license: &str, stop: &AtomicBool) -> (u64, u64) {
    let share = format!("{license}=1");
    let (mut done, mut again) = (0, 0);
    for verb in ["activate", "activate", "deactivate"].into_iter().cycle() {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let words = [verb, "--ticket", ticket, "--container", serial, "--license", &share];
        match computer.run(&words) {
            Ok(_) => done += 1,
            // Everything is in the container, or nothing: the next round does the opposite.
            Err(code) if code.starts_with("license") || code.contains("available") => {}
            Err(_) => again += 1,
        }
    }
    (done, again)
}

#[test]
fn the_primary_dies_under_load_and_nothing_acknowledged_is_lost() {
    let fail_overs = proof::size(5, 100);
    let mut pair = Pair::start().unwrap();
    let url = format!("{}?pool_timeout=20", pair.url("postgres"));
    let site = Site::new(Some(&url));
    let server = site.serve(Some(&url));
    let vendor = site.computer("vendor", server.address);
    const QUANTITY: u64 = 40;
    let (ticket, license) = vendor.sell("O-1", QUANTITY);
    let clients: Vec<(Computer, String)> = (0..3)
        .map(|number| {
            let computer = site.computer(&format!("computer-{number}"), server.address);
            let serial = computer.dongle();
            (computer, serial)
        })
        .collect();
    let stop = AtomicBool::new(false);
    let outcomes: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let workers: Vec<_> = clients
            .iter()
            .map(|(computer, serial)| scope.spawn(|| work(computer, serial, &ticket, &license, &stop)))
            .collect();
        let failed_over = (0..fail_overs).try_for_each(|_| {
            std::thread::sleep(Duration::from_millis(500));
            pair.fail_over()
        });
        // Whatever came of it, the clients end.
        stop.store(true, Ordering::SeqCst);
        failed_over.unwrap();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    // Whatever was under way is finished by the next contact.
    for (computer, serial) in &clients {
        for _ in 0..2 {
            computer.until_done(&["auto-update", "--container", serial]);
        }
    }
    let held: u64 = clients.iter().map(|(computer, serial)| computer.held(serial)).sum();
    let (available, under_way) = vendor.books(&ticket);
    assert_eq!((available + held, under_way), (QUANTITY, 0), "{available} available, {held} held");
    site.audit(Some(&url), &clients);
    let sum = |which: fn(&(u64, u64)) -> u64| outcomes.iter().map(which).sum::<u64>();
    assert!(outcomes.iter().all(|(done, _)| *done > 0), "{outcomes:?}");
    Figures {
        name: "fail-over",
        what: "the primary of a replicated PostgreSQL dies while clients activate and return, its synchronous standby is \
               promoted; then an audit of tables, receipts and containers",
        count: fail_overs,
        unit: "fail-overs",
        seeds: None,
        more: vec![("transfers done", sum(|outcome| outcome.0)), ("tried again", sum(|outcome| outcome.1))],
    }
    .tell();
}
