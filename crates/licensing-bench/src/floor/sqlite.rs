//! Durable commits by SQLite itself: the tables and settings of the product, none of its code.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use licensing_store_sqlite::SqliteStore;
use rusqlite::types::{ToSqlOutput, Value as Sql};
use rusqlite::{Connection, ToSql, TransactionBehavior, params_from_iter};

use super::rows::{self, Row, Value};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Int(number) => number.to_sql(),
            Self::Blob(bytes) => bytes.to_sql(),
            Self::Text(text) => text.to_sql(),
            Self::Flag(flag) => Ok(ToSqlOutput::Owned(Sql::Integer(i64::from(*flag)))),
        }
    }
}

/// A database of its own.
pub(crate) struct Sqlite {
    db: Connection,
    next: u64,
}

/// Seconds per issue, per settlement, and for reading what both are decided on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commits {
    pub(crate) issue: f64,
    pub(crate) settle: f64,
    pub(crate) reads: f64,
}

impl Sqlite {
    /// Makes the file; the schema is the product's.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        drop(SqliteStore::create(path)?);
        let db = connect(path)?;
        let mut floor = Self { db, next: 0 };
        floor.commit(&[vec![rows::definition()]])?;
        Ok(floor)
    }

    fn commit(&mut self, sets: &[Vec<Row>]) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for Row(sql, values) in sets.iter().flatten() {
            let changed = transaction.prepare_cached(sql)?.execute(params_from_iter(values))?;
            ensure!(changed == 1, "a statement of the floor changed {changed} rows: {sql}");
        }
        transaction.commit()?;
        Ok(())
    }

    fn time(&mut self, sets: &[Vec<Row>], group: usize) -> Result<f64> {
        let begun = Instant::now();
        for group in sets.chunks(group) {
            self.commit(group)?;
        }
        #[expect(clippy::cast_precision_loss, reason = "a time for people")]
        let each = begun.elapsed().as_secs_f64() / sets.len() as f64;
        Ok(each)
    }

    /// Commits so many activations, `group` of them in a transaction.
    pub(crate) fn activations(&mut self, count: u64, group: usize) -> Result<Commits> {
        let numbers = self.next..self.next + count;
        self.next += count;
        let orders: Vec<_> = numbers.clone().map(|number| rows::order(number, 1)).collect();
        self.time(&orders, 1_000)?;
        let issues: Vec<_> = numbers.clone().map(rows::issue).collect();
        let settlements: Vec<_> = numbers.clone().map(rows::settle).collect();
        let first: Vec<_> = numbers.clone().flat_map(rows::read_to_issue).collect();
        let second: Vec<_> = numbers.flat_map(rows::read_to_settle).collect();
        let mut reads = self.read(&first)?;
        let issue = self.time(&issues, group)?;
        reads += self.read(&second)?;
        #[expect(clippy::cast_precision_loss, reason = "a time for people")]
        let reads = reads / count as f64;
        Ok(Commits { issue, settle: self.time(&settlements, group)?, reads })
    }

    /// Reads, each group of statements as one snapshot; seconds for all.
    fn read(&mut self, groups: &[Vec<Row>]) -> Result<f64> {
        let begun = Instant::now();
        for group in groups {
            let snapshot = self.db.transaction()?;
            for Row(sql, values) in group {
                let mut statement = snapshot.prepare_cached(sql)?;
                let columns = statement.column_count();
                let mut rows = statement.query(params_from_iter(values))?;
                while let Some(row) = rows.next()? {
                    for column in 0..columns {
                        std::hint::black_box(row.get_ref(column)?);
                    }
                }
            }
            snapshot.finish()?;
        }
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Commits so many orders of 100 licenses, `group` of them in a transaction; seconds for each. Not to be mixed with
    /// activations in one file.
    pub(crate) fn orders(&mut self, count: u64, group: usize) -> Result<f64> {
        let numbers = self.next..self.next + count;
        self.next += count;
        let orders: Vec<_> = numbers.map(|number| rows::order(number, 100)).collect();
        self.time(&orders, group)
    }
}

/// Reads what an overview shows of `count` tickets, one after the other on each of `threads` threads with a connection
/// of its own; gives how many in a second. Nothing is made of the rows.
pub(crate) fn overviews(database: &Path, count: usize, threads: usize) -> Result<f64> {
    let read = || -> Result<()> {
        let db = connect(database)?;
        let tickets: Vec<Vec<u8>> = db
            .prepare("SELECT lookup FROM tickets ORDER BY id LIMIT 64")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        ensure!(!tickets.is_empty(), "no tickets");
        for lookup in tickets.iter().cycle().take(count / threads) {
            let mut found = 0;
            for sql in rows::OVERVIEW {
                let mut statement = db.prepare_cached(sql)?;
                let columns = statement.column_count();
                let mut rows = statement.query([lookup])?;
                while let Some(row) = rows.next()? {
                    for column in 0..columns {
                        std::hint::black_box(row.get_ref(column)?);
                    }
                    found += 1;
                }
            }
            ensure!(found > 1, "an overview without licenses");
        }
        Ok(())
    };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..threads).map(|_| scope.spawn(read)).collect();
        readers.into_iter().try_for_each(|reader| {
            reader.join().map_err(|_| anyhow::anyhow!("a thread that reads has failed"))?
        })
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = (count / threads * threads) as f64 / begun.elapsed().as_secs_f64();
    Ok(rate)
}

fn connect(path: &Path) -> Result<Connection> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cache_size", -16_384)?;
    db.set_prepared_statement_cache_capacity(128);
    Ok(db)
}

/// Seconds to open a database and to read the number of rows it keeps of itself: what any program does first.
pub(crate) fn open_raw(path: &Path) -> Result<f64> {
    let begun = Instant::now();
    let db = connect(path)?;
    let _: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let _: i64 = db.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(begun.elapsed().as_secs_f64())
}
