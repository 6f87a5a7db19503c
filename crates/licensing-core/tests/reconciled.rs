//! A server whose database was restored: whichever container makes contact first, none loses what it rightly holds, and
//! nothing is there twice.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::collections::BTreeMap;

use licensing_core::device::DeviceState;
use licensing_core::ids::{ContainerKind, ItemId, LicenseId, Text, TicketId};
use licensing_core::item::{ItemDefinition, ItemPolicy, ReactivationPolicy};
use licensing_core::order::TicketChoice;
use licensing_core::terms::LicenseTerms;
use licensing_core::update_item::{FeatureChange, UpdateScope, UpdateTerms};
use licensing_core::vendor;
use licensing_core::work::Decline;
use licensing_testkit::server::{Server, actor, definition, firm};

const A: usize = 0;
const B: usize = 1;

struct Story {
    server: Server,
    devices: Vec<DeviceState>,
    ticket: TicketId,
    license: LicenseId,
}

impl Story {
    /// A license of this quantity and two containers, of which the first has one.
    fn new(quantity: u32) -> Self {
        let mut server = Server::new(31);
        let devices = (0..2).map(|_| server.device(ContainerKind::Act)).collect();
        let policy = ItemPolicy { reactivation: ReactivationPolicy::Always, ..ItemPolicy::default() };
        let (ticket, license) = server.order(LicenseTerms::default(), policy, quantity);
        let mut story = Self { server, devices, ticket, license };
        story.activate(A);
        story
    }

    fn context(&mut self, at: usize) -> Vec<u8> {
        self.server.context(&mut self.devices[at])
    }

    fn take(&mut self, at: usize, update: &[u8]) {
        self.server.transfer(&mut self.devices[at], update);
        self.server.check_books();
    }

    fn activate(&mut self, at: usize) {
        let context = self.context(at);
        let update = self.server.activate(&context, self.ticket, &[(self.license, Some(1))]).unwrap();
        self.take(at, &update);
    }

    fn give_back(&mut self, at: usize) {
        let context = self.context(at);
        let update = self.server.give_back(&context, self.ticket, &[]).unwrap();
        self.take(at, &update);
    }

    /// The vendor's part: what makes contact, and takes whatever the server has for it.
    fn contact(&mut self, at: usize) -> &'static str {
        let context = self.context(at);
        let answer = self.server.automatic_update(&context);
        match answer {
            Ok(update) => {
                self.take(at, &update);
                "done"
            }
            Err(Decline::Refused(refusal)) => refusal.code(),
            Err(Decline::Broken(broken)) => panic!("{broken}"),
        }
    }

    fn held(&self, at: usize) -> u32 {
        let firm = self.devices[at].firm(firm());
        firm.map_or(0, |firm| firm.products.iter().map(|product| product.quantity).sum())
    }

    /// In which containers the books have the license.
    fn booked(&self) -> BTreeMap<usize, u32> {
        let mut booked = BTreeMap::new();
        for activation in self.server.activations.values().filter(|a| a.state.is_live()) {
            let at = self.devices.iter().position(|device| device.serial == activation.container).unwrap();
            *booked.entry(at).or_default() += activation.quantity;
        }
        booked
    }

    /// What happens after the backup was made, and the restore.
    fn disaster(&mut self, forgotten: impl FnOnce(&mut Self)) {
        let backup = self.server.clone();
        forgotten(self);
        let (now, entropy) = (self.server.now, self.server.entropy.clone());
        self.server = backup;
        (self.server.now, self.server.entropy) = (now.plus_secs(60), entropy);
        self.server.reconciling = Some(self.server.now);
    }
}

#[test]
fn a_license_that_moved_after_the_backup_stays_where_it_is_whoever_comes_first() {
    for order in [[A, B], [B, A]] {
        let mut story = Story::new(1);
        story.disaster(|story| {
            story.give_back(A);
            story.activate(B);
        });
        for at in order {
            assert_eq!(story.contact(at), "done");
            assert_eq!((story.held(A), story.held(B)), (0, 1), "{order:?}: nobody loses what is his");
        }
        assert_eq!(story.contact(B), "done");
        assert_eq!(story.booked(), BTreeMap::from([(B, 1)]), "{order:?}");
        story.server.reconciling = None;
        story.give_back(B);
        assert_eq!(story.server.lines[&story.license].ledger.available(), 1);
    }
}

#[test]
fn a_license_that_was_activated_again_after_the_backup_is_not_lost() {
    let mut story = Story::new(1);
    story.disaster(|story| {
        let context = story.context(B);
        let update = story.server.reactivate(&context, story.ticket, &[story.license]).unwrap();
        story.take(B, &update);
    });
    assert_eq!(story.server.lines[&story.license].generation, 0, "forgotten");
    assert_eq!(story.contact(B), "done");
    assert_eq!(story.held(B), 1, "what the server signed is not taken away because it has forgotten that");
    assert_eq!(story.booked(), BTreeMap::from([(A, 1)]), "the other one may say something else yet");
    // Nobody hears of the lost container, and the vendor shuts it out.
    let reason = Text::new("lost").unwrap();
    let record = story.server.containers[&story.devices[A].serial].clone();
    let changes = vendor::blacklist(record, 0, reason, &actor(), story.server.now).unwrap();
    for change in changes.changes {
        story.server.apply(change);
    }
    assert_eq!(story.contact(B), "done");
    story.server.check_books();
    assert_eq!((story.booked(), story.held(B)), (BTreeMap::from([(B, 1)]), 1));
    assert_eq!(story.server.lines[&story.license].generation, 1);
    story.server.reconciling = None;
    assert_eq!(story.contact(A), "container_blacklisted", "never both");
    story.give_back(B);
    assert_eq!(story.server.lines[&story.license].ledger.available(), 1);
}

#[test]
fn what_was_signed_and_forgotten_is_never_taken_out_even_after_the_end() {
    let mut story = Story::new(1);
    story.disaster(|story| {
        let context = story.context(B);
        let update = story.server.reactivate(&context, story.ticket, &[story.license]).unwrap();
        story.take(B, &update);
    });
    assert_eq!(story.contact(B), "done");
    story.server.reconciling = None;
    assert_eq!((story.contact(B), story.held(B)), ("done", 1));
    // And nothing more of it is given out.
    assert_eq!(story.server.lines[&story.license].ledger.available(), 0);
}

#[test]
fn an_update_that_was_cancelled_after_the_backup_is_not_used_up() {
    let mut story = Story::new(2);
    story.activate(A);
    let update = UpdateTerms {
        base: ItemId::new("SNP-1").unwrap(),
        scope: UpdateScope::Container,
        add_units: None,
        add_quantity: None,
        expiration: None,
        maintenance: None,
        features: Some(FeatureChange::Set(1)),
    };
    let item = definition("MORE", LicenseTerms::default(), ItemPolicy::default());
    let item = ItemDefinition { update: Some(update), ..item };
    let (more, update) = story.server.order_item(item, 1, TicketChoice::New);
    let (other, license) = story.server.order(LicenseTerms::default(), ItemPolicy::default(), 1);
    // Both licenses in one product item, of which the update is to change one: a part is split off.
    story.give_back(A);
    let context = story.context(A);
    let both = story.server.activate(&context, story.ticket, &[(story.license, Some(2))]).unwrap();
    story.take(A, &both);
    let context = story.context(A);
    story.server.activate(&context, more, &[(update, Some(1))]).unwrap();
    story.disaster(|story| {
        let context = story.context(A);
        let void = story.server.cancel(&context, more).unwrap();
        story.take(A, &void);
        let context = story.context(A);
        let something = story.server.activate(&context, other, &[(license, None)]).unwrap();
        story.take(A, &something);
    });
    assert_eq!(story.contact(A), "done");
    assert_eq!(story.server.lines[&update].ledger.available(), 1, "it changed nothing, and is there again");
    assert_eq!((story.held(A), story.booked()), (3, BTreeMap::from([(A, 3)])));
}

#[test]
fn an_exchange_of_which_the_end_was_forgotten_is_not_counted_twice() {
    let mut story = Story::new(1);
    let better = definition("BETTER", LicenseTerms::default(), ItemPolicy::default());
    let new = story.server.replace(story.license, better).unwrap();
    let context = story.context(A);
    let update = story.server.automatic_update(&context).unwrap();
    // The exchange was issued before the backup was made, and proven after it; more happened then.
    let (ticket, other) = story.server.order(LicenseTerms::default(), ItemPolicy::default(), 1);
    story.disaster(|story| {
        story.take(A, &update);
        let context = story.context(A);
        let update = story.server.activate(&context, ticket, &[(other, None)]).unwrap();
        story.take(A, &update);
    });
    assert_eq!(story.contact(A), "done");
    let line = &story.server.lines[&new];
    assert_eq!((line.quantity, line.ledger.active, line.ledger.available()), (1, 1, 0), "once");
    assert_eq!(story.server.lines[&story.license].ledger.withdrawn(), 1);
    assert_eq!(story.held(A), 2);
}
