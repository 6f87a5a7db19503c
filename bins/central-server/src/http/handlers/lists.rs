//! What the vendor looks through.

use licensing_core::container::STATUS_NAMES;
use licensing_core::event::Action;
use licensing_core::license::LINE_STATES;
use licensing_core::token::Permission;
use licensing_store::{ApprovalQuery, ContainerQuery, LicenseQuery, TransferQuery};
use licensing_wire::json::SearchRequest;

use crate::http::handlers::Call;
use crate::service::{Answer, Exported, FORMATS, Failure, Format, HistoryFilter, OrderFilter, SearchRights};

pub(in crate::http) async fn items(call: Call) -> Result<Answer, Failure> {
    let (prefix, after) = (call.query("prefix")?, call.query("after")?);
    Answer::json(200, &call.app.service().item_list(prefix, after, call.limit()?).await?)
}

pub(in crate::http) async fn orders(call: Call) -> Result<Answer, Failure> {
    let filter = order_filter(&call)?;
    Answer::json(200, &call.app.service().order_list(filter).await?)
}

/// The filters of a list of orders.
fn order_filter(call: &Call) -> Result<OrderFilter, Failure> {
    Ok(OrderFilter {
        customer: call.query("customer")?,
        from: call.moment("from")?,
        until: call.moment("until")?,
        newest: call.flag("newest")?,
        after: call.query("after")?,
        limit: call.limit()?,
    })
}

pub(in crate::http) async fn licenses(call: Call) -> Result<Answer, Failure> {
    let query = license_query(&call)?;
    Answer::json(200, &call.app.service().license_list(query).await?)
}

/// The filters of a list of licenses.
fn license_query(call: &Call) -> Result<LicenseQuery, Failure> {
    Ok(LicenseQuery {
        never_activated: call.flag("never_activated")?,
        state: call.word("state", &LINE_STATES)?,
        item: call.query("item")?,
        order: call.query("order")?,
        customer: call.query("customer")?,
        from: call.moment("from")?,
        until: call.moment("until")?,
        newest: call.flag("newest")?,
        after: call.query("after")?,
        limit: call.limit()?,
    })
}

pub(in crate::http) async fn containers(call: Call) -> Result<Answer, Failure> {
    let query = container_query(&call)?;
    Answer::json(200, &call.app.service().container_list(query, call.query("after")?).await?)
}

/// The filters of a list of containers.
fn container_query(call: &Call) -> Result<ContainerQuery, Failure> {
    Ok(ContainerQuery {
        kind: call.query("kind")?,
        status: call.word("status", &STATUS_NAMES)?,
        flagged: call.flag("flagged")?,
        test: call.choice("test")?,
        newest: call.flag("newest")?,
        after: None,
        limit: call.limit()?,
    })
}

pub(in crate::http) async fn transfers(call: Call) -> Result<Answer, Failure> {
    let query = TransferQuery {
        container: call.query("container")?,
        before: call.moment("before")?,
        after: None,
        limit: call.limit()?,
    };
    Answer::json(200, &call.app.service().unfinished_list(query, call.query("after")?).await?)
}

pub(in crate::http) async fn approvals(call: Call) -> Result<Answer, Failure> {
    let query = ApprovalQuery {
        pending: call.flag("pending")?,
        newest: call.flag("newest")?,
        after: call.query("after")?,
        limit: call.limit()?,
    };
    Answer::json(200, &call.app.service().approval_list(query).await?)
}

pub(in crate::http) async fn history(call: Call) -> Result<Answer, Failure> {
    let filter = history_filter(&call)?;
    Answer::json(200, &call.app.service().history(&filter).await?)
}

/// The filters of a list of events.
fn history_filter(call: &Call) -> Result<HistoryFilter, Failure> {
    let unknown = || Failure::denied("invalid_value", "action: expected the word of an action");
    let action = call.value("action").map(|word| Action::from_name(word).ok_or_else(unknown)).transpose()?;
    Ok(HistoryFilter {
        license: call.query("license")?,
        container: call.query("container")?,
        order: call.query("order")?,
        action,
        from: call.moment("from")?,
        until: call.moment("until")?,
        newest: call.flag("newest")?,
        after: call.number("after")?.unwrap_or(0),
        limit: call.limit()?,
    })
}

pub(in crate::http) async fn search(call: Call) -> Result<Answer, Failure> {
    let request: SearchRequest = call.message()?;
    let may = |permission| call.authorized.may(&call.app, permission);
    let rights = SearchRights {
        tickets: may(Permission::TicketRead),
        items: may(Permission::ItemRead),
        containers: may(Permission::ContainerRead),
    };
    Answer::json(200, &call.app.service().search(&request.text, rights).await?)
}

pub(in crate::http) async fn statistics(call: Call) -> Result<Answer, Failure> {
    let (from, until) = (call.moment("from")?, call.moment("until")?);
    Answer::json(200, &call.app.service().statistics(from, until).await?)
}

async fn export(call: Call, of: Exported) -> Result<Answer, Failure> {
    let format = call.word("format", &FORMATS)?.unwrap_or(Format::Csv);
    call.app.service().export(format, of).await
}

pub(in crate::http) async fn export_orders(call: Call) -> Result<Answer, Failure> {
    let filter = order_filter(&call)?;
    export(call, Exported::Orders(filter)).await
}

pub(in crate::http) async fn export_licenses(call: Call) -> Result<Answer, Failure> {
    let query = license_query(&call)?;
    export(call, Exported::Licenses(query)).await
}

pub(in crate::http) async fn export_containers(call: Call) -> Result<Answer, Failure> {
    let query = container_query(&call)?;
    export(call, Exported::Containers(query, None)).await
}

pub(in crate::http) async fn export_events(call: Call) -> Result<Answer, Failure> {
    let filter = history_filter(&call)?;
    export(call, Exported::Events(filter)).await
}
