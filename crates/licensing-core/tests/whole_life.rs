//! What a vendor and a user can do with a license after its first activation, step by step on the real core.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use licensing_core::access::{AccessRefusal, AccessRequest};
use licensing_core::container::ContainerStatus;
use licensing_core::device::DeviceState;
use licensing_core::format::context::TraitDigest;
use licensing_core::ids::{ContainerKind, ItemId, LicenseId, OrderId, TicketId};
use licensing_core::item::{ItemDefinition, ItemPolicy, ReactivationPolicy, RestorePolicy, ReturnPolicy};
use licensing_core::license::LineState;
use licensing_core::order::TicketChoice;
use licensing_core::terms::LicenseTerms;
use licensing_core::time::End;
use licensing_core::update_item::{FeatureChange, UpdateScope, UpdateTerms};
use licensing_core::work::{Decline, SelectionRule};
use licensing_testkit::server::{Server, definition, firm, product};

fn base(id: &str) -> ItemDefinition {
    let terms = LicenseTerms {
        unit_counter: Some(10),
        expiration: Some(End::AfterDays(30)),
        maintenance: Some(End::AfterDays(30)),
        feature_map: Some(1),
        ..LicenseTerms::default()
    };
    definition(id, terms, ItemPolicy::default())
}

fn update(id: &str, of: &str, change: impl FnOnce(&mut UpdateTerms)) -> ItemDefinition {
    let mut terms = UpdateTerms {
        base: ItemId::new(of).unwrap(),
        scope: UpdateScope::Container,
        add_units: None,
        add_quantity: None,
        expiration: None,
        maintenance: None,
        features: None,
    };
    change(&mut terms);
    ItemDefinition { update: Some(terms), ..definition(id, LicenseTerms::default(), ItemPolicy::default()) }
}

fn code(outcome: Result<Vec<u8>, Decline>) -> &'static str {
    match outcome {
        Ok(_) => "done",
        Err(Decline::Refused(refusal)) => refusal.code(),
        Err(Decline::Broken(broken)) => panic!("{broken}"),
    }
}

struct Story {
    server: Server,
    device: DeviceState,
}

impl Story {
    fn new(kind: ContainerKind) -> Self {
        let mut server = Server::new(11);
        let device = server.device(kind);
        Self { server, device }
    }

    fn activate(&mut self, ticket: TicketId, what: &[(LicenseId, Option<u32>)]) -> Result<Vec<u8>, Decline> {
        let context = self.server.context(&mut self.device);
        self.server.activate(&context, ticket, what)
    }

    fn finish(&mut self, update: &[u8]) {
        self.server.transfer(&mut self.device, update);
        self.server.check_books();
    }

    fn activated(&mut self, ticket: TicketId) {
        let update = self.activate(ticket, &[]).unwrap();
        self.finish(&update);
    }

    fn first_order(&self) -> OrderId {
        OrderId::new("O-1").unwrap()
    }

    fn products(&self) -> Vec<licensing_core::product::ProductItem> {
        self.device.firm(firm()).map(|firm| firm.products.clone()).unwrap_or_default()
    }
}

#[test]
pub(crate) fn updates_change_the_license_on_the_same_ticket_and_stay_with_it() {
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, license) = story.server.order_item(base("SNP"), 1, TicketChoice::New);
    story.activated(ticket);
    let before = story.products()[0].clone();
    let renewal = update("SNP-U", "SNP", |update| {
        update.add_units = Some(5);
        update.add_quantity = Some(2);
        update.expiration = Some(End::AfterDays(365));
        update.maintenance = Some(End::AfterDays(365));
        update.features = Some(FeatureChange::Set(7));
    });
    let on_ticket = TicketChoice::OfOrder(story.first_order());
    let (again, renewing) = story.server.order_item(renewal, 1, on_ticket);
    assert_eq!(again, ticket, "the order went on the ticket of the earlier one");
    story.activated(ticket);

    let after = story.products();
    assert_eq!(after.len(), 1, "an update is no product item of its own");
    assert_eq!(
        (after[0].units, after[0].terms.feature_map, after[0].concurrent_uses()),
        (Some(15), Some(7), 3)
    );
    assert_eq!(after[0].terms.expires, before.terms.expires.map(|end| end.plus_days(365)));
    assert_eq!(story.server.lines[&renewing].state(), LineState::Consumed);

    // Returned and activated elsewhere, it is still what the update made of it.
    let context = story.server.context(&mut story.device);
    let update = story.server.give_back(&context, ticket, &[]).unwrap();
    story.finish(&update);
    let context = story.server.context(&mut story.device);
    assert_eq!(code(story.server.give_back(&context, ticket, &[(renewing, None)])), "update_not_movable");
    story.device = story.server.device(ContainerKind::Act);
    story.server.now = story.server.now.plus_days(10);
    story.activated(ticket);
    let moved = story.products();
    assert_eq!(
        (moved[0].units, moved[0].terms.feature_map, moved[0].concurrent_uses()),
        (Some(15), Some(7), 3)
    );
    assert_eq!(moved[0].terms.expires, after[0].terms.expires, "dates do not move");
    assert_eq!(story.server.lines[&license].ledger.active, 1);
}

#[test]
pub(crate) fn one_update_changes_one_license_of_many() {
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, _) = story.server.order_item(base("SNP"), 5, TicketChoice::New);
    story.activated(ticket);
    let renewal = update("SNP-U", "SNP", |update| update.expiration = Some(End::AfterDays(365)));
    let (_, renewing) = story.server.order_item(renewal, 2, TicketChoice::OfOrder(story.first_order()));
    story.activated(ticket);
    let mut products = story.products();
    products.sort_by_key(|product| product.quantity);
    assert_eq!(
        products.iter().map(|p| (p.quantity, p.units)).collect::<Vec<_>>(),
        [(2, Some(20)), (3, Some(30))]
    );
    assert!(products[0].terms.expires > products[1].terms.expires);
    assert_eq!(story.server.lines[&renewing].state(), LineState::Consumed);

    let more = update("SNP-V", "SNP", |update| update.expiration = Some(End::AfterDays(365)));
    let (_, renewing) = story.server.order_item(more, 9, TicketChoice::OfOrder(story.first_order()));
    assert_eq!(code(story.activate(ticket, &[(renewing, Some(9))])), "update_exceeds_base");
    story.activated(ticket);
    let line = &story.server.lines[&renewing];
    assert_eq!((line.ledger.active, line.ledger.available()), (5, 4), "no more than there are licenses");
}

#[test]
pub(crate) fn base_and_update_of_one_ticket_go_together_and_a_lonely_update_is_told() {
    let mut story = Story::new(ContainerKind::Act);
    let renewal = update("SNP-U", "SNP", |update| update.features = Some(FeatureChange::Add(4)));
    let (ticket, _) = story.server.order_item(renewal, 1, TicketChoice::New);
    assert_eq!(code(story.activate(ticket, &[])), "update_base_missing");
    let on_ticket = TicketChoice::OfOrder(story.first_order());
    story.server.order_item(base("SNP"), 1, on_ticket.clone());
    story.activated(ticket);
    assert_eq!(story.products()[0].terms.feature_map, Some(5));
    // A module needs its base in the container.
    let module = ItemDefinition {
        requires: ItemId::new("OTHER").ok(),
        ..definition("M", LicenseTerms::default(), ItemPolicy::default())
    };
    let (_, module) = story.server.order_item(module, 1, on_ticket);
    assert_eq!(code(story.activate(ticket, &[(module, None)])), "module_needs_base");
}

#[test]
pub(crate) fn a_base_does_not_leave_its_module_behind() {
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, license) = story.server.order_item(base("SNP"), 1, TicketChoice::New);
    let module = ItemDefinition {
        requires: ItemId::new("SNP").ok(),
        ..definition("M", LicenseTerms::default(), ItemPolicy::default())
    };
    let (_, module) = story.server.order_item(module, 1, TicketChoice::OfOrder(story.first_order()));
    story.activated(ticket);
    let context = story.server.context(&mut story.device);
    assert_eq!(code(story.server.give_back(&context, ticket, &[(license, None)])), "module_needs_base");
    let update = story.server.give_back(&context, ticket, &[(license, None), (module, None)]).unwrap();
    story.finish(&update);
    assert!(story.products().is_empty());
}

#[test]
pub(crate) fn a_cancelled_transfer_frees_only_by_proof() {
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, license) = story.server.order_item(base("SNP"), 2, TicketChoice::New);
    let never_imported = story.activate(ticket, &[(license, Some(1))]).unwrap();
    let context = story.server.context(&mut story.device);
    let void = story.server.cancel(&context, ticket).unwrap();
    assert_eq!(story.server.lines[&license].ledger.available(), 1, "nothing is free before the proof");
    assert_eq!(code(story.server.cancel(&context, ticket)), "nothing_to_cancel");
    story.finish(&void);
    assert_eq!(story.server.lines[&license].ledger.available(), 2);
    assert!(story.device.apply_update(&never_imported).is_err(), "the first update is dead");

    // The other way round: the update was imported after all.
    let imported = story.activate(ticket, &[(license, Some(1))]).unwrap();
    let context = story.server.context(&mut story.device);
    let void = story.server.cancel(&context, ticket).unwrap();
    story.device = story.device.apply_update(&imported).unwrap().state;
    assert!(story.device.apply_update(&void).is_err());
    let receipt = story.server.context(&mut story.device);
    story.server.receipt(&receipt).unwrap();
    story.server.check_books();
    let ledger = &story.server.lines[&license].ledger;
    assert_eq!((ledger.active, ledger.available()), (1, 1), "then it simply is active");

    // A cancelled return leaves the license active.
    let context = story.server.context(&mut story.device);
    story.server.give_back(&context, ticket, &[]).unwrap();
    let void = story.server.cancel(&context, ticket).unwrap();
    story.finish(&void);
    assert_eq!(story.server.lines[&license].ledger.active, 1);
    assert_eq!(story.products()[0].units, Some(10));
}

#[test]
pub(crate) fn a_reactivation_follows_its_policy_and_locks_the_old_container() {
    for (policy, first, after_a_year) in [
        (ReactivationPolicy::Never, "reactivation_denied", "reactivation_denied"),
        (ReactivationPolicy::AfterDays(365), "blocking_period", "done"),
        (ReactivationPolicy::Approval, "reactivation_needs_approval", "done"),
        (ReactivationPolicy::Always, "done", "nothing_to_reactivate"),
    ] {
        let mut story = Story::new(ContainerKind::Act);
        let item = definition(
            "SNP",
            LicenseTerms::default(),
            ItemPolicy { reactivation: policy, ..ItemPolicy::default() },
        );
        let (ticket, license) = story.server.order_item(item, 3, TicketChoice::New);
        story.activated(ticket);
        let mut old = story.device.clone();
        let context = story.server.context(&mut old);
        let again = story.server.reactivate(&context, ticket, &[license]);
        assert_eq!(code(again), "reactivation_same_container", "{policy:?}");
        story.device = story.server.device(ContainerKind::Act);
        let ask = |story: &mut Story| {
            let context = story.server.context(&mut story.device);
            let answer = story.server.reactivate(&context, ticket, &[license]);
            if let Ok(update) = &answer {
                story.finish(update);
            }
            code(answer)
        };
        assert_eq!(ask(&mut story), first);
        story.server.grant_all();
        story.server.now = story.server.now.plus_days(366);
        story.server.grant_all();
        let second = ask(&mut story);
        assert!(
            second == after_a_year || (first == "done" && second == "reactivation_same_container"),
            "{second}"
        );
        if first != "done" && second != "done" {
            continue;
        }
        let line = &story.server.lines[&license];
        assert_eq!((line.generation, line.ledger.active, line.quantity), (1, 3, 3));
        assert_eq!(story.server.blacklist.len(), 1);
        // The old container is refused at its next contact, with the update that locks it.
        let context = story.server.context(&mut old);
        assert_eq!(code(story.server.activate(&context, ticket, &[])), "container_blacklisted");
        let lock = story.server.parting.clone().unwrap();
        old = old.apply_update(&lock).unwrap().state;
        let refused = old.check(firm(), &AccessRequest::product(product()), story.server.now);
        assert_eq!(refused.unwrap_err(), AccessRefusal::Locked);
        let context = story.server.context(&mut old);
        assert_eq!(code(story.server.catch_up(&context)), "container_blacklisted");
        story.server.check_books();
    }
}

#[test]
pub(crate) fn a_return_may_need_the_vendor_once_each() {
    let mut story = Story::new(ContainerKind::Act);
    let policy = ItemPolicy { returns: ReturnPolicy::Approval, ..ItemPolicy::default() };
    let (ticket, license) = story.server.order(LicenseTerms::default(), policy, 2);
    story.activated(ticket);
    let context = story.server.context(&mut story.device);
    assert_eq!(
        code(story.server.give_back(&context, ticket, &[(license, Some(1))])),
        "return_needs_approval"
    );
    assert_eq!(
        code(story.server.give_back(&context, ticket, &[(license, Some(1))])),
        "return_needs_approval"
    );
    assert_eq!(story.server.approvals.len(), 1, "asked once");
    story.server.grant_all();
    let update = story.server.give_back(&context, ticket, &[(license, Some(1))]).unwrap();
    story.finish(&update);
    let context = story.server.context(&mut story.device);
    assert_eq!(
        code(story.server.give_back(&context, ticket, &[(license, Some(1))])),
        "return_needs_approval"
    );
}

#[test]
pub(crate) fn withdrawn_at_once_or_at_the_next_contact_and_cancellable_until_then() {
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, license) = story.server.order(LicenseTerms::default(), ItemPolicy::default(), 3);
    let update = story.activate(ticket, &[(license, Some(2))]).unwrap();
    story.finish(&update);
    story.server.withdraw(license).unwrap();
    assert_eq!(story.server.withdraw(license).unwrap_err().code(), "nothing_to_withdraw");
    let line = &story.server.lines[&license];
    assert_eq!((line.ledger.withdrawn(), line.ledger.active), (1, 2));
    story.server.cancel_withdrawal(license).unwrap();
    assert_eq!(story.server.lines[&license].ledger.available(), 1);
    story.server.withdraw(license).unwrap();
    // Whatever the user wants, the vendor's part comes with it.
    assert_eq!(code(story.activate(ticket, &[])), "done");
    let context = story.server.context(&mut story.device);
    let update = story.server.catch_up(&context).unwrap();
    story.finish(&update);
    assert!(story.products().is_empty());
    assert_eq!(story.server.lines[&license].state(), LineState::Withdrawn);
    assert_eq!(code(story.activate(ticket, &[])), "nothing_to_activate");
}

#[test]
pub(crate) fn a_replacement_is_exchanged_in_one_step() {
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, old) = story.server.order(LicenseTerms::default(), ItemPolicy::default(), 3);
    let update = story.activate(ticket, &[(old, Some(2))]).unwrap();
    story.finish(&update);
    let new = story.server.replace(old, base("BETTER")).unwrap();
    assert_eq!(story.server.replace(old, base("BETTER")).unwrap_err().code(), "license_replaced");
    assert_eq!(story.server.cancel_withdrawal(old).unwrap_err().code(), "license_replaced");
    assert_eq!(story.server.lines[&new].ledger.available(), 1, "what was inactive, at once");
    let context = story.server.context(&mut story.device);
    let update = story.server.automatic_update(&context).unwrap();
    story.finish(&update);
    let products = story.products();
    assert_eq!(products.iter().map(|p| (p.license, p.quantity)).collect::<Vec<_>>(), [(new, 2)]);
    assert_eq!(story.server.lines[&old].state(), LineState::Replaced);
    let line = &story.server.lines[&new];
    assert_eq!((line.quantity, line.ledger.active, line.ledger.available()), (3, 2, 1));
    let counter = story.device.firm(firm()).unwrap().link.counter;
    assert_eq!(counter, 2, "one step for the activation, one for the exchange");
}

#[test]
pub(crate) fn licenses_assigned_to_a_container_arrive_by_themselves() {
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, _) = story.server.order_item(base("SNP"), 1, TicketChoice::New);
    story.activated(ticket);
    let assigned = TicketChoice::Container(story.device.serial);
    let (other, license) = story.server.order_item(base("EXTRA"), 2, assigned.clone());
    let renewal = update("SNP-U", "SNP", |update| update.add_units = Some(90));
    story.server.order_item(renewal, 1, assigned);
    let mut stranger = story.server.device(ContainerKind::Act);
    let context = story.server.context(&mut stranger);
    assert_eq!(code(story.server.activate(&context, other, &[(license, None)])), "license_assigned");
    let context = story.server.context(&mut story.device);
    let update = story.server.automatic_update(&context).unwrap();
    story.finish(&update);
    let products = story.products();
    assert_eq!(products.len(), 2);
    assert_eq!(products[0].units, Some(100));
    assert_eq!(products[1].quantity, 2);
    // Once returned it may go anywhere.
    let context = story.server.context(&mut story.device);
    let update = story.server.give_back(&context, other, &[]).unwrap();
    story.finish(&update);
    let context = story.server.context(&mut stranger);
    assert_eq!(code(story.server.activate(&context, other, &[(license, None)])), "done");
}

#[test]
pub(crate) fn a_whole_container_is_restored_on_the_same_computer_only() {
    let policy = ItemPolicy { restore: RestorePolicy::Always, ..ItemPolicy::default() };
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, license) =
        story.server.order_item(definition("SNP", LicenseTerms::default(), policy), 2, TicketChoice::New);
    let traits = |known: u8| -> Vec<TraitDigest> {
        (0..5)
            .map(|kind| TraitDigest { kind: [kind; 4], weight: 20, digest: [u8::from(kind < known); 16] })
            .collect()
    };
    let context = |story: &mut Story, traits| {
        let nonce = licensing_core::random(&mut story.server.entropy);
        story.device.make_context(firm(), nonce, traits, story.server.now).unwrap()
    };
    let request = context(&mut story, traits(5));
    let update = story.server.activate(&request, ticket, &[]).unwrap();
    story.device = story.device.apply_update(&update).unwrap().state;
    let receipt = context(&mut story, traits(5));
    story.server.receipt(&receipt).unwrap();
    let old = story.device.serial;
    story.device = story.server.device(ContainerKind::Act);
    let request = context(&mut story, traits(2));
    assert_eq!(code(story.server.restore(&request, old)), "computer_too_different");
    let request = context(&mut story, traits(3));
    let update = story.server.restore(&request, old).unwrap();
    story.finish(&update);
    assert_eq!(story.products()[0].quantity, 2);
    assert_eq!(story.server.lines[&license].generation, 1);
    assert_eq!(story.server.containers[&old].status, ContainerStatus::Blacklisted);
    let request = context(&mut story, traits(5));
    assert_eq!(code(story.server.restore(&request, old)), "nothing_to_restore");
}

#[test]
pub(crate) fn a_cleared_container_loses_what_it_should_not_have() {
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, license) = story.server.order(LicenseTerms::default(), ItemPolicy::default(), 1);
    story.activated(ticket);
    let copy = story.device.clone();
    let context = story.server.context(&mut story.device);
    let update = story.server.give_back(&context, ticket, &[]).unwrap();
    story.finish(&update);
    // The old copy is put back and shows itself.
    story.device = copy;
    story.server.now = story.server.now.plus_days(1);
    assert_eq!(code(story.activate(ticket, &[])), "manipulation_detected");
    assert_eq!(code(story.activate(ticket, &[])), "manipulation_detected");
    story.server.clear(story.device.serial).unwrap();
    let update = story.activate(ticket, &[]).unwrap();
    story.finish(&update);
    let held: u32 = story.products().iter().map(|product| product.quantity).sum();
    assert_eq!(held, 1, "what it should not have is gone before what it asked for arrives");
    assert_eq!(story.server.lines[&license].ledger.active, 1);
    let context = story.server.context(&mut story.device);
    let update = story.server.give_back(&context, ticket, &[]).unwrap();
    story.finish(&update);
    assert_eq!(story.server.lines[&license].ledger.available(), 1);
}

#[test]
pub(crate) fn a_cleared_container_loses_it_though_the_vendor_wants_something_else_back() {
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, license) = story.server.order(LicenseTerms::default(), ItemPolicy::default(), 3);
    let (other, wanted) = story.server.order(LicenseTerms::default(), ItemPolicy::default(), 1);
    story.activated(ticket);
    story.activated(other);
    let copy = story.device.clone();
    let context = story.server.context(&mut story.device);
    let update = story.server.give_back(&context, ticket, &[(license, Some(2))]).unwrap();
    story.finish(&update);
    story.device = copy;
    story.server.now = story.server.now.plus_days(1);
    assert_eq!(code(story.activate(ticket, &[])), "manipulation_detected");
    story.server.withdraw(wanted).unwrap();
    story.server.clear(story.device.serial).unwrap();
    let context = story.server.context(&mut story.device);
    let update = story.server.automatic_update(&context).unwrap();
    story.finish(&update);
    let held: Vec<_> = story.products().iter().map(|product| (product.license, product.quantity)).collect();
    assert_eq!(held, [(license, 1)], "one contact is enough for both");
    story.server.check_books();
}

#[test]
pub(crate) fn a_restored_server_notices_and_takes_over_from_contexts() {
    let mut story = Story::new(ContainerKind::Act);
    let (ticket, license) = story.server.order(LicenseTerms::default(), ItemPolicy::default(), 3);
    let update = story.activate(ticket, &[(license, Some(1))]).unwrap();
    story.finish(&update);
    let backup = (
        story.server.lines.clone(),
        story.server.activations.clone(),
        story.server.firms.clone(),
        story.server.seen.clone(),
    );
    let update = story.activate(ticket, &[(license, Some(2))]).unwrap();
    story.finish(&update);
    (story.server.lines, story.server.activations, story.server.firms, story.server.seen) = backup;
    assert_eq!(code(story.activate(ticket, &[])), "server_behind_container");
    let since = story.server.now;
    story.server.reconciling = Some(since);
    let mut other = story.server.device(ContainerKind::Act);
    let context = story.server.context(&mut other);
    let refused = story.server.activate(&context, ticket, &[(license, Some(1))]);
    assert_eq!(code(refused), "server_reconciling", "what may be in a container nobody heard of yet");
    let receipt = story.server.context(&mut story.device);
    story.server.receipt(&receipt).unwrap();
    story.server.check_books();
    let ledger = &story.server.lines[&license].ledger;
    assert_eq!((ledger.active, ledger.available()), (3, 0));
    story.server.reconciling = None;
    let context = story.server.context(&mut story.device);
    let update = story.server.give_back(&context, ticket, &[]).unwrap();
    story.finish(&update);
    assert_eq!(story.server.lines[&license].ledger.available(), 3);
}

#[test]
pub(crate) fn the_vendor_decides_what_goes_along_with_a_selection() {
    for (rule, expected) in [(SelectionRule::Free, 1), (SelectionRule::Older, 2), (SelectionRule::All, 3)] {
        let mut story = Story::new(ContainerKind::Act);
        story.server.rules.selection = rule;
        let (ticket, _) = story.server.order_item(base("A"), 1, TicketChoice::New);
        let on_ticket = TicketChoice::OfOrder(story.first_order());
        story.server.now = story.server.now.plus_secs(1);
        let (_, middle) = story.server.order_item(base("B"), 1, on_ticket.clone());
        story.server.now = story.server.now.plus_secs(1);
        story.server.order_item(base("C"), 1, on_ticket);
        let update = story.activate(ticket, &[(middle, None)]).unwrap();
        story.finish(&update);
        assert_eq!(story.products().len(), expected, "{rule:?}");
    }
}

#[test]
fn each_indivisible_line_of_a_ticket_stays_where_it_is() {
    let mut story = Story::new(ContainerKind::Act);
    let whole = ItemPolicy { split: false, ..ItemPolicy::default() };
    let item = |id| definition(id, LicenseTerms::default(), whole);
    let (ticket, a) = story.server.order_item(item("A"), 2, TicketChoice::New);
    let (_, b) = story.server.order_item(item("B"), 2, TicketChoice::OfOrder(story.first_order()));
    let update = story.activate(ticket, &[]).unwrap();
    story.finish(&update);
    // Half of each comes back by a rule that was other when it was activated.
    for license in [a, b] {
        let line = story.server.lines.get_mut(&license).unwrap();
        line.quantity += 1;
        line.ledger.fresh += 1;
    }
    story.device = story.server.device(ContainerKind::Act);
    for license in [a, b] {
        assert_eq!(code(story.activate(ticket, &[(license, None)])), "split_denied");
    }
    assert_eq!(code(story.activate(ticket, &[(b, None), (a, None)])), "split_denied");
}

#[test]
fn an_assigned_license_is_activated_again_when_its_container_is_lost() {
    let mut story = Story::new(ContainerKind::Act);
    let policy = ItemPolicy { reactivation: ReactivationPolicy::Always, ..ItemPolicy::default() };
    let (first, _) = story.server.order(LicenseTerms::default(), policy, 1);
    story.activated(first);
    let assigned = TicketChoice::Container(story.device.serial);
    let (ticket, license) =
        story.server.order_item(definition("X", LicenseTerms::default(), policy), 1, assigned);
    let context = story.server.context(&mut story.device);
    let update = story.server.automatic_update(&context).unwrap();
    story.finish(&update);
    story.device = story.server.device(ContainerKind::Act);
    let context = story.server.context(&mut story.device);
    let update = story.server.reactivate(&context, ticket, &[license]).unwrap();
    story.finish(&update);
    assert_eq!(story.products().len(), 1);
    assert_eq!(story.server.lines[&license].assigned, None);
}
