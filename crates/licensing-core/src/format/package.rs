//! Software packages: a file with the vendor's signed manifest before it, as delivered in the flash memory of a
//! dongle. See `docs/formats/package.md`.

use crate::codec::{Decode, Encode, decode, encode};
use crate::crypto::digest::{Digest, sha256};
use crate::crypto::sign::{PublicKey, SigningKey};
use crate::envelope::{Draft, FileType, Unverified};
use crate::error::{FormatError, VerifyError};
use crate::format::certificate::FirmCertificate;
use crate::ids::{FirmCode, FlashName, Name};
use crate::limits::{MANIFEST_BYTES_MAX, PACKAGE_BYTES_MAX};
use crate::time::Timestamp;

/// First bytes of a package file.
pub const MAGIC: &[u8; 8] = b"OLCPKG1\n";

/// What a vendor says of a package.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// The vendor.
    pub firm_code: FirmCode,
    /// Name of the content, as it is to be saved.
    pub name: FlashName,
    /// Version of the software, for people.
    pub version: Name,
    /// Size of the content, in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub digest: Digest,
    /// When the package was made.
    pub made_at: Timestamp,
}

/// A package whose chain, signature and content have been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPackage<'a> {
    /// What the vendor says of it.
    pub manifest: Manifest,
    /// The vendor's name.
    pub firm_name: Name,
    /// The root at the top of the chain.
    pub root: PublicKey,
    /// The software.
    pub content: &'a [u8],
}

/// Makes the file of a package. Size and digest of the manifest are those of `content`.
///
/// # Errors
/// The content is larger than packages may be.
pub fn pack(
    manifest: &Manifest,
    content: &[u8],
    firm_certificate: Vec<u8>,
    firm_key: &SigningKey,
) -> Result<Vec<u8>, FormatError> {
    if content.len() > PACKAGE_BYTES_MAX {
        return Err(FormatError::TooLarge { limit: PACKAGE_BYTES_MAX });
    }
    let manifest = Manifest { size: content.len() as u64, digest: sha256(content), ..manifest.clone() };
    let draft = Draft {
        file_type: FileType::PackageManifest,
        header: Vec::new(),
        body: encode(&manifest),
        certificates: vec![firm_certificate],
    };
    let signed = draft.sign(firm_key);
    // Invariant: a manifest is a few hundred bytes.
    let length = u32::try_from(signed.len()).expect("a small manifest").to_le_bytes();
    Ok([MAGIC.as_slice(), &length, &signed, content].concat())
}

impl<'a> VerifiedPackage<'a> {
    /// Verifies the file of a package; `pinned` gives the vendor's root where it is already known.
    ///
    /// # Errors
    /// Malformed, forged, of another vendor root, or the content is not the one that was signed.
    ///
    /// # Security
    /// Where `pinned` knows no root, the root of the chain is accepted as it is: the caller must decide
    /// whether to trust [`VerifiedPackage::root`] before the content is used.
    pub fn verify(
        bytes: &'a [u8],
        pinned: impl FnOnce(FirmCode) -> Option<PublicKey>,
    ) -> Result<Self, VerifyError> {
        if bytes.len() > PACKAGE_BYTES_MAX + MANIFEST_BYTES_MAX + MAGIC.len() + 4 {
            return Err(FormatError::TooLarge { limit: PACKAGE_BYTES_MAX }.into());
        }
        if bytes.len() < MAGIC.len() && MAGIC.starts_with(bytes) {
            return Err(FormatError::Truncated.into());
        }
        let rest = bytes.strip_prefix(MAGIC.as_slice()).ok_or(FormatError::NotOurFormat)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(FormatError::Truncated)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| FormatError::Truncated)?;
        if length > MANIFEST_BYTES_MAX {
            return Err(FormatError::TooLarge { limit: MANIFEST_BYTES_MAX }.into());
        }
        let (signed, content) = rest.split_at_checked(length).ok_or(FormatError::Truncated)?;
        let (manifest, firm_name, root) = verify_manifest(signed, pinned)?;
        match manifest.size.cmp(&(content.len() as u64)) {
            std::cmp::Ordering::Greater => return Err(FormatError::Truncated.into()),
            std::cmp::Ordering::Less => return Err(FormatError::TrailingBytes.into()),
            std::cmp::Ordering::Equal => {}
        }
        if sha256(content) != manifest.digest {
            return Err(VerifyError::BadSignature);
        }
        Ok(Self { manifest, firm_name, root, content })
    }
}

fn verify_manifest(
    bytes: &[u8],
    pinned: impl FnOnce(FirmCode) -> Option<PublicKey>,
) -> Result<(Manifest, Name, PublicKey), VerifyError> {
    let unverified = Unverified::read(bytes, FileType::PackageManifest, MANIFEST_BYTES_MAX)?;
    let [certificate] = unverified.certificates() else {
        return Err(FormatError::Invalid("certificate chain").into());
    };
    let (firm, root) = FirmCertificate::verify(certificate, None)?;
    if pinned(firm.firm_code).is_some_and(|pinned| pinned != root) {
        return Err(VerifyError::UntrustedSigner);
    }
    let verified = unverified.verify_with(&firm.firm_key)?;
    let manifest: Manifest = decode::<_, MANIFEST_BYTES_MAX>(verified.body)?;
    if !verified.header.is_empty() {
        return Err(FormatError::Invalid("manifest header").into());
    }
    if manifest.firm_code != firm.firm_code {
        return Err(VerifyError::WrongFirm);
    }
    Ok((manifest, firm.name, root))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed([seed; 32])
    }

    fn certificate() -> Vec<u8> {
        let name = Name::new("Sample Vendor").unwrap();
        let firm_code = FirmCode::new(6_000_010).unwrap();
        FirmCertificate { firm_code, firm_key: key(2).public_key(), version: 1, name }.sign(&key(1))
    }

    fn manifest() -> Manifest {
        Manifest {
            firm_code: FirmCode::new(6_000_010).unwrap(),
            name: FlashName::new("setup.bin").unwrap(),
            version: Name::new("1.2.3").unwrap(),
            size: 0,
            digest: [0; 32],
            made_at: Timestamp::from_secs(1_800_000_000),
        }
    }

    #[test]
    fn every_bit_truncation_and_extension_is_refused() {
        let file = pack(&manifest(), b"the software", certificate(), &key(2)).unwrap();
        let root = key(1).public_key();
        let verify =
            |bytes: &[u8]| VerifiedPackage::verify(bytes, |_| Some(root)).map(|p| p.content.to_vec());
        assert_eq!(verify(&file).unwrap(), b"the software");
        for bit in 0..file.len() * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&changed).is_err(), "bit {bit}");
        }
        for end in 0..file.len() {
            assert!(verify(&file[..end]).is_err(), "length {end}");
        }
        assert_eq!(verify(&[file.as_slice(), b"x"].concat()), Err(FormatError::TrailingBytes.into()));
    }

    #[test]
    fn another_key_firm_or_root_is_refused() {
        let forged = pack(&manifest(), b"x", certificate(), &key(3)).unwrap();
        assert_eq!(VerifiedPackage::verify(&forged, |_| None), Err(VerifyError::UntrustedSigner));
        let foreign = Manifest { firm_code: FirmCode::new(7).unwrap(), ..manifest() };
        let foreign = pack(&foreign, b"x", certificate(), &key(2)).unwrap();
        assert_eq!(VerifiedPackage::verify(&foreign, |_| None), Err(VerifyError::WrongFirm));
        let good = pack(&manifest(), b"x", certificate(), &key(2)).unwrap();
        let other = VerifiedPackage::verify(&good, |_| Some(key(9).public_key()));
        assert_eq!(other, Err(VerifyError::UntrustedSigner));
    }
}
