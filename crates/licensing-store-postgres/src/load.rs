//! Loading what takes more than one query, as one snapshot.

use std::collections::{BTreeSet, HashMap};

use licensing_core::activation::Activation;
use licensing_core::container::{FirmRecord, PendingStep};
use licensing_core::ids::{ActivationId, ContainerSerial, FirmCode, LicenseId, TicketId};
use licensing_core::license::LicenseLine;
use licensing_core::work::Facts;
use licensing_store::{FactsQuery, FirmBooks, StoreError, TicketContents};
use tokio_postgres::Row;

use crate::commit::Failed;
use crate::connect::Connection;
use crate::pipeline::{Step, values};
use crate::query;
use crate::rows::{self, all, one, serial_number, signed};

/// A snapshot for what is found by keys. There is one plan for each of these statements, whatever the values; to look for
/// a better one every time takes longer than the reading.
const BEGIN: Step = Step::Control(
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan",
);
const COMMIT: &str = "COMMIT";

pub(crate) const LINES_OF_TICKET: &str =
    query::license!("WHERE l.ticket = $1 ORDER BY l.created_at, l.order_id, l.position");

const LINES: &str = query::license!("WHERE l.id = ANY($1)");

/// What the server knows of itself and of a container, which is there or not: one statement, because each costs more than
/// the row that it finds.
const STANDING: &str = "SELECT s.reconciling, (SELECT COALESCE(MAX(version), 0) FROM blacklist) AS version, x.hash,
    c.serial AS \"c.serial\", c.identity_key AS \"c.identity_key\", c.sealing_key AS \"c.sealing_key\",
    c.test_host AS \"c.test_host\", c.status AS \"c.status\", c.registered_at AS \"c.registered_at\",
    c.version AS \"c.version\",
    f.serial AS \"f.serial\", f.firm_code AS \"f.firm_code\", f.confirmed_counter AS \"f.confirmed_counter\",
    f.confirmed_digest AS \"f.confirmed_digest\", f.last_sequence AS \"f.last_sequence\",
    f.last_certified AS \"f.last_certified\", f.last_box_time AS \"f.last_box_time\", f.last_hash AS \"f.last_hash\",
    f.last_seen_at AS \"f.last_seen_at\", f.last_free AS \"f.last_free\", f.last_traits AS \"f.last_traits\",
    f.resync AS \"f.resync\", f.version AS \"f.version\"
    FROM server_state s LEFT JOIN containers c ON c.serial = $1
    LEFT JOIN firms f ON f.serial = $1 AND f.firm_code = $2
    LEFT JOIN contexts x ON x.serial = $1 AND x.firm_code = $2 AND x.sequence = $3
    WHERE s.id = 1";

/// The lines of what is in a container; one may be there more than once.
macro_rules! lines_in {
    () => {
        concat!(
            "SELECT ",
            query::license_columns!(),
            " FROM activations a JOIN licenses l ON l.id = a.license
            LEFT JOIN definitions d ON d.hash = l.definition WHERE a.container = $1 AND a.firm_code = $2 AND ",
            query::live!()
        )
    };
}

/// The lines of what is in a container, of what its context names, and of what is assigned to it; a line may be there more
/// than once. Each part has a plan of its own: as one condition they would be looked for in the whole table.
const LINES_ABOUT: &str = concat!(
    lines_in!(),
    " UNION ALL ",
    query::license!("WHERE l.id = ANY($3) UNION ALL "),
    query::license!("WHERE l.assigned = $1"),
);

const LIVE_IN: &str =
    query::activation!("WHERE container = $1 AND firm_code = $2 AND ", query::live!(), " ORDER BY id");

const LINES_IN: &str = lines_in!();

const ELSEWHERE: &str = query::activation!(
    "WHERE ticket = $1 AND container <> $2 AND ",
    query::live!(),
    " ORDER BY container, firm_code, id"
);

const HOLDING: &str =
    query::activation!("WHERE license = ANY($1) AND container <> $2 AND ", query::live!(), " ORDER BY id");

const HOLDERS: &str = "SELECT serial, identity_key, sealing_key, test_host, status, registered_at, version
    FROM containers WHERE serial = ANY($1) ORDER BY serial";

/// Answers of a pipeline, taken one after the other.
struct Answers(std::vec::IntoIter<Vec<Row>>);

impl Answers {
    async fn of(connection: &mut Connection, steps: &[Step]) -> Result<Self, Failed> {
        let answers = connection.pipeline(steps).await?;
        Ok(Self(answers.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter()))
    }

    fn next(&mut self) -> Vec<Row> {
        self.0.next().unwrap_or_default()
    }

    /// A firm record with its unproven steps.
    fn firm(&mut self) -> Result<Option<FirmRecord>, StoreError> {
        let mut firm = one(&self.next(), "firms", rows::firm)?;
        let steps = all(&self.next(), "steps", rows::step)?;
        if let Some(firm) = &mut firm {
            steps.into_iter().for_each(|step| add(firm, step));
        }
        Ok(firm)
    }
}

fn add(firm: &mut FirmRecord, (step, voided): (PendingStep, bool)) {
    if voided { firm.voided.push(step) } else { firm.pending.push(step) }
}

/// Everything a decision needs. One round trip; further ones for what is elsewhere and for lines that replace others.
pub(crate) async fn facts(connection: &mut Connection, wanted: &FactsQuery) -> Result<Facts, Failed> {
    let mut answers = Answers::of(connection, &steps(wanted)).await?;
    answers.next();
    let mut facts = Facts::default();
    if wanted.ticket.is_some() {
        facts.ticket = one(&answers.next(), "tickets", rows::ticket)?;
        facts.lines = all(&answers.next(), "licenses", rows::license)?;
        facts.approvals = all(&answers.next(), "approvals", rows::approval)?;
    }
    facts.activations = all(&answers.next(), "activations", rows::activation)?;
    let mut others = all(&answers.next(), "licenses", rows::license)?;
    stand(&mut facts, &answers.next())?;
    let unproven = all(&answers.next(), "steps", rows::step)?;
    if let Some(firm) = &mut facts.firm {
        unproven.into_iter().for_each(|step| add(firm, step));
    }
    if wanted.old.is_some() {
        facts.elsewhere = all(&answers.next(), "activations", rows::activation)?;
        others.extend(all(&answers.next(), "licenses", rows::license)?);
        facts.old_firm = answers.firm()?;
    } else if let Some(ticket) = wanted.ticket {
        let together = facts.ticket.as_ref().is_some_and(|ticket| ticket.together);
        if wanted.elsewhere || together || facts.lines.iter().any(|line| !line.item.policy.split) {
            facts.elsewhere = elsewhere(connection, ticket, wanted.serial).await?;
        }
    }
    if facts.reconciling.is_some() && !wanted.named.is_empty() {
        // What is live elsewhere of the licenses that the context names: a restored database may be wrong about it.
        let known: BTreeSet<ActivationId> = facts.elsewhere.iter().map(|a| a.id).collect();
        let named: Vec<Vec<u8>> = wanted.named.iter().map(|id| id.0.to_vec()).collect();
        let steps = [Step::query(HOLDING, values![named, serial_number(wanted.serial)])];
        let found = all(&Answers::of(connection, &steps).await?.next(), "activations", rows::activation)?;
        facts.elsewhere.extend(found.into_iter().filter(|a| !known.contains(&a.id)));
    }
    if wanted.elsewhere || wanted.old.is_some() || facts.reconciling.is_some() {
        let holders: BTreeSet<i64> =
            facts.elsewhere.iter().map(|a| a.container).chain(wanted.old).map(serial_number).collect();
        let steps = [Step::query(HOLDERS, values![holders.into_iter().collect::<Vec<i64>>()])];
        facts.others = all(&Answers::of(connection, &steps).await?.next(), "containers", rows::container)?;
    }
    other_lines(connection, wanted, &mut facts, others).await?;
    connection.control(COMMIT);
    Ok(facts)
}

/// Takes what [`STANDING`] has found.
fn stand(facts: &mut Facts, standing: &[Row]) -> Result<(), StoreError> {
    facts.reconciling = one(standing, "server_state", rows::reconciling)?.ok_or(rows::LOST_STATE)?;
    facts.blacklist_version = one(standing, "blacklist", rows::blacklist_version)?.unwrap_or_default();
    let Some(row) = standing.first() else { return Ok(()) };
    facts.seen_under_sequence = one(standing, "contexts", rows::maybe_context)?.flatten();
    facts.container = rows::part(row, "c.", "serial", "containers", rows::container)?;
    facts.firm = rows::part(row, "f.", "serial", "firms", rows::firm)?;
    Ok(())
}

async fn elsewhere(
    connection: &mut Connection,
    ticket: TicketId,
    here: ContainerSerial,
) -> Result<Vec<Activation>, Failed> {
    let steps = [Step::query(ELSEWHERE, values![ticket.0.to_vec(), serial_number(here)])];
    Ok(all(&Answers::of(connection, &steps).await?.next(), "activations", rows::activation)?)
}

/// What the answers of the first round trip are, in this order; [`facts`] takes them.
fn steps(wanted: &FactsQuery) -> Vec<Step> {
    let (serial, firm_code) = (serial_number(wanted.serial), i64::from(wanted.firm_code.get()));
    let mut steps = vec![BEGIN];
    if let Some(ticket) = wanted.ticket {
        let ticket = ticket.0.to_vec();
        steps.push(Step::query(query::ticket!("WHERE id = $1"), values![ticket.clone()]));
        steps.push(Step::query(LINES_OF_TICKET, values![ticket.clone()]));
        let unused = query::approval!("WHERE ticket = $1 AND state <> 'used' ORDER BY id");
        steps.push(Step::query(unused, values![ticket]));
    }
    steps.push(Step::query(LIVE_IN, values![serial, firm_code]));
    let named: Vec<Vec<u8>> = wanted.named.iter().map(|id| id.0.to_vec()).collect();
    steps.push(Step::query(LINES_ABOUT, values![serial, firm_code, named]));
    steps.push(Step::query(STANDING, values![serial, firm_code, signed(wanted.sequence)]));
    steps.push(Step::query(UNPROVEN, values![serial, firm_code]));
    if let Some(old) = wanted.old.map(serial_number) {
        steps.push(Step::query(LIVE_IN, values![old, firm_code]));
        steps.push(Step::query(LINES_IN, values![old, firm_code]));
        steps
            .push(Step::query(query::firm!("WHERE serial = $1 AND firm_code = $2"), values![old, firm_code]));
        steps.push(Step::query(UNPROVEN, values![old, firm_code]));
    }
    steps
}

const UNPROVEN: &str = query::step!("serial = $1 AND firm_code = $2 ORDER BY before_counter, id");

/// What is on a ticket, as one snapshot.
pub(crate) async fn ticket_contents(
    connection: &mut Connection,
    ticket: TicketId,
    limit: u32,
) -> Result<TicketContents, Failed> {
    let live =
        query::activation!("WHERE ticket = $1 AND ", query::live!(), " ORDER BY created_at, id LIMIT $2");
    let steps = [
        BEGIN,
        Step::query(LINES_OF_TICKET, values![ticket.0.to_vec()]),
        Step::query(live, values![ticket.0.to_vec(), i64::from(limit)]),
    ];
    let mut answers = Answers::of(connection, &steps).await?;
    answers.next();
    let lines = all(&answers.next(), "licenses", rows::license)?;
    let live = all(&answers.next(), "activations", rows::activation)?;
    connection.control(COMMIT);
    Ok(TicketContents { lines, live })
}

/// What an audit compares with a context, as one snapshot.
pub(crate) async fn books(
    connection: &mut Connection,
    serial: ContainerSerial,
    firm_code: FirmCode,
) -> Result<Option<FirmBooks>, Failed> {
    let key = || values![serial_number(serial), i64::from(firm_code.get())];
    let unproven = query::step!("serial = $1 AND firm_code = $2 ORDER BY before_counter, id");
    // Only in a container that was shut out can something be superseded, and no index leads to it.
    let superseded = query::activation!(
        "WHERE container = $1 AND firm_code = $2 AND state = 'superseded' AND NOT EXISTS (SELECT 1
            FROM containers WHERE serial = $1 AND status <> 'blacklisted') ORDER BY id"
    );
    // The order of arrival, not the clock: that can have been turned back.
    let receipt = query::receipt!(
        "JOIN firms f ON f.serial = r.serial AND f.firm_code = r.firm_code
            AND f.confirmed_counter = r.counter AND f.confirmed_digest = r.digest
        WHERE r.serial = $1 AND r.firm_code = $2 ORDER BY r.arrival DESC LIMIT 1"
    );
    let steps = [
        BEGIN,
        Step::query(query::firm!("WHERE serial = $1 AND firm_code = $2"), key()),
        Step::query(unproven, key()),
        Step::query(LIVE_IN, key()),
        Step::query(superseded, key()),
        Step::query(receipt, key()),
    ];
    let mut answers = Answers::of(connection, &steps).await?;
    answers.next();
    let firm = answers.firm()?;
    let mut activations = all(&answers.next(), "activations", rows::activation)?;
    activations.extend(all(&answers.next(), "activations", rows::activation)?);
    let receipt = one(&answers.next(), "receipts", rows::receipt)?;
    connection.control(COMMIT);
    Ok(firm.map(|firm| FirmBooks { firm, activations, receipt }))
}

/// Lines that are not of the ticket: of what is in the containers, named by the context, assigned, or replacing one.
async fn other_lines(
    connection: &mut Connection,
    wanted: &FactsQuery,
    facts: &mut Facts,
    others: Vec<LicenseLine>,
) -> Result<(), Failed> {
    let is_assigned = |line: &&LicenseLine| line.assigned == Some(wanted.serial);
    let mut assigned: Vec<LicenseId> = others.iter().filter(is_assigned).map(|line| line.id).collect();
    assigned.sort();
    assigned.dedup();
    let mut loaded: HashMap<LicenseId, LicenseLine> =
        others.into_iter().map(|line| (line.id, line)).collect();
    let mut known: BTreeSet<LicenseId> = facts.lines.iter().map(|line| line.id).collect();
    let held = facts.activations.iter().chain(&facts.elsewhere).map(|activation| activation.license);
    let held: Vec<LicenseId> = held.filter(|id| known.insert(*id)).collect();
    let missing: Vec<LicenseId> = held.iter().filter(|id| !loaded.contains_key(id)).copied().collect();
    loaded.extend(lines(connection, &missing).await?);
    for id in held {
        let lost = StoreError::Inconsistent { table: "activations", column: "license" };
        facts.lines.push(loaded.remove(&id).ok_or(lost)?);
    }
    let named = wanted.named.iter().filter(|id| known.insert(**id));
    facts.lines.extend(named.filter_map(|id| loaded.remove(id)).collect::<Vec<_>>());
    let assigned = assigned.into_iter().filter(|id| known.insert(*id));
    facts.lines.extend(assigned.filter_map(|id| loaded.remove(&id)).collect::<Vec<_>>());
    let mut at = 0;
    // What replaces a line may itself be replaced.
    while at < facts.lines.len() {
        let replaced = facts.lines.iter().skip(at).filter_map(|line| line.replaced_by);
        let replacing: Vec<LicenseId> = replaced.filter(|id| known.insert(*id)).collect();
        at = facts.lines.len();
        let mut replacements = lines(connection, &replacing).await?;
        facts.lines.extend(replacing.iter().filter_map(|id| replacements.remove(id)));
    }
    Ok(())
}

async fn lines(
    connection: &mut Connection,
    ids: &[LicenseId],
) -> Result<HashMap<LicenseId, LicenseLine>, Failed> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let steps = [Step::query(LINES, values![ids.iter().map(|id| id.0.to_vec()).collect::<Vec<_>>()])];
    let lines = all(&Answers::of(connection, &steps).await?.next(), "licenses", rows::license)?;
    Ok(lines.into_iter().map(|line| (line.id, line)).collect())
}

/// The firm items of a container with their unproven steps.
pub(crate) async fn firms(
    connection: &mut Connection,
    serial: ContainerSerial,
) -> Result<Vec<FirmRecord>, Failed> {
    let serial = serial_number(serial);
    let firms = query::firm!("WHERE serial = $1 ORDER BY firm_code");
    let unproven = query::step!("serial = $1 ORDER BY firm_code, before_counter, id");
    let steps = [BEGIN, Step::query(firms, values![serial]), Step::query(unproven, values![serial])];
    let mut answers = Answers::of(connection, &steps).await?;
    connection.control(COMMIT);
    answers.next();
    let mut firms = all(&answers.next(), "firms", rows::firm)?;
    for (firm_code, step) in all(&answers.next(), "steps", rows::step_of_firm)? {
        if let Some(firm) = firms.iter_mut().find(|firm| firm.firm_code == firm_code) {
            add(firm, step);
        }
    }
    Ok(firms)
}
