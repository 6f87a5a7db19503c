//! The move itself, from one end to the other.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use licensing_core::crypto::digest::Digest;
use licensing_core::time::Timestamp;

use super::content::ContentHash;
use super::{End, Mark, Part, Row, TABLES, Table};
use crate::StoreError;

/// Rows that are written at once.
const BATCH_ROWS: usize = 2_000;
/// About so many bytes are written at once.
const BATCH_BYTES: usize = 4 << 20;
/// Batches that wait between reader and writer.
const BATCHES_WAITING: usize = 4;

/// Why a move does not take place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The source has moved to another place.
    #[error("the source was moved to {0}")]
    SourceGone(String),
    /// The source is the unfinished copy of another.
    #[error("the source is an unfinished copy of {0}")]
    SourceUnfinished(String),
    /// The target is in use for something else.
    #[error("the target is not empty")]
    TargetInUse,
    /// The target was moved to another place, or is being moved.
    #[error("the target was moved to {0}, or is being moved there")]
    TargetGone(String),
    /// The target holds a part of something else.
    #[error("the target is an unfinished copy that belongs to another move, from {0}")]
    TargetUnfinished(String),
    /// Source and target are not equal.
    #[error("source and target differ in table {table}, at row {row}")]
    Differs {
        /// The table.
        table: &'static str,
        /// The row, in order of the keys, from 0.
        row: u64,
    },
    /// The source failed.
    #[error("source: {0}")]
    Source(#[source] StoreError),
    /// The target failed.
    #[error("target: {0}")]
    Target(#[source] StoreError),
}

/// What begins a move.
#[derive(Debug, Clone)]
pub struct Begin {
    /// Chosen at random, in case it is a new move.
    pub key: Digest,
    /// The source, for people.
    pub source: String,
    /// The target, for people.
    pub target: String,
    /// Now.
    pub now: Timestamp,
}

/// Where a move is after [`prepare`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Nothing is copied yet.
    Nothing,
    /// A part is copied.
    Part,
    /// Everything is copied and verified.
    Copied,
}

/// A table that is equal at both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCopied {
    /// The table.
    pub name: &'static str,
    /// Its rows.
    pub rows: u64,
    /// Hash of its content.
    pub hash: Digest,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The table at work.
    pub table: &'static str,
    /// Which of all tables it is, from 0.
    pub at: usize,
    /// Rows of it that are done by this run.
    pub rows: u64,
}

/// Checks that the move may take place, and marks both ends.
///
/// # Errors
/// It may not, or an end fails; what was marked stays marked.
pub fn prepare(source: &mut dyn End, target: &mut dyn End, begin: &Begin) -> Result<Done, CopyError> {
    let leaving = source.mark().map_err(CopyError::Source)?;
    let filling = target.mark().map_err(CopyError::Target)?;
    if let (Some(from), Some(into)) = (&leaving, &filling)
        && (into.part, from.key) == (Part::Filling, into.key)
    {
        return Ok(if from.part == Part::Gone { Done::Copied } else { Done::Part });
    }
    match leaving {
        Some(Mark { part: Part::Gone, other, .. }) => return Err(CopyError::SourceGone(other)),
        Some(Mark { part: Part::Filling, other, .. }) => return Err(CopyError::SourceUnfinished(other)),
        Some(Mark { part: Part::Leaving, .. }) | None => {}
    }
    match filling {
        Some(Mark { part: Part::Filling, other, .. }) => return Err(CopyError::TargetUnfinished(other)),
        Some(mark) => return Err(CopyError::TargetGone(mark.other)),
        None => {}
    }
    if !target.is_empty().map_err(CopyError::Target)? {
        return Err(CopyError::TargetInUse);
    }
    let mark = |part, other: &str| Mark { key: begin.key, part, other: other.to_owned(), since: begin.now };
    // The source first: with its new key an earlier unfinished copy of it is of no use any more.
    source.set_mark(Some(&mark(Part::Leaving, &begin.target))).map_err(CopyError::Source)?;
    target.set_mark(Some(&mark(Part::Filling, &begin.source))).map_err(CopyError::Target)?;
    Ok(Done::Nothing)
}

/// Copies what is missing, table by table.
///
/// # Errors
/// An end fails; the move can go on from there.
pub fn copy(
    source: &mut dyn End,
    target: &mut dyn End,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), CopyError> {
    for (at, table) in TABLES.iter().enumerate() {
        let after = target.last_key(table).map_err(CopyError::Target)?;
        let mut rows = 0;
        std::thread::scope(|scope| {
            let (send, batches) = sync_channel(BATCHES_WAITING);
            let reader = scope.spawn(|| read(source, table, after.as_ref(), send).map(drop));
            // Leaving early drops the receiver, which ends the reader.
            for batch in batches {
                rows += batch.len() as u64;
                target.write(table, batch).map_err(CopyError::Target)?;
                progress(Progress { table: table.name, at, rows });
            }
            reader.join().unwrap_or_else(|_| Err(failed())).map_err(CopyError::Source)
        })?;
    }
    target.complete().map_err(CopyError::Target)
}

/// Compares both ends, row by row, and gives the hash of every table.
///
/// # Errors
/// They differ, or an end fails.
pub fn verify(
    source: &mut dyn End,
    target: &mut dyn End,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<TableCopied>, CopyError> {
    let mut tables = Vec::with_capacity(TABLES.len());
    for (at, table) in TABLES.iter().enumerate() {
        let ((rows, hash), other) = std::thread::scope(|scope| {
            let (left, lefts) = sync_channel(BATCHES_WAITING);
            let (right, rights) = sync_channel(BATCHES_WAITING);
            let one = scope.spawn(|| read(source, table, None, left));
            let two = scope.spawn(|| read(target, table, None, right));
            let compared = compare(table, at, lefts, rights, progress);
            // An end that fails looks like one with fewer rows.
            let one = one.join().unwrap_or_else(|_| Err(failed())).map_err(CopyError::Source)?;
            let two = two.join().unwrap_or_else(|_| Err(failed())).map_err(CopyError::Target)?;
            compared.map(|()| (one, two.1))
        })?;
        if hash != other {
            return Err(CopyError::Differs { table: table.name, row: rows });
        }
        tables.push(TableCopied { name: table.name, rows, hash });
    }
    Ok(tables)
}

/// Ends the move: from now on the target is the database.
///
/// # Errors
/// An end fails; the move can be finished from there.
pub fn finish(source: &mut dyn End, target: &mut dyn End) -> Result<(), CopyError> {
    if let Some(mark) = source.mark().map_err(CopyError::Source)? {
        let gone = Mark { part: Part::Gone, ..mark };
        source.set_mark(Some(&gone)).map_err(CopyError::Source)?;
    }
    target.set_mark(None).map_err(CopyError::Target)
}

fn failed() -> StoreError {
    StoreError::Unavailable("a thread of the copy failed".to_owned())
}

/// Reads a table in batches, whose bounds depend on nothing but the rows; gives their number and hash. Ends early
/// when nobody listens any more.
fn read(
    end: &mut dyn End,
    table: &'static Table,
    after: Option<&Row>,
    batches: SyncSender<Vec<Row>>,
) -> Result<(u64, Digest), StoreError> {
    let mut hash = ContentHash::new(table);
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut listening = true;
    end.read(table, after, &mut |row| {
        hash.add(&row);
        bytes += row.iter().map(super::Value::size).sum::<usize>();
        batch.push(row);
        if batch.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
            bytes = 0;
            listening = batches.send(std::mem::take(&mut batch)).is_ok();
        }
        listening
    })?;
    if listening && !batch.is_empty() {
        // Nobody listens only when another failure is told already.
        let _ = batches.send(batch);
    }
    Ok(hash.finish())
}

/// Compares two tables while they are read. Dropping the receivers ends the readers.
fn compare(
    table: &'static Table,
    at: usize,
    lefts: Receiver<Vec<Row>>,
    rights: Receiver<Vec<Row>>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), CopyError> {
    let mut rows = 0;
    loop {
        let (left, right) = (lefts.recv().unwrap_or_default(), rights.recv().unwrap_or_default());
        if left.is_empty() && right.is_empty() {
            return Ok(());
        }
        if left != right {
            let equal = left.iter().zip(&right).take_while(|(left, right)| left == right).count();
            return Err(CopyError::Differs { table: table.name, row: rows + equal as u64 });
        }
        rows += left.len() as u64;
        progress(Progress { table: table.name, at, rows });
    }
}
