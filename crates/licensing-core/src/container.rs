//! Containers as the server knows them: pinned keys, and per firm code what is proven and what is issued.

use crate::crypto::digest::Digest;
use crate::crypto::seal::SealingPublicKey;
use crate::crypto::sign::PublicKey;
use crate::format::context::TraitDigest;
use crate::ids::{ContainerSerial, FirmCode};
use crate::step::{ChainLink, Step, StepId};
use crate::time::Timestamp;
use crate::zoo::{self, Bug};

/// Whether a container may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerStatus {
    /// It may.
    Normal,
    /// It was in a state it cannot honestly be in; the vendor decides.
    ManipulationDetected,
    /// The vendor or a re-activation shut it out.
    Blacklisted,
}

/// Every status with the word used in interfaces and tables.
pub const STATUS_NAMES: [(ContainerStatus, &str); 3] = [
    (ContainerStatus::Normal, "normal"),
    (ContainerStatus::ManipulationDetected, "manipulation_detected"),
    (ContainerStatus::Blacklisted, "blacklisted"),
];

impl ContainerStatus {
    /// The word for the status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        STATUS_NAMES[self as usize].1
    }
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRecord {
    /// Identity.
    pub serial: ContainerSerial,
    /// Key its contexts are signed with, pinned at the first contact.
    pub identity_key: PublicKey,
    /// Key its updates are sealed to, pinned at the first contact.
    pub sealing_key: SealingPublicKey,
    /// Made on simulated host traits.
    pub test_host: bool,
    /// Whether it may be served.
    pub status: ContainerStatus,
    /// First contact.
    pub registered_at: Timestamp,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

/// The newest context seen: what later contexts are ordered against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastContext {
    /// Its sequence number.
    pub sequence: u64,
    /// Its certified time.
    pub certified_time: Timestamp,
    /// Its box time.
    pub box_time: Timestamp,
    /// Its hash.
    pub hash: Digest,
    /// When it arrived.
    pub seen_at: Timestamp,
    /// Product items that fitted in then.
    pub free_products: u32,
    /// Traits of the computer, act licenses only: a restore compares them.
    pub traits: Vec<TraitDigest>,
}

/// A step that was issued and is not proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingStep {
    /// Identity.
    pub id: StepId,
    /// Place in the chain it fits.
    pub before: ChainLink,
    /// Place in the chain after it.
    pub after: ChainLink,
    /// Its bytes, which never change.
    pub bytes: Vec<u8>,
    /// When it was issued.
    pub issued_at: Timestamp,
}

impl PendingStep {
    /// Whether identity, links, container and firm code are what the bytes say: recomputed from them, for audits.
    pub fn is_sound(&self, serial: ContainerSerial, firm_code: FirmCode) -> bool {
        Step::id_of(&self.bytes) == self.id
            && self.before.after(self.id) == self.after
            && Step::parse(&self.bytes).is_ok_and(|parsed| {
                (parsed.serial, parsed.firm_code, parsed.before) == (serial, firm_code, self.before)
            })
    }
}

/// The firm item of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmRecord {
    /// The container.
    pub serial: ContainerSerial,
    /// The vendor.
    pub firm_code: FirmCode,
    /// Last place in the chain a context has proven.
    pub confirmed: ChainLink,
    /// Steps issued after it, in order: what an update carries.
    pub pending: Vec<PendingStep>,
    /// Steps a competing step has replaced, and what was issued after them. A context may still prove them.
    pub voided: Vec<PendingStep>,
    /// The newest context seen.
    pub last_context: Option<LastContext>,
    /// The vendor has cleared the container: the state in its next context is taken over as it is.
    pub resync: bool,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

/// What a place in the chain proves of the unproven steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proven {
    /// Steps that were applied, in order.
    pub applied: Vec<PendingStep>,
    /// Steps that were not applied and never can be.
    pub dead: Vec<PendingStep>,
    /// Steps that had been replaced and count again.
    pub revived: Vec<StepId>,
}

impl FirmRecord {
    /// The firm item of a container that was never seen before.
    #[must_use]
    pub fn begin(serial: ContainerSerial, firm_code: FirmCode, identity: &PublicKey) -> Self {
        Self {
            serial,
            firm_code,
            confirmed: ChainLink::start(serial, firm_code, identity),
            pending: Vec::new(),
            voided: Vec::new(),
            last_context: None,
            resync: false,
            version: 0,
        }
    }

    /// Where the chain ends when everything issued is applied.
    #[must_use]
    pub fn tip(&self) -> ChainLink {
        self.pending.last().map_or(self.confirmed, |step| step.after)
    }

    /// The highest counter any issued step leads to.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.unproven().map(|step| step.after.counter).max().unwrap_or(self.confirmed.counter)
    }

    fn unproven(&self) -> impl Iterator<Item = &PendingStep> {
        self.pending.iter().chain(&self.voided)
    }

    /// The steps from the proven place to `link`, in order; `None` when it is on no history we know of.
    #[must_use]
    pub fn path(&self, link: ChainLink) -> Option<Vec<PendingStep>> {
        let mut path = Vec::new();
        let mut at = link;
        while at != self.confirmed {
            let step = self.unproven().find(|step| step.after == at)?;
            at = step.before;
            path.push(step.clone());
        }
        path.reverse();
        Some(path)
    }

    /// Takes `link` as proven: what follows it stays, everything else can never be applied.
    ///
    /// `None` when the place is on no history we know of; nothing has changed then.
    #[must_use]
    pub fn prove(&mut self, link: ChainLink) -> Option<Proven> {
        let applied = self.path(link)?;
        if applied.is_empty() {
            return Some(Proven::default());
        }
        self.confirmed = link;
        let mut proven = Proven { applied, ..Proven::default() };
        let mut reachable = vec![link];
        let (pending, voided) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.voided));
        let mut rest: Vec<(PendingStep, bool)> = pending.into_iter().map(|step| (step, false)).collect();
        rest.extend(voided.into_iter().map(|step| (step, true)));
        rest.retain(|(step, _)| !proven.applied.iter().any(|done| done.id == step.id));
        rest.sort_by_key(|(step, _)| step.before.counter);
        let mut alive = Vec::new();
        for (step, was_void) in rest {
            if reachable.contains(&step.before) {
                reachable.push(step.after);
                alive.push((step, was_void));
            } else {
                proven.dead.push(step);
            }
        }
        // At each place the step that was not replaced goes on; where only a replaced one is left, it counts again.
        let mut at = link;
        while let Some(next) = alive
            .iter()
            .position(|(step, was_void)| step.before == at && !was_void)
            .or_else(|| alive.iter().position(|(step, _)| step.before == at && !zoo::has(Bug::NotRevived)))
        {
            let (step, was_void) = alive.remove(next);
            if was_void {
                proven.revived.push(step.id);
            }
            at = step.after;
            self.pending.push(step);
        }
        self.voided = alive.into_iter().map(|(step, _)| step).collect();
        Some(proven)
    }

    /// Makes the history that leads to `link` the one that goes on, without taking it as proven: what is issued next
    /// fits a container that is there. Gives the steps that were replaced by that, and those that count again; `None`
    /// when the place is on no history we know of.
    #[must_use]
    pub fn follow(&mut self, link: ChainLink) -> Option<(Vec<StepId>, Vec<StepId>)> {
        let path = self.path(link)?;
        if path.iter().all(|step| self.pending.contains(step)) {
            return Some(Default::default());
        }
        let (old, mut rest) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.voided));
        let on_path = |step: &PendingStep| path.iter().any(|on| on.id == step.id);
        let replaced = old.iter().filter(|step| !on_path(step)).map(|step| step.id).collect();
        let revived = rest.iter().filter(|step| on_path(step)).map(|step| step.id).collect();
        rest.extend(old);
        rest.retain(|step| !on_path(step));
        (self.pending, self.voided) = (path, rest);
        Some((replaced, revived))
    }

    /// Gives up every unproven step: the state of the container is taken over from its context.
    #[must_use]
    pub fn adopt(&mut self, link: ChainLink) -> Vec<PendingStep> {
        self.confirmed = link;
        self.resync = false;
        let mut dropped = std::mem::take(&mut self.pending);
        dropped.append(&mut self.voided);
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ContainerKind;

    fn record() -> FirmRecord {
        let serial = ContainerSerial::new(ContainerKind::Act, 1).unwrap();
        FirmRecord {
            serial,
            firm_code: FirmCode::new(1).unwrap(),
            confirmed: ChainLink { counter: 0, digest: [0; 32] },
            pending: Vec::new(),
            voided: Vec::new(),
            last_context: None,
            resync: false,
            version: 1,
        }
    }

    fn step(before: ChainLink, name: u8) -> PendingStep {
        let id = StepId([name; 32]);
        PendingStep { id, before, after: before.after(id), bytes: Vec::new(), issued_at: Timestamp::ZERO }
    }

    #[test]
    fn the_void_step_kills_what_it_replaced_and_the_other_way_round() {
        let start = record().confirmed;
        let (one, void) = (step(start, 1), step(start, 2));
        let (two, three) = (step(one.after, 3), step(void.after, 4));
        let mut firm = record();
        firm.pending = vec![void.clone(), three.clone()];
        firm.voided = vec![one.clone(), two.clone()];
        let mut other = firm.clone();

        let proven = firm.prove(void.after).unwrap();
        assert_eq!(proven.dead, vec![one.clone(), two.clone()]);
        assert_eq!((firm.pending.clone(), firm.voided.clone()), (vec![three.clone()], vec![]));

        let proven = other.prove(one.after).unwrap();
        assert_eq!(proven.dead, vec![void, three]);
        assert_eq!(proven.revived, vec![two.id], "what follows the applied step counts again");
        assert_eq!(other.pending, vec![two]);
        assert_eq!(other.prove(start), None, "the chain never goes back");
    }

    #[test]
    fn nothing_is_proven_twice() {
        let mut firm = record();
        firm.pending = vec![step(firm.confirmed, 1)];
        let link = firm.pending[0].after;
        assert_eq!(firm.prove(link).unwrap().applied.len(), 1);
        assert_eq!(firm.prove(link), Some(Proven::default()));
        assert_eq!(firm.path(ChainLink { counter: 9, digest: [9; 32] }), None);
    }
}
