//! `cmtool`: the command line for users, administrators and vendor scripts.
//!
//! This file is the only one that looks at the environment and ends the process.

mod args;
mod command;
mod failure;
mod output;
mod places;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let output = Output::new(arguments.global.json);
    match command::run(arguments, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(output.fail(&failure)),
    }
}

/// Help and version go to standard output; a wrong command line is told in the form that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    if !error.use_stderr() || !wants_json {
        // Printing fails only when nobody listens.
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    let text = error.render().to_string();
    // What is wrong, down to the first empty line: the names of what is missing stand in lines of their own.
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let message = lines.collect::<Vec<_>>().join(" ");
    let message = message.trim_start_matches("error: ");
    ExitCode::from(Output::new(true).fail(&failure::Failure::new("usage", message)))
}
