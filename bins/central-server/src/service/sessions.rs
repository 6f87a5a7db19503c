//! Sessions: signing in, being known, signing out. They are in the database, so that every process knows them
//! (docs/adr/0019).

use std::net::IpAddr;

use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::event::{Action, Actor, Event};
use licensing_core::time::Timestamp;
use licensing_core::token::Role;
use licensing_core::user::session::{Session, Stage, Standing};
use licensing_core::user::{SignInRefusal, User, UserName};
use licensing_wire::binary::to_hex;
use licensing_wire::json::{SessionAnswer, SessionList, SessionSummary};
use licensing_wire::time;
use zeroize::Zeroizing;

use crate::password::Verdict;
use crate::service::{Answer, Failure, Service, actor};
use crate::vault::{new_session, session_hash};

/// Seconds in which the code of the second factor has to follow the password.
const CODE_SECS: u64 = 300;
/// How exactly the last use of a session is known, in seconds: a write for each request would be too many.
const SEEN_SECS: u64 = 60;
/// Characters of what a browser says it is that are kept.
const AGENT_CHARS: usize = 200;

/// How long sessions last, and what they need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRules {
    /// Seconds however much it is used.
    pub longest_secs: u64,
    /// Seconds without use.
    pub idle_secs: u64,
    /// Roles that nobody uses without a second factor.
    pub factor_required: Vec<Role>,
}

impl Default for SessionRules {
    fn default() -> Self {
        Self { longest_secs: 12 * 3600, idle_secs: 30 * 60, factor_required: Vec::new() }
    }
}

/// Where somebody signs in from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source<'a> {
    /// Network address.
    pub origin: Option<IpAddr>,
    /// What the browser says it is.
    pub agent: &'a str,
}

/// A user in one of his sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The user.
    pub user: User,
    /// The session.
    pub session: Session,
    /// What the session is good for.
    pub standing: Standing,
}

impl Visitor {
    /// Who it is, for the event log.
    #[must_use]
    pub fn actor(&self, origin: Option<IpAddr>) -> Actor {
        actor(&self.user.actor_name(), origin)
    }
}

/// A session that has just begun, and its secret, which is nowhere else.
pub struct SignedIn {
    /// What the browser keeps.
    pub secret: Zeroizing<String>,
    /// Who it is.
    pub visitor: Visitor,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedIn({})", self.visitor.user.name)
    }
}

/// What was decided about an attempt: what to store, and what to say once it is stored.
type Attempted = (ChangeSet, Result<User, SignInRefusal>);

impl Service {
    /// Signs a user in. With a second factor and without its code, the session is good for nothing but the code.
    ///
    /// # Errors
    /// `sign_in_failed`, whatever the reason.
    ///
    /// # Security
    /// A name nobody has costs as much time as a wrong password, and gets the same answer; so does a name that waits.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        code: Option<&str>,
        source: Source<'_>,
    ) -> Result<SignedIn, Failure> {
        let name = UserName::new(name).ok();
        let known = self.user_of(name.as_ref()).await?;
        let stored = known.as_ref().map(|user| user.password.clone());
        let verdict = self.passwords.verify(password, stored.clone(), &mut *self.entropy()).await?;
        let secret = new_session(&mut self.entropy());
        let decide = || async {
            let now = self.now();
            let user = self.user_of(name.as_ref()).await?;
            if user.as_ref().map(|user| &user.password) != stored.as_ref() {
                return Err(Failure::try_again());
            }
            let (mut changes, outcome) = self.decide_sign_in(user, &verdict, code, source, now)?;
            let begun = outcome.map(|user| {
                let stage = if code.is_none() && user.confirmed_factor().is_some() {
                    Stage::Code
                } else {
                    Stage::Full
                };
                self.begin(&mut changes, user, stage, &secret, source, now)
            });
            Ok((changes, begun.map_err(|_| sign_in_failed())))
        };
        let visitor = self.settle(b"sign in", decide).await?;
        Ok(SignedIn { secret, visitor })
    }

    /// Completes signing in with the code of the second factor. The session gets a new secret.
    ///
    /// # Errors
    /// The code is wrong or was used, no code is due, or the name waits after too many failures.
    pub async fn enter_code(
        &self,
        visitor: &Visitor,
        code: &str,
        source: Source<'_>,
    ) -> Result<SignedIn, Failure> {
        let hash = visitor.session.hash;
        let secret = new_session(&mut self.entropy());
        let decide = || async {
            let now = self.now();
            let found = self.store.session(hash).await?.filter(|(session, _)| session.stage == Stage::Code);
            let Some((_, user)) = found else {
                return Err(Failure::denied("second_factor_not_due", "no code is asked for in this session"));
            };
            let (mut changes, outcome) =
                self.decide_sign_in(Some(user), &Verdict::Right, Some(code), source, now)?;
            let begun = outcome.map(|user| {
                changes.push(Change::EndSession { hash });
                self.begin(&mut changes, user, Stage::Full, &secret, source, now)
            });
            Ok((changes, begun.map_err(|refusal| code_refused(refusal, now))))
        };
        let visitor = self.settle(b"sign in", decide).await?;
        Ok(SignedIn { secret, visitor })
    }

    async fn user_of(&self, name: Option<&UserName>) -> Result<Option<User>, Failure> {
        match name {
            Some(name) => Ok(self.store.user(name.clone()).await?),
            None => Ok(None),
        }
    }

    /// Whether an attempt succeeds, and what it leaves behind either way.
    fn decide_sign_in(
        &self,
        user: Option<User>,
        verdict: &Verdict,
        code: Option<&str>,
        source: Source<'_>,
        now: Timestamp,
    ) -> Result<Attempted, Failure> {
        let mut changes = ChangeSet::default();
        // A name nobody has is not noted: it may be a password in the wrong field.
        let who = user.as_ref().map_or("anybody".to_owned(), User::actor_name);
        let who = actor(&who, source.origin);
        let outcome = match user {
            None => Err(SignInRefusal::Unknown),
            Some(user) => match user.may_sign_in(now) {
                Err(refusal) => Err(refusal),
                Ok(()) => self.try_factors(&mut changes, user, verdict, code, &who, now)?,
            },
        };
        if let Err(refusal) = outcome {
            let mut event = Event::new(Action::SignInRefused, &who, now);
            refusal.word().clone_into(&mut event.outcome);
            changes.events.push(event);
        }
        Ok((changes, outcome))
    }

    fn try_factors(
        &self,
        changes: &mut ChangeSet,
        mut user: User,
        verdict: &Verdict,
        code: Option<&str>,
        who: &Actor,
        now: Timestamp,
    ) -> Result<Result<User, SignInRefusal>, Failure> {
        match verdict {
            Verdict::Right => {}
            Verdict::RightOutdated(hash) => user.password = hash.clone(),
            Verdict::Wrong => {
                changes.push(Change::PutUser(user.failed(now)));
                return Ok(Err(SignInRefusal::Password));
            }
        }
        let (Some(_), Some(code)) = (user.confirmed_factor(), code) else { return Ok(Ok(user)) };
        let Some(accepted) = self.accept_code(&user, code, now)? else {
            changes.push(Change::PutUser(user.failed(now)));
            return Ok(Err(SignInRefusal::Code));
        };
        if accepted.second_factor.as_ref().map(|f| f.recovery.len())
            != user.second_factor.as_ref().map(|f| f.recovery.len())
        {
            changes.events.push(Event::new(Action::RecoveryCodeUsed, who, now));
        }
        Ok(Ok(accepted))
    }

    /// Begins a session. The user is stored along with it, so that a password set meanwhile is a conflict.
    fn begin(
        &self,
        changes: &mut ChangeSet,
        user: User,
        stage: Stage,
        secret: &str,
        source: Source<'_>,
        now: Timestamp,
    ) -> Visitor {
        let (user, secs) = match stage {
            Stage::Code => (user, CODE_SECS),
            Stage::Full => (user.signed_in(now), self.rules.sessions.longest_secs),
        };
        if stage == Stage::Full {
            let who = actor(&user.actor_name(), source.origin);
            changes.events.push(Event::new(Action::SignedIn, &who, now));
        }
        let session = Session {
            hash: session_hash(secret),
            user: user.name.clone(),
            stage,
            created_at: now,
            last_seen: now,
            expires_at: now.plus_secs(secs),
            origin: source.origin.map(|address| address.to_string()),
            agent: source.agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect(),
        };
        changes.push(Change::ForgetSessions { until: now });
        changes.push(Change::PutUser(user.clone()));
        changes.push(Change::InsertSession(session.clone()));
        let standing = Standing::of(stage, &user, &self.rules.sessions.factor_required);
        Visitor { user, session, standing }
    }

    /// The user a session's secret stands for, while the session lasts.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn visitor(&self, secret: &str) -> Result<Option<Visitor>, Failure> {
        let Some((session, user)) = self.store.session(session_hash(secret)).await? else { return Ok(None) };
        let now = self.now();
        if session.lasts(&user, now, self.rules.sessions.idle_secs).is_err() {
            return Ok(None);
        }
        let standing = Standing::of(session.stage, &user, &self.rules.sessions.factor_required);
        if now.secs_since(session.last_seen) >= SEEN_SECS {
            let mut changes = ChangeSet::default();
            changes.push(Change::SeeSession { hash: session.hash, at: now });
            if let Err(error) = self.store.commit(changes).await {
                tracing::warn!(%error, "the use of a session could not be noted");
            }
        }
        Ok(Some(Visitor { user, session, standing }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn sign_out(&self, visitor: &Visitor, origin: Option<IpAddr>) -> Result<(), Failure> {
        let mut changes = ChangeSet::default();
        changes.push(Change::EndSession { hash: visitor.session.hash });
        changes.events.push(Event::new(Action::SignedOut, &visitor.actor(origin), self.now()));
        self.store.commit(changes).await?;
        self.metrics.happened(&[Action::SignedOut]);
        Ok(())
    }

    /// Ends all other sessions of a user.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn end_other_sessions(
        &self,
        visitor: &Visitor,
        origin: Option<IpAddr>,
    ) -> Result<Answer, Failure> {
        let mut changes = ChangeSet::default();
        let (user, except) = (visitor.user.name.clone(), Some(visitor.session.hash));
        changes.push(Change::EndSessionsOf { user, except });
        let mut event = Event::new(Action::SessionsEnded, &visitor.actor(origin), self.now());
        event.detail = visitor.user.name.to_string();
        changes.events.push(event);
        self.store.commit(changes).await?;
        self.metrics.happened(&[Action::SessionsEnded]);
        self.own_sessions(visitor).await
    }

    /// The sessions of a user that last.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn own_sessions(&self, visitor: &Visitor) -> Result<Answer, Failure> {
        let (now, idle) = (self.now(), self.rules.sessions.idle_secs);
        let mut sessions = self.store.sessions_of(visitor.user.name.clone()).await?;
        sessions.retain(|session| session.lasts(&visitor.user, now, idle).is_ok());
        let summary = |session: &Session| SessionSummary {
            id: to_hex(&session.hash[..8]),
            current: session.hash == visitor.session.hash,
            created_at: time::print(session.created_at),
            last_seen: time::print(session.last_seen),
            expires_at: time::print(session.expires_at),
            origin: session.origin.clone(),
            agent: session.agent.clone(),
        };
        Answer::json(200, &SessionList { sessions: sessions.iter().map(summary).collect() })
    }
}

/// Who is signed in, as a message.
#[must_use]
pub fn session_answer(visitor: &Visitor) -> SessionAnswer {
    let factor = visitor.user.confirmed_factor();
    SessionAnswer {
        user: visitor.user.name.to_string(),
        roles: visitor.user.roles.iter().map(|role| role.name().to_owned()).collect(),
        standing: match visitor.standing {
            Standing::CodeNeeded => "code_needed",
            Standing::PasswordNeeded => "password_needed",
            Standing::FactorNeeded => "second_factor_setup_needed",
            Standing::Full => "full",
        }
        .to_owned(),
        second_factor: factor.is_some(),
        recovery_codes: factor.map_or(0, |factor| factor.recovery.len()),
        expires_at: time::print(visitor.session.expires_at),
    }
}

fn sign_in_failed() -> Failure {
    Failure::denied("sign_in_failed", "the name, the password or the code is wrong, or the name has to wait")
}

/// Who has the password may be told more.
fn code_refused(refusal: SignInRefusal, now: Timestamp) -> Failure {
    match refusal {
        SignInRefusal::Waiting(until) => {
            Failure::later("sign_in_waits", "there were too many failures", until.secs_since(now).max(1))
        }
        SignInRefusal::Code => Failure::denied("second_factor_wrong", "the code is wrong or was used before"),
        _ => sign_in_failed(),
    }
}
