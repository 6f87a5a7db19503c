//! The same messages as XML, for programs that speak SOAP: document/literal wrapped, SOAP 1.1 and SOAP 1.2.
//!
//! [`operations`] and [`types`] are the one description. [`read`] reads requests by it, [`write`](mod@write) writes answers by
//! it, [`wsdl`] tells it to toolkits, and a test compares it with the JSON messages field by field. What an operation
//! means is decided where the JSON message arrives: a request becomes exactly that message.
//!
//! # Security
//! [`limits`] looks over the bytes before any parser does. Document types, entities of one's own and processing
//! instructions do not exist here. Nothing of a refused document is repeated in an error.

pub mod envelope;
pub mod limits;
pub mod operations;
pub mod read;
pub mod types;
pub mod write;
pub mod wsdl;
pub mod xml;

pub use envelope::{Version, fault, read_envelope};
pub use operations::{OPERATIONS, Operation};

/// Namespace of every message.
pub const NAMESPACE: &str = "urn:open-license:central:v1";

/// Why a document is not taken: a code of the table of problems, and what is wrong in words that hold nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SoapError {
    /// The code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

impl SoapError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Not XML as it is taken here.
    pub(crate) fn xml(message: impl Into<String>) -> Self {
        Self::new("invalid_xml", message)
    }

    /// XML, but not the message that is described.
    pub(crate) fn message(message: impl Into<String>) -> Self {
        Self::new("invalid_message", message)
    }
}
