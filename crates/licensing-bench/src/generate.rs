//! Databases of any size with a realistic history: orders, tickets, activations, steps, receipts, events.
//!
//! Nothing is made up: every customer is played through by the core, with real containers and real cryptography, and
//! what its decisions want stored is stored by a driver. Only what lies between is left out: a row that a thousand
//! decisions changed is written once, as the last of them left it.

mod fold;
mod household;
mod vendor;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context as _, Result, ensure};
use central_server::command::initialise;
use central_server::data_dir::DataDir;
use central_server::database::{Database, Place};
use central_server::keys::{self, KeyRing};
use central_server::system::{Clock as _, SystemClock};
use central_server::vault::Vault;
use futures_executor::block_on;
use futures_util::future::try_join_all;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use licensing_core::changeset::ChangeSet;
use licensing_core::format::certificate::IssuingCertificate;
use licensing_core::format::update::Issuer;
use licensing_core::ids::FirmCode;
use licensing_core::testing::TestEntropy;
use licensing_core::time::Timestamp;
use licensing_core::work::ProofMaster;
use licensing_store::{CommitError, Store};

use household::{Household, Plan};

/// The vendor of a generated database.
pub const FIRM_CODE: u32 = 6_000_010;

/// Customers stored by one change set.
const BATCH: u64 = 32;
/// Change sets on their way to the database.
const IN_FLIGHT: usize = 8;
/// Years of history.
const YEARS: u64 = 5;

/// Where a generated database goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// Folder for keys, settings and token, and for the database unless that is elsewhere.
    pub data: PathBuf,
    /// Where the database is.
    pub place: Place,
}

/// How much of what was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// Licenses.
    pub licenses: u64,
    /// Customers.
    pub customers: u64,
}

/// The vendor's firm code.
#[must_use]
pub fn firm_code() -> FirmCode {
    // Invariant: the code is not zero.
    FirmCode::new(FIRM_CODE).expect("a firm code")
}

/// What every customer has to do with.
struct World<'a> {
    issuer: Issuer,
    proofs: ProofMaster,
    vault: &'a Vault,
    items: Vec<licensing_core::item::Item>,
    /// When the history begins.
    begin: Timestamp,
    /// Seconds from one customer to the next.
    apart: u64,
    /// When it ends: nothing is later.
    end: Timestamp,
}

/// Makes a server with so many licenses: a data folder like that of `central-server init`, and a full database. The
/// same `seed` gives the same customers with the same orders; keys are always new. `progress` is told how many
/// licenses are stored.
///
/// # Errors
/// There is a server at this place already, or it cannot be written.
pub fn generate(target: &Target, licenses: u64, seed: u64, progress: impl Fn(u64)) -> Result<Made> {
    let data = DataDir::new(&target.data);
    initialise(&data, target.place.clone(), firm_code(), "Generated vendor")?;
    let ring = keys::load(&data.keys())?;
    let database = Database::new(target.place.clone())?;
    let store = database.open()?;
    let end = SystemClock.now();
    let begin = Timestamp::from_secs(end.secs().saturating_sub(YEARS * 365 * 86_400));
    let issuer = past_issuer(&data, &ring, begin)?;
    let proofs = ring.firms.get(&firm_code()).context("no keys of the vendor")?.proofs.clone();
    let items = vendor::items(begin);
    let plans = plans(licenses, seed);
    let apart = end.secs_since(begin) / (plans.len() as u64 + 1);
    let world = World { issuer, proofs, vault: &ring.vault, items, begin, apart, end };
    let made = fill(&*store, &world, &plans, seed, progress)?;
    ensure!(made == licenses, "{made} licenses were made instead of {licenses}");
    Ok(Made { licenses: made, customers: plans.len() as u64 })
}

/// The issuing key with a certificate that covers the whole history: the server's own begins today.
fn past_issuer(data: &DataDir, ring: &KeyRing, begin: Timestamp) -> Result<Issuer> {
    let firm = ring.firms.get(&firm_code()).context("no keys of the vendor")?;
    let (firm_code, firm_key, certificate) = keys::firm_signer(&data.keys(), Some(firm_code()))?;
    let issuing = IssuingCertificate {
        firm_code,
        issuing_key: firm.issuer.key.public_key(),
        epoch: firm.epoch,
        not_before: begin,
        not_after: firm.not_after,
    };
    Ok(Issuer { key: firm.issuer.key.clone(), certificates: vec![certificate, issuing.sign(&firm_key)] })
}

/// Fills an empty database; gives the number of licenses.
fn fill(
    store: &dyn Store,
    world: &World<'_>,
    plans: &[Plan],
    seed: u64,
    progress: impl Fn(u64),
) -> Result<u64> {
    block_on(store.commit(vendor::creation(&world.items, world.begin)))?;
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (to, from) = sync_channel(IN_FLIGHT);
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            let (to, next) = (to.clone(), &next);
            scope.spawn(move || {
                loop {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    let batch = play(world, plans, first, seed);
                    let end = batch.as_ref().is_ok_and(|(_, licenses)| *licenses == 0);
                    // Nobody listens any more once storing has failed.
                    if end || to.send(batch).is_err() {
                        return;
                    }
                }
            });
        }
        drop(to);
        store_all(store, from, progress)
    })
}

/// Change sets of some customers, and how many licenses they have. A change set has room for one stored answer, so there
/// are as many as there are answers.
type Batch = Result<(Vec<ChangeSet>, u64)>;

/// Customers until there are so many licenses.
fn plans(licenses: u64, seed: u64) -> Vec<Plan> {
    let mut left = licenses;
    let mut plans = Vec::new();
    while left > 0 {
        let mut plan = Plan::of(seed, plans.len() as u64);
        plan.cut(left);
        left -= plan.licenses();
        plans.push(plan);
    }
    plans
}

/// Plays some customers; no licenses when there are no more.
fn play(world: &World<'_>, plans: &[Plan], first: u64, seed: u64) -> Batch {
    let (mut all, mut answers) = (ChangeSet::default(), Vec::new());
    let mut licenses = 0;
    for number in first..first.saturating_add(BATCH).min(plans.len() as u64) {
        let plan = &plans[usize::try_from(number)?];
        let entropy = TestEntropy::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let (changes, answered) = Household::new(world, number, entropy).live(plan)?;
        all.changes.extend(changes.changes);
        all.events.extend(changes.events);
        answers.extend(answered);
        licenses += plan.licenses();
    }
    all.request = answers.pop();
    let mut sets = vec![all];
    let alone = |request| ChangeSet { request: Some(request), ..ChangeSet::default() };
    sets.extend(answers.into_iter().map(alone));
    Ok((sets, licenses))
}

fn store_all(store: &dyn Store, from: Receiver<Batch>, progress: impl Fn(u64)) -> Result<u64> {
    let mut waiting = FuturesUnordered::new();
    let mut stored = 0;
    let mut batches = from.into_iter();
    loop {
        while waiting.len() < IN_FLIGHT
            && let Some(batch) = batches.next()
        {
            let (sets, licenses) = batch?;
            let commits: Vec<_> = sets.into_iter().map(|changes| store.commit(changes)).collect();
            waiting.push(async move {
                try_join_all(commits).await?;
                Ok::<_, CommitError>(licenses)
            });
        }
        match block_on(waiting.next()) {
            Some(licenses) => {
                stored += licenses?;
                progress(stored);
            }
            None => return Ok(stored),
        }
    }
}
