//! Orders so large that a second person has to release them.

use licensing_core::event::Actor;
use licensing_core::four_eyes::{HeldOrder, HeldState, Hold, quantity};
use licensing_core::ids::OrderId;
use licensing_core::order::NewOrder;
use licensing_core::refusal::Refusal;
use licensing_core::time::Timestamp;
use licensing_wire::json::{DecisionRequest, HeldOrderList, HeldOrderMessage, OrderLineMessage};
use licensing_wire::{options, time};

use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Idempotency, Service, approvals, cut};

/// Days a release can be used when nobody says.
const RELEASE_DAYS: u32 = 7;

/// What needs two people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FourEyes {
    /// Grants of re-activations.
    pub reactivations: bool,
    /// Orders with more licenses than this.
    pub order_quantity: Option<u32>,
}

impl Service {
    /// Whether an order may be placed now as far as two people are concerned; what is to be stored along with it, or in
    /// its place together with the refusal.
    pub(super) async fn hold(
        &self,
        order: &NewOrder,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Result<Option<HeldOrder>, Decided>, Failure> {
        let Some(limit) = self.rules.four_eyes.order_quantity else { return Ok(Ok(None)) };
        if quantity(&order.lines) <= u64::from(limit) {
            return Ok(Ok(None));
        }
        let stored = self.store.held_order(order.id.clone()).await?;
        Ok(match HeldOrder::look(stored, order, actor, now) {
            Hold::Released(held) => Ok(Some(held)),
            Hold::Waits(changes) => {
                let refusal = Refusal::OrderHeld { order: order.id.clone(), limit };
                Err(Decided { changes, answer: Err(refusal.into()) })
            }
        })
    }

    /// A page of the orders that wait for a second person, or of all that ever did.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn held_order_list(
        &self,
        pending: bool,
        after: Option<OrderId>,
        limit: u32,
    ) -> Result<HeldOrderList, Failure> {
        let mut held = self.store.held_orders(pending, after, limit + 1).await?;
        let more = cut(&mut held, limit);
        let next = held.last().filter(|_| more).map(|held| held.id.to_string());
        let now = self.now();
        Ok(HeldOrderList { orders: held.iter().map(|held| message(held, now)).collect(), next })
    }

    /// Releases an order, as a second person, or denies it.
    ///
    /// # Errors
    /// No such order waits, it was decided, or whoever releases it is not a second person.
    pub async fn decide_held_order(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        id: OrderId,
        release: bool,
        request: &DecisionRequest,
    ) -> Result<Answer, Failure> {
        let reason = approvals::reason(request)?;
        let days = request.valid.as_deref().map(|text| options::parse_days("valid", text)).transpose()?;
        let release = release.then(|| days.unwrap_or(RELEASE_DAYS));
        let decide = || async {
            let held = self.store.held_order(id.clone()).await?;
            let held = held.ok_or_else(|| Refusal::HeldOrderUnknown(id.clone()))?;
            let now = self.now();
            let (held, changes) = held.decide(release, reason.as_str(), actor, now)?;
            Ok(Decided { changes, answer: Answer::json(200, &message(&held, now)) })
        };
        self.attempt(idempotency, id.as_str().as_bytes(), decide).await
    }
}

fn message(held: &HeldOrder, now: Timestamp) -> HeldOrderMessage {
    let line = |line: &licensing_core::order::OrderLine| OrderLineMessage {
        item: line.item.to_string(),
        quantity: line.quantity,
    };
    let valid_until = match held.state {
        HeldState::Released { until, .. } => Some(time::print(until)),
        HeldState::Pending | HeldState::Denied { .. } | HeldState::Placed { .. } => None,
    };
    HeldOrderMessage {
        order_id: held.id.to_string(),
        customer: held.customer.as_ref().map(ToString::to_string),
        items: held.lines.iter().map(line).collect(),
        quantity: held.quantity(),
        asked_by: held.asked_by.clone(),
        asked_at: time::print(held.asked_at),
        state: held.state_name(now).to_owned(),
        decided_by: held.decided_by().map(str::to_owned),
        valid_until,
    }
}
