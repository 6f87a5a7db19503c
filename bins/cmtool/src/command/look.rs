//! What the vendor looks at: licenses, containers, history, receipts; as tables, JSON or comma-separated values.

use licensing_client::LicenseSearch;
use licensing_core::error::VerifyError;
use licensing_core::ids::{ContainerSerial, LicenseId};
use licensing_core::limits::CONTEXT_BYTES_MAX;
use licensing_wire::binary::from_base64;
use licensing_wire::json::{EventMessage, LicenseMessage};
use serde_json::json;

use crate::args::{Global, ReceiptCommand, SearchArguments};
use crate::failure::Failure;
use crate::output::{Output, csv, table};
use crate::places::write_file;

pub(crate) fn history(
    global: &Global,
    about: (&str, &str),
    as_csv: bool,
    output: &Output,
) -> Result<(), Failure> {
    let server = global.vendor_server()?;
    let mut events: Vec<EventMessage> = Vec::new();
    let mut after = 0;
    loop {
        let page = server.history(Some(about), after)?;
        events.extend(page.events);
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    let (what, id) = about;
    output.result(&json!({ what: id, "events": events }), || {
        if as_csv {
            let header = [
                "sequence",
                "at",
                "action",
                "outcome",
                "quantity",
                "license",
                "container",
                "actor",
                "proof",
                "detail",
            ];
            return csv(&header, events.iter().map(event_fields));
        }
        let header = ["When", "What", "Outcome", "Quantity", "License or container", "Who", "Proof"];
        table(&header, events.iter().map(|event| event_row(event, what)))
    });
    Ok(())
}

fn event_row(event: &EventMessage, about: &str) -> Vec<String> {
    let other = if about == "license" { &event.container } else { &event.license };
    vec![
        event.at.clone(),
        event.action.clone(),
        event.outcome.clone(),
        event.quantity.map(|quantity| quantity.to_string()).unwrap_or_default(),
        other.clone().unwrap_or_default(),
        event.actor.clone(),
        event.proof.as_deref().map(|proof| proof.chars().take(12).collect()).unwrap_or_default(),
    ]
}

fn event_fields(event: &EventMessage) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        event.sequence.to_string(),
        event.at.clone(),
        event.action.clone(),
        event.outcome.clone(),
        event.quantity.map(|quantity| quantity.to_string()).unwrap_or_default(),
        text(&event.license),
        text(&event.container),
        event.actor.clone(),
        text(&event.proof),
        event.detail.clone(),
    ]
}

pub(crate) fn search(global: &Global, arguments: SearchArguments, output: &Output) -> Result<(), Failure> {
    let server = global.vendor_server()?;
    let as_csv = arguments.csv;
    let search = LicenseSearch {
        never_activated: arguments.never_activated,
        state: arguments.state,
        newest: arguments.newest,
        item: arguments.item,
        order: arguments.order,
        customer: arguments.customer,
        from: arguments.from,
        until: arguments.until,
    };
    let mut licenses: Vec<LicenseMessage> = Vec::new();
    let mut after = None;
    loop {
        let page = server.licenses(&search, after.as_deref())?;
        licenses.extend(page.licenses);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    output.result(&json!({ "licenses": licenses }), || {
        let header =
            ["license", "item", "name", "order", "customer", "quantity", "available", "state", "created"];
        let rows = licenses.iter().map(license_fields);
        if as_csv { csv(&header, rows) } else { table(&header, rows) }
    });
    Ok(())
}

fn license_fields(license: &LicenseMessage) -> Vec<String> {
    vec![
        license.id.clone(),
        license.item.clone(),
        license.name.clone(),
        license.order_id.clone(),
        license.customer.clone().unwrap_or_default(),
        license.quantity.to_string(),
        license.available.to_string(),
        license.state.clone(),
        license.created_at.clone(),
    ]
}

pub(crate) fn license(global: &Global, id: LicenseId, output: &Output) -> Result<(), Failure> {
    let license = global.vendor_server()?.license(&id.to_string())?;
    output.result(&license, || license_text(&license));
    Ok(())
}

/// A license with where it is.
pub(super) fn license_text(license: &LicenseMessage) -> String {
    let mut text = format!(
        "license {} ({})\nitem {}, order {}\nquantity {}: {} available, {} activating, {} active, {} returning, {} withdrawn\n",
        license.id,
        license.state,
        license.item,
        license.order_id,
        license.quantity,
        license.available,
        license.activating,
        license.active,
        license.returning,
        license.withdrawn
    );
    for (what, other) in [("replaces", &license.replaces), ("replaced by", &license.replaced_by)] {
        if let Some(other) = other {
            text.push_str(&format!("{what} {other}\n"));
        }
    }
    if let Some(serial) = &license.assigned {
        text.push_str(&format!("assigned to container {serial}\n"));
    }
    if !license.activations.is_empty() {
        let rows = license.activations.iter().map(|activation| {
            let state = if activation.withdraw {
                format!("{}, wanted back", activation.state)
            } else {
                activation.state.clone()
            };
            vec![
                activation.container.clone(),
                activation.quantity.to_string(),
                state,
                activation.activated_at.clone(),
            ]
        });
        text.push_str(&table(&["Container", "Quantity", "State", "Activated on"], rows));
    }
    text
}

pub(crate) fn container(global: &Global, serial: ContainerSerial, output: &Output) -> Result<(), Failure> {
    let container = global.vendor_server()?.container(&serial.to_string())?;
    output.result(&container, || {
        let rows = container.firms.iter().map(|firm| {
            vec![
                firm.firm_code.to_string(),
                firm.counter.to_string(),
                firm.unproven.to_string(),
                firm.last_seen.clone().unwrap_or_default(),
            ]
        });
        let firms = table(&["Firm", "Counter", "Unproven steps", "Last seen"], rows);
        format!(
            "container {} ({}), first seen {}\n{firms}",
            container.serial, container.status, container.registered_at
        )
    });
    Ok(())
}

pub(crate) fn receipt(global: &Global, command: &ReceiptCommand, output: &Output) -> Result<(), Failure> {
    let ReceiptCommand::Show { hash, out } = command;
    let receipt = global.vendor_server()?.receipt_file(hash)?;
    let bytes = from_base64(&receipt.context, CONTEXT_BYTES_MAX).map_err(VerifyError::from)?;
    write_file(out, &bytes)?;
    let document = json!({
        "hash": hash,
        "serial": receipt.serial,
        "firm_code": receipt.firm_code,
        "counter": receipt.counter,
        "received_at": receipt.received_at,
        "file": out,
    });
    output
        .result(&document, || format!("receipt written to {}; check it with cmtool inspect", out.display()));
    Ok(())
}
