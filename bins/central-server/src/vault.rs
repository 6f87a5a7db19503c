//! Secrets in the database: tickets as keyed hash and encrypted, stored answers encrypted, API tokens hashed.

use licensing_core::crypto::aead::{decrypt_once, encrypt_once};
use licensing_core::crypto::digest::{Digest, derive_key, hash, keyed_hash};
use licensing_core::error::VerifyError;
use licensing_core::order::StoredCode;
use licensing_core::ticket_code::TicketCode;
use licensing_core::{Entropy, random};
use licensing_wire::binary::to_hex;
use zeroize::Zeroizing;

const SALT_BYTES: usize = 32;
const TOKEN_PREFIX: &str = "cst_";

/// The two keys that protect what the database holds.
///
/// # Security
/// A copy of the database without these keys gives away no ticket. Kept in files beside it, not inside.
#[derive(Clone)]
pub struct Vault {
    pepper: Zeroizing<[u8; 32]>,
    encryption: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    /// A vault with these keys.
    #[must_use]
    pub fn new(pepper: [u8; 32], encryption: [u8; 32]) -> Self {
        Self { pepper: Zeroizing::new(pepper), encryption: Zeroizing::new(encryption) }
    }

    /// The keyed hash under which a ticket is found.
    #[must_use]
    pub fn lookup(&self, code: &TicketCode) -> Digest {
        let canonical = Zeroizing::new(code.canonical());
        keyed_hash(&self.pepper, "ticket look-up", canonical.as_bytes())
    }

    /// A ticket as it is stored.
    #[must_use]
    pub fn store(&self, code: &TicketCode, entropy: &mut dyn Entropy) -> StoredCode {
        let lookup = self.lookup(code);
        let canonical = Zeroizing::new(code.canonical());
        StoredCode { lookup, sealed: self.seal("ticket", canonical.as_bytes(), &lookup, entropy) }
    }

    /// A stored ticket, readable again.
    ///
    /// # Errors
    /// Damaged, or stored under other keys.
    pub fn read(&self, stored: &StoredCode) -> Result<TicketCode, VerifyError> {
        let plain = Zeroizing::new(self.open("ticket", &stored.sealed, &stored.lookup)?);
        let text = std::str::from_utf8(&plain).map_err(|_| VerifyError::CannotOpen)?;
        text.parse().map_err(|_| VerifyError::CannotOpen)
    }

    /// The keyed hash of a recovery code of a user.
    #[must_use]
    pub fn recovery_hash(&self, user: &str, code: &str) -> Digest {
        let parts = Zeroizing::new(format!("{user}\n{code}"));
        keyed_hash(&self.pepper, "recovery code", parts.as_bytes())
    }

    /// Encrypts bytes for the database under a key of their own, bound to `aad`.
    #[must_use]
    pub fn seal(&self, domain: &str, plain: &[u8], aad: &[u8], entropy: &mut dyn Entropy) -> Vec<u8> {
        let salt: [u8; SALT_BYTES] = random(entropy);
        let key = Zeroizing::new(derive_key(&self.encryption[..], &salt, domain));
        let mut out = salt.to_vec();
        out.extend_from_slice(&encrypt_once(&key, plain, aad));
        out
    }

    /// Decrypts what [`Vault::seal`] made.
    ///
    /// # Errors
    /// Damaged, of another domain, bound to another `aad`, or sealed under another key.
    pub fn open(&self, domain: &str, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, VerifyError> {
        let (salt, ciphertext) = sealed.split_first_chunk::<SALT_BYTES>().ok_or(VerifyError::CannotOpen)?;
        let key = Zeroizing::new(derive_key(&self.encryption[..], salt, domain));
        decrypt_once(&key, ciphertext, aad)
    }
}

/// A fresh API token: 256 random bits. Only its holder ever has it; the server keeps [`token_hash`].
#[must_use]
pub fn new_token(entropy: &mut dyn Entropy) -> Zeroizing<String> {
    let secret: Zeroizing<[u8; 32]> = Zeroizing::new(random(entropy));
    Zeroizing::new(format!("{TOKEN_PREFIX}{}", to_hex(&secret[..])))
}

/// The hash under which an API token is stored. Tokens are random, so no slow hash is needed.
#[must_use]
pub fn token_hash(token: &str) -> Digest {
    hash("api token", &[token.as_bytes()])
}

/// The hash under which an API token is stored that is bound to the certificate of a fingerprint.
#[must_use]
pub fn certificate_hash(fingerprint: &Digest) -> Digest {
    hash("client certificate", &[fingerprint])
}

/// The secret of a fresh session: 256 random bits. Only the browser ever has it; the server keeps [`session_hash`].
#[must_use]
pub fn new_session(entropy: &mut dyn Entropy) -> Zeroizing<String> {
    let secret: Zeroizing<[u8; 32]> = Zeroizing::new(random(entropy));
    Zeroizing::new(to_hex(&secret[..]))
}

/// The hash under which a session is stored.
#[must_use]
pub fn session_hash(secret: &str) -> Digest {
    hash("session", &[secret.as_bytes()])
}

#[cfg(test)]
mod tests {
    use licensing_core::testing::TestEntropy;

    use super::*;

    #[test]
    fn a_stored_ticket_can_be_read_with_the_same_keys_only() {
        let mut entropy = TestEntropy::new(1);
        let vault = Vault::new([1; 32], [2; 32]);
        let code = TicketCode::generate(&mut entropy);
        let stored = vault.store(&code, &mut entropy);
        assert_eq!(vault.read(&stored).unwrap(), code);
        assert_eq!(stored.lookup, vault.lookup(&code));
        assert!(Vault::new([1; 32], [3; 32]).read(&stored).is_err());
        let other = StoredCode { lookup: [0; 32], ..stored.clone() };
        assert!(vault.read(&other).is_err(), "the ciphertext belongs to its look-up hash");
        let text = code.canonical();
        assert!(!stored.sealed.windows(5).any(|part| text.as_bytes().windows(5).any(|t| t == part)));
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let mut entropy = TestEntropy::new(2);
        let vault = Vault::new([1; 32], [2; 32]);
        let seal = |entropy: &mut TestEntropy| vault.seal("answer", b"same", b"", entropy);
        assert_ne!(seal(&mut entropy), seal(&mut entropy));
    }

    #[test]
    fn tokens_have_256_bits_and_differ() {
        let mut entropy = TestEntropy::new(3);
        let (a, b) = (new_token(&mut entropy), new_token(&mut entropy));
        assert_eq!(a.len(), TOKEN_PREFIX.len() + 64);
        assert_ne!(token_hash(&a), token_hash(&b));
    }
}
