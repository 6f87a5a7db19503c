//! Rows of PostgreSQL, for the readers of records that serve both drivers.

use licensing_store::StoreError;
pub(crate) use licensing_store::rows::*;
use tokio_postgres::Row;

type ReadRow<T> = fn(&Reader<'_>) -> Result<T, StoreError>;

struct PostgresRow<'a>(&'a Row);

impl Columns for PostgresRow<'_> {
    fn integer(&self, column: &str) -> Result<Option<i64>, Unreadable> {
        self.0.try_get(column).map_err(|_| Unreadable)
    }

    fn flag(&self, column: &str) -> Result<Option<bool>, Unreadable> {
        self.0.try_get(column).map_err(|_| Unreadable)
    }

    fn text(&self, column: &str) -> Result<Option<String>, Unreadable> {
        self.0.try_get(column).map_err(|_| Unreadable)
    }

    fn blob(&self, column: &str) -> Result<Option<Vec<u8>>, Unreadable> {
        self.0.try_get(column).map_err(|_| Unreadable)
    }
}

/// Reads all rows of an answer.
pub(crate) fn all<T>(
    rows: &[Row],
    table: &'static str,
    read: impl Fn(&Reader<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| read(&Reader::new(&PostgresRow(row), table))).collect()
}

/// Reads the only row of an answer, if there is one.
pub(crate) fn one<T>(rows: &[Row], table: &'static str, read: ReadRow<T>) -> Result<Option<T>, StoreError> {
    rows.first().map(|row| read(&Reader::new(&PostgresRow(row), table))).transpose()
}
