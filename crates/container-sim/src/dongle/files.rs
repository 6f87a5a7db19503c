//! Files in the flash memory of a dongle. See `docs/formats/flash.md`.
//!
//! Two superblocks take turns: content and directory are written to blocks nobody uses, then the older
//! superblock is overwritten. After a power cut at any moment the newest intact superblock shows the old or the
//! new directory, whole. Every block carries the chip's own authentication, every file its SHA-256 besides.

use licensing_core::codec::{Decode, Encode, decode, encode};
use licensing_core::crypto::digest::{Digest, sha256};
use licensing_core::ids::FlashName;
use licensing_core::limits::{FILE_BYTES_MAX, PACKAGE_BYTES_MAX};

use crate::container::{ContainerError, FlashFile, FlashInfo};
use crate::dongle::flash::BLOCK;

const MAGIC: [u8; 8] = *b"OLCFLSH1";
/// Blocks of the two superblocks; content begins behind them.
const FIRST_BLOCK: u64 = 2;
/// Most files.
const FILES_MAX: usize = 1_000;
/// Most pieces a directory is in: what fits a superblock.
const DIRECTORY_EXTENTS_MAX: usize = 200;

/// A flash memory as blocks of 4096 bytes.
pub trait Blocks {
    /// Its size, in bytes; 0 when there is none.
    fn flash_bytes(&self) -> u64;

    /// Reads a block; one never written reads as zeros.
    ///
    /// # Errors
    /// No such block, or its content was changed outside of the dongle.
    fn read_flash(&mut self, block: u64) -> Result<Vec<u8>, ContainerError>;

    /// Writes a block of up to 4096 bytes, durably.
    ///
    /// # Errors
    /// No such block, or too many bytes.
    fn write_flash(&mut self, block: u64, content: &[u8]) -> Result<(), ContainerError>;
}

/// Blocks in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Extent {
    start: u64,
    count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Entry {
    file: FlashFile,
    extents: Vec<Extent>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Superblock {
    magic: [u8; 8],
    sequence: u64,
    /// Where the directory is: its size, its SHA-256, its blocks.
    size: u64,
    digest: Digest,
    extents: Vec<Extent>,
}

/// The newest directory and where it is.
#[derive(Debug, Default)]
struct Directory {
    sequence: u64,
    extents: Vec<Extent>,
    entries: Vec<Entry>,
}

const DAMAGED: ContainerError = ContainerError::Flash("the content was changed outside of the dongle");

fn blocks_of(flash: &impl Blocks) -> Result<u64, ContainerError> {
    let blocks = flash.flash_bytes() / BLOCK as u64;
    if blocks <= FIRST_BLOCK { Err(ContainerError::NotSupported) } else { Ok(blocks) }
}

fn needed(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK as u64)
}

/// A superblock; `None` when the block was never written or was torn.
fn superblock(flash: &mut impl Blocks, block: u64) -> Result<Option<Superblock>, ContainerError> {
    let content = match flash.read_flash(block) {
        Ok(content) => content,
        Err(error) if error.code() == "flash_error" => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some((length, rest)) = content.split_first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let parsed = rest.get(..length).and_then(|bytes| decode::<Superblock, BLOCK>(bytes).ok());
    Ok(parsed.filter(|superblock| superblock.magic == MAGIC))
}

fn read_extents(flash: &mut impl Blocks, extents: &[Extent], size: u64) -> Result<Vec<u8>, ContainerError> {
    let capacity = blocks_of(flash)?;
    let size = usize::try_from(size).map_err(|_| DAMAGED)?;
    let mut out = Vec::new();
    for extent in extents {
        let end = extent.start.checked_add(extent.count).filter(|end| *end <= capacity).ok_or(DAMAGED)?;
        for block in extent.start..end {
            out.extend_from_slice(&flash.read_flash(block)?);
        }
    }
    if out.len() < size {
        return Err(DAMAGED);
    }
    out.truncate(size);
    Ok(out)
}

fn load(flash: &mut impl Blocks) -> Result<Directory, ContainerError> {
    blocks_of(flash)?;
    let (first, second) = (superblock(flash, 0)?, superblock(flash, 1)?);
    let Some(newest) = [first, second].into_iter().flatten().max_by_key(|found| found.sequence) else {
        // Never used, or the very first write was interrupted: nothing was ever acknowledged. With both
        // superblocks written and unreadable, something was.
        let is_unwritten = |content: Result<Vec<u8>, _>| content.is_ok_and(|c| c.iter().all(|b| *b == 0));
        let is_new = is_unwritten(flash.read_flash(0)) || is_unwritten(flash.read_flash(1));
        return if is_new { Ok(Directory::default()) } else { Err(DAMAGED) };
    };
    let bytes = read_extents(flash, &newest.extents, newest.size)?;
    if sha256(&bytes) != newest.digest {
        return Err(DAMAGED);
    }
    let entries = decode::<Vec<Entry>, FILE_BYTES_MAX>(&bytes).map_err(|_| DAMAGED)?;
    Ok(Directory { sequence: newest.sequence, extents: newest.extents, entries })
}

/// Unused blocks, as runs.
fn free(directory: &Directory, blocks: u64) -> Vec<Extent> {
    let used = directory.entries.iter().flat_map(|entry| &entry.extents).chain(&directory.extents);
    let mut used: Vec<Extent> = used.copied().collect();
    used.sort_by_key(|extent| extent.start);
    let mut runs = Vec::new();
    let mut next = FIRST_BLOCK;
    for extent in used.into_iter().chain([Extent { start: blocks, count: 0 }]) {
        if extent.start > next {
            runs.push(Extent { start: next, count: extent.start - next });
        }
        next = next.max(extent.start + extent.count);
    }
    runs
}

/// Takes `count` blocks off the free runs: the smallest run that holds all, else the largest ones.
fn take(runs: &mut Vec<Extent>, mut count: u64) -> Option<Vec<Extent>> {
    let mut taken = Vec::new();
    while count > 0 {
        runs.sort_by_key(|run| (run.count, run.start));
        let at = runs.iter().position(|run| run.count >= count).or_else(|| runs.len().checked_sub(1))?;
        let run = runs.get_mut(at)?;
        let part = run.count.min(count);
        taken.push(Extent { start: run.start, count: part });
        (run.start, run.count) = (run.start + part, run.count - part);
        if run.count == 0 {
            runs.remove(at);
        }
        count -= part;
    }
    Some(taken)
}

fn write_extents(flash: &mut impl Blocks, extents: &[Extent], bytes: &[u8]) -> Result<(), ContainerError> {
    let blocks = extents.iter().flat_map(|extent| extent.start..extent.start + extent.count);
    for (block, part) in blocks.zip(bytes.chunks(BLOCK)) {
        flash.write_flash(block, part)?;
    }
    Ok(())
}

/// Bytes a new file can have: room for the directory that will name it is kept.
fn room(directory: &Directory, blocks: u64) -> u64 {
    let free: u64 = free(directory, blocks).iter().map(|run| run.count).sum();
    let names = needed(encode(&directory.entries).len() as u64 + 512);
    free.saturating_sub(names) * BLOCK as u64
}

/// Writes a new directory; only with its superblock it counts.
fn commit(
    flash: &mut impl Blocks,
    old: &Directory,
    runs: &mut Vec<Extent>,
    entries: &[Entry],
) -> Result<(), ContainerError> {
    let bytes = encode(&entries.to_vec());
    let full = || ContainerError::FlashFull { free: 0, wanted: bytes.len() as u64 };
    let extents = take(runs, needed(bytes.len() as u64)).ok_or_else(full)?;
    if extents.len() > DIRECTORY_EXTENTS_MAX {
        return Err(full());
    }
    write_extents(flash, &extents, &bytes)?;
    let (size, digest) = (bytes.len() as u64, sha256(&bytes));
    let sequence = old.sequence + 1;
    let superblock = encode(&Superblock { magic: MAGIC, sequence, size, digest, extents });
    // Invariant: a superblock fits its block, as its extents are bounded.
    let length = u32::try_from(superblock.len()).expect("a small superblock").to_le_bytes();
    flash.write_flash(sequence % 2, &[length.as_slice(), &superblock].concat())
}

/// The first use of a flash memory makes an empty directory, so that from then on one of the two superblocks is
/// always intact.
fn opened(flash: &mut impl Blocks) -> Result<(Directory, u64), ContainerError> {
    let blocks = blocks_of(flash)?;
    let mut directory = load(flash)?;
    if directory.sequence == 0 {
        commit(flash, &directory, &mut free(&directory, blocks), &[])?;
        directory = load(flash)?;
    }
    Ok((directory, blocks))
}

pub(super) fn info(flash: &mut impl Blocks) -> Result<FlashInfo, ContainerError> {
    let blocks = blocks_of(flash)?;
    let directory = load(flash)?;
    let free = room(&directory, blocks).min(PACKAGE_BYTES_MAX as u64);
    let files = directory.entries.into_iter().map(|entry| entry.file).collect();
    Ok(FlashInfo { capacity: blocks * BLOCK as u64, free, files })
}

pub(super) fn store(flash: &mut impl Blocks, name: &FlashName, content: &[u8]) -> Result<(), ContainerError> {
    let (directory, blocks) = opened(flash)?;
    let wanted = content.len() as u64;
    let free_bytes = room(&directory, blocks).min(PACKAGE_BYTES_MAX as u64 + BLOCK as u64);
    let full = ContainerError::FlashFull { free: free_bytes, wanted };
    let mut entries = directory.entries.clone();
    entries.retain(|entry| entry.file.name != *name);
    if wanted > free_bytes || entries.len() >= FILES_MAX {
        return Err(full);
    }
    let mut runs = free(&directory, blocks);
    let Some(extents) = take(&mut runs, needed(wanted)) else { return Err(full) };
    write_extents(flash, &extents, content)?;
    let file = FlashFile { name: name.clone(), size: wanted, digest: sha256(content) };
    entries.push(Entry { file, extents });
    entries.sort_by(|a, b| a.file.name.cmp(&b.file.name));
    commit(flash, &directory, &mut runs, &entries)
}

pub(super) fn fetch(flash: &mut impl Blocks, name: &FlashName) -> Result<Vec<u8>, ContainerError> {
    let directory = load(flash)?;
    let entry = directory.entries.into_iter().find(|entry| entry.file.name == *name);
    let entry = entry.ok_or_else(|| ContainerError::FlashFileUnknown(name.clone()))?;
    let content = read_extents(flash, &entry.extents, entry.file.size)?;
    if sha256(&content) == entry.file.digest { Ok(content) } else { Err(DAMAGED) }
}

pub(super) fn remove(flash: &mut impl Blocks, name: &FlashName) -> Result<(), ContainerError> {
    let (directory, blocks) = opened(flash)?;
    let mut entries = directory.entries.clone();
    entries.retain(|entry| entry.file.name != *name);
    if entries.len() == directory.entries.len() {
        return Err(ContainerError::FlashFileUnknown(name.clone()));
    }
    commit(flash, &directory, &mut free(&directory, blocks), &entries)
}
