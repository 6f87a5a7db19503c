//! What an audit looks for in the tables, for every driver that speaks SQL: what they say about each other, recomputed
//! from scratch.

use licensing_core::ids::{ActivationId, LicenseId};

use crate::rows::{self, Reader};
use crate::{Finding, StoreError};

/// The parts of every ledger, from the activations.
const LEDGERS: &str = "SELECT l.id AS id FROM licenses l LEFT JOIN (
        SELECT license,
            SUM(CASE state WHEN 'activating' THEN quantity ELSE 0 END) AS activating,
            SUM(CASE WHEN state IN ('active', 'consumed') THEN quantity ELSE 0 END) AS active,
            SUM(CASE state WHEN 'returning' THEN quantity ELSE 0 END) AS being_returned
        FROM activations GROUP BY license) a ON a.license = l.id
    WHERE l.activating <> COALESCE(a.activating, 0) OR l.active <> COALESCE(a.active, 0)
        OR l.being_returned <> COALESCE(a.being_returned, 0) ORDER BY l.id";

/// A pending activation waits for a step of its own container that is still unproven.
const WAITING: &str = "SELECT a.id AS id FROM activations a LEFT JOIN steps s ON s.id = a.step
    WHERE a.step IS NOT NULL AND (s.id IS NULL OR s.serial <> a.container OR s.firm_code <> a.firm_code
        OR s.settled_at IS NOT NULL OR s.dropped_at IS NOT NULL) ORDER BY a.id";

/// A context that was kept proves the place that is taken as proven.
const CHAINS: &str = "SELECT f.serial AS serial, f.firm_code AS firm_code FROM firms f
    WHERE f.confirmed_counter > 0 AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.serial = f.serial
        AND r.firm_code = f.firm_code AND r.counter = f.confirmed_counter AND r.digest = f.confirmed_digest)
    ORDER BY f.serial, f.firm_code";

/// Unproven steps begin at the proven place or where another one ends.
const BRANCHES: &str = "SELECT s.serial AS serial, s.firm_code AS firm_code FROM steps s
    JOIN firms f ON f.serial = s.serial AND f.firm_code = s.firm_code
    WHERE s.settled_at IS NULL AND s.dropped_at IS NULL AND s.before_digest <> f.confirmed_digest
        AND NOT EXISTS (SELECT 1 FROM steps p WHERE p.serial = s.serial AND p.firm_code = s.firm_code
            AND p.after_digest = s.before_digest AND p.settled_at IS NULL AND p.dropped_at IS NULL)
    ORDER BY s.serial, s.firm_code, s.before_counter";

/// A proven step begins where another proven one ends, at a place that was taken over, or at the very beginning.
const HISTORY: &str = "SELECT s.serial AS serial, s.firm_code AS firm_code FROM steps s
    WHERE s.settled_at IS NOT NULL AND s.before_counter > 0
        AND NOT EXISTS (SELECT 1 FROM steps p WHERE p.serial = s.serial AND p.firm_code = s.firm_code
            AND p.after_digest = s.before_digest AND p.settled_at IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.serial = s.serial AND r.firm_code = s.firm_code
            AND r.digest = s.before_digest)
    ORDER BY s.serial, s.firm_code, s.before_counter, s.id";

/// A step is proven, or proven never to have been applied, or neither.
const BOTH: &str = "SELECT s.serial AS serial, s.firm_code AS firm_code FROM steps s
    WHERE s.settled_at IS NOT NULL AND s.dropped_at IS NOT NULL
    ORDER BY s.serial, s.firm_code, s.before_counter, s.id";

/// What is proven about a step or an activation is proven by a context that was kept.
const STEP_PROOFS: &str = "SELECT s.serial AS serial, s.firm_code AS firm_code FROM steps s
    WHERE (s.settled_at IS NOT NULL OR s.dropped_at IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.hash = s.proof AND r.serial = s.serial
            AND r.firm_code = s.firm_code)
    ORDER BY s.serial, s.firm_code, s.before_counter, s.id";

const PROOFS: &str =
    "SELECT a.id AS id FROM activations a WHERE a.state IN ('active', 'returned', 'consumed', 'cancelled')
        AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.hash = a.proof AND r.serial = a.container
            AND r.firm_code = a.firm_code)
    ORDER BY a.id";

/// Only what is activating or returning waits for a step.
const IDLE: &str = "SELECT a.id AS id FROM activations a
    WHERE (a.state IN ('activating', 'returning')) <> (a.step IS NOT NULL)
    ORDER BY a.id";

/// An activation is of a generation its license has had.
const GENERATIONS: &str = "SELECT a.id AS id FROM activations a JOIN licenses l ON l.id = a.license
    WHERE a.generation > l.generation OR a.ticket <> l.ticket
    ORDER BY a.id";

/// A license is listed under the customer of its ticket.
const CUSTOMERS: &str = "SELECT l.id AS id FROM licenses l JOIN tickets t ON t.id = l.ticket
    WHERE l.customer IS DISTINCT FROM t.customer ORDER BY l.id";

/// A license is replaced by the one that says it replaces it.
const REPLACED: &str = "SELECT l.id AS id FROM licenses l
    WHERE (l.replaced_by IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM licenses n WHERE n.id = l.replaced_by AND n.replaces = l.id))
        OR (l.replaces IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM licenses o WHERE o.id = l.replaces AND o.replaced_by = l.id))
    ORDER BY l.id";

/// What was given up for lost is given up in a container that was shut out.
const SUPERSEDED: &str =
    "SELECT a.id AS id FROM activations a LEFT JOIN containers c ON c.serial = a.container
    WHERE a.state = 'superseded' AND c.status IS DISTINCT FROM 'blacklisted'
    ORDER BY a.id";

/// Every blacklisted container is on the list, and nobody else.
const LISTED: &str =
    "SELECT c.serial AS serial FROM containers c LEFT JOIN blacklist b ON b.serial = c.serial
    WHERE (c.status = 'blacklisted') <> (b.serial IS NOT NULL) ORDER BY c.serial";

/// How far a receiver was told is known, and no further than there are events; only these are put aside.
const TOLD: &str = "SELECT w.name AS name FROM webhooks w LEFT JOIN webhook_progress p ON p.webhook = w.name
    WHERE p.reached IS NULL OR p.reached > (SELECT COALESCE(MAX(sequence), 0) FROM events)
        OR EXISTS (SELECT 1 FROM webhook_parked k WHERE k.webhook = w.name AND (k.sequence > p.reached
            OR NOT EXISTS (SELECT 1 FROM events e WHERE e.sequence = k.sequence)))
    ORDER BY w.name";

/// Every step, to be recomputed from its bytes.
pub const STEPS: &str = "SELECT id, serial, firm_code, before_counter, before_digest, after_digest, bytes, issued_at, voided FROM steps";

/// What the rows of a check are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A license, by `id`.
    License,
    /// An activation, by `id`.
    Activation,
    /// A container, by `serial`.
    Container,
    /// A firm item, by `serial` and `firm_code`.
    Firm,
    /// A receiver of events, by `name`.
    Webhook,
}

/// A query that gives a row for everything that is wrong in one way.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// What is wrong.
    pub what: &'static str,
    /// The query.
    pub sql: &'static str,
    /// What its rows are about.
    pub subject: Subject,
}

impl Check {
    const fn new(what: &'static str, sql: &'static str, subject: Subject) -> Self {
        Self { what, sql, subject }
    }

    /// What a row of the query says.
    ///
    /// # Errors
    /// The row does not name its subject.
    pub fn finding(&self, row: &Reader<'_>) -> Result<Finding, StoreError> {
        let which = match self.subject {
            Subject::License => format!("license {}", LicenseId(row.bytes("id")?)),
            Subject::Activation => format!("activation {}", ActivationId(row.bytes("id")?)),
            Subject::Container => format!("container {}", row.serial("serial")?),
            Subject::Firm => firm(row)?,
            Subject::Webhook => format!("webhook {}", row.get::<String>("name")?),
        };
        Ok(Finding { what: self.what, which })
    }
}

fn firm(row: &Reader<'_>) -> Result<String, StoreError> {
    let (serial, firm_code) = rows::firm_key(row)?;
    Ok(format!("container {serial}, firm code {firm_code}"))
}

/// All checks. Two read JSON, which every database does in its own words: `totals` gives the licenses whose parts do not
/// add up, `withdrawn` those of which more was withdrawn after an activation than at all.
#[must_use]
pub const fn checks(totals: &'static str, withdrawn: &'static str) -> [Check; 17] {
    [
        Check::new("the ledger differs from the activations", LEDGERS, Subject::License),
        Check::new("the parts do not add up to the quantity", totals, Subject::License),
        Check::new("more was withdrawn after an activation than at all", withdrawn, Subject::License),
        Check::new("waits for a step that is not unproven", WAITING, Subject::Activation),
        Check::new("no receipt proves the place that is taken as proven", CHAINS, Subject::Firm),
        Check::new("an unproven step begins nowhere", BRANCHES, Subject::Firm),
        Check::new("status and blacklist differ", LISTED, Subject::Container),
        Check::new("a proven step begins nowhere", HISTORY, Subject::Firm),
        Check::new("a step is proven both to have been applied and not to have been", BOTH, Subject::Firm),
        Check::new("no receipt proves what became of a step", STEP_PROOFS, Subject::Firm),
        Check::new("no receipt proves its state", PROOFS, Subject::Activation),
        Check::new("state and pending step differ", IDLE, Subject::Activation),
        Check::new(
            "of another ticket, or of a generation its license never had",
            GENERATIONS,
            Subject::Activation,
        ),
        Check::new("listed under another customer than its ticket", CUSTOMERS, Subject::License),
        Check::new("it and its replacement do not name each other", REPLACED, Subject::License),
        Check::new("what it is still to be told is not known, or beyond the events", TOLD, Subject::Webhook),
        Check::new("given up for lost in a container that was not shut out", SUPERSEDED, Subject::Activation),
    ]
}

/// Recomputes a step of [`STEPS`] and its links of the chain from the stored bytes.
///
/// # Errors
/// A column cannot be read.
pub fn unsound_step(row: &Reader<'_>) -> Result<Option<Finding>, StoreError> {
    let (step, _) = rows::step(row)?;
    let (serial, firm_code) = rows::firm_key(row)?;
    if step.is_sound(serial, firm_code) {
        return Ok(None);
    }
    Ok(Some(Finding { what: "a step is not what its place in the chain says", which: firm(row)? }))
}
