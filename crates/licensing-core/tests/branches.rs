//! Competing steps: whichever branch of the chain a container takes, the books say exactly what it holds.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use licensing_core::audit::{Difference, compare};
use licensing_core::device::DeviceState;
use licensing_core::format::context::VerifiedContext;
use licensing_core::ids::{ContainerKind, ItemId, LicenseId, OrderId, TicketId};
use licensing_core::item::{ItemDefinition, ItemPolicy};
use licensing_core::order::TicketChoice;
use licensing_core::terms::LicenseTerms;
use licensing_core::update_item::{FeatureChange, UpdateScope, UpdateTerms};
use licensing_testkit::server::{Server, definition, firm};

struct Story {
    server: Server,
    device: DeviceState,
    ticket: TicketId,
    license: LicenseId,
}

impl Story {
    /// A container that holds `quantity` in one product item.
    fn holding(quantity: u32) -> Self {
        let mut server = Server::new(5);
        let device = server.device(ContainerKind::Act);
        let terms = LicenseTerms { unit_counter: Some(10), feature_map: Some(1), ..LicenseTerms::default() };
        let item = definition("SNP", terms, ItemPolicy::default());
        let (ticket, license) = server.order_item(item, quantity, TicketChoice::New);
        let mut story = Self { server, device, ticket, license };
        let context = story.context();
        let update = story.server.activate(&context, ticket, &[]).unwrap();
        story.finish(&update);
        story
    }

    fn context(&mut self) -> Vec<u8> {
        self.server.context(&mut self.device)
    }

    fn give_back(&mut self, quantity: u32) -> Vec<u8> {
        let context = self.context();
        self.server.give_back(&context, self.ticket, &[(self.license, Some(quantity))]).unwrap()
    }

    fn cancel(&mut self) -> Vec<u8> {
        let context = self.context();
        self.server.cancel(&context, self.ticket).unwrap()
    }

    fn finish(&mut self, update: &[u8]) {
        self.server.transfer(&mut self.device, update);
        self.server.check_books();
        assert_eq!(self.differences(), Some(vec![]));
    }

    fn differences(&mut self) -> Option<Vec<Difference>> {
        let context = self.context();
        let context = VerifiedContext::verify(&context, &[]).unwrap();
        let activations: Vec<_> = self.server.activations.values().cloned().collect();
        compare(&self.server.firms[&(self.device.serial, firm())], &activations, &context)
    }

    fn available(&self) -> u32 {
        self.server.lines[&self.license].ledger.available()
    }

    fn held(&self) -> u32 {
        self.device.firm(firm()).unwrap().products.iter().map(|product| product.quantity).sum()
    }
}

#[test]
fn a_return_after_a_cancelled_return_takes_only_its_own() {
    for takes_cancelled in [false, true] {
        let mut story = Story::holding(2);
        let cancelled = story.give_back(1);
        story.cancel();
        let second = story.give_back(1);
        story.finish(if takes_cancelled { &cancelled } else { &second });
        assert_eq!((story.available(), story.held()), (1, 1), "took the cancelled one: {takes_cancelled}");
    }
}

fn other_features() -> ItemDefinition {
    let update = UpdateTerms {
        base: ItemId::new("SNP").unwrap(),
        scope: UpdateScope::Ticket,
        add_units: None,
        add_quantity: None,
        expiration: None,
        maintenance: None,
        features: Some(FeatureChange::Set(7)),
    };
    let plain = definition("SNP-U", LicenseTerms::default(), ItemPolicy::default());
    ItemDefinition { update: Some(update), ..plain }
}

/// Of three licenses one is on its way out, and one of the others is updated: the books split what stays.
#[test]
fn an_update_splits_what_stays_and_not_what_goes() {
    for applies in 0..3 {
        let mut story = Story::holding(3);
        let order = TicketChoice::OfOrder(OrderId::new("O-1").unwrap());
        let (_, renewal) = story.server.order_item(other_features(), 1, order);
        // With the clock turned back, the part that goes has the lower id.
        story.server.now = licensing_core::time::Timestamp::from_secs(story.server.now.secs() - 100);
        let first = story.give_back(1);
        let context = story.context();
        let both = story.server.activate(&context, story.ticket, &[(renewal, Some(1))]).unwrap();
        match applies {
            0 => story.finish(&first),
            1 => story.finish(&both),
            _ => {
                let cancelled = story.cancel();
                story.finish(&cancelled);
            }
        }
        let context = story.context();
        if let Ok(rest) = story.server.catch_up(&context) {
            story.finish(&rest);
        }
        assert_eq!(story.available() + story.held(), 3, "{applies}");
    }
}

/// An update that was to split a product item is cancelled: the next steps fit both what was split and what was not.
#[test]
fn a_cancelled_split_does_not_get_in_the_way() {
    for takes_cancelled in [false, true] {
        for again in [false, true] {
            let mut story = Story::holding(3);
            let order = TicketChoice::OfOrder(OrderId::new("O-1").unwrap());
            let (_, renewal) = story.server.order_item(other_features(), 2, order);
            let context = story.context();
            let split = story.server.activate(&context, story.ticket, &[(renewal, Some(1))]).unwrap();
            story.cancel();
            let context = story.context();
            let next = if again {
                story.server.activate(&context, story.ticket, &[(renewal, Some(1))]).unwrap()
            } else {
                story.give_back(1)
            };
            story.finish(if takes_cancelled { &split } else { &next });
            let context = story.context();
            let rest = story.server.give_back(&context, story.ticket, &[]).unwrap();
            story.finish(&rest);
            assert_eq!((story.available(), story.held()), (3, 0), "{takes_cancelled} {again}");
        }
    }
}

/// An exchange that a cancelled transfer takes along never happened: the old license is there, and the new one is not
/// available besides.
#[test]
fn a_cancelled_exchange_gives_nothing_away() {
    for takes_cancelled in [false, true] {
        let mut story = Story::holding(2);
        let order = TicketChoice::OfOrder(OrderId::new("O-1").unwrap());
        let other = definition("OTHER", LicenseTerms::default(), ItemPolicy::default());
        let (_, other) = story.server.order_item(other, 1, order);
        let context = story.context();
        story.server.activate(&context, story.ticket, &[(other, None)]).unwrap();
        let next = definition("NEXT", LicenseTerms::default(), ItemPolicy::default());
        let next = story.server.replace(story.license, next).unwrap();
        let context = story.context();
        let exchange = story.server.automatic_update(&context).unwrap();
        let cancelled = story.cancel();
        story.finish(if takes_cancelled { &exchange } else { &cancelled });
        let right = |story: &Story| {
            let (old, new) = (&story.server.lines[&story.license].ledger, &story.server.lines[&next].ledger);
            u64::from(old.active + old.returning + new.available() + new.active)
        };
        assert_eq!(right(&story), 2, "{takes_cancelled}");
        let context = story.context();
        let update = story.server.automatic_update(&context).unwrap();
        story.finish(&update);
        assert_eq!(right(&story), 2, "{takes_cancelled}");
        assert_eq!(story.server.lines[&next].quantity, 2);
    }
}
