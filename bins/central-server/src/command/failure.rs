//! Why a command failed, as the operator is told: a code of the one table, its rule and remedy, and the exit code.

use std::io::Write as _;

use licensing_store::StoreError;
use licensing_store::copy::CopyError;
use licensing_store_postgres as postgres;
use licensing_store_sqlite as sqlite;
use licensing_wire::problem::Problem;
use serde_json::json;

/// A refusal with a code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Tells the operator and gives the exit code. With `json` the failure is one document on standard output.
#[must_use]
pub fn tell(error: &anyhow::Error, json: bool) -> u8 {
    let code = error.chain().find_map(code_of).unwrap_or("internal");
    // The operator is told everything, whatever the code.
    let mut problem = Problem::from_code(code, "the program failed");
    problem.title = licensing_wire::problem::sentence(&format!("{error:#}"));
    let Problem { title, rule, remedy, .. } = &problem;
    // Nobody is left to be told when these fail.
    if json {
        let document = json!({"error": {"code": code, "message": title, "rule": rule, "remedy": remedy}});
        let _ = writeln!(std::io::stdout(), "{document:#}");
    } else {
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        if code != "internal" {
            let _ = writeln!(std::io::stderr(), "  rule: {rule}\n  next: {remedy}");
        }
    }
    problem.exit_code()
}

/// Whether it is known what kind of failure it is.
pub(crate) fn has_code(error: &anyhow::Error) -> bool {
    error.chain().any(|error| code_of(error).is_some())
}

fn code_of(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return Some(refusal.code);
    }
    if let Some(error) = error.downcast_ref::<CopyError>() {
        return Some(copy(error));
    }
    if error.is::<postgres::InvalidUrl>() {
        return Some("usage");
    }
    error
        .downcast_ref::<sqlite::OpenError>()
        .map(file)
        .or_else(|| error.downcast_ref::<postgres::OpenError>().map(server))
        .or_else(|| error.downcast_ref::<StoreError>().map(store))
}

const fn copy(error: &CopyError) -> &'static str {
    match error {
        CopyError::SourceGone(_) | CopyError::TargetGone(_) => "database_moved",
        CopyError::SourceUnfinished(_) | CopyError::TargetUnfinished(_) => "database_unfinished",
        CopyError::TargetInUse => "database_exists",
        CopyError::Differs { .. } => "copy_differs",
        CopyError::Source(error) | CopyError::Target(error) => store(error),
    }
}

const fn store(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unavailable(_) => "database_unreachable",
        StoreError::Inconsistent { .. } => "database_damaged",
    }
}

fn file(error: &sqlite::OpenError) -> &'static str {
    match error {
        sqlite::OpenError::Missing => "database_missing",
        sqlite::OpenError::Exists => "database_exists",
        sqlite::OpenError::InUse => "database_in_use",
        sqlite::OpenError::Schema { .. } => "database_version",
        sqlite::OpenError::Unfinished(_) => "database_unfinished",
        sqlite::OpenError::Moved(_) => "database_moved",
        sqlite::OpenError::Sqlite(_) if error.is_damage() => "database_damaged",
        sqlite::OpenError::Sqlite(_) => "database_refuses",
        sqlite::OpenError::Library(_) => "internal",
    }
}

const fn server(error: &postgres::OpenError) -> &'static str {
    match error {
        postgres::OpenError::Exists => "database_exists",
        postgres::OpenError::InUse => "database_in_use",
        postgres::OpenError::Schema { .. } => "database_version",
        postgres::OpenError::Unfinished(_) => "database_unfinished",
        postgres::OpenError::Moved(_) => "database_moved",
        postgres::OpenError::Unreachable(_) => "database_unreachable",
        postgres::OpenError::Encoding(_)
        | postgres::OpenError::Certificates(_)
        | postgres::OpenError::Refused(_) => "database_refuses",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_of_the_operator_have_their_exit_codes() {
        let exit = |error: anyhow::Error| tell(&error, false);
        assert_eq!(exit(anyhow::anyhow!("anything")), 1);
        assert_eq!(exit(sqlite::OpenError::Missing.into()), 4);
        assert_eq!(exit(sqlite::OpenError::InUse.into()), 75);
        assert_eq!(exit(anyhow::Error::from(sqlite::OpenError::Exists).context("cannot make it")), 3);
        assert_eq!(exit(postgres::OpenError::Unreachable(String::new()).into()), 6);
        assert_eq!(exit(postgres::Settings::parse("x").unwrap_err().into()), 2);
        assert_eq!(exit(CopyError::Differs { table: "events", row: 1 }.into()), 5);
        assert_eq!(exit(Refusal::new("database_moved", "x").into()), 3);
        assert_eq!(exit(Refusal::new("settings_invalid", "x").into()), 2);
        assert_eq!(exit(Refusal::new("problems_found", "x").into()), 3);
        let damaged = anyhow::Error::from(Refusal::new("database_damaged", "x"));
        assert!(has_code(&damaged) && !has_code(&anyhow::anyhow!("x")));
        assert_eq!(exit(damaged.context("2 problems found")), 5);
    }
}
