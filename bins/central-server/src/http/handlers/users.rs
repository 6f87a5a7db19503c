//! What administrators do about users, and what needs two of them.

use licensing_wire::json::{DecisionRequest, RolesRequest, UserRequest};

use crate::http::handlers::Call;
use crate::service::{Answer, Failure};

pub(in crate::http) async fn create_user(call: Call) -> Result<Answer, Failure> {
    let request: UserRequest = call.message()?;
    let idempotency = call.vendor_idempotency();
    call.app.service().create_user(&call.authorized.actor(), idempotency, &request).await
}

pub(in crate::http) async fn users(call: Call) -> Result<Answer, Failure> {
    call.app.service().users(call.query("after")?, call.limit()?).await
}

pub(in crate::http) async fn user(call: Call) -> Result<Answer, Failure> {
    call.app.service().user(call.param()?).await
}

pub(in crate::http) async fn change_roles(call: Call) -> Result<Answer, Failure> {
    let request: RolesRequest = call.message()?;
    call.app.service().change_roles(&call.authorized.actor(), &call.param()?, &request.roles).await
}

pub(in crate::http) async fn disable_user(call: Call) -> Result<Answer, Failure> {
    call.app.service().disable_user(&call.authorized.actor(), &call.param()?, true).await
}

pub(in crate::http) async fn enable_user(call: Call) -> Result<Answer, Failure> {
    call.app.service().disable_user(&call.authorized.actor(), &call.param()?, false).await
}

pub(in crate::http) async fn reset_password(call: Call) -> Result<Answer, Failure> {
    call.app.service().reset_password(&call.authorized.actor(), &call.param()?).await
}

pub(in crate::http) async fn remove_second_factor(call: Call) -> Result<Answer, Failure> {
    call.app.service().remove_second_factor(&call.authorized.actor(), &call.param()?).await
}

pub(in crate::http) async fn end_sessions(call: Call) -> Result<Answer, Failure> {
    call.app.service().end_sessions_of(&call.authorized.actor(), &call.param()?).await
}

pub(in crate::http) async fn held_orders(call: Call) -> Result<Answer, Failure> {
    let (pending, after, limit) = (call.flag("pending")?, call.query("after")?, call.limit()?);
    Answer::json(200, &call.app.service().held_order_list(pending, after, limit).await?)
}

pub(in crate::http) async fn release_order(call: Call) -> Result<Answer, Failure> {
    decide(call, true).await
}

pub(in crate::http) async fn deny_order(call: Call) -> Result<Answer, Failure> {
    decide(call, false).await
}

async fn decide(call: Call, release: bool) -> Result<Answer, Failure> {
    let request: DecisionRequest = call.message()?;
    let (actor, idempotency) = (call.authorized.actor(), call.vendor_idempotency());
    call.app.service().decide_held_order(&actor, idempotency, call.param()?, release, &request).await
}
