//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, thirty seconds, as every authenticator app does them.

use ring::hmac;
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::time::Timestamp;

/// Bytes of a secret, as RFC 4226 recommends.
pub const SECRET_BYTES: usize = 20;
/// Seconds a code is shown.
pub const STEP_SECS: u64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Steps a clock may be ahead or behind.
const WINDOW: u64 = 1;

/// The step of a moment.
#[must_use]
pub const fn step(now: Timestamp) -> u64 {
    now.secs() / STEP_SECS
}

/// The number a secret gives for a counter (RFC 4226), before it is cut to digits.
fn number(secret: &[u8], counter: u64) -> u32 {
    // SHA-1 is what authenticator apps know; as an HMAC it is not touched by its collisions.
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = tag.last().map_or(0, |last| usize::from(last & 0x0f));
    let part = tag.get(offset..offset + 4).and_then(|part| part.try_into().ok()).unwrap_or([0; 4]);
    u32::from_be_bytes(part) & 0x7fff_ffff
}

/// The code of a step.
#[must_use]
pub fn code(secret: &[u8], step: u64) -> String {
    format!("{:06}", number(secret, step) % 1_000_000)
}

/// The step a code is of: the present one, or one before or after it, and later than `last_step`.
///
/// # Security
/// Takes as long for a right code as for a wrong one.
#[must_use]
pub fn verify(secret: &[u8], given: &str, now: Timestamp, last_step: u64) -> Option<u64> {
    let given: String = given.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if given.len() != DIGITS || !given.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut found = 0;
    let present = step(now);
    for candidate in present.saturating_sub(WINDOW)..=present.saturating_add(WINDOW) {
        let same = code(secret, candidate).as_bytes().ct_eq(given.as_bytes());
        found.conditional_assign(&candidate, same);
    }
    (found > last_step).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the vectors of both RFCs.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn the_vectors_of_rfc_4226() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (counter, expected) in codes.iter().enumerate() {
            assert_eq!(code(SECRET, counter as u64), *expected);
        }
    }

    #[test]
    fn the_vectors_of_rfc_6238() {
        // The RFC shows eight digits; apps show the last six of them.
        for (secs, eight) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(SECRET, step(Timestamp::from_secs(secs))), eight[2..]);
        }
    }

    #[test]
    fn a_code_is_good_for_a_step_before_and_after_and_never_twice() {
        let now = Timestamp::from_secs(1_111_111_111);
        let present = step(now);
        for (there, accepted) in [(-2i64, false), (-1, true), (0, true), (1, true), (2, false)] {
            let at = present.checked_add_signed(there).unwrap();
            let outcome = verify(SECRET, &code(SECRET, at), now, 0);
            assert_eq!(outcome, accepted.then_some(at), "{there}");
        }
        let given = code(SECRET, present);
        assert_eq!(verify(SECRET, &given, now, present - 1), Some(present));
        assert_eq!(verify(SECRET, &given, now, present), None, "used before");
        assert_eq!(
            verify(SECRET, &code(SECRET, present - 1), now, present),
            None,
            "older than one that was used"
        );
        let spaced = format!("{} {}", &given[..3], &given[3..]);
        assert_eq!(verify(SECRET, &spaced, now, 0), Some(present));
        for nonsense in ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦"] {
            assert_eq!(verify(SECRET, nonsense, now, 0), None);
        }
    }
}
