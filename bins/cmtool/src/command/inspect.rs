//! Showing what a file is. Nothing secret is ever shown, for nothing secret can be read without the container.

use std::path::Path;

use container_sim::{act, dongle};
use licensing_core::envelope::{FileType, file_type};
use licensing_core::error::VerifyError;
use licensing_core::format::blacklist::VerifiedBlacklist;
use licensing_core::format::certificate::{DeviceCertificate, FirmCertificate};
use licensing_core::format::context::VerifiedContext;
use licensing_core::format::preactivated::VerifiedPreActivated;
use licensing_core::format::template::VerifiedTemplate;
use licensing_core::format::update::VerifiedUpdate;
use licensing_core::trust::{TrustedIssuer, emulator_maker};
use licensing_wire::binary::to_hex;
use licensing_wire::options::print_tolerance;
use licensing_wire::time::print;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Output;
use crate::places::read_file;

/// Largest file of ours: a dongle image.
const LIMIT: usize = 2 << 20;

pub(crate) fn run(file: &Path, output: &Output) -> Result<(), Failure> {
    let bytes = read_file(file, LIMIT)?;
    let document = describe(&bytes)?;
    output.result(&document, || lines(&document));
    Ok(())
}

/// A line for each fact, those of a group with its name before them.
fn lines(document: &Value) -> String {
    let mut facts = Vec::new();
    collect("", document, &mut facts);
    let width = facts.iter().map(|(field, _)| field.len()).max().unwrap_or(0);
    facts.iter().map(|(field, shown)| format!("{field:<width$}  {shown}\n")).collect()
}

fn collect(group: &str, document: &Value, facts: &mut Vec<(String, String)>) {
    for (field, value) in document.as_object().into_iter().flatten() {
        let field = format!("{group}{}", field.replace('_', " "));
        match value {
            Value::Object(_) => collect(&format!("{field} "), value, facts),
            Value::String(value) => facts.push((field, value.clone())),
            Value::Array(values) => facts.push((field, values.len().to_string())),
            other => facts.push((field, other.to_string())),
        }
    }
}

fn describe(bytes: &[u8]) -> Result<Value, Failure> {
    if bytes.starts_with(b"OLCDNGL") {
        let (serial, writes) = dongle::inspect(bytes)?;
        return Ok(
            json!({ "type": "dongle image", "serial": serial.to_string(), "writes": writes, "valid": true }),
        );
    }
    Ok(match file_type(bytes).map_err(VerifyError::from)? {
        FileType::Context => context(bytes)?,
        FileType::Update => update(bytes)?,
        FileType::Template => template(bytes)?,
        FileType::ActLicense => {
            let (serial, version, test_container) = act::inspect(bytes)?;
            json!({
                "type": "act license",
                "serial": serial.to_string(),
                "version": version,
                "test_container": test_container,
                "valid": true,
            })
        }
        FileType::FirmCertificate => {
            let (certificate, root) = FirmCertificate::verify(bytes, None)?;
            json!({
                "type": "firm certificate",
                "firm_code": certificate.firm_code.get(),
                "name": certificate.name.to_string(),
                "version": certificate.version,
                "root": to_hex(root.bytes()),
                "valid": true,
            })
        }
        FileType::DeviceCertificate => {
            let certificate = DeviceCertificate::verify(bytes, &[emulator_maker().public_key()])?;
            json!({
                "type": "device certificate",
                "serial": certificate.serial.to_string(),
                "made_at": print(certificate.made_at),
                "maker": "emulator",
                "valid": true,
            })
        }
        FileType::Blacklist => blacklist(bytes)?,
        FileType::PreActivated => preactivated(bytes)?,
        // Alone it says nothing: whether it is genuine depends on the firm certificate above it.
        FileType::IssuingCertificate => json!({ "type": "issuing certificate", "valid": null }),
    })
}

fn context(bytes: &[u8]) -> Result<Value, VerifyError> {
    let context = VerifiedContext::verify(bytes, &[emulator_maker().public_key()])?;
    let body = context.body();
    let product = |product: &licensing_core::format::context::ContextProduct| {
        json!({
            "product_code": product.product_code.get(),
            "license": product.license.to_string(),
            "quantity": product.quantity,
            "units": product.units,
        })
    };
    Ok(json!({
        "type": "context",
        "serial": context.serial().to_string(),
        "firm_code": context.firm_code().get(),
        "counter": body.link.counter,
        "digest": to_hex(&body.link.digest),
        "sequence": body.sequence,
        "box_time": print(body.box_time),
        "test_container": body.test_host,
        "products": body.products.iter().map(product).collect::<Vec<_>>(),
        "locked": body.locked,
        "blacklist_version": body.blacklist_version,
        "unconfirmed_removals": body.removals.len(),
        "hash": to_hex(&context.hash()),
        "signer": to_hex(context.identity_key().bytes()),
        "valid": true,
    }))
}

fn issuer(issuer: &TrustedIssuer) -> Value {
    json!({
        "firm_name": issuer.firm_name.to_string(),
        "epoch": issuer.epoch,
        "key": to_hex(issuer.key.bytes()),
        "root": to_hex(issuer.root.bytes()),
    })
}

fn update(bytes: &[u8]) -> Result<Value, VerifyError> {
    let update = VerifiedUpdate::verify(bytes, |_| None)?;
    let header = update.header;
    Ok(json!({
        "type": "update",
        "serial": header.serial.to_string(),
        "firm_code": header.firm_code.get(),
        "counter": header.first,
        "counter_after": header.last,
        "steps": header.last - header.first,
        "hash": to_hex(&update.hash),
        "issuer": issuer(&update.issuer),
        "valid": true,
    }))
}

fn template(bytes: &[u8]) -> Result<Value, VerifyError> {
    let template = VerifiedTemplate::verify(bytes, None)?;
    let body = template.body();
    Ok(json!({
        "type": "template",
        "firm_code": body.firm_code.get(),
        "tolerance": print_tolerance(body.tolerance),
        "made_at": print(body.certified_time),
        "issuer": issuer(template.issuer()),
        "valid": true,
    }))
}

fn blacklist(bytes: &[u8]) -> Result<Value, VerifyError> {
    let list = VerifiedBlacklist::verify(bytes, None)?;
    let body = list.body();
    Ok(json!({
        "type": "blacklist",
        "firm_code": body.firm_code.get(),
        "version": body.version,
        "made_at": print(body.certified_time),
        "containers": body.serials.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "root": to_hex(list.root().bytes()),
        "valid": true,
    }))
}

fn preactivated(bytes: &[u8]) -> Result<Value, VerifyError> {
    let license = VerifiedPreActivated::verify(bytes, None)?;
    let body = license.body();
    Ok(json!({
        "type": "pre-activated license",
        "id": body.id.to_string(),
        "firm_code": body.firm_code.get(),
        "product_code": body.product_code.get(),
        "item": body.item.to_string(),
        "name": body.name.to_string(),
        "quantity": body.quantity,
        "expires": body.terms.expires.map(print),
        "convertible": body.convertible,
        "made_at": print(body.certified_time),
        "root": to_hex(license.root().bytes()),
        "valid": true,
    }))
}
