//! Bodies: bounded before they are read, and read as exactly the message they must be.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_edge::BodyError;
use serde::de::DeserializeOwned;

use crate::service::Failure;

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Failure> {
    http_edge::read(headers, body, limit).await.map_err(|error| match error {
        BodyError::TooLarge => Failure::denied("too_large", format!("the body is larger than {limit} bytes")),
        BodyError::Incomplete => Failure::denied("invalid_json", "the body is incomplete"),
    })
}

/// Checks that the body says it is JSON.
pub(super) fn says_json(headers: &HeaderMap) -> Result<(), Failure> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Failure::denied("unsupported_media_type", "the body must be JSON, and Content-Type must say so"))
}

/// Reads a message.
pub(super) fn message<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        if error.is_data() {
            let what = without_content(&error.to_string());
            Failure::denied("invalid_message", format!("{what} at {place}"))
        } else {
            let what = if error.to_string().starts_with("recursion limit") {
                "the JSON is nested too deeply"
            } else {
                "the body is not well-formed JSON"
            };
            Failure::denied("invalid_json", format!("{what}: {place}"))
        }
    })
}

/// What is wrong with a message, in the words of the reader but without anything of the message itself, which
/// may hold secrets in the wrong place.
fn without_content(error: &str) -> String {
    let error = error.rsplit_once(" at line ").map_or(error, |(what, _)| what);
    if error.starts_with("missing field") || error.starts_with("duplicate field") {
        error.to_owned()
    } else if error.starts_with("unknown field") {
        // "unknown field `x`, expected one of `a`, `b`": x may hold anything, even what follows it here.
        let expected = error.rsplit_once("`, expected ").map(|(_, expected)| expected);
        expected.map_or("unknown field".to_owned(), |expected| format!("unknown field, expected {expected}"))
    } else {
        let expected = error.rsplit_once(", expected ").map(|(_, expected)| expected);
        expected.map_or("a value is of the wrong type".to_owned(), |expected| {
            format!("a value is of the wrong type, expected {expected}")
        })
    }
}

#[cfg(test)]
mod tests {
    use licensing_wire::json::{OrderRequest, TicketRequest};

    use super::*;

    fn refused<T: DeserializeOwned>(text: &str) -> (&'static str, String) {
        match message::<T>(text.as_bytes()) {
            Err(Failure::Denied { code, message, .. }) => (code, message),
            _ => panic!("{text} is refused"),
        }
    }

    #[test]
    fn errors_name_the_place_and_never_the_content() {
        let (code, text) = refused::<OrderRequest>(r#"{"order_id":"A","items":"SECRET"}"#);
        assert_eq!(code, "invalid_message");
        assert!(text.contains("expected a sequence") && !text.contains("SECRET"), "{text}");
        let (_, text) = refused::<TicketRequest>(r#"{"SECRET`, expected SECRET":1}"#);
        assert!(text.contains("ticket") && !text.contains("SECRET"), "{text}");
        let (_, text) = refused::<TicketRequest>("{}");
        assert!(text.contains("missing field `ticket`"), "{text}");
    }

    #[test]
    fn deep_and_broken_json_is_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let deep = format!(r#"{{"order_id":"A","items":{deep}}}"#);
        assert_eq!(refused::<OrderRequest>(&deep).0, "invalid_message");
        let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(refused::<serde_json::Value>(&deep).0, "invalid_json");
        assert_eq!(refused::<OrderRequest>("{").0, "invalid_json");
        assert_eq!(refused::<OrderRequest>(r#"{"ticket":"a"} x"#).0, "invalid_message");
        assert_eq!(refused::<TicketRequest>(r#"{"ticket":"a"} x"#).0, "invalid_json");
    }
}
