//! What somebody has taken of one item lately, so that a limit is not got around by splitting.

use crate::ids::ItemId;
use crate::time::Timestamp;

/// Steps a window is counted in: what was taken counts until the end of its step, one window later.
const STEPS: u64 = 96;

/// Licenses of one item that one user, or one API token, has taken without a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// Who, as events name him.
    pub by: String,
    /// The item.
    pub item: ItemId,
    /// End of a step, and how many were taken in it.
    pub taken: Vec<(Timestamp, u64)>,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

impl Ordered {
    /// Nothing yet.
    #[must_use]
    pub const fn none(by: String, item: ItemId) -> Self {
        Self { by, item, taken: Vec::new(), version: 0 }
    }

    /// With so many more, and without what is out of the window.
    #[must_use]
    pub fn with(mut self, quantity: u64, window_secs: u64, now: Timestamp) -> Self {
        let step = (window_secs / STEPS).max(1);
        let end = Timestamp::from_secs((now.secs() / step + 1).saturating_mul(step));
        self.taken.retain(|(at, _)| now < at.plus_secs(window_secs));
        match self.taken.iter_mut().find(|(at, _)| *at == end) {
            Some((_, taken)) => *taken = taken.saturating_add(quantity),
            None => self.taken.push((end, quantity)),
        }
        self
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.taken.iter().fold(0, |total, (_, taken)| total.saturating_add(*taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_rolls_and_stays_small() {
        let day = 86_400;
        let none = Ordered::none("erp".into(), ItemId::new("A").unwrap());
        let first = none.with(60, day, Timestamp::from_secs(1_000_000));
        let at = |secs: u64| first.clone().with(0, day, Timestamp::from_secs(secs)).total();
        assert_eq!((at(1_000_000), at(1_000_000 + day - 1)), (60, 60), "for the whole window");
        assert_eq!(at(1_000_000 + day + day / STEPS), 0, "and for a step longer at most");
        let mut many = first;
        for secs in 0..10_000 {
            many = many.with(1, 1_000, Timestamp::from_secs(2_000_000 + secs));
            assert!(many.taken.len() as u64 <= STEPS + 8, "{}", many.taken.len());
            assert!(
                (secs.min(999) + 1..=secs.min(1_012) + 1).contains(&many.total()),
                "{secs} {}",
                many.total()
            );
        }
    }
}
