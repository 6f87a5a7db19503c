//! Opening connections, and the schema with its numbered, append-only migrations.

use std::path::Path;
use std::time::Duration;

use licensing_store::copy::Part;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction};

/// Every migration, in order. Never edit one that was shipped; append.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_whole_life.sql"),
    include_str!("migrations/0003_moves.sql"),
    include_str!("migrations/0004_wanted_back.sql"),
    include_str!("migrations/0005_lists.sql"),
    include_str!("migrations/0006_users.sql"),
    include_str!("migrations/0007_webhooks.sql"),
    include_str!("migrations/0008_four_eyes.sql"),
    include_str!("migrations/0009_usage.sql"),
    include_str!("migrations/0010_certificates.sql"),
    include_str!("migrations/0011_ordered.sql"),
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
    /// Another database is being copied into it.
    #[error("the database is an unfinished copy of {0}")]
    Unfinished(String),
    /// It was copied to another place, or is being copied there.
    #[error("the database was moved to {0}, or is being moved there")]
    Moved(String),
    /// The SQLite library is too old to be trusted with licenses.
    #[error("SQLite {0} is too old")]
    Library(&'static str),
    /// The file is no database, is damaged, or cannot be read.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // Only who replaces or moves a database keeps all others out.
            Some(ErrorCode::DatabaseBusy) => Self::InUse,
            _ => Self::Sqlite(error),
        }
    }
}

impl OpenError {
    /// Whether the file is damaged, or no database: a file that merely cannot be read or written is not.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }
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
    // Without it a statement with a bound LIMIT is prepared anew every time it runs, which costs more than to run it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

pub(crate) fn version_of(connection: &Connection) -> Result<usize, OpenError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

/// Fails unless the database has exactly the schema this program knows, and has no part in a move.
pub(crate) fn check(connection: &Connection) -> Result<(), OpenError> {
    check_version(connection)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let mark: Option<(String, String)> =
        connection.query_row("SELECT part, other FROM moves", [], read).optional()?;
    match mark {
        None => Ok(()),
        Some((part, other)) if Part::parse(&part) == Some(Part::Filling) => Err(OpenError::Unfinished(other)),
        Some((_, other)) => Err(OpenError::Moved(other)),
    }
}

/// Fails unless the database has exactly the schema this program knows.
pub(crate) fn check_version(connection: &Connection) -> Result<(), OpenError> {
    let found = version_of(connection)?;
    if found == SCHEMA_VERSION { Ok(()) } else { Err(OpenError::Schema { found, needed: SCHEMA_VERSION }) }
}

/// Brings an older schema up to date. A file without any schema is refused: it has lost its content, or never
/// had one, and must not begin again as an empty server.
pub(crate) fn upgrade(connection: &mut Connection) -> Result<usize, OpenError> {
    match version_of(connection)? {
        0 => Err(OpenError::Schema { found: 0, needed: SCHEMA_VERSION }),
        _ => migrate(connection, |_| Ok(())),
    }
}

/// Applies the migrations that are missing, each in a transaction of its own; a new database gets all of them in one,
/// and `last` with them.
pub(crate) fn migrate(
    connection: &mut Connection,
    last: impl Fn(&Transaction<'_>) -> rusqlite::Result<()>,
) -> Result<usize, OpenError> {
    let found = version_of(connection)?;
    if found > SCHEMA_VERSION {
        return Err(OpenError::Schema { found, needed: SCHEMA_VERSION });
    }
    let missing = &MIGRATIONS[found..];
    for (at, group) in (found..).zip(missing.chunks(if found == 0 { SCHEMA_VERSION } else { 1 })) {
        let transaction = connection.transaction()?;
        for sql in group {
            transaction.execute_batch(sql)?;
        }
        let version = i64::try_from(at + group.len()).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", version)?;
        if found == 0 {
            last(&transaction)?;
        }
        transaction.commit()?;
    }
    Ok(missing.len())
}
