//! What the vendor looks at, one at a time.

use licensing_core::token::Permission;
use licensing_wire::binary::from_hex;

use crate::http::handlers::Call;
use crate::service::{Answer, Failure};

pub(in crate::http) async fn item(call: Call) -> Result<Answer, Failure> {
    call.app.service().item(call.param()?).await
}

pub(in crate::http) async fn order(call: Call) -> Result<Answer, Failure> {
    let show_ticket = call.authorized.may(&call.app, Permission::TicketRead);
    call.app.service().order(call.param()?, show_ticket).await
}

pub(in crate::http) async fn receipt(call: Call) -> Result<Answer, Failure> {
    let hash = from_hex::<32>(call.text())
        .map_err(|_| Failure::denied("invalid_value", "hash: expected 64 hexadecimal digits"))?;
    call.app.service().receipt_file(hash).await
}

pub(in crate::http) async fn container(call: Call) -> Result<Answer, Failure> {
    call.app.service().container(call.param()?).await
}

pub(in crate::http) async fn tokens(call: Call) -> Result<Answer, Failure> {
    call.app.service().tokens().await
}

pub(in crate::http) async fn license(call: Call) -> Result<Answer, Failure> {
    call.app.service().license(call.param()?).await
}

pub(in crate::http) async fn reconciliation(call: Call) -> Result<Answer, Failure> {
    call.app.service().reconciliation().await
}
