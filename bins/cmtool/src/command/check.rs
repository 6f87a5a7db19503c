//! Checking and using licenses on this computer.

use license_runtime::{Computer, Found, RuntimeError, Source};
use licensing_core::access::{AccessRequest, Usable};
use licensing_wire::options::{parse_begin, parse_features};
use licensing_wire::time::print;
use serde_json::json;

use crate::args::{CheckArguments, Global};
use crate::failure::Failure;
use crate::output::{Output, error_document};

pub(crate) fn check(global: &Global, arguments: &CheckArguments, output: &Output) -> Result<(), Failure> {
    let request = request(arguments)?;
    answer(global, arguments, output, |computer| computer.check(arguments.firm_code, &request))
}

pub(crate) fn access(global: &Global, arguments: &CheckArguments, output: &Output) -> Result<(), Failure> {
    let request = request(arguments)?;
    answer(global, arguments, output, |computer| {
        let mut found = computer.access(arguments.firm_code, &request)?;
        // A command is over at once: what it used is consumed, and its concurrent use given back.
        if let Ok(answer) = &found.outcome
            && let Some(handle) = answer.value.1
        {
            computer.release(handle)?;
        }
        let outcome = found
            .outcome
            .map(|answer| license_runtime::Answer { source: answer.source, value: answer.value.0 });
        Ok(Found { outcome, warnings: std::mem::take(&mut found.warnings) })
    })
}

fn request(arguments: &CheckArguments) -> Result<AccessRequest, Failure> {
    let wrong = |error: licensing_core::terms::InvalidTerms| Failure::new("usage", error.to_string());
    let features = arguments.feature.as_deref().map(|bits| parse_features("feature", bits)).transpose();
    let release = arguments.release_date.as_deref().map(|date| parse_begin("release date", date)).transpose();
    Ok(AccessRequest {
        product_code: arguments.product_code,
        features: features.map_err(wrong)?.unwrap_or(0),
        units: arguments.units.unwrap_or(0),
        release_date: release.map_err(wrong)?,
    })
}

fn answer(
    global: &Global,
    arguments: &CheckArguments,
    output: &Output,
    ask: impl FnOnce(&mut Computer) -> Result<Found<Usable>, RuntimeError>,
) -> Result<(), Failure> {
    let mut computer = global.computer()?;
    let found = ask(&mut computer)?;
    let mut warnings = Vec::new();
    for warning in found.warnings {
        let (code, message) = (warning.error.code().to_owned(), warning.error.to_string());
        if !output.is_json() {
            output.note(&format!("warning: container {}: {message} [{code}]", warning.serial));
        }
        warnings.push(json!({ "serial": warning.serial.to_string(), "code": code, "message": message }));
    }
    let (firm_code, product_code) = (arguments.firm_code.get(), arguments.product_code.get());
    let found = match found.outcome {
        Ok(found) => found,
        Err(refusal) => {
            let mut failure = Failure::from(refusal);
            if output.is_json() {
                let document = json!({
                    "usable": false,
                    "firm_code": firm_code,
                    "product_code": product_code,
                    "error": error_document(&failure),
                    "warnings": warnings,
                });
                output.result(&document, String::new);
                failure.is_told = true;
            }
            return Err(failure);
        }
    };
    let usable = found.value;
    let document = json!({
        "usable": true,
        "firm_code": firm_code,
        "product_code": product_code,
        "container": match found.source {
            Source::Container(serial) => Some(serial.to_string()),
            Source::PreActivated(_) => None,
        },
        "preactivated": match found.source {
            Source::Container(_) => None,
            Source::PreActivated(id) => Some(id.to_string()),
        },
        "concurrent_uses": usable.concurrent_uses,
        "feature_map": usable.feature_map,
        "units": usable.units_left,
        "usable_until": usable.usable_until.map(print),
        "maintenance_until": usable.maintenance_until.map(print),
        "warnings": warnings,
    });
    output.result(&document, || {
        let until = usable
            .usable_until
            .map_or_else(|| "without end".to_owned(), |end| format!("until {}", print(end)));
        let units = usable.units_left.map(|units| format!(", {units} units left")).unwrap_or_default();
        format!("usable {until}{units}, from {}", found.source)
    });
    Ok(())
}
