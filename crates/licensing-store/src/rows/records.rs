//! The records of the central server, from rows with the columns both drivers have.

use std::cell::RefCell;
use std::collections::HashMap;

use licensing_core::activation::{Activation, ActivationState};
use licensing_core::approval::{APPROVAL_KINDS, Approval, ApprovalState};
use licensing_core::blacklist::BlacklistEntry;
use licensing_core::container::{ContainerRecord, LastContext, PendingStep, STATUS_NAMES};
use licensing_core::crypto::digest::Digest;
use licensing_core::crypto::seal::SealingPublicKey;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::event::{Action, Actor, Event};
use licensing_core::ids::{
    ActivationId, ApprovalId, ContainerSerial, CustomerId, EntryId, FirmCode, LicenseId, OrderId,
    PreActivationId, Text, TicketId,
};
use licensing_core::item::ItemDefinition;
use licensing_core::license::{Ledger, LicenseLine};
use licensing_core::order::{Order, StoredCode};
use licensing_core::preactivation::PreActivation;
use licensing_core::step::{ChainLink, StepId};
use licensing_core::terms::Remainder;
use licensing_core::ticket::Ticket;
use licensing_core::time::Timestamp;
use licensing_core::token::ApiToken;

use super::{Reader, secs, serial_of};
use crate::{
    Counts, DayCount, FoundCustomer, FoundLicense, Open, StoreError, StoredEvent, UnfinishedTransfer,
    document,
};

/// A ticket.
pub fn ticket(row: &Reader<'_>) -> Result<Ticket, StoreError> {
    Ok(Ticket {
        id: TicketId(row.bytes("id")?),
        customer: row.customer("customer")?,
        together: row.get("together")?,
        created_at: row.time("created_at")?,
    })
}

/// An order.
pub fn order(row: &Reader<'_>) -> Result<Order, StoreError> {
    Ok(Order {
        id: row.map("id", |text: String| OrderId::new(text).ok())?,
        customer: row.customer("customer")?,
        comment: row.map("comment", |text: String| Text::new(text).ok())?,
        ticket: TicketId(row.bytes("ticket")?),
        content: row.bytes("content")?,
        created_at: row.time("created_at")?,
    })
}

/// A license joined with its definition's document.
pub fn license(row: &Reader<'_>) -> Result<LicenseLine, StoreError> {
    license_of(row, document::read_item)
}

/// Definitions that were read: a page has many licenses of few items.
#[derive(Default)]
pub struct Definitions(RefCell<HashMap<String, ItemDefinition>>);

impl Definitions {
    /// A license joined with its definition's document and the customer of its ticket.
    pub fn found(&self, row: &Reader<'_>) -> Result<FoundLicense, StoreError> {
        let read = |text: &str| {
            let mut known = self.0.borrow_mut();
            if let Some(definition) = known.get(text) {
                return Some(definition.clone());
            }
            let definition = document::read_item(text)?;
            known.insert(text.to_owned(), definition.clone());
            Some(definition)
        };
        Ok(FoundLicense { line: license_of(row, read)?, customer: row.customer("customer")? })
    }
}

fn license_of(
    row: &Reader<'_>,
    definition: impl Fn(&str) -> Option<ItemDefinition>,
) -> Result<LicenseLine, StoreError> {
    let shares = |column| row.map(column, |text: Option<String>| document::read_shares(text.as_deref()));
    let (carried, withdrawn_carried) = (shares("carried")?, shares("withdrawn_carried")?);
    let had_been_active: u32 = withdrawn_carried.iter().map(|share| share.quantity).sum();
    let withdrawn_fresh =
        row.map("withdrawn", |all: i64| u32::try_from(all).ok()?.checked_sub(had_been_active))?;
    Ok(LicenseLine {
        id: LicenseId(row.bytes("id")?),
        ticket: TicketId(row.bytes("ticket")?),
        order: row.map("order_id", |text: String| OrderId::new(text).ok())?,
        position: row.small("position")?,
        item: row.map("document", |text: String| definition(&text))?,
        quantity: row.small("quantity")?,
        generation: row.small("generation")?,
        ledger: Ledger {
            fresh: row.small("fresh")?,
            carried,
            activating: row.small("activating")?,
            active: row.small("active")?,
            returning: row.small("being_returned")?,
            withdrawn_fresh,
            withdrawn_carried,
        },
        assigned: row.maybe("assigned", serial_of)?,
        replaces: row.maybe_bytes("replaces")?.map(LicenseId),
        replaced_by: row.maybe_bytes("replaced_by")?.map(LicenseId),
        wanted_back: row.get("wanted_back")?,
        created_at: row.time("created_at")?,
        version: row.number("version")?,
    })
}

/// The columns that depend on the state of an activation.
pub struct StateColumns {
    /// The step it waits for.
    pub step: Option<Digest>,
    /// Since when it is, or was, active.
    pub activated_at: Option<i64>,
    /// Since when it is over.
    pub ended_at: Option<i64>,
    /// The context that proves it.
    pub proof: Option<Digest>,
}

impl StateColumns {
    /// Of this state.
    pub fn of(state: ActivationState) -> Self {
        let (activated_at, ended_at, proof) = match state {
            ActivationState::Activating { .. } => (None, None, None),
            ActivationState::Active { activated_at, proof }
            | ActivationState::Consumed { activated_at, proof } => (Some(activated_at), None, Some(proof)),
            ActivationState::Returning { activated_at, .. } => (Some(activated_at), None, None),
            ActivationState::Returned { returned_at, proof } => (None, Some(returned_at), Some(proof)),
            ActivationState::Cancelled { cancelled_at, proof } => (None, Some(cancelled_at), Some(proof)),
            ActivationState::Superseded { superseded_at } => (None, Some(superseded_at), None),
        };
        Self {
            step: state.pending_step().map(|step| step.0),
            activated_at: activated_at.map(secs),
            ended_at: ended_at.map(secs),
            proof,
        }
    }
}

/// An activation.
pub fn activation(row: &Reader<'_>) -> Result<Activation, StoreError> {
    let state: String = row.get("state")?;
    let step = || row.bytes("step").map(StepId);
    let state = match state.as_str() {
        "activating" => ActivationState::Activating { step: step()? },
        "active" => {
            ActivationState::Active { activated_at: row.time("activated_at")?, proof: row.bytes("proof")? }
        }
        "returning" => ActivationState::Returning { activated_at: row.time("activated_at")?, step: step()? },
        "returned" => {
            ActivationState::Returned { returned_at: row.time("ended_at")?, proof: row.bytes("proof")? }
        }
        "consumed" => {
            ActivationState::Consumed { activated_at: row.time("activated_at")?, proof: row.bytes("proof")? }
        }
        "cancelled" => {
            ActivationState::Cancelled { cancelled_at: row.time("ended_at")?, proof: row.bytes("proof")? }
        }
        "superseded" => ActivationState::Superseded { superseded_at: row.time("ended_at")? },
        _ => return Err(row.damaged("state")),
    };
    Ok(Activation {
        id: ActivationId(row.bytes("id")?),
        license: LicenseId(row.bytes("license")?),
        ticket: TicketId(row.bytes("ticket")?),
        container: row.serial("container")?,
        firm_code: row.firm("firm_code")?,
        entry: EntryId(row.bytes("entry")?),
        generation: row.small("generation")?,
        quantity: row.small("quantity")?,
        remainder: Remainder {
            units: row.maybe("units", |units: i64| u64::try_from(units).ok())?,
            expires: row.maybe_time("expires")?,
            maintenance_until: row.maybe_time("maintenance_until")?,
            usage_started: row.maybe_time("usage_started")?,
            added_uses: row.number("added_uses")?,
            feature_map: row.maybe("feature_map", |bits: i64| u32::try_from(bits).ok())?,
        },
        state,
        withdraw: row.get("withdraw")?,
        update: row.maybe("update_effect", |text: String| document::read_update(&text))?,
        created_at: row.time("created_at")?,
        version: row.number("version")?,
    })
}

/// A container, without its firm items.
pub fn container(row: &Reader<'_>) -> Result<ContainerRecord, StoreError> {
    let status =
        |word: String| STATUS_NAMES.iter().find(|(_, known)| *known == word).map(|(status, _)| *status);
    Ok(ContainerRecord {
        serial: row.serial("serial")?,
        // Checked when it was pinned.
        identity_key: PublicKey::from_trusted(row.bytes("identity_key")?),
        sealing_key: SealingPublicKey(row.bytes("sealing_key")?),
        test_host: row.get("test_host")?,
        status: row.map("status", status)?,
        registered_at: row.time("registered_at")?,
        version: row.number("version")?,
    })
}

/// A ticket and its stored code.
pub fn ticket_and_code(row: &Reader<'_>) -> Result<(Ticket, StoredCode), StoreError> {
    Ok((ticket(row)?, StoredCode { lookup: row.bytes("lookup")?, sealed: row.get("sealed")? }))
}

/// The firm code a step is for, the step, and whether a competing one has replaced it.
pub fn step_of_firm(row: &Reader<'_>) -> Result<(FirmCode, (PendingStep, bool)), StoreError> {
    Ok((row.firm("firm_code")?, step(row)?))
}

/// Version of the newest entry of the blacklist.
pub fn blacklist_version(row: &Reader<'_>) -> Result<u32, StoreError> {
    row.small("version")
}

/// The row that says so is gone.
pub const LOST_STATE: StoreError = StoreError::Inconsistent { table: "server_state", column: "reconciling" };

/// Since when a restored database is being reconciled.
pub fn reconciling(row: &Reader<'_>) -> Result<Option<Timestamp>, StoreError> {
    row.maybe_time("reconciling")
}

/// The hash of a context, where there is one.
pub fn maybe_context(row: &Reader<'_>) -> Result<Option<Digest>, StoreError> {
    row.maybe_bytes("hash")
}

/// The hash of a context.
pub fn context(row: &Reader<'_>) -> Result<Digest, StoreError> {
    row.bytes("hash")
}

/// A firm record without its pending steps.
pub fn firm(row: &Reader<'_>) -> Result<licensing_core::container::FirmRecord, StoreError> {
    let last_context = match row.maybe_bytes("last_hash")? {
        None if row.get::<Option<i64>>("last_sequence")?.is_some() => return Err(row.damaged("last_hash")),
        None => None,
        Some(hash) => Some(LastContext {
            sequence: row.number("last_sequence")?,
            certified_time: row.time("last_certified")?,
            box_time: row.time("last_box_time")?,
            hash,
            seen_at: row.time("last_seen_at")?,
            // Of a record written before these were kept: nothing is known.
            free_products: row.maybe("last_free", |free: i64| u32::try_from(free).ok())?.unwrap_or(0),
            traits: row
                .maybe("last_traits", |bytes: Vec<u8>| document::read_traits(&bytes))?
                .unwrap_or_default(),
        }),
    };
    Ok(licensing_core::container::FirmRecord {
        serial: row.serial("serial")?,
        firm_code: row.firm("firm_code")?,
        confirmed: ChainLink {
            counter: row.number("confirmed_counter")?,
            digest: row.bytes("confirmed_digest")?,
        },
        pending: Vec::new(),
        voided: Vec::new(),
        last_context,
        resync: row.get("resync")?,
        version: row.number("version")?,
    })
}

/// An unproven step, and whether a competing one has replaced it.
pub fn step(row: &Reader<'_>) -> Result<(PendingStep, bool), StoreError> {
    let before = ChainLink { counter: row.number("before_counter")?, digest: row.bytes("before_digest")? };
    let step = PendingStep {
        id: StepId(row.bytes("id")?),
        before,
        after: ChainLink { counter: before.counter + 1, digest: row.bytes("after_digest")? },
        bytes: row.get("bytes")?,
        issued_at: row.time("issued_at")?,
    };
    Ok((step, row.get("voided")?))
}

/// An approval.
pub fn approval(row: &Reader<'_>) -> Result<Approval, StoreError> {
    let state: String = row.get("state")?;
    let at = || row.time("decided_at");
    let state = match state.as_str() {
        "pending" => ApprovalState::Pending,
        "granted" => ApprovalState::Granted { at: at()?, until: row.time("until")? },
        "denied" => ApprovalState::Denied { at: at()? },
        "used" => ApprovalState::Used { at: at()? },
        _ => return Err(row.damaged("state")),
    };
    let kind = |word: String| APPROVAL_KINDS.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind);
    Ok(Approval {
        id: ApprovalId(row.bytes("id")?),
        kind: row.map("kind", kind)?,
        license: LicenseId(row.bytes("license")?),
        ticket: TicketId(row.bytes("ticket")?),
        container: row.serial("container")?,
        firm_code: row.firm("firm_code")?,
        state,
        first_grant_by: row.get("first_grant_by")?,
        reason: row.map("reason", |text: String| Text::new(text).ok())?,
        requested_at: row.time("requested_at")?,
        version: row.number("version")?,
    })
}

/// An entry of the blacklist.
pub fn blacklisted(row: &Reader<'_>) -> Result<BlacklistEntry, StoreError> {
    Ok(BlacklistEntry {
        version: row.small("version")?,
        serial: row.serial("serial")?,
        listed_at: row.time("listed_at")?,
        reason: row.map("reason", |text: String| Text::new(text).ok())?,
    })
}

/// A pre-activated license, and whether the conversion that was asked for has been done.
pub fn preactivation(row: &Reader<'_>) -> Result<(PreActivation, bool), StoreError> {
    let record = PreActivation {
        id: PreActivationId(row.bytes("id")?),
        ticket: TicketId(row.bytes("ticket")?),
        quantity: row.small("quantity")?,
        conversions: row.small("conversions")?,
        converted: row.small("converted")?,
        created_at: row.time("created_at")?,
        version: row.number("version")?,
    };
    Ok((record, row.get("done")?))
}

/// An activation with the step it waits for, and the license's order, customer and item.
pub fn unfinished(row: &Reader<'_>) -> Result<UnfinishedTransfer, StoreError> {
    let item = row.map("document", |text: String| document::read_item(&text))?;
    Ok(UnfinishedTransfer {
        activation: activation(row)?,
        since: row.time("issued_at")?,
        order: row.map("order_id", |text: String| OrderId::new(text).ok())?,
        customer: row.customer("customer")?,
        item: item.id,
        name: item.name,
    })
}

/// A customer and when the last order was placed.
pub fn customer(row: &Reader<'_>) -> Result<FoundCustomer, StoreError> {
    Ok(FoundCustomer {
        customer: row.map("customer", |text: String| CustomerId::new(text).ok())?,
        last_order: row.time("last_order")?,
    })
}

/// How often something happened on a day, which is told by its number.
pub fn day_count(row: &Reader<'_>) -> Result<DayCount, StoreError> {
    Ok(DayCount {
        day: Timestamp::ZERO.plus_days(row.small("day")?),
        action: row.map("action", |word: String| Action::from_name(&word))?,
        events: row.number("events")?,
        quantity: row.number("quantity")?,
    })
}

/// What waits for somebody.
pub fn open(row: &Reader<'_>) -> Result<Open, StoreError> {
    Ok(Open {
        approvals: row.small("approvals")?,
        transfers: row.small("transfers")?,
        flagged: row.small("flagged")?,
    })
}

/// The id of a license.
pub fn license_id(row: &Reader<'_>) -> Result<LicenseId, StoreError> {
    row.bytes("id").map(LicenseId)
}

/// When an event happened.
pub fn event_time(row: &Reader<'_>) -> Result<Timestamp, StoreError> {
    row.time("at")
}

/// The serial of a container and when it was first seen.
pub fn registered(row: &Reader<'_>) -> Result<(Timestamp, ContainerSerial), StoreError> {
    Ok((row.time("registered_at")?, row.serial("serial")?))
}

/// An API token.
pub fn token(row: &Reader<'_>) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        hash: row.bytes("hash")?,
        name: row.get("name")?,
        roles: row.map("roles", |text: String| super::users::roles(&text))?,
        scopes: row.maybe("scopes", |text: String| super::users::scopes(&text))?,
        certificate: row.maybe_bytes("certificate")?,
        created_at: row.time("created_at")?,
        expires_at: row.maybe_time("expires_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
        version: row.number("version")?,
    })
}

/// An event and its place in the log.
pub fn event(row: &Reader<'_>) -> Result<StoredEvent, StoreError> {
    let proof: Option<Digest> = row.maybe_bytes("proof")?;
    let event = Event {
        action: row.map("action", |word: String| Action::from_name(&word))?,
        outcome: row.get("outcome")?,
        at: row.time("at")?,
        actor: Actor { name: row.get("actor")?, origin: row.get("origin")? },
        ticket: row.maybe_bytes("ticket")?.map(TicketId),
        license: row.maybe_bytes("license")?.map(LicenseId),
        container: row.maybe("container", serial_of)?,
        firm_code: row.maybe("firm_code", |code: i64| u32::try_from(code).ok().and_then(FirmCode::new))?,
        quantity: row.maybe("quantity", |quantity: i64| u32::try_from(quantity).ok())?,
        proof,
        detail: row.get("detail")?,
    };
    Ok(StoredEvent { sequence: row.number("sequence")?, event })
}

/// A kept receipt.
pub fn receipt(row: &Reader<'_>) -> Result<licensing_core::changeset::Receipt, StoreError> {
    Ok(licensing_core::changeset::Receipt {
        hash: row.bytes("hash")?,
        serial: row.serial("serial")?,
        firm_code: row.firm("firm_code")?,
        link: ChainLink { counter: row.number("counter")?, digest: row.bytes("digest")? },
        bytes: row.get("bytes")?,
        received_at: row.time("received_at")?,
    })
}

/// A request that was answered, and its answer.
pub fn request(row: &Reader<'_>) -> Result<licensing_core::changeset::RequestRecord, StoreError> {
    Ok(licensing_core::changeset::RequestRecord {
        key: row.bytes("key")?,
        fingerprint: row.bytes("fingerprint")?,
        response: row.get("response")?,
        at: row.time("at")?,
    })
}

/// How much there is of what.
pub fn counts(row: &Reader<'_>) -> Result<Counts, StoreError> {
    Ok(Counts {
        tickets: row.number("tickets")?,
        licenses: row.number("licenses")?,
        containers: row.number("containers")?,
        activations: row.number("activations")?,
    })
}

/// An item joined with its definition's document.
pub fn item(row: &Reader<'_>) -> Result<licensing_core::item::Item, StoreError> {
    Ok(licensing_core::item::Item {
        definition: row.map("document", |text: String| document::read_item(&text))?,
        created_at: row.time("created_at")?,
        version: row.number("version")?,
    })
}

/// The key of a firm item.
pub fn firm_key(row: &Reader<'_>) -> Result<(ContainerSerial, FirmCode), StoreError> {
    Ok((row.serial("serial")?, row.firm("firm_code")?))
}
