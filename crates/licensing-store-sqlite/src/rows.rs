//! Rows and errors of SQLite, for the readers of records that serve both drivers.

pub(crate) use licensing_store::rows::*;
use licensing_store::{CommitError, StoreError};
use rusqlite::{ErrorCode, Row};

pub(crate) fn unavailable(what: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(what.to_string())
}

/// A failed statement: a damaged file is told from a database that is merely busy or full.
pub(crate) fn store_error(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Inconsistent { table: "database", column: "file" }
        }
        _ => unavailable(error),
    }
}

pub(crate) fn commit_error(error: &rusqlite::Error) -> CommitError {
    CommitError::Store(store_error(error))
}

/// A row as SQLite has it.
pub(crate) struct SqliteRow<'a>(pub(crate) &'a Row<'a>);

impl Columns for SqliteRow<'_> {
    fn integer(&self, column: &str) -> Result<Option<i64>, Unreadable> {
        self.0.get(column).map_err(|_| Unreadable)
    }

    fn flag(&self, column: &str) -> Result<Option<bool>, Unreadable> {
        self.0.get(column).map_err(|_| Unreadable)
    }

    fn text(&self, column: &str) -> Result<Option<String>, Unreadable> {
        self.0.get(column).map_err(|_| Unreadable)
    }

    fn blob(&self, column: &str) -> Result<Option<Vec<u8>>, Unreadable> {
        self.0.get(column).map_err(|_| Unreadable)
    }
}
