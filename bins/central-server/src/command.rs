//! The verbs of the command line.

mod care;
pub(crate) mod failure;
mod init;
mod relocate;
mod restore;
mod serve;
mod sign;
mod user;

pub use failure::tell;
pub use init::run as initialise;
pub use serve::service;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use licensing_core::ids::{FirmCode, FlashName};
use licensing_core::limits::GRANT_DAYS_MAX;
use licensing_core::origin::Origin;
use licensing_core::token::{ROLES, Role};
use licensing_core::user::UserName;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::database::{DatabaseUrl, Place};

/// Creates licenses from orders and issues them to containers.
#[derive(Debug, Parser)]
#[command(name = "central-server", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Command,
}

impl Arguments {
    /// Whether the answer, and a failure too, is to be one JSON document.
    #[must_use]
    pub const fn wants_json(&self) -> bool {
        matches!(self.verb, Command::Move { json: true, .. })
    }
}

/// Where everything of a server is.
#[derive(Debug, Args)]
struct Home {
    /// Folder with keys and settings, and the database unless that is elsewhere; serve makes it, with the evaluation
    /// firm code 6000010, when there is none
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Database on a PostgreSQL server, postgres://user@host/name; the setting database.url when absent. Others on
    /// this computer can see a command line: give a password by the variable or the setting
    #[arg(long, value_name = "URL", env = "CENTRAL_DATABASE", hide_env_values = true)]
    database: Option<DatabaseUrl>,
}

impl Home {
    fn data(&self) -> DataDir {
        DataDir::new(&self.data)
    }

    fn place(&self, config: &Config) -> anyhow::Result<Place> {
        Place::of(&self.data(), self.database.as_ref(), config)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make keys, settings, a database, and the first API token
    Init {
        #[command(flatten)]
        home: Home,
        /// Firm code of the vendor
        #[arg(long)]
        firm_code: FirmCode,
        /// Name of the vendor, shown to customers
        #[arg(long, default_value = "License vendor")]
        firm_name: String,
    },
    /// Serve until told to stop
    Serve {
        #[command(flatten)]
        home: Home,
        /// Address and port, 127.0.0.1:0 for any free port; the setting `listen` when absent
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Settings; DIR/central.toml when absent
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Bring the database up to date after an update of the program
    Migrate {
        #[command(flatten)]
        home: Home,
    },
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Copy the database into a file while the server runs; keys are not part of it
    Backup {
        #[command(flatten)]
        home: Home,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put a backup in the place of the database while the server is stopped, and begin the reconciliation
    Restore {
        #[command(flatten)]
        home: Home,
        /// The backup; not with PostgreSQL: restore that with its own tools first
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Copy the database into an empty one, from a file to a PostgreSQL server or back, while no server uses it;
    /// every row is compared, and the source is not served any more. Broken off, run it again
    Move {
        #[command(flatten)]
        ends: Ends,
        /// Folder made by init: which containers the settings in it believe, for the audit of the copy
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Look for everything that could be wrong: keys, permissions, certificates, database, books
    Doctor {
        #[command(flatten)]
        home: Home,
        /// Recompute every invariant, and compare the books with what each container said last
        #[arg(long)]
        audit: bool,
        /// Context files to compare the books with as well
        #[arg(long, value_name = "FILE", num_args = 1.., requires = "audit")]
        context: Vec<PathBuf>,
    },
    /// Users who sign in: the first one, and the way back in
    #[command(subcommand)]
    User(UserCommand),
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

/// What is moved where: data folders, SQLite files, or postgres:// URLs. Others on this computer can see a command
/// line: give passwords by the variables.
#[derive(Debug, Args)]
struct Ends {
    /// Where the database is: a data folder, an SQLite file, or a postgres:// URL
    #[arg(long, value_name = "PLACE", env = "CENTRAL_MOVE_FROM", hide_env_values = true)]
    #[arg(required_unless_present = "release")]
    from: Option<DatabaseUrl>,
    /// Where it goes, written in the same way; must be empty, or the unfinished copy of an earlier run
    #[arg(long, value_name = "PLACE", env = "CENTRAL_MOVE_TO", hide_env_values = true)]
    #[arg(required_unless_present = "release")]
    to: Option<DatabaseUrl>,
    /// Let the source of a move be served again, and give its copy up; the copy must not be used any more
    #[arg(long, value_name = "PLACE")]
    release: Option<DatabaseUrl>,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make a user; the password is asked for, or read from the standard input
    Add {
        /// Name: letters, digits, dots, hyphens, underscores, @
        name: UserName,
        /// What the user may do: admin, product-manager, sales, support, auditor; several times for several
        #[arg(long, required = true, value_parser = role)]
        role: Vec<Role>,
        #[command(flatten)]
        home: Home,
    },
    /// Set the password of a user anew, enable him and end his sessions; the password is asked for, or read from the
    /// standard input
    Reset {
        /// Name
        name: UserName,
        /// Take the second factor away, too
        #[arg(long)]
        remove_second_factor: bool,
        #[command(flatten)]
        home: Home,
    },
}

fn role(word: &str) -> Result<Role, String> {
    let known = || ROLES.map(|(_, name)| name).join(", ");
    Role::from_name(word).ok_or_else(|| format!("expected one of {}", known()))
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
        Command::Init { home, firm_code, firm_name } => {
            let (data, place) = (home.data(), home.place(&settings(&home.data(), None)?)?);
            init::run(&data, place.clone(), firm_code, &firm_name)?;
            println!("initialised {} for firm code {firm_code}", data.path().display());
            if !place.is_file() {
                println!(
                    "{place}; give --database, CENTRAL_DATABASE or database.url to the other commands too"
                );
            }
            println!("API token with the admin role: {}", data.admin_token().display());
            println!("next, for who signs in: central-server user add NAME --role admin");
            println!("keep {} apart from the server: it is needed only for a new firm key", root_key(&data));
            Ok(())
        }
        Command::Serve { home, listen, config } => serve::run(&home, listen, config.as_deref()),
        Command::Migrate { home } => care::migrate(&home),
        Command::Config(ConfigCommand::Check { file }) => {
            settings_of(&file)?;
            println!("{} is fine", file.display());
            Ok(())
        }
        Command::Backup { home, out } => care::backup(&home, &out),
        Command::Restore { home, from } => restore::run(&home, from.as_deref()),
        Command::Move { ends, data, json } => relocate::run(&ends, &DataDir::new(data), json),
        Command::Doctor { home, audit, context } => care::doctor(&home, audit.then_some(context.as_slice())),
        Command::User(command) => user::run(command),
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
        Some(file) => settings_of(file),
        None if data.config().exists() => settings_of(&data.config()),
        None => Ok(Config::default()),
    }
}

/// The settings of a file.
fn settings_of(file: &std::path::Path) -> anyhow::Result<Config> {
    Config::load(file).map_err(|error| failure::Refusal::new("settings_invalid", format!("{error:#}")).into())
}
