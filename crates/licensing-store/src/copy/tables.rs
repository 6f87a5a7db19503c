//! What a database holds: the tables and columns both drivers have, in an order in which no row refers to a later one.

use super::{Column, Kind, Table};

const fn number(name: &'static str) -> Column {
    Column { name, kind: Kind::Integer }
}

const fn flag(name: &'static str) -> Column {
    Column { name, kind: Kind::Flag }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Kind::Blob }
}

/// Every table with content. A table or column that is not here would be left behind by a move: a test of each driver
/// compares this with its schema.
#[rustfmt::skip]
pub const TABLES: [Table; 27] = [
    Table { name: "definitions", key: &["hash"], columns: &[bytes("hash"), text("document")] },
    Table { name: "items", key: &["id"], columns: &[
        text("id"), bytes("definition"), number("created_at"), number("version"),
    ] },
    Table { name: "tickets", key: &["id"], columns: &[
        bytes("id"), bytes("lookup"), bytes("sealed"), text("customer"), flag("together"), number("created_at"),
    ] },
    Table { name: "orders", key: &["id"], columns: &[
        text("id"), text("customer"), text("comment"), bytes("ticket"), bytes("content"), number("created_at"),
    ] },
    Table { name: "licenses", key: &["id"], columns: &[
        bytes("id"), bytes("ticket"), text("customer"), text("order_id"), number("position"), bytes("definition"), number("quantity"),
        number("generation"), number("fresh"), text("carried"), number("activating"), number("active"),
        number("being_returned"), number("withdrawn"), text("withdrawn_carried"), number("assigned"),
        bytes("replaces"), bytes("replaced_by"), flag("wanted_back"), number("created_at"), number("version"),
    ] },
    Table { name: "containers", key: &["serial"], columns: &[
        number("serial"), bytes("identity_key"), bytes("sealing_key"), flag("test_host"), text("status"),
        number("registered_at"), number("version"),
    ] },
    Table { name: "firms", key: &["serial", "firm_code"], columns: &[
        number("serial"), number("firm_code"), number("confirmed_counter"), bytes("confirmed_digest"),
        number("last_sequence"), number("last_certified"), number("last_box_time"), bytes("last_hash"),
        number("last_seen_at"), number("last_free"), bytes("last_traits"), flag("resync"), number("version"),
    ] },
    Table { name: "steps", key: &["id"], columns: &[
        bytes("id"), number("serial"), number("firm_code"), number("before_counter"), bytes("before_digest"),
        bytes("after_digest"), bytes("bytes"), number("issued_at"), bytes("proof"), number("settled_at"),
        flag("voided"), number("dropped_at"),
    ] },
    Table { name: "activations", key: &["id"], columns: &[
        bytes("id"), bytes("license"), bytes("ticket"), number("container"), number("firm_code"), bytes("entry"),
        number("generation"), number("quantity"), number("units"), number("expires"), number("maintenance_until"),
        number("usage_started"), number("added_uses"), number("feature_map"), flag("withdraw"),
        text("update_effect"), text("state"), bytes("step"), number("activated_at"), number("ended_at"),
        bytes("proof"), number("created_at"), number("version"),
    ] },
    Table { name: "contexts", key: &["serial", "firm_code", "sequence"], columns: &[
        number("serial"), number("firm_code"), number("sequence"), bytes("hash"),
    ] },
    // Their order of arrival tells which is the newest.
    Table { name: "receipts", key: &["arrival"], columns: &[
        number("arrival"), bytes("hash"), number("serial"), number("firm_code"), number("counter"), bytes("digest"),
        bytes("bytes"), number("received_at"),
    ] },
    Table { name: "requests", key: &["key"], columns: &[
        bytes("key"), bytes("fingerprint"), bytes("response"), number("at"),
    ] },
    Table { name: "tokens", key: &["hash"], columns: &[
        bytes("hash"), text("name"), text("roles"), text("scopes"), number("created_at"), number("expires_at"), number("revoked_at"),
        number("version"), bytes("certificate"),
    ] },
    Table { name: "held_orders", key: &["id"], columns: &[
        text("id"), bytes("content"), text("customer"), text("order_lines"), text("asked_by"), number("asked_at"),
        text("state"), text("decided_by"), number("decided_at"), number("until"), number("version"),
    ] },
    Table { name: "ordered", key: &["who", "item"], columns: &[
        text("who"), text("item"), text("taken"), number("version"),
    ] },
    Table { name: "users", key: &["name"], columns: &[
        text("name"), text("roles"), text("password"), number("password_set_at"), flag("must_change"), bytes("factor"),
        flag("factor_confirmed"), number("factor_step"), bytes("recovery"), number("failures"), number("failed_at"),
        number("signed_in_at"), number("created_at"), number("disabled_at"), number("version"),
    ] },
    Table { name: "sessions", key: &["hash"], columns: &[
        bytes("hash"), text("owner"), text("stage"), number("begun_at"), number("last_seen"), number("ends_at"),
        text("origin"), text("agent"),
    ] },
    Table { name: "events", key: &["sequence"], columns: &[
        number("sequence"), number("at"), text("action"), text("outcome"), text("actor"), text("origin"),
        bytes("ticket"), bytes("license"), number("container"), number("firm_code"), number("quantity"),
        bytes("proof"), text("detail"),
    ] },
    Table { name: "usage", key: &["month", "shard"], columns: &[
        number("month"), number("shard"), number("activations"),
    ] },
    Table { name: "webhooks", key: &["name"], columns: &[
        text("name"), text("url"), bytes("sealed"), text("actions"), number("disabled_at"), text("disabled_why"),
        number("created_at"), number("version"),
    ] },
    Table { name: "webhook_progress", key: &["webhook"], columns: &[
        text("webhook"), number("reached"), bytes("lease"), number("lease_until"), number("failing_since"),
        number("taken_at"), number("version"),
    ] },
    Table { name: "webhook_parked", key: &["webhook", "sequence"], columns: &[
        text("webhook"), number("sequence"), text("lane"), number("attempts"), number("since"), number("next_at"),
        text("outcome"), number("dead_at"),
    ] },
    Table { name: "approvals", key: &["id"], columns: &[
        bytes("id"), text("kind"), bytes("license"), bytes("ticket"), number("container"), number("firm_code"),
        text("state"), number("decided_at"), number("until"), text("reason"), text("first_grant_by"), number("requested_at"),
        number("version"),
    ] },
    Table { name: "blacklist", key: &["version"], columns: &[
        number("version"), number("serial"), number("listed_at"), text("reason"),
    ] },
    Table { name: "preactivations", key: &["id"], columns: &[
        bytes("id"), bytes("ticket"), number("quantity"), number("conversions"), number("converted"),
        number("created_at"), number("version"),
    ] },
    Table { name: "conversions", key: &["preactivation", "serial"], columns: &[
        bytes("preactivation"), number("serial"),
    ] },
    Table { name: "server_state", key: &["id"], columns: &[number("id"), number("reconciling")] },
];
