//! What the vendor decides: approvals, withdrawals, replacements, the blacklist, pre-activation, reconciliation.

use std::path::Path;

use licensing_core::error::VerifyError;
use licensing_core::ids::{ContainerSerial, FirmCode, LicenseId};
use licensing_core::limits::{FILE_BYTES_MAX, TEMPLATE_BYTES_MAX, UPDATE_BYTES_MAX};
use licensing_wire::binary::from_base64;
use licensing_wire::json::{
    ApprovalMessage, ContainerAnswer, DecisionRequest, PreActivationRequest, ReplacementRequest,
};
use serde_json::json;

use crate::args::{ApprovalCommand, BlacklistCommand, Global, PreActivationArguments, ReconciliationCommand};
use crate::command::look::license_text;
use crate::failure::Failure;
use crate::output::{Output, counted, table};
use crate::places::{read_file, write_file};

pub(crate) fn approval(global: &Global, command: &ApprovalCommand, output: &Output) -> Result<(), Failure> {
    let server = global.vendor_server()?;
    let decided = match command {
        ApprovalCommand::List { all } => {
            let mut approvals: Vec<ApprovalMessage> = Vec::new();
            let mut after = None;
            loop {
                let page = server.approvals(!all, after.as_deref())?;
                approvals.extend(page.approvals);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            output.result(&json!({ "approvals": approvals }), || {
                let row = |a: &ApprovalMessage| {
                    let (id, kind, license) = (a.id.clone(), a.kind.clone(), a.license.clone());
                    vec![id, kind, license, a.container.clone(), a.state.clone(), a.requested_at.clone()]
                };
                let header = ["Approval", "Kind", "License", "Container", "State", "Asked"];
                table(&header, approvals.iter().map(row))
            });
            return Ok(());
        }
        ApprovalCommand::Grant { id, reason, valid } => {
            server.grant(id, &DecisionRequest { reason: reason.clone(), valid: valid.clone() })?
        }
        ApprovalCommand::Deny { id, reason } => {
            server.deny(id, &DecisionRequest { reason: reason.clone(), valid: None })?
        }
    };
    output.result(&decided, || format!("approval {} is {}", decided.id, decided.state));
    Ok(())
}

pub(crate) fn withdraw(global: &Global, id: LicenseId, cancel: bool, output: &Output) -> Result<(), Failure> {
    let server = global.vendor_server()?;
    let id = id.to_string();
    let license = if cancel { server.cancel_withdrawal(&id)? } else { server.withdraw(&id)? };
    output.result(&license, || license_text(&license));
    Ok(())
}

pub(crate) fn replace(global: &Global, id: LicenseId, by: String, output: &Output) -> Result<(), Failure> {
    let license = global.vendor_server()?.replace(&id.to_string(), &ReplacementRequest { item: by })?;
    output.result(&license, || license_text(&license));
    Ok(())
}

pub(crate) fn preactivate(
    global: &Global,
    arguments: PreActivationArguments,
    output: &Output,
) -> Result<(), Failure> {
    let PreActivationArguments { item, quantity, valid, conversions, out } = arguments;
    let request = PreActivationRequest { item, quantity, valid, conversions };
    let answer = global.vendor_server()?.create_preactivation(&request)?;
    let bytes = from_base64(&answer.license, TEMPLATE_BYTES_MAX).map_err(VerifyError::from)?;
    write_file(&out, &bytes)?;
    let document = json!({ "id": answer.id, "item": answer.item, "ticket": answer.ticket, "file": out });
    output.result(&document, || format!("pre-activated license written to {}", out.display()));
    Ok(())
}

pub(crate) fn blacklist(global: &Global, command: &BlacklistCommand, output: &Output) -> Result<(), Failure> {
    match command {
        BlacklistCommand::Export { firm_code, out } => export(global, *firm_code, out, output),
        BlacklistCommand::Import { file } => {
            let bytes = read_file(file, FILE_BYTES_MAX)?;
            let list = global.registry()?.import_blacklist(&bytes)?;
            let body = list.body();
            let (firm_code, version) = (body.firm_code.get(), body.version);
            let document =
                json!({ "firm_code": firm_code, "version": version, "containers": body.serials.len() });
            output.result(&document, || {
                format!("version {version} of the blacklist of firm {firm_code} is in force on this computer")
            });
            Ok(())
        }
        BlacklistCommand::Add { serial, reason } => {
            let decision = DecisionRequest { reason: reason.clone(), valid: None };
            let container = global.vendor_server()?.blacklist_container(&serial.to_string(), &decision)?;
            told(&container, output);
            Ok(())
        }
    }
}

fn told(container: &ContainerAnswer, output: &Output) {
    output.result(container, || format!("container {} is {} now", container.serial, container.status));
}

fn export(global: &Global, firm_code: Option<FirmCode>, out: &Path, output: &Output) -> Result<(), Failure> {
    let firm_code = match firm_code {
        Some(firm_code) => firm_code.get(),
        None => {
            let items = global.vendor_server()?.items(None)?.items;
            let mut codes: Vec<u32> = items.iter().map(|item| item.item.firm_code).collect();
            codes.sort_unstable();
            codes.dedup();
            let [code] = codes[..] else {
                return Err(Failure::new("usage", "name the firm code: --firm-code"));
            };
            code
        }
    };
    let answer = global.customer_server()?.blacklist(firm_code)?;
    let bytes = from_base64(&answer.blacklist, FILE_BYTES_MAX).map_err(VerifyError::from)?;
    write_file(out, &bytes)?;
    let document = json!({
        "firm_code": answer.firm_code,
        "version": answer.version,
        "containers": answer.containers,
        "file": out,
    });
    output.result(&document, || {
        format!(
            "version {} of the blacklist, {} containers, written to {}",
            answer.version,
            answer.containers,
            out.display()
        )
    });
    Ok(())
}

pub(crate) fn clear(
    global: &Global,
    serial: ContainerSerial,
    reason: Option<String>,
    output: &Output,
) -> Result<(), Failure> {
    let decision = DecisionRequest { reason, valid: None };
    let container = global.vendor_server()?.clear_container(&serial.to_string(), &decision)?;
    told(&container, output);
    Ok(())
}

pub(crate) fn push(
    global: &Global,
    serial: ContainerSerial,
    firm_code: FirmCode,
    out: &Path,
    output: &Output,
) -> Result<(), Failure> {
    let answer = global.vendor_server()?.push(&serial.to_string(), firm_code.get())?;
    let bytes = from_base64(&answer.update, UPDATE_BYTES_MAX).map_err(VerifyError::from)?;
    write_file(out, &bytes)?;
    let document = json!({
        "serial": answer.serial,
        "firm_code": answer.firm_code,
        "steps": answer.steps,
        "file": out,
    });
    output.result(&document, || {
        format!(
            "update for container {serial} with {} written to {}",
            counted(answer.steps.into(), "step"),
            out.display()
        )
    });
    Ok(())
}

pub(crate) fn reconciliation(
    global: &Global,
    command: &ReconciliationCommand,
    output: &Output,
) -> Result<(), Failure> {
    let server = global.vendor_server()?;
    let state = match command {
        ReconciliationCommand::Show => server.reconciliation()?,
        ReconciliationCommand::Begin => server.begin_reconciliation()?,
        ReconciliationCommand::End => server.end_reconciliation()?,
    };
    output.result(&state, || match &state.since {
        Some(since) => format!("the server is being reconciled since {since}"),
        None => "the server is not being reconciled".to_owned(),
    });
    Ok(())
}
