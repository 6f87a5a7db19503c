//! Orders: what a customer bought, turned into license lines on a ticket.

use std::collections::BTreeMap;

use crate::Entropy;
use crate::changeset::{Change, ChangeSet};
use crate::container::{ContainerRecord, ContainerStatus};
use crate::crypto::digest::{Digest, hash};
use crate::event::{Action, Actor, Event};
use crate::ids::{ContainerSerial, CustomerId, ItemId, LicenseId, OrderId, Text, TicketId, time_ordered};
use crate::item::Item;
use crate::license::{LicenseLine, NewLine};
use crate::limits::{ORDER_LINES_MAX, QUANTITY_MAX};
use crate::refusal::Refusal;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// The item.
    pub item: ItemId,
    /// How many.
    pub quantity: u32,
}

/// Where the licenses of an order go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TicketChoice {
    /// On a ticket of their own.
    #[default]
    New,
    /// On the ticket of an earlier order.
    OfOrder(OrderId),
    /// Straight to a container, with its next transaction. Their ticket is only needed to move them on.
    Container(ContainerSerial),
}

/// What is known about the choice: the caller has looked it up.
#[derive(Debug, Clone)]
pub struct Placing {
    /// A new ticket's code as it will be stored.
    pub code: StoredCode,
    /// The ticket of the earlier order; `None` when there is no such order.
    pub earlier: Option<Ticket>,
    /// The assigned container; `None` when it was never seen.
    pub container: Option<ContainerRecord>,
}

/// An order as the vendor sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// The vendor's order id.
    pub id: OrderId,
    /// The vendor's customer id.
    pub customer: Option<CustomerId>,
    /// Free text.
    pub comment: Text,
    /// What was ordered.
    pub lines: Vec<OrderLine>,
    /// All licenses must stay in one container.
    pub together: bool,
    /// Where the licenses go.
    pub ticket: TicketChoice,
}

/// An order as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The vendor's order id.
    pub id: OrderId,
    /// The vendor's customer id.
    pub customer: Option<CustomerId>,
    /// Free text.
    pub comment: Text,
    /// The ticket its licenses are on.
    pub ticket: TicketId,
    /// Hash of the content, by which a repeated submission is recognised.
    pub content: Digest,
    /// When it arrived.
    pub created_at: Timestamp,
}

/// What to do with an order.
#[derive(Debug)]
pub enum Placed {
    /// A new order: commit the change set.
    New(Box<PlacedOrder>),
    /// The very same order was placed before: answer with its ticket.
    Repeated(Order),
}

/// A new order, ready to be committed.
#[derive(Debug)]
pub struct PlacedOrder {
    /// The ticket.
    pub ticket: Ticket,
    /// The order.
    pub order: Order,
    /// Its license lines.
    pub lines: Vec<LicenseLine>,
    /// What to commit.
    pub changes: ChangeSet,
}

/// The new ticket's code in the two forms in which it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCode {
    /// Keyed hash, for look-up.
    pub lookup: Digest,
    /// Encrypted, for display.
    pub sealed: Vec<u8>,
}

impl NewOrder {
    /// Hash over everything that makes this order what it is.
    #[must_use]
    pub fn content_hash(&self) -> Digest {
        let customer = self.customer.as_ref().map(CustomerId::as_str).unwrap_or_default();
        let together = [u8::from(self.together)];
        let mut parts = vec![customer.as_bytes(), self.comment.as_str().as_bytes(), &together];
        let quantities: Vec<[u8; 4]> = self.lines.iter().map(|line| line.quantity.to_be_bytes()).collect();
        for (line, quantity) in self.lines.iter().zip(&quantities) {
            parts.push(line.item.as_str().as_bytes());
            parts.push(quantity);
        }
        let choice = match &self.ticket {
            TicketChoice::New => None,
            TicketChoice::OfOrder(order) => Some(format!("ticket of order {order}")),
            TicketChoice::Container(serial) => Some(format!("container {serial}")),
        };
        parts.extend(choice.as_ref().map(String::as_bytes));
        hash("order", &parts)
    }

    /// The ticket the order goes on, and whether it is a new one.
    fn ticket(
        &self,
        placing: &Placing,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<(Ticket, bool), Refusal> {
        if let TicketChoice::OfOrder(order) = &self.ticket {
            let ticket = placing.earlier.clone().ok_or_else(|| Refusal::OrderUnknown(order.clone()))?;
            if self.together && !ticket.together {
                return Err(Refusal::TicketNotTogether(order.clone()));
            }
            return Ok((ticket, false));
        }
        if let TicketChoice::Container(serial) = self.ticket {
            match placing.container.as_ref().ok_or(Refusal::ContainerUnknown(serial))?.status {
                ContainerStatus::Normal => {}
                ContainerStatus::ManipulationDetected => return Err(Refusal::ManipulationDetected(serial)),
                ContainerStatus::Blacklisted => return Err(Refusal::Blacklisted(serial)),
            }
        }
        let ticket = Ticket {
            id: TicketId(time_ordered(now, entropy)),
            customer: self.customer.clone(),
            together: self.together,
            created_at: now,
        };
        Ok((ticket, true))
    }

    /// Decides about the order. `existing` is the order stored under the same id, `items` holds the items the
    /// lines name, `placing` what is known about the choice of ticket.
    ///
    /// # Errors
    /// The rule the order breaks.
    pub fn place(
        &self,
        existing: Option<Order>,
        items: &BTreeMap<ItemId, Item>,
        placing: &Placing,
        actor: &Actor,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Placed, Refusal> {
        let content = self.content_hash();
        if let Some(order) = existing {
            if order.content == content {
                return Ok(Placed::Repeated(order));
            }
            return Err(Refusal::OrderExists(self.id.clone()));
        }
        if self.lines.is_empty() || self.lines.len() > ORDER_LINES_MAX {
            return Err(Refusal::OrderLines { max: ORDER_LINES_MAX });
        }
        let (ticket, is_new) = self.ticket(placing, now, entropy)?;
        let assigned = match self.ticket {
            TicketChoice::Container(serial) => Some(serial),
            TicketChoice::New | TicketChoice::OfOrder(_) => None,
        };
        let mut lines = Vec::with_capacity(self.lines.len());
        for (position, line) in (0u32..).zip(&self.lines) {
            if line.quantity == 0 || line.quantity > QUANTITY_MAX {
                return Err(Refusal::QuantityInvalid { max: QUANTITY_MAX });
            }
            let item = items.get(&line.item).ok_or_else(|| Refusal::ItemUnknown(line.item.clone()))?;
            let new = NewLine {
                id: LicenseId(time_ordered(now, entropy)),
                ticket: ticket.id,
                order: self.id.clone(),
                position,
                item: item.definition.clone(),
                quantity: line.quantity,
                assigned,
            };
            if let Some(serial) = assigned.filter(|s| !new.item.policy.containers.allows(s.kind())) {
                return Err(Refusal::KindNotAllowed { license: new.id, kind: serial.kind() });
            }
            lines.push(LicenseLine::new(new, now));
        }
        let order = Order {
            id: self.id.clone(),
            customer: self.customer.clone(),
            comment: self.comment.clone(),
            ticket: ticket.id,
            content,
            created_at: now,
        };
        let code = is_new.then(|| placing.code.clone());
        let changes = self.changes(&ticket, &order, &lines, code, actor, now);
        Ok(Placed::New(Box::new(PlacedOrder { ticket, order, lines, changes })))
    }

    fn changes(
        &self,
        ticket: &Ticket,
        order: &Order,
        lines: &[LicenseLine],
        code: Option<StoredCode>,
        actor: &Actor,
        now: Timestamp,
    ) -> ChangeSet {
        let mut changes = ChangeSet::default();
        if let Some(code) = code {
            changes.push(Change::InsertTicket { ticket: ticket.clone(), code });
        }
        changes.push(Change::InsertOrder(order.clone()));
        let mut event = Event::new(Action::OrderCreated, actor, now).ticket(ticket.id);
        event.detail = self.id.as_str().to_owned();
        changes.events.push(event);
        for line in lines {
            changes.push(Change::InsertLicense(line.clone()));
            let mut event = Event::new(Action::LicenseCreated, actor, now)
                .ticket(ticket.id)
                .license(line.id)
                .quantity(line.quantity);
            if let Some(serial) = line.assigned {
                event = event.container(serial, line.item.firm_code);
            }
            changes.events.push(event);
        }
        changes
    }
}
