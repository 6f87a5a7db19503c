//! Licenses and containers: shown with what happened to them, and what the vendor does about them.

use licensing_wire::binary::from_base64;
use minijinja::context;
use serde_json::{Map, Value, json};

use crate::http::web::forms::text;
use crate::http::web::frame::part;
use crate::http::web::visit::{Shown, Visit, route, value};
use crate::service::Failure;

/// Most items somebody chooses from in one list.
const CHOICE: &str = "100";

/// The last events about a license or container, for whom may see them.
async fn events(visit: &Visit, about: &str, id: &str) -> Result<Value, Failure> {
    if !visit.may("history") {
        return Ok(Value::Null);
    }
    visit.look("history", &[], &[(about, id), ("newest", "true"), ("limit", "100")]).await
}

pub(super) async fn license(visit: &Visit) -> Result<Shown, Failure> {
    let id = visit.param();
    let license = visit.look("get_license", &[id], &[]).await?;
    let events = events(visit, "license", id).await?;
    let choice = replacements(visit, &license).await?;
    let values = context! { license => value(license), events => value(events), choice => value(choice) };
    Ok(Shown::Page(200, "license.html", values))
}

/// The items a license may be replaced by. Where there are too many to choose from, those whose ids begin with what the
/// reader has looked for.
async fn replacements(visit: &Visit, license: &Value) -> Result<Value, Failure> {
    if !visit.may("replace") {
        return Ok(Value::Null);
    }
    let begins = visit.asked("begins");
    let first = ("limit", CHOICE);
    let looked_for = !begins.is_empty();
    let query = if looked_for { vec![first, ("prefix", begins)] } else { vec![first] };
    let mut found = match visit.look("list_items", &[], &query).await {
        Ok(found) => found,
        // No id begins like that.
        Err(failure) if failure.code() == "invalid_value" => json!({"items": []}),
        Err(failure) => return Err(failure),
    };
    let more = found.get("next").is_some_and(|next| !next.is_null());
    let mut items = found.get_mut("items").map(Value::take).unwrap_or_default();
    if let Some(items) = items.as_array_mut() {
        items.retain(|item| item.get("id") != license.get("item"));
    }
    Ok(json!({"items": items, "more": more, "looked_for": looked_for, "many": more || looked_for}))
}

pub(super) async fn container(visit: &Visit) -> Result<Shown, Failure> {
    let serial = visit.param();
    let container = visit.look("get_container", &[serial], &[]).await?;
    let events = events(visit, "container", serial).await?;
    Ok(Shown::Page(
        200,
        "container.html",
        context! { container => value(container), events => value(events) },
    ))
}

/// Does something to a license, container or approval and goes back to where it is shown.
pub(super) async fn act(visit: &Visit, name: &str) -> Result<Shown, Failure> {
    let mut message = Map::new();
    for field in ["reason", "valid", "item"] {
        text(&mut message, field, &visit.form);
    }
    let id = visit.param();
    if route(name)?.request.is_some() {
        visit.act(name, &[id], message.into()).await?;
    } else {
        visit.answer_of(name, &[id], &[], None).await?;
    }
    let back = match name {
        "grant_approval" | "deny_approval" => "/approvals?pending=true&".to_owned(),
        "release_order" | "deny_order" => "/held-orders?".to_owned(),
        "blacklist_container" | "clear_container" => format!("/containers/{}?", part(id)),
        _ => format!("/licenses/{}?", part(id)),
    };
    Ok(Shown::To(format!("{back}done={}", name.replace('_', "-"))))
}

/// A kept receipt as a file.
pub(super) async fn receipt(visit: &Visit) -> Result<Shown, Failure> {
    let receipt = visit.look("get_receipt", &[visit.param()], &[]).await?;
    let text = |name: &str| receipt.get(name).and_then(Value::as_str).unwrap_or_default();
    let bytes = from_base64(text("context"), text("context").len())
        .map_err(|error| Failure::fault(error.to_string()))?;
    let name = format!("{}-{}.WibuCmRaC", text("serial"), receipt.get("counter").unwrap_or(&Value::Null));
    Ok(Shown::File(name, "application/octet-stream", bytes))
}
