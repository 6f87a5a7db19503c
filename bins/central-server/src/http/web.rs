//! The vendor's pages: the routes of the JSON interface in other words. A page asks routes of the table, each of which
//! admits it as it admits a program; nothing here decides or reads the database.

mod account;
mod dashboard;
mod forms;
mod frame;
mod items;
mod licenses;
mod lists;
mod orders;
mod pages;
mod people;
mod search;
mod session;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::routing::on;

pub use pages::{PAGES, Page, Reader};

use crate::http::{App, PathParams, Verb};

/// Adds the pages to the router.
pub(super) fn add(mut router: Router<Arc<App>>) -> Router<Arc<App>> {
    for page in PAGES {
        let run = move |State(app): State<Arc<App>>, params: PathParams, request: Request| {
            visit::dispatch(app, page, params.0, request)
        };
        router = router.route(page.path, on(page.verb.filter(), run));
    }
    let asset = |State(app): State<Arc<App>>, params: PathParams| async move { frame::asset(&app, params.0) };
    router.route("/assets/{name}", on(Verb::Get.filter(), asset))
}

/// An answer with the headers of everything that browsers show.
fn response(status: u16, content_type: &str, body: impl Into<Body>) -> Response<Body> {
    use axum::http::{HeaderValue, StatusCode, header};
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    http_pages::headers::secure(response.headers_mut());
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}
