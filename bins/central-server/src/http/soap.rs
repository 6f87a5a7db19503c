//! SOAP: an envelope names an operation, the operation a route of the table, and from there on everything is as for
//! JSON: the same admission, the same handler, the same services.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, header, request::Parts};
use licensing_core::random;
use licensing_wire::binary::to_hex;
use licensing_wire::soap::envelope::{self, Received};
use licensing_wire::soap::{Operation, SoapError, Version, limits, read, read_envelope};
use serde_json::Value;
use tokio::time::Instant;

use crate::http::authorized::{Authorized, Credential, now_ms, too_many};
use crate::http::dispatch::{certificate, execute, header_key, origin, permit, sound_key};
use crate::http::handlers::Call;
use crate::http::route::{ROUTES, Route};
use crate::http::{App, body, interfaces, respond};
use crate::service::{Answer, Failure};

/// Both versions; each has its address, and each address answers both.
pub(super) const VERSIONS: [Version; 2] = [Version::Soap11, Version::Soap12];

/// The address of a version.
pub(super) const fn path(version: Version) -> &'static str {
    match version {
        Version::Soap11 => "/soap/1.1",
        Version::Soap12 => "/soap/1.2",
    }
}

/// The route of a name.
pub(super) fn route(name: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.name == name)
}

impl From<SoapError> for Failure {
    fn from(error: SoapError) -> Self {
        match error.code {
            "internal" => Self::fault(error.message),
            code => Self::denied(code, error.message),
        }
    }
}

/// What is known of a request so far.
struct Asked {
    version: Version,
    operation: Option<&'static Operation>,
}

/// Answers a SOAP request.
pub(super) async fn dispatch(app: Arc<App>, version: Version, request: Request) -> Response<Body> {
    let id = to_hex(&random::<8>(&mut app.service.entropy()));
    app.service.metrics().begin();
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let origin = origin(&app, &parts);
    let mut asked = Asked { version, operation: None };
    let outcome = run(&app, &mut asked, parts, body, &id).await;
    let outcome = outcome.and_then(|answer| written(&asked, &answer));
    let response = outcome.unwrap_or_else(|failure| fault(&app, asked.version, &failure, &id));
    let name = asked.operation.map_or("soap", |operation| operation.route);
    let (status, millis) = (response.status().as_u16(), begun.elapsed().as_millis());
    app.service.metrics().answered(name, status);
    let origin = origin.map(|address| address.to_string()).unwrap_or_default();
    let transport = match asked.version {
        Version::Soap11 => "soap-1.1",
        Version::Soap12 => "soap-1.2",
    };
    tracing::info!(request = id, route = name, transport, status, millis, origin, "request");
    with_id(response, &id)
}

fn with_id(mut response: Response<Body>, id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

async fn run(
    app: &Arc<App>,
    asked: &mut Asked,
    parts: Parts,
    body: Body,
    id: &str,
) -> Result<Answer, Failure> {
    let permit = permit(app)?;
    let deadline = Instant::now() + Duration::from_secs(app.config.limits.request_timeout_secs);
    let late = |_| Failure::later("request_timeout", "the request did not arrive in time", 1);
    let call = prepare(app, asked, parts, body);
    let (route, call) = tokio::time::timeout_at(deadline, call).await.map_err(late)??;
    execute(route, call, permit, deadline, id).await
}

/// Reads the envelope, admits the request to the route of its operation, and only then looks at the rest of it.
async fn prepare(
    app: &Arc<App>,
    asked: &mut Asked,
    parts: Parts,
    body: Body,
) -> Result<(&'static Route, Call), Failure> {
    let from = origin(app, &parts);
    let credential = match interfaces::soap(app).and_then(|()| look(app, asked, &parts)) {
        Ok(credential) => credential,
        Err(failure) => {
            http_edge::drain(body).await;
            return Err(failure);
        }
    };
    let limit = app.config.limits.body_bytes.min(limits::BYTES_MAX);
    let bytes = body::read(&parts.headers, body, limit).await.map_err(|failure| match failure.code() {
        "invalid_json" => Failure::denied("invalid_xml", "the body is incomplete"),
        _ => failure,
    })?;
    let expected = asked.version;
    let received = tokio::task::spawn_blocking(move || read_envelope(&bytes, expected)).await;
    let Received { version, request } =
        received.map_err(|error| Failure::fault(format!("a worker thread failed: {error}")))?;
    asked.version = version;
    let (operation, element) = request?;
    asked.operation = Some(operation);
    let route = route(operation.route)
        .ok_or_else(|| Failure::fault(format!("the operation {} has no route", operation.name)))?;
    let authorized = Authorized::admit(app, route, credential, from).await?;
    same_action(&parts.headers, operation)?;
    let request = read::request(&element, operation)?;
    let idempotency_key = key(header_key(&parts.headers)?, request.idempotency_key)?;
    let body = match route.request {
        Some(_) => serde_json::to_vec(&request.body).map_err(|error| Failure::fault(error.to_string()))?,
        None => Vec::new(),
    };
    let call = Call {
        app: Arc::clone(app),
        authorized,
        params: request.path.into_iter().collect(),
        query: request.query,
        body: body.into(),
        idempotency_key,
        route: route.name,
        base: String::new(),
        agent: String::new(),
    };
    Ok((route, call))
}

/// What can be told before the body is read, and who says he asks.
fn look(app: &App, asked: &mut Asked, parts: &Parts) -> Result<Option<Credential>, Failure> {
    let wrong = |what: &str| Err(Failure::denied("unsupported_media_type", what));
    let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let mut words = text(header::CONTENT_TYPE).unwrap_or_default().split(';').map(str::trim);
    let media = words.next().unwrap_or_default();
    let Some(version) = VERSIONS.into_iter().find(|version| version.media_type().eq_ignore_ascii_case(media))
    else {
        return wrong("the body must be text/xml or application/soap+xml, and Content-Type must say so");
    };
    asked.version = version;
    for word in words {
        let Some((name, value)) = word.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        let known = ["utf-8", "utf8", "us-ascii"].iter().any(|known| known.eq_ignore_ascii_case(value));
        if name.trim().eq_ignore_ascii_case("charset") && !known {
            return wrong("the body must be in UTF-8");
        }
    }
    if text(header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return wrong("the body must not be compressed");
    }
    let credential = Credential::of_soap(&parts.headers, certificate(app, parts));
    if credential.is_none() {
        app.gate.is_open(origin(app, parts), now_ms(app)).map_err(too_many)?;
    }
    Ok(credential)
}

/// The action, where one is stated, must be that of the operation: what was let through as one operation may not turn
/// out to be another.
fn same_action(headers: &HeaderMap, operation: &Operation) -> Result<(), Failure> {
    let of_header = headers.get("soapaction").map(|value| value.to_str().unwrap_or("?"));
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let of_type = content_type.into_iter().flat_map(|value| value.split(';')).find_map(|word| {
        let (name, value) = word.split_once('=')?;
        name.trim().eq_ignore_ascii_case("action").then_some(value)
    });
    let action = operation.action();
    for stated in of_header.into_iter().chain(of_type).map(|stated| stated.trim().trim_matches('"')) {
        if !stated.is_empty() && stated != action {
            let what = format!("the action is not {action}, which the element in the body asks for");
            return Err(Failure::denied("soap_envelope", what));
        }
    }
    Ok(())
}

/// The key of the request: from its header, or its last element.
fn key(header: Option<String>, element: Option<String>) -> Result<Option<String>, Failure> {
    let element = element.map(|key| sound_key(key.trim())).transpose()?;
    match (header, element) {
        (Some(one), Some(other)) if one != other => Err(Failure::denied(
            "idempotency_key_invalid",
            "header and element are two different idempotency keys",
        )),
        (header, element) => Ok(element.or(header)),
    }
}

/// The answer of a route as that of its operation.
fn written(asked: &Asked, answer: &Answer) -> Result<Response<Body>, Failure> {
    let operation = asked.operation.ok_or_else(|| Failure::fault("an answer without an operation"))?;
    let Ok(Value::Object(message)) = serde_json::from_slice(&answer.body) else {
        return Err(Failure::fault("an answer is not a JSON object"));
    };
    let body = envelope::answer(asked.version, operation, &message)?;
    Ok(respond::response(200, asked.version.content_type(), body))
}

fn fault(app: &App, version: Version, failure: &Failure, id: &str) -> Response<Body> {
    app.service.metrics().problem(failure.code());
    if let Failure::Fault(what) = failure {
        tracing::error!(incident = id, what, "the server failed");
    }
    let problem = respond::described(failure, id);
    // Invariant: a problem has only texts, which XML can always hold.
    let (status, body) = envelope::fault(version, &problem).unwrap_or((500, Vec::new()));
    let mut response = respond::response(status, version.content_type(), body);
    respond::hints(&mut response, failure, status);
    if status == 401 {
        let headers = response.headers_mut();
        let basic = HeaderValue::from_static("Basic realm=\"license central\", charset=\"UTF-8\"");
        headers.append(header::WWW_AUTHENTICATE, basic);
        headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
