//! R8: a container applies one step.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use container_sim::Container;
use container_sim::act::{ActHost, ActLicense};
use container_sim::binding::KdfCost;
use container_sim::dongle::{Card, Dongle};
use container_sim::storage::{DirStorage, Storage};
use container_sim::traits::{HostTraits as _, MapTraits};
use licensing_core::format::template::TemplateBody;
use licensing_core::ids::ContainerKind;
use licensing_core::item::ItemPolicy;
use licensing_core::terms::{LicenseTerms, Tolerance};
use licensing_core::testing::TestEntropy;
use licensing_testkit::server::{NOW, Server, firm};

use super::Bench;
use crate::floor::crypto;
use crate::load::histogram;
use crate::report::{Goal, Line, Rounds, short};

/// Signatures of an update: two certificates and itself.
const SIGNATURES: f64 = 3.0;

/// What was done to a storage.
#[derive(Debug, Clone)]
enum Operation {
    Write { name: String, offset: u64, length: usize },
    Sync(String),
    Rename(String, String),
    Remove(String),
    SyncFolder,
}

/// A folder that remembers what is written to it, so that the same can be written without the container.
#[derive(Clone)]
struct Recorded {
    folder: DirStorage,
    done: Arc<Mutex<Vec<Operation>>>,
}

impl Recorded {
    fn new(folder: &Path) -> Result<Self> {
        Ok(Self { folder: DirStorage::open(folder)?, done: Arc::default() })
    }

    fn note(&self, operation: Operation) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
    }

    /// Forgets what was done, and gives it.
    fn take(&self) -> Vec<Operation> {
        std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Storage for Recorded {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.folder.read(name)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.note(Operation::Write { name: name.to_owned(), offset, length: bytes.len() });
        self.folder.write_at(name, offset, bytes)
    }

    fn read_at(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.folder.read_at(name, offset, len)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.note(Operation::Sync(name.to_owned()));
        self.folder.sync(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.note(Operation::Rename(from.to_owned(), to.to_owned()));
        self.folder.rename(from, to)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.note(Operation::Remove(name.to_owned()));
        self.folder.remove(name)
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.note(Operation::SyncFolder);
        self.folder.sync_folder()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.folder.list()
    }
}

/// Does the same to a folder again, with other bytes; seconds.
fn replay(folder: &mut DirStorage, operations: &[Operation]) -> Result<f64> {
    let bytes = vec![7; 1 << 20];
    let begun = Instant::now();
    for operation in operations {
        match operation {
            Operation::Write { name, offset, length } => folder.write_at(name, *offset, &bytes[..*length])?,
            Operation::Sync(name) => folder.sync(name)?,
            Operation::Rename(from, to) => folder.rename(from, to)?,
            Operation::Remove(name) => folder.remove(name)?,
            Operation::SyncFolder => folder.sync_folder()?,
        }
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// A server and a container it programs.
struct Pair {
    server: Server,
    container: Box<dyn Container>,
    storages: Vec<Recorded>,
    /// Folders in which what the container writes is written once more.
    floors: Vec<DirStorage>,
    entropy: TestEntropy,
}

fn host(folder: &Path) -> Result<(ActHost, Vec<Recorded>)> {
    let storages = vec![Recorded::new(&folder.join("files"))?, Recorded::new(&folder.join("anchors"))?];
    let traits = ["product_uuid", "board_serial", "machine_id", "cpu"];
    let traits = MapTraits(traits.map(|name| (name.to_owned(), format!("{name}-1"))).to_vec()).collect();
    let host = ActHost {
        storage: Box::new(storages[0].clone()),
        anchors: vec![Box::new(storages[1].clone())],
        traits,
        simulated: false,
        cost: KdfCost::STANDARD,
    };
    Ok((host, storages))
}

impl Pair {
    fn new(kind: ContainerKind, folder: &Path) -> Result<Self> {
        let mut server = Server::new(11);
        server.makers = vec![licensing_core::trust::emulator_maker().public_key()];
        let mut entropy = TestEntropy::new(12);
        let (container, storages): (Box<dyn Container>, _) = match kind {
            ContainerKind::Dongle => {
                let storage = Recorded::new(&folder.join("card"))?;
                let source = Box::new(TestEntropy::new(13));
                let card = Card::make(Box::new(storage.clone()), source, 16_384, false, NOW)?;
                (Box::new(Dongle::connect(card)?), vec![storage])
            }
            ContainerKind::Act => {
                let (host, storages) = host(folder)?;
                let tolerance = Tolerance::Medium;
                let body =
                    TemplateBody { firm_code: firm(), tolerance, trait_salt: [3; 16], certified_time: NOW };
                let template = body.sign(server.issuer.certificates.clone(), &server.issuer.key);
                (Box::new(ActLicense::create(host, &template, NOW, &mut entropy)?), storages)
            }
        };
        let floor = |at: usize| DirStorage::open(&folder.join(format!("floor-{at}")));
        let floors = (0..storages.len()).map(floor).collect::<io::Result<_>>()?;
        Ok(Self { server, container, storages, floors, entropy })
    }

    /// One license more in the container: seconds for the container to apply it, and for the same writes by themselves.
    fn step(&mut self) -> Result<(f64, f64)> {
        let (ticket, _) = self.server.order(LicenseTerms::default(), ItemPolicy::default(), 1);
        let context = self.container.create_context(firm(), NOW, &mut self.entropy)?;
        let update = self.server.activate(&context, ticket, &[])?;
        self.storages.iter().for_each(|storage| drop(storage.take()));
        let begun = Instant::now();
        self.container.import_update(&update, &mut self.entropy)?;
        let applied = begun.elapsed().as_secs_f64();
        let mut written = 0.0;
        for (storage, floor) in self.storages.iter().zip(&mut self.floors) {
            written += replay(floor, &storage.take())?;
        }
        let receipt = self.container.create_context(firm(), NOW, &mut self.entropy)?;
        self.server.receipt(&receipt)?;
        Ok((applied, written))
    }
}

/// The median of some times, in milliseconds.
fn middle(times: &[f64]) -> f64 {
    1000.0 * Rounds(times.to_vec()).median()
}

/// R8, for both kinds of containers.
pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    for (id, kind) in [("R8a", ContainerKind::Act), ("R8b", ContainerKind::Dongle)] {
        let folder = bench.folder(id)?;
        let mut pair = Pair::new(kind, &folder)?;
        let (mut floor, mut product) = (Rounds::default(), Rounds::default());
        let mut all = histogram();
        for round in 0..=bench.rounds() {
            let crypto = crypto::measure(1)?;
            let (mut applied, mut written) = (Vec::new(), Vec::new());
            for _ in 0..bench.scaled(24) {
                let (one, other) = pair.step()?;
                applied.push(one);
                written.push(other);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time")]
                all.record((one * 1e9) as u64)?;
            }
            if round > 0 {
                let by_hand = SIGNATURES * crypto.verify + crypto.open;
                floor.0.push(1000.0 * by_hand + middle(&written));
                product.0.push(middle(&applied));
            }
        }
        let slow = short(crate::load::seconds(all.value_at_percentile(99.0)) * 1000.0);
        bench.found(Line {
            id,
            work: format!("{kind} container applies a step, against verify, open and its own writes"),
            goal: Goal::AtMost(1.3),
            floor,
            product,
            unit: "ms",
            notes: vec![format!("{slow} ms at p99")],
        });
    }
    Ok(())
}

/// Seconds to open an act license, and for its one Argon2id.
pub(crate) struct Unlock {
    folder: std::path::PathBuf,
    serial: licensing_core::ids::ContainerSerial,
}

impl Unlock {
    /// An act license to open.
    pub(crate) fn new(bench: &Bench) -> Result<Self> {
        let folder = bench.folder("unlock")?;
        let mut pair = Pair::new(ContainerKind::Act, &folder)?;
        pair.step()?;
        Ok(Self { folder, serial: pair.container.serial() })
    }

    /// Opens it once.
    pub(crate) fn open(&self) -> Result<f64> {
        let (host, _) = host(&self.folder)?;
        let begun = Instant::now();
        ActLicense::open(host, self.serial, &mut TestEntropy::new(1)).context("an act license")?;
        Ok(begun.elapsed().as_secs_f64())
    }
}
