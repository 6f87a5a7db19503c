//! The first look at a document, before any parser: one pass over the bytes, without memory of its own.
//!
//! It knows just enough of XML to count. What it lets through is small in every direction, is UTF-8, and has neither
//! a document type nor a processing instruction; whether it is well-formed is for the parser to say.

use crate::soap::SoapError;

/// Longest document, in bytes: a context of the largest size in base64, and room.
pub const BYTES_MAX: usize = 512 << 10;
/// Elements inside each other.
pub const DEPTH_MAX: usize = 32;
/// Elements in all: an order of as many lines as there may be has 3 000.
pub const ELEMENTS_MAX: usize = 4_096;
/// Attributes of one element, declarations of namespaces among them.
pub const ATTRIBUTES_MAX: usize = 64;
/// Declarations of namespaces in the document.
pub const NAMESPACES_MAX: usize = 32;
/// Bytes of a name, its prefix among them.
pub const NAME_BYTES_MAX: usize = 128;
/// Bytes of the value of an attribute.
pub const VALUE_BYTES_MAX: usize = 1_024;
/// Bytes of one run of text: the longest context in base64, with line breaks.
pub const TEXT_BYTES_MAX: usize = 360 << 10;
/// Bytes of text that is not a file.
pub const PLAIN_TEXT_BYTES_MAX: usize = 4 << 10;

fn over<T>(what: &str, max: usize) -> Result<T, SoapError> {
    Err(SoapError::xml(format!("the XML has {what}, {max} are the most")))
}

/// Checks a document and gives its text, without a byte order mark.
///
/// # Errors
/// `too_large`, or `invalid_xml` with the limit or the construct that is not taken.
pub fn check(bytes: &[u8]) -> Result<&str, SoapError> {
    if bytes.len() > BYTES_MAX {
        return Err(SoapError::new("too_large", format!("the body is larger than {BYTES_MAX} bytes")));
    }
    if bytes.starts_with(&[0xfe, 0xff])
        || bytes.starts_with(&[0xff, 0xfe])
        || bytes.iter().take(4).any(|b| *b == 0)
    {
        return Err(SoapError::xml("the XML is in UTF-16 or UTF-32; only UTF-8 is taken"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| SoapError::xml("the XML is not valid UTF-8"))?;
    if !text.chars().all(is_xml_char) {
        return Err(SoapError::xml("the XML has a character that XML does not allow"));
    }
    let rest = declaration(text)?;
    Scan::default().run(rest)?;
    Ok(text)
}

/// What XML 1.0 allows as a character.
#[must_use]
pub const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Steps over the XML declaration, which may say nothing but UTF-8.
fn declaration(text: &str) -> Result<&str, SoapError> {
    let Some(inside) = text.strip_prefix("<?xml") else { return Ok(text) };
    if !inside.starts_with([' ', '\t', '\r', '\n']) {
        return Ok(text);
    }
    let (inside, rest) = inside
        .split_once("?>")
        .filter(|(inside, _)| inside.len() <= NAME_BYTES_MAX)
        .ok_or_else(|| SoapError::xml("the XML declaration does not end"))?;
    let value = |name: &str| {
        let after = inside.split_once(name)?.1.trim_start().strip_prefix('=')?.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        after[1..].split(quote).next()
    };
    if value("version") != Some("1.0") {
        return Err(SoapError::xml("the XML declaration must say version 1.0"));
    }
    match value("encoding") {
        None if !inside.contains("encoding") => Ok(rest),
        Some(name) if name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii") => Ok(rest),
        _ => Err(SoapError::xml("the XML declaration names another encoding than UTF-8")),
    }
}

/// What was counted so far.
#[derive(Debug, Default)]
struct Scan {
    depth: usize,
    elements: usize,
    namespaces: usize,
}

impl Scan {
    fn run(&mut self, text: &str) -> Result<(), SoapError> {
        let mut rest = text;
        loop {
            let (run, markup) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            if run.len() > TEXT_BYTES_MAX {
                return over("a longer text", TEXT_BYTES_MAX);
            }
            if markup.is_empty() {
                return Ok(());
            }
            rest = self.markup(markup)?;
        }
    }

    /// Steps over what begins with `<`.
    fn markup<'t>(&mut self, markup: &'t str) -> Result<&'t str, SoapError> {
        if let Some(comment) = markup.strip_prefix("<!--") {
            return Ok(comment.split_once("-->").ok_or_else(|| SoapError::xml("a comment does not end"))?.1);
        }
        if let Some(data) = markup.strip_prefix("<![CDATA[") {
            let (data, rest) =
                data.split_once("]]>").ok_or_else(|| SoapError::xml("a CDATA section does not end"))?;
            return if data.len() > TEXT_BYTES_MAX {
                over("a longer text", TEXT_BYTES_MAX)
            } else {
                Ok(rest)
            };
        }
        if markup.starts_with("<!") {
            return Err(SoapError::xml("document types and declarations of entities are not taken"));
        }
        if markup.starts_with("<?") {
            return Err(SoapError::xml("processing instructions are not taken"));
        }
        if let Some(end) = markup.strip_prefix("</") {
            let (name, rest) =
                end.split_once('>').ok_or_else(|| SoapError::xml("an end tag does not end"))?;
            if name.len() > NAME_BYTES_MAX {
                return over("a longer name", NAME_BYTES_MAX);
            }
            self.depth = self
                .depth
                .checked_sub(1)
                .ok_or_else(|| SoapError::xml("the XML has an end tag without its beginning"))?;
            return Ok(rest);
        }
        self.start_tag(&markup[1..])
    }

    fn start_tag<'t>(&mut self, tag: &'t str) -> Result<&'t str, SoapError> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return over("more elements", ELEMENTS_MAX);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return over("more elements inside each other", DEPTH_MAX);
        }
        let (mut rest, mut attributes) = (tag, 0);
        loop {
            let at =
                rest.find(['>', '"', '\'', '<']).ok_or_else(|| SoapError::xml("a start tag does not end"))?;
            let (names, found) = rest.split_at(at);
            self.names(names)?;
            let quote = found.chars().next().unwrap_or('>');
            match quote {
                '>' => {
                    if names.ends_with('/') {
                        self.depth -= 1;
                    }
                    return Ok(&found[1..]);
                }
                '<' => return Err(SoapError::xml("the XML has a < inside a tag")),
                _ => {}
            }
            attributes += 1;
            if attributes > ATTRIBUTES_MAX {
                return over("more attributes at one element", ATTRIBUTES_MAX);
            }
            let (value, after) = found[1..]
                .split_once(quote)
                .ok_or_else(|| SoapError::xml("the value of an attribute does not end"))?;
            if value.len() > VALUE_BYTES_MAX {
                return over("a longer value of an attribute", VALUE_BYTES_MAX);
            }
            rest = after;
        }
    }

    /// What stands between the values of a tag: names, blanks, equals signs.
    fn names(&mut self, between: &str) -> Result<(), SoapError> {
        for name in between.split(['=', ' ', '\t', '\r', '\n']) {
            if name.len() > NAME_BYTES_MAX {
                return over("a longer name", NAME_BYTES_MAX);
            }
            if name == "xmlns" || name.starts_with("xmlns:") {
                self.namespaces += 1;
            }
        }
        if self.namespaces > NAMESPACES_MAX {
            return over("more declarations of namespaces", NAMESPACES_MAX);
        }
        Ok(())
    }
}
