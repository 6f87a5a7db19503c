//! License options: what a vendor says an item grants, and what of it lands in a container.

use crate::codec::{Decode, Encode};
use crate::ids::{Name, ProductCode, Text};
use crate::limits::{MODULES_MAX, PERIOD_DAYS_MAX};
use crate::time::{End, Timestamp};

/// How concurrent uses of a license are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub enum AccessMode {
    /// Every access takes one use.
    #[default]
    UserLimit,
    /// All accesses of one station share one use.
    StationShare,
    /// One access per computer at a time.
    Exclusive,
    /// Accesses are not counted.
    NoUserLimit,
    /// Usable on the computer of the container only, never over the network.
    LocalOnly,
}

/// Every access mode with the word used in interfaces.
pub const ACCESS_MODES: [(AccessMode, &str); 5] = [
    (AccessMode::UserLimit, "user-limit"),
    (AccessMode::StationShare, "station-share"),
    (AccessMode::Exclusive, "exclusive"),
    (AccessMode::NoUserLimit, "no-user-limit"),
    (AccessMode::LocalOnly, "local-only"),
];

/// How much of a computer may change before an act license no longer opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Tolerance {
    /// Many parts may change.
    Loose,
    /// Some parts may change.
    Medium,
    /// Hardly anything may change.
    Strict,
}

/// Every tolerance with the word used in interfaces.
pub const TOLERANCES: [(Tolerance, &str); 3] =
    [(Tolerance::Loose, "loose"), (Tolerance::Medium, "medium"), (Tolerance::Strict, "strict")];

/// A part of a product that is licensed together with it under a product code of its own.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Module {
    /// Product code applications ask for.
    pub product_code: ProductCode,
    /// Display name.
    pub name: Name,
    /// Features of the module; `None` when it has no feature map.
    pub feature_map: Option<u32>,
}

/// License options of an item, as the product manager states them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseTerms {
    /// Concurrent uses one license grants (1 for a single-user license).
    pub license_quantity: u32,
    /// How those uses are counted.
    pub access: AccessMode,
    /// Feature bits; `None` when the product has no feature map.
    pub feature_map: Option<u32>,
    /// Units one license starts with; `None` when it is not metered.
    pub unit_counter: Option<u32>,
    /// Usable from this moment on.
    pub activation_time: Option<Timestamp>,
    /// Usable until this moment.
    pub expiration: Option<End>,
    /// Usable for this many days from the first use.
    pub usage_period_days: Option<u32>,
    /// Releases made until this moment are covered.
    pub maintenance: Option<End>,
    /// Seconds a floating license stays taken after its release.
    pub linger_secs: Option<u32>,
    /// Longest time a floating license can be borrowed, in days.
    pub borrow_days: Option<u32>,
    /// Free text shown with the license.
    pub text: Text,
    /// Modules licensed together with the product.
    pub modules: Vec<Module>,
    /// Demanded hardware tolerance; `None` leaves it to the container's template.
    pub tolerance: Option<Tolerance>,
}

impl Default for LicenseTerms {
    fn default() -> Self {
        Self {
            license_quantity: 1,
            access: AccessMode::UserLimit,
            feature_map: None,
            unit_counter: None,
            activation_time: None,
            expiration: None,
            usage_period_days: None,
            maintenance: None,
            linger_secs: None,
            borrow_days: None,
            // Invariant: the empty text is within every bound.
            text: Text::new("").expect("empty text"),
            modules: Vec::new(),
            tolerance: None,
        }
    }
}

/// A license option whose value is out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {rule}")]
pub struct InvalidTerms {
    /// The option.
    pub option: &'static str,
    /// What holds for it.
    pub rule: &'static str,
}

impl LicenseTerms {
    /// Checks the options against each other and their ranges.
    ///
    /// # Errors
    /// The first option out of its range.
    pub fn validate(&self) -> Result<(), InvalidTerms> {
        let fail = |option, rule| Err(InvalidTerms { option, rule });
        if self.license_quantity == 0 || self.license_quantity > crate::limits::QUANTITY_MAX {
            return fail("license quantity", "must be from 1 to 1000000");
        }
        let days_ok = |days: Option<u32>| days.is_none_or(|d| (1..=PERIOD_DAYS_MAX).contains(&d));
        let end_days = |end: Option<End>| match end {
            Some(End::AfterDays(days)) => Some(days),
            Some(End::At(_)) | None => None,
        };
        if !days_ok(end_days(self.expiration)) {
            return fail("expiration", "days must be from 1 to 36525");
        }
        if !days_ok(end_days(self.maintenance)) {
            return fail("maintenance", "days must be from 1 to 36525");
        }
        if !days_ok(self.usage_period_days) {
            return fail("usage period", "days must be from 1 to 36525");
        }
        if !days_ok(self.borrow_days) {
            return fail("borrow", "days must be from 1 to 36525");
        }
        if self.unit_counter == Some(0) {
            return fail("unit counter", "must be at least 1 when given");
        }
        if self.modules.len() > MODULES_MAX {
            return fail("modules", "at most 64 modules");
        }
        if let (Some(from), Some(End::At(until))) = (self.activation_time, self.expiration)
            && until <= from
        {
            return fail("expiration", "must be later than the activation time");
        }
        Ok(())
    }
}

/// License options as they stand in a container: every relative date is resolved.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GrantedTerms {
    /// Concurrent uses each license of the quantity grants.
    pub license_quantity: u32,
    /// How those uses are counted.
    pub access: AccessMode,
    /// Feature bits; `None` when the product has no feature map.
    pub feature_map: Option<u32>,
    /// Usable from this moment on.
    pub activates: Option<Timestamp>,
    /// Usable until this moment (exclusive).
    pub expires: Option<Timestamp>,
    /// Usable for this many days from the first use.
    pub usage_period_days: Option<u32>,
    /// Releases made until this moment are covered.
    pub maintenance_until: Option<Timestamp>,
    /// Seconds a floating license stays taken after its release.
    pub linger_secs: Option<u32>,
    /// Longest time a floating license can be borrowed, in days.
    pub borrow_days: Option<u32>,
    /// Free text shown with the license.
    pub text: Text,
    /// Modules licensed together with the product.
    pub modules: Vec<Module>,
    /// Demanded hardware tolerance.
    pub tolerance: Option<Tolerance>,
}

/// What a share of a license has left: it travels with the share through every return and move, so that
/// neither units nor days can be won by moving a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Remainder {
    /// Units left in the whole share; `None` when not metered.
    pub units: Option<u64>,
    /// Fixed end of use.
    pub expires: Option<Timestamp>,
    /// Fixed end of maintenance.
    pub maintenance_until: Option<Timestamp>,
    /// First use, when there is a usage period and it has begun.
    pub usage_started: Option<Timestamp>,
    /// Concurrent uses that updates have added to the whole share.
    pub added_uses: u64,
    /// Feature bits set by an update; `None` leaves those of the item.
    pub feature_map: Option<u32>,
}

impl LicenseTerms {
    /// What a share of `quantity` never activated before starts with at `now`.
    #[must_use]
    pub fn fresh_remainder(&self, quantity: u32, now: Timestamp) -> Remainder {
        Remainder {
            units: self.unit_counter.map(|units| u64::from(units) * u64::from(quantity)),
            expires: self.expiration.map(|end| end.resolve(now)),
            maintenance_until: self.maintenance.map(|end| end.resolve(now)),
            usage_started: None,
            added_uses: 0,
            feature_map: None,
        }
    }

    /// The options as they go into a container, with the dates of `remainder`.
    #[must_use]
    pub fn grant(&self, remainder: &Remainder) -> GrantedTerms {
        GrantedTerms {
            license_quantity: self.license_quantity,
            access: self.access,
            feature_map: remainder.feature_map.or(self.feature_map),
            activates: self.activation_time,
            expires: remainder.expires,
            usage_period_days: self.usage_period_days,
            maintenance_until: remainder.maintenance_until,
            linger_secs: self.linger_secs,
            borrow_days: self.borrow_days,
            text: self.text.clone(),
            modules: self.modules.clone(),
            tolerance: self.tolerance,
        }
    }
}

/// Divides units between the part of a share that goes and the part that stays, to the last unit:
/// the part that goes gets its proportion rounded down.
#[must_use]
pub fn split_units(units: u64, quantity: u32, going: u32) -> (u64, u64) {
    if quantity == 0 || going >= quantity {
        return (units, 0);
    }
    let goes = u128::from(units) * u128::from(going) / u128::from(quantity);
    // Invariant: going < quantity, so the proportion is below `units`.
    let goes = u64::try_from(goes).unwrap_or(units);
    (goes, units - goes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_divided_without_loss() {
        for (units, quantity, going) in
            [(100, 3, 1), (u64::MAX, u32::MAX, 7), (5, 10, 9), (0, 4, 2), (7, 2, 2)]
        {
            let (goes, stays) = split_units(units, quantity, going);
            assert_eq!(goes + stays, units);
        }
        assert_eq!(split_units(100, 10, 3), (30, 70));
    }

    #[test]
    fn relative_dates_become_fixed_at_the_first_activation() {
        let terms = LicenseTerms { expiration: Some(End::AfterDays(30)), ..LicenseTerms::default() };
        let day0 = Timestamp::from_secs(1_000_000);
        let first = terms.fresh_remainder(1, day0);
        assert_eq!(first.expires, Some(day0.plus_days(30)));
        assert_eq!(terms.grant(&first).expires, Some(day0.plus_days(30)));
    }

    #[test]
    fn out_of_range_options_are_named() {
        let terms = LicenseTerms { license_quantity: 0, ..LicenseTerms::default() };
        assert_eq!(terms.validate().unwrap_err().option, "license quantity");
        let terms = LicenseTerms {
            activation_time: Some(Timestamp::from_secs(10)),
            expiration: Some(End::At(Timestamp::from_secs(10))),
            ..LicenseTerms::default()
        };
        assert_eq!(terms.validate().unwrap_err().option, "expiration");
    }
}
