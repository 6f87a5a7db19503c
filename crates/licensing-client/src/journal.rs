//! The journal of a transfer: written before anything is sent, so that an interrupted transfer is resumed and
//! not begun a second time.

use serde::{Deserialize, Serialize};

/// How far a transfer got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The request was, or was about to be, sent.
    Requested,
    /// The update was imported; its receipt was not uploaded.
    Imported,
}

/// An unfinished transfer of one container and firm code.
///
/// # Security
/// Holds no ticket: only a hash by which the same request is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The firm code.
    pub firm_code: u32,
    /// Idempotency key the request is sent with.
    pub key: String,
    /// Hash of what was asked (hex).
    pub fingerprint: String,
    /// The context that is sent (base64), byte for byte the same at every attempt.
    pub context: String,
    /// How far it got.
    pub stage: Stage,
}

/// Where the journal of a container is kept.
pub trait Journal {
    /// The unfinished transfer, if there is one.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&self) -> std::io::Result<Option<JournalEntry>>;

    /// Keeps an entry durably.
    ///
    /// # Errors
    /// It cannot be written.
    fn store(&mut self, entry: &JournalEntry) -> std::io::Result<()>;

    /// Forgets the entry.
    ///
    /// # Errors
    /// It cannot be removed.
    fn clear(&mut self) -> std::io::Result<()>;
}

/// No journal: an interrupted transfer is finished by the server's own means, at the next transfer.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn load(&self) -> std::io::Result<Option<JournalEntry>> {
        Ok(None)
    }

    fn store(&mut self, _: &JournalEntry) -> std::io::Result<()> {
        Ok(())
    }

    fn clear(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
