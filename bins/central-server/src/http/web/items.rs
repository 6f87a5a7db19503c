//! Items: shown, and made with every option explained in place.

use minijinja::context;
use serde_json::{Map, Value, json};

use crate::http::web::forms::{as_number, number, rows, text};
use crate::http::web::frame::part;
use crate::http::web::visit::{Shown, Visit, value};
use crate::service::Failure;

/// Options that are texts.
const TEXTS: &[&str] = &[
    "id",
    "name",
    "expires",
    "activates",
    "usage_period",
    "maintenance",
    "feature_map",
    "text",
    "tolerance",
    "return",
    "reactivation",
    "restore",
    "split",
    "access",
    "borrow",
    "linger",
    "requires",
    "updates",
    "update_scope",
    "extend",
    "renew_maintenance",
    "set_feature_map",
    "add_features",
];

/// Options that are numbers.
const NUMBERS: &[&str] =
    &["firm_code", "product_code", "license_quantity", "unit_counter", "add_units", "add_quantity"];

/// Empty rows for modules.
const ROWS: usize = 3;

pub(super) async fn page(visit: &Visit) -> Result<Shown, Failure> {
    let item = visit.look("get_item", &[visit.param()], &[]).await?;
    Ok(Shown::Page(200, "item.html", context! { item => value(item) }))
}

/// The form: empty, or with what another item has.
pub(super) async fn form(visit: &Visit) -> Result<Shown, Failure> {
    let like = visit.asked("like");
    let mut item = json!({});
    if !like.is_empty() {
        item = visit.look("get_item", &[like], &[]).await?;
        item["id"] = "".into();
    }
    show(visit, 200, item, None).await
}

async fn show(visit: &Visit, status: u16, item: Value, failure: Option<Failure>) -> Result<Shown, Failure> {
    let filled = item.get("modules").and_then(Value::as_array).map_or(0, Vec::len);
    let known = visit.look("list_items", &[], &[("limit", "500")]).await?;
    let values = context! {
        item => value(item),
        rows => filled + ROWS,
        known => value(known),
        problem => failure.map(|failure| visit.problem(&failure)),
    };
    Ok(Shown::Page(status, "item-form.html", values))
}

/// The message of a form.
fn message(visit: &Visit) -> Value {
    let form = &visit.form;
    let mut message = Map::new();
    TEXTS.iter().for_each(|name| text(&mut message, name, form));
    NUMBERS.iter().for_each(|name| number(&mut message, name, form));
    let kinds = form.all("containers");
    if !kinds.is_empty() {
        message.insert("containers".to_owned(), kinds.into());
    }
    // A choice of the waiting time comes with its days.
    for name in ["reactivation", "restore"] {
        if form.get(name) == "after" {
            let days = form.get(&format!("{name}_days")).trim();
            message.insert(name.to_owned(), format!("after:{days}d").into());
        }
    }
    let modules: Vec<Value> = rows(form, ["module_code", "module_name", "module_features"])
        .into_iter()
        .map(|[code, name, features]| {
            let mut module = json!({"product_code": as_number(code), "name": name});
            if !features.is_empty() {
                module["feature_map"] = features.into();
            }
            module
        })
        .collect();
    if !modules.is_empty() {
        message.insert("modules".to_owned(), modules.into());
    }
    message.into()
}

pub(super) async fn create(visit: &Visit) -> Result<Shown, Failure> {
    let message = message(visit);
    match visit.act("create_item", &[], message.clone()).await {
        Ok(item) => {
            let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
            Ok(Shown::To(format!("/items/{}?done=item-created", part(id))))
        }
        Err(failure) if failure.code() == "internal" => Err(failure),
        Err(failure) => show(visit, 422, message, Some(failure)).await,
    }
}
