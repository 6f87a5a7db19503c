//! Users and API tokens.

use minijinja::{Value, context};
use serde_json::{Map, json};

use licensing_core::token::{PERMISSIONS, Permission, ROLES};

use crate::http::web::forms::text;
use crate::http::web::frame::part;
use crate::http::web::visit::{Shown, Visit, route, value};
use crate::service::Failure;

/// Entries on a page.
const ENTRIES: &str = "50";

fn role_words() -> Value {
    Value::from(ROLES.map(|(_, word)| word).to_vec())
}

/// A page of a list that goes on after the last entry.
async fn page_of(
    visit: &Visit,
    name: &str,
    template: &'static str,
    failure: Option<Failure>,
) -> Result<Shown, Failure> {
    let known = route(name)?.query;
    let mut query = vec![("limit", ENTRIES), ("after", visit.asked("after"))];
    query.retain(|(name, value)| !value.is_empty() && known.iter().any(|(known, _)| known == name));
    let data = visit.look(name, &[], &query).await?;
    let next = data.get("next").and_then(|next| next.as_str());
    let next = next.map(|next| format!("{}?{}", visit.path, super::visit::encode(&[("after", next)])));
    let status = if failure.is_some() { 422 } else { 200 };
    let values = context! {
        data => value(data),
        next => next,
        roles => role_words(),
        scopes => PERMISSIONS.map(Permission::name).to_vec(),
        problem => failure.map(|failure| visit.problem(&failure)),
        entered => entered(visit),
    };
    Ok(Shown::Page(status, template, values))
}

/// What was entered, to be shown again.
fn entered(visit: &Visit) -> Value {
    let form = &visit.form;
    value(json!({
        "name": form.get("name"),
        "expires": form.get("expires"),
        "certificate": form.get("certificate"),
        "roles": form.all("roles"),
        "scopes": form.all("scopes"),
    }))
}

/// A secret, told this once.
fn told(secret: &str, name: &str, kind: &str, back: &str) -> Shown {
    Shown::Page(200, "secret.html", context! { secret => secret, name => name, kind => kind, back => back })
}

pub(super) async fn users(visit: &Visit) -> Result<Shown, Failure> {
    page_of(visit, "list_users", "users.html", None).await
}

pub(super) async fn create_user(visit: &Visit) -> Result<Shown, Failure> {
    let body = json!({"name": visit.form.get("name").trim(), "roles": visit.form.all("roles")});
    match visit.act("create_user", &[], body).await {
        Ok(made) => Ok(password_told(&made)),
        Err(failure) if failure.code() == "internal" => Err(failure),
        Err(failure) => page_of(visit, "list_users", "users.html", Some(failure)).await,
    }
}

fn password_told(made: &serde_json::Value) -> Shown {
    let field = |name: &str| made.get(name).and_then(|field| field.as_str()).unwrap_or_default();
    let back = format!("/users/{}", part(field("name")));
    told(field("one_time_password"), field("name"), "password", &back)
}

pub(super) async fn user(visit: &Visit) -> Result<Shown, Failure> {
    show_user(visit, None).await
}

async fn show_user(visit: &Visit, failure: Option<Failure>) -> Result<Shown, Failure> {
    let user = visit.look("get_user", &[visit.param()], &[]).await?;
    let status = if failure.is_some() { 422 } else { 200 };
    let problem = failure.map(|failure| visit.problem(&failure));
    let values = context! { shown => value(user), roles => role_words(), problem => problem };
    Ok(Shown::Page(status, "user.html", values))
}

/// Does something about a user and goes back to where he is shown.
pub(super) async fn act(visit: &Visit, name: &str) -> Result<Shown, Failure> {
    let id = visit.param();
    let body = (name == "change_roles").then(|| json!({"roles": visit.form.all("roles")}));
    match visit.answer_of(name, &[id], &[], body).await {
        Ok(answer) if name == "reset_password" => {
            let made = serde_json::from_slice(&answer.body);
            Ok(password_told(&made.map_err(|error| Failure::fault(error.to_string()))?))
        }
        Ok(_) => Ok(Shown::To(format!("/users/{}?done={}", part(id), name.replace('_', "-")))),
        Err(failure)
            if matches!(failure.code(), "last_admin_user" | "invalid_value" | "second_factor_unknown") =>
        {
            show_user(visit, Some(failure)).await
        }
        Err(failure) => Err(failure),
    }
}

pub(super) async fn tokens(visit: &Visit) -> Result<Shown, Failure> {
    page_of(visit, "list_tokens", "tokens.html", None).await
}

pub(super) async fn create_token(visit: &Visit) -> Result<Shown, Failure> {
    let form = &visit.form;
    let mut message = Map::new();
    message.insert("name".to_owned(), form.get("name").trim().into());
    message.insert("roles".to_owned(), form.all("roles").into());
    message.insert("scopes".to_owned(), form.all("scopes").into());
    text(&mut message, "expires", form);
    text(&mut message, "certificate", form);
    match visit.act("create_token", &[], message.into()).await {
        Ok(made) if made.get("token").is_none() => Ok(Shown::To("/tokens?done=create-token".to_owned())),
        Ok(made) => {
            let field = |name: &str| made.get(name).and_then(|field| field.as_str()).unwrap_or_default();
            Ok(told(field("token"), field("name"), "token", "/tokens"))
        }
        Err(failure) if failure.code() == "internal" => Err(failure),
        Err(failure) => page_of(visit, "list_tokens", "tokens.html", Some(failure)).await,
    }
}

pub(super) async fn revoke_token(visit: &Visit) -> Result<Shown, Failure> {
    match visit.answer_of("revoke_token", &[visit.param()], &[], None).await {
        Ok(_) => Ok(Shown::To("/tokens?done=revoke-token".to_owned())),
        Err(failure) if failure.code() == "last_admin_token" => {
            page_of(visit, "list_tokens", "tokens.html", Some(failure)).await
        }
        Err(failure) => Err(failure),
    }
}
