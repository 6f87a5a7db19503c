//! Cancelling an unfinished transfer: a competing step for the same place in the chain. Which of the two was applied,
//! the next context tells.

use crate::activation::{Activation, ActivationState};
use crate::changeset::Change;
use crate::container::PendingStep;
use crate::crypto::digest::Digest;
use crate::event::Action;
use crate::ids::ActivationId;
use crate::refusal::Refusal;
use crate::step::StepId;
use crate::work::{Decline, Plan, Settled, Work, missing};

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
            affected.clone().any(by_user)
        };
        let firm = self.firm.as_ref().ok_or(missing("firm record"))?;
        let from = firm.pending.iter().position(mine).ok_or(Refusal::NothingToCancel(settled.serial()))?;
        let firm = self.firm.as_mut().ok_or(missing("firm record"))?;
        let replaced: Vec<PendingStep> = firm.pending.drain(from..).collect();
        firm.voided.extend(replaced.iter().cloned());
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
                    let line = self.line_mut(activation.license)?;
                    if exchanged.contains(&id) {
                        line.shrink(share.quantity)?;
                    } else {
                        line.activation_void(share, goes)?;
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

    /// Activations of replacements that a step exchanges for what they replace. Their quantity came with the exchange, and
    /// must go with it when it never took place: the replaced license is still there then.
    pub(super) fn exchanged_by(&self, step: StepId) -> Vec<ActivationId> {
        let goes = |license| {
            let mut all = self.activations.values();
            all.any(|a| {
                a.license == license
                    && matches!(a.state, ActivationState::Returning { step: s, .. } if s == step)
            })
        };
        let comes = self.activations.values().filter(|a| a.state == ActivationState::Activating { step });
        let replacing =
            comes.filter(|a| self.lines.get(&a.license).and_then(|line| line.replaces).is_some_and(goes));
        replacing.map(|a| a.id).collect()
    }

    /// What an activation that never took place gives back: an update is as fresh as it was.
    fn share_back(&self, activation: &Activation) -> Result<crate::license::Share, Decline> {
        let line = self.lines.get(&activation.license).ok_or(missing("license line"))?;
        Ok(if activation.update.is_some() {
            line.item.terms.fresh_remainder(activation.quantity, self.now).share(activation.quantity)
        } else {
            activation.share()
        })
    }
}
