//! The owner of a computer's containers: holds the registry, keeps containers open between requests, and counts
//! concurrent uses. Everybody else asks it, one after the other.

mod handle;
mod uses;

pub use handle::OwnerHandle;

use std::collections::BTreeMap;

use container_sim::{Container, ContainerError, FirmInfo};
use licensing_core::access::{AccessRefusal, AccessRequest, Usable};
use licensing_core::device::Proof;
use licensing_core::format::blacklist::VerifiedBlacklist;
use licensing_core::ids::{ContainerSerial, FirmCode};
use licensing_core::origin::Origin;
use licensing_core::time::Timestamp;

use crate::access::{Answer, Found, Source, Warning};
use crate::local::Pending;
use crate::registry::{FileStamp, Registry, RuntimeError};
use crate::system::SystemEntropy;
use uses::Uses;

/// Most origins that may ask at a time.
#[cfg(feature = "agent")]
const PENDING_MAX: usize = 20;

/// Which containers are asked for a license.
pub(crate) type Scope = Option<ContainerSerial>;

/// The containers of this computer, open, and who uses what.
pub(crate) struct Owner {
    registry: Registry,
    open: BTreeMap<ContainerSerial, (Option<FileStamp>, Box<dyn Container>)>,
    pub(crate) uses: Uses,
    pending: Vec<Pending>,
    /// Blacklists in force, as they were read; forgotten when a vendor's file comes in.
    blacklists: BTreeMap<FirmCode, Option<VerifiedBlacklist>>,
}

impl Owner {
    pub(crate) fn new(registry: Registry) -> Self {
        let (open, blacklists) = (BTreeMap::new(), BTreeMap::new());
        Self { registry, open, uses: Uses::default(), pending: Vec::new(), blacklists }
    }

    /// The registry, for what does not concern an open container.
    pub(crate) const fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.registry.clock().now()
    }

    /// Forgets what is open, so that the files are looked at again.
    pub(crate) fn close_all(&mut self) {
        self.open.clear();
    }

    /// Does something with a container, opening it when it is not open or when its file was changed.
    pub(crate) fn with<T>(
        &mut self,
        serial: ContainerSerial,
        act: impl FnOnce(&mut dyn Container, &mut SystemEntropy, Timestamp) -> Result<T, ContainerError>,
    ) -> Result<T, RuntimeError> {
        let now = self.now();
        self.holding(serial, |owner, container| Ok(act(container, owner.registry.entropy(), now)?))
    }

    /// The same, with everything else the owner has.
    fn holding<T>(
        &mut self,
        serial: ContainerSerial,
        act: impl FnOnce(&mut Self, &mut dyn Container) -> Result<T, RuntimeError>,
    ) -> Result<T, RuntimeError> {
        let stamp = self.registry.stamp(serial);
        let known = self.open.remove(&serial).filter(|(known, _)| stamp.is_some() && *known == stamp);
        let mut container = match known {
            Some((_, container)) => container,
            None => self.registry.container(serial)?,
        };
        let outcome = act(self, container.as_mut());
        // After a failure of the storage nobody knows what is on the disk: it is opened again next time.
        let is_sound = match &outcome {
            Ok(_) | Err(RuntimeError::AllUsesTaken { .. }) => true,
            Err(RuntimeError::Container(error)) => {
                matches!(error, ContainerError::Access(_) | ContainerError::Device { .. })
            }
            Err(_) => false,
        };
        if is_sound {
            self.open.insert(serial, (self.registry.stamp(serial), container));
        }
        outcome
    }

    /// The firm items of a container.
    pub(crate) fn firms(&mut self, serial: ContainerSerial) -> Result<Vec<FirmInfo>, RuntimeError> {
        self.with(serial, |container, _, _| container.firms())
    }

    /// Takes a vendor's pre-activated license into this computer.
    pub(crate) fn install_preactivated(&mut self, file: &[u8]) -> Result<(), RuntimeError> {
        self.registry.install_preactivated(file).map(drop)
    }

    /// Takes a vendor's blacklist into this computer and gives the file that is in force.
    pub(crate) fn import_blacklist(&mut self, file: &[u8]) -> Result<Vec<u8>, RuntimeError> {
        let firm_code = self.registry.import_blacklist(file)?.body().firm_code;
        self.blacklists.clear();
        Ok(self.registry.blacklist_file(firm_code)?.unwrap_or_default())
    }

    fn is_blacklisted(&mut self, serial: ContainerSerial, firm_code: FirmCode) -> bool {
        let registry = &self.registry;
        // A list that cannot be read refuses nothing, as without the runtime.
        let read = || registry.blacklist(firm_code).unwrap_or_default();
        let list = self.blacklists.entry(firm_code).or_insert_with(read);
        list.as_ref().is_some_and(|list| list.lists(serial))
    }

    fn ask<T>(
        &mut self,
        firm_code: FirmCode,
        scope: Scope,
        mut ask: impl FnMut(&mut Self, ContainerSerial) -> Result<T, RuntimeError>,
    ) -> Result<Found<T>, RuntimeError> {
        let mut found = Found { outcome: Err(AccessRefusal::NoLicense), warnings: Vec::new() };
        let mut taken = None;
        let serials = match scope {
            Some(serial) => vec![serial],
            None => self.registry.serials()?,
        };
        for serial in serials {
            let asked = match self.is_blacklisted(serial, firm_code) {
                true => Err(ContainerError::Access(AccessRefusal::Blacklisted).into()),
                false => ask(self, serial),
            };
            match asked {
                Ok(value) => {
                    found.outcome = Ok(Answer { source: Source::Container(serial), value });
                    return Ok(found);
                }
                Err(RuntimeError::Container(ContainerError::Access(refusal))) => {
                    if found.outcome.as_ref().is_err_and(|known| refusal.is_closer_than(known)) {
                        found.outcome = Err(refusal);
                    }
                }
                Err(error @ RuntimeError::AllUsesTaken { .. }) => taken = Some(error),
                Err(RuntimeError::Container(error)) if scope.is_none() => {
                    found.warnings.push(Warning { serial, error });
                }
                Err(error) => return Err(error),
            }
        }
        // A license that is in use elsewhere is closer than none at all.
        taken.map_or(Ok(found), Err)
    }

    /// Whether a product can be used.
    pub(crate) fn check(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        scope: Scope,
    ) -> Result<Found<Usable>, RuntimeError> {
        let found = self.ask(firm_code, scope, |owner, serial| {
            owner.with(serial, |container, _, now| container.check(firm_code, request, now))
        })?;
        Ok(self.or_preactivated(found, scope, |registry| registry.check_preactivated(firm_code, request)))
    }

    /// Uses a product: takes a concurrent use for `connection` and consumes what was asked for.
    pub(crate) fn access(
        &mut self,
        connection: u64,
        firm_code: FirmCode,
        request: &AccessRequest,
        scope: Scope,
    ) -> Result<Found<(Usable, u64)>, RuntimeError> {
        let now = self.now();
        let found = self.ask(firm_code, scope, |owner, serial| {
            let wanted = uses::Wanted { serial, firm_code, product_code: request.product_code };
            owner.holding(serial, |owner, container| {
                let usable = container.check(firm_code, request, now)?;
                owner.uses.has_room(&wanted, &container.firms()?, usable.entry, now)?;
                let usable = container.consume(firm_code, request, now, owner.registry.entropy())?;
                Ok((usable, owner.uses.take(connection, wanted, now)))
            })
        })?;
        // A pre-activated license has neither units nor a usage period, and its uses are not counted.
        Ok(self.or_preactivated(found, scope, |registry| {
            let answer = registry.check_preactivated(firm_code, request)?;
            Ok(Answer { source: answer.source, value: (answer.value, 0) })
        }))
    }

    /// Looks among the pre-activated licenses of this computer when no container has what is asked for.
    fn or_preactivated<T>(
        &self,
        found: Found<T>,
        scope: Scope,
        ask: impl FnOnce(&Registry) -> Result<Answer<T>, AccessRefusal>,
    ) -> Found<T> {
        if scope.is_some() { found } else { found.or(|| ask(&self.registry)) }
    }

    /// Lets a container answer a challenge.
    pub(crate) fn prove(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: &[u8; 32],
        scope: Scope,
    ) -> Result<Found<Proof>, RuntimeError> {
        let found = self.ask(firm_code, scope, |owner, serial| {
            owner.with(serial, |container, _, now| container.prove(firm_code, request, challenge, now))
        })?;
        Ok(self.or_preactivated(found, scope, |registry| {
            registry.prove_preactivated(firm_code, request, challenge)
        }))
    }

    /// Pulls a container; what was in use from it is not any more.
    pub(crate) fn pull(&mut self, serial: ContainerSerial) -> Result<(), RuntimeError> {
        self.open.remove(&serial);
        self.registry.pull(serial)?;
        self.uses.forget_container(serial);
        Ok(())
    }

    /// Plugs a container in.
    pub(crate) fn plug(&mut self, serial: ContainerSerial) -> Result<(), RuntimeError> {
        self.open.remove(&serial);
        self.registry.plug(serial)
    }

    /// Notes that an origin asks; asking again changes nothing.
    #[cfg(feature = "agent")]
    pub(crate) fn note_pending(&mut self, pending: Pending) -> Result<(), RuntimeError> {
        if self.pending.iter().any(|known| known.origin == pending.origin) {
            return Ok(());
        }
        if self.pending.len() >= PENDING_MAX {
            let message = "too many origins are asking".to_owned();
            return Err(RuntimeError::Remote { code: "agent_limit".to_owned(), message });
        }
        self.pending.push(pending);
        Ok(())
    }

    /// Whether an origin still asks.
    #[cfg(feature = "agent")]
    pub(crate) fn is_pending(&self, origin: &Origin) -> bool {
        self.pending.iter().any(|known| known.origin == *origin)
    }

    /// The origins that ask.
    pub(crate) fn pending(&self) -> Vec<Pending> {
        self.pending.clone()
    }

    /// The question of an origin is answered, or was withdrawn.
    pub(crate) fn forget_pending(&mut self, origin: &Origin) -> bool {
        let before = self.pending.len();
        self.pending.retain(|known| known.origin != *origin);
        self.pending.len() < before
    }
}
