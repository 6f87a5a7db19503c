//! The containers of this computer.

mod report;

use std::path::Path;

use license_runtime::{Container, FirmInfo, Listed, ProductInfo};
use licensing_client::Phase;
use licensing_core::error::FormatError;
use licensing_core::format::template::VerifiedTemplate;
use licensing_core::ids::{ContainerSerial, FirmCode};
use licensing_core::limits::TEMPLATE_BYTES_MAX;
use licensing_core::time::Timestamp;
use licensing_wire::binary::from_base64;
use licensing_wire::options::{print_access, print_features, print_tolerance};
use licensing_wire::time::print;
use serde_json::{Value, json};

use crate::args::{ContainerCommand, CreateCommand, Global};
use crate::command::{decide, look};
use crate::failure::Failure;
use crate::output::{Output, error_document, table};
use crate::places::{read_file, write_file};

/// Largest container file: a dongle image.
const CONTAINER_BYTES_MAX: usize = 2 << 20;

pub(crate) fn run(global: &Global, command: ContainerCommand, output: &Output) -> Result<(), Failure> {
    match command {
        ContainerCommand::Create(command) => create(global, &command, output),
        ContainerCommand::List => list(global, output),
        ContainerCommand::Show { serial } => show(global, serial, output),
        ContainerCommand::Export { serial, out } => {
            let bytes = global.computer()?.export(serial)?;
            write_file(&out, &bytes)?;
            let document = json!({ "serial": serial.to_string(), "file": out, "bytes": bytes.len() });
            output.result(&document, || format!("container {serial} written to {}", out.display()));
            Ok(())
        }
        ContainerCommand::Import { file } => {
            let bytes = read_file(&file, CONTAINER_BYTES_MAX)?;
            let serial = global.computer()?.import(&bytes)?;
            let document = json!({ "serial": serial.to_string(), "kind": serial.kind().as_str() });
            output.result(&document, || format!("container {serial} is on this computer now"));
            Ok(())
        }
        ContainerCommand::History { serial, csv } => {
            look::history(global, ("container", &serial.to_string()), csv, output)
        }
        ContainerCommand::Status { serial } => look::container(global, serial, output),
        ContainerCommand::Clear { serial, reason } => decide::clear(global, serial, reason, output),
        ContainerCommand::Push { serial, firm_code, out } => {
            decide::push(global, serial, firm_code, &out, output)
        }
        ContainerCommand::Report { serial } => report::run(global, serial, output),
        ContainerCommand::Pull { serial } => moved(global, serial, true, output),
        ContainerCommand::Plug { serial } => moved(global, serial, false, output),
    }
}

fn create(global: &Global, command: &CreateCommand, output: &Output) -> Result<(), Failure> {
    let container = match command {
        CreateCommand::Dongle { flash } => global.computer()?.create_dongle(flash.unwrap_or(0))?,
        CreateCommand::Act { firm_code, template } => {
            let progress = output.progress();
            progress.show(Phase::DownloadingTemplate);
            let template = match template {
                Some(file) => template_file(file, *firm_code)?,
                None => {
                    let answer = global.customer_server()?.template(firm_code.get())?;
                    from_base64(&answer.template, TEMPLATE_BYTES_MAX).map_err(|error: FormatError| {
                        Failure::new("server_answer_invalid", error.to_string())
                    })?
                }
            };
            progress.show(Phase::RegisteringTemplate);
            let container = global.computer()?.create_act(&template)?;
            progress.done();
            container
        }
    };
    let serial = container.serial();
    let document = json!({
        "serial": serial.to_string(),
        "kind": serial.kind().as_str(),
        "test_container": container.is_test(),
    });
    output.result(&document, || format!("{} {serial} created{}", serial.kind(), mark(container.is_test())));
    Ok(())
}

/// A template that was downloaded elsewhere; it must be for the firm code that is meant.
fn template_file(file: &Path, firm_code: FirmCode) -> Result<Vec<u8>, Failure> {
    let bytes = read_file(file, TEMPLATE_BYTES_MAX)?;
    let found = VerifiedTemplate::verify(&bytes, None)?.issuer().firm_code;
    if found != firm_code {
        let message = format!("the template is for firm code {found}, not for {firm_code}");
        return Err(Failure::new("signer_wrong_firm", message));
    }
    Ok(bytes)
}

const fn mark(is_test: bool) -> &'static str {
    if is_test { " (TEST CONTAINER)" } else { "" }
}

fn list(global: &Global, output: &Output) -> Result<(), Failure> {
    let mut documents = Vec::new();
    let mut computer = global.computer()?;
    for Listed { serial, container } in computer.list()? {
        let kind = serial.kind().as_str();
        documents.push(match container {
            Ok(mut container) => {
                let firms = container.firms()?;
                let codes: Vec<u32> = firms.iter().map(|firm| firm.firm_code.get()).collect();
                let is_test = container.is_test();
                json!({ "serial": serial.to_string(), "kind": kind, "firm_codes": codes, "test_container": is_test })
            }
            Err(error) => {
                let failure = Failure::from(error);
                let error = error_document(&failure);
                json!({ "serial": serial.to_string(), "kind": kind, "firm_codes": [], "error": error })
            }
        });
    }
    let pulled: Vec<String> = computer.pulled()?.iter().map(ToString::to_string).collect();
    output.result(&json!({ "containers": documents, "pulled": pulled }), || {
        let row = |document: &Value| {
            let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
            let codes: Vec<String> =
                document["firm_codes"].as_array().into_iter().flatten().map(Value::to_string).collect();
            let state = match document["error"]["message"].as_str() {
                Some(message) => message.to_owned(),
                None if document["test_container"] == true => "TEST CONTAINER".to_owned(),
                None => "ready".to_owned(),
            };
            vec![text("serial"), text("kind"), codes.join(", "), state]
        };
        let kind = |serial: &str| serial.parse().map_or("", |serial: ContainerSerial| serial.kind().as_str());
        let out = |serial: &String| {
            vec![serial.clone(), kind(serial).to_owned(), String::new(), "pulled".to_owned()]
        };
        let rows = documents.iter().map(row).chain(pulled.iter().map(out));
        table(&["Serial", "Kind", "Firm codes", "State"], rows)
    });
    Ok(())
}

fn show(global: &Global, serial: ContainerSerial, output: &Output) -> Result<(), Failure> {
    let mut container: Box<dyn Container> = global.computer()?.container(serial)?;
    let firms = container.firms()?;
    let is_test = container.is_test();
    let document = json!({
        "serial": serial.to_string(),
        "kind": serial.kind().as_str(),
        "test_container": is_test,
        "firms": firms.iter().map(firm_document).collect::<Vec<_>>(),
    });
    output.result(&document, || {
        let mut text = format!("{} {serial}{}\n", serial.kind(), mark(is_test));
        for firm in &firms {
            let name = firm.name.as_ref().map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("firm {} {name}, counter {}\n", firm.firm_code, firm.counter));
            text.push_str(&products_table(&firm.products));
            text.push('\n');
        }
        text
    });
    Ok(())
}

fn firm_document(firm: &FirmInfo) -> Value {
    json!({
        "firm_code": firm.firm_code.get(),
        "name": firm.name.as_ref().map(ToString::to_string),
        "counter": firm.counter,
        "locked": firm.locked,
        "products": firm.products.iter().map(product_document).collect::<Vec<_>>(),
    })
}

fn product_document(product: &ProductInfo) -> Value {
    let terms = &product.terms;
    let module = |module: &licensing_core::terms::Module| {
        json!({
            "product_code": module.product_code.get(),
            "name": module.name.to_string(),
            "feature_map": module.feature_map,
        })
    };
    json!({
        "product_code": product.product_code.get(),
        "name": product.name.to_string(),
        // What an update added counts like what was ordered.
        "quantity": u64::from(product.quantity) + product.added_uses,
        "licenses": product.quantity,
        "units": product.units,
        "feature_map": terms.feature_map,
        "expires": terms.expires.map(print),
        "maintenance_until": terms.maintenance_until.map(print),
        "activates": terms.activates.map(print),
        "usage_period_days": terms.usage_period_days,
        "usage_started": product.usage_started.map(print),
        "license_quantity": terms.license_quantity,
        "added_uses": product.added_uses,
        "access": print_access(terms.access),
        "linger_seconds": terms.linger_secs,
        "borrow_days": terms.borrow_days,
        "tolerance": terms.tolerance.map(print_tolerance),
        "text": terms.text.to_string(),
        "modules": terms.modules.iter().map(module).collect::<Vec<_>>(),
        "entry": product.entry.to_string(),
        "license": product.license.to_string(),
    })
}

fn products_table(products: &[ProductInfo]) -> String {
    let time = |time: Option<Timestamp>| time.map(print).unwrap_or_default();
    let row = |product: &ProductInfo| {
        vec![
            product.product_code.to_string(),
            product.name.to_string(),
            (u64::from(product.quantity) + product.added_uses).to_string(),
            product.units.map(|units| units.to_string()).unwrap_or_default(),
            product.terms.feature_map.map(print_features).unwrap_or_default(),
            time(product.terms.expires),
            time(product.terms.maintenance_until),
        ]
    };
    let header = ["Product", "Name", "Quantity", "Units", "Features", "Expires", "Maintenance until"];
    table(&header, products.iter().map(row))
}

fn moved(global: &Global, serial: ContainerSerial, is_pulled: bool, output: &Output) -> Result<(), Failure> {
    let mut computer = global.computer()?;
    if is_pulled {
        computer.pull(serial)?;
    } else {
        computer.plug(serial)?;
    }
    let document = json!({ "serial": serial.to_string(), "plugged": !is_pulled });
    output.result(&document, || {
        let state = if is_pulled { "pulled; plug it in again to use it" } else { "plugged in" };
        format!("container {serial} is {state}")
    });
    Ok(())
}
