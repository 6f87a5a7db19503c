//! Pages read by SQLite itself: the very rows of a page, by the index made for it, and nothing else.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use licensing_store::OPEN_COUNTED;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use crate::load::histogram;

/// Rows of a list as JSON, and of a page for people.
pub(crate) const ROWS: u32 = 100;
pub(crate) const SHOWN: u32 = 50;

const LICENSE: &str = "SELECT l.*, d.document FROM licenses l JOIN definitions d ON d.hash = l.definition";
const DAY: i64 = 86_400;

/// A statement with its values.
pub(crate) type Query = (String, Vec<Value>);

/// The database of a server, for whoever looks into it by himself.
pub(crate) struct Pages(Connection);

/// Something there is in the database, to ask for.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// A license.
    pub(crate) license: Vec<u8>,
    /// Its definition.
    definition: Vec<u8>,
    /// Its item.
    pub(crate) item: String,
    /// Its order.
    pub(crate) order: String,
    /// Its customer.
    pub(crate) customer: String,
    /// When it was made.
    pub(crate) made: i64,
}

impl Pages {
    /// Opens the database beside the server that uses it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.pragma_update(None, "cache_size", -16_384)?;
        db.set_prepared_statement_cache_capacity(128);
        Ok(Self(db))
    }

    /// So many licenses from all over the database.
    pub(crate) fn samples(&self, count: u32) -> Result<Vec<Sample>> {
        let mut find = self.0.prepare(
            "SELECT l.id, l.definition, i.id, l.order_id, l.customer, l.created_at FROM licenses l
             JOIN items i ON i.definition = l.definition WHERE l.id >= ?1 ORDER BY l.id LIMIT 1",
        )?;
        let bounds = "SELECT (SELECT MIN(created_at) FROM orders), (SELECT MAX(created_at) FROM orders)";
        let (first, last): (i64, i64) = self.0.query_row(bounds, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        (1..=i64::from(count))
            .map(|number| {
                let at = first + (last - first) * number / (i64::from(count) + 2);
                let mut id = vec![0; 16];
                id[..6].copy_from_slice(&(at * 1000).to_be_bytes()[2..]);
                find.query_row([id], |row| {
                    Ok(Sample {
                        license: row.get(0)?,
                        definition: row.get(1)?,
                        item: row.get(2)?,
                        order: row.get(3)?,
                        customer: row.get(4)?,
                        made: row.get(5)?,
                    })
                })
                .context("the database is too small to look for anything in it")
            })
            .collect()
    }

    /// Reads everything the queries of one page give.
    fn read(&self, queries: &[Query]) -> Result<usize> {
        let mut read = 0;
        for (sql, values) in queries {
            let mut statement = self.0.prepare_cached(sql)?;
            let columns = statement.column_count();
            let mut rows = statement.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                for column in 0..columns {
                    std::hint::black_box(row.get_ref(column)?);
                }
                read += 1;
            }
        }
        Ok(read)
    }

    /// Latencies of pages, and rows of all of them together.
    pub(crate) fn time(&self, pages: &[Vec<Query>]) -> Result<(Histogram<u64>, usize)> {
        let (mut latencies, mut rows) = (histogram(), 0);
        for page in pages {
            let begun = Instant::now();
            rows += self.read(page)?;
            latencies.record(u64::try_from(begun.elapsed().as_nanos())?.max(1))?;
        }
        Ok((latencies, rows))
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn between(prefix: &str) -> Vec<Value> {
    vec![text(prefix), text(&format!("{prefix}\u{10ffff}"))]
}

/// Licenses after one, newest first.
pub(crate) fn licenses(sample: &Sample, rows: u32) -> Vec<Query> {
    let sql = format!("{LICENSE} WHERE l.id < ?1 ORDER BY l.id DESC LIMIT {rows}");
    vec![(sql, vec![Value::Blob(sample.license.clone())])]
}

/// Licenses of a customer.
pub(crate) fn of_customer(sample: &Sample, rows: u32) -> Vec<Query> {
    let sql = format!("{LICENSE} WHERE l.customer = ?1 ORDER BY l.id DESC LIMIT {rows}");
    vec![(sql, vec![text(&sample.customer)])]
}

/// Licenses of an item, after one, newest first.
pub(crate) fn of_item(sample: &Sample, rows: u32) -> Vec<Query> {
    let sql = format!("{LICENSE} WHERE l.definition = ?1 AND l.id < ?2 ORDER BY l.id DESC LIMIT {rows}");
    vec![(sql, vec![Value::Blob(sample.definition.clone()), Value::Blob(sample.license.clone())])]
}

/// Licenses of which nothing was ever activated, after one, newest first.
pub(crate) fn never_activated(sample: &Sample, rows: u32) -> Vec<Query> {
    let sql = format!(
        "{LICENSE} WHERE l.id < ?1 AND NOT EXISTS (SELECT 1 FROM activations a WHERE a.license = l.id)
         ORDER BY l.id DESC LIMIT {rows}"
    );
    vec![(sql, vec![Value::Blob(sample.license.clone())])]
}

/// Licenses with an unfinished transfer, after one, newest first.
pub(crate) fn pending(sample: &Sample, rows: u32) -> Vec<Query> {
    let sql = format!(
        "{LICENSE} WHERE l.id < ?1 AND l.activating + l.being_returned > 0 ORDER BY l.id DESC LIMIT {rows}"
    );
    vec![(sql, vec![Value::Blob(sample.license.clone())])]
}

/// Orders placed before a moment, newest first.
pub(crate) fn orders(sample: &Sample, rows: u32) -> Vec<Query> {
    let sql =
        format!("SELECT * FROM orders WHERE created_at < ?1 ORDER BY created_at DESC, id DESC LIMIT {rows}");
    vec![(sql, vec![Value::Integer(sample.made)])]
}

/// Containers, newest first.
pub(crate) fn containers(_: &Sample, rows: u32) -> Vec<Query> {
    let sql = format!("SELECT * FROM containers ORDER BY registered_at DESC, serial DESC LIMIT {rows}");
    vec![(sql, vec![])]
}

/// Unfinished transfers, oldest first.
pub(crate) fn transfers(_: &Sample, rows: u32) -> Vec<Query> {
    let sql = format!(
        "SELECT a.*, s.issued_at, l.order_id, l.customer, d.document FROM activations a
         JOIN steps s ON s.id = a.step JOIN licenses l ON l.id = a.license
         JOIN definitions d ON d.hash = l.definition
         WHERE a.step IS NOT NULL ORDER BY a.created_at, a.id LIMIT {rows}"
    );
    vec![(sql, vec![])]
}

/// Events of one action before a moment, newest first.
pub(crate) fn of_action(sample: &Sample, rows: u32) -> Vec<Query> {
    let sql = format!(
        "SELECT * FROM events WHERE action = 'activation_confirmed' AND at < ?1
         ORDER BY at DESC, sequence DESC LIMIT {rows}"
    );
    vec![(sql, vec![Value::Integer(sample.made)])]
}

/// Events of a license.
pub(crate) fn history(sample: &Sample, rows: u32) -> Vec<Query> {
    let sql = format!("SELECT * FROM events WHERE license = ?1 ORDER BY sequence LIMIT {rows}");
    vec![(sql, vec![Value::Blob(sample.license.clone())])]
}

/// What the beginning of a name finds: orders and items, and one customer.
fn named(prefix: &str) -> Vec<Query> {
    let by_name = |select: &str| {
        let id = "id COLLATE NOCASE >= ?1 AND id COLLATE NOCASE < ?2 ORDER BY id COLLATE NOCASE LIMIT 11";
        (format!("{select} WHERE {id}"), between(prefix))
    };
    let customer = "SELECT customer, created_at FROM orders
        WHERE customer COLLATE NOCASE >= ?1 AND customer COLLATE NOCASE < ?2
        ORDER BY customer COLLATE NOCASE LIMIT 1";
    vec![
        by_name("SELECT * FROM orders"),
        by_name("SELECT * FROM items"),
        (customer.to_owned(), between(prefix)),
    ]
}

/// What the beginning of an order id finds.
pub(crate) fn search_order(sample: &Sample, _: u32) -> Vec<Query> {
    named(prefix_of(&sample.order))
}

/// The beginning of an order id that a few have.
pub(crate) fn prefix_of(order: &str) -> &str {
    order.split_at_checked(9).map_or(order, |(prefix, _)| prefix)
}

/// What a license id finds.
pub(crate) fn search_license(sample: &Sample, _: u32) -> Vec<Query> {
    let mut queries = named(&hex(&sample.license));
    queries.push((format!("{LICENSE} WHERE l.id = ?1"), vec![Value::Blob(sample.license.clone())]));
    queries
}

/// A license id as text.
pub(crate) fn hex(id: &[u8]) -> String {
    licensing_wire::binary::to_hex(id)
}

/// How much happened on each of 30 days, and what is open.
pub(crate) fn statistics(sample: &Sample, _: u32) -> Vec<Query> {
    let first = sample.made / DAY * DAY;
    let actions = ["license_created", "activation_confirmed", "return_confirmed", "refused"];
    let days = (0..30).flat_map(|day| actions.map(|action| (first + day * DAY, action)));
    let mut queries: Vec<Query> = days
        .map(|(day, action)| {
            let sql = "SELECT COUNT(*), SUM(quantity) FROM events WHERE action = ?1 AND at >= ?2 AND at < ?3";
            (sql.to_owned(), vec![text(action), Value::Integer(day), Value::Integer(day + DAY)])
        })
        .collect();
    let open = [
        "SELECT 1 FROM approvals WHERE state = 'pending' ORDER BY id LIMIT ?1",
        "SELECT 1 FROM activations WHERE step IS NOT NULL ORDER BY created_at, id LIMIT ?1",
        "SELECT 1 FROM containers WHERE status <> 'normal' ORDER BY registered_at, serial LIMIT ?1",
    ];
    queries.extend(open.map(|rows| {
        (format!("SELECT COUNT(*) FROM ({rows})"), vec![Value::Integer(i64::from(OPEN_COUNTED))])
    }));
    queries
}
