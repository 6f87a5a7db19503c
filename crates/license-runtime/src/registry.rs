//! The containers of one computer.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use container_sim::act::{self, ActHost, ActLicense};
use container_sim::binding::BindingOutline;
use container_sim::dongle::{self, Card, Dongle};
use container_sim::storage::{DirStorage, Storage, replace};
use container_sim::traits::{HostTraits, LinuxHost};
use container_sim::{Container, ContainerError};
use licensing_core::error::VerifyError;
use licensing_core::ids::{ContainerKind, ContainerSerial, FirmCode};

use crate::system::{SystemClock, SystemEntropy};

/// How long to wait for another program that uses the containers.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Where a computer's containers are.
#[derive(Debug, Clone)]
pub struct Places {
    /// Act license files and dongle images.
    pub containers: PathBuf,
    /// Anchors of act licenses, each place holding all of them. Apart from the files, or restoring a backup of
    /// one folder would restore both.
    pub anchors: Vec<PathBuf>,
    /// Unfinished transfers.
    pub transfers: PathBuf,
    /// Pre-activated licenses and blacklists.
    pub vendor: PathBuf,
    /// Containers that were pulled: on this computer, and not usable until they are plugged in again.
    pub drawer: PathBuf,
    /// What the browser agent remembers: which origins the user allowed.
    pub agent: PathBuf,
    /// Socket of the running license runtime.
    pub socket: PathBuf,
}

impl Places {
    /// Containers and transfers below `home`, anchors there and below `state`.
    #[must_use]
    pub fn below(home: &Path, state: &Path) -> Self {
        Self {
            containers: home.join("containers"),
            anchors: vec![home.join("anchors"), state.join("anchors")],
            transfers: home.join("transfers"),
            vendor: home.join("vendor"),
            drawer: home.join("drawer"),
            agent: home.join("agent"),
            socket: home.join("runtime.sock"),
        }
    }

    /// The product's folder in a user's home: below `xdg` where that is set, else below `rest` of `user_home`.
    #[must_use]
    pub fn user_folder(xdg: Option<&Path>, user_home: Option<&Path>, rest: &str) -> Option<PathBuf> {
        let base = xdg.map(Path::to_owned).or_else(|| user_home.map(|home| home.join(rest)))?;
        Some(base.join("open-license"))
    }
}

/// Why the registry cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The container says no.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A vendor's file is not acceptable.
    #[error(transparent)]
    File(#[from] VerifyError),
    /// Another program uses the containers.
    #[error("another program is using the containers of this computer")]
    Busy,
    /// An import would overwrite a container.
    #[error("container {0} is on this computer already")]
    Exists(ContainerSerial),
    /// All uses the license grants are taken by other programs.
    #[error("all {uses} uses of the license are taken")]
    AllUsesTaken {
        /// Uses it grants.
        uses: u64,
    },
    /// The license runtime answered with an error of this code.
    #[error("{message}")]
    Remote {
        /// Stable code.
        code: String,
        /// What happened.
        message: String,
    },
    /// The license runtime cannot be talked to.
    #[error("the license runtime of this computer does not answer: {0}")]
    Unreachable(io::Error),
}

impl RuntimeError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Container(error) => error.code(),
            Self::File(error) => error.code(),
            Self::Busy => "container_busy",
            Self::Exists(_) => "container_exists",
            Self::AllUsesTaken { .. } => "all_uses_taken",
            Self::Remote { code, .. } => code,
            Self::Unreachable(_) => "runtime_unreachable",
        }
    }
}

impl From<io::Error> for RuntimeError {
    fn from(error: io::Error) -> Self {
        Self::Container(ContainerError::Storage(error))
    }
}

/// A container of this computer, opened or with the reason why it cannot be.
pub struct Listed {
    /// Serial, from the file's name.
    pub serial: ContainerSerial,
    /// The container.
    pub container: Result<Box<dyn Container>, ContainerError>,
}

/// The containers of one computer. While it exists, no other program changes them.
pub struct Registry {
    places: Places,
    containers: DirStorage,
    host: Box<dyn HostTraits>,
    entropy: SystemEntropy,
    clock: SystemClock,
    _lock: File,
}

impl Registry {
    /// Opens the containers of this computer.
    ///
    /// # Errors
    /// [`RuntimeError::Busy`], or a folder cannot be made.
    pub fn open(places: Places) -> Result<Self, RuntimeError> {
        Self::open_on(places, Box::new(LinuxHost::default()))
    }

    /// Opens the containers of a computer with other traits.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn open_on(places: Places, host: Box<dyn HostTraits>) -> Result<Self, RuntimeError> {
        // Makes the folders with the right modes.
        let folders = [&places.containers, &places.transfers, &places.vendor, &places.drawer, &places.agent];
        for folder in places.anchors.iter().chain(folders) {
            DirStorage::open(folder)?;
        }
        let containers = DirStorage::open(&places.containers)?;
        let lock = lock(&places.containers.join(".lock"), &places.socket)?;
        let (entropy, clock) = (SystemEntropy::default(), SystemClock);
        Ok(Self { places, containers, host, entropy, clock, _lock: lock })
    }

    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }

    /// Where unfinished transfers are kept.
    #[must_use]
    pub fn transfers(&self) -> &Path {
        &self.places.transfers
    }

    /// The entropy of this computer.
    pub const fn entropy(&mut self) -> &mut SystemEntropy {
        &mut self.entropy
    }

    /// The clock of this computer.
    #[must_use]
    pub const fn clock(&self) -> SystemClock {
        self.clock
    }

    fn files(&self) -> Result<DirStorage, RuntimeError> {
        Ok(DirStorage::open(&self.places.containers)?)
    }

    fn act_host(&self) -> Result<ActHost, RuntimeError> {
        let open = |folder: &PathBuf| DirStorage::open(folder).map(|s| Box::new(s) as Box<dyn Storage>);
        let anchors = self.places.anchors.iter().map(open).collect::<io::Result<_>>()?;
        Ok(ActHost::new(Box::new(self.files()?), anchors, self.host.as_ref()))
    }

    /// Makes an act license from a vendor's template.
    ///
    /// # Errors
    /// The template is not acceptable, the computer has no traits, or the disk failed.
    pub fn create_act(&mut self, template: &[u8]) -> Result<Box<dyn Container>, RuntimeError> {
        let host = self.act_host()?;
        let now = self.clock.now();
        Ok(Box::new(ActLicense::create(host, template, now, &mut self.entropy)?))
    }

    /// Makes an emulated dongle with `flash_bytes` of flash memory.
    ///
    /// # Errors
    /// The disk failed.
    pub fn create_dongle(&mut self, flash_bytes: u64) -> Result<Box<dyn Container>, RuntimeError> {
        let files = Box::new(self.files()?);
        let (simulated, now) = (self.host.is_simulated(), self.clock.now());
        let card = Card::make(files, Box::new(self.entropy.clone()), flash_bytes, simulated, now)?;
        Ok(Box::new(Dongle::connect(card)?))
    }

    /// Opens a container.
    ///
    /// # Errors
    /// It is not here, damaged, of another computer, or an older copy.
    pub fn container(&mut self, serial: ContainerSerial) -> Result<Box<dyn Container>, RuntimeError> {
        Ok(match serial.kind() {
            ContainerKind::Act => {
                let host = self.act_host()?;
                Box::new(ActLicense::open(host, serial, &mut self.entropy)?)
            }
            ContainerKind::Dongle => {
                let files = Box::new(self.files()?);
                Box::new(Dongle::connect(Card::insert(files, Box::new(self.entropy.clone()), serial)?)?)
            }
        })
    }

    /// Serials of the containers that are here, whatever their state.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn serials(&self) -> Result<Vec<ContainerSerial>, RuntimeError> {
        serials_in(&self.containers)
    }

    /// Serials of the containers that were pulled.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn pulled(&self) -> Result<Vec<ContainerSerial>, RuntimeError> {
        serials_in(&DirStorage::open(&self.places.drawer)?)
    }

    /// Pulls a container, as one pulls a dongle: it stays on this computer, whole, and cannot be used.
    ///
    /// # Errors
    /// It is not plugged in, or the disk failed. An interrupted move is finished by [`Registry::plug`].
    pub fn pull(&mut self, serial: ContainerSerial) -> Result<(), RuntimeError> {
        // First what makes it a container: without its image, flash memory is nothing.
        self.move_files(serial, &[file_name(serial), dongle::flash_name(serial)], true)
    }

    /// Plugs a pulled container in again.
    ///
    /// # Errors
    /// There is none of that serial in the drawer, one is plugged in already, or the disk failed.
    pub fn plug(&mut self, serial: ContainerSerial) -> Result<(), RuntimeError> {
        self.move_files(serial, &[dongle::flash_name(serial), file_name(serial)], false)
    }

    fn move_files(&self, serial: ContainerSerial, names: &[String], out: bool) -> Result<(), RuntimeError> {
        let (plugged, drawer) = (&self.places.containers, &self.places.drawer);
        let (from, to) = if out { (plugged, drawer) } else { (drawer, plugged) };
        let (from_storage, to_storage) = (DirStorage::open(from)?, DirStorage::open(to)?);
        let name = file_name(serial);
        if from_storage.read_at(&name, 0, 1)?.is_empty() {
            return Err(ContainerError::NotFound.into());
        }
        // A move that was interrupted has left one of the two files where it goes: only what would be written
        // over is in the way.
        let is_there = |folder: &DirStorage, name: &str| folder.read_at(name, 0, 1).map(|b| !b.is_empty());
        for name in names {
            if is_there(&from_storage, name)? && is_there(&to_storage, name)? {
                return Err(RuntimeError::Exists(serial));
            }
        }
        for name in names {
            match std::fs::rename(from_storage.path(name)?, to_storage.path(name)?) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                outcome => outcome?,
            }
            for folder in [to, from] {
                DirStorage::open(folder)?.sync_folder()?;
            }
        }
        Ok(())
    }

    /// How an act license that does not open here is bound, as far as that can be seen without opening it.
    ///
    /// # Errors
    /// It is not here, or damaged.
    pub fn outline(&self, serial: ContainerSerial) -> Result<BindingOutline, RuntimeError> {
        let bytes = self.export(serial)?;
        Ok(act::outline(&bytes, &self.host.collect()).map_err(ContainerError::Damaged)?)
    }

    /// When a container's file was last seen to change; `None` when it is gone.
    pub(crate) fn stamp(&self, serial: ContainerSerial) -> Option<FileStamp> {
        let metadata = self.containers.metadata(&file_name(serial)).ok()?;
        Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    }

    /// The folder of what the browser agent remembers.
    pub(crate) fn agent_folder(&self) -> Result<DirStorage, RuntimeError> {
        Ok(DirStorage::open(&self.places.agent)?)
    }

    /// All containers, each opened or with the reason why it cannot be. None hides another.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&mut self) -> Result<Vec<Listed>, RuntimeError> {
        let mut listed = Vec::new();
        for serial in self.serials()? {
            let container = match self.container(serial) {
                Ok(container) => Ok(container),
                Err(RuntimeError::Container(error)) => Err(error),
                Err(error) => return Err(error),
            };
            listed.push(Listed { serial, container });
        }
        Ok(listed)
    }

    /// An act license that holds, or once held, something of a vendor.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn act_of_firm(&mut self, firm_code: FirmCode) -> Result<Option<ContainerSerial>, RuntimeError> {
        for listed in self.list()? {
            if listed.serial.kind() == ContainerKind::Act
                && let Ok(mut container) = listed.container
                && container.firms()?.iter().any(|firm| firm.firm_code == firm_code)
            {
                return Ok(Some(listed.serial));
            }
        }
        Ok(None)
    }

    /// The file of a container.
    ///
    /// # Errors
    /// It is not here.
    pub fn export(&self, serial: ContainerSerial) -> Result<Vec<u8>, RuntimeError> {
        Ok(self.files()?.read(&file_name(serial))?.ok_or(ContainerError::NotFound)?)
    }

    /// Takes a container's file into this computer, if it opens here.
    ///
    /// # Errors
    /// It is no intact container, is here already with another content, or does not open on this computer;
    /// nothing has changed then.
    pub fn import(&mut self, bytes: &[u8]) -> Result<ContainerSerial, RuntimeError> {
        let serial = match dongle::inspect(bytes) {
            Ok((serial, _)) => serial,
            Err(_) if bytes.starts_with(b"OLC1") => act::inspect(bytes).map_err(ContainerError::Damaged)?.0,
            Err(error) => return Err(error.into()),
        };
        let name = file_name(serial);
        if self.pulled()?.contains(&serial) {
            return Err(RuntimeError::Exists(serial));
        }
        let mut files = self.files()?;
        match files.read(&name)? {
            Some(present) if present == bytes => return Ok(serial),
            Some(_) => return Err(RuntimeError::Exists(serial)),
            None => {}
        }
        replace(&mut files, &name, bytes)?;
        if let Err(error) = self.container(serial) {
            files.remove(&name)?;
            files.sync_folder()?;
            return Err(error);
        }
        Ok(serial)
    }
}

/// Inode, size, and time of change of a file.
pub(crate) type FileStamp = (u64, u64, i64, i64);

fn serials_in(folder: &DirStorage) -> Result<Vec<ContainerSerial>, RuntimeError> {
    let serial = |name: &String| {
        let stem = name.strip_suffix(".act").or_else(|| name.strip_suffix(".dongle"))?;
        stem.parse().ok().filter(|serial| file_name(*serial) == *name)
    };
    Ok(folder.list()?.iter().filter_map(serial).collect())
}

fn file_name(serial: ContainerSerial) -> String {
    match serial.kind() {
        ContainerKind::Act => act::file_name(serial),
        ContainerKind::Dongle => dongle::file_name(serial),
    }
}

/// Takes the lock of the containers, waiting a little for another program to finish; not for the license
/// runtime, which keeps them.
fn lock(path: &Path, socket: &Path) -> Result<File, RuntimeError> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if UnixStream::connect(socket).is_ok() => {
                return Err(RuntimeError::Busy);
            }
            Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_WAIT => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(RuntimeError::Busy),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}
