//! The persistent memory of a card: two slots and two commit records in one file of fixed size.
//!
//! A write fills the slot that is not in use, syncs, then writes the commit record that is not in use, and syncs
//! again. Torn writes only ever hit what was not in use. On opening, the newest intact slot must be at least as
//! new as the newest intact commit record: damage to a committed slot is an error, never a silent step back.

use std::io;

use licensing_core::crypto::digest::{Digest, hash};
use licensing_core::error::{FormatError, VerifyError};

use crate::container::ContainerError;
use crate::storage::Storage;

const MAGIC: &[u8; 8] = b"OLCDNGL1";
const RECORDS_AT: [u64; 2] = [512, 1024];
const RECORD_BYTES: usize = 8 + 32;
const SLOTS_AT: [u64; 2] = [4096, 4096 + SLOT_BYTES as u64];
const SLOT_BYTES: usize = 512 * 1024;
const SLOT_HEAD: usize = 8 + 4 + 32;
/// Size of every image, in bytes.
const IMAGE_BYTES: u64 = 4096 + 2 * SLOT_BYTES as u64;

/// The content of an image and where to go on.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) sequence: u64,
    /// The newest commit record: older than the content when a write broke off between the two.
    committed: u64,
    pub(super) payload: Vec<u8>,
}

fn damaged(what: &'static str) -> ContainerError {
    ContainerError::Damaged(VerifyError::Format(FormatError::Invalid(what)))
}

fn record(sequence: u64) -> Vec<u8> {
    let digest: Digest = hash("dongle commit record", &[&sequence.to_be_bytes()]);
    [sequence.to_be_bytes().as_slice(), &digest].concat()
}

fn slot(sequence: u64, payload: &[u8]) -> io::Result<Vec<u8>> {
    let len = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= SLOT_BYTES - SLOT_HEAD);
    let len = len.ok_or_else(|| io::Error::other("the state does not fit the chip"))?.to_be_bytes();
    let digest = hash("dongle slot", &[&sequence.to_be_bytes(), payload]);
    Ok([sequence.to_be_bytes().as_slice(), &len, &digest, payload].concat())
}

/// Creates an image with its first content.
pub(super) fn create(storage: &mut dyn Storage, name: &str, payload: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.new");
    storage.remove(&temporary)?;
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&hash("dongle image head", &[MAGIC]));
    storage.write_at(&temporary, 0, &head)?;
    storage.write_at(&temporary, SLOTS_AT[1], &slot(1, payload)?)?;
    storage.write_at(&temporary, RECORDS_AT[1], &record(1))?;
    storage.write_at(&temporary, IMAGE_BYTES - 1, &[0])?;
    storage.sync(&temporary)?;
    storage.rename(&temporary, name)?;
    storage.sync_folder()
}

/// Writes the next content.
pub(super) fn commit(storage: &mut dyn Storage, name: &str, sequence: u64, payload: &[u8]) -> io::Result<()> {
    let (slot_at, record_at) = places(sequence);
    storage.write_at(name, slot_at, &slot(sequence, payload)?)?;
    storage.sync(name)?;
    storage.write_at(name, record_at, &record(sequence))?;
    storage.sync(name)
}

/// Finishes a write that broke off between its slot and its commit record. Without it the next write would put its
/// record over the only one that is intact.
pub(super) fn finish(storage: &mut dyn Storage, name: &str, loaded: &Loaded) -> io::Result<()> {
    if loaded.committed == loaded.sequence {
        return Ok(());
    }
    // The content may have been read from a cache: it has to be durable before a record says that it is.
    storage.sync(name)?;
    let (_, record_at) = places(loaded.sequence);
    storage.write_at(name, record_at, &record(loaded.sequence))?;
    storage.sync(name)
}

/// Odd sequences live in the second places, even ones in the first.
const fn places(sequence: u64) -> (u64, u64) {
    if sequence % 2 == 1 { (SLOTS_AT[1], RECORDS_AT[1]) } else { (SLOTS_AT[0], RECORDS_AT[0]) }
}

fn part(bytes: &[u8], at: u64, len: usize) -> Option<&[u8]> {
    let at = usize::try_from(at).ok()?;
    bytes.get(at..at.checked_add(len)?)
}

fn read_record(bytes: &[u8], at: u64) -> Option<u64> {
    let found = part(bytes, at, RECORD_BYTES)?;
    let sequence = u64::from_be_bytes(found.get(..8)?.try_into().ok()?);
    (record(sequence) == found).then_some(sequence)
}

fn read_slot(bytes: &[u8], at: u64) -> Option<Loaded> {
    let head = part(bytes, at, SLOT_HEAD)?;
    let sequence = u64::from_be_bytes(head.get(..8)?.try_into().ok()?);
    let len = usize::try_from(u32::from_be_bytes(head.get(8..12)?.try_into().ok()?)).ok()?;
    if len > SLOT_BYTES - SLOT_HEAD {
        return None;
    }
    let payload = part(bytes, at + SLOT_HEAD as u64, len)?;
    let digest = hash("dongle slot", &[&sequence.to_be_bytes(), payload]);
    (head.get(12..)? == digest).then(|| Loaded { sequence, committed: 0, payload: payload.to_vec() })
}

/// Reads an image.
///
/// # Errors
/// [`ContainerError::Damaged`]: truncated, extended, or the committed content is not intact.
pub(super) fn load(bytes: &[u8]) -> Result<Loaded, ContainerError> {
    if !bytes.starts_with(MAGIC) {
        return Err(ContainerError::Damaged(FormatError::NotOurFormat.into()));
    }
    if part(bytes, 8, 32) != Some(&hash("dongle image head", &[MAGIC])) {
        return Err(damaged("dongle image head"));
    }
    if bytes.len() as u64 != IMAGE_BYTES {
        let short = (bytes.len() as u64) < IMAGE_BYTES;
        let error = if short { FormatError::Truncated } else { FormatError::TrailingBytes };
        return Err(ContainerError::Damaged(error.into()));
    }
    let committed = RECORDS_AT.iter().filter_map(|at| read_record(bytes, *at)).max();
    let newest = SLOTS_AT.iter().filter_map(|at| read_slot(bytes, *at)).max_by_key(|slot| slot.sequence);
    match (committed, newest) {
        (Some(committed), Some(slot)) if slot.sequence >= committed => Ok(Loaded { committed, ..slot }),
        _ => Err(damaged("dongle image content")),
    }
}

/// Whether bytes are an intact image, and of how many writes.
///
/// # Errors
/// Not an image, or a damaged one.
pub fn inspect(bytes: &[u8]) -> Result<(licensing_core::ids::ContainerSerial, u64), ContainerError> {
    let loaded = load(bytes)?;
    let state = super::card::ChipState::parse(&loaded.payload)?;
    Ok((state.device.serial, loaded.sequence))
}
