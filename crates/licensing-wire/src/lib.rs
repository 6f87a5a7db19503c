//! What travels between programs: JSON and SOAP messages to and from core types, and the one table that renders
//! every refusal as HTTP status, exit code, rule and remedy. Bytes in, bytes out; no sockets here.
//!
//! Domain types never serialise themselves; the types here are the interface and change only compatibly.

pub mod binary;
pub mod csv;
pub mod json;
pub mod options;
pub mod problem;
pub mod schema;
pub mod soap;
pub mod time;
