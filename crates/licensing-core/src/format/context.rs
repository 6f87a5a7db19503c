//! Contexts (`*.WibuCmRaC`): what a container says of itself for one firm code. A context taken after an
//! update is its receipt. See `docs/formats/context.md`.

use crate::codec::{Decode, Encode, decode, encode};
use crate::crypto::digest::{Digest, hash};
use crate::crypto::seal::SealingPublicKey;
use crate::crypto::sign::{PublicKey, SigningKey};
use crate::device::serial_of;
use crate::envelope::{Draft, FileType, Unverified};
use crate::error::{FormatError, VerifyError};
use crate::format::certificate::DeviceCertificate;
use crate::ids::{ContainerKind, ContainerSerial, EntryId, FirmCode, LicenseId, ProductCode};
use crate::limits::{CONTEXT_BYTES_MAX, PRODUCTS_PER_FIRM_MAX, REMOVALS_MAX};
use crate::step::{ChainLink, Removal};
use crate::time::Timestamp;

/// Whom a context is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ContextHeader {
    /// The container.
    pub serial: ContainerSerial,
    /// The only firm code it speaks of.
    pub firm_code: FirmCode,
}

impl ContextHeader {
    /// What a context file says whom it is about, when it is a whole file that nobody has changed. For showing and
    /// sorting files, where the decision is made elsewhere.
    ///
    /// # Errors
    /// Not a well-formed context, or changed after it was made.
    ///
    /// # Security
    /// Proves integrity only: whose key signed is not looked at. Use [`VerifiedContext`] to decide anything.
    pub fn stated(bytes: &[u8]) -> Result<Self, VerifyError> {
        let verified = Unverified::read(bytes, FileType::Context, CONTEXT_BYTES_MAX)?.verify_self()?;
        Ok(decode::<_, 64>(verified.header)?)
    }
}

/// A product item as a context states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ContextProduct {
    /// Entry in the container.
    pub entry: EntryId,
    /// License line.
    pub license: LicenseId,
    /// The product.
    pub product_code: ProductCode,
    /// Licenses in the share.
    pub quantity: u32,
    /// Generation of the license line it was issued in.
    pub generation: u32,
    /// Units left.
    pub units: Option<u64>,
    /// First use, once a usage period has begun.
    pub usage_started: Option<Timestamp>,
}

/// A salted digest of one trait of the computer, so that the server can tell how similar two computers are
/// without learning anything of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TraitDigest {
    /// Which trait, as a short hash of its name.
    pub kind: [u8; 4],
    /// How much it counts.
    pub weight: u8,
    /// Digest of its value under the vendor's salt.
    pub digest: [u8; 16],
}

/// What a context says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ContextBody {
    /// Key updates are to be sealed to.
    pub sealing_key: SealingPublicKey,
    /// Where the firm item is in its chain.
    pub link: ChainLink,
    /// How many contexts the firm item has made, this one included.
    pub sequence: u64,
    /// The container's own clock, which only moves forward.
    pub box_time: Timestamp,
    /// Last time the container learned from a server.
    pub certified_time: Timestamp,
    /// Makes every context different.
    pub nonce: [u8; 16],
    /// Root pinned for the firm code; `None` before the first template or update.
    pub root: Option<PublicKey>,
    /// Newest issuing epoch seen.
    pub epoch: u32,
    /// Newest blacklist seen.
    pub blacklist_version: u32,
    /// Made on simulated host traits, for tests only.
    pub test_host: bool,
    /// Locked for good by its vendor.
    pub locked: bool,
    /// Product items that still fit in.
    pub free_products: u32,
    /// Product items of the firm code.
    pub products: Vec<ContextProduct>,
    /// Removals the server has not confirmed yet.
    pub removals: Vec<Removal>,
    /// Traits of the computer, act licenses only.
    pub traits: Vec<TraitDigest>,
}

impl ContextBody {
    /// Signs the context with the container's identity key.
    #[must_use]
    pub fn sign(&self, header: &ContextHeader, certificate: Option<&[u8]>, identity: &SigningKey) -> Vec<u8> {
        Draft {
            file_type: FileType::Context,
            header: encode(header),
            body: encode(self),
            certificates: certificate.map(<[u8]>::to_vec).into_iter().collect(),
        }
        .sign(identity)
    }
}

/// A context whose signature and origin have been verified: proof that the container was in this state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedContext {
    header: ContextHeader,
    body: ContextBody,
    identity_key: PublicKey,
    hash: Digest,
}

impl VerifiedContext {
    /// Verifies a context. `makers` are the dongle makers the verifier trusts.
    ///
    /// # Errors
    /// * [`VerifyError::Format`]: not a well-formed context
    /// * [`VerifyError::BadSignature`]: changed or forged
    /// * [`VerifyError::UntrustedSigner`]: a dongle of an unknown maker, or keys that are not the serial's
    ///
    /// # Security
    /// The serial is derived from the signing key, so a context cannot speak for another container. Whether
    /// the key is the one this serial was registered with, the caller still has to compare: see
    /// [`crate::work::Work::settle`].
    pub fn verify(bytes: &[u8], makers: &[PublicKey]) -> Result<Self, VerifyError> {
        let unverified = Unverified::read(bytes, FileType::Context, CONTEXT_BYTES_MAX)?;
        let verified = unverified.verify_self()?;
        let header: ContextHeader = decode::<_, 64>(verified.header)?;
        let body: ContextBody = decode::<_, CONTEXT_BYTES_MAX>(verified.body)?;
        if body.products.len() > PRODUCTS_PER_FIRM_MAX || body.removals.len() > REMOVALS_MAX {
            return Err(FormatError::Invalid("number of product items").into());
        }
        if serial_of(header.serial.kind(), &verified.signer) != header.serial {
            return Err(VerifyError::UntrustedSigner);
        }
        match (header.serial.kind(), unverified.certificates()) {
            (ContainerKind::Act, []) => {}
            (ContainerKind::Dongle, [certificate]) => {
                let device = DeviceCertificate::verify(certificate, makers)?;
                if device.serial != header.serial
                    || device.identity_key != verified.signer
                    || device.sealing_key != body.sealing_key
                {
                    return Err(VerifyError::UntrustedSigner);
                }
            }
            (ContainerKind::Act | ContainerKind::Dongle, _) => {
                return Err(FormatError::Invalid("certificates of a context").into());
            }
        }
        Ok(Self { header, body, identity_key: verified.signer, hash: hash("context", &[bytes]) })
    }

    /// Takes a context as verified, without a signature.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn assume(header: ContextHeader, body: ContextBody, identity_key: PublicKey) -> Self {
        let hash = hash("context", &[&encode(&body)]);
        Self { header, body, identity_key, hash }
    }

    /// The container.
    #[must_use]
    pub const fn serial(&self) -> ContainerSerial {
        self.header.serial
    }

    /// The firm code it speaks of.
    #[must_use]
    pub const fn firm_code(&self) -> FirmCode {
        self.header.firm_code
    }

    /// What it says.
    #[must_use]
    pub const fn body(&self) -> &ContextBody {
        &self.body
    }

    /// The key it is signed with.
    #[must_use]
    pub const fn identity_key(&self) -> PublicKey {
        self.identity_key
    }

    /// Hash of the file: the proof that is kept as a receipt.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }
}
