//! Searching and counting.

use std::sync::Arc;

use licensing_core::event::Action;
use licensing_core::limits::DAY_SECS;
use licensing_core::time::Timestamp;
use licensing_store::{DayCount, ItemQuery, OPEN_COUNTED, Open, SearchHits, SearchQuery};
use tokio_postgres::Row;

use crate::commit::Failed;
use crate::connect::Connection;
use crate::lists::{Conditions, LAST_CHARACTER, blob, items_step, number, text};
use crate::pipeline::{Step, values};
use crate::query;
use crate::rows::{self, secs, serial_number, signed};

/// From one customer to the next one, however many orders each has: first among those that differ only in their letters.
const CUSTOMERS: &str = "WITH RECURSIVE found (customer) AS (
        (SELECT customer COLLATE \"C\" FROM orders
            WHERE lower(customer COLLATE \"C\") >= lower($1::text COLLATE \"C\")
                AND lower(customer COLLATE \"C\") < lower($2::text COLLATE \"C\") AND customer IS NOT NULL
            ORDER BY lower(customer COLLATE \"C\"), customer COLLATE \"C\" LIMIT 1)
        UNION ALL
        SELECT COALESCE(
            (SELECT o.customer COLLATE \"C\" FROM orders o
                WHERE lower(o.customer COLLATE \"C\") = lower(found.customer)
                    AND o.customer COLLATE \"C\" > found.customer AND o.customer IS NOT NULL
                ORDER BY lower(o.customer COLLATE \"C\"), o.customer COLLATE \"C\" LIMIT 1),
            (SELECT o.customer COLLATE \"C\" FROM orders o
                WHERE lower(o.customer COLLATE \"C\") > lower(found.customer)
                    AND lower(o.customer COLLATE \"C\") < lower($2::text COLLATE \"C\") AND o.customer IS NOT NULL
                ORDER BY lower(o.customer COLLATE \"C\"), o.customer COLLATE \"C\" LIMIT 1))
        FROM found WHERE found.customer IS NOT NULL)
    SELECT customer, (SELECT o.created_at FROM orders o
            WHERE lower(o.customer COLLATE \"C\") = lower(found.customer) AND o.customer COLLATE \"C\" = found.customer
            ORDER BY o.created_at DESC LIMIT 1) AS last_order
    FROM found WHERE customer IS NOT NULL LIMIT $3";

/// How often actions happened on the days of a time: from the index alone.
const ACTIVITY: &str =
    "SELECT at / $4 AS day, action, count(*) AS events, COALESCE(sum(quantity), 0)::bigint AS quantity
    FROM events WHERE action = ANY($1) AND at >= $2 AND at < $3 GROUP BY 1, 2 ORDER BY 1";

/// In the order of an index, so that it is the one that is read.
const OPEN: &str = "SELECT
    (SELECT count(*) FROM (SELECT 1 FROM approvals WHERE state = 'pending' ORDER BY id LIMIT $1) x) AS approvals,
    (SELECT count(*) FROM (SELECT 1 FROM activations WHERE step IS NOT NULL ORDER BY created_at, id LIMIT $1) x)
        AS transfers,
    (SELECT count(*) FROM (SELECT 1 FROM containers WHERE status <> 'normal' ORDER BY registered_at, serial
        LIMIT $1) x) AS flagged";

/// Everything that has an id like this, in one round trip.
pub(crate) async fn search(connection: &mut Connection, wanted: &SearchQuery) -> Result<SearchHits, Failed> {
    let limit = wanted.limit;
    let end = format!("{}{LAST_CHARACTER}", wanted.prefix);
    let mut named = Conditions::default();
    let within = "lower(id) >= lower(?::text COLLATE \"C\") AND lower(id) < lower(?::text COLLATE \"C\")";
    named.and(within, [text(wanted.prefix.as_str()), text(end.as_str())]);
    let customers = values![wanted.prefix.clone(), end, i64::from(limit)];
    let serials: Vec<i64> = wanted.serials.iter().copied().map(serial_number).collect();
    let mut steps = vec![
        named.query(query::ORDER, "lower(id), id", limit),
        Step::query(CUSTOMERS, customers),
        items_step(&ItemQuery { prefix: wanted.prefix.clone(), after: None, limit }),
        Step::query(
            query::container!("WHERE serial = ANY($1) ORDER BY serial LIMIT $2"),
            values![serials, i64::from(limit)],
        ),
    ];
    if let Some((first, last)) = wanted.ids {
        let mut between = Conditions::default();
        between.and("l.id BETWEEN ? AND ?", [blob(first), blob(last)]);
        steps.push(between.query(query::FOUND, "l.id", limit));
        let mut between = Conditions::default();
        between.and("id BETWEEN ? AND ?", [blob(first), blob(last)]);
        steps.push(between.query(query::approval!(""), "id", limit));
    }
    let mut answers = connection.pipeline(&steps).await?.into_iter();
    let definitions = rows::Definitions::default();
    let mut next = || -> Result<Vec<Row>, Failed> { Ok(answers.next().unwrap_or_else(|| Ok(vec![]))?) };
    Ok(SearchHits {
        orders: rows::all(&next()?, "orders", rows::order)?,
        customers: rows::all(&next()?, "orders", rows::customer)?,
        items: rows::all(&next()?, "items", rows::item)?,
        containers: rows::all(&next()?, "containers", rows::container)?,
        licenses: rows::all(&next()?, "licenses", |row| definitions.found(row))?,
        approvals: rows::all(&next()?, "approvals", rows::approval)?,
    })
}

/// How often each action happened on each day.
pub(crate) async fn activity(
    connection: &mut Connection,
    actions: &[Action],
    (from, until): (Timestamp, Timestamp),
) -> Result<Vec<DayCount>, Failed> {
    let names: Vec<String> = actions.iter().map(|action| action.name().to_owned()).collect();
    let values =
        vec![Arc::new(names) as _, number(secs(from)), number(secs(until)), number(signed(DAY_SECS))];
    Ok(rows::all(&connection.one(ACTIVITY, values).await?, "events", rows::day_count)?)
}

/// What waits for somebody.
pub(crate) async fn open(connection: &mut Connection) -> Result<Open, Failed> {
    let found = connection.one(OPEN, values![i64::from(OPEN_COUNTED)]).await?;
    Ok(rows::one(&found, "open", rows::open)?.unwrap_or_default())
}
