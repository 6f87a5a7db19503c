//! Sealing to a container: HPKE base mode (RFC 9180) with DHKEM(X25519, HKDF-SHA-256), HKDF-SHA-256 and
//! AES-256-GCM.

use std::fmt;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroize;

use crate::Entropy;
use crate::codec::{Decode, Encode};
use crate::error::VerifyError;

/// The X25519 public key updates for a container are sealed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct SealingPublicKey(pub [u8; 32]);

/// A container's X25519 key.
#[derive(Clone, PartialEq, Eq, Zeroize, Encode, Decode)]
#[zeroize(drop)]
pub struct SealingKey([u8; 32]);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

impl SealingKey {
    /// Makes a new key.
    #[must_use]
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut ikm = [0; 32];
        entropy.fill(&mut ikm);
        let (secret, _) = X25519HkdfSha256::derive_keypair(&ikm);
        ikm.zeroize();
        Self(secret.to_bytes().into())
    }

    fn secret(&self) -> <X25519HkdfSha256 as Kem>::PrivateKey {
        // Invariant: every 32-byte string is an X25519 private key.
        Deserializable::from_bytes(&self.0).expect("a 32-byte X25519 key")
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> SealingPublicKey {
        SealingPublicKey(X25519HkdfSha256::sk_to_pk(&self.secret()).to_bytes().into())
    }

    /// Opens what [`seal`] made.
    ///
    /// # Errors
    /// [`VerifyError::CannotOpen`]: sealed for another key, or changed.
    pub fn open(&self, sealed: &Sealed, info: &[u8], aad: &[u8]) -> Result<Vec<u8>, VerifyError> {
        let enc = Deserializable::from_bytes(&sealed.enc).map_err(|_| VerifyError::CannotOpen)?;
        hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.secret(),
            &enc,
            info,
            &sealed.ciphertext,
            aad,
        )
        .map_err(|_| VerifyError::CannotOpen)
    }
}

/// A sealed message: the encapsulated key and the ciphertext with its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The sender's ephemeral X25519 public key.
    pub enc: [u8; 32],
    /// Ciphertext and tag.
    pub ciphertext: Vec<u8>,
}

/// Lets the hpke crate draw from the injected entropy.
struct Source<'a>(&'a mut dyn Entropy);

impl rand_core::TryRng for Source<'_> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(dst);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Source<'_> {}

/// Seals `plaintext` so that only the holder of `to` can open it, bound to `info` and `aad`.
///
/// # Errors
/// [`VerifyError::WeakKey`]: `to` is a degenerate public key.
pub fn seal(
    to: &SealingPublicKey,
    info: &[u8],
    plaintext: &[u8],
    aad: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Sealed, VerifyError> {
    let to = Deserializable::from_bytes(&to.0).map_err(|_| VerifyError::WeakKey)?;
    let (enc, ciphertext) = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &to,
        info,
        plaintext,
        aad,
        &mut Source(entropy),
    )
    .map_err(|_| VerifyError::WeakKey)?;
    Ok(Sealed { enc: enc.to_bytes().into(), ciphertext })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestEntropy;

    #[test]
    fn only_the_right_key_info_and_aad_open() {
        let mut entropy = TestEntropy::new(3);
        let key = SealingKey::generate(&mut entropy);
        let other = SealingKey::generate(&mut entropy);
        let sealed = seal(&key.public_key(), b"info", b"secret", b"aad", &mut entropy).unwrap();
        assert_eq!(key.open(&sealed, b"info", b"aad").unwrap(), b"secret");
        assert!(other.open(&sealed, b"info", b"aad").is_err());
        assert!(key.open(&sealed, b"other", b"aad").is_err());
        assert!(key.open(&sealed, b"info", b"other").is_err());
    }

    #[test]
    fn degenerate_recipients_are_refused() {
        let mut entropy = TestEntropy::new(4);
        assert!(seal(&SealingPublicKey([0; 32]), b"", b"x", b"", &mut entropy).is_err());
    }
}
