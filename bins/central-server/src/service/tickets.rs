//! Tickets: whoever holds one may see and move its licenses.

use std::collections::HashMap;

use licensing_core::activation::Activation;
use licensing_core::crypto::digest::Digest;
use licensing_core::ids::LicenseId;
use licensing_core::license::LicenseLine;
use licensing_core::refusal::Refusal;
use licensing_core::ticket::Ticket;
use licensing_core::ticket_code::TicketCode;
use licensing_store::TicketContents;
use licensing_wire::json::{ActivationMessage, LicenseOverview, TicketAnswer};
use licensing_wire::{options, time};

use crate::service::{Answer, Failure, Service};

/// Most live activations an overview shows, oldest first.
const ACTIVATIONS_SHOWN: u32 = 5_000;

/// Proof that a request came with a ticket that exists: only [`Service::holder`] makes one.
#[derive(Debug, Clone)]
pub struct Holder {
    ticket: Ticket,
    lookup: Digest,
    code: TicketCode,
}

impl Holder {
    /// The ticket.
    #[must_use]
    pub const fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// What stands for the ticket where requests are told apart.
    #[must_use]
    pub const fn credential(&self) -> &Digest {
        &self.lookup
    }
}

impl Service {
    /// The holder of a ticket.
    ///
    /// # Errors
    /// The ticket is mistyped, or well-formed and unknown.
    pub async fn holder(&self, ticket: &str) -> Result<Holder, Failure> {
        let code: TicketCode = ticket.parse().map_err(Refusal::TicketMistyped)?;
        let lookup = self.keys().vault.lookup(&code);
        let ticket = self.store.ticket_by_code(lookup).await?.ok_or(Refusal::TicketUnknown)?;
        Ok(Holder { ticket, lookup, code })
    }

    /// What is on a ticket, where it is, and what its holder can do. Licenses there is nothing more to do with are left
    /// out unless `all` are wanted: that keeps a ticket with years of updates as short as what it grants.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn ticket_overview(&self, holder: &Holder, all: bool) -> Result<Answer, Failure> {
        let TicketContents { lines, live } =
            self.store.ticket_contents(holder.ticket.id, ACTIVATIONS_SHOWN).await?;
        let mut by_line: HashMap<LicenseId, Vec<ActivationMessage>> = HashMap::new();
        for activation in &live {
            by_line.entry(activation.license).or_default().push(activation_message(activation));
        }
        let licenses = lines
            .iter()
            .filter(|line| all || !line.state().is_settled())
            .map(|line| license_overview(line, by_line.remove(&line.id).unwrap_or_default()))
            .collect();
        Answer::json(200, &TicketAnswer { ticket: holder.code.to_string(), licenses })
    }
}

pub(super) fn activation_message(activation: &Activation) -> ActivationMessage {
    ActivationMessage {
        container: activation.container.to_string(),
        quantity: activation.quantity,
        state: activation.state.name().to_owned(),
        withdraw: activation.withdraw,
        activated_at: time::print(activation.activated_at()),
    }
}

fn license_overview(line: &LicenseLine, activations: Vec<ActivationMessage>) -> LicenseOverview {
    LicenseOverview {
        id: line.id.to_string(),
        item: line.item.id.to_string(),
        name: line.item.name.to_string(),
        firm_code: line.item.firm_code.get(),
        product_code: line.item.product_code.get(),
        quantity: line.quantity,
        available: line.ledger.available(),
        activating: line.ledger.activating,
        active: line.ledger.active,
        returning: line.ledger.returning,
        withdrawn: line.ledger.withdrawn(),
        state: line.state().name().to_owned(),
        order_id: line.order.to_string(),
        created_at: time::print(line.created_at),
        split: line.item.policy.split,
        assigned: line.assigned.map(|serial| serial.to_string()),
        updates: line.item.update.as_ref().map(|update| update.base.to_string()),
        containers: options::print_kinds(line.item.policy.containers),
        activations,
        options: line.options().iter().map(|option| option.name().to_owned()).collect(),
    }
}
