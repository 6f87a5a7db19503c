//! Moving a whole database into another, of whatever driver.
//!
//! A database that is copied must never be served beside its copy: the same license would be given out twice. Both ends
//! carry a [`Mark`] with one key, and a database with a mark is not opened by a server. Whatever breaks off, at most one
//! of the two can be served:
//!
//! | source | target | what is true |
//! |---|---|---|
//! | none | none, empty | nothing has begun |
//! | leaving | filling | rows are copied; the same move can go on |
//! | gone | filling | the copy is verified; only the target's mark has to go |
//! | gone | none | the target is the database now |
//!
//! The source changes first at the beginning and at the end. A source that was let go of ([`End::set_mark`] with `None`)
//! has lost the key, and with it the unfinished copy its use.

mod content;
mod run;
mod tables;

use licensing_core::crypto::digest::Digest;
use licensing_core::time::Timestamp;

use crate::StoreError;

pub use run::{Begin, CopyError, Done, Progress, TableCopied, copy, finish, prepare, verify};
pub use tables::TABLES;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number of 64 bits.
    Integer,
    /// Yes or no.
    Flag,
    /// Text.
    Text,
    /// Bytes.
    Blob,
}

/// A column; any may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A table with content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns rows are ordered by, of which no two rows have the same values.
    pub key: &'static [&'static str],
    /// All columns.
    pub columns: &'static [Column],
}

impl Table {
    /// The columns of the key, in its order.
    pub fn key_columns(&self) -> impl Iterator<Item = (usize, &'static Column)> + '_ {
        let place = |name: &&str| self.columns.iter().enumerate().find(|(_, column)| column.name == *name);
        self.key.iter().filter_map(place)
    }
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// None.
    Null,
    /// A number.
    Integer(i64),
    /// Yes or no.
    Flag(bool),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// About how much memory it takes.
    const fn size(&self) -> usize {
        match self {
            Self::Null | Self::Integer(_) | Self::Flag(_) => 8,
            Self::Text(text) => 8 + text.len(),
            Self::Blob(bytes) => 8 + bytes.len(),
        }
    }
}

/// The values of one row, in the order of [`Table::columns`].
pub type Row = Vec<Value>;

/// What part a database has in a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It is copied to another.
    Leaving,
    /// It was copied to another, which is the database now.
    Gone,
    /// Another is copied into it.
    Filling,
}

impl Part {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leaving => "leaving",
            Self::Gone => "gone",
            Self::Filling => "filling",
        }
    }

    /// From what is stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Leaving, Self::Gone, Self::Filling].into_iter().find(|part| part.as_str() == text)
    }
}

/// That a database has a part in a move, and may not be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The same at both ends.
    pub key: Digest,
    /// The part.
    pub part: Part,
    /// The other end, for people. Never holds a password.
    pub other: String,
    /// Since when.
    pub since: Timestamp,
}

/// One end of a move: a database nobody else uses, as plain rows.
///
/// Not the port of a server: nothing here keeps the rules of [`crate::Store`], except that each call is stored
/// completely or not at all.
pub trait End: Send {
    /// The mark; `None` as well where there is no database yet.
    ///
    /// # Errors
    /// It cannot be read.
    fn mark(&mut self) -> Result<Option<Mark>, StoreError>;

    /// Replaces the mark, durably. With [`Part::Filling`] on a database that has no mark, the database is made where
    /// there is none, and brought into the state in which everything is written into it.
    ///
    /// # Errors
    /// It cannot be written.
    fn set_mark(&mut self, mark: Option<&Mark>) -> Result<(), StoreError>;

    /// Whether no table has content.
    ///
    /// # Errors
    /// It cannot be read.
    fn is_empty(&mut self) -> Result<bool, StoreError>;

    /// The key of the last row of a table.
    ///
    /// # Errors
    /// It cannot be read.
    fn last_key(&mut self, table: &'static Table) -> Result<Option<Row>, StoreError>;

    /// Reads a table in order of its keys, after one, and hands over every row until `take` answers `false`.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(
        &mut self,
        table: &'static Table,
        after: Option<&Row>,
        take: &mut dyn FnMut(Row) -> bool,
    ) -> Result<(), StoreError>;

    /// Writes rows of a table, all or none.
    ///
    /// # Errors
    /// They cannot be written.
    fn write(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<(), StoreError>;

    /// Makes everything written durable, and lets counters go on after the highest value in use.
    ///
    /// # Errors
    /// It cannot be written.
    fn complete(&mut self) -> Result<(), StoreError>;
}
