//! The rows of many change sets, each as the last one left it.

use std::collections::BTreeMap;

use licensing_core::activation::Activation;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::container::{ContainerRecord, FirmRecord};
use licensing_core::crypto::digest::Digest;
use licensing_core::event::Event;
use licensing_core::ids::{ActivationId, ContainerSerial, LicenseId};
use licensing_core::license::LicenseLine;

/// One customer's part of a database in memory.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// License lines.
    pub(super) lines: BTreeMap<LicenseId, LicenseLine>,
    /// Activations.
    pub(super) activations: BTreeMap<ActivationId, Activation>,
    /// Containers.
    pub(super) containers: BTreeMap<ContainerSerial, ContainerRecord>,
    /// Their firm items.
    pub(super) firms: BTreeMap<ContainerSerial, FirmRecord>,
    /// Contexts by sequence number.
    pub(super) seen: BTreeMap<(ContainerSerial, u64), Digest>,
    first: Vec<Change>,
    rest: Vec<Change>,
    events: Vec<Event>,
}

impl Tables {
    /// Takes a change set in.
    pub(super) fn take(&mut self, changes: ChangeSet) {
        for change in changes.changes {
            self.take_one(change);
        }
        self.events.extend(changes.events);
    }

    fn take_one(&mut self, change: Change) {
        match change {
            Change::InsertLicense(mut line) | Change::UpdateLicense(mut line) => {
                line.version += 1;
                self.lines.insert(line.id, line);
            }
            Change::PutActivation(mut activation) => {
                activation.version += 1;
                self.activations.insert(activation.id, activation);
            }
            Change::PutContainer(mut container) => {
                container.version += 1;
                self.containers.insert(container.serial, container);
            }
            Change::PutFirm(mut firm) => {
                firm.version += 1;
                self.firms.insert(firm.serial, firm);
            }
            Change::InsertTicket { .. } | Change::InsertOrder(_) => self.first.push(change),
            Change::NoteContext { serial, sequence, hash, .. } => {
                self.seen.insert((serial, sequence), hash);
                self.rest.push(change);
            }
            other => self.rest.push(other),
        }
    }

    /// Everything as insertions, what is referred to before what refers to it.
    pub(super) fn finish(self) -> ChangeSet {
        let mut changes = self.first;
        changes.extend(self.lines.into_values().map(Change::InsertLicense));
        changes.extend(self.containers.into_values().map(|mut container| {
            container.version = 0;
            Change::PutContainer(container)
        }));
        changes.extend(self.firms.into_values().map(|mut firm| {
            firm.version = 0;
            Change::PutFirm(firm)
        }));
        changes.extend(self.activations.into_values().map(|mut activation| {
            activation.version = 0;
            Change::PutActivation(activation)
        }));
        changes.extend(self.rest);
        ChangeSet { request: None, changes, events: self.events }
    }
}
