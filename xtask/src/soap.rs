//! The SOAP toolkits the tests call the server with: installed by the names of their packages, each on its own, so
//! that one that cannot be had does not keep the others away.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use licensing_testkit::soap_clients::{NODE_SOAP, TOOLKITS, Toolkit, ZEEP, folder};

use crate::packages::{self, install_python, quiet};

/// Installs what is missing: gives the names of those that are there, with commas between them, and what was left out.
pub(crate) fn install(heavy: bool) -> (String, Vec<String>) {
    let (mut names, mut left_out) = (Vec::new(), Vec::new());
    for toolkit in TOOLKITS {
        if toolkit.is_heavy() && !heavy {
            continue;
        }
        match ready(toolkit) {
            Ok(()) => names.push(toolkit.name()),
            Err(error) => left_out.push(format!("SOAP from {}: {error:#}", toolkit.name())),
        }
    }
    (names.join(","), left_out)
}

fn ready(toolkit: Toolkit) -> Result<()> {
    if toolkit.program().is_some() {
        return Ok(());
    }
    let needed = toolkit.packages();
    let missing = format!("install the packages {} and run the tests again", needed.join(", "));
    let is_there = |program: &str| {
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    match toolkit {
        Toolkit::Zeep => install_python(&folder().join("python"), &format!("zeep=={ZEEP}"))?,
        Toolkit::Node => {
            if !is_there("npm") {
                packages::install(needed, &missing)?;
            }
            let place = folder().join("node");
            std::fs::create_dir_all(&place)?;
            let words = [
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--no-save",
                "--ignore-scripts",
                "--prefix",
            ];
            quiet(Command::new("npm").args(words).arg(&place).arg(format!("soap@{NODE_SOAP}")))?;
        }
        Toolkit::Php | Toolkit::Java | Toolkit::Gsoap => packages::install(needed, &missing)?,
    }
    toolkit.program().map(|_| ()).context("was installed and does not start")
}
