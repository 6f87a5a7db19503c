//! Telling events to other programs.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct EventsArguments {
    /// Only what happened after the event of this id; `newest` for what comes now
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<String>,
    /// Only events of this type (repeatable)
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Go on for ever, one JSON document a line
    #[arg(long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Send events to an address from now on; prints the signing secret, this once
    Add {
        /// Name
        name: String,
        /// Where events are sent: an https:// address
        url: String,
        /// Only events of this type (repeatable)
        #[arg(long = "type", value_name = "TYPE")]
        types: Vec<String>,
        /// From where: newest, beginning, a day, a time, or the id of an event
        #[arg(long, value_name = "PLACE", default_value = "newest")]
        from: String,
    },
    /// List webhooks and how far each has come
    List,
    /// Change where events are sent, or which
    Change {
        /// Name
        name: String,
        /// Where events are sent
        #[arg(long)]
        url: Option<String>,
        /// Only events of this type (repeatable)
        #[arg(long = "type", value_name = "TYPE", conflicts_with = "all_types")]
        types: Option<Vec<String>>,
        /// Events of every type
        #[arg(long)]
        all_types: bool,
    },
    /// Send events again to a webhook that was disabled, from where it was
    Enable {
        /// Name
        name: String,
    },
    /// Send nothing for now
    Disable {
        /// Name
        name: String,
    },
    /// Remove a webhook
    Remove {
        /// Name
        name: String,
    },
    /// Make a new signing secret, and print it, this once; the present one signs too until it is retired
    Rotate {
        /// Name
        name: String,
        /// End the older secret instead
        #[arg(long)]
        retire: bool,
    },
    /// Send a test message now
    Test {
        /// Name
        name: String,
    },
    /// Send everything from a place in the event log again
    Replay {
        /// Name
        name: String,
        /// From where: beginning, a day, a time, or the id of the event before
        #[arg(long, value_name = "PLACE")]
        from: String,
    },
    /// List events that are not tried any more
    DeadLetters {
        /// Name
        name: String,
    },
    /// Try a dead letter again
    Retry {
        /// Name
        name: String,
        /// Sequence of the event
        sequence: u64,
    },
    /// Give a dead letter up for good
    Drop {
        /// Name
        name: String,
        /// Sequence of the event
        sequence: u64,
    },
}
