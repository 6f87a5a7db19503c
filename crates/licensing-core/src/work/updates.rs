//! Update licenses: finding the licenses they change, and changing them.

use crate::Entropy;
use crate::activation::{Activation, ActivationState, PendingUpdate};
use crate::event::Action;
use crate::ids::{ActivationId, EntryId, LicenseId, time_ordered};
use crate::license::LicenseLine;
use crate::refusal::Refusal;
use crate::step::Operation;
use crate::terms::Remainder;
use crate::update_item::{UpdateEffect, UpdateScope};
use crate::work::{Decline, Settled, Work, missing};
use crate::zoo::{self, Bug};

/// A product item that an update may change, as it will be once everything issued is applied.
#[derive(Debug)]
struct Base {
    entry: EntryId,
    quantity: u32,
    same_ticket: bool,
    /// What its first activation has left, which tells the dates of all.
    remainder: Remainder,
    feature_map: Option<u32>,
    created: crate::time::Timestamp,
}

/// Operations of a step, and the activations that wait for it; their step is filled in when it has an id.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) operations: Vec<Operation>,
    pub(super) activations: Vec<Activation>,
}

impl Work {
    /// Licenses of its base item that an update line could change in the container.
    pub(super) fn updatable(&self, settled: &Settled, line: &LicenseLine) -> u32 {
        self.bases(settled, line, &[]).iter().map(|base| base.quantity).sum()
    }

    /// Drafts `quantity` updates of a line: the licenses that end first are changed first.
    pub(super) fn draft_updates(
        &mut self,
        settled: &Settled,
        license: LicenseId,
        quantity: u32,
        draft: &mut Draft,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Decline> {
        let line = self.lines.get(&license).ok_or(missing("license line"))?.clone();
        let terms = line.item.update.clone().ok_or(missing("update"))?;
        let bases = self.bases(settled, &line, &draft.activations);
        let most: u32 = bases.iter().map(|base| base.quantity).sum();
        if bases.is_empty() {
            let container = settled.serial();
            return Err(Refusal::BaseMissing { license, base: terms.base, container }.into());
        }
        if terms.is_per_license() && quantity > most {
            return Err(Refusal::UpdateExceedsBase { license, wanted: quantity, most }.into());
        }
        let now = self.now;
        let shares = self.line_mut(license)?.take(quantity, now)?;
        let mut left: u32 = shares.iter().map(|share| share.quantity).sum();
        for base in bases {
            if left == 0 {
                break;
            }
            let count = if terms.is_per_license() { left.min(base.quantity) } else { left };
            left -= count;
            let effect = terms
                .effect(&base.remainder, base.feature_map, count, now)
                .map_err(|what| Refusal::UpdateDoesNotFit { license, what })?;
            let part = terms.is_per_license() && count < base.quantity;
            let (entry, split_from) = if part {
                let into = EntryId(crate::random(entropy));
                self.split_base(base.entry, into, count, draft, entropy)?;
                (into, Some(base.entry))
            } else {
                (base.entry, None)
            };
            draft.operations.push(Operation::Update { entry, effect });
            draft.activations.push(Activation {
                update: Some(PendingUpdate { effect, split_from }),
                ..self.new_activation(settled, &line, entry, Remainder::default().share(count), entropy)
            });
        }
        Ok(())
    }

    /// Product items a line can change, the one it should change first in front.
    fn bases(&self, settled: &Settled, line: &LicenseLine, drafted: &[Activation]) -> Vec<Base> {
        let Some(terms) = &line.item.update else { return Vec::new() };
        let mut bases: Vec<Base> = Vec::new();
        let held = self.here(settled).filter(|a| self.stays(a) && a.update.is_none());
        for activation in held {
            let Some(of) = self.lines.get(&activation.license) else { continue };
            let same_ticket = activation.ticket == line.ticket;
            if of.item.id != terms.base || (terms.scope == UpdateScope::Ticket && !same_ticket) {
                continue;
            }
            match bases.iter_mut().find(|base| base.entry == activation.entry) {
                Some(base) => base.quantity += activation.quantity,
                None => bases.push(Base {
                    entry: activation.entry,
                    quantity: activation.quantity,
                    same_ticket,
                    remainder: self.projected(activation, drafted),
                    feature_map: of.item.terms.feature_map,
                    created: activation.created_at,
                }),
            }
        }
        let ends = |base: &Base| base.remainder.expires.or(base.remainder.maintenance_until);
        bases.sort_by_key(|base| (!base.same_ticket, ends(base), base.created, base.entry));
        bases
    }

    /// What a share will have left once every update issued for its product item is applied.
    fn projected(&self, activation: &Activation, drafted: &[Activation]) -> Remainder {
        let mut waiting: Vec<&Activation> = self
            .activations
            .values()
            .chain(drafted)
            .filter(|a| a.entry == activation.entry && a.container == activation.container)
            .filter(|a| matches!(a.state, ActivationState::Activating { .. }) && a.update.is_some())
            .collect();
        waiting.sort_by_key(|a| (a.created_at, a.id));
        let effects = waiting.iter().filter_map(|a| a.update.map(|update| update.effect));
        effects.fold(activation.remainder, |left, effect: UpdateEffect| effect.on_remainder(left, true))
    }

    /// Gives `quantity` licenses of a product item an entry of their own, in the container and in the books.
    fn split_base(
        &mut self,
        entry: EntryId,
        into: EntryId,
        quantity: u32,
        draft: &mut Draft,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Decline> {
        draft.operations.push(Operation::Split { entry, into, quantity });
        let mut left = quantity;
        let now = self.now;
        let in_base = |a: &Activation| a.entry == entry && a.update.is_none() && a.state.is_live();
        let ids: Vec<ActivationId> = self.activations.values().filter(|a| in_base(a)).map(|a| a.id).collect();
        for id in ids {
            let activation = self.activations.get_mut(&id).ok_or(missing("activation"))?;
            let going = activation.quantity.min(left);
            left -= going;
            if going == activation.quantity {
                activation.entry = into;
                self.changed_activations.insert(id);
            } else if going > 0 {
                let part_id = ActivationId(time_ordered(now, entropy));
                let mut part = activation.split_off(part_id, going);
                part.entry = into;
                self.activations.insert(part_id, part);
                self.changed_activations.extend([id, part_id]);
            }
        }
        Ok(())
    }

    /// An update is proven: what it changed belongs to its base from now on.
    pub(super) fn update_proven(&mut self, update: &Activation) {
        let Some(PendingUpdate { effect, .. }) = update.update else { return };
        let mut sums = true;
        let base = self.activations.values_mut().filter(|a| {
            a.container == update.container
                && a.entry == update.entry
                && a.update.is_none()
                && a.state.is_live()
        });
        for activation in base {
            activation.remainder = effect.on_remainder(activation.remainder, sums);
            sums = zoo::has(Bug::UpdateTwice);
            self.changed_activations.insert(activation.id);
        }
    }

    /// An update never took place: a part that was split off for it is with the rest again.
    pub(super) fn update_void(&mut self, update: &Activation) {
        let Some(PendingUpdate { split_from: Some(from), .. }) = update.update else { return };
        let parts = self
            .activations
            .values_mut()
            .filter(|a| a.container == update.container && a.entry == update.entry && a.update.is_none());
        for activation in parts {
            activation.entry = from;
            self.changed_activations.insert(activation.id);
        }
    }

    /// A module needs a license of its base item in the container, or on its way there.
    pub(super) fn has_base(&self, settled: &Settled, line: &LicenseLine, wanted: &[LicenseId]) -> bool {
        let Some(base) = &line.item.requires else { return true };
        let is_base = |id: &LicenseId| self.lines.get(id).is_some_and(|line| line.item.id == *base);
        let held = self.here(settled).filter(|a| self.stays(a));
        held.map(|a| &a.license).chain(wanted).any(is_base)
    }

    /// Notes the activations of a draft under the step that carries its operations.
    pub(super) fn issue(&mut self, draft: Draft) -> Result<(), Decline> {
        let step = self.append_step(draft.operations)?;
        for mut activation in draft.activations {
            activation.state = ActivationState::Activating { step: step.id };
            let event = self.event_of(Action::ActivationIssued, &activation);
            self.changes.events.push(event);
            self.changed_activations.insert(activation.id);
            self.activations.insert(activation.id, activation);
        }
        Ok(())
    }
}
