//! Containers of both kinds on a storage whose power can fail, and a server that programs them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "shared by several test programs, each using a part"
)]
#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use container_sim::act::{ActHost, ActLicense};
use container_sim::binding::KdfCost;
use container_sim::dongle::{Card, Dongle};
use container_sim::storage::PowerStorage;
use container_sim::traits::{HostTrait, HostTraits, MapTraits};
use container_sim::{Container, ContainerError};
use licensing_core::Entropy;
use licensing_core::format::template::TemplateBody;
use licensing_core::ids::{ContainerKind, ContainerSerial};
use licensing_core::terms::Tolerance;
use licensing_core::testing::TestEntropy;

use licensing_testkit::server::{NOW, Server, firm};

pub fn host() -> Vec<(String, String)> {
    let pairs = [("product_uuid", "u-1"), ("board_serial", "b-1"), ("machine_id", "m-1"), ("cpu", "c-1")];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

pub fn template(server: &mut Server, tolerance: Tolerance) -> Vec<u8> {
    let body = TemplateBody { firm_code: firm(), tolerance, trait_salt: [3; 16], certified_time: NOW };
    body.sign(server.issuer.certificates.clone(), &server.issuer.key)
}

/// A kind of container with the storages it lives on.
#[derive(Clone)]
pub struct Place {
    pub kind: ContainerKind,
    pub files: PowerStorage,
    pub anchors: PowerStorage,
    pub traits: Vec<HostTrait>,
}

impl Place {
    pub fn new(kind: ContainerKind) -> Self {
        let traits = MapTraits(host()).collect();
        let files = PowerStorage::default();
        // File and anchor hang on one plug, so that the power can fail between the two.
        let anchors = files.neighbour();
        Self { kind, files, anchors, traits }
    }

    fn act_host(&self) -> ActHost {
        ActHost {
            storage: Box::new(self.files.clone()),
            anchors: vec![Box::new(self.anchors.clone())],
            traits: self.traits.clone(),
            simulated: false,
            cost: KdfCost::FOR_TESTS,
        }
    }

    pub fn create(&self, template: &[u8], seed: u64) -> Result<Box<dyn Container>, ContainerError> {
        let mut entropy = TestEntropy::new(seed);
        Ok(match self.kind {
            ContainerKind::Act => Box::new(ActLicense::create(self.act_host(), template, NOW, &mut entropy)?),
            ContainerKind::Dongle => {
                let card = Card::make(Box::new(self.files.clone()), Box::new(entropy), 16_384, false, NOW)?;
                Box::new(Dongle::connect(card)?)
            }
        })
    }

    pub fn open(&self, serial: ContainerSerial, seed: u64) -> Result<Box<dyn Container>, ContainerError> {
        let mut entropy = TestEntropy::new(seed);
        Ok(match self.kind {
            ContainerKind::Act => Box::new(ActLicense::open(self.act_host(), serial, &mut entropy)?),
            ContainerKind::Dongle => {
                let card = Card::insert(Box::new(self.files.clone()), Box::new(entropy), serial)?;
                Box::new(Dongle::connect(card)?)
            }
        })
    }

    pub fn reboot(&self, chance: &mut dyn Entropy) {
        self.files.reboot(chance);
        self.anchors.reboot(chance);
    }

    pub fn file_name(&self, serial: ContainerSerial) -> String {
        match self.kind {
            ContainerKind::Act => container_sim::act::file_name(serial),
            ContainerKind::Dongle => container_sim::dongle::file_name(serial),
        }
    }
}
