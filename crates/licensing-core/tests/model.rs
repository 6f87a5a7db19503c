//! Random histories of one server and three containers over a channel that loses, repeats and reorders every
//! message. After every single step the invariants of the protocol hold; at the end everything can be finished.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use licensing_core::access::AccessRequest;
use licensing_core::activation::ActivationState;
use licensing_core::container::ContainerStatus;
use licensing_core::device::DeviceState;
use licensing_core::ids::{ContainerKind, LicenseId, TicketId};
use licensing_core::item::ItemPolicy;
use licensing_core::refusal::Refusal;
use licensing_core::terms::LicenseTerms;
use licensing_core::work::Decline;
use licensing_testkit::server::{Server, firm, product};
use proptest::prelude::*;

const QUANTITY: u32 = 5;
const UNITS: u32 = 7;
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
        3 => (message.clone(), license, quantity)
            .prop_map(|(context, license, quantity)| Move::Return { context, license, quantity }),
        2 => message.clone().prop_map(|context| Move::Receipt { context }),
        1 => message.clone().prop_map(|context| Move::CatchUp { context }),
        6 => (message, container.clone()).prop_map(|(update, container)| Move::Import { update, container }),
        2 => (container, 1u32..4).prop_map(|(container, units)| Move::Use { container, units }),
        1 => (0u64..100_000).prop_map(|secs| Move::Wait { secs }),
    ]
}

struct World {
    server: Server,
    devices: Vec<DeviceState>,
    tickets: Vec<(TicketId, LicenseId)>,
    contexts: Vec<Vec<u8>>,
    updates: Vec<Vec<u8>>,
    used: u64,
}

fn recent<T: Clone>(messages: &[T], back: usize) -> Option<T> {
    messages.len().checked_sub(back + 1).and_then(|at| messages.get(at)).cloned()
}

impl World {
    fn new() -> Self {
        let mut server = Server::new(7);
        let terms = LicenseTerms { unit_counter: Some(UNITS), ..LicenseTerms::default() };
        let tickets = (0..2).map(|_| server.order(terms.clone(), ItemPolicy::default(), QUANTITY)).collect();
        let devices = (0..CONTAINERS).map(|_| server.device(ContainerKind::Act)).collect();
        Self { server, devices, tickets, contexts: vec![], updates: vec![], used: 0 }
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
                    assert!(matches!(outcome, Ok(()) | Err(Decline::Refused(Refusal::ContextOutOfDate(_)))));
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
                if self.devices[container].consume(firm(), &request, self.server.now).is_ok() {
                    self.used += u64::from(units);
                }
            }
            Move::Wait { secs } => self.server.now = self.server.now.plus_secs(secs),
        }
        self.check();
    }

    fn heard(&mut self, answer: Result<Vec<u8>, Decline>) {
        match answer {
            Ok(update) => self.updates.push(update),
            Err(Decline::Refused(refusal)) => {
                assert!(!matches!(refusal, Refusal::ManipulationDetected(_)), "honest containers: {refusal}");
            }
            Err(Decline::Broken(broken)) => panic!("{broken}"),
        }
    }

    fn check(&self) {
        self.server.check_books();
        for container in self.server.containers.values() {
            assert_eq!(container.status, ContainerStatus::Normal, "an honest container was flagged");
        }
        for (_, license) in &self.tickets {
            let line = &self.server.lines[license];
            let products = self.devices.iter().flat_map(|d| &d.firms).flat_map(|f| &f.products);
            let held: u32 = products.filter(|p| p.license == *license).map(|p| p.quantity).sum();
            assert!(
                held + line.ledger.available() <= line.quantity,
                "doubled: {held} in containers, {} available of {}",
                line.ledger.available(),
                line.quantity
            );
        }
        assert_eq!(self.units() + self.used, u64::from(2 * QUANTITY * UNITS), "units lost or doubled");
    }

    /// Every unit is in exactly one place: never begun, carried on the server, on its way into a container, in
    /// a container, or on its way home in a container's removal records.
    fn units(&self) -> u64 {
        let mut units = 0;
        for line in self.server.lines.values() {
            units += u64::from(line.ledger.fresh) * u64::from(UNITS);
            units += line.ledger.carried.iter().filter_map(|share| share.remainder.units).sum::<u64>();
        }
        for firm in self.devices.iter().flat_map(|device| &device.firms) {
            units += firm.products.iter().filter_map(|product| product.units).sum::<u64>();
        }
        for activation in self.server.activations.values() {
            let device = self.devices.iter().find(|device| device.serial == activation.container).unwrap();
            let firm = device.firm(activation.firm_code).unwrap();
            match activation.state {
                ActivationState::Activating { step } => {
                    let record = &self.server.firms[&(device.serial, firm.firm_code)];
                    let step = record.pending.iter().find(|pending| pending.id == step).unwrap();
                    if firm.link.counter < step.after.counter {
                        units += activation.remainder.units.unwrap();
                    }
                }
                ActivationState::Returning { step, .. } => {
                    let record = &self.server.firms[&(device.serial, firm.firm_code)];
                    let step = record.pending.iter().find(|pending| pending.id == step).unwrap();
                    let removal = firm.removals.iter().find(|removal| {
                        removal.counter == step.after.counter && removal.entry == activation.entry
                    });
                    units += removal.and_then(|removal| removal.units).unwrap_or(0);
                }
                ActivationState::Active { .. }
                | ActivationState::Returned { .. }
                | ActivationState::Consumed { .. }
                | ActivationState::Cancelled { .. }
                | ActivationState::Superseded { .. } => {}
            }
        }
        units
    }

    /// With messages delivered at last, each container finishes within two further contacts.
    fn finish(&mut self) {
        for at in 0..CONTAINERS {
            let context = self.server.context(&mut self.devices[at]);
            let update = self.server.catch_up(&context).unwrap();
            self.devices[at] = self.devices[at].apply_update(&update).unwrap().state;
            let receipt = self.server.context(&mut self.devices[at]);
            self.server.receipt(&receipt).unwrap();
            self.check();
        }
        for line in self.server.lines.values() {
            assert_eq!(line.ledger.activating + line.ledger.returning, 0, "nothing stays unfinished");
        }
        for record in self.server.firms.values() {
            assert!(record.pending.is_empty());
        }
    }
}

fn cases() -> u32 {
    // Raised by `cargo xtask test --long` through proptest's own variable.
    ProptestConfig::default().cases.max(256)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_ever_lost_or_doubled(steps in prop::collection::vec(moves(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.play(step);
        }
        world.finish();
    }
}

/// A copy of a container taken at any moment and put back later never gets anything: the server answers that
/// it is out of date or flags it, and never frees or issues a unit for it.
#[test]
fn a_rolled_back_container_never_gains() {
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
