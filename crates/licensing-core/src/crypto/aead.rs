//! AES-256-GCM under a key that is used once.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::error::VerifyError;

fn key_of(key: &[u8; 32]) -> LessSafeKey {
    // Invariant: AES-256-GCM keys have 32 bytes.
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a 32-byte key"))
}

/// Encrypts under a key that never encrypts anything else; returns ciphertext and tag.
///
/// # Security
/// The nonce is zero, so the key must be single-use: derive it with a fresh salt for every message
/// ([`crate::crypto::digest::derive_key`]). Then neither a crash nor a cloned machine can repeat a nonce.
#[must_use]
pub fn encrypt_once(key: &[u8; 32], plaintext: &[u8], aad: &[u8]) -> Vec<u8> {
    let mut buffer = plaintext.to_vec();
    // Invariant: messages here are far below the length limit of GCM, the only failure.
    key_of(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::from(aad), &mut buffer)
        .expect("message within GCM's length limit");
    buffer
}

/// Decrypts what [`encrypt_once`] made.
///
/// # Errors
/// [`VerifyError::CannotOpen`]: another key, another `aad`, or changed bytes.
pub fn decrypt_once(key: &[u8; 32], ciphertext: &[u8], aad: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let mut buffer = ciphertext.to_vec();
    let plain = key_of(key)
        .open_in_place(Nonce::assume_unique_for_key([0; 12]), Aad::from(aad), &mut buffer)
        .map_err(|_| VerifyError::CannotOpen)?
        .len();
    buffer.truncate(plain);
    Ok(buffer)
}
