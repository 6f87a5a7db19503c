//! Transfer by file: context, request, update, receipt.

use std::path::Path;

use licensing_client::{ClientError, Wish};
use licensing_core::crypto::digest::hash;
use licensing_core::error::VerifyError;
use licensing_core::format::context::VerifiedContext;
use licensing_core::format::update::VerifiedUpdate;
use licensing_core::limits::{CONTEXT_BYTES_MAX, TEMPLATE_BYTES_MAX, UPDATE_BYTES_MAX};
use licensing_core::random;
use licensing_core::trust::emulator_maker;
use licensing_wire::binary::{from_base64, to_base64, to_hex};
use licensing_wire::json::{ReceiptRequest, TransferAnswer};
use serde_json::json;

use crate::args::{ContextCommand, Global, RequestArguments, TicketArgument, UpdateCommand};
use crate::command::online::selection;
use crate::command::qr;
use crate::failure::Failure;
use crate::output::{Output, counted};
use crate::places::{read_file, write_file};

pub(crate) fn context(global: &Global, command: &ContextCommand, output: &Output) -> Result<(), Failure> {
    let ContextCommand::Create { container: serial, firm_code, out, qr } = command;
    let mut computer = global.computer()?;
    let mut container = computer.container(*serial)?;
    let now = computer.clock().now();
    let bytes = container.create_context(*firm_code, now, computer.entropy())?;
    if let Some(out) = out {
        write_file(out, &bytes)?;
    }
    let mut document = json!({ "serial": serial.to_string(), "firm_code": firm_code.get(), "file": out });
    let mut shown = None;
    if let Some(to) = qr {
        let codes = qr::show(&bytes, to.as_deref(), output)?;
        document["qr"] = codes.document;
        shown = Some(codes.text);
    }
    output.result(&document, || match (out, shown) {
        (_, Some(text)) => format!("context of {serial} for firm {firm_code}: {text}"),
        (Some(out), None) => format!("context of {serial} for firm {firm_code} written to {}", out.display()),
        (None, None) => String::new(),
    });
    Ok(())
}

pub(crate) fn request(global: &Global, arguments: &RequestArguments, output: &Output) -> Result<(), Failure> {
    let bytes = read_file(&arguments.context, CONTEXT_BYTES_MAX)?;
    let wish = wish(arguments)?;
    let server = global.customer_server()?;
    // The request itself is its own key: the same file asked for again is answered with the same bytes.
    let key = to_hex(&hash("request by file", &[question(&wish, &bytes).as_bytes(), &bytes]));
    let (answer, refused) = match wish.ask(&server, to_base64(&bytes), &key) {
        Ok(answer) => (answer, None),
        Err(error) => match carried(&error) {
            Some(update) => (update, Some(error)),
            None => return Err(error.into()),
        },
    };
    let update = from_base64(&answer.update, UPDATE_BYTES_MAX).map_err(VerifyError::from)?;
    write_file(&arguments.out, &update)?;
    if let Some(error) = refused {
        let file = arguments.out.display();
        output.note(&format!("import {file} all the same: it carries what the container has to take"));
        return Err(error.into());
    }
    let document = json!({
        "serial": answer.serial,
        "firm_code": answer.firm_code,
        "steps": answer.steps,
        "file": arguments.out,
    });
    output.result(&document, || {
        format!(
            "update for container {} with {} written to {}",
            answer.serial,
            counted(answer.steps.into(), "step"),
            arguments.out.display()
        )
    });
    Ok(())
}

/// The update that goes with a refusal.
fn carried(error: &ClientError) -> Option<TransferAnswer> {
    let update = error.problem().update?;
    let bytes = from_base64(&update, UPDATE_BYTES_MAX).ok()?;
    let header = VerifiedUpdate::verify(&bytes, |_| None).ok()?.header;
    let steps = u32::try_from(header.last - header.first).unwrap_or(u32::MAX);
    Some(TransferAnswer {
        serial: header.serial.to_string(),
        firm_code: header.firm_code.get(),
        update,
        steps,
    })
}

/// What is asked, whoever asks: a context that cannot be read is refused by the server.
fn question(wish: &Wish, context: &[u8]) -> String {
    let verified = VerifiedContext::verify(context, &[emulator_maker().public_key()]);
    verified.map_or_else(|_| String::new(), |v| wish.fingerprint(v.serial(), v.firm_code()))
}

fn wish(arguments: &RequestArguments) -> Result<Wish, Failure> {
    if let Some(old) = arguments.restore {
        return Ok(Wish::Restore { old });
    }
    if arguments.auto_update {
        return Ok(Wish::AutomaticUpdate);
    }
    if let Some(file) = &arguments.convert {
        return Ok(Wish::Convert { license: read_file(file, TEMPLATE_BYTES_MAX)? });
    }
    let (ticket, ticket_file) = (arguments.ticket.clone(), arguments.ticket_file.clone());
    if ticket.is_none() && ticket_file.is_none() {
        return Err(Failure::new("usage", "a ticket is needed: --ticket or --ticket-file"));
    }
    let ticket = TicketArgument { ticket, ticket_file }.read()?;
    Ok(if arguments.cancel {
        Wish::Cancel { ticket }
    } else if !arguments.reactivate.is_empty() {
        let licenses = arguments.reactivate.iter().map(ToString::to_string).collect();
        Wish::Reactivate { ticket, licenses, accept_conditions: arguments.accept_conditions }
    } else if !arguments.deactivate.is_empty() {
        Wish::Deactivate { ticket, licenses: selection(&arguments.deactivate) }
    } else {
        Wish::Activate { ticket, licenses: selection(&arguments.activate) }
    })
}

pub(crate) fn receipt(global: &Global, file: &Path, output: &Output) -> Result<(), Failure> {
    let context = to_base64(&read_file(file, CONTEXT_BYTES_MAX)?);
    let key = to_hex(&random::<16>(&mut license_runtime::SystemEntropy::default()));
    let answer = global.customer_server()?.receipt(&ReceiptRequest { context }, &key)?;
    output.result(&answer, || {
        let (proven, left) = (counted(answer.proven.into(), "step"), answer.unproven);
        format!("receipt of container {} accepted: {proven} proven, {left} still open", answer.serial)
    });
    Ok(())
}

pub(crate) fn import(global: &Global, command: &UpdateCommand, output: &Output) -> Result<(), Failure> {
    let UpdateCommand::Import { file, qr } = command;
    let bytes = match file {
        Some(file) => read_file(file, UPDATE_BYTES_MAX)?,
        None => qr::read(qr)?,
    };
    // Which container it is for stands in its public part; that container then checks everything itself.
    let serial = VerifiedUpdate::verify(&bytes, |_| None)?.header.serial;
    let mut computer = global.computer()?;
    let mut container = computer.container(serial).map_err(|error| match error.code() {
        "container_not_found" => Failure::new(
            "update_other_container",
            format!("the update is for container {serial}, which is not on this computer"),
        ),
        _ => error.into(),
    })?;
    let report = container.import_update(&bytes, computer.entropy())?;
    let document = json!({
        "serial": serial.to_string(),
        "firm_code": report.firm_code.get(),
        "applied": report.applied,
        "already_applied": report.already_applied,
        "counter": report.counter,
    });
    output.result(&document, || {
        let (applied, already) = (counted(report.applied.into(), "step"), report.already_applied);
        format!("container {serial}: {applied} applied, {already} had been applied before")
    });
    Ok(())
}
