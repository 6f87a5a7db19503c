//! Origin grants: a vendor's word that pages of a web origin may talk to its containers through the browser
//! agent. See `docs/formats/origin-grant.md`.

use crate::codec::{Decode, Encode, decode, encode};
use crate::crypto::sign::{PublicKey, SigningKey};
use crate::envelope::{Draft, FileType, Unverified};
use crate::error::{FormatError, VerifyError};
use crate::format::certificate::FirmCertificate;
use crate::ids::{FirmCode, Name};
use crate::limits::{DAY_SECS, GRANT_BYTES_MAX, GRANT_DAYS_MAX};
use crate::origin::Origin;
use crate::time::Timestamp;

/// What a grant says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OriginGrant {
    /// The vendor whose containers the origin may see.
    pub firm_code: FirmCode,
    /// The origin.
    pub origin: Origin,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until (exclusive), at most 400 days after `not_before`.
    pub not_after: Timestamp,
}

/// A grant whose chain and signature have been verified. Whether it applies here and now is asked of
/// [`VerifiedGrant::applies`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedGrant {
    grant: OriginGrant,
    firm_name: Name,
    root: PublicKey,
}

/// Why a genuine grant does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// The page comes from somewhere else.
    #[error("the grant is for another origin")]
    OtherOrigin,
    /// Its time has not come.
    #[error("the grant is not valid yet")]
    NotYetValid,
    /// Its time is over.
    #[error("the grant has expired")]
    Expired,
}

impl OriginGrant {
    /// Signs a grant with the firm key; `firm_certificate` is the root's word for that key.
    ///
    /// # Security
    /// The firm key, not an issuing key: a stolen issuing key must not open the agents of all customers to a
    /// page of the thief.
    #[must_use]
    pub fn sign(&self, firm_certificate: Vec<u8>, firm_key: &SigningKey) -> Vec<u8> {
        let (file_type, certificates) = (FileType::OriginGrant, vec![firm_certificate]);
        Draft { file_type, header: Vec::new(), body: encode(self), certificates }.sign(firm_key)
    }
}

impl VerifiedGrant {
    /// Verifies a grant; `pinned` is the vendor's root where it is already known.
    ///
    /// # Errors
    /// Malformed, forged, signed by another key than the firm key, for another firm code than the key's, or
    /// valid for longer than grants may be.
    ///
    /// # Security
    /// With `pinned` absent anyone can make a grant for any firm code under a root of his own: compare
    /// [`VerifiedGrant::root`] with the roots the containers have pinned before showing anything.
    pub fn verify(bytes: &[u8], pinned: Option<&PublicKey>) -> Result<Self, VerifyError> {
        let unverified = Unverified::read(bytes, FileType::OriginGrant, GRANT_BYTES_MAX)?;
        let [certificate] = unverified.certificates() else {
            return Err(FormatError::Invalid("certificate chain").into());
        };
        let (firm, root) = FirmCertificate::verify(certificate, pinned)?;
        let verified = unverified.verify_with(&firm.firm_key)?;
        let grant: OriginGrant = decode::<_, GRANT_BYTES_MAX>(verified.body)?;
        if !verified.header.is_empty() {
            return Err(FormatError::Invalid("grant header").into());
        }
        if grant.firm_code != firm.firm_code {
            return Err(VerifyError::WrongFirm);
        }
        let longest = u64::from(GRANT_DAYS_MAX) * DAY_SECS;
        if grant.not_after.secs_since(grant.not_before) > longest {
            return Err(FormatError::Invalid("grant validity").into());
        }
        Ok(Self { grant, firm_name: firm.name, root })
    }

    /// Whether it lets a page of `origin` in at `now`.
    ///
    /// # Errors
    /// Another origin, too early, too late.
    pub fn applies(&self, origin: &Origin, now: Timestamp) -> Result<(), GrantRefusal> {
        if *origin != self.grant.origin {
            return Err(GrantRefusal::OtherOrigin);
        }
        if now < self.grant.not_before {
            return Err(GrantRefusal::NotYetValid);
        }
        if now >= self.grant.not_after {
            return Err(GrantRefusal::Expired);
        }
        Ok(())
    }

    /// What it says.
    #[must_use]
    pub const fn grant(&self) -> &OriginGrant {
        &self.grant
    }

    /// The vendor's name, as its certificate tells it.
    #[must_use]
    pub const fn firm_name(&self) -> &Name {
        &self.firm_name
    }

    /// The root at the top of its chain.
    #[must_use]
    pub const fn root(&self) -> &PublicKey {
        &self.root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed([seed; 32])
    }

    fn firm(code: u32) -> FirmCode {
        FirmCode::new(code).unwrap()
    }

    fn certificate(firm_key: &SigningKey) -> Vec<u8> {
        let name = Name::new("Sample Vendor").unwrap();
        FirmCertificate { firm_code: firm(6_000_010), firm_key: firm_key.public_key(), version: 1, name }
            .sign(&key(1))
    }

    fn grant() -> OriginGrant {
        let origin = Origin::new("https://portal.example").unwrap();
        OriginGrant { firm_code: firm(6_000_010), origin, not_before: NOW, not_after: NOW.plus_days(90) }
    }

    #[test]
    fn a_grant_applies_to_its_origin_in_its_time() {
        let bytes = grant().sign(certificate(&key(2)), &key(2));
        let verified = VerifiedGrant::verify(&bytes, Some(&key(1).public_key())).unwrap();
        assert_eq!(verified.grant(), &grant());
        assert_eq!(verified.root(), &key(1).public_key());
        let origin = &grant().origin;
        assert_eq!(verified.applies(origin, NOW), Ok(()));
        let early = Timestamp::from_secs(NOW.secs() - 1);
        assert_eq!(verified.applies(origin, early), Err(GrantRefusal::NotYetValid));
        assert_eq!(verified.applies(origin, NOW.plus_days(90)), Err(GrantRefusal::Expired));
        let other = Origin::new("https://portal.example:8443").unwrap();
        assert_eq!(verified.applies(&other, NOW), Err(GrantRefusal::OtherOrigin));
    }

    #[test]
    fn only_the_certified_firm_key_grants_and_only_for_its_firm() {
        let forged = grant().sign(certificate(&key(2)), &key(3));
        assert_eq!(VerifiedGrant::verify(&forged, None), Err(VerifyError::UntrustedSigner));
        let foreign = OriginGrant { firm_code: firm(7), ..grant() }.sign(certificate(&key(2)), &key(2));
        assert_eq!(VerifiedGrant::verify(&foreign, None), Err(VerifyError::WrongFirm));
        let good = grant().sign(certificate(&key(2)), &key(2));
        let other_root = VerifiedGrant::verify(&good, Some(&key(9).public_key()));
        assert_eq!(other_root, Err(VerifyError::UntrustedSigner));
        let bare = Draft {
            file_type: FileType::OriginGrant,
            header: Vec::new(),
            body: encode(&grant()),
            certificates: Vec::new(),
        };
        assert!(VerifiedGrant::verify(&bare.sign(&key(2)), None).is_err());
    }

    #[test]
    fn grants_end() {
        let long = OriginGrant { not_after: NOW.plus_days(GRANT_DAYS_MAX + 1), ..grant() };
        let bytes = long.sign(certificate(&key(2)), &key(2));
        assert_eq!(VerifiedGrant::verify(&bytes, None), Err(FormatError::Invalid("grant validity").into()));
    }
}
