//! What must hold in every state of the small world, and what must be possible from there.

use std::collections::BTreeMap;

use licensing_core::activation::{Activation, ActivationState};
use licensing_core::container::ContainerStatus;
use licensing_core::ids::LicenseId;
use licensing_core::step::StepId;

use crate::server::firm;
use crate::small::world::{CONTAINERS, Request, Violation, World};

impl World {
    /// Safety: section 4 of the protocol.
    pub(crate) fn safe(&self) -> Result<(), Violation> {
        self.books()?;
        let mut effective: BTreeMap<LicenseId, u32> = BTreeMap::new();
        for container in 0..CONTAINERS {
            let held = self.held(container);
            match (self.status(container), self.expected(container)) {
                // Superseded, and not met again: the one exception.
                (ContainerStatus::Blacklisted, _) => continue,
                (_, None) if self.devices[container].put_back => continue,
                (_, None) => return Err(format!("container {container} is off every history")),
                (_, Some(expected)) if expected != held => {
                    return Err(format!("container {container} holds {held:?}, the books say {expected:?}"));
                }
                (_, Some(_)) => {}
            }
            held.into_iter()
                .for_each(|(license, quantity)| *effective.entry(license).or_default() += quantity);
        }
        for line in self.server.lines.values() {
            let held = effective.get(&line.id).copied().unwrap_or(0);
            let available = line.ledger.available();
            if held + available > line.quantity {
                return Err(format!("doubled: {held} in containers, {available} available"));
            }
            if self.wanted_back && line.id == self.wanted() && available > 0 {
                return Err(format!("{available} of a withdrawn license are available"));
            }
        }
        self.replaced()
    }

    /// The parts add up, and the ledger says what the activations say.
    fn books(&self) -> Result<(), Violation> {
        for line in self.server.lines.values() {
            let sum = |wanted: fn(&ActivationState) -> bool| -> u32 {
                let mine = self.server.activations.values().filter(|a| a.license == line.id);
                mine.filter(|a| wanted(&a.state)).map(|a| a.quantity).sum()
            };
            let ledger = &line.ledger;
            let activating = sum(|s| matches!(s, ActivationState::Activating { .. }));
            let active = sum(|s| matches!(s, ActivationState::Active { .. }));
            let returning = sum(|s| matches!(s, ActivationState::Returning { .. }));
            if ledger.total() != u64::from(line.quantity)
                || (ledger.activating, ledger.active, ledger.returning) != (activating, active, returning)
            {
                return Err(format!(
                    "the books do not balance: {ledger:?} of {}, activations {activating}, {active}, {returning}",
                    line.quantity
                ));
            }
        }
        Ok(())
    }

    /// What a container holds, by license.
    fn held(&self, container: usize) -> BTreeMap<LicenseId, u32> {
        let mut held = BTreeMap::new();
        let item = self.devices[container].state.firm(firm()).filter(|item| !item.locked);
        for product in item.iter().flat_map(|item| &item.products) {
            *held.entry(product.license).or_default() += product.quantity;
        }
        held
    }

    /// What it should hold: what is active, what has arrived although nobody knows yet, and what has not left yet.
    /// `None` when its place in the chain is on no history.
    fn expected(&self, container: usize) -> Option<BTreeMap<LicenseId, u32>> {
        let state = &self.devices[container].state;
        let link = state.firm(firm()).map(|item| item.link);
        let record = self.server.firms.get(&(state.serial, firm()))?;
        let path = record.path(link.unwrap_or(record.confirmed))?;
        let applied = |step: StepId| path.iter().any(|done| done.id == step);
        let here = |a: &&Activation| match a.state {
            ActivationState::Active { .. } => true,
            ActivationState::Activating { step } => applied(step),
            ActivationState::Returning { step, .. } => !applied(step),
            _ => false,
        };
        let mut expected = BTreeMap::new();
        let mine = self.server.activations.values().filter(|a| a.container == state.serial);
        for activation in mine.filter(here) {
            *expected.entry(activation.license).or_default() += activation.quantity;
        }
        Some(expected)
    }

    /// A replacement has grown by exactly what the license it replaces has lost, or is losing in an exchange.
    fn replaced(&self) -> Result<(), Violation> {
        let Some(new) = self.replacement.and_then(|license| self.server.lines.get(&license)) else {
            return Ok(());
        };
        let old = &self.server.lines[&self.license];
        let exchanging: u32 = self
            .server
            .activations
            .values()
            .filter(|a| a.license == old.id)
            .filter(|a| matches!(a.state, ActivationState::Returning { .. }))
            .filter(|a| {
                let partner = self.server.activations.values().filter(|p| p.license == new.id);
                partner.clone().any(|p| p.state.pending_step() == a.state.pending_step())
            })
            .map(|a| a.quantity)
            .sum();
        if old.ledger.withdrawn() + exchanging == new.quantity {
            return Ok(());
        }
        Err(format!(
            "replaced: {} are back and {exchanging} in exchange, but the replacement has {}",
            old.ledger.withdrawn(),
            new.quantity
        ))
    }

    /// Liveness: with messages delivered at last, every container finishes within two further contacts.
    pub(crate) fn finishes(&self) -> Result<(), Violation> {
        for container in 0..CONTAINERS {
            // What a container that was put back may still do, only its vendor can tell.
            if self.devices[container].put_back {
                self.gains_nothing(container)?;
                continue;
            }
            match self.status(container) {
                ContainerStatus::Normal => {
                    self.clone().finish(container, Request::CatchUp)?;
                    self.clone().finish(container, Request::Automatic)?;
                }
                ContainerStatus::Blacklisted => self.clone().locks(container)?,
                ContainerStatus::ManipulationDetected => {}
            }
        }
        Ok(())
    }

    /// A container that was put back gets nothing but what it could have had without that, whatever it asks for.
    fn gains_nothing(&self, container: usize) -> Result<(), Violation> {
        for request in [Request::Receipt, Request::Activate(1), Request::Return(None)] {
            let mut after = self.clone();
            let context = after.context(container);
            after.deliver(container, &context, request)?;
            after.safe()?;
        }
        Ok(())
    }

    fn finish(mut self, container: usize, how: Request) -> Result<(), Violation> {
        // What the vendor wants back is known to be there only after the first contact.
        for _ in 0..if how == Request::Automatic { 2 } else { 1 } {
            let context = self.context(container);
            let update = self.deliver(container, &context, how)?;
            let update = update.ok_or("no update in answer to a good context")?;
            self.import(container, &update).map_err(|error| format!("stuck: {error}"))?;
        }
        let receipt = self.context(container);
        self.deliver(container, &receipt, Request::Receipt)?;
        self.safe()?;
        let serial = self.devices[container].state.serial;
        let mut mine = self.server.activations.values().filter(|a| a.container == serial);
        if mine.clone().any(|a| a.state.pending_step().is_some()) {
            return Err(format!("container {container} is not finished after two contacts"));
        }
        if how == Request::Automatic && mine.any(|a| a.state.is_live() && a.withdraw) {
            return Err(format!("container {container} keeps what the vendor wants back"));
        }
        Ok(())
    }

    /// A container that was shut out is locked by its next contact.
    fn locks(mut self, container: usize) -> Result<(), Violation> {
        let context = self.context(container);
        if context.body().locked {
            return Ok(());
        }
        let lock = self.deliver(container, &context, Request::Receipt)?;
        let lock = lock.ok_or("no lock for a container that was shut out")?;
        self.import(container, &lock).map_err(|error| format!("the lock does not fit: {error}"))?;
        let locked = self.devices[container].state.firm(firm()).is_some_and(|item| item.locked);
        if locked { Ok(()) } else { Err("a container that was shut out is not locked".to_owned()) }
    }
}
