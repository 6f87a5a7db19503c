//! Product items: a share of a license as it lies in a container.

use zeroize::Zeroize;

use crate::codec::{Decode, Encode};
use crate::ids::{EntryId, LicenseId, Name, ProductCode};
use crate::terms::GrantedTerms;
use crate::time::Timestamp;

/// The seed of the key with which a container proves that it really holds a product.
///
/// # Security
/// Delivered sealed, kept inside the container, never shown. An application embeds the public key only.
#[derive(Clone, PartialEq, Eq, Zeroize, Encode, Decode)]
#[zeroize(drop)]
pub struct ProofSeed(pub [u8; 32]);

impl std::fmt::Debug for ProofSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProofSeed(..)")
    }
}

/// One product item of a firm item.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ProductItem {
    /// Identity inside the container.
    pub entry: EntryId,
    /// The license line this is a share of.
    pub license: LicenseId,
    /// Generation of the license line; a re-activation makes older generations invalid.
    pub generation: u32,
    /// The product.
    pub product_code: ProductCode,
    /// Display name.
    pub name: Name,
    /// How many licenses of the line are in this share.
    pub quantity: u32,
    /// License options.
    pub terms: GrantedTerms,
    /// Units left in the whole share; `None` when not metered.
    pub units: Option<u64>,
    /// Concurrent uses that updates have added to the whole share.
    pub added_uses: u64,
    /// First use, once a usage period has begun.
    pub usage_started: Option<Timestamp>,
    /// Key seed for challenges.
    pub proof_seed: ProofSeed,
}

impl ProductItem {
    /// Concurrent uses this share grants: quantity times what each license grants, and what updates added.
    #[must_use]
    pub const fn concurrent_uses(&self) -> u64 {
        (self.quantity as u64 * self.terms.license_quantity as u64).saturating_add(self.added_uses)
    }

    /// The moment after which this item cannot be used: the earlier of its expiration time and the end of
    /// a usage period that has begun. `None` when it does not end.
    #[must_use]
    pub fn usable_until(&self) -> Option<Timestamp> {
        let usage_end = match (self.usage_started, self.terms.usage_period_days) {
            (Some(start), Some(days)) => Some(start.plus_days(days)),
            _ => None,
        };
        match (self.terms.expires, usage_end) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}
