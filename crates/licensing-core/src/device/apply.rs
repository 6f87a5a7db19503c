//! Applying an update: all of it or nothing, every step once, in order, on the right history.

use crate::codec::{Decode, Encode};
use crate::device::{DeviceError, DeviceState, FirmItem, RECENT_LINKS};
#[cfg(feature = "testing")]
use crate::format::update::UpdatePayload;
use crate::format::update::{OpenedStep, OpenedUpdate, UpdateHeader, VerifiedUpdate};
use crate::ids::{EntryId, FirmCode};
use crate::limits::{PRODUCTS_PER_FIRM_MAX, REMOVALS_MAX};
use crate::product::ProductItem;
use crate::step::{Operation, Removal, Step};
use crate::terms::split_units;
use crate::trust::TrustedIssuer;
use crate::zoo::{self, Bug};

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ApplyReport {
    /// The firm item.
    pub firm_code: FirmCode,
    /// Steps applied now.
    pub applied: u32,
    /// Steps that had been applied before and were skipped.
    pub already_applied: u32,
    /// Counter afterwards.
    pub counter: u64,
}

/// The state after an import, not yet persisted, and what the import did.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The new state: persist it in one atomic write, then report.
    pub state: DeviceState,
    /// What was done.
    pub report: ApplyReport,
}

impl DeviceState {
    /// Verifies, opens and applies an update file. `self` is left as it was; the result holds the new state.
    ///
    /// # Errors
    /// A precise reason ([`DeviceError`]); nothing has changed.
    ///
    /// # Security
    /// Accepts steps only from the root pinned for the firm code, from an issuing epoch not older than the
    /// newest seen, sealed to this container, and fitting its chain. A false accept would create licenses.
    pub fn apply_update(&self, bytes: &[u8]) -> Result<Applied, DeviceError> {
        let update = VerifiedUpdate::verify(bytes, |firm| self.firm(firm).and_then(|f| f.root))?;
        if update.header.serial != self.serial {
            return Err(DeviceError::OtherContainer { found: update.header.serial, this: self.serial });
        }
        let opened = update.open(&self.sealing)?;
        self.apply_opened(&update.header, &update.issuer, &opened)
    }

    /// As [`DeviceState::apply_update`], of an update that needs no verifying and no opening.
    ///
    /// # Errors
    /// As [`DeviceState::apply_update`].
    #[cfg(feature = "testing")]
    pub fn apply_assumed(
        &self,
        header: &UpdateHeader,
        issuer: &TrustedIssuer,
        payload: &UpdatePayload,
    ) -> Result<Applied, DeviceError> {
        if header.serial != self.serial {
            return Err(DeviceError::OtherContainer { found: header.serial, this: self.serial });
        }
        self.apply_opened(header, issuer, &OpenedUpdate::of(header, payload)?)
    }

    fn apply_opened(
        &self,
        header: &UpdateHeader,
        issuer: &TrustedIssuer,
        opened: &OpenedUpdate,
    ) -> Result<Applied, DeviceError> {
        let mut state = self.clone();
        let free = (state.capacity as usize).saturating_sub(state.products_held());
        let firm = state.firm_or_new(header.firm_code)?;
        issuer.not_older_than(firm.firm_version, firm.epoch)?;
        let already_applied = skip_applied(firm, &opened.steps, header.first)?;
        let todo = opened.steps.get(already_applied..).unwrap_or_default();
        let mut free = free;
        for step in todo {
            firm.apply_step(&step.step, &mut free)?;
            firm.advance(step);
        }
        firm.pin(issuer);
        firm.blacklist_version = firm.blacklist_version.max(opened.blacklist_version);
        let confirmed =
            if zoo::has(Bug::RemovalsForgotten) { firm.link.counter } else { opened.confirmed_counter };
        firm.removals.retain(|removal| removal.counter > confirmed);
        let report = ApplyReport {
            firm_code: firm.firm_code,
            applied: count(todo.len()),
            already_applied: count(already_applied),
            counter: firm.link.counter,
        };
        state.certify_time(opened.certified_time);
        Ok(Applied { state, report })
    }
}

fn count(steps: usize) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}

/// How many of the first steps are already in the chain. Anything that does not continue the chain exactly
/// where it stands is refused.
fn skip_applied(firm: &FirmItem, steps: &[OpenedStep], first: u64) -> Result<usize, DeviceError> {
    let counter = firm.link.counter;
    if first > counter && !zoo::has(Bug::SkipCounter) {
        return Err(DeviceError::FutureUpdate { first, counter });
    }
    let done = steps.iter().take_while(|step| step.after.counter <= counter).count();
    let forked = DeviceError::Forked { counter };
    match (steps.get(done), done.checked_sub(1).and_then(|last| steps.get(last))) {
        // The next step must fit the very link the chain is at.
        (Some(_), _) if zoo::has(Bug::SkipCounter) => Ok(done),
        (Some(next), _) if zoo::has(Bug::SkipDigest) && next.step.before.counter == counter => Ok(done),
        (Some(next), _) if next.step.before != firm.link => Err(forked),
        (None, Some(last)) if last.after.counter == counter && last.after != firm.link => Err(forked),
        // Everything was applied earlier: as far as remembered, it must have been these very steps.
        (None, Some(last)) => match firm.recent.iter().find(|link| link.counter == last.after.counter) {
            Some(link) if *link != last.after => Err(forked),
            _ => Ok(done),
        },
        _ => Ok(done),
    }
}

impl FirmItem {
    fn advance(&mut self, step: &OpenedStep) {
        self.recent.push(self.link);
        if self.recent.len() > RECENT_LINKS {
            self.recent.remove(0);
        }
        self.link = step.after;
    }

    fn apply_step(&mut self, step: &Step, free: &mut usize) -> Result<(), DeviceError> {
        let after = step.before.counter + 1;
        for operation in &step.operations {
            match operation {
                Operation::Add(product) => self.add(product, free)?,
                Operation::SetQuantity { entry, quantity } => {
                    let product = self.find(*entry)?;
                    let going = product
                        .quantity
                        .checked_sub(*quantity)
                        .filter(|going| *going > 0 && *quantity > 0)
                        .ok_or(DeviceError::Inconsistent(
                            "the new quantity is not a part of the present one",
                        ))?;
                    let removal = take(product, going, after);
                    self.record(removal)?;
                }
                Operation::Remove { entry } => {
                    let product = self.find(*entry)?;
                    let removal = take(product, product.quantity, after);
                    self.products.retain(|product| product.entry != *entry);
                    *free += 1;
                    self.record(removal)?;
                }
                Operation::Split { entry, into, quantity } => {
                    let part = split(self.find(*entry)?, *into, *quantity)?;
                    self.add(&part, free)?;
                }
                Operation::Update { entry, effect } => effect.apply(self.find(*entry)?),
                Operation::Lock => self.locked = true,
            }
        }
        Ok(())
    }

    fn add(&mut self, product: &ProductItem, free: &mut usize) -> Result<(), DeviceError> {
        if self.product(product.entry).is_some() {
            return Err(DeviceError::Inconsistent("the entry exists already"));
        }
        if product.quantity == 0 {
            return Err(DeviceError::Inconsistent("a product item of quantity 0"));
        }
        if *free == 0 || self.products.len() >= PRODUCTS_PER_FIRM_MAX {
            return Err(DeviceError::Full);
        }
        *free -= 1;
        self.products.push(product.clone());
        Ok(())
    }

    fn find(&mut self, entry: EntryId) -> Result<&mut ProductItem, DeviceError> {
        self.products
            .iter_mut()
            .find(|product| product.entry == entry)
            .ok_or(DeviceError::Inconsistent("the entry does not exist"))
    }

    fn record(&mut self, removal: Removal) -> Result<(), DeviceError> {
        if self.removals.len() >= REMOVALS_MAX {
            return Err(DeviceError::Full);
        }
        self.removals.push(removal);
        Ok(())
    }
}

/// Takes `going` licenses, with their part of the units and added uses, out of a product item.
fn take(product: &mut ProductItem, going: u32, counter: u64) -> Removal {
    let units = product.units.map(|units| split_units(units, product.quantity, going));
    let (added_uses, uses_staying) = split_units(product.added_uses, product.quantity, going);
    product.units = units.map(|(_, stays)| stays);
    product.added_uses = uses_staying;
    product.quantity -= going;
    Removal {
        counter,
        entry: product.entry,
        quantity: going,
        units: units.map(|(goes, _)| goes),
        added_uses,
        usage_started: product.usage_started,
    }
}

/// Takes a part of a product item out as an item of its own.
fn split(product: &mut ProductItem, into: EntryId, quantity: u32) -> Result<ProductItem, DeviceError> {
    if quantity == 0 || quantity >= product.quantity {
        return Err(DeviceError::Inconsistent("the split is not a part of the quantity"));
    }
    let part = take(product, quantity, 0);
    Ok(ProductItem {
        entry: into,
        quantity,
        units: part.units,
        added_uses: part.added_uses,
        ..product.clone()
    })
}
