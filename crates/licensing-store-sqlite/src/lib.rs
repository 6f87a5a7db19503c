//! The embedded SQLite driver of the storage port.
//!
//! One writer thread with **group commit**: change sets that queue up while the disk is busy share the next
//! transaction and its sync, each in a savepoint of its own, and are answered only after it is durable. Reads
//! go to a few reader threads with connections of their own. No thread of the caller ever waits for the disk.

mod audit;
mod copy;
mod lists;
mod load;
mod migrate;
#[cfg(test)]
mod plans;
mod query;
mod read;
mod rows;
mod search;
mod store;
mod threads;
mod write;

pub use copy::SqliteEnd;
pub use migrate::{OpenError, SCHEMA_VERSION};
pub use store::SqliteStore;
