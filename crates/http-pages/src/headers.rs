//! Headers of answers that leave pages no way to be misused.

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

/// Name of the cookie with the reader's language. It is no secret, but bound to this host all the same.
pub const LANGUAGE_COOKIE: &str = "__Host-language";

/// Headers of every answer: nothing is cached, guessed, framed or told to others.
pub const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Forms of our own pages need their origin, which `no-referrer` would take away.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Policy of answers that are no pages.
pub const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Sets the headers of every answer.
pub fn secure(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING));
}

/// The content security policy of pages: nothing inline, scripts only with the nonce, nobody else but who is named in
/// `connect` (targets of scripts) and `forms` (targets of forms), each with a space before it.
#[must_use]
pub fn policy(nonce: &str, connect: &str, forms: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; \
         media-src 'self' blob:; connect-src 'self'{connect}; form-action 'self'{forms}; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// A header that is text; empty when it is not there.
#[must_use]
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The first value of a cookie that is `sound`, whatever else is sent under its name: a page beside ours can put one of
/// its own before it.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str, sound: impl Fn(&str) -> bool) -> Option<&'a str> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let value = |pair: &'a str| pair.trim().strip_prefix(name)?.strip_prefix('=');
    fields.flat_map(|field| field.split(';')).filter_map(value).find(|value| sound(value))
}

/// The `Set-Cookie` field that keeps a language.
#[must_use]
pub fn language_cookie(language: &str) -> String {
    format!("{LANGUAGE_COOKIE}={language}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sound_value_of_a_name_counts() {
        let mut headers = HeaderMap::new();
        for field in ["a=1; id=; xid=7; id=bad", "id=12 ; id=34", "id=56"] {
            headers.append(header::COOKIE, HeaderValue::from_static(field));
        }
        let number = |value: &str| !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        assert_eq!(cookie(&headers, "id", number), Some("12"));
        assert_eq!(cookie(&headers, "id", |value| value == "56"), Some("56"));
        assert_eq!(cookie(&headers, "id", |_| true), Some(""));
        assert_eq!(cookie(&headers, "i", |_| true), None);
    }
}
