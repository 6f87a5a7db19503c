//! The second factor of a user: added by himself, confirmed by a code, taken away by himself or an administrator.

use data_encoding::BASE32_NOPAD;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::crypto::digest::Digest;
use licensing_core::event::{Action, Actor, Event};
use licensing_core::time::Timestamp;
use licensing_core::user::{SecondFactor, User, UserName, totp};
use licensing_core::{Entropy, random};
use licensing_wire::json::{RecoveryCodes, SecondFactorAnswer};
use zeroize::Zeroizing;

use crate::service::users::{summary, unknown};
use crate::service::{Answer, Failure, Service, Visitor};

/// What the vault seals the secret as.
const DOMAIN: &str = "second factor";
/// Who the codes are for, as authenticator apps show it.
const ISSUER: &str = "License central";
const RECOVERY_CODES: usize = 10;
/// Letters and digits that are not mistaken for each other; 32 of them, five bits each.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

impl Service {
    /// The user after a code was accepted: of the second factor, or a recovery code, which is used up.
    pub(super) fn accept_code(
        &self,
        user: &User,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<User>, Failure> {
        let Some(factor) = user.confirmed_factor() else { return Ok(None) };
        if let Some(step) = self.step_of(user, factor, code, now)? {
            return Ok(Some(user.clone().code_used(step)));
        }
        Ok(user.clone().recovery_used(&self.recovery_hash(&user.name, code)))
    }

    fn step_of(
        &self,
        user: &User,
        factor: &SecondFactor,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<u64>, Failure> {
        let secret = self
            .keys()
            .vault
            .open(DOMAIN, &factor.sealed, user.name.as_str().as_bytes())
            .map_err(|_| Failure::fault("the secret of a second factor cannot be opened"))?;
        Ok(totp::verify(&Zeroizing::new(secret), code, now, factor.last_step))
    }

    fn recovery_hash(&self, name: &UserName, code: &str) -> Digest {
        let plain: Zeroizing<String> =
            Zeroizing::new(code.chars().filter(char::is_ascii_alphanumeric).collect::<String>());
        let plain = Zeroizing::new(plain.to_ascii_uppercase());
        self.keys().vault.recovery_hash(name.as_str(), &plain)
    }

    /// Gives a user the secret of a second factor. It counts once it was confirmed.
    ///
    /// # Errors
    /// The password is wrong, or he has a second factor.
    pub async fn begin_second_factor(
        &self,
        visitor: &Visitor,
        actor: &Actor,
        password: &str,
    ) -> Result<Answer, Failure> {
        let name = &visitor.user.name;
        let verified = self.confirm_password(visitor, actor, password).await?;
        let secret: Zeroizing<[u8; totp::SECRET_BYTES]> = Zeroizing::new(random(&mut self.entropy()));
        let sealed =
            self.keys().vault.seal(DOMAIN, &secret[..], name.as_str().as_bytes(), &mut self.entropy());
        let text = Zeroizing::new(BASE32_NOPAD.encode(&secret[..]));
        let decide = || async {
            let mut user = self.unchanged(&verified).await?;
            if user.confirmed_factor().is_some() {
                let message = "there is a second factor already";
                return Err(Failure::denied("second_factor_exists", message));
            }
            user.second_factor = Some(SecondFactor {
                sealed: sealed.clone(),
                confirmed: false,
                last_step: 0,
                recovery: vec![],
            });
            let mut changes = ChangeSet::default();
            changes.push(Change::PutUser(user));
            let issuer = ISSUER.replace(' ', "%20");
            let label = name.as_str().replace('@', "%40");
            let uri = format!("otpauth://totp/{issuer}:{label}?secret={}&issuer={issuer}", text.as_str());
            Ok((changes, Answer::json(201, &SecondFactorAnswer { secret: text.to_string(), uri })))
        };
        self.settle(name.as_str().as_bytes(), decide).await
    }

    /// Makes a second factor count, and tells the recovery codes. The other sessions of the user end.
    ///
    /// # Errors
    /// None waits for it, or the code is wrong.
    pub async fn confirm_second_factor(
        &self,
        visitor: &Visitor,
        actor: &Actor,
        code: &str,
    ) -> Result<Answer, Failure> {
        let name = &visitor.user.name;
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code(&mut *self.entropy())).collect();
        let hashes: Vec<Digest> = codes.iter().map(|code| self.recovery_hash(name, code)).collect();
        let decide = || async {
            let now = self.now();
            let mut user = self.store.user(name.clone()).await?.ok_or_else(unknown)?;
            let factor = user.second_factor.clone().filter(|factor| !factor.confirmed);
            let factor = factor.ok_or_else(|| {
                Failure::denied("second_factor_unknown", "no second factor waits to be confirmed")
            })?;
            let Some(step) = self.step_of(&user, &factor, code, now)? else {
                return Err(Failure::denied("second_factor_wrong", "the code is wrong"));
            };
            let recovery = hashes.clone();
            user.second_factor = Some(SecondFactor { confirmed: true, last_step: step, recovery, ..factor });
            let mut changes = ChangeSet::default();
            let except = Some(visitor.session.hash);
            changes.push(Change::EndSessionsOf { user: name.clone(), except });
            changes.push(Change::PutUser(user));
            changes.events.push(about(Action::SecondFactorAdded, name, actor, now));
            Ok((changes, Answer::json(200, &RecoveryCodes { codes: codes.clone() })))
        };
        self.settle(name.as_str().as_bytes(), decide).await
    }

    /// A user takes his second factor away.
    ///
    /// # Errors
    /// The password is wrong, or he has none.
    pub async fn remove_own_second_factor(
        &self,
        visitor: &Visitor,
        actor: &Actor,
        password: &str,
    ) -> Result<Answer, Failure> {
        let verified = self.confirm_password(visitor, actor, password).await?;
        let decide = || async {
            let user = self.unchanged(&verified).await?;
            self.without_factor(user, actor, false)
        };
        self.settle(visitor.user.name.as_str().as_bytes(), decide).await
    }

    /// Takes the second factor of another user away, who has lost it. His sessions end.
    ///
    /// # Errors
    /// There is no such user, or he has none.
    pub async fn remove_second_factor(&self, actor: &Actor, name: &UserName) -> Result<Answer, Failure> {
        let decide = || async {
            let user = self.store.user(name.clone()).await?.ok_or_else(unknown)?;
            self.without_factor(user, actor, true)
        };
        self.settle(name.as_str().as_bytes(), decide).await
    }

    fn without_factor(
        &self,
        mut user: User,
        actor: &Actor,
        end_sessions: bool,
    ) -> Result<(ChangeSet, Result<Answer, Failure>), Failure> {
        let now = self.now();
        if user.second_factor.take().is_none() {
            return Err(Failure::denied("second_factor_unknown", "there is no second factor"));
        }
        let mut changes = ChangeSet::default();
        if end_sessions {
            changes.push(Change::EndSessionsOf { user: user.name.clone(), except: None });
        }
        changes.events.push(about(Action::SecondFactorRemoved, &user.name, actor, now));
        let answer = Answer::json(200, &summary(&user, now));
        changes.push(Change::PutUser(user));
        Ok((changes, answer))
    }
}

/// An event about a user.
pub(super) fn about(action: Action, name: &UserName, actor: &Actor, now: Timestamp) -> Event {
    let mut event = Event::new(action, actor, now);
    event.detail = name.to_string();
    event
}

/// Fifty random bits, in two groups.
fn recovery_code(entropy: &mut dyn Entropy) -> String {
    let bytes: Zeroizing<[u8; 10]> = Zeroizing::new(random(entropy));
    group(&bytes[..])
}

/// A character for each byte, in groups of five.
pub(super) fn group(bytes: &[u8]) -> String {
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).map_or('A', |letter| char::from(*letter));
    let groups: Vec<String> = bytes.chunks(5).map(|chunk| chunk.iter().map(letter).collect()).collect();
    groups.join("-")
}
