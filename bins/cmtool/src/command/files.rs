//! Transfer by file: context, request, update, receipt.

use std::path::Path;

use licensing_core::error::VerifyError;
use licensing_core::format::update::VerifiedUpdate;
use licensing_core::limits::{CONTEXT_BYTES_MAX, UPDATE_BYTES_MAX};
use licensing_core::random;
use licensing_wire::binary::{from_base64, to_base64, to_hex};
use licensing_wire::json::{ReceiptRequest, TransferRequest};
use serde_json::json;

use crate::args::{ContextCommand, Global, TransferCommand, UpdateCommand};
use crate::command::online::selection;
use crate::failure::Failure;
use crate::output::Output;
use crate::places::{read_file, write_file};

pub(crate) fn context(global: &Global, command: &ContextCommand, output: &Output) -> Result<(), Failure> {
    let ContextCommand::Create { container: serial, firm_code, out } = command;
    let mut registry = global.registry()?;
    let mut container = registry.container(*serial)?;
    let now = registry.clock().now();
    let bytes = container.create_context(*firm_code, now, registry.entropy())?;
    write_file(out, &bytes)?;
    let document = json!({ "serial": serial.to_string(), "firm_code": firm_code.get(), "file": out });
    output.result(&document, || {
        format!("context of {serial} for firm {firm_code} written to {}", out.display())
    });
    Ok(())
}

pub(crate) fn request(global: &Global, command: &TransferCommand, output: &Output) -> Result<(), Failure> {
    let TransferCommand::Request { ticket, activate, deactivate, context, out } = command else {
        return Err(Failure::new("internal", "not a transfer request"));
    };
    let ticket = ticket.read()?;
    let context = to_base64(&read_file(context, CONTEXT_BYTES_MAX)?);
    let server = global.customer_server()?;
    let is_return = !deactivate.is_empty();
    let licenses = selection(if is_return { deactivate } else { activate });
    let request = TransferRequest { ticket: ticket.to_string(), licenses, context };
    // The request itself is its own key: the same file asked for again is answered with the same bytes.
    let key = request_key(&request);
    let answer =
        if is_return { server.deactivate(&request, &key)? } else { server.activate(&request, &key)? };
    let update = from_base64(&answer.update, UPDATE_BYTES_MAX).map_err(VerifyError::from)?;
    write_file(out, &update)?;
    let document = json!({
        "serial": answer.serial,
        "firm_code": answer.firm_code,
        "steps": answer.steps,
        "file": out,
    });
    output.result(&document, || {
        format!(
            "update for container {} with {} steps written to {}",
            answer.serial,
            answer.steps,
            out.display()
        )
    });
    Ok(())
}

fn request_key(request: &TransferRequest) -> String {
    let mut parts: Vec<Vec<u8>> =
        vec![request.ticket.clone().into_bytes(), request.context.clone().into_bytes()];
    for license in &request.licenses {
        parts.push(license.id.clone().into_bytes());
        parts.push(license.quantity.unwrap_or(0).to_be_bytes().to_vec());
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    to_hex(&licensing_core::crypto::digest::hash("request by file", &parts))
}

pub(crate) fn receipt(global: &Global, file: &Path, output: &Output) -> Result<(), Failure> {
    let context = to_base64(&read_file(file, CONTEXT_BYTES_MAX)?);
    let key = to_hex(&random::<16>(&mut license_runtime::SystemEntropy::default()));
    let answer = global.customer_server()?.receipt(&ReceiptRequest { context }, &key)?;
    output.result(&answer, || {
        let (proven, left) = (answer.proven, answer.unproven);
        format!("receipt of container {} accepted: {proven} steps proven, {left} still open", answer.serial)
    });
    Ok(())
}

pub(crate) fn import(global: &Global, command: &UpdateCommand, output: &Output) -> Result<(), Failure> {
    let UpdateCommand::Import { file } = command;
    let bytes = read_file(file, UPDATE_BYTES_MAX)?;
    // Which container it is for stands in its public part; that container then checks everything itself.
    let serial = VerifiedUpdate::verify(&bytes, |_| None)?.header.serial;
    let mut registry = global.registry()?;
    let mut container = registry.container(serial).map_err(|error| match error.code() {
        "container_not_found" => Failure::new(
            "update_other_container",
            format!("the update is for container {serial}, which is not on this computer"),
        ),
        _ => error.into(),
    })?;
    let report = container.import_update(&bytes, registry.entropy())?;
    let document = json!({
        "serial": serial.to_string(),
        "firm_code": report.firm_code.get(),
        "applied": report.applied,
        "already_applied": report.already_applied,
        "counter": report.counter,
    });
    output.result(&document, || {
        let (applied, already) = (report.applied, report.already_applied);
        format!("container {serial}: {applied} steps applied, {already} had been applied before")
    });
    Ok(())
}
