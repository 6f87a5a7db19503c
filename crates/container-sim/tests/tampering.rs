//! Copied, damaged, rolled back and foreign containers: refused with a precise reason, never half-accepted.

#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "support/harness.rs"]
mod harness;
use container_sim::storage::{Storage, replace};
use container_sim::traits::{HostTraits, MapTraits};
use container_sim::{Container, ContainerError};
use harness::{Place, host, template};
use licensing_core::access::AccessRequest;
use licensing_core::ids::{ContainerKind, ContainerSerial};
use licensing_core::item::ItemPolicy;
use licensing_core::terms::{LicenseTerms, Tolerance};
use licensing_core::testing::TestEntropy;
use licensing_testkit::server::{NOW, Server, firm, product};

/// A container of the kind with two active licenses in it.
fn filled(kind: ContainerKind) -> (Server, Place, ContainerSerial) {
    let mut server = Server::new(12);
    server.makers = vec![licensing_core::trust::emulator_maker().public_key()];
    let (ticket, _) = server.order(LicenseTerms::default(), ItemPolicy::default(), 2);
    let place = Place::new(kind);
    let template = template(&mut server, Tolerance::Medium);
    let mut container = place.create(&template, 22).unwrap();
    let mut entropy = TestEntropy::new(23);
    let context = container.create_context(firm(), NOW, &mut entropy).unwrap();
    let update = server.activate(&context, ticket, &[]).unwrap();
    container.import_update(&update, &mut entropy).unwrap();
    (server, place, container.serial())
}

fn bytes(place: &Place, serial: ContainerSerial) -> Vec<u8> {
    place.files.read(&place.file_name(serial)).unwrap().unwrap()
}

fn put(place: &Place, serial: ContainerSerial, bytes: &[u8]) {
    let mut files = place.files.clone();
    replace(&mut files, &place.file_name(serial), bytes).unwrap();
}

#[track_caller]
fn refusal(place: &Place, serial: ContainerSerial) -> ContainerError {
    match place.open(serial, 1) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[test]
fn every_changed_byte_of_an_act_license_is_refused() {
    let (_, place, serial) = filled(ContainerKind::Act);
    let good = bytes(&place, serial);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        put(&place, serial, &bad);
        assert_eq!(refusal(&place, serial).code(), "container_damaged", "byte {at}");
    }
    for len in (0..good.len()).step_by(37) {
        put(&place, serial, &good[..len]);
        assert_eq!(refusal(&place, serial).code(), "container_damaged", "length {len}");
    }
    put(&place, serial, &good);
    assert!(place.open(serial, 1).is_ok());
}

#[test]
fn a_truncated_or_damaged_dongle_image_is_refused() {
    let (_, place, serial) = filled(ContainerKind::Dongle);
    let good = bytes(&place, serial);
    for len in [0, 7, 8, 100, 600, 4096, 5000, good.len() / 2, good.len() - 1] {
        put(&place, serial, &good[..len]);
        assert_eq!(refusal(&place, serial).code(), "container_damaged", "length {len}");
    }
    let mut longer = good.clone();
    longer.push(0);
    put(&place, serial, &longer);
    assert_eq!(refusal(&place, serial).code(), "container_damaged");
    // Damage to the committed slot is never answered with the older slot. The third write is in the odd slot.
    let slot = 4096 + 512 * 1024;
    let used = 44 + u32::from_be_bytes(good[slot + 8..slot + 12].try_into().unwrap()) as usize;
    for at in slot..slot + used {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        put(&place, serial, &bad);
        assert_eq!(refusal(&place, serial).code(), "container_damaged", "byte {at}");
    }
    put(&place, serial, &good);
    assert!(place.open(serial, 1).is_ok());
}

#[test]
fn a_copied_act_license_never_opens_on_foreign_traits() {
    let (_, mut place, serial) = filled(ContainerKind::Act);
    let foreign = host().into_iter().map(|(name, value)| (name, format!("other {value}"))).collect();
    place.traits = MapTraits(foreign).collect();
    assert_eq!(refusal(&place, serial).code(), "wrong_computer");
    place.traits = Vec::new();
    assert_eq!(refusal(&place, serial).code(), "wrong_computer");
}

#[test]
fn drift_within_the_tolerance_is_forgiven_and_bound_anew_but_never_away_from_the_start() {
    // Weights 5 4 3 3, together 15, medium: 9 must match.
    let (_, mut place, serial) = filled(ContainerKind::Act);
    let with = |changes: &[(&str, &str)]| {
        let changed = host().into_iter().map(|(name, value)| {
            let new = changes.iter().find(|(changed, _)| *changed == name).map(|(_, new)| (*new).to_owned());
            (name, new.unwrap_or(value))
        });
        MapTraits(changed.collect()).collect()
    };
    place.traits = with(&[("cpu", "c-2")]);
    let mut opened = place.open(serial, 1).unwrap();
    let report = opened.binding_report().unwrap().unwrap();
    assert_eq!((report.score, report.threshold, report.tolerance_left()), (12, 9, 3));
    drop(opened);
    place.traits = with(&[("cpu", "c-2"), ("machine_id", "m-2")]);
    assert!(place.open(serial, 2).is_ok(), "9 of 15 still match");
    // One more replacement leaves 12 of 15 like the last binding, but only 4 like the first: it may open, since
    // the last binding still fits, but it is not bound anew, so the next replacement ends it.
    place.traits = with(&[("cpu", "c-2"), ("machine_id", "m-2"), ("product_uuid", "u-2")]);
    let third = place.open(serial, 3).is_ok();
    place.traits = with(&[("cpu", "c-3"), ("machine_id", "m-3"), ("product_uuid", "u-2")]);
    assert_eq!(refusal(&place, serial).code(), "wrong_computer");
    assert!(third, "10 of 15 like the last binding");
}

#[test]
fn every_earlier_file_put_back_is_refused() {
    let (mut server, place, serial) = filled(ContainerKind::Act);
    let (ticket, _) = server.order(LicenseTerms::default(), ItemPolicy::default(), 8);
    let mut versions = vec![bytes(&place, serial)];
    let mut entropy = TestEntropy::new(24);
    for round in 0..8 {
        let mut container = place.open(serial, 30 + round).unwrap();
        let context = container.create_context(firm(), NOW, &mut entropy).unwrap();
        versions.push(bytes(&place, serial));
        let update = if round % 2 == 0 {
            server.activate(&context, ticket, &[]).unwrap()
        } else {
            server.give_back(&context, ticket, &[]).unwrap()
        };
        container.import_update(&update, &mut entropy).unwrap();
        versions.push(bytes(&place, serial));
    }
    let newest = versions.pop().unwrap();
    for (at, old) in versions.iter().enumerate() {
        put(&place, serial, old);
        assert_eq!(refusal(&place, serial).code(), "container_rolled_back", "version {at}");
    }
    put(&place, serial, &newest);
    assert!(place.open(serial, 2).is_ok());
    let mut anchors = place.anchors.clone();
    for name in anchors.list().unwrap() {
        anchors.remove(&name).unwrap();
    }
    assert_eq!(refusal(&place, serial).code(), "anchor_lost");
}

#[test]
fn a_dongle_works_wherever_its_image_is_and_gives_out_no_key() {
    let (_, place, serial) = filled(ContainerKind::Dongle);
    let elsewhere = Place::new(ContainerKind::Dongle);
    put(&elsewhere, serial, &bytes(&place, serial));
    let mut dongle = elsewhere.open(serial, 1).unwrap();
    let usable = dongle.check(firm(), &AccessRequest::product(product()), NOW).unwrap();
    assert_eq!(usable.concurrent_uses, 2);
    assert_eq!(dongle.firms().unwrap()[0].products[0].quantity, 2);
}

#[test]
fn flash_memory_keeps_what_was_written_and_notices_changes_from_outside() {
    use container_sim::dongle::{Blocks as _, Card, Dongle, flash_name};
    let place = Place::new(ContainerKind::Dongle);
    let card =
        Card::make(Box::new(place.files.clone()), Box::new(TestEntropy::new(5)), 8192, false, NOW).unwrap();
    let mut dongle = Dongle::connect(card).unwrap();
    assert_eq!(dongle.read_flash(1).unwrap(), vec![0; 4096]);
    dongle.write_flash(1, b"software").unwrap();
    assert!(dongle.read_flash(1).unwrap().starts_with(b"software"));
    assert_eq!(dongle.write_flash(2, b"x").unwrap_err().code(), "flash_error");
    let mut files = place.files.clone();
    files.write_at(&flash_name(dongle.serial()), 4096 + 32, b"S").unwrap();
    assert_eq!(dongle.read_flash(1).unwrap_err().code(), "flash_error");
}

#[test]
fn vendors_see_nothing_of_each_other() {
    let (_, place, serial) = filled(ContainerKind::Dongle);
    let mut dongle = place.open(serial, 1).unwrap();
    let other = licensing_core::ids::FirmCode::new(6_000_020).unwrap();
    let context = dongle.create_context(other, NOW, &mut TestEntropy::new(9)).unwrap();
    let makers = [licensing_core::trust::emulator_maker().public_key()];
    let verified = licensing_core::format::context::VerifiedContext::verify(&context, &makers).unwrap();
    assert!(verified.body().products.is_empty());
    assert_eq!(verified.body().link.counter, 0);
    assert_eq!(verified.body().sequence, 1, "not even how often other vendors were contacted");
}
