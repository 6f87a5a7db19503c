//! The container's side of the protocol, as pure state: what a dongle keeps in its chip and an act license in
//! its encrypted file. Storage, host traits and the card interface are in `container-sim`.

mod apply;
mod context;
mod usage;

pub use apply::{Applied, ApplyReport};
pub use usage::{CLOCK_LAG_MAX, Proof};

use crate::codec::{Decode, Encode};
use crate::crypto::digest::hash;
use crate::crypto::seal::SealingKey;
use crate::crypto::sign::{PublicKey, SigningKey};
use crate::error::VerifyError;
use crate::format::template::VerifiedTemplate;
use crate::ids::{ContainerKind, ContainerSerial, EntryId, FirmCode, Name};
use crate::limits::FIRMS_PER_CONTAINER_MAX;
use crate::product::ProductItem;
use crate::step::{ChainLink, Removal};
use crate::terms::Tolerance;
use crate::time::Timestamp;

/// The serial of the container with this identity key.
#[must_use]
pub fn serial_of(kind: ContainerKind, identity: &PublicKey) -> ContainerSerial {
    let digest = hash("container serial", &[identity.bytes()]);
    let number = digest[..6].iter().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    // Invariant: 48 bits, and never zero.
    ContainerSerial::new(kind, number.max(1)).expect("48 bits")
}

/// How many places of its chain a firm item remembers, to recognise steps it has already applied.
pub const RECENT_LINKS: usize = 16;

/// What a template told about how to bind an act license.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Binding {
    /// Tolerance where no license demands another.
    pub tolerance: Tolerance,
    /// Salt of the trait digests in contexts.
    pub trait_salt: [u8; 16],
}

/// Everything one container holds of one vendor. Firm items see nothing of each other.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FirmItem {
    /// The vendor.
    pub firm_code: FirmCode,
    /// The vendor's name, once a certificate told it.
    pub name: Option<Name>,
    /// The vendor's root, pinned by the first template or update.
    pub root: Option<PublicKey>,
    /// Newest firm certificate seen.
    pub firm_version: u32,
    /// Newest issuing epoch seen.
    pub epoch: u32,
    /// Newest blacklist seen.
    pub blacklist_version: u32,
    /// Place in the chain of steps.
    pub link: ChainLink,
    /// The last places before it, oldest first.
    pub recent: Vec<ChainLink>,
    /// Contexts made so far.
    pub sequence: u64,
    /// Binding rules of the vendor, act licenses only.
    pub binding: Option<Binding>,
    /// Product items.
    pub products: Vec<ProductItem>,
    /// Removals the server has not confirmed.
    pub removals: Vec<Removal>,
    /// The vendor has locked it for good: nothing in it can be used.
    pub locked: bool,
}

/// The complete state of a container. This is what is persisted, version 1 of the record.
///
/// # Security
/// Holds every secret of the container; `Debug` shows none. Encrypt it at rest, never show it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeviceState {
    /// The container.
    pub serial: ContainerSerial,
    /// Key contexts are signed with.
    pub identity: SigningKey,
    /// Key updates are sealed to.
    pub sealing: SealingKey,
    /// The maker's certificate, dongles only.
    pub certificate: Option<Vec<u8>>,
    /// Made on simulated host traits, for tests only.
    pub test_host: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// The container's own clock, which only a certified time can turn back.
    pub box_time: Timestamp,
    /// Last time learned from a server.
    pub certified_time: Timestamp,
    /// Product items the container can hold in all.
    pub capacity: u32,
    /// Firm items.
    pub firms: Vec<FirmItem>,
}

/// Why a container does not do what it was asked. Its state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The file is malformed, forged, or not for this container's eyes.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The update is for another container.
    #[error("the update is for container {found}, this is {this}")]
    OtherContainer {
        /// Container named in the update.
        found: ContainerSerial,
        /// This container.
        this: ContainerSerial,
    },
    /// The update starts later in the chain than the container is: an earlier one is missing.
    #[error(
        "the update starts at counter {first}, the container is at {counter}: an earlier update is missing"
    )]
    FutureUpdate {
        /// Where the update starts.
        first: u64,
        /// Where the container is.
        counter: u64,
    },
    /// The update belongs to another history of this container.
    #[error("the update does not fit the history of this container at counter {counter}")]
    Forked {
        /// Where the container is.
        counter: u64,
    },
    /// An operation of the update does not fit the product items: a damaged issuer or container.
    #[error("the update does not fit the content of the container: {0}")]
    Inconsistent(&'static str),
    /// No room for another product item or firm item.
    #[error("the container is full")]
    Full,
    /// The container holds nothing of this firm code.
    #[error("the container holds nothing of firm code {0}")]
    NoFirmItem(FirmCode),
}

impl DeviceError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Verify(error) => error.code(),
            Self::OtherContainer { .. } => "update_other_container",
            Self::FutureUpdate { .. } => "update_too_new",
            Self::Forked { .. } => "update_other_history",
            Self::Inconsistent(_) => "update_inconsistent",
            Self::Full => "container_full",
            Self::NoFirmItem(_) => "firm_not_in_container",
        }
    }
}

/// The keys and facts a new container is made from.
#[derive(Debug)]
pub struct NewDevice {
    /// What it is.
    pub kind: ContainerKind,
    /// Fresh identity key.
    pub identity: SigningKey,
    /// Fresh sealing key.
    pub sealing: SealingKey,
    /// Product items it can hold.
    pub capacity: u32,
    /// Simulated host traits.
    pub test_host: bool,
}

impl DeviceState {
    /// An empty container. A dongle still needs its maker's certificate in [`DeviceState::certificate`].
    #[must_use]
    pub fn new(new: NewDevice, now: Timestamp) -> Self {
        Self {
            serial: serial_of(new.kind, &new.identity.public_key()),
            identity: new.identity,
            sealing: new.sealing,
            certificate: None,
            test_host: new.test_host,
            created_at: now,
            box_time: now,
            certified_time: Timestamp::ZERO,
            capacity: new.capacity,
            firms: Vec::new(),
        }
    }

    /// Adds the empty firm item of a vendor's template, which is how an act license begins.
    ///
    /// # Errors
    /// [`DeviceError::Full`], or [`VerifyError::UntrustedSigner`] when another root is pinned for the code.
    pub fn register_template(&mut self, template: &VerifiedTemplate) -> Result<(), DeviceError> {
        let body = template.body();
        let issuer = template.issuer();
        let firm = self.firm_or_new(body.firm_code)?;
        if firm.root.is_some_and(|root| root != issuer.root) {
            return Err(VerifyError::UntrustedSigner.into());
        }
        issuer.not_older_than(firm.firm_version, firm.epoch)?;
        firm.pin(issuer);
        firm.binding = Some(Binding { tolerance: body.tolerance, trait_salt: body.trait_salt });
        Ok(())
    }

    /// The firm item of a vendor.
    #[must_use]
    pub fn firm(&self, firm_code: FirmCode) -> Option<&FirmItem> {
        self.firms.iter().find(|firm| firm.firm_code == firm_code)
    }

    fn firm_mut(&mut self, firm_code: FirmCode) -> Option<&mut FirmItem> {
        self.firms.iter_mut().find(|firm| firm.firm_code == firm_code)
    }

    fn firm_or_new(&mut self, firm_code: FirmCode) -> Result<&mut FirmItem, DeviceError> {
        let at = match self.firms.iter().position(|firm| firm.firm_code == firm_code) {
            Some(at) => at,
            None if self.firms.len() >= FIRMS_PER_CONTAINER_MAX => return Err(DeviceError::Full),
            None => {
                let start = ChainLink::start(self.serial, firm_code, &self.identity.public_key());
                self.firms.push(FirmItem::empty(firm_code, start));
                self.firms.len() - 1
            }
        };
        Ok(&mut self.firms[at])
    }

    /// Product items in all firm items together.
    #[must_use]
    pub fn products_held(&self) -> usize {
        self.firms.iter().map(|firm| firm.products.len()).sum()
    }

    /// Tolerance an act license must have now: the strictest any of its licenses demands, else the strictest
    /// template default.
    #[must_use]
    pub fn tolerance(&self) -> Option<Tolerance> {
        let demanded = self.firms.iter().flat_map(|f| &f.products).filter_map(|p| p.terms.tolerance).max();
        demanded.or_else(|| self.firms.iter().filter_map(|f| f.binding.as_ref()).map(|b| b.tolerance).max())
    }

    /// The time the container judges by: its own clock or the computer's, whichever is later, so that a clock
    /// set back never prolongs a license.
    #[must_use]
    pub fn effective_time(&self, host_now: Timestamp) -> Timestamp {
        self.box_time.max(host_now)
    }

    /// Moves the container's clock forward to what the computer says; never back.
    pub fn observe_time(&mut self, host_now: Timestamp) {
        self.box_time = self.box_time.max(host_now);
    }

    /// Takes a server's time. A newer certified time may also turn the clock back, which is how a computer
    /// clock once set to a wrong future is forgiven.
    fn certify_time(&mut self, certified: Timestamp) {
        if certified > self.certified_time {
            self.certified_time = certified;
            self.box_time = certified;
        }
    }
}

impl FirmItem {
    const fn empty(firm_code: FirmCode, start: ChainLink) -> Self {
        Self {
            firm_code,
            name: None,
            root: None,
            firm_version: 0,
            epoch: 0,
            blacklist_version: 0,
            link: start,
            recent: Vec::new(),
            sequence: 0,
            binding: None,
            products: Vec::new(),
            removals: Vec::new(),
            locked: false,
        }
    }

    fn pin(&mut self, issuer: &crate::trust::TrustedIssuer) {
        self.root = Some(issuer.root);
        self.name = Some(issuer.firm_name.clone());
        self.firm_version = issuer.firm_version;
        self.epoch = issuer.epoch;
    }

    /// A product item by its entry.
    #[must_use]
    pub fn product(&self, entry: EntryId) -> Option<&ProductItem> {
        self.products.iter().find(|product| product.entry == entry)
    }
}
