//! Rows of PostgreSQL, for the readers of records that serve both drivers.

use licensing_store::StoreError;
pub(crate) use licensing_store::rows::*;
use tokio_postgres::types::FromSql;
use tokio_postgres::{Column, Row};

type ReadRow<T> = fn(&Reader<'_>) -> Result<T, StoreError>;

/// A row, or the part of one whose columns begin with a prefix.
struct PostgresRow<'a> {
    row: &'a Row,
    prefix: &'static str,
}

impl<'a> PostgresRow<'a> {
    const fn whole(row: &'a Row) -> Self {
        Self { row, prefix: "" }
    }

    fn get<T: FromSql<'a>>(&self, column: &str) -> Result<Option<T>, Unreadable> {
        let is_it = |known: &Column| known.name().strip_prefix(self.prefix) == Some(column);
        let at = self.row.columns().iter().position(is_it).ok_or(Unreadable)?;
        self.row.try_get(at).map_err(|_| Unreadable)
    }
}

impl Columns for PostgresRow<'_> {
    fn integer(&self, column: &str) -> Result<Option<i64>, Unreadable> {
        self.get(column)
    }

    fn flag(&self, column: &str) -> Result<Option<bool>, Unreadable> {
        self.get(column)
    }

    fn text(&self, column: &str) -> Result<Option<String>, Unreadable> {
        self.get(column)
    }

    fn blob(&self, column: &str) -> Result<Option<Vec<u8>>, Unreadable> {
        self.get(column)
    }
}

/// Reads all rows of an answer.
pub(crate) fn all<T>(
    rows: &[Row],
    table: &'static str,
    read: impl Fn(&Reader<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| read(&Reader::new(&PostgresRow::whole(row), table))).collect()
}

/// Reads the only row of an answer, if there is one.
pub(crate) fn one<T>(rows: &[Row], table: &'static str, read: ReadRow<T>) -> Result<Option<T>, StoreError> {
    rows.first().map(|row| read(&Reader::new(&PostgresRow::whole(row), table))).transpose()
}

/// Reads the part of a row whose columns begin with `prefix`, if there is one: `key` is a column of it that is never
/// `NULL` otherwise.
pub(crate) fn part<T>(
    row: &Row,
    prefix: &'static str,
    key: &'static str,
    table: &'static str,
    read: ReadRow<T>,
) -> Result<Option<T>, StoreError> {
    let part = PostgresRow { row, prefix };
    let part = Reader::new(&part, table);
    if part.get::<Option<i64>>(key)?.is_none() { Ok(None) } else { read(&part).map(Some) }
}
