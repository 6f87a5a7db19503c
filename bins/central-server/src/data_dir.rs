//! The data folder: where everything of one server is, and how it is written.
//!
//! ```text
//! central.toml           settings
//! central.db             the database
//! admin.token            first API token, with the admin role
//! served.json            how far this server has come, see `served`
//! keys/                  see `keys`; a folder with this name is what makes a data folder initialised
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use licensing_core::time::Timestamp;
use licensing_core::{Entropy, ids::FirmCode, ids::Name};

use crate::command::failure::Refusal;
use crate::keys;

/// A data folder.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The folder at `path`, whether it exists or not.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Key files.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    fn unfinished_keys(&self) -> PathBuf {
        self.0.join("keys.unfinished")
    }

    /// Settings.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("central.toml")
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join("central.db")
    }

    /// The first API token.
    #[must_use]
    pub fn admin_token(&self) -> PathBuf {
        self.0.join("admin.token")
    }

    /// How far the server has come.
    #[must_use]
    pub fn served(&self) -> PathBuf {
        self.0.join("served.json")
    }

    /// Whether `init` has finished here.
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.keys().is_dir()
    }

    /// Begins the initialisation: makes the folder, settings and keys. Nothing counts until
    /// [`DataDir::finish`].
    ///
    /// # Errors
    /// The folder is initialised already, holds a database without keys, or cannot be written.
    pub fn begin(
        &self,
        firm_code: FirmCode,
        name: Name,
        validity_days: u32,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> anyhow::Result<()> {
        let path = self.0.display();
        ensure!(
            !self.is_initialised(),
            Refusal::new("database_exists", format!("{path} is initialised already; choose another folder"))
        );
        make_private_dir(&self.0)?;
        let unfinished = self.unfinished_keys();
        if unfinished.exists() {
            // An earlier init broke off before anything could be issued: begin again.
            fs::remove_dir_all(&unfinished)?;
            for leftover in self.leftovers() {
                if leftover.exists() {
                    fs::remove_file(&leftover)?;
                }
            }
        }
        if self.database().exists() {
            let text = format!(
                "{path} holds a database but no keys; bring back its keys folder, or choose another folder"
            );
            bail!(Refusal::new("database_exists", text));
        }
        make_private_dir(&unfinished)?;
        keys::create(&unfinished, firm_code, name, validity_days, now, entropy)?;
        if !self.config().exists() {
            write_new(&self.config(), crate::config::SAMPLE.as_bytes(), false)?;
        }
        Ok(())
    }

    fn leftovers(&self) -> Vec<PathBuf> {
        let database = self.database();
        let with = |suffix: &str| {
            let mut name = database.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        vec![database.clone(), with("-wal"), with("-shm"), self.admin_token()]
    }

    /// Ends the initialisation: from now on the folder can be served.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn finish(&self) -> anyhow::Result<()> {
        fs::rename(self.unfinished_keys(), self.keys()).context("cannot finish the initialisation")?;
        sync_dir(&self.0)
    }
}

/// Makes a folder only its owner can look into; an existing one is left as it is.
///
/// # Errors
/// It cannot be made.
pub fn make_private_dir(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Writes a file that must not exist yet, durably; a private one only its owner can read.
///
/// # Errors
/// It exists, or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8], private: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if private { 0o600 } else { 0o644 });
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.with_context(|| format!("cannot write {}", path.display()))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Writes a file in the place of the one that is there: after a power cut it is the old or the new one.
///
/// # Errors
/// It cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    });
    written.with_context(|| format!("cannot write {}", path.display()))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes the names in a folder durable.
///
/// # Errors
/// The folder cannot be opened or synced.
pub fn sync_dir(path: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("cannot sync {}", path.display()))?;
    Ok(())
}

/// Whether a file can be used by its owner only; always true where the system has no such notion.
///
/// # Errors
/// It does not exist.
pub fn is_private(path: &Path) -> anyhow::Result<bool> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        Ok(metadata.permissions().mode() & 0o077 == 0)
    }
    #[cfg(not(unix))]
    Ok(metadata.is_file() || metadata.is_dir())
}
