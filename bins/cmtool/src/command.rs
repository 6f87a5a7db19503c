//! The commands.

mod check;
mod container;
mod decide;
mod device;
mod events;
mod files;
mod flash;
mod inspect;
mod lists;
mod look;
mod online;
mod qr;
mod runtime;
mod vendor;

use clap::CommandFactory;

use crate::args::{Arguments, Command, Global, LicenseCommand, RuntimeCommand, TransferCommand};
use crate::failure::Failure;
use crate::output::Output;
use crate::places;

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
        Command::Reactivate(arguments) => online::reactivate(&global, &arguments, output),
        Command::Restore { old, container } => device::restore(&global, old, container, output),
        Command::AutoUpdate { container } => device::automatic_update(&global, container, output),
        Command::Cancel(arguments) => online::cancel(&global, &arguments, output),
        Command::Approval(command) => decide::approval(&global, &command, output),
        Command::Blacklist(command) => decide::blacklist(&global, &command, output),
        Command::Receipt(command) => look::receipt(&global, &command, output),
        Command::Events(arguments) => events::events(&global, &arguments, output),
        Command::Webhook(command) => events::webhook(&global, command, output),
        Command::Reconciliation(command) => decide::reconciliation(&global, &command, output),
        Command::Context(command) => files::context(&global, &command, output),
        Command::Transfer(TransferCommand::Receipt { file }) => files::receipt(&global, &file, output),
        Command::Transfer(TransferCommand::Request(arguments)) => files::request(&global, &arguments, output),
        Command::Update(command) => files::import(&global, &command, output),
        Command::Inspect { file } => inspect::run(&file, output),
        Command::Flash(command) => flash::run(&global, command, output),
        Command::Agent(command) => runtime::agent(&global, &command, output),
        Command::Runtime(RuntimeCommand::Status) => runtime::status(&global, output),
        Command::License(command) => license(&global, command, output),
        Command::Search { text } => {
            let text = if text == "-" { places::standard_input()? } else { text };
            lists::search(&global, &text, output)
        }
        Command::Orders(arguments) => lists::orders(&global, arguments, output),
        Command::Containers(arguments) => lists::containers(&global, arguments, output),
        Command::Transfers(arguments) => lists::transfers(&global, arguments, output),
        Command::Statistics(arguments) => lists::statistics(&global, arguments, output),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "cmtool", &mut std::io::stdout());
            Ok(())
        }
        Command::Man { out } => clap_mangen::generate_to(Arguments::command(), &out)
            .map_err(|error| Failure::new("output_unwritable", format!("{}: {error}", out.display()))),
    }
}

fn license(global: &Global, command: LicenseCommand, output: &Output) -> Result<(), Failure> {
    match command {
        LicenseCommand::Check(arguments) => check::check(global, &arguments, output),
        LicenseCommand::Use(arguments) => check::access(global, &arguments, output),
        LicenseCommand::History { id, csv } => {
            look::history(global, ("license", &id.to_string()), csv, output)
        }
        LicenseCommand::Search(arguments) => look::search(global, arguments, output),
        LicenseCommand::Show { id } => look::license(global, id, output),
        LicenseCommand::Withdraw { id, cancel } => decide::withdraw(global, id, cancel, output),
        LicenseCommand::Replace { id, by } => decide::replace(global, id, by, output),
        LicenseCommand::PreActivate(arguments) => decide::preactivate(global, arguments, output),
        LicenseCommand::Install { file } => device::install(global, &file, output),
        LicenseCommand::Convert { file, container } => device::convert(global, &file, container, output),
    }
}
