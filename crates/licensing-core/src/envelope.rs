//! The envelope every file of ours is in. Layout (integers little-endian), see `docs/formats/envelope.md`:
//!
//! ```text
//! 0   4  magic "OLC1"
//! 4   1  file type          5  1  suite          6  2  format version
//! 8   4  header length     12  4  body length   16  4  certificates length
//! 20     header | body | certificates (each: u32 length, envelope)
//!        u8 number of signatures, then each: u16 length, public key, u16 length, signature
//! ```
//!
//! A signature covers everything before the signature block, preceded by a domain string with the type name,
//! and followed by the signer's key. Nothing is parsed before its signature has been verified.

use std::fmt;

use crate::crypto::SUITE_ED25519_X25519;
use crate::crypto::sign::{PublicKey, SigningKey};
use crate::error::{FormatError, VerifyError};
use crate::limits::{CERTIFICATES_MAX, FILE_BYTES_MAX, SIGNATURES_MAX};

const MAGIC: &[u8; 4] = b"OLC1";
const PREFIX_BYTES: usize = 20;
/// The version of every format today.
pub const FORMAT_VERSION: u16 = 1;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A container's state for one firm code (`*.WibuCmRaC`).
    Context,
    /// Steps for one container and firm code (`*.WibuCmRaU`).
    Update,
    /// What a new act license starts from.
    Template,
    /// A root key's word for a firm key.
    FirmCertificate,
    /// A firm key's word for an issuing key.
    IssuingCertificate,
    /// A maker's word for a dongle.
    DeviceCertificate,
    /// An act license file.
    ActLicense,
    /// A vendor's list of containers that are not to be used.
    Blacklist,
    /// A license bound to nothing.
    PreActivated,
    /// A firm key's word that a web origin may talk to its containers through the browser agent.
    OriginGrant,
    /// A firm key's word for a software package.
    PackageManifest,
}

/// Every file type with its number and name.
pub const FILE_TYPES: [(FileType, u8, &str); 11] = [
    (FileType::Context, 1, "context"),
    (FileType::Update, 2, "update"),
    (FileType::Template, 3, "template"),
    (FileType::FirmCertificate, 4, "firm certificate"),
    (FileType::IssuingCertificate, 5, "issuing certificate"),
    (FileType::DeviceCertificate, 6, "device certificate"),
    (FileType::ActLicense, 7, "act license"),
    (FileType::Blacklist, 8, "blacklist"),
    (FileType::PreActivated, 9, "pre-activated license"),
    (FileType::OriginGrant, 20, "origin grant"),
    (FileType::PackageManifest, 21, "package manifest"),
];

impl FileType {
    const fn entry(self) -> (Self, u8, &'static str) {
        FILE_TYPES[self as usize]
    }

    /// The name, which is also the domain separator of signatures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.entry().2
    }

    fn from_number(number: u8) -> Option<Self> {
        FILE_TYPES.iter().find(|entry| entry.1 == number).map(|entry| entry.0)
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A file before it is signed.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it is.
    pub file_type: FileType,
    /// Public part.
    pub header: Vec<u8>,
    /// Content, sealed or plain.
    pub body: Vec<u8>,
    /// Certificates of the signer, from the root down.
    pub certificates: Vec<Vec<u8>>,
}

impl Draft {
    /// Signs the draft and returns the bytes of the file.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let mut certificates = Vec::new();
        for certificate in &self.certificates {
            certificates.extend_from_slice(&length(certificate));
            certificates.extend_from_slice(certificate);
        }
        let (_, number, _) = self.file_type.entry();
        let mut out =
            Vec::with_capacity(PREFIX_BYTES + self.header.len() + self.body.len() + certificates.len() + 101);
        out.extend_from_slice(MAGIC);
        out.push(number);
        out.push(SUITE_ED25519_X25519);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        for part in [&self.header, &self.body, &certificates] {
            out.extend_from_slice(&length(part));
        }
        for part in [&self.header, &self.body, &certificates] {
            out.extend_from_slice(part);
        }
        let signer = key.signer();
        let public = signer.public_key();
        let signature = signer.sign(&signed_message(self.file_type, &out, &public));
        out.push(1);
        out.extend_from_slice(&32u16.to_le_bytes());
        out.extend_from_slice(public.bytes());
        out.extend_from_slice(&64u16.to_le_bytes());
        out.extend_from_slice(&signature);
        out
    }
}

fn length(part: &[u8]) -> [u8; 4] {
    // Invariant: our own writers stay far below 4 GiB; readers enforce the real limits.
    u32::try_from(part.len()).expect("part below 4 GiB").to_le_bytes()
}

fn signed_message(file_type: FileType, covered: &[u8], signer: &PublicKey) -> Vec<u8> {
    let mut message = Vec::with_capacity(covered.len() + 80);
    message.extend_from_slice(b"openlc:v1:");
    message.extend_from_slice(file_type.name().as_bytes());
    message.push(0);
    message.extend_from_slice(covered);
    message.extend_from_slice(signer.bytes());
    message
}

/// A file whose structure is sound and whose signature has not been looked at: nothing in it can be read yet
/// but its type and who claims to have signed it.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    file_type: FileType,
    covered: &'a [u8],
    header: &'a [u8],
    body: &'a [u8],
    certificates: Vec<&'a [u8]>,
    signer: [u8; 32],
    signature: &'a [u8],
}

/// A file whose signature is good for the key it was checked against.
#[derive(Debug, Clone)]
pub struct Verified<'a> {
    /// Public part.
    pub header: &'a [u8],
    /// Content.
    pub body: &'a [u8],
    /// The key that signed.
    pub signer: PublicKey,
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], FormatError> {
        let (head, tail) = self.0.split_at_checked(bytes).ok_or(FormatError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        self.take(N)?.try_into().map_err(|_| FormatError::Truncated)
    }

    fn u8(&mut self) -> Result<u8, FormatError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn u16(&mut self) -> Result<usize, FormatError> {
        Ok(usize::from(u16::from_le_bytes(self.array()?)))
    }

    fn u32(&mut self) -> Result<usize, FormatError> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| FormatError::Truncated)
    }
}

/// The type a file says it is, before anything else of it is believed.
///
/// # Errors
/// Not one of our files, of an unknown version, or of an unknown type.
pub fn file_type(bytes: &[u8]) -> Result<FileType, FormatError> {
    let mut cursor = Cursor(bytes);
    prefix(&mut cursor)
}

fn prefix(cursor: &mut Cursor<'_>) -> Result<FileType, FormatError> {
    if cursor.0.len() < MAGIC.len() && MAGIC.starts_with(cursor.0) {
        return Err(FormatError::Truncated);
    }
    if cursor.take(MAGIC.len()).map_err(|_| FormatError::NotOurFormat)? != MAGIC {
        return Err(FormatError::NotOurFormat);
    }
    let number = cursor.u8()?;
    let suite = cursor.u8()?;
    let version = u16::from_le_bytes(cursor.array()?);
    if version != FORMAT_VERSION {
        return Err(FormatError::UnsupportedVersion { found: version });
    }
    if suite != SUITE_ED25519_X25519 {
        return Err(FormatError::UnsupportedSuite { found: suite });
    }
    FileType::from_number(number).ok_or(FormatError::Invalid("file type"))
}

impl<'a> Unverified<'a> {
    /// Reads the structure of a file of the expected type.
    ///
    /// # Errors
    /// The bytes are no complete file of ours, or of another type.
    pub fn read(bytes: &'a [u8], expected: FileType, limit: usize) -> Result<Self, FormatError> {
        let limit = limit.min(FILE_BYTES_MAX);
        let mut cursor = Cursor(bytes);
        let found = prefix(&mut cursor)?;
        if found != expected {
            return Err(FormatError::WrongType { expected, found });
        }
        if bytes.len() > limit {
            return Err(FormatError::TooLarge { limit });
        }
        let (header_len, body_len, certificates_len) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let header = cursor.take(header_len)?;
        let body = cursor.take(body_len)?;
        let certificates = split_certificates(cursor.take(certificates_len)?)?;
        let covered = &bytes[..bytes.len() - cursor.0.len()];
        let signatures = usize::from(cursor.u8()?);
        // Suite 1 has exactly one signature; the layout leaves room for suites with several.
        if signatures != 1 || signatures > SIGNATURES_MAX {
            return Err(FormatError::Invalid("number of signatures"));
        }
        if cursor.u16()? != 32 {
            return Err(FormatError::Invalid("signer key length"));
        }
        let signer = cursor.array()?;
        if cursor.u16()? != 64 {
            return Err(FormatError::Invalid("signature length"));
        }
        let signature = cursor.take(64)?;
        if !cursor.0.is_empty() {
            return Err(FormatError::TrailingBytes);
        }
        Ok(Self { file_type: found, covered, header, body, certificates, signer, signature })
    }

    /// The certificates the file carries, from the root down; each has to be verified on its own.
    #[must_use]
    pub fn certificates(&self) -> &[&'a [u8]] {
        &self.certificates
    }

    /// Verifies the file against a key the verifier already trusts.
    ///
    /// # Errors
    /// [`VerifyError::UntrustedSigner`] when another key signed, [`VerifyError::BadSignature`] otherwise.
    pub fn verify_with(&self, trusted: &PublicKey) -> Result<Verified<'a>, VerifyError> {
        if &self.signer != trusted.bytes() {
            // A damaged file should be called damaged, not untrusted, so look at the signature first.
            self.verify_self()?;
            return Err(VerifyError::UntrustedSigner);
        }
        trusted.verify(&signed_message(self.file_type, self.covered, trusted), self.signature)?;
        Ok(Verified { header: self.header, body: self.body, signer: *trusted })
    }

    /// Verifies that the file is unchanged since whoever holds the key inside it signed it.
    ///
    /// # Errors
    /// [`VerifyError::WeakKey`] or [`VerifyError::BadSignature`].
    ///
    /// # Security
    /// Proves integrity, not origin: the caller must decide whether to trust [`Verified::signer`].
    pub fn verify_self(&self) -> Result<Verified<'a>, VerifyError> {
        let signer = PublicKey::new(self.signer)?;
        signer.verify(&signed_message(self.file_type, self.covered, &signer), self.signature)?;
        Ok(Verified { header: self.header, body: self.body, signer })
    }
}

fn split_certificates(bytes: &[u8]) -> Result<Vec<&[u8]>, FormatError> {
    let mut cursor = Cursor(bytes);
    let mut out = Vec::new();
    while !cursor.0.is_empty() {
        if out.len() == CERTIFICATES_MAX {
            return Err(FormatError::Invalid("number of certificates"));
        }
        let len = cursor.u32()?;
        out.push(cursor.take(len)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (SigningKey, Vec<u8>) {
        let key = SigningKey::from_seed([5; 32]);
        let draft = Draft {
            file_type: FileType::Context,
            header: vec![1, 2, 3],
            body: vec![4; 40],
            certificates: vec![vec![9; 10], vec![8; 3]],
        };
        let bytes = draft.sign(&key);
        (key, bytes)
    }

    fn verify(bytes: &[u8], key: &PublicKey) -> Result<(), VerifyError> {
        let unverified = Unverified::read(bytes, FileType::Context, 1000)?;
        unverified.verify_with(key).map(|_| ())
    }

    #[test]
    fn every_bit_flip_truncation_and_extension_is_refused() {
        let (key, bytes) = sample();
        let public = key.public_key();
        assert_eq!(verify(&bytes, &public), Ok(()));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&changed, &public).is_err(), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(verify(&bytes[..end], &public).is_err(), "length {end}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(verify(&longer, &public), Err(FormatError::TrailingBytes.into()));
    }

    #[test]
    fn another_signer_or_type_is_refused() {
        let (_, bytes) = sample();
        let other = SigningKey::from_seed([6; 32]).public_key();
        assert_eq!(verify(&bytes, &other), Err(VerifyError::UntrustedSigner));
        assert!(matches!(
            Unverified::read(&bytes, FileType::Update, 1000),
            Err(FormatError::WrongType { .. })
        ));
        assert!(matches!(
            Unverified::read(b"Wibu-file", FileType::Context, 9),
            Err(FormatError::NotOurFormat)
        ));
    }

    #[test]
    fn the_type_name_separates_signatures() {
        let (key, bytes) = sample();
        let mut as_update = bytes;
        as_update[4] = 2;
        let unverified = Unverified::read(&as_update, FileType::Update, 1000).unwrap();
        assert!(matches!(unverified.verify_with(&key.public_key()), Err(VerifyError::BadSignature)));
    }
}
