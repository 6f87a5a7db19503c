//! Concurrent uses: who has which license in use on this computer.

use std::collections::BTreeMap;

use container_sim::FirmInfo;
use licensing_core::ids::{ContainerSerial, EntryId, FirmCode, ProductCode};
use licensing_core::terms::AccessMode;
use licensing_core::time::Timestamp;

use crate::local::Grant;
use crate::registry::RuntimeError;

/// A product in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) serial: ContainerSerial,
    pub(crate) firm_code: FirmCode,
    pub(crate) product_code: ProductCode,
}

struct Use {
    connection: u64,
    of: Wanted,
    since: Timestamp,
}

/// All uses that are taken.
#[derive(Default)]
pub(crate) struct Uses {
    taken: BTreeMap<u64, Use>,
    last_handle: u64,
}

/// How many programs may use a product of a container at a time; `None` when they are not counted.
fn limit(wanted: &Wanted, firms: &[FirmInfo], entry: EntryId, now: Timestamp) -> Option<u64> {
    let products = firms.iter().filter(|firm| firm.firm_code == wanted.firm_code).flat_map(|f| &f.products);
    let offering: Vec<_> = products
        .filter(|product| {
            let is_module = |m: &licensing_core::terms::Module| m.product_code == wanted.product_code;
            let offers =
                product.product_code == wanted.product_code || product.terms.modules.iter().any(is_module);
            offers && product.terms.expires.is_none_or(|end| now < end)
        })
        .collect();
    let used = offering.iter().find(|product| product.entry == entry)?;
    match used.terms.access {
        // One computer is one station: its programs share a use.
        AccessMode::StationShare | AccessMode::NoUserLimit => None,
        AccessMode::Exclusive => Some(1),
        AccessMode::UserLimit | AccessMode::LocalOnly => {
            let uses = |product: &&&container_sim::ProductInfo| {
                let ordered = u64::from(product.quantity) * u64::from(product.terms.license_quantity);
                ordered.saturating_add(product.added_uses)
            };
            Some(offering.iter().filter(|p| p.terms.access == used.terms.access).map(|p| uses(&p)).sum())
        }
    }
}

impl Uses {
    /// Whether one more program may use the product.
    pub(crate) fn has_room(
        &self,
        wanted: &Wanted,
        firms: &[FirmInfo],
        entry: EntryId,
        now: Timestamp,
    ) -> Result<(), RuntimeError> {
        let taken = self.taken.values().filter(|one| one.of == *wanted).count() as u64;
        match limit(wanted, firms, entry, now) {
            Some(uses) if taken >= uses => Err(RuntimeError::AllUsesTaken { uses }),
            _ => Ok(()),
        }
    }

    /// Takes a use and gives its handle.
    pub(crate) fn take(&mut self, connection: u64, of: Wanted, since: Timestamp) -> u64 {
        self.last_handle += 1;
        self.taken.insert(self.last_handle, Use { connection, of, since });
        self.last_handle
    }

    /// Gives a use back; whether the connection had it.
    pub(crate) fn release(&mut self, connection: u64, handle: u64) -> bool {
        let is_mine = self.taken.get(&handle).is_some_and(|one| one.connection == connection);
        is_mine && self.taken.remove(&handle).is_some()
    }

    /// A program has ended, or let go of everything.
    pub(crate) fn forget_connection(&mut self, connection: u64) {
        self.taken.retain(|_, one| one.connection != connection);
    }

    /// A container was pulled.
    pub(crate) fn forget_container(&mut self, serial: ContainerSerial) {
        self.taken.retain(|_, one| one.of.serial != serial);
    }

    /// All uses, oldest first.
    pub(crate) fn all(&self) -> Vec<Grant> {
        let grant = |one: &Use| Grant {
            container: one.of.serial,
            firm_code: one.of.firm_code,
            product_code: one.of.product_code,
            since: one.since,
        };
        self.taken.values().map(grant).collect()
    }
}
