//! Errors grouped by fault: the bytes are wrong, the cryptography says no, or a state machine was misused.
//! What a license rule refuses is not an error but a [`crate::refusal::Refusal`].

use crate::envelope::FileType;

/// The bytes are not one of our files, or not a well-formed one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file does not start with our mark; genuine files of other vendors end here.
    #[error("this is not a file of our format")]
    NotOurFormat,
    /// The file ends too early.
    #[error("the file is truncated")]
    Truncated,
    /// There are bytes behind the end.
    #[error("there are extra bytes behind the end of the file")]
    TrailingBytes,
    /// The file, or a length inside it, is larger than allowed.
    #[error("larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A newer (or unknown) version of a format.
    #[error("format version {found} is not known to this program")]
    UnsupportedVersion {
        /// The version the file states.
        found: u16,
    },
    /// An unknown or no longer accepted cryptographic suite.
    #[error("cryptographic suite {found} is not accepted")]
    UnsupportedSuite {
        /// The suite the file states.
        found: u8,
    },
    /// One of our files, but of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What was asked for.
        expected: FileType,
        /// What the file says it is.
        found: FileType,
    },
    /// The value has another, canonical spelling.
    #[error("the encoding is not canonical")]
    NotCanonical,
    /// A field has a value its type forbids.
    #[error("invalid {0}")]
    Invalid(&'static str),
}

impl FormatError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotOurFormat => "not_our_format",
            Self::Truncated => "file_truncated",
            Self::TrailingBytes => "file_trailing_bytes",
            Self::TooLarge { .. } => "file_too_large",
            Self::UnsupportedVersion { .. } => "unsupported_version",
            Self::UnsupportedSuite { .. } => "unsupported_suite",
            Self::WrongType { .. } => "wrong_file_type",
            Self::NotCanonical => "not_canonical",
            Self::Invalid(_) => "invalid_field",
        }
    }
}

/// The cryptography says no: forged, damaged, or made by somebody who is not entitled to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The bytes are malformed.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A signature does not verify: the file was changed or forged.
    #[error("the signature is not valid: the file was changed or forged")]
    BadSignature,
    /// A public key is of small order and would accept forged signatures.
    #[error("the public key is not acceptable")]
    WeakKey,
    /// The file is signed, but by a key that is not entitled to sign it.
    #[error("the file is signed by a key that is not trusted here")]
    UntrustedSigner,
    /// The certificate chain names another firm code than the file.
    #[error("the signer is certified for another firm code")]
    WrongFirm,
    /// The issuing key is older than one already seen.
    #[error("the issuing key (epoch {found}) was replaced by a newer one (epoch {seen})")]
    OldEpoch {
        /// Epoch of the signer.
        found: u32,
        /// Newest epoch seen.
        seen: u32,
    },
    /// The issuing key was used outside its validity.
    #[error("the issuing key was not valid when this file was made")]
    CertificateExpired,
    /// The sealed part cannot be opened with this container's key.
    #[error("the sealed part cannot be opened by this container")]
    CannotOpen,
}

impl VerifyError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Format(error) => error.code(),
            Self::BadSignature => "bad_signature",
            Self::WeakKey => "weak_key",
            Self::UntrustedSigner => "untrusted_signer",
            Self::WrongFirm => "signer_wrong_firm",
            Self::OldEpoch { .. } => "issuing_key_replaced",
            Self::CertificateExpired => "issuing_key_expired",
            Self::CannotOpen => "cannot_open",
        }
    }
}

/// A transition a life cycle does not have: a bug of the caller or damaged records, never a user's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{entity}: no transition from {from} by {event}")]
pub struct InvalidTransition {
    /// The life cycle.
    pub entity: &'static str,
    /// The state it was in.
    pub from: &'static str,
    /// What was attempted.
    pub event: &'static str,
}
