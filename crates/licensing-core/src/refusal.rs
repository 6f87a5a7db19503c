//! The product's vocabulary of "no": what a license rule refuses. A refusal is a result, not an accident.
//!
//! Codes are stable and never reused. How each is rendered (HTTP status, SOAP fault, exit code, rule, remedy)
//! is one table in `licensing-wire`.

use crate::error::{FormatError, VerifyError};
use crate::ids::{ApprovalId, ContainerKind, ContainerSerial, FirmCode, ItemId, LicenseId, OrderId, Text};
use crate::terms::InvalidTerms;
use crate::ticket_code::TicketCodeError;
use crate::time::Timestamp;

/// Why the server does not do what was asked. Nothing has changed but what the request proved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The ticket was mistyped.
    #[error("this is not a valid ticket: {0}")]
    TicketMistyped(#[from] TicketCodeError),
    /// A well-formed ticket nobody was given.
    #[error("this ticket is not known")]
    TicketUnknown,
    /// No such item.
    #[error("item {0} does not exist")]
    ItemUnknown(ItemId),
    /// The item id is taken by another definition.
    #[error("item {0} exists already with another definition")]
    ItemExists(ItemId),
    /// An option of an item is out of its range.
    #[error("{0}")]
    ItemInvalid(#[from] InvalidTerms),
    /// No such order.
    #[error("order {0} does not exist")]
    OrderUnknown(OrderId),
    /// The order id was used with another content.
    #[error("order id {0} was used before with another content")]
    OrderExists(OrderId),
    /// An order without a line, or with too many.
    #[error("an order has from 1 to {max} lines")]
    OrderLines {
        /// Most lines.
        max: usize,
    },
    /// A quantity of zero or beyond the limit.
    #[error("the quantity must be from 1 to {max}")]
    QuantityInvalid {
        /// Largest quantity.
        max: u32,
    },
    /// No such license.
    #[error("license {0} is not known")]
    LicenseUnknown(LicenseId),
    /// The license is on another ticket.
    #[error("license {0} is not on this ticket")]
    LicenseNotOnTicket(LicenseId),
    /// A license named twice in one request, or too many of them.
    #[error("name each license once, and at most {max} of them")]
    LicensesInvalid {
        /// Most licenses.
        max: usize,
    },
    /// Fewer available than asked for.
    #[error("{available} of {wanted} wanted are available of license {license}")]
    NotAvailable {
        /// The license.
        license: LicenseId,
        /// Asked for.
        wanted: u32,
        /// Available.
        available: u32,
    },
    /// Nothing of the ticket is available for this container.
    #[error("no license of this ticket is available for activation")]
    NothingToActivate,
    /// Nothing of the ticket is active in this container.
    #[error("no license of this ticket is active in container {0}")]
    NothingToReturn(ContainerSerial),
    /// Fewer active in this container than asked back.
    #[error("{active} of {wanted} wanted are active in this container of license {license}")]
    NotActiveHere {
        /// The license.
        license: LicenseId,
        /// Asked back.
        wanted: u32,
        /// Active here.
        active: u32,
    },
    /// The vendor does not allow returning.
    #[error("license {0} cannot be returned")]
    ReturnDenied(LicenseId),
    /// The vendor approves each return.
    #[error("returning license {0} needs the vendor's approval")]
    ReturnNeedsApproval(LicenseId),
    /// The license may not be in this kind of container.
    #[error("license {license} cannot be activated in a container of kind {kind}")]
    KindNotAllowed {
        /// The license.
        license: LicenseId,
        /// The kind.
        kind: ContainerKind,
    },
    /// The license is of another vendor than the context.
    #[error("license {license} is of firm code {firm_code}, the context is of another")]
    OtherFirm {
        /// The license.
        license: LicenseId,
        /// Its firm code.
        firm_code: FirmCode,
    },
    /// The quantity of this license must stay together.
    #[error("license {license} is not divisible and is in container {container} already")]
    SplitDenied {
        /// The license.
        license: LicenseId,
        /// Where it is.
        container: ContainerSerial,
    },
    /// Part of an indivisible license was asked for.
    #[error("license {license} can only be moved as a whole of {quantity}")]
    WholeOnly {
        /// The license.
        license: LicenseId,
        /// Its quantity.
        quantity: u32,
    },
    /// All licenses of this ticket must be in one container.
    #[error("the licenses of this ticket stay together, in container {0}")]
    TogetherElsewhere(ContainerSerial),
    /// No context of this container has ever been seen.
    #[error("container {0} is not known")]
    ContainerUnknown(ContainerSerial),
    /// The edition of the server allows no more activations this month.
    #[error("this server makes at most {limit} activations a month, and they are used up")]
    ActivationsUsedUp {
        /// The most.
        limit: u64,
    },
    /// The server does not issue for this firm code.
    #[error("this server does not serve firm code {0}")]
    FirmUnknown(FirmCode),
    /// The container contradicts what the server has proven.
    #[error("manipulation detected: container {0} is in a state it cannot honestly be in")]
    ManipulationDetected(ContainerSerial),
    /// The container is blacklisted.
    #[error("container {0} is blacklisted")]
    Blacklisted(ContainerSerial),
    /// A context older than one already seen.
    #[error("the context is out of date: container {0} has made newer ones")]
    ContextOutOfDate(ContainerSerial),
    /// Another container is registered under this serial.
    #[error("serial {0} belongs to a container with another key")]
    SerialTaken(ContainerSerial),
    /// The container has no room.
    #[error("container {container} has room for {free} more product items, {needed} are needed")]
    ContainerFull {
        /// The container.
        container: ContainerSerial,
        /// Room.
        free: u32,
        /// Needed.
        needed: u32,
    },
    /// Too many transfers are unfinished for this container.
    #[error("too many unfinished transfers for container {0}: import the last update first")]
    TooManyPending(ContainerSerial),
    /// A container on simulated host traits, on a server that does not accept those.
    #[error("container {0} is a test container")]
    TestContainer(ContainerSerial),
    /// A file is not acceptable.
    #[error(transparent)]
    File(#[from] VerifyError),
    /// The item or license is an update and there is nothing of its base in the container.
    #[error("license {license} changes a license of item {base}, and there is none in container {container}")]
    BaseMissing {
        /// The update.
        license: LicenseId,
        /// The item it changes.
        base: ItemId,
        /// The container.
        container: ContainerSerial,
    },
    /// The base has nothing of what the update changes.
    #[error("license {license} changes {what}, which the license in the container does not have")]
    UpdateDoesNotFit {
        /// The update.
        license: LicenseId,
        /// What the base lacks.
        what: &'static str,
    },
    /// More updates than licenses to be updated.
    #[error("license {license} can change {most} licenses in this container, not {wanted}")]
    UpdateExceedsBase {
        /// The update.
        license: LicenseId,
        /// Asked for.
        wanted: u32,
        /// Licenses of the base in the container.
        most: u32,
    },
    /// An update has become part of its base and cannot be moved by itself.
    #[error("license {0} is an update: it has become part of the license it changed")]
    UpdateNotMovable(LicenseId),
    /// A module without its base license.
    #[error("license {license} needs a license of item {base} in the same container")]
    ModuleNeedsBase {
        /// The module.
        license: LicenseId,
        /// The item it needs.
        base: ItemId,
    },
    /// The license waits for, or is in, its assigned container.
    #[error("license {license} is assigned to container {container}")]
    AssignedElsewhere {
        /// The license.
        license: LicenseId,
        /// The container.
        container: ContainerSerial,
    },
    /// An order on an existing ticket cannot change whether the ticket stays together.
    #[error("the ticket of order {0} was not made to stay together")]
    TicketNotTogether(OrderId),
    /// The item cannot be activated a second time.
    #[error("license {0} cannot be activated again without a return")]
    ReactivationDenied(LicenseId),
    /// The blocking period is not over.
    #[error("license {license} cannot be activated again before {}", .until.secs())]
    BlockingPeriod {
        /// The license.
        license: LicenseId,
        /// When it is over.
        until: Timestamp,
    },
    /// The vendor approves each re-activation.
    #[error("activating license {0} again needs the vendor's approval")]
    ReactivationNeedsApproval(LicenseId),
    /// The vendor said no.
    #[error("the vendor has denied this for license {license}: {reason}")]
    ApprovalDenied {
        /// The license.
        license: LicenseId,
        /// What the vendor said.
        reason: Text,
    },
    /// The conditions of a re-activation must be accepted.
    #[error("the conditions of a re-activation must be accepted")]
    ConditionsNotAccepted,
    /// The license is in this very container.
    #[error("license {license} is in container {container} already")]
    ReactivationSameContainer {
        /// The license.
        license: LicenseId,
        /// The container.
        container: ContainerSerial,
    },
    /// The license is in no other container.
    #[error("license {0} is not active in any other container")]
    NothingToReactivate(LicenseId),
    /// A license in the container cannot be restored.
    #[error("license {0} cannot be restored into another container")]
    RestoreDenied(LicenseId),
    /// Only act licenses are restored, from one to another.
    #[error("only an act license can be restored, into another act license")]
    RestoreKind,
    /// The new container is not on the same computer.
    #[error("the computer is too different: {percent} of 100 points, {needed} are needed")]
    ComputerTooDifferent {
        /// Similarity.
        percent: u32,
        /// Needed.
        needed: u32,
    },
    /// There is nothing in the container to be restored.
    #[error("container {0} holds nothing that can be restored")]
    NothingToRestore(ContainerSerial),
    /// No such approval.
    #[error("approval {0} is not known")]
    ApprovalUnknown(ApprovalId),
    /// The approval was decided before.
    #[error("approval {approval} is {state} already")]
    ApprovalDecided {
        /// The approval.
        approval: ApprovalId,
        /// Its state.
        state: &'static str,
    },
    /// Somebody else has to say yes, too.
    #[error("this needs another person who has signed in, not the same one and no API token")]
    SecondPersonNeeded,
    /// The order is so large that a second person has to release it.
    #[error("with order {order} there are more than {limit} licenses, and it waits for a second person")]
    OrderHeld {
        /// The order.
        order: OrderId,
        /// Licenses an order may have without one.
        limit: u32,
    },
    /// No order of this id waits.
    #[error("no order {0} waits for a second person")]
    HeldOrderUnknown(OrderId),
    /// The held order was decided before.
    #[error("order {order} is {state} already")]
    HeldOrderDecided {
        /// The order.
        order: OrderId,
        /// Its state.
        state: &'static str,
    },
    /// There is nothing to take back.
    #[error("nothing of license {0} can be withdrawn")]
    NothingToWithdraw(LicenseId),
    /// There is no withdrawal.
    #[error("license {0} is not being withdrawn")]
    NotWithdrawn(LicenseId),
    /// Another license was put in its place.
    #[error("license {0} was replaced by another one")]
    LicenseReplaced(LicenseId),
    /// There is no unfinished transfer of this ticket.
    #[error("there is no unfinished transfer of this ticket in container {0}")]
    NothingToCancel(ContainerSerial),
    /// The container is further than the server: the server's database is older than it should be.
    #[error("container {0} is further than this server knows: the server was restored from an older backup")]
    ServerBehind(ContainerSerial),
    /// The server is being reconciled after a restore.
    #[error("license {0} cannot be activated while the server is being reconciled")]
    Reconciling(LicenseId),
    /// Only a container in which manipulation was detected can be cleared.
    #[error("container {0} is not flagged")]
    NotFlagged(ContainerSerial),
    /// An item that cannot be pre-activated.
    #[error("item {0} cannot be pre-activated")]
    NotPreActivatable(ItemId),
    /// The file cannot be turned into a bound license, or not any more.
    #[error("this pre-activated license can be converted {conversions} times, and that is used up")]
    NotConvertible {
        /// How often it could be.
        conversions: u32,
    },
    /// The container has converted the file before.
    #[error("container {0} has converted this pre-activated license already")]
    AlreadyConverted(ContainerSerial),
    /// No such pre-activated license.
    #[error("this pre-activated license is not known to the server")]
    PreActivationUnknown,
    /// An idempotency key was used with another request.
    #[error("this idempotency key was used with another request")]
    IdempotencyKeyReused,
}

impl From<FormatError> for Refusal {
    fn from(error: FormatError) -> Self {
        Self::File(error.into())
    }
}

impl Refusal {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TicketMistyped(_) => "ticket_mistyped",
            Self::TicketUnknown => "ticket_unknown",
            Self::ItemUnknown(_) => "item_unknown",
            Self::ItemExists(_) => "item_exists",
            Self::ItemInvalid(_) => "item_invalid",
            Self::OrderUnknown(_) => "order_unknown",
            Self::OrderExists(_) => "order_exists",
            Self::OrderLines { .. } => "order_lines",
            Self::QuantityInvalid { .. } => "quantity_invalid",
            Self::LicenseUnknown(_) => "license_unknown",
            Self::LicenseNotOnTicket(_) => "license_not_on_ticket",
            Self::LicensesInvalid { .. } => "licenses_invalid",
            Self::NotAvailable { .. } => "license_not_available",
            Self::NothingToActivate => "nothing_to_activate",
            Self::NothingToReturn(_) => "nothing_to_return",
            Self::NotActiveHere { .. } => "license_not_active_here",
            Self::ReturnDenied(_) => "return_denied",
            Self::ReturnNeedsApproval(_) => "return_needs_approval",
            Self::KindNotAllowed { .. } => "container_kind_not_allowed",
            Self::OtherFirm { .. } => "license_other_firm",
            Self::SplitDenied { .. } => "split_denied",
            Self::WholeOnly { .. } => "license_whole_only",
            Self::TogetherElsewhere(_) => "ticket_stays_together",
            Self::ContainerUnknown(_) => "container_unknown",
            Self::ActivationsUsedUp { .. } => "activations_used_up",
            Self::FirmUnknown(_) => "firm_unknown",
            Self::ManipulationDetected(_) => "manipulation_detected",
            Self::Blacklisted(_) => "container_blacklisted",
            Self::ContextOutOfDate(_) => "context_out_of_date",
            Self::SerialTaken(_) => "serial_taken",
            Self::ContainerFull { .. } => "container_has_no_room",
            Self::TooManyPending(_) => "too_many_unfinished_transfers",
            Self::TestContainer(_) => "test_container",
            Self::BaseMissing { .. } => "update_base_missing",
            Self::UpdateDoesNotFit { .. } => "update_does_not_fit",
            Self::UpdateExceedsBase { .. } => "update_exceeds_base",
            Self::UpdateNotMovable(_) => "update_not_movable",
            Self::ModuleNeedsBase { .. } => "module_needs_base",
            Self::AssignedElsewhere { .. } => "license_assigned",
            Self::TicketNotTogether(_) => "ticket_not_together",
            Self::ReactivationDenied(_) => "reactivation_denied",
            Self::BlockingPeriod { .. } => "blocking_period",
            Self::ReactivationNeedsApproval(_) => "reactivation_needs_approval",
            Self::ApprovalDenied { .. } => "approval_denied",
            Self::ConditionsNotAccepted => "conditions_not_accepted",
            Self::ReactivationSameContainer { .. } => "reactivation_same_container",
            Self::NothingToReactivate(_) => "nothing_to_reactivate",
            Self::RestoreDenied(_) => "restore_denied",
            Self::RestoreKind => "restore_kind",
            Self::ComputerTooDifferent { .. } => "computer_too_different",
            Self::NothingToRestore(_) => "nothing_to_restore",
            Self::ApprovalUnknown(_) => "approval_unknown",
            Self::ApprovalDecided { .. } => "approval_decided",
            Self::SecondPersonNeeded => "second_person_needed",
            Self::OrderHeld { .. } => "order_held",
            Self::HeldOrderUnknown(_) => "held_order_unknown",
            Self::HeldOrderDecided { .. } => "held_order_decided",
            Self::NothingToWithdraw(_) => "nothing_to_withdraw",
            Self::NotWithdrawn(_) => "license_not_withdrawn",
            Self::LicenseReplaced(_) => "license_replaced",
            Self::NothingToCancel(_) => "nothing_to_cancel",
            Self::ServerBehind(_) => "server_behind_container",
            Self::Reconciling(_) => "server_reconciling",
            Self::NotFlagged(_) => "container_not_flagged",
            Self::NotPreActivatable(_) => "item_not_preactivatable",
            Self::NotConvertible { .. } => "not_convertible",
            Self::AlreadyConverted(_) => "already_converted",
            Self::PreActivationUnknown => "preactivation_unknown",
            Self::File(error) => error.code(),
            Self::IdempotencyKeyReused => "idempotency_key_reused",
        }
    }

    /// The license it is about, where it is about one.
    #[must_use]
    pub const fn license(&self) -> Option<LicenseId> {
        match self {
            Self::LicenseNotOnTicket(license)
            | Self::NotAvailable { license, .. }
            | Self::NotActiveHere { license, .. }
            | Self::ReturnDenied(license)
            | Self::ReturnNeedsApproval(license)
            | Self::KindNotAllowed { license, .. }
            | Self::OtherFirm { license, .. }
            | Self::SplitDenied { license, .. }
            | Self::WholeOnly { license, .. }
            | Self::BaseMissing { license, .. }
            | Self::UpdateDoesNotFit { license, .. }
            | Self::UpdateExceedsBase { license, .. }
            | Self::UpdateNotMovable(license)
            | Self::ModuleNeedsBase { license, .. }
            | Self::AssignedElsewhere { license, .. }
            | Self::ReactivationDenied(license)
            | Self::BlockingPeriod { license, .. }
            | Self::ReactivationNeedsApproval(license)
            | Self::ApprovalDenied { license, .. }
            | Self::ReactivationSameContainer { license, .. }
            | Self::NothingToReactivate(license)
            | Self::RestoreDenied(license)
            | Self::NothingToWithdraw(license)
            | Self::NotWithdrawn(license)
            | Self::LicenseReplaced(license)
            | Self::Reconciling(license) => Some(*license),
            _ => None,
        }
    }
}
