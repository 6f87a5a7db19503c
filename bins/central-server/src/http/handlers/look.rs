//! What the vendor looks at.

use licensing_core::token::Permission;
use licensing_store::LicenseQuery;
use licensing_wire::binary::from_hex;

use crate::http::handlers::Call;
use crate::service::{Answer, Failure, HistoryFilter};

pub(in crate::http) async fn items(call: Call) -> Result<Answer, Failure> {
    call.app.service().items(call.query("after")?, call.limit()?).await
}

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

pub(in crate::http) async fn containers(call: Call) -> Result<Answer, Failure> {
    call.app.service().containers(call.query("after")?, call.limit()?).await
}

pub(in crate::http) async fn container(call: Call) -> Result<Answer, Failure> {
    call.app.service().container(call.param()?).await
}

pub(in crate::http) async fn history(call: Call) -> Result<Answer, Failure> {
    let filter = HistoryFilter {
        license: call.query("license")?,
        container: call.query("container")?,
        order: call.query("order")?,
        after: call.number("after")?.unwrap_or(0),
        limit: call.limit()?,
    };
    call.app.service().history(&filter).await
}

pub(in crate::http) async fn tokens(call: Call) -> Result<Answer, Failure> {
    call.app.service().tokens().await
}

pub(in crate::http) async fn licenses(call: Call) -> Result<Answer, Failure> {
    let query = LicenseQuery {
        never_activated: call.flag("never_activated")?,
        item: call.query("item")?,
        order: call.query("order")?,
        customer: call.query("customer")?,
        from: call.moment("from")?,
        until: call.moment("until")?,
        after: call.query("after")?,
        limit: call.limit()?,
    };
    call.app.service().licenses(query).await
}

pub(in crate::http) async fn license(call: Call) -> Result<Answer, Failure> {
    call.app.service().license(call.param()?).await
}

pub(in crate::http) async fn approvals(call: Call) -> Result<Answer, Failure> {
    call.app.service().approvals(call.flag("pending")?, call.query("after")?, call.limit()?).await
}

pub(in crate::http) async fn reconciliation(call: Call) -> Result<Answer, Failure> {
    call.app.service().reconciliation().await
}
