//! Files in the flash memory of a dongle: kept, replaced, removed, refused when full or changed from outside,
//! and old or new after a power cut at any moment.

#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use container_sim::dongle::{Card, Dongle, flash_name};
use container_sim::storage::{PowerStorage, Storage};
use container_sim::{Container, ContainerError};
use licensing_core::crypto::digest::sha256;
use licensing_core::ids::{ContainerSerial, FlashName};
use licensing_core::testing::TestEntropy;
use licensing_testkit::server::NOW;

const SIZE: u64 = 64 * 1024;

fn name(text: &str) -> FlashName {
    FlashName::new(text).unwrap()
}

/// Content of a size in which no two places look alike.
fn content(seed: u8, bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|at| u8::try_from(at % 251).unwrap() ^ u8::try_from(at / 251 % 256).unwrap() ^ seed)
        .collect()
}

fn made(disk: &PowerStorage) -> Dongle {
    let card = Card::make(Box::new(disk.clone()), Box::new(TestEntropy::new(1)), SIZE, false, NOW).unwrap();
    Dongle::connect(card).unwrap()
}

fn plugged(disk: &PowerStorage, serial: ContainerSerial) -> Dongle {
    let card = Card::insert(Box::new(disk.clone()), Box::new(TestEntropy::new(2)), serial).unwrap();
    Dongle::connect(card).unwrap()
}

#[test]
fn files_are_stored_listed_replaced_and_removed() {
    let disk = PowerStorage::default();
    let mut dongle = made(&disk);
    let empty = dongle.flash().unwrap();
    assert_eq!((empty.capacity, empty.files.len()), (SIZE, 0));
    let (a, b) = (content(1, 10_000), content(2, 4096));
    dongle.flash_store(&name("b"), &b).unwrap();
    dongle.flash_store(&name("a"), &a).unwrap();
    dongle.flash_store(&name("empty"), b"").unwrap();
    // Another computer reads the same.
    let mut dongle = plugged(&disk, dongle.serial());
    assert_eq!(dongle.flash_fetch(&name("a")).unwrap(), a);
    assert_eq!(dongle.flash_fetch(&name("empty")).unwrap(), b"");
    let files = dongle.flash().unwrap().files;
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "empty"]);
    assert_eq!((files[1].size, files[1].digest), (4096, sha256(&b)));
    for round in 0..40 {
        dongle.flash_store(&name("a"), &content(round, 100 * usize::from(round))).unwrap();
    }
    assert_eq!(dongle.flash_fetch(&name("a")).unwrap(), content(39, 3_900));
    dongle.flash_remove(&name("a")).unwrap();
    assert_eq!(dongle.flash_fetch(&name("a")).unwrap_err().code(), "flash_file_unknown");
    assert_eq!(dongle.flash_remove(&name("a")).unwrap_err().code(), "flash_file_unknown");
    assert_eq!(dongle.flash_fetch(&name("b")).unwrap(), b);
}

#[test]
fn what_is_said_to_be_free_can_be_used_and_nothing_more() {
    let disk = PowerStorage::default();
    let mut dongle = made(&disk);
    dongle.flash_store(&name("first"), &content(1, 5_000)).unwrap();
    let free = usize::try_from(dongle.flash().unwrap().free).unwrap();
    let error = dongle.flash_store(&name("big"), &content(2, free + 1)).unwrap_err();
    assert!(
        matches!(error, ContainerError::FlashFull { wanted, .. } if wanted == free as u64 + 1),
        "{error}"
    );
    dongle.flash_store(&name("big"), &content(2, free)).unwrap();
    assert_eq!(dongle.flash_fetch(&name("big")).unwrap(), content(2, free));
    assert_eq!(dongle.flash_fetch(&name("first")).unwrap(), content(1, 5_000));
    let card = Card::make(Box::new(disk), Box::new(TestEntropy::new(9)), 0, false, NOW).unwrap();
    let without = Dongle::connect(card).unwrap().flash_store(&name("a"), b"x");
    assert_eq!(without.unwrap_err().code(), "not_supported_by_container");
}

#[test]
fn changes_from_outside_are_noticed_whichever_byte_it_is() {
    let mut disk = PowerStorage::default();
    let mut dongle = made(&disk);
    dongle.flash_store(&name("a"), &content(1, 9_000)).unwrap();
    let file = flash_name(dongle.serial());
    let good = disk.read(&file).unwrap().unwrap();
    let mut noticed = 0;
    for at in (0..good.len()).step_by(97) {
        disk.write_at(&file, at as u64, &[good[at] ^ 1]).unwrap();
        match dongle.flash_fetch(&name("a")) {
            // A block of the older directory, or one nobody uses.
            Ok(found) => assert_eq!(found, content(1, 9_000)),
            Err(error) => {
                // A damaged superblock reads as the directory before it, which does not know the file.
                assert!(matches!(error.code(), "flash_error" | "flash_file_unknown"), "{error}");
                noticed += 1;
            }
        }
        disk.write_at(&file, at as u64, &good[at..=at]).unwrap();
    }
    assert!(noticed > 3 * 4096 / 97, "{noticed}");
    assert_eq!(dongle.flash_fetch(&name("a")).unwrap(), content(1, 9_000));
}

type Act = fn(&mut Dongle) -> Result<(), ContainerError>;

/// Cuts the power at every operation of `act` after `before`, and says what may be there afterwards.
fn cut_everywhere(before: &[Act], act: Act, old: Option<&[u8]>, new: Option<&[u8]>) {
    let prepare = || {
        let disk = PowerStorage::default();
        let mut dongle = made(&disk);
        for act in before {
            act(&mut dongle).unwrap();
        }
        (disk, dongle)
    };
    let (disk, mut dongle) = prepare();
    let start = disk.operations();
    act(&mut dongle).unwrap();
    let operations = disk.operations() - start;
    for cut in 0..operations {
        for survival in 0..6 {
            let (disk, mut dongle) = prepare();
            disk.cut_after(cut);
            let outcome = act(&mut dongle);
            disk.reboot(&mut TestEntropy::new(cut * 1_000 + survival));
            let mut dongle = plugged(&disk, dongle.serial());
            let found = match dongle.flash_fetch(&name("a")) {
                Ok(found) => Some(found),
                Err(error) if error.code() == "flash_file_unknown" => None,
                Err(error) => panic!("cut at {cut}: {error}"),
            };
            assert!(found.as_deref() == old || found.as_deref() == new, "cut at {cut}: neither old nor new");
            if outcome.is_ok() {
                assert_eq!(found.as_deref(), new, "cut at {cut}: acknowledged and then lost");
            }
            if before.len() > 1 {
                assert_eq!(dongle.flash_fetch(&name("other")).unwrap(), content(7, 6_000), "a bystander");
            }
            // And it goes on working.
            act(&mut dongle).or_else(|e| if new.is_none() { Ok(()) } else { Err(e) }).unwrap();
            dongle.flash_store(&name("z"), b"later").unwrap();
            assert_eq!(dongle.flash_fetch(&name("z")).unwrap(), b"later");
        }
    }
}

#[test]
fn a_power_cut_leaves_the_old_or_the_new_file() {
    let first: Act = |d| d.flash_store(&name("a"), &content(1, 9_000));
    let other: Act = |d| d.flash_store(&name("other"), &content(7, 6_000));
    let second: Act = |d| d.flash_store(&name("a"), &content(2, 5_000));
    let remove: Act = |d| d.flash_remove(&name("a"));
    let (old, new) = (content(1, 9_000), content(2, 5_000));
    cut_everywhere(&[], first, None, Some(&old));
    cut_everywhere(&[first, other], second, Some(&old), Some(&new));
    cut_everywhere(&[first, other], remove, Some(&old), None);
}
