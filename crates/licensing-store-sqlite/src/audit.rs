//! The audit: what the tables say about each other, recomputed from scratch.

use licensing_core::container::ContainerStatus;
use licensing_core::ids::{ContainerSerial, FirmCode};
use licensing_store::audit::{STEPS, checks, unsound_step};
use licensing_store::{Finding, FirmBooks, StoreError};
use rusqlite::{Connection, params};

use crate::read::{all, one};
use crate::rows::{self, serial_number, store_error};
use crate::{load, query};

/// The quantity of every line, from its parts.
const TOTALS: &str =
    "SELECT l.id AS id FROM licenses l WHERE l.fresh + l.activating + l.active + l.being_returned
    + l.withdrawn + COALESCE((SELECT SUM(json_extract(value, '$.quantity')) FROM json_each(l.carried)), 0)
    <> l.quantity";

/// What was activated before and then withdrawn is a part of what was withdrawn.
const WITHDRAWN: &str =
    "SELECT l.id AS id FROM licenses l WHERE l.withdrawn_carried IS NOT NULL AND l.withdrawn <
    (SELECT SUM(json_extract(value, '$.quantity')) FROM json_each(l.withdrawn_carried))";

/// Recomputes everything.
pub(crate) fn run(db: &mut Connection) -> Result<Vec<Finding>, StoreError> {
    for column in ["carried", "withdrawn_carried"] {
        let sql = format!(
            "SELECT {column} AS text FROM licenses WHERE {column} IS NOT NULL AND NOT json_valid({column}) LIMIT 1"
        );
        if one(db, "licenses", &sql, [], |row| row.get::<String>("text"))?.is_some() {
            return Err(StoreError::Inconsistent { table: "licenses", column });
        }
    }
    let mut findings = Vec::new();
    for check in checks(TOTALS, WITHDRAWN) {
        findings.extend(all(db, "audit", check.sql, [], |row| check.finding(row))?);
    }
    findings.extend(all(db, "steps", STEPS, [], unsound_step)?.into_iter().flatten());
    Ok(findings)
}

/// What an audit compares with contexts, firm item by firm item.
pub(crate) fn firm_books(
    db: &mut Connection,
    after: Option<(ContainerSerial, FirmCode)>,
    limit: u32,
) -> Result<Vec<FirmBooks>, StoreError> {
    let (serial, firm_code) = after.map_or((0, 0), |(s, f)| (serial_number(s), f.get()));
    let sql = "SELECT serial, firm_code FROM firms WHERE (serial, firm_code) > (?, ?)
        ORDER BY serial, firm_code LIMIT ?";
    let keys = all(db, "firms", sql, params![serial, firm_code, limit], rows::firm_key)?;
    let mut books = Vec::with_capacity(keys.len());
    for (serial, firm_code) in keys {
        books.extend(books_of(db, serial, firm_code)?);
    }
    Ok(books)
}

/// What an audit compares with a context, as one snapshot.
pub(crate) fn books_of(
    db: &mut Connection,
    serial: ContainerSerial,
    firm_code: FirmCode,
) -> Result<Option<FirmBooks>, StoreError> {
    let snapshot = db.transaction().map_err(|error| store_error(&error))?;
    let Some(firm) = load::firm(&snapshot, serial, firm_code)? else { return Ok(None) };
    let key = (serial_number(serial), firm_code.get());
    let mut activations = load::live_in(&snapshot, serial, firm_code)?;
    // Only in a container that was shut out can something be superseded, and no index leads to it.
    let container = load::container(&snapshot, serial)?;
    if container.is_none_or(|container| container.status == ContainerStatus::Blacklisted) {
        let sql =
            format!("{} WHERE container = ? AND firm_code = ? AND state = 'superseded'", query::ACTIVATION);
        activations.extend(all(&snapshot, "activations", &sql, params![key.0, key.1], rows::activation)?);
    }
    // The order of arrival, not the clock: that can have been turned back.
    let sql = format!(
        "{} WHERE serial = ? AND firm_code = ? AND counter = ? AND digest = ? ORDER BY rowid DESC LIMIT 1",
        query::RECEIPT
    );
    let place = (rows::signed(firm.confirmed.counter), firm.confirmed.digest);
    let receipt = one(&snapshot, "receipts", &sql, params![key.0, key.1, place.0, place.1], rows::receipt)?;
    snapshot.finish().map_err(|error| store_error(&error))?;
    Ok(Some(FirmBooks { firm, activations, receipt }))
}
