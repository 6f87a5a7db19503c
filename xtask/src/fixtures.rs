//! `cargo xtask fixtures`: writes the golden files that do not exist yet. What exists is never touched: formats
//! that were shipped are for ever.

use std::fs;

use anyhow::{Result, bail};
use licensing_testkit::golden;

use crate::shell;

/// Writes missing golden files.
pub(crate) fn run() -> Result<()> {
    let root = shell::root().join("fixtures");
    for file in golden::version_1() {
        let path = root.join(&file.path);
        if path.exists() {
            if fs::read(&path)? != file.bytes {
                bail!("{} differs: a shipped format has changed; give it a new version", file.path);
            }
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, &file.bytes)?;
        println!("wrote {}", file.path);
    }
    Ok(())
}
