//! `central-server`: the command line. The work is in the library.

use std::process::ExitCode;

use central_server::command::{self, Arguments};
use clap::Parser;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.wants_json();
    match command::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(command::tell(&error, json)),
    }
}
