//! Units and uses of shares that are split, returned, updated and re-activated, to the last one.

use licensing_core::access::AccessRequest;
use licensing_core::ids::{ContainerKind, ItemId, OrderId};
use licensing_core::item::{ItemDefinition, ItemPolicy, ReactivationPolicy};
use licensing_core::order::TicketChoice;
use licensing_core::terms::LicenseTerms;
use licensing_core::update_item::{UpdateScope, UpdateTerms};
use licensing_testkit::server::{Server, definition, firm, product};

fn metered() -> LicenseTerms {
    LicenseTerms { unit_counter: Some(10), ..LicenseTerms::default() }
}

/// Two licenses come back from two containers with the same number of units: both numbers count.
#[test]
pub(crate) fn shares_with_the_same_units_left_keep_both() {
    let mut server = Server::new(5);
    let (ticket, license) = server.order(metered(), ItemPolicy::default(), 2);
    let mut devices = [server.device(ContainerKind::Act), server.device(ContainerKind::Act)];
    for device in &mut devices {
        let context = server.context(device);
        let update = server.activate(&context, ticket, &[(license, Some(1))]).unwrap();
        server.transfer(device, &update);
    }
    for mut device in devices {
        let request = AccessRequest { units: 4, ..AccessRequest::product(product()) };
        device.consume(firm(), &request, server.now).unwrap();
        let context = server.context(&mut device);
        let update = server.give_back(&context, ticket, &[]).unwrap();
        server.transfer(&mut device, &update);
    }
    let mut device = server.device(ContainerKind::Act);
    let context = server.context(&mut device);
    let update = server.activate(&context, ticket, &[]).unwrap();
    server.transfer(&mut device, &update);
    let products = &device.firm(firm()).unwrap().products;
    let units: u64 = products.iter().filter_map(|product| product.units).sum();
    assert_eq!(units, 12);
}

/// An entry that the books hold in two parts gets what an update adds once, also when it is re-activated by the books.
#[test]
pub(crate) fn an_update_of_an_entry_in_two_parts_adds_once() {
    let mut server = Server::new(6);
    let policy = ItemPolicy { reactivation: ReactivationPolicy::Always, ..ItemPolicy::default() };
    let (ticket, license) = server.order(metered(), policy, 2);
    let more = UpdateTerms {
        base: ItemId::new("SNP-1").unwrap(),
        scope: UpdateScope::Container,
        add_units: Some(5),
        add_quantity: None,
        expiration: None,
        maintenance: None,
        features: None,
    };
    let more = ItemDefinition {
        update: Some(more),
        ..definition("MORE", LicenseTerms::default(), ItemPolicy::default())
    };
    let mut device = server.device(ContainerKind::Act);
    let context = server.context(&mut device);
    let update = server.activate(&context, ticket, &[(license, Some(2))]).unwrap();
    server.transfer(&mut device, &update);
    // A return of a part that is cancelled leaves one product item that the books know as two.
    let context = server.context(&mut device);
    server.give_back(&context, ticket, &[(license, Some(1))]).unwrap();
    let void = server.cancel(&context, ticket).unwrap();
    server.transfer(&mut device, &void);
    let on_ticket = TicketChoice::OfOrder(OrderId::new("O-1").unwrap());
    let (_, renewing) = server.order_item(more, 1, on_ticket);
    let context = server.context(&mut device);
    let update = server.activate(&context, ticket, &[(renewing, None)]).unwrap();
    server.transfer(&mut device, &update);
    assert_eq!(device.firm(firm()).unwrap().products[0].units, Some(25));

    let mut other = server.device(ContainerKind::Act);
    let context = server.context(&mut other);
    let update = server.reactivate(&context, ticket, &[license]).unwrap();
    server.transfer(&mut other, &update);
    let products = &other.firm(firm()).unwrap().products;
    let units: u64 = products.iter().filter_map(|product| product.units).sum();
    assert_eq!(units, 25);
    server.check_books();
}
