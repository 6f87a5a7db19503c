//! Taking over a container's state from its context: after the vendor has cleared it, or after the server's database
//! was restored and the container knows more than the server.

use std::collections::{BTreeMap, BTreeSet};

use crate::activation::{Activation, ActivationState};
use crate::container::ContainerStatus;
use crate::crypto::digest::Digest;
use crate::event::Action;
use crate::format::context::{ContextProduct, VerifiedContext};
use crate::ids::{ActivationId, EntryId, LicenseId};
use crate::license::{Destination, LivePart};
use crate::terms::Remainder;
use crate::work::settle::left_over;
use crate::work::{Decline, Settled, Work, missing};

impl Work {
    /// Makes the books say what the container holds. What the books do not allow (more than there is, a license that
    /// was activated elsewhere meanwhile) stays out of them, and is taken out of the container by the vendor's part.
    pub(super) fn adopt(
        &mut self,
        context: &VerifiedContext,
        settled: &Settled,
        dropped: &[crate::container::PendingStep],
    ) -> Result<(), Decline> {
        let proof = context.hash();
        for step in dropped {
            let at = self.now;
            self.changes.push(crate::changeset::Change::DropStep { id: step.id, proof, at });
        }
        self.updates_end(settled, dropped, proof)?;
        let exchanges = self.exchanges(settled, dropped);
        let mut entries: Vec<EntryId> =
            self.here(settled).filter(|a| a.state.is_live() && a.update.is_none()).map(|a| a.entry).collect();
        entries.sort_unstable();
        entries.dedup();
        for entry in entries {
            let stated = settled.stated().iter().find(|product| product.entry == entry);
            let quantity = stated.map_or(0, |product| product.quantity);
            self.adopt_entry(context, settled, entry, quantity, &exchanges)?;
        }
        self.adopt_products(settled, proof)?;
        let event = self.event(Action::ContainerReconciled);
        self.changes.events.push(event.container(settled.serial(), settled.firm_code()).proof(proof));
        Ok(())
    }

    /// Books what a container holds beyond the books, as far as that is possible. Gives whether anything was booked.
    fn adopt_products(&mut self, settled: &Settled, proof: Digest) -> Result<bool, Decline> {
        let mut any = false;
        for product in settled.stated().to_vec() {
            let booked = self.booked(settled, product.entry);
            if product.quantity > booked {
                any |= self.adopt_product(settled, &product, product.quantity - booked, proof)?;
            }
        }
        Ok(any)
    }

    /// While a restored database is being reconciled, each contact of a container may be the one at which there is room
    /// in the books for what it holds: in which order containers make contact must not matter.
    pub(super) fn believe(&mut self, settled: &Settled, proof: Digest) -> Result<bool, Decline> {
        let unproven =
            self.firm.as_ref().is_some_and(|firm| !firm.pending.is_empty() || !firm.voided.is_empty());
        if self.reconciling.is_none() || unproven {
            return Ok(false);
        }
        self.adopt_products(settled, proof)
    }

    /// The exchanges among dropped steps. Where what comes is in the container, the exchange has taken place.
    fn exchanges(&self, settled: &Settled, dropped: &[crate::container::PendingStep]) -> Exchanges {
        let mut exchanges = Exchanges::default();
        for step in dropped {
            let old = self.exchanged_by(step.id);
            let waiting = || self.activations.values().filter(|a| a.state.pending_step() == Some(step.id));
            let arrived = waiting().filter(|a| self.comes_for(a.license, &old)).any(|a| {
                settled.stated().iter().any(|held| held.entry == a.entry && held.quantity >= a.quantity)
            });
            if arrived {
                exchanges.done.extend(waiting().filter(|a| old.contains(&a.license)).map(|a| a.id));
            }
            exchanges.old.extend(old);
        }
        exchanges
    }

    /// Updates that waited for a dropped step: whether they took place cannot be told, so they count as used up. Only
    /// where a part was to be split off for one, and is not there, did it not take place, or has come back as it was.
    fn updates_end(
        &mut self,
        settled: &Settled,
        dropped: &[crate::container::PendingStep],
        proof: Digest,
    ) -> Result<(), Decline> {
        let waiting: Vec<Activation> = self
            .here(settled)
            .filter(|a| a.update.is_some())
            .filter(|a| dropped.iter().any(|step| a.state.pending_step() == Some(step.id)))
            .cloned()
            .collect();
        for mut activation in waiting {
            let split = activation.update.is_some_and(|update| update.split_from.is_some());
            if split && !settled.stated().iter().any(|product| product.entry == activation.entry) {
                let (share, goes) = (self.share_back(&activation)?, activation.destination());
                self.line_mut(activation.license)?.activation_void(share, goes)?;
                activation.state = activation.state.void(proof, self.now)?;
                self.update_void(&activation);
                let event = self.event_of(Action::ActivationVoid, &activation);
                self.changes.events.push(event.proof(proof));
            } else {
                self.line_mut(activation.license)?.activation_proven(activation.quantity)?;
                activation.state = activation.state.proven(true, activation.created_at, proof, self.now)?;
                self.update_proven(&activation);
            }
            self.changed_activations.insert(activation.id);
            self.activations.insert(activation.id, activation);
        }
        Ok(())
    }

    /// Of a product item the container holds `quantity`: so many stay in the books, the rest is proven gone.
    fn adopt_entry(
        &mut self,
        context: &VerifiedContext,
        settled: &Settled,
        entry: EntryId,
        quantity: u32,
        exchanges: &Exchanges,
    ) -> Result<(), Decline> {
        let proof = context.hash();
        let ids: Vec<ActivationId> = self
            .here(settled)
            .filter(|a| a.entry == entry && a.update.is_none() && a.state.is_live())
            .map(|a| a.id)
            .collect();
        let mut stays = quantity;
        let mut gone = Vec::new();
        for id in ids {
            let activation = self.activations.get_mut(&id).ok_or(missing("activation"))?;
            let part = activation.state.live_part().ok_or(missing("live activation"))?;
            if stays >= activation.quantity {
                stays -= activation.quantity;
                let activated_at = activation.created_at;
                activation.state = ActivationState::Active { activated_at, proof };
                let quantity = activation.quantity;
                let license = activation.license;
                self.changed_activations.insert(id);
                let line = self.line_mut(license)?;
                match part {
                    LivePart::Activating => line.activation_proven(quantity)?,
                    LivePart::Returning => line.return_void(quantity)?,
                    LivePart::Active => {}
                }
            } else {
                // A part that is neither whole here nor whole gone is booked as gone, and what is here as new.
                gone.push((part, activation.clone()));
            }
        }
        for (part, activation) in gone {
            self.adopt_gone(context, part, activation, exchanges)?;
        }
        Ok(())
    }

    /// A share that is not in its container, whatever was issued for it.
    fn adopt_gone(
        &mut self,
        context: &VerifiedContext,
        part: LivePart,
        mut activation: Activation,
        exchanges: &Exchanges,
    ) -> Result<(), Decline> {
        let (proof, now) = (context.hash(), self.now);
        let left = left_over(vec![activation.clone()], &context.body().removals);
        let left = left.first().map_or(Remainder::default(), |(_, left)| *left);
        let goes = activation.destination();
        let comes = part == LivePart::Activating && self.comes_for(activation.license, &exchanges.old);
        let line = self.line_mut(activation.license)?;
        if comes {
            line.shrink(activation.quantity)?;
        } else {
            line.supersede(part, left.share(activation.quantity), goes)?;
            if !exchanges.done.contains(&activation.id) {
                self.replace_lost(activation.license, activation.quantity, goes)?;
            }
        }
        let action = match (part, goes) {
            (LivePart::Activating, _) => Action::ActivationVoid,
            (_, Destination::Available) => Action::ReturnConfirmed,
            (_, Destination::Vendor) => Action::WithdrawalConfirmed,
        };
        activation.state = match part {
            LivePart::Activating => ActivationState::Cancelled { cancelled_at: now, proof },
            LivePart::Active | LivePart::Returning => ActivationState::Returned { returned_at: now, proof },
        };
        let event = self.event_of(action, &activation);
        self.changes.events.push(event.proof(proof));
        self.changed_activations.insert(activation.id);
        self.activations.insert(activation.id, activation);
        Ok(())
    }

    /// The container holds `quantity` that the books do not have there. Only after a restore of the database can
    /// that be honest; then it is taken out of what is available. Gives whether it was.
    fn adopt_product(
        &mut self,
        settled: &Settled,
        product: &ContextProduct,
        quantity: u32,
        proof: Digest,
    ) -> Result<bool, Decline> {
        let now = self.now;
        let believed = self.reconciling.is_some();
        let firm_code = settled.firm_code();
        let line = self.lines.get(&product.license);
        let found = line.is_some_and(|line| {
            believed && product.generation >= line.generation && line.item.firm_code == firm_code
        });
        if found {
            self.activated_again(settled, product, quantity)?;
        }
        let line = self.lines.get_mut(&product.license).filter(|_| found);
        let Some(line) = line.filter(|line| line.ledger.available() >= quantity) else {
            let mut event = self.event(Action::UnknownLicenseFound).license(product.license).proof(proof);
            event.detail = if found { "more than there is" } else { "not in the books" }.to_owned();
            let event = event.container(settled.serial(), firm_code).quantity(quantity);
            self.changes.events.push(event);
            return Ok(false);
        };
        line.adopt(quantity, now);
        line.generation = line.generation.max(product.generation);
        let mut remainder = line.item.terms.fresh_remainder(quantity, now);
        remainder.units = remainder.units.map(|most| product.units.unwrap_or(0).min(most));
        remainder.usage_started = product.usage_started;
        let line = line.clone();
        self.changed_lines.insert(line.id);
        let id = ActivationId(adopted_id(product.entry, proof));
        let share = remainder.share(quantity);
        let activation = Activation {
            id,
            license: line.id,
            ticket: line.ticket,
            container: settled.serial(),
            firm_code: settled.firm_code(),
            entry: product.entry,
            generation: line.generation,
            quantity: share.quantity,
            remainder: share.remainder,
            state: ActivationState::Active { activated_at: now, proof },
            withdraw: false,
            update: None,
            created_at: now,
            version: 0,
        };
        let event = self.event_of(Action::ActivationConfirmed, &activation);
        self.changes.events.push(event.proof(proof));
        self.changed_activations.insert(id);
        self.activations.insert(id, activation);
        Ok(true)
    }

    /// A share of a newer generation than the books have: the license was activated again after the backup was made.
    /// What the books have in containers that are shut out is given up for it, as it was then. One that is not shut out
    /// may have returned its share since, and says so at its next contact, or the vendor shuts it out.
    fn activated_again(
        &mut self,
        settled: &Settled,
        product: &ContextProduct,
        quantity: u32,
    ) -> Result<(), Decline> {
        let line = self.lines.get(&product.license).ok_or(missing("license line"))?;
        if product.generation <= line.generation || line.ledger.available() >= quantity {
            return Ok(());
        }
        let shut_out = |serial| {
            self.others.get(&serial).is_some_and(|other| other.status == ContainerStatus::Blacklisted)
        };
        let lost: Vec<ActivationId> = self
            .activations
            .values()
            .filter(|a| a.license == product.license && a.container != settled.serial())
            .filter(|a| a.state.is_live() && a.update.is_none() && a.generation < product.generation)
            .filter(|a| shut_out(a.container))
            .map(|a| a.id)
            .collect();
        self.give_up(lost, Action::LicenseReactivated, &mut BTreeMap::new())
    }
}

/// What became of the exchanges that waited for dropped steps.
#[derive(Debug, Default)]
struct Exchanges {
    /// Licenses that were to go.
    old: BTreeSet<LicenseId>,
    /// Their shares for which the replacement is there.
    done: BTreeSet<ActivationId>,
}

/// The id of an activation that was found: it follows from what was found.
fn adopted_id(entry: EntryId, proof: Digest) -> [u8; 16] {
    let digest = crate::crypto::digest::hash("adopted activation", &[&entry.0, &proof]);
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}
