//! `move`: copies the whole database to another place, and lets only one of the two be served.

use std::fs;
use std::io::{IsTerminal as _, Write as _};

use anyhow::{Context as _, ensure};
use data_encoding::HEXLOWER;
use futures_executor::block_on;
use licensing_core::Entropy as _;
use licensing_store::copy::{self, Begin, Done, Part, Progress, TABLES, TableCopied};
use serde_json::json;

use crate::audit;
use crate::command::failure::Refusal;
use crate::command::{Ends, settings};
use crate::data_dir::DataDir;
use crate::database::{Database, Place};
use crate::service::{actor, begin_reconciliation};
use crate::system::{Clock as _, SystemClock, SystemEntropy};

pub(super) fn run(ends: &Ends, data: &DataDir, json: bool) -> anyhow::Result<()> {
    match ends {
        Ends { release: Some(place), .. } => release(place.place()?, json),
        Ends { from: Some(from), to: Some(to), .. } => relocate(from.place()?, to.place()?, data, json),
        _ => Err(Refusal::new("usage", "--from and --to belong together").into()),
    }
}

fn relocate(from: Place, to: Place, data: &DataDir, json: bool) -> anyhow::Result<()> {
    if is_same(&from, &to) {
        return Err(Refusal::new("usage", "source and target are the same database").into());
    }
    let (from, to) = (Database::new(from)?, Database::new(to)?);
    let makers = settings(data, None)?.makers()?;
    let mut source = from.source().with_context(|| format!("{}", from.place()))?;
    let mut target = to.target().with_context(|| format!("{}", to.place()))?;
    let mut key = [0; 32];
    SystemEntropy::default().fill(&mut key);
    let (now, shown) = (SystemClock.now(), |place: &Place| place.to_string());
    let begin = Begin { key, source: shown(from.place()), target: shown(to.place()), now };
    let begun = copy::prepare(&mut *source, &mut *target, &begin)?;
    let mut said = Said::new();
    if begun != Done::Copied {
        copy::copy(&mut *source, &mut *target, &mut |progress| said.say("copying", progress))?;
    }
    let tables = copy::verify(&mut *source, &mut *target, &mut |progress| said.say("comparing", progress))?;
    said.end();
    let report = {
        let store = to.open_despite_move()?;
        block_on(audit::audit(&*store, &makers))?
    };
    if let Some(first) = report.differences.first() {
        let count = report.differences.len();
        let text =
            format!("the copy equals its source, but its books do not balance: {count} differences, {first}");
        return Err(Refusal::new("database_damaged", text).into());
    }
    copy::finish(&mut *source, &mut *target)?;
    drop((source, target));
    tell(&from, &to, &tables, begun, report.compared, json);
    Ok(())
}

/// Whether two places are one, as far as can be told beforehand; the databases tell the rest by being in use.
fn is_same(from: &Place, to: &Place) -> bool {
    match (from, to) {
        (Place::File(from), Place::File(to)) => {
            from == to
                || fs::canonicalize(from).is_ok_and(|from| fs::canonicalize(to).is_ok_and(|to| from == to))
        }
        (Place::Postgres(from), Place::Postgres(to)) => from.to_string() == to.to_string(),
        _ => false,
    }
}

/// Lets the source of a move be served again.
fn release(place: Place, json: bool) -> anyhow::Result<()> {
    let database = Database::new(place)?;
    let mut end = database.source().with_context(|| format!("{}", database.place()))?;
    let Some(mark) = end.mark()? else {
        return Err(Refusal::new("usage", format!("{} has no part in a move", database.place())).into());
    };
    ensure!(
        mark.part != Part::Filling,
        Refusal::new(
            "database_unfinished",
            format!("{} is an unfinished copy of {}", database.place(), mark.other)
        )
    );
    let was_used = mark.part == Part::Gone;
    if was_used {
        // The copy may have been served: this database is as if restored from a backup.
        drop(end);
        let store = database.open_despite_move()?;
        block_on(store.commit(begin_reconciliation(&actor("move", None), SystemClock.now())))?;
        drop(store);
        end = database.source()?;
    }
    end.set_mark(None)?;
    let place = database.place().to_string();
    if json {
        println!("{:#}", json!({"released": place, "copy": mark.other, "reconciling": was_used}));
        return Ok(());
    }
    println!("{place} can be served again; {} must not be", mark.other);
    if was_used {
        println!(
            "the reconciliation has begun: licenses made before now are not activated until it ends, and each container's\n\
             state is taken over at its next contact; end it with `cmtool reconciliation end` when all have been in contact"
        );
    }
    Ok(())
}

/// Progress on standard error: one line that changes on a terminal, elsewhere one for each table.
struct Said {
    is_terminal: bool,
    last: Option<(&'static str, Progress)>,
}

impl Said {
    fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), last: None }
    }

    fn say(&mut self, what: &'static str, progress: Progress) {
        if self.is_terminal {
            let Progress { table, at, rows } = progress;
            let count = TABLES.len();
            // Progress that cannot be shown is no reason to stop.
            let _ = write!(std::io::stderr(), "\r\x1b[K[{}/{count}] {what} {table}: {rows} rows", at + 1);
        } else if self.last.is_some_and(|(before, last)| (before, last.at) != (what, progress.at)) {
            self.line();
        }
        self.last = Some((what, progress));
    }

    fn line(&self) {
        if let Some((what, Progress { table, rows, .. })) = self.last {
            let _ = writeln!(std::io::stderr(), "{what} {table}: {rows} rows");
        }
    }

    fn end(&mut self) {
        if self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        } else {
            self.line();
        }
    }
}

fn tell(from: &Database, to: &Database, tables: &[TableCopied], begun: Done, compared: u64, json: bool) {
    let rows: u64 = tables.iter().map(|table| table.rows).sum();
    let next = next(from.place(), to.place());
    if json {
        let table = |table: &TableCopied| json!({"table": table.name, "rows": table.rows, "sha256": HEXLOWER.encode(&table.hash)});
        let tables: Vec<_> = tables.iter().map(table).collect();
        let document = json!({
            "from": from.place().to_string(), "to": to.place().to_string(), "resumed": begun != Done::Nothing,
            "rows": rows, "tables": tables, "compared_with_containers": compared, "next": next,
        });
        println!("{document:#}");
        return;
    }
    println!("{rows} rows in {} tables copied from {} to {}", tables.len(), from.place(), to.place());
    println!(
        "source and copy are equal row by row; 0 differences in the books, {compared} comparisons with containers"
    );
    println!("no server opens {} any more", from.place());
    next.iter().for_each(|next| println!("next: {next}"));
}

/// What the operator has to do: keys and settings are no part of a database.
fn next(from: &Place, to: &Place) -> Vec<String> {
    let folder = |place: &Place| match place {
        Place::File(path) => path.parent().map(DataDir::new),
        Place::Postgres(_) => None,
    };
    let mut next = Vec::new();
    match (folder(from), folder(to)) {
        (_, Some(to)) if to.is_initialised() => {
            next.push(format!("serve with --data {}, without a database URL", to.path().display()));
        }
        (from, Some(to)) => {
            let from = from
                .map_or("the data folder of the server".to_owned(), |from| from.path().display().to_string());
            next.push(format!(
                "copy keys, central.toml and admin.token from {from} to {}: tickets cannot be read without the keys",
                to.path().display()
            ));
        }
        (Some(from), None) => {
            next.push(format!(
                "serve with --data {} and the database URL: keys stay there",
                from.path().display()
            ));
        }
        (None, None) => next.push("serve with the same data folder and the new database URL".to_owned()),
    }
    next.push("remove the old database when the new one is backed up".to_owned());
    next
}
