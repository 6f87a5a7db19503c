//! Pre-activated licenses: one signed file that works at once on any computer, for trials and the like.
//!
//! The file is not bound to anything, so whoever has it can use it. It can be made convertible: then each container
//! may turn it, once, into a license bound to that container, through the ordinary protocol.

use crate::Entropy;
use crate::changeset::{Change, ChangeSet};
use crate::event::{Action, Actor, Event};
use crate::format::preactivated::PreActivatedBody;
use crate::ids::{ContainerSerial, LicenseId, OrderId, PreActivationId, TicketId, time_ordered};
use crate::item::Item;
use crate::license::{LicenseLine, NewLine};
use crate::order::StoredCode;
use crate::refusal::Refusal;
use crate::ticket::Ticket;
use crate::time::Timestamp;
use crate::work::ProofMaster;

/// What the vendor asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewPreActivation {
    /// Licenses in the file.
    pub quantity: u32,
    /// Days from now after which the file stops working; `None` leaves it to the item's options.
    pub valid_days: Option<u32>,
    /// How many containers may convert it into a bound license.
    pub conversions: u32,
}

/// A pre-activated license as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreActivation {
    /// Identity, also in the file.
    pub id: PreActivationId,
    /// The ticket its conversions are on.
    pub ticket: TicketId,
    /// Licenses in the file.
    pub quantity: u32,
    /// Containers that may convert it.
    pub conversions: u32,
    /// Containers that have.
    pub converted: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

/// A new pre-activated license: commit, then sign and hand out.
#[derive(Debug)]
pub struct Issued {
    /// What the file says.
    pub body: PreActivatedBody,
    /// What to commit.
    pub changes: ChangeSet,
}

impl NewPreActivation {
    /// Decides about a pre-activated license of an item. `code` is that of the ticket its conversions are on.
    ///
    /// # Errors
    /// The item is an update, a module, metered or used by the day, which a file cannot keep account of, or a number
    /// is out of range.
    pub fn issue(
        self,
        item: &Item,
        code: StoredCode,
        proofs: &ProofMaster,
        actor: &Actor,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Issued, Refusal> {
        let definition = &item.definition;
        let terms = &definition.terms;
        let counted = terms.unit_counter.is_some() || terms.usage_period_days.is_some();
        if definition.update.is_some() || definition.requires.is_some() || counted {
            return Err(Refusal::NotPreActivatable(definition.id.clone()));
        }
        let max = crate::limits::QUANTITY_MAX;
        if self.quantity == 0 || self.quantity > max || self.conversions > max || self.valid_days == Some(0) {
            return Err(Refusal::QuantityInvalid { max });
        }
        let id = PreActivationId(time_ordered(now, entropy));
        let ticket = Ticket {
            id: TicketId(time_ordered(now, entropy)),
            customer: None,
            together: false,
            created_at: now,
        };
        let mut remainder = terms.fresh_remainder(self.quantity, now);
        let until = self.valid_days.map(|days| now.plus_days(days));
        remainder.expires = match (remainder.expires, until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let body = PreActivatedBody {
            id,
            firm_code: definition.firm_code,
            product_code: definition.product_code,
            item: definition.id.clone(),
            name: definition.name.clone(),
            quantity: self.quantity,
            terms: terms.grant(&remainder),
            convertible: self.conversions > 0,
            proof_seed: proofs.unbound_seed(definition.firm_code, definition.product_code),
            certified_time: now,
        };
        let record = PreActivation {
            id,
            ticket: ticket.id,
            quantity: self.quantity,
            conversions: self.conversions,
            converted: 0,
            created_at: now,
            version: 0,
        };
        let mut changes = ChangeSet::default();
        changes.push(Change::InsertTicket { ticket: ticket.clone(), code });
        changes.push(Change::PutPreActivation(record));
        let mut event =
            Event::new(Action::PreActivationIssued, actor, now).ticket(ticket.id).quantity(self.quantity);
        event.detail = definition.id.as_str().to_owned();
        changes.events.push(event);
        Ok(Issued { body, changes })
    }
}

impl PreActivation {
    /// The order its conversions stand under.
    ///
    /// # Panics
    /// Never: 32 hexadecimal digits are an order id.
    #[must_use]
    pub fn order_id(&self) -> OrderId {
        OrderId::new(format!("pre-activated {}", self.id)).expect("within the bounds of an order id")
    }

    /// Converts it for a container: a license line assigned to it, which the next transaction of the container brings.
    /// `done` says whether this container has converted it before.
    ///
    /// # Errors
    /// It is not convertible (any more), or not by this container, which has converted it already.
    pub fn convert(
        mut self,
        serial: ContainerSerial,
        item: &Item,
        done: bool,
        actor: &Actor,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<(LicenseLine, ChangeSet), Refusal> {
        if done {
            return Err(Refusal::AlreadyConverted(serial));
        }
        if self.converted >= self.conversions {
            return Err(Refusal::NotConvertible { conversions: self.conversions });
        }
        let (id, kind) = (LicenseId(time_ordered(now, entropy)), serial.kind());
        if !item.definition.policy.containers.allows(kind) {
            return Err(Refusal::KindNotAllowed { license: id, kind });
        }
        let line = LicenseLine::new(
            NewLine {
                id,
                ticket: self.ticket,
                order: self.order_id(),
                position: self.converted,
                item: item.definition.clone(),
                quantity: self.quantity,
                assigned: Some(serial),
            },
            now,
        );
        self.converted += 1;
        let mut changes = ChangeSet::default();
        changes.events.push(
            Event::new(Action::PreActivationConverted, actor, now)
                .ticket(self.ticket)
                .license(line.id)
                .container(serial, item.definition.firm_code)
                .quantity(self.quantity),
        );
        changes.push(Change::InsertConversion { id: self.id, serial });
        changes.push(Change::PutPreActivation(self));
        changes.push(Change::InsertLicense(line.clone()));
        Ok((line, changes))
    }
}
