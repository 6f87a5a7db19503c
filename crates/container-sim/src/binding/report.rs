//! The binding report: which traits still match and how much tolerance is left. Only whoever can open the
//! license can make one, for the digests it needs are inside the encrypted state.

use licensing_core::codec::{Decode, Encode};
use licensing_core::crypto::digest::hash;

use crate::traits::HostTrait;

/// A trait as it was when the container was bound.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Baseline {
    /// Name.
    pub name: String,
    /// Weight.
    pub weight: u8,
    /// Salted digest of the value.
    pub digest: [u8; 16],
}

impl Baseline {
    /// Digests a trait under a salt.
    #[must_use]
    pub fn of(host: &HostTrait, salt: &[u8; 16]) -> Self {
        Self { name: host.name.clone(), weight: host.weight(), digest: trait_digest(host, salt) }
    }
}

/// Digest of a trait's value under a salt.
#[must_use]
pub(crate) fn trait_digest(host: &HostTrait, salt: &[u8; 16]) -> [u8; 16] {
    let digest = hash("host trait", &[salt, host.name.as_bytes(), host.value.as_bytes()]);
    let mut out = [0; 16];
    out.copy_from_slice(&digest[..16]);
    out
}

/// What became of a trait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum TraitStatus {
    /// As it was.
    Matched,
    /// Another value.
    Changed,
    /// No longer there.
    Absent,
}

impl TraitStatus {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Changed => "changed",
            Self::Absent => "absent",
        }
    }
}

/// One trait in a report.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TraitState {
    /// Name.
    pub name: String,
    /// Weight.
    pub weight: u8,
    /// What became of it.
    pub status: TraitStatus,
}

/// How well a computer still matches the one an act license was bound to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BindingReport {
    /// Every trait of the binding.
    pub traits: Vec<TraitState>,
    /// Weight that matches.
    pub score: u16,
    /// Weight that must match.
    pub threshold: u16,
    /// Weight of all traits.
    pub total: u16,
}

impl BindingReport {
    /// Compares a computer with the baseline.
    #[must_use]
    pub fn new(baseline: &[Baseline], salt: &[u8; 16], threshold: u16, host: &[HostTrait]) -> Self {
        let state = |base: &Baseline| {
            let status = match host.iter().find(|t| t.name == base.name) {
                Some(now) if trait_digest(now, salt) == base.digest => TraitStatus::Matched,
                Some(_) => TraitStatus::Changed,
                None => TraitStatus::Absent,
            };
            TraitState { name: base.name.clone(), weight: base.weight, status }
        };
        let traits: Vec<TraitState> = baseline.iter().map(state).collect();
        let sum = |matched_only: bool| {
            let counted = traits.iter().filter(|t| !matched_only || t.status == TraitStatus::Matched);
            counted.map(|t| u16::from(t.weight)).sum()
        };
        Self { score: sum(true), threshold, total: sum(false), traits }
    }

    /// Weight that may still change before the license no longer opens.
    #[must_use]
    pub const fn tolerance_left(&self) -> u16 {
        self.score.saturating_sub(self.threshold)
    }

    /// Whether something drifted.
    #[must_use]
    pub const fn has_drift(&self) -> bool {
        self.score < self.total
    }

    /// What has to be done to keep, or get back, the license on this computer.
    #[must_use]
    pub fn repair(&self) -> Repair {
        if self.score < self.threshold {
            let weight = self.threshold - self.score;
            let lost = self.traits.iter().filter(|t| t.status != TraitStatus::Matched);
            return Repair::BringBack { weight, traits: lost.map(|t| t.name.clone()).collect() };
        }
        if self.has_drift() { Repair::Automatic } else { Repair::Nothing }
    }
}

/// What a computer that has changed needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The computer is as it was.
    Nothing,
    /// It has changed within the tolerance: the license was bound anew to it as it is now.
    Automatic,
    /// It has changed so much since enrolment that the license no longer follows: of these traits so much weight
    /// must come back, or the vendor has to restore the license.
    BringBack {
        /// Weight that is missing.
        weight: u16,
        /// Traits any of which count towards it.
        traits: Vec<String>,
    },
}

impl Repair {
    /// The word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Automatic => "automatic",
            Self::BringBack { .. } => "bring_back",
        }
    }
}

/// A trait an act license that does not open is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OutlinedTrait {
    /// Name.
    pub name: String,
    /// Weight.
    pub weight: u8,
    /// This computer shows a trait of that name; whether of that value, only whoever can open the file knows.
    pub is_present: bool,
}

/// What can be said of the binding of an act license that does not open on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BindingOutline {
    /// The traits it is bound to.
    pub traits: Vec<OutlinedTrait>,
    /// Weight that must match.
    pub threshold: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(pairs: &[(&str, &str)]) -> Vec<HostTrait> {
        let host = |(name, value): &(&str, &str)| HostTrait { name: (*name).into(), value: (*value).into() };
        pairs.iter().map(host).collect()
    }

    #[test]
    fn a_report_tells_what_a_repair_needs() {
        let all = host(&[("product_uuid", "u"), ("board_serial", "b"), ("machine_id", "m"), ("cpu", "c")]);
        let salt = [7; 16];
        let baseline: Vec<Baseline> = all.iter().map(|t| Baseline::of(t, &salt)).collect();
        let report = |now: &[HostTrait]| BindingReport::new(&baseline, &salt, 9, now);
        assert_eq!((report(&all).total, report(&all).repair()), (15, Repair::Nothing));
        let new_cpu =
            host(&[("product_uuid", "u"), ("board_serial", "b"), ("machine_id", "m"), ("cpu", "x")]);
        let drifted = report(&new_cpu);
        assert_eq!((drifted.tolerance_left(), drifted.repair()), (3, Repair::Automatic));
        assert_eq!(drifted.traits[3].status, TraitStatus::Changed);
        let moved = report(&host(&[("product_uuid", "u"), ("cpu", "x")]));
        let lost = ["board_serial", "machine_id", "cpu"].map(str::to_owned).to_vec();
        assert_eq!(moved.repair(), Repair::BringBack { weight: 4, traits: lost });
        assert_eq!(moved.traits[1].status, TraitStatus::Absent);
    }
}
