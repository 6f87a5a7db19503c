//! Golden files: one of every format and version, made from fixed keys. What was once shipped stays readable for
//! ever, so `fixtures/` is only ever added to.

use container_sim::act::{ActHost, ActLicense};
use container_sim::binding::KdfCost;
use container_sim::container::Container;
use container_sim::dongle::{Card, Dongle};
use container_sim::storage::{PowerStorage, Storage};
use container_sim::traits::{HostTraits, MapTraits};
use licensing_core::crypto::sign::SigningKey;
use licensing_core::format::blacklist::BlacklistBody;
use licensing_core::format::certificate::FirmCertificate;
use licensing_core::format::origin_grant::OriginGrant;
use licensing_core::format::package::{Manifest, pack};
use licensing_core::format::template::TemplateBody;
use licensing_core::ids::{ContainerKind, ContainerSerial, FlashName, Name};
use licensing_core::item::{Item, ItemPolicy};
use licensing_core::order::StoredCode;
use licensing_core::origin::Origin;
use licensing_core::preactivation::NewPreActivation;
use licensing_core::terms::{LicenseTerms, Tolerance};
use licensing_core::testing::TestEntropy;
use licensing_core::time::End;
use licensing_core::trust::emulator_maker;

use crate::server::{NOW, PROOFS, Server, actor, definition, firm};

/// Traits of the computer the golden act license is bound to.
pub const HOST: [(&str, &str); 4] =
    [("product_uuid", "u-1"), ("board_serial", "b-1"), ("machine_id", "m-1"), ("cpu", "c-1")];

/// The computer the golden act license is bound to.
#[must_use]
pub fn host() -> MapTraits {
    MapTraits(HOST.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// A template of the tests' vendor.
#[must_use]
pub fn template(server: &Server, tolerance: Tolerance) -> Vec<u8> {
    let body = TemplateBody { firm_code: firm(), tolerance, trait_salt: [3; 16], certified_time: NOW };
    body.sign(server.issuer.certificates.clone(), &server.issuer.key)
}

/// A golden file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoldenFile {
    /// Path below `fixtures/`.
    pub path: String,
    /// Content.
    pub bytes: Vec<u8>,
}

fn file(path: &str, bytes: &[u8]) -> GoldenFile {
    GoldenFile { path: path.to_owned(), bytes: bytes.to_vec() }
}

fn content(storage: &PowerStorage, name: &str) -> Vec<u8> {
    storage.read(name).ok().flatten().expect("the file was written")
}

/// A pre-activated license.
fn pre_activated(server: &Server) -> Vec<u8> {
    let terms = LicenseTerms { feature_map: Some(3), ..LicenseTerms::default() };
    let item = Item {
        definition: definition("SNP-TRIAL", terms, ItemPolicy::default()),
        created_at: NOW,
        version: 1,
    };
    let wanted = NewPreActivation { quantity: 1, valid_days: Some(30), conversions: 5 };
    let code = StoredCode { lookup: [0; 32], sealed: vec![] };
    let issued = wanted.issue(&item, code, &PROOFS, &actor(), NOW, &mut TestEntropy::new(6));
    issued.expect("a pre-activated license").body.sign(&server.issuer)
}

/// One transfer into a container: gives its context, update and receipt.
fn transfer(server: &mut Server, container: &mut dyn Container, seed: u64) -> [Vec<u8>; 3] {
    let terms = LicenseTerms {
        unit_counter: Some(100),
        feature_map: Some(3),
        expiration: Some(End::AfterDays(365)),
        ..LicenseTerms::default()
    };
    let (ticket, _) = server.order(terms, ItemPolicy::default(), 2);
    let mut entropy = TestEntropy::new(seed);
    let context = container.create_context(firm(), NOW, &mut entropy).expect("a context");
    let update = server.activate(&context, ticket, &[]).expect("an update");
    container.import_update(&update, &mut entropy).expect("an import");
    let receipt = container.create_context(firm(), NOW, &mut entropy).expect("a receipt");
    server.receipt(&receipt).expect("a settled receipt");
    [context, update, receipt]
}

/// Root and firm key of the vendor behind the golden files that only a firm key signs.
#[must_use]
pub fn firm_chain() -> (SigningKey, SigningKey, Vec<u8>) {
    let (root, firm_key) = (SigningKey::from_seed([61; 32]), SigningKey::from_seed([62; 32]));
    let name = Name::new("Sample Vendor").expect("a name");
    let certificate =
        FirmCertificate { firm_code: firm(), firm_key: firm_key.public_key(), version: 1, name }.sign(&root);
    (root, firm_key, certificate)
}

/// What only a firm key signs: an origin grant and a software package.
fn of_the_firm_key() -> [GoldenFile; 2] {
    let (_, key, certificate) = firm_chain();
    let origin = Origin::new("https://portal.example").expect("an origin");
    let grant = OriginGrant { firm_code: firm(), origin, not_before: NOW, not_after: NOW.plus_days(90) };
    let manifest = Manifest {
        firm_code: firm(),
        name: FlashName::new("setup.bin").expect("a name"),
        version: Name::new("1.2.3").expect("a version"),
        size: 0,
        digest: [0; 32],
        made_at: NOW,
    };
    let package = pack(&manifest, b"the software\n", certificate.clone(), &key).expect("a small package");
    [file("v1/origin.grant", &grant.sign(certificate, &key)), file("v1/setup.WibuCmPkg", &package)]
}

/// The golden files of version 1, byte for byte the same at every run.
#[must_use]
pub fn version_1() -> Vec<GoldenFile> {
    let mut server = Server::new(1);
    server.makers = vec![emulator_maker().public_key()];
    let template = template(&server, Tolerance::Medium);
    let mut files = vec![file("v1/template.WibuCmLIF", &template)];
    for (name, certificate) in ["firm", "issuing"].iter().zip(&server.issuer.certificates) {
        files.push(file(&format!("v1/{name}.certificate"), certificate));
    }

    let serials = vec![ContainerSerial::new(ContainerKind::Dongle, 7).expect("a serial")];
    let blacklist = BlacklistBody { firm_code: firm(), version: 1, certified_time: NOW, serials };
    files.push(file("v1/firm.blacklist", &blacklist.sign(&server.issuer)));
    files.push(file("v1/trial.license", &pre_activated(&server)));

    let storage = PowerStorage::default();
    let act_host = ActHost {
        storage: Box::new(storage.clone()),
        anchors: vec![Box::new(storage.neighbour())],
        traits: host().collect(),
        simulated: true,
        cost: KdfCost::FOR_TESTS,
    };
    let mut act =
        ActLicense::create(act_host, &template, NOW, &mut TestEntropy::new(2)).expect("an act license");
    // What is left after creation is the first version, which opens without an anchor.
    let act_file = content(&storage, &container_sim::act::file_name(act.serial()));
    files.push(file(&format!("v1/{}", container_sim::act::file_name(act.serial())), &act_file));
    let [context, update, receipt] = transfer(&mut server, &mut act, 3);
    files.push(file("v1/act.context.WibuCmRaC", &context));
    files.push(file("v1/act.update.WibuCmRaU", &update));
    files.push(file("v1/act.receipt.WibuCmRaC", &receipt));

    let storage = PowerStorage::default();
    let card = Card::make(Box::new(storage.clone()), Box::new(TestEntropy::new(4)), 0, true, NOW);
    let mut dongle = Dongle::connect(card.expect("a card")).expect("a dongle");
    let [context, update, receipt] = transfer(&mut server, &mut dongle, 5);
    files.push(file("v1/dongle.context.WibuCmRaC", &context));
    files.push(file("v1/dongle.update.WibuCmRaU", &update));
    files.push(file("v1/dongle.receipt.WibuCmRaC", &receipt));
    let name = container_sim::dongle::file_name(dongle.serial());
    files.push(file(&format!("v1/{name}"), &content(&storage, &name)));
    files.extend(of_the_firm_key());
    files
}
