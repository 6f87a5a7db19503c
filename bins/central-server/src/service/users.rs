//! Users: made, changed, disabled; their passwords.

use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::event::{Action, Actor};
use licensing_core::time::Timestamp;
use licensing_core::token::Role;
use licensing_core::user::{User, UserName, password};
use licensing_core::{Entropy, random};
use licensing_wire::json::{OneTimePassword, UserList, UserRequest, UserSummary};
use licensing_wire::time;
use zeroize::Zeroizing;

use crate::password::Verdict;
use crate::service::attempt::Decided;
use crate::service::second_factor::{about, group};
use crate::service::tokens::roles;
use crate::service::{Answer, Failure, Idempotency, PAGE_MAX, Service, Visitor, cut};

pub(super) fn unknown() -> Failure {
    Failure::denied("user_unknown", "there is no user of this name")
}

/// Twenty letters and digits, a hundred random bits.
fn one_time_password(entropy: &mut dyn Entropy) -> Zeroizing<String> {
    let bytes: Zeroizing<[u8; 20]> = Zeroizing::new(random(entropy));
    Zeroizing::new(group(&bytes[..]))
}

/// A change set that stores a new user.
#[must_use]
pub fn creation(user: User, actor: &Actor, now: Timestamp) -> ChangeSet {
    let mut changes = ChangeSet::default();
    let mut event = about(Action::UserCreated, &user.name, actor, now);
    event.detail = format!("{}: {}", user.name, words(&user.roles).join(" "));
    changes.events.push(event);
    changes.push(Change::PutUser(user));
    changes
}

/// A change set that sets the password of a user and ends his sessions.
#[must_use]
pub fn new_password(user: User, actor: &Actor, now: Timestamp) -> ChangeSet {
    let mut changes = ChangeSet::default();
    changes.events.push(about(Action::PasswordReset, &user.name, actor, now));
    changes.push(Change::EndSessionsOf { user: user.name.clone(), except: None });
    changes.push(Change::PutUser(user));
    changes
}

fn words(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|role| role.name().to_owned()).collect()
}

/// A user, as others see him.
pub(super) fn summary(user: &User, now: Timestamp) -> UserSummary {
    UserSummary {
        name: user.name.to_string(),
        roles: words(&user.roles),
        second_factor: user.confirmed_factor().is_some(),
        must_change: user.must_change,
        created_at: time::print(user.created_at),
        signed_in_at: user.signed_in_at.map(time::print),
        waits_until: user.waits_until().filter(|until| now < *until).map(time::print),
        disabled_at: user.disabled_at.map(time::print),
    }
}

impl Service {
    /// Makes a user with a one-time password, which is told this once.
    ///
    /// # Errors
    /// The name is taken or malformed, or a role is unknown.
    pub async fn create_user(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        request: &UserRequest,
    ) -> Result<Answer, Failure> {
        let (name, roles) = (UserName::new(&request.name)?, roles(&request.roles)?);
        let password = one_time_password(&mut *self.entropy());
        let hash = self.passwords.hash(&password, &mut *self.entropy()).await?;
        let decide = || async {
            let now = self.now();
            if self.store.user(name.clone()).await?.is_some() {
                return Err(Failure::denied("user_exists", "a user of this name exists"));
            }
            let user = User::new(name.clone(), roles.clone(), hash.clone(), true, now);
            let told = OneTimePassword { name: name.to_string(), one_time_password: password.to_string() };
            Ok(Decided { changes: creation(user, actor, now), answer: Answer::json(201, &told) })
        };
        self.attempt(idempotency, name.as_str().as_bytes(), decide).await
    }

    /// A page of users, in order of their names.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn users(&self, after: Option<UserName>, limit: u32) -> Result<Answer, Failure> {
        let mut users = self.store.list_users(after, limit + 1).await?;
        let more = cut(&mut users, limit);
        let next = users.last().filter(|_| more).map(|user| user.name.to_string());
        let now = self.now();
        Answer::json(200, &UserList { users: users.iter().map(|user| summary(user, now)).collect(), next })
    }

    /// A user.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn user(&self, name: UserName) -> Result<Answer, Failure> {
        let user = self.store.user(name).await?.ok_or_else(unknown)?;
        Answer::json(200, &summary(&user, self.now()))
    }

    /// Gives a user other roles. They count at once, in the sessions he has too.
    ///
    /// # Errors
    /// There is no such user, a role is unknown, or he is the last administrator.
    pub async fn change_roles(
        &self,
        actor: &Actor,
        name: &UserName,
        new: &[String],
    ) -> Result<Answer, Failure> {
        let new = roles(new)?;
        let change = |user: User| User { roles: new.clone(), ..user };
        self.change_user(actor, name, Action::UserRolesChanged, change).await
    }

    /// Disables a user and ends his sessions, or enables him again.
    ///
    /// # Errors
    /// There is no such user, or he is the last administrator.
    pub async fn disable_user(
        &self,
        actor: &Actor,
        name: &UserName,
        disable: bool,
    ) -> Result<Answer, Failure> {
        let action = if disable { Action::UserDisabled } else { Action::UserEnabled };
        let now = self.now();
        let change =
            |user: User| User { disabled_at: disable.then(|| user.disabled_at.unwrap_or(now)), ..user };
        self.change_user(actor, name, action, change).await
    }

    async fn change_user(
        &self,
        actor: &Actor,
        name: &UserName,
        action: Action,
        change: impl Fn(User) -> User,
    ) -> Result<Answer, Failure> {
        let decide = || async {
            let now = self.now();
            let before = self.store.user(name.clone()).await?.ok_or_else(unknown)?;
            let after = change(before.clone());
            let answer = Answer::json(200, &summary(&after, now));
            let mut changes = ChangeSet::default();
            if after == before {
                return Ok((changes, answer));
            }
            if before.is_admin() && !after.is_admin() {
                // Stored again as it is: that it stays one is part of the decision, and a conflict when it changes.
                let other = self.another_admin(name).await?.ok_or_else(|| {
                    Failure::denied(
                        "last_admin_user",
                        "this is the last user who can sign in as an administrator",
                    )
                })?;
                changes.push(Change::PutUser(other));
            }
            if !after.is_active() {
                changes.push(Change::EndSessionsOf { user: name.clone(), except: None });
            }
            let mut event = about(action, name, actor, now);
            if action == Action::UserRolesChanged {
                event.detail = format!("{name}: {}", words(&after.roles).join(" "));
            }
            changes.events.push(event);
            changes.push(Change::PutUser(after));
            Ok((changes, answer))
        };
        self.settle(b"users", decide).await
    }

    async fn another_admin(&self, except: &UserName) -> Result<Option<User>, Failure> {
        let mut after = None;
        loop {
            let page = self.store.list_users(after, PAGE_MAX).await?;
            let Some(last) = page.last() else { return Ok(None) };
            after = Some(last.name.clone());
            let found = page.into_iter().find(|user| user.is_admin() && user.name != *except);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Sets a one-time password for a user, which is told this once. His sessions end.
    ///
    /// # Errors
    /// There is no such user.
    pub async fn reset_password(&self, actor: &Actor, name: &UserName) -> Result<Answer, Failure> {
        let password = one_time_password(&mut *self.entropy());
        let hash = self.passwords.hash(&password, &mut *self.entropy()).await?;
        let decide = || async {
            let now = self.now();
            let user = self.store.user(name.clone()).await?.ok_or_else(unknown)?;
            let user = user.with_password(hash.clone(), true, now);
            let told = OneTimePassword { name: name.to_string(), one_time_password: password.to_string() };
            Ok((new_password(user, actor, now), Answer::json(200, &told)))
        };
        self.settle(name.as_str().as_bytes(), decide).await
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// There is no such user.
    pub async fn end_sessions_of(&self, actor: &Actor, name: &UserName) -> Result<Answer, Failure> {
        let decide = || async {
            let now = self.now();
            let user = self.store.user(name.clone()).await?.ok_or_else(unknown)?;
            let mut changes = ChangeSet::default();
            changes.push(Change::EndSessionsOf { user: name.clone(), except: None });
            changes.events.push(about(Action::SessionsEnded, name, actor, now));
            Ok((changes, Answer::json(200, &summary(&user, now))))
        };
        self.settle(name.as_str().as_bytes(), decide).await
    }

    /// A user sets a new password. His other sessions end.
    ///
    /// # Errors
    /// The old one is wrong, or the new one is not suitable.
    pub async fn change_password(
        &self,
        visitor: &Visitor,
        actor: &Actor,
        old: &str,
        new: &str,
    ) -> Result<Answer, Failure> {
        let name = &visitor.user.name;
        password::check(new, name)
            .map_err(|error| Failure::denied("password_unsuitable", error.to_string()))?;
        if new == old {
            return Err(Failure::denied("password_unsuitable", "the new password is the old one"));
        }
        let verified = self.confirm_password(visitor, actor, old).await?;
        let hash = self.passwords.hash(new, &mut *self.entropy()).await?;
        let decide = || async {
            let now = self.now();
            let user = self.unchanged(&verified).await?.with_password(hash.clone(), false, now);
            let mut changes = ChangeSet::default();
            let except = Some(visitor.session.hash);
            changes.push(Change::EndSessionsOf { user: name.clone(), except });
            changes.events.push(about(Action::PasswordChanged, name, actor, now));
            let answer = Answer::json(200, &summary(&user, now));
            changes.push(Change::PutUser(user));
            Ok((changes, answer))
        };
        self.settle(name.as_str().as_bytes(), decide).await
    }

    /// Checks a user's password once more; failures count as they do when signing in.
    pub(super) async fn confirm_password(
        &self,
        visitor: &Visitor,
        actor: &Actor,
        given: &str,
    ) -> Result<User, Failure> {
        let now = self.now();
        let user = self.store.user(visitor.user.name.clone()).await?.ok_or_else(unknown)?;
        if let Some(until) = user.waits_until().filter(|until| now < *until) {
            let secs = until.secs_since(now).max(1);
            return Err(Failure::later("sign_in_waits", "there were too many failures", secs));
        }
        let stored = Some(user.password.clone());
        if self.passwords.verify(given, stored, &mut *self.entropy()).await? != Verdict::Wrong {
            return Ok(user);
        }
        let decide = || async {
            let user = self.unchanged(&user).await?;
            let mut changes = ChangeSet::default();
            let mut event = about(Action::SignInRefused, &user.name, actor, now);
            "password_wrong".clone_into(&mut event.outcome);
            changes.events.push(event);
            changes.push(Change::PutUser(user.failed(now)));
            Ok((changes, Err(Failure::denied("password_wrong", "this is not the present password"))))
        };
        self.settle(visitor.user.name.as_str().as_bytes(), decide).await
    }

    /// The user as he is now, when his password is still the one that was looked at.
    pub(super) async fn unchanged(&self, seen: &User) -> Result<User, Failure> {
        let user = self.store.user(seen.name.clone()).await?.ok_or_else(unknown)?;
        if user.password == seen.password { Ok(user) } else { Err(Failure::try_again()) }
    }
}
