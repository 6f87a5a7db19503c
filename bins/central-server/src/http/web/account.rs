//! What a user does about himself: the second step of signing in, his password, his second factor, his sessions.

use licensing_core::user::session::Standing;
use licensing_qr::svg_text;
use minijinja::{Value, context};
use serde_json::json;

use crate::http::web::session::inside;
use crate::http::web::visit::{Shown, Visit, value};
use crate::service::Failure;

pub(super) async fn code_page(visit: &Visit) -> Result<Shown, Failure> {
    Ok(Shown::Page(200, "sign-in-code.html", context! { next => inside(visit.asked("next")) }))
}

pub(super) async fn enter_code(visit: &Visit) -> Result<Shown, Failure> {
    let (next, body) = (inside(visit.form.get("next")).to_owned(), json!({"code": visit.form.get("code")}));
    match visit.answer_of("enter_code", &[], &[], Some(body)).await {
        Ok(answer) => Ok(Shown::SignedIn(next, answer.cookie)),
        Err(failure) => again(visit, "sign-in-code.html", failure, context! { next => next }),
    }
}

/// The same page once more, with what went wrong.
fn again(visit: &Visit, template: &'static str, failure: Failure, values: Value) -> Result<Shown, Failure> {
    if failure.code() == "internal" {
        return Err(failure);
    }
    let problem = visit.problem(&failure);
    Ok(Shown::Page(422, template, context! { problem => problem, ..values }))
}

pub(super) async fn page(visit: &Visit) -> Result<Shown, Failure> {
    show(visit, 200, Value::UNDEFINED).await
}

async fn show(visit: &Visit, status: u16, problem: Value) -> Result<Shown, Failure> {
    let session = visit.look("get_session", &[], &[]).await?;
    let sessions = visit.look("own_sessions", &[], &[]).await?;
    let values = context! { session => value(session), data => value(sessions), problem => problem };
    Ok(Shown::Page(status, "account.html", values))
}

pub(super) async fn password_page(visit: &Visit) -> Result<Shown, Failure> {
    let session = visit.look("get_session", &[], &[]).await?;
    Ok(Shown::Page(
        200,
        "password.html",
        context! { session => value(session), next => inside(visit.asked("next")) },
    ))
}

pub(super) async fn change_password(visit: &Visit) -> Result<Shown, Failure> {
    let form = &visit.form;
    let (new, repeated) = (form.get("new"), form.get("repeated"));
    let outcome = if new == repeated {
        visit.act("change_password", &[], json!({"old": form.get("old"), "new": new})).await
    } else {
        Err(Failure::denied("password_unsuitable", "the new password was not entered twice in the same way"))
    };
    match outcome {
        Ok(_) => Ok(Shown::To("/account?done=change-password".to_owned())),
        Err(failure) => {
            let session = visit.look("get_session", &[], &[]).await?;
            again(visit, "password.html", failure, context! { session => value(session) })
        }
    }
}

/// Where the second factor is set up: led to by the account, or by a role that requires one.
pub(super) async fn factor_page(visit: &Visit) -> Result<Shown, Failure> {
    Ok(Shown::Page(200, "second-factor-add.html", factor_values(visit)))
}

fn factor_values(visit: &Visit) -> Value {
    context! { required => visit.standing() == Some(Standing::FactorNeeded) }
}

/// Shows the secret, this once: as text and as a code for the camera.
pub(super) async fn begin_second_factor(visit: &Visit) -> Result<Shown, Failure> {
    let body = json!({"password": visit.form.get("password")});
    match visit.act("begin_second_factor", &[], body).await {
        Ok(made) => {
            let uri = made.get("uri").and_then(|uri| uri.as_str()).unwrap_or_default();
            let picture = svg_text(uri).map_err(|error| Failure::fault(error.to_string()))?;
            let values = context! { made => value(&made), picture => Value::from_safe_string(picture) };
            Ok(Shown::Page(200, "second-factor.html", values))
        }
        Err(failure) => again(visit, "second-factor-add.html", failure, factor_values(visit)),
    }
}

pub(super) async fn confirm_second_factor(visit: &Visit) -> Result<Shown, Failure> {
    match visit.act("confirm_second_factor", &[], json!({"code": visit.form.get("code")})).await {
        Ok(codes) => Ok(Shown::Page(200, "recovery-codes.html", context! { data => value(codes) })),
        Err(failure) if failure.code() == "second_factor_wrong" => {
            again(visit, "second-factor.html", failure, context! {})
        }
        Err(failure) => again(visit, "second-factor-add.html", failure, factor_values(visit)),
    }
}

pub(super) async fn remove_second_factor(visit: &Visit) -> Result<Shown, Failure> {
    let body = json!({"password": visit.form.get("password")});
    match visit.act("remove_own_second_factor", &[], body).await {
        Ok(_) => Ok(Shown::To("/account?done=remove-second-factor".to_owned())),
        Err(failure) => refused(visit, failure).await,
    }
}

pub(super) async fn end_other_sessions(visit: &Visit) -> Result<Shown, Failure> {
    visit.answer_of("end_other_sessions", &[], &[], None).await?;
    Ok(Shown::To("/account?done=end-sessions".to_owned()))
}

async fn refused(visit: &Visit, failure: Failure) -> Result<Shown, Failure> {
    if failure.code() == "internal" {
        return Err(failure);
    }
    show(visit, 422, visit.problem(&failure)).await
}
