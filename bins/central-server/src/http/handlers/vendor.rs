//! What the vendor makes and ends.

use licensing_wire::json::{ItemRequest, OrderRequest, TokenRequest};

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
