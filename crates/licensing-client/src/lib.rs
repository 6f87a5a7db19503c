//! What an application, a portal or a command line uses to talk to a central server.
//!
//! [`ServerClient`] has one method for each request of the server's JSON interface; [`Transfer`] drives a whole
//! activation or return through its eight visible phases and resumes after any interruption. What a container is
//! made of it does not know: implement [`TransferContainer`] for yours.

mod client;
mod http;
mod journal;
mod transfer;

pub use client::{Filters, LicenseSearch, ServerClient};
pub use http::{ClientError, Settings};
pub use journal::{Journal, JournalEntry, NoJournal, Stage};
pub use transfer::{Imported, Outcome, PHASES, Phase, Transfer, TransferContainer, TransferError, Wish};
