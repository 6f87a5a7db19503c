//! A storage in memory on which the power can fail: for tests, and for nothing else.
//!
//! Like a journaling file system: content is durable only after `sync`, names only after `sync_folder`. When the
//! power fails, of every file some unsynced writes survive and others do not, the last one possibly torn, and of
//! the changes of names a prefix survives.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use licensing_core::Entropy;

use crate::storage::Storage;

type Inode = u64;

#[derive(Debug, Clone)]
enum NameChange {
    Link(String, Inode),
    Rename(String, String),
    Remove(String),
}

#[derive(Debug, Default)]
struct Disk {
    next: Inode,
    durable: BTreeMap<Inode, Vec<u8>>,
    /// Writes since the last sync of the inode.
    unsynced: BTreeMap<Inode, Vec<(u64, Vec<u8>)>>,
    durable_names: BTreeMap<String, Inode>,
    names: BTreeMap<String, Inode>,
    name_changes: Vec<NameChange>,
}

/// The power several storages hang on.
#[derive(Debug, Default)]
struct Plug {
    operations: u64,
    left: Option<u64>,
}

/// A storage whose power can be cut. Clones share the same disk.
#[derive(Debug, Clone, Default)]
pub struct PowerStorage {
    disk: Arc<Mutex<Disk>>,
    plug: Arc<Mutex<Plug>>,
}

fn write(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = start + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[start..end].copy_from_slice(bytes);
}

fn apply(names: &mut BTreeMap<String, Inode>, change: &NameChange) {
    match change {
        NameChange::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        NameChange::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        NameChange::Remove(name) => {
            names.remove(name);
        }
    }
}

impl Disk {
    fn content(&self, name: &str) -> Option<Vec<u8>> {
        let inode = self.names.get(name)?;
        let mut content = self.durable.get(inode).cloned().unwrap_or_default();
        for (offset, bytes) in self.unsynced.get(inode).into_iter().flatten() {
            write(&mut content, *offset, bytes);
        }
        Some(content)
    }
}

impl PowerStorage {
    fn disk(&self) -> std::sync::MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plug(&self) -> std::sync::MutexGuard<'_, Plug> {
        self.plug.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty disk on the same plug: a power cut hits both.
    #[must_use]
    pub fn neighbour(&self) -> Self {
        Self { disk: Arc::default(), plug: Arc::clone(&self.plug) }
    }

    /// The disk, for an operation that changes it; fails when the power is gone.
    fn powered(&self) -> io::Result<std::sync::MutexGuard<'_, Disk>> {
        let mut plug = self.plug();
        if plug.left == Some(0) {
            return Err(io::Error::other("power cut"));
        }
        plug.left = plug.left.map(|left| left - 1);
        plug.operations += 1;
        Ok(self.disk())
    }

    /// Operations so far that changed a disk on the plug.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.plug().operations
    }

    /// Lets `operations` more succeed and then cuts the power.
    pub fn cut_after(&self, operations: u64) {
        self.plug().left = Some(operations);
    }

    /// Restores the power; what was not synced survives or not as `chance` has it.
    pub fn reboot(&self, chance: &mut dyn Entropy) {
        let mut byte = || licensing_core::random::<1>(chance)[0];
        let mut disk = self.disk();
        let unsynced = std::mem::take(&mut disk.unsynced);
        for (inode, writes) in unsynced {
            let content = disk.durable.entry(inode).or_default();
            for (offset, bytes) in writes {
                match byte() % 4 {
                    0 => {}
                    1 => {
                        let torn = usize::from(byte()) * bytes.len() / 256;
                        write(content, offset, &bytes[..torn]);
                    }
                    _ => write(content, offset, &bytes),
                }
            }
        }
        let changes = std::mem::take(&mut disk.name_changes);
        let surviving = usize::from(byte()) % (changes.len() + 1);
        for change in &changes[..surviving] {
            apply(&mut disk.durable_names, change);
        }
        disk.names = disk.durable_names.clone();
        self.plug().left = None;
    }
}

impl Storage for PowerStorage {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.disk().content(name))
    }

    fn read_at(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let content = self.disk().content(name).unwrap_or_default();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        Ok(content[start..content.len().min(start + len)].to_vec())
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.powered()?;
        let inode = match disk.names.get(name) {
            Some(inode) => *inode,
            None => {
                disk.next += 1;
                let inode = disk.next;
                disk.names.insert(name.to_owned(), inode);
                disk.name_changes.push(NameChange::Link(name.to_owned(), inode));
                inode
            }
        };
        disk.unsynced.entry(inode).or_default().push((offset, bytes.to_vec()));
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut disk = self.powered()?;
        let inode = *disk.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        for (offset, bytes) in disk.unsynced.remove(&inode).into_iter().flatten() {
            write(disk.durable.entry(inode).or_default(), offset, &bytes);
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.powered()?;
        let change = NameChange::Rename(from.to_owned(), to.to_owned());
        apply(&mut disk.names, &change);
        disk.name_changes.push(change);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        if !self.disk().names.contains_key(name) {
            return Ok(());
        }
        let mut disk = self.powered()?;
        let change = NameChange::Remove(name.to_owned());
        apply(&mut disk.names, &change);
        disk.name_changes.push(change);
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        let mut disk = self.powered()?;
        let changes = std::mem::take(&mut disk.name_changes);
        for change in &changes {
            apply(&mut disk.durable_names, change);
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.disk().names.keys().cloned().collect())
    }
}
