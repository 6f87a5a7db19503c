//! What an item leaves to the vendor's decision: using a grant, or asking for one.

use crate::approval::{Approval, ApprovalKind, ApprovalState};
use crate::changeset::Change;
use crate::crypto::digest::hash;
use crate::event::Action;
use crate::ids::{ApprovalId, ContainerSerial, LicenseId, Text};
use crate::license::LicenseLine;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::work::{Decline, Work};
use crate::zoo::{self, Bug};

impl Work {
    fn approval(
        &self,
        kind: ApprovalKind,
        license: LicenseId,
        container: ContainerSerial,
    ) -> Option<&Approval> {
        let mine = |a: &&Approval| a.kind == kind && a.license == license && a.container == container;
        self.approvals.iter().filter(mine).find(|approval| approval.is_open(self.now))
    }

    /// Whether the vendor has granted it; what to answer if not.
    pub(super) fn granted(
        &self,
        kind: ApprovalKind,
        license: LicenseId,
        container: ContainerSerial,
    ) -> Result<(), Refusal> {
        let needed = match kind {
            ApprovalKind::Return => Refusal::ReturnNeedsApproval(license),
            ApprovalKind::Reactivation => Refusal::ReactivationNeedsApproval(license),
        };
        match self.approval(kind, license, container) {
            Some(Approval { state: ApprovalState::Granted { .. }, .. }) => Ok(()),
            Some(Approval { state: ApprovalState::Denied { .. }, reason, .. }) => {
                Err(Refusal::ApprovalDenied { license, reason: reason.clone() })
            }
            _ => Err(needed),
        }
    }

    /// A grant is used up together with what it was for. Does nothing where none was needed.
    pub(super) fn use_grant(
        &mut self,
        kind: ApprovalKind,
        license: LicenseId,
        container: ContainerSerial,
    ) -> Result<(), Decline> {
        let Some(approval) = self.approval(kind, license, container).cloned() else { return Ok(()) };
        if !matches!(approval.state, ApprovalState::Granted { .. }) || zoo::has(Bug::GrantKept) {
            return Ok(());
        }
        let id = approval.id;
        let used = approval.used(self.now)?;
        let event = used.event(Action::ApprovalUsed, &self.actor, self.now);
        self.approvals.retain(|approval| approval.id != id);
        self.changes.push(Change::PutApproval(used));
        self.changes.events.push(event);
        Ok(())
    }

    /// After a refusal that only the vendor can change: leaves the question, once.
    pub(super) fn ask(&mut self, refusal: &Refusal) {
        let (kind, license) = match refusal {
            Refusal::ReturnNeedsApproval(license) => (ApprovalKind::Return, *license),
            Refusal::ReactivationNeedsApproval(license) => (ApprovalKind::Reactivation, *license),
            _ => return,
        };
        let (Some(firm), Some(line)) = (&self.firm, self.lines.get(&license)) else { return };
        if self.approval(kind, license, firm.serial).is_some() {
            return;
        }
        let approval = Approval {
            id: question_id(kind, line, firm.serial, self.now),
            kind,
            license,
            ticket: line.ticket,
            container: firm.serial,
            firm_code: firm.firm_code,
            state: ApprovalState::Pending,
            first_grant_by: None,
            // Invariant: the empty text is within every bound.
            reason: Text::new("").expect("empty text"),
            requested_at: self.now,
            version: 0,
        };
        let event = approval.event(Action::ApprovalRequested, &self.actor, self.now);
        self.changes.events.push(event);
        self.changes.push(Change::PutApproval(approval.clone()));
        self.approvals.push(approval);
    }
}

/// The id of a question: it follows from the question, so that a decision made twice asks once.
fn question_id(
    kind: ApprovalKind,
    line: &LicenseLine,
    serial: ContainerSerial,
    now: Timestamp,
) -> ApprovalId {
    let parts: [&[u8]; 4] =
        [&line.id.0, &line.version.to_be_bytes(), &serial.to_bytes(), &now.secs().to_be_bytes()];
    let digest = hash(kind.name(), &parts);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&now.secs().to_be_bytes());
    id[8..].copy_from_slice(&digest[..8]);
    ApprovalId(id)
}
