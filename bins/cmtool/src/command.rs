//! The commands.

mod check;
mod container;
mod files;
mod inspect;
mod online;
mod vendor;

use clap::CommandFactory;

use crate::args::{Arguments, Command, LicenseCommand, TransferCommand};
use crate::failure::Failure;
use crate::output::Output;

/// Runs a command.
pub(crate) fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    let Arguments { global, command } = arguments;
    match command {
        Command::Item(command) => vendor::item(&global, command, output),
        Command::Order(command) => vendor::order(&global, command, output),
        Command::Ticket(command) => online::ticket(&global, command, output),
        Command::Container(command) => container::run(&global, command, output),
        Command::Activate(arguments) => online::activate(&global, &arguments, output),
        Command::Deactivate(arguments) => online::deactivate(&global, &arguments, output),
        Command::Context(command) => files::context(&global, &command, output),
        Command::Transfer(TransferCommand::Receipt { file }) => files::receipt(&global, &file, output),
        Command::Transfer(command) => files::request(&global, &command, output),
        Command::Update(command) => files::import(&global, &command, output),
        Command::Inspect { file } => inspect::run(&file, output),
        Command::License(LicenseCommand::Check(arguments)) => check::check(&global, &arguments, output),
        Command::License(LicenseCommand::Use(arguments)) => check::access(&global, &arguments, output),
        Command::License(LicenseCommand::History { id }) => vendor::history(&global, id, output),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "cmtool", &mut std::io::stdout());
            Ok(())
        }
        Command::Man { out } => clap_mangen::generate_to(Arguments::command(), &out)
            .map_err(|error| Failure::new("output_unwritable", format!("{}: {error}", out.display()))),
    }
}
