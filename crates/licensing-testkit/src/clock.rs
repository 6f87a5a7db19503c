//! A clock that stands still until it is told otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use licensing_core::time::Timestamp;

/// A clock set by hand. Its copies show the same time, so that a test and what it tests can share it.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(now.secs())))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.load(Ordering::SeqCst))
    }

    /// Sets it, also back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.secs(), Ordering::SeqCst);
    }

    /// Moves it forward by whole seconds.
    pub fn advance(&self, secs: u64) {
        self.set(self.now().plus_secs(secs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_show_the_same_time() {
        let clock = ManualClock::new(Timestamp::from_secs(10));
        let copy = clock.clone();
        clock.advance(5);
        assert_eq!(copy.now(), Timestamp::from_secs(15));
        copy.set(Timestamp::from_secs(3));
        assert_eq!(clock.now(), Timestamp::from_secs(3));
    }
}
