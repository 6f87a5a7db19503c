//! Re-activation and restore: a license is activated again although nothing has proven that it is gone from where it
//! was. That is the vendor's decision, made once per item as a policy, or case by case.

use std::collections::{BTreeMap, BTreeSet};

use crate::Entropy;
use crate::activation::Activation;
use crate::approval::ApprovalKind;
use crate::blacklist;
use crate::container::ContainerStatus;
use crate::event::Action;
use crate::format::context::TraitDigest;
use crate::ids::{ActivationId, ContainerKind, ContainerSerial, LicenseId, Text};
use crate::item::{ReactivationPolicy, RestorePolicy};
use crate::license::{Destination, LicenseLine};
use crate::refusal::Refusal;
use crate::step::StepId;
use crate::work::activate::{fits, well_formed};
use crate::work::{Decline, Plan, ProofMaster, Settled, Work, missing};
use crate::zoo::{self, Bug};

impl Work {
    /// Activates licenses of the ticket that are in other containers into this one, without a return. The other
    /// containers are blacklisted, with all that is in them.
    ///
    /// `licenses` names whole lines; with none named, all that may be activated again. `accepted`: the user has
    /// accepted that.
    ///
    /// # Errors
    /// The rule that forbids it.
    ///
    /// # Security
    /// The one way to availability without proof: every path here ends in a policy of the vendor.
    pub fn reactivate(
        &mut self,
        settled: &Settled,
        licenses: &[LicenseId],
        accepted: bool,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        self.vendor_first(settled)?;
        self.vendor_rest(settled, proofs, entropy)?;
        self.all_or_nothing(|work| work.try_reactivate(settled, licenses, accepted, proofs, entropy))
    }

    fn try_reactivate(
        &mut self,
        settled: &Settled,
        licenses: &[LicenseId],
        accepted: bool,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        let named: Vec<(LicenseId, Option<u32>)> = licenses.iter().map(|license| (*license, None)).collect();
        well_formed(&named)?;
        let lines = self.resolve_again(settled, licenses)?;
        if lines.is_empty() {
            return self.plan();
        }
        if !accepted {
            return Err(Refusal::ConditionsNotAccepted.into());
        }
        let mut wanted = BTreeMap::new();
        for license in &lines {
            self.use_grant(ApprovalKind::Reactivation, *license, settled.serial())?;
            let lost = self.elsewhere(settled, *license);
            self.give_up(lost, Action::LicenseReactivated, &mut wanted)?;
        }
        let wanted = self.fitting(settled, wanted);
        self.issue_licenses(settled, &wanted, proofs, entropy)?;
        self.plan()
    }

    /// What was issued before is void, and an assignment to the container that was given up with it.
    fn next_generation(&mut self, license: LicenseId) -> Result<(), Decline> {
        let line = self.line_mut(license)?;
        line.generation += 1;
        line.assigned = None;
        Ok(())
    }

    /// Live shares of a line in other containers.
    fn elsewhere(&self, settled: &Settled, license: LicenseId) -> Vec<ActivationId> {
        let lost = self.activations.values().filter(|a| {
            a.license == license && a.container != settled.serial() && a.state.is_live() && a.update.is_none()
        });
        lost.map(|a| a.id).collect()
    }

    fn resolve_again(&self, settled: &Settled, licenses: &[LicenseId]) -> Result<Vec<LicenseId>, Refusal> {
        let waiting = |license: LicenseId| {
            self.here(settled).any(|a| a.license == license && a.state.pending_step().is_some())
        };
        if licenses.is_empty() {
            let candidates: Vec<&LicenseLine> =
                self.lines_of_ticket().filter(|line| !self.elsewhere(settled, line.id).is_empty()).collect();
            let may = |line: &&&LicenseLine| self.may_reactivate(settled, line).is_ok();
            return match (candidates.first(), candidates.iter().find(may)) {
                (Some(first), None) => self.may_reactivate(settled, first).map(|()| Vec::new()),
                (None, _) => match self.lines_of_ticket().find(|line| waiting(line.id)) {
                    Some(_) => Ok(Vec::new()),
                    None => {
                        let first = self.lines_of_ticket().next().map_or(LicenseId([0; 16]), |line| line.id);
                        Err(Refusal::NothingToReactivate(first))
                    }
                },
                _ => Ok(candidates.iter().filter(may).map(|line| line.id).collect()),
            };
        }
        let mut lines = Vec::with_capacity(licenses.len());
        for license in licenses {
            let line = self
                .lines_of_ticket()
                .find(|line| line.id == *license)
                .ok_or(Refusal::LicenseNotOnTicket(*license))?;
            if self.elsewhere(settled, *license).is_empty() {
                if waiting(*license) {
                    continue;
                }
                let (license, container) = (*license, settled.serial());
                return Err(if self.here(settled).any(|a| a.license == license && a.state.is_live()) {
                    Refusal::ReactivationSameContainer { license, container }
                } else {
                    Refusal::NothingToReactivate(license)
                });
            }
            self.may_reactivate(settled, line)?;
            lines.push(*license);
        }
        Ok(lines)
    }

    fn may_reactivate(&self, settled: &Settled, line: &LicenseLine) -> Result<(), Refusal> {
        if line.is_update() {
            return Err(Refusal::UpdateNotMovable(line.id));
        }
        fits(line, settled)?;
        if zoo::has(Bug::ReactivationUnasked) {
            return Ok(());
        }
        match line.item.policy.reactivation {
            ReactivationPolicy::Never => Err(Refusal::ReactivationDenied(line.id)),
            ReactivationPolicy::Always => Ok(()),
            ReactivationPolicy::AfterDays(days) => {
                self.blocking_over(line.id, &self.elsewhere(settled, line.id), days)
            }
            ReactivationPolicy::Approval => {
                self.granted(ApprovalKind::Reactivation, line.id, settled.serial())
            }
        }
    }

    fn blocking_over(&self, license: LicenseId, lost: &[ActivationId], days: u32) -> Result<(), Refusal> {
        let latest =
            lost.iter().filter_map(|id| self.activations.get(id)).map(Activation::activated_at).max();
        match latest.map(|at| at.plus_days(days)).filter(|until| self.now < *until) {
            Some(until) => Err(Refusal::BlockingPeriod { license, until }),
            None => Ok(()),
        }
    }

    /// Gives shares up for lost where they are and blacklists their containers; adds to `freed` what is available again
    /// by that. Both sides of an exchange are given up together: what replaces a license follows its owner.
    pub(super) fn give_up(
        &mut self,
        mut lost: Vec<ActivationId>,
        action: Action,
        freed: &mut BTreeMap<LicenseId, u32>,
    ) -> Result<(), Decline> {
        let steps: BTreeSet<StepId> =
            lost.iter().filter_map(|id| self.activations.get(id)?.state.pending_step()).collect();
        let mut given: BTreeSet<ActivationId> = BTreeSet::new();
        for step in steps {
            let old = self.exchanged_by(step);
            let both = |a: &&Activation| old.contains(&a.license) || self.comes_for(a.license, &old);
            let waiting = self.activations.values().filter(|a| a.state.pending_step() == Some(step));
            for side in waiting.filter(both) {
                if old.contains(&side.license) {
                    given.insert(side.id);
                }
                if !lost.contains(&side.id) {
                    lost.push(side.id);
                }
            }
        }
        let updates = self.stranded_updates(&lost);
        lost.extend(updates);
        let mut generations = BTreeSet::new();
        for id in lost {
            let now = self.now;
            let activation = self.activations.get_mut(&id).ok_or(missing("activation"))?;
            let part = activation.state.live_part().ok_or(missing("live activation"))?;
            activation.state = activation.state.superseded(now)?;
            let activation = activation.clone();
            self.changed_activations.insert(id);
            let (license, quantity, goes) =
                (activation.license, activation.quantity, activation.destination());
            let share = self.share_back(&activation)?;
            self.line_mut(license)?.supersede(part, share, goes)?;
            if generations.insert(license) {
                self.next_generation(license)?;
            }
            // What was given in an exchange is made up for by what came for it.
            let replacement =
                if given.contains(&id) { None } else { self.replace_lost(license, quantity, goes)? };
            let again = goes == Destination::Available && activation.update.is_none();
            let available = Some(license).filter(|_| again).or(replacement);
            if let Some(license) = available {
                // It follows its owner, and so does what is in its place.
                self.line_mut(license)?.assigned = None;
                *freed.entry(license).or_default() += quantity;
            }
            let event = self.event_of(action, &activation);
            self.changes.events.push(event);
            self.blacklist(activation.container, action)?;
        }
        Ok(())
    }

    /// Updates on their way to licenses that are given up: they can no longer arrive, and are available again.
    fn stranded_updates(&self, lost: &[ActivationId]) -> Vec<ActivationId> {
        let bases: Vec<&Activation> = lost.iter().filter_map(|id| self.activations.get(id)).collect();
        let waiting = self
            .activations
            .values()
            .filter(|a| a.update.is_some() && a.state.is_live() && !zoo::has(Bug::UpdateStranded));
        let stranded = waiting
            .filter(|a| bases.iter().any(|base| base.entry == a.entry && base.container == a.container));
        stranded.map(|a| a.id).filter(|id| !lost.contains(id)).collect()
    }

    /// What of the freed licenses may go into the container; the rest stays available.
    fn fitting(&self, settled: &Settled, freed: BTreeMap<LicenseId, u32>) -> Vec<(LicenseId, u32)> {
        let fit =
            |license: &LicenseId| self.lines.get(license).is_some_and(|line| fits(line, settled).is_ok());
        freed.into_iter().filter(|(license, _)| fit(license)).collect()
    }

    fn blacklist(&mut self, serial: ContainerSerial, action: Action) -> Result<(), Decline> {
        let container = self.others.get_mut(&serial).ok_or(missing("container record"))?;
        if container.status == ContainerStatus::Blacklisted || zoo::has(Bug::NotBlacklisted) {
            return Ok(());
        }
        // Invariant: a short text is within every bound.
        let reason = Text::new(action.name()).expect("short text");
        let (listed, entry) = blacklist::list(container.clone(), self.blacklist_version, reason, self.now);
        self.blacklist_version += 1;
        *container = listed.clone();
        self.changed_others.push(listed);
        self.changes.push(entry);
        let mut event = self.event(Action::ContainerBlacklisted);
        event.container = Some(serial);
        event.detail = action.name().to_owned();
        self.changes.events.push(event);
        Ok(())
    }

    /// Restores everything the old act license holds of the firm code into this one, after a reinstallation of the
    /// same computer.
    ///
    /// # Errors
    /// The rule that forbids it: the kinds, the policy of a license, or a computer that is too different.
    ///
    /// # Security
    /// Needs no ticket: the similarity of the computers, by salted digests of their traits, stands in for it.
    pub fn restore(
        &mut self,
        settled: &Settled,
        old: ContainerSerial,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        self.vendor_first(settled)?;
        self.vendor_rest(settled, proofs, entropy)?;
        self.all_or_nothing(|work| work.try_restore(settled, old, proofs, entropy))
    }

    fn try_restore(
        &mut self,
        settled: &Settled,
        old: ContainerSerial,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        let act = |serial: ContainerSerial| serial.kind() == ContainerKind::Act;
        if !act(old) || !act(settled.serial()) || old == settled.serial() {
            return Err(Refusal::RestoreKind.into());
        }
        let firm = self.old_firm.as_ref().ok_or(Refusal::ContainerUnknown(old))?;
        let before = firm.last_context.as_ref().map(|last| last.traits.as_slice()).unwrap_or_default();
        let (percent, needed) = (similarity(before, settled.traits()), self.rules.restore_similarity);
        if percent < needed {
            return Err(Refusal::ComputerTooDifferent { percent, needed }.into());
        }
        let lost: Vec<ActivationId> = self
            .activations
            .values()
            .filter(|a| a.container == old && a.firm_code == settled.firm_code())
            .filter(|a| a.state.is_live() && a.update.is_none())
            .map(|a| a.id)
            .collect();
        if lost.is_empty() {
            return if self.is_waiting() { self.plan() } else { Err(Refusal::NothingToRestore(old).into()) };
        }
        let lines: BTreeSet<LicenseId> =
            lost.iter().filter_map(|id| self.activations.get(id)).map(|a| a.license).collect();
        let mut wanted = BTreeMap::new();
        for license in lines {
            let mine: Vec<ActivationId> = lost
                .iter()
                .copied()
                .filter(|id| {
                    self.activations.get(id).is_some_and(|a| a.license == license && a.state.is_live())
                })
                .collect();
            let line = self.lines.get(&license).ok_or(missing("license line"))?;
            match line.item.policy.restore {
                RestorePolicy::Never => return Err(Refusal::RestoreDenied(license).into()),
                RestorePolicy::Always => {}
                RestorePolicy::AfterDays(days) => self.blocking_over(license, &mine, days)?,
            }
            self.give_up(mine, Action::LicenseRestored, &mut wanted)?;
        }
        let wanted = self.fitting(settled, wanted);
        self.issue_licenses(settled, &wanted, proofs, entropy)?;
        self.plan()
    }
}

/// How much of a computer's traits another one has, weighted, from 0 to 100.
fn similarity(before: &[TraitDigest], after: &[TraitDigest]) -> u32 {
    let all: u32 = before.iter().map(|known| u32::from(known.weight)).sum();
    let same: u32 = before.iter().filter(|known| after.contains(known)).map(|t| u32::from(t.weight)).sum();
    (same * 100).checked_div(all).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_is_weighted() {
        let t = |kind: u8, weight, value: u8| TraitDigest { kind: [kind; 4], weight, digest: [value; 16] };
        let before = [t(1, 30, 1), t(2, 10, 1), t(3, 10, 1)];
        assert_eq!(similarity(&before, &before), 100);
        assert_eq!(similarity(&before, &[t(1, 30, 1), t(2, 10, 9)]), 60);
        assert_eq!(similarity(&before, &[]), 0);
        assert_eq!(similarity(&[], &before), 0, "a computer that told nothing is like no other");
    }
}
