//! The ledger of a license line: where every unit of its quantity is.

use crate::terms::{Remainder, split_units};
use crate::zoo::{self, Bug};

/// A part of a quantity that was activated before and has come back with what it has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// How many licenses.
    pub quantity: u32,
    /// What they have left, all together.
    pub remainder: Remainder,
}

impl Share {
    /// Takes `going` licenses and their part of the units and added uses out of the share.
    #[must_use]
    pub fn split_off(&mut self, going: u32) -> Self {
        let (mine, theirs) = self.remainder.split(self.quantity, going);
        self.quantity -= going;
        self.remainder = theirs;
        Self { quantity: going, remainder: mine }
    }
}

impl Remainder {
    /// Divides what `quantity` licenses have left between `going` of them and the others, to the last unit.
    #[must_use]
    pub fn split(&self, quantity: u32, going: u32) -> (Self, Self) {
        let units = self.units.map(|units| split_units(units, quantity, going));
        let (uses_go, uses_stay) = split_units(self.added_uses, quantity, going);
        let goes = Self { units: units.map(|u| u.0), added_uses: uses_go, ..*self };
        (goes, Self { units: units.map(|u| u.1), added_uses: uses_stay, ..*self })
    }

    /// Whether two shares can be one: only when neither has anything that a later split would level out.
    fn merges_with(&self, other: &Self) -> bool {
        self == other && (zoo::has(Bug::MergeMetered) || (self.units.is_none() && self.added_uses == 0))
    }
}

/// Where the quantity of a license line is. The parts always add up to the quantity: they are only changed by
/// moving between each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Available and never activated.
    pub fresh: u32,
    /// Available after a return.
    pub carried: Vec<Share>,
    /// Issued to a container, not yet proven.
    pub activating: u32,
    /// Proven to be in a container, or to have changed one.
    pub active: u32,
    /// To be removed from a container, not yet proven.
    pub returning: u32,
    /// Taken back by the vendor without ever having been activated.
    pub withdrawn_fresh: u32,
    /// Taken back by the vendor after an activation.
    pub withdrawn_carried: Vec<Share>,
}

fn quantity_of(shares: &[Share]) -> u32 {
    shares.iter().map(|share| share.quantity).sum()
}

impl Ledger {
    /// Licenses available for activation.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.fresh + quantity_of(&self.carried)
    }

    /// Licenses the vendor has taken back.
    #[must_use]
    pub fn withdrawn(&self) -> u32 {
        self.withdrawn_fresh + quantity_of(&self.withdrawn_carried)
    }

    /// All parts together: always the quantity of the line.
    #[must_use]
    pub fn total(&self) -> u64 {
        [self.available(), self.activating, self.active, self.returning, self.withdrawn()]
            .iter()
            .map(|part| u64::from(*part))
            .sum()
    }

    /// Adds a share to carried ones, merged with its like.
    pub(super) fn carry(carried: &mut Vec<Share>, share: Share) {
        match carried.iter_mut().find(|other| other.remainder.merges_with(&share.remainder)) {
            Some(twin) => twin.quantity += share.quantity,
            None => carried.push(share),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_by_splitting() {
        let remainder = Remainder { units: Some(7), added_uses: 5, ..Remainder::default() };
        let mut share = Share { quantity: 3, remainder };
        let part = share.split_off(1);
        assert_eq!((part.quantity, share.quantity), (1, 2));
        assert_eq!(part.remainder.units.unwrap() + share.remainder.units.unwrap(), 7);
        assert_eq!(part.remainder.added_uses + share.remainder.added_uses, 5);
    }

    #[test]
    fn only_shares_with_nothing_to_level_out_merge() {
        let mut carried = Vec::new();
        for units in [None, None, Some(3), Some(3)] {
            let remainder = Remainder { units, ..Remainder::default() };
            Ledger::carry(&mut carried, Share { quantity: 1, remainder });
        }
        assert_eq!(carried.len(), 3);
        assert_eq!(quantity_of(&carried), 4);
    }
}
