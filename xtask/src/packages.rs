//! Programs of the system that the tests need and a fresh machine does not have.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::shell::{capture, run};

/// Installs Debian packages where that can be done: as root, where `apt-get` is.
///
/// # Errors
/// It cannot be done here, or it failed: `missing` says what to install, by the names in `packages`.
pub(crate) fn install(packages: &[&str], missing: &str) -> Result<()> {
    let root = capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    anyhow::ensure!(root && Path::new("/usr/bin/apt-get").exists(), "{missing}");
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command
    };
    run(apt().args(["update", "--quiet"]))?;
    run(apt().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages))
        .with_context(|| missing.to_owned())
}
