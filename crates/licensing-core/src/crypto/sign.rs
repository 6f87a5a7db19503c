//! Ed25519 signatures (RFC 8032).

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroize;

use crate::Entropy;
use crate::codec::{Decode, Encode, checked_codec};
use crate::error::VerifyError;

/// A signature.
pub type Signature = [u8; 64];

/// An Ed25519 public key. [`PublicKey::new`] and the codec refuse keys of small order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

checked_codec!(PublicKey, [u8; 32], |v| &v.0, |b| PublicKey::new(b).ok(), "public key");

impl PublicKey {
    /// Checks and takes a public key.
    ///
    /// # Errors
    /// [`VerifyError::WeakKey`]: not a point of the curve, or of small order.
    ///
    /// # Security
    /// With a small-order key signatures verify for messages nobody signed, so a container could register a
    /// receipt key that accepts forged receipts. `ring` accepts such keys; we do not.
    pub fn new(bytes: [u8; 32]) -> Result<Self, VerifyError> {
        let point = curve25519_dalek::edwards::CompressedEdwardsY(bytes).decompress();
        match point {
            Some(point) if !point.is_small_order() => Ok(Self(bytes)),
            _ => Err(VerifyError::WeakKey),
        }
    }

    /// A key that was checked when it was stored.
    #[must_use]
    pub const fn from_trusted(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Verifies a signature.
    ///
    /// # Errors
    /// [`VerifyError::BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .map_err(|_| VerifyError::BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", data_encoding::HEXLOWER.encode(&self.0[..8]))
    }
}

/// An Ed25519 signing key, kept as its 32-byte seed. `Debug` shows the public key only.
#[derive(Clone, PartialEq, Eq, Zeroize, Encode, Decode)]
#[zeroize(drop)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// The key of a seed.
    #[must_use]
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// Makes a new key.
    #[must_use]
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut seed = [0; 32];
        entropy.fill(&mut seed);
        Self(seed)
    }

    /// The seed.
    ///
    /// # Security
    /// The secret itself: only for writing it to protected storage.
    #[must_use]
    pub const fn seed(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key made ready: half of the work of a signature is done once for all that follow.
    ///
    /// # Security
    /// It is not overwritten when dropped: keep it for as long as it is used, and no longer.
    #[must_use]
    pub(crate) fn signer(&self) -> Signer {
        // Invariant: every 32-byte string is an Ed25519 seed.
        Signer(Ed25519KeyPair::from_seed_unchecked(&self.0).expect("a 32-byte seed"))
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.signer().public_key()
    }

    /// Signs a message. Deterministic.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        self.signer().sign(message)
    }
}

/// A signing key that is ready to sign.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    /// The public half.
    pub(crate) fn public_key(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs a message. Deterministic.
    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        let mut out = [0; 64];
        out.copy_from_slice(self.0.sign(message).as_ref());
        out
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {:?})", self.public_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8032_vector_1() {
        let seed = data_encoding::HEXLOWER
            .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap();
        let key = SigningKey::from_seed(seed.try_into().unwrap());
        assert!(
            data_encoding::HEXLOWER.encode(&key.sign(b"")).starts_with("e5564300c360ac729086e2cc806e828a")
        );
        key.public_key().verify(b"", &key.sign(b"")).unwrap();
        assert_eq!(key.public_key().verify(b"x", &key.sign(b"")), Err(VerifyError::BadSignature));
    }

    #[test]
    fn small_order_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::new(identity), Err(VerifyError::WeakKey));
        assert_eq!(PublicKey::new([0; 32]), Err(VerifyError::WeakKey));
        let good = SigningKey::from_seed([7; 32]).public_key();
        assert_eq!(PublicKey::new(*good.bytes()), Ok(good));
    }
}
