//! Flash memory of dongles: files, and software packages whose signature is checked.

use std::path::Path;

use license_runtime::{Container, FlashFile};
use licensing_core::crypto::sign::PublicKey;
use licensing_core::format::package::VerifiedPackage;
use licensing_core::ids::{ContainerSerial, FlashName};
use licensing_core::limits::{MANIFEST_BYTES_MAX, PACKAGE_BYTES_MAX};
use licensing_wire::binary::{from_hex, to_hex};
use serde_json::{Value, json};

use crate::args::{FlashCommand, Global, TrustArguments};
use crate::failure::Failure;
use crate::output::{Output, table};
use crate::places::{read_file, write_file};

/// Largest file that is read, in bytes: a package with its manifest.
const FILE_BYTES_MAX: usize = PACKAGE_BYTES_MAX + MANIFEST_BYTES_MAX + 64;

pub(crate) fn run(global: &Global, command: FlashCommand, output: &Output) -> Result<(), Failure> {
    match command {
        FlashCommand::List { serial } => list(global, serial, output),
        FlashCommand::Store { serial, file, name } => {
            let name = name.map_or_else(|| name_of(&file), Ok)?;
            let content = read_file(&file, FILE_BYTES_MAX)?;
            global.computer()?.container(serial)?.flash_store(&name, &content)?;
            told(serial, &name, content.len(), "stored", output);
            Ok(())
        }
        FlashCommand::Fetch { serial, name, out } => {
            let content = global.computer()?.container(serial)?.flash_fetch(&name)?;
            write_file(&out, &content)?;
            told(serial, &name, content.len(), "fetched", output);
            Ok(())
        }
        FlashCommand::Remove { serial, name } => {
            global.computer()?.container(serial)?.flash_remove(&name)?;
            told(serial, &name, 0, "removed", output);
            Ok(())
        }
        FlashCommand::Deliver { serial, package, trust } => deliver(global, serial, &package, &trust, output),
        FlashCommand::Unpack { serial, name, out, trust } => {
            let mut container = global.computer()?.container(serial)?;
            let file = container.flash_fetch(&name)?;
            let package = verified(container.as_mut(), &file, &trust)?;
            write_file(&out, package.content)?;
            described(serial, &package, "unpacked", output);
            Ok(())
        }
    }
}

fn name_of(file: &Path) -> Result<FlashName, Failure> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    FlashName::new(name).map_err(|error| Failure::new("usage", format!("{error}; pass --name")))
}

fn told(serial: ContainerSerial, name: &FlashName, bytes: usize, what: &str, output: &Output) {
    let document =
        json!({ "serial": serial.to_string(), "name": name.to_string(), "bytes": bytes, "done": what });
    output.result(&document, || format!("{name} {what}, dongle {serial}"));
}

fn list(global: &Global, serial: ContainerSerial, output: &Output) -> Result<(), Failure> {
    let info = global.computer()?.container(serial)?.flash()?;
    let document = |file: &FlashFile| json!({ "name": file.name.to_string(), "bytes": file.size, "sha256": to_hex(&file.digest) });
    let files: Vec<Value> = info.files.iter().map(document).collect();
    let answer = json!({
        "serial": serial.to_string(),
        "capacity": info.capacity,
        "free": info.free,
        "files": files,
    });
    output.result(&answer, || {
        let row = |file: &FlashFile| vec![file.name.to_string(), file.size.to_string(), to_hex(&file.digest)];
        let files = table(&["Name", "Bytes", "SHA-256"], info.files.iter().map(row));
        format!("{files}\n{} of {} bytes free", info.free, info.capacity)
    });
    Ok(())
}

/// Checks a package against the vendor's root: the one the dongle pinned, or the one the user names where the
/// dongle knows none.
fn verified<'a>(
    container: &mut dyn Container,
    file: &'a [u8],
    trust: &TrustArguments,
) -> Result<VerifiedPackage<'a>, Failure> {
    let firms = container.firms()?;
    let given = trust.vendor_root.as_deref().map(|hex| {
        let bytes = from_hex::<32>(hex).map_err(|error| Failure::new("usage", error.to_string()))?;
        PublicKey::new(bytes).map_err(Failure::from)
    });
    let given = given.transpose()?;
    let mut is_known = false;
    let package = VerifiedPackage::verify(file, |firm_code| {
        let pinned = firms.iter().find(|firm| firm.firm_code == firm_code).and_then(|firm| firm.root);
        let root = pinned.or(given);
        is_known = root.is_some();
        root
    })?;
    if !is_known {
        let why = "the dongle holds nothing of this vendor, so its packages cannot be told from forged ones; \
                   pass --vendor-root";
        return Err(Failure::new("untrusted_signer", why));
    }
    Ok(package)
}

fn deliver(
    global: &Global,
    serial: ContainerSerial,
    path: &Path,
    trust: &TrustArguments,
    output: &Output,
) -> Result<(), Failure> {
    let file = read_file(path, FILE_BYTES_MAX)?;
    let mut container = global.computer()?.container(serial)?;
    let package = verified(container.as_mut(), &file, trust)?;
    container.flash_store(&package.manifest.name, &file)?;
    described(serial, &package, "delivered", output);
    Ok(())
}

fn described(serial: ContainerSerial, package: &VerifiedPackage<'_>, what: &str, output: &Output) {
    let manifest = &package.manifest;
    let document = json!({
        "serial": serial.to_string(),
        "name": manifest.name.to_string(),
        "version": manifest.version.to_string(),
        "firm_code": manifest.firm_code.get(),
        "firm_name": package.firm_name.to_string(),
        "bytes": manifest.size,
        "sha256": to_hex(&manifest.digest),
        "done": what,
    });
    output.result(&document, || {
        let (name, version, firm) = (&manifest.name, &manifest.version, &package.firm_name);
        format!("{name} {version} of {firm}: genuine, {what}, dongle {serial}")
    });
}
