//! The event log: numbers in an order in which nobody who reads along ever misses one.
//!
//! A sequence gives numbers before transactions commit, so a smaller number may appear after a greater one. To take
//! one lock for all commits would cure it and make them queue for the disk. Instead a transaction announces, by a
//! shared advisory lock, the last number that was given before it takes its own. A reader looks at the last number
//! given, then at who has announced themselves; it reads up to the former, after waiting for those among the latter
//! that may still hold a number below it. Whoever announces later takes numbers above.

use licensing_store::{EventQuery, StoreError, StoredEvent};
use tokio_postgres::Row;

use crate::commit::Failed;
use crate::connect::Connection;
use crate::pipeline::{Step, values};
use crate::rows::{self, secs, serial_number, signed};
use crate::{lists, query};

/// Announces the last number given; released when the transaction has ended and can be seen.
pub(crate) const ANNOUNCE: &str = "SELECT pg_advisory_xact_lock_shared(
    4611686018427387904 + CASE WHEN is_called THEN last_value ELSE 0 END) FROM events_sequence";

const LAST: &str = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM events_sequence";

/// What was announced by transactions that have not ended. Must run after `LAST`.
const ANNOUNCED: &str = "SELECT DISTINCT ((classid::bigint << 32) | objid::bigint) AS announced FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock' AND granted
        AND classid::bigint >= 1073741824
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Waits until whoever holds an announcement has ended.
const WAIT: &str = "SELECT pg_advisory_xact_lock($1)";

const ANNOUNCEMENTS: i64 = 4_611_686_018_427_387_904;

pub(crate) async fn read(
    connection: &mut Connection,
    wanted: EventQuery,
) -> Result<Vec<StoredEvent>, Failed> {
    if wanted.newest || wanted.by_time() {
        return lists::events(connection, wanted).await;
    }
    let (events, last) = settled(connection, || query(wanted)).await?;
    let events = rows::all(&events, "events", rows::event).map_err(Failed::Store)?;
    Ok(events.into_iter().filter(|event| event.sequence <= last).collect())
}

/// Number of the newest event below which none can appear any more.
pub(crate) async fn last(connection: &mut Connection) -> Result<u64, Failed> {
    // A transaction that was given up leaves a number without an event.
    let newest = "SELECT COALESCE(MAX(sequence), 0) AS last FROM events";
    let (found, last) = settled(connection, || Step::query(newest, vec![])).await?;
    let found = rows::all(&found, "events", rows::last_event).map_err(Failed::Store)?;
    Ok(found.first().copied().unwrap_or_default().min(last))
}

/// Runs a query when every event up to the last number given can be seen; gives that number as well.
async fn settled(connection: &mut Connection, query: impl Fn() -> Step) -> Result<(Vec<Row>, u64), Failed> {
    let (last, announced, found) = {
        let steps = [Step::query(LAST, vec![]), Step::query(ANNOUNCED, vec![]), query()];
        let mut answers = connection.pipeline(&steps).await?.into_iter();
        let mut next = || answers.next().unwrap_or_else(|| Ok(vec![]));
        (next()?, next()?, next()?)
    };
    let last = last.first().map_or(0, |row| row.get::<_, i64>("last"));
    let below = |row: &Row| {
        let announced = row.get::<_, i64>("announced");
        (announced - ANNOUNCEMENTS < last).then_some(announced)
    };
    let unfinished: Vec<i64> = announced.iter().filter_map(below).collect();
    let found = if unfinished.is_empty() {
        found
    } else {
        let waits = unfinished.into_iter().map(|announced| Step::query(WAIT, values![announced]));
        let steps: Vec<Step> = waits.chain([query()]).collect();
        let answers = connection.pipeline(&steps).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        answers.into_iter().next_back().unwrap_or_default()
    };
    let last = u64::try_from(last)
        .map_err(|_| Failed::Store(StoreError::Inconsistent { table: "events", column: "sequence" }))?;
    Ok((found, last))
}

fn query(wanted: EventQuery) -> Step {
    // Only the filters that are asked for stand in the text, so that the index of one is used.
    let mut sql = query::EVENT.to_owned();
    let mut params = values![signed(wanted.after), i64::from(wanted.limit)];
    let mut filter = |column: &str, value| {
        params.push(value);
        sql.push_str(&format!(" AND {column} ${}", params.len()));
    };
    if let Some(id) = wanted.ticket {
        filter("ticket =", std::sync::Arc::new(id.0.to_vec()));
    }
    if let Some(id) = wanted.license {
        filter("license =", std::sync::Arc::new(id.0.to_vec()));
    }
    if let Some(serial) = wanted.container {
        filter("container =", std::sync::Arc::new(serial_number(serial)));
    }
    if let Some(action) = wanted.action {
        filter("action =", std::sync::Arc::new(action.name()));
    }
    if let Some(from) = wanted.from {
        filter("at >=", std::sync::Arc::new(secs(from)));
    }
    if let Some(until) = wanted.until {
        filter("at <", std::sync::Arc::new(secs(until)));
    }
    sql.push_str(" ORDER BY sequence LIMIT $2");
    Step::query(sql, params)
}
