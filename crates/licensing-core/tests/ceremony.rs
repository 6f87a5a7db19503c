//! The whole ceremony between the server's rules and a container's state, without any storage.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::collections::BTreeMap;

use licensing_core::access::{AccessRefusal, AccessRequest};
use licensing_core::changeset::Change;
use licensing_core::crypto::digest::Digest;
use licensing_core::crypto::seal::SealingKey;
use licensing_core::crypto::sign::SigningKey;
use licensing_core::device::{DeviceError, DeviceState, NewDevice};
use licensing_core::event::Actor;
use licensing_core::format::certificate::{FirmCertificate, IssuingCertificate};
use licensing_core::format::context::VerifiedContext;
use licensing_core::format::update::Issuer;
use licensing_core::ids::{
    ContainerKind, ContainerSerial, FirmCode, ItemId, LicenseId, Name, OrderId, ProductCode, Text,
};
use licensing_core::item::{Item, ItemDefinition, ItemPolicy};
use licensing_core::license::LicenseLine;
use licensing_core::order::{NewOrder, OrderLine, Placed, StoredCode};
use licensing_core::refusal::Refusal;
use licensing_core::terms::LicenseTerms;
use licensing_core::testing::TestEntropy;
use licensing_core::time::{End, Timestamp};
use licensing_core::work::{Decline, Facts, Plan, ProofMaster, Selection, ServerRules, Settled, Work};
use licensing_core::{Entropy, random};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn firm() -> FirmCode {
    FirmCode::new(6_000_010).unwrap()
}

fn product() -> ProductCode {
    ProductCode::new(201_000).unwrap()
}

struct World {
    facts: Facts,
    issuer: Issuer,
    entropy: TestEntropy,
    now: Timestamp,
    seen: BTreeMap<(ContainerSerial, u64), Digest>,
}

fn issuer(entropy: &mut dyn Entropy) -> Issuer {
    let (root, firm_key, key) =
        (SigningKey::generate(entropy), SigningKey::generate(entropy), SigningKey::generate(entropy));
    let name = Name::new("Sample Vendor").unwrap();
    let firm_cert =
        FirmCertificate { firm_code: firm(), firm_key: firm_key.public_key(), version: 1, name }.sign(&root);
    let issuing = IssuingCertificate {
        firm_code: firm(),
        issuing_key: key.public_key(),
        epoch: 1,
        not_before: Timestamp::ZERO,
        not_after: NOW.plus_days(3_650),
    };
    Issuer { key, certificates: vec![firm_cert, issuing.sign(&firm_key)] }
}

impl World {
    fn new(terms: LicenseTerms, quantity: u32) -> Self {
        let mut entropy = TestEntropy::new(42);
        let issuer = issuer(&mut entropy);
        let definition = ItemDefinition {
            id: ItemId::new("SNP-201-000").unwrap(),
            name: Name::new("SampleNotePad").unwrap(),
            firm_code: firm(),
            product_code: product(),
            terms,
            policy: ItemPolicy::default(),
        };
        let item = Item { definition, created_at: NOW, version: 1 };
        let items = BTreeMap::from([(item.definition.id.clone(), item)]);
        let order = NewOrder {
            id: OrderId::new("O-1").unwrap(),
            customer: None,
            comment: Text::new("").unwrap(),
            lines: vec![OrderLine { item: ItemId::new("SNP-201-000").unwrap(), quantity }],
            together: false,
        };
        let code = StoredCode { lookup: [0; 32], sealed: vec![] };
        let actor = Actor { name: "test".into(), origin: None };
        let Placed::New(placed) = order.place(None, &items, code, &actor, NOW, &mut entropy).unwrap() else {
            panic!("a new order")
        };
        let facts =
            Facts { ticket: Some(placed.ticket.clone()), lines: placed.lines.clone(), ..Facts::default() };
        Self { facts, issuer, entropy, now: NOW, seen: BTreeMap::new() }
    }

    fn container(&mut self, kind: ContainerKind) -> DeviceState {
        let new = NewDevice {
            kind,
            identity: SigningKey::generate(&mut self.entropy),
            sealing: SealingKey::generate(&mut self.entropy),
            capacity: 100,
            test_host: false,
        };
        DeviceState::new(new, NOW)
    }

    fn line(&self) -> &LicenseLine {
        &self.facts.lines[0]
    }

    fn context(&mut self, device: &mut DeviceState) -> Vec<u8> {
        device.make_context(firm(), random(&mut self.entropy), vec![], self.now).unwrap()
    }

    /// One request: settle, then the user's part; commits like a store would, and gives the update.
    fn request(
        &mut self,
        context: &[u8],
        user: impl FnOnce(&mut Work, &Settled, &mut TestEntropy) -> Result<Option<Plan>, Decline>,
    ) -> Result<Option<Vec<u8>>, Decline> {
        let verified = VerifiedContext::verify(context, &[]).unwrap();
        let rules = ServerRules { accept_test_containers: true, blacklist_version: 0 };
        let actor = Actor { name: "test".into(), origin: None };
        let mut facts = self.facts.clone();
        facts.seen_under_sequence = self.seen.get(&(verified.serial(), verified.body().sequence)).copied();
        let mut work = Work::new(facts, rules, actor, self.now);
        let outcome =
            work.settle(&verified, context).and_then(|settled| user(&mut work, &settled, &mut self.entropy));
        self.commit(work);
        outcome.map(|plan| plan.map(|plan| plan.issue(&self.issuer, &mut self.entropy).unwrap()))
    }

    fn commit(&mut self, work: Work) {
        for change in work.finish().changes {
            match change {
                Change::UpdateLicense(line) => {
                    assert_eq!(line.ledger.total(), u64::from(line.quantity));
                    self.facts.lines[0] = line;
                }
                Change::PutActivation(activation) => {
                    self.facts.activations.retain(|a| a.id != activation.id);
                    self.facts.activations.push(activation);
                }
                Change::PutContainer(container) => self.facts.container = Some(container),
                Change::PutFirm(firm) => self.facts.firm = Some(firm),
                Change::NoteContext { serial, sequence, hash, .. } => {
                    self.seen.insert((serial, sequence), hash);
                }
                _ => {}
            }
        }
    }

    fn activate(&mut self, context: &[u8], selection: &Selection) -> Result<Vec<u8>, Decline> {
        let proofs = ProofMaster([9; 32]);
        let update = self.request(context, |work, settled, entropy| {
            work.activate(settled, selection, &proofs, entropy).map(Some)
        });
        update.map(Option::unwrap)
    }

    fn give_back(&mut self, context: &[u8], selection: &Selection) -> Result<Vec<u8>, Decline> {
        let update = self
            .request(context, |work, settled, entropy| work.give_back(settled, selection, entropy).map(Some));
        update.map(Option::unwrap)
    }

    fn receipt(&mut self, context: &[u8]) -> Result<(), Decline> {
        self.request(context, |_, _, _| Ok(None)).map(|_| ())
    }
}

fn transfer(world: &mut World, device: &mut DeviceState, update: &[u8]) {
    let applied = device.apply_update(update).unwrap();
    *device = applied.state;
    let receipt = world.context(device);
    world.receipt(&receipt).unwrap();
}

#[test]
fn activate_use_return_and_activate_elsewhere() {
    let mut world = World::new(LicenseTerms::default(), 10);
    let mut a = world.container(ContainerKind::Act);
    let license = world.line().id;

    let context = world.context(&mut a);
    let update = world.activate(&context, &[(license, Some(4))]).unwrap();
    assert_eq!((world.line().ledger.available(), world.line().ledger.activating), (6, 4));
    transfer(&mut world, &mut a, &update);
    assert_eq!((world.line().ledger.active, world.line().ledger.activating), (4, 0));
    assert_eq!(a.check(firm(), &AccessRequest::product(product()), NOW).unwrap().concurrent_uses, 4);

    let context = world.context(&mut a);
    let update = world.give_back(&context, &[(license, Some(3))]).unwrap();
    assert_eq!(
        (world.line().ledger.available(), world.line().ledger.returning),
        (6, 3),
        "nothing without proof"
    );
    transfer(&mut world, &mut a, &update);
    assert_eq!((world.line().ledger.available(), world.line().ledger.active), (9, 1));
    assert_eq!(a.firm(firm()).unwrap().products[0].quantity, 1);

    let context = world.context(&mut a);
    let update = world.give_back(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    assert_eq!(world.line().ledger.available(), 10);
    assert_eq!(a.check(firm(), &AccessRequest::product(product()), NOW), Err(AccessRefusal::NoLicense));
}

#[test]
fn importing_twice_and_asking_again_change_nothing() {
    let mut world = World::new(LicenseTerms::default(), 2);
    let mut a = world.container(ContainerKind::Act);
    let context = world.context(&mut a);
    let update = world.activate(&context, &[]).unwrap();
    // The answer was lost; the user asks again and gets the same step.
    let again = world.context(&mut a);
    let update2 = world.activate(&again, &[]).unwrap();
    let a1 = a.apply_update(&update).unwrap();
    let twice = a1.state.apply_update(&update2).unwrap();
    assert_eq!((twice.report.applied, twice.report.already_applied, twice.report.counter), (0, 1, 1));
    let thrice = twice.state.apply_update(&update).unwrap();
    assert_eq!(thrice.report.applied, 0);
    assert_eq!(thrice.state.firms[0].products.len(), 1);
}

#[test]
fn units_come_home_to_the_last_one() {
    let terms = LicenseTerms { unit_counter: Some(100), ..LicenseTerms::default() };
    let mut world = World::new(terms, 3);
    let mut a = world.container(ContainerKind::Act);
    let context = world.context(&mut a);
    let update = world.activate(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    a.consume(firm(), &AccessRequest { units: 41, ..AccessRequest::product(product()) }, NOW).unwrap();
    let license = world.line().id;
    let context = world.context(&mut a);
    let update = world.give_back(&context, &[(license, Some(1))]).unwrap();
    // Units used between the request and the import count as well.
    a.consume(firm(), &AccessRequest { units: 9, ..AccessRequest::product(product()) }, NOW).unwrap();
    transfer(&mut world, &mut a, &update);
    let stays = a.firm(firm()).unwrap().products[0].units.unwrap();
    let back: u64 = world.line().ledger.carried.iter().filter_map(|share| share.remainder.units).sum();
    assert_eq!(stays + back, 250);
    let mut b = world.container(ContainerKind::Act);
    let context = world.context(&mut b);
    let update = world.activate_in_new(&context, license);
    let b = b.apply_update(&update).unwrap().state;
    assert_eq!(b.firm(firm()).unwrap().products[0].units, Some(back));
}

impl World {
    /// Activates one license into a container the facts do not hold yet.
    fn activate_in_new(&mut self, context: &[u8], license: LicenseId) -> Vec<u8> {
        self.facts.container = None;
        self.facts.firm = None;
        self.activate(context, &[(license, Some(1))]).unwrap()
    }
}

#[test]
fn dates_do_not_restart_when_a_license_moves() {
    let terms = LicenseTerms { expiration: Some(End::AfterDays(30)), ..LicenseTerms::default() };
    let mut world = World::new(terms, 1);
    let mut a = world.container(ContainerKind::Act);
    let context = world.context(&mut a);
    let update = world.activate(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    world.now = NOW.plus_days(20);
    let context = world.context(&mut a);
    let update = world.give_back(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    let context = world.context(&mut a);
    let update = world.activate(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    assert_eq!(a.firm(firm()).unwrap().products[0].terms.expires, Some(NOW.plus_days(30)));
    let request = AccessRequest::product(product());
    assert!(a.check(firm(), &request, NOW.plus_days(29)).is_ok());
    assert!(matches!(a.check(firm(), &request, NOW.plus_days(30)), Err(AccessRefusal::Expired { .. })));
}

#[test]
fn a_restored_copy_is_flagged_and_served_no_more() {
    let mut world = World::new(LicenseTerms::default(), 2);
    let mut a = world.container(ContainerKind::Act);
    let context = world.context(&mut a);
    let update = world.activate(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    let mut copy = a.clone();
    let context = world.context(&mut a);
    let update = world.give_back(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    let from_copy = world.context(&mut copy);
    let refused = world.activate(&from_copy, &[]);
    assert!(matches!(refused, Err(Decline::Refused(Refusal::ManipulationDetected(_)))), "{refused:?}");
    let honest = world.context(&mut a);
    assert!(matches!(world.activate(&honest, &[]), Err(Decline::Refused(Refusal::ManipulationDetected(_)))));
}

#[test]
fn a_late_old_context_is_out_of_date_but_no_manipulation() {
    let mut world = World::new(LicenseTerms::default(), 2);
    let mut a = world.container(ContainerKind::Act);
    let early = world.context(&mut a);
    let context = world.context(&mut a);
    let update = world.activate(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    assert!(matches!(world.activate(&early, &[]), Err(Decline::Refused(Refusal::ContextOutOfDate(_)))));
    let context = world.context(&mut a);
    assert!(world.give_back(&context, &[]).is_ok());
}

#[test]
fn updates_fit_one_container_and_one_history() {
    let mut world = World::new(LicenseTerms::default(), 4);
    let (mut a, b) = (world.container(ContainerKind::Act), world.container(ContainerKind::Act));
    let license = world.line().id;
    let context = world.context(&mut a);
    let first = world.activate(&context, &[(license, Some(1))]).unwrap();
    assert!(matches!(b.apply_update(&first), Err(DeviceError::OtherContainer { .. })));
    let before = a.clone();
    transfer(&mut world, &mut a, &first);
    let context = world.context(&mut a);
    let second = world.activate(&context, &[(license, Some(1))]).unwrap();
    assert!(matches!(before.apply_update(&second), Err(DeviceError::FutureUpdate { first: 1, counter: 0 })));
    transfer(&mut world, &mut a, &second);
    assert_eq!(a.apply_update(&first).unwrap().report.already_applied, 1);
}

#[test]
fn a_refused_request_leaves_only_what_was_settled() {
    let mut world = World::new(LicenseTerms::default(), 2);
    let mut a = world.container(ContainerKind::Act);
    let license = world.line().id;
    let context = world.context(&mut a);
    let update = world.activate(&context, &[(license, Some(1))]).unwrap();
    a = a.apply_update(&update).unwrap().state;
    let context = world.context(&mut a);
    let refused = world.activate(&context, &[(license, Some(5))]);
    assert!(matches!(refused, Err(Decline::Refused(Refusal::NotAvailable { available: 1, wanted: 5, .. }))));
    assert_eq!((world.line().ledger.active, world.line().ledger.available()), (1, 1), "but the proof counts");
}

#[test]
fn a_clock_set_back_does_not_help_and_one_set_forward_is_forgiven() {
    let terms = LicenseTerms { expiration: Some(End::AfterDays(30)), ..LicenseTerms::default() };
    let mut world = World::new(terms, 1);
    let mut a = world.container(ContainerKind::Act);
    let context = world.context(&mut a);
    let update = world.activate(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    let request = AccessRequest::product(product());
    a.observe_time(NOW.plus_days(7_000));
    assert!(a.check(firm(), &request, NOW).is_err(), "the container has seen later");
    world.now = NOW.plus_days(1);
    let context = world.context(&mut a);
    let refresh = world.activate(&context, &[]);
    assert!(matches!(refresh, Err(Decline::Refused(Refusal::NothingToActivate))));
    let license = world.line().id;
    let context = world.context(&mut a);
    let update = world.give_back(&context, &[(license, None)]).unwrap();
    a = a.apply_update(&update).unwrap().state;
    assert_eq!(a.box_time, world.now, "a certified time sets the clock right");
}

#[test]
fn files_stay_small_enough_for_mail_and_qr_codes() {
    let mut world = World::new(LicenseTerms::default(), 10);
    let mut a = world.container(ContainerKind::Act);
    let license = world.line().id;
    for _ in 0..10 {
        let context = world.context(&mut a);
        let update = world.activate(&context, &[(license, Some(1))]).unwrap();
        assert!(update.len() <= 1_536, "update of one step: {}", update.len());
        transfer(&mut world, &mut a, &update);
    }
    let context = world.context(&mut a);
    assert!(context.len() <= 2_048, "context of 10 product items: {}", context.len());
}
