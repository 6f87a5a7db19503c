//! Looking for what does not add up, and for settings of the server that make promises worthless.

use licensing_core::ids::LicenseId;
use licensing_store::{Finding, StoreError};

use crate::commit::Failed;
use crate::connect::Connection;
use crate::pipeline::Step;
use crate::rows::{self, Reader};

const LEDGERS: &str = "SELECT l.id AS id FROM licenses l LEFT JOIN (
        SELECT license,
            SUM(CASE state WHEN 'activating' THEN quantity ELSE 0 END) AS activating,
            SUM(CASE state WHEN 'active' THEN quantity ELSE 0 END) AS active,
            SUM(CASE state WHEN 'returning' THEN quantity ELSE 0 END) AS being_returned
        FROM activations GROUP BY license) a ON a.license = l.id
    WHERE l.activating <> COALESCE(a.activating, 0) OR l.active <> COALESCE(a.active, 0)
        OR l.being_returned <> COALESCE(a.being_returned, 0) ORDER BY l.id";

const TOTALS: &str = "SELECT l.id AS id FROM licenses l
    WHERE l.fresh + l.activating + l.active + l.being_returned + l.withdrawn + COALESCE((
        SELECT SUM((share->>'quantity')::bigint) FROM json_array_elements(l.carried::json) AS share), 0)
        <> l.quantity ORDER BY l.id";

/// Recomputes every ledger from the activations, and every total from its parts.
pub(crate) async fn audit(connection: &mut Connection) -> Result<Vec<Finding>, Failed> {
    // One snapshot. The whole database is read: the bound for a single request does not apply.
    let steps = [
        Step::Control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        Step::Control("SET LOCAL statement_timeout = 0"),
        Step::query(LEDGERS, vec![]),
        Step::query(TOTALS, vec![]),
        Step::Control("COMMIT"),
    ];
    let mut answers = connection.pipeline(&steps).await?.into_iter().skip(2);
    let mut findings = Vec::new();
    for what in ["the ledger differs from the activations", "the parts do not add up to the quantity"] {
        let answered = answers.next().unwrap_or_else(|| Ok(vec![]));
        let damaged = answered.as_ref().err().and_then(tokio_postgres::Error::code);
        if damaged.is_some_and(|code| code.code().starts_with("22")) {
            return Err(Failed::Store(StoreError::Inconsistent { table: "licenses", column: "carried" }));
        }
        let licenses = rows::all(&answered?, "licenses", |row: &Reader<'_>| row.bytes("id"))?;
        findings.extend(licenses.into_iter().map(|id| Finding { license: LicenseId(id), what }));
    }
    Ok(findings)
}

/// Settings of the server with which an acknowledged commit can be lost.
pub(crate) async fn unsafe_settings(connection: &mut Connection) -> Result<Vec<String>, Failed> {
    let sql = "SELECT name, setting FROM pg_settings
        WHERE name IN ('fsync', 'full_page_writes') AND setting <> 'on' ORDER BY name";
    let rows = connection.one(sql, vec![]).await?;
    let told = |row: &tokio_postgres::Row| format!("{} is {}", row.get::<_, &str>(0), row.get::<_, &str>(1));
    Ok(rows.iter().map(told).collect())
}
