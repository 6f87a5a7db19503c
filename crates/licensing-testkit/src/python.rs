//! Foreign programs in Python that tests check the product with: where they are, and how they come there.
//!
//! `cargo xtask test` installs them; a test that runs without them says so and checks nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set by `cargo xtask test`: names of the packages that must be there, with commas between them. Without it those that
/// are there are used.
pub const VARIABLE: &str = "PYTHON_TOOLS";

/// A package, with the version the tests are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// Verifies messages of webhooks; by the authors of the specification.
pub const STANDARD_WEBHOOKS: Package = Package { name: "standardwebhooks", version: "1.1.0" };

/// Asks a server whatever its OpenAPI document allows, and more.
pub const SCHEMATHESIS: Package = Package { name: "schemathesis", version: "4.32.5" };

/// A mail server by others, with TLS and logins.
pub const AIOSMTPD: Package = Package { name: "aiosmtpd", version: "1.4.6" };

/// Every package.
pub const PACKAGES: [Package; 3] = [STANDARD_WEBHOOKS, SCHEMATHESIS, AIOSMTPD];

/// The folder they are installed into.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python")
}

/// The interpreter they are installed for.
#[must_use]
pub fn interpreter() -> PathBuf {
    folder().join("bin/python")
}

impl Package {
    /// Whether it is installed.
    #[must_use]
    pub fn is_there(self) -> bool {
        let mut command = Command::new(interpreter());
        command.arg("-c").arg(format!("import {}", self.name));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

/// The interpreter with a package, or a line that says that something was not checked.
///
/// # Panics
/// It was promised by [`VARIABLE`] and is not there.
#[must_use]
pub fn with(package: Package) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the one place where tests are told their packages")]
    let promised = std::env::var(VARIABLE).ok();
    let must = promised.as_ref().map(|names| names.split(',').any(|name| name == package.name));
    if must == Some(false) {
        println!("NOT CHECKED in this run: {}", package.name);
        return None;
    }
    let there = package.is_there();
    assert!(must.is_none() || there, "{} is not there", package.name);
    if !there {
        println!("NOT CHECKED: {} is not installed; `cargo xtask test` does that", package.name);
    }
    there.then(interpreter)
}
