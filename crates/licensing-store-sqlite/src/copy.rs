//! One end of a move of the whole database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use licensing_core::time::Timestamp;
use licensing_store::StoreError;
use licensing_store::copy::{Column, End, Kind, Mark, Part, Row, TABLES, Table, Value};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, ToSql, Transaction, params, params_from_iter};

use crate::migrate::{self, OpenError};
use crate::rows::{secs, store_error};

/// How long a server that is just stopping is waited for.
const WAIT: Duration = Duration::from_secs(3);
/// Bytes of memory for pages while a copy is written, as SQLite wants them: minus kibibytes.
const CACHE: i32 = -131_072;
/// Pages the log may have before they are moved into the file.
const CHECKPOINT: u32 = 16_384;

/// A database file that is copied, or copied into.
pub struct SqliteEnd {
    path: PathBuf,
    /// None while there is no file.
    connection: Option<Connection>,
}

impl SqliteEnd {
    /// The database to be copied. As long as the value lives, nobody else can open it.
    ///
    /// # Errors
    /// There is none, it is in use, or not of the schema version this program knows.
    pub fn source(path: &Path) -> Result<Self, OpenError> {
        if !path.exists() {
            return Err(OpenError::Missing);
        }
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(WAIT)?;
        // Before the first access: the file itself is locked then, for good, and not only its log.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        let look = |connection: &Connection| -> Result<(), OpenError> {
            migrate::check_version(connection)?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            Ok(connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?)
        };
        look(&connection)?;
        Ok(Self { path: path.to_owned(), connection: Some(connection) })
    }

    /// The database to be copied into, whether there is one or not.
    ///
    /// # Errors
    /// It is no database, or not of the schema version this program knows.
    pub fn target(path: &Path) -> Result<Self, OpenError> {
        let mut end = Self { path: path.to_owned(), connection: None };
        if path.exists() {
            end.connection = Some(end.connect()?);
        }
        if end.connection.as_ref().is_some_and(|db| migrate::version_of(db).is_ok_and(|version| version != 0))
        {
            end.connection.as_ref().map_or(Ok(()), migrate::check_version)?;
        }
        Ok(end)
    }

    fn connect(&self) -> Result<Connection, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = migrate::connect(&self.path, flags)?;
        // What a power cut takes of the copy is copied again; it is made durable in the end.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "cache_size", CACHE)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
        Ok(connection)
    }

    fn db(&mut self) -> Result<&mut Connection, StoreError> {
        self.connection.as_mut().ok_or_else(|| StoreError::Unavailable("there is no database".to_owned()))
    }

    /// Whether there are tables of ours.
    fn has_schema(&mut self) -> Result<bool, StoreError> {
        let Some(db) = &self.connection else { return Ok(false) };
        Ok(migrate::version_of(db).map_err(open_error)? != 0)
    }
}

fn open_error(error: OpenError) -> StoreError {
    match error {
        OpenError::Sqlite(error) => store_error(&error),
        other => StoreError::Unavailable(other.to_string()),
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    store_error(&error)
}

/// The order of arrival is that of the row's number.
fn name(column: &Column) -> &'static str {
    if column.name == "arrival" { "rowid" } else { column.name }
}

fn list<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    columns.map(name).collect::<Vec<_>>().join(", ")
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// A value of a column. Anything that the other driver could not hold is damage.
fn value(table: &'static Table, column: &'static Column, value: ValueRef<'_>) -> Result<Value, StoreError> {
    let damaged = || StoreError::Inconsistent { table: table.name, column: column.name };
    Ok(match (column.kind, value) {
        (_, ValueRef::Null) => Value::Null,
        (Kind::Integer, ValueRef::Integer(number)) => Value::Integer(number),
        (Kind::Flag, ValueRef::Integer(number @ (0 | 1))) => Value::Flag(number == 1),
        (Kind::Text, ValueRef::Text(text)) => {
            Value::Text(String::from_utf8(text.to_vec()).map_err(|_| damaged())?)
        }
        (Kind::Blob, ValueRef::Blob(bytes)) => Value::Blob(bytes.to_vec()),
        _ => return Err(damaged()),
    })
}

struct Param<'a>(&'a Value);

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self.0 {
            Value::Null => rusqlite::types::Null.to_sql(),
            Value::Integer(number) => Ok(rusqlite::types::ToSqlOutput::Owned((*number).into())),
            Value::Flag(flag) => Ok(rusqlite::types::ToSqlOutput::Owned(i64::from(*flag).into())),
            Value::Text(text) => text.to_sql(),
            Value::Blob(bytes) => bytes.to_sql(),
        }
    }
}

fn write_mark(transaction: &Transaction<'_>, mark: Option<&Mark>) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM moves", [])?;
    if let Some(Mark { key, part, other, since }) = mark {
        let sql = "INSERT INTO moves (id, key, part, other, since) VALUES (1, ?, ?, ?, ?)";
        transaction.execute(sql, params![key, part.as_str(), other, secs(*since)])?;
    }
    Ok(())
}

impl End for SqliteEnd {
    fn mark(&mut self) -> Result<Option<Mark>, StoreError> {
        if !self.has_schema()? {
            return Ok(None);
        }
        let sql = "SELECT key, part, other, since FROM moves";
        type Stored = ([u8; 32], String, String, i64);
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let found: Option<Stored> = self.db()?.query_row(sql, [], row).optional().map_err(failed)?;
        let Some((key, part, other, since)) = found else { return Ok(None) };
        let part = Part::parse(&part).ok_or(StoreError::Inconsistent { table: "moves", column: "part" })?;
        let since = Timestamp::from_secs(u64::try_from(since).unwrap_or(0));
        Ok(Some(Mark { key, part, other, since }))
    }

    fn set_mark(&mut self, mark: Option<&Mark>) -> Result<(), StoreError> {
        let is_new = !self.has_schema()?;
        if self.connection.is_none() {
            self.connection = Some(self.connect().map_err(open_error)?);
        }
        let begins = mark.is_some_and(|mark| mark.part == Part::Filling);
        let write = |transaction: &Transaction<'_>| {
            write_mark(transaction, mark)?;
            if begins { transaction.execute("DELETE FROM server_state", []).map(drop) } else { Ok(()) }
        };
        let db = self.db()?;
        db.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        if is_new {
            migrate::migrate(db, write).map_err(open_error)?;
        } else {
            let transaction = db.transaction().map_err(failed)?;
            write(&transaction).map_err(failed)?;
            transaction.commit().map_err(failed)?;
        }
        db.pragma_update(None, "synchronous", "NORMAL").map_err(failed)
    }

    fn is_empty(&mut self) -> Result<bool, StoreError> {
        let has_schema = self.has_schema()?;
        let Some(db) = &self.connection else { return Ok(true) };
        if !has_schema {
            let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)";
            return db.query_row(sql, [], |row| row.get(0)).map_err(failed);
        }
        for table in TABLES.iter().filter(|table| table.name != "server_state") {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", table.name);
            if db.query_row(&sql, [], |row| row.get(0)).map_err(failed)? {
                return Ok(false);
            }
        }
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM server_state WHERE reconciling IS NOT NULL)";
        db.query_row(sql, [], |row| row.get(0)).map_err(failed)
    }

    fn last_key(&mut self, table: &'static Table) -> Result<Option<Row>, StoreError> {
        let key: Vec<&'static Column> = table.key_columns().map(|(_, column)| column).collect();
        let order: Vec<String> = key.iter().map(|column| format!("{} DESC", name(column))).collect();
        let columns = list(key.iter().copied());
        let sql = format!("SELECT {columns} FROM {} ORDER BY {} LIMIT 1", table.name, order.join(", "));
        let db = self.db()?;
        let mut statement = db.prepare(&sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let Some(row) = rows.next().map_err(failed)? else { return Ok(None) };
        let read =
            |(at, column): (usize, &&'static Column)| value(table, column, row.get_ref(at).map_err(failed)?);
        key.iter().enumerate().map(read).collect::<Result<Row, _>>().map(Some)
    }

    fn read(
        &mut self,
        table: &'static Table,
        after: Option<&Row>,
        take: &mut dyn FnMut(Row) -> bool,
    ) -> Result<(), StoreError> {
        let key = list(table.key_columns().map(|(_, column)| column));
        let beyond = after.map_or(String::new(), |after| format!("WHERE ({key}) > ({})", marks(after.len())));
        let columns = list(table.columns.iter());
        let sql = format!("SELECT {columns} FROM {} {beyond} ORDER BY {key}", table.name);
        let db = self.db()?;
        let mut statement = db.prepare(&sql).map_err(failed)?;
        let after = after.into_iter().flatten().map(Param);
        let mut rows = statement.query(params_from_iter(after)).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let read = |(at, column): (usize, &'static Column)| {
                value(table, column, row.get_ref(at).map_err(failed)?)
            };
            if !take(table.columns.iter().enumerate().map(read).collect::<Result<_, _>>()?) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn write(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<(), StoreError> {
        let (columns, values) = (list(table.columns.iter()), marks(table.columns.len()));
        let sql = format!("INSERT INTO {} ({columns}) VALUES ({values})", table.name);
        let transaction = self.db()?.transaction().map_err(failed)?;
        {
            let mut insert = transaction.prepare_cached(&sql).map_err(failed)?;
            for row in &rows {
                insert.execute(params_from_iter(row.iter().map(Param))).map_err(failed)?;
            }
        }
        transaction.commit().map_err(failed)
    }

    fn complete(&mut self) -> Result<(), StoreError> {
        // Counters follow the rows by themselves. The log goes into the file, and the file to the disk.
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = self.db()?.query_row(checkpoint, [], |row| row.get(0)).map_err(failed)?;
        if busy == 0 { Ok(()) } else { Err(StoreError::Unavailable("the copy is in use".to_owned())) }
    }
}
