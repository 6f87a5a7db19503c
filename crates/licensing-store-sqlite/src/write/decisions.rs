//! What the vendor decides: approvals, the blacklist, pre-activated licenses.

use licensing_core::approval::{Approval, ApprovalState};
use licensing_core::blacklist::BlacklistEntry;
use licensing_core::preactivation::PreActivation;
use rusqlite::{Connection, params};

use super::{Written, execute_one, insert};
use crate::rows::{secs, serial_number, signed};

pub(super) fn put_approval(db: &Connection, approval: &Approval) -> Written {
    let (state, decided_at, until) = match approval.state {
        ApprovalState::Pending => ("pending", None, None),
        ApprovalState::Granted { at, until } => ("granted", Some(at), Some(until)),
        ApprovalState::Denied { at } => ("denied", Some(at), None),
        ApprovalState::Used { at } => ("used", Some(at), None),
    };
    let (decided_at, until) = (decided_at.map(secs), until.map(secs));
    if approval.version > 0 {
        let sql =
            "UPDATE approvals SET state = ?, decided_at = ?, until = ?, first_grant_by = ?, reason = ?, version = version + 1
            WHERE id = ? AND version = ?";
        let (first, reason) = (&approval.first_grant_by, approval.reason.as_str());
        let key = (approval.id.0, signed(approval.version));
        return execute_one(db, sql, params![state, decided_at, until, first, reason, key.0, key.1]);
    }
    insert(
        db,
        "INSERT INTO approvals (id, kind, license, ticket, container, firm_code, state, decided_at, until,
            first_grant_by, reason, requested_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
        params![
            approval.id.0,
            approval.kind.name(),
            approval.license.0,
            approval.ticket.0,
            serial_number(approval.container),
            approval.firm_code.get(),
            state,
            decided_at,
            until,
            approval.first_grant_by,
            approval.reason.as_str(),
            secs(approval.requested_at)
        ],
    )
}

pub(super) fn insert_blacklisted(db: &Connection, entry: &BlacklistEntry) -> Written {
    insert(
        db,
        "INSERT INTO blacklist (version, serial, listed_at, reason) VALUES (?, ?, ?, ?)",
        params![entry.version, serial_number(entry.serial), secs(entry.listed_at), entry.reason.as_str()],
    )
}

pub(super) fn put_preactivation(db: &Connection, record: &PreActivation) -> Written {
    if record.version > 0 {
        let sql =
            "UPDATE preactivations SET converted = ?, version = version + 1 WHERE id = ? AND version = ?";
        return execute_one(db, sql, params![record.converted, record.id.0, signed(record.version)]);
    }
    insert(
        db,
        "INSERT INTO preactivations (id, ticket, quantity, conversions, converted, created_at, version)
         VALUES (?, ?, ?, ?, ?, ?, 1)",
        params![
            record.id.0,
            record.ticket.0,
            record.quantity,
            record.conversions,
            record.converted,
            secs(record.created_at)
        ],
    )
}
