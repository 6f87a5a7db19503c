//! Foreign SOAP toolkits that the tests call the server with: where they are, and how they come there.
//!
//! `cargo xtask test` installs them; a test that runs without them says so and checks nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set by `cargo xtask test`: names of the toolkits that must be there, with commas between them. Without it those
/// that are there are used.
pub const VARIABLE: &str = "SOAP_CLIENTS";

/// Version of zeep the examples are written for.
pub const ZEEP: &str = "4.3.3";

/// Version of node-soap the examples are written for.
pub const NODE_SOAP: &str = "1.13.0";

/// A toolkit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toolkit {
    /// zeep, for Python.
    Zeep,
    /// `SoapClient` of PHP.
    Php,
    /// node-soap, for Node.js.
    Node,
    /// JAX-WS, for Java.
    Java,
    /// gSOAP, for C.
    Gsoap,
}

/// Every toolkit.
pub const TOOLKITS: [Toolkit; 5] =
    [Toolkit::Zeep, Toolkit::Php, Toolkit::Node, Toolkit::Java, Toolkit::Gsoap];

fn succeeds(program: &Path, words: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The folder the toolkits of package managers are installed into.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/soap")
}

impl Toolkit {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zeep => "zeep",
            Self::Php => "php",
            Self::Node => "node-soap",
            Self::Java => "jax-ws",
            Self::Gsoap => "gsoap",
        }
    }

    /// Whether it takes so long to build its client that only long runs do it.
    #[must_use]
    pub const fn is_heavy(self) -> bool {
        matches!(self, Self::Java | Self::Gsoap)
    }

    /// Packages of Debian that bring it.
    #[must_use]
    pub const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Zeep => &["python3", "python3-venv"],
            Self::Php => &["php-cli", "php-soap"],
            Self::Node => &["nodejs", "npm"],
            Self::Java => &["openjdk-17-jdk-headless", "jaxws", "libjaxws-java"],
            Self::Gsoap => &["gsoap", "libgsoap-dev", "gcc"],
        }
    }

    /// The program that runs a client of it, when everything is there.
    #[must_use]
    pub fn program(self) -> Option<PathBuf> {
        let (program, words): (PathBuf, &[&str]) = match self {
            Self::Zeep => (folder().join("python/bin/python"), &["-c", "import zeep"]),
            Self::Php => ("php".into(), &["-r", "exit(extension_loaded('soap') ? 0 : 1);"]),
            Self::Node => ("node".into(), &["-e", "require('soap')"]),
            Self::Java => ("java".into(), &["-version"]),
            Self::Gsoap => ("gcc".into(), &["--version"]),
        };
        let more = match self {
            Self::Node => return self.with_modules(&program, words).then_some(program),
            Self::Java => {
                succeeds(Path::new("wsimport"), &["-version"]) && succeeds(Path::new("javac"), &["-version"])
            }
            Self::Gsoap => succeeds(Path::new("soapcpp2"), &["-V"]) && succeeds(Path::new("wsdl2h"), &["-V"]),
            Self::Zeep | Self::Php => true,
        };
        (more && succeeds(&program, words)).then_some(program)
    }

    fn with_modules(self, program: &Path, words: &[&str]) -> bool {
        let mut command = Command::new(program);
        command.args(words).env("NODE_PATH", modules()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// The program that runs a client of it, or a line that says that it was not checked.
    ///
    /// # Panics
    /// It was promised by [`VARIABLE`] and is not there.
    #[must_use]
    pub fn required(self) -> Option<PathBuf> {
        #[expect(clippy::disallowed_methods, reason = "the one place where tests are told their toolkits")]
        let promised = std::env::var(VARIABLE).ok();
        let must = promised.as_ref().map(|names| names.split(',').any(|name| name == self.name()));
        if must == Some(false) {
            println!("NOT CHECKED in this run: {}", self.name());
            return None;
        }
        let program = self.program();
        assert!(must.is_none() || program.is_some(), "{} is not there", self.name());
        if program.is_none() {
            println!("NOT CHECKED: {} is not installed; `cargo xtask test` does that", self.name());
        }
        program
    }
}

/// Where the modules of Node.js are.
#[must_use]
pub fn modules() -> PathBuf {
    folder().join("node/node_modules")
}
