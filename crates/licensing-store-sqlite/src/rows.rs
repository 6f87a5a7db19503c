//! Rows and errors of SQLite, for the readers of records that serve both drivers.

use std::cell::Cell;

pub(crate) use licensing_store::rows::*;
use licensing_store::{CommitError, StoreError};
use rusqlite::types::FromSql;
use rusqlite::{ErrorCode, Row, Statement};

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

/// A row as SQLite has it. Columns are mostly read in the order in which they were asked for, so the next one is looked
/// at before all are searched.
pub(crate) struct SqliteRow<'a> {
    row: &'a Row<'a>,
    next: Cell<usize>,
}

impl<'a> SqliteRow<'a> {
    pub(crate) const fn new(row: &'a Row<'a>) -> Self {
        Self { row, next: Cell::new(0) }
    }

    fn get<T: FromSql>(&self, column: &str) -> Result<Option<T>, Unreadable> {
        let statement: &Statement<'_> = self.row.as_ref();
        let guess = self.next.get();
        let at = if statement.column_name(guess).is_ok_and(|name| name == column) {
            guess
        } else {
            statement.column_index(column).map_err(|_| Unreadable)?
        };
        self.next.set(at + 1);
        self.row.get(at).map_err(|_| Unreadable)
    }
}

impl Columns for SqliteRow<'_> {
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
