//! Who may sign what: root -> firm -> issuing epoch on the vendor's side, maker -> dongle on the device's.

use crate::crypto::sign::PublicKey;
use crate::error::{FormatError, VerifyError};
use crate::format::certificate::{FirmCertificate, IssuingCertificate};
use crate::ids::{FirmCode, Name};
use crate::time::Timestamp;

/// An issuing key whose chain has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// The vendor it may sign for.
    pub firm_code: FirmCode,
    /// The vendor's name.
    pub firm_name: Name,
    /// The root at the top of the chain.
    pub root: PublicKey,
    /// Version of the firm certificate; grows when a firm key is replaced.
    pub firm_version: u32,
    /// Epoch of the issuing key; grows with every rotation.
    pub epoch: u32,
    /// The issuing key.
    pub key: PublicKey,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl TrustedIssuer {
    /// Verifies a chain of firm certificate and issuing certificate.
    ///
    /// # Errors
    /// A certificate is malformed, does not verify, or is for another firm code than the one above it, or the
    /// root is not `pinned`.
    ///
    /// # Security
    /// With `pinned` absent the root of the chain is accepted as it is (trust on first use); pin it then.
    pub fn verify(certificates: &[&[u8]], pinned: Option<&PublicKey>) -> Result<Self, VerifyError> {
        let [firm, issuing] = certificates else {
            return Err(FormatError::Invalid("certificate chain").into());
        };
        let (firm, root) = FirmCertificate::verify(firm, pinned)?;
        let issuing = IssuingCertificate::verify(issuing, &firm.firm_key)?;
        if issuing.firm_code != firm.firm_code {
            return Err(VerifyError::WrongFirm);
        }
        Ok(Self {
            firm_code: firm.firm_code,
            firm_name: firm.name,
            root,
            firm_version: firm.version,
            epoch: issuing.epoch,
            key: issuing.issuing_key,
            not_before: issuing.not_before,
            not_after: issuing.not_after,
        })
    }

    /// Checks that the key was valid at the certified time of what it signed.
    ///
    /// # Errors
    /// [`VerifyError::CertificateExpired`].
    pub fn valid_at(&self, certified: Timestamp) -> Result<(), VerifyError> {
        if certified < self.not_before || certified >= self.not_after {
            return Err(VerifyError::CertificateExpired);
        }
        Ok(())
    }

    /// Checks that neither the firm certificate nor the epoch is older than what was already seen.
    ///
    /// # Errors
    /// [`VerifyError::OldEpoch`].
    pub fn not_older_than(&self, firm_version: u32, epoch: u32) -> Result<(), VerifyError> {
        if self.firm_version < firm_version || (self.firm_version == firm_version && self.epoch < epoch) {
            return Err(VerifyError::OldEpoch { found: self.epoch, seen: epoch });
        }
        Ok(())
    }
}

/// The maker key of emulated dongles.
///
/// # Security
/// **Publicly known**, on purpose: a certificate by it proves that a dongle is an emulated one and nothing
/// else. A server that wants real dongles only does not put its public half among the makers it trusts.
#[must_use]
pub fn emulator_maker() -> crate::crypto::sign::SigningKey {
    let seed = crate::crypto::digest::hash("publicly known maker key of emulated dongles", &[]);
    crate::crypto::sign::SigningKey::from_seed(seed)
}
