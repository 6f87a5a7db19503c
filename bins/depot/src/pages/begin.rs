//! Beginning a transfer: what was chosen becomes a [`Transfer`].

use licensing_core::ids::ContainerSerial;
use licensing_core::random;
use licensing_wire::binary::to_hex;
use licensing_wire::json::{SelectionMessage, TicketAnswer};

use crate::desk::{Line, Stage, Transfer, Wish};
use crate::http::{Answer, Form, Visit};
use crate::pages::tickets::{overview, ticket};
use crate::system::{self, SystemEntropy};
use crate::trouble::{Trouble, trouble};
use crate::{config::Selection, views};

/// The licenses a form selects, with their quantities.
fn selected(form: &Form) -> Result<Vec<SelectionMessage>, Trouble> {
    let mut wanted = Vec::new();
    for id in form.all("license") {
        let quantity = match form.get(&format!("quantity-{id}")).trim() {
            "" => None,
            text => Some(
                text.parse().map_err(|_| trouble("quantity_invalid", "a quantity is not a whole number"))?,
            ),
        };
        wanted.push(SelectionMessage { id: id.to_owned(), quantity });
    }
    if wanted.is_empty() {
        return Err(trouble("nothing_selected", "no license is selected"));
    }
    Ok(wanted)
}

/// The selection as pages show it.
fn lines(answer: &TicketAnswer, wanted: &[SelectionMessage], most: fn(&views::Row) -> u32) -> Vec<Line> {
    let line = |entry: &SelectionMessage| {
        let license = answer.licenses.iter().find(|license| license.id == entry.id)?;
        let all = most(&views::row(license));
        Some(Line { name: license.name.clone(), quantity: entry.quantity.unwrap_or(all) })
    };
    wanted.iter().filter_map(line).collect()
}

/// A transfer that nothing has happened in yet.
pub(super) fn draft(visit: &Visit, wish: Wish, ticket: Option<String>) -> Transfer {
    Transfer {
        id: to_hex(&random::<12>(&mut SystemEntropy::default())),
        session: visit.session.id,
        wish,
        ticket,
        firm_code: 0,
        kind: None,
        container: None,
        lines: Vec::new(),
        data: Vec::new(),
        chosen: String::new(),
        stage: Stage::Request,
        issued: None,
        update: None,
        problem: None,
        unproven: 0,
        touched: 0,
    }
}

/// Keeps a transfer and shows its first page.
fn start(visit: &Visit, mut transfer: Transfer, form: &Form) -> Result<Answer, Trouble> {
    visit.app.rules.offers(&transfer.wish)?;
    let rules = &visit.app.rules.settings;
    let mode = form.get("mode");
    let online = mode == "online" || mode == "navigation";
    let offered = if online { rules.allow_online } else { rules.allow_offline };
    if !offered {
        let what = if online { "online transfers" } else { "transfers by file" };
        return Err(trouble("portal_rule", &format!("this portal does not offer {what}")));
    }
    let chosen = form.get("container");
    let sound = chosen.len() <= 64 && chosen.bytes().all(|b| b.is_ascii_alphanumeric());
    transfer.chosen = if sound { chosen.to_owned() } else { String::new() };
    let id = transfer.id.clone();
    visit.app.desk.keep(transfer, system::now());
    let page = match mode {
        "online" => "online",
        "navigation" => "navigate",
        _ => "request",
    };
    Ok(visit.to(&format!("/transfers/{id}/{page}")))
}

pub(super) async fn with_ticket(visit: &Visit, reference: &str, form: &Form) -> Result<Answer, Trouble> {
    let code = ticket(visit, reference)?;
    let answer = overview(visit, code.clone()).await?;
    let firm_code = form.get("firm").parse().unwrap_or(0);
    let kind = Some(form.get("kind")).filter(|kind| ["act", "dongle"].contains(kind)).map(str::to_owned);
    let serial = Some(form.get("serial")).filter(|serial| !serial.is_empty());
    let serial = serial
        .map(|serial| serial.parse::<ContainerSerial>().map(|serial| serial.to_string()))
        .transpose()
        .map_err(|_| trouble("invalid_value", "this is not the serial of a container"))?;
    let (wish, shown) = match form.get("action") {
        "activate" => {
            let all = visit.app.rules.settings.selection == Selection::All;
            let wanted = if all { selected(form).unwrap_or_default() } else { selected(form)? };
            let wanted = with_all(visit, &answer, firm_code, kind.as_deref(), wanted)?;
            let shown = lines(&answer, &wanted, |row| row.available);
            (Wish::Activate(wanted), shown)
        }
        "deactivate" => {
            let wanted = selected(form)?;
            let shown = lines(&answer, &wanted, |row| row.active);
            (Wish::Deactivate(wanted), shown)
        }
        "reactivate" => {
            if form.get("accept") != "yes" {
                let message = "the conditions of the re-activation were not accepted";
                return Err(trouble("conditions_not_accepted", message));
            }
            let wanted = selected(form)?;
            let shown = lines(&answer, &wanted, |row| row.active);
            (Wish::Reactivate(wanted.into_iter().map(|entry| entry.id).collect()), shown)
        }
        "continue" => (Wish::Continue, Vec::new()),
        "cancel" => (Wish::Cancel, Vec::new()),
        _ => return Err(trouble("invalid_value", "there is no such transfer")),
    };
    let data = match wish {
        Wish::Activate(_) | Wish::Reactivate(_) => visit.app.rules.entered(&form.beginning("data-"))?,
        _ => Vec::new(),
    };
    let mut transfer = draft(visit, wish, Some(code));
    transfer.firm_code = firm_code;
    transfer.kind = kind;
    transfer.container = serial;
    transfer.lines = shown;
    transfer.data = data;
    start(visit, transfer, form)
}

/// The selection with what the portal's rule adds; with the rule "all", everything of the binding.
fn with_all(
    visit: &Visit,
    answer: &TicketAnswer,
    firm_code: u32,
    kind: Option<&str>,
    mut wanted: Vec<SelectionMessage>,
) -> Result<Vec<SelectionMessage>, Trouble> {
    let kind = kind.unwrap_or("act");
    if wanted.is_empty() {
        let rows = views::rows_for(answer, views::activatable, firm_code, kind);
        wanted = rows.into_iter().map(|row| SelectionMessage { id: row.id, quantity: None }).collect();
    }
    if wanted.is_empty() {
        return Err(trouble("nothing_to_activate", "nothing of this ticket is available"));
    }
    Ok(visit.app.rules.complete(answer, firm_code, kind, wanted))
}

pub(super) fn without_ticket(visit: &Visit, form: &Form) -> Result<Answer, Trouble> {
    let mut transfer = match form.get("action") {
        "automatic" => draft(visit, Wish::Automatic, None),
        "restore" => {
            let old = form.get("old").trim();
            let old: ContainerSerial = old.parse().map_err(|_| {
                trouble("invalid_value", "this is not the serial of a container, like 130-3556429651")
            })?;
            let mut transfer = draft(visit, Wish::Restore(old.to_string()), None);
            transfer.kind = Some("act".to_owned());
            transfer
        }
        _ => return Err(trouble("invalid_value", "there is no such transfer")),
    };
    transfer.firm_code = form.get("firm").parse().unwrap_or(0);
    start(visit, transfer, form)
}
