//! The texts of queries that are used in more than one place, completed by what follows `FROM`.

// `LEFT JOIN`: a definition that is lost is damage, and must not make the license look absent.
macro_rules! license {
    ($tail:literal) => {
        concat!(
            "SELECT l.id, l.ticket, l.order_id, l.position, d.document, l.quantity, l.generation, l.fresh, l.carried,
            l.activating, l.active, l.being_returned, l.withdrawn, l.created_at, l.version
            FROM licenses l LEFT JOIN definitions d ON d.hash = l.definition ",
            $tail
        )
    };
}

macro_rules! activation {
    ($tail:literal) => {
        concat!(
            "SELECT id, license, ticket, container, firm_code, entry, generation, quantity, units, expires,
            maintenance_until, usage_started, state, step, activated_at, returned_at, proof, created_at, version
            FROM activations ",
            $tail
        )
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
            last_box_time, last_hash, last_seen_at, version FROM firms ",
            $tail
        )
    };
}

macro_rules! step {
    ($tail:literal) => {
        concat!(
            "SELECT id, serial, firm_code, before_counter, before_digest, after_digest, bytes, issued_at FROM steps ",
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
        concat!("SELECT hash, name, roles, created_at, expires_at, revoked_at, version FROM tokens ", $tail)
    };
}

pub(crate) const EVENT: &str =
    "SELECT sequence, at, action, outcome, actor, origin, ticket, license, container,
    firm_code, quantity, proof, detail FROM events WHERE sequence > $1";

pub(crate) use {activation, container, firm, item, license, step, ticket, token};
