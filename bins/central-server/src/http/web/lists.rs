//! Lists with their filters: the query of the page is that of the route.

use minijinja::{Value, context};
use serde_json::json;

use crate::http::web::visit::{Shown, Visit, encode, route, value};
use crate::service::Failure;

/// Entries on a page.
const ENTRIES: &str = "50";

/// The addresses that give the whole of a list as a file, filtered alike: every format with its address.
fn files(name: &str, query: &[(&str, &str)]) -> Result<Vec<serde_json::Value>, Failure> {
    let name = match name {
        "list_orders" => "export_orders",
        "list_licenses" => "export_licenses",
        "list_containers" => "export_containers",
        "history" => "export_events",
        _ => return Ok(Vec::new()),
    };
    let route = route(name)?;
    let mut pairs = query.to_vec();
    pairs.retain(|(key, _)| route.query.iter().any(|(known, _)| known == key));
    let file = |format: &str| {
        let mut pairs = pairs.clone();
        pairs.push(("format", format));
        json!({"format": format, "address": format!("{}?{}", route.path, encode(&pairs))})
    };
    Ok(["csv", "jsonl"].map(file).into())
}

/// A list: what the reader asked for, from a route, on a template. `newest` where the last ones come first unless he says
/// otherwise.
async fn list(visit: &Visit, name: &str, template: &'static str, newest: bool) -> Result<Shown, Failure> {
    let known = route(name)?.query;
    let mut query: Vec<(&str, &str)> = visit
        .query
        .iter()
        .map(|(key, value)| (key.as_str(), value.trim()))
        .filter(|(key, value)| !value.is_empty() && known.iter().any(|(known, _)| known == key))
        .collect();
    let filtered = query.iter().any(|(key, _)| !matches!(*key, "after" | "limit" | "newest"));
    query.retain(|(key, _)| *key != "limit");
    query.push(("limit", ENTRIES));
    if newest
        && known.iter().any(|(known, _)| *known == "newest")
        && !query.iter().any(|(key, _)| *key == "newest")
    {
        query.push(("newest", "true"));
    }
    let (data, problem) = match visit.show(name, &query).await {
        Ok(data) => (data, None),
        // A filter that is not of its form: told beside the filter.
        Err(failure) if matches!(failure.code(), "invalid_value" | "order_unknown" | "license_unknown") => {
            (Value::from(()), Some(visit.problem(&failure)))
        }
        Err(failure) => return Err(failure),
    };
    let next = data.get_attr("next").ok().filter(|next| !next.is_undefined() && !next.is_none());
    let next = next.map(|next| next.to_string()).map(|next| {
        let mut pairs = query.clone();
        pairs.retain(|(key, _)| !matches!(*key, "after" | "limit"));
        pairs.push(("after", &next));
        format!("{}?{}", visit.path, encode(&pairs))
    });
    let status = if problem.is_some() { 422 } else { 200 };
    let values = context! { data => data, next => next, filtered => filtered, problem => problem, files => value(files(name, &query)?) };
    Ok(Shown::Page(status, template, values))
}

pub(super) async fn items(visit: &Visit) -> Result<Shown, Failure> {
    list(visit, "list_items", "items.html", false).await
}

pub(super) async fn orders(visit: &Visit) -> Result<Shown, Failure> {
    list(visit, "list_orders", "orders.html", true).await
}

pub(super) async fn licenses(visit: &Visit) -> Result<Shown, Failure> {
    list(visit, "list_licenses", "licenses.html", true).await
}

pub(super) async fn containers(visit: &Visit) -> Result<Shown, Failure> {
    list(visit, "list_containers", "containers.html", true).await
}

pub(super) async fn approvals(visit: &Visit) -> Result<Shown, Failure> {
    list(visit, "list_approvals", "approvals.html", true).await
}

pub(super) async fn held_orders(visit: &Visit) -> Result<Shown, Failure> {
    list(visit, "list_held_orders", "held-orders.html", false).await
}

pub(super) async fn events(visit: &Visit) -> Result<Shown, Failure> {
    list(visit, "history", "events.html", true).await
}
