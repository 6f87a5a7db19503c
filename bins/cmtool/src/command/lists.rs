//! What the vendor looks through: whole lists as tables, JSON or comma-separated values.

use licensing_client::{ClientError, Filters};
use licensing_wire::json::{ActivityMessage, ContainerAnswer, OrderSummary, SearchHit, UnfinishedMessage};
use serde_json::json;

use crate::args::{ContainersArguments, Global, OrdersArguments, StatisticsArguments, TransfersArguments};
use crate::failure::Failure;
use crate::output::{Output, csv, table};

/// All entries of all pages.
fn all<T>(
    mut page: impl FnMut(Option<&str>) -> Result<(Vec<T>, Option<String>), ClientError>,
) -> Result<Vec<T>, Failure> {
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let (found, next) = page(after.as_deref())?;
        entries.extend(found);
        after = next;
        if after.is_none() {
            return Ok(entries);
        }
    }
}

/// Filters that were asked for.
fn filters<const N: usize>(all: [(&'static str, Option<String>); N]) -> Filters {
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn flag(on: bool) -> Option<String> {
    on.then(|| "true".to_owned())
}

fn shown(as_csv: bool, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    if as_csv { csv(header, rows) } else { table(header, rows) }
}

pub(crate) fn orders(global: &Global, arguments: OrdersArguments, output: &Output) -> Result<(), Failure> {
    let OrdersArguments { customer, from, until, how } = arguments;
    let (newest, server) = (flag(how.newest), global.vendor_server()?);
    let filters = filters([("customer", customer), ("from", from), ("until", until), ("newest", newest)]);
    let orders = all(|after| server.orders(&filters, after).map(|page| (page.orders, page.next)))?;
    let row = |order: &OrderSummary| {
        let OrderSummary { order_id, customer, comment, created_at } = order;
        vec![order_id.clone(), customer.clone().unwrap_or_default(), created_at.clone(), comment.clone()]
    };
    output.result(&json!({ "orders": orders }), || {
        shown(how.csv, &["order", "customer", "created", "comment"], orders.iter().map(row))
    });
    Ok(())
}

pub(crate) fn containers(
    global: &Global,
    arguments: ContainersArguments,
    output: &Output,
) -> Result<(), Failure> {
    let ContainersArguments { kind, status, flagged, how } = arguments;
    let (kind, flagged, newest) = (kind.map(|kind| kind.to_string()), flag(flagged), flag(how.newest));
    let server = global.vendor_server()?;
    let filters = filters([("kind", kind), ("status", status), ("flagged", flagged), ("newest", newest)]);
    let containers =
        all(|after| server.containers(&filters, after).map(|page| (page.containers, page.next)))?;
    let row = |container: &ContainerAnswer| {
        vec![
            container.serial.clone(),
            container.kind.clone(),
            container.status.clone(),
            container.test_container.to_string(),
            container.registered_at.clone(),
        ]
    };
    output.result(&json!({ "containers": containers }), || {
        let header = ["container", "kind", "status", "test", "first seen"];
        shown(how.csv, &header, containers.iter().map(row))
    });
    Ok(())
}

pub(crate) fn transfers(
    global: &Global,
    arguments: TransfersArguments,
    output: &Output,
) -> Result<(), Failure> {
    let TransfersArguments { container, before, csv } = arguments;
    let server = global.vendor_server()?;
    let filters = filters([("container", container.map(|serial| serial.to_string())), ("before", before)]);
    let transfers = all(|after| server.transfers(&filters, after).map(|page| (page.transfers, page.next)))?;
    let row = |transfer: &UnfinishedMessage| {
        vec![
            transfer.since.clone(),
            transfer.state.clone(),
            transfer.container.clone(),
            transfer.quantity.to_string(),
            transfer.name.clone(),
            transfer.order_id.clone(),
            transfer.customer.clone().unwrap_or_default(),
            transfer.license.clone(),
        ]
    };
    output.result(&json!({ "transfers": transfers }), || {
        let header = ["since", "state", "container", "quantity", "name", "order", "customer", "license"];
        shown(csv, &header, transfers.iter().map(row))
    });
    Ok(())
}

pub(crate) fn search(global: &Global, text: &str, output: &Output) -> Result<(), Failure> {
    let found = global.vendor_server()?.search(text)?;
    let row = |hit: &SearchHit| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        vec![hit.kind.clone(), hit.id.clone(), text(&hit.state), text(&hit.at), hit.description.clone()]
    };
    output.result(&found, || {
        if found.hits.is_empty() {
            return "nothing found".to_owned();
        }
        let mut shown = table(&["what", "id", "state", "when", "about"], found.hits.iter().map(row));
        if !found.more.is_empty() {
            shown.push_str(&format!("\nthere is more of: {}", found.more.join(", ")));
        }
        shown
    });
    Ok(())
}

pub(crate) fn statistics(
    global: &Global,
    arguments: StatisticsArguments,
    output: &Output,
) -> Result<(), Failure> {
    let StatisticsArguments { from, until } = arguments;
    let told = global.vendor_server()?.statistics(&filters([("from", from), ("until", until)]))?;
    let row = |day: &str, activity: &ActivityMessage| {
        let ActivityMessage { created, activated, returned, refused } = activity;
        let numbers = [created, activated, returned, refused].map(ToString::to_string);
        std::iter::once(day.to_owned()).chain(numbers).collect::<Vec<_>>()
    };
    output.result(&told, || {
        let days = told.days.iter().filter(|day| day.activity != ActivityMessage::default());
        let rows = days.map(|day| row(&day.day, &day.activity)).chain([row("all", &told.total)]);
        let shown = table(&["day", "created", "activated", "returned", "refused"], rows);
        let open = told.open;
        format!(
            "{shown}\nopen: {} approvals, {} transfers, {} flagged containers",
            open.approvals, open.transfers, open.flagged_containers
        )
    });
    Ok(())
}
