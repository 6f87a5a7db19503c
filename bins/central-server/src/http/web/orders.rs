//! Orders: placed as the paper shows it, and shown with their ticket to whom it may be shown.

use minijinja::context;
use serde_json::{Map, Value, json};

use crate::http::web::forms::{as_number, rows, text};
use crate::http::web::frame::part;
use crate::http::web::visit::{Shown, Visit, value};
use crate::service::Failure;

/// Empty lines of a new order.
const LINES: usize = 5;

pub(super) async fn page(visit: &Visit) -> Result<Shown, Failure> {
    let language = match visit.asked("mail") {
        "" => visit.language.as_str(),
        chosen => chosen,
    };
    show_order(visit, 200, language, None).await
}

/// An order, with the mail about it in a language for those who may see its ticket.
async fn show_order(
    visit: &Visit,
    status: u16,
    language: &str,
    failure: Option<Failure>,
) -> Result<Shown, Failure> {
    let id = visit.param();
    let language = crate::mail::language(language).unwrap_or("en");
    let mail = if visit.may("get_order_mail") {
        Some(visit.look("get_order_mail", &[id], &[("language", language)]).await?)
    } else {
        None
    };
    let order = visit.look("get_order", &[id], &[]).await?;
    let licenses = visit.look("list_licenses", &[], &[("order", id), ("limit", "500")]).await?;
    let shows_ticket = !order.get("ticket").and_then(Value::as_str).unwrap_or("*").contains('*');
    let values = context! {
        order => value(order), licenses => value(licenses), shows_ticket => shows_ticket,
        mail => mail.map(value),
        mail_languages => crate::mail::LANGUAGES,
        mail_open => failure.is_some() || !visit.asked("mail").is_empty(),
        to => visit.form.get("to"),
        note => visit.form.get("note"),
        problem => failure.map(|failure| visit.problem(&failure)),
    };
    Ok(Shown::Page(status, "order.html", values))
}

/// Sends the ticket of an order.
pub(super) async fn mail(visit: &Visit) -> Result<Shown, Failure> {
    let (id, language) = (visit.param(), visit.form.get("language"));
    let mut message = Map::new();
    for name in ["to", "language", "note"] {
        text(&mut message, name, &visit.form);
    }
    match visit.act("mail_order", &[id], message.into()).await {
        Ok(_) => Ok(Shown::To(format!("/orders/{}?done=mail-order", part(id)))),
        Err(failure) if matches!(failure.code(), "internal" | "order_unknown") => Err(failure),
        Err(failure) => show_order(visit, 422, language, Some(failure)).await,
    }
}

pub(super) async fn form(visit: &Visit) -> Result<Shown, Failure> {
    let mut lines = vec![];
    if !visit.asked("item").is_empty() {
        lines.push(json!({"item": visit.asked("item"), "quantity": 1}));
    }
    show(visit, 200, json!({"items": lines, "choice": "new"}), None).await
}

async fn show(visit: &Visit, status: u16, order: Value, failure: Option<Failure>) -> Result<Shown, Failure> {
    let filled = order.get("items").and_then(Value::as_array).map_or(0, Vec::len);
    let known = visit.look("list_items", &[], &[("limit", "500")]).await?;
    let values = context! {
        order => value(order),
        rows => filled.max(1) + LINES - 1,
        known => value(known),
        problem => failure.map(|failure| visit.problem(&failure)),
    };
    Ok(Shown::Page(status, "order-form.html", values))
}

pub(super) async fn create(visit: &Visit) -> Result<Shown, Failure> {
    let form = &visit.form;
    let mut message = Map::new();
    for name in ["order_id", "customer", "comment"] {
        text(&mut message, name, form);
    }
    let lines: Vec<Value> = rows(form, ["item", "quantity"])
        .into_iter()
        .filter(|[item, _]| !item.is_empty())
        .map(|[item, quantity]| json!({"item": item, "quantity": as_number(quantity)}))
        .collect();
    message.insert("items".to_owned(), lines.into());
    if form.get("together") == "true" {
        message.insert("together".to_owned(), true.into());
    }
    match form.get("choice") {
        "order" => {
            message.insert("ticket".to_owned(), format!("order:{}", form.get("earlier").trim()).into());
        }
        "container" => {
            message.insert("ticket".to_owned(), format!("container:{}", form.get("serial").trim()).into());
        }
        _ => {}
    }
    match visit.act("create_order", &[], message.clone().into()).await {
        Ok(order) => {
            let id = order.get("order_id").and_then(Value::as_str).unwrap_or_default();
            Ok(Shown::To(format!("/orders/{}?done=order-created", part(id))))
        }
        Err(failure) if failure.code() == "internal" => Err(failure),
        Err(failure) => {
            for name in ["choice", "earlier", "serial"] {
                message.insert(name.to_owned(), form.get(name).into());
            }
            show(visit, 422, message.into(), Some(failure)).await
        }
    }
}
