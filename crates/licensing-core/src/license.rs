//! License lines: what one ordered item gave the customer, and where every unit of its quantity is.

mod ledger;

pub use ledger::{Ledger, Share};

use crate::error::InvalidTransition;
use crate::ids::{ContainerSerial, LicenseId, OrderId, TicketId};
use crate::item::{ItemDefinition, ReactivationPolicy, ReturnPolicy};
use crate::terms::Remainder;
use crate::time::Timestamp;

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
    /// Ordered quantity. Of a replacement it grows as what it replaces is exchanged.
    pub quantity: u32,
    /// Grows with every re-activation; older generations are void.
    pub generation: u32,
    /// The container it goes to by itself, and to no other, until it comes back from there.
    pub assigned: Option<ContainerSerial>,
    /// The license it replaces.
    pub replaces: Option<LicenseId>,
    /// The license that replaces it.
    pub replaced_by: Option<LicenseId>,
    /// The vendor wants it back, with all that is still to come of what it replaces.
    pub wanted_back: bool,
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
    /// An update of which all has changed its base.
    Consumed,
    /// The vendor took all of it back.
    Withdrawn,
    /// The vendor took all of it back and put another license in its place.
    Replaced,
}

/// Every state with its word.
pub const LINE_STATES: [(LineState, &str); 7] = [
    (LineState::Available, "available"),
    (LineState::Pending, "pending"),
    (LineState::PartlyActivated, "partly_activated"),
    (LineState::Activated, "activated"),
    (LineState::Consumed, "consumed"),
    (LineState::Withdrawn, "withdrawn"),
    (LineState::Replaced, "replaced"),
];

impl LineState {
    /// The word for the state.
    #[must_use]
    pub const fn name(self) -> &'static str {
        LINE_STATES[self as usize].1
    }

    /// Whether its holder has nothing more to do with it: overviews leave it out.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Consumed | Self::Withdrawn | Self::Replaced => true,
            Self::Available | Self::Pending | Self::PartlyActivated | Self::Activated => false,
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
    /// Activate again without having returned.
    Reactivate,
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
            Self::Reactivate => "reactivate",
            Self::Continue => "continue",
        }
    }
}

/// What a new license line is made from.
#[derive(Debug, Clone)]
pub struct NewLine {
    /// Identity.
    pub id: LicenseId,
    /// The ticket it is on.
    pub ticket: TicketId,
    /// The order that makes it.
    pub order: OrderId,
    /// Place on the order.
    pub position: u32,
    /// The item.
    pub item: ItemDefinition,
    /// Quantity.
    pub quantity: u32,
    /// The container it goes to by itself.
    pub assigned: Option<ContainerSerial>,
}

impl LicenseLine {
    /// A new line, all of it fresh.
    #[must_use]
    pub fn new(new: NewLine, now: Timestamp) -> Self {
        Self {
            id: new.id,
            ticket: new.ticket,
            order: new.order,
            position: new.position,
            item: new.item,
            quantity: new.quantity,
            generation: 0,
            assigned: new.assigned,
            replaces: None,
            replaced_by: None,
            wanted_back: false,
            ledger: Ledger { fresh: new.quantity, ..Ledger::default() },
            created_at: now,
            version: 0,
        }
    }

    /// Whether it is an update of another license.
    #[must_use]
    pub const fn is_update(&self) -> bool {
        self.item.update.is_some()
    }

    /// The line at a glance.
    #[must_use]
    pub fn state(&self) -> LineState {
        let ledger = &self.ledger;
        if ledger.activating + ledger.returning > 0 {
            LineState::Pending
        } else if ledger.withdrawn() == self.quantity && (self.quantity > 0 || self.wanted_back) {
            if self.replaced_by.is_some() { LineState::Replaced } else { LineState::Withdrawn }
        } else if ledger.active == 0 {
            LineState::Available
        } else if ledger.available() > 0 {
            LineState::PartlyActivated
        } else if self.is_update() {
            LineState::Consumed
        } else {
            LineState::Activated
        }
    }

    /// What a user can do with it now.
    #[must_use]
    pub fn options(&self) -> Vec<UserOption> {
        let mut options = Vec::new();
        let in_containers = self.ledger.active > 0 && !self.is_update();
        if self.ledger.available() > 0 {
            options.push(UserOption::Activate);
        }
        if in_containers && self.item.policy.returns != ReturnPolicy::Denied {
            options.push(UserOption::Deactivate);
        }
        if in_containers && self.item.policy.reactivation != ReactivationPolicy::Never {
            options.push(UserOption::Reactivate);
        }
        if self.ledger.activating + self.ledger.returning > 0 {
            options.push(UserOption::Continue);
        }
        options
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

    /// A context proved that `share` never arrived in a container and never can.
    ///
    /// # Errors
    /// Fewer were activating.
    pub fn activation_void(&mut self, share: Share, goes: Destination) -> Result<(), InvalidTransition> {
        let event = "activation void";
        self.ledger.activating =
            self.ledger.activating.checked_sub(share.quantity).ok_or(Self::invalid(event))?;
        self.put_back(share, goes);
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

    /// A context proved that a share is gone from a container: it is available again with what it has left, or
    /// the vendor's.
    ///
    /// # Errors
    /// Fewer were returning.
    pub fn return_proven(&mut self, share: Share, goes: Destination) -> Result<(), InvalidTransition> {
        let event = "return proven";
        self.ledger.returning =
            self.ledger.returning.checked_sub(share.quantity).ok_or(Self::invalid(event))?;
        // What comes back may go anywhere: the assignment ends with the return.
        self.assigned = None;
        self.put_back(share, goes);
        Ok(())
    }

    /// A context proved that a removal of `quantity` never happened and never can.
    ///
    /// # Errors
    /// Fewer were returning.
    pub fn return_void(&mut self, quantity: u32) -> Result<(), InvalidTransition> {
        let event = "return void";
        self.ledger.returning = self.ledger.returning.checked_sub(quantity).ok_or(Self::invalid(event))?;
        self.ledger.active += quantity;
        Ok(())
    }

    /// A share of one of the three live parts is given up for lost in its container: available again by decision.
    ///
    /// # Errors
    /// The part holds fewer.
    pub fn supersede(
        &mut self,
        part: LivePart,
        share: Share,
        goes: Destination,
    ) -> Result<(), InvalidTransition> {
        let held = match part {
            LivePart::Activating => &mut self.ledger.activating,
            LivePart::Active => &mut self.ledger.active,
            LivePart::Returning => &mut self.ledger.returning,
        };
        *held = held.checked_sub(share.quantity).ok_or(Self::invalid("supersede"))?;
        self.put_back(share, goes);
        Ok(())
    }

    /// The vendor takes back all that is available; gives how many that were.
    pub fn withdraw_available(&mut self) -> u32 {
        let taken = self.ledger.available();
        self.ledger.withdrawn_fresh += std::mem::take(&mut self.ledger.fresh);
        for share in std::mem::take(&mut self.ledger.carried) {
            Ledger::carry(&mut self.ledger.withdrawn_carried, share);
        }
        taken
    }

    /// What the vendor took back is available again; gives how many that were.
    pub fn cancel_withdrawal(&mut self) -> u32 {
        let given = self.ledger.withdrawn();
        self.ledger.fresh += std::mem::take(&mut self.ledger.withdrawn_fresh);
        for share in std::mem::take(&mut self.ledger.withdrawn_carried) {
            Ledger::carry(&mut self.ledger.carried, share);
        }
        given
    }

    /// A replacement grows by what is exchanged for it in a container: gives the share to issue.
    #[must_use]
    pub fn grow(&mut self, quantity: u32, now: Timestamp) -> Share {
        self.quantity += quantity;
        self.ledger.activating += quantity;
        Share { quantity, remainder: self.item.terms.fresh_remainder(quantity, now) }
    }

    /// An exchange for `quantity` never took place: the replacement has not grown.
    ///
    /// # Errors
    /// Fewer were activating.
    pub fn shrink(&mut self, quantity: u32) -> Result<(), InvalidTransition> {
        let event = "exchange void";
        self.ledger.activating = self.ledger.activating.checked_sub(quantity).ok_or(Self::invalid(event))?;
        self.quantity = self.quantity.checked_sub(quantity).ok_or(Self::invalid(event))?;
        Ok(())
    }

    /// A replacement grows by what came back of the license it replaces: that is available at once.
    pub const fn grow_available(&mut self, quantity: u32) {
        self.quantity += quantity;
        self.ledger.fresh += quantity;
    }

    /// A replacement that the vendor wants back grows by what came back of the license it replaces: the vendor has that,
    /// and gives it when he changes his mind.
    pub const fn grow_withdrawn(&mut self, quantity: u32) {
        self.quantity += quantity;
        self.ledger.withdrawn_fresh += quantity;
    }

    /// Takes `quantity` that a container was found to hold out of what is available; `false` when it is not there.
    pub fn adopt(&mut self, quantity: u32, now: Timestamp) -> bool {
        let taken = self.take(quantity, now).and_then(|_| self.activation_proven(quantity));
        taken.is_ok()
    }

    fn put_back(&mut self, share: Share, goes: Destination) {
        let terms = &self.item.terms;
        let untouched = share.remainder == terms.fresh_remainder(share.quantity, Timestamp::ZERO)
            && terms.expiration.is_none()
            && terms.maintenance.is_none();
        let ledger = &mut self.ledger;
        let (fresh, carried) = match goes {
            Destination::Available => (&mut ledger.fresh, &mut ledger.carried),
            Destination::Vendor => (&mut ledger.withdrawn_fresh, &mut ledger.withdrawn_carried),
        };
        if untouched {
            // Nothing was used and no date began to run: as good as new.
            *fresh += share.quantity;
        } else {
            Ledger::carry(carried, share);
        }
    }
}

/// Where a share goes that leaves a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Back to the customer.
    Available,
    /// To the vendor, who wants it withdrawn.
    Vendor,
}

/// The parts of a ledger that stand for licenses in containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LivePart {
    /// Issued, not proven.
    Activating,
    /// Proven.
    Active,
    /// Removal issued, not proven.
    Returning,
}

impl Remainder {
    /// The share of `quantity` licenses that have this left.
    #[must_use]
    pub const fn share(self, quantity: u32) -> Share {
        Share { quantity, remainder: self }
    }
}
