//! What the vendor looks through. Only the filters that are asked for stand in the text of a query, so that it is planned
//! for the index it needs; a `+` before a column keeps a filter from being taken for one.

use licensing_core::container::ContainerRecord;
use licensing_core::ids::{ContainerKind, ContainerSerial, CustomerId, ItemId, LicenseId, OrderId};
use licensing_core::item::Item;
use licensing_core::license::LineState;
use licensing_core::order::Order;
use licensing_core::time::Timestamp;
use licensing_store::{
    ContainerQuery, EventQuery, FoundLicense, ItemQuery, LicenseQuery, OrderQuery, Page, ROWS_LOOKED_AT,
    StoreError, StoredEvent, TransferQuery, UnfinishedTransfer,
};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::query;
use crate::read::{all, one};
use crate::rows::{self, Reader, secs, serial_number, signed};

/// Behind every text that begins with the same letters.
pub(crate) const LAST_CHARACTER: char = '\u{10ffff}';

/// Conditions that must all hold, with their values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// One more, with the values of its question marks.
    pub(crate) fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    /// The rows of a query with these conditions.
    pub(crate) fn rows<T>(
        &self,
        db: &Connection,
        table: &'static str,
        (select, order): (&str, &str),
        limit: u32,
        read: impl Fn(&Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let sql = format!("{select}{} ORDER BY {order} LIMIT ?", self.sql);
        let limit = Value::Integer(i64::from(limit));
        all(db, table, &sql, params_from_iter(self.values.iter().chain([&limit])), read)
    }

    /// The last row a page looks at, when there are more.
    fn end<T>(
        &self,
        db: &Connection,
        table: &'static str,
        (select, order): (&str, &str),
        read: fn(&Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let sql = format!("{select}{} ORDER BY {order} LIMIT 1 OFFSET {}", self.sql, ROWS_LOOKED_AT - 1);
        one(db, table, &sql, params_from_iter(&self.values), read)
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn blob(bytes: impl Into<Vec<u8>>) -> Value {
    Value::Blob(bytes.into())
}

fn time(at: Timestamp) -> Value {
    Value::Integer(secs(at))
}

fn direction(newest: bool) -> (&'static str, &'static str) {
    if newest { ("<", "DESC") } else { (">", "ASC") }
}

/// An update license is one whose item has an update. A definition that is lost or damaged matches, so that its row
/// shows the damage.
const IS_UPDATE: &str =
    "CASE WHEN json_valid(d.document) THEN d.document ->> '$.update' IS NOT NULL ELSE 1 END";
const IS_NO_UPDATE: &str =
    "CASE WHEN json_valid(d.document) THEN d.document ->> '$.update' IS NULL ELSE 1 END";

/// The rule of `LicenseLine::state`, of which a test of the suite holds every case.
fn state(state: LineState) -> String {
    const IDLE: &str = "l.activating + l.being_returned = 0";
    const GONE: &str = "l.withdrawn = l.quantity AND (l.quantity > 0 OR l.wanted_back)";
    const AVAILABLE: &str = "l.quantity - l.withdrawn - l.active";
    match state {
        LineState::Pending => "l.activating + l.being_returned > 0".to_owned(),
        LineState::Withdrawn => format!("{IDLE} AND {GONE} AND +l.replaced_by IS NULL"),
        LineState::Replaced => format!("{IDLE} AND {GONE} AND +l.replaced_by IS NOT NULL"),
        LineState::Available => format!("{IDLE} AND NOT ({GONE}) AND l.active = 0"),
        LineState::PartlyActivated => {
            format!("{IDLE} AND NOT ({GONE}) AND l.active > 0 AND {AVAILABLE} > 0")
        }
        LineState::Consumed => format!("{IDLE} AND l.active > 0 AND {AVAILABLE} = 0 AND {IS_UPDATE}"),
        LineState::Activated => format!("{IDLE} AND l.active > 0 AND {AVAILABLE} = 0 AND {IS_NO_UPDATE}"),
    }
}

/// License lines with their customers.
pub(crate) fn licenses(
    db: &Connection,
    wanted: &LicenseQuery,
) -> Result<Page<FoundLicense, LicenseId>, StoreError> {
    let (above, below) = wanted.range();
    let (_, direction) = direction(wanted.newest);
    let mut driving = Conditions::default();
    let mut others: Vec<(String, Vec<Value>)> = Vec::new();
    if let Some(order) = wanted.order.as_ref().map(OrderId::as_str) {
        driving.and("l.order_id = ?", [text(order)]);
    }
    if let Some(customer) = wanted.customer.as_ref().map(CustomerId::as_str) {
        match &wanted.order {
            None => driving.and("l.customer = ?", [text(customer)]),
            Some(_) => others.push(("+l.customer = ?".to_owned(), vec![text(customer)])),
        }
    }
    if let Some(item) = wanted.item.as_ref().map(ItemId::as_str) {
        let defined = "l.definition = (SELECT definition FROM items WHERE id = ?)";
        match (&wanted.order, &wanted.customer) {
            (None, None) => driving.and(defined, [text(item)]),
            _ => others.push((format!("+{defined}"), vec![text(item)])),
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
        end = driving.end(db, "licenses", ("SELECT l.id FROM licenses l", &order), rows::license_id)?;
        if let Some(LicenseId(end)) = end {
            driving.and(if wanted.newest { "l.id >= ?" } else { "l.id <= ?" }, [blob(end)]);
        }
    }
    for (condition, values) in others {
        driving.and(&condition, values);
    }
    let definitions = rows::Definitions::default();
    let found = driving
        .rows(db, "licenses", (&query::found(), &order), wanted.limit + 1, |row| definitions.found(row))?;
    Ok(Page::cut(found, wanted.limit, end, |found| found.line.id))
}

pub(crate) fn orders(db: &Connection, wanted: &OrderQuery) -> Result<Vec<Order>, StoreError> {
    let (beyond, direction) = direction(wanted.newest);
    let mut conditions = Conditions::default();
    if let Some(customer) = wanted.customer.as_ref().map(CustomerId::as_str) {
        // The index has customers whatever their letters.
        conditions.and("customer = ? COLLATE NOCASE AND customer = ?", [text(customer), text(customer)]);
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
    conditions.rows(db, "orders", (query::ORDER, &order), wanted.limit, rows::order)
}

pub(crate) fn items(db: &Connection, wanted: &ItemQuery) -> Result<Vec<Item>, StoreError> {
    let mut conditions = Conditions::default();
    let after = wanted.after.as_ref().map(ItemId::as_str);
    if wanted.prefix.is_empty() {
        conditions.and("i.id > ?", [text(after.unwrap_or_default())]);
        return conditions.rows(db, "items", (query::ITEM, "i.id"), wanted.limit, rows::item);
    }
    let bounds = [text(&wanted.prefix), text(&format!("{}{LAST_CHARACTER}", wanted.prefix))];
    conditions.and("i.id COLLATE NOCASE >= ? AND i.id COLLATE NOCASE < ?", bounds);
    if let Some(after) = after {
        let behind = "i.id COLLATE NOCASE >= ? AND (i.id COLLATE NOCASE > ? OR +i.id > ?)";
        conditions.and(behind, [text(after), text(after), text(after)]);
    }
    conditions.rows(db, "items", (query::ITEM, "i.id COLLATE NOCASE, i.id"), wanted.limit, rows::item)
}

pub(crate) fn containers(
    db: &Connection,
    wanted: &ContainerQuery,
) -> Result<Page<ContainerRecord, ContainerSerial>, StoreError> {
    let (beyond, direction) = direction(wanted.newest);
    let mut driving = Conditions::default();
    if wanted.only_flagged() {
        driving.and("status <> 'normal'", []);
    }
    if let Some((at, after)) = wanted.after {
        let place = [time(at), Value::Integer(serial_number(after))];
        driving.and(&format!("(registered_at, serial) {beyond} (?, ?)"), place);
    }
    let order = format!("registered_at {direction}, serial {direction}");
    let mut end = None;
    if wanted.kind.is_some() || wanted.test.is_some() || wanted.status.is_some() {
        let select = "SELECT registered_at, serial FROM containers";
        end = driving.end(db, "containers", (select, &order), rows::registered)?;
        if let Some((at, serial)) = end {
            let until = if wanted.newest { ">=" } else { "<=" };
            let place = [time(at), Value::Integer(serial_number(serial))];
            driving.and(&format!("(registered_at, serial) {until} (?, ?)"), place);
        }
    }
    if let Some(kind) = wanted.kind {
        driving.and("+serial BETWEEN ? AND ?", of_kind(kind).map(Value::Integer));
    }
    if let Some(status) = wanted.status {
        driving.and("+status = ?", [text(status.name())]);
    }
    if let Some(test) = wanted.test {
        driving.and("test_host = ?", [Value::Integer(i64::from(test))]);
    }
    let select = (query::CONTAINER, order.as_str());
    let found = driving.rows(db, "containers", select, wanted.limit + 1, rows::container)?;
    Ok(Page::cut(found, wanted.limit, end.map(|(_, serial)| serial), |found| found.serial))
}

/// The numbers of serials of a kind.
fn of_kind(kind: ContainerKind) -> [i64; 2] {
    let mask = i64::from(kind.mask());
    [mask << 48, ((mask + 1) << 48) - 1]
}

pub(crate) fn unfinished(
    db: &Connection,
    wanted: &TransferQuery,
) -> Result<Vec<UnfinishedTransfer>, StoreError> {
    let mut conditions = Conditions::default();
    if let Some(container) = wanted.container {
        // What is live in one container is not much: it is sorted.
        conditions.and(query::LIVE, []);
        conditions.and("container = ?", [Value::Integer(serial_number(container))]);
    }
    conditions.and("step IS NOT NULL", []);
    if let Some((at, after)) = wanted.after {
        conditions.and("(created_at, id) > (?, ?)", [time(at), blob(after.0)]);
    }
    if let Some(before) = wanted.before {
        let issued = "(SELECT issued_at FROM steps s WHERE s.id = activations.step) < ?";
        conditions.and(&format!("created_at < ? AND {issued}"), [time(before), time(before)]);
    }
    let select = query::ACTIVATION.replacen("SELECT ", query::OF_UNFINISHED, 1);
    let select = (select.as_str(), "created_at, id");
    conditions.rows(db, "activations", select, wanted.limit, rows::unfinished)
}

pub(crate) fn events(db: &Connection, wanted: &EventQuery) -> Result<Vec<StoredEvent>, StoreError> {
    let (beyond, direction) = direction(wanted.newest);
    let by_time = wanted.by_time();
    let mut conditions = Conditions::default();
    let columns = [
        ("ticket = ?", wanted.ticket.map(|id| blob(id.0))),
        ("license = ?", wanted.license.map(|id| blob(id.0))),
        ("container = ?", wanted.container.map(|serial| Value::Integer(serial_number(serial)))),
        (if by_time { "action = ?" } else { "+action = ?" }, wanted.action.map(|a| text(a.name()))),
        (if by_time { "at >= ?" } else { "+at >= ?" }, wanted.from.map(time)),
        (if by_time { "at < ?" } else { "+at < ?" }, wanted.until.map(time)),
    ];
    for (condition, value) in columns {
        if let Some(value) = value {
            conditions.and(condition, [value]);
        }
    }
    let after = Value::Integer(signed(wanted.after));
    if wanted.after == 0 {
        conditions.and(if by_time { "at >= 0" } else { "sequence > 0" }, []);
    } else if by_time {
        let at = "SELECT at FROM events WHERE sequence = ?";
        let Some(at) = one(db, "events", at, [&after], rows::event_time)? else { return Ok(vec![]) };
        conditions.and(&format!("(at, sequence) {beyond} (?, ?)"), [time(at), after]);
    } else {
        conditions.and(&format!("sequence {beyond} ?"), [after]);
    }
    let order = if by_time {
        format!("at {direction}, sequence {direction}")
    } else {
        format!("sequence {direction}")
    };
    conditions.rows(db, "events", (query::EVENT, &order), wanted.limit, rows::event)
}
