//! One connection: settings everything relies on, prepared statements, and its commit number.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use licensing_store::copy::Part;
use tokio::runtime::Handle;
use tokio::time::sleep;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Statement};

use crate::migrate::{self, SCHEMA_VERSION};
use crate::settings::Settings;
use crate::tls::Tls;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is one already.
    #[error(
        "the database holds a server's tables already; use another one, or drop and create it if nothing of it is needed"
    )]
    Exists,
    /// Made by another version of the program, or without any schema.
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
    /// It is being moved, or a server uses what is to be moved.
    #[error("the database is in use")]
    InUse,
    /// Texts would not survive.
    #[error("the database has the encoding {0}; create it with ENCODING 'UTF8'")]
    Encoding(String),
    /// The trusted certificates cannot be read.
    #[error("the trusted certificates cannot be used: {0}")]
    Certificates(String),
    /// No answer from any host that accepts writes.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// It answers, and says no.
    #[error("the database refuses: {0}")]
    Refused(String),
}

const fn hint(found: usize, needed: usize) -> &'static str {
    if found == 0 {
        "; it is empty: bring back a backup, or run `central-server init`"
    } else if found < needed {
        "; run `central-server migrate`"
    } else {
        "; a newer program has written it"
    }
}

/// The whole chain of an error, in one line. Messages of the library name hosts and users, never passwords.
pub(crate) fn told(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            // Starting up, shutting down, or full: it will pass.
            None | Some(&(SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN)) => {
                Self::Unreachable(told(&error))
            }
            Some(code) if code.code().starts_with("53") || code.code().starts_with("57P") => {
                Self::Unreachable(told(&error))
            }
            Some(_) => Self::Refused(told(&error)),
        }
    }
}

/// A connection with everything that belongs to it.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) statements: HashMap<String, Statement>,
    /// Its row in `commits`.
    pub(crate) process: Vec<u8>,
    /// Number of its last commit that took place.
    pub(crate) number: i64,
    /// The server has said that something acknowledged may not have reached the replicas.
    doubtful: Arc<AtomicBool>,
}

/// A connection without session settings or a look at the schema, for migrations.
pub(crate) async fn raw(
    settings: &Settings,
    tls: &Tls,
    runtime: &Handle,
) -> Result<(Client, Arc<AtomicBool>), OpenError> {
    let (client, mut connection) = settings.config.connect(tls.clone()).await?;
    let doubtful = Arc::new(AtomicBool::new(false));
    let noticed = Arc::clone(&doubtful);
    runtime.spawn(async move {
        while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                // Sent when the wait for a synchronous replica is cut short: "committed locally, but might not have
                // been replicated". It comes before the answer to the COMMIT it is about.
                Ok(AsyncMessage::Notice(notice)) if *notice.code() == SqlState::WARNING => {
                    noticed.store(true, Ordering::SeqCst);
                }
                Ok(_) => {}
                // Whoever waits for an answer is told by the client that the connection is closed.
                Err(_) => return,
            }
        }
    });
    Ok((client, doubtful))
}

/// Every connection of a server holds this lock with others; whoever moves the database holds it alone.
pub(crate) const IN_USE: i64 = 6_000_011;

/// How often somebody who is just finishing a move is waited for.
const LOOKS: u32 = 30;
/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Fails when the database has a part in a move, and keeps one from beginning as long as the connection lives.
async fn keep_from_moving(client: &Client) -> Result<(), OpenError> {
    let sql = format!(
        "SELECT pg_try_advisory_lock_shared({IN_USE}), part, other FROM (VALUES (1)) AS one (id)
         LEFT JOIN moves USING (id)"
    );
    for look in 1.. {
        let row = client.query_one(&sql, &[]).await?;
        let (free, part, other): (bool, Option<&str>, Option<&str>) = (row.get(0), row.get(1), row.get(2));
        let other = other.unwrap_or_default().to_owned();
        match part.map(Part::parse) {
            None if free => return Ok(()),
            None if look < LOOKS => sleep(BETWEEN_LOOKS).await,
            None => break,
            Some(Some(Part::Filling)) => return Err(OpenError::Unfinished(other)),
            Some(_) => return Err(OpenError::Moved(other)),
        }
    }
    Err(OpenError::InUse)
}

impl Connection {
    /// Connects and checks that the database is one this program may write to, and that has no part in a move.
    pub(crate) async fn open(settings: &Settings, tls: &Tls, runtime: &Handle) -> Result<Self, OpenError> {
        let connection = Self::open_despite_move(settings, tls, runtime).await?;
        keep_from_moving(&connection.client).await?;
        Ok(connection)
    }

    /// Connects and checks that the database is one this program may write to.
    pub(crate) async fn open_despite_move(
        settings: &Settings,
        tls: &Tls,
        runtime: &Handle,
    ) -> Result<Self, OpenError> {
        let (client, doubtful) = raw(settings, tls, runtime).await?;
        let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.get(0);
        if encoding != "UTF8" {
            return Err(OpenError::Encoding(encoding));
        }
        let (statement, lock) = (settings.statement_timeout.as_millis(), settings.lock_timeout.as_millis());
        // A setting of the server or the role that lets commits be acknowledged early is overruled; one that demands
        // more than the default is kept. Everything finds its rows by an index (`plans.rs`); a plan that was made when a
        // table was nearly empty would read all of it, and is kept until the table was analysed.
        let session = format!(
            "SET statement_timeout = {statement};
             SET lock_timeout = {lock};
             SET idle_in_transaction_session_timeout = {statement};
             SET default_transaction_isolation = 'read committed';
             SET default_transaction_read_only = off;
             SET client_min_messages = warning;
             SET jit = off;
             SET enable_seqscan = off;
             SELECT set_config('synchronous_commit', 'on', false)
                WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        );
        client.batch_execute(&session).await?;
        let found = migrate::version(&client).await?;
        if found != SCHEMA_VERSION {
            return Err(OpenError::Schema { found, needed: SCHEMA_VERSION });
        }
        let begin = "INSERT INTO commits (process, number) VALUES (uuid_send(gen_random_uuid()), 0) RETURNING process";
        let process = client.query_one(begin, &[]).await?.get(0);
        doubtful.store(false, Ordering::SeqCst);
        Ok(Self { client, statements: HashMap::new(), process, number: 0, doubtful })
    }

    /// Whether something acknowledged since the last call may not have reached the replicas.
    pub(crate) fn take_doubt(&self) -> bool {
        self.doubtful.swap(false, Ordering::SeqCst)
    }
}
