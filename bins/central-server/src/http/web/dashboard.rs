//! The first page: what waits for somebody.

use minijinja::{Value, context};

use crate::http::web::visit::{Shown, Visit, value};
use crate::service::Failure;

/// Entries shown of each list.
const ENTRIES: (&str, &str) = ("limit", "5");

pub(super) async fn page(visit: &Visit) -> Result<Shown, Failure> {
    let approvals = waiting(visit, "list_approvals", &[("pending", "true"), ENTRIES]).await?;
    let transfers = waiting(visit, "list_transfers", &[ENTRIES]).await?;
    let containers = waiting(visit, "list_containers", &[("flagged", "true"), ("newest", "true"), ENTRIES]).await?;
    let orders = waiting(visit, "list_orders", &[("newest", "true"), ENTRIES]).await?;
    let values =
        context! { approvals => approvals, transfers => transfers, containers => containers, orders => orders };
    Ok(Shown::Page(200, "dashboard.html", values))
}

/// The beginning of a list; nothing for whoever may not see it.
async fn waiting(visit: &Visit, name: &str, query: &[(&str, &str)]) -> Result<Option<Value>, Failure> {
    if !visit.may(name) {
        return Ok(None);
    }
    Ok(Some(value(visit.look(name, &[], query).await?)))
}
