//! Blacklist files (`*.blacklist`): a vendor's list of containers that are not to be used, for enforcement without a
//! network. See `docs/formats/blacklist.md`.

use crate::codec::{Decode, Encode, decode, encode};
use crate::crypto::sign::PublicKey;
use crate::envelope::{Draft, FileType, Unverified};
use crate::error::VerifyError;
use crate::format::update::Issuer;
use crate::ids::{ContainerSerial, FirmCode};
use crate::limits::FILE_BYTES_MAX;
use crate::time::Timestamp;
use crate::trust::TrustedIssuer;

/// What a blacklist says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BlacklistBody {
    /// The vendor.
    pub firm_code: FirmCode,
    /// Grows with every container that is listed; a newer list replaces an older one.
    pub version: u32,
    /// When it was made.
    pub certified_time: Timestamp,
    /// The containers, sorted, each once.
    pub serials: Vec<ContainerSerial>,
}

/// A blacklist whose chain and signature have been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBlacklist {
    body: BlacklistBody,
    root: PublicKey,
}

impl BlacklistBody {
    /// Signs the list.
    #[must_use]
    pub fn sign(&self, issuer: &Issuer) -> Vec<u8> {
        let certificates = issuer.certificates.clone();
        Draft { file_type: FileType::Blacklist, header: Vec::new(), body: encode(self), certificates }
            .sign(&issuer.key)
    }
}

impl VerifiedBlacklist {
    /// Verifies a list; `pinned` is the vendor's root where it is known.
    ///
    /// # Errors
    /// Malformed, forged, or signed outside the chain.
    ///
    /// # Security
    /// Without a pinned root anybody can make a list, though only for a firm code of his own root.
    pub fn verify(bytes: &[u8], pinned: Option<&PublicKey>) -> Result<Self, VerifyError> {
        let unverified = Unverified::read(bytes, FileType::Blacklist, FILE_BYTES_MAX)?;
        let issuer = TrustedIssuer::verify(unverified.certificates(), pinned)?;
        let verified = unverified.verify_with(&issuer.key)?;
        let body: BlacklistBody = decode::<_, FILE_BYTES_MAX>(verified.body)?;
        if body.firm_code != issuer.firm_code || !verified.header.is_empty() {
            return Err(VerifyError::WrongFirm);
        }
        if !body.serials.is_sorted_by(|a, b| a < b) {
            return Err(crate::error::FormatError::NotCanonical.into());
        }
        issuer.valid_at(body.certified_time)?;
        Ok(Self { body, root: issuer.root })
    }

    /// What it says.
    #[must_use]
    pub const fn body(&self) -> &BlacklistBody {
        &self.body
    }

    /// The vendor's root that stands behind it.
    #[must_use]
    pub const fn root(&self) -> &PublicKey {
        &self.root
    }

    /// Whether a container is on it.
    #[must_use]
    pub fn lists(&self, serial: ContainerSerial) -> bool {
        self.body.serials.binary_search(&serial).is_ok()
    }
}
