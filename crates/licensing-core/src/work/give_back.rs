//! De-activation: taking licenses out of a container again. They become available only when a later context
//! proves that they are gone.

use crate::Entropy;
use crate::activation::Activation;
use crate::event::{Action, Event};
use crate::ids::{ActivationId, EntryId, LicenseId, time_ordered};
use crate::item::ReturnPolicy;
use crate::license::LicenseLine;
use crate::refusal::Refusal;
use crate::step::Operation;
use crate::work::activate::well_formed;
use crate::work::{Decline, Plan, Selection, Settled, Work, missing};

impl Work {
    /// Returns the selected licenses from the container, or with none selected all of the ticket that are
    /// active in it and may be returned.
    ///
    /// With nothing left to return, but steps still unproven, the answer is the update that carries those.
    ///
    /// # Errors
    /// The rule that forbids it; only what was settled before is to be committed then.
    pub fn give_back(
        &mut self,
        settled: &Settled,
        selection: &Selection,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        self.all_or_nothing(|work| work.try_give_back(settled, selection, entropy))
    }

    fn try_give_back(
        &mut self,
        settled: &Settled,
        selection: &Selection,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        well_formed(selection)?;
        let wanted = self.resolve_return(settled, selection)?;
        if wanted.is_empty() {
            let pending = self.activations.values().any(|a| a.state.pending_step().is_some());
            return if pending {
                self.catch_up(settled)
            } else {
                Err(Refusal::NothingToReturn(settled.serial()).into())
            };
        }
        let mut going: Vec<ActivationId> = Vec::new();
        for (license, quantity) in wanted {
            going.extend(self.choose(settled, license, quantity, entropy)?);
        }
        let step = self.append_step(self.removals(&going)?)?;
        for id in going {
            let activation = self.activations.get_mut(&id).ok_or(missing("activation"))?;
            activation.state = activation.state.returning(step.id)?;
            let activation = activation.clone();
            self.changed_activations.insert(id);
            self.line_mut(activation.license)?.begin_return(activation.quantity)?;
            self.changes.events.push(
                Event::new(Action::ReturnIssued, &self.actor, self.now)
                    .ticket(activation.ticket)
                    .license(activation.license)
                    .container(activation.container, activation.firm_code)
                    .quantity(activation.quantity),
            );
        }
        self.catch_up(settled)
    }

    /// Active shares of a line in the container of `settled`, newest first.
    fn active_here(&self, settled: &Settled, license: LicenseId) -> Vec<&Activation> {
        let is_here = |a: &&Activation| {
            a.license == license
                && a.container == settled.serial()
                && a.firm_code == settled.firm_code()
                && matches!(a.state, crate::activation::ActivationState::Active { .. })
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
            let returnable = |line: &&&LicenseLine| may_return(line).is_ok();
            if let (Some(line), None) = (lines.first(), lines.iter().find(returnable)) {
                may_return(line)?;
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
            may_return(line)?;
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
    fn removals(&self, going: &[ActivationId]) -> Result<Vec<Operation>, Decline> {
        let mut entries: Vec<EntryId> = Vec::new();
        for id in going {
            let entry = self.activations.get(id).ok_or(missing("activation"))?.entry;
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        let stays = |entry: EntryId| -> u32 {
            let active = self.activations.values().filter(|a| {
                a.entry == entry
                    && !going.contains(&a.id)
                    && matches!(a.state, crate::activation::ActivationState::Active { .. })
            });
            active.map(|a| a.quantity).sum()
        };
        let operation = |entry: EntryId| match stays(entry) {
            0 => Operation::Remove { entry },
            quantity => Operation::SetQuantity { entry, quantity },
        };
        Ok(entries.into_iter().map(operation).collect())
    }
}

fn may_return(line: &LicenseLine) -> Result<(), Refusal> {
    match line.item.policy.returns {
        ReturnPolicy::Allowed => Ok(()),
        ReturnPolicy::Denied => Err(Refusal::ReturnDenied(line.id)),
        ReturnPolicy::Approval => Err(Refusal::ReturnNeedsApproval(line.id)),
    }
}
