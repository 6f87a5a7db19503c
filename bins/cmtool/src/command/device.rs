//! What a container of this computer gets without a ticket: restore, automatic update, pre-activated licenses.

use std::path::Path;

use licensing_client::Wish;
use licensing_core::ids::{ContainerKind, ContainerSerial};
use licensing_core::limits::TEMPLATE_BYTES_MAX;
use serde_json::json;

use crate::args::Global;
use crate::command::online::{Local, outcome_document};
use crate::failure::Failure;
use crate::output::{Output, counted};
use crate::places::read_file;

pub(crate) fn restore(
    global: &Global,
    old: ContainerSerial,
    container: ContainerSerial,
    output: &Output,
) -> Result<(), Failure> {
    if [old, container].iter().any(|serial| serial.kind() != ContainerKind::Act) {
        return Err(Failure::new(
            "restore_kind",
            "only an act license can be restored, into another act license",
        ));
    }
    let done = format!("everything of container {old} restored into");
    every_firm(global, container, &Wish::Restore { old }, &done, output)
}

pub(crate) fn automatic_update(
    global: &Global,
    container: ContainerSerial,
    output: &Output,
) -> Result<(), Failure> {
    every_firm(global, container, &Wish::AutomaticUpdate, "what the vendor had is in", output)
}

/// One transfer for each firm code the container holds something of.
fn every_firm(
    global: &Global,
    serial: ContainerSerial,
    wish: &Wish,
    done: &str,
    output: &Output,
) -> Result<(), Failure> {
    let server = global.customer_server()?;
    let mut local = Local::open(global, serial)?;
    let mut outcomes = Vec::new();
    for firm_code in local.firm_codes()? {
        outcomes.push((firm_code, local.transfer(&server, wish, firm_code, output)?));
    }
    let applied: u32 = outcomes.iter().map(|(_, outcome)| outcome.imported.applied).sum();
    output.result(&outcome_document(serial, &outcomes), || {
        format!("{done} container {serial}: {} applied", counted(applied.into(), "step"))
    });
    Ok(())
}

pub(crate) fn install(global: &Global, file: &Path, output: &Output) -> Result<(), Failure> {
    let bytes = read_file(file, TEMPLATE_BYTES_MAX)?;
    let license = global.registry()?.install_preactivated(&bytes)?;
    let body = license.body();
    let document = json!({
        "id": body.id.to_string(),
        "firm_code": body.firm_code.get(),
        "product_code": body.product_code.get(),
        "name": body.name.to_string(),
        "quantity": body.quantity,
        "convertible": body.convertible,
    });
    output.result(&document, || format!("{} can be used on this computer now", body.name));
    Ok(())
}

pub(crate) fn convert(
    global: &Global,
    file: &Path,
    serial: ContainerSerial,
    output: &Output,
) -> Result<(), Failure> {
    let license = read_file(file, TEMPLATE_BYTES_MAX)?;
    let verified = licensing_core::format::preactivated::VerifiedPreActivated::verify(&license, None)?;
    let firm_code = verified.body().firm_code;
    let server = global.customer_server()?;
    let outcome =
        Local::open(global, serial)?.transfer(&server, &Wish::Convert { license }, firm_code, output)?;
    output.result(&outcome_document(serial, &[(firm_code, outcome)]), || {
        format!("{} is bound to container {serial} now", verified.body().name)
    });
    Ok(())
}
