//! Loading what takes more than one query, as one snapshot.

use licensing_core::container::FirmRecord;
use licensing_core::ids::ContainerSerial;
use licensing_core::work::Facts;
use licensing_store::{FactsQuery, StoreError};
use tokio_postgres::Row;

use crate::commit::Failed;
use crate::connect::Connection;
use crate::pipeline::{Step, values};
use crate::query;
use crate::rows::{self, all, one, serial_number, signed};

const BEGIN: Step = Step::Control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
const COMMIT: Step = Step::Control("COMMIT");

const LIVE_ELSEWHERE: &str = "SELECT DISTINCT license, container FROM activations
    WHERE ticket = $1 AND state <> 'returned' AND container <> $2 ORDER BY license, container";

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
}

/// Everything a decision needs. One round trip; a second one for tickets that must stay in one place.
pub(crate) async fn facts(connection: &mut Connection, wanted: FactsQuery) -> Result<Facts, Failed> {
    let mut answers = Answers::of(connection, &steps(wanted)).await?;
    answers.next();
    let mut facts = Facts::default();
    if wanted.ticket.is_some() {
        facts.ticket = one(&answers.next(), "tickets", rows::ticket)?;
        facts.lines = all(&answers.next(), "licenses", rows::license)?;
        facts.activations = all(&answers.next(), "activations", rows::activation)?;
    }
    let pending_here = all(&answers.next(), "activations", rows::activation)?;
    let lines_of_pending = all(&answers.next(), "licenses", rows::license)?;
    for activation in pending_here {
        if !facts.lines.iter().any(|line| line.id == activation.license) {
            let line = lines_of_pending.iter().find(|line| line.id == activation.license);
            let lost = StoreError::Inconsistent { table: "activations", column: "license" };
            facts.lines.push(line.cloned().ok_or(lost)?);
        }
        if !facts.activations.iter().any(|known| known.id == activation.id) {
            facts.activations.push(activation);
        }
    }
    facts.container = one(&answers.next(), "containers", rows::container)?;
    facts.firm = one(&answers.next(), "firms", rows::firm)?;
    let steps = all(&answers.next(), "steps", rows::step)?;
    if let Some(firm) = &mut facts.firm {
        firm.pending = steps;
    }
    facts.seen_under_sequence = one(&answers.next(), "contexts", rows::context)?;
    if let Some(ticket) = wanted.ticket {
        let together = facts.ticket.as_ref().is_some_and(|ticket| ticket.together);
        if together || facts.lines.iter().any(|line| !line.item.policy.split) {
            let values = values![ticket.0.to_vec(), serial_number(wanted.serial)];
            let last = [Step::query(LIVE_ELSEWHERE, values), COMMIT];
            facts.live_elsewhere =
                all(&Answers::of(connection, &last).await?.next(), "activations", rows::holder)?;
        } else {
            connection.control("COMMIT");
        }
    }
    Ok(facts)
}

fn steps(wanted: FactsQuery) -> Vec<Step> {
    let (serial, firm_code) = (serial_number(wanted.serial), i64::from(wanted.firm_code.get()));
    let mut steps = vec![BEGIN];
    if let Some(ticket) = wanted.ticket {
        let ticket = ticket.0.to_vec();
        steps.push(Step::query(query::ticket!("WHERE id = $1"), values![ticket.clone()]));
        steps.push(Step::query(LINES_OF_TICKET, values![ticket.clone()]));
        let here = query::activation!(
            "WHERE ticket = $1 AND state <> 'returned' AND container = $2 AND firm_code = $3 ORDER BY id"
        );
        steps.push(Step::query(here, values![ticket, serial, firm_code]));
    }
    let firm = || values![serial, firm_code];
    let pending =
        query::activation!("WHERE container = $1 AND firm_code = $2 AND step IS NOT NULL ORDER BY id");
    steps.push(Step::query(pending, firm()));
    let lines = query::license!(
        "WHERE l.id IN (SELECT license FROM activations WHERE container = $1 AND firm_code = $2
            AND step IS NOT NULL)"
    );
    steps.push(Step::query(lines, firm()));
    steps.push(Step::query(query::container!("WHERE serial = $1"), values![serial]));
    steps.push(Step::query(query::firm!("WHERE serial = $1 AND firm_code = $2"), firm()));
    let pending =
        query::step!("WHERE serial = $1 AND firm_code = $2 AND proof IS NULL ORDER BY before_counter");
    steps.push(Step::query(pending, firm()));
    let seen = "SELECT hash FROM contexts WHERE serial = $1 AND firm_code = $2 AND sequence = $3";
    steps.push(Step::query(seen, values![serial, firm_code, signed(wanted.sequence)]));
    if wanted.ticket.is_none() {
        steps.push(COMMIT);
    }
    steps
}

pub(crate) const LINES_OF_TICKET: &str =
    query::license!("WHERE l.ticket = $1 ORDER BY l.created_at, l.order_id, l.position");

/// The firm items of a container with their pending steps.
pub(crate) async fn firms(
    connection: &mut Connection,
    serial: ContainerSerial,
) -> Result<Vec<FirmRecord>, Failed> {
    let serial = serial_number(serial);
    let firms = query::firm!("WHERE serial = $1 ORDER BY firm_code");
    let pending = query::step!("WHERE serial = $1 AND proof IS NULL ORDER BY firm_code, before_counter");
    let steps = [BEGIN, Step::query(firms, values![serial]), Step::query(pending, values![serial]), COMMIT];
    let mut answers = Answers::of(connection, &steps).await?;
    answers.next();
    let mut firms = all(&answers.next(), "firms", rows::firm)?;
    let pending = all(&answers.next(), "steps", rows::step_of_firm)?;
    for (firm_code, step) in pending {
        if let Some(firm) = firms.iter_mut().find(|firm| firm.firm_code == firm_code) {
            firm.pending.push(step);
        }
    }
    Ok(firms)
}
