//! The second half of the vendor's part: what is assigned to the container arrives, and what is replaced in it is
//! exchanged.

use std::collections::BTreeSet;

use crate::Entropy;
use crate::activation::ActivationState;
use crate::event::{Action, Event};
use crate::ids::{ActivationId, LicenseId};
use crate::license::Destination;
use crate::step::StepId;
use crate::work::activate::allowed;
use crate::work::updates::Draft;
use crate::work::{Decline, ProofMaster, Settled, Work, missing};
use crate::zoo::{self, Bug};

impl Work {
    pub(super) fn vendor_rest(
        &mut self,
        settled: &Settled,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Decline> {
        self.assigned(settled, proofs, entropy)?;
        self.exchange(settled, proofs, entropy)
    }

    /// Licenses assigned to the container, each for itself: one that does not fit must not hold up the others.
    fn assigned(
        &mut self,
        settled: &Settled,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Decline> {
        let mut due: Vec<_> = self
            .lines
            .values()
            .filter(|line| line.assigned == Some(settled.serial()) && line.ledger.available() > 0)
            .filter(|line| line.item.firm_code == settled.firm_code())
            .map(|line| (line.is_update(), line.created_at, line.position, line.id))
            .collect();
        due.sort_unstable();
        for (_, _, _, license) in due {
            match self.all_or_nothing(|work| work.assign(settled, license, proofs, entropy)) {
                Ok(()) => {}
                Err(Decline::Refused(refusal)) => {
                    let event = Event::refused(&refusal, &self.actor, self.now).license(license);
                    self.changes.events.push(event.container(settled.serial(), settled.firm_code()));
                }
                Err(broken) => return Err(broken),
            }
        }
        Ok(())
    }

    fn assign(
        &mut self,
        settled: &Settled,
        license: LicenseId,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Decline> {
        let line = self.lines.get(&license).ok_or(missing("license line"))?;
        allowed(line, settled)?;
        if self.reconciling.is_some_and(|since| line.created_at <= since) {
            return Err(crate::refusal::Refusal::Reconciling(license).into());
        }
        let quantity = line.ledger.available();
        self.issue_licenses(settled, &[(license, quantity)], proofs, entropy)
    }

    /// The replaced licenses a step takes out in exchange for what replaces them.
    pub(super) fn exchanged_by(&self, step: StepId) -> BTreeSet<LicenseId> {
        let waiting = || self.activations.values().filter(|a| a.state.pending_step() == Some(step));
        let comes = |license: LicenseId| {
            waiting().any(|a| a.license == license && matches!(a.state, ActivationState::Activating { .. }))
        };
        waiting()
            .filter(|a| matches!(a.state, ActivationState::Returning { .. }))
            .filter_map(|a| self.lines.get(&a.license))
            .filter(|line| line.replaced_by.is_some_and(comes))
            .map(|line| line.id)
            .collect()
    }

    /// A share went to the vendor other than by an exchange: of a license that was replaced, as many of its
    /// replacement are available for it. Gives which license that is.
    pub(super) fn replace_lost(
        &mut self,
        license: LicenseId,
        quantity: u32,
        goes: Destination,
    ) -> Result<Option<LicenseId>, Decline> {
        let new = self.lines.get(&license).and_then(|line| line.replaced_by);
        let Some(new) = new.filter(|_| goes == Destination::Vendor && !zoo::has(Bug::ReplacedIsLost)) else {
            return Ok(None);
        };
        self.line_mut(new)?.grow_available(quantity);
        Ok(Some(new))
    }

    /// Licenses that another one replaces are exchanged for it in one step: the container has one or the other, never
    /// both and never neither.
    fn exchange(
        &mut self,
        settled: &Settled,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Decline> {
        let mut due: Vec<(LicenseId, LicenseId)> = self
            .here(settled)
            .filter(|a| a.withdraw && matches!(a.state, ActivationState::Active { .. }))
            .filter_map(|a| Some((a.license, self.lines.get(&a.license)?.replaced_by?)))
            .collect();
        due.sort_unstable();
        due.dedup();
        for (old, new) in due {
            let going: Vec<ActivationId> = self
                .here(settled)
                .filter(|a| a.license == old && matches!(a.state, ActivationState::Active { .. }))
                .map(|a| a.id)
                .collect();
            let quantity: u32 =
                going.iter().filter_map(|id| self.activations.get(id)).map(|a| a.quantity).sum();
            let mut draft = Draft { operations: self.removals(&going)?, activations: Vec::new() };
            let now = self.now;
            let share = self.line_mut(new)?.grow(quantity, now);
            let line = self.lines.get(&new).ok_or(missing("license line"))?.clone();
            self.draft_share(settled, &line, share, &mut draft, proofs, entropy);
            if zoo::has(Bug::SwapInTwoSteps) {
                let comes = draft.operations.pop().into_iter().collect();
                self.append_step(comes)?;
            }
            self.issue(draft)?;
            let step = self.firm.as_ref().and_then(|firm| firm.pending.last()).ok_or(missing("step"))?.id;
            self.begin_returns(&going, step, Action::WithdrawalIssued)?;
        }
        Ok(())
    }
}
