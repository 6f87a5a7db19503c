//! Cryptography of suite 1: Ed25519, X25519 + HKDF-SHA-256 + AES-256-GCM (HPKE, RFC 9180), SHA-256.
//!
//! Keys are values; randomness comes in through [`crate::Entropy`]; nothing is read from the system.

pub mod aead;
pub mod digest;
pub mod seal;
pub mod sign;

/// The suite every file states. Suite 2 (P-256, for smart cards) and suites with larger post-quantum
/// signatures have room in the envelope; the verifier's policy decides which it accepts, never the file.
pub const SUITE_ED25519_X25519: u8 = 1;
