//! What the user allowed: which web origins may talk to the containers of this computer, and the secret behind
//! the names containers have for each of them.

use container_sim::storage::{DirStorage, Storage as _, replace};
use licensing_core::codec::{Decode, Encode, decode, encode};
use licensing_core::crypto::digest::keyed_hash;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::ids::{ContainerSerial, FirmCode};
use licensing_core::limits::FILE_BYTES_MAX;
use licensing_core::origin::Origin;
use licensing_core::time::Timestamp;
use licensing_core::{Entropy, random};

use crate::registry::{Registry, RuntimeError};

/// Most origins that can be allowed.
const CONSENTS_MAX: usize = 200;
const CONSENTS_FILE: &str = "consents";
const SECRET_FILE: &str = "pseudonyms.key";

/// An origin the user allowed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Consent {
    /// The origin.
    pub origin: Origin,
    /// When it was allowed.
    pub allowed_at: Timestamp,
    /// Vendors whose grants it has shown, each with the root it was first seen with.
    pub vendors: Vec<(FirmCode, PublicKey)>,
}

fn read(folder: &DirStorage) -> Result<Vec<Consent>, RuntimeError> {
    let Some(bytes) = folder.read(CONSENTS_FILE)? else { return Ok(Vec::new()) };
    let damaged = |error: licensing_core::error::FormatError| RuntimeError::Remote {
        code: "agent_consents_damaged".to_owned(),
        message: format!("the list of allowed origins cannot be read: {error}"),
    };
    decode::<Vec<Consent>, FILE_BYTES_MAX>(&bytes).map_err(damaged)
}

impl Registry {
    /// The origins the user allowed, in the order of their names.
    ///
    /// # Errors
    /// The list cannot be read: then nobody is allowed anything.
    pub fn consents(&self) -> Result<Vec<Consent>, RuntimeError> {
        read(&self.agent_folder()?)
    }

    fn write_consents(&self, mut consents: Vec<Consent>) -> Result<(), RuntimeError> {
        consents.sort_by(|a, b| a.origin.cmp(&b.origin));
        Ok(replace(&mut self.agent_folder()?, CONSENTS_FILE, &encode(&consents))?)
    }

    /// Allows an origin; whether it was not allowed before.
    ///
    /// # Errors
    /// The disk failed, or too many origins are allowed.
    pub fn allow(&mut self, origin: &Origin) -> Result<bool, RuntimeError> {
        let mut consents = self.consents()?;
        if consents.iter().any(|consent| consent.origin == *origin) {
            return Ok(false);
        }
        if consents.len() >= CONSENTS_MAX {
            let message = "too many origins are allowed; revoke one first".to_owned();
            return Err(RuntimeError::Remote { code: "agent_limit".to_owned(), message });
        }
        let allowed_at = self.clock().now();
        consents.push(Consent { origin: origin.clone(), allowed_at, vendors: Vec::new() });
        self.write_consents(consents)?;
        Ok(true)
    }

    /// Takes a consent back; whether there was one.
    ///
    /// # Errors
    /// The disk failed.
    pub fn revoke(&mut self, origin: &Origin) -> Result<bool, RuntimeError> {
        let mut consents = self.consents()?;
        let before = consents.len();
        consents.retain(|consent| consent.origin != *origin);
        let was_there = consents.len() < before;
        if was_there {
            self.write_consents(consents)?;
        }
        Ok(was_there)
    }

    /// Whether an origin is allowed.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn is_allowed(&self, origin: &Origin) -> Result<bool, RuntimeError> {
        Ok(self.consents()?.iter().any(|consent| consent.origin == *origin))
    }

    /// The root under which a vendor is known to this computer's consents.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn consented_root(&self, firm_code: FirmCode) -> Result<Option<PublicKey>, RuntimeError> {
        let consents = self.consents()?;
        let mut vendors = consents.iter().flat_map(|consent| &consent.vendors);
        Ok(vendors.find(|(known, _)| *known == firm_code).map(|(_, root)| *root))
    }

    /// Remembers the root a vendor is known under, once the user has allowed an origin of it.
    ///
    /// # Errors
    /// The disk failed.
    pub fn remember_root(
        &mut self,
        origin: &Origin,
        firm_code: FirmCode,
        root: &PublicKey,
    ) -> Result<(), RuntimeError> {
        let mut consents = self.consents()?;
        let Some(consent) = consents.iter_mut().find(|consent| consent.origin == *origin) else {
            return Ok(());
        };
        if consent.vendors.iter().any(|(known, _)| *known == firm_code) {
            return Ok(());
        }
        consent.vendors.push((firm_code, *root));
        self.write_consents(consents)
    }

    /// The name a container has for an origin: the same at every visit, another one for every other origin.
    ///
    /// # Errors
    /// The secret behind the names cannot be read or made.
    ///
    /// # Security
    /// Two origins that compare names learn nothing; only this computer can turn a name into a serial.
    pub fn pseudonym(&mut self, origin: &Origin, serial: ContainerSerial) -> Result<[u8; 16], RuntimeError> {
        let secret = self.pseudonym_secret()?;
        Ok(pseudonym(&secret, origin, serial))
    }

    fn pseudonym_secret(&mut self) -> Result<[u8; 32], RuntimeError> {
        let mut folder = self.agent_folder()?;
        if let Some(found) = folder.read(SECRET_FILE)?.and_then(|bytes| bytes.try_into().ok()) {
            return Ok(found);
        }
        let entropy: &mut dyn Entropy = self.entropy();
        let secret: [u8; 32] = random(entropy);
        replace(&mut folder, SECRET_FILE, &secret)?;
        Ok(secret)
    }
}

/// The name of a container for an origin under a secret.
#[must_use]
pub(crate) fn pseudonym(secret: &[u8; 32], origin: &Origin, serial: ContainerSerial) -> [u8; 16] {
    let origin = origin.as_str().as_bytes();
    let length = (origin.len() as u64).to_le_bytes();
    let digest =
        keyed_hash(secret, "container pseudonym", &[&length, origin, &serial.to_bytes()[..]].concat());
    let mut out = [0; 16];
    out.copy_from_slice(&digest[..16]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Places;

    fn origin(text: &str) -> Origin {
        Origin::new(text).unwrap()
    }

    #[test]
    fn consents_are_kept_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::below(folder.path(), &folder.path().join("state"));
        let mut registry = Registry::open(places.clone()).unwrap();
        let (a, b) = (origin("https://a.example"), origin("https://b.example"));
        let firm = FirmCode::new(6_000_010).unwrap();
        let root = licensing_core::crypto::sign::SigningKey::from_seed([1; 32]).public_key();
        assert!(!registry.is_allowed(&a).unwrap());
        registry.remember_root(&a, firm, &root).unwrap();
        assert_eq!(registry.consented_root(firm).unwrap(), None, "nothing is remembered without consent");
        assert!(registry.allow(&a).unwrap());
        assert!(!registry.allow(&a).unwrap());
        registry.remember_root(&a, firm, &root).unwrap();
        drop(registry);
        let mut registry = Registry::open(places).unwrap();
        assert!(registry.is_allowed(&a).unwrap() && !registry.is_allowed(&b).unwrap());
        assert_eq!(registry.consented_root(firm).unwrap(), Some(root));
        assert!(registry.revoke(&a).unwrap() && !registry.revoke(&a).unwrap());
        assert_eq!(registry.consented_root(firm).unwrap(), None);
    }

    #[test]
    fn a_damaged_list_allows_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::below(folder.path(), &folder.path().join("state"));
        let mut registry = Registry::open(places.clone()).unwrap();
        registry.allow(&origin("https://a.example")).unwrap();
        std::fs::write(places.agent.join("consents"), b"garbage").unwrap();
        assert!(registry.is_allowed(&origin("https://a.example")).is_err());
    }

    #[test]
    fn t19_two_origins_cannot_link_a_container() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::below(folder.path(), &folder.path().join("state"));
        let mut registry = Registry::open(places.clone()).unwrap();
        let serial: ContainerSerial = "3-1234567".parse().unwrap();
        let other: ContainerSerial = "3-7654321".parse().unwrap();
        let (a, b) = (origin("https://a.example"), origin("https://b.example"));
        let name = registry.pseudonym(&a, serial).unwrap();
        assert_ne!(name, registry.pseudonym(&b, serial).unwrap());
        assert_ne!(name, registry.pseudonym(&a, other).unwrap());
        drop(registry);
        let mut again = Registry::open(places).unwrap();
        assert_eq!(again.pseudonym(&a, serial).unwrap(), name, "the same at every visit");
    }
}
