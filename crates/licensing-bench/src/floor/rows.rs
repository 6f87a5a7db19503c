//! The rows of an activation and of an order, as plain statements: what any program has to write that keeps the same
//! books in the same tables.

use ring::digest::{SHA256, digest};

use licensing_bench::generate::FIRM_CODE;

/// A value of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(i64),
    Blob(Vec<u8>),
    Text(String),
    Flag(bool),
}

/// A statement with its values; `?1` stands for the first.
#[derive(Debug, Clone)]
pub(crate) struct Row(pub(crate) &'static str, pub(crate) Vec<Value>);

/// Bytes of a stored answer to an activation, of a step, and of a context.
const ANSWER: usize = 1_700;
const STEP: usize = 260;
const CONTEXT: usize = 480;
/// Bytes of the definition of an item.
const DEFINITION: usize = 480;

const TICKET: &str =
    "INSERT INTO tickets (id, lookup, sealed, together, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const ORDER: &str =
    "INSERT INTO orders (id, comment, ticket, content, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const LICENSE: &str =
    "INSERT INTO licenses (id, ticket, order_id, position, definition, quantity, generation, fresh,
    activating, active, being_returned, withdrawn, created_at, version)
    VALUES (?1, ?2, ?3, ?4, ?5, 1, 0, 1, 0, 0, 0, 0, ?6, 1)";
const EVENT: &str =
    "INSERT INTO events (at, action, outcome, actor, origin, ticket, license, container, firm_code, quantity,
    detail) VALUES (?1, ?2, 'done', 'ticket holder', '127.0.0.1', ?3, ?4, ?5, ?6, 1, '')";
const EVENT_OF_ORDER: &str =
    "INSERT INTO events (at, action, outcome, actor, origin, ticket, license, quantity, detail)
    VALUES (?1, 'license_created', 'done', 'admin', '127.0.0.1', ?2, ?3, 1, ?4)";
const REQUEST: &str = "INSERT INTO requests (key, fingerprint, response, at) VALUES (?1, ?2, ?3, ?4)";
const CONTAINER: &str =
    "INSERT INTO containers (serial, identity_key, sealing_key, test_host, status, registered_at, version)
    VALUES (?1, ?2, ?3, ?4, 'normal', ?5, 1)";
const FIRM: &str = "INSERT INTO firms (serial, firm_code, confirmed_counter, confirmed_digest, last_sequence, last_certified,
    last_box_time, last_hash, last_seen_at, last_free, last_traits, resync, version)
    VALUES (?1, ?2, 0, ?3, 1, 0, ?4, ?5, ?4, 2000, ?6, ?7, 1)";
const NOTE: &str = "INSERT INTO contexts (serial, firm_code, sequence, hash) VALUES (?1, ?2, ?3, ?4)";
const ISSUE: &str =
    "UPDATE licenses SET fresh = 0, activating = 1, version = 2 WHERE id = ?1 AND version = 1";
const ACTIVATION: &str =
    "INSERT INTO activations (id, license, ticket, container, firm_code, entry, generation, quantity,
    state, step, created_at, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 1, 'activating', ?7, ?8, 1)";
const STEP_ROW: &str =
    "INSERT INTO steps (id, serial, firm_code, before_counter, before_digest, after_digest, bytes, issued_at)
    VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)";
const PROVE_FIRM: &str =
    "UPDATE firms SET confirmed_counter = 1, confirmed_digest = ?1, last_sequence = 2, last_hash = ?2,
    last_box_time = ?3, last_seen_at = ?3, version = 2 WHERE serial = ?4 AND firm_code = ?5 AND version = 1";
const PROVE_STEP: &str = "UPDATE steps SET proof = ?1, settled_at = ?2 WHERE id = ?3 AND settled_at IS NULL";
const PROVE_ACTIVATION: &str =
    "UPDATE activations SET state = 'active', step = NULL, activated_at = ?1, proof = ?2,
    version = 2 WHERE id = ?3 AND version = 1";
const PROVE_LICENSE: &str =
    "UPDATE licenses SET activating = 0, active = 1, version = 3 WHERE id = ?1 AND version = 2";
const RECEIPT: &str = "INSERT INTO receipts (hash, serial, firm_code, counter, digest, bytes, received_at)
    VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6)";
const DEFINE: &str = "INSERT INTO definitions (hash, document) VALUES (?1, ?2)";

/// One thing with made-up keys that look like real ones: the same name gives the same bytes.
fn bytes(name: &str, number: u64, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 32);
    for block in 0u32.. {
        if out.len() >= length {
            break;
        }
        let text = [name.as_bytes(), &number.to_be_bytes(), &block.to_be_bytes()].concat();
        out.extend_from_slice(digest(&SHA256, &text).as_ref());
    }
    out.truncate(length);
    out
}

/// A time-ordered id.
fn ordered(name: &str, number: u64) -> Vec<u8> {
    let mut id = number.to_be_bytes().to_vec();
    id.extend(bytes(name, number, 8));
    id
}

fn blob(name: &str, number: u64, length: usize) -> Value {
    Value::Blob(bytes(name, number, length))
}

fn serial(number: u64) -> Value {
    let mut random = [0; 8];
    random[2..].copy_from_slice(&bytes("serial", number, 6));
    Value::Int((130 << 48) | i64::from_be_bytes(random))
}

const AT: Value = Value::Int(1_800_000_000);
const FIRM_ITEM: Value = Value::Int(FIRM_CODE as i64);

/// What all orders need.
pub(crate) fn definition() -> Row {
    Row(DEFINE, vec![blob("definition", 0, 32), Value::Text("x".repeat(DEFINITION))])
}

/// An order with so many licenses on a ticket of its own.
pub(crate) fn order(number: u64, licenses: u64) -> Vec<Row> {
    let ticket = Value::Blob(ordered("ticket", number));
    let order = Value::Text(format!("F-{number:08}"));
    let sealed = blob("sealed", number, 90);
    let mut rows = vec![
        Row(TICKET, vec![ticket.clone(), blob("lookup", number, 32), sealed, Value::Flag(false), AT]),
        Row(
            ORDER,
            vec![order.clone(), Value::Text(String::new()), ticket.clone(), blob("content", number, 32), AT],
        ),
    ];
    let first = number * licenses;
    for (position, license) in (0..).zip(first..first + licenses) {
        let id = Value::Blob(ordered("license", license));
        let definition = blob("definition", 0, 32);
        let values = vec![id.clone(), ticket.clone(), order.clone(), Value::Int(position), definition, AT];
        rows.push(Row(LICENSE, values));
        rows.push(Row(EVENT_OF_ORDER, vec![AT, ticket.clone(), id, order.clone()]));
    }
    rows
}

/// The issue of the only license of an order of one.
pub(crate) fn issue(number: u64) -> Vec<Row> {
    let (ticket, license) = (Value::Blob(ordered("ticket", number)), Value::Blob(ordered("license", number)));
    let id = |name, length| blob(name, number, length);
    let serial = serial(number);
    let flag = || Value::Flag(false);
    vec![
        Row(REQUEST, vec![id("key", 32), id("fingerprint", 32), id("answer", ANSWER), AT]),
        Row(CONTAINER, vec![serial.clone(), id("identity", 32), id("sealing", 32), flag(), AT]),
        Row(
            FIRM,
            vec![
                serial.clone(),
                FIRM_ITEM,
                id("begin", 32),
                AT,
                id("first", 32),
                Value::Blob(vec![]),
                flag(),
            ],
        ),
        Row(NOTE, vec![serial.clone(), FIRM_ITEM, Value::Int(1), id("first", 32)]),
        Row(ISSUE, vec![license.clone()]),
        Row(
            STEP_ROW,
            vec![
                id("step", 32),
                serial.clone(),
                FIRM_ITEM,
                id("begin", 32),
                id("after", 32),
                id("step bytes", STEP),
                AT,
            ],
        ),
        Row(
            ACTIVATION,
            vec![
                id("activation", 16),
                license.clone(),
                ticket.clone(),
                serial.clone(),
                FIRM_ITEM,
                id("entry", 16),
                id("step", 32),
                AT,
            ],
        ),
        Row(EVENT, vec![AT, Value::Text("activation_issued".to_owned()), ticket, license, serial, FIRM_ITEM]),
    ]
}

/// Its receipt.
pub(crate) fn settle(number: u64) -> Vec<Row> {
    let (ticket, license) = (Value::Blob(ordered("ticket", number)), Value::Blob(ordered("license", number)));
    let id = |name, length| blob(name, number, length);
    let serial = serial(number);
    vec![
        Row(NOTE, vec![serial.clone(), FIRM_ITEM, Value::Int(2), id("proof", 32)]),
        Row(
            RECEIPT,
            vec![id("proof", 32), serial.clone(), FIRM_ITEM, id("after", 32), id("context", CONTEXT), AT],
        ),
        Row(PROVE_STEP, vec![id("proof", 32), AT, id("step", 32)]),
        Row(PROVE_ACTIVATION, vec![AT, id("proof", 32), id("activation", 16)]),
        Row(PROVE_LICENSE, vec![license.clone()]),
        Row(PROVE_FIRM, vec![id("after", 32), id("proof", 32), AT, serial.clone(), FIRM_ITEM]),
        Row(
            EVENT,
            vec![AT, Value::Text("activation_confirmed".to_owned()), ticket, license, serial, FIRM_ITEM],
        ),
    ]
}

const ONE_TICKET: &str = "SELECT id, lookup, customer, together, created_at FROM tickets WHERE lookup = ?1";
const LINES: &str = "SELECT l.*, d.document FROM licenses l JOIN definitions d ON d.hash = l.definition
    WHERE l.ticket = ?1";
const LINES_HERE: &str = "SELECT l.*, d.document FROM activations a JOIN licenses l ON l.id = a.license
    JOIN definitions d ON d.hash = l.definition WHERE a.container = ?1 AND a.firm_code = ?2
    AND a.state NOT IN ('returned', 'consumed', 'cancelled', 'superseded')";
const ASSIGNED: &str = "SELECT id FROM licenses WHERE assigned = ?1";
const UNUSED_APPROVALS: &str = "SELECT * FROM approvals WHERE ticket = ?1 AND state <> 'used'";
const LIVE_HERE: &str = "SELECT * FROM activations WHERE container = ?1 AND firm_code = ?2
    AND state NOT IN ('returned', 'consumed', 'cancelled', 'superseded')";
const ONE_CONTAINER: &str = "SELECT * FROM containers WHERE serial = ?1";
const ONE_FIRM: &str = "SELECT * FROM firms WHERE serial = ?1 AND firm_code = ?2";
const UNPROVEN: &str = "SELECT * FROM steps WHERE serial = ?1 AND firm_code = ?2 AND settled_at IS NULL";
const SEEN: &str = "SELECT hash FROM contexts WHERE serial = ?1 AND firm_code = ?2 AND sequence = ?3";
const BLACKLISTED: &str = "SELECT COALESCE(MAX(version), 0) FROM blacklist";
const RECONCILING: &str = "SELECT reconciling FROM server_state WHERE id = 1";

/// What has to be known of a container for any decision about it.
fn here(number: u64) -> Vec<Row> {
    let (serial, key) = (serial(number), || vec![serial(number), FIRM_ITEM]);
    vec![
        Row(LIVE_HERE, key()),
        Row(LINES_HERE, key()),
        Row(ASSIGNED, vec![serial.clone()]),
        Row(ONE_CONTAINER, vec![serial.clone()]),
        Row(ONE_FIRM, key()),
        Row(UNPROVEN, key()),
        Row(SEEN, vec![serial, FIRM_ITEM, Value::Int(1)]),
        Row(BLACKLISTED, vec![]),
        Row(RECONCILING, vec![]),
    ]
}

/// What has to be read to issue, in the order in which it can be: the ticket first.
pub(crate) fn read_to_issue(number: u64) -> [Vec<Row>; 2] {
    let ticket = || vec![Value::Blob(ordered("ticket", number))];
    let mut facts = vec![Row(LINES, ticket()), Row(UNUSED_APPROVALS, ticket())];
    facts.extend(here(number));
    [vec![Row(ONE_TICKET, vec![blob("lookup", number, 32)])], facts]
}

/// What has to be read to settle.
pub(crate) fn read_to_settle(number: u64) -> [Vec<Row>; 1] {
    [here(number)]
}

const OTHER_LINES: &str = "SELECT l.*, d.document FROM activations a JOIN licenses l ON l.id = a.license
    JOIN definitions d ON d.hash = l.definition WHERE a.container = ?1 AND a.firm_code = ?2
    AND a.state NOT IN ('returned', 'consumed', 'cancelled', 'superseded')
    UNION ALL SELECT l.*, d.document FROM licenses l JOIN definitions d ON d.hash = l.definition
    WHERE l.assigned = ?1";
const STANDING: &str =
    "SELECT s.reconciling, (SELECT COALESCE(MAX(version), 0) FROM blacklist), x.hash, c.*, f.*
    FROM server_state s LEFT JOIN containers c ON c.serial = ?1
    LEFT JOIN firms f ON f.serial = ?1 AND f.firm_code = ?2
    LEFT JOIN contexts x ON x.serial = ?1 AND x.firm_code = ?2 AND x.sequence = ?3 WHERE s.id = 1";

/// The same by few statements, where each of them costs more than the rows that it finds.
fn here_joined(number: u64) -> Vec<Row> {
    let (serial, key) = (serial(number), || vec![serial(number), FIRM_ITEM]);
    vec![
        Row(LIVE_HERE, key()),
        Row(OTHER_LINES, key()),
        Row(STANDING, vec![serial, FIRM_ITEM, Value::Int(1)]),
        Row(UNPROVEN, key()),
    ]
}

/// As [`read_to_issue`], by few statements.
pub(crate) fn read_to_issue_joined(number: u64) -> [Vec<Row>; 2] {
    let ticket = || vec![Value::Blob(ordered("ticket", number))];
    let mut facts = vec![Row(LINES, ticket()), Row(UNUSED_APPROVALS, ticket())];
    facts.extend(here_joined(number));
    [vec![Row(ONE_TICKET, vec![blob("lookup", number, 32)])], facts]
}

/// As [`read_to_settle`], by few statements.
pub(crate) fn read_to_settle_joined(number: u64) -> [Vec<Row>; 1] {
    [here_joined(number)]
}

/// What an overview of a ticket reads, by the keyed hash of its code.
pub(crate) const OVERVIEW: [&str; 3] = [
    "SELECT id, customer, together, created_at FROM tickets WHERE lookup = ?",
    "SELECT l.*, d.document FROM tickets t JOIN licenses l ON l.ticket = t.id
     JOIN definitions d ON d.hash = l.definition WHERE t.lookup = ?",
    "SELECT a.* FROM tickets t JOIN activations a ON a.ticket = t.id
     WHERE t.lookup = ? AND a.state NOT IN ('returned', 'consumed', 'cancelled', 'superseded')",
];
