//! Why a request was not done: a rule said no, the request is wrong, the server is busy, or it failed.

use licensing_core::error::{FormatError, InvalidTransition, VerifyError};
use licensing_core::ids::InvalidId;
use licensing_core::refusal::Refusal;
use licensing_core::terms::InvalidTerms;
use licensing_core::work::Decline;
use licensing_store::{CommitError, StoreError};

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A rule of the product said no.
    Refused(Refusal),
    /// A rule of the product said no, and the container has to take an update all the same.
    RefusedWithUpdate {
        /// Why.
        refusal: Refusal,
        /// The update file.
        update: Vec<u8>,
    },
    /// The request is wrong, or not allowed; a code of the table of problems.
    Denied {
        /// The code.
        code: &'static str,
        /// What happened.
        message: String,
        /// Seconds after which trying again makes sense.
        retry_after: Option<u64>,
    },
    /// The server failed. The text is for the log, never for the client.
    Fault(String),
}

impl Failure {
    /// A denial.
    #[must_use]
    pub fn denied(code: &'static str, message: impl Into<String>) -> Self {
        Self::Denied { code, message: message.into(), retry_after: None }
    }

    /// A denial that ends by itself.
    #[must_use]
    pub fn later(code: &'static str, message: impl Into<String>, secs: u64) -> Self {
        Self::Denied { code, message: message.into(), retry_after: Some(secs) }
    }

    /// A failure of ours.
    #[must_use]
    pub fn fault(what: impl Into<String>) -> Self {
        Self::Fault(what.into())
    }

    /// The server cannot tell or do it now.
    #[must_use]
    pub fn try_again() -> Self {
        Self::later("try_again", "the server could not finish the request now", 1)
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) | Self::RefusedWithUpdate { refusal, .. } => refusal.code(),
            Self::Denied { code, .. } => code,
            Self::Fault(_) => "internal",
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<InvalidTerms> for Failure {
    fn from(error: InvalidTerms) -> Self {
        Self::Refused(error.into())
    }
}

impl From<InvalidId> for Failure {
    fn from(error: InvalidId) -> Self {
        Self::denied("invalid_value", error.to_string())
    }
}

impl From<InvalidTransition> for Failure {
    fn from(error: InvalidTransition) -> Self {
        Self::fault(error.to_string())
    }
}

impl From<Decline> for Failure {
    fn from(decline: Decline) -> Self {
        match decline {
            Decline::Refused(refusal) => refusal.into(),
            Decline::Broken(broken) => broken.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => {
                tracing::warn!(reason, "the database is not available");
                Self::try_again()
            }
            StoreError::Inconsistent { .. } => Self::fault(error.to_string()),
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            CommitError::Conflict | CommitError::Unknown => Self::try_again(),
            CommitError::Duplicate => Self::fault("a change set without a request key was a duplicate"),
        }
    }
}
