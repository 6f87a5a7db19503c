//! The schema with its numbered, append-only migrations, each in a transaction of its own under one lock.

use tokio_postgres::Client;

use crate::connect::OpenError;

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
    create_and(client, "").await
}

/// As [`create`], and runs some SQL in the transaction of the migrations.
///
/// # Errors
/// As [`create`].
pub(crate) async fn create_and(client: &Client, last: &str) -> Result<(), OpenError> {
    let (before, _) = apply(client, true, last).await?;
    if before == 0 { Ok(()) } else { Err(OpenError::Exists) }
}

/// Applies the migrations that are missing to a database that has a schema; gives their number.
///
/// # Errors
/// It has none, or one of a newer program.
pub(crate) async fn upgrade(client: &Client) -> Result<usize, OpenError> {
    let (before, after) = apply(client, false, "").await?;
    Ok(after - before)
}

async fn apply(client: &Client, create: bool, last: &str) -> Result<(usize, usize), OpenError> {
    let mut first = None;
    loop {
        client.batch_execute("BEGIN").await?;
        let outcome = apply_next(client, create, first, last).await;
        client.batch_execute(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
        let (found, done) = outcome?;
        let before = *first.get_or_insert(found);
        if done {
            return Ok((before, found));
        }
    }
}

/// Applies one migration under the lock, or all to a new database: the version found before it, and whether there was nothing to do.
async fn apply_next(
    client: &Client,
    create: bool,
    first: Option<usize>,
    last: &str,
) -> Result<(usize, bool), OpenError> {
    client.batch_execute(LOCK).await?;
    let found = version(client).await?;
    let unknown = || OpenError::Schema { found, needed: SCHEMA_VERSION };
    // A database without a schema has lost its content, or never had one: only `create` may begin it, and `create`
    // touches no other.
    let may = if create { first.is_some() || found == 0 } else { first.is_some() || found > 0 };
    if found > SCHEMA_VERSION || !(may || create) {
        return Err(unknown());
    }
    let missing = MIGRATIONS.get(found..).unwrap_or_default();
    if missing.is_empty() || !may {
        return Ok((found, true));
    }
    // A new database gets all of them at once: half a schema would be neither new nor old.
    let next = if found == 0 { missing } else { &missing[..1] };
    if found == 0 {
        client.batch_execute("CREATE TABLE schema_version (version BIGINT NOT NULL)").await?;
        client.batch_execute("INSERT INTO schema_version VALUES (0)").await?;
    }
    for sql in next {
        client.batch_execute(sql).await?;
    }
    let version = i64::try_from(found + next.len()).unwrap_or(i64::MAX);
    client.execute("UPDATE schema_version SET version = $1", &[&version]).await?;
    if found == 0 {
        client.batch_execute(last).await?;
    }
    Ok((found, false))
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;
    use licensing_core::ids::{ContainerKind, ContainerSerial, LicenseId};
    use licensing_core::item::ItemPolicy;
    use licensing_core::terms::LicenseTerms;
    use licensing_store::{Store, document};
    use licensing_testkit::postgres::Cluster;
    use licensing_testkit::server::definition;
    use tokio::runtime::Runtime;

    use super::*;
    use crate::PostgresStore;
    use crate::settings::Settings;

    /// A license of two, of which one was returned and one is being activated, as the first version stored it.
    const RECORDS: &str = "INSERT INTO schema_version VALUES (1);
        INSERT INTO tickets VALUES (ID16, ID32, ID16, NULL, FALSE, 1);
        INSERT INTO licenses VALUES (ID16, ID16, 'O', 0, '\\x07', 2, 1, 1, NULL, 1, 0, 0, 0, 1, 5);
        INSERT INTO containers VALUES (SERIAL, ID32, ID32, TRUE, 'normal', 1, 1);
        INSERT INTO firms VALUES (SERIAL, 6000010, 1, ID32, 4, 1, 1, ID32, 1, 3);
        INSERT INTO receipts VALUES (ID32, SERIAL, 6000010, 1, ID32, ID16, 1);
        INSERT INTO steps VALUES (ID32, SERIAL, 6000010, 0, ID32, ID32, ID16, 1, ID32, 9);
        INSERT INTO steps VALUES (NEXT, SERIAL, 6000010, 1, ID32, NEXT, ID16, 1, NULL, NULL);
        INSERT INTO activations VALUES (ID16, ID16, ID16, SERIAL, 6000010, ID16, 0, 1, NULL, NULL, NULL, NULL,
            'returned', NULL, NULL, 77, ID32, 1, 3);
        INSERT INTO activations VALUES ('\\x08', ID16, ID16, SERIAL, 6000010, ID16, 1, 1, NULL, NULL, NULL, NULL,
            'activating', NEXT, NULL, NULL, NULL, 1, 1)";

    #[test]
    fn records_of_the_first_version_are_read_by_this_one() {
        let (database, runtime) = (Cluster::shared().database(), Runtime::new().unwrap());
        let settings = Settings::parse(&database.url()).unwrap();
        let serial = ContainerSerial::new(ContainerKind::Act, 1).unwrap();
        let (_, text) =
            document::write_item(&definition("SNP", LicenseTerms::default(), ItemPolicy::default()));
        let id = |byte: &str, length| format!("'\\x{}'", byte.repeat(length));
        let records = RECORDS
            .replace("ID16", &id("01", 16))
            .replace("ID32", &id("01", 32))
            .replace("NEXT", &id("02", 32))
            .replace("'\\x08'", &id("08", 16))
            .replace("SERIAL", &crate::rows::serial_number(serial).to_string());
        database.sql(MIGRATIONS[0]).unwrap();
        database.sql("CREATE TABLE schema_version (version BIGINT NOT NULL)").unwrap();
        database.sql(&format!("INSERT INTO definitions VALUES ('\\x07', '{text}')")).unwrap();
        database.sql(&records).unwrap();

        let open = || runtime.block_on(PostgresStore::open(settings.clone(), runtime.handle().clone()));
        assert!(matches!(open(), Err(OpenError::Schema { found: 1, needed: SCHEMA_VERSION })));
        let migrate = || runtime.block_on(PostgresStore::migrate(&settings, runtime.handle()));
        assert_eq!((migrate().unwrap(), migrate().unwrap()), (SCHEMA_VERSION - 1, 0));
        assert_eq!(database.sql("SELECT ended_at FROM activations WHERE state = 'returned'").unwrap(), "77");

        let store = open().unwrap();
        let line = block_on(store.license(LicenseId([1; 16]))).unwrap().unwrap();
        assert_eq!((line.version, line.ledger.fresh, line.ledger.activating), (5, 1, 1));
        assert_eq!((line.ledger.withdrawn(), line.assigned, line.replaced_by), (0, None, None));
        let live = block_on(store.live_of_license(line.id)).unwrap();
        assert_eq!(live.iter().map(|a| (a.withdraw, a.update)).collect::<Vec<_>>(), [(false, None)]);
        let firm = block_on(store.firms_of_container(serial)).unwrap().pop().unwrap();
        assert_eq!((firm.pending.len(), firm.voided.len(), firm.resync), (1, 0, false));
        let last = firm.last_context.unwrap();
        assert_eq!((last.sequence, last.free_products, last.traits), (4, 0, vec![]));
        assert_eq!(block_on(store.reconciling()), Ok(None));
        // The bytes of the two steps are made up; everything else is as it should be.
        let findings = block_on(store.audit()).unwrap();
        let what = "a step is not what its place in the chain says";
        assert_eq!(findings.iter().map(|finding| finding.what).collect::<Vec<_>>(), [what; 2]);
    }
}
