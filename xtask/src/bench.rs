//! `bench`: builds everything as it is shipped, and runs the measurements.

use std::process::Command;

use anyhow::Result;

use crate::shell;

/// Passes what was asked on to `licensing-bench`, which finds the programs beside itself.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let mut build = shell::cargo();
    build.args(["build", "--release", "--locked"]);
    for program in ["licensing-bench", "central-server", "license-runtime-daemon"] {
        build.args(["--package", program]);
    }
    shell::run(&mut build)?;
    let program = shell::release("licensing-bench")?;
    shell::run(Command::new(program).args(arguments).current_dir(shell::root()))
}
