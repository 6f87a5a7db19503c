//! Users and their sessions.

use licensing_core::crypto::digest::Digest;
use licensing_core::four_eyes::{HeldOrder, Ordered};
use licensing_core::ids::CustomerId;
use licensing_core::time::Timestamp;
use licensing_core::user::session::Session;
use licensing_core::user::{User, UserName};
use rusqlite::{Connection, params};

use super::{Written, execute, execute_one, insert};
use crate::rows::{FactorColumns, held_columns, lines_text, roles_text, secs, signed, taken_text};

pub(super) fn put_user(db: &Connection, user: &User) -> Written {
    let factor = FactorColumns::from(user);
    let columns = params![
        roles_text(&user.roles),
        user.password.as_str(),
        secs(user.password_set_at),
        user.must_change,
        factor.factor,
        factor.confirmed,
        signed(factor.step),
        factor.recovery,
        user.failures,
        user.failed_at.map(secs),
        user.signed_in_at.map(secs),
        secs(user.created_at),
        user.disabled_at.map(secs),
        user.name.as_str(),
        signed(user.version),
    ];
    if user.version > 0 {
        let sql =
            "UPDATE users SET roles = ?1, password = ?2, password_set_at = ?3, must_change = ?4, factor = ?5,
            factor_confirmed = ?6, factor_step = ?7, recovery = ?8, failures = ?9, failed_at = ?10,
            signed_in_at = ?11, created_at = ?12, disabled_at = ?13, version = version + 1
            WHERE name = ?14 AND version = ?15";
        return execute_one(db, sql, columns);
    }
    insert(
        db,
        "INSERT INTO users (roles, password, password_set_at, must_change, factor, factor_confirmed, factor_step,
            recovery, failures, failed_at, signed_in_at, created_at, disabled_at, name, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15 + 1)",
        columns,
    )
}

pub(super) fn put_ordered(db: &Connection, ordered: &Ordered) -> Written {
    let (item, taken, version) = (ordered.item.as_str(), taken_text(&ordered.taken), signed(ordered.version));
    let columns = params![ordered.by, item, taken, version];
    if ordered.version > 0 {
        let sql = "UPDATE ordered SET taken = ?3, version = version + 1 WHERE who = ?1 AND item = ?2 AND version = ?4";
        return execute_one(db, sql, columns);
    }
    insert(db, "INSERT INTO ordered (who, item, taken, version) VALUES (?1, ?2, ?3, ?4 + 1)", columns)
}

pub(super) fn put_held_order(db: &Connection, held: &HeldOrder) -> Written {
    let (state, by, at, until) = held_columns(&held.state);
    let columns = params![
        held.id.as_str(),
        held.content,
        held.customer.as_ref().map(CustomerId::as_str),
        lines_text(&held.lines),
        held.asked_by,
        secs(held.asked_at),
        state,
        by,
        at.map(secs),
        until.map(secs),
        signed(held.version),
    ];
    if held.version > 0 {
        let sql = "UPDATE held_orders SET content = ?2, customer = ?3, order_lines = ?4, asked_by = ?5, asked_at = ?6,
            state = ?7, decided_by = ?8, decided_at = ?9, until = ?10, version = version + 1
            WHERE id = ?1 AND version = ?11";
        return execute_one(db, sql, columns);
    }
    insert(
        db,
        "INSERT INTO held_orders (id, content, customer, order_lines, asked_by, asked_at, state, decided_by,
            decided_at, until, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 + 1)",
        columns,
    )
}

pub(super) fn insert_session(db: &Connection, session: &Session) -> Written {
    insert(
        db,
        "INSERT INTO sessions (hash, owner, stage, begun_at, last_seen, ends_at, origin, agent)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            session.hash,
            session.user.as_str(),
            session.stage.name(),
            secs(session.created_at),
            secs(session.last_seen),
            secs(session.expires_at),
            session.origin,
            session.agent,
        ],
    )
}

pub(super) fn see_session(db: &Connection, hash: &Digest, at: Timestamp) -> Written {
    let sql = "UPDATE sessions SET last_seen = ?2 WHERE hash = ?1 AND last_seen < ?2";
    execute(db, sql, params![hash, secs(at)]).map(drop)
}

pub(super) fn end_session(db: &Connection, hash: &Digest) -> Written {
    execute(db, "DELETE FROM sessions WHERE hash = ?", params![hash]).map(drop)
}

pub(super) fn end_sessions_of(db: &Connection, user: &UserName, except: Option<&Digest>) -> Written {
    let sql = "DELETE FROM sessions WHERE owner = ? AND hash IS NOT ?";
    execute(db, sql, params![user.as_str(), except]).map(drop)
}

pub(super) fn forget_sessions(db: &Connection, until: Timestamp) -> Written {
    execute(db, "DELETE FROM sessions WHERE ends_at <= ?", params![secs(until)]).map(drop)
}
