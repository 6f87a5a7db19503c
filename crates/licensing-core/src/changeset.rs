//! Change sets: what a decision wants stored, all or nothing. Storage drivers interpret them and decide nothing.

use crate::activation::Activation;
use crate::approval::Approval;
use crate::blacklist::BlacklistEntry;
use crate::container::{ContainerRecord, FirmRecord, PendingStep};
use crate::crypto::digest::Digest;
use crate::event::Event;
use crate::four_eyes::{HeldOrder, Ordered};
use crate::ids::{ContainerSerial, FirmCode, PreActivationId};
use crate::item::Item;
use crate::license::LicenseLine;
use crate::order::{Order, StoredCode};
use crate::preactivation::PreActivation;
use crate::step::{ChainLink, StepId};
use crate::ticket::Ticket;
use crate::time::Timestamp;
use crate::user::session::Session;
use crate::user::{User, UserName};
use crate::webhook::{Parked, Progress, Webhook};

/// A context kept as a receipt: the proof that something was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Hash of the context.
    pub hash: Digest,
    /// The container.
    pub serial: ContainerSerial,
    /// The firm item.
    pub firm_code: FirmCode,
    /// What it proves.
    pub link: ChainLink,
    /// The file as it arrived.
    pub bytes: Vec<u8>,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// One change of stored state.
///
/// Values that carry a `version` are updates when it is above zero: the stored row must still have that
/// version and gets the next one, or the whole change set fails with a conflict. Version zero inserts; a row
/// that exists already is a conflict too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Inserts an item.
    PutItem(Item),
    /// Inserts an order.
    InsertOrder(Order),
    /// Inserts a ticket with its code.
    InsertTicket {
        /// The ticket.
        ticket: Ticket,
        /// Its code, hashed and encrypted.
        code: StoredCode,
    },
    /// Inserts a license line.
    InsertLicense(LicenseLine),
    /// Updates a license line.
    UpdateLicense(LicenseLine),
    /// Inserts or updates an activation.
    PutActivation(Activation),
    /// Inserts or updates a container.
    PutContainer(ContainerRecord),
    /// Inserts or updates a firm record; its pending steps are separate changes.
    PutFirm(FirmRecord),
    /// Notes which context was seen under a sequence number; one that is noted already is left as it is.
    NoteContext {
        /// The container.
        serial: ContainerSerial,
        /// The firm item.
        firm_code: FirmCode,
        /// Sequence number of the context.
        sequence: u64,
        /// Its hash.
        hash: Digest,
    },
    /// Forgets which contexts were seen: the vendor has cleared the container.
    ForgetContexts {
        /// The container.
        serial: ContainerSerial,
        /// The firm item.
        firm_code: FirmCode,
    },
    /// Inserts an issued step.
    InsertStep {
        /// The container.
        serial: ContainerSerial,
        /// The firm item.
        firm_code: FirmCode,
        /// The step.
        step: PendingStep,
    },
    /// Marks a step as proven.
    SettleStep {
        /// The step.
        id: StepId,
        /// The context that proves it.
        proof: Digest,
        /// When.
        at: Timestamp,
    },
    /// Marks a step as replaced by a competing one; it may still turn out to have been applied.
    VoidStep {
        /// The step.
        id: StepId,
    },
    /// Makes a replaced step count again: the step before it was applied after all.
    ReviveStep {
        /// The step.
        id: StepId,
    },
    /// Marks a step as one that was never applied and never can be.
    DropStep {
        /// The step.
        id: StepId,
        /// The context that proves it.
        proof: Digest,
        /// When.
        at: Timestamp,
    },
    /// Inserts or updates an approval.
    PutApproval(Approval),
    /// Inserts an entry of the blacklist; its version must be the next one.
    InsertBlacklisted(BlacklistEntry),
    /// Inserts or updates a pre-activated license.
    PutPreActivation(PreActivation),
    /// Notes that a container has converted a pre-activated license; a second time is a conflict.
    InsertConversion {
        /// The pre-activated license.
        id: PreActivationId,
        /// The container.
        serial: ContainerSerial,
    },
    /// Begins (`Some`) or ends the reconciliation of a restored database.
    SetReconciling(Option<Timestamp>),
    /// Inserts or updates an API token.
    PutToken(crate::token::ApiToken),
    /// Inserts or updates an order that waits for a second person.
    PutHeldOrder(HeldOrder),
    /// Inserts or updates what somebody has taken of an item lately.
    PutOrdered(Ordered),
    /// Inserts or updates a user.
    PutUser(User),
    /// Inserts a session.
    InsertSession(Session),
    /// A session was used; one that has ended stays ended.
    SeeSession {
        /// The session.
        hash: Digest,
        /// When.
        at: Timestamp,
    },
    /// Ends a session; one that has ended already is left as it is.
    EndSession {
        /// The session.
        hash: Digest,
    },
    /// Ends the sessions of a user, all but one.
    EndSessionsOf {
        /// The user.
        user: UserName,
        /// The one that stays.
        except: Option<Digest>,
    },
    /// Forgets sessions whose time was over at a moment.
    ForgetSessions {
        /// The moment.
        until: Timestamp,
    },
    /// Adds to the activations of a month. A conflict when they are more than the limit then.
    CountActivations {
        /// The calendar month, as 202611.
        month: u32,
        /// The part of the count; who is limited uses part 0.
        shard: u8,
        /// How many.
        count: u32,
        /// The most there may be, in all parts.
        limit: Option<u64>,
        /// Notes that somebody was told that the limit is near; a conflict when that is noted already.
        told: bool,
    },
    /// Inserts or updates a receiver of events.
    PutWebhook(Webhook),
    /// Removes a receiver of events, which must have this version, with everything that is put aside for it.
    RemoveWebhook {
        /// Its name.
        name: String,
        /// Its version.
        version: u64,
    },
    /// Inserts or updates how far a receiver has been told.
    PutProgress(Progress),
    /// Puts an event aside for a receiver, or changes what is noted about it. Its fence is the progress that is stored
    /// with it.
    Park(Parked),
    /// An event is put aside no more.
    Unpark {
        /// The receiver.
        webhook: String,
        /// Number of the event.
        sequence: u64,
    },
    /// Keeps a context as a receipt; one that is kept already is left as it is.
    KeepReceipt(Receipt),
}

/// The answer to a request, stored with what the request changed, so that asking again gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// Hash of the credential and the idempotency key.
    pub key: Digest,
    /// Hash of the request itself.
    pub fingerprint: Digest,
    /// The answer.
    pub response: Vec<u8>,
    /// When it was answered.
    pub at: Timestamp,
}

/// Everything one decision wants stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeSet {
    /// The request answered by it. A second change set with the same key is refused as a duplicate.
    pub request: Option<RequestRecord>,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What happened.
    pub events: Vec<Event>,
}

impl ChangeSet {
    /// Adds a change.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Nothing to store.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.request.is_none() && self.changes.is_empty() && self.events.is_empty()
    }
}
