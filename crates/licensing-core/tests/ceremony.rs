//! The whole ceremony between the server's rules and a container's state, without any storage.

use licensing_core::access::{AccessRefusal, AccessRequest};
use licensing_core::device::DeviceError;
use licensing_core::ids::{ContainerKind, LicenseId, TicketId};
use licensing_core::item::ItemPolicy;
use licensing_core::license::LicenseLine;
use licensing_core::refusal::Refusal;
use licensing_core::terms::LicenseTerms;
use licensing_core::time::End;
use licensing_core::work::{Decline, Selection};
use licensing_testkit::server::{NOW, Server, firm, product};

/// A server with one ticket of one license line.
struct World {
    server: Server,
    ticket: TicketId,
    license: LicenseId,
}

impl World {
    fn new(terms: LicenseTerms, quantity: u32) -> Self {
        let mut server = Server::new(42);
        let (ticket, license) = server.order(terms, ItemPolicy::default(), quantity);
        Self { server, ticket, license }
    }

    fn line(&self) -> &LicenseLine {
        &self.server.lines[&self.license]
    }

    fn container(&mut self, kind: ContainerKind) -> licensing_core::device::DeviceState {
        self.server.device(kind)
    }

    fn context(&mut self, device: &mut licensing_core::device::DeviceState) -> Vec<u8> {
        self.server.context(device)
    }

    fn activate(&mut self, context: &[u8], what: &Selection) -> Result<Vec<u8>, Decline> {
        let outcome = self.server.activate(context, self.ticket, what);
        self.server.check_books();
        outcome
    }

    fn give_back(&mut self, context: &[u8], what: &Selection) -> Result<Vec<u8>, Decline> {
        let outcome = self.server.give_back(context, self.ticket, what);
        self.server.check_books();
        outcome
    }
}

fn transfer(world: &mut World, device: &mut licensing_core::device::DeviceState, update: &[u8]) {
    world.server.transfer(device, update);
    world.server.check_books();
}

#[test]
pub(crate) fn activate_use_return_and_activate_elsewhere() {
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
pub(crate) fn importing_twice_and_asking_again_change_nothing() {
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
pub(crate) fn units_come_home_to_the_last_one() {
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
    let update = world.activate(&context, &[(license, Some(1))]).unwrap();
    let b = b.apply_update(&update).unwrap().state;
    assert_eq!(b.firm(firm()).unwrap().products[0].units, Some(back));
}

#[test]
pub(crate) fn dates_do_not_restart_when_a_license_moves() {
    let terms = LicenseTerms { expiration: Some(End::AfterDays(30)), ..LicenseTerms::default() };
    let mut world = World::new(terms, 1);
    let mut a = world.container(ContainerKind::Act);
    let context = world.context(&mut a);
    let update = world.activate(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    world.server.now = NOW.plus_days(20);
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
pub(crate) fn a_restored_copy_is_flagged_and_served_no_more() {
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
pub(crate) fn a_late_old_context_is_out_of_date_but_no_manipulation() {
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
pub(crate) fn updates_fit_one_container_and_one_history() {
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
pub(crate) fn a_refused_request_leaves_only_what_was_settled() {
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
pub(crate) fn a_clock_set_back_does_not_help_and_one_set_forward_is_forgiven() {
    let terms = LicenseTerms { expiration: Some(End::AfterDays(30)), ..LicenseTerms::default() };
    let mut world = World::new(terms, 1);
    let mut a = world.container(ContainerKind::Act);
    let context = world.context(&mut a);
    let update = world.activate(&context, &[]).unwrap();
    transfer(&mut world, &mut a, &update);
    let request = AccessRequest::product(product());
    a.observe_time(NOW.plus_days(7_000));
    assert!(a.check(firm(), &request, NOW).is_err(), "the container has seen later");
    world.server.now = NOW.plus_days(1);
    let context = world.context(&mut a);
    let refresh = world.activate(&context, &[]);
    assert!(matches!(refresh, Err(Decline::Refused(Refusal::NothingToActivate))));
    let license = world.line().id;
    let context = world.context(&mut a);
    let update = world.give_back(&context, &[(license, None)]).unwrap();
    a = a.apply_update(&update).unwrap().state;
    assert_eq!(a.box_time, world.server.now, "a certified time sets the clock right");
}

#[test]
pub(crate) fn files_stay_small_enough_for_mail_and_qr_codes() {
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
