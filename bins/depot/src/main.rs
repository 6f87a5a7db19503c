//! `depot`: the command line. The work is in the library.

use std::process::ExitCode;

use clap::Parser;
use depot::command::{self, Arguments};

fn main() -> ExitCode {
    match command::run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
