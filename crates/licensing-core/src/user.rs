//! Users of the central server: who may sign in, when a name has to wait, and what changes about them.
//!
//! Decisions only: passwords are compared, and secrets opened, by whoever calls.

pub mod password;
pub mod session;
pub mod totp;

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq as _;

use crate::crypto::digest::Digest;
use crate::ids::InvalidId;
use crate::limits::{DAY_SECS, USER_NAME_CHARS_MAX};
use crate::time::Timestamp;
use crate::token::{Permission, Role};

/// Failures in a row after which a name waits.
pub const FAILURES_FREE: u32 = 5;
/// The first wait, in seconds; each further failure doubles it.
pub const WAIT_SECS: u64 = 30;
/// The longest wait, in seconds: nobody can shut a user out for longer than that by guessing.
pub const WAIT_SECS_MAX: u64 = 900;
/// Days a password that somebody else has set can be used, once, to set an own one.
pub const ONE_TIME_DAYS: u32 = 7;

/// A user's name: lower-case letters, digits, `.`, `-`, `_` and `@`, beginning with a letter or digit. 1 to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

impl UserName {
    /// Checks and takes a name; capital letters become small ones.
    ///
    /// # Errors
    /// The text is no such name.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        let name = text.trim().to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_@".contains(&b);
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if begins && name.len() <= USER_NAME_CHARS_MAX && name.bytes().all(plain) {
            return Ok(Self(name));
        }
        Err(InvalidId {
            what: "user name",
            expected: "1 to 64 letters, digits, dots, hyphens, underscores or @",
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UserName {
    type Err = InvalidId;
    fn from_str(s: &str) -> Result<Self, InvalidId> {
        Self::new(s)
    }
}

/// A password as stored: a PHC string of Argon2id.
///
/// # Security
/// Shown by nothing but [`PasswordHash::as_str`], which is for whoever stores or compares it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a PHC string.
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// A second factor: time-based one-time passwords (RFC 6238), and codes for the day the device is lost.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The secret, encrypted.
    pub sealed: Vec<u8>,
    /// Whether the user has shown a code of it; until then it does not count.
    pub confirmed: bool,
    /// The step of the last code that was accepted; neither it nor an earlier one is accepted again.
    pub last_step: u64,
    /// Keyed hashes of the recovery codes that were not used.
    pub recovery: Vec<Digest>,
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecondFactor(confirmed: {}, {} recovery codes)", self.confirmed, self.recovery.len())
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: UserName,
    /// What he may do: the union of his roles.
    pub roles: Vec<Role>,
    /// Password.
    pub password: PasswordHash,
    /// When the password was set.
    pub password_set_at: Timestamp,
    /// Somebody else has set the password: the user must set an own one before anything else.
    pub must_change: bool,
    /// Second factor, when he has one.
    pub second_factor: Option<SecondFactor>,
    /// Failed attempts to sign in since the last time it succeeded.
    pub failures: u32,
    /// When the last one failed.
    pub failed_at: Option<Timestamp>,
    /// When he last signed in.
    pub signed_in_at: Option<Timestamp>,
    /// When he was made.
    pub created_at: Timestamp,
    /// Since when he may do nothing.
    pub disabled_at: Option<Timestamp>,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

/// Why a user may not sign in. The person in front of the page is never told which it is: the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInRefusal {
    /// There is no such user.
    Unknown,
    /// The user is disabled.
    Disabled,
    /// Too many failures in a row; the name waits until then.
    Waiting(Timestamp),
    /// The password somebody else has set was not used in time.
    OneTimeOver,
    /// The password is wrong.
    Password,
    /// The code of the second factor is wrong, or was used before.
    Code,
}

impl SignInRefusal {
    /// The stable word in the event log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "user_unknown",
            Self::Disabled => "user_disabled",
            Self::Waiting(_) => "user_waits",
            Self::OneTimeOver => "one_time_password_over",
            Self::Password => "password_wrong",
            Self::Code => "second_factor_wrong",
        }
    }
}

impl User {
    /// A new user. His password is a one-time one when somebody else has set it.
    #[must_use]
    pub const fn new(
        name: UserName,
        roles: Vec<Role>,
        password: PasswordHash,
        one_time: bool,
        now: Timestamp,
    ) -> Self {
        Self {
            name,
            roles,
            password,
            password_set_at: now,
            must_change: one_time,
            second_factor: None,
            failures: 0,
            failed_at: None,
            signed_in_at: None,
            created_at: now,
            disabled_at: None,
            version: 0,
        }
    }

    /// Whether he is not disabled.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.disabled_at.is_none()
    }

    /// Whether his roles allow it.
    #[must_use]
    pub fn allows(&self, permission: Permission) -> bool {
        self.is_active() && self.roles.iter().any(|role| role.allows(permission))
    }

    /// Whether he can manage users.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.is_active() && self.roles.contains(&Role::Admin)
    }

    /// Who he is in the event log: no API token has such a name.
    #[must_use]
    pub fn actor_name(&self) -> String {
        format!("{USER_PREFIX}{}", self.name)
    }

    /// The second factor, when it counts.
    #[must_use]
    pub fn confirmed_factor(&self) -> Option<&SecondFactor> {
        self.second_factor.as_ref().filter(|factor| factor.confirmed)
    }

    /// Until when the name waits because of failures.
    #[must_use]
    pub fn waits_until(&self) -> Option<Timestamp> {
        let doublings = self.failures.checked_sub(FAILURES_FREE)?;
        let wait = 1u64.checked_shl(doublings).map_or(WAIT_SECS_MAX, |n| WAIT_SECS.saturating_mul(n));
        self.failed_at.map(|at| at.plus_secs(wait.min(WAIT_SECS_MAX)))
    }

    /// Whether he may try to sign in, whatever the password.
    ///
    /// # Errors
    /// Disabled, waiting, or with a one-time password that is over.
    pub fn may_sign_in(&self, now: Timestamp) -> Result<(), SignInRefusal> {
        if !self.is_active() {
            return Err(SignInRefusal::Disabled);
        }
        if let Some(until) = self.waits_until().filter(|until| now < *until) {
            return Err(SignInRefusal::Waiting(until));
        }
        if self.must_change && now >= self.password_set_at.plus_days(ONE_TIME_DAYS) {
            return Err(SignInRefusal::OneTimeOver);
        }
        Ok(())
    }

    /// An attempt has failed. A day without one, and it begins anew.
    #[must_use]
    pub fn failed(mut self, now: Timestamp) -> Self {
        let forgotten = self.failed_at.is_none_or(|at| now.secs_since(at) >= DAY_SECS);
        self.failures = if forgotten { 1 } else { self.failures.saturating_add(1) };
        self.failed_at = Some(now);
        self
    }

    /// He has signed in, with everything that is asked of him.
    #[must_use]
    pub const fn signed_in(mut self, now: Timestamp) -> Self {
        self.failures = 0;
        self.failed_at = None;
        self.signed_in_at = Some(now);
        self
    }

    /// A new password, set by himself or, for one use, by somebody else.
    #[must_use]
    pub fn with_password(mut self, password: PasswordHash, one_time: bool, now: Timestamp) -> Self {
        self.password = password;
        self.password_set_at = now;
        self.must_change = one_time;
        self.failures = 0;
        self.failed_at = None;
        self
    }

    /// A code was accepted at this step: it is used.
    #[must_use]
    pub fn code_used(mut self, step: u64) -> Self {
        if let Some(factor) = &mut self.second_factor {
            factor.last_step = factor.last_step.max(step);
        }
        self
    }

    /// Uses a recovery code up.
    #[must_use]
    pub fn recovery_used(mut self, code: &Digest) -> Option<Self> {
        let factor = self.second_factor.as_mut().filter(|factor| factor.confirmed)?;
        let before = factor.recovery.len();
        factor.recovery.retain(|known| !bool::from(known.ct_eq(code)));
        (factor.recovery.len() < before).then_some(self)
    }
}

/// What the names of users begin with in the event log.
pub const USER_PREFIX: &str = "user:";

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> User {
        let name = UserName::new("Alice").unwrap();
        User::new(name, vec![Role::Sales], PasswordHash::new("phc".into()), false, Timestamp::ZERO)
    }

    #[test]
    fn names_are_plain_and_small() {
        assert_eq!(user().name.as_str(), "alice");
        assert!(UserName::new("a.b-c_d@example.com").is_ok());
        for bad in ["", " ", ".a", "@a", "a b", "ä", "a:b", "a/b", &"x".repeat(65)] {
            assert!(UserName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn failures_make_a_name_wait_ever_longer_but_not_for_ever() {
        let mut now = Timestamp::from_secs(1_000_000);
        let mut user = user();
        for _ in 1..FAILURES_FREE {
            user = user.failed(now);
            assert_eq!(user.may_sign_in(now), Ok(()));
        }
        let mut expected = WAIT_SECS;
        for _ in 0..80 {
            user = user.failed(now);
            let until = now.plus_secs(expected);
            assert_eq!(user.may_sign_in(now), Err(SignInRefusal::Waiting(until)));
            now = until;
            assert_eq!(user.may_sign_in(now), Ok(()));
            expected = (expected * 2).min(WAIT_SECS_MAX);
        }
        let again = user.clone().signed_in(now);
        assert_eq!((again.failures, again.waits_until()), (0, None));
        let later = now.plus_days(1);
        assert_eq!(user.failed(later).failures, 1, "a day without a failure");
    }

    #[test]
    fn who_is_disabled_may_nothing() {
        let mut user = User { roles: vec![Role::Admin], ..user() };
        assert!(user.is_admin() && user.allows(Permission::ItemRead));
        user.disabled_at = Some(Timestamp::ZERO);
        assert!(!user.is_admin() && !user.allows(Permission::ItemRead));
        assert_eq!(user.may_sign_in(Timestamp::ZERO), Err(SignInRefusal::Disabled));
    }

    #[test]
    fn a_password_of_somebody_else_is_good_for_a_week() {
        let user = user().with_password(PasswordHash::new("x".into()), true, Timestamp::ZERO);
        assert!(user.must_change);
        let end = Timestamp::ZERO.plus_days(ONE_TIME_DAYS);
        assert_eq!(user.may_sign_in(Timestamp::from_secs(end.secs() - 1)), Ok(()));
        assert_eq!(user.may_sign_in(end), Err(SignInRefusal::OneTimeOver));
    }

    #[test]
    fn a_recovery_code_is_used_once_and_only_of_a_factor_that_counts() {
        let factor = |confirmed| SecondFactor {
            sealed: vec![],
            confirmed,
            last_step: 0,
            recovery: vec![[1; 32], [2; 32]],
        };
        let with = |confirmed| User { second_factor: Some(factor(confirmed)), ..user() };
        assert!(with(false).recovery_used(&[1; 32]).is_none());
        assert!(with(true).recovery_used(&[3; 32]).is_none());
        let used = with(true).recovery_used(&[1; 32]).unwrap();
        assert_eq!(used.second_factor.as_ref().unwrap().recovery, vec![[2; 32]]);
        assert!(used.recovery_used(&[1; 32]).is_none());
    }

    #[test]
    fn nothing_secret_is_shown() {
        let factor =
            SecondFactor { sealed: b"sealed".to_vec(), confirmed: true, last_step: 7, recovery: vec![] };
        let shown = format!("{:?}", User { second_factor: Some(factor), ..user() });
        assert!(!shown.contains("phc") && !shown.contains("115"), "{shown}");
    }
}
