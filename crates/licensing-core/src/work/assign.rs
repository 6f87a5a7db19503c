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
        // What was decided before a refusal is committed: nothing may have grown for an exchange that was not issued.
        self.all_or_nothing(|work| work.exchange(settled, proofs, entropy))
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
            .map(|a| a.license)
            .filter(|license| self.successors(*license).any(comes))
            .collect()
    }

    /// What has replaced a license, what has replaced that, and so on to the one that counts.
    fn successors(&self, license: LicenseId) -> impl Iterator<Item = LicenseId> {
        let next = |id: &LicenseId| self.lines.get(id)?.replaced_by;
        // Bounded: damaged books may go in a circle.
        std::iter::successors(next(&license), move |id| next(id)).take(self.lines.len())
    }

    /// Whether a license comes in exchange for one of these.
    pub(super) fn comes_for(&self, license: LicenseId, exchanged: &BTreeSet<LicenseId>) -> bool {
        exchanged.iter().any(|old| self.successors(*old).any(|new| new == license))
    }

    /// The license at the end of a row of replacements, and whether the vendor wants it back as well.
    fn successor(&self, license: LicenseId) -> Option<(LicenseId, bool)> {
        let last = self.successors(license).last()?;
        Some((last, self.lines.get(&last).is_some_and(|line| line.wanted_back)))
    }

    /// What a replaced license is exchanged for; `None` when it is not replaced, or its replacement is wanted back: then
    /// it is taken out and nothing comes in its place.
    pub(super) fn exchanged_for(&self, license: LicenseId) -> Option<LicenseId> {
        self.successor(license).filter(|(_, wanted_back)| !wanted_back).map(|(new, _)| new)
    }

    /// A share went to the vendor other than by an exchange: of a license that was replaced, as many of its
    /// replacement are available for it, or the vendor's where that is wanted back as well. Gives which license is
    /// available.
    pub(super) fn replace_lost(
        &mut self,
        license: LicenseId,
        quantity: u32,
        goes: Destination,
    ) -> Result<Option<LicenseId>, Decline> {
        let new = self.successor(license);
        let new = new.filter(|_| goes == Destination::Vendor && !zoo::has(Bug::ReplacedIsLost));
        let Some((new, wanted_back)) = new else { return Ok(None) };
        let line = self.line_mut(new)?;
        if wanted_back {
            line.grow_withdrawn(quantity);
            return Ok(None);
        }
        line.grow_available(quantity);
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
            .filter(|a| self.cancelled_split(a.entry).is_none())
            .filter_map(|a| Some((a.license, self.exchanged_for(a.license)?)))
            .collect();
        due.sort_unstable();
        due.dedup();
        for (old, new) in due {
            let going: Vec<ActivationId> = self
                .here(settled)
                .filter(|a| a.license == old && matches!(a.state, ActivationState::Active { .. }))
                .filter(|a| self.cancelled_split(a.entry).is_none())
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
