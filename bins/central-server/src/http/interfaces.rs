//! Which interfaces the edition has. What ends something is never refused: returns, cancellations and receipts.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

use crate::http::App;
use crate::http::route::{Access, Route};
use crate::service::Failure;

/// What anybody may always send.
const ENDING: [&str; 3] = ["deactivate", "cancel", "receipt"];
/// What the depot calls itself.
const DEPOT: &str = "depot/";

fn refused(interface: &str) -> Failure {
    let message = format!("the edition of this server has no {interface}");
    Failure::denied("interface_not_in_edition", message)
}

/// SOAP, and its descriptions.
pub(super) fn soap(app: &App) -> Result<(), Failure> {
    if app.service.limits().soap { Ok(()) } else { Err(refused("SOAP interface")) }
}

/// A route of the JSON interface, for whoever asks without a user's session.
pub(super) fn json(
    app: &App,
    route: &Route,
    is_user: bool,
    headers: &HeaderMap,
    origin: Option<IpAddr>,
) -> Result<(), Failure> {
    if matches!(route.name, "wsdl_11" | "wsdl_12") {
        return soap(app);
    }
    let limits = app.service.limits();
    if is_user || ENDING.contains(&route.name) || matches!(route.access, Access::Anybody | Access::User(_)) {
        return Ok(());
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !limits.depot && agent.starts_with(DEPOT) {
        return Err(refused("depot"));
    }
    if !limits.json && !origin.is_none_or(|address| address.is_loopback()) {
        return Err(refused("JSON interface for other computers"));
    }
    Ok(())
}
