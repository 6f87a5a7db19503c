//! Mail to customers.

use licensing_wire::json::OrderMailRequest;

use crate::http::handlers::Call;
use crate::service::{Answer, Failure};

pub(in crate::http) async fn order_mail(call: Call) -> Result<Answer, Failure> {
    call.app.service().order_mail(call.param()?, call.value("language")).await
}

pub(in crate::http) async fn mail_order(call: Call) -> Result<Answer, Failure> {
    let request: OrderMailRequest = call.message()?;
    let (actor, idempotency) = (call.authorized.actor(), call.vendor_idempotency());
    call.app.service().mail_order(&actor, idempotency, call.param()?, &request).await
}
