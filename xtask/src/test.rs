//! `cargo xtask test`: everything CI runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use licensing_testkit::chromium;
use licensing_testkit::postgres::{Cluster, DATABASE_VARIABLE, MISSING, VARIABLE, programs};
use licensing_testkit::{nginx, proof, soap_clients};

use crate::packages;
use crate::shell::{capture, cargo, root, run};

/// Features the tests need: simulated computers, and the browser agent without the daemon around it.
const FEATURES: &str = "cmtool/test-host,license-runtime-daemon/test-host,license-runtime/agent";

/// The version of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Runs every check. `long` also runs every proof at its large size.
pub(crate) fn run_all(long: bool) -> Result<()> {
    let started = Instant::now();
    let commit = commit()?;
    // Beside the lints, which take longer.
    let toolkits = std::thread::spawn(move || (crate::soap::install(long), crate::python::install()));
    step(started, "format");
    run(cargo().args(["fmt", "--all", "--check"]))?;
    step(started, "house rules");
    crate::tidy::run()?;
    step(started, "lints");
    run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--features",
        FEATURES,
        "--",
        "-D",
        "warnings",
    ]))?;
    step(started, "documentation");
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
    run(&mut doc)?;
    step(started, "the demo, on the programs as they ship");
    crate::demo::run(false)?;
    step(started, "programs for the stories");
    run(cargo().args(["build", "--workspace", "--bins", "--locked", "--features", FEATURES]))?;
    step(started, "Debian packages of these programs");
    let unpacked = crate::package::check(&root().join("target/debug"))?;
    let no_proxy = nginx();
    step(started, "tests");
    let ((toolkits, missing), (python, more_missing)) =
        toolkits.join().map_err(|_| anyhow::anyhow!("installing foreign programs failed"))?;
    let postgres = postgres()?;
    chromium()?;
    // Beside the tests, most of which wait more than they compute: building cargo-deny, and the libraries with other
    // features, takes minutes.
    let crates = std::thread::spawn(|| check_crates().and_then(|left_out| check_alone().map(|()| left_out)));
    let mut tests = cargo();
    // All that fails is told at once.
    tests.args(["test", "--workspace", "--locked", "--no-fail-fast", "--features", FEATURES]);
    tests.env(VARIABLE, postgres.socket()).env(proof::COMMIT, &commit);
    tests.env(soap_clients::VARIABLE, &toolkits).env(licensing_testkit::python::VARIABLE, &python);
    let mut passed = count_passed(&mut tests)?;
    step(started, "the stories again, on PostgreSQL");
    let mut stories = cargo();
    // The whole workspace and names of tests: a selection of packages would have other features and be built anew.
    stories.args(["test", "--workspace", "--locked", "--no-fail-fast", "--features", FEATURES]);
    for name in stories_of(&["cmtool", "central-server"])? {
        stories.args(["--test", &name]);
    }
    stories.env(VARIABLE, postgres.socket()).env(DATABASE_VARIABLE, "postgres").env(proof::COMMIT, &commit);
    stories.env(soap_clients::VARIABLE, &toolkits).env(licensing_testkit::python::VARIABLE, &python);
    passed += count_passed(&mut stories)?;
    passed += zoo(started)?;
    step(started, "licences, sources and banned crates, and each library alone");
    let left_out = crates.join().map_err(|_| anyhow::anyhow!("the check of the crates failed"))??;
    if long {
        passed += long_proofs(started, &commit, &postgres)?;
    }
    println!("\nall checks passed in {} s", started.elapsed().as_secs());
    println!("{passed} passed, 0 failed");
    for left_out in left_out.iter().chain(&missing).chain(&more_missing).chain(&unpacked).chain(&no_proxy) {
        println!("NOT CHECKED: {left_out}");
    }
    Ok(())
}

/// Defects are built in with a feature no program may have.
fn zoo(started: Instant) -> Result<u64> {
    step(started, "the zoo: every deliberate defect is found");
    let zoo = ["test", "--package", "licensing-core", "--locked", "--features", "zoo", "--test", "zoo", "--"];
    count_passed(cargo().args(zoo).args(["every_defect_is_found", "the_page_lists"]))
}

/// Only the proofs, at their large sizes.
pub(crate) fn run_long() -> Result<()> {
    let (started, commit) = (Instant::now(), commit()?);
    let passed = long_proofs(started, &commit, &postgres()?)?;
    println!("\nall proofs hold, after {} s\n{passed} passed, 0 failed", started.elapsed().as_secs());
    Ok(())
}

/// Every proof at its large size: optimised, with every check of a debug build.
fn long_proofs(started: Instant, commit: &str, postgres: &Cluster) -> Result<u64> {
    step(started, "programs for the proofs at their large sizes");
    let built = ["--profile", "long", "--workspace", "--locked", "--features", FEATURES];
    run(cargo().arg("build").args(built).arg("--bins"))?;
    let proof = |name: &str, words: &[&str], database: Option<&str>| {
        step(started, &format!("{name} {} {}", words.join(" "), database.unwrap_or_default()));
        let mut tests = cargo();
        tests.arg("test").args(built).args(["--test", name, "--", "--nocapture"]).args(words);
        tests.env(proof::LONG, "1").env(proof::COMMIT, commit).env(VARIABLE, postgres.socket());
        if let Some(database) = database {
            tests.env(DATABASE_VARIABLE, database);
        }
        count_passed(&mut tests)
    };
    // One corner of the model after the other: each needs memory for all its states.
    let mut passed = proof("small_model", &["--ignored", "--test-threads=1"], None)?;
    passed += proof("model", &["nothing_is_ever"], None)?;
    for database in [None, Some("postgres")] {
        passed += proof("kill", &[], database)?;
        passed += proof("histories", &[], database)?;
    }
    for name in ["power", "failures", "available", "relocate"] {
        passed += proof(name, &[], None)?;
    }
    Ok(passed)
}

/// The commit at hand, marked when something was changed since.
fn commit() -> Result<String> {
    let mut git = Command::new("git");
    let words = ["describe", "--always", "--dirty", "--abbrev=12"];
    Ok(capture(git.current_dir(root()).args(words))?.trim().to_owned())
}

fn step(started: Instant, what: &str) {
    println!("\n=== {what} (after {} s)", started.elapsed().as_secs());
}

/// Runs the tests, showing their output, and counts them.
fn count_passed(tests: &mut Command) -> Result<u64> {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let mut child = tests.stdout(Stdio::piped()).spawn().context("cannot start the tests")?;
    let output = child.stdout.take().context("no output")?;
    let mut passed = 0;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some(counts) = line.strip_prefix("test result: ok. ") {
            passed +=
                counts.split_whitespace().next().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        }
        println!("{line}");
    }
    let status = child.wait()?;
    anyhow::ensure!(status.success(), "tests failed: {status}");
    Ok(passed)
}

/// Checks licences, sources and banned crates, without the network. Says what was left out when there is no
/// `cargo-deny` and none can be had; then `tidy`, which needs nothing, still guards the dependency edges.
fn check_crates() -> Result<Option<String>> {
    let program = match deny() {
        Ok(program) => program,
        Err(error) => {
            println!("{error:#}");
            return Ok(Some(format!(
                "licences, sources and banned crates: install cargo-deny {CARGO_DENY} into target/tools"
            )));
        }
    };
    // What the graph of all platforms needs must be here before the offline check.
    run(cargo().args(["fetch", "--locked", "--quiet"]))?;
    let words = ["--offline", "check", "bans", "licenses", "sources"];
    run(Command::new(program).current_dir(root()).args(words))?;
    Ok(None)
}

/// Each library as somebody else would use it: a feature that leaks in from a neighbour would hide otherwise.
fn check_alone() -> Result<()> {
    const ALONE: [&str; 8] = [
        "licensing-core",
        "licensing-wire",
        "licensing-store",
        "licensing-store-postgres",
        "container-sim",
        "licensing-client",
        "licensing-qr",
        "license-runtime",
    ];
    for alone in ALONE {
        run(cargo().args(["check", "--quiet", "--locked", "--package", alone]))?;
    }
    Ok(())
}

/// Integration tests for which once is enough: they bring their own databases, or look at what a database has no part in
/// (pages in a browser, options of the command line, pictures).
const ONCE: [&str; 7] = ["available", "exit_codes", "moved", "pages", "processes", "qr", "relocate"];

/// The integration tests of these programs, which run on the database that they are told.
fn stories_of(programs: &[&str]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for program in programs {
        for entry in std::fs::read_dir(root().join("bins").join(program).join("tests"))? {
            let path = entry?.path();
            // A file, or a folder of several.
            if path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists() {
                let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
                names.extend(name.filter(|name| !ONCE.contains(&name.as_str())));
            }
        }
    }
    Ok(names)
}

/// A PostgreSQL server for all tests of this run, stopped with the value. Installed where that can be done.
fn postgres() -> Result<Cluster> {
    if programs().is_none() {
        // The package starts a server of its own unless it is told not to; the tests' one has nothing to do with it.
        let settings = Path::new("/etc/postgresql-common/createcluster.conf");
        if settings.parent().is_some_and(|folder| std::fs::create_dir_all(folder).is_ok())
            && !settings.exists()
        {
            std::fs::write(settings, "create_main_cluster = false\n").context(MISSING)?;
        }
        packages::install(&["postgresql"], MISSING)?;
    }
    Ok(Cluster::start(&[])?)
}

/// Sees to it that there is an nginx, where that can be done.
fn nginx() -> Option<String> {
    let there = nginx::program().is_some() || packages::unpack(nginx::PACKAGE, &nginx::folder()).is_ok();
    (!there).then(|| "what the page says about nginx and client certificates: there is no nginx".to_owned())
}

/// Sees to it that there is a Chromium for the tests of pages.
fn chromium() -> Result<()> {
    if chromium::programs().is_none() {
        packages::install(&["chromium", "chromium-driver"], chromium::MISSING)?;
    }
    Ok(())
}

/// `cargo xtask screenshots`: every page of the portal, wide and narrow, light and dark, into `docs/images`.
pub(crate) fn screenshots() -> Result<()> {
    chromium()?;
    run(cargo().args(["build", "--workspace", "--bins", "--locked", "--features", FEATURES]))?;
    let test = ["test", "--workspace", "--locked", "--features", FEATURES, "--test", "in_browser"];
    run(cargo().args(test).args(["--", "--ignored", "--exact", "tour::pictures_of_every_page"]))?;
    let test = ["test", "--workspace", "--locked", "--features", FEATURES, "--test", "pages"];
    run(cargo().args(test).args(["--", "--ignored", "--exact", "day::pictures_of_every_page"]))
}

/// `cargo-deny` of the right version, installed into the target folder when it is not there.
fn deny() -> Result<PathBuf> {
    let tools = root().join("target").join("tools");
    let program = tools.join("bin").join("cargo-deny");
    let is_right = Command::new(&program)
        .arg("--version")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(CARGO_DENY));
    if !is_right {
        // A debug build: it runs once and is ready in half the time.
        let version = format!("cargo-deny@{CARGO_DENY}");
        run(cargo().args(["install", "--locked", "--debug", "--quiet", "--root"]).arg(&tools).arg(version))
            .context("cargo-deny could not be installed")?;
    }
    Ok(program)
}
