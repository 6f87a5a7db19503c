//! Signing in and out, and what a user does about himself.

use licensing_wire::json::{CodeRequest, ConfirmationRequest, PasswordRequest, SignInRequest};

use crate::http::handlers::Call;
use crate::service::{Answer, Cookie, Failure, SignedIn, Source, session_answer};

fn source(call: &Call) -> Source<'_> {
    Source { origin: call.authorized.origin(), agent: &call.agent }
}

fn begun(signed_in: SignedIn) -> Result<Answer, Failure> {
    let SignedIn { secret, visitor } = signed_in;
    Ok(Answer { cookie: Some(Cookie::Keep(secret)), ..Answer::json(201, &session_answer(&visitor))? })
}

pub(in crate::http) async fn sign_in(call: Call) -> Result<Answer, Failure> {
    let SignInRequest { name, password, code } = call.message()?;
    begun(call.app.service().sign_in(&name, &password, code.as_deref(), source(&call)).await?)
}

pub(in crate::http) async fn enter_code(call: Call) -> Result<Answer, Failure> {
    let request: CodeRequest = call.message()?;
    let visitor = call.authorized.visitor()?;
    begun(call.app.service().enter_code(visitor, &request.code, source(&call)).await?)
}

pub(in crate::http) async fn session(call: Call) -> Result<Answer, Failure> {
    Answer::json(200, &session_answer(call.authorized.visitor()?))
}

pub(in crate::http) async fn sign_out(call: Call) -> Result<Answer, Failure> {
    let visitor = call.authorized.visitor()?;
    call.app.service().sign_out(visitor, call.authorized.origin()).await?;
    Ok(Answer { cookie: Some(Cookie::Forget), ..Answer::json(200, &session_answer(visitor))? })
}

pub(in crate::http) async fn own_sessions(call: Call) -> Result<Answer, Failure> {
    call.app.service().own_sessions(call.authorized.visitor()?).await
}

pub(in crate::http) async fn end_other_sessions(call: Call) -> Result<Answer, Failure> {
    let visitor = call.authorized.visitor()?;
    call.app.service().end_other_sessions(visitor, call.authorized.origin()).await
}

pub(in crate::http) async fn change_password(call: Call) -> Result<Answer, Failure> {
    let PasswordRequest { old, new } = call.message()?;
    let (visitor, actor) = (call.authorized.visitor()?, call.authorized.actor());
    call.app.service().change_password(visitor, &actor, &old, &new).await
}

pub(in crate::http) async fn begin_second_factor(call: Call) -> Result<Answer, Failure> {
    let request: ConfirmationRequest = call.message()?;
    let (visitor, actor) = (call.authorized.visitor()?, call.authorized.actor());
    call.app.service().begin_second_factor(visitor, &actor, &request.password).await
}

pub(in crate::http) async fn confirm_second_factor(call: Call) -> Result<Answer, Failure> {
    let request: CodeRequest = call.message()?;
    let (visitor, actor) = (call.authorized.visitor()?, call.authorized.actor());
    call.app.service().confirm_second_factor(visitor, &actor, &request.code).await
}

pub(in crate::http) async fn remove_own_second_factor(call: Call) -> Result<Answer, Failure> {
    let request: ConfirmationRequest = call.message()?;
    let (visitor, actor) = (call.authorized.visitor()?, call.authorized.actor());
    call.app.service().remove_own_second_factor(visitor, &actor, &request.password).await
}
