//! Loading the facts of a transfer, as one snapshot.

use licensing_core::activation::Activation;
use licensing_core::container::FirmRecord;
use licensing_core::ids::{ContainerSerial, LicenseId, TicketId};
use licensing_core::license::LicenseLine;
use licensing_core::work::Facts;
use licensing_store::{FactsQuery, StoreError};
use rusqlite::{Connection, params};

use crate::query;
use crate::read::{all, one};
use crate::rows::{self, serial_number, signed, store_error};

pub(crate) fn lines_of_ticket(db: &Connection, ticket: TicketId) -> Result<Vec<LicenseLine>, StoreError> {
    let sql = format!("{} WHERE l.ticket = ? ORDER BY l.created_at, l.order_id, l.position", query::LICENSE);
    all(db, "licenses", &sql, params![ticket.0], rows::license)
}

pub(crate) fn license(db: &Connection, id: LicenseId) -> Result<Option<LicenseLine>, StoreError> {
    let sql = format!("{} WHERE l.id = ?", query::LICENSE);
    one(db, "licenses", &sql, params![id.0], rows::license)
}

pub(crate) fn pending(db: &Connection, mut firm: FirmRecord) -> Result<FirmRecord, StoreError> {
    let key = params![serial_number(firm.serial), firm.firm_code.get()];
    firm.pending = all(db, "steps", query::STEPS, key, rows::step)?;
    Ok(firm)
}

/// Everything a decision needs, in one read transaction.
pub(crate) fn facts(db: &mut Connection, wanted: FactsQuery) -> Result<Facts, StoreError> {
    let snapshot = db.transaction().map_err(|error| store_error(&error))?;
    let (serial, firm_code) = (serial_number(wanted.serial), wanted.firm_code.get());
    let mut facts = Facts::default();
    if let Some(ticket) = wanted.ticket {
        let sql = format!("{} WHERE id = ?", query::TICKET);
        facts.ticket = one(&snapshot, "tickets", &sql, params![ticket.0], rows::ticket)?;
        facts.lines = lines_of_ticket(&snapshot, ticket)?;
        let sql = format!(
            "{} WHERE ticket = ? AND state <> 'returned' AND container = ? AND firm_code = ?",
            query::ACTIVATION
        );
        facts.activations =
            all(&snapshot, "activations", &sql, params![ticket.0, serial, firm_code], rows::activation)?;
        let together = facts.ticket.as_ref().is_some_and(|ticket| ticket.together);
        if together || facts.lines.iter().any(|line| !line.item.policy.split) {
            facts.live_elsewhere = live_elsewhere(&snapshot, ticket, wanted.serial)?;
        }
    }
    let sql = format!("{} WHERE container = ? AND firm_code = ? AND step IS NOT NULL", query::ACTIVATION);
    let pending_here: Vec<Activation> =
        all(&snapshot, "activations", &sql, params![serial, firm_code], rows::activation)?;
    for activation in pending_here {
        if !facts.lines.iter().any(|line| line.id == activation.license) {
            let line = license(&snapshot, activation.license)?;
            facts
                .lines
                .push(line.ok_or(StoreError::Inconsistent { table: "activations", column: "license" })?);
        }
        if !facts.activations.iter().any(|known| known.id == activation.id) {
            facts.activations.push(activation);
        }
    }
    let sql = format!("{} WHERE serial = ?", query::CONTAINER);
    facts.container = one(&snapshot, "containers", &sql, params![serial], rows::container)?;
    let sql = format!("{} WHERE serial = ? AND firm_code = ?", query::FIRM);
    facts.firm = match one(&snapshot, "firms", &sql, params![serial, firm_code], rows::firm)? {
        Some(firm) => Some(pending(&snapshot, firm)?),
        None => None,
    };
    let sql = "SELECT hash FROM contexts WHERE serial = ? AND firm_code = ? AND sequence = ?";
    let key = params![serial, firm_code, signed(wanted.sequence)];
    facts.seen_under_sequence = one(&snapshot, "contexts", sql, key, |row| row.bytes("hash"))?;
    snapshot.finish().map_err(|error| store_error(&error))?;
    Ok(facts)
}

fn live_elsewhere(
    db: &Connection,
    ticket: TicketId,
    here: ContainerSerial,
) -> Result<Vec<(LicenseId, ContainerSerial)>, StoreError> {
    let sql = "SELECT DISTINCT license, container FROM activations
        WHERE ticket = ? AND state <> 'returned' AND container <> ? ORDER BY license, container";
    all(db, "activations", sql, params![ticket.0, serial_number(here)], rows::holder)
}
