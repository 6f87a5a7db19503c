//! What the vendor types: items, orders, decisions.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use licensing_core::ids::{ContainerSerial, FirmCode, ProductCode};

#[derive(Debug, Subcommand)]
pub(crate) enum ItemCommand {
    /// Create an item
    Create(Box<ItemArguments>),
    /// Show an item
    Show {
        /// Item id
        id: String,
    },
    /// List all items
    List,
}

#[derive(Debug, Args)]
pub(crate) struct ItemArguments {
    /// The vendor's part number
    #[arg(long)]
    pub(crate) id: String,
    /// Display name
    #[arg(long)]
    pub(crate) name: String,
    /// Firm code
    #[arg(long)]
    pub(crate) firm_code: FirmCode,
    /// Product code
    #[arg(long)]
    pub(crate) product_code: ProductCode,
    /// Concurrent uses one license grants
    #[arg(long)]
    pub(crate) license_quantity: Option<u32>,
    /// End of use: 2030-01-31, or +30d from the first activation
    #[arg(long, value_name = "END")]
    pub(crate) expires: Option<String>,
    /// Usable from this day on
    #[arg(long, value_name = "DATE")]
    pub(crate) activates: Option<String>,
    /// Usable for so long from the first use: 30d
    #[arg(long, value_name = "DAYS")]
    pub(crate) usage_period: Option<String>,
    /// Releases until then are covered: 2030-01-31, or +365d from the first activation
    #[arg(long, value_name = "END")]
    pub(crate) maintenance: Option<String>,
    /// Units one license starts with
    #[arg(long)]
    pub(crate) unit_counter: Option<u32>,
    /// Feature bits: 0x3
    #[arg(long, value_name = "BITS")]
    pub(crate) feature_map: Option<String>,
    /// Free text
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Kinds of container that may hold it: dongle,act
    #[arg(long, value_delimiter = ',')]
    pub(crate) containers: Option<Vec<String>>,
    /// How much of a computer may change: loose, medium, strict
    #[arg(long)]
    pub(crate) tolerance: Option<String>,
    /// Returning: allowed, denied, approval
    #[arg(long = "return", value_name = "POLICY")]
    pub(crate) returns: Option<String>,
    /// Re-activation: never, always, after:365d, approval
    #[arg(long, value_name = "POLICY")]
    pub(crate) reactivation: Option<String>,
    /// Restore of a whole act license: never, always, after:30d
    #[arg(long, value_name = "POLICY")]
    pub(crate) restore: Option<String>,
    /// Whether a quantity may be spread over containers: allowed, denied
    #[arg(long, value_name = "POLICY")]
    pub(crate) split: Option<String>,
    /// Counting: user-limit, station-share, exclusive, no-user-limit, local-only
    #[arg(long)]
    pub(crate) access: Option<String>,
    /// Longest borrowing: 14d
    #[arg(long, value_name = "DAYS")]
    pub(crate) borrow: Option<String>,
    /// Linger time: 60s
    #[arg(long, value_name = "SECONDS")]
    pub(crate) linger: Option<String>,
    /// A module licensed with the product: PRODUCT-CODE=NAME (repeatable)
    #[arg(long = "module", value_name = "CODE=NAME")]
    pub(crate) modules: Vec<String>,
    /// The item a license of which must be in the same container
    #[arg(long, value_name = "ITEM")]
    pub(crate) requires: Option<String>,
    /// Makes it an update item, which changes licenses of this item
    #[arg(long, value_name = "ITEM", help_heading = "Update items")]
    pub(crate) updates: Option<String>,
    /// Which of them: container (any in the container, the same ticket first) or ticket
    #[arg(long, value_name = "SCOPE", help_heading = "Update items")]
    pub(crate) update_scope: Option<String>,
    /// Units added
    #[arg(long, value_name = "N", help_heading = "Update items")]
    pub(crate) add_units: Option<u32>,
    /// Concurrent uses added
    #[arg(long, value_name = "N", help_heading = "Update items")]
    pub(crate) add_quantity: Option<u32>,
    /// New end of use: 365d from the present one, or 2030-01-31
    #[arg(long, value_name = "END", help_heading = "Update items")]
    pub(crate) extend: Option<String>,
    /// Feature bits to have, and no others: 0x7
    #[arg(long, value_name = "BITS", help_heading = "Update items")]
    pub(crate) set_feature_map: Option<String>,
    /// Feature bits to have too: 0x4
    #[arg(long, value_name = "BITS", help_heading = "Update items", conflicts_with = "set_feature_map")]
    pub(crate) add_features: Option<String>,
    /// New end of maintenance: 365d from the present one, or 2030-01-31
    #[arg(long, value_name = "END", help_heading = "Update items")]
    pub(crate) renew_maintenance: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    /// Create an order with its licenses and its ticket; sending it again gives the same ticket
    Create {
        /// The vendor's order id
        #[arg(long)]
        order_id: String,
        /// The vendor's customer id
        #[arg(long)]
        customer: Option<String>,
        /// Free text
        #[arg(long)]
        comment: Option<String>,
        /// Item and quantity, ID=QTY (repeatable)
        #[arg(long = "item", value_name = "ID=QTY", required = true)]
        items: Vec<String>,
        /// Where the licenses go: new, order:ORDER-ID (the ticket of an earlier order), or container:SERIAL
        #[arg(long, default_value = "new", value_name = "CHOICE")]
        ticket: String,
        /// All licenses must stay in one container
        #[arg(long)]
        together: bool,
    },
    /// Show an order with its ticket
    Show {
        /// Order id
        id: String,
    },
    /// Send the mail about an order, with its ticket; without --to, show it
    Mail {
        /// Order id
        id: String,
        /// Address to send it to
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
        /// Language of the mail: en or de
        #[arg(long, default_value = "en", value_name = "LANGUAGE")]
        language: String,
        /// What to say before the text
        #[arg(long, value_name = "TEXT", requires = "to")]
        note: Option<String>,
        /// Send it once under this key, however often the command is repeated; a new one when absent
        #[arg(long, requires = "to")]
        key: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SearchArguments {
    /// Only those of which nothing was ever activated
    #[arg(long)]
    pub(crate) never_activated: bool,
    /// Only in this state: available, pending, partly_activated, activated, consumed, withdrawn, replaced
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// The last ones first
    #[arg(long)]
    pub(crate) newest: bool,
    /// Only of this item
    #[arg(long)]
    pub(crate) item: Option<String>,
    /// Only of this order
    #[arg(long)]
    pub(crate) order: Option<String>,
    /// Only of this customer
    #[arg(long)]
    pub(crate) customer: Option<String>,
    /// Only made on this day or later: 2030-01-31
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    /// Only made before this day
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PreActivationArguments {
    /// The item
    #[arg(long)]
    pub(crate) item: String,
    /// Licenses in the file
    #[arg(long)]
    pub(crate) quantity: Option<u32>,
    /// Days from now after which the file stops working: 30d
    #[arg(long, value_name = "DAYS")]
    pub(crate) valid: Option<String>,
    /// How many containers may convert it into a bound license
    #[arg(long, value_name = "N")]
    pub(crate) conversions: Option<u32>,
    /// Where to, *.license
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalCommand {
    /// List what users asked for
    List {
        /// Also what was decided
        #[arg(long)]
        all: bool,
    },
    /// Grant it, for one use
    Grant {
        /// Approval id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// How long the grant can be used: 30d
        #[arg(long, value_name = "DAYS")]
        valid: Option<String>,
    },
    /// Deny it
    Deny {
        /// Approval id
        id: String,
        /// Why; shown to the user
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BlacklistCommand {
    /// Write the signed list of a vendor, for enforcement without a network
    Export {
        /// Firm code; the only one of the server's items when absent
        #[arg(long)]
        firm_code: Option<FirmCode>,
        /// Where to, *.blacklist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take a list into this computer: listed containers are not used any more
    Import {
        /// The file
        file: PathBuf,
    },
    /// Put a container on the list, for good
    Add {
        /// Serial
        serial: ContainerSerial,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Write a kept receipt into a file, which `inspect` verifies
    Show {
        /// Hash of the context, from the history
        hash: String,
        /// Where to, *.WibuCmRaC
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReconciliationCommand {
    /// Whether the server is being reconciled
    Show,
    /// Take over the states of containers that are further than the server knows
    Begin,
    /// End it
    End,
}
