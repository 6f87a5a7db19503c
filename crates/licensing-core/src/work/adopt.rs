//! Taking over a container's state from its context: after the vendor has cleared it, or after the server's database
//! was restored and the container knows more than the server.

use std::collections::BTreeSet;

use crate::activation::{Activation, ActivationState};
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
        let exchanged = dropped.iter().flat_map(|step| self.exchanged_by(step.id)).collect();
        let mut entries: Vec<EntryId> =
            self.here(settled).filter(|a| a.state.is_live() && a.update.is_none()).map(|a| a.entry).collect();
        entries.sort_unstable();
        entries.dedup();
        for entry in entries {
            let stated = settled.stated().iter().find(|product| product.entry == entry);
            let quantity = stated.map_or(0, |product| product.quantity);
            self.adopt_entry(context, settled, entry, quantity, &exchanged)?;
        }
        for product in settled.stated().to_vec() {
            let booked = self.booked(settled, product.entry);
            if product.quantity > booked {
                self.adopt_product(settled, &product, product.quantity - booked, proof)?;
            }
        }
        let event = self.event(Action::ContainerReconciled);
        self.changes.events.push(event.container(settled.serial(), settled.firm_code()).proof(proof));
        Ok(())
    }

    /// Updates that waited for a dropped step: whether they took place cannot be told, so they count as used up.
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
            self.line_mut(activation.license)?.activation_proven(activation.quantity)?;
            activation.state = activation.state.proven(true, activation.created_at, proof, self.now)?;
            self.update_proven(&activation);
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
        exchanged: &BTreeSet<LicenseId>,
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
            self.adopt_gone(context, part, activation, exchanged)?;
        }
        Ok(())
    }

    /// A share that is not in its container, whatever was issued for it.
    fn adopt_gone(
        &mut self,
        context: &VerifiedContext,
        part: LivePart,
        mut activation: Activation,
        exchanged: &BTreeSet<LicenseId>,
    ) -> Result<(), Decline> {
        let (proof, now) = (context.hash(), self.now);
        let left = left_over(vec![activation.clone()], &context.body().removals);
        let left = left.first().map_or(Remainder::default(), |(_, left)| *left);
        let goes = activation.destination();
        let line = self.line_mut(activation.license)?;
        let comes = part == LivePart::Activating && line.replaces.is_some_and(|old| exchanged.contains(&old));
        if comes {
            line.shrink(activation.quantity)?;
        } else {
            line.supersede(part, left.share(activation.quantity), goes)?;
            self.replace_lost(activation.license, activation.quantity, goes)?;
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
    /// that be honest; then it is taken out of what is available.
    fn adopt_product(
        &mut self,
        settled: &Settled,
        product: &ContextProduct,
        quantity: u32,
        proof: Digest,
    ) -> Result<(), Decline> {
        let now = self.now;
        let believed = self.reconciling.is_some();
        let line = self.lines.get_mut(&product.license).filter(|line| {
            believed && line.generation == product.generation && line.item.firm_code == settled.firm_code()
        });
        let found = line.is_some();
        let Some(line) = line.filter(|line| line.ledger.available() >= quantity) else {
            let mut event = self.event(Action::UnknownLicenseFound).license(product.license).proof(proof);
            event.detail = if found { "more than there is" } else { "not in the books" }.to_owned();
            let event = event.container(settled.serial(), settled.firm_code()).quantity(quantity);
            self.changes.events.push(event);
            return Ok(());
        };
        line.adopt(quantity, now);
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
        Ok(())
    }
}

/// The id of an activation that was found: it follows from what was found.
fn adopted_id(entry: EntryId, proof: Digest) -> [u8; 16] {
    let digest = crate::crypto::digest::hash("adopted activation", &[&entry.0, &proof]);
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}
