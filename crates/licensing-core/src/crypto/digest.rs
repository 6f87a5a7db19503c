//! SHA-256 with domain separation, and the keyed hash for tickets.

use ring::hmac;
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// SHA-256 over `domain`, a zero byte, and each part preceded by its length as `u64` little-endian.
///
/// # Security
/// The domain and the lengths make two different uses, or two different splittings, never collide.
#[must_use]
pub fn hash(domain: &str, parts: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(b"openlc:v1:");
    hasher.update(domain.as_bytes());
    hasher.update([0]);
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Plain SHA-256, for contents that other tools must be able to compare (`sha256sum`).
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// HMAC-SHA-256 under a key, with the same domain separation.
#[must_use]
pub fn keyed_hash(key: &[u8; 32], domain: &str, data: &[u8]) -> Digest {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut context = hmac::Context::with_key(&key);
    context.update(b"openlc:v1:");
    context.update(domain.as_bytes());
    context.update(&[0]);
    context.update(data);
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

/// Derives a 32-byte key from a key: HKDF-SHA-256 with `salt` and the domain as info.
#[must_use]
pub fn derive_key(secret: &[u8], salt: &[u8], domain: &str) -> [u8; 32] {
    let mut out = [0; 32];
    let prk = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, salt).extract(secret);
    let info = [b"openlc:v1:".as_slice(), domain.as_bytes()];
    // Invariant: 32 bytes are within what HKDF-SHA-256 can give.
    prk.expand(&info, ring::hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut out))
        .expect("one block of HKDF output");
    out
}
