//! The embedded SQLite driver of the storage port.
//!
//! One writer thread with **group commit**: change sets that queue up while the disk is busy share the next
//! transaction and its sync, each in a savepoint of its own, and are answered only after it is durable. What finds
//! a few rows by their keys runs on the thread of the caller, because waking up another one takes longer than that;
//! what may take long (lists, search, audit) has a thread of its own.

mod audit;
mod connections;
mod copy;
mod lists;
mod load;
mod migrate;
#[cfg(test)]
mod plans;
mod query;
mod read;
mod readers;
mod rows;
mod search;
mod store;
mod write;

pub use copy::SqliteEnd;
pub use migrate::{OpenError, SCHEMA_VERSION};
pub use store::SqliteStore;
