//! Searching and counting.

use licensing_core::event::Action;
use licensing_core::limits::DAY_SECS;
use licensing_core::time::Timestamp;
use licensing_store::{
    DayCount, FoundCustomer, ItemQuery, OPEN_COUNTED, Open, SearchHits, SearchQuery, StoreError,
};
use rusqlite::{Connection, params};

use crate::lists::{Conditions, LAST_CHARACTER, blob, items, text};
use crate::read::{all, one};
use crate::rows::{self, secs, signed};
use crate::{load, query};

/// From one customer to the next one, however many orders each has: first among those that differ only in their letters.
const CUSTOMERS: &str = "WITH RECURSIVE found (customer) AS (
        SELECT * FROM (SELECT customer FROM orders
            WHERE customer COLLATE NOCASE >= ?1 AND customer COLLATE NOCASE < ?2
            ORDER BY customer COLLATE NOCASE, customer LIMIT 1)
        UNION ALL
        SELECT COALESCE(
            (SELECT o.customer FROM orders o
                WHERE o.customer = found.customer COLLATE NOCASE AND o.customer > found.customer COLLATE BINARY
                ORDER BY o.customer COLLATE NOCASE, o.customer LIMIT 1),
            (SELECT o.customer FROM orders o
                WHERE o.customer COLLATE NOCASE > found.customer AND o.customer COLLATE NOCASE < ?2
                ORDER BY o.customer COLLATE NOCASE, o.customer LIMIT 1))
        FROM found WHERE found.customer IS NOT NULL LIMIT ?3)
    SELECT customer, (SELECT o.created_at FROM orders o
            WHERE o.customer = found.customer COLLATE NOCASE AND o.customer = found.customer COLLATE BINARY
            ORDER BY o.created_at DESC LIMIT 1) AS last_order
    FROM found WHERE customer IS NOT NULL";

/// How often one action happened in a time: from the index alone.
const IN_A_TIME: &str =
    "SELECT ?1 AS day, ?2 AS action, COUNT(*) AS events, COALESCE(SUM(quantity), 0) AS quantity
    FROM events WHERE action = ?2 AND at >= ?3 AND at < ?4";

/// In the order of an index, so that it is the one that is read.
const OPEN: &str = "SELECT
    (SELECT COUNT(*) FROM (SELECT 1 FROM approvals WHERE state = 'pending' ORDER BY id LIMIT ?1)) AS approvals,
    (SELECT COUNT(*) FROM (SELECT 1 FROM activations WHERE step IS NOT NULL ORDER BY created_at, id LIMIT ?1))
        AS transfers,
    (SELECT COUNT(*) FROM (SELECT 1 FROM containers WHERE status <> 'normal' ORDER BY registered_at, serial
        LIMIT ?1)) AS flagged";

/// Everything that has an id like this.
pub(crate) fn search(db: &Connection, wanted: &SearchQuery) -> Result<SearchHits, StoreError> {
    let limit = wanted.limit;
    let mut hits = SearchHits::default();
    let end = format!("{}{LAST_CHARACTER}", wanted.prefix);
    let mut named = Conditions::default();
    named.and("id COLLATE NOCASE >= ? AND id COLLATE NOCASE < ?", [text(&wanted.prefix), text(&end)]);
    hits.orders = named.rows(db, "orders", (query::ORDER, "id COLLATE NOCASE, id"), limit, rows::order)?;
    hits.customers = customers(db, &wanted.prefix, &end, limit)?;
    hits.items = items(db, &ItemQuery { prefix: wanted.prefix.clone(), after: None, limit })?;
    if let Some((first, last)) = wanted.ids {
        let mut between = Conditions::default();
        between.and("l.id BETWEEN ? AND ?", [blob(first), blob(last)]);
        let definitions = rows::Definitions::default();
        hits.licenses =
            between.rows(db, "licenses", (&query::found(), "l.id"), limit, |row| definitions.found(row))?;
        let mut between = Conditions::default();
        between.and("id BETWEEN ? AND ?", [blob(first), blob(last)]);
        hits.approvals = between.rows(db, "approvals", (query::APPROVAL, "id"), limit, rows::approval)?;
    }
    for serial in wanted.serials.iter().take(limit as usize) {
        hits.containers.extend(load::container(db, *serial)?);
    }
    Ok(hits)
}

fn customers(db: &Connection, begin: &str, end: &str, limit: u32) -> Result<Vec<FoundCustomer>, StoreError> {
    all(db, "orders", CUSTOMERS, params![begin, end, limit], rows::customer)
}

/// How often each action happened on each day.
pub(crate) fn activity(
    db: &Connection,
    actions: &[Action],
    (from, until): (Timestamp, Timestamp),
) -> Result<Vec<DayCount>, StoreError> {
    let mut counts = Vec::new();
    let mut at = from;
    while at < until {
        let day = at.secs() / DAY_SECS;
        let end = Timestamp::from_secs((day + 1).saturating_mul(DAY_SECS)).min(until);
        for action in actions {
            let values = params![signed(day), action.name(), secs(at), secs(end)];
            counts
                .extend(one(db, "events", IN_A_TIME, values, rows::day_count)?.filter(|day| day.events > 0));
        }
        if end <= at {
            break;
        }
        at = end;
    }
    Ok(counts)
}

/// What waits for somebody.
pub(crate) fn open(db: &Connection) -> Result<Open, StoreError> {
    Ok(one(db, "open", OPEN, params![OPEN_COUNTED], rows::open)?.unwrap_or_default())
}
