//! Admission: who asks, and may he. A handler gets an [`Authorized`], which only this module makes.

mod cookie;

use std::net::IpAddr;

use axum::http::{HeaderMap, header};
use data_encoding::BASE64;
use licensing_core::crypto::digest::{Digest, hash};
use licensing_core::event::Actor;
use licensing_core::token::{ApiToken, Permission};
use licensing_core::user::session::Standing;
use zeroize::Zeroizing;

pub(super) use cookie::{SESSION_COOKIE, Sender, set_cookie};

use crate::http::App;
use crate::http::route::{Access, Needs, Route, Verb};
use crate::service::{Failure, Visitor, actor};

/// Longest API token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 256;

/// Proof that a request may use its route.
#[derive(Debug, Clone)]
pub struct Authorized {
    who: Who,
    origin: Option<IpAddr>,
}

#[derive(Debug, Clone)]
enum Who {
    Token(Box<ApiToken>),
    User(Box<Visitor>),
    TicketHolder,
    Container,
    Anybody,
}

/// An API token or the secret of a session, as it was sent. Overwritten when dropped.
pub(super) enum Credential {
    Token(Zeroizing<String>),
    /// What stands for a user, and who has sent it.
    Session(Zeroizing<String>, Sender),
    /// The fingerprint of a client certificate, and who has sent it: browsers present certificates by themselves.
    Certificate(Digest, Sender),
}

impl Credential {
    /// The token after `Bearer`; where nothing is after `Authorization`, the session of the cookie.
    pub(super) fn of(headers: &HeaderMap, sender: Sender) -> Option<Self> {
        if headers.contains_key(header::AUTHORIZATION) {
            return Self::bearer(headers);
        }
        cookie::session(headers).map(|secret| Self::Session(secret, sender))
    }

    /// The same; where neither is, the client certificate.
    pub(super) fn of_program(
        headers: &HeaderMap,
        sender: Sender,
        certificate: Option<Digest>,
    ) -> Option<Self> {
        let is_told = headers.contains_key(header::AUTHORIZATION);
        let certificate = certificate.filter(|_| !is_told).map(|hash| Self::Certificate(hash, sender));
        Self::of(headers, sender).or(certificate)
    }

    /// The token after `Bearer` or in `Basic`; where nothing is after `Authorization`, the client certificate.
    pub(super) fn of_soap(headers: &HeaderMap, certificate: Option<Digest>) -> Option<Self> {
        if headers.contains_key(header::AUTHORIZATION) {
            return Self::bearer_or_basic(headers);
        }
        certificate.map(|hash| Self::Certificate(hash, Sender::of(headers, &[])))
    }

    /// The token after `Bearer`.
    fn bearer(headers: &HeaderMap) -> Option<Self> {
        let (scheme, token) = scheme(headers)?;
        if scheme.eq_ignore_ascii_case("bearer") { Self::sound(token) } else { None }
    }

    /// The token after `Bearer`, or as the password of `Basic`, whose user name says nothing: toolkits of SOAP know
    /// how to send that one.
    fn bearer_or_basic(headers: &HeaderMap) -> Option<Self> {
        let (scheme, token) = scheme(headers)?;
        if !scheme.eq_ignore_ascii_case("basic") || token.len() > 4 * TOKEN_BYTES_MAX {
            return Self::bearer(headers);
        }
        let pair = Zeroizing::new(BASE64.decode(token.as_bytes()).ok()?);
        Self::sound(std::str::from_utf8(&pair).ok()?.split_once(':')?.1)
    }

    fn sound(token: &str) -> Option<Self> {
        let sound = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX;
        sound.then(|| Self::Token(Zeroizing::new(token.to_owned())))
    }
}

fn scheme(headers: &HeaderMap) -> Option<(&str, &str)> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    Some((scheme, rest.trim()))
}

impl Authorized {
    /// Admits a request to a route.
    ///
    /// # Errors
    /// No valid token and no session, roles that do not allow it, a session that is used from elsewhere than our pages
    /// or is not yet good for it, or too many requests.
    pub(super) async fn admit(
        app: &App,
        route: &Route,
        credential: Option<Credential>,
        origin: Option<IpAddr>,
    ) -> Result<Self, Failure> {
        let who = match route.access {
            Access::Vendor(permission) => vendor(app, route, credential, permission).await?,
            Access::User(needs) => Who::User(user(app, route, credential, needs).await?),
            Access::TicketHolder => Who::TicketHolder,
            Access::Container => Who::Container,
            Access::Anybody => Who::Anybody,
        };
        if !matches!(who, Who::Token(_) | Who::User(_)) && route.limited {
            app.gate.enter(origin, now_ms(app)).map_err(too_many)?;
        }
        Ok(Self { who, origin })
    }

    /// Admits the user who was admitted to one route to another one within the same request: what is known of him is not
    /// read again.
    ///
    /// # Errors
    /// As [`Authorized::admit`].
    pub(super) fn user_to(&self, route: &Route, sender: Sender) -> Result<Self, Failure> {
        let visitor = self.visitor()?;
        match route.access {
            Access::Vendor(permission) => {
                suits(visitor, route, sender, Needs::Full)?;
                granted(visitor.user.allows(permission))?;
            }
            Access::User(needs) => suits(visitor, route, sender, needs)?,
            Access::TicketHolder | Access::Container | Access::Anybody => {}
        }
        Ok(self.clone())
    }

    /// Where the request comes from.
    pub(super) const fn origin(&self) -> Option<IpAddr> {
        self.origin
    }

    /// Who asks, for the event log.
    pub(super) fn actor(&self) -> Actor {
        let name = match &self.who {
            Who::User(visitor) => return visitor.actor(self.origin),
            Who::Token(token) => token.name.as_str(),
            Who::TicketHolder => "ticket holder",
            Who::Container => "container",
            Who::Anybody => "anybody",
        };
        actor(name, self.origin)
    }

    /// What stands for the API token or the user where requests are told apart.
    pub(super) fn credential(&self) -> Option<Digest> {
        match &self.who {
            Who::Token(token) => Some(token.hash),
            Who::User(visitor) => Some(hash("user", &[visitor.user.name.as_str().as_bytes()])),
            Who::TicketHolder | Who::Container | Who::Anybody => None,
        }
    }

    /// The user in his session, on routes for users.
    pub(super) fn visitor(&self) -> Result<&Visitor, Failure> {
        match &self.who {
            Who::User(visitor) => Ok(visitor),
            _ => Err(Failure::denied("unauthorized", "this needs a user who has signed in")),
        }
    }

    /// Whether the caller may do something beyond what the route asks for.
    pub(super) fn may(&self, app: &App, permission: Permission) -> bool {
        match &self.who {
            Who::Token(token) => token.allows(permission, app.service.now()),
            Who::User(visitor) => visitor.standing == Standing::Full && visitor.user.allows(permission),
            Who::TicketHolder | Who::Container | Who::Anybody => false,
        }
    }
}

/// The moment, as the gate counts: milliseconds since 1970.
pub(super) fn now_ms(app: &App) -> u64 {
    app.service.now().secs().saturating_mul(1000)
}

/// The gate is closed for so many seconds.
pub(super) fn too_many(wait: u64) -> Failure {
    Failure::later("rate_limited", "too many requests from this address", wait)
}

async fn vendor(
    app: &App,
    route: &Route,
    credential: Option<Credential>,
    permission: Permission,
) -> Result<Who, Failure> {
    let denied = || Failure::denied("unauthorized", "this needs a valid API token, or to sign in");
    let (who, allowed) = match credential.ok_or_else(denied)? {
        Credential::Token(secret) => {
            let token = app.service.authenticate(&secret).await?.ok_or_else(denied)?;
            let allowed = token.allows(permission, app.service.now());
            (Who::Token(Box::new(token)), allowed)
        }
        Credential::Certificate(_, Sender::Elsewhere) => return Err(origin_refused()),
        Credential::Certificate(fingerprint, _) => {
            let token = app.service.authenticate_certificate(&fingerprint).await?.ok_or_else(denied)?;
            let allowed = token.allows(permission, app.service.now());
            (Who::Token(Box::new(token)), allowed)
        }
        session @ Credential::Session(..) => {
            let visitor = user(app, route, Some(session), Needs::Full).await?;
            let allowed = visitor.user.allows(permission);
            (Who::User(visitor), allowed)
        }
    };
    granted(allowed).map(|()| who)
}

fn granted(allowed: bool) -> Result<(), Failure> {
    let denied = || Failure::denied("forbidden", "the roles, or the scopes of the token, do not allow this");
    if allowed { Ok(()) } else { Err(denied()) }
}

/// A user in a session that is good for what is needed. What changes something must come from our own pages.
async fn user(
    app: &App,
    route: &Route,
    credential: Option<Credential>,
    needs: Needs,
) -> Result<Box<Visitor>, Failure> {
    let denied = || Failure::denied("unauthorized", "this needs a user who has signed in");
    let Some(Credential::Session(secret, sender)) = credential else { return Err(denied()) };
    let visitor = app.service.visitor(&secret).await?.ok_or_else(denied)?;
    suits(&visitor, route, sender, needs)?;
    Ok(Box::new(visitor))
}

fn suits(visitor: &Visitor, route: &Route, sender: Sender, needs: Needs) -> Result<(), Failure> {
    if route.verb != Verb::Get && sender != Sender::OurPage {
        return Err(origin_refused());
    }
    missing(visitor.standing, needs).map_or(Ok(()), Err)
}

/// What a session lacks for what is needed.
fn missing(standing: Standing, needs: Needs) -> Option<Failure> {
    let (code, message) = match (standing, needs) {
        (Standing::Full, _)
        | (_, Needs::Begun)
        | (Standing::PasswordNeeded, Needs::Password)
        | (Standing::FactorNeeded, Needs::Password | Needs::Factor) => return None,
        (Standing::CodeNeeded, _) => {
            ("second_factor_needed", "the code of the second factor is still missing")
        }
        (Standing::PasswordNeeded, Needs::Factor | Needs::Full) => {
            ("password_change_needed", "an own password has to be set first")
        }
        (Standing::FactorNeeded, Needs::Full) => {
            ("second_factor_setup_needed", "a role of the user requires a second factor, and there is none")
        }
    };
    Some(Failure::denied(code, message))
}

/// The session of a browser, or signing in, from a page of somebody else.
pub(super) fn origin_refused() -> Failure {
    Failure::denied("origin_refused", "the request does not come from a page of this server")
}
