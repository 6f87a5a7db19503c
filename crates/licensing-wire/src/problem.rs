//! Refusals on the wire: RFC 9457 problem details, and the one table from code to HTTP status, exit code, rule
//! and remedy.
//!
//! Every program answers with codes of [`TABLE`] only: the server as HTTP status and JSON, the command line as
//! exit code and two or three lines. A code is never reused and never changes its meaning.

mod table;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use table::TABLE;

/// Exit codes of every command.
pub mod exit {
    /// The program or the server failed.
    pub const INTERNAL: u8 = 1;
    /// The command line is wrong.
    pub const USAGE: u8 = 2;
    /// A license rule said no.
    pub const REFUSED: u8 = 3;
    /// There is no such thing.
    pub const NOT_FOUND: u8 = 4;
    /// A file is corrupt or cannot be verified.
    pub const UNVERIFIABLE: u8 = 5;
    /// The server cannot be reached.
    pub const UNREACHABLE: u8 = 6;
    /// Nothing is wrong, it just has to be tried again.
    pub const TRY_AGAIN: u8 = 75;
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Stable code.
    pub code: &'static str,
    /// HTTP status; what a local refusal would have, where it never travels.
    pub status: u16,
    /// Exit code of commands.
    pub exit: u8,
    /// The rule behind the refusal, one sentence.
    pub rule: &'static str,
    /// What to do next, one sentence.
    pub remedy: &'static str,
}

/// The row of a code.
#[must_use]
pub fn entry(code: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.code == code)
}

/// What a failed request is answered with (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Address of the page that explains the code: `/problems/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: String,
    /// What happened, in one sentence.
    pub title: String,
    /// The rule behind it.
    pub rule: String,
    /// What to do next.
    pub remedy: String,
    /// An update file (base64) that the container has to take although the request was refused: the vendor's part of
    /// the transaction, the steps a stale context misses, or the lock of a blacklisted container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<String>,
    /// Identifies the incident in the server's log, for failures that are the server's fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

impl Problem {
    /// The problem of a code. `message` says what happened and is made a sentence.
    ///
    /// A code that is not in the table is our fault and gives the problem `internal`.
    #[must_use]
    pub fn from_code(code: &str, message: &str) -> Self {
        // Invariant: the table has a row `internal`, as its test checks.
        let row = entry(code).or_else(|| entry("internal")).unwrap_or(&TABLE[0]);
        let message = if row.code == code { message } else { "the server failed" };
        Self {
            kind: format!("/problems/{}", row.code),
            status: row.status,
            code: row.code.to_owned(),
            title: sentence(message),
            rule: row.rule.to_owned(),
            remedy: row.remedy.to_owned(),
            update: None,
            incident: None,
        }
    }

    /// The exit code of a command that ends with this problem; of an unknown code (a newer server's), the one
    /// that fits its status best.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        entry(&self.code).map_or_else(|| exit_code_of_status(self.status), |row| row.exit)
    }
}

/// The exit code that fits an HTTP status, for answers without a known code.
#[must_use]
pub const fn exit_code_of_status(status: u16) -> u8 {
    match status {
        404 => exit::NOT_FOUND,
        408 | 425 | 429 | 503 => exit::TRY_AGAIN,
        400..=499 => exit::REFUSED,
        502 | 504 => exit::UNREACHABLE,
        _ => exit::INTERNAL,
    }
}

/// A message as a sentence: first letter upper case, a full stop at the end.
#[must_use]
pub fn sentence(message: &str) -> String {
    let message = message.trim();
    let mut chars = message.chars();
    let mut out: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    out.push_str(chars.as_str());
    if !out.is_empty() && !out.ends_with(['.', '!', '?']) {
        out.push('.');
    }
    out
}

/// The table in Markdown, as it stands in `docs/api.md`.
#[must_use]
pub fn table_in_markdown() -> String {
    let mut out = String::from("| code | HTTP | exit | rule | what to do |\n|---|---|---|---|---|\n");
    for Entry { code, status, exit, rule, remedy } in TABLE {
        out.push_str(&format!("| `{code}` | {status} | {exit} | {rule} | {remedy} |\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run with `cargo test -p licensing-wire -- --nocapture the_page` to see the table that belongs there.
    #[test]
    fn the_page_of_the_interface_shows_this_table() {
        let page = include_str!("../../../docs/api.md");
        let table = table_in_markdown();
        assert!(page.contains(&table), "docs/api.md must contain this table:\n{table}");
    }

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence("item X does not exist"), "Item X does not exist.");
        assert_eq!(sentence("Why?"), "Why?");
        assert_eq!(sentence(""), "");
        assert_eq!(sentence("ärger"), "Ärger.");
    }

    #[test]
    fn a_problem_carries_its_row() {
        let problem = Problem::from_code("item_unknown", "item X does not exist");
        assert_eq!((problem.status, problem.exit_code()), (404, exit::NOT_FOUND));
        assert_eq!(problem.kind, "/problems/item_unknown");
        assert_eq!(problem.title, "Item X does not exist.");
    }

    #[test]
    fn an_unlisted_code_is_our_fault_and_says_nothing_more() {
        let problem = Problem::from_code("no_such_code", "something internal");
        assert_eq!((problem.code.as_str(), problem.status), ("internal", 500));
        assert!(!problem.title.contains("something"));
    }

    #[test]
    fn unknown_codes_of_a_newer_server_still_give_an_exit_code() {
        let mut problem = Problem::from_code("internal", "x");
        problem.code = "of_the_future".into();
        for (status, exit) in [(404, 4), (409, 3), (422, 3), (429, 75), (503, 75), (500, 1)] {
            problem.status = status;
            assert_eq!(problem.exit_code(), exit);
        }
    }
}
