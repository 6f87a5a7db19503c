//! Approvals: what an item leaves to the vendor's decision, one question at a time.
//!
//! A refused request of a user leaves the question; the vendor grants or denies it; the user asks again. A grant is
//! good for one use and for a limited time.

use crate::changeset::{Change, ChangeSet};
use crate::error::InvalidTransition;
use crate::event::{Action, Actor, Event};
use crate::ids::{ApprovalId, ContainerSerial, FirmCode, LicenseId, Text, TicketId};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApprovalKind {
    /// Returning a license from a container.
    Return,
    /// Activating a license again, into a new container, without a return.
    Reactivation,
}

/// Every kind with the word used in interfaces and tables.
pub const APPROVAL_KINDS: [(ApprovalKind, &str); 2] =
    [(ApprovalKind::Return, "return"), (ApprovalKind::Reactivation, "reactivation")];

impl ApprovalKind {
    /// The word for the kind.
    #[must_use]
    pub const fn name(self) -> &'static str {
        APPROVAL_KINDS[self as usize].1
    }
}

/// Where a question is in its life; each state holds what is true in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalState {
    /// Nobody has decided.
    Pending,
    /// Granted, for one use.
    Granted {
        /// When.
        at: Timestamp,
        /// Until when it can be used (exclusive).
        until: Timestamp,
    },
    /// Denied.
    Denied {
        /// When.
        at: Timestamp,
    },
    /// Granted and used.
    Used {
        /// When.
        at: Timestamp,
    },
}

/// Every state with the word used in interfaces and tables; `expired` is a grant whose time is over.
pub const APPROVAL_STATES: [&str; 5] = ["pending", "granted", "denied", "used", "expired"];

/// A question to the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Identity.
    pub id: ApprovalId,
    /// What is asked for.
    pub kind: ApprovalKind,
    /// The license.
    pub license: LicenseId,
    /// Its ticket.
    pub ticket: TicketId,
    /// The container it is to leave, or to be activated in.
    pub container: ContainerSerial,
    /// The firm code.
    pub firm_code: FirmCode,
    /// Where it is in its life.
    pub state: ApprovalState,
    /// Who has granted it first, while a second person still has to.
    pub first_grant_by: Option<String>,
    /// What the vendor said.
    pub reason: Text,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

impl Approval {
    /// The word for its state at `now`.
    #[must_use]
    pub fn state_name(&self, now: Timestamp) -> &'static str {
        match self.state {
            ApprovalState::Pending => APPROVAL_STATES[0],
            ApprovalState::Granted { until, .. } if now < until => APPROVAL_STATES[1],
            ApprovalState::Granted { .. } => APPROVAL_STATES[4],
            ApprovalState::Denied { .. } => APPROVAL_STATES[2],
            ApprovalState::Used { .. } => APPROVAL_STATES[3],
        }
    }

    /// Whether it still decides about a new request: a used or expired one does not.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        match self.state {
            ApprovalState::Pending | ApprovalState::Denied { .. } => true,
            ApprovalState::Granted { until, .. } => now < until,
            ApprovalState::Used { .. } => false,
        }
    }

    const fn invalid(&self, event: &'static str) -> InvalidTransition {
        let from = match self.state {
            ApprovalState::Pending => APPROVAL_STATES[0],
            ApprovalState::Granted { .. } => APPROVAL_STATES[1],
            ApprovalState::Denied { .. } => APPROVAL_STATES[2],
            ApprovalState::Used { .. } => APPROVAL_STATES[3],
        };
        InvalidTransition { entity: "approval", from, event }
    }

    /// The grant is used.
    ///
    /// # Errors
    /// It is not granted, or not any more.
    pub fn used(mut self, now: Timestamp) -> Result<Self, InvalidTransition> {
        match self.state {
            ApprovalState::Granted { until, .. } if now < until => {
                self.state = ApprovalState::Used { at: now };
                Ok(self)
            }
            _ => Err(self.invalid("use")),
        }
    }

    /// The vendor decides. A denial can be turned into a grant, a grant that was not used into a denial.
    ///
    /// # Errors
    /// The same decision was made before, the grant has been used, or the second grant is not of a second person.
    pub fn decide(
        mut self,
        verdict: Verdict,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(Self, ChangeSet), Refusal> {
        let first = self.first_grant_by.take().filter(|_| self.state == ApprovalState::Pending);
        let (state, action) = match (verdict, &first) {
            (Verdict::Grant { two_people: true, .. }, None) => {
                (ApprovalState::Pending, Action::ApprovalHalfGranted)
            }
            (Verdict::Grant { two_people: true, .. }, Some(first))
                if !actor.is_another_person_than(first) =>
            {
                return Err(Refusal::SecondPersonNeeded);
            }
            (Verdict::Grant { days, .. }, _) => {
                (ApprovalState::Granted { at: now, until: now.plus_days(days) }, Action::ApprovalGranted)
            }
            (Verdict::Deny, _) => (ApprovalState::Denied { at: now }, Action::ApprovalDenied),
        };
        let again = matches!(
            (self.state_name(now), verdict),
            ("granted", Verdict::Grant { .. }) | ("denied", Verdict::Deny) | ("used", _)
        );
        if again {
            return Err(Refusal::ApprovalDecided { approval: self.id, state: self.state_name(now) });
        }
        if action == Action::ApprovalHalfGranted {
            self.first_grant_by = Some(actor.name.clone());
        }
        self.state = state;
        self.reason = reason;
        let mut changes = ChangeSet::default();
        let mut event = self.event(action, actor, now);
        event.detail = self.reason.as_str().to_owned();
        changes.events.push(event);
        changes.push(Change::PutApproval(self.clone()));
        Ok((self, changes))
    }

    /// An event about it.
    #[must_use]
    pub fn event(&self, action: Action, actor: &Actor, now: Timestamp) -> Event {
        let mut event = Event::new(action, actor, now)
            .ticket(self.ticket)
            .license(self.license)
            .container(self.container, self.firm_code);
        event.detail = self.kind.name().to_owned();
        event
    }
}

/// The vendor's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, for so many days.
    Grant {
        /// Days the grant can be used.
        days: u32,
        /// Whether two people have to say so, the second of whom has signed in.
        two_people: bool,
    },
    /// No.
    Deny,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ContainerKind;

    fn pending() -> Approval {
        Approval {
            id: ApprovalId([1; 16]),
            kind: ApprovalKind::Return,
            license: LicenseId([2; 16]),
            ticket: TicketId([3; 16]),
            container: ContainerSerial::new(ContainerKind::Act, 7).unwrap(),
            firm_code: FirmCode::new(1).unwrap(),
            state: ApprovalState::Pending,
            first_grant_by: None,
            reason: Text::new("").unwrap(),
            requested_at: Timestamp::ZERO,
            version: 0,
        }
    }

    #[test]
    fn two_people_have_to_grant_and_the_second_one_is_another_person() {
        let actor = |name: &str| Actor { name: name.into(), origin: None };
        let grant = Verdict::Grant { days: 1, two_people: true };
        let decide = |approval: Approval, verdict, name: &str| {
            approval.decide(verdict, Text::new("").unwrap(), &actor(name), Timestamp::ZERO).map(|(a, _)| a)
        };
        let half = decide(pending(), grant, "user:ann").unwrap();
        assert_eq!((half.state, half.first_grant_by.as_deref()), (ApprovalState::Pending, Some("user:ann")));
        for name in ["user:ann", "erp"] {
            assert_eq!(decide(half.clone(), grant, name).unwrap_err().code(), "second_person_needed");
        }
        let granted = decide(half.clone(), grant, "user:bob").unwrap();
        assert_eq!(
            (granted.state_name(Timestamp::ZERO), granted.first_grant_by.as_deref()),
            ("granted", None)
        );
        // A denial takes the first grant back, and either may deny.
        let denied = decide(half, Verdict::Deny, "user:ann").unwrap();
        let half = decide(denied, grant, "user:bob").unwrap();
        assert_eq!(half.first_grant_by.as_deref(), Some("user:bob"));
        // Of a grant that is over nothing counts any more.
        let late = Timestamp::ZERO.plus_days(2);
        let (again, _) = granted.decide(grant, Text::new("").unwrap(), &actor("user:bob"), late).unwrap();
        assert_eq!(
            (again.state, again.first_grant_by.as_deref()),
            (ApprovalState::Pending, Some("user:bob"))
        );
    }

    #[test]
    fn a_grant_is_good_once_and_for_a_while() {
        let actor = Actor { name: "vendor".into(), origin: None };
        let text = || Text::new("because").unwrap();
        let grant = Verdict::Grant { days: 1, two_people: false };
        let (granted, changes) = pending().decide(grant, text(), &actor, Timestamp::ZERO).unwrap();
        assert_eq!(changes.events.len(), 1);
        assert_eq!(granted.state_name(Timestamp::ZERO), "granted");
        let refused = granted.clone().decide(grant, text(), &actor, Timestamp::ZERO).unwrap_err();
        assert_eq!(refused.code(), "approval_decided");
        let late = Timestamp::ZERO.plus_days(1);
        assert_eq!(granted.state_name(late), "expired");
        assert!(granted.clone().used(late).is_err());
        let used = granted.used(Timestamp::ZERO).unwrap();
        assert!(!used.is_open(Timestamp::ZERO));
        assert!(used.decide(Verdict::Deny, text(), &actor, late).is_err());
        let (denied, _) = pending().decide(Verdict::Deny, text(), &actor, late).unwrap();
        assert!(denied.decide(grant, text(), &actor, late).is_ok(), "a vendor may change his mind");
    }
}
