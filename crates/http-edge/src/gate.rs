//! Bounds per client: how many requests without an API token, and how few wrong tickets.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::address::subscriber;

/// Addresses remembered at once; beyond it newcomers share one bound.
const ADDRESSES_MAX: usize = 100_000;
const MINUTE_MS: u64 = 60_000;
/// However many wrong tickets came at once, an address waits no longer than this.
const LONGEST_WAIT_MS: u64 = 10 * MINUTE_MS;

/// A bound of so many per minute, all of which may come at once: the time at which all is forgotten again.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    empty_at: u64,
}

impl Bucket {
    const fn cost(per_minute: u32) -> u64 {
        let cost = MINUTE_MS / per_minute as u64;
        if cost == 0 { 1 } else { cost }
    }

    /// Milliseconds until there is room for one more; 0 when there is.
    fn wait(self, now: u64, per_minute: u32) -> u64 {
        (self.empty_at + Self::cost(per_minute)).saturating_sub(now + MINUTE_MS)
    }

    fn fill(&mut self, now: u64, per_minute: u32) {
        let filled = self.empty_at.max(now) + Self::cost(per_minute);
        self.empty_at = filled.min(now + LONGEST_WAIT_MS);
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Client {
    requests: Bucket,
    failures: Bucket,
}

/// The bounds of every client.
#[derive(Debug)]
pub struct Gate {
    requests_per_minute: u32,
    failures_per_minute: u32,
    clients: Mutex<HashMap<IpAddr, Client>>,
}

impl Gate {
    /// Bounds of so many requests and failures a minute; 0 is no bound.
    #[must_use]
    pub fn new(requests_per_minute: u32, failures_per_minute: u32) -> Self {
        Self { requests_per_minute, failures_per_minute, clients: Mutex::default() }
    }

    fn with<T>(&self, address: Option<IpAddr>, now: u64, look: impl FnOnce(&mut Client) -> T) -> T {
        let unknown = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = address.map_or(unknown, subscriber);
        if clients.len() >= ADDRESSES_MAX && !clients.contains_key(&key) {
            clients.retain(|_, client| client.requests.empty_at.max(client.failures.empty_at) > now);
            if clients.len() >= ADDRESSES_MAX {
                key = unknown;
            }
        }
        look(clients.entry(key).or_default())
    }

    /// Lets a request in at a moment (milliseconds since 1970), or says in how many seconds to come again.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn enter(&self, address: Option<IpAddr>, now: u64) -> Result<(), u64> {
        self.pass(address, now, true)
    }

    /// As [`Gate::enter`] without counting; for requests that are counted later.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn is_open(&self, address: Option<IpAddr>, now: u64) -> Result<(), u64> {
        self.pass(address, now, false)
    }

    fn pass(&self, address: Option<IpAddr>, now: u64, count: bool) -> Result<(), u64> {
        let (requests, failures) = (self.requests_per_minute, self.failures_per_minute);
        let wait = self.with(address, now, |client| {
            let after_failures = if failures == 0 { 0 } else { client.failures.wait(now, failures) };
            let after_requests = if requests == 0 { 0 } else { client.requests.wait(now, requests) };
            if count && requests > 0 && after_failures == 0 && after_requests == 0 {
                client.requests.fill(now, requests);
            }
            after_failures.max(after_requests)
        });
        if wait == 0 {
            return Ok(());
        }
        Err(wait.div_ceil(1000))
    }

    /// Counts a wrong ticket.
    pub fn wrong_ticket(&self, address: Option<IpAddr>, now: u64) {
        if self.failures_per_minute == 0 {
            return;
        }
        self.with(address, now, |client| client.failures.fill(now, self.failures_per_minute));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn at(secs: u64) -> u64 {
        (1_800_000_000 + secs) * 1000
    }

    #[test]
    fn wrong_tickets_close_the_gate_and_time_opens_it() {
        let gate = Gate::new(1000, 10);
        for _ in 0..10 {
            gate.enter(ONE, at(0)).unwrap();
            gate.wrong_ticket(ONE, at(0));
        }
        assert_eq!(gate.enter(ONE, at(0)), Err(6));
        assert!(gate.enter(ONE, at(5)).is_err());
        gate.enter(ONE, at(6)).unwrap();
        let other = Some("192.0.2.1".parse().unwrap());
        gate.enter(other, at(0)).unwrap();
    }

    #[test]
    fn requests_are_bounded_per_minute() {
        let gate = Gate::new(3, 0);
        for _ in 0..3 {
            gate.is_open(ONE, at(0)).unwrap();
            gate.enter(ONE, at(0)).unwrap();
        }
        assert!(gate.is_open(ONE, at(19)).is_err());
        assert!(gate.enter(ONE, at(19)).is_err());
        gate.enter(ONE, at(20)).unwrap();
        assert!(gate.enter(ONE, at(20)).is_err());
    }

    #[test]
    fn a_flood_of_wrong_tickets_waits_ten_minutes_at_most() {
        let gate = Gate::new(0, 10);
        for _ in 0..100_000 {
            gate.wrong_ticket(ONE, at(0));
        }
        assert!(gate.enter(ONE, at(500)).is_err());
        gate.enter(ONE, at(600)).unwrap();
    }

    #[test]
    fn zero_means_no_bound() {
        let gate = Gate::new(0, 0);
        for _ in 0..10_000 {
            gate.wrong_ticket(ONE, at(0));
            gate.enter(ONE, at(0)).unwrap();
        }
    }
}
