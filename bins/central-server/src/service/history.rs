//! Looking things up: containers and the history of everything.

use licensing_core::container::{ContainerRecord, FirmRecord};
use licensing_core::event::Action;
use licensing_core::ids::{ContainerSerial, LicenseId, OrderId};
use licensing_core::refusal::Refusal;
use licensing_core::time::Timestamp;
use licensing_store::{EventQuery, StoredEvent};
use licensing_wire::binary::to_hex;
use licensing_wire::json::{ContainerAnswer, ContainerFirmMessage, EventMessage, History};
use licensing_wire::time;

use crate::service::{Answer, Failure, Service, cut};

/// Which events to show. Several filters must all match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryFilter {
    /// About this license.
    pub license: Option<LicenseId>,
    /// About this container.
    pub container: Option<ContainerSerial>,
    /// About the ticket of this order.
    pub order: Option<OrderId>,
    /// Of this action.
    pub action: Option<Action>,
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// The last ones first.
    pub newest: bool,
    /// After this place in the log.
    pub after: u64,
    /// At most so many.
    pub limit: u32,
}

impl Service {
    /// A container with its firm items.
    ///
    /// # Errors
    /// It was never part of a transfer.
    pub async fn container(&self, serial: ContainerSerial) -> Result<Answer, Failure> {
        let container = self.store.container(serial).await?.ok_or(Refusal::ContainerUnknown(serial))?;
        self.container_answer(&container).await
    }

    /// The answer that shows a container.
    pub(super) async fn container_answer(&self, container: &ContainerRecord) -> Result<Answer, Failure> {
        let firms = self.store.firms_of_container(container.serial).await?;
        Answer::json(200, &container_answer(container, &firms))
    }

    /// A page of events.
    ///
    /// # Errors
    /// The order of the filter is unknown.
    pub async fn history(&self, filter: &HistoryFilter) -> Result<History, Failure> {
        let ticket = match &filter.order {
            None => None,
            Some(id) => {
                let order = self.store.order(id.clone()).await?;
                Some(order.ok_or_else(|| Refusal::OrderUnknown(id.clone()))?.ticket)
            }
        };
        // An id that was never given has no history, which is not the same as an empty one.
        if let Some(id) = filter.license
            && self.store.license(id).await?.is_none()
        {
            return Err(Refusal::LicenseUnknown(id).into());
        }
        let limit = filter.limit;
        let query = EventQuery {
            ticket,
            license: filter.license,
            container: filter.container,
            action: filter.action,
            from: filter.from,
            until: filter.until,
            newest: filter.newest,
            after: filter.after,
            limit: limit + 1,
        };
        let mut events = self.store.events(query).await?;
        let more = cut(&mut events, limit);
        let next = events.last().filter(|_| more).map(|event| event.sequence);
        Ok(History { events: events.into_iter().map(event_message).collect(), next })
    }
}

pub(super) fn container_answer(container: &ContainerRecord, firms: &[FirmRecord]) -> ContainerAnswer {
    let firms = firms.iter().map(|firm| ContainerFirmMessage {
        firm_code: firm.firm_code.get(),
        counter: firm.confirmed.counter,
        unproven: u32::try_from(firm.pending.len()).unwrap_or(u32::MAX),
        last_seen: firm.last_context.as_ref().map(|last| time::print(last.seen_at)),
    });
    ContainerAnswer {
        serial: container.serial.to_string(),
        kind: container.serial.kind().as_str().to_owned(),
        status: container.status.name().to_owned(),
        test_container: container.test_host,
        registered_at: time::print(container.registered_at),
        firms: firms.collect(),
    }
}

pub(super) fn event_message(stored: StoredEvent) -> EventMessage {
    let event = stored.event;
    EventMessage {
        sequence: stored.sequence,
        at: time::print(event.at),
        action: event.action.name().to_owned(),
        outcome: event.outcome.to_owned(),
        actor: event.actor.name,
        origin: event.actor.origin,
        license: event.license.map(|id| id.to_string()),
        container: event.container.map(|serial| serial.to_string()),
        firm_code: event.firm_code.map(|code| code.get()),
        quantity: event.quantity,
        proof: event.proof.map(|proof| to_hex(&proof)),
        detail: event.detail,
    }
}
