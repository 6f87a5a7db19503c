//! Users and their sessions.

use licensing_core::changeset::Change;
use licensing_core::four_eyes::{HeldOrder, Ordered};
use licensing_core::user::User;
use licensing_core::user::session::Session;

use super::{Batch, must_hit, small};
use crate::pipeline::values;
use crate::rows::{FactorColumns, held_columns, lines_text, roles_text, secs, signed, taken_text};

impl Batch {
    pub(super) fn put_user(&mut self, user: &User) {
        let factor = FactorColumns::from(user);
        let mut columns = values![
            roles_text(&user.roles),
            user.password.as_str().to_owned(),
            secs(user.password_set_at),
            user.must_change,
            factor.factor,
            factor.confirmed,
            signed(factor.step),
            factor.recovery,
            small(user.failures),
            user.failed_at.map(secs),
            user.signed_in_at.map(secs),
            secs(user.created_at),
            user.disabled_at.map(secs),
            user.name.as_str().to_owned(),
        ];
        if user.version > 0 {
            columns.extend(values![signed(user.version)]);
            let sql = must_hit!(
                "UPDATE users SET roles = $1, password = $2, password_set_at = $3, must_change = $4, factor = $5,
                    factor_confirmed = $6, factor_step = $7, recovery = $8, failures = $9, failed_at = $10,
                    signed_in_at = $11, created_at = $12, disabled_at = $13, version = version + 1
                 WHERE name = $14 AND version = $15"
            );
            return self.execute(sql, columns);
        }
        self.execute(
            "INSERT INTO users (roles, password, password_set_at, must_change, factor, factor_confirmed, factor_step,
                recovery, failures, failed_at, signed_in_at, created_at, disabled_at, name, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)",
            columns,
        );
    }

    pub(super) fn put_ordered(&mut self, ordered: &Ordered) {
        let (item, taken) = (ordered.item.as_str().to_owned(), taken_text(&ordered.taken));
        let mut columns = values![ordered.by.clone(), item, taken];
        if ordered.version > 0 {
            columns.extend(values![signed(ordered.version)]);
            let sql = must_hit!(
                "UPDATE ordered SET taken = $3, version = version + 1 WHERE who = $1 AND item = $2 AND version = $4"
            );
            return self.execute(sql, columns);
        }
        self.execute("INSERT INTO ordered (who, item, taken, version) VALUES ($1, $2, $3, 1)", columns);
    }

    pub(super) fn put_held_order(&mut self, held: &HeldOrder) {
        let (state, by, at, until) = held_columns(&held.state);
        let mut columns = values![
            held.id.as_str().to_owned(),
            held.content.to_vec(),
            held.customer.as_ref().map(|id| id.as_str().to_owned()),
            lines_text(&held.lines),
            held.asked_by.clone(),
            secs(held.asked_at),
            state,
            by.map(str::to_owned),
            at.map(secs),
            until.map(secs),
        ];
        if held.version > 0 {
            columns.extend(values![signed(held.version)]);
            let sql = must_hit!(
                "UPDATE held_orders SET content = $2, customer = $3, order_lines = $4, asked_by = $5, asked_at = $6,
                    state = $7, decided_by = $8, decided_at = $9, until = $10, version = version + 1
                 WHERE id = $1 AND version = $11"
            );
            return self.execute(sql, columns);
        }
        self.execute(
            "INSERT INTO held_orders (id, content, customer, order_lines, asked_by, asked_at, state, decided_by,
                decided_at, until, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)",
            columns,
        );
    }

    pub(super) fn insert_session(&mut self, session: &Session) {
        self.execute(
            "INSERT INTO sessions (hash, owner, stage, begun_at, last_seen, ends_at, origin, agent)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                session.hash.to_vec(),
                session.user.as_str().to_owned(),
                session.stage.name(),
                secs(session.created_at),
                secs(session.last_seen),
                secs(session.expires_at),
                session.origin.clone(),
                session.agent.clone(),
            ],
        );
    }

    /// What becomes of sessions.
    pub(super) fn change_sessions(&mut self, change: &Change) {
        match change {
            Change::SeeSession { hash, at } => self.execute(
                "UPDATE sessions SET last_seen = $2 WHERE hash = $1 AND last_seen < $2",
                values![hash.to_vec(), secs(*at)],
            ),
            Change::EndSession { hash } => {
                self.execute("DELETE FROM sessions WHERE hash = $1", values![hash.to_vec()]);
            }
            Change::EndSessionsOf { user, except } => self.execute(
                "DELETE FROM sessions WHERE owner = $1 AND hash IS DISTINCT FROM $2",
                values![user.as_str().to_owned(), except.map(|hash| hash.to_vec())],
            ),
            Change::ForgetSessions { until } => {
                self.execute("DELETE FROM sessions WHERE ends_at <= $1", values![secs(*until)]);
            }
            _ => {}
        }
    }
}
