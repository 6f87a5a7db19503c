//! Envelopes of both versions of SOAP, around requests, answers and faults.

use serde_json::{Map, Value};

use crate::problem::Problem;
use crate::soap::operations::Operation;
use crate::soap::types::PROBLEM;
use crate::soap::write::{self, PREFIX};
use crate::soap::xml::{self, Element, SOAP_11, SOAP_12, Space};
use crate::soap::{NAMESPACE, SoapError};

/// Element in the detail of every fault.
pub const FAULT_ELEMENT: &str = "LicensingProblem";

/// A version of SOAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// SOAP 1.1: `text/xml`, the action in a header.
    Soap11,
    /// SOAP 1.2: `application/soap+xml`, the action in the content type.
    Soap12,
}

impl Version {
    /// Namespace of its envelope.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => SOAP_11,
            Self::Soap12 => SOAP_12,
        }
    }

    /// Media type of its messages.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml",
            Self::Soap12 => "application/soap+xml",
        }
    }

    /// `Content-Type` of its messages.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }

    const fn space(self) -> Space {
        match self {
            Self::Soap11 => Space::Soap11,
            Self::Soap12 => Space::Soap12,
        }
    }
}

/// A request out of its envelope.
#[derive(Debug)]
pub struct Received {
    /// The version it came in, which the answer must have.
    pub version: Version,
    /// The operation and the element that asks for it, or why it cannot be told.
    pub request: Result<(&'static Operation, Element), SoapError>,
}

/// Reads an envelope with a request. `expected` is the version that answers anything that is in no envelope.
#[must_use]
pub fn read_envelope(bytes: &[u8], expected: Version) -> Received {
    let root = match xml::parse(bytes) {
        Ok(root) => root,
        Err(error) => return Received { version: expected, request: Err(error) },
    };
    let version = match root.space {
        Space::Soap11 => Version::Soap11,
        Space::Soap12 => Version::Soap12,
        _ => {
            let error = SoapError::new(
                "soap_version_mismatch",
                "the root element is in the namespace of no known SOAP",
            );
            return Received { version: expected, request: Err(error) };
        }
    };
    Received { version, request: body(root, version).and_then(operation) }
}

/// The one element in the body.
///
/// # Errors
/// `soap_envelope`, or `soap_must_understand`.
pub fn body(envelope: Element, version: Version) -> Result<Element, SoapError> {
    let wrong = |what: &str| SoapError::new("soap_envelope", format!("the envelope {what}"));
    let space = version.space();
    if !envelope.is(space, "Envelope") {
        return Err(wrong("is not the root element"));
    }
    if envelope.has_text() {
        return Err(wrong("has text beside its elements"));
    }
    let mut parts = envelope.children.into_iter();
    let (header, body) = match (parts.next(), parts.next(), parts.next()) {
        (Some(body), None, None) => (None, body),
        (Some(header), Some(body), None) => (Some(header), body),
        _ => return Err(wrong("must have a body, one header before it at most, and nothing else")),
    };
    if let Some(header) = header {
        if !header.is(space, "Header") || header.has_text() {
            return Err(wrong("has something else than a header before its body"));
        }
        headers(&header, space)?;
    }
    if !body.is(space, "Body") || body.has_text() {
        return Err(wrong("has no body, or text beside the element in its body"));
    }
    let mut elements = body.children.into_iter();
    match (elements.next(), elements.next()) {
        (Some(element), None) => Ok(element),
        _ => Err(wrong("must have exactly one element in its body")),
    }
}

/// No header is known here; those that must be understood by whoever gets the message are refused.
fn headers(header: &Element, space: Space) -> Result<(), SoapError> {
    for block in &header.children {
        let must = block.attribute(space, "mustUnderstand").map(|value| value.trim_matches(xml::is_blank));
        let role =
            block.attribute(space, "actor").or_else(|| block.attribute(space, "role")).unwrap_or_default();
        let ours = role.is_empty() || role.ends_with("/next") || role.ends_with("/ultimateReceiver");
        if ours && matches!(must, Some("1" | "true")) {
            let message = "a header of the envelope must be understood, and no header is";
            return Err(SoapError::new("soap_must_understand", message));
        }
    }
    Ok(())
}

fn operation(element: Element) -> Result<(&'static Operation, Element), SoapError> {
    let named = Operation::named(&element.name).filter(|_| element.space == Space::Messages);
    let unknown = || {
        let message = format!("the element in the body is no operation of the namespace {NAMESPACE}");
        SoapError::new("operation_unknown", message)
    };
    Ok((named.ok_or_else(unknown)?, element))
}

fn envelope(version: Version, body: &str) -> Vec<u8> {
    let namespace = version.namespace();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<soap:Envelope xmlns:soap=\"{namespace}\" \
         xmlns:{PREFIX}=\"{NAMESPACE}\"><soap:Body>{body}</soap:Body></soap:Envelope>\n"
    )
    .into_bytes()
}

/// An answer of an operation, from its JSON message.
///
/// # Errors
/// The message lacks something that the description promises, which is our fault.
pub fn answer(
    version: Version,
    operation: &Operation,
    message: &Map<String, Value>,
) -> Result<Vec<u8>, SoapError> {
    let response = operation.response();
    let mut body = format!("<{PREFIX}:{response}>");
    let message = Value::Object(message.clone());
    write::elements(&mut body, &operation.answer, Some(&message))?;
    body.push_str(&format!("</{PREFIX}:{response}>"));
    Ok(envelope(version, &body))
}

/// A fault with its HTTP status.
///
/// # Errors
/// The problem cannot be written, which is our fault.
pub fn fault(version: Version, problem: &Problem) -> Result<(u16, Vec<u8>), SoapError> {
    let Ok(Value::Object(fields)) = serde_json::to_value(problem) else {
        return Err(SoapError::new("internal", "a problem is not an object"));
    };
    let mut detail = String::new();
    write::message(&mut detail, FAULT_ELEMENT, &PROBLEM, &fields)?;
    let mut reason = String::new();
    write::text(&mut reason, &problem.title);
    let is_ours = problem.status >= 500;
    let class = match (problem.code.as_str(), version) {
        ("soap_version_mismatch", _) => "VersionMismatch",
        ("soap_must_understand", _) => "MustUnderstand",
        (_, Version::Soap11) => {
            if is_ours {
                "Server"
            } else {
                "Client"
            }
        }
        (_, Version::Soap12) => {
            if is_ours {
                "Receiver"
            } else {
                "Sender"
            }
        }
    };
    let body = match version {
        Version::Soap11 => format!(
            "<soap:Fault><faultcode>soap:{class}</faultcode><faultstring>{reason}</faultstring>\
             <detail>{detail}</detail></soap:Fault>"
        ),
        Version::Soap12 => format!(
            "<soap:Fault><soap:Code><soap:Value>soap:{class}</soap:Value><soap:Subcode><soap:Value>{PREFIX}:{code}\
             </soap:Value></soap:Subcode></soap:Code><soap:Reason><soap:Text xml:lang=\"en\">{reason}</soap:Text>\
             </soap:Reason><soap:Detail>{detail}</soap:Detail></soap:Fault>",
            code = problem.code
        ),
    };
    Ok((status(version, problem, class), envelope(version, &body)))
}

/// The bindings to HTTP know 500, and since 1.2 400; what HTTP itself has to say comes before.
fn status(version: Version, problem: &Problem, class: &str) -> u16 {
    match (problem.status, version) {
        (401 | 408 | 413 | 415, _) => problem.status,
        (_, Version::Soap12) if class == "Sender" => 400,
        _ => 500,
    }
}
