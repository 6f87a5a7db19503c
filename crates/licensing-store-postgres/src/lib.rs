//! The PostgreSQL driver of the storage port, for servers that must outlive a machine.
//!
//! * **One round trip per commit.** A change set is sent as one pipeline, `BEGIN` to `COMMIT`, without waiting for
//!   answers in between; a statement that must hit a row fails when it does not, and takes the transaction with it.
//! * **Nobody is left in doubt.** Every transaction first advances the commit number of its connection. When the
//!   connection breaks before the answer, the same change set is sent again under the same number over another one:
//!   it either finds that it took place or takes place now, and the first can no longer do so later.
//! * **Any number of processes** may use one database; nothing lives in a process that another must know.
//! * **Replicas.** Connection strings may name several hosts; only one that accepts writes is used.

mod audit;
mod commit;
mod connect;
mod copy;
mod events;
mod lists;
mod load;
mod migrate;
mod pipeline;
#[cfg(test)]
mod plans;
mod pool;
mod query;
mod rows;
mod search;
mod settings;
mod store;
mod tls;
mod write;

pub use connect::OpenError;
pub use copy::PostgresEnd;
pub use migrate::SCHEMA_VERSION;
pub use settings::{InvalidUrl, Settings};
pub use store::PostgresStore;
