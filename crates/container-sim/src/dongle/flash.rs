//! Flash memory of a dongle: blocks of 4 KiB, each authenticated with a key that never leaves the chip.

use licensing_core::crypto::digest::keyed_hash;

use crate::container::ContainerError;
use crate::storage::Storage;

/// Bytes of content in a block.
pub(super) const BLOCK: usize = 4096;
const TAG: usize = 32;

fn tag(key: &[u8; 32], block: u64, content: &[u8]) -> [u8; TAG] {
    keyed_hash(key, "flash block", &[block.to_be_bytes().as_slice(), content].concat())
}

const fn place(block: u64) -> u64 {
    block * (BLOCK + TAG) as u64
}

/// Reads a block; one never written reads as zeros.
pub(super) fn read(
    storage: &dyn Storage,
    name: &str,
    key: &[u8; 32],
    block: u64,
) -> Result<Vec<u8>, ContainerError> {
    let stored = storage.read_at(name, place(block), BLOCK + TAG)?;
    if stored.iter().all(|byte| *byte == 0) {
        return Ok(vec![0; BLOCK]);
    }
    match stored.split_at_checked(BLOCK) {
        Some((content, found)) if found == tag(key, block, content) => Ok(content.to_vec()),
        _ => Err(ContainerError::Flash("the content was changed outside of the dongle")),
    }
}

/// Writes a block.
pub(super) fn write(
    storage: &mut dyn Storage,
    name: &str,
    key: &[u8; 32],
    block: u64,
    content: &[u8],
) -> Result<(), ContainerError> {
    let mut stored = content.to_vec();
    stored.resize(BLOCK, 0);
    let tag = tag(key, block, &stored);
    stored.extend_from_slice(&tag);
    let is_first = storage.read_at(name, 0, 1)?.is_empty();
    storage.write_at(name, place(block), &stored)?;
    storage.sync(name)?;
    if is_first {
        // The content of a file whose name does not survive is lost with it.
        storage.sync_folder()?;
    }
    Ok(())
}
