//! What users, vendor, channel, computers and power do.

use central_server::service::{Failure, Wish};
use licensing_core::ids::ContainerKind;
use licensing_store::ApprovalQuery;
use licensing_wire::json::{LicenseMessage, SelectionMessage};
use serde_json::json;

use crate::world::{Message, Question, World};

/// Most containers of a history.
const COMPUTERS: usize = 4;
/// Most orders of a history.
const TICKETS: usize = 4;

/// One step of a history.
pub(crate) fn step(world: &mut World<'_>) {
    match world.dice.up_to(100) {
        0..=16 => whole_transfer(world),
        17..=29 => broken_transfer(world),
        30..=37 => cancelled_transfer(world),
        38..=44 => {
            let (at, question) = wish(world);
            world.note(format!("{} asks {question:?}", world.computers[at].serial));
            world.ask(at, question);
        }
        45..=63 => deliver(world),
        64..=66 => lose(world),
        67..=70 => power_cut(world),
        71..=73 => {
            world.note("the server crashes");
            world.changed = true;
            world.central.crash();
        }
        74..=77 => time_passes(world),
        78..=81 => buy(world),
        82..=90 => vendor(world),
        91..=92 => push(world),
        93..=94 => use_it(world),
        95..=96 => {
            let at = world.dice.up_to(world.computers.len());
            world.note(format!("a copy of {} is kept", world.computers[at].serial));
            world.computers[at].save();
        }
        97..=98 => put_back(world),
        _ => shut_out_or_clear(world),
    }
}

fn any_computer(world: &mut World<'_>) -> usize {
    world.dice.up_to(world.computers.len())
}

fn wish(world: &mut World<'_>) -> (usize, Question) {
    let at = any_computer(world);
    let sold = world.dice.up_to(world.sold.len());
    let some = |world: &mut World<'_>| -> Vec<SelectionMessage> {
        if world.dice.chance(50) {
            return Vec::new();
        }
        let licenses = world.sold[sold].licenses.clone();
        let id = licenses[world.dice.up_to(licenses.len())].to_string();
        let quantity = world.dice.chance(60).then_some(1);
        vec![SelectionMessage { id, quantity }]
    };
    let wish = match world.dice.up_to(20) {
        0..=6 => Wish::Activate(some(world)),
        7..=11 => Wish::GiveBack(some(world)),
        12..=14 => Wish::Cancel,
        15 => {
            let licenses = some(world).into_iter().map(|message| message.id).collect();
            Wish::Reactivate { licenses, accepted: true }
        }
        16 => {
            let old = any_computer(world);
            return (at, Question::Transfer(Wish::Restore(world.computers[old].serial), None));
        }
        17..=18 => return (at, Question::Transfer(Wish::Automatic, None)),
        _ => return (at, Question::Receipt),
    };
    (at, Question::Transfer(wish, Some(sold)))
}

/// A transfer in which nothing goes wrong.
fn whole_transfer(world: &mut World<'_>) {
    let (at, question) = wish(world);
    world.note(format!("{} and the server: {question:?}", world.computers[at].serial));
    contact(world, at, &question);
}

/// A transfer that breaks off: the update is on its way, or imported and nobody tells.
fn broken_transfer(world: &mut World<'_>) {
    let (at, question) = wish(world);
    world.note(format!("{} and the server, broken off: {question:?}", world.computers[at].serial));
    let Some(context) = world.context(at) else { return };
    let key = world.fresh();
    let Some(update) = world.arrive(at, &question, &context, key) else { return };
    if world.dice.chance(30) {
        world.import(at, &update);
    } else {
        world.on_its_way.push(Message::ToComputer { computer: at, update });
    }
}

/// A return, or an activation of a part, that is cancelled before anybody knows what became of it.
fn cancelled_transfer(world: &mut World<'_>) {
    let (at, sold) = (any_computer(world), world.dice.up_to(world.sold.len()));
    let active = world.active_in(at);
    // Mostly something that can be returned, where there is anything.
    let back = (!active.is_empty() && world.dice.chance(70)).then(|| world.dice.up_to(active.len()));
    let (sold, license) = match back {
        Some(one) => active[one],
        None => {
            let licenses = &world.sold[sold].licenses;
            (sold, licenses[world.dice.up_to(licenses.len())])
        }
    };
    let part =
        vec![SelectionMessage { id: license.to_string(), quantity: world.dice.chance(70).then_some(1) }];
    let wish = if back.is_some() { Wish::GiveBack(part) } else { Wish::Activate(part) };
    let question = Question::Transfer(wish, Some(sold));
    world.note(format!("{} and the server, cancelled: {question:?}", world.computers[at].serial));
    let Some(context) = world.context(at) else { return };
    let key = world.fresh();
    let Some(update) = world.arrive(at, &question, &context, key) else { return };
    match world.dice.up_to(3) {
        0 => drop(world.import(at, &update)),
        1 => world.on_its_way.push(Message::ToComputer { computer: at, update }),
        _ => {}
    }
    let cancel = Question::Transfer(Wish::Cancel, Some(sold));
    if world.dice.chance(50) {
        return contact(world, at, &cancel);
    }
    // With a context from before, perhaps, so that nobody can tell yet.
    let context = if world.dice.chance(50) { Some(context) } else { world.context(at) };
    let Some(context) = context else { return };
    let key = world.fresh();
    if let Some(update) = world.arrive(at, &cancel, &context, key) {
        world.on_its_way.push(Message::ToComputer { computer: at, update });
    }
}

/// Context, answer, import, receipt.
pub(crate) fn contact(world: &mut World<'_>, at: usize, question: &Question) {
    let Some(context) = world.context(at) else { return };
    let key = world.fresh();
    if let Some(update) = world.arrive(at, question, &context, key) {
        world.import(at, &update);
        if let Some(receipt) = world.context(at) {
            world.arrive(at, &Question::Receipt, &receipt, 0);
        }
    }
}

/// Some message arrives, now and then not for the last time.
fn deliver(world: &mut World<'_>) {
    if world.on_its_way.is_empty() {
        return;
    }
    let chosen = world.dice.up_to(world.on_its_way.len());
    let message = if world.dice.chance(75) {
        world.on_its_way.swap_remove(chosen)
    } else {
        world.on_its_way[chosen].clone()
    };
    match message {
        Message::ToServer { computer, question, context, key } => {
            world.note(format!("question {key} arrives: {question:?}"));
            if let Some(update) = world.arrive(computer, &question, &context, key)
                && !world.dice.chance(15)
            {
                world.on_its_way.push(Message::ToComputer { computer, update });
            }
        }
        Message::ToComputer { computer, update } => {
            let at = if world.dice.chance(4) { any_computer(world) } else { computer };
            world.note(format!("an update for {} arrives", world.computers[computer].serial));
            world.import(at, &update);
            if world.dice.chance(70) {
                world.ask(at, Question::Receipt);
            }
        }
    }
}

fn lose(world: &mut World<'_>) {
    if !world.on_its_way.is_empty() {
        let lost = world.dice.up_to(world.on_its_way.len());
        world.on_its_way.swap_remove(lost);
    }
}

/// The power of a computer fails while it makes a context or imports an update.
fn power_cut(world: &mut World<'_>) {
    let at = any_computer(world);
    let operations = world.dice.next() % 14;
    let update = world.on_its_way.iter().find_map(|message| match message {
        Message::ToComputer { computer, update } if *computer == at => Some(update.clone()),
        _ => None,
    });
    world.changed = true;
    world.note(format!("the power of {} fails after {operations}", world.computers[at].serial));
    match update {
        Some(update) => {
            world.computers[at].cut_after(operations);
            world.import(at, &update);
        }
        None => {
            let (_, question) = wish(world);
            world.computers[at].cut_after(operations);
            world.ask(at, question);
        }
    }
    let seed = world.fresh();
    world.computers[at].reboot(seed);
}

fn time_passes(world: &mut World<'_>) {
    const DAY: u64 = 86_400;
    let now = world.central.clock.now().secs();
    let secs = world.dice.next();
    match world.dice.up_to(6) {
        0..=2 => world.central.clock.advance(secs % (5 * DAY)),
        3 => {
            let back = licensing_core::time::Timestamp::from_secs(now.saturating_sub(secs % DAY));
            world.central.clock.set(back);
        }
        _ => {
            let at = any_computer(world);
            world.computers[at].clock_error = i64::try_from(secs % (8 * DAY)).unwrap() - 4 * 86_400;
        }
    }
    world.note(format!("it is {}", world.central.clock.now().secs()));
}

fn buy(world: &mut World<'_>) {
    match world.dice.up_to(5) {
        0 if world.computers.len() < COMPUTERS => match world.dice.up_to(3) {
            0 => world.buy_computer(ContainerKind::Act, 0),
            1 => world.buy_computer(ContainerKind::Act, 2),
            _ => world.buy_computer(ContainerKind::Dongle, 3),
        },
        1 if world.sold.len() < TICKETS => world.order("new"),
        2 | 3 => {
            let sold = world.dice.up_to(world.sold.len());
            let choice = format!("order:{}", world.sold[sold].order);
            if world.dice.chance(60) { world.order_for_a_part(&choice) } else { world.order(&choice) }
        }
        4 if world.sold.len() < TICKETS => {
            let at = any_computer(world);
            let choice = format!("container:{}", world.computers[at].serial);
            world.order(&choice);
        }
        _ => {}
    }
}

fn vendor(world: &mut World<'_>) {
    let sold = world.dice.up_to(world.sold.len());
    let licenses = &world.sold[sold].licenses;
    let license = licenses[world.dice.up_to(licenses.len())];
    world.changed = true;
    let actor = world.central.actor();
    let choice = world.dice.up_to(9);
    let service = world.central.service();
    let outcome = match choice {
        0 | 1 => world.runtime.block_on(service.withdraw(&actor, None, license)),
        2 | 3 => world.runtime.block_on(service.cancel_withdrawal(&actor, None, license)),
        4 | 5 => {
            let request = serde_json::from_value(json!({"item": "NEXT"})).unwrap();
            world.runtime.block_on(service.replace(&actor, None, license, &request))
        }
        _ => return decide(world),
    };
    world.note(format!("the vendor does {choice} to {license}: {}", outcome.is_ok()));
    match outcome {
        Ok(answer) if choice >= 4 => {
            let replacement: LicenseMessage = serde_json::from_slice(&answer.body).unwrap();
            world.sold[sold].licenses.push(replacement.id.parse().unwrap());
        }
        Ok(_) | Err(Failure::Refused(_)) => {}
        Err(other) => panic!("the server failed: {other:?}"),
    }
}

/// The vendor decides what was asked.
fn decide(world: &mut World<'_>) {
    let store = world.central.service().store();
    let query = ApprovalQuery { pending: true, limit: 10, ..ApprovalQuery::default() };
    let grant = !world.dice.chance(25);
    for approval in world.runtime.block_on(store.approvals(query)).unwrap() {
        answer(world, approval.id, grant);
    }
}

/// The vendor grants everything.
pub(crate) fn grant_all(world: &mut World<'_>) {
    let store = world.central.service().store();
    let query = ApprovalQuery { pending: true, limit: 100, ..ApprovalQuery::default() };
    for approval in world.runtime.block_on(store.approvals(query)).unwrap() {
        answer(world, approval.id, true);
    }
}

fn answer(world: &mut World<'_>, id: licensing_core::ids::ApprovalId, grant: bool) {
    let request = serde_json::from_value(json!({"valid": grant.then_some("3d")})).unwrap();
    let actor = world.central.actor();
    let decided = world.central.service().decide_approval(&actor, None, id, grant, &request);
    world.runtime.block_on(decided).unwrap();
    world.note(format!("approval {id}: {grant}"));
}

fn push(world: &mut World<'_>) {
    world.changed = true;
    let computer = any_computer(world);
    let serial = world.computers[computer].serial;
    let firm = licensing_testkit::server::firm();
    let actor = world.central.actor();
    let pushed = world.central.service().push(serial, firm, &actor, None);
    match world.runtime.block_on(pushed) {
        Ok(answer) => {
            let answer: licensing_wire::json::TransferAnswer = serde_json::from_slice(&answer.body).unwrap();
            let update = licensing_wire::binary::from_base64(&answer.update, 1_000_000).unwrap();
            world.note(format!("pushed to {serial}: {} steps", answer.steps));
            world.on_its_way.push(Message::ToComputer { computer, update });
        }
        Err(Failure::Refused(_) | Failure::RefusedWithUpdate { .. }) => {}
        Err(other) => panic!("the server failed: {other:?}"),
    }
}

/// An application uses what is there.
fn use_it(world: &mut World<'_>) {
    let at = any_computer(world);
    let (now, seed) = (world.central.clock.now(), world.fresh());
    let computer = &mut world.computers[at];
    let now = computer.clock(now);
    let product = licensing_core::ids::ProductCode::new(1).unwrap();
    let request = licensing_core::access::AccessRequest {
        units: 1,
        ..licensing_core::access::AccessRequest::product(product)
    };
    let mut entropy = licensing_core::testing::TestEntropy::new(seed);
    let firm = licensing_testkit::server::firm();
    let used = computer.container().consume(firm, &request, now, &mut entropy).is_ok();
    world.note(format!("used: {used}"));
}

fn put_back(world: &mut World<'_>) {
    world.changed = true;
    let (at, seed) = (any_computer(world), world.fresh());
    if world.dice.chance(50) {
        world.note(format!("an old file of {} is put back", world.computers[at].serial));
        world.computers[at].put_back_file(seed);
    } else if world.dice.chance(50) {
        world.note(format!("all of {} is put back", world.computers[at].serial));
        world.computers[at].put_back_all(seed);
    }
}

fn shut_out_or_clear(world: &mut World<'_>) {
    world.changed = true;
    let at = any_computer(world);
    if world.dice.chance(15) {
        let serial = world.computers[at].serial;
        let (actor, request) = (world.central.actor(), serde_json::from_value(json!({})).unwrap());
        let service = world.central.service();
        let done = world.runtime.block_on(service.blacklist_container(&actor, None, serial, &request));
        world.note(format!("{serial} is blacklisted: {}", done.is_ok()));
    } else {
        clear(world, at);
    }
}

/// The vendor clears a flagged container.
pub(crate) fn clear(world: &mut World<'_>, at: usize) {
    let serial = world.computers[at].serial;
    let (actor, request) = (world.central.actor(), serde_json::from_value(json!({})).unwrap());
    let service = world.central.service();
    let done = world.runtime.block_on(service.clear_container(&actor, None, serial, &request));
    world.computers[at].cleared |= done.is_ok();
    world.note(format!("{serial} is cleared: {}", done.is_ok()));
}
