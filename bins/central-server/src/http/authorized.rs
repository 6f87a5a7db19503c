//! Admission: who asks, and may he. A handler gets an [`Authorized`], which only this module makes.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};
use data_encoding::BASE64;
use licensing_core::crypto::digest::Digest;
use licensing_core::event::Actor;
use licensing_core::token::{ApiToken, Permission};
use zeroize::Zeroizing;

use crate::http::App;
use crate::http::route::{Access, Route};
use crate::service::{Failure, actor};

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
    Vendor(Box<ApiToken>),
    TicketHolder,
    Container,
    Anybody,
}

/// An API token as it was sent. Overwritten when dropped.
pub(super) struct Credential(Zeroizing<String>);

impl Credential {
    /// The token after `Bearer`.
    pub(super) fn bearer(headers: &HeaderMap) -> Option<Self> {
        let (scheme, token) = scheme(headers)?;
        if scheme.eq_ignore_ascii_case("bearer") { Self::sound(token) } else { None }
    }

    /// The token after `Bearer`, or as the password of `Basic`, whose user name says nothing: toolkits of SOAP know
    /// how to send that one.
    pub(super) fn bearer_or_basic(headers: &HeaderMap) -> Option<Self> {
        let (scheme, token) = scheme(headers)?;
        if !scheme.eq_ignore_ascii_case("basic") || token.len() > 4 * TOKEN_BYTES_MAX {
            return Self::bearer(headers);
        }
        let pair = Zeroizing::new(BASE64.decode(token.as_bytes()).ok()?);
        Self::sound(std::str::from_utf8(&pair).ok()?.split_once(':')?.1)
    }

    fn sound(token: &str) -> Option<Self> {
        let sound = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX;
        sound.then(|| Self(Zeroizing::new(token.to_owned())))
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
    /// No valid token, a token whose roles do not allow it, or too many requests.
    pub(super) async fn admit(
        app: &App,
        route: &Route,
        credential: Option<Credential>,
        origin: Option<IpAddr>,
    ) -> Result<Self, Failure> {
        let who = match route.access {
            Access::Vendor(permission) => Who::Vendor(vendor(app, credential, permission).await?),
            Access::TicketHolder => Who::TicketHolder,
            Access::Container => Who::Container,
            Access::Anybody => Who::Anybody,
        };
        if !matches!(who, Who::Vendor(_)) && route.limited {
            app.gate.enter(origin, now_ms(app)).map_err(too_many)?;
        }
        Ok(Self { who, origin })
    }

    /// Where the request comes from.
    pub(super) const fn origin(&self) -> Option<IpAddr> {
        self.origin
    }

    /// Who asks, for the event log.
    pub(super) fn actor(&self) -> Actor {
        let name = match &self.who {
            Who::Vendor(token) => token.name.as_str(),
            Who::TicketHolder => "ticket holder",
            Who::Container => "container",
            Who::Anybody => "anybody",
        };
        actor(name, self.origin)
    }

    /// What stands for the API token where requests are told apart.
    pub(super) fn credential(&self) -> Option<&Digest> {
        match &self.who {
            Who::Vendor(token) => Some(&token.hash),
            Who::TicketHolder | Who::Container | Who::Anybody => None,
        }
    }

    /// Whether the caller may do something beyond what the route asks for.
    pub(super) fn may(&self, app: &App, permission: Permission) -> bool {
        match &self.who {
            Who::Vendor(token) => token.allows(permission, app.service.now()),
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
    credential: Option<Credential>,
    permission: Permission,
) -> Result<Box<ApiToken>, Failure> {
    let denied = || Failure::denied("unauthorized", "this needs a valid API token");
    let token = app.service.authenticate(&credential.ok_or_else(denied)?.0).await?.ok_or_else(denied)?;
    if token.allows(permission, app.service.now()) {
        return Ok(Box::new(token));
    }
    Err(Failure::denied("forbidden", "the roles of this API token do not allow this"))
}
