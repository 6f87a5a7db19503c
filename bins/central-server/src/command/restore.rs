//! `restore`: puts a backup of the database in the place of the present one, and begins the reconciliation by itself.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use futures_executor::block_on;
use licensing_store::Store as _;
use licensing_store_sqlite::{OpenError, SqliteStore};

use crate::command::Home;
use crate::command::failure::Refusal;
use crate::data_dir::{DataDir, sync_dir};
use crate::database::{Database, Place};
use crate::service::{actor, begin_reconciliation};
use crate::system::{Clock as _, SystemClock};

/// What SQLite keeps beside a database.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

const BEGUN: &str = "\
the reconciliation has begun: licenses made before now are not activated until it ends, and each container's
state is taken over at its next contact; end it with `cmtool reconciliation end` when all have been in contact";

/// Restores a database; the server must not run.
pub(super) fn run(home: &Home, from: Option<&Path>) -> anyhow::Result<()> {
    let data = home.data();
    let place = home.place(&super::settings(&data, None)?)?;
    match (place.is_file(), from) {
        (true, Some(from)) => file(&data, from),
        (true, None) => bail!(Refusal::new("usage", "which backup? give --from FILE")),
        (false, Some(_)) => bail!(Refusal::new(
            "usage",
            format!("{place} is restored with its own tools; then run this without --from")
        )),
        (false, None) => restored(place),
    }
}

/// Begins the reconciliation of a database that was restored with its own tools, before any container makes contact.
fn restored(place: Place) -> anyhow::Result<()> {
    let name = place.to_string();
    let database = Database::new(place)?;
    let store = database.open()?;
    block_on(store.commit(begin_reconciliation(&actor("restore", None), SystemClock.now())))?;
    println!("{name}\n{BEGUN}");
    Ok(())
}

/// Restores the database of a data folder. Broken off at any moment, the present database is still there, or the
/// restored one is.
fn file(data: &DataDir, from: &Path) -> anyhow::Result<()> {
    let (folder, database) = (data.path().display(), data.database());
    let missing = |text: String| Refusal::new("database_missing", text);
    ensure!(
        data.is_initialised(),
        missing(format!("{folder} holds no keys; bring back its keys folder first"))
    );
    ensure!(from.is_file(), missing(format!("there is no backup at {}", from.display())));
    ensure!(
        fs::canonicalize(from).ok() != fs::canonicalize(&database).ok(),
        Refusal::new("usage", "the backup is the database itself")
    );
    let prepared = with(&database, ".restoring");
    prepare(from, &prepared)?;
    let aside = set_aside(&database)?;
    fs::rename(&prepared, &database).context("cannot put the backup in its place")?;
    sync_dir(data.path())?;
    println!("database restored from {}", from.display());
    if let Some(aside) = aside {
        println!("the replaced database is kept as {}", aside.display());
    }
    println!("{BEGUN}");
    Ok(())
}

/// A complete, checked copy of the backup in which the reconciliation has begun, in one file.
fn prepare(from: &Path, prepared: &Path) -> anyhow::Result<()> {
    for leftover in [prepared.to_owned(), with(prepared, COMPANIONS[0]), with(prepared, COMPANIONS[1])] {
        remove(&leftover)?;
    }
    let store = SqliteStore::copy_of(from, prepared)
        .with_context(|| format!("{} cannot be restored", from.display()))?;
    ensure!(block_on(store.integrity())?, "{} is damaged", from.display());
    block_on(store.commit(begin_reconciliation(&actor("restore", None), SystemClock.now())))?;
    drop(store);
    SqliteStore::seal(prepared).context("cannot finish the copy of the backup")
}

/// Keeps the present database under another name as well; what takes its place replaces it in one step.
fn set_aside(database: &Path) -> anyhow::Result<Option<PathBuf>> {
    if !database.exists() {
        return Ok(None);
    }
    match SqliteStore::seal(database) {
        Ok(()) => {}
        Err(error @ OpenError::InUse) => {
            return Err(anyhow::Error::from(error).context("stop the server first"));
        }
        // A damaged database is the best reason to restore a backup: it is kept as it is, with its log.
        Err(error) => println!("the replaced database is damaged: {error}"),
    }
    let stamp = SystemClock.now().secs();
    let aside = (0..)
        .map(|number| with(database, &format!(".replaced-{stamp}-{number}")))
        .find(|path| !path.exists())
        .context("no free name")?;
    for companion in COMPANIONS {
        let log = with(database, companion);
        if log.exists() {
            fs::rename(&log, with(&aside, companion)).context("cannot keep the log of the database")?;
        }
    }
    // A second name rather than another one: at no moment is there no database.
    if fs::hard_link(database, &aside).is_err() {
        fs::copy(database, &aside).context("cannot keep the replaced database")?;
    }
    Ok(Some(aside))
}
