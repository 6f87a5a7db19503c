//! Containers as the server knows them: pinned keys, and per firm code what is proven and what is issued.

use crate::crypto::digest::Digest;
use crate::crypto::seal::SealingPublicKey;
use crate::crypto::sign::PublicKey;
use crate::ids::{ContainerSerial, FirmCode};
use crate::step::{ChainLink, StepId};
use crate::time::Timestamp;

/// Whether a container may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerStatus {
    /// It may.
    Normal,
    /// It was in a state it cannot honestly be in; the vendor decides.
    ManipulationDetected,
    /// The vendor or a re-activation shut it out.
    Blacklisted,
}

/// Every status with the word used in interfaces and tables.
pub const STATUS_NAMES: [(ContainerStatus, &str); 3] = [
    (ContainerStatus::Normal, "normal"),
    (ContainerStatus::ManipulationDetected, "manipulation_detected"),
    (ContainerStatus::Blacklisted, "blacklisted"),
];

impl ContainerStatus {
    /// The word for the status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        STATUS_NAMES[self as usize].1
    }
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRecord {
    /// Identity.
    pub serial: ContainerSerial,
    /// Key its contexts are signed with, pinned at the first contact.
    pub identity_key: PublicKey,
    /// Key its updates are sealed to, pinned at the first contact.
    pub sealing_key: SealingPublicKey,
    /// Made on simulated host traits.
    pub test_host: bool,
    /// Whether it may be served.
    pub status: ContainerStatus,
    /// First contact.
    pub registered_at: Timestamp,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

/// The newest context seen: what later contexts are ordered against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastContext {
    /// Its sequence number.
    pub sequence: u64,
    /// Its certified time.
    pub certified_time: Timestamp,
    /// Its box time.
    pub box_time: Timestamp,
    /// Its hash.
    pub hash: Digest,
    /// When it arrived.
    pub seen_at: Timestamp,
}

/// A step that was issued and is not proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingStep {
    /// Identity.
    pub id: StepId,
    /// Place in the chain it fits.
    pub before: ChainLink,
    /// Place in the chain after it.
    pub after: ChainLink,
    /// Its bytes, which never change.
    pub bytes: Vec<u8>,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// The firm item of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmRecord {
    /// The container.
    pub serial: ContainerSerial,
    /// The vendor.
    pub firm_code: FirmCode,
    /// Last place in the chain a context has proven.
    pub confirmed: ChainLink,
    /// Steps issued after it, in order.
    pub pending: Vec<PendingStep>,
    /// The newest context seen.
    pub last_context: Option<LastContext>,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

impl FirmRecord {
    /// Where the chain ends when everything issued is applied.
    #[must_use]
    pub fn tip(&self) -> ChainLink {
        self.pending.last().map_or(self.confirmed, |step| step.after)
    }
}
