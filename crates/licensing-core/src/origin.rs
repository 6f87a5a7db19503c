//! Web origins: where a page comes from, in the one spelling browsers use.

use std::fmt;
use std::str::FromStr;

use crate::codec::checked_codec;
use crate::ids::InvalidId;

/// Longest origin, in bytes: `https://`, a name of 253 characters, a port.
const ORIGIN_BYTES_MAX: usize = 8 + 253 + 6;

/// A web origin exactly as browsers write it into the `Origin` header: `https://portal.example` or
/// `https://portal.example:8443`. Plain `http` only from this computer itself (`127.0.0.1`, `localhost`,
/// `[::1]`), where nobody can listen in between.
///
/// # Security
/// There is exactly one spelling of each origin, so that comparing bytes compares origins: lower case, no user
/// information, no path, no trailing dot, no default port, no leading zeros. Names with other letters than
/// ASCII appear in their `xn--` form, in which they cannot be mistaken for others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

checked_codec!(Origin, String, |o| &o.0, |text| Origin::new(text).ok(), "origin");

impl Origin {
    /// Checks and takes an origin.
    ///
    /// # Errors
    /// The text is not an origin in its one spelling, or not one that may be trusted at all.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        if is_origin(&text) {
            return Ok(Self(text));
        }
        let expected = "https://host or https://host:port, lower case, without a path or a default port";
        Err(InvalidId { what: "origin", expected })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

fn is_origin(text: &str) -> bool {
    if text.len() > ORIGIN_BYTES_MAX {
        return false;
    }
    let (authority, default_port, is_plain) = match text.split_once("://") {
        Some(("https", authority)) => (authority, "443", false),
        Some(("http", authority)) => (authority, "80", true),
        _ => return false,
    };
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, rest)) => match rest.strip_prefix(':') {
                Some(port) => (address, Some(port)),
                None => return false,
            },
            None => return false,
        },
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_loopback =
        matches!(host, "127.0.0.1" | "localhost") || (host == "::1" && authority.starts_with('['));
    let host_ok = is_loopback || (!authority.starts_with('[') && is_host(host));
    let port_ok = port.is_none_or(|port| port != default_port && is_port(port));
    host_ok && port_ok && (!is_plain || is_loopback)
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(allowed)
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-')
    };
    host.len() <= 253 && host.split('.').all(is_label) && (!is_numeric(host) || is_address(host))
}

/// Whether browsers would read the host as an IPv4 address: its last label is a number.
fn is_numeric(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x")
}

/// An IPv4 address in the one spelling browsers print.
fn is_address(host: &str) -> bool {
    host.parse::<core::net::Ipv4Addr>().is_ok_and(|address| address.to_string() == host)
}

fn is_port(port: &str) -> bool {
    !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_as_browsers_write_them() {
        for good in [
            "https://portal.example",
            "https://portal.example:8443",
            "https://xn--bcher-kva.example",
            "https://192.0.2.7",
            "https://localhost",
            "http://127.0.0.1:8080",
            "http://localhost:3000",
            "http://[::1]:3000",
            "https://a",
        ] {
            assert_eq!(Origin::new(good).map(|o| o.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for bad in [
            "",
            "null",
            "*",
            "https://",
            "https:portal.example",
            "https://portal.example/",
            "https://portal.example:443",
            "https://portal.example:0",
            "https://portal.example:08443",
            "https://portal.example:65536",
            "https://portal.example:",
            "https://portal.example.",
            "https://.portal.example",
            "https://portal..example",
            "https://Portal.example",
            "HTTPS://portal.example",
            "https://user@portal.example",
            "https://portal.example@evil.example",
            "https://portal.example#x",
            "https://portal.example?x",
            "https://portal.example\\x",
            "https://portal.example x",
            " https://portal.example",
            "https://portal.example\n",
            "https://b\u{fc}cher.example",
            "https://-a.example",
            "https://192.0.2.007",
            "https://192.0.2",
            "https://0x7f.1",
            "https://[2001:db8::1]",
            "https://[::1",
            "https://[::1]x",
            "https://::1",
            "http://portal.example",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1:80",
            "http://127.0.0.2",
            "ws://portal.example",
            "file://",
            "moz-extension://abc",
        ] {
            assert!(Origin::new(bad).is_err(), "{bad:?}");
        }
        assert!(Origin::new(format!("https://{}.example", "a".repeat(64))).is_err());
        assert!(Origin::new(format!("https://{}", "a.".repeat(200))).is_err());
    }
}
