//! The audit: what the tables say about each other, recomputed from scratch.

use licensing_core::container::ContainerStatus;
use licensing_core::ids::{ActivationId, ContainerSerial, FirmCode, LicenseId};
use licensing_store::{Finding, FirmBooks, StoreError};
use rusqlite::{Connection, params};

use crate::read::{all, one};
use crate::rows::{self, Reader, serial_number, store_error};
use crate::{load, query};

/// The parts of every ledger, from the activations.
const LEDGERS: &str = "SELECT l.id AS id FROM licenses l LEFT JOIN (
        SELECT license,
            SUM(CASE state WHEN 'activating' THEN quantity ELSE 0 END) AS activating,
            SUM(CASE WHEN state IN ('active', 'consumed') THEN quantity ELSE 0 END) AS active,
            SUM(CASE state WHEN 'returning' THEN quantity ELSE 0 END) AS being_returned
        FROM activations GROUP BY license) a ON a.license = l.id
    WHERE l.activating <> COALESCE(a.activating, 0) OR l.active <> COALESCE(a.active, 0)
        OR l.being_returned <> COALESCE(a.being_returned, 0)";

/// The quantity of every line, from its parts.
const TOTALS: &str =
    "SELECT l.id AS id FROM licenses l WHERE l.fresh + l.activating + l.active + l.being_returned
    + l.withdrawn + COALESCE((SELECT SUM(json_extract(value, '$.quantity')) FROM json_each(l.carried)), 0)
    <> l.quantity";

/// What was activated before and then withdrawn is a part of what was withdrawn.
const WITHDRAWN: &str =
    "SELECT l.id AS id FROM licenses l WHERE l.withdrawn_carried IS NOT NULL AND l.withdrawn <
    (SELECT SUM(json_extract(value, '$.quantity')) FROM json_each(l.withdrawn_carried))";

/// A pending activation waits for a step of its own container that is still unproven.
const WAITING: &str = "SELECT a.id AS id FROM activations a LEFT JOIN steps s ON s.id = a.step
    WHERE a.step IS NOT NULL AND (s.id IS NULL OR s.serial <> a.container OR s.firm_code <> a.firm_code
        OR s.settled_at IS NOT NULL OR s.dropped_at IS NOT NULL)";

/// A context that was kept proves the place that is taken as proven.
const CHAINS: &str = "SELECT f.serial AS serial, f.firm_code AS firm_code FROM firms f
    WHERE f.confirmed_counter > 0 AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.serial = f.serial
        AND r.firm_code = f.firm_code AND r.counter = f.confirmed_counter AND r.digest = f.confirmed_digest)";

/// Unproven steps begin at the proven place or where another one ends.
const BRANCHES: &str = "SELECT s.serial AS serial, s.firm_code AS firm_code FROM steps s
    JOIN firms f ON f.serial = s.serial AND f.firm_code = s.firm_code
    WHERE s.settled_at IS NULL AND s.dropped_at IS NULL AND s.before_digest <> f.confirmed_digest
        AND NOT EXISTS (SELECT 1 FROM steps p WHERE p.serial = s.serial AND p.firm_code = s.firm_code
            AND p.after_digest = s.before_digest AND p.settled_at IS NULL AND p.dropped_at IS NULL)";

/// A proven step begins where another proven one ends, at a place that was taken over, or at the very beginning.
const HISTORY: &str = "SELECT s.serial AS serial, s.firm_code AS firm_code FROM steps s
    WHERE s.settled_at IS NOT NULL AND s.before_counter > 0
        AND NOT EXISTS (SELECT 1 FROM steps p WHERE p.serial = s.serial AND p.firm_code = s.firm_code
            AND p.after_digest = s.before_digest AND p.settled_at IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.serial = s.serial AND r.firm_code = s.firm_code
            AND r.digest = s.before_digest)";

/// A step is proven, or proven never to have been applied, or neither.
const BOTH: &str = "SELECT s.serial AS serial, s.firm_code AS firm_code FROM steps s
    WHERE s.settled_at IS NOT NULL AND s.dropped_at IS NOT NULL";

/// What is proven about a step or an activation is proven by a context that was kept.
const STEP_PROOFS: &str = "SELECT s.serial AS serial, s.firm_code AS firm_code FROM steps s
    WHERE (s.settled_at IS NOT NULL OR s.dropped_at IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.hash = s.proof AND r.serial = s.serial
            AND r.firm_code = s.firm_code)";

const PROOFS: &str =
    "SELECT a.id AS id FROM activations a WHERE a.state IN ('active', 'returned', 'consumed', 'cancelled')
        AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.hash = a.proof AND r.serial = a.container
            AND r.firm_code = a.firm_code)";

/// Only what is activating or returning waits for a step.
const IDLE: &str = "SELECT a.id AS id FROM activations a
    WHERE (a.state IN ('activating', 'returning')) <> (a.step IS NOT NULL)";

/// An activation is of a generation its license has had.
const GENERATIONS: &str = "SELECT a.id AS id FROM activations a JOIN licenses l ON l.id = a.license
    WHERE a.generation > l.generation OR a.ticket <> l.ticket";

/// A license is replaced by the one that says it replaces it.
const REPLACED: &str = "SELECT l.id AS id FROM licenses l
    WHERE (l.replaced_by IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM licenses n WHERE n.id = l.replaced_by AND n.replaces = l.id))
        OR (l.replaces IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM licenses o WHERE o.id = l.replaces AND o.replaced_by = l.id))";

/// What was given up for lost is given up in a container that was shut out.
const SUPERSEDED: &str =
    "SELECT a.id AS id FROM activations a LEFT JOIN containers c ON c.serial = a.container
    WHERE a.state = 'superseded' AND c.status IS NOT 'blacklisted'";

/// Every blacklisted container is on the list, and nobody else.
const LISTED: &str =
    "SELECT c.serial AS serial FROM containers c LEFT JOIN blacklist b ON b.serial = c.serial
    WHERE (c.status = 'blacklisted') <> (b.serial IS NOT NULL)";

/// Names the record a row is about.
type Name = fn(&Reader<'_>) -> Result<String, StoreError>;

fn license(row: &Reader<'_>) -> Result<String, StoreError> {
    Ok(format!("license {}", LicenseId(row.bytes("id")?)))
}

fn activation(row: &Reader<'_>) -> Result<String, StoreError> {
    Ok(format!("activation {}", ActivationId(row.bytes("id")?)))
}

fn container(row: &Reader<'_>) -> Result<String, StoreError> {
    Ok(format!("container {}", row.serial("serial")?))
}

fn firm(row: &Reader<'_>) -> Result<String, StoreError> {
    Ok(format!("container {}, firm code {}", row.serial("serial")?, row.firm("firm_code")?))
}

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
    let checks: [(&'static str, &str, Name); 15] = [
        ("the ledger differs from the activations", LEDGERS, license),
        ("the parts do not add up to the quantity", TOTALS, license),
        ("more was withdrawn after an activation than at all", WITHDRAWN, license),
        ("waits for a step that is not unproven", WAITING, activation),
        ("no receipt proves the place that is taken as proven", CHAINS, firm),
        ("an unproven step begins nowhere", BRANCHES, firm),
        ("status and blacklist differ", LISTED, container),
        ("a proven step begins nowhere", HISTORY, firm),
        ("a step is proven both to have been applied and not to have been", BOTH, firm),
        ("no receipt proves what became of a step", STEP_PROOFS, firm),
        ("no receipt proves its state", PROOFS, activation),
        ("state and pending step differ", IDLE, activation),
        ("of another ticket, or of a generation its license never had", GENERATIONS, activation),
        ("it and its replacement do not name each other", REPLACED, license),
        ("given up for lost in a container that was not shut out", SUPERSEDED, activation),
    ];
    for (what, sql, name) in checks {
        let which = all(db, "audit", sql, [], name)?;
        findings.extend(which.into_iter().map(|which| Finding { what, which }));
    }
    findings.extend(steps(db)?);
    Ok(findings)
}

/// Recomputes every step and every link of the chains from the stored bytes.
fn steps(db: &Connection) -> Result<Vec<Finding>, StoreError> {
    const SQL: &str =
        "SELECT id, serial, firm_code, before_counter, before_digest, after_digest, bytes, issued_at,
        voided FROM steps";
    let is_sound = |row: &Reader<'_>| {
        let (step, _) = rows::step(row)?;
        let sound = step.is_sound(row.serial("serial")?, row.firm("firm_code")?);
        Ok(if sound { None } else { Some(firm(row)?) })
    };
    let what = "a step is not what its place in the chain says";
    let unsound = all(db, "steps", SQL, [], is_sound)?;
    Ok(unsound.into_iter().flatten().map(|which| Finding { what, which }).collect())
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
    let keys = all(db, "firms", sql, params![serial, firm_code, limit], |row| {
        Ok((row.serial("serial")?, row.firm("firm_code")?))
    })?;
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
