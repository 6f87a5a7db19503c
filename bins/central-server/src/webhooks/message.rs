//! What is sent, and how it is signed: Standard Webhooks 1.0.0, symmetric.

use data_encoding::BASE64;
use licensing_core::error::VerifyError;
use licensing_core::{Entropy, random};
use ring::hmac;
use zeroize::Zeroizing;

use crate::vault::Vault;

/// Bytes of a signing secret.
pub const SECRET_BYTES: usize = 32;
/// Secrets that sign at once: while one is replaced, two.
const SECRETS_MAX: usize = 2;

/// The signing secrets of a receiver, the newest first. Overwritten when dropped.
pub struct Secrets(Vec<Zeroizing<[u8; SECRET_BYTES]>>);

impl Secrets {
    /// The first secret.
    #[must_use]
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(vec![Zeroizing::new(random(entropy))])
    }

    /// Adds a secret; the newest of those before goes on signing, until [`Secrets::retire`].
    pub fn rotate(&mut self, entropy: &mut dyn Entropy) {
        self.0.insert(0, Zeroizing::new(random(entropy)));
        self.0.truncate(SECRETS_MAX);
    }

    /// Ends the older one; whether there was one.
    pub fn retire(&mut self) -> bool {
        let had = self.0.len() > 1;
        self.0.truncate(1);
        had
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The newest.
    #[must_use]
    pub fn newest(&self) -> &[u8] {
        self.0.first().map(|secret| &secret[..]).unwrap_or_default()
    }

    /// As they are stored for a receiver.
    #[must_use]
    pub fn seal(&self, vault: &Vault, name: &str, entropy: &mut dyn Entropy) -> Vec<u8> {
        let plain: Zeroizing<Vec<u8>> =
            Zeroizing::new(self.0.iter().flat_map(|secret| secret.to_vec()).collect());
        vault.seal("webhook secrets", &plain, name.as_bytes(), entropy)
    }

    /// What [`Secrets::seal`] made.
    ///
    /// # Errors
    /// Damaged, of another receiver, or sealed under another key.
    pub fn open(vault: &Vault, name: &str, sealed: &[u8]) -> Result<Self, VerifyError> {
        let plain = Zeroizing::new(vault.open("webhook secrets", sealed, name.as_bytes())?);
        let (secrets, rest) = plain.as_chunks::<SECRET_BYTES>();
        if secrets.is_empty() || !rest.is_empty() {
            return Err(VerifyError::CannotOpen);
        }
        Ok(Self(secrets.iter().map(|secret| Zeroizing::new(*secret)).collect()))
    }

    /// The value of the header `webhook-signature`: one signature for every secret.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let signatures: Vec<String> =
            self.0.iter().map(|secret| signature(&secret[..], id, timestamp, body)).collect();
        signatures.join(" ")
    }
}

/// A secret as the receiver is given it.
#[must_use]
pub fn print_secret(secret: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(format!("whsec_{}", BASE64.encode(secret)))
}

/// The signature of a message: HMAC-SHA256 over its id, the seconds since 1970 and the body, with dots between.
#[must_use]
pub fn signature(secret: &[u8], id: &str, timestamp: u64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body);
    format!("v1,{}", BASE64.encode(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use licensing_core::testing::TestEntropy;

    use super::*;

    /// The example of the specification.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let secret = BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed =
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_older_secret_signs_until_it_is_retired() {
        let (vault, mut entropy) = (Vault::new([1; 32], [2; 32]), TestEntropy::new(1));
        let mut secrets = Secrets::generate(&mut entropy);
        let first = secrets.newest().to_vec();
        assert!(!secrets.retire());
        secrets.rotate(&mut entropy);
        let sealed = secrets.seal(&vault, "erp", &mut entropy);
        assert!(Secrets::open(&vault, "other", &sealed).is_err());
        let mut secrets = Secrets::open(&vault, "erp", &sealed).unwrap();
        let (new, old) = (secrets.newest().to_vec(), first);
        let both = [&new, &old].map(|secret| signature(secret, "a", 1, b"x")).join(" ");
        assert_eq!(secrets.sign("a", 1, b"x"), both);
        secrets.rotate(&mut entropy);
        assert_eq!(secrets.count(), 2, "the oldest of three is gone");
        assert!(secrets.retire());
        assert_eq!(secrets.count(), 1);
        assert!(!secrets.sign("a", 1, b"x").contains(' '));
    }
}
