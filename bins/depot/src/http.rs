//! Requests: bounded, read, admitted, answered with headers that leave pages no way to be misused.

mod respond;
mod visit;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use http_edge::{Bounds, ClientAddress, client, drain};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use tokio::net::TcpListener;
use tokio::sync::OwnedSemaphorePermit;
use tower::service_fn;

pub(crate) use http_pages::Form;
pub(crate) use respond::{Answer, json, plain, problem_document};
pub(crate) use visit::{Visit, value};

use crate::app::App;
use crate::trouble::trouble;
use crate::{gateway, pages};

/// Serves until `stop` is ready, then finishes what was begun.
pub async fn serve(app: Arc<App>, bounds: Bounds, listener: TcpListener, stop: impl Future<Output = ()>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(dispatch(app, request).await) }
    });
    http_edge::serve(service, bounds, listener, stop).await;
}

/// Largest body a path takes, in bytes.
fn limit(app: &App, path: &str) -> usize {
    let limits = &app.config.limits;
    let uploads = path.starts_with("/transfers/") || path.starts_with("/api/") || path == "/receipt";
    if uploads || path == "/agent/back" { limits.upload_bytes } else { limits.form_bytes }
}

/// Room for an upload of pictures, when a request is one; nothing is read before there is.
async fn room(app: &App, parts: &Parts) -> Option<OwnedSemaphorePermit> {
    let path = parts.uri.path();
    let is_step =
        path.starts_with("/transfers/") && (path.ends_with("/request") || path.ends_with("/receipt"));
    let length =
        parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let is_large = length.is_some_and(|length| length > app.config.limits.upload_bytes);
    if parts.method != Method::POST || !is_large || !(is_step || path == "/receipt") {
        return None;
    }
    Arc::clone(&app.pictures).acquire_owned().await.ok()
}

async fn dispatch(app: Arc<App>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let connection = parts.extensions.get::<ClientAddress>().copied();
    let from = client(connection, &parts.headers, &app.config.rate.trusted_proxies);
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let Ok(permit) = Arc::clone(&app.requests).try_acquire_owned() else {
        drain(body).await;
        return problem_document(&trouble("overloaded", "the portal is busy"));
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(app.config.limits.request_timeout_secs);
    let Ok(room) = tokio::time::timeout_at(deadline, room(&app, &parts)).await else {
        return problem_document(&trouble("overloaded", "the portal is busy"));
    };
    let limit = room.as_ref().map_or_else(|| limit(&app, &path), |_| app.config.limits.picture_bytes);
    let read = tokio::time::timeout_at(deadline, async {
        if matches!(method, Method::POST) {
            return http_edge::read(&parts.headers, body, limit).await.map(Some);
        }
        // What nobody asked for is not kept.
        drain(body.map_err(|_| http_edge::BodyError::Incomplete).boxed_unsync()).await;
        Ok(None)
    });
    let body = match read.await {
        Ok(Ok(body)) => Ok(body.unwrap_or_default()),
        Ok(Err(http_edge::BodyError::TooLarge)) => {
            Err(trouble("too_large", &format!("the upload is larger than {limit} bytes")))
        }
        Ok(Err(http_edge::BodyError::Incomplete)) => {
            Err(trouble("invalid_message", "the request is incomplete"))
        }
        Err(_) => Err(trouble("request_timeout", "the request did not arrive in time")),
    };
    // In a task of its own: what was begun is finished when the visitor goes away.
    let task = tokio::spawn(async move {
        let _permits = (permit, room);
        if path.starts_with("/api/") {
            return gateway::answer(&app, &parts, from, body).await;
        }
        pages::answer(&app, &parts, from, body).await
    });
    let (response, route) = match tokio::time::timeout_at(deadline, task).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) => {
            tracing::error!(%error, "a request broke");
            (problem_document(&trouble("internal", "the portal failed")), "broken")
        }
        Err(_) => (problem_document(&trouble("try_again", "the answer took too long")), "late"),
    };
    let (status, millis) = (response.status().as_u16(), begun.elapsed().as_millis());
    // Neither addresses of transfers nor anything a visitor sent: only which page it was.
    tracing::info!(route, method = %method, status, millis, "request");
    response
}
