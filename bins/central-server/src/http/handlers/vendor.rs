//! What the vendor makes, decides and ends.

use licensing_core::ids::FirmCode;
use licensing_wire::json::{
    DecisionRequest, ItemRequest, OrderRequest, PreActivationRequest, PushRequest, ReplacementRequest,
    TokenRequest,
};

use crate::http::handlers::Call;
use crate::service::{Answer, Failure};

pub(in crate::http) async fn create_item(call: Call) -> Result<Answer, Failure> {
    let request: ItemRequest = call.message()?;
    let idempotency = call.vendor_idempotency();
    call.app.service().create_item(&call.authorized.actor(), idempotency, &request).await
}

pub(in crate::http) async fn create_order(call: Call) -> Result<Answer, Failure> {
    let request: OrderRequest = call.message()?;
    let idempotency = call.vendor_idempotency();
    call.app.service().create_order(&call.authorized.actor(), idempotency, &request).await
}

pub(in crate::http) async fn create_token(call: Call) -> Result<Answer, Failure> {
    let request: TokenRequest = call.message()?;
    let idempotency = call.vendor_idempotency();
    call.app.service().create_token(&call.authorized.actor(), idempotency, &request).await
}

pub(in crate::http) async fn revoke_token(call: Call) -> Result<Answer, Failure> {
    call.app.service().revoke_token(&call.authorized.actor(), call.text()).await
}

pub(in crate::http) async fn withdraw(call: Call) -> Result<Answer, Failure> {
    let idempotency = call.vendor_idempotency();
    call.app.service().withdraw(&call.authorized.actor(), idempotency, call.param()?).await
}

pub(in crate::http) async fn cancel_withdrawal(call: Call) -> Result<Answer, Failure> {
    let idempotency = call.vendor_idempotency();
    call.app.service().cancel_withdrawal(&call.authorized.actor(), idempotency, call.param()?).await
}

pub(in crate::http) async fn replace(call: Call) -> Result<Answer, Failure> {
    let request: ReplacementRequest = call.message()?;
    let idempotency = call.vendor_idempotency();
    call.app.service().replace(&call.authorized.actor(), idempotency, call.param()?, &request).await
}

pub(in crate::http) async fn grant(call: Call) -> Result<Answer, Failure> {
    decide(call, true).await
}

pub(in crate::http) async fn deny(call: Call) -> Result<Answer, Failure> {
    decide(call, false).await
}

async fn decide(call: Call, grant: bool) -> Result<Answer, Failure> {
    let request: DecisionRequest = call.message()?;
    let (actor, idempotency) = (call.authorized.actor(), call.vendor_idempotency());
    call.app.service().decide_approval(&actor, idempotency, call.param()?, grant, &request).await
}

pub(in crate::http) async fn blacklist_container(call: Call) -> Result<Answer, Failure> {
    let request: DecisionRequest = call.message()?;
    let (actor, idempotency) = (call.authorized.actor(), call.vendor_idempotency());
    call.app.service().blacklist_container(&actor, idempotency, call.param()?, &request).await
}

pub(in crate::http) async fn clear_container(call: Call) -> Result<Answer, Failure> {
    let request: DecisionRequest = call.message()?;
    let (actor, idempotency) = (call.authorized.actor(), call.vendor_idempotency());
    call.app.service().clear_container(&actor, idempotency, call.param()?, &request).await
}

pub(in crate::http) async fn push(call: Call) -> Result<Answer, Failure> {
    let request: PushRequest = call.message()?;
    let firm_code = FirmCode::new(request.firm_code)
        .ok_or_else(|| Failure::denied("invalid_value", "firm code: expected a number above 0"))?;
    let idempotency = call.vendor_idempotency();
    call.app.service().push(call.param()?, firm_code, &call.authorized.actor(), idempotency).await
}

pub(in crate::http) async fn create_preactivation(call: Call) -> Result<Answer, Failure> {
    let request: PreActivationRequest = call.message()?;
    let idempotency = call.vendor_idempotency();
    call.app.service().create_preactivation(&call.authorized.actor(), idempotency, &request).await
}

pub(in crate::http) async fn begin_reconciliation(call: Call) -> Result<Answer, Failure> {
    call.app.service().reconcile(&call.authorized.actor(), true).await
}

pub(in crate::http) async fn end_reconciliation(call: Call) -> Result<Answer, Failure> {
    call.app.service().reconcile(&call.authorized.actor(), false).await
}
