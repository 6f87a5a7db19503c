//! Orders so large that a second person has to release them.

use std::collections::BTreeMap;

use licensing_core::changeset::Change;
use licensing_core::event::Actor;
use licensing_core::four_eyes::{HeldOrder, HeldState, Hold, Ordered, quantity};
use licensing_core::ids::{ItemId, OrderId};
use licensing_core::order::NewOrder;
use licensing_core::preactivation::NewPreActivation;
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
    /// Licenses an order may have, and one user may take of one item within the window.
    pub order_quantity: Option<u32>,
    /// The window, in seconds.
    pub window_secs: u64,
}

impl Service {
    /// Whether an order may be placed now as far as two people are concerned; what is to be stored along with it, or in
    /// its place together with the refusal. What a second person has released does not count for the first.
    pub(super) async fn hold(
        &self,
        order: &NewOrder,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Result<Vec<Change>, Decided>, Failure> {
        let Some(limit) = self.rules.four_eyes.order_quantity else { return Ok(Ok(Vec::new())) };
        let mut wanted: BTreeMap<&ItemId, u64> = BTreeMap::new();
        for line in &order.lines {
            *wanted.entry(&line.item).or_default() += u64::from(line.quantity);
        }
        let mut counted = Vec::new();
        for (item, quantity) in wanted {
            counted.push(self.ordered(actor, item, quantity, now).await?);
        }
        let most = u64::from(limit);
        if quantity(&order.lines) <= most && counted.iter().all(|ordered| ordered.total() <= most) {
            return Ok(Ok(counted.into_iter().map(Change::PutOrdered).collect()));
        }
        let stored = self.store.held_order(order.id.clone()).await?;
        Ok(match HeldOrder::look(stored, order, actor, now) {
            Hold::Released(held) => Ok(vec![Change::PutHeldOrder(held)]),
            Hold::Waits(changes) => {
                let refusal = Refusal::OrderHeld { order: order.id.clone(), limit };
                Err(Decided { changes, answer: Err(refusal.into()) })
            }
        })
    }

    /// The same for pre-activated licenses, which nobody can release.
    pub(super) async fn hold_preactivation(
        &self,
        item: &ItemId,
        wanted: &NewPreActivation,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Change>, Failure> {
        let Some(limit) = self.rules.four_eyes.order_quantity else { return Ok(None) };
        // Each container that converts the file has as many.
        let quantity = u64::from(wanted.quantity) * u64::from(wanted.conversions.max(1));
        let ordered = self.ordered(actor, item, quantity, now).await?;
        if ordered.total() > u64::from(limit) {
            let message = format!("with these, one user has taken more than {limit} licenses of item {item}");
            return Err(Failure::denied("preactivation_beyond_limit", message));
        }
        Ok(Some(Change::PutOrdered(ordered)))
    }

    /// What somebody will have taken of an item. Stored with what he takes: of two at once, one decides again.
    async fn ordered(
        &self,
        actor: &Actor,
        item: &ItemId,
        quantity: u64,
        now: Timestamp,
    ) -> Result<Ordered, Failure> {
        let stored = self.store.ordered(actor.name.clone(), item.clone()).await?;
        let stored = stored.unwrap_or_else(|| Ordered::none(actor.name.clone(), item.clone()));
        Ok(stored.with(quantity, self.rules.four_eyes.window_secs, now))
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
