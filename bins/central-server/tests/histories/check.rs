//! What must hold after every step, and what must be possible at the end.

use std::collections::{BTreeMap, BTreeSet};

use central_server::audit::audit;
use central_server::service::Wish;
use licensing_core::activation::ActivationState;
use licensing_core::container::ContainerStatus;
use licensing_core::ids::LicenseId;
use licensing_core::trust::emulator_maker;
use licensing_store::{EventQuery, FoundLicense, LicenseQuery};
use licensing_testkit::server::firm;

use crate::moves::{clear, contact};
use crate::world::{Question, World};

fn lines(world: &World<'_>) -> Vec<FoundLicense> {
    let query = LicenseQuery { limit: 1_000, ..LicenseQuery::default() };
    world.runtime.block_on(world.central.service().store().find_licenses(query)).unwrap().entries
}

/// What honest containers really hold of each license, but for what was given up for lost there.
fn held(world: &mut World<'_>) -> BTreeMap<LicenseId, u64> {
    let store = world.central.service().store();
    let books = world.runtime.block_on(store.firm_books(None, 100)).unwrap();
    let mut all: BTreeMap<LicenseId, u64> = BTreeMap::new();
    for computer in world.computers.iter_mut().filter(|computer| computer.honest) {
        let books = books.iter().find(|books| books.firm.serial == computer.serial);
        let mut here: BTreeMap<LicenseId, u64> = BTreeMap::new();
        for product in computer.container().firms().unwrap().iter().flat_map(|firm| &firm.products) {
            *here.entry(product.license).or_default() += u64::from(product.quantity);
        }
        for lost in books.into_iter().flat_map(|books| &books.activations) {
            if matches!(lost.state, ActivationState::Superseded { .. })
                && let Some(held) = here.get_mut(&lost.license)
            {
                *held = held.saturating_sub(u64::from(lost.quantity));
            }
        }
        for (license, quantity) in here {
            *all.entry(license).or_default() += quantity;
        }
    }
    all
}

/// Nothing is doubled, and the tables agree with each other. That nothing is lost, every fresh context shows.
pub(crate) fn invariants(world: &mut World<'_>) {
    if !std::mem::take(&mut world.changed) {
        return;
    }
    let store = world.central.service().store();
    let findings = world.runtime.block_on(store.audit()).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let held = held(world);
    let lines = lines(world);
    for found in &lines {
        let (line, ledger) = (&found.line, &found.line.ledger);
        assert_eq!(ledger.total(), u64::from(line.quantity), "parts of {}", line.id);
        let free = u64::from(ledger.available() + ledger.withdrawn());
        let out = held.get(&line.id).copied().unwrap_or(0);
        assert!(
            free + out <= u64::from(line.quantity),
            "{}: {free} free and {out} in containers of {}",
            line.id,
            line.quantity
        );
    }
    exchanges(world, &lines);
}

/// What is there of a license and of everything in its place, one after the other, is never more than there was of the
/// license, wherever it is: given up for lost is what was given up, and nothing else.
fn exchanges(world: &mut World<'_>, lines: &[FoundLicense]) {
    if lines.iter().all(|found| found.line.replaces.is_none()) {
        return;
    }
    let held = held(world);
    let next = |line: &&FoundLicense| lines.iter().find(|new| Some(new.line.id) == line.line.replaced_by);
    for first in lines.iter().filter(|found| found.line.replaces.is_none()) {
        let row = std::iter::successors(Some(first), next);
        let there = row.map(|found| {
            let line = &found.line;
            u64::from(line.ledger.available()) + held.get(&line.id).copied().unwrap_or(0)
        });
        let (there, of) = (there.sum::<u64>(), u64::from(first.line.quantity));
        assert!(there <= of, "{there} of {} and what is in its place, of {of}", first.line.id);
    }
}

fn status(world: &World<'_>, at: usize) -> Option<ContainerStatus> {
    let store = world.central.service().store();
    let serial = world.computers[at].serial;
    let container = world.runtime.block_on(store.container(serial)).unwrap();
    container.map(|container| container.status)
}

/// With a working channel every transfer can be finished by the user alone, within two contacts; what may come back
/// comes back; and the audit finds nothing.
pub(crate) fn finish(world: &mut World<'_>) {
    world.note("=== the end");
    world.on_its_way.clear();
    for computer in &mut world.computers {
        computer.clock_error = 0;
    }
    for at in 0..world.computers.len() {
        make_honest(world, at);
        for _ in 0..2 {
            contact(world, at, &Question::Transfer(Wish::Automatic, None));
            if is_settled(world, at) {
                break;
            }
        }
        nothing_is_open(world, at);
    }
    // Once to ask where the vendor has to approve, once to do it.
    for _ in 0..2 {
        for at in 0..world.computers.len() {
            let tickets: BTreeSet<usize> = world.active_in(at).iter().map(|(sold, _)| *sold).collect();
            for sold in tickets {
                contact(world, at, &Question::Transfer(Wish::GiveBack(Vec::new()), Some(sold)));
            }
        }
        crate::moves::grant_all(world);
    }
    for at in 0..world.computers.len() {
        nothing_is_open(world, at);
    }
    world.changed = true;
    invariants(world);
    let makers = [emulator_maker().public_key()];
    let report = world.runtime.block_on(audit(world.central.service().store(), &makers)).unwrap();
    assert!(report.differences.is_empty(), "{:#?}", report.differences);
    count_events(world);
}

/// Notes everything the history has led to, to be counted.
fn count_events(world: &mut World<'_>) {
    let store = world.central.service().store();
    let mut after = 0;
    loop {
        let query = EventQuery { after, limit: 500, ..EventQuery::default() };
        let events = world.runtime.block_on(store.events(query)).unwrap();
        let Some(last) = events.last() else { return };
        after = last.sequence;
        world.log.extend(events.iter().map(|stored| format!("  event: {}", stored.event.action.name())));
    }
}

/// The vendor clears a container that was put back, and it says what it holds.
fn make_honest(world: &mut World<'_>, at: usize) {
    for _ in 0..3 {
        if world.computers[at].honest {
            return;
        }
        contact(world, at, &Question::Transfer(Wish::Automatic, None));
        match status(world, at) {
            Some(ContainerStatus::ManipulationDetected) => clear(world, at),
            // An old copy that is just as the newest was, or a container nobody had seen: no harm was done.
            Some(ContainerStatus::Normal) | None => world.computers[at].honest = true,
            Some(ContainerStatus::Blacklisted) => return,
        }
    }
    assert!(world.computers[at].honest, "{} cannot be cleared", world.computers[at].serial);
}

impl World<'_> {
    /// What is active in a container that is served, with the number of its ticket.
    pub(crate) fn active_in(&self, at: usize) -> Vec<(usize, LicenseId)> {
        if status(self, at) != Some(ContainerStatus::Normal) {
            return Vec::new();
        }
        let store = self.central.service().store();
        let books = self.runtime.block_on(store.books_of(self.computers[at].serial, firm())).unwrap();
        let active = |license: &LicenseId| {
            let mut here = books.iter().flat_map(|books| &books.activations);
            here.any(|a| a.license == *license && matches!(a.state, ActivationState::Active { .. }))
        };
        let all = self.sold.iter().enumerate();
        let all = all.flat_map(|(at, sold)| sold.licenses.iter().map(move |license| (at, *license)));
        all.filter(|(_, license)| active(license)).collect()
    }
}

fn is_settled(world: &World<'_>, at: usize) -> bool {
    open_business(world, at).is_none()
}

/// What is unproven in a container that is served.
fn open_business(world: &World<'_>, at: usize) -> Option<String> {
    if status(world, at) != Some(ContainerStatus::Normal) {
        return None;
    }
    let serial = world.computers[at].serial;
    let store = world.central.service().store();
    let books = world.runtime.block_on(store.books_of(serial, firm())).unwrap()?;
    if !books.firm.pending.is_empty() || !books.firm.voided.is_empty() {
        return Some(format!("{serial}: steps are unproven"));
    }
    let open = books.activations.iter().find(|a| a.state.pending_step().is_some())?;
    Some(format!("{serial}: a transfer is unfinished: {open:?}"))
}

fn nothing_is_open(world: &World<'_>, at: usize) {
    assert_eq!(open_business(world, at), None);
}
