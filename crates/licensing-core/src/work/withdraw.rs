//! The first half of the vendor's part: what should never have been in the container leaves it, and so does what the
//! vendor wants back.

use crate::activation::ActivationState;
use crate::event::Action;
use crate::ids::{ActivationId, EntryId};
use crate::step::{Operation, StepId};
use crate::work::{Decline, Settled, Work, missing};
use crate::zoo::{self, Bug};

impl Work {
    pub(super) fn vendor_first(&mut self, settled: &Settled) -> Result<(), Decline> {
        // First, because it needs a container in which nothing is unproven; then what follows fits the books.
        self.sweep(settled)?;
        let going: Vec<ActivationId> = self
            .here(settled)
            .filter(|a| a.withdraw && matches!(a.state, ActivationState::Active { .. }))
            .filter(|a| self.exchanged_for(a.license).is_none())
            .filter(|a| self.cancelled_split(a.entry).is_none())
            .map(|a| a.id)
            .collect();
        if !going.is_empty() {
            let step = self.append_step(self.removals(&going)?)?.id;
            self.begin_returns(&going, step, Action::WithdrawalIssued)?;
        }
        Ok(())
    }

    /// Notes that a step takes these activations out.
    pub(super) fn begin_returns(
        &mut self,
        going: &[ActivationId],
        step: StepId,
        action: Action,
    ) -> Result<(), Decline> {
        for id in going {
            let activation = self.activations.get_mut(id).ok_or(missing("activation"))?;
            activation.state = activation.state.returning(step)?;
            let activation = activation.clone();
            self.changed_activations.insert(*id);
            self.line_mut(activation.license)?.begin_return(activation.quantity)?;
            if zoo::has(Bug::FreeBeforeProof) {
                let (mut activation, now) = (activation.clone(), self.now);
                let left = activation.remainder;
                activation.state = activation.state.proven(false, now, [0; 32], now)?;
                self.returned(activation, left, [0; 32])?;
            }
            let event = self.event_of(action, &activation);
            self.changes.events.push(event);
        }
        Ok(())
    }

    /// Takes out product items that the books do not know of in this container: an honest one has them only after the
    /// vendor cleared or reconciled it. A license nobody knows stays where it is; its owner paid for it.
    fn sweep(&mut self, settled: &Settled) -> Result<(), Decline> {
        let unproven =
            self.firm.as_ref().is_some_and(|firm| !firm.pending.is_empty() || !firm.voided.is_empty());
        if unproven {
            return Ok(());
        }
        let mut operations = Vec::new();
        let mut events = Vec::new();
        for product in settled.stated() {
            let booked = self.booked(settled, product.entry);
            let Some(line) = self.lines.get(&product.license) else { continue };
            // A newer generation was signed by a server that has forgotten it, and so may have been anything as long as
            // not every container has told what it holds.
            let forgotten = product.generation > line.generation
                || (self.reconciling.is_some() && product.generation == line.generation);
            if booked >= product.quantity || forgotten {
                continue;
            }
            operations.push(match booked {
                0 => Operation::Remove { entry: product.entry },
                quantity => Operation::SetQuantity { entry: product.entry, quantity },
            });
            let event = self.event(Action::SweepIssued).license(product.license);
            events.push(
                event.container(settled.serial(), settled.firm_code()).quantity(product.quantity - booked),
            );
        }
        if !operations.is_empty() {
            self.append_step(operations)?;
            self.changes.events.extend(events);
        }
        Ok(())
    }

    /// Licenses that the books have in a product item.
    pub(super) fn booked(&self, settled: &Settled, entry: EntryId) -> u32 {
        let live = self.here(settled).filter(|a| a.entry == entry && a.update.is_none() && a.state.is_live());
        live.map(|a| a.quantity).sum()
    }
}
