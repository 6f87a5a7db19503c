//! Settling: what a context proves is recorded first, whatever else was asked.

use std::collections::BTreeSet;

use crate::activation::{Activation, ActivationState};
use crate::changeset::{Change, Receipt};
use crate::container::{ContainerRecord, ContainerStatus, FirmRecord, LastContext, PendingStep, Proven};
use crate::crypto::digest::Digest;
use crate::event::Action;
use crate::format::context::{ContextProduct, TraitDigest, VerifiedContext};
use crate::ids::{ActivationId, ContainerSerial, FirmCode, LicenseId};
use crate::license::Destination;
use crate::refusal::Refusal;
use crate::step::{Operation, Removal};
use crate::terms::{Remainder, split_units};
use crate::work::{Decline, Work, missing};
use crate::zoo::{self, Bug};

/// Proof that a context was settled: the container is known, honest as far as anyone can tell, and every step
/// it proves is recorded.
#[derive(Debug)]
pub struct Settled {
    pub(super) serial: ContainerSerial,
    pub(super) firm_code: FirmCode,
    pub(super) free_products: u32,
    pub(super) proven: usize,
    pub(super) stated: Vec<ContextProduct>,
    pub(super) traits: Vec<TraitDigest>,
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

    /// Product items the container says it holds; none when there was no context.
    pub(super) fn stated(&self) -> &[ContextProduct] {
        &self.stated
    }

    /// Traits of the computer.
    pub(super) fn traits(&self) -> &[TraitDigest] {
        &self.traits
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
        if zoo::has(Bug::OrderIgnored) {
            return Self::Newer;
        }
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

/// What is to be done about a context.
enum Verdict {
    /// It proves what its place in the chain proves.
    Accept {
        newest: bool,
    },
    /// The container is further than we know, and the vendor has said that it is to be believed.
    Adopt,
    Refuse(Refusal),
}

fn judge(context: &VerifiedContext, order: Order, firm: &FirmRecord, reconciling: bool) -> Verdict {
    let (serial, counter) = (context.serial(), context.body().link.counter);
    let path = firm.path(context.body().link).map(|path| path.len());
    if firm.resync {
        // The vendor has decided to believe this container once, whatever it did before.
        return if path.is_some() { Verdict::Accept { newest: true } } else { Verdict::Adopt };
    }
    if zoo::has(Bug::RollbackAccepted) && path.is_none() && counter < firm.confirmed.counter {
        return Verdict::Adopt;
    }
    match (order, path) {
        (Order::Contradiction, _) => Verdict::Refuse(Refusal::ManipulationDetected(serial)),
        (Order::Newer, Some(_)) => Verdict::Accept { newest: true },
        (Order::SameAgain, Some(_)) | (Order::Older, Some(0)) => Verdict::Accept { newest: false },
        (Order::Newer, None) if reconciling => Verdict::Adopt,
        // Every step is signed by us: a container beyond the last one we know shows that we have forgotten some.
        (Order::Newer | Order::SameAgain, None) if counter > firm.highest() => {
            Verdict::Refuse(Refusal::ServerBehind(serial))
        }
        (Order::Newer | Order::SameAgain, None) => Verdict::Refuse(Refusal::ManipulationDetected(serial)),
        // An old context that arrives late proves nothing any more, but it is no proof of bad faith.
        (Order::Older, None) if counter < firm.confirmed.counter => {
            Verdict::Refuse(Refusal::ContextOutOfDate(serial))
        }
        (Order::Older, _) => Verdict::Refuse(Refusal::ManipulationDetected(serial)),
    }
}

impl Work {
    /// Records what a context proves. `bytes` is the file, kept as a receipt when it proves something.
    ///
    /// # Errors
    /// The container may not be served; when manipulation was detected, or the container is to be locked, that is
    /// part of the decision and must be committed.
    ///
    /// # Security
    /// An honest container's contexts are totally ordered: sequence number, clock and counter grow together.
    /// A context that breaks this order comes from a restored copy or a clone.
    pub fn settle(&mut self, context: &VerifiedContext, bytes: &[u8]) -> Result<Settled, Decline> {
        let (serial, firm_code) = (context.serial(), context.firm_code());
        self.meet(context)?;
        let body = context.body();
        let mut firm =
            self.firm.take().unwrap_or_else(|| FirmRecord::begin(serial, firm_code, &context.identity_key()));
        let order = Order::of(context, firm.last_context.as_ref(), self.seen_under_sequence);
        let verdict = judge(context, order, &firm, self.reconciling.is_some());
        if firm.resync {
            // It begins anew: what it said under these sequence numbers before does not count against it.
            self.changes.push(Change::ForgetContexts { serial, firm_code });
            self.seen_under_sequence = None;
        }
        if self.seen_under_sequence.is_none() && !matches!(verdict, Verdict::Refuse(Refusal::ServerBehind(_)))
        {
            let (sequence, hash) = (body.sequence, context.hash());
            self.changes.push(Change::NoteContext { serial, firm_code, sequence, hash });
        }
        if let Verdict::Accept { newest: true } | Verdict::Adopt = verdict {
            firm.last_context = Some(LastContext {
                sequence: body.sequence,
                certified_time: body.certified_time,
                box_time: body.box_time,
                hash: context.hash(),
                seen_at: self.now,
                free_products: body.free_products,
                traits: body.traits.clone(),
            });
            firm.resync &= matches!(verdict, Verdict::Adopt);
            self.firm_changed = true;
        }
        let proven = match verdict {
            Verdict::Accept { .. } => firm.prove(body.link).ok_or(missing("place in the chain"))?,
            Verdict::Adopt => Proven { dead: firm.adopt(body.link), ..Proven::default() },
            Verdict::Refuse(refusal) => {
                self.firm = Some(firm);
                if matches!(refusal, Refusal::ManipulationDetected(_)) {
                    self.flag(context);
                }
                return Err(refusal.into());
            }
        };
        self.firm = Some(firm);
        let settled = Settled {
            serial,
            firm_code,
            free_products: body.free_products,
            proven: proven.applied.len(),
            stated: body.products.clone(),
            traits: body.traits.clone(),
        };
        if matches!(verdict, Verdict::Adopt) {
            self.keep_receipt(context, bytes);
            self.adopt(context, &settled, &proven.dead)?;
        } else {
            let proves = !proven.applied.is_empty();
            if proves {
                self.firm_changed = true;
                self.keep_receipt(context, bytes);
                self.record_proof(context, &proven)?;
            }
            let newest = matches!(verdict, Verdict::Accept { newest: true });
            if newest && self.believe(&settled, context.hash())? && !proves {
                self.keep_receipt(context, bytes);
            }
        }
        Ok(settled)
    }

    /// A settled state without a context: what the newest one proved. For updates that are pushed.
    ///
    /// # Errors
    /// The container was never seen under the firm code, or may not be served.
    pub fn last_settled(&self) -> Result<Settled, Decline> {
        let firm = self.firm.as_ref().ok_or(missing("firm record"))?;
        let container = self.container.as_ref().ok_or(missing("container record"))?;
        match container.status {
            ContainerStatus::Normal => {}
            ContainerStatus::ManipulationDetected => {
                return Err(Refusal::ManipulationDetected(firm.serial).into());
            }
            ContainerStatus::Blacklisted => return Err(Refusal::Blacklisted(firm.serial).into()),
        }
        Ok(Settled {
            serial: firm.serial,
            firm_code: firm.firm_code,
            free_products: firm.last_context.as_ref().map_or(0, |last| last.free_products),
            proven: 0,
            stated: Vec::new(),
            traits: Vec::new(),
        })
    }

    /// Registers the container at its first contact, or compares its keys with the pinned ones.
    fn meet(&mut self, context: &VerifiedContext) -> Result<(), Decline> {
        let serial = context.serial();
        let body = context.body();
        if body.test_host && !self.rules.accept_test_containers {
            return Err(Refusal::TestContainer(serial).into());
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
            let event = self.event(Action::ContainerRegistered);
            self.changes.events.push(event.container(serial, context.firm_code()).proof(context.hash()));
            return Ok(());
        };
        if container.identity_key != context.identity_key() || container.sealing_key != body.sealing_key {
            return Err(Refusal::SerialTaken(serial).into());
        }
        match container.status {
            ContainerStatus::Normal => Ok(()),
            ContainerStatus::ManipulationDetected => Err(Refusal::ManipulationDetected(serial).into()),
            ContainerStatus::Blacklisted => {
                self.lock(context)?;
                Err(Refusal::Blacklisted(serial).into())
            }
        }
    }

    /// Issues the step that locks the firm item of a blacklisted container, unless it was issued before and fits. Where
    /// a cancelled step was applied after all, the lock has to follow that one.
    fn lock(&mut self, context: &VerifiedContext) -> Result<(), Decline> {
        let link = context.body().link;
        let Some(firm) = self.firm.as_mut().filter(|_| !context.body().locked) else { return Ok(()) };
        let followed = if zoo::has(Bug::LockOffTheWay) {
            firm.path(link).map(|_| Default::default())
        } else {
            firm.follow(link)
        };
        let Some((replaced, revived)) = followed else { return Ok(()) };
        self.firm_changed |= !replaced.is_empty() || !revived.is_empty();
        for id in replaced {
            self.changes.push(Change::VoidStep { id });
        }
        for id in revived {
            self.changes.push(Change::ReviveStep { id });
        }
        if !self.pending_operations().contains(&Operation::Lock) {
            self.append_step(vec![Operation::Lock])?;
            let event = self.event(Action::LockIssued).container(context.serial(), context.firm_code());
            self.changes.events.push(event.proof(context.hash()));
        }
        Ok(())
    }

    fn flag(&mut self, context: &VerifiedContext) {
        if let Some(container) = &mut self.container {
            container.status = ContainerStatus::ManipulationDetected;
            self.container_changed = true;
        }
        let mut event = self
            .event(Action::ManipulationDetected)
            .container(context.serial(), context.firm_code())
            .proof(context.hash());
        let confirmed = self.firm.as_ref().map_or(0, |firm| firm.confirmed.counter);
        event.detail = format!("counter {} against proven {confirmed}", context.body().link.counter);
        self.changes.events.push(event);
    }

    fn keep_receipt(&mut self, context: &VerifiedContext, bytes: &[u8]) {
        self.changes.push(Change::KeepReceipt(Receipt {
            hash: context.hash(),
            serial: context.serial(),
            firm_code: context.firm_code(),
            link: context.body().link,
            bytes: bytes.to_vec(),
            received_at: self.now,
        }));
    }

    fn record_proof(&mut self, context: &VerifiedContext, proven: &Proven) -> Result<(), Decline> {
        let proof = context.hash();
        for step in &proven.applied {
            self.changes.push(Change::SettleStep { id: step.id, proof, at: self.now });
            let exchanged = self.exchanged_by(step.id);
            for id in self.affected_by(step) {
                self.prove_activation(id, step, proof)?;
            }
            self.prove_returns(step, context, &exchanged)?;
        }
        for id in &proven.revived {
            self.changes.push(Change::ReviveStep { id: *id });
        }
        for step in proven.dead.iter().filter(|_| !zoo::has(Bug::ForgetVoid)) {
            self.drop_step(step, proof)?;
        }
        Ok(())
    }

    pub(super) fn affected_by(&self, step: &PendingStep) -> Vec<ActivationId> {
        let affected = self.activations.values().filter(|a| a.state.pending_step() == Some(step.id));
        affected.map(|activation| activation.id).collect()
    }

    fn prove_activation(
        &mut self,
        id: ActivationId,
        step: &PendingStep,
        proof: Digest,
    ) -> Result<(), Decline> {
        let now = self.now;
        let activation = self.activations.get_mut(&id).ok_or(missing("activation"))?;
        if !matches!(activation.state, ActivationState::Activating { .. }) {
            return Ok(());
        }
        activation.state =
            activation.state.proven(activation.update.is_some(), step.issued_at, proof, now)?;
        let activation = activation.clone();
        self.changed_activations.insert(id);
        self.line_mut(activation.license)?.activation_proven(activation.quantity)?;
        self.update_proven(&activation);
        let event = self.event_of(Action::ActivationConfirmed, &activation);
        self.changes.events.push(event.proof(proof));
        Ok(())
    }

    /// Shares that a step has taken out: each gets its part of what the container says was taken.
    fn prove_returns(
        &mut self,
        step: &PendingStep,
        context: &VerifiedContext,
        exchanged: &BTreeSet<LicenseId>,
    ) -> Result<(), Decline> {
        let going: Vec<Activation> = self
            .affected_by(step)
            .iter()
            .filter_map(|id| self.activations.get(id))
            .filter(|a| matches!(a.state, ActivationState::Returning { .. }))
            .cloned()
            .collect();
        let removals = context.body().removals.iter();
        let removals: Vec<Removal> =
            removals.filter(|removal| removal.counter == step.after.counter).copied().collect();
        let removals = if zoo::has(Bug::RemovalUnitsIgnored) { Vec::new() } else { removals };
        for (mut activation, left) in left_over(going, &removals) {
            activation.state = activation.state.proven(false, step.issued_at, context.hash(), self.now)?;
            let in_exchange = exchanged.contains(&activation.license);
            let (license, quantity, goes) =
                (activation.license, activation.quantity, activation.destination());
            self.returned(activation, left, context.hash())?;
            if !in_exchange {
                self.replace_lost(license, quantity, goes)?;
            }
        }
        Ok(())
    }

    /// A share whose removal is proven goes where it belongs.
    pub(super) fn returned(
        &mut self,
        activation: Activation,
        left: Remainder,
        proof: Digest,
    ) -> Result<(), Decline> {
        let goes = activation.destination();
        self.line_mut(activation.license)?.return_proven(left.share(activation.quantity), goes)?;
        let action = match goes {
            Destination::Available => Action::ReturnConfirmed,
            Destination::Vendor => Action::WithdrawalConfirmed,
        };
        let event = self.event_of(action, &activation);
        self.changes.events.push(event.proof(proof));
        if !zoo::has(Bug::SettleTwice) {
            self.changed_activations.insert(activation.id);
            self.activations.insert(activation.id, activation);
        }
        Ok(())
    }
}

/// What returned shares have left: dates as the server set them, units, added uses and first use as the container
/// states. Several activations may share one removal; together they get all of it, and none more than it was given.
pub(super) fn left_over(going: Vec<Activation>, removals: &[Removal]) -> Vec<(Activation, Remainder)> {
    let mut out: Vec<(Activation, Remainder)> = Vec::with_capacity(going.len());
    for removal in removals {
        let mine: Vec<&Activation> = going.iter().filter(|a| a.entry == removal.entry).collect();
        let units: Vec<u64> = mine.iter().map(|a| a.remainder.units.unwrap_or(0)).collect();
        let uses: Vec<u64> = mine.iter().map(|a| a.remainder.added_uses).collect();
        let quantities: Vec<u32> = mine.iter().map(|a| a.quantity).collect();
        let units = spread(removal.units.unwrap_or(0), removal.quantity, &quantities, &units);
        let uses = spread(removal.added_uses, removal.quantity, &quantities, &uses);
        for ((activation, units), added_uses) in mine.into_iter().zip(units).zip(uses) {
            let left = Remainder {
                units: activation.remainder.units.map(|_| units),
                added_uses,
                usage_started: removal.usage_started,
                ..activation.remainder
            };
            out.push((activation.clone(), left));
        }
    }
    for activation in going {
        if !out.iter().any(|(done, _)| done.id == activation.id) {
            // A container that states nothing has nothing left.
            let units = activation.remainder.units.map(|_| 0);
            let left = Remainder { units, added_uses: 0, ..activation.remainder };
            out.push((activation, left));
        }
    }
    out
}

/// Spreads `total` of `all` licenses over parts of these quantities in proportion, none beyond its cap, and nothing
/// lost as long as the caps allow it.
fn spread(total: u64, all: u32, quantities: &[u32], caps: &[u64]) -> Vec<u64> {
    let (mut total, mut all) = (total, all);
    let mut out = Vec::with_capacity(caps.len());
    for (at, (quantity, cap)) in quantities.iter().zip(caps).enumerate() {
        let others: u64 = caps.iter().skip(at + 1).fold(0, |sum, cap| sum.saturating_add(*cap));
        let (fair, _) = split_units(total, all, *quantity);
        let mine = fair.max(total.saturating_sub(others)).min(*cap);
        out.push(mine);
        total -= mine;
        all = all.saturating_sub(*quantity);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn what_is_left_is_spread_to_the_last_unit() {
        assert_eq!(spread(7, 3, &[2, 1], &[5, 2]), vec![5, 2]);
        assert_eq!(spread(7, 3, &[1, 2], &[2, 5]), vec![2, 5]);
        assert_eq!(spread(3, 3, &[1, 2], &[2, 5]), vec![1, 2]);
        assert_eq!(spread(100, 3, &[1, 2], &[2, 5]), vec![2, 5], "none has more than it was given");
        assert_eq!(spread(5, 0, &[], &[]), Vec::<u64>::new());
    }
}
