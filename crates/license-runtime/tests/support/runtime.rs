//! A license runtime in this process, on a folder of its own, and a server that programs its containers.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "shared by several test programs, each using a part"
)]
#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use license_runtime::local::{Client, serve};
use license_runtime::{Computer, OwnerHandle, Places, Registry};
use licensing_core::format::template::TemplateBody;
use licensing_core::ids::ContainerSerial;
use licensing_core::item::ItemPolicy;
use licensing_core::terms::{LicenseTerms, Tolerance};
use licensing_testkit::server::{NOW, Server, firm};
use tempfile::TempDir;

pub struct Runtime {
    pub folder: TempDir,
    pub places: Places,
    pub owner: OwnerHandle,
}

impl Runtime {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::below(folder.path(), &folder.path().join("state"));
        let opened = places.clone();
        let owner = OwnerHandle::new(Registry::open(opened).unwrap());
        let server = serve(&places.socket, owner.clone(), Vec::new()).unwrap();
        std::thread::spawn(move || server.run());
        Self { folder, places, owner }
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.places.socket).unwrap().expect("it runs")
    }

    pub fn computer(&self) -> Computer {
        let mut computer = Computer::open(self.places.clone()).unwrap();
        assert!(computer.runtime().unwrap().is_some(), "through the runtime");
        computer
    }
}

/// A vendor's server that accepts emulated dongles.
pub fn vendor() -> Server {
    let mut server = Server::new(11);
    server.makers = vec![licensing_core::trust::emulator_maker().public_key()];
    server
}

pub fn template(server: &Server) -> Vec<u8> {
    let body = TemplateBody {
        firm_code: firm(),
        tolerance: Tolerance::Loose,
        trait_salt: [3; 16],
        certified_time: NOW,
    };
    body.sign(server.issuer.certificates.clone(), &server.issuer.key)
}

/// Sells a license and brings it into a container.
pub fn activate(
    server: &mut Server,
    computer: &mut Computer,
    serial: ContainerSerial,
    terms: LicenseTerms,
    quantity: u32,
) {
    let (ticket, _) = server.order(terms, ItemPolicy::default(), quantity);
    let now = computer.clock().now();
    let mut entropy = computer.entropy().clone();
    let mut container = computer.container(serial).unwrap();
    let context = container.create_context(firm(), now, &mut entropy).unwrap();
    let update = server.activate(&context, ticket, &[]).unwrap();
    container.import_update(&update, &mut entropy).unwrap();
    let receipt = container.create_context(firm(), now, &mut entropy).unwrap();
    server.receipt(&receipt).unwrap();
}
