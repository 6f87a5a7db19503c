//! The one way every request takes: admitted, bounded, read, run in a task of its own, answered, counted.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, header, request::Parts};
use http_edge::{ClientAddress, base_url, client, drain};
use licensing_core::crypto::digest::Digest;
use licensing_core::random;
use licensing_wire::binary::to_hex;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::certificate;
use crate::http::authorized::{Authorized, Credential, Sender, now_ms, origin_refused};
use crate::http::handlers::Call;
use crate::http::route::{Access, Route, Verb};
use crate::http::{App, body, interfaces, respond};
use crate::service::{Answer, Failure};

tokio::task_local! {
    /// Number of the request at hand, so that a panic can be logged with it.
    static INCIDENT: String;
}

/// Makes panics appear in the log as one line with the number of their request.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let incident = INCIDENT.try_with(Clone::clone).unwrap_or_default();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let what = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or_default();
        tracing::error!(incident, place, what, "panic");
    }));
}

/// Runs a route of the table.
pub(super) async fn dispatch(
    app: Arc<App>,
    route: &'static Route,
    params: Option<Vec<String>>,
    request: Request,
) -> Response<Body> {
    let id = to_hex(&random::<8>(&mut app.service.entropy()));
    app.service.metrics().begin();
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let origin = origin(&app, &parts);
    let outcome = run(&app, route, params, parts, body, &id).await;
    let response = finish(&app, route.name, &id, outcome);
    let (status, millis) = (response.status().as_u16(), begun.elapsed().as_millis());
    let origin = origin.map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(request = id, route = route.name, status, millis, origin, "request");
    response
}

/// Answers a request that no route takes.
pub(super) async fn refuse(
    app: &Arc<App>,
    name: &'static str,
    failure: Failure,
    request: Request,
) -> Response<Body> {
    let id = to_hex(&random::<8>(&mut app.service.entropy()));
    app.service.metrics().begin();
    let limit = Duration::from_secs(app.config.limits.request_timeout_secs);
    let _ = tokio::time::timeout(limit, drain(request.into_body())).await;
    finish(app, name, &id, Err(failure))
}

fn finish(app: &App, name: &'static str, id: &str, outcome: Result<Answer, Failure>) -> Response<Body> {
    let mut response = match outcome {
        Ok(answer) => respond::answer(&app.service, answer),
        Err(failure) => {
            app.service.metrics().problem(failure.code());
            if let Failure::Fault(what) = &failure {
                tracing::error!(incident = id, what, "the server failed");
            }
            respond::problem(&failure, id)
        }
    };
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert("x-request-id", id);
    }
    if let Some((used, limit)) = app.service.near_limit()
        && let Ok(told) = HeaderValue::from_str(&format!("used={used}, limit={limit}"))
    {
        response.headers_mut().insert("x-activations-of-month", told);
    }
    app.service.metrics().answered(name, response.status().as_u16());
    response
}

pub(super) fn origin(app: &App, parts: &Parts) -> Option<std::net::IpAddr> {
    let connection = parts.extensions.get::<ClientAddress>().copied();
    client(connection, &parts.headers, &app.config.rate.trusted_proxies)
}

/// The client certificate a proxy has verified. From anybody who is not named for it, what is told means nothing.
pub(super) fn certificate(app: &App, parts: &Parts) -> Option<Digest> {
    let ClientAddress(connection) = parts.extensions.get::<ClientAddress>()?;
    let is_proxy = app.config.client_certificates.trusted_proxies.contains(&connection.ip().to_canonical());
    if is_proxy { certificate::told(&parts.headers) } else { None }
}

/// One of the requests that are worked on at once.
pub(super) fn permit(app: &App) -> Result<OwnedSemaphorePermit, Failure> {
    Arc::clone(&app.requests)
        .try_acquire_owned()
        .map_err(|_| Failure::later("overloaded", "the server is working on too many requests", 1))
}

/// Where this server is for whoever asks, without a slash at the end: as configured, else as the request says.
fn base_of(app: &App, parts: &Parts) -> String {
    if app.config.public_url.is_empty() {
        return request_base(app, parts);
    }
    app.config.public_url.trim_end_matches('/').to_owned()
}

/// Where this server is as the request says.
pub(super) fn request_base(app: &App, parts: &Parts) -> String {
    let connection = parts.extensions.get::<ClientAddress>().copied();
    base_url(connection, &parts.headers, &app.config.rate.trusted_proxies)
        .unwrap_or_else(|| format!("http://{}", app.config.listen))
}

async fn run(
    app: &Arc<App>,
    route: &'static Route,
    params: Option<Vec<String>>,
    parts: Parts,
    body: Body,
    id: &str,
) -> Result<Answer, Failure> {
    let permit = permit(app)?;
    let deadline = Instant::now() + Duration::from_secs(app.config.limits.request_timeout_secs);
    let late = |_| Failure::later("request_timeout", "the request did not arrive in time", 1);
    let call = prepare(app, route, params, parts, body);
    let call = tokio::time::timeout_at(deadline, call).await.map_err(late)??;
    execute(route, call, permit, deadline, id).await
}

/// Runs an admitted request to its end.
pub(super) async fn execute(
    route: &'static Route,
    call: Call,
    permit: OwnedSemaphorePermit,
    deadline: Instant,
    id: &str,
) -> Result<Answer, Failure> {
    // In a task of its own: when the client goes away or the time is over, what was begun is still finished.
    let task = tokio::spawn(INCIDENT.scope(id.to_owned(), async move {
        let _permit = permit;
        let (app, authorized, limited) = (Arc::clone(&call.app), call.authorized.clone(), route.access);
        let outcome = (route.handler)(call).await;
        if matches!(limited, Access::TicketHolder | Access::Anybody) {
            count_wrong_secret(&app, &authorized, &outcome);
        }
        outcome
    }));
    match tokio::time::timeout_at(deadline, task).await {
        Ok(Ok(outcome)) => outcome,
        // The panic was logged where it happened, with this number.
        Ok(Err(_)) => Err(Failure::denied("internal", "the server failed")),
        Err(_) => Err(Failure::try_again()),
    }
}

/// Wrong tickets and passwords: whoever guesses waits.
fn count_wrong_secret(app: &App, authorized: &Authorized, outcome: &Result<Answer, Failure>) {
    if let Err(failure) = outcome
        && matches!(failure.code(), "ticket_mistyped" | "ticket_unknown" | "sign_in_failed")
    {
        app.gate.wrong_ticket(authorized.origin(), now_ms(app));
    }
}

/// Admits the request before anything of its body is read, and reads no more of that than is allowed.
async fn prepare(
    app: &Arc<App>,
    route: &'static Route,
    params: Option<Vec<String>>,
    parts: Parts,
    body: Body,
) -> Result<Call, Failure> {
    let admitted = admit(app, route, params, &parts).await;
    let (authorized, params, query, key) = match admitted {
        Ok(admitted) => admitted,
        Err(failure) => {
            drain(body).await;
            return Err(failure);
        }
    };
    let base = base_of(app, &parts);
    let bytes = body::read(&parts.headers, body, app.config.limits.body_bytes).await?;
    let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Ok(Call {
        app: Arc::clone(app),
        authorized,
        params,
        query,
        body: bytes,
        idempotency_key: key,
        route: route.name,
        base,
        agent: agent.unwrap_or_default().to_owned(),
    })
}

type Query = Vec<(String, String)>;

async fn admit(
    app: &App,
    route: &Route,
    params: Option<Vec<String>>,
    parts: &Parts,
) -> Result<(Authorized, Vec<String>, Query, Option<String>), Failure> {
    let (base, public) = (request_base(app, parts), app.config.public_url.trim_end_matches('/'));
    let sender = Sender::of(&parts.headers, &[&base, public]);
    // Nobody else's page may sign a browser in.
    if route.access == Access::Anybody && route.verb == Verb::Post && sender == Sender::Elsewhere {
        return Err(origin_refused());
    }
    let credential = Credential::of_program(&parts.headers, sender, certificate(app, parts));
    let is_user = matches!(credential, Some(Credential::Session(..)));
    interfaces::json(app, route, is_user, &parts.headers, origin(app, parts))?;
    let authorized = Authorized::admit(app, route, credential, origin(app, parts)).await?;
    if route.request.is_some() {
        body::says_json(&parts.headers)?;
    }
    let params = params.ok_or_else(|| Failure::denied("invalid_value", "the address is not valid UTF-8"))?;
    let query = axum::extract::Query::<Query>::try_from_uri(&parts.uri)
        .map_err(|_| Failure::denied("invalid_value", "the query of the address is malformed"))?
        .0;
    if query.iter().any(|(name, _)| !route.query.iter().any(|known| known.0 == name)) {
        return Err(Failure::denied("invalid_value", "the address has an unknown query parameter"));
    }
    Ok((authorized, params, query, header_key(&parts.headers)?))
}

/// The idempotency key: a structured string (`"..."`) or the bare text.
pub(super) fn header_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    sound_key(text).map(Some)
}

/// An idempotency key, when it is one.
pub(super) fn sound_key(text: &str) -> Result<String, Failure> {
    if text.is_empty() || text.len() > 255 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Failure::denied("idempotency_key_invalid", "the idempotency key is malformed"));
    }
    Ok(text.to_owned())
}
