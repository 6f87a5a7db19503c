//! The command line as typed. Nothing here touches the world.

mod events;
mod lists;
mod runtime;
mod vendor;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use licensing_core::ids::{ContainerSerial, FirmCode, FlashName, LicenseId, ProductCode};

pub(crate) use events::*;
pub(crate) use lists::*;
pub(crate) use runtime::*;
pub(crate) use vendor::*;

/// What help and manual page say at their end: scripts rely on it.
const AFTER_HELP: &str = "\
Environment: CM_SERVER, CM_TOKEN_FILE and CM_HOME stand in for --server, --token-file and --home.

Exit codes: 0 done, 1 internal error, 2 usage, 3 refused by a license rule, 4 not found, 5 corrupt or \
unverifiable input, 6 server not reachable, 75 try again.";

/// Licenses: create them, move them, check them.
#[derive(Debug, Parser)]
#[command(name = "cmtool", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Address of the central server, like http://127.0.0.1:8080
    #[arg(long, global = true, env = "CM_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File with an API token (vendor commands)
    #[arg(long, global = true, env = "CM_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Where this computer's containers live
    #[arg(long, global = true, env = "CM_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Print one JSON document on standard output, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[arg(long, hide = true, env = "XDG_DATA_HOME")]
    pub(crate) data_home: Option<PathBuf>,
    #[arg(long, hide = true, env = "XDG_STATE_HOME")]
    pub(crate) state_home: Option<PathBuf>,
    #[arg(long, hide = true, env = "HOME")]
    pub(crate) user_home: Option<PathBuf>,
    /// File that stands in for this computer's traits; containers made so are marked as test containers
    #[cfg(feature = "test-host")]
    #[arg(long, hide = true, env = "CM_TEST_HOST_TRAITS")]
    pub(crate) test_host_traits: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Items: what can be ordered
    #[command(subcommand)]
    Item(ItemCommand),
    /// Orders: what a customer bought
    #[command(subcommand)]
    Order(OrderCommand),
    /// Tickets: what a customer was handed
    #[command(subcommand)]
    Ticket(TicketCommand),
    /// Containers of this computer: dongles and act licenses
    #[command(subcommand)]
    Container(ContainerCommand),
    /// Activate licenses of a ticket in a container, online
    Activate(TransferArguments),
    /// Return licenses of a ticket from a container, online
    Deactivate(TransferArguments),
    /// Activate licenses again that are in other containers and cannot be returned, online
    Reactivate(ReactivationArguments),
    /// Restore everything of an act license into a new one on the same computer, online
    Restore {
        /// Serial of the act license that is lost
        #[arg(long)]
        old: ContainerSerial,
        /// Serial of the new act license
        #[arg(long)]
        container: ContainerSerial,
    },
    /// Take what the vendor has for a container: assigned, withdrawn and replaced licenses, online
    AutoUpdate {
        /// Serial of the container
        #[arg(long)]
        container: ContainerSerial,
    },
    /// Cancel what is unfinished of a ticket in a container, online
    Cancel(CancelArguments),
    /// Approvals: what users asked for and the vendor decides
    #[command(subcommand)]
    Approval(ApprovalCommand),
    /// The blacklist: containers that are not to be used
    #[command(subcommand)]
    Blacklist(BlacklistCommand),
    /// Receipts: contexts kept as proof by the server
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Events: what has happened, in order
    Events(EventsArguments),
    /// Webhooks: other programs that events are sent to
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Reconciliation of a server whose database was restored
    #[command(subcommand)]
    Reconciliation(ReconciliationCommand),
    /// Context files (*.WibuCmRaC): the request and the receipt of a transfer by file
    #[command(subcommand)]
    Context(ContextCommand),
    /// Transfer by file: what the online computer does
    #[command(subcommand)]
    Transfer(TransferCommand),
    /// Update files (*.WibuCmRaU)
    #[command(subcommand)]
    Update(UpdateCommand),
    /// Show what one of our files is: type, serial, firm code, counter, steps, validity
    Inspect {
        /// The file
        file: PathBuf,
    },
    /// Flash memory of dongles: files and software packages
    #[command(subcommand)]
    Flash(FlashCommand),
    /// The browser agent: which portals may talk to the containers of this computer
    #[command(subcommand)]
    Agent(AgentCommand),
    /// The license runtime of this computer
    #[command(subcommand)]
    Runtime(RuntimeCommand),
    /// Licenses: check them on this computer, follow them on the server
    #[command(subcommand)]
    License(LicenseCommand),
    /// Find orders, customers, items, licenses, containers and approvals by their ids, and orders by their ticket (vendor)
    Search {
        /// The beginning of an id, or a ticket; - reads it from standard input
        text: String,
    },
    /// List orders (vendor)
    Orders(OrdersArguments),
    /// List containers as the server knows them (vendor)
    Containers(ContainersArguments),
    /// List transfers whose receipt has not arrived (vendor)
    Transfers(TransfersArguments),
    /// Tell how much was created, activated, returned and refused day by day, and what is open (vendor)
    Statistics(StatisticsArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    Man {
        /// Folder for them
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TicketCommand {
    /// Show the licenses of a ticket, where they are, and what can be done
    Show {
        /// The ticket; - reads it from standard input
        #[arg(required_unless_present = "ticket_file")]
        ticket: Option<String>,
        /// File with the ticket (arguments are visible to other users of a computer)
        #[arg(long, value_name = "FILE", conflicts_with = "ticket")]
        ticket_file: Option<PathBuf>,
        /// Also licenses there is nothing more to do with: consumed updates, withdrawn and replaced ones
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TicketArgument {
    /// The ticket; - reads it from standard input
    #[arg(long, required_unless_present = "ticket_file")]
    pub(crate) ticket: Option<String>,
    /// File with the ticket (arguments are visible to other users of a computer)
    #[arg(long, value_name = "FILE", conflicts_with = "ticket")]
    pub(crate) ticket_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContainerCommand {
    /// Make a new container
    #[command(subcommand)]
    Create(CreateCommand),
    /// List the containers of this computer
    List,
    /// Show what is in a container
    Show {
        /// Serial, like 130-3556429651 or 3-1234567
        serial: ContainerSerial,
    },
    /// Write the file of a container
    Export {
        /// Serial
        serial: ContainerSerial,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take the file of a container into this computer
    Import {
        /// The file
        file: PathBuf,
    },
    /// Show what has happened to a container, on the server
    History {
        /// Serial
        serial: ContainerSerial,
        /// Print comma-separated values
        #[arg(long, conflicts_with = "json")]
        csv: bool,
    },
    /// Show a container as the server knows it
    Status {
        /// Serial
        serial: ContainerSerial,
    },
    /// Serve a container again in which manipulation was detected (vendor)
    Clear {
        /// Serial
        serial: ContainerSerial,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Make the update for a container from what it has proven, without a context (vendor)
    Push {
        /// Serial
        serial: ContainerSerial,
        /// Firm code
        #[arg(long)]
        firm_code: FirmCode,
        /// Where to, *.WibuCmRaU
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Report how well this computer still matches the one an act license is bound to, and what a repair needs
    #[command(visible_alias = "binding")]
    Report {
        /// Serial
        serial: ContainerSerial,
    },
    /// Pull a container, as one pulls a dongle: it stays here, whole, and cannot be used
    Pull {
        /// Serial
        serial: ContainerSerial,
    },
    /// Plug a pulled container in again
    Plug {
        /// Serial
        serial: ContainerSerial,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum FlashCommand {
    /// List the files in the flash memory of a dongle
    List {
        /// Serial of the dongle
        serial: ContainerSerial,
    },
    /// Store a file; one of that name is replaced, whole or not at all
    Store {
        /// Serial of the dongle
        serial: ContainerSerial,
        /// The file
        file: PathBuf,
        /// Name in the flash memory; that of the file when absent
        #[arg(long)]
        name: Option<FlashName>,
    },
    /// Fetch a file
    Fetch {
        /// Serial of the dongle
        serial: ContainerSerial,
        /// Name in the flash memory
        name: FlashName,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Remove a file
    Remove {
        /// Serial of the dongle
        serial: ContainerSerial,
        /// Name in the flash memory
        name: FlashName,
    },
    /// Put a vendor's software package onto a dongle, after checking it
    Deliver {
        /// Serial of the dongle
        serial: ContainerSerial,
        /// The package, *.WibuCmPkg
        package: PathBuf,
        #[command(flatten)]
        trust: TrustArguments,
    },
    /// Take the software of a package from a dongle, after checking it
    Unpack {
        /// Serial of the dongle
        serial: ContainerSerial,
        /// Name of the package in the flash memory
        name: FlashName,
        /// Where the software goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        trust: TrustArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TrustArguments {
    /// The vendor's root key (64 hexadecimal digits), where the dongle holds nothing of the vendor yet
    #[arg(long, value_name = "HEX")]
    pub(crate) vendor_root: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CreateCommand {
    /// An emulated dongle
    Dongle {
        /// Flash memory, like 64MiB
        #[arg(long, value_name = "SIZE", value_parser = parse_size)]
        flash: Option<u64>,
    },
    /// An act license bound to this computer; fetches and registers the vendor's template
    Act {
        /// Firm code
        #[arg(long)]
        firm_code: FirmCode,
        /// A template that was downloaded elsewhere, for computers without a network
        #[arg(long, value_name = "FILE")]
        template: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TransferArguments {
    #[command(flatten)]
    pub(crate) ticket: TicketArgument,
    /// License, or a part of it: ID or ID=QTY (repeatable); everything possible when none is named
    #[arg(long = "license", value_name = "ID[=QTY]", value_parser = parse_selection)]
    pub(crate) licenses: Vec<Selection>,
    /// Serial of the container
    #[arg(long)]
    pub(crate) container: ContainerSerial,
}

#[derive(Debug, Args)]
pub(crate) struct ReactivationArguments {
    #[command(flatten)]
    pub(crate) transfer: TransferArguments,
    /// Accept that the containers which hold the licenses now are blacklisted, with everything in them
    #[arg(long)]
    pub(crate) accept_conditions: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArguments {
    #[command(flatten)]
    pub(crate) ticket: TicketArgument,
    /// Serial of the container
    #[arg(long)]
    pub(crate) container: ContainerSerial,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// Make a context file
    Create {
        /// Serial of the container
        #[arg(long)]
        container: ContainerSerial,
        /// Firm code
        #[arg(long)]
        firm_code: FirmCode,
        /// Where to, *.WibuCmRaC
        #[arg(long, value_name = "FILE", required_unless_present = "qr")]
        out: Option<PathBuf>,
        /// Show it as QR code, for a computer that has nothing but its screen; or write it to FILE (*.svg, *.png),
        /// numbered when there are several
        #[arg(long, value_name = "FILE", num_args = 0..=1)]
        qr: Option<Option<PathBuf>>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TransferCommand {
    /// Send a context to the server and write the update it answers with
    Request(Box<RequestArguments>),
    /// Send a context taken after the update: it proves that the licenses have moved
    Receipt {
        /// The context, *.WibuCmRaC
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RequestArguments {
    /// The ticket; - reads it from standard input
    #[arg(long)]
    pub(crate) ticket: Option<String>,
    /// File with the ticket (arguments are visible to other users of a computer)
    #[arg(long, value_name = "FILE", conflicts_with = "ticket")]
    pub(crate) ticket_file: Option<PathBuf>,
    /// Activate this license, or a part of it (repeatable); everything available when nothing is named
    #[arg(long, value_name = "ID[=QTY]", value_parser = parse_selection, conflicts_with = "deactivate")]
    pub(crate) activate: Vec<Selection>,
    /// Return this license, or a part of it (repeatable)
    #[arg(long, value_name = "ID[=QTY]", value_parser = parse_selection)]
    pub(crate) deactivate: Vec<Selection>,
    /// Activate this license again, which is in another container (repeatable; needs --accept-conditions)
    #[arg(long, value_name = "ID", conflicts_with_all = ["activate", "deactivate"])]
    pub(crate) reactivate: Vec<LicenseId>,
    /// Accept that the containers which hold the licenses now are blacklisted, with everything in them
    #[arg(long, requires = "reactivate")]
    pub(crate) accept_conditions: bool,
    /// Cancel what is unfinished of the ticket in the container
    #[arg(long, conflicts_with_all = ["activate", "deactivate", "reactivate"])]
    pub(crate) cancel: bool,
    /// Restore everything of this act license (needs no ticket)
    #[arg(long, value_name = "SERIAL", conflicts_with_all = ["activate", "deactivate", "reactivate", "cancel", "ticket", "ticket_file"])]
    pub(crate) restore: Option<ContainerSerial>,
    /// Take what the vendor has for the container (needs no ticket)
    #[arg(long, conflicts_with_all = ["activate", "deactivate", "reactivate", "cancel", "restore", "ticket", "ticket_file"])]
    pub(crate) auto_update: bool,
    /// Turn this pre-activated license into a bound one (needs no ticket)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["activate", "deactivate", "reactivate", "cancel", "restore", "auto_update", "ticket", "ticket_file"])]
    pub(crate) convert: Option<PathBuf>,
    /// The context, *.WibuCmRaC
    #[arg(long, value_name = "FILE")]
    pub(crate) context: PathBuf,
    /// Where the update goes, *.WibuCmRaU
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UpdateCommand {
    /// Take an update into the container it was made for; importing it twice does no harm
    Import {
        /// The update, *.WibuCmRaU
        #[arg(required_unless_present = "qr")]
        file: Option<PathBuf>,
        /// Pictures (PNG, JPEG) of the update's QR codes, in any order
        #[arg(long, value_name = "PICTURE", num_args = 1..=64, conflicts_with = "file")]
        qr: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LicenseCommand {
    /// Check whether a product can be used on this computer: exit code 0 when it can, 3 when not
    Check(CheckArguments),
    /// Use a product: takes units and starts a usage period
    Use(CheckArguments),
    /// Show what has happened to a license
    History {
        /// License id
        id: LicenseId,
        /// Print comma-separated values
        #[arg(long, conflicts_with = "json")]
        csv: bool,
    },
    /// Find licenses on the server
    Search(SearchArguments),
    /// Show a license and where it is, on the server
    Show {
        /// License id
        id: LicenseId,
    },
    /// Take a license back: what is inactive at once, the rest when its containers next make contact
    Withdraw {
        /// License id
        id: LicenseId,
        /// Give it back to its owner instead
        #[arg(long)]
        cancel: bool,
    },
    /// Put a license of another item in the place of one
    Replace {
        /// License id
        id: LicenseId,
        /// The other item
        #[arg(long, value_name = "ITEM")]
        by: String,
    },
    /// Make a pre-activated license: a signed file that works at once on any computer
    PreActivate(PreActivationArguments),
    /// Take a pre-activated license into this computer
    Install {
        /// The file
        file: PathBuf,
    },
    /// Turn a pre-activated license into one that is bound to a container, online
    Convert {
        /// The file
        file: PathBuf,
        /// Serial of the container
        #[arg(long)]
        container: ContainerSerial,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Firm code
    #[arg(long)]
    pub(crate) firm_code: FirmCode,
    /// Product code
    #[arg(long)]
    pub(crate) product_code: ProductCode,
    /// Feature bits that must all be licensed: 0x2 or 2
    #[arg(long, value_name = "BITS")]
    pub(crate) feature: Option<String>,
    /// Units that must be left
    #[arg(long)]
    pub(crate) units: Option<u32>,
    /// Release date of the asking program, checked against the maintenance period
    #[arg(long, value_name = "DATE")]
    pub(crate) release_date: Option<String>,
}

/// A license, or a part of it.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) license: LicenseId,
    pub(crate) quantity: Option<u32>,
}

fn parse_selection(text: &str) -> Result<Selection, String> {
    let (license, quantity) = match text.split_once('=') {
        Some((license, quantity)) => (license, Some(quantity)),
        None => (text, None),
    };
    let quantity = quantity.map(|q| q.parse().map_err(|_| "the quantity is not a whole number".to_owned()));
    let license = license.parse().map_err(|error| format!("{error}"))?;
    Ok(Selection { license, quantity: quantity.transpose()? })
}

fn parse_size(text: &str) -> Result<u64, String> {
    let units = [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
    let found = units.iter().find_map(|(unit, bytes)| {
        let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        number.checked_mul(*bytes)
    });
    found
        .filter(|bytes| *bytes <= 16 << 30)
        .ok_or_else(|| "expected a size like 64MiB, at most 16GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_and_selections() {
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert!(parse_size("64 apples").is_err());
        assert!(parse_size("99999999999GiB").is_err());
        assert!(parse_selection("00112233445566778899aabbccddeeff=3").is_ok());
        assert!(parse_selection("00112233445566778899aabbccddeeff=x").is_err());
        assert!(parse_selection("nonsense").is_err());
    }
}
