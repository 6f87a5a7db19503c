//! Counters of the process, in the Prometheus text format. No label ever holds a ticket, a customer or an id.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use licensing_core::event::Action;
use licensing_core::time::Timestamp;
use licensing_store::Counts;

/// Counters of the process.
#[derive(Debug)]
pub struct Metrics {
    started_at: Timestamp,
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    problems: Mutex<BTreeMap<&'static str, u64>>,
    events: Mutex<BTreeMap<&'static str, u64>>,
    conflicts: AtomicU64,
    webhooks_taken: AtomicU64,
    webhooks_failed: AtomicU64,
    dead_letters: AtomicU64,
    in_flight: AtomicU64,
}

fn add<K: Ord>(counters: &Mutex<BTreeMap<K, u64>>, key: K) {
    // A poisoned lock only means that somebody panicked between two additions.
    *counters.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
}

impl Metrics {
    /// All zero.
    #[must_use]
    pub const fn new(started_at: Timestamp) -> Self {
        Self {
            started_at,
            requests: Mutex::new(BTreeMap::new()),
            problems: Mutex::new(BTreeMap::new()),
            events: Mutex::new(BTreeMap::new()),
            conflicts: AtomicU64::new(0),
            webhooks_taken: AtomicU64::new(0),
            webhooks_failed: AtomicU64::new(0),
            dead_letters: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
        }
    }

    /// A request begins.
    pub fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was answered. `route` is its name in the route table.
    pub fn answered(&self, route: &'static str, status: u16) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        add(&self.requests, (route, status));
    }

    /// A problem was answered.
    pub fn problem(&self, code: &'static str) {
        add(&self.problems, code);
    }

    /// Events were committed.
    pub fn happened(&self, actions: &[Action]) {
        for action in actions {
            add(&self.events, action.name());
        }
    }

    /// A decision had to be made again.
    pub fn conflict(&self) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
    }

    /// A message was sent to the receiver of a webhook.
    pub fn webhook_attempt(&self, taken: bool) {
        let counter = if taken { &self.webhooks_taken } else { &self.webhooks_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// An event is not tried any more.
    pub fn webhook_dead_letter(&self) {
        self.dead_letters.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything, in the Prometheus text format.
    #[must_use]
    pub fn render(
        &self,
        counts: Option<Counts>,
        activations: Option<(u64, Option<u64>)>,
        now: Timestamp,
    ) -> String {
        let mut out = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(out, "{name}{labels} {value}");
            }
        };
        let taken = |counters: &Mutex<BTreeMap<&'static str, u64>>, label: &str| -> Vec<(String, u64)> {
            let counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
            counters.iter().map(|(key, n)| (format!("{{{label}=\"{key}\"}}"), *n)).collect()
        };
        let plain = |value: u64| vec![(String::new(), value)];
        family(
            "central_uptime_seconds",
            "gauge",
            "Seconds since start.",
            &plain(now.secs_since(self.started_at)),
        );
        let requests: Vec<(String, u64)> = {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            let labels = |route, status| format!("{{route=\"{route}\",status=\"{status}\"}}");
            requests.iter().map(|((route, status), n)| (labels(route, status), *n)).collect()
        };
        family("central_requests_total", "counter", "Requests answered.", &requests);
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        family("central_requests_in_flight", "gauge", "Requests being worked on.", &plain(in_flight));
        family("central_problems_total", "counter", "Problems by code.", &taken(&self.problems, "code"));
        family("central_events_total", "counter", "Events committed.", &taken(&self.events, "action"));
        let event = |action: Action| {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.get(action.name()).copied().unwrap_or(0)
        };
        let (issued, confirmed) = (event(Action::ActivationIssued), event(Action::ActivationConfirmed));
        family("central_activations_issued_total", "counter", "Activations issued.", &plain(issued));
        family("central_activations_confirmed_total", "counter", "Activations proven.", &plain(confirmed));
        let conflicts = self.conflicts.load(Ordering::Relaxed);
        family("central_conflicts_total", "counter", "Decisions made again.", &plain(conflicts));
        let attempts = [("taken", &self.webhooks_taken), ("failed", &self.webhooks_failed)]
            .map(|(outcome, n)| (format!("{{outcome=\"{outcome}\"}}"), n.load(Ordering::Relaxed)));
        family("central_webhook_attempts_total", "counter", "Messages sent to webhooks.", &attempts);
        let dead = self.dead_letters.load(Ordering::Relaxed);
        let help = "Events a webhook is not tried with any more.";
        family("central_webhook_dead_letters_total", "counter", help, &plain(dead));
        if let Some((used, limit)) = activations {
            family("central_month_activations", "gauge", "Activations of this month.", &plain(used));
            if let Some(limit) = limit {
                let help = "Activations the edition has for a month.";
                family("central_month_activations_limit", "gauge", help, &plain(limit));
            }
        }
        if let Some(counts) = counts {
            for (name, help, value) in [
                ("central_tickets", "Tickets stored.", counts.tickets),
                ("central_licenses", "License lines stored.", counts.licenses),
                ("central_containers", "Containers known.", counts.containers),
                ("central_activations", "Activations stored, in all states.", counts.activations),
            ] {
                family(name, "gauge", help, &plain(value));
            }
        }
        out
    }
}
