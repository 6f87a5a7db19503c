//! Update items: what an item that changes an existing license does to it.
//!
//! An update license is activated like any other, into the container that holds its base. It does not become a
//! product item of its own: it changes the base's, and is *consumed* by that. What it changed belongs to the base
//! from then on and moves with it.

use crate::codec::{Decode, Encode};
use crate::ids::ItemId;
use crate::limits::PERIOD_DAYS_MAX;
use crate::product::ProductItem;
use crate::terms::{InvalidTerms, Remainder};
use crate::time::{End, Timestamp};

/// Which licenses an update may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpdateScope {
    /// A license on the same ticket first, else any license of the base item in the container.
    #[default]
    Container,
    /// Only a license on the same ticket.
    Ticket,
}

/// Every scope with the word used in interfaces.
pub const UPDATE_SCOPES: [(UpdateScope, &str); 2] =
    [(UpdateScope::Container, "container"), (UpdateScope::Ticket, "ticket")];

/// A change of feature bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureChange {
    /// These and no others.
    Set(u32),
    /// These too.
    Add(u32),
}

/// What an update item changes, as the product manager states it. Relative ends count from the present end of the
/// base, or from the activation when that end has passed: renewing late never buys time that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateTerms {
    /// The item whose licenses it changes.
    pub base: ItemId,
    /// Which of them.
    pub scope: UpdateScope,
    /// Units each update adds.
    pub add_units: Option<u32>,
    /// Concurrent uses each update adds.
    pub add_quantity: Option<u32>,
    /// New expiration time, fixed or relative.
    pub expiration: Option<End>,
    /// New end of maintenance, fixed or relative.
    pub maintenance: Option<End>,
    /// New feature bits.
    pub features: Option<FeatureChange>,
}

/// What one update does to one product item, with every date resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct UpdateEffect {
    /// Units added.
    pub units: u64,
    /// Concurrent uses added.
    pub uses: u64,
    /// New expiration time.
    pub expires: Option<Timestamp>,
    /// New end of maintenance.
    pub maintenance_until: Option<Timestamp>,
    /// New feature bits.
    pub feature_map: Option<u32>,
}

impl UpdateTerms {
    /// Checks the options.
    ///
    /// # Errors
    /// Nothing is changed, or an option is out of its range.
    pub fn validate(&self) -> Result<(), InvalidTerms> {
        let fail = |option, rule| Err(InvalidTerms { option, rule });
        for (option, end) in [("extend", self.expiration), ("renew maintenance", self.maintenance)] {
            if let Some(End::AfterDays(days)) = end
                && !(1..=PERIOD_DAYS_MAX).contains(&days)
            {
                return fail(option, "days must be from 1 to 36525");
            }
        }
        if self.add_units == Some(0) || self.add_quantity == Some(0) {
            return fail("update", "an added number must be at least 1");
        }
        let sums = self.add_units.is_some() || self.add_quantity.is_some();
        if !sums && !self.is_per_license() {
            return fail("update", "an update item must change something");
        }
        Ok(())
    }

    /// Whether it changes what each license is, not only what a whole share has: then every license of a share
    /// takes an update of its own.
    #[must_use]
    pub const fn is_per_license(&self) -> bool {
        self.expiration.is_some() || self.maintenance.is_some() || self.features.is_some()
    }

    /// What `count` updates do to a share that has `before` left; `feature_map` is the one of its item.
    ///
    /// # Errors
    /// What the base lacks: there is nothing to extend, renew or add to.
    pub fn effect(
        &self,
        before: &Remainder,
        feature_map: Option<u32>,
        count: u32,
        now: Timestamp,
    ) -> Result<UpdateEffect, &'static str> {
        if self.add_units.is_some() && before.units.is_none() {
            return Err("a unit counter");
        }
        let later = |end: Option<End>, present: Option<Timestamp>, what| match end {
            None => Ok(None),
            Some(End::At(at)) => Ok(Some(at)),
            Some(End::AfterDays(days)) => match present {
                Some(present) => Ok(Some(present.max(now).plus_days(days))),
                None => Err(what),
            },
        };
        let features = match self.features {
            None => None,
            Some(FeatureChange::Set(bits)) => Some(bits),
            Some(FeatureChange::Add(bits)) => {
                Some(before.feature_map.or(feature_map).ok_or("a feature map")? | bits)
            }
        };
        let times = |each: Option<u32>| u64::from(each.unwrap_or(0)) * u64::from(count);
        Ok(UpdateEffect {
            units: times(self.add_units),
            uses: times(self.add_quantity),
            expires: later(self.expiration, before.expires, "an expiration time")?,
            maintenance_until: later(self.maintenance, before.maintenance_until, "a maintenance period")?,
            feature_map: features,
        })
    }
}

impl UpdateEffect {
    /// What a share has left after it. `sums` is false for a further part of the same product item, which has the
    /// same dates and features but gets no second helping of units and uses.
    #[must_use]
    pub fn on_remainder(&self, before: Remainder, sums: bool) -> Remainder {
        let (units, uses) = if sums { (self.units, self.uses) } else { (0, 0) };
        Remainder {
            units: before.units.map(|left| left.saturating_add(units)),
            expires: self.expires.or(before.expires),
            maintenance_until: self.maintenance_until.or(before.maintenance_until),
            usage_started: before.usage_started,
            added_uses: before.added_uses.saturating_add(uses),
            feature_map: self.feature_map.or(before.feature_map),
        }
    }

    /// Changes a product item in a container.
    pub fn apply(&self, product: &mut ProductItem) {
        if let Some(units) = &mut product.units {
            *units = units.saturating_add(self.units);
        }
        product.added_uses = product.added_uses.saturating_add(self.uses);
        product.terms.expires = self.expires.or(product.terms.expires);
        product.terms.maintenance_until = self.maintenance_until.or(product.terms.maintenance_until);
        product.terms.feature_map = self.feature_map.or(product.terms.feature_map);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> UpdateTerms {
        UpdateTerms {
            base: ItemId::new("SNP").unwrap(),
            scope: UpdateScope::Container,
            add_units: None,
            add_quantity: None,
            expiration: None,
            maintenance: None,
            features: None,
        }
    }

    #[test]
    fn a_renewal_counts_from_the_end_or_from_now_when_that_is_over() {
        let renewal = UpdateTerms { expiration: Some(End::AfterDays(10)), ..terms() };
        let (early, end, late) =
            (Timestamp::from_secs(1_000), Timestamp::from_secs(2_000), Timestamp::from_secs(3_000));
        let before = Remainder { expires: Some(end), ..Remainder::default() };
        assert_eq!(renewal.effect(&before, None, 1, early).unwrap().expires, Some(end.plus_days(10)));
        assert_eq!(renewal.effect(&before, None, 1, late).unwrap().expires, Some(late.plus_days(10)));
        assert_eq!(renewal.effect(&Remainder::default(), None, 1, early), Err("an expiration time"));
    }

    #[test]
    fn sums_are_multiplied_and_bits_are_set_or_added() {
        let more = UpdateTerms {
            add_units: Some(5),
            add_quantity: Some(2),
            features: Some(FeatureChange::Add(4)),
            ..terms()
        };
        let before = Remainder { units: Some(1), ..Remainder::default() };
        let effect = more.effect(&before, Some(1), 3, Timestamp::ZERO).unwrap();
        assert_eq!((effect.units, effect.uses, effect.feature_map), (15, 6, Some(5)));
        let after = effect.on_remainder(before, true);
        assert_eq!((after.units, after.added_uses, after.feature_map), (Some(16), 6, Some(5)));
        assert_eq!(more.effect(&Remainder::default(), Some(1), 1, Timestamp::ZERO), Err("a unit counter"));
    }

    #[test]
    fn an_update_must_change_something_within_range() {
        assert!(terms().validate().is_err());
        assert!(UpdateTerms { add_units: Some(0), ..terms() }.validate().is_err());
        assert!(UpdateTerms { expiration: Some(End::AfterDays(0)), ..terms() }.validate().is_err());
        assert!(UpdateTerms { maintenance: Some(End::AfterDays(365)), ..terms() }.validate().is_ok());
    }
}
