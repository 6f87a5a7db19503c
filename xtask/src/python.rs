//! Foreign programs in Python that the tests check the product with, in an environment of their own.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use licensing_testkit::python::{PACKAGES, Package, folder, interpreter};

use crate::packages;

/// Installs what is missing: gives the names of those that are there, with commas between them, and what was left out.
pub(crate) fn install() -> (String, Vec<String>) {
    let (mut names, mut left_out) = (Vec::new(), Vec::new());
    for package in PACKAGES {
        match ready(package) {
            Ok(()) => names.push(package.name),
            Err(error) => left_out.push(format!("{}: {error:#}", package.name)),
        }
    }
    (names.join(","), left_out)
}

fn ready(package: Package) -> Result<()> {
    if package.is_there() {
        return Ok(());
    }
    let quiet = |command: &mut Command| -> Result<()> {
        let shown = format!("{command:?}");
        let status = command.stdout(Stdio::null()).status().with_context(|| shown.clone())?;
        anyhow::ensure!(status.success(), "{shown}: {status}");
        Ok(())
    };
    let environment = || quiet(Command::new("python3").args(["-m", "venv"]).arg(folder()));
    if !interpreter().exists() && environment().is_err() {
        let needed = ["python3", "python3-venv"];
        packages::install(&needed, "install the packages python3 and python3-venv and run the tests again")?;
        environment()?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    quiet(Command::new(interpreter()).args(pip).arg(format!("{}=={}", package.name, package.version)))?;
    anyhow::ensure!(package.is_there(), "was installed and does not start");
    Ok(())
}
