//! What a customer does online with a ticket: see it, activate, return, activate again, cancel.

use std::collections::BTreeSet;
use std::path::PathBuf;

use license_runtime::Registry;
use licensing_client::{Outcome, ServerClient, Transfer, Wish};
use licensing_core::ids::{ContainerSerial, FirmCode};
use licensing_core::ticket_code::TicketCode;
use licensing_wire::json::{LicenseOverview, SelectionMessage, TicketAnswer};
use serde_json::{Value, json};

use crate::args::{
    CancelArguments, Global, ReactivationArguments, Selection, TicketArgument, TicketCommand,
    TransferArguments,
};
use crate::failure::Failure;
use crate::output::{Output, table};
use crate::places::{Driven, FileJournal};

pub(crate) fn ticket(global: &Global, command: TicketCommand, output: &Output) -> Result<(), Failure> {
    let TicketCommand::Show { ticket, ticket_file, all } = command;
    let code = read(ticket, ticket_file)?;
    let overview = global.customer_server()?.ticket(&code.to_string(), all)?;
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
    let wish = |ticket: &TicketCode, licenses| Wish::Activate { ticket: ticket.clone(), licenses };
    by_ticket(global, arguments, &ACTIVATE, wish, output)
}

pub(crate) fn deactivate(
    global: &Global,
    arguments: &TransferArguments,
    output: &Output,
) -> Result<(), Failure> {
    let wish = |ticket: &TicketCode, licenses| Wish::Deactivate { ticket: ticket.clone(), licenses };
    by_ticket(global, arguments, &DEACTIVATE, wish, output)
}

pub(crate) fn reactivate(
    global: &Global,
    arguments: &ReactivationArguments,
    output: &Output,
) -> Result<(), Failure> {
    let accept_conditions = arguments.accept_conditions;
    let wish = |ticket: &TicketCode, licenses: Vec<SelectionMessage>| Wish::Reactivate {
        ticket: ticket.clone(),
        licenses: licenses.into_iter().map(|license| license.id).collect(),
        accept_conditions,
    };
    by_ticket(global, &arguments.transfer, &REACTIVATE, wish, output)
}

pub(crate) fn cancel(global: &Global, arguments: &CancelArguments, output: &Output) -> Result<(), Failure> {
    let transfer = TransferArguments {
        ticket: arguments.ticket.clone(),
        licenses: Vec::new(),
        container: arguments.container,
    };
    let wish = |ticket: &TicketCode, _| Wish::Cancel { ticket: ticket.clone() };
    by_ticket(global, &transfer, &CANCEL, wish, output)
}

/// What a transfer with a ticket says of itself, and which licenses it concerns when none is named.
struct Kind {
    done: &'static str,
    concerns: fn(&LicenseOverview, kind: &str, serial: &str) -> bool,
}

const ACTIVATE: Kind = Kind {
    done: "activated in",
    concerns: |license, kind, _| license.available > 0 && license.containers.iter().any(|k| k == kind),
};
const DEACTIVATE: Kind = Kind {
    done: "returned from",
    concerns: |license, _, serial| license.activations.iter().any(|a| a.container == serial),
};
const REACTIVATE: Kind = Kind {
    done: "activated again in",
    concerns: |license, _, serial| license.activations.iter().any(|a| a.container != serial),
};
const CANCEL: Kind = Kind {
    done: "unfinished transfers cancelled in",
    concerns: |license, _, serial| {
        license.activations.iter().any(|a| a.container == serial && a.state != "active")
    },
};

pub(crate) fn selection(selected: &[Selection]) -> Vec<SelectionMessage> {
    let message = |s: &Selection| SelectionMessage { id: s.license.to_string(), quantity: s.quantity };
    selected.iter().map(message).collect()
}

/// Does transfers with a ticket: one for each firm code concerned.
fn by_ticket(
    global: &Global,
    arguments: &TransferArguments,
    kind: &Kind,
    wish: impl Fn(&TicketCode, Vec<SelectionMessage>) -> Wish,
    output: &Output,
) -> Result<(), Failure> {
    let ticket = arguments.ticket.read()?;
    let server = global.customer_server()?;
    let mut local = Local::open(global, arguments.container)?;
    let overview = server.ticket(&ticket.to_string(), true)?;
    let mut outcomes = Vec::new();
    for (firm_code, licenses) in by_firm(&overview, arguments, kind)? {
        let outcome = local.transfer(&server, &wish(&ticket, licenses), firm_code, output)?;
        outcomes.push((firm_code, outcome));
    }
    report(&server, &ticket, arguments.container, &outcomes, kind, output)
}

/// A container of this computer that takes part in transfers.
pub(super) struct Local {
    registry: Registry,
    driven: Driven,
    serial: ContainerSerial,
}

impl Local {
    pub(super) fn open(global: &Global, serial: ContainerSerial) -> Result<Self, Failure> {
        let mut registry = global.registry()?;
        let container = registry.container(serial)?;
        let (clock, entropy) = (registry.clock(), registry.entropy().clone());
        Ok(Self { registry, driven: Driven { container, entropy, clock }, serial })
    }

    /// Firm codes the container holds something of.
    pub(super) fn firm_codes(&mut self) -> Result<Vec<FirmCode>, Failure> {
        Ok(self.driven.container.firms()?.iter().map(|firm| firm.firm_code).collect())
    }

    /// Does one transfer, showing its phases.
    pub(super) fn transfer(
        &mut self,
        server: &ServerClient,
        wish: &Wish,
        firm_code: FirmCode,
        output: &Output,
    ) -> Result<Outcome, Failure> {
        let mut journal = FileJournal::open(self.registry.transfers(), self.serial, firm_code)?;
        let transfer = Transfer { server, wish, firm_code };
        let progress = output.progress();
        let mut entropy = self.registry.entropy().clone();
        let outcome =
            transfer.run(&mut self.driven, &mut journal, &mut entropy, &mut |phase| progress.show(phase));
        progress.done();
        let outcome = outcome?;
        if !outcome.receipt_uploaded {
            output.note("the receipt could not be uploaded; the next transfer of this container does it");
        }
        Ok(outcome)
    }
}

/// The transfers to make: one for each firm code among the licenses, as a context speaks of one vendor only.
fn by_firm(
    overview: &TicketAnswer,
    arguments: &TransferArguments,
    kind: &Kind,
) -> Result<Vec<(FirmCode, Vec<SelectionMessage>)>, Failure> {
    let (word, serial) = (arguments.container.kind().as_str(), arguments.container.to_string());
    let concerns = |license: &&LicenseOverview| (kind.concerns)(license, word, &serial);
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
    kind: &Kind,
    output: &Output,
) -> Result<(), Failure> {
    let overview = server.ticket(&ticket.to_string(), true).ok();
    let here = licenses_in(overview.as_ref(), &serial.to_string());
    let mut answer = outcome_document(serial, outcomes);
    answer["licenses"] = json!(here);
    output.result(&answer, || {
        if here.is_empty() {
            return format!("{} container {serial}; it holds nothing of this ticket now", kind.done);
        }
        let rows = here.iter().map(|license| {
            let text = |field: &str| license[field].as_str().unwrap_or_default().to_owned();
            vec![text("name"), license["quantity"].to_string(), text("state"), text("id")]
        });
        let licenses = table(&["Name", "Quantity", "State", "License"], rows);
        format!("{} container {serial}; of this ticket it now holds\n{licenses}", kind.done)
    });
    Ok(())
}

/// What transfers did, the first one in front.
pub(super) fn outcome_document(serial: ContainerSerial, outcomes: &[(FirmCode, Outcome)]) -> Value {
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
    answer["transfers"] = json!(transfers);
    answer
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
