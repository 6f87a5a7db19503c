//! Templates: what a new, empty act license starts from. See `docs/formats/template.md`.

use crate::codec::{Decode, Encode, decode, encode};
use crate::crypto::sign::{PublicKey, SigningKey};
use crate::envelope::{Draft, FileType, Unverified};
use crate::error::VerifyError;
use crate::ids::FirmCode;
use crate::limits::TEMPLATE_BYTES_MAX;
use crate::terms::Tolerance;
use crate::time::Timestamp;
use crate::trust::TrustedIssuer;

/// What a template says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TemplateBody {
    /// The vendor.
    pub firm_code: FirmCode,
    /// Hardware tolerance where no license demands another.
    pub tolerance: Tolerance,
    /// Salt of the trait digests in contexts; one per vendor.
    pub trait_salt: [u8; 16],
    /// When the template was made.
    pub certified_time: Timestamp,
}

/// A template whose chain and signature have been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTemplate {
    body: TemplateBody,
    issuer: TrustedIssuer,
}

impl TemplateBody {
    /// Signs a template with an issuing key and its chain.
    #[must_use]
    pub fn sign(&self, certificates: Vec<Vec<u8>>, issuing: &SigningKey) -> Vec<u8> {
        Draft { file_type: FileType::Template, header: Vec::new(), body: encode(self), certificates }
            .sign(issuing)
    }
}

impl VerifiedTemplate {
    /// Verifies a template; `pinned` is the vendor's root where it is already known.
    ///
    /// # Errors
    /// Malformed, forged, or signed outside the chain.
    pub fn verify(bytes: &[u8], pinned: Option<&PublicKey>) -> Result<Self, VerifyError> {
        let unverified = Unverified::read(bytes, FileType::Template, TEMPLATE_BYTES_MAX)?;
        let issuer = TrustedIssuer::verify(unverified.certificates(), pinned)?;
        let verified = unverified.verify_with(&issuer.key)?;
        let body: TemplateBody = decode::<_, TEMPLATE_BYTES_MAX>(verified.body)?;
        if body.firm_code != issuer.firm_code || !verified.header.is_empty() {
            return Err(VerifyError::WrongFirm);
        }
        issuer.valid_at(body.certified_time)?;
        Ok(Self { body, issuer })
    }

    /// What it says.
    #[must_use]
    pub const fn body(&self) -> &TemplateBody {
        &self.body
    }

    /// Who signed it.
    #[must_use]
    pub const fn issuer(&self) -> &TrustedIssuer {
        &self.issuer
    }
}
