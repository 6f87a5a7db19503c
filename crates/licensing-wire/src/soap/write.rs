//! JSON messages become the elements that describe them.

use serde_json::{Map, Value};

use crate::soap::types::{Field, Kind, Occurs, Type};
use crate::soap::{SoapError, limits};

/// Prefix of [`crate::soap::NAMESPACE`] in what is written here.
pub(crate) const PREFIX: &str = "m";

/// Writes text so that reading gives it back; characters XML cannot hold become the replacement character.
pub fn text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            c if limits::is_xml_char(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
}

/// Writes an element with a message of a type in it.
///
/// # Errors
/// The message lacks something that the description promises.
pub fn message(
    out: &mut String,
    name: &str,
    of: &Type,
    message: &Map<String, Value>,
) -> Result<(), SoapError> {
    out.push_str(&format!("<{PREFIX}:{name}>"));
    for field in of.fields {
        elements(out, field, message.get(field.json))?;
    }
    out.push_str(&format!("</{PREFIX}:{name}>"));
    Ok(())
}

/// Writes the elements of a field.
///
/// # Errors
/// As [`message`].
pub fn elements(out: &mut String, field: &Field, value: Option<&Value>) -> Result<(), SoapError> {
    let broken = || SoapError::new("internal", format!("the answer does not fit its element {}", field.name));
    match (field.occurs, value) {
        (Occurs::Any | Occurs::Some, Some(Value::Array(values))) => {
            values.iter().try_for_each(|value| element(out, field, value))
        }
        (Occurs::Any | Occurs::Optional, None | Some(Value::Null)) => Ok(()),
        (Occurs::One | Occurs::Optional, Some(value)) => element(out, field, value),
        (Occurs::One | Occurs::Some | Occurs::Any, _) => Err(broken()),
    }
}

fn element(out: &mut String, field: &Field, value: &Value) -> Result<(), SoapError> {
    let content = match (field.kind, value) {
        (Kind::Of(of), Value::Object(map)) => return message(out, field.name, of, map),
        (Kind::Text | Kind::Moment | Kind::File, Value::String(text)) => text.clone(),
        (Kind::Number | Kind::Long, Value::Number(number)) => number.to_string(),
        (Kind::Flag, Value::Bool(flag)) => flag.to_string(),
        _ => return Err(SoapError::new("internal", format!("the element {} has another type", field.name))),
    };
    let name = field.name;
    out.push_str(&format!("<{PREFIX}:{name}>"));
    text(out, &content);
    out.push_str(&format!("</{PREFIX}:{name}>"));
    Ok(())
}
