//! The audit finds whatever is planted: in one table, between two tables, between the books and a container.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::sync::Arc;

use central_server::audit::{Report, audit, audit_context};
use central_server::command::{self, Arguments};
use central_server::config::Config;
use central_server::data_dir::DataDir;
use central_server::database::{Database, Place};
use central_server::service::{Service, Wish};
use clap::Parser;
use licensing_core::activation::{Activation, ActivationState};
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::container::{ContainerStatus, FirmRecord, PendingStep};
use licensing_core::device::DeviceState;
use licensing_core::ids::{ContainerKind, LicenseId};
use licensing_core::license::LicenseLine;
use licensing_core::step::{Step, StepId};
use licensing_core::time::Timestamp;
use licensing_store_postgres::Settings;
use licensing_testkit::postgres;
use licensing_testkit::server::{Server as Keys, actor, firm};
use licensing_wire::binary::{from_base64, to_base64};
use licensing_wire::json::{OrderAnswer, TransferAnswer};
use serde_json::json;

const NOW: Timestamp = Timestamp::from_secs(1_900_000_000);

/// The arguments of a command, with the database it is to use.
fn arguments(words: &[&str], postgres: Option<&postgres::Database>) -> Arguments {
    let url = postgres.map(postgres::Database::url).unwrap_or_default();
    Arguments::parse_from(words.iter().copied().chain(["--database", &url]))
}

/// A server that has put 2 of 5 licenses into a container, and that container.
struct World {
    folder: tempfile::TempDir,
    postgres: Option<postgres::Database>,
    service: Arc<Service>,
    /// Outlives the store of the service.
    _database: Database,
    keys: Keys,
    device: DeviceState,
    license: LicenseId,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path());
        let path = folder.path().display().to_string();
        let postgres = postgres::database_of_this_run();
        let init = ["x", "init", "--data", &path, "--firm-code", "6000010"];
        command::run(arguments(&init, postgres.as_ref())).unwrap();
        let place = match &postgres {
            Some(database) => Place::Postgres(Box::new(Settings::parse(&database.url()).unwrap())),
            None => Place::File(data.database()),
        };
        let database = Database::new(place).unwrap();
        let service = command::service(&data, &Config::default(), &database).unwrap();
        let item = json!({"id": "A", "name": "A", "firm_code": 6_000_010, "product_code": 1});
        service.create_item(&actor(), None, &serde_json::from_value(item).unwrap()).await.unwrap();
        let order = json!({"order_id": "O", "items": [{"item": "A", "quantity": 5}]});
        let sold =
            service.create_order(&actor(), None, &serde_json::from_value(order).unwrap()).await.unwrap();
        let sold: OrderAnswer = serde_json::from_slice(&sold.body).unwrap();
        let license = sold.licenses[0].id.parse().unwrap();
        let mut keys = Keys::new(3);
        let mut device = keys.device(ContainerKind::Act);
        let holder = service.holder(&sold.ticket).await.unwrap();
        let wish = serde_json::from_value(json!([{"id": sold.licenses[0].id, "quantity": 2}])).unwrap();
        let context = to_base64(&keys.context(&mut device));
        let wish = Wish::Activate(wish);
        let answer = service.transfer(&wish, Some(&holder), &actor(), None, &context).await.unwrap();
        let answer: TransferAnswer = serde_json::from_slice(&answer.body).unwrap();
        device = device.apply_update(&from_base64(&answer.update, 100_000).unwrap()).unwrap().state;
        let receipt = to_base64(&keys.context(&mut device));
        service.receipt(&actor(), &receipt).await.unwrap();
        Self { folder, postgres, service, _database: database, keys, device, license }
    }

    /// Writes into the books what no decision ever would.
    async fn plant(&self, changes: Vec<Change>) {
        let changes = ChangeSet { changes, ..ChangeSet::default() };
        self.service.store().commit(changes).await.unwrap();
    }

    async fn line(&self) -> LicenseLine {
        self.service.store().license(self.license).await.unwrap().unwrap()
    }

    async fn activation(&self) -> Activation {
        self.service.store().live_of_license(self.license).await.unwrap().pop().unwrap()
    }

    async fn firm(&self) -> FirmRecord {
        self.service.store().firms_of_container(self.device.serial).await.unwrap().pop().unwrap()
    }

    /// A line and its activation that agree on `quantity` being active.
    async fn agreed(&self, quantity: u32) -> Vec<Change> {
        let (mut line, mut activation) = (self.line().await, self.activation().await);
        activation.quantity = quantity;
        (line.ledger.active, line.ledger.fresh) = (quantity, 5 - quantity);
        vec![Change::UpdateLicense(line), Change::PutActivation(activation)]
    }

    async fn report(&self) -> Report {
        audit(self.service.store(), &[]).await.unwrap()
    }

    /// What the command says by its exit code.
    fn doctor(&self) -> bool {
        let path = self.folder.path().display().to_string();
        let doctor = ["x", "doctor", "--audit", "--data", &path];
        match command::run(arguments(&doctor, self.postgres.as_ref())) {
            Ok(()) => true,
            // The tests' own PostgreSQL server does not sync, which is the one thing to complain of.
            Err(problems) => self.postgres.is_some() && problems.to_string() == "1 problem found",
        }
    }
}

#[track_caller]
fn finds(report: &Report, what: &str) {
    assert!(report.differences.iter().any(|difference| difference.contains(what)), "{what}: {report:?}");
}

#[tokio::test]
async fn sound_books_have_no_differences() {
    let mut world = World::new().await;
    let report = world.report().await;
    assert_eq!((report.compared, report.differences.len()), (1, 0), "{report:?}");
    assert!(world.doctor());
    // A context that was made before something was proven says nothing; one of now agrees.
    let mut given = Report::default();
    let fresh = world.keys.context(&mut world.device);
    audit_context(world.service.store(), &[], "fresh", &fresh, &mut given).await.unwrap();
    assert_eq!((given.compared, given.differences.len(), given.outdated.len()), (1, 0, 0), "{given:?}");
    audit_context(world.service.store(), &[], "junk", b"junk", &mut given).await.unwrap();
    finds(&given, "junk: not a valid context");
}

#[tokio::test]
async fn a_container_that_holds_more_or_less_than_the_books_is_found() {
    for (quantity, what) in [(1, "doubled: license"), (3, "lost: license")] {
        let world = World::new().await;
        world.plant(world.agreed(quantity).await).await;
        assert_eq!(world.service.store().audit().await.unwrap(), vec![], "the tables agree with each other");
        finds(&world.report().await, what);
        assert!(!world.doctor());
    }
}

#[tokio::test]
async fn a_unit_that_is_nowhere_or_in_two_places_is_found() {
    let world = World::new().await;
    let mut line = world.line().await;
    line.ledger.fresh += 1;
    world.plant(vec![Change::UpdateLicense(line)]).await;
    finds(&world.report().await, "the parts do not add up to the quantity");
    let mut line = world.line().await;
    (line.ledger.fresh, line.ledger.active) = (4, 1);
    world.plant(vec![Change::UpdateLicense(line)]).await;
    finds(&world.report().await, "the ledger differs from the activations");
    assert!(!world.doctor());
}

#[tokio::test]
async fn states_without_proof_are_found() {
    let world = World::new().await;
    let mut activation = world.activation().await;
    activation.state = ActivationState::Active { activated_at: NOW, proof: [7; 32] };
    world.plant(vec![Change::PutActivation(activation)]).await;
    finds(&world.report().await, "no receipt proves its state");
    let mut activation = world.activation().await;
    activation.state = ActivationState::Superseded { superseded_at: NOW };
    let (mut line, generation) = (world.line().await, activation.generation + 1);
    (line.ledger.fresh, line.ledger.active, line.generation) = (5, 0, generation);
    world.plant(vec![Change::PutActivation(activation), Change::UpdateLicense(line)]).await;
    finds(&world.report().await, "given up for lost in a container that was not shut out");
}

#[tokio::test]
async fn a_container_that_is_shut_out_and_not_on_the_list_is_found() {
    let world = World::new().await;
    let serial = world.device.serial;
    let mut container = world.service.store().container(serial).await.unwrap().unwrap();
    container.status = ContainerStatus::Blacklisted;
    world.plant(vec![Change::PutContainer(container)]).await;
    finds(&world.report().await, "status and blacklist differ");
}

#[tokio::test]
async fn chains_that_do_not_hold_are_found() {
    let world = World::new().await;
    let firm_record = world.firm().await;
    let (serial, firm_code, at) = (world.device.serial, firm(), NOW);
    let operations = Vec::new();
    let step = Step { serial, firm_code, before: firm_record.confirmed, issued_at: at, operations };
    let bytes = step.to_bytes();
    let (id, before) = (Step::id_of(&bytes), step.before);
    let sound = PendingStep { id, before, after: before.after(id), bytes: bytes.clone(), issued_at: at };
    world.plant(vec![Change::InsertStep { serial, firm_code, step: sound.clone() }]).await;
    assert_eq!(world.report().await.differences, Vec::<String>::new());
    // Proven by a context nobody has.
    world.plant(vec![Change::SettleStep { id, proof: [8; 32], at }]).await;
    finds(&world.report().await, "no receipt proves what became of a step");
    // Another id than its bytes have, and a place it does not lead to.
    let forged = StepId([9; 32]);
    let forged = PendingStep { id: forged, before, after: before.after(forged), bytes, issued_at: at };
    world.plant(vec![Change::InsertStep { serial, firm_code, step: forged }]).await;
    finds(&world.report().await, "a step is not what its place in the chain says");
    // It begins where nothing ends.
    let nowhere = before.after(StepId([1; 32]));
    let step = Step { before: nowhere, ..step };
    let (id, bytes) = (Step::id_of(&step.to_bytes()), step.to_bytes());
    let lonely = PendingStep { id, before: nowhere, after: nowhere.after(id), bytes, issued_at: at };
    world.plant(vec![Change::InsertStep { serial, firm_code, step: lonely }]).await;
    finds(&world.report().await, "an unproven step begins nowhere");
}

#[tokio::test]
async fn a_container_at_a_place_the_books_do_not_know_is_found() {
    let mut world = World::new().await;
    let context = world.keys.context(&mut world.device);
    let mut firm_record = world.firm().await;
    firm_record.confirmed.digest = [5; 32];
    world.plant(vec![Change::PutFirm(firm_record)]).await;
    finds(&world.report().await, "no receipt proves the place that is taken as proven");
    let mut given = Report::default();
    audit_context(world.service.store(), &[], "given", &context, &mut given).await.unwrap();
    finds(&given, "of a history the books do not know");
}
