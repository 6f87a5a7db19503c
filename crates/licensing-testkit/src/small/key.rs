//! What of a world tells it from others: everything a later transition can depend on, and nothing else.

use licensing_core::activation::{Activation, ActivationState};
use licensing_core::container::{ContainerStatus, PendingStep};
use licensing_core::crypto::digest::hash;
use licensing_core::device::DeviceState;
use licensing_core::step::ChainLink;

use crate::server::firm;
use crate::small::world::World;

/// Identity of a world.
pub(crate) type Key = u128;

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn id(&mut self, id: &[u8]) {
        // Half of an id tells it from all others of a world.
        self.0.extend_from_slice(&id[..id.len().min(16)]);
    }

    fn link(&mut self, link: ChainLink) {
        self.number(link.counter);
        self.id(&link.digest);
    }

    fn key(self) -> Key {
        let digest = hash("small world", &[&self.0]);
        u128::from_le_bytes(digest[..16].try_into().expect("16 of 32 bytes"))
    }
}

impl World {
    /// Identity of the world with everything that is on its way.
    pub(crate) fn key(&self) -> Key {
        let mut out = Writer::default();
        self.write_settled(&mut out);
        for device in &self.devices {
            out.number(u64::from(device.contexts_made));
            out.number(u64::from(device.issued));
            out.number(device.contexts.len() as u64);
            device.contexts.iter().for_each(|context| out.id(&context.hash()));
            out.number(device.updates.len() as u64);
            for update in &device.updates {
                out.number(update.header.first);
                out.number(update.payload.confirmed_counter);
                out.number(update.payload.steps.len() as u64);
                for step in &update.payload.steps {
                    out.id(&hash("step", &[step]));
                }
            }
            match &device.copy {
                Some(copy) => write_device(&mut out, copy),
                None => out.number(u64::MAX),
            }
        }
        out.number(u64::from(self.vendor_acts));
        out.key()
    }

    /// Identity of server and containers, whatever is on its way.
    pub(crate) fn settled_key(&self) -> Key {
        let mut out = Writer::default();
        self.write_settled(&mut out);
        for device in &self.devices {
            // The ids of what happens next follow from this.
            out.number(u64::from(device.issued));
            out.number(u64::from(device.contexts_made));
        }
        out.key()
    }

    fn write_settled(&self, out: &mut Writer) {
        for device in &self.devices {
            write_device(out, &device.state);
            out.number(u64::from(device.put_back));
        }
        out.number(u64::from(self.wanted_back));
        out.id(&self.replacement.map_or([0; 16], |license| license.0));
        for line in self.server.lines.values() {
            out.id(&line.id.0);
            out.number(u64::from(line.quantity));
            out.number(u64::from(line.generation));
            out.number(u64::from(line.assigned.is_some()));
            let ledger = &line.ledger;
            for part in [
                ledger.available(),
                ledger.activating,
                ledger.active,
                ledger.returning,
                ledger.withdrawn_fresh,
                ledger.withdrawn(),
            ] {
                out.number(u64::from(part));
            }
        }
        self.server.activations.values().filter(|a| a.state.is_live()).for_each(|a| write_activation(out, a));
        for container in self.server.containers.values() {
            out.number(match container.status {
                ContainerStatus::Normal => 0,
                ContainerStatus::ManipulationDetected => 1,
                ContainerStatus::Blacklisted => 2,
            });
        }
        for record in self.server.firms.values() {
            out.link(record.confirmed);
            write_steps(out, &record.pending);
            write_steps(out, &record.voided);
            if let Some(last) = &record.last_context {
                out.number(last.sequence);
                out.id(&last.hash);
            }
        }
        for ((_, _, sequence), hash) in &self.server.seen {
            out.number(*sequence);
            out.id(hash);
        }
    }
}

fn write_steps(out: &mut Writer, steps: &[PendingStep]) {
    out.number(steps.len() as u64);
    steps.iter().for_each(|step| out.id(&step.id.0));
}

fn write_activation(out: &mut Writer, activation: &Activation) {
    out.id(&activation.id.0);
    out.id(&activation.entry.0);
    out.number(u64::from(activation.quantity));
    out.number(u64::from(activation.withdraw));
    out.number(match activation.state {
        ActivationState::Activating { .. } => 0,
        ActivationState::Active { .. } => 1,
        _ => 2,
    });
    if let Some(step) = activation.state.pending_step() {
        out.id(&step.0);
    }
}

fn write_device(out: &mut Writer, state: &DeviceState) {
    out.number(state.certified_time.secs());
    let Some(item) = state.firm(firm()) else { return out.number(u64::MAX) };
    out.link(item.link);
    out.number(item.sequence);
    out.number(u64::from(item.locked));
    out.number(item.products.len() as u64);
    for product in &item.products {
        out.id(&product.entry.0);
        out.number(u64::from(product.quantity));
    }
    // Which removals are still told decides what a context says.
    out.number(item.removals.len() as u64);
}
