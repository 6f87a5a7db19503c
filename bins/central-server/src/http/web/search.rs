//! One field for everything. It is a form that is sent, because what is sought may be a ticket, which no address may hold.

use minijinja::context;
use serde_json::{Map, Value, json};

use crate::http::web::frame::part;
use crate::http::web::visit::{Shown, Visit, encode, value};
use crate::service::Failure;

/// Kinds with the pages that show them.
const KINDS: [(&str, &str); 6] = [
    ("ticket", "/orders/"),
    ("order", "/orders/"),
    ("license", "/licenses/"),
    ("container", "/containers/"),
    ("item", "/items/"),
    ("approval", "/approvals"),
];

/// Where a hit is shown.
fn address(kind: &str, id: &str) -> String {
    if kind == "customer" {
        return format!("/orders?{}", encode(&[("customer", id)]));
    }
    match KINDS.iter().find(|(known, _)| *known == kind) {
        Some((_, path)) if path.ends_with('/') => format!("{path}{}", part(id)),
        Some((_, path)) => format!("{path}#a-{}", part(id)),
        None => "/".to_owned(),
    }
}

pub(super) async fn page(visit: &Visit) -> Result<Shown, Failure> {
    let text = visit.form.get("text").trim();
    if text.is_empty() {
        return Ok(Shown::Page(200, "search.html", context! {}));
    }
    let found = match visit.act("search", &[], json!({ "text": text })).await {
        Ok(found) => found,
        Err(failure) if matches!(failure.code(), "invalid_value" | "ticket_mistyped" | "ticket_unknown") => {
            return Ok(Shown::Page(422, "search.html", context! { problem => visit.problem(&failure) }));
        }
        Err(failure) => return Err(failure),
    };
    let hits: Vec<Value> =
        found.get("hits").and_then(Value::as_array).into_iter().flatten().map(shown).collect();
    // The only hit is what was meant.
    if let [only] = hits.as_slice()
        && let Some(path) = only.get("path").and_then(Value::as_str)
    {
        return Ok(Shown::To(path.to_owned()));
    }
    let values = context! { hits => value(hits), more => value(found.get("more")), sought => true };
    Ok(Shown::Page(200, "search.html", values))
}

fn shown(hit: &Value) -> Value {
    let text = |name: &str| hit.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut shown = hit.as_object().cloned().unwrap_or_else(Map::new);
    shown.insert("path".to_owned(), address(text("kind"), text("id")).into());
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn every_kind_has_a_page() {
        assert_eq!(address("customer", "A&B"), "/orders?customer=A%26B");
        assert_eq!(address("order", "A/1"), "/orders/A%2F1");
        assert_eq!(address("approval", "ab"), "/approvals#a-ab");
    }
}
