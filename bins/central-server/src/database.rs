//! Which database a server uses: a file in its data folder, or one on a PostgreSQL server.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_executor::block_on;
use licensing_store::Store;
use licensing_store::copy::End;
use licensing_store_postgres::{OpenError, PostgresEnd, PostgresStore, Settings};
use licensing_store_sqlite::{SqliteEnd, SqliteStore};
use serde::Deserialize;
use tokio::runtime::{Handle, Runtime};

use crate::config::Config;
use crate::data_dir::{DataDir, make_private_dir};

/// Between two looks for a database that is away.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// A database URL as it was given.
///
/// # Security
/// Holds a password: `Debug` shows nothing, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "hidden" })
    }
}

impl DatabaseUrl {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place it names: a database on a PostgreSQL server, else a file, else the database of a data folder.
    ///
    /// # Errors
    /// It cannot be used; the message holds nothing of it.
    pub fn place(&self) -> anyhow::Result<Place> {
        if self.0.contains("://") {
            return Ok(Place::Postgres(Box::new(self.settings()?)));
        }
        let path = PathBuf::from(&self.0);
        let is_file = path.is_file() || path.extension().is_some_and(|extension| extension == "db");
        Ok(Place::File(if is_file { path } else { DataDir::new(path).database() }))
    }

    /// Checks that it can be used.
    ///
    /// # Errors
    /// It cannot; the message holds nothing of it.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        Ok(Settings::parse(&self.0)?)
    }
}

/// Where a database is.
#[derive(Debug, Clone)]
pub enum Place {
    /// An SQLite file.
    File(PathBuf),
    /// A database on a PostgreSQL server.
    Postgres(Box<Settings>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(settings) => settings.fmt(f),
        }
    }
}

impl Place {
    /// The place that was asked for: by the command line or the environment, else by the settings, else the file in
    /// the data folder.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn of(data: &DataDir, given: Option<&DatabaseUrl>, config: &Config) -> anyhow::Result<Self> {
        match given.unwrap_or(&config.database.url) {
            url if url.is_empty() => Ok(Self::File(data.database())),
            url => Ok(Self::Postgres(Box::new(url.settings()?))),
        }
    }

    /// Whether it is a file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// What runs the connections to a PostgreSQL server.
enum Io {
    Own(Option<Runtime>),
    Shared(Handle),
}

impl Drop for Io {
    fn drop(&mut self) {
        if let Self::Own(runtime) = self
            && let Some(runtime) = runtime.take()
        {
            // Does not wait, so that it may be dropped anywhere; nothing acknowledged is still under way.
            runtime.shutdown_background();
        }
    }
}

/// A database and what runs its connections. Must outlive the stores it opens.
pub struct Database {
    place: Place,
    io: Io,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.place)
    }
}

impl Database {
    /// A database with threads of its own.
    ///
    /// # Errors
    /// They cannot be started.
    pub fn new(place: Place) -> anyhow::Result<Self> {
        let runtime = match place {
            Place::File(_) => None,
            Place::Postgres(_) => {
                Some(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
            }
        };
        Ok(Self { place, io: Io::Own(runtime) })
    }

    /// A database on the threads of a server.
    #[must_use]
    pub const fn on(place: Place, runtime: Handle) -> Self {
        Self { place, io: Io::Shared(runtime) }
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    fn handle(&self) -> anyhow::Result<&Handle> {
        match &self.io {
            Io::Shared(handle) => Ok(handle),
            Io::Own(Some(runtime)) => Ok(runtime.handle()),
            Io::Own(None) => bail!("this database has no threads"),
        }
    }

    /// Runs something on the threads and waits for it.
    fn run<T: Send + 'static>(
        &self,
        job: impl Future<Output = Result<T, OpenError>> + Send + 'static,
    ) -> anyhow::Result<T> {
        block_on(self.handle()?.spawn(job)).context("a thread of the database failed")?.map_err(Into::into)
    }

    /// Makes a new database.
    ///
    /// # Errors
    /// There is one already, or it cannot be made.
    pub fn create(&self) -> anyhow::Result<Arc<dyn Store>> {
        match &self.place {
            Place::File(path) => Ok(Arc::new(SqliteStore::create(path)?)),
            Place::Postgres(settings) => {
                let handle = self.handle()?.clone();
                Ok(Arc::new(self.run(PostgresStore::create(settings.as_ref().clone(), handle))?))
            }
        }
    }

    /// Opens a database of exactly the schema version this program knows.
    ///
    /// # Errors
    /// There is none, it is of another version, damaged, or cannot be reached.
    pub fn open(&self) -> anyhow::Result<Arc<dyn Store>> {
        match &self.place {
            Place::File(path) => Ok(Arc::new(SqliteStore::open(path)?)),
            Place::Postgres(_) => Ok(Arc::new(self.open_postgres()?)),
        }
    }

    /// The driver itself, for what only it can tell.
    ///
    /// # Errors
    /// As [`Database::open`], or it is a file.
    pub fn open_postgres(&self) -> anyhow::Result<PostgresStore> {
        let Place::Postgres(settings) = &self.place else { bail!("not a PostgreSQL database") };
        let handle = self.handle()?.clone();
        self.run(PostgresStore::open(settings.as_ref().clone(), handle))
    }

    /// Opens a database to serve from. One that cannot be reached is waited for while the server answers that it is
    /// not ready; one that says no is an error.
    ///
    /// # Errors
    /// As [`Database::open`], except that it need not be reachable.
    pub fn open_to_serve(&self) -> anyhow::Result<Arc<dyn Store>> {
        let Place::Postgres(settings) = &self.place else { return self.open() };
        let handle = self.handle()?.clone();
        let store = Arc::new(PostgresStore::open_later(settings.as_ref().clone(), handle.clone())?);
        let look = Arc::clone(&store);
        match self.run(async move { Ok(look.check().await) })? {
            Ok(()) => {}
            Err(OpenError::Unreachable(reason)) => {
                tracing::warn!(database = %self.place, reason, "the database cannot be reached; waiting for it");
                handle.spawn(wait_for(Arc::clone(&store)));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(store)
    }

    /// The database as what is copied. Nobody else can use it as long as the value lives.
    ///
    /// # Errors
    /// There is none, it is in use, or of another version.
    pub fn source(&self) -> anyhow::Result<Box<dyn End>> {
        Ok(match &self.place {
            Place::File(path) => Box::new(SqliteEnd::source(path)?),
            Place::Postgres(settings) => {
                let (settings, handle) = (settings.as_ref().clone(), self.handle()?.clone());
                Box::new(self.run(async move { PostgresEnd::source(&settings, handle).await })?)
            }
        })
    }

    /// The database as what is copied into, whether there is one or not.
    ///
    /// # Errors
    /// It is in use, of another version, or cannot be reached.
    pub fn target(&self) -> anyhow::Result<Box<dyn End>> {
        Ok(match &self.place {
            Place::File(path) => {
                path.parent().map_or(Ok(()), make_private_dir)?;
                Box::new(SqliteEnd::target(path)?)
            }
            Place::Postgres(settings) => {
                let (settings, handle) = (settings.as_ref().clone(), self.handle()?.clone());
                Box::new(self.run(async move { PostgresEnd::target(&settings, handle).await })?)
            }
        })
    }

    /// Opens a database that has a part in a move, which [`Database::open`] refuses.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open_despite_move(&self) -> anyhow::Result<Arc<dyn Store>> {
        Ok(match &self.place {
            Place::File(path) => Arc::new(SqliteStore::open_despite_move(path)?),
            Place::Postgres(settings) => {
                let (settings, handle) = (settings.as_ref().clone(), self.handle()?.clone());
                Arc::new(self.run(PostgresStore::open_despite_move(settings, handle))?)
            }
        })
    }

    /// Brings an older database up to date; gives the number of migrations applied.
    ///
    /// # Errors
    /// There is none, or one of a newer program.
    pub fn migrate(&self) -> anyhow::Result<usize> {
        match &self.place {
            Place::File(path) => Ok(SqliteStore::migrate(path)?),
            Place::Postgres(settings) => {
                let (settings, handle) = (settings.as_ref().clone(), self.handle()?.clone());
                self.run(async move { PostgresStore::migrate(&settings, &handle).await })
            }
        }
    }
}

/// Tells the log when a database that was away is there, and when what came is not what was expected.
async fn wait_for(store: Arc<PostgresStore>) {
    let mut told = String::new();
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        match store.check().await {
            Ok(()) => {
                tracing::info!("the database is there");
                return;
            }
            Err(error) => {
                let error = error.to_string();
                if error != told {
                    tracing::warn!(error, "still waiting for the database");
                    told = error;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_wins_over_the_settings_and_nothing_shows_the_url() {
        let data = DataDir::new("/x");
        let mut config = Config::default();
        assert!(
            matches!(Place::of(&data, None, &config).unwrap(), Place::File(path) if path == data.database())
        );
        config.database.url = "postgres://u:s3cret@127.0.0.1/settings".to_owned().into();
        let place = Place::of(&data, None, &config).unwrap();
        assert_eq!(place.to_string(), "PostgreSQL database settings at 127.0.0.1:5432");
        let given = "postgres://u:s3cret@127.0.0.1/given".to_owned().into();
        let place = Place::of(&data, Some(&given), &config).unwrap();
        assert!(place.to_string().contains("given"));
        assert!(!format!("{place:?} {given:?} {config:?}").contains("s3cret"));
        let error = Place::of(&data, Some(&"mysql://u:s3cret@h/d".to_owned().into()), &config).unwrap_err();
        assert!(!format!("{error:#} {error:?}").contains("s3cret"));
    }
}
