//! Activation: moving available licenses into a container.

use crate::Entropy;
use crate::activation::{Activation, ActivationState};
use crate::ids::{ActivationId, EntryId, LicenseId, time_ordered};
use crate::license::{LicenseLine, Share};
use crate::limits::{QUANTITY_MAX, TRANSFER_LINES_MAX};
use crate::product::ProductItem;
use crate::refusal::Refusal;
use crate::step::{Operation, StepId};
use crate::time::Timestamp;
use crate::work::updates::Draft;
use crate::work::{Decline, Plan, ProofMaster, Selection, SelectionRule, Settled, Work, missing};

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
    /// The vendor's part runs first and stays whatever becomes of the user's. With nothing left to activate, but steps
    /// of an earlier request still unproven, the answer is the update that carries those: asking again resumes.
    ///
    /// # Errors
    /// The rule that forbids it; what was settled and the vendor's part are to be committed then.
    pub fn activate(
        &mut self,
        settled: &Settled,
        selection: &Selection,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        self.vendor_first(settled)?;
        self.vendor_rest(settled, proofs, entropy)?;
        self.all_or_nothing(|work| work.try_activate(settled, selection, proofs, entropy))
    }

    /// The vendor's part alone: what is assigned to the container, withdrawn from it or replaced in it.
    ///
    /// # Errors
    /// Only for contradictory facts.
    pub fn automatic_update(
        &mut self,
        settled: &Settled,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<Plan, Decline> {
        self.vendor_first(settled)?;
        self.vendor_rest(settled, proofs, entropy)?;
        self.plan()
    }

    /// Runs the user's part of a decision; when it is refused, only the vendor's part (what was settled) stays.
    pub(super) fn all_or_nothing<T>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, Decline>,
    ) -> Result<T, Decline> {
        let before = self.clone();
        let outcome = part(self);
        if let Err(decline) = &outcome {
            *self = before;
            if let Decline::Refused(refusal) = decline {
                self.ask(refusal);
            }
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
            let resuming =
                self.is_waiting() || self.here(settled).any(|activation| self.is_pending(activation));
            return if resuming { self.plan() } else { Err(self.why_nothing(settled).into()) };
        }
        self.stays_together(settled, &wanted)?;
        self.issue_licenses(settled, &wanted, proofs, entropy)?;
        self.plan()
    }

    /// Whether the container has something to take.
    pub(super) fn is_waiting(&self) -> bool {
        self.firm.as_ref().is_some_and(|firm| !firm.pending.is_empty())
    }

    fn is_pending(&self, activation: &Activation) -> bool {
        activation.state.pending_step().is_some()
            && self.ticket.as_ref().is_some_and(|ticket| ticket.id == activation.ticket)
    }

    /// Why nothing was activated although nothing was named: an update without its base is worth telling.
    fn why_nothing(&self, settled: &Settled) -> Refusal {
        let mut lines = self.lines_of_ticket().filter(|line| line.ledger.available() > 0);
        let lonely = lines.find(|line| line.is_update() && allowed(line, settled).is_ok());
        match lonely.and_then(|line| line.item.update.as_ref().map(|update| (line, update))) {
            Some((line, update)) => Refusal::BaseMissing {
                license: line.id,
                base: update.base.clone(),
                container: settled.serial(),
            },
            None => Refusal::NothingToActivate,
        }
    }

    pub(super) fn lines_of_ticket(&self) -> impl Iterator<Item = &LicenseLine> {
        let ticket = self.ticket.as_ref().map(|ticket| ticket.id);
        self.lines.values().filter(move |line| Some(line.ticket) == ticket)
    }

    /// Issues licenses in the order that makes sense: what becomes a product item first, then what changes one.
    pub(super) fn issue_licenses(
        &mut self,
        settled: &Settled,
        wanted: &[(LicenseId, u32)],
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Decline> {
        let is_update = |work: &Self, license| work.lines.get(license).is_some_and(LicenseLine::is_update);
        let named: Vec<LicenseId> = wanted.iter().map(|(license, _)| *license).collect();
        let mut shares: Vec<(LicenseId, Share)> = Vec::new();
        for (license, quantity) in wanted {
            let line = self.lines.get(license).ok_or(missing("license line"))?;
            if let Some(base) = line.item.requires.clone().filter(|_| !self.has_base(settled, line, &named)) {
                return Err(Refusal::ModuleNeedsBase { license: *license, base }.into());
            }
            if !is_update(self, license) {
                let now = self.now;
                let taken = self.line_mut(*license)?.take(*quantity, now)?;
                shares.extend(taken.into_iter().map(|share| (*license, share)));
            }
        }
        if !shares.is_empty() {
            self.issue_shares(settled, &shares, proofs, entropy)?;
        }
        let mut draft = Draft::default();
        for (license, quantity) in wanted {
            if is_update(self, license) {
                self.draft_updates(settled, *license, *quantity, &mut draft, entropy)?;
            }
        }
        let splits = draft.operations.iter().filter(|op| matches!(op, Operation::Split { .. })).count();
        self.check_room(settled, splits)?;
        if !draft.operations.is_empty() {
            self.issue(draft)?;
        }
        Ok(())
    }

    pub(super) fn check_room(&self, settled: &Settled, needed: usize) -> Result<(), Refusal> {
        let (needed, free) = (u32::try_from(needed).unwrap_or(u32::MAX), self.room(settled));
        if needed > free {
            return Err(Refusal::ContainerFull { container: settled.serial(), free, needed });
        }
        Ok(())
    }

    fn resolve(&self, settled: &Settled, selection: &Selection) -> Result<Vec<(LicenseId, u32)>, Decline> {
        self.ticket.as_ref().ok_or(missing("ticket"))?;
        if selection.is_empty() {
            return Ok(self.everything(settled, None));
        }
        let mut wanted = Vec::with_capacity(selection.len());
        for (license, quantity) in selection {
            let line = self
                .lines_of_ticket()
                .find(|line| line.id == *license)
                .ok_or(Refusal::LicenseNotOnTicket(*license))?;
            allowed(line, settled)?;
            if self.reconciling.is_some_and(|since| line.created_at <= since) {
                return Err(Refusal::Reconciling(*license).into());
            }
            let available = line.ledger.available();
            let quantity = quantity.unwrap_or(available);
            if quantity > available || quantity == 0 {
                let wanted = quantity.max(1);
                return Err(Refusal::NotAvailable { license: *license, wanted, available }.into());
            }
            wanted.push((*license, quantity));
        }
        self.complete(settled, &mut wanted);
        Ok(wanted)
    }

    /// All that is available and fits, up to `newest` when given.
    fn everything(&self, settled: &Settled, newest: Option<Age>) -> Vec<(LicenseId, u32)> {
        let fits = |line: &&LicenseLine| {
            line.ledger.available() > 0
                && allowed(line, settled).is_ok()
                && newest.is_none_or(|newest| age(line) <= newest)
                && self.reconciling.is_none_or(|since| line.created_at > since)
        };
        let mut lines: Vec<&LicenseLine> = self.lines_of_ticket().filter(fits).collect();
        lines.sort_by_key(|line| (line.is_update(), age(line)));
        let named: Vec<LicenseId> = lines.iter().map(|line| line.id).collect();
        let mut all = Vec::with_capacity(lines.len());
        for line in lines {
            // Of updates only as many as there are licenses to be updated, in the container or on their way.
            let with_base = |base: &crate::ids::ItemId| -> u32 {
                let coming = all.iter().filter(|(id, _): &&(LicenseId, u32)| {
                    self.lines.get(id).is_some_and(|line| line.item.id == *base)
                });
                coming.map(|(_, quantity)| quantity).sum()
            };
            let most = match &line.item.update {
                None => u32::MAX,
                Some(update) => match self.updatable(settled, line) + with_base(&update.base) {
                    0 => 0,
                    most if update.is_per_license() => most,
                    _ => u32::MAX,
                },
            };
            let quantity = line.ledger.available().min(most);
            if quantity > 0 && self.has_base(settled, line, &named) {
                all.push((line.id, quantity));
            }
        }
        all
    }

    /// Adds what has to go along with a selection.
    fn complete(&self, settled: &Settled, wanted: &mut Vec<(LicenseId, u32)>) {
        let newest = match self.rules.selection {
            SelectionRule::Free => return,
            SelectionRule::All => None,
            SelectionRule::Older => wanted.iter().filter_map(|(id, _)| self.lines.get(id)).map(age).max(),
        };
        for (license, quantity) in self.everything(settled, newest) {
            match wanted.iter_mut().find(|(id, _)| *id == license) {
                Some(named) if self.rules.selection == SelectionRule::All => named.1 = named.1.max(quantity),
                Some(_) => {}
                None => wanted.push((license, quantity)),
            }
        }
    }

    fn stays_together(&self, settled: &Settled, wanted: &[(LicenseId, u32)]) -> Result<(), Refusal> {
        let here = settled.serial();
        let elsewhere = || self.activations.values().filter(|a| a.container != here && a.state.is_live());
        let together = self.ticket.as_ref().filter(|ticket| ticket.together);
        if let Some(ticket) = together
            && let Some(activation) = elsewhere().find(|a| a.ticket == ticket.id)
        {
            return Err(Refusal::TogetherElsewhere(activation.container));
        }
        for (license, quantity) in wanted {
            let Some(line) = self.lines.get(license).filter(|line| !line.item.policy.split) else { continue };
            if let Some(activation) = elsewhere().find(|a| a.license == *license) {
                return Err(Refusal::SplitDenied { license: *license, container: activation.container });
            }
            if *quantity != line.ledger.available() {
                return Err(Refusal::WholeOnly { license: *license, quantity: line.quantity });
            }
        }
        Ok(())
    }

    /// Issues shares as product items of their own, in one step.
    fn issue_shares(
        &mut self,
        settled: &Settled,
        shares: &[(LicenseId, Share)],
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Decline> {
        self.check_room(settled, shares.len())?;
        let mut draft = Draft::default();
        for (license, share) in shares {
            let line = self.lines.get(license).ok_or(missing("license line"))?.clone();
            self.draft_share(settled, &line, *share, &mut draft, proofs, entropy);
        }
        self.issue(draft)
    }

    /// Adds a share as a product item of its own to a step in the making.
    pub(super) fn draft_share(
        &self,
        settled: &Settled,
        line: &LicenseLine,
        share: Share,
        draft: &mut Draft,
        proofs: &ProofMaster,
        entropy: &mut dyn Entropy,
    ) {
        let entry = EntryId(crate::random(entropy));
        draft.operations.push(Operation::Add(product_item(line, &share, entry, proofs)));
        draft.activations.push(self.new_activation(settled, line, entry, share, entropy));
    }

    /// An activation that waits for a step; `issue` fills in which.
    pub(super) fn new_activation(
        &self,
        settled: &Settled,
        line: &LicenseLine,
        entry: EntryId,
        share: Share,
        entropy: &mut dyn Entropy,
    ) -> Activation {
        Activation {
            id: ActivationId(time_ordered(self.now, entropy)),
            license: line.id,
            ticket: line.ticket,
            container: settled.serial(),
            firm_code: settled.firm_code(),
            entry,
            generation: line.generation,
            quantity: share.quantity,
            remainder: share.remainder,
            state: ActivationState::Activating { step: StepId([0; 32]) },
            withdraw: false,
            update: None,
            created_at: self.now,
            version: 0,
        }
    }
}

/// The age of a line among those of its ticket.
type Age = (Timestamp, u32, LicenseId);

const fn age(line: &LicenseLine) -> Age {
    (line.created_at, line.position, line.id)
}

pub(super) fn allowed(line: &LicenseLine, settled: &Settled) -> Result<(), Refusal> {
    fits(line, settled)?;
    match line.assigned.filter(|serial| *serial != settled.serial()) {
        Some(container) => Err(Refusal::AssignedElsewhere { license: line.id, container }),
        None => Ok(()),
    }
}

/// Whether a license may be in this kind of container and this firm item.
pub(super) fn fits(line: &LicenseLine, settled: &Settled) -> Result<(), Refusal> {
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
        added_uses: share.remainder.added_uses,
        usage_started: share.remainder.usage_started,
        proof_seed: proofs.seed(line.item.firm_code, line.item.product_code),
    }
}
