//! Orders: what a customer bought becomes licenses on a ticket.

use std::collections::{BTreeMap, BTreeSet};

use licensing_core::event::Actor;
use licensing_core::ids::{CustomerId, ItemId, OrderId, Text, TicketId};
use licensing_core::item::Item;
use licensing_core::license::LicenseLine;
use licensing_core::limits::ORDER_LINES_MAX;
use licensing_core::order::{NewOrder, Order, OrderLine, Placed, Placing, StoredCode, TicketChoice};
use licensing_core::refusal::Refusal;
use licensing_core::ticket_code::TicketCode;
use licensing_core::time::Timestamp;
use licensing_wire::json::{LicenseSummary, OrderAnswer, OrderRequest};
use licensing_wire::options;

use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Idempotency, Service};

/// Shown instead of a ticket to those who may not see it.
const HIDDEN_TICKET: &str = "*****-*****-*****-*****-*****";

fn new_order(request: &OrderRequest) -> Result<NewOrder, Failure> {
    if request.items.is_empty() || request.items.len() > ORDER_LINES_MAX {
        return Err(Refusal::OrderLines { max: ORDER_LINES_MAX }.into());
    }
    let line = |line: &licensing_wire::json::OrderLineMessage| {
        ItemId::new(line.item.as_str()).map(|item| OrderLine { item, quantity: line.quantity })
    };
    Ok(NewOrder {
        id: OrderId::new(request.order_id.as_str())?,
        customer: request.customer.as_deref().map(CustomerId::new).transpose()?,
        comment: Text::new(request.comment.as_deref().unwrap_or_default())?,
        lines: request.items.iter().map(line).collect::<Result<_, _>>()?,
        together: request.together,
        ticket: request.ticket.as_deref().map(options::parse_ticket_choice).transpose()?.unwrap_or_default(),
    })
}

impl Service {
    /// Creates an order with its licenses and ticket; the very same order again is answered with its ticket.
    ///
    /// # Errors
    /// An item is unknown, a quantity out of range, or the order id was used with another content.
    pub async fn create_order(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        request: &OrderRequest,
    ) -> Result<Answer, Failure> {
        let order = new_order(request)?;
        let about = order.id.as_str().as_bytes();
        let decide = || async {
            let existing = self.store.order(order.id.clone()).await?;
            let named: BTreeSet<ItemId> = order.lines.iter().map(|line| line.item.clone()).collect();
            let items = match &existing {
                Some(_) => Vec::new(),
                None => self.store.items(named.into_iter().collect()).await?,
            };
            let items: BTreeMap<_, _> =
                items.into_iter().map(|item| (item.definition.id.clone(), item)).collect();
            let now = self.now();
            let counted = match (&existing, self.hold(&order, actor, now).await?) {
                (Some(_), _) => Vec::new(),
                (None, Ok(counted)) => counted,
                (None, Err(held)) => {
                    // Only what could be placed at all is worth the second person's time.
                    self.check_placing(&order, &items, actor, now).await?;
                    return Ok(held);
                }
            };
            let mut entropy = self.entropy();
            let code = TicketCode::generate(&mut entropy);
            let stored = self.keys().vault.store(&code, &mut entropy);
            let placing = self.placing(&order.ticket, stored).await?;
            match order.place(existing, &items, &placing, actor, now, &mut entropy)? {
                Placed::New(mut placed) => {
                    placed.changes.changes.extend(counted);
                    let code = match placing.earlier {
                        Some(ticket) => self.ticket_code(ticket.id).await?,
                        None => code.to_string(),
                    };
                    let answer = order_answer(&placed.order, code, &placed.lines);
                    Ok(Decided { changes: placed.changes, answer: Answer::json(201, &answer) })
                }
                Placed::Repeated(order) => {
                    let answer = self.order_with_ticket(&order, true).await?;
                    Ok(Decided { changes: Default::default(), answer: Answer::json(200, &answer) })
                }
            }
        };
        self.attempt(idempotency, about, decide).await
    }

    /// Whether an order could be placed if it were released.
    async fn check_placing(
        &self,
        order: &NewOrder,
        items: &BTreeMap<ItemId, Item>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut entropy = self.entropy();
        let stored = self.keys().vault.store(&TicketCode::generate(&mut entropy), &mut entropy);
        let placing = self.placing(&order.ticket, stored).await?;
        order.place(None, items, &placing, actor, now, &mut entropy)?;
        Ok(())
    }

    /// What is known about where an order's licenses go.
    async fn placing(&self, choice: &TicketChoice, code: StoredCode) -> Result<Placing, Failure> {
        let mut placing = Placing { code, earlier: None, container: None };
        match choice {
            TicketChoice::New => {}
            TicketChoice::OfOrder(id) => {
                if let Some(order) = self.store.order(id.clone()).await? {
                    placing.earlier = self.store.ticket(order.ticket).await?.map(|(ticket, _)| ticket);
                }
            }
            TicketChoice::Container(serial) => placing.container = self.store.container(*serial).await?,
        }
        Ok(placing)
    }

    /// An order with its licenses; its ticket is hidden unless `show_ticket`.
    ///
    /// # Errors
    /// There is no such order.
    pub async fn order(&self, id: OrderId, show_ticket: bool) -> Result<Answer, Failure> {
        let order = self.store.order(id.clone()).await?.ok_or(Refusal::OrderUnknown(id))?;
        Answer::json(200, &self.order_with_ticket(&order, show_ticket).await?)
    }

    pub(super) async fn order_with_ticket(
        &self,
        order: &Order,
        show_ticket: bool,
    ) -> Result<OrderAnswer, Failure> {
        let code = if show_ticket { self.ticket_code(order.ticket).await? } else { HIDDEN_TICKET.to_owned() };
        let mut lines = self.store.lines_of_ticket(order.ticket).await?;
        lines.retain(|line| line.order == order.id);
        Ok(order_answer(order, code, &lines))
    }

    pub(super) async fn ticket_code(&self, ticket: TicketId) -> Result<String, Failure> {
        let (_, stored) = self
            .store
            .ticket(ticket)
            .await?
            .ok_or_else(|| Failure::fault("the ticket of an order is missing"))?;
        let code = self.keys().vault.read(&stored);
        let code = code.map_err(|_| Failure::fault("a stored ticket cannot be opened with these keys"))?;
        Ok(code.to_string())
    }
}

fn order_answer(order: &Order, ticket: String, lines: &[LicenseLine]) -> OrderAnswer {
    let licenses = lines.iter().map(|line| LicenseSummary {
        id: line.id.to_string(),
        item: line.item.id.to_string(),
        name: line.item.name.to_string(),
        quantity: line.quantity,
        available: line.ledger.available(),
    });
    OrderAnswer { order_id: order.id.to_string(), ticket, licenses: licenses.collect() }
}
