//! What the vendor looks through. Only the filters that are asked for stand in the text of a query, so that it is planned
//! for the index it needs.

use std::sync::Arc;

use licensing_core::container::ContainerRecord;
use licensing_core::ids::{ContainerSerial, CustomerId, ItemId, LicenseId, OrderId};
use licensing_core::item::Item;
use licensing_core::license::LineState;
use licensing_core::order::Order;
use licensing_core::time::Timestamp;
use licensing_store::{
    ContainerQuery, EventQuery, FoundLicense, ItemQuery, LicenseQuery, OrderQuery, Page, ROWS_LOOKED_AT,
    StoreError, StoredEvent, TransferQuery, UnfinishedTransfer,
};
use tokio_postgres::Row;

use crate::commit::{Failed, damaged_value};
use crate::connect::Connection;
use crate::pipeline::{Param, Step};
use crate::query;
use crate::rows::{self, Reader, secs, serial_number, signed};

/// Behind every text that begins with the same letters.
pub(crate) const LAST_CHARACTER: char = '\u{10ffff}';

/// Conditions that must all hold, with their values.
#[derive(Default)]
pub(crate) struct Conditions {
    sql: String,
    values: Vec<Param>,
}

impl Conditions {
    /// One more, with a value for each of its question marks.
    pub(crate) fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Param>) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        let mut values = values.into_iter();
        for (at, part) in condition.split('?').enumerate() {
            if at > 0 {
                self.values.extend(values.next());
                self.sql.push_str(&format!("${}", self.values.len()));
            }
            self.sql.push_str(part);
        }
    }

    /// A query with these conditions.
    pub(crate) fn query(&self, select: &str, order: &str, limit: u32) -> Step {
        let mut values = self.values.clone();
        values.push(Arc::new(i64::from(limit)));
        let sql = format!("{select}{} ORDER BY {order} LIMIT ${}", self.sql, values.len());
        Step::query(sql, values)
    }

    /// The last row a page looks at, when there are more.
    async fn end<T>(
        &self,
        connection: &mut Connection,
        table: &'static str,
        (select, order): (&str, &str),
        read: fn(&Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, Failed> {
        let last = ROWS_LOOKED_AT - 1;
        let sql = format!("{select}{} ORDER BY {order} LIMIT 1 OFFSET {last}", self.sql);
        Ok(rows::one(&connection.one(sql, self.values.clone()).await?, table, read)?)
    }
}

async fn run(connection: &mut Connection, step: Step) -> Result<Vec<Row>, Failed> {
    let answer = connection.pipeline(&[step]).await?.pop();
    Ok(answer.unwrap_or_else(|| Ok(vec![]))?)
}

pub(crate) fn text(text: impl Into<String>) -> Param {
    Arc::new(text.into())
}

pub(crate) fn blob(bytes: impl Into<Vec<u8>>) -> Param {
    Arc::new(bytes.into())
}

pub(crate) fn number(number: i64) -> Param {
    Arc::new(number)
}

pub(crate) fn time(at: Timestamp) -> Param {
    number(secs(at))
}

const fn direction(newest: bool) -> (&'static str, &'static str) {
    if newest { ("<", "DESC") } else { (">", "ASC") }
}

/// The rule of `LicenseLine::state`, of which a test of the suite holds every case. A definition that is lost matches,
/// so that its row shows the damage.
fn state(state: LineState) -> String {
    const IDLE: &str = "l.activating + l.being_returned = 0";
    const GONE: &str = "(l.withdrawn = l.quantity AND (l.quantity > 0 OR l.wanted_back))";
    const AVAILABLE: &str = "l.quantity - l.withdrawn - l.active";
    const UPDATE: &str = "d.document::json->>'update'";
    match state {
        LineState::Pending => "l.activating + l.being_returned > 0".to_owned(),
        LineState::Withdrawn => format!("{IDLE} AND {GONE} AND l.replaced_by IS NULL"),
        LineState::Replaced => format!("{IDLE} AND {GONE} AND l.replaced_by IS NOT NULL"),
        LineState::Available => format!("{IDLE} AND NOT {GONE} AND l.active = 0"),
        LineState::PartlyActivated => format!("{IDLE} AND NOT {GONE} AND l.active > 0 AND {AVAILABLE} > 0"),
        LineState::Consumed => format!(
            "{IDLE} AND l.active > 0 AND {AVAILABLE} = 0 AND (d.document IS NULL OR {UPDATE} IS NOT NULL)"
        ),
        LineState::Activated => {
            format!("{IDLE} AND l.active > 0 AND {AVAILABLE} = 0 AND {UPDATE} IS NULL")
        }
    }
}

/// License lines with their customers.
pub(crate) async fn licenses(
    connection: &mut Connection,
    wanted: &LicenseQuery,
) -> Result<Page<FoundLicense, LicenseId>, Failed> {
    match pages_of_licenses(connection, wanted).await {
        // Only to look for a state are the texts of definitions taken apart by the database.
        Err(Failed::Postgres(error)) if damaged_value(&error) => {
            Err(Failed::Store(StoreError::Inconsistent { table: "licenses", column: "document" }))
        }
        found => found,
    }
}

async fn pages_of_licenses(
    connection: &mut Connection,
    wanted: &LicenseQuery,
) -> Result<Page<FoundLicense, LicenseId>, Failed> {
    let (above, below) = wanted.range();
    let (_, direction) = direction(wanted.newest);
    let (mut driving, mut others) = (Conditions::default(), Vec::new());
    let filters = [
        ("l.order_id = ?", wanted.order.as_ref().map(OrderId::as_str)),
        ("l.customer = ?", wanted.customer.as_ref().map(CustomerId::as_str)),
        (
            "l.definition = (SELECT definition FROM items WHERE id = ?)",
            wanted.item.as_ref().map(ItemId::as_str),
        ),
    ];
    // The first of them has the index; the others are looked at row by row.
    for (condition, value) in filters.into_iter().filter_map(|(sql, value)| Some((sql, value?))) {
        if driving.values.is_empty() {
            driving.and(condition, [text(value)]);
        } else {
            others.push((condition.to_owned(), vec![text(value)]));
        }
    }
    if wanted.never_activated {
        others.push(("NOT EXISTS (SELECT 1 FROM activations a WHERE a.license = l.id)".to_owned(), vec![]));
    }
    others.extend(wanted.state.map(|wanted| (state(wanted), vec![])));
    driving.and("l.id > ?", [blob(above)]);
    driving.and("l.id < ?", [blob(below)]);
    let order = format!("l.id {direction}");
    let mut end = None;
    if !others.is_empty() {
        let ids = ("SELECT l.id FROM licenses l", order.as_str());
        end = driving.end(connection, "licenses", ids, rows::license_id).await?;
        if let Some(LicenseId(end)) = end {
            driving.and(if wanted.newest { "l.id >= ?" } else { "l.id <= ?" }, [blob(end)]);
        }
    }
    for (condition, values) in others {
        driving.and(&condition, values);
    }
    let step = driving.query(query::FOUND, &order, wanted.limit + 1);
    let answer = run(connection, step).await?;
    let definitions = rows::Definitions::default();
    let found = rows::all(&answer, "licenses", |row| definitions.found(row))?;
    Ok(Page::cut(found, wanted.limit, end, |found| found.line.id))
}

pub(crate) async fn orders(connection: &mut Connection, wanted: &OrderQuery) -> Result<Vec<Order>, Failed> {
    let (beyond, direction) = direction(wanted.newest);
    let mut conditions = Conditions::default();
    if let Some(customer) = wanted.customer.as_ref().map(CustomerId::as_str) {
        // The index has customers in small letters.
        let same = "lower(customer COLLATE \"C\") = lower(?::text COLLATE \"C\")
            AND customer COLLATE \"C\" = ?";
        conditions.and(same, [text(customer), text(customer)]);
    }
    if let Some(from) = wanted.from {
        conditions.and("created_at >= ?", [time(from)]);
    }
    if let Some(until) = wanted.until {
        conditions.and("created_at < ?", [time(until)]);
    }
    if let Some((at, after)) = &wanted.after {
        conditions.and(&format!("(created_at, id) {beyond} (?, ?)"), [time(*at), text(after.as_str())]);
    }
    let order = format!("created_at {direction}, id {direction}");
    let step = conditions.query(query::ORDER, &order, wanted.limit);
    Ok(rows::all(&run(connection, step).await?, "orders", rows::order)?)
}

pub(crate) async fn items(connection: &mut Connection, wanted: &ItemQuery) -> Result<Vec<Item>, Failed> {
    Ok(rows::all(&run(connection, items_step(wanted)).await?, "items", rows::item)?)
}

pub(crate) fn items_step(wanted: &ItemQuery) -> Step {
    let mut conditions = Conditions::default();
    let after = wanted.after.as_ref().map(ItemId::as_str);
    let mut order = "i.id";
    if wanted.prefix.is_empty() {
        conditions.and("i.id > ?", [text(after.unwrap_or_default())]);
    } else {
        order = "lower(i.id), i.id";
        let end = format!("{}{LAST_CHARACTER}", wanted.prefix);
        let within =
            "lower(i.id) >= lower(?::text COLLATE \"C\") AND lower(i.id) < lower(?::text COLLATE \"C\")";
        conditions.and(within, [text(wanted.prefix.as_str()), text(end)]);
        if let Some(after) = after {
            conditions
                .and("(lower(i.id), i.id) > (lower(?::text COLLATE \"C\"), ?)", [text(after), text(after)]);
        }
    }
    conditions.query(query::item!(""), order, wanted.limit)
}

pub(crate) async fn containers(
    connection: &mut Connection,
    wanted: &ContainerQuery,
) -> Result<Page<ContainerRecord, ContainerSerial>, Failed> {
    let (beyond, direction) = direction(wanted.newest);
    let mut driving = Conditions::default();
    if wanted.only_flagged() {
        driving.and("status <> 'normal'", []);
    }
    if let Some((at, after)) = wanted.after {
        let place = [time(at), number(serial_number(after))];
        driving.and(&format!("(registered_at, serial) {beyond} (?, ?)"), place);
    }
    let order = format!("registered_at {direction}, serial {direction}");
    let mut end = None;
    if wanted.kind.is_some() || wanted.test.is_some() || wanted.status.is_some() {
        let places = ("SELECT registered_at, serial FROM containers", order.as_str());
        end = driving.end(connection, "containers", places, rows::registered).await?;
        if let Some((at, serial)) = end {
            let until = if wanted.newest { ">=" } else { "<=" };
            let place = [time(at), number(serial_number(serial))];
            driving.and(&format!("(registered_at, serial) {until} (?, ?)"), place);
        }
    }
    if let Some(kind) = wanted.kind {
        // Not as a range of serials: that would be taken for what to look for.
        driving.and("serial >> 48 = ?", [number(i64::from(kind.mask()))]);
    }
    if let Some(status) = wanted.status {
        driving.and("status = ?", [text(status.name())]);
    }
    if let Some(test) = wanted.test {
        driving.and("test_host = ?", [Arc::new(test) as Param]);
    }
    let step = driving.query(query::container!(""), &order, wanted.limit + 1);
    let found = rows::all(&run(connection, step).await?, "containers", rows::container)?;
    Ok(Page::cut(found, wanted.limit, end.map(|(_, serial)| serial), |found| found.serial))
}

pub(crate) async fn unfinished(
    connection: &mut Connection,
    wanted: &TransferQuery,
) -> Result<Vec<UnfinishedTransfer>, Failed> {
    let mut conditions = Conditions::default();
    if let Some(container) = wanted.container {
        // What is live in one container is not much: it is sorted.
        conditions.and(query::live!(), []);
        conditions.and("container = ?", [number(serial_number(container))]);
    }
    conditions.and("step IS NOT NULL", []);
    if let Some((at, after)) = wanted.after {
        conditions.and("(created_at, id) > (?, ?)", [time(at), blob(after.0)]);
    }
    if let Some(before) = wanted.before {
        let issued = "(SELECT issued_at FROM steps s WHERE s.id = activations.step) < ?";
        conditions.and(&format!("created_at < ? AND {issued}"), [time(before), time(before)]);
    }
    let step = conditions.query(query::UNFINISHED, "created_at, id", wanted.limit);
    Ok(rows::all(&run(connection, step).await?, "activations", rows::unfinished)?)
}

/// Events in an order other than that in which they are followed: nothing is waited for.
pub(crate) async fn events(
    connection: &mut Connection,
    wanted: EventQuery,
) -> Result<Vec<StoredEvent>, Failed> {
    let (beyond, direction) = direction(wanted.newest);
    let mut conditions = Conditions::default();
    let columns = [
        ("ticket = ?", wanted.ticket.map(|id| blob(id.0))),
        ("license = ?", wanted.license.map(|id| blob(id.0))),
        ("container = ?", wanted.container.map(|serial| number(serial_number(serial)))),
        ("action = ?", wanted.action.map(|action| text(action.name()))),
        ("at >= ?", wanted.from.map(time)),
        ("at < ?", wanted.until.map(time)),
    ];
    for (condition, value) in columns.into_iter().filter_map(|(sql, value)| Some((sql, value?))) {
        conditions.and(condition, [value]);
    }
    let by_time = wanted.by_time();
    let after = number(signed(wanted.after));
    if wanted.after == 0 {
        // From the beginning, or from the end.
    } else if by_time {
        let at = Step::query("SELECT at FROM events WHERE sequence = $1", vec![Arc::clone(&after)]);
        let found = rows::one(&run(connection, at).await?, "events", rows::event_time)?;
        let Some(at) = found else { return Ok(vec![]) };
        conditions.and(&format!("(at, sequence) {beyond} (?, ?)"), [time(at), after]);
    } else {
        conditions.and(&format!("sequence {beyond} ?"), [after]);
    }
    let order = if by_time {
        format!("at {direction}, sequence {direction}")
    } else {
        format!("sequence {direction}")
    };
    let step = conditions.query(query::EVENT_COLUMNS, &order, wanted.limit);
    Ok(rows::all(&run(connection, step).await?, "events", rows::event)?)
}
