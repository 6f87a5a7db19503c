//! The power goes at every write: what was not synced is lost, in part or as a whole, and a write may be torn at any
//! sector. Everything the driver does to its files is recorded by a library loaded before libc, then replayed up to each
//! moment.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet, RequestRecord};
use licensing_core::event::{Action, Event};
use licensing_core::ids::{ContainerKind, ContainerSerial, ItemId, OrderId};
use licensing_core::item::{Item, ItemPolicy};
use licensing_core::terms::LicenseTerms;
use licensing_store::{ItemQuery, Store};
use licensing_store_sqlite::SqliteStore;
use licensing_testkit::damage::{LICENSE, READS, one_of_everything};
use licensing_testkit::proof::{self, Figures};
use licensing_testkit::server::{NOW, actor, definition};

/// What a disk writes as a whole.
const SECTOR: usize = 512;
/// Acknowledgements of the child stand in this file, among the others in the record.
const ACKNOWLEDGED: &str = "power.db.acknowledged";
/// The number that acknowledges everything of `one_of_everything`.
const EVERYTHING: u64 = 1_000_000;

fn key(number: u64) -> [u8; 32] {
    let mut key = [9; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key
}

fn item(number: u64) -> ItemId {
    ItemId::new(format!("I-{number}")).unwrap()
}

/// An item, the answer, and an event: all or nothing.
fn put(store: &SqliteStore, number: u64, bytes: usize) {
    let definition = definition(item(number).as_str(), LicenseTerms::default(), ItemPolicy::default());
    let response = (0..bytes).map(|at| (at as u64 * 31 + number).to_le_bytes()[0]).collect();
    let changes = ChangeSet {
        changes: vec![Change::PutItem(Item { definition, created_at: NOW, version: 0 })],
        request: Some(RequestRecord { key: key(number), fingerprint: [1; 32], response, at: NOW }),
        events: vec![Event::new(Action::ItemCreated, &actor(), NOW)],
    };
    block_on(store.commit(changes)).unwrap();
}

/// Runs in a child process that is recorded.
#[test]
fn child_that_is_recorded() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    if !(has("child_that_is_recorded") && has("--nocapture")) {
        return;
    }
    let mut acknowledgements = File::create(ACKNOWLEDGED).unwrap();
    let mut acknowledge = |number: u64| writeln!(acknowledgements, "{number}").unwrap();
    let path = Path::new("power.db");
    let store = SqliteStore::create(path).unwrap();
    one_of_everything(&store);
    acknowledge(EVERYTHING);
    for number in 0..20 {
        put(&store, number, 100);
        acknowledge(number);
    }
    // The log goes into the file when it is closed, and begins anew.
    drop(store);
    let store = SqliteStore::open(path).unwrap();
    for number in 20..30 {
        put(&store, number, 100);
        acknowledge(number);
    }
    // Large enough for the log to go into the file on the way.
    for number in 30..90 {
        put(&store, number, 100_000);
        acknowledge(number);
    }
    // Several share a transaction.
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || (0..5).for_each(|at| put(store, 100 + writer * 10 + at, 100)));
        }
    });
    (0..4).flat_map(|writer| (0..5).map(move |at| 100 + writer * 10 + at)).for_each(acknowledge);
}

/// One thing that was done to a file.
#[derive(Debug, Clone)]
enum Act {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate(usize),
    Sync,
    Unlink,
}

fn recorded(log: &[u8]) -> Vec<(String, Act)> {
    let (mut acts, mut at) = (Vec::new(), 0);
    while at < log.len() {
        let (what, length) = (log[at], usize::from(log[at + 1]));
        let name = String::from_utf8(log[at + 2..at + 2 + length].to_vec()).unwrap();
        at += 2 + length;
        let number =
            |at: usize| usize::try_from(u64::from_le_bytes(log[at..at + 8].try_into().unwrap())).unwrap();
        let (offset, size) = (number(at), number(at + 8));
        at += 16;
        acts.push((
            name,
            match what {
                b'W' => {
                    at += size;
                    Act::Write { offset, bytes: log[at - size..at].to_vec() }
                }
                b'T' => Act::Truncate(offset),
                b'S' => Act::Sync,
                _ => Act::Unlink,
            },
        ));
    }
    acts
}

fn record(folder: &Path) -> Vec<(String, Act)> {
    let library = folder.join("recorder.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/recorder.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
    assert!(compiler.status().unwrap().success());
    let log = folder.join("log");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["child_that_is_recorded", "--exact", "--nocapture"])
        .current_dir(folder)
        .env("LD_PRELOAD", &library)
        .env("POWER_LOG", &log)
        .stdout(Stdio::null())
        .status();
    assert!(child.unwrap().success());
    recorded(&std::fs::read(log).unwrap())
}

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// What becomes of the writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// All are lost.
    Lost,
    /// All arrive, the last one in part.
    Torn,
    /// Some sectors of some arrive, in any order.
    Scattered,
}

fn apply(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if file.len() < offset + bytes.len() {
        file.resize(offset + bytes.len(), 0);
    }
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// A file: what is durable, and what was done to it since.
#[derive(Debug, Clone, Default)]
struct Disk {
    durable: Vec<u8>,
    pending: Vec<Act>,
}

impl Disk {
    fn act(&mut self, act: Act) {
        if matches!(act, Act::Sync) {
            let pending = std::mem::take(&mut self.pending);
            pending.into_iter().for_each(|act| carry_out(&mut self.durable, &act));
        } else {
            self.pending.push(act);
        }
    }

    /// The content after the power came back.
    fn after(&self, fate: Fate, chance: &mut u64) -> Vec<u8> {
        let mut file = self.durable.clone();
        for (at, act) in self.pending.iter().enumerate() {
            let is_last = at + 1 == self.pending.len();
            match (fate, act) {
                (Fate::Lost, _) => {}
                (Fate::Torn, Act::Write { offset, bytes }) if is_last => {
                    let sectors = bytes.len().div_ceil(SECTOR) as u64;
                    let kept = usize::try_from(random(chance) % (sectors + 1)).unwrap() * SECTOR;
                    apply(&mut file, *offset, &bytes[..kept.min(bytes.len())]);
                }
                (Fate::Scattered, Act::Write { offset, bytes }) => {
                    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                        if random(chance).is_multiple_of(2) {
                            apply(&mut file, offset + number * SECTOR, sector);
                        }
                    }
                }
                (Fate::Scattered, act) if random(chance).is_multiple_of(2) => carry_out(&mut file, act),
                (Fate::Torn, act) => carry_out(&mut file, act),
                (Fate::Scattered, _) => {}
            }
        }
        file
    }
}

fn carry_out(file: &mut Vec<u8>, act: &Act) {
    match act {
        Act::Write { offset, bytes } => apply(file, *offset, bytes),
        Act::Truncate(length) => file.resize(*length, 0),
        Act::Sync | Act::Unlink => {}
    }
}

/// Opens what the power cut has left; says what is wrong with it.
fn complaint(folder: &Path, acknowledged: &[u64]) -> Option<String> {
    let store = match SqliteStore::open_small(&folder.join("power.db")) {
        Ok(store) => store,
        // Before the first acknowledgement there may be nothing.
        Err(error) => return (!acknowledged.is_empty()).then(|| error.to_string()),
    };
    if block_on(store.integrity()) != Ok(true) || block_on(store.audit()) != Ok(vec![]) {
        return Some("damaged".to_owned());
    }
    let (line, order) = (block_on(store.license(LICENSE)).unwrap(), OrderId::new("O").unwrap());
    let order = block_on(store.order(order)).unwrap();
    let token = block_on(store.token([1; 32])).unwrap();
    let answer = block_on(store.answered([1; 32])).unwrap();
    let parts = [line.is_some(), order.is_some(), token.is_some(), answer.is_some()];
    if parts != [true; 4] && parts != [false; 4] {
        return Some(format!("a part of an order: {parts:?}"));
    }
    if acknowledged.contains(&EVERYTHING) {
        let (_, decided) = READS.iter().find(|(name, _)| *name == "preactivation").unwrap();
        if decided(&store, ContainerSerial::new(ContainerKind::Act, 1).unwrap()) == Ok("None".to_owned()) {
            return Some("a decision of the vendor is lost".to_owned());
        }
    }
    let items = block_on(store.list_items(ItemQuery { limit: 1_000, ..ItemQuery::default() })).unwrap();
    let numbers: BTreeSet<u64> = items
        .iter()
        .filter_map(|found| found.definition.id.as_str().strip_prefix("I-")?.parse().ok())
        .collect();
    if let Some(lost) = acknowledged.iter().find(|number| **number != EVERYTHING && !numbers.contains(number))
    {
        return Some(format!("{lost} is lost"));
    }
    let half = numbers.iter().find(|number| block_on(store.answered(key(**number))).unwrap().is_none());
    half.map(|number| format!("a part of {number}"))
}

/// What a replay has shown.
#[derive(Debug, Default)]
struct Replayed {
    cuts: u64,
    acknowledged: u64,
    complaints: Vec<String>,
}

/// Cuts the power after every act, among the large transactions after every so many; ends at the first complaint.
fn replay(place: &Path, acts: &[(String, Act)], stride: usize) -> Replayed {
    let mut files: BTreeMap<String, Disk> = BTreeMap::new();
    let (mut acknowledged, mut replayed, mut chance) = (Vec::new(), Replayed::default(), 1);
    for (at, (name, act)) in acts.iter().enumerate() {
        if name == ACKNOWLEDGED {
            if let Act::Write { bytes, .. } = act {
                let text = String::from_utf8(bytes.clone()).unwrap();
                acknowledged.extend(text.split_whitespace().map(|number| number.parse::<u64>().unwrap()));
            }
            continue;
        }
        match act {
            Act::Unlink => drop(files.remove(name)),
            act => files.entry(name.clone()).or_default().act(act.clone()),
        }
        let is_large = acknowledged.contains(&29) && !acknowledged.contains(&89);
        if is_large && at % stride != 0 {
            continue;
        }
        for fate in [Fate::Lost, Fate::Torn, Fate::Scattered] {
            let folder = place.join("after");
            std::fs::create_dir(&folder).unwrap();
            for (name, disk) in &files {
                std::fs::write(folder.join(name), disk.after(fate, &mut chance)).unwrap();
            }
            let complaint = complaint(&folder, &acknowledged);
            std::fs::remove_dir_all(&folder).unwrap();
            replayed.cuts += 1;
            if let Some(complaint) = complaint {
                replayed.complaints.push(format!("{complaint}: {fate:?} after act {at} on {name}"));
                return replayed;
            }
        }
    }
    replayed.acknowledged = acknowledged.len() as u64;
    replayed
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_at_any_write() {
    let place = proof::fast_folder();
    let acts = record(place.path());
    let is_write = |(name, act): &&(String, Act)| name != ACKNOWLEDGED && matches!(act, Act::Write { .. });
    assert!(acts.iter().filter(is_write).count() > 2_000, "{} acts recorded", acts.len());
    // Every write of the small transactions, and in a long run of the large ones, too.
    let replayed = replay(place.path(), &acts, usize::try_from(proof::size(200, 1)).unwrap());
    assert_eq!(replayed.complaints, Vec::<String>::new());
    assert!(replayed.acknowledged > 100, "{replayed:?}");
    // The same on a disk that only says that it has synced: the proof must notice.
    let is_log = |name: &str| name.ends_with("-wal");
    let forgetful: Vec<_> =
        acts.iter().filter(|(name, act)| !(is_log(name) && matches!(act, Act::Sync))).cloned().collect();
    assert_eq!(replay(place.path(), &forgetful, 1).complaints.len(), 1, "nothing was lost without a sync");
    Figures {
        name: "power-cuts",
        what: "the power goes at a write of SQLite: what is not synced is lost, torn or scattered by sectors; then integrity, \
               audit, and every acknowledged change set",
        count: replayed.cuts,
        unit: "power cuts",
        seeds: None,
        more: vec![("acts recorded", acts.len() as u64), ("change sets acknowledged", replayed.acknowledged)],
    }
    .tell();
}
