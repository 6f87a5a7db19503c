//! The embedded SQLite driver of the storage port.
