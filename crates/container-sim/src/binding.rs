//! Binding a file key to a computer that may change a little.
//!
//! The random file key is wrapped once for **each minimal set of traits that reaches the threshold**, each time
//! under Argon2id over the canonical values of that set. There are no shares and no hints: nothing tells an
//! attacker that he guessed one trait right until he has guessed a whole qualifying set.

mod report;
mod sets;

pub use report::{Baseline, BindingOutline, BindingReport, OutlinedTrait, Repair, TraitState, TraitStatus};

use argon2::{Algorithm, Argon2, Params, Version};
use licensing_core::Entropy;
use licensing_core::codec::{Decode, Encode, encode};
use licensing_core::crypto::aead::{decrypt_once, encrypt_once};
use licensing_core::crypto::digest::derive_key;
use licensing_core::random;
use licensing_core::terms::Tolerance;
use zeroize::Zeroizing;

use crate::traits::{HostTrait, TRAITS_MAX};

/// Cost of one Argon2id derivation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct KdfCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
}

impl KdfCost {
    /// What files are made with: 19 MiB, two passes.
    pub const STANDARD: Self = Self { memory_kib: 19 * 1024, passes: 2 };
    /// Cheap, for tests only: **not secure**.
    pub const FOR_TESTS: Self = Self { memory_kib: 8, passes: 1 };

    /// Within what a reader accepts, so that a file cannot ask for unbounded work.
    #[must_use]
    pub const fn is_acceptable(self) -> bool {
        self.memory_kib >= 8 && self.memory_kib <= 256 * 1024 && self.passes >= 1 && self.passes <= 10
    }
}

/// A trait the binding uses: which, and how much it counts; never its value.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Slot {
    /// Name of the trait.
    pub name: String,
    /// Weight.
    pub weight: u8,
}

/// The file key under one set of traits.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Wrap {
    /// The set: bit n stands for slot n.
    pub members: u16,
    /// Salt of the derivation.
    pub salt: [u8; 16],
    /// The file key, encrypted.
    pub sealed: Vec<u8>,
}

/// A file key bound to a computer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Binding {
    /// The traits present when it was bound.
    pub slots: Vec<Slot>,
    /// Weight that must match.
    pub threshold: u16,
    /// Cost of each derivation.
    pub cost: KdfCost,
    /// One wrap for each minimal set.
    pub wraps: Vec<Wrap>,
}

/// The random key of a file.
pub type FileKey = Zeroizing<[u8; 32]>;

/// Part of the weight that must match, in percent.
#[must_use]
pub const fn percent(tolerance: Tolerance) -> u16 {
    match tolerance {
        Tolerance::Loose => 40,
        Tolerance::Medium => 60,
        Tolerance::Strict => 80,
    }
}

/// Weight that must match of a total, rounded up and at least 1.
#[must_use]
pub fn threshold(tolerance: Tolerance, total: u16) -> u16 {
    (total * percent(tolerance)).div_ceil(100).max(1)
}

fn total(slots: &[Slot]) -> u16 {
    slots.iter().map(|slot| u16::from(slot.weight)).sum()
}

impl Binding {
    /// Binds `key` to the traits that are present.
    ///
    /// Gives `None` when there is not a single trait to bind to.
    #[must_use]
    pub fn new(
        key: &FileKey,
        traits: &[HostTrait],
        tolerance: Tolerance,
        cost: KdfCost,
        entropy: &mut dyn Entropy,
    ) -> Option<Self> {
        let traits = traits.get(..TRAITS_MAX.min(traits.len()))?;
        if traits.is_empty() {
            return None;
        }
        let slots: Vec<Slot> =
            traits.iter().map(|t| Slot { name: t.name.clone(), weight: t.weight() }).collect();
        let threshold = threshold(tolerance, total(&slots));
        let weights: Vec<u8> = slots.iter().map(|slot| slot.weight).collect();
        let mut binding = Self { slots, threshold, cost, wraps: Vec::new() };
        let values: Vec<Option<&str>> = traits.iter().map(|t| Some(t.value.as_str())).collect();
        for members in sets::minimal(&weights, threshold) {
            let salt = random(entropy);
            let wrapping = binding.wrapping_key(members, &salt, &values)?;
            let sealed = encrypt_once(&wrapping, &**key, &binding.wrap_context(members));
            binding.wraps.push(Wrap { members, salt, sealed });
        }
        Some(binding)
    }

    /// Unwraps the file key with the traits of this computer: `None` when no qualifying set matches.
    ///
    /// In the normal case the first set matches and one derivation is made. Sets with an absent trait cost
    /// nothing.
    #[must_use]
    pub fn unlock(&self, traits: &[HostTrait]) -> Option<FileKey> {
        if !self.is_well_formed() {
            return None;
        }
        let value = |slot: &Slot| traits.iter().find(|t| t.name == slot.name).map(|t| t.value.as_str());
        let values: Vec<Option<&str>> = self.slots.iter().map(value).collect();
        self.wraps.iter().find_map(|wrap| {
            let wrapping = self.wrapping_key(wrap.members, &wrap.salt, &values)?;
            let key = decrypt_once(&wrapping, &wrap.sealed, &self.wrap_context(wrap.members)).ok()?;
            key.try_into().ok().map(Zeroizing::new)
        })
    }

    fn is_well_formed(&self) -> bool {
        // Every subset of eight traits at the very most.
        self.slots.len() <= TRAITS_MAX && self.wraps.len() <= 256 && self.cost.is_acceptable()
    }

    /// The key a set of traits derives; `None` when one of them is absent or the set names no slot.
    fn wrapping_key(
        &self,
        members: u16,
        salt: &[u8; 16],
        values: &[Option<&str>],
    ) -> Option<Zeroizing<[u8; 32]>> {
        if members == 0 || u32::from(members) >> self.slots.len() != 0 {
            return None;
        }
        let mut password = Zeroizing::new(Vec::new());
        for (at, (slot, value)) in self.slots.iter().zip(values).enumerate() {
            if members >> at & 1 == 1 {
                password.extend_from_slice(&encode(&(slot.name.clone(), (*value)?.to_owned())));
            }
        }
        let params = Params::new(self.cost.memory_kib, self.cost.passes, 1, Some(32)).ok()?;
        let mut stretched = Zeroizing::new([0u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(&password, salt, &mut *stretched)
            .ok()?;
        Some(Zeroizing::new(derive_key(&*stretched, salt, "act license wrap")))
    }

    fn wrap_context(&self, members: u16) -> Vec<u8> {
        encode(&(self.slots.clone(), self.threshold, members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use licensing_core::testing::TestEntropy;

    fn host(values: &[(&str, &str)]) -> Vec<HostTrait> {
        crate::traits::tidy(values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())))
    }

    const HOST: [(&str, &str); 6] = [
        ("product_uuid", "uuid-1"),
        ("board_serial", "board-1"),
        ("disk_serial", "disk-1"),
        ("machine_id", "machine-1"),
        ("network_card", "mac-1"),
        ("cpu", "cpu-1"),
    ];

    /// Changes (or with an empty value removes) some traits.
    fn changed(changes: &[(&str, &str)]) -> Vec<HostTrait> {
        let value = |name: &str, old: &'static str| {
            changes
                .iter()
                .find(|(changed, _)| *changed == name)
                .map_or(old.to_owned(), |(_, new)| (*new).to_owned())
        };
        crate::traits::tidy(HOST.iter().map(|(name, old)| ((*name).to_owned(), value(name, old))))
    }

    /// Weights 5 4 4 3 3 3, together 22: thresholds 9, 14, 18.
    #[test]
    fn which_changes_each_tolerance_forgives() {
        use Tolerance::{Loose, Medium, Strict};
        type Changes = &'static [(&'static str, &'static str)];
        let table: &[(Changes, [bool; 3])] = &[
            (&[], [true, true, true]),
            (&[("network_card", "mac-2")], [true, true, true]),
            (&[("product_uuid", "uuid-2")], [true, true, false]),
            (&[("disk_serial", "disk-2"), ("machine_id", "machine-2")], [true, true, false]),
            (&[("disk_serial", ""), ("machine_id", "")], [true, true, false]),
            (&[("disk_serial", "d"), ("machine_id", "m"), ("network_card", "n")], [true, false, false]),
            (&[("product_uuid", "u"), ("board_serial", "b"), ("disk_serial", "d")], [true, false, false]),
            (&[("product_uuid", "u"), ("board_serial", "b"), ("disk_serial", "d"), ("cpu", "c")], [false; 3]),
        ];
        let key = FileKey::new([7; 32]);
        for (column, tolerance) in [Loose, Medium, Strict].into_iter().enumerate() {
            let mut entropy = TestEntropy::new(1);
            let binding =
                Binding::new(&key, &host(&HOST), tolerance, KdfCost::FOR_TESTS, &mut entropy).unwrap();
            for (changes, opens) in table {
                let opened = binding.unlock(&changed(changes)).is_some();
                assert_eq!(opened, opens[column], "{tolerance:?} with {changes:?}");
            }
        }
    }

    #[test]
    fn the_standard_cost_opens_with_one_derivation_and_never_on_a_foreign_computer() {
        let mut entropy = TestEntropy::new(2);
        let key = FileKey::new([8; 32]);
        let one = host(&HOST[..2]);
        let binding = Binding::new(&key, &one, Tolerance::Strict, KdfCost::STANDARD, &mut entropy).unwrap();
        assert_eq!(binding.unlock(&one), Some(key));
        assert_eq!(binding.unlock(&host(&[("product_uuid", "other"), ("board_serial", "other")])), None);
        assert_eq!(binding.unlock(&[]), None);
    }

    proptest::proptest! {
        #[test]
        fn it_opens_exactly_when_the_matching_weight_reaches_the_threshold(same: [bool; 6], level in 0usize..3) {
            let tolerance = [Tolerance::Loose, Tolerance::Medium, Tolerance::Strict][level];
            let mut entropy = TestEntropy::new(3);
            let key = FileKey::new([9; 32]);
            let binding = Binding::new(&key, &host(&HOST), tolerance, KdfCost::FOR_TESTS, &mut entropy).unwrap();
            let pairs: Vec<(&str, &str)> =
                HOST.iter().zip(same).map(|((n, v), same)| (*n, if same { *v } else { "changed" })).collect();
            let matching: u16 = HOST.iter().zip(same).filter(|(_, same)| *same)
                .map(|((name, _), _)| u16::from(crate::traits::weight_of(name))).sum();
            proptest::prop_assert_eq!(binding.unlock(&host(&pairs)).is_some(), matching >= binding.threshold);
        }
    }
}
