//! Settling: what a context proves is recorded first, whatever else was asked.

use crate::activation::{Activation, ActivationState};
use crate::changeset::{Change, Receipt};
use crate::container::{ContainerRecord, ContainerStatus, FirmRecord, LastContext, PendingStep};
use crate::crypto::digest::Digest;
use crate::event::{Action, Event};
use crate::format::context::VerifiedContext;
use crate::ids::{ActivationId, ContainerSerial, FirmCode};
use crate::refusal::Refusal;
use crate::step::{ChainLink, Removal};
use crate::terms::{Remainder, split_units};
use crate::work::{Decline, Work, missing};

/// Proof that a context was settled: the container is known, honest as far as anyone can tell, and every step
/// it proves is recorded.
#[derive(Debug)]
pub struct Settled {
    serial: ContainerSerial,
    firm_code: FirmCode,
    free_products: u32,
    proven: usize,
}

impl Settled {
    /// The container.
    #[must_use]
    pub const fn serial(&self) -> ContainerSerial {
        self.serial
    }

    /// The firm item.
    #[must_use]
    pub const fn firm_code(&self) -> FirmCode {
        self.firm_code
    }

    /// Steps this context was the first to prove.
    #[must_use]
    pub const fn proven(&self) -> usize {
        self.proven
    }

    pub(super) const fn free_products(&self) -> u32 {
        self.free_products
    }
}

/// How a context stands to the newest one seen before.
enum Order {
    Newer,
    SameAgain,
    Older,
    /// Neither: the container has lived two lives.
    Contradiction,
}

impl Order {
    fn of(context: &VerifiedContext, last: Option<&LastContext>, seen: Option<Digest>) -> Self {
        if seen.is_some_and(|seen| seen != context.hash()) {
            return Self::Contradiction;
        }
        let Some(last) = last else { return Self::Newer };
        let body = context.body();
        let clock = (body.certified_time, body.box_time);
        let last_clock = (last.certified_time, last.box_time);
        if context.hash() == last.hash {
            Self::SameAgain
        } else if body.sequence > last.sequence && clock >= last_clock {
            Self::Newer
        } else if body.sequence < last.sequence && clock <= last_clock {
            Self::Older
        } else {
            Self::Contradiction
        }
    }
}

impl Work {
    /// Records what a context proves. `bytes` is the file, kept as a receipt when it proves something.
    ///
    /// # Errors
    /// The container may not be served; when manipulation was detected that fact is part of the decision and
    /// must be committed.
    ///
    /// # Security
    /// An honest container's contexts are totally ordered: sequence number, clock and counter grow together.
    /// A context that breaks this order comes from a restored copy or a clone.
    pub fn settle(&mut self, context: &VerifiedContext, bytes: &[u8]) -> Result<Settled, Decline> {
        let serial = context.serial();
        self.meet(context)?;
        let body = context.body();
        let mut firm = self.firm.take().unwrap_or_else(|| FirmRecord {
            serial,
            firm_code: context.firm_code(),
            confirmed: ChainLink::start(serial, context.firm_code(), &context.identity_key()),
            pending: Vec::new(),
            last_context: None,
            version: 0,
        });
        let order = Order::of(context, firm.last_context.as_ref(), self.seen_under_sequence);
        let proven = provable(&firm, body.link);
        let verdict = match (order, proven) {
            (Order::Contradiction, _) | (Order::Newer | Order::SameAgain, None) => {
                Err(Refusal::ManipulationDetected(serial))
            }
            // An old context that arrives late proves nothing any more, but it is no proof of bad faith.
            (Order::Older, None) if body.link.counter < firm.confirmed.counter => {
                Err(Refusal::ContextOutOfDate(serial))
            }
            (Order::Older, None | Some(1..)) => Err(Refusal::ManipulationDetected(serial)),
            (Order::Older | Order::SameAgain, Some(proven)) => Ok(proven),
            (Order::Newer, Some(proven)) => {
                firm.last_context = Some(LastContext {
                    sequence: body.sequence,
                    certified_time: body.certified_time,
                    box_time: body.box_time,
                    hash: context.hash(),
                    seen_at: self.now,
                });
                self.firm_changed = true;
                Ok(proven)
            }
        };
        if self.seen_under_sequence.is_none() {
            self.changes.push(Change::NoteContext {
                serial,
                firm_code: context.firm_code(),
                sequence: body.sequence,
                hash: context.hash(),
            });
        }
        let steps: Vec<PendingStep> = match &verdict {
            Ok(proven) => firm.pending.drain(..*proven).collect(),
            Err(_) => Vec::new(),
        };
        if let Some(last) = steps.last() {
            firm.confirmed = last.after;
            self.firm_changed = true;
        }
        self.firm = Some(firm);
        if matches!(verdict, Err(Refusal::ManipulationDetected(_))) {
            self.flag(context);
        }
        let proven = verdict?;
        self.record_proof(context, bytes, &steps)?;
        Ok(Settled { serial, firm_code: context.firm_code(), free_products: body.free_products, proven })
    }

    /// Registers the container at its first contact, or compares its keys with the pinned ones.
    fn meet(&mut self, context: &VerifiedContext) -> Result<(), Refusal> {
        let serial = context.serial();
        let body = context.body();
        if body.test_host && !self.rules.accept_test_containers {
            return Err(Refusal::TestContainer(serial));
        }
        let Some(container) = &self.container else {
            self.container = Some(ContainerRecord {
                serial,
                identity_key: context.identity_key(),
                sealing_key: body.sealing_key,
                test_host: body.test_host,
                status: ContainerStatus::Normal,
                registered_at: self.now,
                version: 0,
            });
            self.container_changed = true;
            self.changes.events.push(
                Event::new(Action::ContainerRegistered, &self.actor, self.now)
                    .container(serial, context.firm_code())
                    .proof(context.hash()),
            );
            return Ok(());
        };
        if container.identity_key != context.identity_key() || container.sealing_key != body.sealing_key {
            return Err(Refusal::SerialTaken(serial));
        }
        match container.status {
            ContainerStatus::Normal => Ok(()),
            ContainerStatus::ManipulationDetected => Err(Refusal::ManipulationDetected(serial)),
            ContainerStatus::Blacklisted => Err(Refusal::Blacklisted(serial)),
        }
    }

    fn flag(&mut self, context: &VerifiedContext) {
        if let Some(container) = &mut self.container {
            container.status = ContainerStatus::ManipulationDetected;
            self.container_changed = true;
        }
        let mut event = Event::new(Action::ManipulationDetected, &self.actor, self.now)
            .container(context.serial(), context.firm_code())
            .proof(context.hash());
        let confirmed = self.firm.as_ref().map_or(0, |firm| firm.confirmed.counter);
        event.detail = format!("counter {} against proven {confirmed}", context.body().link.counter);
        self.changes.events.push(event);
    }

    fn record_proof(
        &mut self,
        context: &VerifiedContext,
        bytes: &[u8],
        steps: &[PendingStep],
    ) -> Result<(), Decline> {
        if steps.is_empty() {
            return Ok(());
        }
        self.changes.push(Change::KeepReceipt(Receipt {
            hash: context.hash(),
            serial: context.serial(),
            firm_code: context.firm_code(),
            link: context.body().link,
            bytes: bytes.to_vec(),
            received_at: self.now,
        }));
        for step in steps {
            self.changes.push(Change::SettleStep { id: step.id, proof: context.hash(), at: self.now });
            let mut removals: Vec<Removal> = context
                .body()
                .removals
                .iter()
                .filter(|removal| removal.counter == step.after.counter)
                .copied()
                .collect();
            let affected: Vec<ActivationId> = self
                .activations
                .values()
                .filter(|activation| activation.state.pending_step() == Some(step.id))
                .map(|activation| activation.id)
                .collect();
            for id in affected {
                self.prove_activation(id, step, context.hash(), &mut removals)?;
            }
        }
        Ok(())
    }

    fn prove_activation(
        &mut self,
        id: ActivationId,
        step: &PendingStep,
        proof: Digest,
        removals: &mut [Removal],
    ) -> Result<(), Decline> {
        let now = self.now;
        let activation = self.activations.get_mut(&id).ok_or(missing("activation"))?;
        let was = activation.state;
        activation.state = was.proven(step.issued_at, proof, now)?;
        let activation = activation.clone();
        self.changed_activations.insert(id);
        let line = self.line_mut(activation.license)?;
        let action = match was {
            ActivationState::Activating { .. } => {
                line.activation_proven(activation.quantity)?;
                Action::ActivationConfirmed
            }
            ActivationState::Returning { .. } => {
                line.return_proven(activation.quantity, left_over(&activation, removals))?;
                Action::ReturnConfirmed
            }
            ActivationState::Active { .. } | ActivationState::Returned { .. } => {
                return Err(missing("pending step").into());
            }
        };
        self.changes.events.push(
            Event::new(action, &self.actor, now)
                .ticket(activation.ticket)
                .license(activation.license)
                .container(activation.container, activation.firm_code)
                .quantity(activation.quantity)
                .proof(proof),
        );
        Ok(())
    }
}

/// How many pending steps a chain link proves: `None` when the link is on no history we know of.
fn provable(firm: &FirmRecord, link: ChainLink) -> Option<usize> {
    if link == firm.confirmed {
        return Some(0);
    }
    firm.pending.iter().position(|step| step.after == link).map(|at| at + 1)
}

/// What a returned share has left: dates as the server set them, units and first use as the container states.
/// Several activations may share one removal; each takes its proportion out of it, so nothing counts twice.
fn left_over(activation: &Activation, removals: &mut [Removal]) -> Remainder {
    let issued = activation.remainder;
    let Some(removal) = removals.iter_mut().find(|removal| removal.entry == activation.entry) else {
        // A container that states nothing has nothing left.
        return Remainder { units: issued.units.map(|_| 0), ..issued };
    };
    let (mine, rest) = split_units(removal.units.unwrap_or(0), removal.quantity, activation.quantity);
    removal.units = removal.units.map(|_| rest);
    removal.quantity = removal.quantity.saturating_sub(activation.quantity);
    Remainder {
        // And none has more than it was given.
        units: issued.units.map(|most| mine.min(most)),
        usage_started: removal.usage_started,
        ..issued
    }
}
