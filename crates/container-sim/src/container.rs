//! What every container can do, whatever it is made of.

use licensing_core::Entropy;
use licensing_core::access::{AccessRefusal, AccessRequest, Usable};
use licensing_core::codec::{Decode, Encode};
use licensing_core::crypto::digest::Digest;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::device::{ApplyReport, DeviceError, DeviceState, FirmItem, Proof};
use licensing_core::error::VerifyError;
use licensing_core::ids::{ContainerSerial, EntryId, FirmCode, FlashName, LicenseId, Name, ProductCode};
use licensing_core::product::ProductItem;
use licensing_core::terms::GrantedTerms;
use licensing_core::time::Timestamp;

use crate::binding::BindingReport;

/// Why a container cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// The container's own rules refused; it is unchanged.
    #[error("{message}")]
    Device {
        /// Stable code.
        code: String,
        /// What happened.
        message: String,
    },
    /// The product cannot be used.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// The file of the container is damaged, truncated or forged.
    #[error("the container file is damaged: {0}")]
    Damaged(VerifyError),
    /// The file belongs to another computer, or too much of this one has changed.
    #[error("this computer does not match the one the license is bound to")]
    WrongComputer,
    /// The file is older than the container's last known state.
    #[error("an older copy of the container was put back (version {found}, last known {known})")]
    RolledBack {
        /// Version of the file.
        found: u64,
        /// Version the anchor knows.
        known: u64,
    },
    /// The anchors are missing or do not belong to the file.
    #[error("the record that guards the container against rollback is missing or damaged")]
    AnchorLost,
    /// There is nothing on this computer to bind to.
    #[error("this computer shows no traits an act license could be bound to")]
    NoTraits,
    /// The container does not exist.
    #[error("there is no such container")]
    NotFound,
    /// The kind of container cannot do that.
    #[error("a container of this kind cannot do that")]
    NotSupported,
    /// The flash memory has no such place, or its content was changed from outside.
    #[error("flash memory: {0}")]
    Flash(&'static str),
    /// The flash memory holds no file of that name.
    #[error("there is no file {0} in the flash memory")]
    FlashFileUnknown(FlashName),
    /// The flash memory has no room for the file.
    #[error("the flash memory has room for {free} bytes, {wanted} are needed")]
    FlashFull {
        /// Bytes that are free.
        free: u64,
        /// Bytes of the file.
        wanted: u64,
    },
    /// The card answered with an unexpected status.
    #[error("the card answered with status {0:04x}")]
    Card(u16),
    /// The storage failed: disk full, no permission, hardware.
    #[error("the container's storage failed: {0}")]
    Storage(#[from] std::io::Error),
}

impl ContainerError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Device { code, .. } => code,
            Self::Access(refusal) => refusal.code(),
            Self::Damaged(_) => "container_damaged",
            Self::WrongComputer => "wrong_computer",
            Self::RolledBack { .. } => "container_rolled_back",
            Self::AnchorLost => "anchor_lost",
            Self::NoTraits => "no_host_traits",
            Self::NotFound => "container_not_found",
            Self::NotSupported => "not_supported_by_container",
            Self::Flash(_) => "flash_error",
            Self::FlashFileUnknown(_) => "flash_file_unknown",
            Self::FlashFull { .. } => "flash_full",
            Self::Card(_) => "card_error",
            Self::Storage(_) => "storage_failed",
        }
    }
}

/// Every code [`ContainerError`] has of its own.
pub const CODES: [&str; 12] = [
    "container_damaged",
    "wrong_computer",
    "container_rolled_back",
    "anchor_lost",
    "no_host_traits",
    "container_not_found",
    "not_supported_by_container",
    "flash_error",
    "flash_file_unknown",
    "flash_full",
    "card_error",
    "storage_failed",
];

impl From<DeviceError> for ContainerError {
    fn from(error: DeviceError) -> Self {
        Self::Device { code: error.code().to_owned(), message: error.to_string() }
    }
}

/// A product item as anyone may see it: no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ProductInfo {
    /// Entry in the container.
    pub entry: EntryId,
    /// License line.
    pub license: LicenseId,
    /// The product.
    pub product_code: ProductCode,
    /// Display name.
    pub name: Name,
    /// Licenses in the share.
    pub quantity: u32,
    /// License options.
    pub terms: GrantedTerms,
    /// Units left.
    pub units: Option<u64>,
    /// First use, once a usage period has begun.
    pub usage_started: Option<Timestamp>,
    /// Concurrent uses that updates have added.
    pub added_uses: u64,
}

/// A firm item as anyone may see it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FirmInfo {
    /// The vendor.
    pub firm_code: FirmCode,
    /// The vendor's name.
    pub name: Option<Name>,
    /// The vendor's root that is pinned.
    pub root: Option<PublicKey>,
    /// The vendor has locked it for good.
    pub locked: bool,
    /// Steps applied so far.
    pub counter: u64,
    /// Product items.
    pub products: Vec<ProductInfo>,
}

impl ProductInfo {
    fn of(product: &ProductItem) -> Self {
        Self {
            entry: product.entry,
            license: product.license,
            product_code: product.product_code,
            name: product.name.clone(),
            quantity: product.quantity,
            terms: product.terms.clone(),
            units: product.units,
            usage_started: product.usage_started,
            added_uses: product.added_uses,
        }
    }
}

impl FirmInfo {
    /// What can be shown of a firm item.
    #[must_use]
    pub fn of(firm: &FirmItem) -> Self {
        Self {
            firm_code: firm.firm_code,
            name: firm.name.clone(),
            root: firm.root,
            locked: firm.locked,
            counter: firm.link.counter,
            products: firm.products.iter().map(ProductInfo::of).collect(),
        }
    }

    /// The firm items of a container that hold or once held something.
    #[must_use]
    pub fn all(state: &DeviceState) -> Vec<Self> {
        state.firms.iter().filter(|firm| firm.root.is_some()).map(Self::of).collect()
    }
}

/// A container of either kind. Every change is durable before a method returns.
pub trait Container: Send {
    /// Its serial.
    fn serial(&self) -> ContainerSerial;

    /// Made on simulated host traits.
    fn is_test(&self) -> bool;

    /// Its firm items.
    ///
    /// # Errors
    /// The container cannot be read.
    fn firms(&mut self) -> Result<Vec<FirmInfo>, ContainerError>;

    /// Adds the empty firm item of a vendor's template (act licenses only).
    ///
    /// # Errors
    /// The template is not acceptable, or the container is a dongle.
    fn register_template(&mut self, template: &[u8], entropy: &mut dyn Entropy)
    -> Result<(), ContainerError>;

    /// Makes a context file.
    ///
    /// # Errors
    /// No room for another vendor, or the storage failed.
    fn create_context(
        &mut self,
        firm_code: FirmCode,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, ContainerError>;

    /// Imports an update file: every step once, all or nothing.
    ///
    /// # Errors
    /// A precise reason; the container is unchanged.
    fn import_update(
        &mut self,
        update: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<ApplyReport, ContainerError>;

    /// Whether a product can be used.
    ///
    /// # Errors
    /// Why not.
    fn check(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        now: Timestamp,
    ) -> Result<Usable, ContainerError>;

    /// Uses a product: takes units and starts a usage period.
    ///
    /// # Errors
    /// Why not; nothing was taken.
    fn consume(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Usable, ContainerError>;

    /// Answers an application's challenge.
    ///
    /// # Errors
    /// Why the product cannot be used.
    fn prove(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: &[u8; 32],
        now: Timestamp,
    ) -> Result<Proof, ContainerError>;

    /// How well this computer still matches; `None` for a dongle, which is bound to none.
    ///
    /// # Errors
    /// The container cannot be asked.
    fn binding_report(&mut self) -> Result<Option<BindingReport>, ContainerError>;

    /// What is in the flash memory.
    ///
    /// # Errors
    /// The container has none, or its content was changed outside of it.
    fn flash(&mut self) -> Result<FlashInfo, ContainerError> {
        Err(ContainerError::NotSupported)
    }

    /// Stores a file in the flash memory, in place of one of that name: after a power cut at any moment the old
    /// or the new content is there.
    ///
    /// # Errors
    /// The container has no flash memory, or not enough of it.
    fn flash_store(&mut self, _name: &FlashName, _content: &[u8]) -> Result<(), ContainerError> {
        Err(ContainerError::NotSupported)
    }

    /// Fetches a file from the flash memory.
    ///
    /// # Errors
    /// There is none of that name, or it was changed outside of the container.
    fn flash_fetch(&mut self, _name: &FlashName) -> Result<Vec<u8>, ContainerError> {
        Err(ContainerError::NotSupported)
    }

    /// Removes a file from the flash memory.
    ///
    /// # Errors
    /// There is none of that name.
    fn flash_remove(&mut self, _name: &FlashName) -> Result<(), ContainerError> {
        Err(ContainerError::NotSupported)
    }
}

/// A file in flash memory.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FlashFile {
    /// Its name.
    pub name: FlashName,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its content.
    pub digest: Digest,
}

/// What is in the flash memory of a container.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FlashInfo {
    /// Bytes in all.
    pub capacity: u64,
    /// Bytes a new file can have.
    pub free: u64,
    /// The files, by name.
    pub files: Vec<FlashFile>,
}
