//! The verbs of the command line.

mod care;
mod init;
mod serve;
mod sign;

pub use serve::service;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use licensing_core::ids::{FirmCode, FlashName};
use licensing_core::limits::GRANT_DAYS_MAX;
use licensing_core::origin::Origin;

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
    /// Look for everything that could be wrong: keys, permissions, certificates, database, books
    Doctor {
        /// Folder made by init
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
    },
    /// Keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Grants, signed with the firm key
    #[command(subcommand)]
    Grant(GrantCommand),
    /// Software packages, signed with the firm key
    #[command(subcommand)]
    Package(PackageCommand),
}

#[derive(Debug, Subcommand)]
enum GrantCommand {
    /// Let the portal at an origin talk to the vendor's containers through the customers' browser agents
    Origin {
        /// Where the portal is, exactly as browsers write it: https://portal.example or https://portal.example:8443
        origin: Origin,
        /// Folder made by init
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// Firm code; the only one of the server when absent
        #[arg(long)]
        firm_code: Option<FirmCode>,
        /// How long the grant is valid, at most 400
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=i64::from(GRANT_DAYS_MAX)))]
        days: u32,
        /// Where it goes, as text; standard output when absent
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum PackageCommand {
    /// Sign a file, so that dongles deliver it and customers know that it is the vendor's
    Sign {
        /// The file
        file: PathBuf,
        /// Version of the software, shown to customers
        #[arg(long)]
        version: String,
        /// Name of the software, as it is saved; that of the file when absent
        #[arg(long)]
        name: Option<FlashName>,
        /// Folder made by init
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// Firm code; the only one of the server when absent
        #[arg(long)]
        firm_code: Option<FirmCode>,
        /// Where the package goes, *.WibuCmPkg
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
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
        Command::Doctor { data } => care::doctor(&DataDir::new(data)),
        Command::Keys(KeysCommand::Rotate { data }) => care::rotate(&DataDir::new(data)),
        Command::Grant(GrantCommand::Origin { origin, data, firm_code, days, out }) => {
            sign::grant(&DataDir::new(data), firm_code, origin, days, out.as_deref())
        }
        Command::Package(PackageCommand::Sign { file, version, name, data, firm_code, out }) => {
            sign::package(&DataDir::new(data), firm_code, &file, name, &version, &out)
        }
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
