//! The runtime over its socket: access and release, units, proof, plugging and pulling, and that the containers
//! have one owner.

#[path = "support/runtime.rs"]
mod support;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use license_runtime::local::{Answer, Client, Request};
use license_runtime::{BindingState, Computer, Registry, Repair, RuntimeError, Source};
use licensing_core::access::AccessRequest;
use licensing_core::crypto::sign::SigningKey;
use licensing_core::ids::FlashName;
use licensing_core::terms::{AccessMode, LicenseTerms};
use licensing_testkit::server::{firm, product};
use support::{Runtime, activate, template, vendor};

fn request() -> AccessRequest {
    AccessRequest::product(product())
}

#[test]
fn programs_access_and_release_and_lose_nothing_when_they_die() {
    let (runtime, mut server) = (Runtime::start(), vendor());
    let mut computer = runtime.computer();
    let dongle = computer.create_dongle(0).unwrap().serial();
    activate(&mut server, &mut computer, dongle, LicenseTerms::default(), 2);
    let mut first = runtime.computer();
    let answer = first.access(firm(), &request()).unwrap().outcome.unwrap();
    let (usable, handle) = answer.value;
    assert_eq!((answer.source, usable.concurrent_uses), (Source::Container(dongle), 2));
    let mut second = runtime.computer();
    second.access(firm(), &request()).unwrap().outcome.unwrap();
    let mut third = runtime.computer();
    let refused = third.access(firm(), &request()).map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), "all_uses_taken");
    assert!(third.check(firm(), &request()).unwrap().outcome.is_ok(), "a check takes no use");
    assert_eq!(third.runtime().unwrap().unwrap().uses.len(), 2);
    // Nobody releases what is not his.
    assert_eq!(third.release(handle.unwrap()).unwrap_err().code(), "handle_unknown");
    first.release(handle.unwrap()).unwrap();
    assert_eq!(first.release(handle.unwrap()).unwrap_err().code(), "handle_unknown");
    third.access(firm(), &request()).unwrap().outcome.unwrap();
    // The second program ends without releasing. The runtime notices when it sees the end of the connection;
    // until then the use is taken, so ask until it has.
    drop(second);
    let mut tries = 0;
    while let Err(error) = first.access(firm(), &request()) {
        assert_eq!(error.code(), "all_uses_taken");
        tries += 1;
        assert!(tries < 100_000, "the use of a program that ended is never given back");
        std::thread::yield_now();
    }
}

#[test]
fn counting_follows_the_access_mode() {
    for (mode, fits) in [
        (AccessMode::UserLimit, 3),
        (AccessMode::LocalOnly, 3),
        (AccessMode::Exclusive, 1),
        (AccessMode::StationShare, 20),
        (AccessMode::NoUserLimit, 20),
    ] {
        let (runtime, mut server) = (Runtime::start(), vendor());
        let mut computer = runtime.computer();
        let dongle = computer.create_dongle(0).unwrap().serial();
        let terms = LicenseTerms { access: mode, license_quantity: 3, ..LicenseTerms::default() };
        activate(&mut server, &mut computer, dongle, terms, 1);
        let granted = (0..20).take_while(|_| computer.access(firm(), &request()).is_ok()).count();
        assert_eq!(granted, fits, "{mode:?}");
    }
}

#[test]
fn units_features_and_proofs() {
    let (runtime, mut server) = (Runtime::start(), vendor());
    let mut computer = runtime.computer();
    let act = computer.create_act(&template(&server)).unwrap().serial();
    let terms = LicenseTerms { unit_counter: Some(10), feature_map: Some(0b101), ..LicenseTerms::default() };
    activate(&mut server, &mut computer, act, terms, 1);
    let wanted = AccessRequest { units: 4, features: 0b100, ..request() };
    let (usable, handle) = computer.access(firm(), &wanted).unwrap().outcome.unwrap().value;
    assert_eq!((usable.units_left, usable.feature_map), (Some(6), Some(0b101)));
    computer.release(handle.unwrap()).unwrap();
    let wrong = AccessRequest { features: 0b010, ..request() };
    let refusal = computer.access(firm(), &wrong).unwrap().outcome.unwrap_err();
    assert_eq!(refusal.code(), "feature_missing");
    let proof = computer.prove(firm(), &request(), &[7; 32]).unwrap().outcome.unwrap().value;
    let other = SigningKey::from_seed([1; 32]).public_key();
    assert!(proof.verify(&other, firm(), product(), &[7; 32]).is_err());
    let again = computer.prove(firm(), &request(), &[8; 32]).unwrap().outcome.unwrap().value;
    assert_ne!(proof.signature, again.signature, "another challenge, another answer");
    let BindingState::Opens(report) = computer.binding(act).unwrap() else { panic!("it opens here") };
    assert_eq!((report.repair(), report.score), (Repair::Nothing, report.total));
}

#[test]
fn a_pulled_dongle_is_gone_for_programs_and_whole_when_plugged_in_again() {
    let (runtime, mut server) = (Runtime::start(), vendor());
    let mut computer = runtime.computer();
    let dongle = computer.create_dongle(64 << 10).unwrap().serial();
    activate(&mut server, &mut computer, dongle, LicenseTerms::default(), 1);
    let name = FlashName::new("data").unwrap();
    computer.container(dongle).unwrap().flash_store(&name, b"content").unwrap();
    computer.access(firm(), &request()).unwrap().outcome.unwrap();
    let image = computer.export(dongle).unwrap();
    computer.pull(dongle).unwrap();
    assert_eq!(computer.pulled().unwrap(), [dongle]);
    assert!(computer.list().unwrap().is_empty());
    let refusal = computer.check(firm(), &request()).unwrap().outcome.unwrap_err();
    assert_eq!(refusal.code(), "no_license");
    assert!(computer.runtime().unwrap().unwrap().uses.is_empty(), "what was used from it is not any more");
    assert_eq!(computer.pull(dongle).unwrap_err().code(), "container_not_found");
    // A copy of what is in the drawer does not become a second one.
    assert_eq!(computer.import(&image).unwrap_err().code(), "container_exists");
    computer.plug(dongle).unwrap();
    assert_eq!(computer.plug(dongle).unwrap_err().code(), "container_not_found");
    computer.access(firm(), &request()).unwrap().outcome.unwrap();
    assert_eq!(computer.container(dongle).unwrap().flash_fetch(&name).unwrap(), b"content");
}

#[test]
fn a_dongle_that_is_taken_away_by_force_is_noticed() {
    let (runtime, mut server) = (Runtime::start(), vendor());
    let mut computer = runtime.computer();
    let dongle = computer.create_dongle(0).unwrap().serial();
    activate(&mut server, &mut computer, dongle, LicenseTerms::default(), 1);
    assert!(computer.check(firm(), &request()).unwrap().outcome.is_ok());
    let image = runtime.places.containers.join(format!("{dongle}.dongle"));
    let elsewhere = runtime.folder.path().join("elsewhere");
    std::fs::rename(&image, &elsewhere).unwrap();
    assert_eq!(computer.check(firm(), &request()).unwrap().outcome.unwrap_err().code(), "no_license");
    assert_eq!(computer.container(dongle).map(|_| ()).unwrap_err().code(), "container_not_found");
    std::fs::rename(&elsewhere, &image).unwrap();
    assert!(computer.check(firm(), &request()).unwrap().outcome.is_ok());
}

#[test]
fn the_containers_have_one_owner() {
    let runtime = Runtime::start();
    let alone = Registry::open(runtime.places.clone());
    assert!(matches!(alone, Err(RuntimeError::Busy)), "the files are the runtime's");
    let mut through = Computer::open(runtime.places.clone()).unwrap();
    assert!(through.runtime().unwrap().is_some());
    let elsewhere = tempfile::tempdir().unwrap();
    let places = license_runtime::Places::below(elsewhere.path(), &elsewhere.path().join("state"));
    let mut direct = Computer::open(places).unwrap();
    assert!(direct.runtime().unwrap().is_none(), "no runtime: the files");
    direct.create_dongle(0).unwrap();
    assert_eq!(direct.list().unwrap().len(), 1);
}

#[test]
fn v6_the_socket_is_for_its_owner_and_speaks_first_of_versions() {
    let runtime = Runtime::start();
    let mode = std::fs::metadata(&runtime.places.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for bytes in [
        // No hello; a length that would be 4 GiB; garbage; another version.
        [4, 0, 0, 0, 1, 0, 0, 0].as_slice(),
        &[0xFF; 64],
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[8, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0],
    ] {
        let mut stream = UnixStream::connect(&runtime.places.socket).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // The runtime hangs up, some of what was sent may be unread.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.windows(8).any(|part| part == b"protocol"), "{answer:?}");
    }
    assert!(matches!(runtime.client().request(&Request::Status).unwrap(), Answer::Status(_)));
}

#[test]
fn many_programs_at_once_take_each_unit_once() {
    let (runtime, mut server) = (Runtime::start(), vendor());
    let mut computer = runtime.computer();
    let dongle = computer.create_dongle(0).unwrap().serial();
    let terms =
        LicenseTerms { unit_counter: Some(30), access: AccessMode::NoUserLimit, ..LicenseTerms::default() };
    activate(&mut server, &mut computer, dongle, terms, 1);
    let socket = runtime.places.socket.clone();
    let workers = (0..8).map(|_| {
        let socket = socket.clone();
        std::thread::spawn(move || {
            let mut client = Client::connect(&socket).unwrap().unwrap();
            let request = AccessRequest { units: 1, ..AccessRequest::product(product()) };
            let access = Request::Access { firm_code: firm(), request, container: None };
            (0..10).filter(|_| matches!(client.request(&access).unwrap(), Answer::Usable { .. })).count()
        })
    });
    let workers: Vec<_> = workers.collect();
    let taken: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    assert_eq!(taken, 30);
}
