//! Certificates: one key's word for another key. See `docs/formats/certificate.md`.

use crate::codec::{Decode, Encode, decode, encode};
use crate::crypto::seal::SealingPublicKey;
use crate::crypto::sign::{PublicKey, SigningKey};
use crate::envelope::{Draft, FileType, Unverified, Verified};
use crate::error::VerifyError;
use crate::ids::{ContainerSerial, FirmCode, Name};
use crate::limits::CERTIFICATE_BYTES_MAX;
use crate::time::Timestamp;

/// A root's word that a key belongs to a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FirmCertificate {
    /// The vendor.
    pub firm_code: FirmCode,
    /// The vendor's key.
    pub firm_key: PublicKey,
    /// Grows when the firm key is replaced.
    pub version: u32,
    /// The vendor's name.
    pub name: Name,
}

/// A firm key's word that a key may issue updates and templates for a while.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct IssuingCertificate {
    /// The vendor.
    pub firm_code: FirmCode,
    /// The issuing key.
    pub issuing_key: PublicKey,
    /// Grows with every rotation.
    pub epoch: u32,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until (exclusive).
    pub not_after: Timestamp,
}

/// A maker's word for a dongle it made.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeviceCertificate {
    /// The dongle.
    pub serial: ContainerSerial,
    /// Key it signs contexts with.
    pub identity_key: PublicKey,
    /// Key updates are sealed to.
    pub sealing_key: SealingPublicKey,
    /// When it was made.
    pub made_at: Timestamp,
}

fn sign<T: Encode>(file_type: FileType, value: &T, key: &SigningKey) -> Vec<u8> {
    Draft { file_type, header: Vec::new(), body: encode(value), certificates: Vec::new() }.sign(key)
}

fn parse<T: Encode + Decode<()>>(verified: &Verified<'_>) -> Result<T, VerifyError> {
    if !verified.header.is_empty() {
        return Err(crate::error::FormatError::Invalid("certificate header").into());
    }
    Ok(decode::<T, CERTIFICATE_BYTES_MAX>(verified.body)?)
}

fn read(bytes: &[u8], file_type: FileType) -> Result<Unverified<'_>, VerifyError> {
    let unverified = Unverified::read(bytes, file_type, CERTIFICATE_BYTES_MAX)?;
    if !unverified.certificates().is_empty() {
        return Err(crate::error::FormatError::Invalid("nested certificates").into());
    }
    Ok(unverified)
}

impl FirmCertificate {
    /// Signs with the root key.
    #[must_use]
    pub fn sign(&self, root: &SigningKey) -> Vec<u8> {
        sign(FileType::FirmCertificate, self, root)
    }

    /// Verifies against a pinned root, or with none pinned against the key inside (trust on first use), and
    /// returns the root that signed.
    ///
    /// # Errors
    /// Malformed, forged, or signed by another root.
    pub fn verify(bytes: &[u8], pinned: Option<&PublicKey>) -> Result<(Self, PublicKey), VerifyError> {
        let unverified = read(bytes, FileType::FirmCertificate)?;
        let verified = match pinned {
            Some(root) => unverified.verify_with(root)?,
            None => unverified.verify_self()?,
        };
        Ok((parse(&verified)?, verified.signer))
    }
}

impl IssuingCertificate {
    /// Signs with the firm key.
    #[must_use]
    pub fn sign(&self, firm: &SigningKey) -> Vec<u8> {
        sign(FileType::IssuingCertificate, self, firm)
    }

    /// Verifies against the firm key.
    ///
    /// # Errors
    /// Malformed, forged, or signed by another key.
    pub fn verify(bytes: &[u8], firm: &PublicKey) -> Result<Self, VerifyError> {
        parse(&read(bytes, FileType::IssuingCertificate)?.verify_with(firm)?)
    }
}

impl DeviceCertificate {
    /// Signs with the maker key.
    #[must_use]
    pub fn sign(&self, maker: &SigningKey) -> Vec<u8> {
        sign(FileType::DeviceCertificate, self, maker)
    }

    /// Verifies against the makers the caller trusts.
    ///
    /// # Errors
    /// Malformed, forged, or by an unknown maker.
    pub fn verify(bytes: &[u8], makers: &[PublicKey]) -> Result<Self, VerifyError> {
        let unverified = read(bytes, FileType::DeviceCertificate)?;
        let verified = unverified.verify_self()?;
        if !makers.contains(&verified.signer) {
            return Err(VerifyError::UntrustedSigner);
        }
        parse(&verified)
    }
}
