//! Sessions: what stands for a user who has signed in, until it ends.

use super::{User, UserName};
use crate::crypto::digest::Digest;
use crate::time::Timestamp;
use crate::token::Role;

/// How far signing in has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The password was right; the code of the second factor is still missing.
    Code,
    /// Signed in.
    Full,
}

/// Every stage with its word in tables.
pub const STAGES: [(Stage, &str); 2] = [(Stage::Code, "code"), (Stage::Full, "full")];

impl Stage {
    /// The word for the stage.
    #[must_use]
    pub const fn name(self) -> &'static str {
        STAGES[self as usize].1
    }

    /// The stage of a word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        STAGES.iter().find(|stage| stage.1 == name).map(|stage| stage.0)
    }
}

/// A session as stored: the secret itself is only in the user's browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Hash of the secret.
    pub hash: Digest,
    /// Whose it is.
    pub user: UserName,
    /// How far signing in has got.
    pub stage: Stage,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to about a minute.
    pub last_seen: Timestamp,
    /// When it ends, however much it is used (exclusive).
    pub expires_at: Timestamp,
    /// Network address it began from.
    pub origin: Option<String>,
    /// What the browser said it is, so that the user knows his sessions apart.
    pub agent: String,
}

/// What a session is good for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing but the code of the second factor.
    CodeNeeded,
    /// Nothing but a new password.
    PasswordNeeded,
    /// Nothing but setting up a second factor, which a role of the user requires.
    FactorNeeded,
    /// What the user's roles allow.
    Full,
}

impl Standing {
    /// What a session is good for that lasts. `required` are the roles nobody uses without a second factor.
    #[must_use]
    pub fn of(stage: Stage, user: &User, required: &[Role]) -> Self {
        let requires =
            user.confirmed_factor().is_none() && user.roles.iter().any(|role| required.contains(role));
        match stage {
            Stage::Code => Self::CodeNeeded,
            Stage::Full if user.must_change => Self::PasswordNeeded,
            Stage::Full if requires => Self::FactorNeeded,
            Stage::Full => Self::Full,
        }
    }
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// Its time is over.
    Expired,
    /// It was not used for too long.
    Idle,
    /// The user is disabled.
    Disabled,
}

impl Session {
    /// Whether it lasts. `idle_secs` is how long it may be unused.
    ///
    /// # Errors
    /// It is over.
    pub fn lasts(&self, user: &User, now: Timestamp, idle_secs: u64) -> Result<(), SessionEnd> {
        if !user.is_active() {
            return Err(SessionEnd::Disabled);
        }
        if now >= self.expires_at {
            return Err(SessionEnd::Expired);
        }
        if now.secs_since(self.last_seen) >= idle_secs {
            return Err(SessionEnd::Idle);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::{PasswordHash, SecondFactor};

    #[test]
    fn a_session_ends_in_each_of_its_ways() {
        let at = Timestamp::from_secs;
        let name = UserName::new("a").unwrap();
        let user = User::new(name.clone(), vec![Role::Sales], PasswordHash::new(String::new()), false, at(0));
        let session = Session {
            hash: [1; 32],
            user: name,
            stage: Stage::Full,
            created_at: at(0),
            last_seen: at(50),
            expires_at: at(200),
            origin: None,
            agent: String::new(),
        };
        assert_eq!(session.lasts(&user, at(149), 100), Ok(()));
        assert_eq!(session.lasts(&user, at(150), 100), Err(SessionEnd::Idle));
        assert_eq!(session.lasts(&user, at(199), 1000), Ok(()));
        assert_eq!(session.lasts(&user, at(200), 1000), Err(SessionEnd::Expired));
        let gone = User { disabled_at: Some(at(1)), ..user };
        assert_eq!(session.lasts(&gone, at(60), 100), Err(SessionEnd::Disabled));
        for (stage, word) in STAGES {
            assert_eq!((stage.name(), Stage::from_name(word)), (word, Some(stage)));
        }
    }

    #[test]
    fn what_is_missing_comes_one_after_the_other() {
        let (at, name) = (Timestamp::from_secs(0), UserName::new("a").unwrap());
        let user = User::new(name, vec![Role::Sales], PasswordHash::new(String::new()), false, at);
        let (none, sales, admins) = (&[][..], &[Role::Admin, Role::Sales][..], &[Role::Admin][..]);
        for required in [none, sales, admins] {
            assert_eq!(Standing::of(Stage::Code, &user, required), Standing::CodeNeeded);
        }
        assert_eq!(Standing::of(Stage::Full, &user, none), Standing::Full);
        assert_eq!(
            Standing::of(Stage::Full, &user, admins),
            Standing::Full,
            "only for roles that require it"
        );
        assert_eq!(Standing::of(Stage::Full, &user, sales), Standing::FactorNeeded);
        let told = User { must_change: true, ..user.clone() };
        assert_eq!(Standing::of(Stage::Code, &told, sales), Standing::CodeNeeded, "the code comes first");
        assert_eq!(Standing::of(Stage::Full, &told, sales), Standing::PasswordNeeded, "then the password");
        let factor = |confirmed| SecondFactor { sealed: vec![], confirmed, last_step: 0, recovery: vec![] };
        let begun = User { second_factor: Some(factor(false)), ..user.clone() };
        assert_eq!(
            Standing::of(Stage::Full, &begun, sales),
            Standing::FactorNeeded,
            "it counts once confirmed"
        );
        let safe = User { second_factor: Some(factor(true)), ..user };
        assert_eq!(Standing::of(Stage::Full, &safe, sales), Standing::Full);
    }
}
