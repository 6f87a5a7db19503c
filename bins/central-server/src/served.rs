//! How far this server has come: a mark in its data folder, beside the database and not in it. By it the next start
//! recognises a database that is older than what was served (a backup was put back, a standby was behind), or another.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use licensing_core::crypto::digest::hash;
use licensing_core::event::Action;
use licensing_core::time::Timestamp;
use licensing_store::{EventQuery, Store, StoreError, StoredEvent};
use licensing_wire::binary::to_hex;
use serde::{Deserialize, Serialize};

use crate::command::failure::Refusal;
use crate::data_dir::replace;

/// Between two marks: what was served in the last of these moments is not recognised at the next start, and shows at
/// the next contact of a container.
const BETWEEN_MARKS: Duration = Duration::from_secs(5);

/// Between two looks for a database that was away when the server started.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// An event that this server has seen in its database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// Its place in the log.
    sequence: u64,
    /// When it was, in seconds since 1970.
    at: u64,
    /// What it says, as a hash.
    event: String,
}

impl Mark {
    fn of(stored: &StoredEvent) -> Self {
        let StoredEvent { sequence, event } = stored;
        let at = event.at.secs();
        let optional = |id: Option<[u8; 16]>| id.map(Vec::from).unwrap_or_default();
        let parts: [&[u8]; 8] = [
            &sequence.to_be_bytes(),
            &at.to_be_bytes(),
            event.action.name().as_bytes(),
            event.outcome.as_bytes(),
            &optional(event.ticket.map(|id| id.0)),
            &optional(event.license.map(|id| id.0)),
            event.actor.name.as_bytes(),
            event.detail.as_bytes(),
        ];
        Self { sequence: *sequence, at, event: to_hex(&hash("served event", &parts)) }
    }
}

/// How a database stands to a mark.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// It has what was served.
    Goes,
    /// It does not, and the vendor knows: the reconciliation was begun after the mark.
    Reconciled,
    Older,
    Other,
}

async fn standing(store: &dyn Store, mark: &Mark) -> Result<Standing, StoreError> {
    let after = mark.sequence.saturating_sub(1);
    let there = store.events(EventQuery { after, limit: 1, ..EventQuery::default() }).await?;
    let found = match there.first().map(Mark::of) {
        Some(found) if found == *mark => return Ok(Standing::Goes),
        Some(_) => Standing::Other,
        None => Standing::Older,
    };
    let action = Some(Action::ReconciliationStarted);
    let begun = EventQuery { action, newest: true, limit: 1, ..EventQuery::default() };
    let begun = store.events(begun).await?;
    let since = begun.first().is_some_and(|begun| begun.event.at >= Timestamp::from_secs(mark.at));
    Ok(if since { Standing::Reconciled } else { found })
}

/// Fails when the database has not everything up to a mark.
async fn compare(store: &dyn Store, mark: &Mark) -> anyhow::Result<()> {
    let what = match standing(store, mark).await? {
        Standing::Goes | Standing::Reconciled => return Ok(()),
        Standing::Older => "ends before",
        Standing::Other => "says something else at",
    };
    let sequence = mark.sequence;
    let text = format!("the log of the database {what} event {sequence}, which this server has served");
    Err(Refusal::new("database_restored", text).into())
}

/// Whether the database could not be asked.
fn is_away(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Unavailable(_)))
}

/// The mark of a data folder.
#[derive(Debug)]
pub struct Served(PathBuf);

impl Served {
    /// The mark at `path`, whether there is one yet or not.
    #[must_use]
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    fn read(&self) -> anyhow::Result<Option<Mark>> {
        let path = self.0.display();
        match std::fs::read(&self.0) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
                format!("{path} cannot be read; remove it when the database is certainly the newest")
            })?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {path}")),
        }
    }

    /// Fails when the database has not everything that this server has served.
    ///
    /// # Errors
    /// A database that was restored, or another one; or it cannot be asked.
    pub async fn check(&self, store: &dyn Store) -> anyhow::Result<()> {
        match self.read()? {
            Some(mark) => compare(store, &mark).await,
            None => Ok(()),
        }
    }

    /// The check of a server that starts: gives whether the database could be asked. One that is away is waited for.
    ///
    /// # Errors
    /// As [`Served::check`], unless the database is away.
    pub async fn begin(&self, store: &dyn Store) -> anyhow::Result<bool> {
        match self.check(store).await {
            Ok(()) => Ok(true),
            Err(error) if is_away(&error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "whether the database has what was served is asked later"
                );
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Moves the mark on, now and as long as it is polled. Ends only when the database was not `checked` yet and turns
    /// out not to have what was served.
    pub async fn keep(&self, store: &dyn Store, mut checked: bool) -> anyhow::Error {
        let mut told = None;
        loop {
            match self.mark(store).await {
                Ok(()) => (checked, told) = (true, None),
                Err(error) if !checked && error.is::<Refusal>() => return error,
                Err(error) => {
                    let error = format!("{error:#}");
                    // The same trouble is told once.
                    if told.as_ref() != Some(&error) {
                        tracing::error!(error, "how far this server has come cannot be noted");
                    }
                    told = Some(error);
                }
            }
            tokio::time::sleep(if checked { BETWEEN_MARKS } else { BETWEEN_LOOKS }).await;
        }
    }

    /// Moves the mark on for the last time; a database that is away is no reason to end with an error.
    ///
    /// # Errors
    /// As [`Served::mark`], unless the database is away.
    pub async fn at_end(&self, store: &dyn Store) -> anyhow::Result<()> {
        match self.mark(store).await {
            Err(error) if is_away(&error) => Ok(()),
            outcome => outcome,
        }
    }

    /// Moves the mark on.
    ///
    /// # Errors
    /// The database has not what was marked before, cannot be asked, or the file cannot be written.
    pub async fn mark(&self, store: &dyn Store) -> anyhow::Result<()> {
        let last = self.read()?;
        if let Some(last) = &last {
            compare(store, last).await?;
        }
        let newest = EventQuery { newest: true, limit: 1, ..EventQuery::default() };
        let Some(mark) = store.events(newest).await?.first().map(Mark::of) else { return Ok(()) };
        if last.as_ref() == Some(&mark) {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&mark)?;
        // Not a task of its own: broken off in the middle, it could write at the same time as the next.
        tokio::task::block_in_place(|| replace(&self.0, &bytes))
    }
}

#[cfg(test)]
mod tests {
    use licensing_core::changeset::ChangeSet;
    use licensing_core::event::Event;
    use licensing_store_sqlite::SqliteStore;

    use super::*;
    use crate::service::{actor, begin_reconciliation};

    async fn log(store: &SqliteStore, detail: &str, at: u64) {
        let at = Timestamp::from_secs(at);
        let mut event = Event::new(Action::OrderCreated, &actor("test", None), at);
        event.detail = detail.to_owned();
        store.commit(ChangeSet { events: vec![event], ..ChangeSet::default() }).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_older_and_another_database_are_recognised_and_a_reconciled_one_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| SqliteStore::create(&folder.path().join(name)).unwrap();
        let (store, older, other) = (make("central.db"), make("older.db"), make("other.db"));
        let served = Served::at(folder.path().join("served.json"));
        served.check(&store).await.unwrap();
        served.mark(&store).await.unwrap();
        for store in [&store, &older] {
            log(store, "first", 100).await;
        }
        served.mark(&store).await.unwrap();
        served.check(&older).await.expect("it has everything up to the mark");
        log(&store, "second", 200).await;
        served.mark(&store).await.unwrap();
        served.check(&store).await.unwrap();
        let said = served.check(&older).await.unwrap_err().to_string();
        assert!(said.contains("ends before event 2"), "{said}");
        // Away when the server started, and older when it came back.
        let error = served.keep(&older, false).await;
        assert!(error.to_string().contains("ends before event 2"), "{error}");
        log(&other, "first", 100).await;
        log(&other, "something else", 200).await;
        let said = served.check(&other).await.unwrap_err().to_string();
        assert!(said.contains("says something else at event 2"), "{said}");
        assert!(served.mark(&other).await.is_err(), "the mark stays where it is");
        served.check(&store).await.unwrap();
        // One that was begun before the mark says nothing about what was lost after it.
        let begin = |at| begin_reconciliation(&actor("test", None), Timestamp::from_secs(at));
        older.commit(begin(150)).await.unwrap();
        assert!(served.check(&older).await.is_err());
        older.commit(begin(300)).await.unwrap();
        served.mark(&older).await.unwrap();
        served.check(&older).await.unwrap();
    }
}
