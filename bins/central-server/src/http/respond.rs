//! Answers and problems as HTTP responses.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use licensing_wire::binary::to_base64;
use licensing_wire::problem::Problem;

use crate::http::authorized::set_cookie;
use crate::service::{Answer, Export, FORMATS, Failure, Service};

/// Headers of every response: nothing is cached, nothing is interpreted as anything else, nothing is framed.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

pub(super) fn response(status: u16, content_type: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// An answer.
pub(super) fn answer(service: &Arc<Service>, answer: Answer) -> Response<Body> {
    let mut response = response(answer.status, answer.content_type, answer.body);
    if let Some(export) = answer.export {
        send_file(&mut response, Arc::clone(service), export);
    }
    if let Some(cookie) = &answer.cookie
        && let Ok(mut value) = HeaderValue::from_str(&set_cookie(cookie))
    {
        value.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

/// Sends the rest of a file page by page, each made when the one before was taken. Where one cannot be made the
/// connection is broken off: what has arrived must not look complete.
fn send_file(response: &mut Response<Body>, service: Arc<Service>, export: Export) {
    let suffix = FORMATS.iter().find(|(format, _)| *format == export.format).map_or("", |(_, word)| *word);
    let name = format!("attachment; filename=\"{}.{suffix}\"", export.of.name());
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    if !export.more {
        return;
    }
    let begin = std::mem::take(response.body_mut());
    let rest = stream::try_unfold(export, move |mut export| {
        let service = Arc::clone(&service);
        async move {
            if !export.more {
                return Ok(None);
            }
            match service.continue_export(&mut export).await {
                Ok(page) => Ok(Some((Bytes::from(page), export))),
                Err(failure) => {
                    let (code, list) = (failure.code(), export.of.name());
                    tracing::warn!(code, list, "an export was broken off");
                    Err(std::io::Error::other("the export was broken off"))
                }
            }
        }
    });
    let begin = begin.into_data_stream().map_err(std::io::Error::other);
    *response.body_mut() = Body::from_stream(begin.chain(rest));
}

/// What is told of a failure. One of ours shows nothing but the number of the incident, which was logged.
pub(super) fn described(failure: &Failure, incident: &str) -> Problem {
    let mut problem = match failure {
        Failure::Refused(refusal) | Failure::RefusedWithUpdate { refusal, .. } => {
            Problem::from_code(refusal.code(), &refusal.to_string())
        }
        Failure::Denied { code, message, .. } => Problem::from_code(code, message),
        Failure::Fault(_) => Problem::from_code("internal", "the server failed"),
    };
    if let Failure::RefusedWithUpdate { update, .. } = failure {
        problem.update = Some(to_base64(update));
    }
    if problem.code == "internal" {
        problem.incident = Some(incident.to_owned());
    }
    problem
}

/// A problem as JSON.
pub(super) fn problem(failure: &Failure, incident: &str) -> Response<Body> {
    let problem = described(failure, incident);
    // Invariant: a problem has only strings and a number, which JSON can always hold.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = response(problem.status, "application/problem+json", body);
    hints(&mut response, failure, problem.status);
    if problem.status == 401 {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Headers that tell the client's HTTP what to do next.
pub(super) fn hints(response: &mut Response<Body>, failure: &Failure, status: u16) {
    let headers = response.headers_mut();
    if let Failure::Denied { retry_after: Some(secs), .. } = failure {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(*secs));
    }
    // What is left of such a request is not worth reading.
    if matches!(status, 408 | 413) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}
