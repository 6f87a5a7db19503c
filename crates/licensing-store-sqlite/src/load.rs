//! Loading the facts of a transfer, as one snapshot.

use std::collections::BTreeSet;

use licensing_core::activation::Activation;
use licensing_core::container::{ContainerRecord, FirmRecord};
use licensing_core::ids::{ActivationId, ContainerSerial, FirmCode, LicenseId, TicketId};
use licensing_core::license::LicenseLine;
use licensing_core::time::Timestamp;
use licensing_core::work::Facts;
use licensing_store::{FactsQuery, StoreError, TicketContents};
use rusqlite::{Connection, params};

use crate::query;
use crate::read::{all, one};
use crate::rows::{self, serial_number, signed, store_error};

pub(crate) fn lines_of_ticket(db: &Connection, ticket: TicketId) -> Result<Vec<LicenseLine>, StoreError> {
    let sql = format!("{} WHERE l.ticket = ? ORDER BY l.created_at, l.order_id, l.position", query::LICENSE);
    all(db, "licenses", &sql, params![ticket.0], rows::license)
}

/// What is on a ticket, as one snapshot.
pub(crate) fn ticket_contents(
    db: &mut Connection,
    ticket: TicketId,
    limit: u32,
) -> Result<TicketContents, StoreError> {
    let snapshot = db.transaction().map_err(|error| store_error(&error))?;
    let lines = lines_of_ticket(&snapshot, ticket)?;
    let live =
        format!("{} WHERE ticket = ? AND {} ORDER BY created_at, id LIMIT ?", query::ACTIVATION, query::LIVE);
    let live = all(&snapshot, "activations", &live, params![ticket.0, limit], rows::activation)?;
    snapshot.finish().map_err(|error| store_error(&error))?;
    Ok(TicketContents { lines, live })
}

pub(crate) fn license(db: &Connection, id: LicenseId) -> Result<Option<LicenseLine>, StoreError> {
    let sql = format!("{} WHERE l.id = ?", query::LICENSE);
    one(db, "licenses", &sql, params![id.0], rows::license)
}

/// A firm record with its unproven steps.
pub(crate) fn with_steps(db: &Connection, mut firm: FirmRecord) -> Result<FirmRecord, StoreError> {
    let key = params![serial_number(firm.serial), firm.firm_code.get()];
    for (step, voided) in all(db, "steps", query::STEPS, key, rows::step)? {
        if voided { firm.voided.push(step) } else { firm.pending.push(step) }
    }
    Ok(firm)
}

pub(crate) fn container(
    db: &Connection,
    serial: ContainerSerial,
) -> Result<Option<ContainerRecord>, StoreError> {
    let sql = format!("{} WHERE serial = ?", query::CONTAINER);
    one(db, "containers", &sql, params![serial_number(serial)], rows::container)
}

pub(crate) fn firm(
    db: &Connection,
    serial: ContainerSerial,
    firm_code: FirmCode,
) -> Result<Option<FirmRecord>, StoreError> {
    let sql = format!("{} WHERE serial = ? AND firm_code = ?", query::FIRM);
    match one(db, "firms", &sql, params![serial_number(serial), firm_code.get()], rows::firm)? {
        Some(firm) => Ok(Some(with_steps(db, firm)?)),
        None => Ok(None),
    }
}

/// Live activations in a firm item.
pub(crate) fn live_in(
    db: &Connection,
    serial: ContainerSerial,
    firm_code: FirmCode,
) -> Result<Vec<Activation>, StoreError> {
    let sql = format!(
        "{} WHERE container = ? AND firm_code = ? AND {} ORDER BY id",
        query::ACTIVATION,
        query::LIVE
    );
    all(db, "activations", &sql, params![serial_number(serial), firm_code.get()], rows::activation)
}

/// Everything a decision needs, in one read transaction.
pub(crate) fn facts(db: &mut Connection, wanted: &FactsQuery) -> Result<Facts, StoreError> {
    let snapshot = db.transaction().map_err(|error| store_error(&error))?;
    let db: &Connection = &snapshot;
    let (serial, firm_code) = (serial_number(wanted.serial), wanted.firm_code.get());
    let mut facts = Facts { activations: live_in(db, wanted.serial, wanted.firm_code)?, ..Facts::default() };
    if let Some(ticket) = wanted.ticket {
        let sql = format!("{} WHERE id = ?", query::TICKET);
        facts.ticket = one(db, "tickets", &sql, params![ticket.0], rows::ticket)?;
        facts.lines = lines_of_ticket(db, ticket)?;
        let sql = format!("{} WHERE ticket = ? AND state <> 'used' ORDER BY id", query::APPROVAL);
        facts.approvals = all(db, "approvals", &sql, params![ticket.0], rows::approval)?;
        let together = facts.ticket.as_ref().is_some_and(|ticket| ticket.together);
        if wanted.elsewhere || together || facts.lines.iter().any(|line| !line.item.policy.split) {
            let sql = format!(
                "{} WHERE ticket = ? AND container <> ? AND {} ORDER BY container, firm_code, id",
                query::ACTIVATION,
                query::LIVE
            );
            facts.elsewhere = all(db, "activations", &sql, params![ticket.0, serial], rows::activation)?;
        }
    }
    if let Some(old) = wanted.old {
        facts.elsewhere = live_in(db, old, wanted.firm_code)?;
        facts.old_firm = firm(db, old, wanted.firm_code)?;
    }
    facts.reconciling = reconciling(db)?;
    if facts.reconciling.is_some() {
        holders_of_named(db, wanted, &mut facts)?;
    }
    if wanted.elsewhere || wanted.old.is_some() || facts.reconciling.is_some() {
        let holders: BTreeSet<ContainerSerial> =
            facts.elsewhere.iter().map(|a| a.container).chain(wanted.old).collect();
        for holder in holders {
            facts.others.extend(container(db, holder)?);
        }
    }
    other_lines(db, wanted, &mut facts)?;
    facts.container = container(db, wanted.serial)?;
    facts.firm = firm(db, wanted.serial, wanted.firm_code)?;
    let sql = "SELECT hash FROM contexts WHERE serial = ? AND firm_code = ? AND sequence = ?";
    let key = params![serial, firm_code, signed(wanted.sequence)];
    facts.seen_under_sequence = one(db, "contexts", sql, key, rows::context)?;
    facts.blacklist_version = blacklist_version(db)?;
    snapshot.finish().map_err(|error| store_error(&error))?;
    Ok(facts)
}

/// What is live elsewhere of the licenses that the context names: a restored database may be wrong about it.
fn holders_of_named(db: &Connection, wanted: &FactsQuery, facts: &mut Facts) -> Result<(), StoreError> {
    let mut known: BTreeSet<ActivationId> = facts.elsewhere.iter().map(|a| a.id).collect();
    let sql =
        format!("{} WHERE license = ? AND container <> ? AND {} ORDER BY id", query::ACTIVATION, query::LIVE);
    for license in &wanted.named {
        let key = params![license.0, serial_number(wanted.serial)];
        let found = all(db, "activations", &sql, key, rows::activation)?;
        facts.elsewhere.extend(found.into_iter().filter(|a| known.insert(a.id)));
    }
    Ok(())
}

/// Lines that are not of the ticket: of what is in the containers, assigned, named by the context, or replacing one.
fn other_lines(db: &Connection, wanted: &FactsQuery, facts: &mut Facts) -> Result<(), StoreError> {
    let mut known: BTreeSet<LicenseId> = facts.lines.iter().map(|line| line.id).collect();
    for activation in facts.activations.iter().chain(&facts.elsewhere) {
        if known.insert(activation.license) {
            let line = license(db, activation.license)?;
            let missing = StoreError::Inconsistent { table: "activations", column: "license" };
            facts.lines.push(line.ok_or(missing)?);
        }
    }
    for id in &wanted.named {
        if known.insert(*id) {
            facts.lines.extend(license(db, *id)?);
        }
    }
    let sql = format!("{} WHERE l.assigned = ? ORDER BY l.id", query::LICENSE);
    let assigned = all(db, "licenses", &sql, params![serial_number(wanted.serial)], rows::license)?;
    facts.lines.extend(assigned.into_iter().filter(|line| known.insert(line.id)));
    let mut at = 0;
    // What replaces a line may itself be replaced.
    while let Some(line) = facts.lines.get(at) {
        if let Some(id) = line.replaced_by.filter(|id| known.insert(*id)) {
            facts.lines.extend(license(db, id)?);
        }
        at += 1;
    }
    Ok(())
}

pub(crate) fn blacklist_version(db: &Connection) -> Result<u32, StoreError> {
    let sql = "SELECT COALESCE(MAX(version), 0) AS version FROM blacklist";
    Ok(one(db, "blacklist", sql, [], rows::blacklist_version)?.unwrap_or(0))
}

pub(crate) fn reconciling(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT reconciling FROM server_state WHERE id = 1";
    one(db, "server_state", sql, [], rows::reconciling)?.ok_or(rows::LOST_STATE)
}
