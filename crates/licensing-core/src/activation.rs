//! Activations: shares of a license line in a container, from issue to proven return.

use crate::crypto::digest::Digest;
use crate::error::InvalidTransition;
use crate::ids::{ActivationId, ContainerSerial, EntryId, FirmCode, LicenseId, TicketId};
use crate::license::{Destination, LivePart, Share};
use crate::step::StepId;
use crate::terms::Remainder;
use crate::time::Timestamp;
use crate::update_item::UpdateEffect;
use crate::zoo::{self, Bug};

/// Where an activation is in its life; each state holds what is true in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationState {
    /// A step that adds it was issued; nobody knows yet whether it was applied.
    Activating {
        /// The step.
        step: StepId,
    },
    /// A context proved that it is in the container.
    Active {
        /// When it was issued.
        activated_at: Timestamp,
        /// The context that proved it.
        proof: Digest,
    },
    /// A step that removes it was issued; nobody knows yet whether it was applied.
    Returning {
        /// When it was issued.
        activated_at: Timestamp,
        /// The step.
        step: StepId,
    },
    /// A context proved that it is gone.
    Returned {
        /// When it was proven.
        returned_at: Timestamp,
        /// The context that proved it.
        proof: Digest,
    },
    /// An update: a context proved that its base was changed.
    Consumed {
        /// When it was issued.
        activated_at: Timestamp,
        /// The context that proved it.
        proof: Digest,
    },
    /// A context proved that the step was never applied and never can be.
    Cancelled {
        /// When it was proven.
        cancelled_at: Timestamp,
        /// The context that proved it.
        proof: Digest,
    },
    /// Given up for lost by a re-activation, a restore or a decision of the vendor: its quantity is available again
    /// by decision, not by proof.
    Superseded {
        /// When it was decided.
        superseded_at: Timestamp,
    },
}

/// Every state with the word used in interfaces and tables.
pub const STATE_NAMES: [&str; 7] =
    ["activating", "active", "returning", "returned", "consumed", "cancelled", "superseded"];

impl ActivationState {
    /// The word for the state.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Activating { .. } => STATE_NAMES[0],
            Self::Active { .. } => STATE_NAMES[1],
            Self::Returning { .. } => STATE_NAMES[2],
            Self::Returned { .. } => STATE_NAMES[3],
            Self::Consumed { .. } => STATE_NAMES[4],
            Self::Cancelled { .. } => STATE_NAMES[5],
            Self::Superseded { .. } => STATE_NAMES[6],
        }
    }

    /// Whether the container may hold the share: nothing has ended it yet.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live_part().is_some()
    }

    /// The part of the ledger a live share is counted in.
    #[must_use]
    pub const fn live_part(&self) -> Option<LivePart> {
        match self {
            Self::Activating { .. } => Some(LivePart::Activating),
            Self::Active { .. } => Some(LivePart::Active),
            Self::Returning { .. } => Some(LivePart::Returning),
            Self::Returned { .. }
            | Self::Consumed { .. }
            | Self::Cancelled { .. }
            | Self::Superseded { .. } => None,
        }
    }

    /// The step that is issued and not yet proven.
    #[must_use]
    pub const fn pending_step(&self) -> Option<StepId> {
        match self {
            Self::Activating { step } | Self::Returning { step, .. } => Some(*step),
            Self::Active { .. }
            | Self::Returned { .. }
            | Self::Consumed { .. }
            | Self::Cancelled { .. }
            | Self::Superseded { .. } => None,
        }
    }

    const fn invalid(&self, event: &'static str) -> InvalidTransition {
        InvalidTransition { entity: "activation", from: self.name(), event }
    }

    /// A context proved that the pending step was applied. An `update` is consumed by it.
    ///
    /// # Errors
    /// No step is pending.
    pub const fn proven(
        self,
        update: bool,
        issued_at: Timestamp,
        proof: Digest,
        now: Timestamp,
    ) -> Result<Self, InvalidTransition> {
        match self {
            Self::Activating { .. } if update => Ok(Self::Consumed { activated_at: issued_at, proof }),
            Self::Activating { .. } => Ok(Self::Active { activated_at: issued_at, proof }),
            Self::Returning { .. } => Ok(Self::Returned { returned_at: now, proof }),
            _ => Err(self.invalid("proven")),
        }
    }

    /// A context proved that the pending step was never applied and never can be.
    ///
    /// # Errors
    /// No step is pending.
    pub const fn void(self, proof: Digest, now: Timestamp) -> Result<Self, InvalidTransition> {
        match self {
            Self::Activating { .. } => Ok(Self::Cancelled { cancelled_at: now, proof }),
            Self::Returning { activated_at, .. } => Ok(Self::Active { activated_at, proof }),
            _ => Err(self.invalid("void")),
        }
    }

    /// A step that removes it was issued.
    ///
    /// # Errors
    /// It is not active.
    pub const fn returning(self, step: StepId) -> Result<Self, InvalidTransition> {
        match self {
            Self::Active { activated_at, .. } => Ok(Self::Returning { activated_at, step }),
            _ => Err(self.invalid("return")),
        }
    }

    /// It is given up for lost.
    ///
    /// # Errors
    /// It has ended already.
    pub const fn superseded(self, now: Timestamp) -> Result<Self, InvalidTransition> {
        match self.live_part() {
            Some(_) => Ok(Self::Superseded { superseded_at: now }),
            None => Err(self.invalid("supersede")),
        }
    }
}

/// What an update does to the product item it was issued for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingUpdate {
    /// The change.
    pub effect: UpdateEffect,
    /// The entry its entry was split off from, when only a part of a share is updated.
    pub split_from: Option<EntryId>,
}

/// A share of a license line in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// Identity.
    pub id: ActivationId,
    /// The license line.
    pub license: LicenseId,
    /// Its ticket.
    pub ticket: TicketId,
    /// The container.
    pub container: ContainerSerial,
    /// The firm item in it.
    pub firm_code: FirmCode,
    /// The product item in it; shares split from one another keep it.
    pub entry: EntryId,
    /// Generation of the license line.
    pub generation: u32,
    /// Licenses in the share.
    pub quantity: u32,
    /// What the share was issued with.
    pub remainder: Remainder,
    /// Where it is in its life.
    pub state: ActivationState,
    /// The vendor wants it back: the next update of the container takes it out.
    pub withdraw: bool,
    /// What it does to its base, when it is an update.
    pub update: Option<PendingUpdate>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

impl Activation {
    /// When it was activated, once a step was issued: shown as "activated on".
    #[must_use]
    pub const fn activated_at(&self) -> Timestamp {
        self.created_at
    }

    /// Splits `going` licenses off into an activation of their own under `id`, with their part of what is left.
    #[must_use]
    pub fn split_off(&mut self, id: ActivationId, going: u32) -> Self {
        let (goes, stays) = self.remainder.split(self.quantity, going);
        self.quantity -= going;
        self.remainder = stays;
        Self { id, quantity: going, remainder: goes, version: 0, ..self.clone() }
    }

    /// Whether it is in its container, or on its way there, and nothing is issued or wanted that ends it.
    #[must_use]
    pub const fn is_staying(&self) -> bool {
        let held = matches!(self.state.live_part(), Some(LivePart::Activating | LivePart::Active));
        held && !self.withdraw
    }

    /// Its quantity with what it was issued with.
    #[must_use]
    pub const fn share(&self) -> Share {
        self.remainder.share(self.quantity)
    }

    /// Where its quantity goes when it leaves the container.
    #[must_use]
    pub fn destination(&self) -> Destination {
        if self.withdraw && !zoo::has(Bug::WithdrawalFreed) {
            Destination::Vendor
        } else {
            Destination::Available
        }
    }
}
