//! One connection: settings everything relies on, prepared statements, and its commit number.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
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

impl Connection {
    /// Connects and checks that the database is one this program may write to.
    pub(crate) async fn open(settings: &Settings, tls: &Tls, runtime: &Handle) -> Result<Self, OpenError> {
        let (client, doubtful) = raw(settings, tls, runtime).await?;
        let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.get(0);
        if encoding != "UTF8" {
            return Err(OpenError::Encoding(encoding));
        }
        let (statement, lock) = (settings.statement_timeout.as_millis(), settings.lock_timeout.as_millis());
        // A setting of the server or the role that lets commits be acknowledged early is overruled; one that demands
        // more than the default is kept.
        let session = format!(
            "SET statement_timeout = {statement};
             SET lock_timeout = {lock};
             SET idle_in_transaction_session_timeout = {statement};
             SET default_transaction_isolation = 'read committed';
             SET default_transaction_read_only = off;
             SET client_min_messages = warning;
             SET jit = off;
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
