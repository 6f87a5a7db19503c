//! Elements become the JSON message they describe, or an error that names the element that is wrong.

use serde_json::{Map, Value};

use crate::soap::operations::{KEY, Operation, Place};
use crate::soap::types::{Field, Kind, Occurs, Type};
use crate::soap::xml::{Element, Space, is_blank};
use crate::soap::{SoapError, limits};
use crate::time;

/// What a request asks for, as the route of its operation takes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The parameter in the path.
    pub path: Option<String>,
    /// Parameters of the query.
    pub query: Vec<(String, String)>,
    /// The JSON message; empty when the operation has none.
    pub body: Map<String, Value>,
    /// The client's key for the request.
    pub idempotency_key: Option<String>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Messages hold tickets.
        f.write_str("Request")
    }
}

/// Reads the element of a request.
///
/// # Errors
/// `invalid_message`, with the element that is missing, wrong, or not described.
pub fn request(element: &Element, operation: &Operation) -> Result<Request, SoapError> {
    if element.attribute(Space::Instance, "type").is_some() {
        return Err(SoapError::message(format!("{}: states another type than it has", operation.name)));
    }
    let mut found = fields(element, operation.name, &operation.fields())?;
    let idempotency_key = found.remove(KEY).map(plain);
    let mut request = Request { path: None, query: Vec::new(), body: Map::new(), idempotency_key };
    for part in operation.parts {
        let Some(value) = found.remove(part.field.name) else { continue };
        match (part.place, value) {
            (Place::Message, Value::Object(message)) => request.body = message,
            (Place::Message, _) => {}
            (Place::Body, value) => {
                request.body.insert(part.field.json.to_owned(), value);
            }
            (Place::Path, value) => request.path = Some(plain(value)),
            (Place::Query, value) => request.query.push((part.field.json.to_owned(), plain(value))),
        }
    }
    Ok(request)
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Reads an element of a type as its JSON message.
///
/// # Errors
/// As [`request`].
pub fn message(element: &Element, of: &Type) -> Result<Map<String, Value>, SoapError> {
    let found = fields(element, of.name, of.fields)?;
    let json =
        |name: String| of.fields.iter().find(|field| field.name == name).map(|field| field.json.to_owned());
    Ok(found.into_iter().filter_map(|(name, value)| Some((json(name)?, value))).collect())
}

/// Reads the elements in an element by their names, in any order. Repeated ones become arrays.
fn fields(element: &Element, of: &str, fields: &[Field]) -> Result<Map<String, Value>, SoapError> {
    attributes(element, of)?;
    if element.has_text() {
        return Err(SoapError::message(format!("{of}: text where only elements may be")));
    }
    let mut found = Map::new();
    for child in &element.children {
        let named = fields.iter().find(|field| field.name == child.name);
        let field =
            named.filter(|_| child.space == Space::Messages).ok_or_else(|| unknown(of, named, fields))?;
        let place = format!("{of}/{}", field.name);
        if is_nil(child)? {
            if field.occurs != Occurs::Optional {
                return Err(SoapError::message(format!("{place}: must not be nil")));
            }
            continue;
        }
        let value = value(child, field, &place)?;
        match field.occurs {
            Occurs::One | Occurs::Optional => {
                if found.insert(field.name.to_owned(), value).is_some() {
                    return Err(SoapError::message(format!("{place}: is there more than once")));
                }
            }
            Occurs::Any | Occurs::Some => {
                if let Value::Array(values) =
                    found.entry(field.name).or_insert_with(|| Value::Array(Vec::new()))
                {
                    values.push(value);
                }
            }
        }
    }
    for field in fields {
        let must = matches!(field.occurs, Occurs::One | Occurs::Some);
        if must && !found.contains_key(field.name) {
            return Err(SoapError::message(format!("{of}: the element {} is missing", field.name)));
        }
    }
    Ok(found)
}

fn unknown(of: &str, named: Option<&Field>, fields: &[Field]) -> SoapError {
    if let Some(field) = named {
        let namespace = crate::soap::NAMESPACE;
        return SoapError::message(format!("{of}/{}: must be in the namespace {namespace}", field.name));
    }
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let expected = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    SoapError::message(format!("{of}: an unknown element; expected {expected}"))
}

/// Elements of messages have no attributes but those that say what the description says anyway.
fn attributes(element: &Element, of: &str) -> Result<(), SoapError> {
    for attribute in &element.attributes {
        let known = match attribute.space {
            Space::Instance => {
                matches!(
                    attribute.name.as_str(),
                    "nil" | "type" | "schemaLocation" | "noNamespaceSchemaLocation"
                )
            }
            // Marks of the envelope, like encodingStyle, and of other standards, like wsu:Id.
            Space::Soap11 | Space::Soap12 | Space::Other => true,
            Space::None | Space::Messages | Space::Schema => false,
        };
        if !known {
            return Err(SoapError::message(format!("{of}: an unknown attribute")));
        }
    }
    Ok(())
}

fn is_nil(element: &Element) -> Result<bool, SoapError> {
    match element.attribute(Space::Instance, "nil").map(|value| value.trim_matches(is_blank)) {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") if element.children.is_empty() && element.text.is_empty() => Ok(true),
        Some(_) => Err(SoapError::message("xsi:nil: true with content, or neither true nor false")),
    }
}

/// A type that an element states must be the one it has.
fn stated_type(element: &Element, field: &Field, place: &str) -> Result<(), SoapError> {
    let attribute = element
        .attributes
        .iter()
        .find(|attribute| attribute.space == Space::Instance && attribute.name == "type");
    let Some(attribute) = attribute else { return Ok(()) };
    let local = attribute.value.trim_matches(is_blank).rsplit(':').next().unwrap_or_default();
    let fits = match (field.kind, field.kind.builtin()) {
        (Kind::Of(of), _) => attribute.value_space == Space::Messages && local == of.name,
        (_, Some(builtin)) => attribute.value_space == Space::Schema && local == builtin,
        (_, None) => false,
    };
    if fits { Ok(()) } else { Err(SoapError::message(format!("{place}: states another type than it has"))) }
}

fn value(element: &Element, field: &Field, place: &str) -> Result<Value, SoapError> {
    stated_type(element, field, place)?;
    let wrong = |expected: &str| SoapError::message(format!("{place}: expected {expected}"));
    if let Kind::Of(of) = field.kind {
        return message(element, of).map(Value::Object);
    }
    attributes(element, place)?;
    if !element.children.is_empty() {
        return Err(wrong("text, not elements"));
    }
    let text = element.text.as_str();
    if !matches!(field.kind, Kind::File) && text.len() > limits::PLAIN_TEXT_BYTES_MAX {
        return Err(wrong(&format!("at most {} bytes", limits::PLAIN_TEXT_BYTES_MAX)));
    }
    let token = text.trim_matches(is_blank);
    let digits = |max: u64, expected: &str| {
        let digits = token.strip_prefix('+').unwrap_or(token);
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse::<u64>().ok().filter(|number| is_number && *number <= max);
        number.map(Value::from).ok_or_else(|| wrong(expected))
    };
    match field.kind {
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::Number => digits(u64::from(u32::MAX), "a whole number from 0 to 4294967295"),
        Kind::Long => digits(i64::MAX.unsigned_abs(), "a whole number that is not negative"),
        Kind::Flag => match token {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(wrong("true or false")),
        },
        Kind::Moment => time::parse(token)
            .map(|at| Value::String(time::print(at)))
            .ok_or_else(|| wrong("a time like 2030-01-31T12:00:00Z")),
        // Line breaks belong to the type. Whether it is base64 is decided where every file is decoded.
        Kind::File => Ok(Value::String(text.chars().filter(|c| !is_blank(*c)).collect())),
        Kind::Of(_) => Err(wrong("elements")),
    }
}
