//! The binding report: what of a computer still matches, and what a repair needs.

use license_runtime::{BindingOutline, BindingReport, BindingState, Repair};
use licensing_core::ids::ContainerSerial;
use serde_json::{Value, json};

use crate::args::Global;
use crate::failure::Failure;
use crate::output::{Output, table};

pub(super) fn run(global: &Global, serial: ContainerSerial, output: &Output) -> Result<(), Failure> {
    match global.computer()?.binding(serial)? {
        BindingState::Unbound => {
            Err(Failure::new("not_supported_by_container", "a dongle is bound to no computer"))
        }
        BindingState::Opens(report) => {
            opens(serial, &report, output);
            Ok(())
        }
        BindingState::DoesNotOpen(outline) => {
            does_not_open(serial, &outline, output);
            Ok(())
        }
    }
}

/// What to do, for people.
fn advice(repair: &Repair) -> String {
    match repair {
        Repair::Nothing => "the computer is as it was; nothing has to be done".to_owned(),
        Repair::Automatic => {
            "the computer has changed within the tolerance; the license was bound to it as it is now"
                .to_owned()
        }
        Repair::BringBack { weight, traits } => format!(
            "the computer has changed too much for the license to follow further changes: bring back weight \
             {weight} of {}, or let the vendor restore the license",
            traits.join(", ")
        ),
    }
}

fn opens(serial: ContainerSerial, report: &BindingReport, output: &Output) {
    let traits: Vec<Value> = report
        .traits
        .iter()
        .map(|t| json!({ "name": t.name, "weight": t.weight, "status": t.status.name() }))
        .collect();
    let repair = report.repair();
    let (missing, candidates) = match &repair {
        Repair::BringBack { weight, traits } => (*weight, traits.clone()),
        Repair::Nothing | Repair::Automatic => (0, Vec::new()),
    };
    let document = json!({
        "serial": serial.to_string(),
        "opens": true,
        "traits": traits,
        "score": report.score,
        "threshold": report.threshold,
        "total": report.total,
        "tolerance_left": report.tolerance_left(),
        "repair": { "needs": repair.name(), "weight": missing, "traits": candidates, "advice": advice(&repair) },
    });
    output.result(&document, || {
        let row = |t: &license_runtime::TraitState| {
            vec![t.name.clone(), t.weight.to_string(), t.status.name().to_owned()]
        };
        let traits = table(&["Trait", "Weight", "Status"], report.traits.iter().map(row));
        let (score, threshold, left) = (report.score, report.threshold, report.tolerance_left());
        let total = report.total;
        format!(
            "{traits}\n{score} of {total} match, {threshold} must; {left} more may change\n{}",
            advice(&repair)
        )
    });
}

fn does_not_open(serial: ContainerSerial, outline: &BindingOutline, output: &Output) {
    let status = |is_present: bool| if is_present { "present" } else { "absent" };
    let traits: Vec<Value> = outline
        .traits
        .iter()
        .map(|t| json!({ "name": t.name, "weight": t.weight, "status": status(t.is_present) }))
        .collect();
    let total: u16 = outline.traits.iter().map(|t| u16::from(t.weight)).sum();
    let advice = "the license does not open on this computer: use it on the computer it is bound to, bring the \
                  hardware back, or let the vendor restore it; which of the present traits still match is only \
                  known where it opens";
    let document = json!({
        "serial": serial.to_string(),
        "opens": false,
        "traits": traits,
        "score": null,
        "threshold": outline.threshold,
        "total": total,
        "tolerance_left": 0,
        "repair": { "needs": "original_computer", "weight": null, "traits": [], "advice": advice },
    });
    output.result(&document, || {
        let row = |t: &license_runtime::OutlinedTrait| {
            vec![t.name.clone(), t.weight.to_string(), status(t.is_present).to_owned()]
        };
        let traits = table(&["Trait", "Weight", "Status"], outline.traits.iter().map(row));
        format!("{traits}\n{} of {total} must match, and do not\n{advice}", outline.threshold)
    });
}
