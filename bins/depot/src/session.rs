//! Visitors: a cookie that only a depot can read and write. Nothing of it is kept here, so that any depot with the same
//! key serves any request (docs/adr/0016).

use std::path::Path;

use anyhow::{Context as _, ensure};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use http_pages::headers::cookie;
use hyper::HeaderMap;
use licensing_core::random;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::system::{self, SystemEntropy};

/// Name of the cookie. The prefix binds it to this host, to `https` and to the whole site.
pub const COOKIE_NAME: &str = "__Host-depot";
/// Longest cookie that is looked at, in bytes.
const COOKIE_BYTES_MAX: usize = 4096;

/// A visitor.
///
/// # Security
/// Holds tickets: never shown as a whole, and `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Random; what belongs to the visitor is bound to it.
    pub id: [u8; 16],
    /// Tickets that were entered and known.
    pub tickets: Vec<String>,
    /// Last visit, in seconds since 1970.
    pub seen: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(..)")
    }
}

/// Seals and opens cookies, and makes what is derived from them.
pub struct Keeper {
    aead: LessSafeKey,
    mac: hmac::Key,
    secs: u64,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keeper(..)")
    }
}

impl Keeper {
    /// A keeper with the key of a file, or without one with a key of its own.
    ///
    /// # Errors
    /// The file cannot be read or is no key.
    pub fn new(key_file: &Path, hours: u32) -> anyhow::Result<Self> {
        let mut key: [u8; 32] = random(&mut SystemEntropy::default());
        if !key_file.as_os_str().is_empty() {
            let text = std::fs::read_to_string(key_file)
                .with_context(|| format!("session.key_file: cannot read {}", key_file.display()))?;
            let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).unwrap_or_default();
            ensure!(bytes.len() == 32, "session.key_file: expected 64 hexadecimal digits");
            key.copy_from_slice(&bytes);
        }
        let root = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let derived = |what: &[u8]| hmac::sign(&root, what);
        // Invariant: an HMAC-SHA-256 has the length of a key of AES-256.
        let aead = UnboundKey::new(&AES_256_GCM, derived(b"depot cookie").as_ref()).expect("32 bytes");
        let mac = hmac::Key::new(hmac::HMAC_SHA256, derived(b"depot tokens").as_ref());
        Ok(Self { aead: LessSafeKey::new(aead), mac, secs: u64::from(hours) * 3600 })
    }

    /// A visitor nobody knows yet.
    #[must_use]
    pub fn fresh() -> Session {
        Session { id: random(&mut SystemEntropy::default()), tickets: Vec::new(), seen: system::now() }
    }

    /// The visitor of a request, when its cookie is one of ours and not too old.
    #[must_use]
    pub fn open(&self, headers: &HeaderMap) -> Option<Session> {
        let sound = |value: &str| !value.is_empty() && value.len() <= COOKIE_BYTES_MAX;
        let value = cookie(headers, COOKIE_NAME, sound)?;
        let mut bytes = BASE64URL_NOPAD.decode(value.as_bytes()).ok()?;
        let sealed = bytes.split_off(NONCE_LEN.min(bytes.len()));
        let nonce = Nonce::try_assume_unique_for_key(&bytes).ok()?;
        let mut sealed = sealed;
        let plain = self.aead.open_in_place(nonce, Aad::from(COOKIE_NAME), &mut sealed).ok()?;
        let session: Session = serde_json::from_slice(plain).ok()?;
        (session.seen + self.secs >= system::now()).then_some(session)
    }

    /// The `Set-Cookie` field for a visitor.
    #[must_use]
    pub fn seal(&self, session: &Session) -> String {
        let nonce: [u8; NONCE_LEN] = random(&mut SystemEntropy::default());
        // Invariant: bytes and short texts are always JSON.
        let mut bytes = serde_json::to_vec(session).unwrap_or_default();
        let sealed = self.aead.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(COOKIE_NAME),
            &mut bytes,
        );
        // Invariant: only far larger texts than a cookie cannot be sealed.
        sealed.expect("a short text");
        let value = BASE64URL_NOPAD.encode(&[nonce.as_slice(), &bytes].concat());
        format!("{COOKIE_NAME}={value}; Path=/; Secure; HttpOnly; SameSite=Lax")
    }

    /// What every form of a visitor carries.
    #[must_use]
    pub fn form_token(&self, session: &Session) -> String {
        BASE64URL_NOPAD.encode(hmac::sign(&self.mac, &[b"form".as_slice(), &session.id].concat()).as_ref())
    }

    /// Whether a form carries the visitor's token.
    #[must_use]
    pub fn is_form_token(&self, session: &Session, token: &str) -> bool {
        let tag = BASE64URL_NOPAD.decode(token.as_bytes()).unwrap_or_default();
        hmac::verify(&self.mac, &[b"form".as_slice(), &session.id].concat(), &tag).is_ok()
    }

    /// What stands for a ticket in the addresses of a visitor's pages: useless without his cookie.
    #[must_use]
    pub fn reference(&self, session: &Session, ticket: &str) -> String {
        let tag = hmac::sign(&self.mac, &[b"ticket".as_slice(), &session.id, ticket.as_bytes()].concat());
        HEXLOWER_PERMISSIVE.encode(&tag.as_ref()[..8])
    }

    /// What stands for a network address or a container where only sameness counts.
    #[must_use]
    pub fn tag(&self, what: &[u8]) -> String {
        HEXLOWER_PERMISSIVE.encode(&hmac::sign(&self.mac, what).as_ref()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(set: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(hyper::header::COOKIE, set.split(';').next().unwrap().parse().unwrap());
        headers
    }

    #[test]
    fn cookies_are_opened_by_whoever_has_the_key_and_say_nothing_to_others() {
        let keeper = Keeper::new(Path::new(""), 1).unwrap();
        let mut session = Keeper::fresh();
        session.tickets.push("ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23".to_owned());
        let set = keeper.seal(&session);
        assert!(set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax") && !set.contains("ABCDE"));
        assert_eq!(keeper.open(&headers(&set)), Some(session.clone()));
        assert!(Keeper::new(Path::new(""), 1).unwrap().open(&headers(&set)).is_none());
        // Any change makes it nobody's.
        let mut changed = set.clone();
        let at = COOKIE_NAME.len() + 30;
        let other = if &changed[at..=at] == "A" { "B" } else { "A" };
        changed.replace_range(at..=at, other);
        assert!(keeper.open(&headers(&changed)).is_none());
        for nonsense in ["", "x", "AAAA"] {
            assert!(keeper.open(&headers(&format!("{COOKIE_NAME}={nonsense}"))).is_none());
        }
        session.seen = system::now() - 3601;
        assert!(keeper.open(&headers(&keeper.seal(&session))).is_none(), "too old");
    }

    #[test]
    fn tokens_and_references_belong_to_one_visitor() {
        let keeper = Keeper::new(Path::new(""), 1).unwrap();
        let (one, other) = (Keeper::fresh(), Keeper::fresh());
        assert!(keeper.is_form_token(&one, &keeper.form_token(&one)));
        assert!(!keeper.is_form_token(&other, &keeper.form_token(&one)));
        assert!(!keeper.is_form_token(&one, ""));
        assert_ne!(keeper.reference(&one, "T"), keeper.reference(&other, "T"));
    }

    #[test]
    fn several_depots_share_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "ab".repeat(32)).unwrap();
        let (a, b) = (Keeper::new(&file, 1).unwrap(), Keeper::new(&file, 1).unwrap());
        let session = Keeper::fresh();
        assert_eq!(b.open(&headers(&a.seal(&session))), Some(session));
        std::fs::write(&file, "ab").unwrap();
        assert!(Keeper::new(&file, 1).is_err());
    }
}
