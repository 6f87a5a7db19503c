//! Looking after a server: migrate, backup, doctor, rotate.

use std::path::Path;

use anyhow::{Context as _, bail};
use futures_executor::block_on;
use licensing_store::Store as _;
use licensing_store_sqlite::SqliteStore;

use crate::command::settings;
use crate::data_dir::{DataDir, is_private};
use crate::keys;
use crate::system::{Clock as _, SystemClock, SystemEntropy};

pub(super) fn migrate(data: &DataDir) -> anyhow::Result<()> {
    match SqliteStore::migrate(&data.database())? {
        0 => println!("the database is up to date"),
        applied => println!("{applied} migrations applied"),
    }
    Ok(())
}

pub(super) fn backup(data: &DataDir, out: &Path) -> anyhow::Result<()> {
    let store = SqliteStore::open(&data.database())?;
    store.backup(out).with_context(|| format!("cannot write {}", out.display()))?;
    println!("database copied to {}; keep a copy of {} with it", out.display(), data.keys().display());
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
}

impl Examination {
    fn of(&mut self, what: &str, state: anyhow::Result<String>) {
        match state {
            Ok(state) => println!("ok       {what}: {state}"),
            Err(error) => {
                self.complaints += 1;
                println!("PROBLEM  {what}: {error:#}");
            }
        }
    }
}

pub(super) fn doctor(data: &DataDir) -> anyhow::Result<()> {
    let mut examination = Examination { complaints: 0 };
    let config = settings(data, None);
    examination
        .of("settings", config.as_ref().map(|_| "readable".to_owned()).map_err(|e| anyhow::anyhow!("{e:#}")));
    let private = [data.keys(), data.admin_token()];
    for path in private.iter().filter(|path| path.exists()) {
        let state = is_private(path).and_then(|private| {
            anyhow::ensure!(private, "can be read by others; run chmod go= on it");
            Ok("only its owner can read it".to_owned())
        });
        examination.of(&path.display().to_string(), state);
    }
    examine_keys(data, &mut examination);
    match SqliteStore::open(&data.database()) {
        Err(error) => examination.of("database", Err(error.into())),
        Ok(store) => examine_database(&store, &mut examination),
    }
    match examination.complaints {
        0 => Ok(()),
        1 => bail!("1 problem found"),
        complaints => bail!("{complaints} problems found"),
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

fn examine_database(store: &SqliteStore, examination: &mut Examination) {
    let integrity = match block_on(store.integrity()) {
        Ok(true) => Ok("the file is intact".to_owned()),
        Ok(false) => Err(anyhow::anyhow!("the file is damaged; restore a backup")),
        Err(error) => Err(error.into()),
    };
    examination.of("database", integrity);
    let books = match block_on(store.audit()) {
        Ok(findings) if findings.is_empty() => Ok("every unit is where the activations say".to_owned()),
        Ok(findings) => {
            let shown: Vec<String> =
                findings.iter().take(10).map(|f| format!("{}: {}", f.which, f.what)).collect();
            Err(anyhow::anyhow!("{} differences: {}", findings.len(), shown.join("; ")))
        }
        Err(error) => Err(error.into()),
    };
    examination.of("books", books);
}
