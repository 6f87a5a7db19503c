//! Approvals: what users asked for and the vendor decides.

use licensing_core::approval::{Approval, ApprovalKind, ApprovalState, Verdict};
use licensing_core::event::Actor;
use licensing_core::ids::{ApprovalId, Text};
use licensing_core::refusal::Refusal;
use licensing_core::time::Timestamp;
use licensing_store::ApprovalQuery;
use licensing_wire::json::{ApprovalList, ApprovalMessage, DecisionRequest};
use licensing_wire::{options, time};

use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Idempotency, Service, cut};

/// Days a grant can be used when the vendor does not say.
const GRANT_DAYS: u32 = 30;

/// The reason of a decision.
pub(super) fn reason(request: &DecisionRequest) -> Result<Text, Failure> {
    Ok(Text::new(request.reason.as_deref().unwrap_or_default())?)
}

impl Service {
    /// A page of approvals.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn approval_list(&self, query: ApprovalQuery) -> Result<ApprovalList, Failure> {
        let limit = query.limit;
        let mut approvals = self.store.approvals(ApprovalQuery { limit: limit + 1, ..query }).await?;
        let more = cut(&mut approvals, limit);
        let next = approvals.last().filter(|_| more).map(|approval| approval.id.to_string());
        let now = self.now();
        let approvals = approvals.iter().map(|approval| message(approval, now)).collect();
        Ok(ApprovalList { approvals, next })
    }

    /// Grants or denies an approval.
    ///
    /// # Errors
    /// There is none of this id, it was decided the same way before, or a second person is needed.
    pub async fn decide_approval(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        id: ApprovalId,
        grant: bool,
        request: &DecisionRequest,
    ) -> Result<Answer, Failure> {
        let reason = reason(request)?;
        let days = request.valid.as_deref().map(|text| options::parse_days("valid", text)).transpose()?;
        let decide = || async {
            let approval = self.store.approval(id).await?.ok_or(Refusal::ApprovalUnknown(id))?;
            let now = self.now();
            let two_people =
                self.rules.four_eyes.reactivations && approval.kind == ApprovalKind::Reactivation;
            let days = days.unwrap_or(GRANT_DAYS);
            let verdict = if grant { Verdict::Grant { days, two_people } } else { Verdict::Deny };
            let (approval, changes) = approval.decide(verdict, reason.clone(), actor, now)?;
            Ok(Decided { changes, answer: Answer::json(200, &message(&approval, now)) })
        };
        self.attempt(idempotency, &id.0, decide).await
    }
}

fn message(approval: &Approval, now: Timestamp) -> ApprovalMessage {
    let valid_until = match approval.state {
        ApprovalState::Granted { until, .. } => Some(time::print(until)),
        ApprovalState::Pending | ApprovalState::Denied { .. } | ApprovalState::Used { .. } => None,
    };
    ApprovalMessage {
        id: approval.id.to_string(),
        kind: approval.kind.name().to_owned(),
        license: approval.license.to_string(),
        container: approval.container.to_string(),
        firm_code: approval.firm_code.get(),
        state: approval.state_name(now).to_owned(),
        first_grant_by: approval.first_grant_by.clone(),
        reason: approval.reason.as_str().to_owned(),
        requested_at: time::print(approval.requested_at),
        valid_until,
    }
}
