//! The command line: `serve` and `config`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::config::{Config, SAMPLE};
use crate::http;

/// The customer's portal.
#[derive(Debug, Parser)]
#[command(name = "depot", version)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serves the portal until it is told to stop.
    Serve {
        /// The settings; every setting has a default.
        #[arg(long, env = "DEPOT_CONFIG")]
        config: Option<PathBuf>,
        /// Address and port to listen on, instead of that of the settings.
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Address of the central server, instead of that of the settings.
        #[arg(long, env = "CM_SERVER")]
        central_server: Option<String>,
    },
    /// Settings.
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Checks a file of settings with the theme, texts and templates it names.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Prints a file with every setting, its meaning and its default.
    Sample,
}

/// Runs a command.
///
/// # Errors
/// What went wrong, for the person at the terminal.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.verb {
        Verb::Serve { config, listen, central_server } => {
            let mut settings = load(config.as_deref())?;
            if let Some(listen) = listen {
                settings.listen = listen;
            }
            if let Some(address) = central_server {
                settings.central_server = address;
            }
            serve(settings)
        }
        Verb::Config { verb: ConfigVerb::Check { file } } => {
            let settings = load(Some(&file))?;
            let origin = settings.origin_at(settings.listen)?;
            App::new(settings, origin)?;
            println!("{}: the settings and the theme are in order", file.display());
            Ok(())
        }
        Verb::Config { verb: ConfigVerb::Sample } => {
            print!("{SAMPLE}");
            Ok(())
        }
    }
}

fn load(file: Option<&Path>) -> anyhow::Result<Config> {
    file.map_or_else(|| Ok(Config::default()), Config::load)
}

fn serve(config: Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("warn,depot={}", config.log.level))?;
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(config.limits.requests)
        .build()?;
    runtime.block_on(async {
        let listen = config.listen;
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        let origin = config.origin_at(address)?;
        let bounds = config.bounds();
        let app = App::new(config, origin)?;
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        println!("listening on http://{address}");
        std::io::stdout().flush()?;
        tracing::info!(%address, "listening");
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        http::serve(app, bounds, listener, stop).await;
        tracing::info!("stopped");
        Ok(())
    })
}
