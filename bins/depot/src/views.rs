//! What pages show of tickets.

use licensing_wire::json::{ActivationMessage, LicenseOverview, TicketAnswer};
use serde::Serialize;

/// A share of a license in a container.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Place {
    pub(crate) container: String,
    pub(crate) quantity: u32,
    pub(crate) state: String,
    pub(crate) withdraw: bool,
    pub(crate) activated_at: String,
}

/// A license.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) item: String,
    pub(crate) order: String,
    pub(crate) ordered_on: String,
    pub(crate) state: String,
    pub(crate) quantity: u32,
    pub(crate) available: u32,
    pub(crate) unfinished: u32,
    pub(crate) active: u32,
    pub(crate) withdrawn: u32,
    pub(crate) split: bool,
    pub(crate) assigned: Option<String>,
    pub(crate) is_update: bool,
    pub(crate) places: Vec<Place>,
    /// How many a selection may have.
    pub(crate) most: u32,
}

/// A ticket.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ticket {
    /// Stands for the ticket in addresses.
    pub(crate) reference: String,
    /// Begin and end of the ticket, enough to recognise it.
    pub(crate) short: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) can_activate: bool,
    pub(crate) can_deactivate: bool,
    pub(crate) can_reactivate: bool,
    pub(crate) unfinished: bool,
}

/// A way to bind licenses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Binding {
    pub(crate) firm_code: u32,
    pub(crate) kind: String,
    pub(crate) licenses: usize,
}

/// A container that holds something of a ticket.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Holder {
    pub(crate) container: String,
    pub(crate) firm_code: u32,
    pub(crate) licenses: Vec<String>,
}

/// A moment as people read it.
pub(crate) fn moment(text: &str) -> String {
    text.trim_end_matches('Z').replace('T', " ")
}

/// Begin and end of a ticket.
pub(crate) fn short(ticket: &str) -> String {
    match (ticket.split('-').next(), ticket.rsplit('-').next()) {
        (Some(first), Some(last)) if ticket.len() > 12 => format!("{first}-…-{last}"),
        _ => "…".to_owned(),
    }
}

/// The kind of container a serial is of.
pub(crate) fn kind_of(serial: &str) -> &'static str {
    if serial.starts_with("130-") { "act" } else { "dongle" }
}

fn place(activation: &ActivationMessage) -> Place {
    Place {
        container: activation.container.clone(),
        quantity: activation.quantity,
        state: activation.state.clone(),
        withdraw: activation.withdraw,
        activated_at: moment(&activation.activated_at),
    }
}

/// A license as pages show it.
pub(crate) fn row(license: &LicenseOverview) -> Row {
    Row {
        id: license.id.clone(),
        name: license.name.clone(),
        item: license.item.clone(),
        order: license.order_id.clone(),
        ordered_on: moment(&license.created_at),
        state: license.state.replace('_', "-"),
        quantity: license.quantity,
        available: license.available,
        unfinished: license.activating + license.returning,
        active: license.active,
        withdrawn: license.withdrawn,
        split: license.split,
        assigned: license.assigned.clone(),
        is_update: license.updates.is_some(),
        places: license.activations.iter().map(place).collect(),
        most: license.available,
    }
}

fn has(license: &LicenseOverview, option: &str) -> bool {
    license.options.iter().any(|known| known == option)
}

/// A ticket as pages show it.
pub(crate) fn ticket(reference: String, answer: &TicketAnswer) -> Ticket {
    let any = |option: &str| answer.licenses.iter().any(|license| has(license, option));
    Ticket {
        reference,
        short: short(&answer.ticket),
        rows: answer.licenses.iter().map(row).collect(),
        can_activate: answer.licenses.iter().any(activatable),
        can_deactivate: any("deactivate"),
        can_reactivate: any("reactivate"),
        unfinished: any("continue"),
    }
}

/// Whether something of a license can be activated by its owner's choice.
pub(crate) fn activatable(license: &LicenseOverview) -> bool {
    license.available > 0 && license.assigned.is_none()
}

/// Whether something of a license can be activated again without a return.
pub(crate) fn reactivatable(license: &LicenseOverview) -> bool {
    has(license, "reactivate")
}

/// The bindings a ticket's licenses of some sort allow.
pub(crate) fn bindings(answer: &TicketAnswer, of: fn(&LicenseOverview) -> bool) -> Vec<Binding> {
    let mut bindings: Vec<Binding> = Vec::new();
    for license in answer.licenses.iter().filter(|license| of(license)) {
        for kind in &license.containers {
            let firm_code = license.firm_code;
            match bindings.iter_mut().find(|known| known.firm_code == firm_code && known.kind == *kind) {
                Some(known) => known.licenses += 1,
                None => bindings.push(Binding { firm_code, kind: kind.clone(), licenses: 1 }),
            }
        }
    }
    bindings.sort_by(|a, b| (a.firm_code, &b.kind).cmp(&(b.firm_code, &a.kind)));
    bindings
}

/// The licenses of some sort that a binding takes.
pub(crate) fn rows_for(
    answer: &TicketAnswer,
    of: fn(&LicenseOverview) -> bool,
    firm_code: u32,
    kind: &str,
) -> Vec<Row> {
    let fits = |license: &&LicenseOverview| {
        of(license)
            && license.firm_code == firm_code
            && license.containers.iter().any(|allowed| allowed == kind)
    };
    answer.licenses.iter().filter(fits).map(row).collect()
}

/// The containers out of which something of a ticket can be returned.
pub(crate) fn holders(answer: &TicketAnswer) -> Vec<Holder> {
    holders_of(answer, |license, activation| has(license, "deactivate") && activation.state == "active")
}

/// Containers in which something of a ticket is unfinished, with their firm codes.
pub(crate) fn unfinished(answer: &TicketAnswer) -> Vec<Holder> {
    holders_of(answer, |_, activation| activation.state != "active")
}

/// The containers of the activations something is true of, with the names of their licenses.
fn holders_of(
    answer: &TicketAnswer,
    counts: impl Fn(&LicenseOverview, &ActivationMessage) -> bool,
) -> Vec<Holder> {
    let mut holders: Vec<Holder> = Vec::new();
    for license in &answer.licenses {
        for activation in license.activations.iter().filter(|activation| counts(license, activation)) {
            let firm_code = license.firm_code;
            let known = holders
                .iter_mut()
                .find(|known| known.container == activation.container && known.firm_code == firm_code);
            match known {
                Some(known) => known.licenses.push(license.name.clone()),
                None => holders.push(Holder {
                    container: activation.container.clone(),
                    firm_code,
                    licenses: vec![license.name.clone()],
                }),
            }
        }
    }
    holders
}

/// What can be returned out of a container.
pub(crate) fn rows_in(answer: &TicketAnswer, serial: &str, firm_code: u32) -> Vec<Row> {
    let returnable =
        answer.licenses.iter().filter(|license| has(license, "deactivate") && license.firm_code == firm_code);
    let mut rows = Vec::new();
    for license in returnable {
        let mut shown = row(license);
        shown.places.retain(|place| place.container == serial && place.state == "active");
        shown.most = shown.places.iter().map(|place| place.quantity).sum();
        if shown.most > 0 {
            rows.push(shown);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_recognised_but_not_told() {
        assert_eq!(short("ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23"), "ABCDE-…-WXZ23");
        assert_eq!(short("ABC"), "…");
        assert_eq!(moment("2026-11-25T15:00:01Z"), "2026-11-25 15:00:01");
        assert_eq!((kind_of("130-5"), kind_of("3-5")), ("act", "dongle"));
    }
}
