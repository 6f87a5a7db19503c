//! A document as a tree: elements with their namespaces resolved to the few that matter, and their text.

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{NamespaceResolver, QName, ResolveResult};
use quick_xml::reader::NsReader;

use crate::soap::{NAMESPACE, SoapError, limits};

pub(crate) const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(crate) const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
pub(crate) const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
pub(crate) const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";

/// Where a name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// No namespace.
    None,
    /// [`NAMESPACE`].
    Messages,
    /// Envelope of SOAP 1.1.
    Soap11,
    /// Envelope of SOAP 1.2.
    Soap12,
    /// Attributes like `nil` and `type`.
    Instance,
    /// Built-in types.
    Schema,
    /// Anything else.
    Other,
}

impl Space {
    fn of(resolved: &ResolveResult<'_>) -> Result<Self, SoapError> {
        Ok(match resolved {
            ResolveResult::Unbound => Self::None,
            ResolveResult::Unknown(_) => {
                return Err(SoapError::xml("the XML has a prefix that is not declared"));
            }
            ResolveResult::Bound(namespace) => match namespace.0 {
                "" => Self::None,
                NAMESPACE => Self::Messages,
                SOAP_11 => Self::Soap11,
                SOAP_12 => Self::Soap12,
                INSTANCE => Self::Instance,
                SCHEMA => Self::Schema,
                _ => Self::Other,
            },
        })
    }
}

/// An attribute that is not a declaration of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Namespace; an attribute without a prefix has none.
    pub space: Space,
    /// Local name.
    pub name: String,
    /// Value.
    pub value: String,
    /// The value as a name with a prefix, resolved; only of `xsi:type`.
    pub value_space: Space,
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Namespace.
    pub space: Space,
    /// Local name.
    pub name: String,
    /// Attributes.
    pub attributes: Vec<Attribute>,
    /// Child elements, in order.
    pub children: Vec<Self>,
    /// All text directly in it.
    pub text: String,
}

impl Element {
    /// Whether it is the element of this name.
    #[must_use]
    pub fn is(&self, space: Space, name: &str) -> bool {
        self.space == space && self.name == name
    }

    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, space: Space, name: &str) -> Option<&str> {
        let found =
            self.attributes.iter().find(|attribute| attribute.space == space && attribute.name == name);
        found.map(|attribute| attribute.value.as_str())
    }

    /// Whether there is text other than blanks directly in it.
    #[must_use]
    pub fn has_text(&self) -> bool {
        !self.text.trim_matches(is_blank).is_empty()
    }
}

/// What XML counts as a blank.
#[must_use]
pub const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Reads a document.
///
/// # Errors
/// `too_large` or `invalid_xml`.
pub fn parse(bytes: &[u8]) -> Result<Element, SoapError> {
    let text = limits::check(bytes)?;
    let malformed = |_| SoapError::xml("the body is not well-formed XML");
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    reader.config_mut().check_comments = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(malformed)?;
        match event {
            Event::Start(start) => {
                if root.is_some() {
                    return Err(SoapError::xml("the XML has more than one root element"));
                }
                open.push(element(&start, reader.resolver())?);
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(|| SoapError::xml("the body is not well-formed XML"))?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => root = Some(done),
                }
            }
            Event::Text(text) => {
                let text = text.xml10_content();
                if text.contains("]]>") {
                    return Err(SoapError::xml("the body is not well-formed XML"));
                }
                add(&mut open, &text)?;
            }
            Event::CData(data) => add(&mut open, &data.xml10_content())?,
            Event::GeneralRef(reference) => {
                let found = match &*reference.xml10_content() {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "apos" => '\'',
                    "quot" => '"',
                    _ => reference
                        .resolve_char_ref()
                        .ok()
                        .flatten()
                        .filter(|c| limits::is_xml_char(*c))
                        .ok_or_else(|| {
                            SoapError::xml("the XML refers to an entity that XML does not have")
                        })?,
                };
                if open.is_empty() {
                    return Err(SoapError::xml("the XML has text outside its root element"));
                }
                add(&mut open, found.encode_utf8(&mut [0; 4]))?;
            }
            Event::Comment(_) | Event::Decl(_) => {}
            Event::Eof => break,
            Event::Empty(_) | Event::PI(_) | Event::DocType(_) => {
                return Err(SoapError::xml("document types and processing instructions are not taken"));
            }
        }
    }
    if !open.is_empty() {
        return Err(SoapError::xml("the XML ends before its elements do"));
    }
    root.ok_or_else(|| SoapError::xml("the XML has no element"))
}

fn add(open: &mut [Element], text: &str) -> Result<(), SoapError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.chars().all(is_blank) => {}
        None => return Err(SoapError::xml("the XML has text outside its root element")),
    }
    Ok(())
}

/// A name with at most one colon, and something on each side of it.
fn checked(name: QName<'_>) -> Result<QName<'_>, SoapError> {
    let mut parts = name.0.split(':');
    let sound = |part: &str| {
        let begins = part.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
        begins && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    let well_formed =
        parts.next().is_some_and(sound) && parts.next().is_none_or(sound) && parts.next().is_none();
    if well_formed { Ok(name) } else { Err(SoapError::xml("the XML has a malformed name")) }
}

fn element(start: &BytesStart<'_>, resolver: &NamespaceResolver) -> Result<Element, SoapError> {
    let (resolved, name) = resolver.resolve_element(checked(start.name())?);
    let space = Space::of(&resolved)?;
    let mut attributes: Vec<Attribute> = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| SoapError::xml("an attribute is malformed or there twice"))?;
        let key = checked(attribute.key)?;
        if let Some(_declaration) = key.as_namespace_binding() {
            continue;
        }
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|_| SoapError::xml("the value of an attribute is malformed"))?;
        if !value.chars().all(limits::is_xml_char) {
            return Err(SoapError::xml("the XML has a character that XML does not allow"));
        }
        let (resolved, name) = resolver.resolve_attribute(key);
        let space = Space::of(&resolved)?;
        let name = name.as_ref().to_owned();
        let is_known = !matches!(space, Space::Other | Space::None);
        if is_known && attributes.iter().any(|other| other.space == space && other.name == name) {
            return Err(SoapError::xml("an attribute is there twice, under two prefixes"));
        }
        let value_space = match (space, name.as_str()) {
            (Space::Instance, "type") => {
                Space::of(&resolver.resolve_element(checked(QName(value.trim_matches(is_blank)))?).0)?
            }
            _ => Space::None,
        };
        attributes.push(Attribute { space, name, value: value.into_owned(), value_space });
    }
    let name = name.as_ref().to_owned();
    Ok(Element { space, name, attributes, children: Vec::new(), text: String::new() })
}
