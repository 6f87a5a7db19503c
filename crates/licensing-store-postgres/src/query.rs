//! The texts of queries that are used in more than one place, completed by what follows `FROM`.

/// The columns of a license line.
macro_rules! license_columns {
    () => {
        "l.id, l.ticket, l.order_id, l.position, d.document, l.quantity, l.generation, l.fresh, l.carried,
            l.activating, l.active, l.being_returned, l.withdrawn, l.withdrawn_carried, l.assigned, l.replaces,
            l.replaced_by, l.wanted_back, l.created_at, l.version"
    };
}

// `LEFT JOIN`: a definition that is lost is damage, and must not make the license look absent.
macro_rules! license_tables {
    () => {
        " FROM licenses l LEFT JOIN definitions d ON d.hash = l.definition "
    };
}

macro_rules! license {
    ($($tail:tt)*) => {
        concat!("SELECT ", query::license_columns!(), query::license_tables!(), $($tail)*)
    };
}

/// License lines with the customers of their tickets.
pub(crate) const FOUND: &str = concat!("SELECT l.customer, ", license_columns!(), license_tables!());

macro_rules! activation_columns {
    () => {
        "id, license, ticket, container, firm_code, entry, generation, quantity, units, expires,
            maintenance_until, usage_started, added_uses, feature_map, state, step, activated_at, ended_at, proof,
            withdraw, update_effect, created_at, version FROM activations "
    };
}

macro_rules! activation {
    ($($tail:tt)*) => {
        concat!("SELECT ", query::activation_columns!(), $($tail)*)
    };
}

/// Activations with what a transfer that is not finished is shown with.
pub(crate) const UNFINISHED: &str = concat!(
    "SELECT (SELECT issued_at FROM steps s WHERE s.id = activations.step) AS issued_at,
    (SELECT order_id FROM licenses l WHERE l.id = activations.license) AS order_id,
    (SELECT customer FROM licenses l WHERE l.id = activations.license) AS customer,
    (SELECT document FROM licenses l JOIN definitions d ON d.hash = l.definition WHERE l.id = activations.license)
    AS document, ",
    activation_columns!()
);

/// What makes an activation a live one. Written the same wherever it stands, so that the partial indexes are used.
macro_rules! live {
    () => {
        "state NOT IN ('returned', 'consumed', 'cancelled', 'superseded')"
    };
}

macro_rules! container {
    ($tail:literal) => {
        concat!(
            "SELECT serial, identity_key, sealing_key, test_host, status, registered_at, version FROM containers ",
            $tail
        )
    };
}

macro_rules! firm {
    ($tail:literal) => {
        concat!(
            "SELECT serial, firm_code, confirmed_counter, confirmed_digest, last_sequence, last_certified,
            last_box_time, last_hash, last_seen_at, last_free, last_traits, resync, version FROM firms ",
            $tail
        )
    };
}

/// Unproven steps.
macro_rules! step {
    ($tail:literal) => {
        concat!(
            "SELECT id, serial, firm_code, before_counter, before_digest, after_digest, bytes, issued_at, voided
            FROM steps WHERE settled_at IS NULL AND dropped_at IS NULL AND ",
            $tail
        )
    };
}

macro_rules! ticket {
    ($tail:literal) => {
        concat!("SELECT id, lookup, sealed, customer, together, created_at FROM tickets ", $tail)
    };
}

macro_rules! item {
    ($tail:literal) => {
        concat!(
            "SELECT i.id, d.document, i.created_at, i.version
            FROM items i LEFT JOIN definitions d ON d.hash = i.definition ",
            $tail
        )
    };
}

macro_rules! token {
    ($tail:literal) => {
        concat!(
            "SELECT hash, name, roles, scopes, certificate, created_at, expires_at, revoked_at, version FROM tokens ",
            $tail
        )
    };
}

macro_rules! held_order {
    ($tail:literal) => {
        concat!(
            "SELECT id, content, customer, order_lines, asked_by, asked_at, state, decided_by, decided_at, until,
            version FROM held_orders ",
            $tail
        )
    };
}

macro_rules! user {
    ($tail:literal) => {
        concat!(
            "SELECT name, roles, password, password_set_at, must_change, factor, factor_confirmed, factor_step,
            recovery, failures, failed_at, signed_in_at, created_at, disabled_at, version FROM users ",
            $tail
        )
    };
}

macro_rules! session {
    ($tail:literal) => {
        concat!(
            "SELECT hash, owner, stage, begun_at, last_seen, ends_at, origin, agent FROM sessions ",
            $tail
        )
    };
}

pub(crate) const SESSION_AND_USER: &str = "SELECT hash, owner, stage, begun_at, last_seen, ends_at, origin,
    agent, name, roles, password, password_set_at, must_change, factor, factor_confirmed, factor_step, recovery,
    failures, failed_at, signed_in_at, created_at, disabled_at, version
    FROM sessions JOIN users ON name = owner WHERE hash = $1";

macro_rules! approval {
    ($tail:literal) => {
        concat!(
            "SELECT id, kind, license, ticket, container, firm_code, state, decided_at, until, first_grant_by, reason, requested_at,
            version FROM approvals ",
            $tail
        )
    };
}

macro_rules! receipt {
    ($tail:literal) => {
        concat!(
            "SELECT r.hash, r.serial, r.firm_code, r.counter, r.digest, r.bytes, r.received_at FROM receipts r ",
            $tail
        )
    };
}

pub(crate) const BLACKLIST_VERSION: &str = "SELECT COALESCE(MAX(version), 0) AS version FROM blacklist";

pub(crate) const RECONCILING: &str = "SELECT reconciling FROM server_state WHERE id = 1";

macro_rules! event_columns {
    () => {
        "SELECT sequence, at, action, outcome, actor, origin, ticket, license, container, firm_code, quantity, proof,
            detail FROM events"
    };
}

pub(crate) const EVENT_COLUMNS: &str = event_columns!();

pub(crate) const EVENT: &str = concat!(event_columns!(), " WHERE sequence > $1");

pub(crate) const ORDER: &str = "SELECT id, customer, comment, ticket, content, created_at FROM orders";

macro_rules! parked {
    ($state:literal) => {
        concat!(
            "SELECT webhook, sequence, lane, attempts, since, next_at, outcome, dead_at FROM webhook_parked
            WHERE webhook = $1 AND ",
            $state,
            " AND sequence > $2 ORDER BY sequence LIMIT $3"
        )
    };
}

pub(crate) const WEBHOOKS: &str =
    "SELECT w.name, w.url, w.sealed, w.actions, w.disabled_at, w.disabled_why, w.created_at, w.version,
    p.reached, p.lease, p.lease_until, p.failing_since, p.taken_at, p.version AS progress_version
    FROM webhooks w LEFT JOIN webhook_progress p ON p.webhook = w.name ORDER BY w.name";

pub(crate) use {
    activation, activation_columns, approval, container, firm, held_order, item, license, license_columns,
    license_tables, live, parked, receipt, session, step, ticket, token, user,
};
