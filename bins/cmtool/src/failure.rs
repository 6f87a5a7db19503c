//! Why a command failed: a code of the one table, with what happened.

use license_runtime::{ContainerError, RuntimeError};
use licensing_client::{ClientError, TransferError};
use licensing_core::access::AccessRefusal;
use licensing_core::error::VerifyError;
use licensing_core::ticket_code::TicketCodeError;
use licensing_qr::QrError;
use licensing_wire::problem::Problem;

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) problem: Box<Problem>,
    /// The result that was printed says it already; only the exit code is left.
    pub(crate) is_told: bool,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl AsRef<str>) -> Self {
        Self { problem: Box::new(Problem::from_code(code, message.as_ref())), is_told: false }
    }

    /// A named input that cannot be read.
    pub(crate) fn unreadable(name: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::new("input_unreadable", format!("{name}: {error}"))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self { problem: Box::new(error.problem()), is_told: false }
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<ContainerError> for Failure {
    fn from(error: ContainerError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<AccessRefusal> for Failure {
    fn from(refusal: AccessRefusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<QrError> for Failure {
    fn from(error: QrError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<TicketCodeError> for Failure {
    fn from(error: TicketCodeError) -> Self {
        Self::new("ticket_mistyped", format!("this is not a valid ticket: {error}"))
    }
}

impl From<TransferError<ContainerError>> for Failure {
    fn from(error: TransferError<ContainerError>) -> Self {
        match error {
            TransferError::Server(error) => error.into(),
            TransferError::Container(error) => error.into(),
            TransferError::Journal(error) => Self::new("storage_failed", error.to_string()),
        }
    }
}
