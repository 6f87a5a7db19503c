//! Orders: what a customer bought, turned into license lines on a ticket.

use std::collections::BTreeMap;

use crate::Entropy;
use crate::changeset::{Change, ChangeSet};
use crate::crypto::digest::{Digest, hash};
use crate::event::{Action, Actor, Event};
use crate::ids::{CustomerId, ItemId, LicenseId, OrderId, Text, TicketId, time_ordered};
use crate::item::Item;
use crate::license::LicenseLine;
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
        hash("order", &parts)
    }

    /// Decides about the order. `existing` is the order stored under the same id, `items` holds the items the
    /// lines name, `code` the new ticket's code as it will be stored.
    ///
    /// # Errors
    /// The rule the order breaks.
    pub fn place(
        &self,
        existing: Option<Order>,
        items: &BTreeMap<ItemId, Item>,
        code: StoredCode,
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
        let ticket = Ticket {
            id: TicketId(time_ordered(now, entropy)),
            customer: self.customer.clone(),
            together: self.together,
            created_at: now,
        };
        let mut lines = Vec::with_capacity(self.lines.len());
        for (position, line) in (0u32..).zip(&self.lines) {
            if line.quantity == 0 || line.quantity > QUANTITY_MAX {
                return Err(Refusal::QuantityInvalid { max: QUANTITY_MAX });
            }
            let item = items.get(&line.item).ok_or_else(|| Refusal::ItemUnknown(line.item.clone()))?;
            let id = LicenseId(time_ordered(now, entropy));
            lines.push(LicenseLine::new(id, ticket.id, self.id.clone(), position, item, line.quantity, now));
        }
        let order = Order {
            id: self.id.clone(),
            customer: self.customer.clone(),
            comment: self.comment.clone(),
            ticket: ticket.id,
            content,
            created_at: now,
        };
        let changes = self.changes(&ticket, &order, &lines, code, actor, now);
        Ok(Placed::New(Box::new(PlacedOrder { ticket, order, lines, changes })))
    }

    fn changes(
        &self,
        ticket: &Ticket,
        order: &Order,
        lines: &[LicenseLine],
        code: StoredCode,
        actor: &Actor,
        now: Timestamp,
    ) -> ChangeSet {
        let mut changes = ChangeSet::default();
        changes.push(Change::InsertTicket { ticket: ticket.clone(), code });
        changes.push(Change::InsertOrder(order.clone()));
        let mut event = Event::new(Action::OrderCreated, actor, now).ticket(ticket.id);
        event.detail = self.id.as_str().to_owned();
        changes.events.push(event);
        for line in lines {
            changes.push(Change::InsertLicense(line.clone()));
            changes.events.push(
                Event::new(Action::LicenseCreated, actor, now)
                    .ticket(ticket.id)
                    .license(line.id)
                    .quantity(line.quantity),
            );
        }
        changes
    }
}
