//! Random histories of one server and three containers over a channel that loses, repeats and reorders every
//! message. After every single step the invariants of the protocol hold; at the end everything can be finished.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use licensing_core::access::AccessRequest;
use licensing_core::activation::ActivationState;
use licensing_core::container::ContainerStatus;
use licensing_core::device::DeviceState;
use licensing_core::ids::{ContainerKind, ItemId, LicenseId, OrderId, ProductCode, TicketId};
use licensing_core::item::{ItemDefinition, ItemPolicy, ReactivationPolicy};
use licensing_core::order::TicketChoice;
use licensing_core::refusal::Refusal;
use licensing_core::terms::LicenseTerms;
use licensing_core::update_item::{UpdateScope, UpdateTerms};
use licensing_core::work::Decline;
use licensing_testkit::proof::{self, Figures};
use licensing_testkit::server::{Server, definition, firm, product};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

const QUANTITY: u32 = 5;
const UNITS: u32 = 7;
const UPDATES: u32 = 4;
const MORE_UNITS: u32 = 3;
const CONTAINERS: usize = 3;

/// What the users and the channel do. Messages are kept for ever: naming an old one is a repetition or a
/// reordering, never naming one again is a loss.
#[derive(Debug, Clone)]
enum Move {
    MakeContext { container: usize },
    Activate { context: usize, license: usize, quantity: u32 },
    Return { context: usize, license: usize, quantity: u32 },
    Receipt { context: usize },
    CatchUp { context: usize },
    Import { update: usize, container: usize },
    Use { container: usize, units: u32 },
    Wait { secs: u64 },
    Cancel { context: usize, license: usize },
    Update { context: usize, quantity: u32 },
    Automatic { context: usize },
    Reactivate { context: usize, license: usize },
    Withdraw { license: usize },
    CancelWithdrawal { license: usize },
    Replace,
}

fn moves() -> impl Strategy<Value = Move> {
    // Indices count back from the newest message, so that small numbers (to which failures shrink) are recent.
    let message = prop_oneof![4 => 0usize..2, 1 => 0usize..40];
    let container = 0..CONTAINERS;
    let (license, quantity) = (0usize..2, 1u32..4);
    prop_oneof![
        4 => container.clone().prop_map(|container| Move::MakeContext { container }),
        4 => (message.clone(), license.clone(), quantity.clone())
            .prop_map(|(context, license, quantity)| Move::Activate { context, license, quantity }),
        3 => (message.clone(), license.clone(), quantity)
            .prop_map(|(context, license, quantity)| Move::Return { context, license, quantity }),
        2 => message.clone().prop_map(|context| Move::Receipt { context }),
        1 => message.clone().prop_map(|context| Move::CatchUp { context }),
        6 => (message.clone(), container.clone()).prop_map(|(update, container)| Move::Import { update, container }),
        2 => (container, 1u32..4).prop_map(|(container, units)| Move::Use { container, units }),
        1 => (0u64..100_000).prop_map(|secs| Move::Wait { secs }),
        3 => (message.clone(), license.clone()).prop_map(|(context, license)| Move::Cancel { context, license }),
        2 => (message.clone(), 1u32..4).prop_map(|(context, quantity)| Move::Update { context, quantity }),
        2 => message.clone().prop_map(|context| Move::Automatic { context }),
        1 => (message, license.clone()).prop_map(|(context, license)| Move::Reactivate { context, license }),
        1 => license.clone().prop_map(|license| Move::Withdraw { license }),
        1 => license.prop_map(|license| Move::CancelWithdrawal { license }),
        1 => Just(Move::Replace),
    ]
}

struct World {
    server: Server,
    devices: Vec<DeviceState>,
    tickets: Vec<(TicketId, LicenseId)>,
    update: (TicketId, LicenseId),
    contexts: Vec<Vec<u8>>,
    updates: Vec<Vec<u8>>,
    /// Units and uses there are in all, used ones included.
    total: (u64, u64),
    used: Vec<u64>,
    replaced: Option<LicenseId>,
}

fn recent<T: Clone>(messages: &[T], back: usize) -> Option<T> {
    messages.len().checked_sub(back + 1).and_then(|at| messages.get(at)).cloned()
}

impl World {
    fn new() -> Self {
        let mut server = Server::new(7);
        let terms = LicenseTerms { unit_counter: Some(UNITS), ..LicenseTerms::default() };
        let policy = ItemPolicy { reactivation: ReactivationPolicy::Always, ..ItemPolicy::default() };
        let tickets = (0..2).map(|_| server.order(terms.clone(), policy, QUANTITY)).collect();
        let mut devices: Vec<DeviceState> =
            (0..CONTAINERS).map(|_| server.device(ContainerKind::Act)).collect();
        let more = UpdateTerms {
            base: ItemId::new("SNP-1").unwrap(),
            scope: UpdateScope::Container,
            add_units: Some(MORE_UNITS),
            add_quantity: Some(1),
            expiration: None,
            maintenance: None,
            features: None,
        };
        let more = ItemDefinition {
            update: Some(more),
            ..definition("MORE", LicenseTerms::default(), ItemPolicy::default())
        };
        let on_ticket = TicketChoice::OfOrder(OrderId::new("O-1").unwrap());
        let update = server.order_item(more, UPDATES, on_ticket);
        let context = server.context(&mut devices[0]);
        server.receipt(&context).unwrap();
        let assigned = TicketChoice::Container(devices[0].serial);
        server.order_item(definition("ASSIGNED", terms, policy), 2, assigned);
        let mut world = Self {
            server,
            devices,
            tickets,
            update,
            contexts: vec![],
            updates: vec![],
            total: (0, 0),
            used: vec![0; CONTAINERS],
            replaced: None,
        };
        world.total = world.measured();
        let units = u64::from((2 * QUANTITY + 2) * UNITS + UPDATES * MORE_UNITS);
        assert_eq!(world.total, (units, u64::from(UPDATES)));
        world
    }

    fn is_shut_out(&self, container: usize) -> bool {
        let record = self.server.containers.get(&self.devices[container].serial);
        record.is_some_and(|record| record.status == ContainerStatus::Blacklisted)
    }

    fn play(&mut self, step: &Move) {
        match *step {
            Move::MakeContext { container } => {
                let context = self.server.context(&mut self.devices[container]);
                self.contexts.push(context);
            }
            Move::Activate { context, license, quantity } => {
                let (ticket, license) = self.tickets[license];
                if let Some(context) = recent(&self.contexts, context) {
                    let answer = self.server.activate(&context, ticket, &[(license, Some(quantity))]);
                    self.heard(answer);
                }
            }
            Move::Return { context, license, quantity } => {
                let (ticket, license) = self.tickets[license];
                if let Some(context) = recent(&self.contexts, context) {
                    let answer = self.server.give_back(&context, ticket, &[(license, Some(quantity))]);
                    self.heard(answer);
                }
            }
            Move::Receipt { context } => {
                if let Some(context) = recent(&self.contexts, context) {
                    let outcome = self.server.receipt(&context);
                    self.heard(outcome.map(|()| Vec::new()));
                }
            }
            Move::CatchUp { context } => {
                if let Some(context) = recent(&self.contexts, context) {
                    let answer = self.server.catch_up(&context);
                    self.heard(answer);
                }
            }
            Move::Import { update, container } => {
                if let Some(update) = recent(&self.updates, update)
                    && let Ok(applied) = self.devices[container].apply_update(&update)
                {
                    self.devices[container] = applied.state;
                }
            }
            Move::Use { container, units } => {
                let request = AccessRequest { units, ..AccessRequest::product(product()) };
                // What is used in a container that was shut out is nobody's any more.
                if !self.is_shut_out(container)
                    && self.devices[container].consume(firm(), &request, self.server.now).is_ok()
                {
                    self.used[container] += u64::from(units);
                }
            }
            Move::Wait { secs } => self.server.now = self.server.now.plus_secs(secs),
            _ => self.play_more(step),
        }
        self.check();
    }

    /// What vendors do, and users less often.
    fn play_more(&mut self, step: &Move) {
        match *step {
            Move::Cancel { context, license } => {
                if let Some(context) = recent(&self.contexts, context) {
                    let answer = self.server.cancel(&context, self.tickets[license].0);
                    self.heard(answer);
                }
            }
            Move::Update { context, quantity } => {
                let (ticket, license) = self.update;
                if let Some(context) = recent(&self.contexts, context) {
                    let answer = self.server.activate(&context, ticket, &[(license, Some(quantity))]);
                    self.heard(answer);
                }
            }
            Move::Automatic { context } => {
                if let Some(context) = recent(&self.contexts, context) {
                    let answer = self.server.automatic_update(&context);
                    self.heard(answer);
                }
            }
            Move::Reactivate { context, license } => {
                let (ticket, license) = self.tickets[license];
                let first = (0..CONTAINERS).all(|container| !self.is_shut_out(container));
                if let (Some(context), true) = (recent(&self.contexts, context), first) {
                    let answer = self.server.reactivate(&context, ticket, &[license]);
                    self.heard(answer);
                    self.forgive();
                }
            }
            // What cannot be done is refused, and changes nothing.
            Move::Withdraw { license } => drop(self.server.withdraw(self.tickets[license].1)),
            Move::CancelWithdrawal { license } => {
                drop(self.server.cancel_withdrawal(self.tickets[license].1))
            }
            Move::Replace => {
                let better = ItemDefinition {
                    // Not metered: it must not be what units are taken from.
                    product_code: ProductCode::new(201_001).unwrap(),
                    ..definition("BETTER", LicenseTerms::default(), ItemPolicy::default())
                };
                if let Ok(license) = self.server.replace(self.tickets[1].1, better) {
                    self.replaced = Some(license);
                }
            }
            _ => unreachable!("played before"),
        }
    }

    /// A re-activation gives the license back as it was issued: at most what was used up of it in the container that was
    /// shut out comes into being again, and nothing is lost.
    fn forgive(&mut self) {
        let (units, uses) = self.measured();
        let shut_out = (0..CONTAINERS).filter(|container| self.is_shut_out(*container));
        let most: u64 = shut_out.map(|container| self.used[container]).sum();
        assert!(
            (self.total.0..=self.total.0 + most).contains(&units) && uses == self.total.1,
            "re-activated: {units} units of {:?}, {most} used up",
            self.total
        );
        self.total = (units, uses);
    }

    fn heard(&mut self, answer: Result<Vec<u8>, Decline>) {
        match answer {
            Ok(update) => self.updates.push(update),
            Err(Decline::Refused(refusal)) => {
                self.updates.extend(self.server.parting.take());
                assert!(!matches!(refusal, Refusal::ManipulationDetected(_)), "honest containers: {refusal}");
            }
            Err(Decline::Broken(broken)) => panic!("{broken}"),
        }
    }

    fn check(&self) {
        self.server.check_books();
        for container in self.server.containers.values() {
            assert!(
                container.status != ContainerStatus::ManipulationDetected,
                "an honest container was flagged"
            );
        }
        for line in self.server.lines.values().filter(|line| !line.is_update()) {
            let honest = (0..CONTAINERS).filter(|container| !self.is_shut_out(*container));
            let products = honest.flat_map(|at| &self.devices[at].firms).flat_map(|f| &f.products);
            let held: u32 = products.filter(|p| p.license == line.id).map(|p| p.quantity).sum();
            assert!(
                held + line.ledger.available() <= line.quantity,
                "doubled: {held} in containers, {} available of {}",
                line.ledger.available(),
                line.quantity
            );
        }
        assert_eq!(self.measured(), self.total, "units or uses lost or doubled");
        if let Some(new) = self.replaced {
            let (old, new) = (&self.server.lines[&self.tickets[1].1], &self.server.lines[&new]);
            assert!(
                u64::from(new.quantity) <= u64::from(old.quantity),
                "the replacement is more than it replaces"
            );
        }
    }

    /// Units and added uses, each in exactly one place: never begun, carried on the server, on their way into a
    /// container, in a container, on their way home in a container's removal records, or used up.
    fn measured(&self) -> (u64, u64) {
        let mut units: u64 = self.used.iter().sum();
        let mut uses = 0;
        for line in self.server.lines.values() {
            let ledger = &line.ledger;
            let shares = || ledger.carried.iter().chain(&ledger.withdrawn_carried);
            let fresh = u64::from(ledger.fresh + ledger.withdrawn_fresh);
            if let Some(update) = &line.item.update {
                let all = fresh + shares().map(|share| u64::from(share.quantity)).sum::<u64>();
                units += all * u64::from(update.add_units.unwrap_or(0));
                uses += all * u64::from(update.add_quantity.unwrap_or(0));
                continue;
            }
            units += fresh * u64::from(line.item.terms.unit_counter.unwrap_or(0));
            units += shares().filter_map(|share| share.remainder.units).sum::<u64>();
            uses += shares().map(|share| share.remainder.added_uses).sum::<u64>();
        }
        for device in &self.devices {
            let (more_units, more_uses) = self.measured_in(device);
            units += more_units;
            uses += more_uses;
        }
        (units, uses)
    }

    /// What is in a container, on its way there, and on its way home. What was given up there does not count.
    fn measured_in(&self, device: &DeviceState) -> (u64, u64) {
        let Some(record) = self.server.firms.get(&(device.serial, firm())) else { return (0, 0) };
        let item = device.firm(firm()).unwrap();
        let path = record.path(item.link).expect("an honest container is on its history");
        let live =
            || self.server.activations.values().filter(|a| a.container == device.serial && a.state.is_live());
        // An update names the entry its part was split off from, as long as that is not proven.
        let counts = |entry| {
            let split = live().any(|a| a.update.is_some_and(|update| update.split_from == Some(entry)));
            split || live().any(|a| a.entry == entry && a.update.is_none())
        };
        let (mut units, mut uses) = (0, 0);
        for product in item.products.iter().filter(|product| counts(product.entry)) {
            units += product.units.unwrap_or(0);
            uses += product.added_uses;
        }
        let unproven = item.removals.iter().filter(|removal| removal.counter > record.confirmed.counter);
        for removal in unproven.filter(|removal| counts(removal.entry)) {
            units += removal.units.unwrap_or(0);
            uses += removal.added_uses;
        }
        for activation in live() {
            let ActivationState::Activating { step } = activation.state else { continue };
            if path.iter().any(|applied| applied.id == step) {
                continue;
            }
            let effect = activation.update.map(|update| update.effect);
            units += effect.map_or(activation.remainder.units.unwrap_or(0), |effect| effect.units);
            uses += effect.map_or(activation.remainder.added_uses, |effect| effect.uses);
        }
        (units, uses)
    }

    /// With messages delivered at last, each container finishes within two further contacts.
    fn finish(&mut self) {
        for at in (0..CONTAINERS).filter(|at| !self.is_shut_out(*at)).collect::<Vec<_>>() {
            let context = self.server.context(&mut self.devices[at]);
            let update = self.server.catch_up(&context).unwrap();
            self.devices[at] = self.devices[at].apply_update(&update).unwrap().state;
            let receipt = self.server.context(&mut self.devices[at]);
            self.server.receipt(&receipt).unwrap();
            self.check();
            let record = &self.server.firms[&(self.devices[at].serial, firm())];
            assert!(record.pending.is_empty() && record.voided.is_empty());
            let mut here = self.server.activations.values().filter(|a| a.container == record.serial);
            assert!(here.all(|a| a.state.pending_step().is_none()), "nothing stays unfinished");
        }
    }
}

/// Plays histories of up to 60 moves, always the same ones; a failing one is told as short as it can be, if asked.
pub(crate) fn play(histories: u32, shorten: bool) -> Result<(), String> {
    let config = ProptestConfig {
        cases: histories,
        failure_persistence: None,
        max_shrink_iters: if shorten { 2_000 } else { 0 },
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&prop::collection::vec(moves(), 1..60), |steps| {
        let mut world = World::new();
        for step in &steps {
            world.play(step);
        }
        world.finish();
        Ok(())
    });
    outcome.map_err(|error| error.to_string())
}

#[test]
pub(crate) fn nothing_is_ever_lost_or_doubled() {
    let count = proof::size(2_000, 200_000);
    play(u32::try_from(count).unwrap(), true).unwrap();
    let (what, unit) = ("random histories of the whole life, real files", "histories of up to 60 steps");
    Figures { name: "core-histories", what, count, unit, seeds: None, more: vec![] }.tell();
}

/// A copy of a container taken at any moment and put back later never gets anything: the server answers that
/// it is out of date or flags it, and never frees or issues a unit for it.
#[test]
pub(crate) fn a_rolled_back_container_never_gains() {
    let mut world = World::new();
    let (ticket, license) = world.tickets[0];
    let mut copies = Vec::new();
    for round in 0..6u32 {
        copies.push(world.devices[0].clone());
        let context = world.server.context(&mut world.devices[0]);
        copies.push(world.devices[0].clone());
        let answer = if round % 2 == 0 {
            world.server.activate(&context, ticket, &[(license, Some(2))])
        } else {
            world.server.give_back(&context, ticket, &[(license, Some(1))])
        };
        let mut device = world.devices[0].clone();
        world.server.transfer(&mut device, &answer.unwrap());
        world.devices[0] = device;
    }
    for later in [0, 1, 90_000] {
        for copy in &copies {
            let mut server_now = world.server.now;
            server_now = server_now.plus_secs(later);
            let mut copy = copy.clone();
            let context = copy
                .make_context(firm(), licensing_core::random(&mut world.server.entropy), vec![], server_now)
                .unwrap();
            let before = world.server.lines.clone();
            let refused = world.server.activate(&context, ticket, &[(license, Some(1))]);
            let Err(Decline::Refused(refusal)) = refused else {
                panic!("a rolled back container was served")
            };
            assert!(
                matches!(refusal, Refusal::ManipulationDetected(_) | Refusal::ContextOutOfDate(_)),
                "{refusal}"
            );
            assert_eq!(before, world.server.lines);
        }
    }
    let status = world.server.containers[&world.devices[0].serial].status;
    assert_eq!(status, ContainerStatus::ManipulationDetected);
}
