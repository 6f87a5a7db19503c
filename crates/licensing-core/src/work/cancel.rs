//! Cancelling an unfinished transfer: a competing step for the same place in the chain. Which of the two was applied,
//! the next context tells.

use crate::activation::{Activation, ActivationState};
use crate::changeset::Change;
use crate::container::PendingStep;
use crate::crypto::digest::Digest;
use crate::event::Action;
use crate::refusal::Refusal;
use crate::work::{Decline, Plan, Settled, Work, missing};
use crate::zoo::{self, Bug};

impl Work {
    /// Cancels what is unfinished of the ticket in the container: from its first unproven step on, everything is
    /// replaced by a step that changes nothing. Nothing is free before a context proves that step.
    ///
    /// # Errors
    /// Nothing of the ticket is unfinished, or only what the vendor wants.
    pub fn cancel(&mut self, settled: &Settled) -> Result<Plan, Decline> {
        let ticket = self.ticket.as_ref().ok_or(missing("ticket"))?.id;
        let mine = |step: &PendingStep| {
            let affected = self.activations.values().filter(|a| a.state.pending_step() == Some(step.id));
            let by_user = |a: &Activation| a.ticket == ticket && !a.withdraw;
            // An exchange is the vendor's part, although something of the ticket arrives by it.
            let exchange = !self.exchanged_by(step.id).is_empty() && !zoo::has(Bug::CancelledExchangeGrows);
            affected.clone().any(by_user) && !exchange
        };
        let firm = self.firm.as_ref().ok_or(missing("firm record"))?;
        let from = firm.pending.iter().position(mine).ok_or(Refusal::NothingToCancel(settled.serial()))?;
        let firm = self.firm.as_mut().ok_or(missing("firm record"))?;
        let replaced: Vec<PendingStep> = firm.pending.drain(from..).collect();
        if !zoo::has(Bug::CancelForgets) {
            firm.voided.extend(replaced.iter().cloned());
        }
        for step in &replaced {
            self.changes.push(Change::VoidStep { id: step.id });
        }
        self.append_step(Vec::new())?;
        let event = self.event(Action::TransferCancelled).ticket(ticket);
        self.changes.events.push(event.container(settled.serial(), settled.firm_code()));
        self.plan()
    }

    /// A step was never applied and never can be: what waited for it is as it was before.
    pub(super) fn drop_step(&mut self, step: &PendingStep, proof: Digest) -> Result<(), Decline> {
        let now = self.now;
        self.changes.push(Change::DropStep { id: step.id, proof, at: now });
        let exchanged = self.exchanged_by(step.id);
        for id in self.affected_by(step) {
            let activation = self.activations.get_mut(&id).ok_or(missing("activation"))?;
            let was = activation.state;
            activation.state = was.void(proof, now)?;
            let activation = activation.clone();
            self.changed_activations.insert(id);
            let action = match was {
                ActivationState::Activating { .. } => {
                    let (share, goes) = (self.share_back(&activation)?, activation.destination());
                    self.update_void(&activation);
                    let in_exchange = self.comes_for(activation.license, &exchanged);
                    let line = self.line_mut(activation.license)?;
                    if in_exchange && !zoo::has(Bug::CancelledExchangeGrows) {
                        line.shrink(activation.quantity)?;
                    } else {
                        line.activation_void(share, goes)?;
                        self.replace_lost(activation.license, activation.quantity, goes)?;
                    }
                    Action::ActivationVoid
                }
                _ => {
                    self.line_mut(activation.license)?.return_void(activation.quantity)?;
                    Action::ReturnVoid
                }
            };
            let event = self.event_of(action, &activation);
            self.changes.events.push(event.proof(proof));
        }
        Ok(())
    }

    /// What an activation that never took place gives back: an update is as fresh as it was.
    pub(super) fn share_back(&self, activation: &Activation) -> Result<crate::license::Share, Decline> {
        let line = self.lines.get(&activation.license).ok_or(missing("license line"))?;
        Ok(if activation.update.is_some() {
            line.item.terms.fresh_remainder(activation.quantity, self.now).share(activation.quantity)
        } else {
            activation.share()
        })
    }
}
