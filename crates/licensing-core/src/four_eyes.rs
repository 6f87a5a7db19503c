//! Four eyes: orders so large that a second person has to release them.
//!
//! A refused order leaves the question; somebody else releases or denies it; the same order is sent again. A release is
//! good for that one order, with that content, and for a limited time.

mod ordered;

use crate::changeset::{Change, ChangeSet};
use crate::crypto::digest::Digest;
use crate::event::{Action, Actor, Event};
use crate::ids::{CustomerId, OrderId};
use crate::order::{NewOrder, OrderLine};
use crate::refusal::Refusal;
use crate::time::Timestamp;

pub use ordered::Ordered;

/// Where a held order is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldState {
    /// Nobody has decided.
    Pending,
    /// Somebody else has released it.
    Released {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
        /// Until when it can be placed (exclusive).
        until: Timestamp,
    },
    /// Somebody has denied it.
    Denied {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Released and placed.
    Placed {
        /// Who has released it.
        by: String,
        /// When it was placed.
        at: Timestamp,
    },
}

/// Every state with the word used in interfaces and tables; `expired` is a release whose time is over.
pub const HELD_STATES: [&str; 5] = ["pending", "released", "denied", "placed", "expired"];

/// An order that waits for a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldOrder {
    /// The vendor's order id.
    pub id: OrderId,
    /// Hash of the content: what was released is placed, and nothing else under its id.
    pub content: Digest,
    /// The vendor's customer id.
    pub customer: Option<CustomerId>,
    /// What is ordered.
    pub lines: Vec<OrderLine>,
    /// Who has sent it.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// Where it is in its life.
    pub state: HeldState,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

/// What becomes of an order that is so large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// It is released: it is placed together with this, which uses the release up.
    Released(HeldOrder),
    /// It waits. What is to be stored for that; nothing when it is known already.
    Waits(ChangeSet),
}

impl HeldOrder {
    /// The word for its state at `now`.
    #[must_use]
    pub fn state_name(&self, now: Timestamp) -> &'static str {
        match &self.state {
            HeldState::Pending => HELD_STATES[0],
            HeldState::Released { until, .. } if now < *until => HELD_STATES[1],
            HeldState::Released { .. } => HELD_STATES[4],
            HeldState::Denied { .. } => HELD_STATES[2],
            HeldState::Placed { .. } => HELD_STATES[3],
        }
    }

    /// Who has decided.
    #[must_use]
    pub fn decided_by(&self) -> Option<&str> {
        match &self.state {
            HeldState::Pending => None,
            HeldState::Released { by, .. } | HeldState::Denied { by, .. } | HeldState::Placed { by, .. } => {
                Some(by)
            }
        }
    }

    /// Licenses in it.
    #[must_use]
    pub fn quantity(&self) -> u64 {
        quantity(&self.lines)
    }

    /// Looks whether an order was released. Another content under the id, or a release that is over, is a new question; a
    /// denied order stays denied.
    #[must_use]
    pub fn look(stored: Option<Self>, order: &NewOrder, actor: &Actor, now: Timestamp) -> Hold {
        let content = order.content_hash();
        let version = stored.as_ref().map_or(0, |held| held.version);
        if let Some(held) = stored.filter(|held| held.content == content) {
            match &held.state {
                HeldState::Released { by, until, .. } if now < *until => {
                    let state = HeldState::Placed { by: by.clone(), at: now };
                    return Hold::Released(Self { state, ..held });
                }
                HeldState::Pending | HeldState::Denied { .. } => return Hold::Waits(ChangeSet::default()),
                HeldState::Released { .. } | HeldState::Placed { .. } => {}
            }
        }
        let held = Self {
            id: order.id.clone(),
            content,
            customer: order.customer.clone(),
            lines: order.lines.clone(),
            asked_by: actor.name.clone(),
            asked_at: now,
            state: HeldState::Pending,
            version,
        };
        let mut changes = ChangeSet::default();
        changes.events.push(held.event(Action::OrderHeld, actor, now));
        changes.push(Change::PutHeldOrder(held));
        Hold::Waits(changes)
    }

    /// A second person releases it for so many days, or anybody who may denies it.
    ///
    /// # Errors
    /// It was decided the same way before or is placed, or it is the same person, or no person, who releases it.
    pub fn decide(
        self,
        release: Option<u32>,
        reason: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(Self, ChangeSet), Refusal> {
        let state = self.state_name(now);
        let again = matches!((state, release), ("released", Some(_)) | ("denied", None) | ("placed", _));
        if again {
            return Err(Refusal::HeldOrderDecided { order: self.id, state });
        }
        if release.is_some() && !actor.is_another_person_than(&self.asked_by) {
            return Err(Refusal::SecondPersonNeeded);
        }
        let by = actor.name.clone();
        let (state, action) = match release {
            Some(days) => {
                (HeldState::Released { by, at: now, until: now.plus_days(days) }, Action::OrderReleased)
            }
            None => (HeldState::Denied { by, at: now }, Action::OrderDenied),
        };
        let held = Self { state, ..self };
        let mut changes = ChangeSet::default();
        let mut event = held.event(action, actor, now);
        if !reason.is_empty() {
            event.detail = format!("{}: {reason}", held.id);
        }
        changes.events.push(event);
        changes.push(Change::PutHeldOrder(held.clone()));
        Ok((held, changes))
    }

    fn event(&self, action: Action, actor: &Actor, now: Timestamp) -> Event {
        let mut event = Event::new(action, actor, now);
        self.id.as_str().clone_into(&mut event.detail);
        event.quantity = u32::try_from(self.quantity()).ok();
        event
    }
}

/// Licenses in the lines of an order.
#[must_use]
pub fn quantity(lines: &[OrderLine]) -> u64 {
    lines.iter().map(|line| u64::from(line.quantity)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ItemId, Text};
    use crate::order::TicketChoice;

    fn actor(name: &str) -> Actor {
        Actor { name: name.into(), origin: None }
    }

    fn order(count: u32) -> NewOrder {
        NewOrder {
            id: OrderId::new("O").unwrap(),
            customer: None,
            comment: Text::new("").unwrap(),
            lines: vec![OrderLine { item: ItemId::new("A").unwrap(), quantity: count }],
            together: false,
            ticket: TicketChoice::New,
        }
    }

    fn held(hold: Hold) -> HeldOrder {
        let Hold::Waits(changes) = hold else { panic!("it waits") };
        match changes.changes.into_iter().next() {
            Some(Change::PutHeldOrder(held)) => HeldOrder { version: held.version + 1, ..held },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_release_is_for_one_order_with_one_content_and_for_a_while() {
        let (erp, ann) = (actor("erp"), actor("user:ann"));
        let at = Timestamp::from_secs;
        let pending = held(HeldOrder::look(None, &order(50), &erp, at(1)));
        assert_eq!((pending.quantity(), pending.state_name(at(1))), (50, "pending"));
        let again = HeldOrder::look(Some(pending.clone()), &order(50), &erp, at(2));
        assert_eq!(again, Hold::Waits(ChangeSet::default()), "asked once");
        let (released, changes) = pending.clone().decide(Some(1), "fine", &ann, at(3)).unwrap();
        assert_eq!((changes.events.len(), released.decided_by()), (1, Some("user:ann")));
        let look = |count, secs| HeldOrder::look(Some(released.clone()), &order(count), &erp, at(secs));
        let Hold::Released(placed) = look(50, 4) else { panic!("it is released") };
        assert_eq!(placed.state_name(at(4)), "placed");
        assert_eq!(held(look(51, 4)).state, HeldState::Pending, "another content");
        assert_eq!(held(look(50, 3 + 86_400)).state, HeldState::Pending, "too late");
        assert_eq!(
            held(HeldOrder::look(Some(placed.clone()), &order(50), &erp, at(5))).state,
            HeldState::Pending
        );
        assert_eq!(placed.decide(None, "", &ann, at(5)).unwrap_err().code(), "held_order_decided");
        let (denied, _) = pending.decide(None, "no", &erp, at(6)).unwrap();
        let stays = HeldOrder::look(Some(denied.clone()), &order(50), &erp, at(7));
        assert_eq!(stays, Hold::Waits(ChangeSet::default()), "denied stays denied");
        assert!(denied.decide(Some(1), "", &ann, at(8)).is_ok(), "until somebody thinks again");
    }

    #[test]
    fn the_second_one_is_a_person_and_another_one() {
        for (first, second, allowed) in [
            ("erp", "user:ann", true),
            ("user:ann", "user:bob", true),
            ("user:ann", "user:ann", false),
            ("user:ann", "erp", false),
            ("erp", "erp", false),
            ("erp", "shop", false),
        ] {
            let pending = held(HeldOrder::look(None, &order(50), &actor(first), Timestamp::ZERO));
            let outcome = pending.decide(Some(1), "", &actor(second), Timestamp::ZERO);
            assert_eq!(outcome.is_ok(), allowed, "{first} and {second}");
            assert!(outcome.err().is_none_or(|refusal| refusal.code() == "second_person_needed"));
        }
    }
}
