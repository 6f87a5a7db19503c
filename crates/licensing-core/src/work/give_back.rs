//! De-activation: taking licenses out of a container again. They become available only when a later context
//! proves that they are gone.

use std::collections::BTreeSet;

use crate::Entropy;
use crate::activation::{Activation, ActivationState};
use crate::approval::ApprovalKind;
use crate::event::Action;
use crate::ids::{ActivationId, EntryId, LicenseId, time_ordered};
use crate::item::ReturnPolicy;
use crate::license::LicenseLine;
use crate::refusal::Refusal;
use crate::step::Operation;
use crate::work::activate::well_formed;
use crate::work::{Decline, Plan, ProofMaster, Selection, Settled, Work, missing};
use crate::zoo::{self, Bug};

impl Work {
    /// Returns the selected licenses from the container, or with none selected all of the ticket that are
    /// active in it and may be returned. The vendor's part runs before and after, whatever becomes of the user's.
    ///
    /// With nothing left to return, but steps still unproven, the answer is the update that carries those.
    ///
    /// # Errors
    /// The rule that forbids it; what was settled and the vendor's part are to be committed then.
    pub fn give_back(
        &mut self,
        settled: &Settled,
        selection: &Selection,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        self.vendor_first(settled)?;
        let outcome = self.all_or_nothing(|work| work.try_give_back(settled, selection, entropy));
        self.vendor_rest(settled, proofs, entropy)?;
        outcome.and_then(|()| self.plan())
    }

    fn try_give_back(
        &mut self,
        settled: &Settled,
        selection: &Selection,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Decline> {
        well_formed(selection)?;
        let wanted = self.resolve_return(settled, selection)?;
        if wanted.is_empty() {
            return if self.is_waiting() {
                Ok(())
            } else {
                Err(Refusal::NothingToReturn(settled.serial()).into())
            };
        }
        self.modules_keep_their_base(settled, &wanted)?;
        let mut going: Vec<ActivationId> = Vec::new();
        for (license, quantity) in &wanted {
            self.use_grant(ApprovalKind::Return, *license, settled.serial())?;
            going.extend(self.choose(settled, *license, *quantity, entropy)?);
        }
        let step = self.append_step(self.removals(&going)?)?.id;
        self.begin_returns(&going, step, Action::ReturnIssued)
    }

    /// A base license does not leave a container in which a module that needs it stays behind.
    fn modules_keep_their_base(&self, settled: &Settled, wanted: &[(LicenseId, u32)]) -> Result<(), Refusal> {
        let going = |license: LicenseId| wanted.iter().find(|(id, _)| *id == license).map_or(0, |(_, q)| *q);
        let staying: Vec<(LicenseId, &LicenseLine)> = self
            .here(settled)
            .filter(|a| self.stays(a) && a.update.is_none())
            .map(|a| a.license)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|license| self.held(settled, *license) > going(*license))
            .filter_map(|license| Some((license, self.lines.get(&license)?)))
            .collect();
        for (license, line) in &staying {
            let Some(base) = &line.item.requires else { continue };
            let was_based =
                wanted.iter().any(|(id, _)| self.lines.get(id).is_some_and(|line| line.item.id == *base));
            if was_based && !staying.iter().any(|(_, line)| line.item.id == *base) {
                return Err(Refusal::ModuleNeedsBase { license: *license, base: base.clone() });
            }
        }
        Ok(())
    }

    /// Licenses of a line that stay in the container as things are.
    fn held(&self, settled: &Settled, license: LicenseId) -> u32 {
        let mine = self.here(settled).filter(|a| a.license == license && self.stays(a) && a.update.is_none());
        mine.map(|a| a.quantity).sum()
    }

    /// Active shares of a line in the container of `settled`, newest first.
    fn active_here(&self, settled: &Settled, license: LicenseId) -> Vec<&Activation> {
        let is_here = |a: &&Activation| {
            a.license == license
                && a.container == settled.serial()
                && a.firm_code == settled.firm_code()
                && matches!(a.state, ActivationState::Active { .. })
                && !a.withdraw
        };
        let mut here: Vec<&Activation> = self.activations.values().filter(is_here).collect();
        here.sort_by_key(|a| std::cmp::Reverse((a.created_at, a.id)));
        here
    }

    fn resolve_return(
        &self,
        settled: &Settled,
        selection: &Selection,
    ) -> Result<Vec<(LicenseId, u32)>, Decline> {
        let ticket = self.ticket.as_ref().ok_or(missing("ticket"))?;
        let active = |license| self.active_here(settled, license).iter().map(|a| a.quantity).sum::<u32>();
        if selection.is_empty() {
            let on_ticket = self.lines.values().filter(|line| line.ticket == ticket.id);
            let lines: Vec<&LicenseLine> = on_ticket.filter(|line| active(line.id) > 0).collect();
            let returnable = |line: &&&LicenseLine| self.may_return(settled, line).is_ok();
            if let (Some(line), None) = (lines.first(), lines.iter().find(returnable)) {
                self.may_return(settled, line)?;
            }
            return Ok(lines.iter().filter(returnable).map(|line| (line.id, active(line.id))).collect());
        }
        let mut wanted = Vec::with_capacity(selection.len());
        for (license, quantity) in selection {
            let line = self
                .lines
                .get(license)
                .filter(|line| line.ticket == ticket.id)
                .ok_or(Refusal::LicenseNotOnTicket(*license))?;
            self.may_return(settled, line)?;
            let active = active(*license);
            let quantity = quantity.unwrap_or(active);
            if quantity > active || quantity == 0 {
                return Err(
                    Refusal::NotActiveHere { license: *license, wanted: quantity.max(1), active }.into()
                );
            }
            if !line.item.policy.split && quantity != active {
                return Err(Refusal::WholeOnly { license: *license, quantity: line.quantity }.into());
            }
            wanted.push((*license, quantity));
        }
        Ok(wanted)
    }

    /// Picks the activations that go, newest first, splitting the last one when only a part of it goes.
    fn choose(
        &mut self,
        settled: &Settled,
        license: LicenseId,
        quantity: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<ActivationId>, Decline> {
        let here: Vec<(ActivationId, u32)> =
            self.active_here(settled, license).iter().map(|a| (a.id, a.quantity)).collect();
        let mut left = quantity;
        let mut going = Vec::new();
        for (id, has) in here {
            if left == 0 {
                break;
            }
            if has <= left {
                left -= has;
                going.push(id);
                continue;
            }
            let part_id = ActivationId(time_ordered(self.now, entropy));
            let whole = self.activations.get_mut(&id).ok_or(missing("activation"))?;
            let part = whole.split_off(part_id, left);
            self.changed_activations.insert(id);
            self.activations.insert(part_id, part);
            going.push(part_id);
            left = 0;
        }
        Ok(going)
    }

    /// The operations that take `going` out: an entry of which something stays keeps that much.
    pub(super) fn removals(&self, going: &[ActivationId]) -> Result<Vec<Operation>, Decline> {
        let mut entries: Vec<EntryId> = Vec::new();
        for id in going {
            let entry = self.activations.get(id).ok_or(missing("activation"))?.entry;
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        let stays = |entry: EntryId| -> u32 {
            let there = self.activations.values().filter(|a| a.entry == entry && a.update.is_none());
            there.filter(|a| !going.contains(&a.id) && self.will_be_here(a)).map(|a| a.quantity).sum()
        };
        let operation = |entry: EntryId| match stays(entry) {
            _ if zoo::has(Bug::WholeEntryRemoved) => Operation::Remove { entry },
            0 => Operation::Remove { entry },
            quantity => Operation::SetQuantity { entry, quantity },
        };
        Ok(entries.into_iter().map(operation).collect())
    }

    fn may_return(&self, settled: &Settled, line: &LicenseLine) -> Result<(), Refusal> {
        if line.is_update() {
            return Err(Refusal::UpdateNotMovable(line.id));
        }
        match line.item.policy.returns {
            ReturnPolicy::Allowed => Ok(()),
            ReturnPolicy::Denied => Err(Refusal::ReturnDenied(line.id)),
            ReturnPolicy::Approval => self.granted(ApprovalKind::Return, line.id, settled.serial()),
        }
    }
}
