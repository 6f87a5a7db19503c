//! The blacklist: containers a vendor no longer serves, numbered in the order in which they were listed.

use crate::changeset::Change;
use crate::container::{ContainerRecord, ContainerStatus};
use crate::ids::{ContainerSerial, Text};
use crate::time::Timestamp;

/// One container on the list. Nothing is ever taken off it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlacklistEntry {
    /// The version of the list that this entry made: 1 for the first, without gaps.
    pub version: u32,
    /// The container.
    pub serial: ContainerSerial,
    /// When it was listed.
    pub listed_at: Timestamp,
    /// Why.
    pub reason: Text,
}

/// Puts a container on the list: the changed record, and the entry that makes the next version.
///
/// Two at once make the same version, which the store refuses to one of them; it decides again.
#[must_use]
pub fn list(
    mut container: ContainerRecord,
    newest_version: u32,
    reason: Text,
    now: Timestamp,
) -> (ContainerRecord, Change) {
    container.status = ContainerStatus::Blacklisted;
    let entry =
        BlacklistEntry { version: newest_version + 1, serial: container.serial, listed_at: now, reason };
    (container, Change::InsertBlacklisted(entry))
}
