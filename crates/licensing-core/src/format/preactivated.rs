//! Pre-activated license files (`*.license`): a license in the clear, signed by its vendor, bound to nothing.
//! See `docs/formats/preactivated.md`.

use crate::access::{self, AccessRefusal, AccessRequest, Usable};
use crate::codec::{Decode, Encode, decode, encode};
use crate::crypto::digest::{Digest, hash};
use crate::crypto::sign::PublicKey;
use crate::device::Proof;
use crate::envelope::{Draft, FileType, Unverified};
use crate::error::VerifyError;
use crate::format::update::Issuer;
use crate::ids::{EntryId, FirmCode, ItemId, LicenseId, Name, PreActivationId, ProductCode};
use crate::limits::TEMPLATE_BYTES_MAX;
use crate::product::{ProductItem, ProofSeed};
use crate::terms::GrantedTerms;
use crate::time::Timestamp;
use crate::trust::TrustedIssuer;

/// What a pre-activated license says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PreActivatedBody {
    /// Identity.
    pub id: PreActivationId,
    /// The vendor.
    pub firm_code: FirmCode,
    /// The product.
    pub product_code: ProductCode,
    /// The item it was made of.
    pub item: ItemId,
    /// Display name.
    pub name: Name,
    /// Licenses.
    pub quantity: u32,
    /// License options.
    pub terms: GrantedTerms,
    /// Whether a container may turn it into a bound license.
    pub convertible: bool,
    /// Key seed for challenges, of the product's *unbound* proof key: an application that embeds the ordinary key only
    /// does not accept proofs made with it.
    pub proof_seed: ProofSeed,
    /// When it was made.
    pub certified_time: Timestamp,
}

/// A pre-activated license whose chain and signature have been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPreActivated {
    body: PreActivatedBody,
    root: PublicKey,
    hash: Digest,
}

impl PreActivatedBody {
    /// Signs the license.
    #[must_use]
    pub fn sign(&self, issuer: &Issuer) -> Vec<u8> {
        let certificates = issuer.certificates.clone();
        Draft { file_type: FileType::PreActivated, header: Vec::new(), body: encode(self), certificates }
            .sign(&issuer.key)
    }
}

impl VerifiedPreActivated {
    /// Verifies a license; `pinned` is the vendor's root where it is known.
    ///
    /// # Errors
    /// Malformed, forged, or signed outside the chain.
    ///
    /// # Security
    /// Without a pinned root anybody can make a license for any firm code: applications must pin.
    pub fn verify(bytes: &[u8], pinned: Option<&PublicKey>) -> Result<Self, VerifyError> {
        let unverified = Unverified::read(bytes, FileType::PreActivated, TEMPLATE_BYTES_MAX)?;
        let issuer = TrustedIssuer::verify(unverified.certificates(), pinned)?;
        let verified = unverified.verify_with(&issuer.key)?;
        let body: PreActivatedBody = decode::<_, TEMPLATE_BYTES_MAX>(verified.body)?;
        if body.firm_code != issuer.firm_code || !verified.header.is_empty() {
            return Err(VerifyError::WrongFirm);
        }
        issuer.valid_at(body.certified_time)?;
        Ok(Self { body, root: issuer.root, hash: hash("pre-activated", &[bytes]) })
    }

    /// What it says.
    #[must_use]
    pub const fn body(&self) -> &PreActivatedBody {
        &self.body
    }

    /// The vendor's root that stands behind it.
    #[must_use]
    pub const fn root(&self) -> &PublicKey {
        &self.root
    }

    /// Hash of the file.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// It as a product item.
    #[must_use]
    pub fn product(&self) -> ProductItem {
        let body = &self.body;
        ProductItem {
            entry: EntryId(body.id.0),
            license: LicenseId(body.id.0),
            generation: 0,
            product_code: body.product_code,
            name: body.name.clone(),
            quantity: body.quantity,
            terms: body.terms.clone(),
            units: None,
            added_uses: 0,
            usage_started: None,
            proof_seed: body.proof_seed.clone(),
        }
    }

    /// Whether a product can be used by it. A clock before the moment it was made does not count.
    ///
    /// # Errors
    /// Why not.
    pub fn check(
        &self,
        firm_code: FirmCode,
        request: &AccessRequest,
        host_now: Timestamp,
    ) -> Result<Usable, AccessRefusal> {
        if firm_code != self.body.firm_code {
            return Err(AccessRefusal::NoLicense);
        }
        access::check(&[self.product()], request, host_now.max(self.body.certified_time))
    }

    /// Answers a challenge for a product it grants, with the product's *unbound* proof key.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn prove(
        &self,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: &[u8; 32],
        host_now: Timestamp,
    ) -> Result<Proof, AccessRefusal> {
        self.check(firm_code, request, host_now)?;
        Ok(Proof::make(&self.product(), firm_code, challenge, host_now.max(self.body.certified_time)))
    }
}
