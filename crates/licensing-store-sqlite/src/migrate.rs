//! Opening connections, and the schema with its numbered, append-only migrations.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Every migration, in order. Never edit one that was shipped; append.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_whole_life.sql"),
    include_str!("migrations/0003_wanted_back.sql"),
];

/// The schema version this program reads and writes.
pub const SCHEMA_VERSION: usize = MIGRATIONS.len();

/// The first SQLite without the write-ahead-log reset bug that could lose a committed transaction.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none.
    #[error("there is no database at this place; run `central-server init`")]
    Missing,
    /// There is one already.
    #[error("there is a database at this place already")]
    Exists,
    /// Another process has it open.
    #[error("the database is in use")]
    InUse,
    /// Made by another version of the program.
    #[error("the database has schema version {found}, this program needs {needed}{}", hint(*found, *needed))]
    Schema {
        /// Version found.
        found: usize,
        /// Version needed.
        needed: usize,
    },
    /// The SQLite library is too old to be trusted with licenses.
    #[error("SQLite {0} is too old")]
    Library(&'static str),
    /// The file is no database, is damaged, or cannot be read.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

const fn hint(found: usize, needed: usize) -> &'static str {
    if found == 0 {
        "; it is empty: bring back a backup, or remove the file and run `central-server init`"
    } else if found < needed {
        "; run `central-server migrate`"
    } else {
        "; a newer program has written it"
    }
}

/// Opens a connection with the settings everything relies on.
pub(crate) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::Library(rusqlite::version()));
    }
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit is on the disk before it is acknowledged.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

fn version_of(connection: &Connection) -> Result<usize, OpenError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

/// Fails unless the database has exactly the schema this program knows.
pub(crate) fn check(connection: &Connection) -> Result<(), OpenError> {
    let found = version_of(connection)?;
    if found == SCHEMA_VERSION { Ok(()) } else { Err(OpenError::Schema { found, needed: SCHEMA_VERSION }) }
}

/// Brings an older schema up to date. A file without any schema is refused: it has lost its content, or never
/// had one, and must not begin again as an empty server.
pub(crate) fn upgrade(connection: &mut Connection) -> Result<usize, OpenError> {
    match version_of(connection)? {
        0 => Err(OpenError::Schema { found: 0, needed: SCHEMA_VERSION }),
        _ => migrate(connection),
    }
}

/// Applies the migrations that are missing, each in a transaction of its own.
pub(crate) fn migrate(connection: &mut Connection) -> Result<usize, OpenError> {
    let found = version_of(connection)?;
    if found > SCHEMA_VERSION {
        return Err(OpenError::Schema { found, needed: SCHEMA_VERSION });
    }
    for (at, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", i64::try_from(at + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(SCHEMA_VERSION - found)
}
