//! The server's side of a transfer: facts are loaded, a [`Work`] decides on them, and what it decided is one
//! [`ChangeSet`].
//!
//! The ceremony, each value made only by the step before it:
//!
//! ```text
//! bytes -> VerifiedContext -> Work::settle -> Settled -> Work::activate / give_back / catch_up -> Plan
//!       -> Plan::issue (seal, sign) -> bytes, and Work::finish -> ChangeSet -> commit -> answer
//! ```
//!
//! Nothing is sent before it is committed, and what was settled is committed even when the rest is refused.

mod activate;
mod adopt;
mod assign;
mod cancel;
mod consent;
mod give_back;
mod reactivate;
mod settle;
mod updates;
mod withdraw;

pub use settle::Settled;

use std::collections::{BTreeMap, BTreeSet};

use crate::Entropy;
use crate::activation::{Activation, ActivationState};
use crate::approval::Approval;
use crate::changeset::{Change, ChangeSet};
use crate::container::{ContainerRecord, FirmRecord, PendingStep};
use crate::crypto::digest::{Digest, derive_key};
use crate::error::{InvalidTransition, VerifyError};
use crate::event::{Action, Actor, Event};
use crate::format::update::{Issuer, UpdateHeader, UpdatePayload, issue};
use crate::ids::{ActivationId, ContainerSerial, FirmCode, LicenseId, ProductCode};
use crate::license::LicenseLine;
use crate::limits::STEPS_PER_UPDATE_MAX;
use crate::product::ProofSeed;
use crate::refusal::Refusal;
use crate::step::{Operation, Step, StepId};
use crate::ticket::Ticket;
use crate::time::Timestamp;
use crate::zoo::{self, Bug};

/// What a transfer decision needs to know, all loaded at one moment.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The ticket of the request; `None` for a bare receipt.
    pub ticket: Option<Ticket>,
    /// Every line of the ticket, of a live activation in the firm item, assigned to the container, named by the context,
    /// and whatever replaces one of these, to the end.
    pub lines: Vec<LicenseLine>,
    /// Every live activation in the firm item, whatever its ticket.
    pub activations: Vec<Activation>,
    /// Live activations of the ticket's lines in other containers, and when a container is restored all that are
    /// live in the old one under the firm code; while the server is reconciled also those of licenses that the context
    /// names.
    pub elsewhere: Vec<Activation>,
    /// The containers of those.
    pub others: Vec<ContainerRecord>,
    /// Open approvals of the ticket.
    pub approvals: Vec<Approval>,
    /// The container; `None` when it was never seen.
    pub container: Option<ContainerRecord>,
    /// Its firm item with all unproven steps; `None` when it was never seen.
    pub firm: Option<FirmRecord>,
    /// The firm item of the container that is to be restored.
    pub old_firm: Option<FirmRecord>,
    /// Hash of the context that was seen before under the sequence number of the one at hand.
    pub seen_under_sequence: Option<Digest>,
    /// Version of the newest blacklist.
    pub blacklist_version: u32,
    /// Since when a restored database is being reconciled.
    pub reconciling: Option<Timestamp>,
}

/// Which licenses of a ticket go along with those a user selects for activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SelectionRule {
    /// None: the user chooses freely.
    #[default]
    Free,
    /// All that are available and fit.
    All,
    /// All that are older than the newest selected one, so that updates are not applied before what they update.
    Older,
}

/// Every selection rule with the word used in settings.
pub const SELECTION_RULES: [(SelectionRule, &str); 3] =
    [(SelectionRule::Free, "free"), (SelectionRule::All, "all"), (SelectionRule::Older, "older")];

/// Rules of this server that are not of any item.
#[derive(Debug, Clone)]
pub struct ServerRules {
    /// Whether containers on simulated host traits are served.
    pub accept_test_containers: bool,
    /// What goes along with a selection.
    pub selection: SelectionRule,
    /// How similar two computers must be for a restore, from 0 to 100.
    pub restore_similarity: u32,
}

impl Default for ServerRules {
    fn default() -> Self {
        Self { accept_test_containers: false, selection: SelectionRule::Free, restore_similarity: 60 }
    }
}

/// What went wrong in a decision: a rule said no, or stored facts contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Decline {
    /// A rule said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The stored facts contradict each other: our fault.
    #[error(transparent)]
    Broken(#[from] InvalidTransition),
}

impl From<VerifyError> for Decline {
    fn from(error: VerifyError) -> Self {
        Self::Refused(error.into())
    }
}

/// Licenses named in a request, each with a quantity or all there is; empty for everything possible.
pub type Selection = [(LicenseId, Option<u32>)];

/// A decision in the making.
#[derive(Debug, Clone)]
pub struct Work {
    ticket: Option<Ticket>,
    lines: BTreeMap<LicenseId, LicenseLine>,
    activations: BTreeMap<ActivationId, Activation>,
    others: BTreeMap<ContainerSerial, ContainerRecord>,
    approvals: Vec<Approval>,
    container: Option<ContainerRecord>,
    firm: Option<FirmRecord>,
    old_firm: Option<FirmRecord>,
    seen_under_sequence: Option<Digest>,
    blacklist_version: u32,
    reconciling: Option<Timestamp>,
    rules: ServerRules,
    actor: Actor,
    now: Timestamp,
    changed_lines: BTreeSet<LicenseId>,
    changed_activations: BTreeSet<ActivationId>,
    changed_others: Vec<ContainerRecord>,
    container_changed: bool,
    firm_changed: bool,
    changes: ChangeSet,
}

impl Work {
    /// Begins a decision on loaded facts.
    #[must_use]
    pub fn new(facts: Facts, rules: ServerRules, actor: Actor, now: Timestamp) -> Self {
        Self {
            ticket: facts.ticket,
            lines: facts.lines.into_iter().map(|line| (line.id, line)).collect(),
            activations: facts.activations.into_iter().chain(facts.elsewhere).map(|a| (a.id, a)).collect(),
            others: facts.others.into_iter().map(|container| (container.serial, container)).collect(),
            approvals: facts.approvals,
            container: facts.container,
            firm: facts.firm,
            old_firm: facts.old_firm,
            seen_under_sequence: facts.seen_under_sequence,
            blacklist_version: facts.blacklist_version,
            reconciling: facts.reconciling,
            rules,
            actor,
            now,
            changed_lines: BTreeSet::new(),
            changed_activations: BTreeSet::new(),
            changed_others: Vec::new(),
            container_changed: false,
            firm_changed: false,
            changes: ChangeSet::default(),
        }
    }

    /// The license lines as they are now.
    pub fn lines(&self) -> impl Iterator<Item = &LicenseLine> {
        self.lines.values()
    }

    /// Records a refusal with the rest of the decision.
    pub fn refuse(&mut self, refusal: &Refusal, serial: ContainerSerial, firm_code: FirmCode) {
        let mut event = Event::refused(refusal, &self.actor, self.now).container(serial, firm_code);
        event.ticket = self.ticket.as_ref().map(|ticket| ticket.id);
        self.changes.events.push(event);
    }

    /// Everything decided, to be committed at once.
    #[must_use]
    pub fn finish(mut self) -> ChangeSet {
        for id in &self.changed_lines {
            if let Some(line) = self.lines.remove(id) {
                self.changes.changes.push(Change::UpdateLicense(line));
            }
        }
        for id in &self.changed_activations {
            if let Some(activation) = self.activations.remove(id) {
                self.changes.changes.push(Change::PutActivation(activation));
            }
        }
        self.changes.changes.extend(self.changed_others.iter().cloned().map(Change::PutContainer));
        if self.container_changed
            && let Some(container) = self.container
        {
            self.changes.changes.push(Change::PutContainer(container));
        }
        if self.firm_changed
            && let Some(firm) = self.firm
        {
            self.changes.changes.push(Change::PutFirm(firm));
        }
        self.changes
    }

    fn line_mut(&mut self, id: LicenseId) -> Result<&mut LicenseLine, InvalidTransition> {
        self.changed_lines.insert(id);
        self.lines.get_mut(&id).ok_or(missing("license line"))
    }

    /// Appends a step with `operations` to the chain, and gives it.
    fn append_step(&mut self, operations: Vec<Operation>) -> Result<PendingStep, Decline> {
        let firm = self.firm.as_mut().ok_or(missing("firm record"))?;
        // The last place is kept for a lock: a container that is shut out must not get the rest without it.
        let kept = usize::from(operations != [Operation::Lock]);
        if firm.pending.len() + kept >= STEPS_PER_UPDATE_MAX {
            return Err(Refusal::TooManyPending(firm.serial).into());
        }
        let before = firm.tip();
        let step =
            Step { serial: firm.serial, firm_code: firm.firm_code, before, issued_at: self.now, operations };
        let bytes = step.to_bytes();
        // Read the bytes back with the container's own parser before anything is signed.
        if Step::parse(&bytes).map_err(VerifyError::from)? != step {
            return Err(missing("step encoding").into());
        }
        let id = Step::id_of(&bytes);
        let step = PendingStep { id, before, after: before.after(id), bytes, issued_at: self.now };
        firm.pending.push(step.clone());
        self.firm_changed = true;
        self.changes.push(Change::InsertStep {
            serial: firm.serial,
            firm_code: firm.firm_code,
            step: step.clone(),
        });
        Ok(step)
    }

    /// The update that brings the container to the tip: every unproven step, old bytes unchanged.
    ///
    /// # Errors
    /// Only for contradictory facts.
    pub fn catch_up(&self, _settled: &Settled) -> Result<Plan, Decline> {
        self.plan()
    }

    fn plan(&self) -> Result<Plan, Decline> {
        let firm = self.firm.as_ref().ok_or(missing("firm record"))?;
        let container = self.container.as_ref().ok_or(missing("container record"))?;
        let skipped = if zoo::has(Bug::NewestStepOnly) { firm.pending.len().saturating_sub(1) } else { 0 };
        let header = UpdateHeader {
            serial: firm.serial,
            firm_code: firm.firm_code,
            first: firm.confirmed.counter + skipped as u64,
            last: firm.tip().counter,
        };
        let payload = UpdatePayload {
            steps: firm.pending.iter().skip(skipped).map(|step| step.bytes.clone()).collect(),
            certified_time: self.now,
            confirmed_counter: firm.confirmed.counter,
            blacklist_version: self.blacklist_version,
        };
        Ok(Plan { header, payload, sealing_key: container.sealing_key })
    }

    /// The update that goes with a refusal: what the container has to take whatever its user wants. The vendor's part
    /// of a transaction whose user's part was refused, the steps a stale context misses, the lock of a blacklisted
    /// container.
    #[must_use]
    pub fn parting_update(&self, refusal: &Refusal) -> Option<Plan> {
        let suspect = matches!(
            refusal,
            Refusal::ManipulationDetected(_)
                | Refusal::SerialTaken(_)
                | Refusal::TestContainer(_)
                | Refusal::ServerBehind(_)
        );
        let waiting = self.firm.as_ref().is_some_and(|firm| !firm.pending.is_empty());
        if suspect || !waiting { None } else { self.plan().ok() }
    }

    /// Everything of `settled`'s firm item that is in its container, as far as the books go.
    fn here<'a>(&'a self, settled: &'a Settled) -> impl Iterator<Item = &'a Activation> {
        self.activations
            .values()
            .filter(move |a| a.container == settled.serial() && a.firm_code == settled.firm_code())
    }

    fn event(&self, action: Action) -> Event {
        Event::new(action, &self.actor, self.now)
    }

    /// An event about an activation.
    fn event_of(&self, action: Action, activation: &Activation) -> Event {
        self.event(action)
            .ticket(activation.ticket)
            .license(activation.license)
            .container(activation.container, activation.firm_code)
            .quantity(activation.quantity)
    }

    /// Whether a share is in its container once every step that is carried on is applied. Steps that a cancellation has
    /// replaced are not: a return that was cancelled leaves its share where it is, an activation brings none.
    fn will_be_here(&self, activation: &Activation) -> bool {
        let carried_on =
            |id: StepId| self.firm.as_ref().is_some_and(|firm| firm.pending.iter().any(|step| step.id == id));
        match activation.state {
            ActivationState::Active { .. } => true,
            ActivationState::Activating { step } => carried_on(step),
            ActivationState::Returning { step, .. } => {
                !carried_on(step) && !zoo::has(Bug::CancelledReturnGoes)
            }
            _ => false,
        }
    }

    /// Whether a share stays: it will be in its container, and nothing is issued or wanted that ends it.
    fn stays(&self, activation: &Activation) -> bool {
        activation.is_staying() && (self.will_be_here(activation) || zoo::has(Bug::UpdateOfCancelled))
    }

    /// Operations issued to the container and not proven.
    fn pending_operations(&self) -> Vec<Operation> {
        let steps = self.firm.iter().flat_map(|firm| &firm.pending);
        // Steps are parsed when they are issued, so each parses again.
        steps.filter_map(|step| Step::parse(&step.bytes).ok()).flat_map(|step| step.operations).collect()
    }

    /// Product items that fit in once everything issued is applied.
    fn room(&self, settled: &Settled) -> u32 {
        let change = |operation: &Operation| match operation {
            Operation::Add(_) | Operation::Split { .. } => -1,
            Operation::Remove { .. } => 1,
            Operation::SetQuantity { .. } | Operation::Update { .. } | Operation::Lock => 0,
        };
        let change: i64 = self.pending_operations().iter().map(change).sum();
        u32::try_from(i64::from(settled.free_products()) + change).unwrap_or(0)
    }
}

const fn missing(entity: &'static str) -> InvalidTransition {
    InvalidTransition { entity, from: "missing", event: "use" }
}

/// An update that was decided and not yet sealed.
#[derive(Debug)]
pub struct Plan {
    header: UpdateHeader,
    payload: UpdatePayload,
    sealing_key: crate::crypto::seal::SealingPublicKey,
}

impl Plan {
    /// Steps the update will carry.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.payload.steps.len()
    }

    /// What the update says, unsealed.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn into_parts(self) -> (UpdateHeader, UpdatePayload) {
        (self.header, self.payload)
    }

    /// Seals and signs the update. Commit first, answer then.
    ///
    /// # Errors
    /// [`VerifyError::WeakKey`]: the container registered a degenerate key.
    pub fn issue(self, issuer: &Issuer, entropy: &mut dyn Entropy) -> Result<Vec<u8>, VerifyError> {
        issue(&self.header, &self.payload, &self.sealing_key, issuer, entropy)
    }
}

/// A vendor's secret from which every product's proof key is derived.
#[derive(Clone)]
pub struct ProofMaster(pub [u8; 32]);

impl std::fmt::Debug for ProofMaster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProofMaster(..)")
    }
}

impl ProofMaster {
    /// The proof key seed of a product.
    #[must_use]
    pub fn seed(&self, firm: FirmCode, product: ProductCode) -> ProofSeed {
        self.derive(firm, product, "product proof")
    }

    /// The proof key seed of licenses of a product that are bound to nothing.
    #[must_use]
    pub fn unbound_seed(&self, firm: FirmCode, product: ProductCode) -> ProofSeed {
        self.derive(firm, product, "unbound product proof")
    }

    fn derive(&self, firm: FirmCode, product: ProductCode, purpose: &str) -> ProofSeed {
        let salt = [firm.get().to_be_bytes(), product.get().to_be_bytes()].concat();
        ProofSeed(derive_key(&self.0, &salt, purpose))
    }
}
