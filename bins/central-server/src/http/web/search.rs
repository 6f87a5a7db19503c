//! One field for everything: order, item, license, container, customer; a ticket by a form of its own, because it is a
//! secret and no address may hold it.

use minijinja::context;
use serde_json::{Value, json};

use crate::http::web::frame::part;
use crate::http::web::visit::{Shown, Visit, encode, value};
use crate::service::Failure;

/// What may be found: the route that shows it, the kind, the page.
const KINDS: [(&str, &str, &str); 4] = [
    ("get_order", "order", "/orders/"),
    ("get_license", "license", "/licenses/"),
    ("get_container", "container", "/containers/"),
    ("get_item", "item", "/items/"),
];

pub(super) async fn page(visit: &Visit) -> Result<Shown, Failure> {
    let sought = visit.asked("q");
    let mut found = Vec::new();
    if !sought.is_empty() {
        for (name, kind, path) in KINDS {
            if visit.may(name) && known(visit, name, sought).await? {
                found.push(json!({"kind": kind, "id": sought, "path": format!("{path}{}", part(sought))}));
            }
        }
        found.extend(customer(visit, sought).await?);
    }
    if let [only] = found.as_slice()
        && let Some(path) = only.get("path").and_then(Value::as_str)
    {
        return Ok(Shown::To(path.to_owned()));
    }
    Ok(Shown::Page(200, "search.html", context! { sought => sought, found => value(found) }))
}

/// Whether there is such a thing. What cannot be its id is not there.
async fn known(visit: &Visit, name: &str, id: &str) -> Result<bool, Failure> {
    match visit.look(name, &[id], &[]).await {
        Ok(_) => Ok(true),
        Err(failure @ (Failure::Fault(_) | Failure::Denied { retry_after: Some(_), .. })) => Err(failure),
        Err(_) => Ok(false),
    }
}

async fn customer(visit: &Visit, sought: &str) -> Result<Option<Value>, Failure> {
    if !visit.may("list_orders") {
        return Ok(None);
    }
    let orders = visit.look("list_orders", &[], &[("customer", sought), ("limit", "1")]).await;
    let any = orders.is_ok_and(|orders| orders.get("orders").and_then(Value::as_array).is_some_and(|o| !o.is_empty()));
    let path = format!("/orders?{}", encode(&[("customer", sought)]));
    Ok(any.then(|| json!({"kind": "customer", "id": sought, "path": path})))
}

/// What is on a ticket. It arrives in a form and is not shown again.
pub(super) async fn ticket(visit: &Visit) -> Result<Shown, Failure> {
    let asked = json!({"ticket": visit.form.get("ticket").trim(), "all": true});
    let shown = match visit.act("show_ticket", &[], asked).await {
        Ok(shown) => context! { licenses => value(shown.get("licenses")) },
        Err(failure) if matches!(failure.code(), "ticket_mistyped" | "ticket_unknown" | "invalid_value") => {
            context! { problem => visit.problem(&failure) }
        }
        Err(failure) => return Err(failure),
    };
    Ok(Shown::Page(200, "search.html", context! { sought => "", found => value(json!([])), ..shown }))
}
