//! Anchors: what the newest version of an act license file is, kept apart from the file.

use licensing_core::codec::{Decode, Encode, decode, encode};
use licensing_core::crypto::digest::{Digest, keyed_hash};
use licensing_core::ids::ContainerSerial;

use crate::container::ContainerError;
use crate::storage::{Storage, replace};

/// Version and digest of a file, authenticated with a key only the file holds.
#[derive(Clone, Encode, Decode)]
struct Anchor {
    version: u64,
    digest: Digest,
    mac: Digest,
}

/// How a file stands to its anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the version the anchors know.
    Current,
    /// The power failed between file and anchor: the anchors are one behind.
    Behind,
}

fn name(serial: ContainerSerial) -> String {
    format!("{serial}.anchor")
}

fn mac(serial: ContainerSerial, version: u64, digest: &Digest, key: &[u8; 32]) -> Digest {
    keyed_hash(key, "anchor", &[serial.to_bytes().as_slice(), &version.to_be_bytes(), digest].concat())
}

pub(super) fn write(
    stores: &mut [Box<dyn Storage>],
    serial: ContainerSerial,
    (version, digest, key): (u64, &Digest, &[u8; 32]),
) -> Result<(), ContainerError> {
    let anchor = Anchor { version, digest: *digest, mac: mac(serial, version, digest, key) };
    for store in stores {
        replace(store.as_mut(), &name(serial), &encode(&anchor))?;
    }
    Ok(())
}

/// Compares a file with its anchors; of several the highest counts.
pub(super) fn judge(
    stores: &[Box<dyn Storage>],
    serial: ContainerSerial,
    version: u64,
    digest: &Digest,
    key: &[u8; 32],
) -> Result<Standing, ContainerError> {
    let mut newest: Option<Anchor> = None;
    let mut damaged = false;
    let mut missing = false;
    for store in stores {
        let Some(bytes) = store.read(&name(serial))? else {
            missing = true;
            continue;
        };
        match decode::<Anchor, 256>(&bytes) {
            Ok(anchor) if anchor.mac == mac(serial, anchor.version, &anchor.digest, key) => {
                if newest.as_ref().is_none_or(|newest| anchor.version > newest.version) {
                    newest = Some(anchor);
                }
            }
            Ok(_) | Err(_) => damaged = true,
        }
    }
    let Some(anchor) = newest else {
        // The very first version is empty; the power may have failed before its anchor was written.
        return if version == 1 && !damaged { Ok(Standing::Behind) } else { Err(ContainerError::AnchorLost) };
    };
    let known = anchor.version;
    if version == known && anchor.digest == *digest {
        let complete = !damaged && !missing;
        Ok(if complete { Standing::Current } else { Standing::Behind })
    } else if version == known + 1 {
        Ok(Standing::Behind)
    } else if version <= known {
        Err(ContainerError::RolledBack { found: version, known })
    } else {
        Err(ContainerError::AnchorLost)
    }
}
