//! The connections of a database: one for writing, owned by a thread, and two pools of them for reading.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_channel::oneshot;
use licensing_core::changeset::ChangeSet;
use licensing_store::{CommitError, StoreError, StoreFuture};
use rusqlite::{Connection, TransactionBehavior};

use crate::readers::{Readers, closed};
use crate::rows::commit_error;
use crate::write;

/// Most change sets that share one transaction.
const GROUP_MAX: usize = 256;
/// Change sets that may wait before the server is told to try again.
const QUEUE_MAX: usize = 4_096;

type Answer = oneshot::Sender<Result<(), CommitError>>;
type Scan = Box<dyn FnOnce() + Send>;

/// All connections of a database.
pub(crate) struct Connections {
    to_writer: Option<SyncSender<(ChangeSet, Answer)>>,
    writer: Option<JoinHandle<()>>,
    /// For what finds a few rows by their keys.
    quick: Arc<Readers>,
    /// For everything else, so that what is quick never waits for it.
    slow: Arc<Readers>,
    /// To the threads that do the rest, one for each connection.
    to_scanners: Option<Sender<Scan>>,
    scanners: Vec<JoinHandle<()>>,
}

impl Connections {
    pub(crate) fn start(
        writer: Connection,
        quick: Vec<Connection>,
        slow: Vec<Connection>,
    ) -> std::io::Result<Self> {
        let (to_writer, from_callers) = sync_channel(QUEUE_MAX);
        let writer = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write_loop(writer, &from_callers))?;
        let (to_scanners, scans) = channel();
        let scans = Arc::new(Mutex::new(scans));
        let scanner = |_| {
            let scans = Arc::clone(&scans);
            std::thread::Builder::new().name("sqlite-reader".to_owned()).spawn(move || scan_loop(&scans))
        };
        let scanners = (0..slow.len().max(1)).map(scanner).collect::<std::io::Result<_>>()?;
        let quick = Readers::new(quick);
        let slow = if slow.is_empty() { Arc::clone(&quick) } else { Readers::new(slow) };
        let (to_writer, to_scanners) = (Some(to_writer), Some(to_scanners));
        Ok(Self { to_writer, writer: Some(writer), quick, slow, to_scanners, scanners })
    }

    pub(crate) fn commit(&self, changes: ChangeSet) -> StoreFuture<'_, (), CommitError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.to_writer.as_ref().is_some_and(|writer| writer.try_send((changes, answer)).is_ok());
        Box::pin(async move {
            if !sent {
                return Err(StoreError::Unavailable("too many changes are waiting".to_owned()).into());
            }
            // The thread ended without an answer: nobody knows whether the transaction was committed.
            answered.await.unwrap_or(Err(CommitError::Unknown))
        })
    }

    /// Reads a few rows by their keys, on the thread of the caller: waking up another one takes longer than that.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move { self.quick.lend().await?.run(job) })
    }

    /// Reads what may take long, on another thread.
    pub(crate) fn scan<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move {
            let mut connection = self.slow.lend().await?;
            let (answer, answered) = oneshot::channel();
            let scan: Scan = Box::new(move || {
                let found = connection.run(job);
                drop(connection);
                // Nobody is waiting any more when the request was cancelled; that is no failure.
                let _ = answer.send(found);
            });
            let scanners = self.to_scanners.as_ref().ok_or_else(closed)?;
            scanners.send(scan).map_err(|_| closed())?;
            answered.await.unwrap_or_else(|_| Err(closed()))
        })
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        // The writer ends last and alone, after what is queued: only the last connection to be closed moves the log
        // into the file, so that after a graceful end the file is complete by itself.
        self.to_scanners = None;
        for scanner in self.scanners.drain(..) {
            let _ = scanner.join();
        }
        self.quick.close();
        self.slow.close();
        self.to_writer = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn scan_loop(scans: &Mutex<Receiver<Scan>>) {
    loop {
        let next = scans.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(scan) = next else { return };
        // What panics is answered with nothing; the next one has this thread all the same.
        let _ = catch_unwind(AssertUnwindSafe(scan));
    }
}

fn write_loop(mut connection: Connection, jobs: &Receiver<(ChangeSet, Answer)>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(next) = jobs.try_recv()
        {
            group.push(next);
        }
        let (changes, answers): (Vec<ChangeSet>, Vec<Answer>) = group.into_iter().unzip();
        let outcomes = match write_group(&mut connection, &changes) {
            Ok(outcomes) => outcomes,
            Err(error) => changes.iter().map(|_| Err(commit_error(&error))).collect(),
        };
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            let _ = answer.send(outcome);
        }
    }
}

/// One transaction for the whole group, a savepoint for each member. Nobody is told anything before the
/// transaction is durable.
fn write_group(
    connection: &mut Connection,
    group: &[ChangeSet],
) -> Result<Vec<Result<(), CommitError>>, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut outcomes = Vec::with_capacity(group.len());
    for changes in group {
        run(&transaction, "SAVEPOINT member")?;
        let outcome = write::apply(&transaction, changes);
        match &outcome {
            Ok(()) => {}
            // This member's changes are taken back; the others stand.
            Err(CommitError::Conflict | CommitError::Duplicate) => run(&transaction, "ROLLBACK TO member")?,
            // The storage failed: better nobody's changes than a part of somebody's.
            Err(CommitError::Unknown | CommitError::Store(_)) => {
                drop(transaction);
                return Ok(group.iter().map(|_| outcome.clone()).collect());
            }
        }
        run(&transaction, "RELEASE member")?;
        outcomes.push(outcome);
    }
    transaction.commit()?;
    Ok(outcomes)
}

/// Runs a statement that is prepared once.
fn run(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;
    use licensing_core::changeset::Change;
    use licensing_core::item::{Item, ItemPolicy};
    use licensing_core::terms::LicenseTerms;
    use licensing_store::{ItemQuery, Store};
    use licensing_testkit::server::{NOW, definition};
    use rusqlite::OpenFlags;

    use super::*;
    use crate::SqliteStore;
    use crate::migrate;

    fn insert(id: String) -> ChangeSet {
        let definition = definition(&id, LicenseTerms::default(), ItemPolicy::default());
        let changes = vec![Change::PutItem(Item { definition, created_at: NOW, version: 0 })];
        ChangeSet { changes, ..ChangeSet::default() }
    }

    #[test]
    fn a_full_disk_is_told_and_loses_nothing_that_was_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("central.db");
        drop(SqliteStore::create(&path).unwrap());
        let writer = migrate::connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        let pages: i64 = writer.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let _: i64 = writer
            .query_row(&format!("PRAGMA max_page_count = {}", pages + 20), [], |row| row.get(0))
            .unwrap();
        let connections = Connections::start(writer, vec![], vec![]).unwrap();
        let (mut stored, mut full) = (Vec::new(), 0);
        for round in 0..10 {
            // All are queued before any is awaited, so that they share transactions.
            let ids: Vec<String> = (0..40).map(|number| format!("I-{round:02}-{number:02}")).collect();
            let waiting: Vec<_> = ids.iter().map(|id| connections.commit(insert(id.clone()))).collect();
            for (id, waiting) in ids.into_iter().zip(waiting) {
                match block_on(waiting) {
                    Ok(()) => stored.push(id),
                    Err(CommitError::Store(StoreError::Unavailable(_))) => full += 1,
                    Err(other) => unreachable!("{other}"),
                }
            }
        }
        assert!(!stored.is_empty() && full > 0, "{} stored, {full} refused", stored.len());
        drop(connections);
        let store = SqliteStore::open(&path).unwrap();
        let found = block_on(store.list_items(ItemQuery { limit: 1_000, ..ItemQuery::default() })).unwrap();
        let found: Vec<&str> = found.iter().map(|item| item.definition.id.as_str()).collect();
        assert_eq!(found, stored);
        assert_eq!(block_on(store.commit(insert("after".to_owned()))), Ok(()));
    }
}
