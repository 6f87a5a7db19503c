//! The schema with its numbered, append-only migrations, each in a transaction of its own under one lock.

use tokio_postgres::Client;

use crate::connect::OpenError;

/// Every migration, in order. Never edit one that was shipped; append.
const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_initial.sql"), include_str!("migrations/0002_whole_life.sql")];

/// The schema version this program reads and writes.
pub const SCHEMA_VERSION: usize = MIGRATIONS.len();

/// Held while the schema changes, so that processes that start together do it one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6000010)";

/// Version of a database; 0 where there is no schema of ours.
pub(crate) async fn version(client: &Client) -> Result<usize, tokio_postgres::Error> {
    let known = client.query_one("SELECT to_regclass('schema_version') IS NOT NULL", &[]).await?;
    if !known.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = client.query_opt("SELECT version FROM schema_version", &[]).await?;
    Ok(row.map_or(0, |row| usize::try_from(row.get::<_, i64>(0)).unwrap_or(usize::MAX)))
}

/// Makes the schema in a database that has none.
///
/// # Errors
/// There is one already.
pub(crate) async fn create(client: &Client) -> Result<(), OpenError> {
    let (before, _) = apply(client, true).await?;
    if before == 0 { Ok(()) } else { Err(OpenError::Exists) }
}

/// Applies the migrations that are missing to a database that has a schema; gives their number.
///
/// # Errors
/// It has none, or one of a newer program.
pub(crate) async fn upgrade(client: &Client) -> Result<usize, OpenError> {
    let (before, after) = apply(client, false).await?;
    Ok(after - before)
}

async fn apply(client: &Client, create: bool) -> Result<(usize, usize), OpenError> {
    let mut first = None;
    loop {
        client.batch_execute("BEGIN").await?;
        let outcome = apply_next(client, create, first).await;
        client.batch_execute(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
        let (found, done) = outcome?;
        let before = *first.get_or_insert(found);
        if done {
            return Ok((before, found));
        }
    }
}

/// Applies one migration under the lock: the version found before it, and whether there was nothing to do.
async fn apply_next(client: &Client, create: bool, first: Option<usize>) -> Result<(usize, bool), OpenError> {
    client.batch_execute(LOCK).await?;
    let found = version(client).await?;
    let unknown = || OpenError::Schema { found, needed: SCHEMA_VERSION };
    // A database without a schema has lost its content, or never had one: only `create` may begin it, and `create`
    // touches no other.
    let may = if create { first.is_some() || found == 0 } else { first.is_some() || found > 0 };
    if found > SCHEMA_VERSION || !(may || create) {
        return Err(unknown());
    }
    let Some(sql) = MIGRATIONS.get(found).filter(|_| may) else { return Ok((found, true)) };
    if found == 0 {
        client.batch_execute("CREATE TABLE schema_version (version BIGINT NOT NULL)").await?;
        client.batch_execute("INSERT INTO schema_version VALUES (0)").await?;
    }
    client.batch_execute(sql).await?;
    let version = i64::try_from(found + 1).unwrap_or(i64::MAX);
    client.execute("UPDATE schema_version SET version = $1", &[&version]).await?;
    Ok((found, false))
}
