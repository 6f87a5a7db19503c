//! Client certificates: what a reverse proxy tells of them, and what is looked at when a token is bound to one.
//!
//! The proxy verifies chain, validity and possession of the key; here a certificate is only a name that cannot be forged.

use axum::http::HeaderMap;
use data_encoding::BASE64;
use licensing_core::crypto::digest::Digest;
use licensing_core::time::Timestamp;
use percent_encoding::percent_decode_str;
use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// What a proxy tells the certificate in (RFC 9440).
const HEADER: &str = "client-cert";
/// Largest certificate, in bytes of its header or of its PEM.
const BYTES_MAX: usize = 16 << 10;
/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// A certificate, as far as it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the whole.
    pub fingerprint: Digest,
    /// Valid from.
    pub begins: Timestamp,
    /// Valid until (exclusive); `None` without end.
    pub ends: Option<Timestamp>,
}

/// The only certificate of a PEM text.
fn only(pem: &str) -> Option<CertificateDer<'static>> {
    let mut found = CertificateDer::pem_slice_iter(pem.as_bytes());
    let (Some(Ok(der)), None) = (found.next(), found.next()) else { return None };
    Some(der)
}

fn fingerprint(der: &[u8]) -> Option<Digest> {
    digest(&SHA256, der).as_ref().try_into().ok()
}

impl Certificate {
    /// The one certificate of a PEM text.
    #[must_use]
    pub fn from_pem(text: &str) -> Option<Self> {
        if text.len() > BYTES_MAX {
            return None;
        }
        Self::from_der(&only(text)?)
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        let (certificate, rest) = element(der, SEQUENCE)?;
        let (signed, _) = element(certificate, SEQUENCE)?;
        // Version, serial number, algorithm, issuer: then how long it is valid.
        let signed = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
        let (_, signed) = element(signed, INTEGER)?;
        let (_, signed) = element(signed, SEQUENCE)?;
        let (_, signed) = element(signed, SEQUENCE)?;
        let (validity, _) = element(signed, SEQUENCE)?;
        let (begins, validity) = moment(validity)?;
        let (ends, _) = moment(validity)?;
        // What is told as the last second is still in it.
        let ends = ends.map(|last| last.plus_secs(1));
        rest.is_empty().then_some(())?;
        Some(Self { fingerprint: fingerprint(der)?, begins: begins?, ends })
    }
}

/// The content of the element of this tag at the beginning, and what is after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

/// A moment, and what is after it; `None` for one that means "without end" (RFC 5280, 4.1.2.5).
fn moment(bytes: &[u8]) -> Option<(Option<Timestamp>, &[u8])> {
    let (text, century, rest) = match (element(bytes, UTC_TIME), element(bytes, GENERALIZED_TIME)) {
        (Some((text, rest)), _) => {
            let fifties = text.first().is_some_and(|digit| *digit >= b'5');
            (text, if fifties { "19" } else { "20" }, rest)
        }
        (None, Some((text, rest))) => (text, "", rest),
        (None, None) => return None,
    };
    let digits = format!("{century}{}", std::str::from_utf8(text).ok()?.strip_suffix('Z')?);
    if digits.len() != 14 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if digits == "99991231235959" {
        return Some((None, rest));
    }
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    let (day, time) = ((part(0..4), part(4..6), part(6..8)), (part(8..10), part(10..12), part(12..14)));
    let printed = format!("{}-{}-{}T{}:{}:{}Z", day.0, day.1, day.2, time.0, time.1, time.2);
    let secs = printed.parse::<jiff::Timestamp>().ok()?.as_second();
    // Before 1970 is long ago, whenever.
    Some((Some(Timestamp::from_secs(u64::try_from(secs).unwrap_or(0))), rest))
}

/// The fingerprint of the certificate a proxy tells of: `:base64:` as RFC 9440 has it, or PEM with percent signs, which is
/// what nginx can say.
#[must_use]
pub fn told(headers: &HeaderMap) -> Option<Digest> {
    let mut fields = headers.get_all(HEADER).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let text = field.to_str().ok().filter(|text| text.len() <= 3 * BYTES_MAX)?.trim();
    if let Some(encoded) = text.strip_prefix(':').and_then(|text| text.strip_suffix(':')) {
        return fingerprint(&BASE64.decode(encoded.as_bytes()).ok()?);
    }
    fingerprint(&only(&percent_decode_str(text).decode_utf8().ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn made(from: (i32, u8, u8), until: (i32, u8, u8)) -> rcgen::Certificate {
        let mut params = CertificateParams::new(vec!["erp.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| ("client-cert".parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn validity_and_fingerprint_are_those_of_the_certificate() {
        // Two ways of writing a year: until 2049, and from 2050 on.
        let made = made((2026, 3, 1), (2051, 1, 2));
        let found = Certificate::from_pem(&made.pem()).unwrap();
        assert_eq!(found.fingerprint[..], *digest(&SHA256, made.der()).as_ref());
        assert_eq!(licensing_wire::time::print(found.begins), "2026-03-01T00:00:00Z");
        assert_eq!(licensing_wire::time::print(found.ends.unwrap()), "2051-01-02T00:00:01Z");
    }

    #[test]
    fn what_is_no_certificate_is_none_and_nothing_breaks() {
        let made = made((2026, 3, 1), (2027, 1, 2));
        let der = made.der().to_vec();
        let two = made.pem() + &made.pem();
        for bad in [
            "",
            "x",
            &two,
            &"-".repeat(20_000),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert_eq!(Certificate::from_pem(bad), None);
        }
        for length in 0..der.len() {
            assert_eq!(Certificate::from_der(&der[..length]), None, "{length}");
        }
        for at in 0..200 {
            let mut other = der.clone();
            other[at] ^= 0xff;
            let _ = Certificate::from_der(&other);
        }
        assert_eq!(Certificate::from_der(&[der.clone(), vec![0]].concat()), None);
    }

    #[test]
    fn a_proxy_tells_one_certificate_in_one_of_two_ways() {
        let made = made((2026, 3, 1), (2027, 1, 2));
        let base64 = format!(":{}:", BASE64.encode(made.der()));
        let escaped = percent_encoding::utf8_percent_encode(&made.pem(), percent_encoding::NON_ALPHANUMERIC)
            .to_string();
        let expected = Certificate::from_pem(&made.pem()).map(|certificate| certificate.fingerprint);
        assert!(expected.is_some());
        assert_eq!(told(&headers(&[&base64])), expected);
        assert_eq!(told(&headers(&[&escaped])), expected);
        for bad in [&[][..], &["::x::"], &["x"], &[""], &[&base64, &base64], &[&base64[1..]], &["%ff"]] {
            assert_eq!(told(&headers(bad)), None, "{bad:?}");
        }
    }
}
