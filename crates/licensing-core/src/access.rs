//! Whether a product may be used now: the rules an application's license check follows.

use crate::codec::{Decode, Encode};
use crate::ids::{EntryId, ProductCode};
use crate::product::ProductItem;
use crate::time::Timestamp;

/// What an application asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct AccessRequest {
    /// The product or module.
    pub product_code: ProductCode,
    /// Feature bits that must all be set; 0 for none.
    pub features: u32,
    /// Units that must be left (and that consuming takes); 0 for none.
    pub units: u32,
    /// When the asking program was released; checked against the maintenance period.
    pub release_date: Option<Timestamp>,
}

impl AccessRequest {
    /// Asks for a product and nothing more.
    #[must_use]
    pub const fn product(product_code: ProductCode) -> Self {
        Self { product_code, features: 0, units: 0, release_date: None }
    }
}

/// The product item that satisfies a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Usable {
    /// The product item.
    pub entry: EntryId,
    /// Concurrent uses it grants.
    pub concurrent_uses: u64,
    /// Feature bits it has.
    pub feature_map: Option<u32>,
    /// Units left; `None` when not metered.
    pub units_left: Option<u64>,
    /// Usable until; `None` without end.
    pub usable_until: Option<Timestamp>,
    /// Releases made until this moment are covered; `None` for all.
    pub maintenance_until: Option<Timestamp>,
}

/// Why a product cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum AccessRefusal {
    /// No license of the product here.
    #[error("there is no license for this product")]
    NoLicense,
    /// Its activation time lies in the future.
    #[error("the license is not valid before {}", .from.secs())]
    NotYetValid {
        /// When it becomes valid.
        from: Timestamp,
    },
    /// Its expiration time has passed.
    #[error("the license has expired")]
    Expired {
        /// When it expired.
        at: Timestamp,
    },
    /// Its usage period is over.
    #[error("the usage period is over")]
    UsagePeriodOver {
        /// When it ended.
        at: Timestamp,
    },
    /// A feature is not licensed.
    #[error("the license does not include the feature")]
    FeatureMissing {
        /// The bits that are missing.
        missing: u32,
    },
    /// Too few units.
    #[error("{left} units are left, {wanted} are needed")]
    UnitsExhausted {
        /// Units left.
        left: u64,
        /// Units asked for.
        wanted: u32,
    },
    /// The release is newer than the maintenance period.
    #[error("this release is newer than the maintenance period")]
    MaintenanceOver {
        /// End of maintenance.
        until: Timestamp,
    },
    /// The vendor has locked the licenses in this container.
    #[error("the vendor has locked the licenses in this container")]
    Locked,
    /// The container is on the vendor's blacklist.
    #[error("this container is on the vendor's blacklist")]
    Blacklisted,
}

impl AccessRefusal {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoLicense => "no_license",
            Self::NotYetValid { .. } => "license_not_yet_valid",
            Self::Expired { .. } => "license_expired",
            Self::UsagePeriodOver { .. } => "usage_period_over",
            Self::FeatureMissing { .. } => "feature_missing",
            Self::UnitsExhausted { .. } => "units_exhausted",
            Self::MaintenanceOver { .. } => "maintenance_over",
            Self::Locked => "license_locked",
            Self::Blacklisted => "license_blacklisted",
        }
    }

    /// Whether this refusal is nearer to success than another: of several the nearest one is reported.
    #[must_use]
    pub const fn is_closer_than(&self, other: &Self) -> bool {
        self.closeness() > other.closeness()
    }

    /// How close to success: of several product items, the refusal of the closest one is reported.
    const fn closeness(&self) -> u8 {
        match self {
            Self::NoLicense => 0,
            Self::FeatureMissing { .. } => 1,
            Self::MaintenanceOver { .. } => 2,
            Self::Expired { .. } | Self::UsagePeriodOver { .. } => 3,
            Self::NotYetValid { .. } => 4,
            Self::UnitsExhausted { .. } => 5,
            Self::Locked | Self::Blacklisted => 6,
        }
    }
}

/// Finds the product item to use: of the usable ones the one that ends first, so that a limited license is used
/// up before an unlimited one.
///
/// # Errors
/// The refusal of the item that came closest.
pub fn check(
    products: &[ProductItem],
    request: &AccessRequest,
    now: Timestamp,
) -> Result<Usable, AccessRefusal> {
    let mut best: Option<Usable> = None;
    let mut closest = AccessRefusal::NoLicense;
    for product in products {
        match check_one(product, request, now) {
            Ok(usable) => {
                let ends = |u: &Usable| u.usable_until.map_or(u64::MAX, Timestamp::secs);
                if best.as_ref().is_none_or(|b| ends(&usable) < ends(b)) {
                    best = Some(usable);
                }
            }
            Err(refusal) if refusal.is_closer_than(&closest) => closest = refusal,
            Err(_) => {}
        }
    }
    best.ok_or(closest)
}

fn check_one(
    product: &ProductItem,
    request: &AccessRequest,
    now: Timestamp,
) -> Result<Usable, AccessRefusal> {
    let feature_map = features_of(product, request.product_code).ok_or(AccessRefusal::NoLicense)?;
    let missing = request.features & !feature_map.unwrap_or(0);
    if missing != 0 {
        return Err(AccessRefusal::FeatureMissing { missing });
    }
    if let (Some(released), Some(until)) = (request.release_date, product.terms.maintenance_until)
        && released >= until
    {
        return Err(AccessRefusal::MaintenanceOver { until });
    }
    if let Some(at) = product.terms.expires.filter(|at| now >= *at) {
        return Err(AccessRefusal::Expired { at });
    }
    let usable_until = product.usable_until();
    if let Some(at) = usable_until.filter(|at| now >= *at) {
        return Err(AccessRefusal::UsagePeriodOver { at });
    }
    if let Some(from) = product.terms.activates.filter(|from| now < *from) {
        return Err(AccessRefusal::NotYetValid { from });
    }
    if let Some(left) = product.units.filter(|left| *left < u64::from(request.units.max(1))) {
        return Err(AccessRefusal::UnitsExhausted { left, wanted: request.units.max(1) });
    }
    Ok(Usable {
        entry: product.entry,
        concurrent_uses: product.concurrent_uses(),
        feature_map,
        units_left: product.units,
        usable_until,
        maintenance_until: product.terms.maintenance_until,
    })
}

/// The feature map under which a product item offers a product code: its own, or that of one of its modules.
fn features_of(product: &ProductItem, wanted: ProductCode) -> Option<Option<u32>> {
    if product.product_code == wanted {
        return Some(product.terms.feature_map);
    }
    product.terms.modules.iter().find(|module| module.product_code == wanted).map(|module| module.feature_map)
}
