//! What a customer does online: see a ticket, activate, return.

use std::collections::BTreeSet;
use std::path::PathBuf;

use licensing_client::{Action, Outcome, ServerClient, Transfer};
use licensing_core::ids::{ContainerSerial, FirmCode};
use licensing_core::ticket_code::TicketCode;
use licensing_wire::json::{LicenseOverview, SelectionMessage, TicketAnswer};
use serde_json::{Value, json};

use crate::args::{Global, Selection, TicketArgument, TicketCommand, TransferArguments};
use crate::failure::Failure;
use crate::output::{Output, table};
use crate::places::{Driven, FileJournal};

pub(crate) fn ticket(global: &Global, command: TicketCommand, output: &Output) -> Result<(), Failure> {
    let TicketCommand::Show { ticket, ticket_file } = command;
    let code = read(ticket, ticket_file)?;
    let overview = global.customer_server()?.ticket(&code.to_string())?;
    output.result(&overview, || overview_text(&overview));
    Ok(())
}

fn read(ticket: Option<String>, ticket_file: Option<PathBuf>) -> Result<TicketCode, Failure> {
    TicketArgument { ticket, ticket_file }.read()
}

/// The overview as in a portal: a row for each share, the status as "available (of all)".
fn overview_text(overview: &TicketAnswer) -> String {
    let mut rows = Vec::new();
    for license in &overview.licenses {
        let status = format!("Available: {} ({})", license.available, license.quantity);
        let mut first = true;
        let mut row = |activated: &str, container: &str, quantity: String| {
            let (name, id, status, options) = if std::mem::take(&mut first) {
                (license.name.clone(), license.id.clone(), status.clone(), license.options.join(", "))
            } else {
                Default::default()
            };
            rows.push(vec![name, activated.to_owned(), container.to_owned(), quantity, status, options, id]);
        };
        for activation in &license.activations {
            let quantity = format!("{} {}", activation.quantity, activation.state);
            row(&activation.activated_at, &activation.container, quantity);
        }
        if license.activations.is_empty() {
            row("", "", String::new());
        }
    }
    let header = ["Name", "Activated on", "Container", "Quantity", "Status", "Options", "License"];
    format!("ticket {}\n{}", overview.ticket, table(&header, rows))
}

pub(crate) fn activate(
    global: &Global,
    arguments: &TransferArguments,
    output: &Output,
) -> Result<(), Failure> {
    transfer(global, arguments, Action::Activate, output)
}

pub(crate) fn deactivate(
    global: &Global,
    arguments: &TransferArguments,
    output: &Output,
) -> Result<(), Failure> {
    transfer(global, arguments, Action::Deactivate, output)
}

pub(crate) fn selection(selected: &[Selection]) -> Vec<SelectionMessage> {
    let message = |s: &Selection| SelectionMessage { id: s.license.to_string(), quantity: s.quantity };
    selected.iter().map(message).collect()
}

fn transfer(
    global: &Global,
    arguments: &TransferArguments,
    action: Action,
    output: &Output,
) -> Result<(), Failure> {
    let ticket = arguments.ticket.read()?;
    let server = global.customer_server()?;
    let mut registry = global.registry()?;
    let container = registry.container(arguments.container)?;
    let clock = registry.clock();
    let entropy = registry.entropy().clone();
    let mut driven = Driven { container, entropy: entropy.clone(), clock };
    let overview = server.ticket(&ticket.to_string())?;
    let mut outcomes = Vec::new();
    for (firm_code, licenses) in by_firm(&overview, arguments, action)? {
        let mut journal = FileJournal::open(registry.transfers(), arguments.container, firm_code)?;
        let transfer = Transfer { server: &server, ticket: &ticket, action, licenses: &licenses, firm_code };
        let progress = output.progress();
        let outcome =
            transfer.run(&mut driven, &mut journal, &mut entropy.clone(), &mut |phase| progress.show(phase));
        progress.done();
        let outcome = outcome?;
        if !outcome.receipt_uploaded {
            output.note("the receipt could not be uploaded; the next transfer of this container does it");
        }
        outcomes.push((firm_code, outcome));
    }
    report(&server, &ticket, arguments.container, &outcomes, action, output)
}

/// The transfers to make: one for each firm code among the licenses, as a context speaks of one vendor only.
fn by_firm(
    overview: &TicketAnswer,
    arguments: &TransferArguments,
    action: Action,
) -> Result<Vec<(FirmCode, Vec<SelectionMessage>)>, Failure> {
    let kind = arguments.container.kind().as_str();
    let serial = arguments.container.to_string();
    let concerns = |license: &&LicenseOverview| match action {
        Action::Activate => license.available > 0 && license.containers.iter().any(|k| k == kind),
        Action::Deactivate => license.activations.iter().any(|a| a.container == serial),
    };
    let wanted = selection(&arguments.licenses);
    let mut firms: BTreeSet<u32> = BTreeSet::new();
    if wanted.is_empty() {
        firms.extend(overview.licenses.iter().filter(concerns).map(|license| license.firm_code));
        if firms.is_empty() {
            // Nothing to do at first sight: the server resumes what is unfinished, or says why not.
            firms.extend(overview.licenses.iter().take(1).map(|license| license.firm_code));
        }
    }
    let firm_of = |selected: &SelectionMessage| {
        let license = overview.licenses.iter().find(|license| license.id == selected.id);
        let unknown = || {
            Failure::new("license_not_on_ticket", format!("license {} is not on this ticket", selected.id))
        };
        license.map(|license| license.firm_code).ok_or_else(unknown)
    };
    for selected in &wanted {
        firms.insert(firm_of(selected)?);
    }
    let mut transfers = Vec::new();
    for firm in firms {
        let firm_code =
            FirmCode::new(firm).ok_or_else(|| Failure::new("server_answer_invalid", "firm code 0"))?;
        let mine = wanted.iter().filter(|selected| firm_of(selected).is_ok_and(|of| of == firm));
        transfers.push((firm_code, mine.cloned().collect()));
    }
    Ok(transfers)
}

fn report(
    server: &ServerClient,
    ticket: &TicketCode,
    serial: ContainerSerial,
    outcomes: &[(FirmCode, Outcome)],
    action: Action,
    output: &Output,
) -> Result<(), Failure> {
    let overview = server.ticket(&ticket.to_string()).ok();
    let here = licenses_in(overview.as_ref(), &serial.to_string());
    let document = |(firm_code, outcome): &(FirmCode, Outcome)| {
        json!({
            "serial": serial.to_string(),
            "firm_code": firm_code.get(),
            "applied": outcome.imported.applied,
            "already_applied": outcome.imported.already_applied,
            "counter": outcome.imported.counter,
            "receipt_uploaded": outcome.receipt_uploaded,
            "resumed": outcome.resumed,
        })
    };
    let transfers: Vec<Value> = outcomes.iter().map(document).collect();
    let mut answer = transfers.first().cloned().unwrap_or_else(|| json!({ "serial": serial.to_string() }));
    answer["licenses"] = json!(here);
    answer["transfers"] = json!(transfers);
    output.result(&answer, || {
        let what = match action {
            Action::Activate => "activated in",
            Action::Deactivate => "returned from",
        };
        let rows = here.iter().map(|license| {
            let text = |field: &str| license[field].as_str().unwrap_or_default().to_owned();
            vec![text("name"), license["quantity"].to_string(), text("state"), text("id")]
        });
        let licenses = table(&["Name", "Quantity", "State", "License"], rows);
        format!("{what} container {serial}; of this ticket it now holds\n{licenses}")
    });
    Ok(())
}

/// The shares of a ticket in a container.
fn licenses_in(overview: Option<&TicketAnswer>, serial: &str) -> Vec<Value> {
    let mut here = Vec::new();
    for license in overview.into_iter().flat_map(|overview| &overview.licenses) {
        for activation in license.activations.iter().filter(|activation| activation.container == serial) {
            here.push(json!({
                "id": license.id,
                "item": license.item,
                "name": license.name,
                "quantity": activation.quantity,
                "state": activation.state,
                "activated_at": activation.activated_at,
            }));
        }
    }
    here
}
