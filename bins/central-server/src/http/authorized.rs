//! Admission: who asks, and may he. A handler gets an [`Authorized`], which only this module makes.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};
use licensing_core::crypto::digest::Digest;
use licensing_core::event::Actor;
use licensing_core::token::{ApiToken, Permission};

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

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let sound = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX;
    (scheme.eq_ignore_ascii_case("bearer") && sound).then_some(token)
}

impl Authorized {
    /// Admits a request to a route.
    ///
    /// # Errors
    /// No valid token, a token whose roles do not allow it, or too many requests.
    pub(super) async fn admit(
        app: &App,
        route: &Route,
        headers: &HeaderMap,
        origin: Option<IpAddr>,
    ) -> Result<Self, Failure> {
        let who = match route.access {
            Access::Vendor(permission) => Who::Vendor(vendor(app, headers, permission).await?),
            Access::TicketHolder => Who::TicketHolder,
            Access::Container => Who::Container,
            Access::Anybody => Who::Anybody,
        };
        if !matches!(who, Who::Vendor(_)) && route.limited {
            let now = app.service.now().secs().saturating_mul(1000);
            app.gate.enter(origin, now).map_err(|wait| {
                Failure::later("rate_limited", "too many requests from this address", wait)
            })?;
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

async fn vendor(app: &App, headers: &HeaderMap, permission: Permission) -> Result<Box<ApiToken>, Failure> {
    let denied = || Failure::denied("unauthorized", "this needs a valid API token");
    let token = app.service.authenticate(bearer(headers).ok_or_else(denied)?).await?.ok_or_else(denied)?;
    if token.allows(permission, app.service.now()) {
        return Ok(Box::new(token));
    }
    Err(Failure::denied("forbidden", "the roles of this API token do not allow this"))
}
