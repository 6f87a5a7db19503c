//! Withdrawing licenses, changing one's mind, and putting others in their place.

use crate::Entropy;
use crate::activation::Activation;
use crate::changeset::{Change, ChangeSet};
use crate::event::{Action, Actor, Event};
use crate::ids::{LicenseId, time_ordered};
use crate::item::Item;
use crate::license::{LicenseLine, NewLine};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A license line with everything of it that is live in containers.
#[derive(Debug, Clone)]
pub struct Held {
    /// The line.
    pub line: LicenseLine,
    /// Its live activations, wherever they are.
    pub live: Vec<Activation>,
}

/// A replacement: the new line, and what to commit.
#[derive(Debug)]
pub struct Replacement {
    /// The new line.
    pub line: LicenseLine,
    /// What to commit.
    pub changes: ChangeSet,
}

impl Held {
    /// Takes the license back: what is inactive at once, the rest when its containers next make contact.
    ///
    /// # Errors
    /// There is nothing (more) to take back, or the license was replaced: then its replacement is the one to withdraw.
    pub fn withdraw(mut self, actor: &Actor, now: Timestamp) -> Result<ChangeSet, Refusal> {
        if self.line.replaced_by.is_some() {
            return Err(Refusal::LicenseReplaced(self.line.id));
        }
        let mut changes = ChangeSet::default();
        self.mark(actor, now, &mut changes)?;
        self.line.wanted_back = true;
        changes.push(Change::UpdateLicense(self.line));
        Ok(changes)
    }

    /// Marks everything live as wanted back and takes what is available; gives how many that were.
    fn mark(&mut self, actor: &Actor, now: Timestamp, changes: &mut ChangeSet) -> Result<u32, Refusal> {
        let taken = self.line.withdraw_available();
        let mut marked = 0;
        for activation in self.live.iter_mut().filter(|a| !a.withdraw) {
            activation.withdraw = true;
            marked += activation.quantity;
            changes.push(Change::PutActivation(activation.clone()));
        }
        // Of a replacement more is to come, as long as what it replaces is in containers: that comes back as well.
        let to_come = self.line.replaces.is_some() && !self.line.wanted_back;
        if taken + marked == 0 && !to_come {
            return Err(Refusal::NothingToWithdraw(self.line.id));
        }
        for (action, quantity) in
            [(Action::WithdrawalConfirmed, taken), (Action::WithdrawalRequested, marked)]
        {
            // What is still to come is asked for as well, although nobody can count it.
            let only_to_come = taken + marked == 0 && action == Action::WithdrawalRequested;
            if quantity > 0 || only_to_come {
                changes.events.push(self.event(action, actor, now).quantity(quantity));
            }
        }
        Ok(taken)
    }

    fn event(&self, action: Action, actor: &Actor, now: Timestamp) -> Event {
        Event::new(action, actor, now).ticket(self.line.ticket).license(self.line.id)
    }

    /// Gives a withdrawn license back to its owner: what has been taken back is available again, what was still in
    /// containers stays there.
    ///
    /// # Errors
    /// It was not withdrawn, or another license is in its place.
    pub fn cancel_withdrawal(mut self, actor: &Actor, now: Timestamp) -> Result<ChangeSet, Refusal> {
        if self.line.replaced_by.is_some() {
            return Err(Refusal::LicenseReplaced(self.line.id));
        }
        let mut changes = ChangeSet::default();
        let mut given = self.line.cancel_withdrawal();
        for activation in self.live.iter_mut().filter(|a| a.withdraw) {
            activation.withdraw = false;
            given += activation.quantity;
            changes.push(Change::PutActivation(activation.clone()));
        }
        if given == 0 && !self.line.wanted_back {
            return Err(Refusal::NotWithdrawn(self.line.id));
        }
        self.line.wanted_back = false;
        changes.events.push(self.event(Action::WithdrawalCancelled, actor, now).quantity(given));
        changes.push(Change::UpdateLicense(self.line));
        Ok(changes)
    }

    /// Puts a license of another item in its place, on the same ticket: as many as were inactive at once, the rest in
    /// exchange, container by container.
    ///
    /// # Errors
    /// It was replaced before, is an update, or the other item is of another vendor.
    pub fn replace(
        mut self,
        item: &Item,
        actor: &Actor,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Replacement, Refusal> {
        let old = &self.line;
        if old.replaced_by.is_some() {
            return Err(Refusal::LicenseReplaced(old.id));
        }
        if old.is_update() || item.definition.update.is_some() {
            return Err(Refusal::UpdateNotMovable(old.id));
        }
        if item.definition.firm_code != old.item.firm_code {
            return Err(Refusal::OtherFirm { license: old.id, firm_code: old.item.firm_code });
        }
        let mut changes = ChangeSet::default();
        let quantity = self.mark(actor, now, &mut changes)?;
        let new = NewLine {
            id: LicenseId(time_ordered(now, entropy)),
            ticket: self.line.ticket,
            order: self.line.order.clone(),
            position: self.line.position,
            item: item.definition.clone(),
            quantity,
            assigned: self.line.assigned,
        };
        let mut line = LicenseLine::new(new, now);
        line.replaces = Some(self.line.id);
        self.line.replaced_by = Some(line.id);
        let mut event = self.event(Action::LicenseReplaced, actor, now);
        event.detail = format!("by {} of item {}", line.id, item.definition.id);
        changes.events.push(event);
        let event = Event::new(Action::LicenseCreated, actor, now).ticket(line.ticket).license(line.id);
        changes.events.push(event.quantity(quantity));
        changes.push(Change::UpdateLicense(self.line));
        changes.push(Change::InsertLicense(line.clone()));
        Ok(Replacement { line, changes })
    }
}
