//! The project's own commands: `cargo xtask demo` and `cargo xtask test`, and a few for developers.

mod bench;
mod demo;
mod fixtures;
mod package;
mod packages;
mod python;
mod reliability;
mod shell;
mod soap;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask demo [--keep]     the main job on real programs: order, ticket, activation, receipt, return
cargo xtask test [--long]     every test and check; --long for the large sizes of all proofs as well
cargo xtask proofs            only the proofs, at their large sizes: it takes hours
cargo xtask reliability       docs/reliability.md, from the figures the proofs of the last test run have left
cargo xtask bench [R1 ...]    measures the product against floors of the same run, or fills databases: see --help
cargo xtask fixtures          writes the golden files of format versions that have none yet
cargo xtask screenshots       docs/images, from the portal and the vendor's pages in a real Chromium
cargo xtask package           Debian packages of the programs, into target/package; built and checked
cargo xtask tidy              the house rules alone: dependency edges, file sizes, purity of the core
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["demo"] => demo::run(false),
        ["demo", "--keep"] => demo::run(true),
        ["test"] => test::run_all(false),
        ["test", "--long"] => test::run_all(true),
        ["proofs"] => test::run_long(),
        ["reliability"] => reliability::run(),
        ["bench", rest @ ..] => bench::run(rest),
        ["fixtures"] => fixtures::run(),
        ["screenshots"] => test::screenshots(),
        ["package"] => package::run(),
        ["tidy"] => tidy::run(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
