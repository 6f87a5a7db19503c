//! Looking after a server: migrate, backup, doctor, rotate.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use futures_executor::block_on;
use licensing_core::limits::CONTEXT_BYTES_MAX;
use licensing_store::Store;
use licensing_store_postgres::PostgresStore;
use licensing_store_sqlite::SqliteStore;

use crate::audit;
use crate::command::failure::{self, Refusal};
use crate::command::{Home, settings};
use crate::config::Config;
use crate::data_dir::{DataDir, is_private};
use crate::database::{Database, Place};
use crate::edition::month;
use crate::keys;
use crate::served::Served;
use crate::system::{Clock as _, SystemClock, SystemEntropy};

/// The database of a server, as its settings say.
pub(super) fn database(home: &Home) -> anyhow::Result<Database> {
    Database::new(home.place(&settings(&home.data(), None)?)?)
}

pub(super) fn migrate(home: &Home) -> anyhow::Result<()> {
    match database(home)?.migrate()? {
        0 => println!("the database is up to date"),
        applied => println!("{applied} migrations applied"),
    }
    Ok(())
}

pub(super) fn backup(home: &Home, out: &Path) -> anyhow::Result<()> {
    let database = database(home)?;
    let Place::File(path) = database.place() else {
        let text =
            format!("{} is backed up by the tools of PostgreSQL: pg_dump or pg_basebackup", database.place());
        bail!(Refusal::new("usage", text));
    };
    SqliteStore::open(path)?.backup(out).with_context(|| format!("cannot write {}", out.display()))?;
    let keys = home.data().keys();
    println!("database copied to {}; keep a copy of {} with it", out.display(), keys.display());
    Ok(())
}

pub(super) fn rotate(data: &DataDir) -> anyhow::Result<()> {
    let config = settings(data, None)?;
    let ring = keys::load(&data.keys())?;
    for firm_code in ring.firms.keys() {
        let days = config.issuing.certificate_days;
        let mut entropy = SystemEntropy::default();
        let epoch = keys::rotate(&data.keys(), *firm_code, days, SystemClock.now(), &mut entropy)?;
        println!("firm code {firm_code}: issuing key of epoch {epoch}; restart the server to use it");
    }
    Ok(())
}

/// What was looked at and how it is.
struct Examination {
    complaints: u32,
    /// The first complaint that has a code of its own.
    first: Option<anyhow::Error>,
}

impl Examination {
    fn of(&mut self, what: &str, state: anyhow::Result<String>) {
        match state {
            Ok(state) => println!("ok       {what}: {state}"),
            Err(error) => {
                self.complaints += 1;
                println!("PROBLEM  {what}: {error:#}");
                if self.first.is_none() && failure::has_code(&error) {
                    self.first = Some(error);
                }
            }
        }
    }
}

/// Looks for everything that could be wrong; with `audit` also recomputes the books and compares them with the
/// containers, and with these contexts.
pub(super) fn doctor(home: &Home, audit: Option<&[PathBuf]>) -> anyhow::Result<()> {
    let data = &home.data();
    let mut examination = Examination { complaints: 0, first: None };
    let config = settings(data, None);
    let state = match &config {
        Ok(_) => Ok("readable".to_owned()),
        Err(error) => Err(Refusal::new("settings_invalid", format!("{error:#}")).into()),
    };
    examination.of("settings", state);
    let mut private = vec![data.keys(), data.admin_token()];
    if config.as_ref().is_ok_and(|config| !config.database.url.is_empty()) {
        private.push(data.config());
    }
    for path in private.iter().filter(|path| path.exists()) {
        let state = is_private(path).and_then(|private| {
            anyhow::ensure!(private, "can be read by others; run chmod go= on it");
            Ok("only its owner can read it".to_owned())
        });
        examination.of(&path.display().to_string(), state);
    }
    examine_keys(data, &mut examination);
    if let Ok(config) = &config {
        match home.place(config).and_then(Database::new) {
            Err(error) => examination.of("database", Err(error)),
            Ok(database) => {
                if let Some(store) = examine_database(&database, &mut examination) {
                    examination.of("what was served", served(data, &*store));
                    examination.of("edition", edition(&*store, config));
                    match audit {
                        Some(contexts) => audit_books(&*store, config, contexts, &mut examination)?,
                        None => examination.of("books", books(&*store)),
                    }
                }
            }
        }
    }
    let told = match examination.complaints {
        0 => return Ok(()),
        1 => "1 problem found".to_owned(),
        complaints => format!("{complaints} problems found"),
    };
    match examination.first {
        Some(error) => Err(error.context(told)),
        None => bail!(Refusal::new("problems_found", told)),
    }
}

fn examine_keys(data: &DataDir, examination: &mut Examination) {
    let ring = match keys::load(&data.keys()) {
        Ok(ring) => ring,
        Err(error) => return examination.of("keys", Err(error)),
    };
    let now = SystemClock.now();
    for firm in ring.firms.values() {
        let days = firm.not_after.secs_since(now) / licensing_core::limits::DAY_SECS;
        let state = if firm.not_after > now {
            Ok(format!("epoch {}, valid for {days} more days", firm.epoch))
        } else {
            Err(anyhow::anyhow!("epoch {} has ended; run `central-server keys rotate`", firm.epoch))
        };
        examination.of(&format!("issuing key of firm code {}", firm.firm_code), state);
    }
}

/// How much of the edition is used.
fn edition(store: &dyn Store, config: &Config) -> anyhow::Result<String> {
    let limits = config.edition_limits.over(config.edition)?;
    let used = block_on(store.usage(month(SystemClock.now())))?.activations;
    let (Some(limit), Some(warn)) = (limits.activations_per_month, limits.warn_at()) else {
        return Ok(format!("{used} activations this month, without a limit"));
    };
    let state = format!("{used} of {limit} activations of this month are used");
    anyhow::ensure!(used < warn, "{state}; think of another edition");
    Ok(state)
}

/// Looks at the database itself, and opens it.
fn examine_database(database: &Database, examination: &mut Examination) -> Option<Box<dyn Store>> {
    let store = match database.place() {
        Place::File(path) => SqliteStore::open(path).map_err(Into::into).map(|store| {
            examination.of("database", intact(&store));
            Box::new(store) as Box<dyn Store>
        }),
        Place::Postgres(_) => database.open_postgres().map(|store| {
            examination.of("database", well_set_up(database, &store));
            Box::new(store) as Box<dyn Store>
        }),
    };
    match store {
        Ok(store) => Some(store),
        Err(error) => {
            examination.of("database", Err(error));
            None
        }
    }
}

fn intact(store: &SqliteStore) -> anyhow::Result<String> {
    let damaged = || Refusal::new("database_damaged", "the file is damaged; restore a backup");
    anyhow::ensure!(block_on(store.integrity())?, damaged());
    Ok("the file is intact".to_owned())
}

fn well_set_up(database: &Database, store: &PostgresStore) -> anyhow::Result<String> {
    let complaints = block_on(store.unsafe_settings())?;
    let what = complaints.join(", ");
    anyhow::ensure!(complaints.is_empty(), "what is acknowledged can be lost on this server: {what}");
    Ok(format!("{} answers", database.place()))
}

fn served(data: &DataDir, store: &dyn Store) -> anyhow::Result<String> {
    block_on(Served::at(data.served()).check(store))?;
    Ok("is in the database".to_owned())
}

/// The quick look: the tables alone.
fn books(store: &dyn Store) -> anyhow::Result<String> {
    let findings = block_on(store.audit())?;
    if findings.is_empty() {
        return Ok("every unit is where the activations say".to_owned());
    }
    let shown: Vec<String> = findings.iter().take(10).map(|f| format!("{}: {}", f.which, f.what)).collect();
    let told = format!("{} differences: {}", findings.len(), shown.join("; "));
    bail!(Refusal::new("database_damaged", told))
}

/// The thorough one: every difference on a line of its own.
fn audit_books(
    store: &dyn Store,
    config: &Config,
    contexts: &[PathBuf],
    examination: &mut Examination,
) -> anyhow::Result<()> {
    let makers = config.makers()?;
    let mut report = block_on(audit::audit(store, &makers))?;
    for path in contexts {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut bytes = Vec::new();
        // One byte more than allowed, so that a longer file is refused for what it is.
        file.take(CONTEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        let name = path.display().to_string();
        block_on(audit::audit_context(store, &makers, &name, &bytes, &mut report))?;
    }
    for which in &report.outdated {
        println!("skipped  {which}: older than the newest receipt; make a new context");
    }
    for difference in &report.differences {
        println!("DIFFERS  {difference}");
    }
    let state = match report.differences.len() {
        0 => Ok(format!("0 differences, {} comparisons with containers", report.compared)),
        1 => Err(Refusal::new("database_damaged", "1 difference").into()),
        count => Err(Refusal::new("database_damaged", format!("{count} differences")).into()),
    };
    examination.of("audit", state);
    Ok(())
}
