//! What the vendor decides: approvals, the blacklist, pre-activated licenses.

use licensing_core::approval::{Approval, ApprovalState};
use licensing_core::blacklist::BlacklistEntry;
use licensing_core::ids::{ContainerSerial, PreActivationId};
use licensing_core::preactivation::PreActivation;
use licensing_core::time::Timestamp;

use super::{Batch, code, must_hit, small};
use crate::pipeline::values;
use crate::rows::{secs, serial_number, signed};

impl Batch {
    pub(super) fn put_approval(&mut self, approval: &Approval) {
        let (state, decided_at, until) = match approval.state {
            ApprovalState::Pending => ("pending", None, None),
            ApprovalState::Granted { at, until } => ("granted", Some(at), Some(until)),
            ApprovalState::Denied { at } => ("denied", Some(at), None),
            ApprovalState::Used { at } => ("used", Some(at), None),
        };
        let (decided_at, until) = (decided_at.map(secs), until.map(secs));
        let (id, reason) = (approval.id.0.to_vec(), approval.reason.as_str().to_owned());
        let first = approval.first_grant_by.clone();
        if approval.version > 0 {
            let sql = must_hit!(
                "UPDATE approvals SET state = $1, decided_at = $2, until = $3, first_grant_by = $4, reason = $5,
                    version = version + 1 WHERE id = $6 AND version = $7"
            );
            let version = signed(approval.version);
            return self.execute(sql, values![state, decided_at, until, first, reason, id, version]);
        }
        self.execute(
            "INSERT INTO approvals (id, kind, license, ticket, container, firm_code, state, decided_at, until,
                first_grant_by, reason, requested_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1)",
            values![
                id,
                approval.kind.name(),
                approval.license.0.to_vec(),
                approval.ticket.0.to_vec(),
                serial_number(approval.container),
                code(approval.firm_code),
                state,
                decided_at,
                until,
                first,
                reason,
                secs(approval.requested_at),
            ],
        );
    }

    pub(super) fn insert_blacklisted(&mut self, entry: &BlacklistEntry) {
        self.execute(
            "INSERT INTO blacklist (version, serial, listed_at, reason) VALUES ($1, $2, $3, $4)",
            values![
                small(entry.version),
                serial_number(entry.serial),
                secs(entry.listed_at),
                entry.reason.as_str().to_owned(),
            ],
        );
    }

    pub(super) fn put_preactivation(&mut self, record: &PreActivation) {
        let (id, converted) = (record.id.0.to_vec(), small(record.converted));
        if record.version > 0 {
            let sql = must_hit!(
                "UPDATE preactivations SET converted = $1, version = version + 1 WHERE id = $2 AND version = $3"
            );
            return self.execute(sql, values![converted, id, signed(record.version)]);
        }
        self.execute(
            "INSERT INTO preactivations (id, ticket, quantity, conversions, converted, created_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, 1)",
            values![
                id,
                record.ticket.0.to_vec(),
                small(record.quantity),
                small(record.conversions),
                converted,
                secs(record.created_at),
            ],
        );
    }

    pub(super) fn insert_conversion(&mut self, id: PreActivationId, serial: ContainerSerial) {
        let sql = "INSERT INTO conversions (preactivation, serial) VALUES ($1, $2)";
        self.execute(sql, values![id.0.to_vec(), serial_number(serial)]);
    }

    pub(super) fn set_reconciling(&mut self, since: Option<Timestamp>) {
        let sql = must_hit!("UPDATE server_state SET reconciling = $1 WHERE id = 1");
        self.execute(sql, values![since.map(secs)]);
    }
}
