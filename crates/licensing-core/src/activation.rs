//! Activations: shares of a license line in a container, from issue to proven return.

use crate::crypto::digest::Digest;
use crate::error::InvalidTransition;
use crate::ids::{ActivationId, ContainerSerial, EntryId, FirmCode, LicenseId, TicketId};
use crate::step::StepId;
use crate::terms::Remainder;
use crate::time::Timestamp;

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
}

/// Every state with the word used in interfaces and tables.
pub const STATE_NAMES: [&str; 4] = ["activating", "active", "returning", "returned"];

impl ActivationState {
    /// The word for the state.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Activating { .. } => STATE_NAMES[0],
            Self::Active { .. } => STATE_NAMES[1],
            Self::Returning { .. } => STATE_NAMES[2],
            Self::Returned { .. } => STATE_NAMES[3],
        }
    }

    /// Whether the container may hold the share: everything but a proven return.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        match self {
            Self::Activating { .. } | Self::Active { .. } | Self::Returning { .. } => true,
            Self::Returned { .. } => false,
        }
    }

    /// The step that is issued and not yet proven.
    #[must_use]
    pub const fn pending_step(&self) -> Option<StepId> {
        match self {
            Self::Activating { step } | Self::Returning { step, .. } => Some(*step),
            Self::Active { .. } | Self::Returned { .. } => None,
        }
    }

    const fn invalid(&self, event: &'static str) -> InvalidTransition {
        InvalidTransition { entity: "activation", from: self.name(), event }
    }

    /// A context proved that the pending step was applied.
    ///
    /// # Errors
    /// No step is pending.
    pub const fn proven(
        self,
        issued_at: Timestamp,
        proof: Digest,
        now: Timestamp,
    ) -> Result<Self, InvalidTransition> {
        match self {
            Self::Activating { .. } => Ok(Self::Active { activated_at: issued_at, proof }),
            Self::Returning { .. } => Ok(Self::Returned { returned_at: now, proof }),
            Self::Active { .. } | Self::Returned { .. } => Err(self.invalid("proven")),
        }
    }

    /// A step that removes it was issued.
    ///
    /// # Errors
    /// It is not active.
    pub const fn returning(self, step: StepId) -> Result<Self, InvalidTransition> {
        match self {
            Self::Active { activated_at, .. } => Ok(Self::Returning { activated_at, step }),
            Self::Activating { .. } | Self::Returning { .. } | Self::Returned { .. } => {
                Err(self.invalid("return"))
            }
        }
    }
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

    /// Splits `going` licenses off into an activation of their own under `id`.
    #[must_use]
    pub fn split_off(&mut self, id: ActivationId, going: u32) -> Self {
        self.quantity -= going;
        Self { id, quantity: going, version: 0, ..self.clone() }
    }
}
