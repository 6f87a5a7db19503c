//! Foreign programs in Python that the tests check the product with, in an environment of their own.

use anyhow::Result;
use licensing_testkit::python::{PACKAGES, Package, folder};

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
    packages::install_python(&folder(), &format!("{}=={}", package.name, package.version))?;
    anyhow::ensure!(package.is_there(), "was installed and does not start");
    Ok(())
}
