//! Answers and the headers all of them have.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use licensing_wire::problem::Problem;

/// A whole answer.
pub(crate) type Answer = Response<Full<Bytes>>;

/// An answer with a content.
pub(crate) fn plain(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    http_pages::headers::secure(headers);
    if let Ok(value) = HeaderValue::from_str(content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    if matches!(status, 408 | 413) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// An answer in JSON.
pub(crate) fn json(status: u16, value: &serde_json::Value) -> Answer {
    plain(status, "application/json", value.to_string())
}

/// A problem for programs.
pub(crate) fn problem_document(problem: &Problem) -> Answer {
    // Invariant: a problem has only texts and a number.
    let body = serde_json::to_vec(problem).unwrap_or_default();
    plain(problem.status, "application/problem+json", body)
}
