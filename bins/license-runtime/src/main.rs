//! `license-runtime`: owns the containers of a computer. Thin: everything is in the library of that name.
//!
//! This file is the only one that looks at the environment and ends the process.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use license_runtime::agent::{Agent, Ask, PORTS};
use license_runtime::local::serve;
use license_runtime::{OwnerHandle, Places, Registry, RuntimeError};
use tokio::signal::unix::{SignalKind, signal};

/// Owns the containers of this computer and lets programs and vendors' portals use them.
#[derive(Debug, Parser)]
#[command(name = "license-runtime", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until told to stop
    Serve(Box<Serve>),
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// Where this computer's containers live
    #[arg(long, env = "CM_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    /// Port of the browser agent on loopback, 0 for any free one; the first free one of 7880, 7881, 7882 when
    /// absent
    #[arg(long, value_name = "PORT")]
    agent_port: Option<u16>,
    /// No browser agent at all
    #[arg(long, conflicts_with = "agent_port")]
    no_agent: bool,
    /// How the user is asked whether a portal may talk to the containers: on this terminal; by a program that
    /// gets origin, vendor and firm code as arguments and ends with 0 for yes; or not at all, then
    /// `cmtool agent allow ORIGIN` answers
    #[arg(long, value_name = "terminal|none|PROGRAM", default_value = "none")]
    ask: String,
    #[arg(long, hide = true, env = "XDG_DATA_HOME")]
    data_home: Option<PathBuf>,
    #[arg(long, hide = true, env = "XDG_STATE_HOME")]
    state_home: Option<PathBuf>,
    #[arg(long, hide = true, env = "HOME")]
    user_home: Option<PathBuf>,
    /// File that stands in for this computer's traits; containers made so are marked as test containers
    #[cfg(feature = "test-host")]
    #[arg(long, hide = true, env = "CM_TEST_HOST_TRAITS")]
    test_host_traits: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Command::Serve(arguments) = Arguments::parse().command;
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Serve {
    fn places(&self) -> anyhow::Result<Places> {
        let below = |xdg: &Option<PathBuf>, rest: &str| {
            Places::user_folder(xdg.as_deref(), self.user_home.as_deref(), rest)
        };
        let home = self.home.clone().or_else(|| below(&self.data_home, ".local/share"));
        let home = home.context("there is no home folder: pass --home DIR or set CM_HOME")?;
        let state = below(&self.state_home, ".local/state").unwrap_or_else(|| home.join("state"));
        Ok(Places::below(&home, &state))
    }

    fn ask(&self) -> Ask {
        match self.ask.as_str() {
            "none" => Ask::Nobody,
            "terminal" => Ask::Terminal,
            program => Ask::Program(program.into()),
        }
    }

    #[cfg(feature = "test-host")]
    fn open(&self, places: Places) -> Result<Registry, RuntimeError> {
        match &self.test_host_traits {
            Some(file) => Registry::open_on(places, Box::new(container_sim::traits::TestHost::load(file)?)),
            None => Registry::open(places),
        }
    }

    #[cfg(not(feature = "test-host"))]
    #[expect(clippy::unused_self, reason = "as with the feature test-host")]
    fn open(&self, places: Places) -> Result<Registry, RuntimeError> {
        Registry::open(places)
    }
}

fn run(arguments: &Serve) -> anyhow::Result<()> {
    if let Ask::Program(program) = arguments.ask()
        && !Path::new(&program).is_file()
    {
        bail!("{} is no program that could ask the user", program.display());
    }
    let places = arguments.places()?;
    let socket = places.socket.clone();
    // Whoever holds the containers is the one runtime: everything else comes afterwards.
    let owner = OwnerHandle::new(arguments.open(places).context("cannot take over the containers")?);
    let mut addresses = Vec::new();
    if !arguments.no_agent {
        let ports = arguments.agent_port.map_or_else(|| PORTS.to_vec(), |port| vec![port]);
        let log = |line: &str| {
            let _ = writeln!(std::io::stderr(), "{line}");
        };
        let agent = Agent::bind(&ports, owner.clone(), arguments.ask(), Box::new(log))
            .with_context(|| format!("no port for the browser agent is free, of {ports:?}"))?;
        addresses = agent.addresses()?.iter().map(|address| format!("http://{address}")).collect();
        agent.start()?;
    }
    let server = serve(&socket, owner, addresses.clone())
        .with_context(|| format!("cannot open the socket {}", socket.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Listening for signals begins before anybody is told that there is something to stop.
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let server = std::sync::Arc::new(server);
        let serving = std::sync::Arc::clone(&server);
        std::thread::Builder::new().name("programs".to_owned()).spawn(move || serving.run())?;
        // Whoever started the runtime need not read what it says.
        let mut said = format!("listening on {}\n", socket.display());
        for address in &addresses {
            said.push_str(&format!("browser agent on {address}\n"));
        }
        let _ = std::io::stdout().write_all(said.as_bytes()).and_then(|()| std::io::stdout().flush());
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // The name goes first, so that programs turn to the files; what is being written is old or new anyway.
        server.close();
        Ok(())
    })
}
