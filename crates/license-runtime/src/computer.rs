//! The containers of this computer, whoever holds them: the license runtime when it runs, the files otherwise.

use std::fs::{File, OpenOptions};
use std::path::Path;

use container_sim::binding::{BindingOutline, BindingReport};
use container_sim::traits::{HostTraits, LinuxHost};
use container_sim::{Container, ContainerError};
use licensing_core::access::{AccessRequest, Usable};
use licensing_core::device::Proof;
use licensing_core::format::blacklist::VerifiedBlacklist;
use licensing_core::format::preactivated::VerifiedPreActivated;
use licensing_core::ids::{ContainerSerial, FirmCode};
use licensing_core::origin::Origin;

use crate::access::{Answer, Found, Warning};
use crate::consent::Consent;
use crate::local::{
    self, Client, ContainerState, Pending, RemoteContainer, Request, SharedClient, Status, WarningInfo,
    unexpected,
};
use crate::registry::{Listed, Places, Registry, RuntimeError};
use crate::system::{SystemClock, SystemEntropy};

/// The containers of one computer. Programs that only want to know whether they may run need nothing else.
pub struct Computer {
    places: Places,
    entropy: SystemEntropy,
    way: Way,
}

enum Way {
    /// This program holds the containers.
    Files(Box<Registry>),
    /// The license runtime holds them.
    Runtime(SharedClient),
}

/// How this computer matches the one a container is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindingState {
    /// A dongle is bound to no computer.
    Unbound,
    /// The act license opens here.
    Opens(BindingReport),
    /// It does not.
    DoesNotOpen(BindingOutline),
}

impl Computer {
    /// The containers of this computer.
    ///
    /// # Errors
    /// [`RuntimeError::Busy`], or a folder cannot be made.
    pub fn open(places: Places) -> Result<Self, RuntimeError> {
        Self::open_on(places, || Box::new(LinuxHost::default()))
    }

    /// The containers of a computer with other traits, which count where this program holds the containers
    /// itself.
    ///
    /// # Errors
    /// As [`Computer::open`].
    pub fn open_on(places: Places, host: impl FnOnce() -> Box<dyn HostTraits>) -> Result<Self, RuntimeError> {
        let entropy = SystemEntropy::default();
        let way = match Client::connect(&places.socket)? {
            Some(client) => Way::Runtime(SharedClient::new(client)),
            None => match Registry::open_on(places.clone(), host()) {
                Ok(registry) => Way::Files(Box::new(registry)),
                // The runtime may have started between the two looks.
                Err(RuntimeError::Busy) => {
                    let client = Client::connect(&places.socket)?.ok_or(RuntimeError::Busy)?;
                    Way::Runtime(SharedClient::new(client))
                }
                Err(error) => return Err(error),
            },
        };
        Ok(Self { places, entropy, way })
    }

    /// What the license runtime is doing; `None` when it does not run.
    ///
    /// # Errors
    /// It does not answer.
    pub fn runtime(&mut self) -> Result<Option<Status>, RuntimeError> {
        match &self.way {
            Way::Files(_) => Ok(None),
            Way::Runtime(_) => match self.request(&Request::Status)? {
                local::Answer::Status(status) => Ok(Some(status)),
                other => Err(unexpected(other)),
            },
        }
    }

    fn request(&self, request: &Request) -> Result<local::Answer, RuntimeError> {
        match &self.way {
            Way::Runtime(client) => client.request(request),
            Way::Files(_) => Err(RuntimeError::Busy),
        }
    }

    /// Where unfinished transfers are kept.
    #[must_use]
    pub fn transfers(&self) -> &Path {
        &self.places.transfers
    }

    /// Waits until no other program transfers licenses, and keeps others out until the value is dropped.
    ///
    /// # Errors
    /// The lock cannot be made.
    pub fn begin_transfer(&self) -> Result<Option<File>, RuntimeError> {
        match &self.way {
            // Whoever holds the containers is alone already.
            Way::Files(_) => Ok(None),
            Way::Runtime(_) => {
                let path = self.places.transfers.join(".lock");
                let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
                file.lock()?;
                Ok(Some(file))
            }
        }
    }

    /// The entropy of this computer.
    pub const fn entropy(&mut self) -> &mut SystemEntropy {
        &mut self.entropy
    }

    /// The clock of this computer.
    #[must_use]
    pub const fn clock(&self) -> SystemClock {
        SystemClock
    }

    /// A container.
    ///
    /// # Errors
    /// It is not here, damaged, of another computer, or an older copy.
    pub fn container(&mut self, serial: ContainerSerial) -> Result<Box<dyn Container>, RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => registry.container(serial),
            Way::Runtime(_) => self.remote(&Request::Show { container: serial }),
        }
    }

    fn remote(&self, request: &Request) -> Result<Box<dyn Container>, RuntimeError> {
        let Way::Runtime(client) = &self.way else { return Err(RuntimeError::Busy) };
        match self.request(request)? {
            local::Answer::Containers(mut states) => {
                let state = states.pop().ok_or(ContainerError::NotFound)?;
                Ok(Box::new(RemoteContainer::new(client.clone(), state.container, state.is_test)))
            }
            other => Err(unexpected(other)),
        }
    }

    /// All containers, each opened or with the reason why it cannot be. None hides another.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&mut self) -> Result<Vec<Listed>, RuntimeError> {
        let client = match &mut self.way {
            Way::Files(registry) => return registry.list(),
            Way::Runtime(client) => client.clone(),
        };
        let listed = |state: ContainerState| Listed {
            serial: state.container,
            container: match state.firms {
                Ok(_) => {
                    Ok(Box::new(RemoteContainer::new(client.clone(), state.container, state.is_test)) as _)
                }
                Err((code, message)) => Err(ContainerError::Device { code, message }),
            },
        };
        match self.request(&Request::List)? {
            local::Answer::Containers(states) => Ok(states.into_iter().map(listed).collect()),
            other => Err(unexpected(other)),
        }
    }

    /// Makes an act license from a vendor's template.
    ///
    /// # Errors
    /// The template is not acceptable, the computer has no traits, or the disk failed.
    pub fn create_act(&mut self, template: &[u8]) -> Result<Box<dyn Container>, RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => registry.create_act(template),
            Way::Runtime(_) => self.remote(&Request::CreateAct { template: template.to_vec() }),
        }
    }

    /// Makes an emulated dongle with `flash_bytes` of flash memory.
    ///
    /// # Errors
    /// The disk failed.
    pub fn create_dongle(&mut self, flash_bytes: u64) -> Result<Box<dyn Container>, RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => registry.create_dongle(flash_bytes),
            Way::Runtime(_) => self.remote(&Request::CreateDongle { flash_bytes }),
        }
    }

    /// The file of a container.
    ///
    /// # Errors
    /// It is not here.
    pub fn export(&mut self, serial: ContainerSerial) -> Result<Vec<u8>, RuntimeError> {
        match &self.way {
            Way::Files(registry) => registry.export(serial),
            Way::Runtime(_) => match self.request(&Request::Export { container: serial })? {
                local::Answer::Bytes(bytes) => Ok(bytes),
                other => Err(unexpected(other)),
            },
        }
    }

    /// Takes a container's file into this computer, if it opens here.
    ///
    /// # Errors
    /// As [`Registry::import`].
    pub fn import(&mut self, bytes: &[u8]) -> Result<ContainerSerial, RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => registry.import(bytes),
            Way::Runtime(_) => {
                let serials = self.serials(&Request::Import { file: bytes.to_vec() })?;
                serials.first().copied().ok_or_else(|| ContainerError::NotFound.into())
            }
        }
    }

    fn serials(&self, request: &Request) -> Result<Vec<ContainerSerial>, RuntimeError> {
        match self.request(request)? {
            local::Answer::Serials(serials) => Ok(serials),
            other => Err(unexpected(other)),
        }
    }

    fn done(&self, request: &Request) -> Result<(), RuntimeError> {
        match self.request(request)? {
            local::Answer::Done => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    /// Serials of the containers that were pulled.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn pulled(&mut self) -> Result<Vec<ContainerSerial>, RuntimeError> {
        match &self.way {
            Way::Files(registry) => registry.pulled(),
            Way::Runtime(_) => self.serials(&Request::Pulled),
        }
    }

    /// Pulls a container.
    ///
    /// # Errors
    /// As [`Registry::pull`].
    pub fn pull(&mut self, serial: ContainerSerial) -> Result<(), RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => registry.pull(serial),
            Way::Runtime(_) => self.done(&Request::Pull { container: serial }),
        }
    }

    /// Plugs a pulled container in again.
    ///
    /// # Errors
    /// As [`Registry::plug`].
    pub fn plug(&mut self, serial: ContainerSerial) -> Result<(), RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => registry.plug(serial),
            Way::Runtime(_) => self.done(&Request::Plug { container: serial }),
        }
    }

    /// How this computer matches the one a container is bound to.
    ///
    /// # Errors
    /// The container is not here, or damaged.
    pub fn binding(&mut self, serial: ContainerSerial) -> Result<BindingState, RuntimeError> {
        let state = |report: Option<BindingReport>| report.map_or(BindingState::Unbound, BindingState::Opens);
        match &mut self.way {
            Way::Files(registry) => match registry.container(serial) {
                Ok(mut container) => Ok(state(container.binding_report()?)),
                Err(RuntimeError::Container(ContainerError::WrongComputer)) => {
                    Ok(BindingState::DoesNotOpen(registry.outline(serial)?))
                }
                Err(error) => Err(error),
            },
            Way::Runtime(_) => match self.request(&Request::Binding { container: serial })? {
                local::Answer::Binding { outline: Some(outline), .. } => {
                    Ok(BindingState::DoesNotOpen(outline))
                }
                local::Answer::Binding { report, .. } => Ok(state(report)),
                other => Err(unexpected(other)),
            },
        }
    }

    /// Whether a product can be used on this computer.
    ///
    /// # Errors
    /// The containers cannot be asked; a refusal is part of the answer.
    pub fn check(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
    ) -> Result<Found<Usable>, RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => Ok(registry.check(firm_code, request)),
            Way::Runtime(_) => {
                let found = self.usable(&Request::Check { firm_code, request: *request, container: None })?;
                Ok(map(found, |(usable, _)| usable))
            }
        }
    }

    /// Uses a product: takes the asked units and starts a usage period, durably. With the license runtime it
    /// also takes one of the concurrent uses, until [`Computer::release`] or until this value is dropped.
    ///
    /// # Errors
    /// The containers cannot be asked, or all uses are taken; a refusal is part of the answer.
    pub fn access(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
    ) -> Result<Found<(Usable, Option<u64>)>, RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => Ok(map(registry.access(firm_code, request), |usable| (usable, None))),
            Way::Runtime(_) => {
                self.usable(&Request::Access { firm_code, request: *request, container: None })
            }
        }
    }

    /// Gives a concurrent use back.
    ///
    /// # Errors
    /// There is no such use, or the runtime does not answer.
    pub fn release(&mut self, handle: u64) -> Result<(), RuntimeError> {
        self.done(&Request::Release { handle })
    }

    /// Lets a container that holds the product answer a challenge.
    ///
    /// # Errors
    /// The containers cannot be asked; a refusal is part of the answer.
    pub fn prove(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: &[u8; 32],
    ) -> Result<Found<Proof>, RuntimeError> {
        if let Way::Files(registry) = &mut self.way {
            return Ok(registry.prove(firm_code, request, challenge));
        }
        let prove = Request::Prove { firm_code, request: *request, challenge: *challenge, container: None };
        match self.request(&prove)? {
            local::Answer::Proven { source, proof, warnings } => {
                let outcome = Ok(Answer { source, value: proof });
                Ok(Found { outcome, warnings: warnings_of(warnings) })
            }
            local::Answer::Refused { refusal, warnings } => {
                Ok(Found { outcome: Err(refusal), warnings: warnings_of(warnings) })
            }
            other => Err(unexpected(other)),
        }
    }

    fn usable(&self, request: &Request) -> Result<Found<(Usable, Option<u64>)>, RuntimeError> {
        match self.request(request)? {
            local::Answer::Usable { source, usable, handle, warnings } => {
                let outcome = Ok(Answer { source, value: (usable, handle) });
                Ok(Found { outcome, warnings: warnings_of(warnings) })
            }
            local::Answer::Refused { refusal, warnings } => {
                Ok(Found { outcome: Err(refusal), warnings: warnings_of(warnings) })
            }
            other => Err(unexpected(other)),
        }
    }

    /// Takes a vendor's pre-activated license into this computer. Taking it again changes nothing.
    ///
    /// # Errors
    /// As [`Registry::install_preactivated`].
    pub fn install_preactivated(&mut self, file: &[u8]) -> Result<VerifiedPreActivated, RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => registry.install_preactivated(file),
            Way::Runtime(_) => {
                let license = VerifiedPreActivated::verify(file, None)?;
                self.done(&Request::InstallPreActivated { file: file.to_vec() })?;
                Ok(license)
            }
        }
    }

    /// Takes a vendor's blacklist into this computer and gives the one in force.
    ///
    /// # Errors
    /// As [`Registry::import_blacklist`].
    pub fn import_blacklist(&mut self, file: &[u8]) -> Result<VerifiedBlacklist, RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => registry.import_blacklist(file),
            Way::Runtime(_) => match self.request(&Request::ImportBlacklist { file: file.to_vec() })? {
                local::Answer::Bytes(in_force) => Ok(VerifiedBlacklist::verify(&in_force, None)?),
                other => Err(unexpected(other)),
            },
        }
    }

    /// Origins the user allowed to talk to the browser agent, and those that ask.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn agent_list(&mut self) -> Result<(Vec<Consent>, Vec<Pending>), RuntimeError> {
        match &self.way {
            Way::Files(registry) => Ok((registry.consents()?, Vec::new())),
            Way::Runtime(_) => match self.request(&Request::AgentList)? {
                local::Answer::Agent { allowed, pending } => Ok((allowed, pending)),
                other => Err(unexpected(other)),
            },
        }
    }

    /// Allows an origin to talk to the browser agent.
    ///
    /// # Errors
    /// The disk failed, or too many origins are allowed.
    pub fn agent_allow(&mut self, origin: &Origin) -> Result<(), RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => registry.allow(origin).map(drop),
            Way::Runtime(_) => self.done(&Request::AgentAllow { origin: origin.clone() }),
        }
    }

    /// Takes the consent for an origin back, or refuses one that asks.
    ///
    /// # Errors
    /// It is not allowed and does not ask, or the disk failed.
    pub fn agent_revoke(&mut self, origin: &Origin) -> Result<(), RuntimeError> {
        match &mut self.way {
            Way::Files(registry) => match registry.revoke(origin)? {
                true => Ok(()),
                false => Err(RuntimeError::Remote {
                    code: "agent_origin_unknown".to_owned(),
                    message: format!("{origin} is not allowed and does not ask"),
                }),
            },
            Way::Runtime(_) => self.done(&Request::AgentRevoke { origin: origin.clone() }),
        }
    }
}

fn map<T, U>(found: Found<T>, map: impl FnOnce(T) -> U) -> Found<U> {
    let outcome = found.outcome.map(|answer| Answer { source: answer.source, value: map(answer.value) });
    Found { outcome, warnings: found.warnings }
}

fn warnings_of(warnings: Vec<WarningInfo>) -> Vec<Warning> {
    let warning = |w: WarningInfo| Warning {
        serial: w.container,
        error: ContainerError::Device { code: w.code, message: w.message },
    };
    warnings.into_iter().map(warning).collect()
}
