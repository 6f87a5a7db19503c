//! The audit: what the tables say about each other, recomputed from scratch; and settings of the server that make
//! promises worthless.

use licensing_core::ids::{ActivationId, LicenseId};
use licensing_store::{Finding, StoreError};

use crate::commit::{Failed, damaged_value};
use crate::connect::Connection;
use crate::pipeline::{Step, values};
use crate::rows::{self, Reader};

/// The parts of every ledger, from the activations.
const LEDGERS: &str = "SELECT l.id AS id FROM licenses l LEFT JOIN (
        SELECT license,
            SUM(CASE state WHEN 'activating' THEN quantity ELSE 0 END) AS activating,
            SUM(CASE WHEN state IN ('active', 'consumed') THEN quantity ELSE 0 END) AS active,
            SUM(CASE state WHEN 'returning' THEN quantity ELSE 0 END) AS being_returned
        FROM activations GROUP BY license) a ON a.license = l.id
    WHERE l.activating <> COALESCE(a.activating, 0) OR l.active <> COALESCE(a.active, 0)
        OR l.being_returned <> COALESCE(a.being_returned, 0) ORDER BY l.id";

/// The quantity of every line, from its parts.
const TOTALS: &str = "SELECT l.id AS id FROM licenses l
    WHERE l.fresh + l.activating + l.active + l.being_returned + l.withdrawn + COALESCE((
        SELECT SUM((share->>'quantity')::bigint) FROM json_array_elements(l.carried::json) AS share), 0)
        <> l.quantity ORDER BY l.id";

/// What was activated before and then withdrawn is a part of what was withdrawn.
const WITHDRAWN: &str = "SELECT l.id AS id FROM licenses l
    WHERE l.withdrawn_carried IS NOT NULL AND l.withdrawn < (
        SELECT SUM((share->>'quantity')::bigint) FROM json_array_elements(l.withdrawn_carried::json) AS share)
    ORDER BY l.id";

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

/// Names the record a row is about.
type Name = fn(&Reader<'_>) -> Result<String, StoreError>;

/// What is wrong with the rows of a query, how to name them, and the column of `licenses` whose text the query reads.
const CHECKS: [(&str, &str, Name, &str); 15] = [
    ("the ledger differs from the activations", LEDGERS, license, ""),
    ("the parts do not add up to the quantity", TOTALS, license, "carried"),
    ("more was withdrawn after an activation than at all", WITHDRAWN, license, "withdrawn_carried"),
    ("waits for a step that is not unproven", WAITING, activation, ""),
    ("no receipt proves the place that is taken as proven", CHAINS, firm, ""),
    ("an unproven step begins nowhere", BRANCHES, firm, ""),
    ("status and blacklist differ", LISTED, container, ""),
    ("a proven step begins nowhere", HISTORY, firm, ""),
    ("a step is proven both to have been applied and not to have been", BOTH, firm, ""),
    ("no receipt proves what became of a step", STEP_PROOFS, firm, ""),
    ("no receipt proves its state", PROOFS, activation, ""),
    ("state and pending step differ", IDLE, activation, ""),
    ("of another ticket, or of a generation its license never had", GENERATIONS, activation, ""),
    ("it and its replacement do not name each other", REPLACED, license, ""),
    ("given up for lost in a container that was not shut out", SUPERSEDED, activation, ""),
];

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
pub(crate) async fn audit(connection: &mut Connection) -> Result<Vec<Finding>, Failed> {
    // One snapshot. The whole database is read: the bound for a single request does not apply.
    let mut steps = vec![
        Step::Control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        Step::Control("SET LOCAL statement_timeout = 0"),
    ];
    steps.extend(CHECKS.iter().map(|(_, sql, ..)| Step::query(*sql, vec![])));
    steps.push(Step::Control("COMMIT"));
    let mut answers = connection.pipeline(&steps).await?.into_iter().skip(2);
    let mut findings = Vec::new();
    for (what, _, name, column) in CHECKS {
        let answered = answers.next().unwrap_or_else(|| Ok(vec![]));
        if answered.as_ref().is_err_and(damaged_value) {
            return Err(Failed::Store(StoreError::Inconsistent { table: "licenses", column }));
        }
        let which = rows::all(&answered?, "audit", name)?;
        findings.extend(which.into_iter().map(|which| Finding { what, which }));
    }
    findings.extend(unsound_steps(connection).await?);
    Ok(findings)
}

/// Steps that are read at once.
const PAGE: i64 = 500;

/// Steps in order of their ids. What is looked at never changes, so pages need no common snapshot.
const STEPS: &str =
    "SELECT id, serial, firm_code, before_counter, before_digest, after_digest, bytes, issued_at, voided
    FROM steps WHERE id > $1 ORDER BY id LIMIT $2";

/// Recomputes every step and every link of the chains from the stored bytes.
async fn unsound_steps(connection: &mut Connection) -> Result<Vec<Finding>, Failed> {
    let what = "a step is not what its place in the chain says";
    let mut findings = Vec::new();
    let mut after: Vec<u8> = Vec::new();
    loop {
        let page = connection.one(STEPS, values![after.clone(), PAGE]).await?;
        let unsound = rows::all(&page, "steps", is_unsound)?;
        findings.extend(unsound.into_iter().flatten().map(|which| Finding { what, which }));
        let Some(last) = page.last() else { return Ok(findings) };
        after = Reader::new(last, "steps").get("id")?;
    }
}

/// The firm item of a step that is not what its bytes say.
fn is_unsound(row: &Reader<'_>) -> Result<Option<String>, StoreError> {
    let (step, _) = rows::step(row)?;
    let sound = step.is_sound(row.serial("serial")?, row.firm("firm_code")?);
    Ok(if sound { None } else { Some(firm(row)?) })
}

/// Settings of the server with which an acknowledged commit can be lost.
pub(crate) async fn unsafe_settings(connection: &mut Connection) -> Result<Vec<String>, Failed> {
    let sql = "SELECT name, setting FROM pg_settings
        WHERE name IN ('fsync', 'full_page_writes') AND setting <> 'on' ORDER BY name";
    let rows = connection.one(sql, vec![]).await?;
    let told = |row: &tokio_postgres::Row| format!("{} is {}", row.get::<_, &str>(0), row.get::<_, &str>(1));
    Ok(rows.iter().map(told).collect())
}
