//! A central server in memory and the keys around it: loads facts and stores change sets exactly as a database
//! does, without one.

use std::collections::BTreeMap;

use licensing_core::activation::{Activation, ActivationState};
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
    ActivationId, ContainerKind, ContainerSerial, FirmCode, ItemId, LicenseId, Name, OrderId, ProductCode,
    Text, TicketId,
};
use licensing_core::item::{Item, ItemDefinition, ItemPolicy};
use licensing_core::license::LicenseLine;
use licensing_core::order::{NewOrder, OrderLine, Placed, StoredCode};
use licensing_core::terms::LicenseTerms;
use licensing_core::testing::TestEntropy;
use licensing_core::ticket::Ticket;
use licensing_core::time::Timestamp;
use licensing_core::work::{Decline, Facts, Plan, ProofMaster, Selection, ServerRules, Settled, Work};
use licensing_core::{Entropy, random};

/// The moment tests begin at.
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

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
    }
}

/// The server: tables, keys, a clock that is set by hand.
#[derive(Debug)]
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
            issuer,
            entropy,
            now: NOW,
            makers: Vec::new(),
            orders: 0,
        }
    }

    /// Orders `quantity` of an item with these terms and gives the ticket and the license.
    pub fn order(&mut self, terms: LicenseTerms, policy: ItemPolicy, quantity: u32) -> (TicketId, LicenseId) {
        self.orders += 1;
        let id = format!("SNP-{}", self.orders);
        let item = Item { definition: definition(&id, terms, policy), created_at: self.now, version: 1 };
        let order = NewOrder {
            id: OrderId::new(format!("O-{}", self.orders)).expect("a test value"),
            customer: None,
            comment: Text::new("").expect("a test value"),
            lines: vec![OrderLine { item: item.definition.id.clone(), quantity }],
            together: false,
        };
        let items = BTreeMap::from([(item.definition.id.clone(), item)]);
        let code = StoredCode { lookup: [0; 32], sealed: vec![] };
        let placed =
            order.place(None, &items, code, &actor(), self.now, &mut self.entropy).expect("a test value");
        let Placed::New(placed) = placed else { unreachable!("a new order") };
        self.store(placed.changes);
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
        let update = self.request(context, Some(ticket), |work, settled, entropy| {
            work.activate(settled, what, &ProofMaster([9; 32]), entropy).map(Some)
        });
        update.map(Option::unwrap)
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
        let update = self.request(context, Some(ticket), |work, settled, entropy| {
            work.give_back(settled, what, entropy).map(Some)
        });
        update.map(Option::unwrap)
    }

    /// The update with every unproven step.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn catch_up(&mut self, context: &[u8]) -> Result<Vec<u8>, Decline> {
        let update = self.request(context, None, |work, settled, _| work.catch_up(settled).map(Some));
        update.map(Option::unwrap)
    }

    /// Settles a context.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn receipt(&mut self, context: &[u8]) -> Result<(), Decline> {
        self.request(context, None, |_, _, _| Ok(None)).map(|_| ())
    }

    /// Settles the context, does the user's part, stores, and answers.
    fn request(
        &mut self,
        context: &[u8],
        ticket: Option<TicketId>,
        user: impl FnOnce(&mut Work, &Settled, &mut TestEntropy) -> Result<Option<Plan>, Decline>,
    ) -> Result<Option<Vec<u8>>, Decline> {
        let verified = VerifiedContext::verify(context, &self.makers)?;
        let rules = ServerRules { accept_test_containers: true, blacklist_version: 0 };
        let mut work = Work::new(self.facts(ticket, &verified), rules, actor(), self.now);
        let outcome =
            work.settle(&verified, context).and_then(|settled| user(&mut work, &settled, &mut self.entropy));
        self.store(work.finish());
        outcome
            .map(|plan| plan.map(|plan| plan.issue(&self.issuer, &mut self.entropy).expect("a test value")))
    }

    fn facts(&self, ticket: Option<TicketId>, context: &VerifiedContext) -> Facts {
        let (serial, firm_code) = (context.serial(), context.firm_code());
        let here = |a: &&Activation| a.container == serial && a.firm_code == firm_code;
        let wanted = |a: &&Activation| {
            a.state.pending_step().is_some() || (Some(a.ticket) == ticket && a.state.is_live())
        };
        let activations: Vec<Activation> =
            self.activations.values().filter(here).filter(wanted).cloned().collect();
        let lines = self.lines.values().filter(|line| {
            Some(line.ticket) == ticket || activations.iter().any(|activation| activation.license == line.id)
        });
        let elsewhere = self
            .activations
            .values()
            .filter(|a| Some(a.ticket) == ticket && a.state.is_live() && a.container != serial);
        Facts {
            ticket: ticket.and_then(|ticket| self.tickets.get(&ticket)).cloned(),
            lines: lines.cloned().collect(),
            live_elsewhere: elsewhere.map(|a| (a.license, a.container)).collect(),
            activations,
            container: self.containers.get(&serial).cloned(),
            firm: self.firms.get(&(serial, firm_code)).cloned(),
            seen_under_sequence: self.seen.get(&(serial, firm_code, context.body().sequence)).copied(),
        }
    }

    fn store(&mut self, changes: ChangeSet) {
        for change in changes.changes {
            match change {
                Change::InsertTicket { ticket, .. } => {
                    self.tickets.insert(ticket.id, ticket);
                }
                Change::InsertLicense(line) | Change::UpdateLicense(line) => {
                    self.lines.insert(line.id, line);
                }
                Change::PutActivation(activation) => {
                    self.activations.insert(activation.id, activation);
                }
                Change::PutContainer(container) => {
                    self.containers.insert(container.serial, container);
                }
                Change::PutFirm(firm) => {
                    self.firms.insert((firm.serial, firm.firm_code), firm);
                }
                Change::NoteContext { serial, firm_code, sequence, hash } => {
                    self.seen.insert((serial, firm_code, sequence), hash);
                }
                Change::InsertOrder(_)
                | Change::PutItem(_)
                | Change::PutToken(_)
                | Change::InsertStep { .. }
                | Change::SettleStep { .. }
                | Change::KeepReceipt(_) => {}
            }
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
            assert_eq!(ledger.active, sum(|s| matches!(s, ActivationState::Active { .. })));
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
