//! The messages of the local protocol. The order of the variants is the protocol: new ones go to the end.

use container_sim::binding::{BindingOutline, BindingReport};
use container_sim::{FirmInfo, FlashInfo};
use licensing_core::access::{AccessRefusal, AccessRequest, Usable};
use licensing_core::codec::{Decode, Encode};
use licensing_core::device::{ApplyReport, Proof};
use licensing_core::ids::{ContainerSerial, FirmCode, FlashName, Name};
use licensing_core::origin::Origin;
use licensing_core::time::Timestamp;

use crate::access::Source;
use crate::consent::Consent;

/// What a program asks the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Request {
    /// First of all: the version of the protocol the program speaks.
    Hello {
        /// [`PROTOCOL`](crate::local::PROTOCOL).
        protocol: u32,
    },
    /// What the runtime is doing.
    Status,
    /// Whether a product can be used, in any container or in the named one.
    Check {
        /// The vendor.
        firm_code: FirmCode,
        /// The product, features, units.
        request: AccessRequest,
        /// Only this container.
        container: Option<ContainerSerial>,
    },
    /// Uses a product: takes the units, starts a usage period, and takes one of the concurrent uses until
    /// released or until the connection ends.
    Access {
        /// The vendor.
        firm_code: FirmCode,
        /// The product, features, units.
        request: AccessRequest,
        /// Only this container.
        container: Option<ContainerSerial>,
    },
    /// Gives a use back.
    Release {
        /// The handle of the access.
        handle: u64,
    },
    /// Lets a container that holds the product answer a challenge.
    Prove {
        /// The vendor.
        firm_code: FirmCode,
        /// The product, features, units.
        request: AccessRequest,
        /// Fresh random bytes.
        challenge: [u8; 32],
        /// Only this container.
        container: Option<ContainerSerial>,
    },
    /// All containers that are plugged in.
    List,
    /// What is in a container.
    Show {
        /// The container.
        container: ContainerSerial,
    },
    /// Makes an act license from a vendor's template.
    CreateAct {
        /// The template.
        template: Vec<u8>,
    },
    /// Makes an emulated dongle.
    CreateDongle {
        /// Flash memory, in bytes.
        flash_bytes: u64,
    },
    /// Takes a vendor's template into an act license.
    RegisterTemplate {
        /// The container.
        container: ContainerSerial,
        /// The template.
        template: Vec<u8>,
    },
    /// Makes a context.
    CreateContext {
        /// The container.
        container: ContainerSerial,
        /// The vendor.
        firm_code: FirmCode,
    },
    /// Imports an update.
    ImportUpdate {
        /// The container.
        container: ContainerSerial,
        /// The update.
        update: Vec<u8>,
    },
    /// How well this computer matches the one an act license is bound to.
    Binding {
        /// The container.
        container: ContainerSerial,
    },
    /// The file of a container.
    Export {
        /// The container.
        container: ContainerSerial,
    },
    /// Takes a container's file into this computer.
    Import {
        /// The file.
        file: Vec<u8>,
    },
    /// Pulls a container.
    Pull {
        /// The container.
        container: ContainerSerial,
    },
    /// Plugs a pulled container in.
    Plug {
        /// The container.
        container: ContainerSerial,
    },
    /// Containers that were pulled.
    Pulled,
    /// What is in the flash memory of a dongle.
    Flash {
        /// The dongle.
        container: ContainerSerial,
    },
    /// Stores a file in flash memory.
    FlashStore {
        /// The dongle.
        container: ContainerSerial,
        /// Name of the file.
        name: FlashName,
        /// Its content.
        content: Vec<u8>,
    },
    /// Fetches a file from flash memory.
    FlashFetch {
        /// The dongle.
        container: ContainerSerial,
        /// Name of the file.
        name: FlashName,
    },
    /// Removes a file from flash memory.
    FlashRemove {
        /// The dongle.
        container: ContainerSerial,
        /// Name of the file.
        name: FlashName,
    },
    /// Origins the user allowed, and those that ask.
    AgentList,
    /// Allows an origin.
    AgentAllow {
        /// The origin.
        origin: Origin,
    },
    /// Takes the consent for an origin back, or refuses one that asks.
    AgentRevoke {
        /// The origin.
        origin: Origin,
    },
    /// Takes a vendor's pre-activated license into this computer.
    InstallPreActivated {
        /// The file.
        file: Vec<u8>,
    },
    /// Takes a vendor's blacklist into this computer; answered with the file that is in force.
    ImportBlacklist {
        /// The file.
        file: Vec<u8>,
    },
}

/// What the runtime answers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// The program said hello in a version the runtime speaks.
    Hello {
        /// The version both speak.
        protocol: u32,
    },
    /// What was asked is done.
    Done,
    /// It cannot be done.
    Failed {
        /// Stable code.
        code: String,
        /// What happened.
        message: String,
    },
    /// The product cannot be used.
    Refused {
        /// Why: the refusal of the container that came closest.
        refusal: AccessRefusal,
        /// Containers that could not be looked into.
        warnings: Vec<WarningInfo>,
    },
    /// What the runtime is doing.
    Status(Status),
    /// The product can be used, or is used.
    Usable {
        /// Where the license is.
        source: Source,
        /// What it grants.
        usable: Usable,
        /// What the access is released with; none for a check, 0 for a license whose uses are not counted.
        handle: Option<u64>,
        /// Containers that could not be looked into.
        warnings: Vec<WarningInfo>,
    },
    /// The answer to a challenge.
    Proven {
        /// Where the license is.
        source: Source,
        /// Its proof.
        proof: Proof,
        /// Containers that could not be looked into.
        warnings: Vec<WarningInfo>,
    },
    /// Containers.
    Containers(Vec<ContainerState>),
    /// Bytes: a context, a container's file, a file from flash memory.
    Bytes(Vec<u8>),
    /// What an import did.
    Imported(ApplyReport),
    /// How well this computer matches.
    Binding {
        /// For an act license that opens here.
        report: Option<BindingReport>,
        /// For one that does not.
        outline: Option<BindingOutline>,
    },
    /// Serials.
    Serials(Vec<ContainerSerial>),
    /// What is in a flash memory.
    Flash(FlashInfo),
    /// Who may talk to the browser agent, and who asks.
    Agent {
        /// Allowed origins.
        allowed: Vec<Consent>,
        /// Origins that ask.
        pending: Vec<Pending>,
    },
}

/// What the runtime is doing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Addresses the browser agent listens on; none when it is off.
    pub agent: Vec<String>,
    /// Programs connected.
    pub connections: u32,
    /// Concurrent uses that are taken.
    pub uses: Vec<Grant>,
}

/// A concurrent use that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Grant {
    /// The container.
    pub container: ContainerSerial,
    /// The vendor.
    pub firm_code: FirmCode,
    /// The product.
    pub product_code: licensing_core::ids::ProductCode,
    /// Since when.
    pub since: Timestamp,
}

/// A container that could not be looked into.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WarningInfo {
    /// The container.
    pub container: ContainerSerial,
    /// Stable code.
    pub code: String,
    /// What happened.
    pub message: String,
}

/// A container that is plugged in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ContainerState {
    /// Its serial.
    pub container: ContainerSerial,
    /// Made on simulated host traits.
    pub is_test: bool,
    /// Its firm items, or why it cannot be looked into.
    pub firms: Result<Vec<FirmInfo>, (String, String)>,
}

/// An origin that asks for consent.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Pending {
    /// The origin.
    pub origin: Origin,
    /// The vendor whose grant it showed.
    pub firm_code: FirmCode,
    /// The vendor's name.
    pub firm_name: Name,
    /// Since when it asks.
    pub asked_at: Timestamp,
}
