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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraitState {
    /// Name.
    pub name: String,
    /// Weight.
    pub weight: u8,
    /// What became of it.
    pub status: TraitStatus,
}

/// How well a computer still matches the one an act license was bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}
