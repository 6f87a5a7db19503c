//! How often an origin may ask for something, whatever number of connections it opens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use licensing_core::origin::Origin;

/// Requests at once.
const BURST: u32 = 30;
/// Time in which one more is allowed.
const REFILL: Duration = Duration::from_millis(200);
/// Origins that are counted; the one that was quiet longest is forgotten for another.
const ORIGINS_MAX: usize = 256;

struct Bucket {
    left: u32,
    since: Instant,
}

/// Buckets of all origins.
#[derive(Default)]
pub(crate) struct Limits {
    buckets: Mutex<HashMap<Origin, Bucket>>,
}

impl Limits {
    /// Takes one request of an origin; whether it may.
    pub(crate) fn take(&self, origin: &Origin, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ORIGINS_MAX
            && !buckets.contains_key(origin)
            && let Some(oldest) =
                buckets.iter().min_by_key(|(_, bucket)| bucket.since).map(|(o, _)| o.clone())
        {
            buckets.remove(&oldest);
        }
        let bucket = buckets.entry(origin.clone()).or_insert(Bucket { left: BURST, since: now });
        let passed = now.saturating_duration_since(bucket.since).as_millis() / REFILL.as_millis();
        if passed > 0 {
            bucket.left = bucket.left.saturating_add(u32::try_from(passed).unwrap_or(BURST)).min(BURST);
            bucket.since = now;
        }
        if bucket.left == 0 {
            return false;
        }
        bucket.left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_a_steady_trickle_for_each_origin() {
        let limits = Limits::default();
        let (a, b) = (Origin::new("https://a.example").unwrap(), Origin::new("https://b.example").unwrap());
        let start = Instant::now();
        let granted = (0..100).filter(|_| limits.take(&a, start)).count();
        assert_eq!(granted, 30);
        assert!(limits.take(&b, start), "another origin is not concerned");
        let later = start + REFILL * 3;
        assert_eq!((0..100).filter(|_| limits.take(&a, later)).count(), 3);
        let much_later = later + REFILL * 10_000;
        assert_eq!((0..100).filter(|_| limits.take(&a, much_later)).count(), 30);
    }

    #[test]
    fn many_origins_do_not_fill_the_memory() {
        let limits = Limits::default();
        let now = Instant::now();
        for number in 0..1_000 {
            limits.take(&Origin::new(format!("https://h{number}.example")).unwrap(), now);
        }
        assert!(limits.buckets.lock().unwrap().len() <= ORIGINS_MAX);
    }
}
