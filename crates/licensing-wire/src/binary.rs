//! Binary content in JSON: base64 (standard alphabet, padded) for files, lower-case hexadecimal for keys and
//! hashes. Lengths are checked before anything is decoded.

use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use licensing_core::error::FormatError;

/// A file as base64.
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Encodes bytes for an address: base64url without padding.
#[must_use]
pub fn to_base64url(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

/// Decodes base64url without padding.
///
/// # Errors
/// Not base64url, or more than `limit` bytes.
pub fn from_base64url(text: &str, limit: usize) -> Result<Vec<u8>, FormatError> {
    if text.len() > limit.div_ceil(3).saturating_mul(4) {
        return Err(FormatError::TooLarge { limit });
    }
    let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes());
    let bytes = bytes.map_err(|_| FormatError::Invalid("base64url"))?;
    if bytes.len() > limit { Err(FormatError::TooLarge { limit }) } else { Ok(bytes) }
}

/// Reads a file of at most `limit` bytes from base64. Line breaks and blanks at either end are forgiven.
///
/// # Errors
/// [`FormatError::TooLarge`] before anything is decoded, [`FormatError::Invalid`] when it is not base64.
pub fn from_base64(text: &str, limit: usize) -> Result<Vec<u8>, FormatError> {
    let text = text.trim();
    if text.len() > limit.div_ceil(3).saturating_mul(4) {
        return Err(FormatError::TooLarge { limit });
    }
    let bytes = BASE64.decode(text.as_bytes()).map_err(|_| FormatError::Invalid("base64"))?;
    if to_base64(&bytes) != text {
        // The decoder also reads several padded texts one after the other: another spelling of the same bytes.
        return Err(FormatError::Invalid("base64"));
    }
    if bytes.len() > limit {
        return Err(FormatError::TooLarge { limit });
    }
    Ok(bytes)
}

/// Bytes as lower-case hexadecimal.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Reads exactly `N` bytes from hexadecimal of either case.
///
/// # Errors
/// [`FormatError::Invalid`]: another length, or no hexadecimal digits.
pub fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], FormatError> {
    let invalid = FormatError::Invalid("hexadecimal");
    let text = text.trim();
    if text.len() != N * 2 {
        return Err(invalid);
    }
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| invalid.clone())?;
    bytes.try_into().map_err(|_| invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_limits_are_exact() {
        for len in 0..20 {
            let bytes = vec![7; len];
            let text = to_base64(&bytes);
            assert_eq!(from_base64(&text, len), Ok(bytes));
            if len > 0 {
                assert_eq!(from_base64(&text, len - 1), Err(FormatError::TooLarge { limit: len - 1 }));
            }
        }
        assert_eq!(from_base64("AA", 9), Err(FormatError::Invalid("base64")), "padding is required");
        assert_eq!(from_base64("AB==", 9), Err(FormatError::Invalid("base64")), "trailing bits must be zero");
    }

    #[test]
    fn hexadecimal_has_one_length() {
        assert_eq!(from_hex::<2>("0aFf"), Ok([10, 255]));
        assert!(from_hex::<2>("0aF").is_err());
        assert!(from_hex::<2>("0aFfF").is_err());
        assert!(from_hex::<2>("0aFg").is_err());
    }

    proptest::proptest! {
        #[test]
        fn whatever_base64_reads_is_its_own_spelling(text in "[A-Za-z0-9+/=]{0,24}") {
            if let Ok(bytes) = from_base64(&text, 64) {
                proptest::prop_assert_eq!(to_base64(&bytes), text);
            }
        }
    }
}
