//! One customer: orders, containers, activations, returns, and what was left unfinished.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use licensing_core::changeset::{ChangeSet, RequestRecord};
use licensing_core::crypto::digest::hash;
use licensing_core::crypto::seal::SealingKey;
use licensing_core::crypto::sign::SigningKey;
use licensing_core::device::{DeviceState, NewDevice};
use licensing_core::event::Actor;
use licensing_core::format::certificate::DeviceCertificate;
use licensing_core::format::context::{TraitDigest, VerifiedContext};
use licensing_core::ids::{ContainerKind, CustomerId, OrderId, Text, TicketId};
use licensing_core::order::{NewOrder, OrderLine, Placed, Placing, TicketChoice};
use licensing_core::random;
use licensing_core::testing::TestEntropy;
use licensing_core::ticket::Ticket;
use licensing_core::ticket_code::TicketCode;
use licensing_core::time::Timestamp;
use licensing_core::trust::emulator_maker;
use licensing_core::work::{Facts, Plan as Update, ServerRules, Settled, Work};
use licensing_wire::binary::to_base64;
use licensing_wire::json::TransferAnswer;

use super::fold::Tables;
use super::{World, firm_code};

/// Traits of a computer in the contexts of its act license.
const TRAITS: u8 = 8;

/// A small generator of choices, apart from the keys: the same seed gives the same customers.
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    /// A number below `sides` (SplitMix64).
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides.max(1)
    }

    /// A place in a list of so many.
    fn pick(&mut self, length: usize) -> usize {
        usize::try_from(self.roll(length as u64)).unwrap_or(0)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

/// What a customer will do.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    dice: Dice,
    /// Lines of each order.
    orders: Vec<u64>,
}

impl Plan {
    /// The plan of the customer with this number.
    pub(super) fn of(seed: u64, number: u64) -> Self {
        let mut dice = Dice(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        let orders = (0..=dice.roll(3)).map(|_| 1 + dice.roll(9)).collect();
        Self { dice, orders }
    }

    /// Licenses it makes.
    pub(super) fn licenses(&self) -> u64 {
        self.orders.iter().sum()
    }

    /// Leaves at most so many.
    pub(super) fn cut(&mut self, most: u64) {
        let mut left = most;
        self.orders.retain_mut(|lines| {
            *lines = left.min(*lines);
            left -= *lines;
            *lines > 0
        });
    }
}

/// A customer with everything it has.
pub(super) struct Household<'a> {
    world: &'a World<'a>,
    number: u64,
    now: Timestamp,
    entropy: TestEntropy,
    tables: Tables,
    tickets: BTreeMap<TicketId, Ticket>,
    devices: Vec<DeviceState>,
    answers: Vec<RequestRecord>,
    actor: Actor,
}

impl<'a> Household<'a> {
    pub(super) fn new(world: &'a World<'a>, number: u64, entropy: TestEntropy) -> Self {
        Self {
            world,
            number,
            now: world.begin.plus_secs(number * world.apart),
            entropy,
            tables: Tables::default(),
            tickets: BTreeMap::new(),
            devices: Vec::new(),
            answers: Vec::new(),
            actor: Actor { name: "ticket holder".to_owned(), origin: Some("192.0.2.1".to_owned()) },
        }
    }

    /// Lives through the plan; gives everything there is to store, and the answers to keep.
    pub(super) fn live(mut self, plan: &Plan) -> Result<(ChangeSet, Vec<RequestRecord>)> {
        let mut dice = plan.dice.clone();
        for (order, lines) in plan.orders.iter().enumerate() {
            let ticket = self.order(order, *lines, &mut dice)?;
            self.later(&mut dice);
            if !dice.chance(65) {
                continue;
            }
            let device = if self.devices.is_empty() || dice.chance(60) {
                self.new_device(&mut dice)
            } else {
                dice.pick(self.devices.len())
            };
            let confirmed = dice.chance(93);
            self.transfer(device, ticket, confirmed, false)?;
            if confirmed && dice.chance(10) {
                self.later(&mut dice);
                let confirmed = dice.chance(80);
                self.transfer(device, ticket, confirmed, true)?;
            }
        }
        Ok((self.tables.finish(), self.answers))
    }

    /// Some time passes, never beyond the end of the history.
    fn later(&mut self, dice: &mut Dice) {
        let left = self.world.end.secs_since(self.now);
        self.now = self.now.plus_secs(dice.roll(left.min(30 * 86_400)));
    }

    fn order(&mut self, order: usize, lines: u64, dice: &mut Dice) -> Result<TicketId> {
        let choices = &self.world.items;
        let items: Vec<_> = (0..lines).map(|_| &choices[dice.pick(choices.len())]).collect();
        let line = |item: &&licensing_core::item::Item| OrderLine {
            item: item.definition.id.clone(),
            quantity: 1 + u32::try_from(dice.roll(10)).unwrap_or(0),
        };
        let new = NewOrder {
            id: OrderId::new(format!("G-{:08}-{}", self.number, order + 1))?,
            customer: Some(CustomerId::new(format!("C-{:08}", self.number))?),
            comment: Text::new("")?,
            lines: items.iter().map(line).collect(),
            together: false,
            ticket: TicketChoice::New,
        };
        let known = items.iter().map(|item| (item.definition.id.clone(), (*item).clone())).collect();
        let code = TicketCode::generate(&mut self.entropy);
        let code = self.world.vault.store(&code, &mut self.entropy);
        let placing = Placing { code, earlier: None, container: None };
        let vendor = Actor { name: "erp".to_owned(), origin: Some("192.0.2.2".to_owned()) };
        let placed = new.place(None, &known, &placing, &vendor, self.now, &mut self.entropy)?;
        let Placed::New(placed) = placed else { bail!("an order that was placed before") };
        self.tables.take(placed.changes);
        let ticket = placed.ticket;
        let id = ticket.id;
        self.tickets.insert(id, ticket);
        Ok(id)
    }

    fn new_device(&mut self, dice: &mut Dice) -> usize {
        let kind = if dice.chance(20) { ContainerKind::Dongle } else { ContainerKind::Act };
        let identity = SigningKey::generate(&mut self.entropy);
        let sealing = SealingKey::generate(&mut self.entropy);
        let new = NewDevice { kind, identity, sealing, capacity: 2_000, test_host: false };
        let mut device = DeviceState::new(new, self.now);
        if kind == ContainerKind::Dongle {
            let certificate = DeviceCertificate {
                serial: device.serial,
                identity_key: device.identity_key(),
                sealing_key: device.sealing.public_key(),
                made_at: self.now,
            };
            device.certificate = Some(certificate.sign(&emulator_maker()));
        }
        self.devices.push(device);
        self.devices.len() - 1
    }

    fn context(&mut self, device: usize) -> Result<Vec<u8>> {
        let device = &mut self.devices[device];
        let traits = match device.serial.kind() {
            ContainerKind::Dongle => vec![],
            ContainerKind::Act => (0..TRAITS)
                .map(|kind| TraitDigest {
                    kind: [kind, 0, 0, 0],
                    weight: 10,
                    digest: hash("generated trait", &[&device.serial.to_bytes(), &[kind]])[..16]
                        .try_into()
                        .unwrap_or_default(),
                })
                .collect(),
        };
        Ok(device.make_context(firm_code(), random(&mut self.entropy), traits, self.now)?)
    }

    /// Brings everything of a ticket into a container, or back; with a receipt unless it is left unfinished.
    fn transfer(&mut self, device: usize, ticket: TicketId, confirmed: bool, back: bool) -> Result<()> {
        let file = self.context(device)?;
        let context = VerifiedContext::verify(&file, &[emulator_maker().public_key()])?;
        let proofs = self.world.proofs.clone();
        let mut entropy = self.entropy.clone();
        let update = self.decide(Some(ticket), &context, &file, |work, settled| {
            let update = if back {
                work.give_back(settled, &[], &proofs, &mut entropy)
            } else {
                work.activate(settled, &[], &proofs, &mut entropy)
            };
            Ok(update?)
        })?;
        let bytes = update.1.issue(&self.world.issuer, &mut entropy)?;
        self.entropy = entropy;
        self.answer(&context, &bytes)?;
        self.tables.take(update.0);
        if !confirmed {
            return Ok(());
        }
        self.now = self.now.plus_secs(2).min(self.world.end);
        self.devices[device] = self.devices[device].apply_update(&bytes)?.state;
        let file = self.context(device)?;
        let receipt = VerifiedContext::verify(&file, &[emulator_maker().public_key()])?;
        let settled = self.decide(None, &receipt, &file, |work, settled| Ok(work.catch_up(settled)?))?;
        self.tables.take(settled.0);
        Ok(())
    }

    fn decide(
        &self,
        ticket: Option<TicketId>,
        context: &VerifiedContext,
        file: &[u8],
        want: impl FnOnce(&mut Work, &Settled) -> Result<Update>,
    ) -> Result<(ChangeSet, Update)> {
        let rules = ServerRules::default();
        let mut work = Work::new(self.facts(ticket, context), rules, self.actor.clone(), self.now);
        let settled = work.settle(context, file)?;
        let update = want(&mut work, &settled)?;
        Ok((work.finish(), update))
    }

    fn facts(&self, ticket: Option<TicketId>, context: &VerifiedContext) -> Facts {
        let serial = context.serial();
        let tables = &self.tables;
        let live = tables.activations.values().filter(|a| a.state.is_live() && a.container == serial);
        let activations: Vec<_> = live.cloned().collect();
        let named = |line: &licensing_core::license::LicenseLine| {
            Some(line.ticket) == ticket
                || activations.iter().any(|a| a.license == line.id)
                || context.body().products.iter().any(|product| product.license == line.id)
        };
        Facts {
            ticket: ticket.and_then(|ticket| self.tickets.get(&ticket)).cloned(),
            lines: tables.lines.values().filter(|line| named(line)).cloned().collect(),
            activations,
            container: tables.containers.get(&serial).cloned(),
            firm: tables.firms.get(&serial).cloned(),
            seen_under_sequence: tables.seen.get(&(serial, context.body().sequence)).copied(),
            ..Facts::default()
        }
    }

    /// The stored answer to a request, which is a good part of every database.
    fn answer(&mut self, context: &VerifiedContext, update: &[u8]) -> Result<()> {
        let answer = TransferAnswer {
            serial: context.serial().to_string(),
            firm_code: context.firm_code().get(),
            update: to_base64(update),
            steps: 1,
        };
        let mut plain = 200u16.to_be_bytes().to_vec();
        plain.extend_from_slice(&serde_json::to_vec(&answer)?);
        let key = random(&mut self.entropy);
        self.answers.push(RequestRecord {
            key,
            fingerprint: hash("request", &[&context.hash()]),
            response: self.world.vault.seal("answer", &plain, &key, &mut self.entropy),
            at: self.now,
        });
        Ok(())
    }
}
