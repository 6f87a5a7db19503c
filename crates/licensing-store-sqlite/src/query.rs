//! The texts of queries that are used in more than one place. Columns stand in the order in which they are read.

// `LEFT JOIN`: a definition that is lost is damage, and must not make the license look absent.
pub(crate) const LICENSE: &str =
    "SELECT l.carried, l.withdrawn_carried, l.withdrawn, l.id, l.ticket, l.order_id, l.position, d.document, l.quantity,
    l.generation, l.fresh, l.activating, l.active, l.being_returned, l.assigned, l.replaces, l.replaced_by,
    l.wanted_back, l.created_at, l.version
    FROM licenses l LEFT JOIN definitions d ON d.hash = l.definition";

pub(crate) const ACTIVATION: &str = "SELECT state, step, activated_at, ended_at, proof, id, license, ticket, container, firm_code,
    entry, generation, quantity, units, expires, maintenance_until, usage_started, added_uses, feature_map, withdraw,
    update_effect, created_at, version FROM activations";

/// Written the same wherever it stands, so that the partial indexes are used.
pub(crate) const LIVE: &str = "state NOT IN ('returned', 'consumed', 'cancelled', 'superseded')";

pub(crate) const CONTAINER: &str =
    "SELECT serial, identity_key, sealing_key, test_host, status, registered_at, version
    FROM containers";

pub(crate) const FIRM: &str =
    "SELECT serial, firm_code, confirmed_counter, confirmed_digest, last_sequence, last_certified,
    last_box_time, last_hash, last_seen_at, last_free, last_traits, resync, version FROM firms";

pub(crate) const STEPS: &str =
    "SELECT id, before_counter, before_digest, after_digest, bytes, issued_at, voided FROM steps
    WHERE serial = ? AND firm_code = ? AND settled_at IS NULL AND dropped_at IS NULL ORDER BY before_counter, id";

pub(crate) const TICKET: &str = "SELECT id, lookup, sealed, customer, together, created_at FROM tickets";

pub(crate) const ITEM: &str = "SELECT i.id, d.document, i.created_at, i.version
    FROM items i LEFT JOIN definitions d ON d.hash = i.definition";

pub(crate) const TOKEN: &str =
    "SELECT hash, name, roles, scopes, certificate, created_at, expires_at, revoked_at, version FROM tokens";

pub(crate) const HELD_ORDER: &str =
    "SELECT state, id, content, customer, order_lines, asked_by, asked_at, decided_by, decided_at, until, version
    FROM held_orders";

pub(crate) const USER: &str = "SELECT recovery, factor_confirmed, factor_step, factor, name, roles, password,
    password_set_at, must_change, failures, failed_at, signed_in_at, created_at, disabled_at, version FROM users";

pub(crate) const SESSION: &str =
    "SELECT hash, owner, stage, begun_at, last_seen, ends_at, origin, agent FROM sessions";

pub(crate) const SESSION_AND_USER: &str = "SELECT hash, owner, stage, begun_at, last_seen, ends_at, origin,
    agent, recovery, factor_confirmed, factor_step, factor, name, roles, password, password_set_at, must_change,
    failures, failed_at, signed_in_at, created_at, disabled_at, version
    FROM sessions JOIN users ON name = owner WHERE hash = ?";

pub(crate) const EVENT: &str =
    "SELECT sequence, at, action, outcome, actor, origin, ticket, license, container, firm_code,
    quantity, proof, detail FROM events";

pub(crate) const APPROVAL: &str =
    "SELECT id, kind, license, ticket, container, firm_code, state, decided_at, until,
    first_grant_by, reason, requested_at, version FROM approvals";

pub(crate) const RECEIPT: &str =
    "SELECT hash, serial, firm_code, counter, digest, bytes, received_at FROM receipts";

pub(crate) const ORDER: &str = "SELECT id, customer, comment, ticket, content, created_at FROM orders";

/// Before the columns of an activation: what a transfer that is not finished is shown with.
pub(crate) const OF_UNFINISHED: &str =
    "SELECT (SELECT issued_at FROM steps s WHERE s.id = activations.step) AS issued_at,
    (SELECT order_id FROM licenses l WHERE l.id = activations.license) AS order_id,
    (SELECT customer FROM licenses l WHERE l.id = activations.license) AS customer,
    (SELECT document FROM licenses l JOIN definitions d ON d.hash = l.definition WHERE l.id = activations.license)
    AS document, ";

/// License lines with their customers.
pub(crate) fn found() -> String {
    LICENSE.replacen("SELECT ", "SELECT l.customer AS customer, ", 1)
}
pub(crate) const WEBHOOK: &str =
    "SELECT w.name, w.url, w.sealed, w.actions, w.disabled_at, w.disabled_why, w.created_at, w.version,
    p.reached, p.lease, p.lease_until, p.failing_since, p.taken_at, p.version AS progress_version
    FROM webhooks w LEFT JOIN webhook_progress p ON p.webhook = w.name";

pub(crate) const PARKED: &str =
    "SELECT webhook, sequence, lane, attempts, since, next_at, outcome, dead_at FROM webhook_parked";
