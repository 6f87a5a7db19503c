//! `licensing-bench`: see `cargo xtask bench --help`.

mod fleet;
mod floor;
mod goal;
mod load;
mod plot;
mod program;
mod report;
mod visitor;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use central_server::database::{DatabaseUrl, Place};
use clap::Parser;
use licensing_bench::generate::{self, Target};

use crate::floor::crypto;
use crate::goal::Bench;
use crate::report::{Missing, Report};

/// As in the server: the fixed answers of the floor must not lack what the product has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the product against floors of the same run, or fills a database
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", max_term_width = 100)]
struct Arguments {
    /// Goals to measure (R1 R2 R3 R4 R5 R6 R7 R8 R9 R10 R11); all when none is named
    goals: Vec<String>,
    /// Only a look whether everything works: few rounds, small numbers
    #[arg(long)]
    quick: bool,
    /// Also write docs/performance.md and its plots
    #[arg(long)]
    report: bool,
    /// Licenses in the large database of R5, R10 and R11 (10k, 1m, 10m)
    #[arg(long, value_name = "LICENSES", default_value = "1m", value_parser = number)]
    size: u64,
    /// Measure nothing: make a server with so many licenses and a realistic history (10k, 1m, 10m)
    #[arg(long, value_name = "LICENSES", value_parser = number, requires = "to")]
    generate: Option<u64>,
    /// Where: a new data folder, or postgres://user@host/name of an empty database
    #[arg(long, value_name = "DIR|URL")]
    to: Option<String>,
    /// Folder for keys and settings where --to is a URL
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Another number makes other customers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for everything that is made on the way; it must be on the disk that is to be measured
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    folder: PathBuf,
}

/// `10k`, `1m` or a plain number.
fn number(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text.strip_suffix(['m', 'M']).map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    number.filter(|number| *number > 0).ok_or_else(|| "expected a number like 10k or 1m".to_owned())
}

fn main() -> ExitCode {
    let outcome = if std::env::args().nth(1).is_some_and(|word| word == "fixed-server") {
        program::fixed().map(|()| true)
    } else {
        run(&Arguments::parse())
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    match (arguments.generate, &arguments.to) {
        (Some(licenses), Some(to)) => fill(arguments, licenses, to).map(|()| true),
        _ => measure(arguments),
    }
}

fn fill(arguments: &Arguments, licenses: u64, to: &str) -> Result<()> {
    let target = if to.contains("://") {
        let data = arguments.data.clone().context("--to URL needs --data DIR for the keys")?;
        Target { data, place: Place::Postgres(Box::new(DatabaseUrl::from(to.to_owned()).settings()?)) }
    } else {
        ensure!(arguments.data.is_none(), "--data is for --to URL only");
        Target { data: PathBuf::from(to), place: program::file(Path::new(to)) }
    };
    let begun = Instant::now();
    let next = std::cell::Cell::new(0);
    let made = generate::generate(&target, licenses, arguments.seed, |stored| {
        if stored >= next.get() {
            eprintln!("{stored:>9} licenses after {} s", begun.elapsed().as_secs());
            next.set(stored + licenses / 10);
        }
    })?;
    println!(
        "{} licenses of {} customers in {} after {} s; look at it with: central-server doctor --audit --data {}",
        made.licenses,
        made.customers,
        target.place,
        begun.elapsed().as_secs(),
        target.data.display()
    );
    Ok(())
}

type Measure = fn(&mut Bench) -> Result<()>;

/// Every goal with what measures it.
const GOALS: [(&str, Measure); 10] = [
    ("R1", goal::activation::throughput),
    ("R2", goal::activation::latency),
    ("R3", goal::postgres::run),
    ("R4", goal::overview::run),
    ("R5", goal::growth::run),
    ("R6", goal::orders::run),
    ("R7", goal::access::run),
    ("R8", goal::apply::run),
    ("R10", goal::start::run),
    ("R11", goal::lists::run),
];
/// Goals whose part of the product does not exist.
const NOT_BUILT: [(&str, &str); 1] = [("R9", "floating server over the network: not built yet")];

fn measure(arguments: &Arguments) -> Result<bool> {
    let known =
        |name: &String| GOALS.iter().any(|(id, _)| id == name) || NOT_BUILT.iter().any(|(id, _)| id == name);
    if let Some(unknown) = arguments.goals.iter().find(|name| !known(name)) {
        bail!("there is no goal {unknown}");
    }
    let wanted = |id: &str| arguments.goals.is_empty() || arguments.goals.iter().any(|name| name == id);
    std::fs::create_dir_all(&arguments.folder)?;
    let plots = if arguments.report { PathBuf::from("docs/images") } else { arguments.folder.clone() };
    std::fs::create_dir_all(&plots)?;
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(&arguments.folder)?;
    let mut bench = Bench {
        folder: std::path::absolute(folder.path())?,
        quick: arguments.quick,
        size: arguments.size,
        report: Report { header: header(arguments), ..Report::default() },
        plots,
    };
    for (id, measure) in GOALS.into_iter().filter(|(id, _)| wanted(id)) {
        measure(&mut bench).with_context(|| format!("{id} could not be measured"))?;
    }
    for (id, why) in NOT_BUILT.into_iter().filter(|(id, _)| wanted(id)) {
        bench.report.missing.push(Missing { id, why: why.to_owned() });
    }
    floors(&mut bench)?;
    let plots = bench.plots.clone();
    plot::rounds(&plots, &mut bench.report)?;
    println!("{}", bench.report.table());
    bench.report.write(&arguments.folder)?;
    if arguments.report {
        bench.report.publish(Path::new("docs/performance.md"))?;
    }
    // A quick look judges nothing: its numbers are too small to mean anything.
    Ok(arguments.quick || bench.report.lines.iter().all(report::Line::holds))
}

fn header(arguments: &Arguments) -> Vec<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let mut command = "cargo xtask bench".to_owned();
    arguments.goals.iter().for_each(|goal| command.extend([" ", goal]));
    for (given, option) in [(arguments.quick, " --quick"), (arguments.report, " --report")] {
        command.push_str(if given { option } else { "" });
    }
    if arguments.size != 1_000_000 {
        command.push_str(&format!(" --size {}", arguments.size));
    }
    vec![
        format!("Command: `{command}`"),
        format!(
            "Machine: {} threads, {}",
            goal::activation::cores(),
            model.trim_start_matches([' ', '\t', ':'])
        ),
    ]
}

/// Floors of the cryptography, for those who want to compare machines.
fn floors(bench: &mut Bench) -> Result<()> {
    let one = crypto::measure(1)?;
    for (name, time) in [
        ("Ed25519 verify", one.verify),
        ("Ed25519 sign", one.sign),
        ("HPKE seal", one.seal),
        ("HPKE open", one.open),
        ("SHA-256 of 1 KiB", one.hash),
    ] {
        bench.report.floors.push((format!("{name}, one thread"), time * 1e6, "µs"));
    }
    bench.report.floors.push((
        "Argon2id 19 MiB, 2 passes".to_owned(),
        crypto::argon2id(19 * 1024, 2, 1)? * 1e3,
        "ms",
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert_eq!(number("10k"), Ok(10_000));
        assert_eq!(number("1m"), Ok(1_000_000));
        assert_eq!(number("7"), Ok(7));
        for wrong in ["", "k", "0", "-1", "1g", "99999999999999999999m"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }
}
