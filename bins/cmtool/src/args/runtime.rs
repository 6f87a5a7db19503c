//! What is typed about the license runtime and its browser agent.

use clap::Subcommand;
use licensing_core::origin::Origin;

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// List the portals that may talk to the containers, and those that ask
    List,
    /// Allow a portal
    Allow {
        /// Its origin, `https://portal.example`
        origin: Origin,
    },
    /// Take the consent for a portal back, or refuse one that asks
    Revoke {
        /// Its origin, `https://portal.example`
        origin: Origin,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RuntimeCommand {
    /// Tell whether the license runtime runs, and what is in use: exit code 4 when it does not run
    Status,
}
