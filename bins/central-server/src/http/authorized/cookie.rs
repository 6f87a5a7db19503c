//! The session a browser keeps, and whether a request comes from one of our own pages.

use axum::http::HeaderMap;
use zeroize::Zeroizing;

use crate::service::Cookie;

/// Name of the cookie. The prefix binds it to this host, to `https` and to the whole site.
pub(in crate::http) const SESSION_COOKIE: &str = "__Host-session";

/// Hexadecimal digits of a secret.
const SECRET_CHARS: usize = 64;

/// Where a request was sent from, as the browser says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Sender {
    /// A page of this server.
    OurPage,
    /// A page of somebody else, or none.
    Elsewhere,
    /// Nothing is said: not a browser, or a very old one.
    Unknown,
}

impl Sender {
    /// Looks at what browsers say and pages cannot change: `Sec-Fetch-Site`, else `Origin`. `bases` are the addresses of
    /// this server.
    pub(in crate::http) fn of(headers: &HeaderMap, bases: &[&str]) -> Self {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let says = |ours: bool| if ours { Self::OurPage } else { Self::Elsewhere };
        match (text("sec-fetch-site"), text("origin")) {
            (Some(site), None) => says(site == "same-origin"),
            (site, Some(origin)) => {
                says(site.is_none_or(|site| site == "same-origin") && bases.contains(&origin))
            }
            (None, None) => Self::Unknown,
        }
    }
}

/// The secret of the session in a request's cookies.
pub(super) fn session(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let sound = |value: &str| value.len() == SECRET_CHARS && value.bytes().all(|b| b.is_ascii_hexdigit());
    http_pages::headers::cookie(headers, SESSION_COOKIE, sound)
        .map(|secret| Zeroizing::new(secret.to_owned()))
}

/// The `Set-Cookie` field for what becomes of a session. A cookie without an end goes with the browser; when the session
/// is over is decided here.
pub(in crate::http) fn set_cookie(cookie: &Cookie) -> Zeroizing<String> {
    const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";
    Zeroizing::new(match cookie {
        Cookie::Keep(secret) => format!("{SESSION_COOKIE}={}; {ATTRIBUTES}", secret.as_str()),
        Cookie::Forget => format!("{SESSION_COOKIE}=; Max-Age=0; {ATTRIBUTES}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_what_a_browser_says_makes_a_page_ours() {
        let bases = ["https://licenses.example", "http://127.0.0.1:7870"];
        for (said, expected) in [
            (vec![], Sender::Unknown),
            (vec![("sec-fetch-site", "same-origin")], Sender::OurPage),
            (vec![("sec-fetch-site", "same-site")], Sender::Elsewhere),
            (vec![("sec-fetch-site", "cross-site")], Sender::Elsewhere),
            (vec![("sec-fetch-site", "none")], Sender::Elsewhere),
            (vec![("origin", "https://licenses.example")], Sender::OurPage),
            (vec![("origin", "http://127.0.0.1:7870")], Sender::OurPage),
            (vec![("origin", "http://licenses.example")], Sender::Elsewhere),
            (vec![("origin", "https://licenses.example.evil")], Sender::Elsewhere),
            (vec![("origin", "null")], Sender::Elsewhere),
            (
                vec![("origin", "https://licenses.example"), ("sec-fetch-site", "cross-site")],
                Sender::Elsewhere,
            ),
            (vec![("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], Sender::Elsewhere),
            (
                vec![("origin", "https://licenses.example"), ("sec-fetch-site", "same-origin")],
                Sender::OurPage,
            ),
        ] {
            assert_eq!(Sender::of(&headers(&said), &bases), expected, "{said:?}");
        }
    }

    #[test]
    fn the_cookie_is_found_and_nothing_that_looks_like_it() {
        let secret = "ab".repeat(32);
        let keep = set_cookie(&Cookie::Keep(Zeroizing::new(secret.clone())));
        let pair = keep.split(';').next().unwrap().to_owned();
        assert!(keep.starts_with("__Host-session=") && keep.contains("Secure; HttpOnly; SameSite=Strict"));
        let found =
            |cookies: &str| session(&headers(&[("cookie", cookies)])).map(|secret| secret.to_string());
        assert_eq!(found(&pair), Some(secret.clone()));
        assert_eq!(found(&format!("a=b; {pair}; c=d")), Some(secret.clone()));
        assert_eq!(found(&format!("__Host-session=abc; {pair}")), Some(secret.clone()));
        for bad in [
            "",
            "a=b",
            &format!("x{pair}"),
            &format!("session={secret}"),
            "__Host-session=abc",
            "__Host-session=",
        ] {
            assert_eq!(found(bad), None, "{bad}");
        }
    }
}
