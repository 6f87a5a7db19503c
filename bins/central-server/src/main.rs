//! `central-server`: the command line. The work is in the library.

use std::process::ExitCode;

use central_server::command::{self, Arguments};
use clap::Parser;

fn main() -> ExitCode {
    match command::run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
