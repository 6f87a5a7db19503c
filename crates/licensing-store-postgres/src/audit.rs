//! The audit: what the tables say about each other, recomputed from scratch; and settings of the server that make
//! promises worthless.

use licensing_store::audit::{STEPS, checks, unsound_step};
use licensing_store::{Finding, StoreError};

use crate::commit::{Failed, damaged_value};
use crate::connect::Connection;
use crate::pipeline::{Step, values};
use crate::rows;

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

/// Recomputes everything.
pub(crate) async fn audit(connection: &mut Connection) -> Result<Vec<Finding>, Failed> {
    // One snapshot. The whole database is read: neither the bound for a single request applies, nor that only indexes
    // are read.
    let mut steps = vec![
        Step::Control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        Step::Control("SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on"),
    ];
    let checks = checks(TOTALS, WITHDRAWN);
    steps.extend(checks.iter().map(|check| Step::query(check.sql, vec![])));
    steps.push(Step::Control("COMMIT"));
    let mut answers = connection.pipeline(&steps).await?.into_iter().skip(2);
    let mut findings = Vec::new();
    for check in checks {
        let answered = answers.next().unwrap_or_else(|| Ok(vec![]));
        if answered.as_ref().is_err_and(damaged_value) {
            // Only the two that read JSON parse anything.
            let column = if check.sql == TOTALS { "carried" } else { "withdrawn_carried" };
            return Err(Failed::Store(StoreError::Inconsistent { table: "licenses", column }));
        }
        findings.extend(rows::all(&answered?, "audit", |row| check.finding(row))?);
    }
    findings.extend(unsound_steps(connection).await?);
    Ok(findings)
}

/// Steps that are read at once.
const PAGE: i64 = 500;

/// Recomputes every step and every link of the chains from the stored bytes. What is looked at never changes, so pages
/// need no common snapshot.
async fn unsound_steps(connection: &mut Connection) -> Result<Vec<Finding>, Failed> {
    let sql = format!("{STEPS} WHERE id > $1 ORDER BY id LIMIT $2");
    let mut findings = Vec::new();
    let mut after: Vec<u8> = Vec::new();
    loop {
        let page = connection.one(sql.clone(), values![after.clone(), PAGE]).await?;
        findings.extend(rows::all(&page, "steps", unsound_step)?.into_iter().flatten());
        let Some(last) = page.last() else { return Ok(findings) };
        after = last.get("id");
    }
}

/// Settings of the server with which an acknowledged commit can be lost.
pub(crate) async fn unsafe_settings(connection: &mut Connection) -> Result<Vec<String>, Failed> {
    let sql = "SELECT name, setting FROM pg_settings
        WHERE name IN ('fsync', 'full_page_writes') AND setting <> 'on' ORDER BY name";
    let rows = connection.one(sql, vec![]).await?;
    let told = |row: &tokio_postgres::Row| format!("{} is {}", row.get::<_, &str>(0), row.get::<_, &str>(1));
    Ok(rows.iter().map(told).collect())
}
