//! Running queries.

use licensing_store::StoreError;
use rusqlite::{Connection, Params};

use crate::rows::{Reader, SqliteRow, store_error};

#[cfg(test)]
thread_local! {
    /// The statements of this thread, for tests of how they are planned.
    pub(crate) static SEEN: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

type ReadRow<T> = fn(&Reader<'_>) -> Result<T, StoreError>;

/// All rows of a query.
pub(crate) fn all<T>(
    db: &Connection,
    table: &'static str,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Reader<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    #[cfg(test)]
    SEEN.with_borrow_mut(|seen| seen.push(sql.to_owned()));
    let mut statement = db.prepare_cached(sql).map_err(|error| store_error(&error))?;
    let mut rows = statement.query(params).map_err(|error| store_error(&error))?;
    let mut out = Vec::new();
    while let Some(row) = rows.next().map_err(|error| store_error(&error))? {
        out.push(read(&Reader::new(&SqliteRow::new(row), table))?);
    }
    Ok(out)
}

/// The only row of a query, if there is one.
pub(crate) fn one<T>(
    db: &Connection,
    table: &'static str,
    sql: &str,
    params: impl Params,
    read: ReadRow<T>,
) -> Result<Option<T>, StoreError> {
    Ok(all(db, table, sql, params, read)?.pop())
}
