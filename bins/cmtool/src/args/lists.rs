//! What the vendor looks through, as typed.

use clap::Args;
use licensing_core::ids::{ContainerKind, ContainerSerial};

#[derive(Debug, Args)]
pub(crate) struct OrdersArguments {
    /// Only of this customer
    #[arg(long)]
    pub(crate) customer: Option<String>,
    /// Only placed on this day or later: 2030-01-31
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    /// Only placed before this day
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    #[command(flatten)]
    pub(crate) how: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct ContainersArguments {
    /// Only of this kind: dongle, act
    #[arg(long)]
    pub(crate) kind: Option<ContainerKind>,
    /// Only with this status: normal, manipulation_detected, blacklisted
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Only those whose status is not normal
    #[arg(long)]
    pub(crate) flagged: bool,
    #[command(flatten)]
    pub(crate) how: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct TransfersArguments {
    /// Only in this container
    #[arg(long)]
    pub(crate) container: Option<ContainerSerial>,
    /// Only those whose update was issued before this day: 2030-01-31
    #[arg(long, value_name = "DATE")]
    pub(crate) before: Option<String>,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatisticsArguments {
    /// The first day: 2030-01-31; 30 days before the end when absent
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    /// The day after the last one; tomorrow when absent
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
}

/// How a list is shown.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// The last ones first
    #[arg(long)]
    pub(crate) newest: bool,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}
