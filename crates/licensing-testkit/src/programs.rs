//! Programs of the workspace that tests start.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program `name` beside `own`, a program of the same build; built when its test is run alone.
///
/// # Panics
/// It cannot be built.
#[must_use]
pub fn beside(own: &str, name: &str) -> PathBuf {
    let program = Path::new(own).with_file_name(name);
    if !program.exists() {
        let package = if name == "license-runtime" { "license-runtime-daemon" } else { name };
        let built = Command::new(env!("CARGO")).args(["build", "--locked", "--package", package]).status();
        assert!(built.expect("cargo runs").success(), "{package} must build");
    }
    program
}
