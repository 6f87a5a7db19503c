//! A central server in memory and the keys around it: loads facts and stores change sets exactly as a database
//! does, without one.

use std::collections::{BTreeMap, BTreeSet};

use licensing_core::activation::{Activation, ActivationState};
use licensing_core::approval::{Approval, Verdict};
use licensing_core::blacklist::BlacklistEntry;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::container::{ContainerRecord, FirmRecord};
use licensing_core::crypto::digest::Digest;
use licensing_core::crypto::seal::SealingKey;
use licensing_core::crypto::sign::{PublicKey, SigningKey};
use licensing_core::device::{DeviceState, NewDevice};
use licensing_core::event::Actor;
use licensing_core::format::certificate::{FirmCertificate, IssuingCertificate};
use licensing_core::format::context::VerifiedContext;
use licensing_core::format::update::Issuer;
use licensing_core::ids::{
    ActivationId, ApprovalId, ContainerKind, ContainerSerial, FirmCode, ItemId, LicenseId, Name, OrderId,
    ProductCode, Text, TicketId,
};
use licensing_core::item::{Item, ItemDefinition, ItemPolicy};
use licensing_core::license::LicenseLine;
use licensing_core::order::{NewOrder, OrderLine, Placed, Placing, StoredCode, TicketChoice};
use licensing_core::refusal::Refusal;
use licensing_core::terms::LicenseTerms;
use licensing_core::testing::TestEntropy;
use licensing_core::ticket::Ticket;
use licensing_core::time::Timestamp;
use licensing_core::vendor::{self, Held};
use licensing_core::work::{Decline, Facts, Plan, ProofMaster, Selection, ServerRules, Settled, Work};
use licensing_core::zoo::{self, Bug};
use licensing_core::{Entropy, random};

/// The moment tests begin at.
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// The secret its products' proof keys come from.
pub const PROOFS: ProofMaster = ProofMaster([9; 32]);

/// The vendor of the tests.
#[must_use]
pub fn firm() -> FirmCode {
    FirmCode::new(6_000_010).expect("a test value")
}

/// The product of the tests.
#[must_use]
pub fn product() -> ProductCode {
    ProductCode::new(201_000).expect("a test value")
}

/// Who acts in tests.
#[must_use]
pub fn actor() -> Actor {
    Actor { name: "test".into(), origin: None }
}

/// Root, firm and issuing key of a vendor.
pub fn issuer(entropy: &mut dyn Entropy) -> Issuer {
    let root = SigningKey::generate(entropy);
    issuer_of(&root, 1, entropy)
}

/// An issuing key of the given epoch under a root.
pub fn issuer_of(root: &SigningKey, epoch: u32, entropy: &mut dyn Entropy) -> Issuer {
    let (firm_key, key) = (SigningKey::generate(entropy), SigningKey::generate(entropy));
    let name = Name::new("Sample Vendor").expect("a test value");
    let certificate =
        FirmCertificate { firm_code: firm(), firm_key: firm_key.public_key(), version: 1, name }.sign(root);
    let issuing = IssuingCertificate {
        firm_code: firm(),
        issuing_key: key.public_key(),
        epoch,
        not_before: Timestamp::ZERO,
        not_after: NOW.plus_days(36_500),
    };
    Issuer { key, certificates: vec![certificate, issuing.sign(&firm_key)] }
}

/// An item of the vendor.
#[must_use]
pub fn definition(id: &str, terms: LicenseTerms, policy: ItemPolicy) -> ItemDefinition {
    ItemDefinition {
        id: ItemId::new(id).expect("a test value"),
        name: Name::new("SampleNotePad").expect("a test value"),
        firm_code: firm(),
        product_code: product(),
        terms,
        policy,
        update: None,
        requires: None,
    }
}

/// A decision that is not stored yet.
#[derive(Debug)]
pub(crate) struct Decided {
    /// What the user is answered.
    pub(crate) outcome: Result<Option<Plan>, Decline>,
    /// The update that goes with a refusal.
    pub(crate) parting: Option<Plan>,
    /// What to store.
    pub(crate) changes: ChangeSet,
}

/// A row has changed since the decision was made: decide again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict;

/// The server: tables, keys, a clock that is set by hand.
#[derive(Debug, Clone)]
pub struct Server {
    /// Tickets.
    pub tickets: BTreeMap<TicketId, Ticket>,
    /// License lines.
    pub lines: BTreeMap<LicenseId, LicenseLine>,
    /// Activations.
    pub activations: BTreeMap<ActivationId, Activation>,
    /// Containers.
    pub containers: BTreeMap<ContainerSerial, ContainerRecord>,
    /// Firm items of containers.
    pub firms: BTreeMap<(ContainerSerial, FirmCode), FirmRecord>,
    /// Contexts seen under a sequence number.
    pub seen: BTreeMap<(ContainerSerial, FirmCode, u64), Digest>,
    /// Questions to the vendor.
    pub approvals: BTreeMap<ApprovalId, Approval>,
    /// The blacklist.
    pub blacklist: Vec<BlacklistEntry>,
    /// Since when it is being reconciled.
    pub reconciling: Option<Timestamp>,
    /// Its rules.
    pub rules: ServerRules,
    /// The update that went with the last refusal.
    pub parting: Option<Vec<u8>>,
    /// What it signs with.
    pub issuer: Issuer,
    /// Where randomness comes from.
    pub entropy: TestEntropy,
    /// What time it is.
    pub now: Timestamp,
    /// Dongle makers it trusts.
    pub makers: Vec<PublicKey>,
    orders: u32,
}

impl Server {
    /// A server with nothing in it.
    pub fn new(seed: u64) -> Self {
        let mut entropy = TestEntropy::new(seed);
        let issuer = issuer(&mut entropy);
        Self {
            tickets: BTreeMap::new(),
            lines: BTreeMap::new(),
            activations: BTreeMap::new(),
            containers: BTreeMap::new(),
            firms: BTreeMap::new(),
            seen: BTreeMap::new(),
            approvals: BTreeMap::new(),
            blacklist: Vec::new(),
            reconciling: None,
            rules: ServerRules::default(),
            parting: None,
            issuer,
            entropy,
            now: NOW,
            makers: Vec::new(),
            orders: 0,
        }
    }

    /// Orders `quantity` of an item with these terms and gives the ticket and the license.
    pub fn order(&mut self, terms: LicenseTerms, policy: ItemPolicy, quantity: u32) -> (TicketId, LicenseId) {
        let id = format!("SNP-{}", self.orders + 1);
        self.order_item(definition(&id, terms, policy), quantity, TicketChoice::New)
    }

    /// Orders `quantity` of an item and gives the ticket and the license.
    pub fn order_item(
        &mut self,
        definition: ItemDefinition,
        quantity: u32,
        choice: TicketChoice,
    ) -> (TicketId, LicenseId) {
        self.orders += 1;
        let item = Item { definition, created_at: self.now, version: 1 };
        let order = NewOrder {
            id: OrderId::new(format!("O-{}", self.orders)).expect("a test value"),
            customer: None,
            comment: Text::new("").expect("a test value"),
            lines: vec![OrderLine { item: item.definition.id.clone(), quantity }],
            together: false,
            ticket: choice.clone(),
        };
        let items = BTreeMap::from([(item.definition.id.clone(), item)]);
        let placing = Placing {
            code: StoredCode { lookup: [0; 32], sealed: vec![] },
            earlier: match &choice {
                TicketChoice::OfOrder(order) => {
                    let line = self.lines.values().find(|line| line.order == *order);
                    line.and_then(|line| self.tickets.get(&line.ticket)).cloned()
                }
                TicketChoice::New | TicketChoice::Container(_) => None,
            },
            container: match &choice {
                TicketChoice::Container(serial) => self.containers.get(serial).cloned(),
                TicketChoice::New | TicketChoice::OfOrder(_) => None,
            },
        };
        let placed =
            order.place(None, &items, &placing, &actor(), self.now, &mut self.entropy).expect("a test value");
        let Placed::New(placed) = placed else { unreachable!("a new order") };
        self.store(placed.changes).expect("nobody else writes");
        (placed.ticket.id, placed.lines.first().expect("one line").id)
    }

    /// A new, empty container.
    pub fn device(&mut self, kind: ContainerKind) -> DeviceState {
        let new = NewDevice {
            kind,
            identity: SigningKey::generate(&mut self.entropy),
            sealing: SealingKey::generate(&mut self.entropy),
            capacity: 100,
            test_host: false,
        };
        DeviceState::new(new, self.now)
    }

    /// Lets a container make a context.
    pub fn context(&mut self, device: &mut DeviceState) -> Vec<u8> {
        device.make_context(firm(), random(&mut self.entropy), vec![], self.now).expect("a test value")
    }

    /// Activates licenses of a ticket.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn activate(
        &mut self,
        context: &[u8],
        ticket: TicketId,
        what: &Selection,
    ) -> Result<Vec<u8>, Decline> {
        self.ask(context, Some(ticket), |work, settled, entropy| {
            work.activate(settled, what, &PROOFS, entropy)
        })
    }

    /// Returns licenses of a ticket.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn give_back(
        &mut self,
        context: &[u8],
        ticket: TicketId,
        what: &Selection,
    ) -> Result<Vec<u8>, Decline> {
        self.ask(context, Some(ticket), |work, settled, entropy| {
            work.give_back(settled, what, &PROOFS, entropy)
        })
    }

    /// Activates licenses again without a return.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn reactivate(
        &mut self,
        context: &[u8],
        ticket: TicketId,
        what: &[LicenseId],
    ) -> Result<Vec<u8>, Decline> {
        self.ask(context, Some(ticket), |work, settled, entropy| {
            work.reactivate(settled, what, true, &PROOFS, entropy)
        })
    }

    /// Restores an old container into the one of the context.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn restore(&mut self, context: &[u8], old: ContainerSerial) -> Result<Vec<u8>, Decline> {
        self.request(context, None, Some(old), |work, settled, entropy| {
            work.restore(settled, old, &PROOFS, entropy).map(Some)
        })
        .map(Option::unwrap)
    }

    /// Cancels what is unfinished of a ticket.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn cancel(&mut self, context: &[u8], ticket: TicketId) -> Result<Vec<u8>, Decline> {
        self.ask(context, Some(ticket), |work, settled, _| work.cancel(settled))
    }

    /// The vendor's part alone.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn automatic_update(&mut self, context: &[u8]) -> Result<Vec<u8>, Decline> {
        self.ask(context, None, |work, settled, entropy| work.automatic_update(settled, &PROOFS, entropy))
    }

    /// The update with every unproven step.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn catch_up(&mut self, context: &[u8]) -> Result<Vec<u8>, Decline> {
        self.ask(context, None, |work, settled, _| work.catch_up(settled))
    }

    /// Settles a context.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn receipt(&mut self, context: &[u8]) -> Result<(), Decline> {
        self.request(context, None, None, |_, _, _| Ok(None)).map(|_| ())
    }

    fn ask(
        &mut self,
        context: &[u8],
        ticket: Option<TicketId>,
        user: impl FnOnce(&mut Work, &Settled, &mut TestEntropy) -> Result<Plan, Decline>,
    ) -> Result<Vec<u8>, Decline> {
        self.request(context, ticket, None, |work, settled, entropy| user(work, settled, entropy).map(Some))
            .map(Option::unwrap)
    }

    /// Settles the context, does the user's part, stores, and answers. What goes with a refusal is in
    /// [`Server::parting`].
    fn request(
        &mut self,
        context: &[u8],
        ticket: Option<TicketId>,
        old: Option<ContainerSerial>,
        user: impl FnOnce(&mut Work, &Settled, &mut TestEntropy) -> Result<Option<Plan>, Decline>,
    ) -> Result<Option<Vec<u8>>, Decline> {
        let verified = VerifiedContext::verify(context, &self.makers)?;
        let mut entropy = self.entropy.clone();
        let decided = self.decide((&verified, context), ticket, old, &mut entropy, user);
        self.entropy = entropy;
        let issue =
            |plan: Plan, entropy: &mut TestEntropy| plan.issue(&self.issuer, entropy).expect("a test value");
        self.parting = decided.parting.map(|plan| issue(plan, &mut self.entropy));
        let answer = decided.outcome.map(|plan| plan.map(|plan| issue(plan, &mut self.entropy)));
        self.store(decided.changes).expect("nobody else writes");
        answer
    }

    /// Decides about a verified context and stores nothing yet.
    pub(crate) fn decide(
        &self,
        (verified, bytes): (&VerifiedContext, &[u8]),
        ticket: Option<TicketId>,
        old: Option<ContainerSerial>,
        entropy: &mut TestEntropy,
        user: impl FnOnce(&mut Work, &Settled, &mut TestEntropy) -> Result<Option<Plan>, Decline>,
    ) -> Decided {
        let rules = ServerRules { accept_test_containers: true, ..self.rules.clone() };
        let mut work = Work::new(self.facts(ticket, verified, old), rules, actor(), self.now);
        let outcome = work.settle(verified, bytes).and_then(|settled| user(&mut work, &settled, entropy));
        let parting = match &outcome {
            Err(Decline::Refused(refusal)) => work.parting_update(refusal),
            _ => None,
        };
        Decided { outcome, parting, changes: work.finish() }
    }

    /// The vendor withdraws a license.
    ///
    /// # Errors
    /// There is nothing to take back.
    pub fn withdraw(&mut self, license: LicenseId) -> Result<(), Refusal> {
        let changes = self.held(license).withdraw(&actor(), self.now)?;
        self.store(changes).expect("nobody else writes");
        Ok(())
    }

    /// The vendor no longer wants it back.
    ///
    /// # Errors
    /// It was not withdrawn.
    pub fn cancel_withdrawal(&mut self, license: LicenseId) -> Result<(), Refusal> {
        let changes = self.held(license).cancel_withdrawal(&actor(), self.now)?;
        self.store(changes).expect("nobody else writes");
        Ok(())
    }

    /// The vendor puts a license of another item in its place.
    ///
    /// # Errors
    /// It cannot be replaced.
    pub fn replace(&mut self, license: LicenseId, by: ItemDefinition) -> Result<LicenseId, Refusal> {
        let item = Item { definition: by, created_at: self.now, version: 1 };
        let replacement = self.held(license).replace(&item, &actor(), self.now, &mut self.entropy)?;
        self.store(replacement.changes).expect("nobody else writes");
        Ok(replacement.line.id)
    }

    fn held(&self, license: LicenseId) -> Held {
        let live = self.activations.values().filter(|a| a.license == license && a.state.is_live());
        Held { line: self.lines[&license].clone(), live: live.cloned().collect() }
    }

    /// The vendor grants every question.
    pub fn grant_all(&mut self) {
        for approval in self.approvals.values().cloned().collect::<Vec<_>>() {
            let because = Text::new("").expect("a test value");
            let verdict = Verdict::Grant { days: 30, two_people: false };
            if let Ok((_, changes)) = approval.decide(verdict, because, &actor(), self.now) {
                self.store(changes).expect("nobody else writes");
            }
        }
    }

    /// The vendor serves a flagged container again.
    ///
    /// # Errors
    /// It is not flagged.
    pub fn clear(&mut self, serial: ContainerSerial) -> Result<(), Refusal> {
        let firms = self.firms.values().filter(|firm| firm.serial == serial).cloned().collect();
        let because = Text::new("").expect("a test value");
        let container = self.containers[&serial].clone();
        let changes = vendor::clear(container, firms, &because, &actor(), self.now)?;
        self.store(changes).expect("nobody else writes");
        Ok(())
    }

    fn facts(
        &self,
        ticket: Option<TicketId>,
        context: &VerifiedContext,
        old: Option<ContainerSerial>,
    ) -> Facts {
        let (serial, firm_code) = (context.serial(), context.firm_code());
        let named = &context.body().products;
        let live = |a: &&Activation| a.state.is_live() && a.firm_code == firm_code;
        let activations: Vec<Activation> =
            self.activations.values().filter(live).filter(|a| a.container == serial).cloned().collect();
        let elsewhere: Vec<Activation> = self
            .activations
            .values()
            .filter(|a| a.state.is_live() && a.container != serial)
            .filter(|a| {
                Some(a.ticket) == ticket
                    || (Some(a.container) == old && a.firm_code == firm_code)
                    || (self.reconciling.is_some() && named.iter().any(|held| held.license == a.license))
            })
            .cloned()
            .collect();
        let mut lines: BTreeMap<LicenseId, LicenseLine> = self
            .lines
            .values()
            .filter(|line| {
                Some(line.ticket) == ticket
                    || activations.iter().chain(&elsewhere).any(|a| a.license == line.id)
                    || line.assigned == Some(serial)
                    || named.iter().any(|product| product.license == line.id)
            })
            .map(|line| (line.id, line.clone()))
            .collect();
        let mut replacing: Vec<LicenseId> = lines.values().filter_map(|line| line.replaced_by).collect();
        while let Some(id) = replacing.pop() {
            if let Some(line) = self.lines.get(&id).filter(|_| !lines.contains_key(&id)) {
                replacing.extend(line.replaced_by);
                lines.insert(id, line.clone());
            }
        }
        let others = elsewhere.iter().map(|a| a.container).chain(old).collect::<BTreeSet<_>>();
        Facts {
            ticket: ticket.and_then(|ticket| self.tickets.get(&ticket)).cloned(),
            lines: lines.into_values().collect(),
            activations,
            elsewhere,
            others: others.iter().filter_map(|serial| self.containers.get(serial)).cloned().collect(),
            approvals: self.approvals.values().filter(|a| Some(a.ticket) == ticket).cloned().collect(),
            container: self.containers.get(&serial).cloned(),
            firm: self.firms.get(&(serial, firm_code)).cloned(),
            old_firm: old.and_then(|old| self.firms.get(&(old, firm_code))).cloned(),
            seen_under_sequence: self.seen.get(&(serial, firm_code, context.body().sequence)).copied(),
            blacklist_version: u32::try_from(self.blacklist.len()).expect("a test value"),
            reconciling: self.reconciling,
        }
    }

    /// Stores a decision as a database does: all of it, and only if no row it was made on has changed since.
    pub(crate) fn store(&mut self, changes: ChangeSet) -> Result<(), Conflict> {
        let fresh = |stored: Option<u64>, version: u64| stored.unwrap_or(0) == version;
        let mut listed = self.blacklist.len();
        let current = changes.changes.iter().all(|change| match change {
            Change::InsertLicense(line) | Change::UpdateLicense(line) => {
                fresh(self.lines.get(&line.id).map(|stored| stored.version), line.version)
            }
            Change::PutActivation(activation) => {
                fresh(self.activations.get(&activation.id).map(|stored| stored.version), activation.version)
            }
            Change::PutContainer(container) => {
                fresh(self.containers.get(&container.serial).map(|stored| stored.version), container.version)
            }
            Change::PutFirm(firm) => {
                let stored = self.firms.get(&(firm.serial, firm.firm_code));
                fresh(stored.map(|stored| stored.version), firm.version)
            }
            Change::PutApproval(approval) => {
                fresh(self.approvals.get(&approval.id).map(|stored| stored.version), approval.version)
            }
            Change::InsertBlacklisted(entry) => {
                listed += 1;
                entry.version as usize == listed
            }
            _ => true,
        });
        if !current && !zoo::has(Bug::TwoWinners) {
            return Err(Conflict);
        }
        for change in changes.changes {
            self.apply(change);
        }
        Ok(())
    }

    /// Stores a change that nobody else has made meanwhile.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::InsertTicket { ticket, .. } => {
                self.tickets.insert(ticket.id, ticket);
            }
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
                self.firms.insert((firm.serial, firm.firm_code), firm);
            }
            Change::NoteContext { serial, firm_code, sequence, hash } => {
                self.seen.entry((serial, firm_code, sequence)).or_insert(hash);
            }
            Change::ForgetContexts { serial, firm_code } => {
                self.seen.retain(|(s, f, _), _| (*s, *f) != (serial, firm_code));
            }
            Change::PutApproval(mut approval) => {
                approval.version += 1;
                self.approvals.insert(approval.id, approval);
            }
            Change::InsertBlacklisted(entry) => self.blacklist.push(entry),
            Change::SetReconciling(since) => self.reconciling = since,
            // Nothing else is ever asked for here.
            _ => {}
        }
    }

    /// The books must balance after every request: parts add up, and the ledger says what the activations say.
    pub fn check_books(&self) {
        for line in self.lines.values() {
            let sum = |wanted: fn(&ActivationState) -> bool| -> u32 {
                let mine = self.activations.values().filter(|a| a.license == line.id);
                mine.filter(|a| wanted(&a.state)).map(|a| a.quantity).sum()
            };
            let ledger = &line.ledger;
            assert_eq!(ledger.total(), u64::from(line.quantity));
            assert_eq!(ledger.activating, sum(|s| matches!(s, ActivationState::Activating { .. })));
            let active =
                sum(|s| matches!(s, ActivationState::Active { .. } | ActivationState::Consumed { .. }));
            assert_eq!(ledger.active, active);
            assert_eq!(ledger.returning, sum(|s| matches!(s, ActivationState::Returning { .. })));
        }
    }

    /// Imports an update and sends the receipt.
    pub fn transfer(&mut self, device: &mut DeviceState, update: &[u8]) {
        *device = device.apply_update(update).expect("a test value").state;
        let receipt = self.context(device);
        self.receipt(&receipt).expect("a test value");
    }
}
