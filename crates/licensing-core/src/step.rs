//! Steps: the indivisible changes of a firm item, and the hash chain that proves which were applied.
//!
//! A step fits exactly one (serial, firm code, counter, digest). Applying it adds one to the counter and
//! turns the digest into `H(digest, step id)`, so a context's counter and digest prove the whole history.

use crate::codec::{Decode, Encode, decode, encode};
use crate::crypto::digest::{Digest, hash};
use crate::crypto::sign::PublicKey;
use crate::error::FormatError;
use crate::ids::{ContainerSerial, EntryId, FirmCode};
use crate::limits::{OPERATIONS_PER_STEP_MAX, UPDATE_BYTES_MAX};
use crate::product::ProductItem;
use crate::time::Timestamp;
use crate::update_item::UpdateEffect;

/// A place in the chain of a firm item: how many steps were applied, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct ChainLink {
    /// Firm update counter: steps applied so far.
    pub counter: u64,
    /// Hash over all of them, in order.
    pub digest: Digest,
}

/// Identity of a step: the hash of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct StepId(pub Digest);

impl ChainLink {
    /// Where a firm item begins before any step.
    #[must_use]
    pub fn start(serial: ContainerSerial, firm_code: FirmCode, identity: &PublicKey) -> Self {
        let digest =
            hash("chain start", &[&serial.to_bytes(), &firm_code.get().to_be_bytes(), identity.bytes()]);
        Self { counter: 0, digest }
    }

    /// Where the chain is after `step`.
    #[must_use]
    pub fn after(self, step: StepId) -> Self {
        Self { counter: self.counter + 1, digest: hash("chain", &[&self.digest, &step.0]) }
    }
}

/// One change to the product items of a firm item.
#[expect(clippy::large_enum_variant, reason = "adding a product item is the common operation")]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Operation {
    /// Adds a product item under a new entry.
    Add(ProductItem),
    /// Lowers the quantity of an entry; what is taken away is recorded as a removal.
    SetQuantity {
        /// The entry.
        entry: EntryId,
        /// Its new quantity, at least 1 and below the present one.
        quantity: u32,
    },
    /// Removes an entry; it is recorded as a removal.
    Remove {
        /// The entry.
        entry: EntryId,
    },
    /// Moves a part of an entry, with its part of the units, into an entry of its own.
    Split {
        /// The entry.
        entry: EntryId,
        /// The new entry.
        into: EntryId,
        /// Licenses that go, at least 1 and below the present quantity.
        quantity: u32,
    },
    /// Changes an entry as an update item says.
    Update {
        /// The entry.
        entry: EntryId,
        /// The change.
        effect: UpdateEffect,
    },
    /// Locks the firm item for good: nothing in it can be used any more.
    Lock,
}

/// What a removal took out of a container. Kept by the firm item, and stated in every context, until the
/// server has confirmed it: this is how left-over units find their way home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Removal {
    /// Counter after the step that removed it.
    pub counter: u64,
    /// The entry.
    pub entry: EntryId,
    /// Quantity taken away.
    pub quantity: u32,
    /// Units taken away; `None` when not metered.
    pub units: Option<u64>,
    /// Concurrent uses taken away that updates had added.
    pub added_uses: u64,
    /// First use, once a usage period had begun.
    pub usage_started: Option<Timestamp>,
}

/// An indivisible change of one firm item of one container.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Step {
    /// The container.
    pub serial: ContainerSerial,
    /// The firm item.
    pub firm_code: FirmCode,
    /// The place in the chain it fits.
    pub before: ChainLink,
    /// When it was decided.
    pub issued_at: Timestamp,
    /// The changes, in order.
    pub operations: Vec<Operation>,
}

impl Step {
    /// The bytes of the step, which never change once issued.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a step.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a step within its limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let step: Self = decode::<Self, UPDATE_BYTES_MAX>(bytes)?;
        if step.operations.len() > OPERATIONS_PER_STEP_MAX {
            return Err(FormatError::Invalid("number of operations"));
        }
        Ok(step)
    }

    /// The id of a step with these bytes.
    #[must_use]
    pub fn id_of(bytes: &[u8]) -> StepId {
        StepId(hash("step", &[bytes]))
    }
}
