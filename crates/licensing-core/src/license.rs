//! License lines: what one ordered item gave the customer, and where every unit of its quantity is.

use crate::error::InvalidTransition;
use crate::ids::{LicenseId, OrderId, TicketId};
use crate::item::{Item, ItemDefinition, ReturnPolicy};
use crate::terms::Remainder;
use crate::time::Timestamp;

/// A part of the available quantity that was activated before and has come back with what it has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// How many licenses.
    pub quantity: u32,
    /// What they have left, all together.
    pub remainder: Remainder,
}

/// Where the quantity of a license line is. The parts always add up to the quantity: they are only changed by
/// moving between each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// Available and never activated.
    pub fresh: u32,
    /// Available after a return.
    pub carried: Vec<Share>,
    /// Issued to a container, not yet proven.
    pub activating: u32,
    /// Proven to be in a container.
    pub active: u32,
    /// To be removed from a container, not yet proven.
    pub returning: u32,
    /// Taken back by the vendor for good.
    pub withdrawn: u32,
}

impl Ledger {
    /// Licenses available for activation.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.fresh + self.carried.iter().map(|share| share.quantity).sum::<u32>()
    }

    /// All parts together: always the quantity of the line.
    #[must_use]
    pub fn total(&self) -> u64 {
        [self.available(), self.activating, self.active, self.returning, self.withdrawn]
            .iter()
            .map(|part| u64::from(*part))
            .sum()
    }
}

/// A license line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseLine {
    /// Identity.
    pub id: LicenseId,
    /// The ticket it is on.
    pub ticket: TicketId,
    /// The order that made it.
    pub order: OrderId,
    /// Place on the order, from 0.
    pub position: u32,
    /// The item as it was when ordered.
    pub item: ItemDefinition,
    /// Ordered quantity.
    pub quantity: u32,
    /// Grows with every re-activation; older generations are void.
    pub generation: u32,
    /// Where the quantity is.
    pub ledger: Ledger,
    /// When it was made.
    pub created_at: Timestamp,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

/// A license line at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// Nothing of it is in a container.
    Available,
    /// A transfer is unfinished.
    Pending,
    /// Part of it is active, part available.
    PartlyActivated,
    /// All of it is active.
    Activated,
    /// The vendor took all of it back.
    Withdrawn,
}

impl LineState {
    /// The word for the state.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Pending => "pending",
            Self::PartlyActivated => "partly_activated",
            Self::Activated => "activated",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What a user can do with a license line now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOption {
    /// Activate what is available.
    Activate,
    /// Return what is active.
    Deactivate,
    /// Finish a transfer that is under way.
    Continue,
}

impl UserOption {
    /// The word for the option.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::Continue => "continue",
        }
    }
}

impl LicenseLine {
    /// The line at a glance.
    #[must_use]
    pub fn state(&self) -> LineState {
        let ledger = &self.ledger;
        if ledger.activating + ledger.returning > 0 {
            LineState::Pending
        } else if ledger.withdrawn == self.quantity {
            LineState::Withdrawn
        } else if ledger.active == 0 {
            LineState::Available
        } else if ledger.available() > 0 {
            LineState::PartlyActivated
        } else {
            LineState::Activated
        }
    }

    /// What a user can do with it now.
    #[must_use]
    pub fn options(&self) -> Vec<UserOption> {
        let mut options = Vec::new();
        if self.ledger.available() > 0 {
            options.push(UserOption::Activate);
        }
        if self.ledger.active > 0 && self.item.policy.returns != ReturnPolicy::Denied {
            options.push(UserOption::Deactivate);
        }
        if self.ledger.activating + self.ledger.returning > 0 {
            options.push(UserOption::Continue);
        }
        options
    }

    /// A new line, all of it fresh.
    #[must_use]
    pub fn new(
        id: LicenseId,
        ticket: TicketId,
        order: OrderId,
        position: u32,
        item: &Item,
        quantity: u32,
        now: Timestamp,
    ) -> Self {
        let ledger = Ledger {
            fresh: quantity,
            carried: Vec::new(),
            activating: 0,
            active: 0,
            returning: 0,
            withdrawn: 0,
        };
        let item = item.definition.clone();
        Self {
            id,
            ticket,
            order,
            position,
            item,
            quantity,
            generation: 0,
            ledger,
            created_at: now,
            version: 0,
        }
    }

    const fn invalid(event: &'static str) -> InvalidTransition {
        InvalidTransition { entity: "license line", from: "ledger", event }
    }

    /// Moves `wanted` from available to activating; returned shares go first, so that used ones are used up
    /// before fresh ones are begun. Gives the shares taken, fresh ones with dates counted from `now`.
    ///
    /// # Errors
    /// Fewer are available.
    pub fn take(&mut self, wanted: u32, now: Timestamp) -> Result<Vec<Share>, InvalidTransition> {
        if wanted > self.ledger.available() {
            return Err(Self::invalid("take"));
        }
        let mut left = wanted;
        let mut taken = Vec::new();
        while left > 0 {
            let Some(share) = self.ledger.carried.first_mut() else { break };
            let going = share.quantity.min(left);
            taken.push(share.split_off(going));
            left -= going;
            if share.quantity == 0 {
                self.ledger.carried.remove(0);
            }
        }
        if left > 0 {
            self.ledger.fresh -= left;
            taken.push(Share { quantity: left, remainder: self.item.terms.fresh_remainder(left, now) });
        }
        self.ledger.activating += wanted;
        Ok(taken)
    }

    /// A context proved that `quantity` arrived in a container.
    ///
    /// # Errors
    /// Fewer were activating.
    pub fn activation_proven(&mut self, quantity: u32) -> Result<(), InvalidTransition> {
        let event = "activation proven";
        self.ledger.activating = self.ledger.activating.checked_sub(quantity).ok_or(Self::invalid(event))?;
        self.ledger.active += quantity;
        Ok(())
    }

    /// A removal of `quantity` was issued.
    ///
    /// # Errors
    /// Fewer were active.
    pub fn begin_return(&mut self, quantity: u32) -> Result<(), InvalidTransition> {
        let event = "return";
        self.ledger.active = self.ledger.active.checked_sub(quantity).ok_or(Self::invalid(event))?;
        self.ledger.returning += quantity;
        Ok(())
    }

    /// A context proved that `quantity` is gone from a container: it is available again with what it has left.
    ///
    /// # Errors
    /// Fewer were returning.
    pub fn return_proven(&mut self, quantity: u32, remainder: Remainder) -> Result<(), InvalidTransition> {
        let event = "return proven";
        self.ledger.returning = self.ledger.returning.checked_sub(quantity).ok_or(Self::invalid(event))?;
        self.put_back(Share { quantity, remainder });
        Ok(())
    }

    fn put_back(&mut self, share: Share) {
        if share.remainder == self.item.terms.fresh_remainder(share.quantity, Timestamp::ZERO)
            && self.item.terms.expiration.is_none()
            && self.item.terms.maintenance.is_none()
        {
            // Nothing was used and no date began to run: as good as new.
            self.ledger.fresh += share.quantity;
            return;
        }
        let same_dates = |other: &&mut Share| {
            let (a, b) = (&other.remainder, &share.remainder);
            a.expires == b.expires
                && a.maintenance_until == b.maintenance_until
                && a.usage_started == b.usage_started
        };
        // Shares with units never merge: a later split would level them out.
        let twin = match share.remainder.units {
            None => self.ledger.carried.iter_mut().find(same_dates),
            Some(_) => None,
        };
        match twin {
            Some(twin) => twin.quantity += share.quantity,
            None => self.ledger.carried.push(share),
        }
    }
}

impl Share {
    /// Takes `going` licenses and their part of the units out of the share.
    #[must_use]
    pub fn split_off(&mut self, going: u32) -> Self {
        let units = self.remainder.units.map(|units| crate::terms::split_units(units, self.quantity, going));
        self.quantity -= going;
        let part =
            Self { quantity: going, remainder: Remainder { units: units.map(|u| u.0), ..self.remainder } };
        self.remainder.units = units.map(|u| u.1);
        part
    }
}
