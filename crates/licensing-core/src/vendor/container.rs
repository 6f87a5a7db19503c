//! Decisions about containers.

use crate::blacklist;
use crate::changeset::{Change, ChangeSet};
use crate::container::{ContainerRecord, ContainerStatus, FirmRecord};
use crate::event::{Action, Actor, Event};
use crate::ids::Text;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Shuts a container out for good: it is put on the blacklist, and locked at its next contact.
///
/// # Errors
/// It is blacklisted already.
pub fn blacklist(
    container: ContainerRecord,
    newest_version: u32,
    reason: Text,
    actor: &Actor,
    now: Timestamp,
) -> Result<ChangeSet, Refusal> {
    if container.status == ContainerStatus::Blacklisted {
        return Err(Refusal::Blacklisted(container.serial));
    }
    let mut changes = ChangeSet::default();
    let mut event = Event::new(Action::ContainerBlacklisted, actor, now);
    event.container = Some(container.serial);
    event.detail = reason.as_str().to_owned();
    changes.events.push(event);
    let (container, entry) = blacklist::list(container, newest_version, reason, now);
    changes.push(entry);
    changes.push(Change::PutContainer(container));
    Ok(changes)
}

/// Serves a container again after manipulation was detected. The state in its next context is taken over; what it
/// holds beyond the books is taken out again.
///
/// # Errors
/// It is not flagged, or blacklisted, which is final.
pub fn clear(
    mut container: ContainerRecord,
    firms: Vec<FirmRecord>,
    reason: &Text,
    actor: &Actor,
    now: Timestamp,
) -> Result<ChangeSet, Refusal> {
    match container.status {
        ContainerStatus::ManipulationDetected => {}
        ContainerStatus::Normal => return Err(Refusal::NotFlagged(container.serial)),
        ContainerStatus::Blacklisted => return Err(Refusal::Blacklisted(container.serial)),
    }
    container.status = ContainerStatus::Normal;
    let mut changes = ChangeSet::default();
    let mut event = Event::new(Action::ContainerCleared, actor, now);
    event.container = Some(container.serial);
    event.detail = reason.as_str().to_owned();
    changes.events.push(event);
    changes.push(Change::PutContainer(container));
    for mut firm in firms {
        firm.resync = true;
        changes.push(Change::PutFirm(firm));
    }
    Ok(changes)
}
