//! The verbs of the command line.

mod care;
mod init;
mod restore;
mod serve;

pub use serve::service;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use licensing_core::ids::FirmCode;

use crate::config::Config;
use crate::data_dir::DataDir;

/// Creates licenses from orders and issues them to containers.
#[derive(Debug, Parser)]
#[command(name = "central-server", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make keys, settings, a database, and the first API token
    Init {
        /// Folder for all of it
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// Firm code of the vendor
        #[arg(long)]
        firm_code: FirmCode,
        /// Name of the vendor, shown to customers
        #[arg(long, default_value = "License vendor")]
        firm_name: String,
    },
    /// Serve until told to stop
    Serve {
        /// Folder made by init; made here, with the evaluation firm code 6000010, when there is none
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// Address and port, 127.0.0.1:0 for any free port; the setting `listen` when absent
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Settings; DIR/central.toml when absent
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Bring the database up to date after an update of the program
    Migrate {
        /// Folder made by init
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
    },
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Copy the database into a file while the server runs; keys are not part of it
    Backup {
        /// Folder made by init
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put a backup in the place of the database while the server is stopped, and begin the reconciliation
    Restore {
        /// Folder made by init
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// The backup
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Look for everything that could be wrong: keys, permissions, certificates, database, books
    Doctor {
        /// Folder made by init
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// Recompute every invariant, and compare the books with what each container said last
        #[arg(long)]
        audit: bool,
        /// Context files to compare the books with as well
        #[arg(long, value_name = "FILE", num_args = 1.., requires = "audit")]
        context: Vec<PathBuf>,
    },
    /// Keys
    #[command(subcommand)]
    Keys(KeysCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check a file with settings
    Check {
        /// The file
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make the next issuing key of every firm code; a running server takes it into use when it is restarted
    Rotate {
        /// Folder made by init
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
    },
}

/// Runs a verb.
///
/// # Errors
/// What went wrong, for the operator.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.verb {
        Command::Init { data, firm_code, firm_name } => {
            let data = DataDir::new(data);
            init::run(&data, firm_code, &firm_name)?;
            println!("initialised {} for firm code {firm_code}", data.path().display());
            println!("API token with the admin role: {}", data.admin_token().display());
            println!("keep {} apart from the server: it is needed only for a new firm key", root_key(&data));
            Ok(())
        }
        Command::Serve { data, listen, config } => serve::run(&DataDir::new(data), listen, config.as_deref()),
        Command::Migrate { data } => care::migrate(&DataDir::new(data)),
        Command::Config(ConfigCommand::Check { file }) => {
            Config::load(&file)?;
            println!("{} is fine", file.display());
            Ok(())
        }
        Command::Backup { data, out } => care::backup(&DataDir::new(data), &out),
        Command::Restore { data, from } => restore::run(&DataDir::new(data), &from),
        Command::Doctor { data, audit, context } => {
            care::doctor(&DataDir::new(data), audit.then_some(context.as_slice()))
        }
        Command::Keys(KeysCommand::Rotate { data }) => care::rotate(&DataDir::new(data)),
    }
}

fn root_key(data: &DataDir) -> String {
    data.keys().join("root.key").display().to_string()
}

/// The settings of a data folder, or the defaults where there are none.
fn settings(data: &DataDir, file: Option<&std::path::Path>) -> anyhow::Result<Config> {
    match file {
        Some(file) => Config::load(file),
        None if data.config().exists() => Config::load(&data.config()),
        None => Ok(Config::default()),
    }
}
