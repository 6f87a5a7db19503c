//! Access to licenses over all containers of a computer.

use container_sim::{Container, ContainerError};
use licensing_core::access::{AccessRefusal, AccessRequest, Usable};
use licensing_core::codec::{Decode, Encode};
use licensing_core::device::Proof;
use licensing_core::ids::{ContainerSerial, FirmCode, PreActivationId};

use crate::registry::{Registry, RuntimeError};

/// A container that could not be looked into: reported, never hidden, and never in the way of the others.
#[derive(Debug)]
pub struct Warning {
    /// The container.
    pub serial: ContainerSerial,
    /// Why not.
    pub error: ContainerError,
}

/// Where a license is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Source {
    /// In this container.
    Container(ContainerSerial),
    /// In this pre-activated license, which is bound to nothing.
    PreActivated(PreActivationId),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Container(serial) => write!(f, "container {serial}"),
            Self::PreActivated(id) => write!(f, "pre-activated license {id}"),
        }
    }
}

/// What a license can be used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<T> {
    /// Where it is.
    pub source: Source,
    /// What it grants, or proves.
    pub value: T,
}

/// The outcome of asking all containers.
#[derive(Debug)]
pub struct Found<T> {
    /// The answer of the container that has the license, or the refusal of the one that came closest.
    pub outcome: Result<Answer<T>, AccessRefusal>,
    /// Containers that could not be looked into.
    pub warnings: Vec<Warning>,
}

impl<T> Found<T> {
    /// Asks elsewhere when no container has the license; the refusal that came closest stays.
    pub(crate) fn or(mut self, ask: impl FnOnce() -> Result<Answer<T>, AccessRefusal>) -> Self {
        if let Err(known) = &self.outcome {
            match ask() {
                Ok(answer) => self.outcome = Ok(answer),
                Err(refusal) if refusal.is_closer_than(known) => self.outcome = Err(refusal),
                Err(_) => {}
            }
        }
        self
    }
}

impl Registry {
    /// Whether a product can be used on this computer.
    pub fn check(&mut self, firm_code: FirmCode, request: &AccessRequest) -> Found<Usable> {
        let now = self.clock().now();
        let found = self.ask(firm_code, |container, _| container.check(firm_code, request, now));
        found.or(|| self.check_preactivated(firm_code, request))
    }

    /// Uses a product: takes the asked units and starts a usage period, durably.
    pub fn access(&mut self, firm_code: FirmCode, request: &AccessRequest) -> Found<Usable> {
        let now = self.clock().now();
        let found =
            self.ask(firm_code, |container, entropy| container.consume(firm_code, request, now, entropy));
        // A pre-activated license has neither units nor a usage period: using it changes nothing.
        found.or(|| self.check_preactivated(firm_code, request))
    }

    /// Lets a container that holds the product answer a challenge.
    pub fn prove(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: &[u8; 32],
    ) -> Found<Proof> {
        let now = self.clock().now();
        let found = self.ask(firm_code, |container, _| container.prove(firm_code, request, challenge, now));
        found.or(|| self.prove_preactivated(firm_code, request, challenge))
    }

    fn ask<T>(
        &mut self,
        firm_code: FirmCode,
        mut ask: impl FnMut(&mut dyn Container, &mut crate::SystemEntropy) -> Result<T, ContainerError>,
    ) -> Found<T> {
        let mut found = Found { outcome: Err(AccessRefusal::NoLicense), warnings: Vec::new() };
        for serial in self.serials().unwrap_or_default() {
            let listed = self.is_blacklisted(serial, firm_code);
            let asked = match self.container(serial) {
                Ok(_) if listed => Err(ContainerError::Access(AccessRefusal::Blacklisted)),
                Ok(mut container) => ask(container.as_mut(), self.entropy()),
                Err(RuntimeError::Container(error)) => Err(error),
                Err(_) => continue,
            };
            match asked {
                Ok(value) => {
                    found.outcome = Ok(Answer { source: Source::Container(serial), value });
                    return found;
                }
                Err(ContainerError::Access(refusal)) => {
                    if found.outcome.as_ref().is_err_and(|known| refusal.is_closer_than(known)) {
                        found.outcome = Err(refusal);
                    }
                }
                Err(error) => found.warnings.push(Warning { serial, error }),
            }
        }
        found
    }
}
