//! The JSON interface, and SOAP over the same routes: one route table, one place that admits, limits, runs and answers every request.

mod authorized;
mod body;
mod dispatch;
mod handlers;
mod interfaces;
mod openapi;
mod respond;
mod route;
mod soap;
mod web;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::http::Method;
use axum::routing::{MethodFilter, on};
use http_edge::{Bounds, Gate};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use authorized::Authorized;
pub use dispatch::log_panics;
pub use http_edge::ClientAddress;
pub use openapi::document as openapi_document;
pub use route::{Access, Needs, ROUTES, Route, Verb};
pub use web::{PAGES, Page, Reader};

use crate::config::Config;
use crate::service::{Failure, Service};
use crate::webhooks::{self, Sender};

/// What every request shares.
#[derive(Debug)]
pub struct App {
    service: Arc<Service>,
    config: Config,
    gate: Gate,
    requests: Arc<Semaphore>,
    /// Places for requests that wait for something to happen.
    waiting: Semaphore,
    /// For messages that are sent while somebody waits for what comes of it.
    sender: Arc<Sender>,
}

impl App {
    /// The interface over services, with settings.
    #[must_use]
    pub fn new(service: Arc<Service>, config: Config) -> Arc<Self> {
        let gate = Gate::new(config.rate.requests_per_minute, config.rate.ticket_failures_per_minute);
        let requests = Arc::new(Semaphore::new(config.limits.requests));
        let waiting = Semaphore::new(config.limits.requests / 4);
        let sender = Arc::new(config.webhooks.sender());
        Arc::new(Self { service, config, gate, requests, waiting, sender })
    }

    /// Tells events to the receivers of webhooks, until the services stop.
    pub async fn tell_webhooks(&self) {
        webhooks::run(Arc::clone(&self.service), Arc::clone(&self.sender), self.config.webhooks.clone())
            .await;
    }

    /// The services.
    #[must_use]
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }
}

/// Serves until `stop` is ready, then finishes what was begun.
pub async fn serve(app: Arc<App>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let limits = &app.config.limits;
    let bounds = Bounds {
        connections: limits.connections,
        header_timeout: Duration::from_secs(limits.header_timeout_secs),
        header_bytes: limits.header_bytes,
        shutdown_timeout: Duration::from_secs(limits.shutdown_timeout_secs),
    };
    let service = Arc::clone(&app.service);
    let stop = async move {
        stop.await;
        service.stop();
    };
    http_edge::serve(router(&app), bounds, listener, stop).await;
}

impl Verb {
    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// The router: every route of the table, and nothing else.
pub fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let run = move |State(app): State<Arc<App>>, params: PathParams, request: Request| {
            dispatch::dispatch(app, route, params.0, request)
        };
        router = router.route(route.path, on(route.verb.filter(), run));
    }
    for version in soap::VERSIONS {
        let run = move |State(app): State<Arc<App>>, request: Request| soap::dispatch(app, version, request);
        router = router.route(soap::path(version), on(MethodFilter::POST, run));
    }
    router = web::add(router);
    let unknown = |State(app): State<Arc<App>>, request: Request| async move {
        let failure = Failure::denied("not_found", "there is nothing at this address");
        dispatch::refuse(&app, "unknown", failure, request).await
    };
    let wrong_method = |State(app): State<Arc<App>>, method: Method, request: Request| async move {
        let message = format!("this address does not allow the method {method}");
        let failure = Failure::denied("method_not_allowed", message);
        dispatch::refuse(&app, "unknown", failure, request).await
    };
    router.fallback(unknown).method_not_allowed_fallback(wrong_method).with_state(Arc::clone(app))
}

/// The decoded path parameters, in order; `None` when they are not UTF-8.
struct PathParams(Option<Vec<String>>);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for PathParams {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        let params = RawPathParams::from_request_parts(parts, state).await.ok();
        Ok(Self(params.map(|params| params.iter().map(|(_, value)| value.to_owned()).collect())))
    }
}
