//! Running programs and finding the workspace.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    // Invariant: xtask lives one folder below the root.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is inside the workspace").to_owned()
}

/// `cargo`, the one that runs this program.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root());
    command
}

/// Runs a command with its output shown, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

/// Runs a command and gives what it printed on standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}").replace('"', "");
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Where debug builds of the programs are.
pub(crate) fn bin(name: &str) -> Result<PathBuf> {
    built("debug", name)
}

/// Where release builds of the programs are.
pub(crate) fn release(name: &str) -> Result<PathBuf> {
    built("release", name)
}

fn built(profile: &str, name: &str) -> Result<PathBuf> {
    let metadata = capture(cargo().args(["metadata", "--format-version", "1", "--no-deps", "--offline"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let target =
        metadata["target_directory"].as_str().context("cargo metadata without a target directory")?;
    Ok(Path::new(target).join(profile).join(name))
}
