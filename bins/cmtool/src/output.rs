//! What a command prints: one JSON document, or tables and lines for people. Never both.

use std::io::{IsTerminal, Write};

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressStyle};
use licensing_client::{PHASES, Phase};
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;

/// Where results go.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a result: the document, or what `human` writes.
    pub(crate) fn result(&self, document: &impl Serialize, human: impl FnOnce() -> String) {
        let text = if self.json {
            // Invariant: documents are texts, numbers and lists, which always serialise.
            serde_json::to_string_pretty(document).expect("plain data")
        } else {
            human()
        };
        // A reader that went away is no failure of the command.
        let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    }

    /// Tells something by the way.
    pub(crate) fn note(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Tells why the command failed and gives its exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> u8 {
        let problem = &failure.problem;
        if failure.is_told {
            return problem.exit_code();
        }
        if self.json {
            let _ = writeln!(std::io::stdout(), "{:#}", json!({ "error": error_document(failure) }));
        } else {
            let mut text = format!("error: {} [{}]\n", problem.title, problem.code);
            if !problem.rule.is_empty() {
                text.push_str(&format!("  rule: {}\n", problem.rule));
            }
            if !problem.remedy.is_empty() {
                text.push_str(&format!("  next: {}\n", problem.remedy));
            }
            if let Some(incident) = &problem.incident {
                text.push_str(&format!("  incident: {incident}\n"));
            }
            let _ = write!(std::io::stderr(), "{text}");
        }
        problem.exit_code()
    }

    /// Shows the phases of a transfer: a bar on a terminal, lines elsewhere.
    pub(crate) fn progress(&self) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(PHASES.len() as u64);
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Progress { bar }
    }
}

/// The error part of a JSON document.
pub(crate) fn error_document(failure: &Failure) -> serde_json::Value {
    let problem = &failure.problem;
    let mut error = json!({
        "code": problem.code,
        "message": problem.title,
        "rule": problem.rule,
        "remedy": problem.remedy,
    });
    if let Some(incident) = &problem.incident {
        error["incident"] = json!(incident);
    }
    error
}

/// The phases of one transfer.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn show(&self, phase: Phase) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(phase.number() as u64);
                bar.set_message(phase.text());
            }
            None => {
                let _ = writeln!(std::io::stderr(), "[{}/{}] {}", phase.number(), PHASES.len(), phase.text());
            }
        }
    }

    pub(crate) fn done(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A number of things in words: `1 step`, `2 steps`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// A table for people.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    // On a terminal a table fits its width; elsewhere lines stay whole, for grep.
    if let Some((terminal_size::Width(columns), _)) = terminal_size::terminal_size_of(std::io::stdout()) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// Comma-separated values for other programs.
pub(crate) fn csv(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = String::new();
    licensing_wire::csv::record(&mut out, header);
    rows.into_iter().for_each(|row| licensing_wire::csv::record(&mut out, row));
    out
}
