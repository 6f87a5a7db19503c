//! The golden files: still made the same, still read, and refused when a single bit or byte differs.

use std::path::{Path, PathBuf};

use container_sim::act::{ActHost, ActLicense};
use container_sim::binding::KdfCost;
use container_sim::dongle::{Card, Dongle};
use container_sim::storage::{PowerStorage, Storage};
use container_sim::traits::HostTraits;
use container_sim::{Container, act, dongle};
use licensing_core::access::AccessRequest;
use licensing_core::codec::{Decode, Encode, decode, encode};
use licensing_core::crypto::sign::PublicKey;
use licensing_core::error::VerifyError;
use licensing_core::format::blacklist::VerifiedBlacklist;
use licensing_core::format::certificate::{FirmCertificate, IssuingCertificate};
use licensing_core::format::context::{ContextBody, VerifiedContext};
use licensing_core::format::preactivated::VerifiedPreActivated;
use licensing_core::format::template::{TemplateBody, VerifiedTemplate};
use licensing_core::format::update::{UpdateHeader, VerifiedUpdate};
use licensing_core::ids::{ContainerKind, ContainerSerial};
use licensing_core::limits::{
    CERTIFICATE_BYTES_MAX, CONTEXT_BYTES_MAX, TEMPLATE_BYTES_MAX, UPDATE_BYTES_MAX,
};
use licensing_core::trust::emulator_maker;
use licensing_testkit::TestEntropy;
use licensing_testkit::golden::{host, version_1};
use licensing_testkit::server::{NOW, Server, firm, product};
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(folder().join(path)).expect("a committed fixture")
}

/// The committed files of a kind, with the serial in the name.
fn container_file(extension: &str) -> (ContainerSerial, Vec<u8>) {
    let names = std::fs::read_dir(folder().join("v1")).expect("fixtures").flatten();
    let path = names.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == extension));
    let path = path.expect("a committed fixture");
    let serial = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
    (serial.expect("a serial"), std::fs::read(path).expect("a committed fixture"))
}

#[test]
fn the_files_are_still_made_byte_for_byte() {
    for file in version_1() {
        assert_eq!(read(&file.path), file.bytes, "{}: a shipped format has changed", file.path);
    }
}

type Verify = fn(&[u8]) -> Result<(), VerifyError>;

fn root() -> PublicKey {
    let issuer = Server::new(1).issuer;
    let certificate = issuer.certificates.first().expect("a firm certificate");
    FirmCertificate::verify(certificate, None).expect("a chain").1
}

fn firm_key() -> PublicKey {
    FirmCertificate::verify(&read("v1/firm.certificate"), None).expect("a certificate").0.firm_key
}

const SIGNED: [(&str, Verify); 11] = [
    ("v1/firm.blacklist", |b| VerifiedBlacklist::verify(b, Some(&root())).map(drop)),
    ("v1/trial.license", |b| VerifiedPreActivated::verify(b, Some(&root())).map(drop)),
    ("v1/template.WibuCmLIF", |b| VerifiedTemplate::verify(b, Some(&root())).map(drop)),
    ("v1/firm.certificate", |b| FirmCertificate::verify(b, Some(&root())).map(drop)),
    ("v1/issuing.certificate", |b| IssuingCertificate::verify(b, &firm_key()).map(drop)),
    ("v1/act.context.WibuCmRaC", |b| VerifiedContext::verify(b, &[]).map(drop)),
    ("v1/act.receipt.WibuCmRaC", |b| VerifiedContext::verify(b, &[]).map(drop)),
    ("v1/act.update.WibuCmRaU", |b| VerifiedUpdate::verify(b, |_| Some(root())).map(drop)),
    ("v1/dongle.context.WibuCmRaC", |b| {
        VerifiedContext::verify(b, &[emulator_maker().public_key()]).map(drop)
    }),
    ("v1/dongle.receipt.WibuCmRaC", |b| {
        VerifiedContext::verify(b, &[emulator_maker().public_key()]).map(drop)
    }),
    ("v1/dongle.update.WibuCmRaU", |b| VerifiedUpdate::verify(b, |_| Some(root())).map(drop)),
];

#[test]
fn every_bit_flip_truncation_and_extension_is_refused() {
    std::thread::scope(|scope| {
        for (path, verify) in SIGNED {
            scope.spawn(move || refuses_every_change(path, verify));
        }
    });
}

fn refuses_every_change(path: &str, verify: Verify) {
    let good = read(path);
    assert_eq!(verify(&good), Ok(()), "{path}");
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&bad).is_err(), "{path}: bit {bit}");
    }
    for len in 0..good.len() {
        assert!(verify(&good[..len]).is_err(), "{path}: length {len}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(verify(&longer).is_err(), "{path}: extended");
}

/// Decodes a body and encodes it again.
type Again = fn(&[u8]) -> Option<Vec<u8>>;

/// The bodies of the golden files with their types.
fn bodies() -> Vec<(&'static str, Vec<u8>, Again)> {
    fn again<T: Decode<()> + Encode, const LIMIT: usize>(bytes: &[u8]) -> Option<Vec<u8>> {
        decode::<T, LIMIT>(bytes).ok().map(|value| encode(&value))
    }
    let makers = [emulator_maker().public_key()];
    let context = |path| VerifiedContext::verify(&read(path), &makers).expect("a context");
    let template = VerifiedTemplate::verify(&read("v1/template.WibuCmLIF"), None).expect("a template");
    let update = VerifiedUpdate::verify(&read("v1/act.update.WibuCmRaU"), |_| None).expect("an update");
    let (firm, _) = FirmCertificate::verify(&read("v1/firm.certificate"), None).expect("a certificate");
    let (act, dongle) = (context("v1/act.receipt.WibuCmRaC"), context("v1/dongle.receipt.WibuCmRaC"));
    vec![
        ("act context", encode(act.body()), again::<ContextBody, CONTEXT_BYTES_MAX>),
        ("dongle context", encode(dongle.body()), again::<ContextBody, CONTEXT_BYTES_MAX>),
        ("update header", encode(&update.header), again::<UpdateHeader, UPDATE_BYTES_MAX>),
        ("template", encode(template.body()), again::<TemplateBody, TEMPLATE_BYTES_MAX>),
        ("firm certificate", encode(&firm), again::<FirmCertificate, CERTIFICATE_BYTES_MAX>),
    ]
}

#[test]
fn whatever_decodes_from_a_changed_body_is_its_own_encoding() {
    for (name, good, again) in bodies() {
        assert_eq!(again(&good).as_deref(), Some(&good[..]), "{name}");
        let mut accepted = 0;
        for (at, value) in (0..good.len()).flat_map(|at| (0..=u8::MAX).step_by(5).map(move |v| (at, v))) {
            let mut bad = good.clone();
            bad[at] = value;
            if let Some(encoded) = again(&bad) {
                assert_eq!(encoded, bad, "{name}: byte {at} = {value}");
                accepted += 1;
            }
        }
        assert!(accepted > 0, "{name}: other values of a field decode too");
    }
}

proptest! {
    #[test]
    fn no_mixture_of_changes_decodes_to_another_encoding(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        for (name, mut bytes, again) in bodies() {
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            if let Some(cut) = &cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            bytes.extend(&more);
            if let Some(encoded) = again(&bytes) {
                prop_assert_eq!(encoded, bytes, "{}", name);
            }
        }
    }
}

#[test]
fn one_file_is_never_taken_for_another() {
    // What a file is stands in its name: the extension, and for certificates whose they are.
    let kind = |path: &str| {
        let (name, extension) = path.rsplit_once('.').expect("an extension");
        if extension == "certificate" { name.to_owned() } else { extension.to_owned() }
    };
    for (path, own) in SIGNED {
        let bytes = read(path);
        assert_eq!(own(&bytes), Ok(()), "{path}");
        for (other, verify) in SIGNED.iter().filter(|(other, _)| kind(other) != kind(path)) {
            assert!(verify(&bytes).is_err(), "{path} is taken for {other}");
        }
    }
}

#[test]
fn the_act_license_still_opens_and_takes_its_update() {
    let (serial, bytes) = container_file("act");
    let mut files = PowerStorage::default();
    files.write_at(&act::file_name(serial), 0, &bytes).expect("a write");
    let host = ActHost {
        storage: Box::new(files.clone()),
        anchors: vec![Box::new(files.neighbour())],
        traits: host().collect(),
        simulated: true,
        cost: KdfCost::FOR_TESTS,
    };
    let mut entropy = TestEntropy::new(99);
    let mut license = ActLicense::open(host, serial, &mut entropy).expect("it opens");
    let report = license.import_update(&read("v1/act.update.WibuCmRaU"), &mut entropy).expect("it takes it");
    assert_eq!((report.applied, report.counter), (1, 1));
    let usable = license.check(firm(), &AccessRequest::product(product()), NOW).expect("usable");
    assert_eq!(usable.units_left, Some(200));
    assert!(license.is_test());
    let other = license.import_update(&read("v1/dongle.update.WibuCmRaU"), &mut entropy);
    assert_eq!(other.expect_err("another container's").code(), "update_other_container");
}

#[test]
fn the_dongle_still_opens() {
    let (serial, bytes) = container_file("dongle");
    assert_eq!(serial.kind(), ContainerKind::Dongle);
    let mut files = PowerStorage::default();
    files.write_at(&dongle::file_name(serial), 0, &bytes).expect("a write");
    let card = Card::insert(Box::new(files), Box::new(TestEntropy::new(98)), serial).expect("it opens");
    let mut dongle = Dongle::connect(card).expect("it answers");
    assert!(dongle.check(firm(), &AccessRequest::product(product()), NOW).is_ok());
    let again = dongle.import_update(&read("v1/dongle.update.WibuCmRaU"), &mut TestEntropy::new(97));
    assert_eq!(again.expect("idempotent").already_applied, 1);
}

#[test]
fn the_pre_activated_license_still_works_until_its_date() {
    let license = VerifiedPreActivated::verify(&read("v1/trial.license"), Some(&root())).expect("genuine");
    let request = AccessRequest::product(product());
    for (now, usable) in [(NOW, true), (NOW.plus_days(29), true), (NOW.plus_days(30), false)] {
        assert_eq!(license.check(firm(), &request, now).is_ok(), usable);
    }
}

#[test]
fn the_blacklist_still_lists() {
    let list = VerifiedBlacklist::verify(&read("v1/firm.blacklist"), Some(&root())).expect("genuine");
    let listed = |number| list.lists(ContainerSerial::new(ContainerKind::Dongle, number).expect("a serial"));
    assert_eq!((list.body().version, listed(7), listed(8)), (1, true, false));
}
