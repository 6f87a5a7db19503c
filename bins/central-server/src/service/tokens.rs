//! API tokens: made, listed, revoked. The secret is told once and never stored.

use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::crypto::digest::Digest;
use licensing_core::event::{Action, Actor, Event};
use licensing_core::ids::OrderId;
use licensing_core::time::Timestamp;
use licensing_core::token::{ApiToken, PERMISSIONS, Permission, ROLES, Role};
use licensing_core::user::USER_PREFIX;
use licensing_wire::binary::to_hex;
use licensing_wire::json::{TokenAnswer, TokenList, TokenRequest, TokenSummary};
use licensing_wire::{options, time};

use crate::certificate::Certificate;
use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Idempotency, Service};
use crate::vault::{certificate_hash, new_token, token_hash};

/// Everything about tokens is decided one after the other; this is what they queue on.
const ABOUT: &[u8] = b"api tokens";

pub(super) fn roles(words: &[String]) -> Result<Vec<Role>, Failure> {
    let mut roles = Vec::new();
    for word in words {
        let role = Role::from_name(word).ok_or_else(|| {
            let known: Vec<&str> = ROLES.iter().map(|role| role.1).collect();
            Failure::denied("invalid_value", format!("role: expected one of {}", known.join(", ")))
        })?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    if roles.is_empty() {
        return Err(Failure::denied("invalid_value", "roles: expected at least one role"));
    }
    Ok(roles)
}

/// What a token is narrowed to; nothing in the list is everything.
fn scopes(words: &[String]) -> Result<Option<Vec<Permission>>, Failure> {
    let scope = |word: &String| {
        Permission::from_name(word).ok_or_else(|| {
            let known = PERMISSIONS.map(Permission::name).join(", ");
            Failure::denied("invalid_value", format!("scope: expected one of {known}"))
        })
    };
    let scopes = words.iter().map(scope).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(scopes).filter(|scopes| !scopes.is_empty()))
}

fn words(scopes: &[Permission]) -> Vec<String> {
    scopes.iter().map(|scope| scope.name().to_owned()).collect()
}

/// A change set that stores a new token.
#[must_use]
pub fn creation(token: ApiToken, actor: &Actor, now: Timestamp) -> ChangeSet {
    let mut event = Event::new(Action::TokenCreated, actor, now);
    event.detail.clone_from(&token.name);
    let mut changes = ChangeSet::default();
    changes.push(Change::PutToken(token));
    changes.events.push(event);
    changes
}

impl Service {
    /// The valid token with this secret.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<ApiToken>, Failure> {
        let token = self.store.token(token_hash(secret)).await?;
        Ok(token.filter(|token| token.is_valid(self.now())))
    }

    /// The valid token that is bound to this certificate.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn authenticate_certificate(&self, fingerprint: &Digest) -> Result<Option<ApiToken>, Failure> {
        let token = self.store.token(certificate_hash(fingerprint)).await?;
        Ok(token.filter(|token| token.is_valid(self.now())))
    }

    /// Makes a token and tells its secret.
    ///
    /// # Errors
    /// A valid token has the name, or a role or scope is unknown.
    pub async fn create_token(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        request: &TokenRequest,
    ) -> Result<Answer, Failure> {
        // The form of a name is the form of every id the vendor gives.
        let name = OrderId::new(request.name.trim()).map_err(|error| {
            Failure::denied("invalid_value", format!("name: expected {}", error.expected))
        })?;
        if name.as_str().starts_with(USER_PREFIX) {
            let message = format!("name: {USER_PREFIX} is for users");
            return Err(Failure::denied("invalid_value", message));
        }
        let (roles, scopes) = (roles(&request.roles)?, scopes(&request.scopes)?);
        let expires_at = request.expires.as_deref().map(|text| options::parse_fixed_end("expires", text));
        let expires_at =
            expires_at.transpose().map_err(|error| Failure::denied("invalid_value", error.to_string()))?;
        let certificate = request.certificate.as_deref().map(|pem| self.certificate(pem)).transpose()?;
        let ends = certificate.and_then(|certificate| certificate.ends);
        let expires_at = expires_at.into_iter().chain(ends).min();
        let certificate = certificate.map(|certificate| certificate.fingerprint);
        let decide = || async {
            let now = self.now();
            let taken = |token: &ApiToken| token.name == name.as_str() && token.is_valid(now);
            if self.store.tokens().await?.iter().any(taken) {
                return Err(Failure::denied("token_exists", "a valid token of this name exists"));
            }
            let secret = certificate.is_none().then(|| new_token(&mut self.entropy()));
            let bound = certificate.as_ref().map(certificate_hash);
            let hash = bound.or_else(|| secret.as_ref().map(|secret| token_hash(secret)));
            let hash = hash.ok_or_else(|| Failure::fault("a token needs a secret or a certificate"))?;
            if self.store.token(hash).await?.is_some() {
                let message = "a token is, or was, bound to this certificate already";
                return Err(Failure::denied("certificate_unsuitable", message));
            }
            let token = ApiToken {
                hash,
                name: name.to_string(),
                roles: roles.clone(),
                scopes: scopes.clone(),
                certificate,
                created_at: now,
                expires_at,
                revoked_at: None,
                version: 0,
            };
            let answer = TokenAnswer {
                name: name.to_string(),
                token: secret.map(|secret| secret.to_string()),
                certificate: certificate.map(|hash| to_hex(&hash)),
            };
            Ok(Decided { changes: creation(token, actor, now), answer: Answer::json(201, &answer) })
        };
        self.attempt(idempotency, ABOUT, decide).await
    }

    /// A certificate a token can be bound to: valid now.
    fn certificate(&self, pem: &str) -> Result<Certificate, Failure> {
        let unsuitable = |message| Failure::denied("certificate_unsuitable", message);
        let found =
            Certificate::from_pem(pem).ok_or_else(|| unsuitable("this is no X.509 certificate in PEM"))?;
        let now = self.now();
        if now < found.begins || found.ends.is_some_and(|end| end <= now) {
            return Err(unsuitable("the certificate is not valid now"));
        }
        Ok(found)
    }

    /// Revokes the valid token of a name, at once and for good.
    ///
    /// # Errors
    /// There is none, or it is the last valid one with the admin role.
    pub async fn revoke_token(&self, actor: &Actor, name: &str) -> Result<Answer, Failure> {
        let decide = || async {
            let now = self.now();
            let mut valid = self.store.tokens().await?;
            valid.retain(|token| token.is_valid(now));
            let at = valid
                .iter()
                .position(|token| token.name == name)
                .ok_or_else(|| Failure::denied("token_unknown", "there is no valid token of this name"))?;
            let mut token = valid.swap_remove(at);
            let is_admin = |token: &ApiToken| token.roles.contains(&Role::Admin) && token.scopes.is_none();
            if is_admin(&token) && !valid.iter().any(is_admin) {
                let message = "this is the last valid token with the admin role";
                return Err(Failure::denied("last_admin_token", message));
            }
            token.revoked_at = Some(now);
            let answer = Answer::json(200, &summary(&token));
            let mut event = Event::new(Action::TokenRevoked, actor, now);
            event.detail.clone_from(&token.name);
            let mut changes = ChangeSet::default();
            changes.push(Change::PutToken(token));
            changes.events.push(event);
            Ok(Decided { changes, answer })
        };
        self.attempt(None, ABOUT, decide).await
    }

    /// All tokens, without their secrets.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn tokens(&self) -> Result<Answer, Failure> {
        let tokens = self.store.tokens().await?;
        Answer::json(200, &TokenList { tokens: tokens.iter().map(summary).collect() })
    }
}

fn summary(token: &ApiToken) -> TokenSummary {
    TokenSummary {
        name: token.name.clone(),
        roles: token.roles.iter().map(|role| role.name().to_owned()).collect(),
        scopes: words(token.scopes.as_deref().unwrap_or_default()),
        certificate: token.certificate.map(|hash| to_hex(&hash)),
        created_at: time::print(token.created_at),
        expires_at: token.expires_at.map(time::print),
        revoked_at: token.revoked_at.map(time::print),
    }
}
