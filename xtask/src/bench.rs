//! `bench`: builds everything as it is shipped, and runs the measurements.

use std::process::Command;

use anyhow::Result;

use crate::shell;

/// Passes what was asked on to `licensing-bench`, which finds the programs beside itself.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let programs = ["licensing-bench", "central-server", "license-runtime-daemon"];
    // One at a time: together they would be built with the features of each other.
    for program in programs {
        shell::run(shell::cargo().args(["build", "--quiet", "--release", "--locked", "--package", program]))?;
    }
    let program = shell::release("licensing-bench")?;
    shell::run(Command::new(program).args(arguments).current_dir(shell::root()))
}
