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

/// Unpacks a Debian package into a folder, without installing it: a server that is installed is also started.
///
/// # Errors
/// It cannot be had.
pub(crate) fn unpack(package: &str, place: &Path) -> Result<()> {
    std::fs::create_dir_all(place)?;
    quiet(Command::new("apt-get").args(["download", "--quiet", package]).current_dir(place))?;
    let found = std::fs::read_dir(place)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut files = found.filter(|path| path.extension().is_some_and(|extension| extension == "deb"));
    let file = files.next().with_context(|| format!("{package} was not downloaded"))?;
    quiet(Command::new("dpkg").arg("--extract").arg(file).arg(place))
}

/// A package of Python at a version, in an environment of its own at `place`, which is made when it is not there.
///
/// # Errors
/// There is no Python and none can be had, or the package cannot be installed.
pub(crate) fn install_python(place: &Path, package: &str) -> Result<()> {
    let environment = || quiet(Command::new("python3").args(["-m", "venv"]).arg(place));
    if !place.join("bin/python").exists() && environment().is_err() {
        let needed = ["python3", "python3-venv"];
        install(&needed, "install the packages python3 and python3-venv and run the tests again")?;
        environment()?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    quiet(Command::new(place.join("bin/python")).args(pip).arg(package))
}

/// Runs a command without what it says.
///
/// # Errors
/// It cannot be started, or fails.
pub(crate) fn quiet(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.stdout(Stdio::null()).status().with_context(|| shown.clone())?;
    anyhow::ensure!(status.success(), "{shown}: {status}");
    Ok(())
}
