//! Committing: one pipeline, and an answer that is known whatever breaks.

use std::sync::Arc;
use std::time::Duration;

use licensing_core::changeset::ChangeSet;
use licensing_store::{CommitError, StoreError};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::connect::{Connection, OpenError, told};
use crate::pipeline::{Step, values};
use crate::pool::{Lease, Pool};
use crate::write::{Batch, must_hit};

/// How often a transaction is tried that collides with others.
const COLLISIONS: u32 = 20;
/// How long a commit whose outcome is not known is pursued.
const PURSUIT: Duration = Duration::from_secs(20);

/// Advances the commit number of a connection. The first statement of every transaction.
const ADVANCE: &str = must_hit!("UPDATE commits SET number = number + 1 WHERE process = $1 AND number = $2");
/// Statements before the first of the change set: `BEGIN` and the one above.
const BEFORE: usize = 2;

/// Why something did not work.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The database said so, or the connection broke.
    Postgres(Error),
    /// Damage, or no connection.
    Store(StoreError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<OpenError> for Failed {
    fn from(error: OpenError) -> Self {
        Self::Store(StoreError::Unavailable(error.to_string()))
    }
}

impl Failed {
    /// For whoever asked. A damaged page is told from a database that is merely busy, full or away.
    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Postgres(error) => store_error(&error),
        }
    }
}

pub(crate) fn store_error(error: &Error) -> StoreError {
    match error.code() {
        Some(&(SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED)) => {
            StoreError::Inconsistent { table: "database", column: "file" }
        }
        _ => StoreError::Unavailable(told(error)),
    }
}

/// Whether a stored text cannot be read as what it should be.
pub(crate) fn damaged_value(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("22"))
}

/// Which transaction it is, so that it can be found again: a connection and its commit number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    process: Vec<u8>,
    number: i64,
}

impl Key {
    fn next(connection: &Connection) -> Self {
        Self { process: connection.process.clone(), number: connection.number + 1 }
    }
}

/// What became of one attempt.
#[derive(Debug)]
enum Attempt {
    /// It took place, and is durable.
    Done,
    /// It took place; whether it has reached the replicas is not known.
    DoneHere,
    /// Its key was used already: it took place before, or the row of the connection is gone.
    KeyUsed,
    /// It did not take place, for good.
    Refused(CommitError),
    /// It did not take place; trying again may help.
    Collided(StoreError),
    /// It did not take place, and this connection is of no use.
    Elsewhere(StoreError),
    /// Nobody knows.
    Lost,
}

/// Commits a change set.
pub(crate) async fn commit(pool: &Arc<Pool>, changes: &ChangeSet) -> Result<(), CommitError> {
    let batch = Batch::of(changes);
    let mut deadline = pool.deadline();
    let mut lost: Option<Key> = None;
    let mut collisions = 0;
    loop {
        let mut lease = match pool.get(deadline).await {
            Ok(lease) => lease,
            Err(_) if lost.is_some() => return Err(CommitError::Unknown),
            Err(error) => return Err(StoreError::Unavailable(error.to_string()).into()),
        };
        let key = lost.clone().unwrap_or_else(|| Key::next(&lease));
        match attempt(pool, &mut lease, &key, &batch).await {
            Attempt::Done => {
                lease.give_back();
                return Ok(());
            }
            Attempt::Refused(error) => {
                // Only after these has the server ended the transaction itself.
                if matches!(error, CommitError::Conflict | CommitError::Duplicate) {
                    lease.give_back();
                }
                return Err(error);
            }
            Attempt::DoneHere => return confirm(pool, lease).await,
            Attempt::KeyUsed => {
                if took_place(&mut lease, &key).await? {
                    return confirm(pool, lease).await;
                }
                // The row went with a database that was replaced by a copy without it; and with it the transaction.
                lost = None;
            }
            Attempt::Collided(error) => {
                collisions += 1;
                if collisions > COLLISIONS {
                    return Err(if lost.is_some() { CommitError::Unknown } else { error.into() });
                }
                lease.give_back();
                sleep(Duration::from_millis(u64::from(collisions))).await;
            }
            Attempt::Elsewhere(error) => {
                collisions += 1;
                if collisions > COLLISIONS && lost.is_none() {
                    return Err(error.into());
                }
                sleep(Duration::from_millis(50)).await;
            }
            Attempt::Lost => {
                if lost.is_none() {
                    deadline = Instant::now() + PURSUIT;
                    tracing::warn!("a connection broke while committing; the change set is sent again");
                }
                lost = Some(key);
            }
        }
        if Instant::now() >= deadline {
            return Err(lost.map_or_else(
                || StoreError::Unavailable("the database did not get to it in time".to_owned()).into(),
                |_| CommitError::Unknown,
            ));
        }
    }
}

async fn attempt(pool: &Pool, connection: &mut Connection, key: &Key, batch: &Batch) -> Attempt {
    let mut steps =
        vec![Step::Control("BEGIN"), Step::query(ADVANCE, values![key.process.clone(), key.number - 1])];
    steps.extend(batch.steps.iter().map(Step::again));
    steps.push(Step::Control("COMMIT"));
    connection.take_doubt();
    // The server's own time-outs come first; this one is for a network that swallows everything.
    let limit = pool.settings.statement_timeout + pool.settings.lock_timeout + Duration::from_secs(5);
    let answers = match timeout(limit, connection.pipeline(&steps)).await {
        Err(_) => return Attempt::Lost,
        // Nothing was sent: the statements could not be prepared.
        Ok(Err(error)) => return Attempt::Elsewhere(store_error(&error)),
        Ok(Ok(answers)) => answers,
    };
    let sent = answers.len();
    let Some((at, error)) =
        answers.into_iter().enumerate().find_map(|(at, answer)| Some((at, answer.err()?)))
    else {
        if key.process == connection.process {
            connection.number = key.number;
        }
        return if connection.take_doubt() { Attempt::DoneHere } else { Attempt::Done };
    };
    if sent < steps.len() && error.code().is_none() {
        // The COMMIT never left. Either the connection was closed before, or a value does not fit its column.
        let closed = connection.client.is_closed();
        let told = store_error(&error);
        return if closed { Attempt::Elsewhere(told) } else { Attempt::Refused(told.into()) };
    }
    failed(at, steps.len(), &error, batch)
}

/// What the first failed statement of a transaction means.
fn failed(at: usize, steps: usize, error: &Error, batch: &Batch) -> Attempt {
    let Some(code) = error.code() else { return Attempt::Lost };
    let is_commit = at + 1 == steps;
    match code.code() {
        // The server ends, or ends this connection: before the COMMIT it has taken nothing, at it nobody knows.
        text if text.starts_with("57P") || text.starts_with("08") => {
            if is_commit {
                Attempt::Lost
            } else {
                Attempt::Elsewhere(store_error(error))
            }
        }
        "22012" if at + 1 == BEFORE => Attempt::KeyUsed,
        "22012" => Attempt::Refused(CommitError::Conflict),
        "23505" if batch.request.is_some_and(|request| request + BEFORE == at) => {
            Attempt::Refused(CommitError::Duplicate)
        }
        // A key that exists already, or a row it refers to that does not: the facts were not current.
        text if text.starts_with("23") => Attempt::Refused(CommitError::Conflict),
        // Serialisation failures, deadlocks, and locks that were waited for in vain.
        "40001" | "40P01" | "55P03" => Attempt::Collided(store_error(error)),
        // A server that has become a replica.
        "25006" => Attempt::Elsewhere(store_error(error)),
        _ => Attempt::Refused(store_error(error).into()),
    }
}

/// Whether a transaction whose key is used took place.
async fn took_place(connection: &mut Connection, key: &Key) -> Result<bool, CommitError> {
    let sql = "SELECT number FROM commits WHERE process = $1";
    let rows = connection.one(sql, values![key.process.clone()]).await.map_err(|_| CommitError::Unknown)?;
    Ok(rows.first().is_some_and(|row| row.get::<_, i64>("number") >= key.number))
}

/// Makes sure that what took place has reached the replicas: a later commit that is acknowledged in full covers it.
async fn confirm(pool: &Arc<Pool>, lease: Lease) -> Result<(), CommitError> {
    let deadline = Instant::now() + PURSUIT;
    let mut next = Some(lease);
    loop {
        let mut lease = match next.take() {
            Some(lease) => lease,
            None => pool.get(deadline).await.map_err(|_| CommitError::Unknown)?,
        };
        let key = Key::next(&lease);
        if matches!(attempt(pool, &mut lease, &key, &Batch::default()).await, Attempt::Done) {
            lease.give_back();
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(CommitError::Unknown);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use licensing_testkit::postgres::Cluster;
    use tokio::runtime::Runtime;

    use super::*;
    use crate::settings::Settings;
    use crate::tls::Tls;
    use crate::{PostgresStore, migrate};

    /// A pool over a new database, with what must live as long as it.
    fn pool() -> (Runtime, licensing_testkit::postgres::Database, Arc<Pool>) {
        let database = Cluster::shared().database();
        let runtime = Runtime::new().unwrap();
        let settings = Settings::parse(&database.url()).unwrap();
        let handle = runtime.handle().clone();
        drop(runtime.block_on(PostgresStore::create(settings.clone(), handle.clone())).unwrap());
        let pool = Pool::new(settings.clone(), Tls::new(&settings).unwrap(), handle);
        (runtime, database, pool)
    }

    fn inserts(names: &[&str]) -> Batch {
        let sql = "INSERT INTO tokens (hash, name, roles, created_at, version) VALUES ($1, $2, '', 1, 1)";
        let step = |name: &&str| Step::query(sql, values![name.as_bytes().to_vec(), (*name).to_owned()]);
        Batch { steps: names.iter().map(step).collect(), ..Batch::default() }
    }

    #[test]
    fn a_value_that_cannot_be_sent_takes_everything_with_it() {
        let (runtime, database, pool) = pool();
        let mut batch = inserts(&["a", "b", "c"]);
        // A text where the column wants a number.
        let sql = "UPDATE tokens SET version = $1";
        batch.steps.insert(1, Step::query(sql, values!["text".to_owned()]));
        runtime.block_on(async {
            let mut lease = pool.get(pool.deadline()).await.unwrap();
            let key = Key::next(&lease);
            let outcome = attempt(&pool, &mut lease, &key, &batch).await;
            assert!(matches!(outcome, Attempt::Refused(CommitError::Store(_))), "{outcome:?}");
        });
        assert_eq!(database.sql("SELECT count(*) FROM tokens").unwrap(), "0");
    }

    #[test]
    fn a_key_is_used_once_and_found_again_by_another_connection() {
        let (runtime, database, pool) = pool();
        runtime.block_on(async {
            let mut first = pool.get(pool.deadline()).await.unwrap();
            let key = Key::next(&first);
            assert!(matches!(attempt(&pool, &mut first, &key, &inserts(&["a"])).await, Attempt::Done));
            // The answer is lost: the same is sent again, over another connection.
            let mut second = pool.get(pool.deadline()).await.unwrap();
            assert!(!took_place(&mut second, &Key { number: key.number + 1, ..key.clone() }).await.unwrap());
            let again = attempt(&pool, &mut second, &key, &inserts(&["a"])).await;
            assert!(matches!(again, Attempt::KeyUsed), "{again:?}");
            assert!(took_place(&mut second, &key).await.unwrap());
            // The request is lost instead: it is carried out by the second, and the first can do so no more.
            let key = Key::next(&first);
            assert!(matches!(attempt(&pool, &mut second, &key, &inserts(&["b"])).await, Attempt::Done));
            let late = attempt(&pool, &mut first, &key, &inserts(&["b"])).await;
            assert!(matches!(late, Attempt::KeyUsed), "{late:?}");
        });
        assert_eq!(database.sql("SELECT string_agg(name, ' ' ORDER BY name) FROM tokens").unwrap(), "a b");
    }

    #[test]
    fn an_unfinished_twin_is_waited_for() {
        let (runtime, database, pool) = pool();
        runtime.block_on(async {
            let first = pool.get(pool.deadline()).await.unwrap();
            let key = Key::next(&first);
            // Everything but the COMMIT has arrived, and the connection that sent it seems gone.
            let advance = format!(
                "BEGIN; UPDATE commits SET number = number + 1 WHERE process = '\\x{}';
                 INSERT INTO tokens (hash, name, roles, created_at, version) VALUES ('a', 'a', '', 1, 1)",
                key.process.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            );
            first.client.batch_execute(&advance).await.unwrap();
            let twin = {
                let (pool, key) = (Arc::clone(&pool), key.clone());
                tokio::spawn(async move {
                    let mut second = pool.get(pool.deadline()).await.unwrap();
                    let outcome = attempt(&pool, &mut second, &key, &inserts(&["a"])).await;
                    (matches!(outcome, Attempt::KeyUsed), took_place(&mut second, &key).await.unwrap())
                })
            };
            // Commits only once the twin stands before the lock.
            let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'";
            let third = pool.get(pool.deadline()).await.unwrap();
            while third.client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {}
            first.client.batch_execute("COMMIT").await.unwrap();
            assert_eq!(twin.await.unwrap(), (true, true));
        });
        assert_eq!(database.sql("SELECT count(*) FROM tokens").unwrap(), "1");
    }

    #[test]
    fn a_schema_is_made_once_and_an_unknown_one_is_refused() {
        let (runtime, database, pool) = pool();
        let (settings, handle) = (pool.settings.clone(), runtime.handle().clone());
        let create = || runtime.block_on(PostgresStore::create(settings.clone(), handle.clone())).map(drop);
        let open = || runtime.block_on(PostgresStore::open(settings.clone(), handle.clone())).map(drop);
        let upgrade = || runtime.block_on(PostgresStore::migrate(&settings, &handle));
        assert!(matches!(create(), Err(OpenError::Exists)));
        assert_eq!(upgrade().unwrap(), 0);
        for (version, found) in [("99", 99), ("0", 0), ("-1", usize::MAX)] {
            database.sql(&format!("UPDATE schema_version SET version = {version}")).unwrap();
            assert!(matches!(open(), Err(OpenError::Schema { found: f, .. }) if f == found));
            assert!(matches!(upgrade(), Err(OpenError::Schema { found: f, .. }) if f == found));
        }
        assert_eq!(migrate::SCHEMA_VERSION, 11);
    }
}
