//! Activation: moving available licenses into a container.

use crate::Entropy;
use crate::activation::{Activation, ActivationState};
use crate::event::{Action, Event};
use crate::ids::{ActivationId, EntryId, LicenseId, time_ordered};
use crate::license::{LicenseLine, Share};
use crate::limits::{QUANTITY_MAX, TRANSFER_LINES_MAX};
use crate::product::ProductItem;
use crate::refusal::Refusal;
use crate::step::Operation;
use crate::work::{Decline, Plan, ProofMaster, Selection, Settled, Work, missing};

/// A selection that names each license once and no quantity of zero.
pub(super) fn well_formed(selection: &Selection) -> Result<(), Refusal> {
    let invalid = Refusal::LicensesInvalid { max: TRANSFER_LINES_MAX };
    if selection.len() > TRANSFER_LINES_MAX {
        return Err(invalid);
    }
    for (at, (license, quantity)) in selection.iter().enumerate() {
        if quantity.is_some_and(|quantity| quantity == 0 || quantity > QUANTITY_MAX) {
            return Err(Refusal::QuantityInvalid { max: QUANTITY_MAX });
        }
        if selection.iter().take(at).any(|(other, _)| other == license) {
            return Err(invalid);
        }
    }
    Ok(())
}

impl Work {
    /// Activates the selected licenses, or with none selected everything that is available and fits.
    ///
    /// With nothing left to activate, but steps of an earlier request still unproven, the answer is the
    /// update that carries those: asking again resumes.
    ///
    /// # Errors
    /// The rule that forbids it; only what was settled before is to be committed then.
    pub fn activate(
        &mut self,
        settled: &Settled,
        selection: &Selection,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        self.all_or_nothing(|work| work.try_activate(settled, selection, proofs, entropy))
    }

    /// Runs the user's part of a decision; when it is refused, only the vendor's part (what was settled) stays.
    pub(super) fn all_or_nothing<T>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, Decline>,
    ) -> Result<T, Decline> {
        let before = self.clone();
        let outcome = part(self);
        if outcome.is_err() {
            *self = before;
        }
        outcome
    }

    fn try_activate(
        &mut self,
        settled: &Settled,
        selection: &Selection,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        well_formed(selection)?;
        let wanted = self.resolve(settled, selection)?;
        if wanted.is_empty() {
            let resuming = self.activations.values().any(|activation| self.is_pending_here(activation));
            return if resuming { self.catch_up(settled) } else { Err(Refusal::NothingToActivate.into()) };
        }
        self.stays_together(settled, &wanted)?;
        let mut shares: Vec<(LicenseId, Share)> = Vec::new();
        for (license, quantity) in &wanted {
            let now = self.now;
            let taken = self.line_mut(*license)?.take(*quantity, now)?;
            shares.extend(taken.into_iter().map(|share| (*license, share)));
        }
        let needed = u32::try_from(shares.len()).unwrap_or(u32::MAX);
        if needed > settled.free_products() {
            let (container, free) = (settled.serial(), settled.free_products());
            return Err(Refusal::ContainerFull { container, free, needed }.into());
        }
        self.issue_shares(settled, &shares, proofs, entropy)?;
        self.catch_up(settled)
    }

    fn is_pending_here(&self, activation: &Activation) -> bool {
        activation.state.pending_step().is_some()
            && self.ticket.as_ref().is_some_and(|ticket| ticket.id == activation.ticket)
    }

    fn resolve(&self, settled: &Settled, selection: &Selection) -> Result<Vec<(LicenseId, u32)>, Decline> {
        let ticket = self.ticket.as_ref().ok_or(missing("ticket"))?;
        if selection.is_empty() {
            let fits = |line: &&LicenseLine| {
                line.ticket == ticket.id && line.ledger.available() > 0 && allowed(line, settled).is_ok()
            };
            let mut lines: Vec<&LicenseLine> = self.lines.values().filter(fits).collect();
            lines.sort_by_key(|line| line.position);
            return Ok(lines.iter().map(|line| (line.id, line.ledger.available())).collect());
        }
        let mut wanted = Vec::with_capacity(selection.len());
        for (license, quantity) in selection {
            let line = self
                .lines
                .get(license)
                .filter(|line| line.ticket == ticket.id)
                .ok_or(Refusal::LicenseNotOnTicket(*license))?;
            allowed(line, settled)?;
            let available = line.ledger.available();
            let quantity = quantity.unwrap_or(available);
            if quantity > available || quantity == 0 {
                let wanted = quantity.max(1);
                return Err(Refusal::NotAvailable { license: *license, wanted, available }.into());
            }
            wanted.push((*license, quantity));
        }
        Ok(wanted)
    }

    fn stays_together(&self, settled: &Settled, wanted: &[(LicenseId, u32)]) -> Result<(), Refusal> {
        let here = settled.serial();
        let together = self.ticket.as_ref().is_some_and(|ticket| ticket.together);
        if let Some((_, elsewhere)) = self.live_elsewhere.iter().find(|(_, c)| together && *c != here) {
            return Err(Refusal::TogetherElsewhere(*elsewhere));
        }
        for (license, quantity) in wanted {
            let Some(line) = self.lines.get(license).filter(|line| !line.item.policy.split) else { continue };
            if let Some((_, container)) = self.live_elsewhere.iter().find(|(l, c)| l == license && *c != here)
            {
                return Err(Refusal::SplitDenied { license: *license, container: *container });
            }
            if *quantity != line.ledger.available() {
                return Err(Refusal::WholeOnly { license: *license, quantity: line.quantity });
            }
        }
        Ok(())
    }

    fn issue_shares(
        &mut self,
        settled: &Settled,
        shares: &[(LicenseId, Share)],
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Decline> {
        let mut operations = Vec::with_capacity(shares.len());
        let mut entries = Vec::with_capacity(shares.len());
        for (license, share) in shares {
            let line = self.lines.get(license).ok_or(missing("license line"))?;
            let entry = EntryId(crate::random(entropy));
            entries.push(entry);
            operations.push(Operation::Add(product_item(line, share, entry, proofs)));
        }
        let step = self.append_step(operations)?;
        for ((license, share), entry) in shares.iter().zip(entries) {
            let line = self.lines.get(license).ok_or(missing("license line"))?;
            let activation = Activation {
                id: ActivationId(time_ordered(self.now, entropy)),
                license: *license,
                ticket: line.ticket,
                container: settled.serial(),
                firm_code: settled.firm_code(),
                entry,
                generation: line.generation,
                quantity: share.quantity,
                remainder: share.remainder,
                state: ActivationState::Activating { step: step.id },
                created_at: self.now,
                version: 0,
            };
            self.changes.events.push(
                Event::new(Action::ActivationIssued, &self.actor, self.now)
                    .ticket(line.ticket)
                    .license(*license)
                    .container(settled.serial(), settled.firm_code())
                    .quantity(share.quantity),
            );
            self.changed_activations.insert(activation.id);
            self.activations.insert(activation.id, activation);
        }
        Ok(())
    }
}

fn allowed(line: &LicenseLine, settled: &Settled) -> Result<(), Refusal> {
    let kind = settled.serial().kind();
    if !line.item.policy.containers.allows(kind) {
        return Err(Refusal::KindNotAllowed { license: line.id, kind });
    }
    if line.item.firm_code != settled.firm_code() {
        return Err(Refusal::OtherFirm { license: line.id, firm_code: line.item.firm_code });
    }
    Ok(())
}

fn product_item(line: &LicenseLine, share: &Share, entry: EntryId, proofs: &ProofMaster) -> ProductItem {
    ProductItem {
        entry,
        license: line.id,
        generation: line.generation,
        product_code: line.item.product_code,
        quantity: share.quantity,
        name: line.item.name.clone(),
        terms: line.item.terms.grant(&share.remainder),
        units: share.remainder.units,
        usage_started: share.remainder.usage_started,
        proof_seed: proofs.seed(line.item.firm_code, line.item.product_code),
    }
}
