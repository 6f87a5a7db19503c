//! The containers of a history, on storages whose power can fail and whose files can be put back.

use container_sim::act::{ActHost, ActLicense};
use container_sim::binding::KdfCost;
use container_sim::dongle::{Card, Dongle};
use container_sim::storage::{PowerStorage, Storage};
use container_sim::traits::{HostTraits, MapTraits};
use container_sim::{Container, ContainerError};
use licensing_core::ids::{ContainerKind, ContainerSerial};
use licensing_core::testing::TestEntropy;
use licensing_core::time::Timestamp;

/// The files of a container, whole or its own part without the anchor.
pub(crate) struct Saved(Vec<(String, Vec<u8>)>, Vec<(String, Vec<u8>)>);

fn files_of(storage: &PowerStorage) -> Vec<(String, Vec<u8>)> {
    let names = storage.list().unwrap();
    names.into_iter().map(|name| (name.clone(), storage.read(&name).unwrap().unwrap())).collect()
}

fn put_back(storage: &mut PowerStorage, files: &[(String, Vec<u8>)]) {
    for name in storage.list().unwrap() {
        storage.remove(&name).unwrap();
    }
    for (name, bytes) in files {
        storage.write_at(name, 0, bytes).unwrap();
        storage.sync(name).unwrap();
    }
    storage.sync_folder().unwrap();
}

/// A computer with its one container.
pub(crate) struct Computer {
    pub(crate) kind: ContainerKind,
    pub(crate) serial: ContainerSerial,
    host: u8,
    files: PowerStorage,
    anchors: PowerStorage,
    container: Option<Box<dyn Container>>,
    /// Seconds its clock is ahead of the right time.
    pub(crate) clock_error: i64,
    /// Nobody has put an old copy back since the vendor last cleared it.
    pub(crate) honest: bool,
    pub(crate) saved: Option<Saved>,
    /// The vendor has cleared it: it may come to a place in its chain for the second time.
    pub(crate) cleared: bool,
}

impl Computer {
    /// A new container on a computer; those with the same `host` are the same computer, installed anew.
    pub(crate) fn new(kind: ContainerKind, host: u8, template: &[u8], now: Timestamp, seed: u64) -> Self {
        let files = PowerStorage::default();
        let anchors = files.neighbour();
        let serial = ContainerSerial::new(kind, 1).unwrap();
        let mut computer = Self {
            kind,
            serial,
            host,
            files,
            anchors,
            container: None,
            clock_error: 0,
            honest: true,
            saved: None,
            cleared: false,
        };
        let mut entropy = TestEntropy::new(seed);
        let container: Box<dyn Container> = match kind {
            ContainerKind::Act => {
                Box::new(ActLicense::create(computer.act_host(), template, now, &mut entropy).unwrap())
            }
            ContainerKind::Dongle => {
                let files = Box::new(computer.files.clone());
                let card = Card::make(files, Box::new(entropy), 4_096, false, now).unwrap();
                Box::new(Dongle::connect(card).unwrap())
            }
        };
        computer.serial = container.serial();
        computer.container = Some(container);
        computer
    }

    fn act_host(&self) -> ActHost {
        let value = |name: &str| (name.to_owned(), format!("{name}-{}", self.host));
        let traits = ["product_uuid", "board_serial", "machine_id", "cpu"].map(value).to_vec();
        ActHost {
            storage: Box::new(self.files.clone()),
            anchors: vec![Box::new(self.anchors.clone())],
            traits: MapTraits(traits).collect(),
            simulated: false,
            cost: KdfCost::FOR_TESTS,
        }
    }

    fn opened(&self, seed: u64) -> Result<Box<dyn Container>, ContainerError> {
        let mut entropy = TestEntropy::new(seed);
        Ok(match self.kind {
            ContainerKind::Act => Box::new(ActLicense::open(self.act_host(), self.serial, &mut entropy)?),
            ContainerKind::Dongle => {
                let card = Card::insert(Box::new(self.files.clone()), Box::new(entropy), self.serial)?;
                Box::new(Dongle::connect(card)?)
            }
        })
    }

    /// The container, opened.
    pub(crate) fn container(&mut self) -> &mut dyn Container {
        self.container.as_mut().expect("an open container").as_mut()
    }

    /// What the computer's clock shows.
    pub(crate) fn clock(&self, right: Timestamp) -> Timestamp {
        Timestamp::from_secs(right.secs().saturating_add_signed(self.clock_error))
    }

    /// Lets the power fail after so many more changes of the storage.
    pub(crate) fn cut_after(&self, operations: u64) {
        self.files.cut_after(operations);
    }

    /// Power again: the container must open, whatever survived.
    pub(crate) fn reboot(&mut self, seed: u64) {
        self.container = None;
        let mut chance = TestEntropy::new(seed);
        self.files.reboot(&mut chance);
        self.anchors.reboot(&mut chance);
        let opened = self.opened(seed ^ 1);
        self.container = Some(opened.unwrap_or_else(|error| panic!("{} must open: {error}", self.serial)));
    }

    /// Keeps a copy of everything.
    pub(crate) fn save(&mut self) {
        self.saved = Some(Saved(files_of(&self.files), files_of(&self.anchors)));
    }

    /// Puts back an old copy of the license file alone: the computer itself refuses it.
    pub(crate) fn put_back_file(&mut self, seed: u64) {
        let Some(saved) = &self.saved else { return };
        let newest = files_of(&self.files);
        // What a power failure left unfinished beside the file does not make it another one.
        let same = saved.0.iter().all(|file| newest.contains(file));
        if self.kind != ContainerKind::Act || same {
            return;
        }
        put_back(&mut self.files, &saved.0);
        let outcome = self.opened(seed).map(|_| ());
        // One version back passes for a power failure between file and anchor only if the anchor is behind too.
        assert!(matches!(outcome, Err(ContainerError::RolledBack { .. })), "{outcome:?}");
        put_back(&mut self.files, &newest);
        self.reboot(seed);
    }

    /// Puts back an old copy of everything, as of a whole machine: only the server can see that.
    pub(crate) fn put_back_all(&mut self, seed: u64) {
        let Some(saved) = self.saved.take() else { return };
        self.container = None;
        put_back(&mut self.files, &saved.0);
        put_back(&mut self.anchors, &saved.1);
        self.honest = false;
        self.reboot(seed);
    }
}
