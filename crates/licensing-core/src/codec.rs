//! The one codec: `bincode` with fixed-width little-endian integers, a size limit, no trailing bytes,
//! and a re-encoding compare, so that one value has exactly one encoding.
//!
//! Nothing else in the workspace calls bincode (`clippy.toml` and `deny.toml` see to it). The layout is
//! specified byte by byte in `docs/formats/codec.md`, so that the formats can be written without Rust:
//! integers little-endian at their width, `bool` and `Option` one byte 0 or 1, enum tags `u32`,
//! strings and lists a `u64` length followed by the elements, structs and arrays simply in order.

pub use bincode::{Decode, Encode};
use bincode::{config, error::DecodeError};

use crate::error::FormatError;

/// Encodes a value. Never fails for our types: they hold no unencodable parts.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this module is the one caller of bincode")]
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    let config = config::legacy();
    // Invariant: encoding to a Vec fails only for types bincode cannot represent, and we derive none.
    bincode::encode_to_vec(value, config).expect("our types always encode")
}

/// Decodes a value that must fill `bytes` exactly and be its own canonical encoding.
///
/// `LIMIT` bounds both the input and what a length field may claim, before anything is allocated.
///
/// # Errors
/// * [`FormatError::TooLarge`]: the input, or a length inside it, exceeds `LIMIT`
/// * [`FormatError::Truncated`]: the input ends inside a field
/// * [`FormatError::TrailingBytes`]: bytes are left after the value
/// * [`FormatError::NotCanonical`]: the bytes are another spelling of the value
/// * [`FormatError::Invalid`]: a field has a value its type forbids
#[expect(clippy::disallowed_methods, reason = "this module is the one caller of bincode")]
pub fn decode<T: Decode<()> + Encode, const LIMIT: usize>(bytes: &[u8]) -> Result<T, FormatError> {
    if bytes.len() > LIMIT {
        return Err(FormatError::TooLarge { limit: LIMIT });
    }
    let config = config::legacy().with_limit::<LIMIT>();
    let (value, used): (T, usize) =
        bincode::decode_from_slice(bytes, config).map_err(|error| match error {
            DecodeError::UnexpectedEnd { .. } => FormatError::Truncated,
            DecodeError::LimitExceeded => FormatError::TooLarge { limit: LIMIT },
            DecodeError::Other(what) => FormatError::Invalid(what),
            _ => FormatError::Invalid("field"),
        })?;
    if used != bytes.len() {
        return Err(FormatError::TrailingBytes);
    }
    if encode(&value) != bytes {
        return Err(FormatError::NotCanonical);
    }
    Ok(value)
}

/// Implements the codec for a newtype by encoding its inner value and checking it again on decoding.
macro_rules! checked_codec {
    ($type:ty, $inner:ty, $get:expr, $check:expr, $what:literal) => {
        impl bincode::Encode for $type {
            fn encode<E: bincode::enc::Encoder>(
                &self,
                encoder: &mut E,
            ) -> Result<(), bincode::error::EncodeError> {
                let get: fn(&$type) -> &$inner = $get;
                bincode::Encode::encode(get(self), encoder)
            }
        }
        impl<C> bincode::Decode<C> for $type {
            fn decode<D: bincode::de::Decoder<Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                let inner: $inner = bincode::Decode::decode(decoder)?;
                let check: fn($inner) -> Option<$type> = $check;
                check(inner).ok_or(bincode::error::DecodeError::Other($what))
            }
        }
        bincode::impl_borrow_decode!($type);
    };
}
pub(crate) use checked_codec;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Sample {
        a: u32,
        b: Option<bool>,
        c: String,
        d: Vec<u16>,
    }

    #[test]
    fn length_bombs_are_refused_before_allocation() {
        for claim in [1u64 << 16, 1 << 32, 1 << 50, 1 << 63, u64::MAX] {
            let mut bytes = vec![0u8; 5];
            bytes.extend_from_slice(&claim.to_le_bytes());
            assert!(decode::<Sample, 1024>(&bytes).is_err(), "claim {claim}");
        }
    }

    #[test]
    fn trailing_bytes_and_second_spellings_are_refused() {
        let good = encode(&Sample { a: 1, b: Some(true), c: "x".into(), d: vec![1, 2] });
        assert!(decode::<Sample, 1024>(&good).is_ok());
        let mut longer = good.clone();
        longer.push(0);
        assert_eq!(decode::<Sample, 1024>(&longer), Err(FormatError::TrailingBytes));
        for end in 0..good.len() {
            assert!(decode::<Sample, 1024>(&good[..end]).is_err());
        }
        assert_eq!(decode::<Sample, 8>(&good), Err(FormatError::TooLarge { limit: 8 }));
    }

    proptest::proptest! {
        #[test]
        fn whatever_decodes_is_its_own_encoding(bytes: Vec<u8>) {
            if let Ok(value) = decode::<Sample, 4096>(&bytes) {
                proptest::prop_assert_eq!(encode(&value), bytes);
            }
        }

        #[test]
        fn values_survive_the_round_trip(a: u32, b: Option<bool>, c: String, d: Vec<u16>) {
            let value = Sample { a, b, c, d };
            proptest::prop_assert_eq!(decode::<Sample, 65536>(&encode(&value)).unwrap(), value);
        }
    }
}
