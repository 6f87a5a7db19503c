//! Replacements that are replaced or withdrawn themselves, and exchanges that end otherwise: what a customer has paid
//! for is there once, in one form or the other.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use licensing_core::device::DeviceState;
use licensing_core::ids::{ContainerKind, LicenseId, TicketId};
use licensing_core::item::{ItemDefinition, ItemPolicy, ReactivationPolicy};
use licensing_core::license::LineState;
use licensing_core::limits::STEPS_PER_UPDATE_MAX;
use licensing_core::order::TicketChoice;
use licensing_core::refusal::Refusal;
use licensing_core::terms::LicenseTerms;
use licensing_core::work::Decline;
use licensing_testkit::server::{Server, definition, firm};

struct Story {
    server: Server,
    device: DeviceState,
    ticket: TicketId,
    license: LicenseId,
}

fn item(id: &str) -> ItemDefinition {
    let policy = ItemPolicy { reactivation: ReactivationPolicy::Always, ..ItemPolicy::default() };
    definition(id, LicenseTerms::default(), policy)
}

impl Story {
    /// A license of quantity 3, of which 2 are in a container.
    fn new() -> Self {
        let mut server = Server::new(21);
        let device = server.device(ContainerKind::Act);
        let (ticket, license) = server.order_item(item("OLD"), 3, TicketChoice::New);
        let mut story = Self { server, device, ticket, license };
        let context = story.server.context(&mut story.device);
        let update = story.server.activate(&context, ticket, &[(license, Some(2))]).unwrap();
        story.finish(&update);
        story
    }

    fn finish(&mut self, update: &[u8]) {
        self.server.transfer(&mut self.device, update);
        self.server.check_books();
    }

    fn replace(&mut self, license: LicenseId, by: &str) -> LicenseId {
        self.server.now = self.server.now.plus_secs(1);
        self.server.replace(license, item(by)).unwrap()
    }

    /// The container makes contact twice, and takes what the vendor has for it.
    fn contacts(&mut self) {
        for _ in 0..2 {
            let context = self.server.context(&mut self.device);
            let update = self.server.automatic_update(&context).unwrap();
            self.finish(&update);
        }
    }

    fn held(&self) -> Vec<(LicenseId, u32)> {
        let products =
            self.device.firm(firm()).iter().flat_map(|firm| firm.products.clone()).collect::<Vec<_>>();
        products.iter().map(|product| (product.license, product.quantity)).collect()
    }

    /// Available and withdrawn.
    fn books(&self, license: LicenseId) -> (u32, u32) {
        let ledger = &self.server.lines[&license].ledger;
        (ledger.available(), ledger.withdrawn())
    }
}

#[test]
fn what_waits_for_an_exchange_becomes_the_newest_replacement() {
    let mut story = Story::new();
    let new = story.replace(story.license, "NEW");
    let newer = story.replace(new, "NEWER");
    assert_eq!((story.books(new), story.books(newer)), ((0, 1), (1, 0)));
    story.contacts();
    assert_eq!(story.held(), [(newer, 2)]);
    assert_eq!((story.books(story.license), story.books(new), story.books(newer)), ((0, 3), (0, 1), (1, 0)));
    assert_eq!(story.server.lines[&newer].quantity, 3, "as many as there were");
    // A replacement of which nothing is there yet can be replaced as well.
    let newest = story.replace(newer, "NEWEST");
    let last = story.replace(newest, "LAST");
    story.contacts();
    assert_eq!((story.held(), story.books(last)), (vec![(last, 2)], (1, 0)));
}

#[test]
fn what_comes_back_of_a_replaced_license_is_the_newest_replacement() {
    let mut story = Story::new();
    let context = story.server.context(&mut story.device);
    let update = story.server.give_back(&context, story.ticket, &[]).unwrap();
    let new = story.replace(story.license, "NEW");
    let newer = story.replace(new, "NEWER");
    story.finish(&update);
    assert_eq!((story.books(new), story.books(newer)), ((0, 1), (3, 0)));
}

#[test]
fn a_withdrawn_replacement_takes_what_waits_for_an_exchange_with_it() {
    let mut story = Story::new();
    let new = story.replace(story.license, "NEW");
    story.server.withdraw(new).unwrap();
    assert_eq!(story.server.withdraw(new).unwrap_err().code(), "nothing_to_withdraw");
    story.contacts();
    assert_eq!(story.held(), [], "nothing comes in place of what is taken back");
    assert_eq!((story.books(new), story.server.lines[&new].state()), ((0, 3), LineState::Withdrawn));
    story.server.cancel_withdrawal(new).unwrap();
    assert_eq!(story.books(new), (3, 0), "all of it is given back, once");
    assert_eq!(story.server.cancel_withdrawal(new).unwrap_err().code(), "license_not_withdrawn");
}

#[test]
fn a_replacement_of_which_nothing_is_there_yet_can_be_withdrawn_and_given_back() {
    let mut story = Story::new();
    let context = story.server.context(&mut story.device);
    let update = story.server.activate(&context, story.ticket, &[]).unwrap();
    story.finish(&update);
    let new = story.replace(story.license, "NEW");
    assert_eq!(story.server.lines[&new].quantity, 0, "everything waits for an exchange");
    story.server.withdraw(new).unwrap();
    assert_eq!(story.server.lines[&new].state(), LineState::Withdrawn);
    story.server.cancel_withdrawal(new).unwrap();
    story.contacts();
    assert_eq!(story.held(), [(new, 3)], "the exchange is due again");
}

#[test]
fn a_withdrawal_overtakes_an_exchange_that_is_on_its_way() {
    for applied in [true, false] {
        let mut story = Story::new();
        let new = story.replace(story.license, "NEW");
        let context = story.server.context(&mut story.device);
        let update = story.server.automatic_update(&context).unwrap();
        story.server.withdraw(new).unwrap();
        if applied {
            story.device = story.device.apply_update(&update).unwrap().state;
        }
        story.contacts();
        assert_eq!((story.held(), story.books(new)), (vec![], (0, 3)));
    }
}

/// Unproven steps up to the limit, all of them cancelled.
fn crowd(story: &mut Story) {
    let most = u32::try_from(STEPS_PER_UPDATE_MAX).unwrap() + 1;
    let (ticket, license) = story.server.order_item(item("MANY"), most, TicketChoice::New);
    let context = story.server.context(&mut story.device);
    for _ in 0..most {
        story.server.now = story.server.now.plus_secs(1);
        if story.server.activate(&context, ticket, &[(license, Some(1))]).is_err() {
            return;
        }
        story.server.cancel(&context, ticket).unwrap();
    }
    panic!("there is no limit");
}

#[test]
fn an_exchange_for_which_there_is_no_room_among_the_steps_leaves_no_trace() {
    let mut story = Story::new();
    crowd(&mut story);
    let new = story.replace(story.license, "NEW");
    let context = story.server.context(&mut story.device);
    let refused = story.server.automatic_update(&context);
    assert!(
        matches!(&refused, Err(Decline::Refused(refusal)) if refusal.code() == "too_many_unfinished_transfers"),
        "{refused:?}"
    );
    story.server.check_books();
    let waiting = story.server.parting.take().expect("what is to be taken first");
    story.finish(&waiting);
    story.contacts();
    assert_eq!((story.held(), story.server.lines[&new].quantity), (vec![(new, 2)], 3));
}

#[test]
fn a_container_that_is_shut_out_gets_nothing_without_a_lock_however_much_waits_for_it() {
    let mut story = Story::new();
    crowd(&mut story);
    let mut lost = std::mem::replace(&mut story.device, story.server.device(ContainerKind::Act));
    let context = story.server.context(&mut story.device);
    let update = story.server.reactivate(&context, story.ticket, &[]).unwrap();
    story.finish(&update);
    let context = story.server.context(&mut lost);
    let refused = story.server.receipt(&context);
    assert!(matches!(&refused, Err(Decline::Refused(Refusal::Blacklisted(_)))), "{refused:?}");
    let parting = story.server.parting.take().expect("the lock");
    let locked = lost.apply_update(&parting).unwrap().state;
    assert!(locked.firm(firm()).unwrap().locked);
}

#[test]
fn an_exchange_for_what_is_replaced_meanwhile_is_not_lost_with_its_container() {
    let mut story = Story::new();
    let new = story.replace(story.license, "NEW");
    let context = story.server.context(&mut story.device);
    // The exchange is on its way, and never heard of again.
    story.server.automatic_update(&context).unwrap();
    let newer = story.replace(new, "NEWER");
    story.device = story.server.device(ContainerKind::Act);
    let context = story.server.context(&mut story.device);
    let update = story.server.reactivate(&context, story.ticket, &[]).unwrap();
    story.finish(&update);
    let held: u32 = story.held().iter().map(|(_, quantity)| quantity).sum();
    assert_eq!(held + story.books(newer).0, 3, "{:?}", story.held());
    assert!(story.held().iter().all(|(license, _)| *license == newer));
}
