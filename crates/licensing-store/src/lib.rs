//! The storage port: everything the central server needs from a database, and the contract a driver keeps.
//!
//! Reads give aggregates with their versions; there is **one** write verb, [`Store::commit`]. What to write is
//! decided by `licensing-core`; a driver interprets a [`ChangeSet`] and decides nothing.
//!
//! # Contract for drivers
//! * **All or nothing.** After any crash a change set is stored completely or not at all.
//! * **Durable before `Ok`.** `commit` answers `Ok` only when the change set survives a power cut.
//! * **Versions.** A change carrying version `v > 0` updates the row only if the stored row has version `v`, and
//!   stores `v + 1`; version 0 inserts with version 1 and conflicts with an existing row. Any mismatch gives
//!   [`CommitError::Conflict`] and stores nothing.
//! * **Keys.** A key that is taken (an id, a ticket's code, a step) and a row that is referred to and does not exist
//!   are conflicts as well. Loading again does not cure these, so whoever decides again on a conflict does it a
//!   bounded number of times.
//! * **Idempotency.** A change set whose request key is stored already gives [`CommitError::Duplicate`] and
//!   stores nothing. The request record is stored in the same transaction as the changes.
//! * **Events** get a sequence number. Of two commits of which one began after the other was answered, the later has
//!   the greater numbers; within a change set they grow in its order. Whoever has read up to a number never sees a
//!   smaller one appear, and sees everything that was answered before the read began.
//! * **Absent is `None`**, damaged is [`StoreError::Inconsistent`]: damage is never taken for absence.
//! * **[`Store::facts`] is one snapshot**: everything in it was true at one moment.
//! * **Unknown outcome.** When a driver cannot tell whether a commit took place it answers
//!   [`CommitError::Unknown`]; asking [`Store::answered`] with the request key resolves it.

pub mod audit;
pub mod copy;
pub mod document;
mod lists;
pub mod rows;
mod search;

use std::future::Future;
use std::pin::Pin;

use licensing_core::activation::Activation;
use licensing_core::approval::Approval;
use licensing_core::blacklist::BlacklistEntry;
use licensing_core::changeset::{ChangeSet, Receipt, RequestRecord};
use licensing_core::container::{ContainerRecord, FirmRecord};
use licensing_core::crypto::digest::Digest;
use licensing_core::event::Action;
use licensing_core::four_eyes::{HeldOrder, Ordered};
use licensing_core::ids::{
    ActivationId, ApprovalId, ContainerSerial, FirmCode, ItemId, LicenseId, OrderId, PreActivationId,
    TicketId,
};
use licensing_core::item::Item;
use licensing_core::license::LicenseLine;
use licensing_core::order::{Order, StoredCode};
use licensing_core::preactivation::PreActivation;
use licensing_core::ticket::Ticket;
use licensing_core::time::Timestamp;
use licensing_core::token::ApiToken;
use licensing_core::user::session::Session;
use licensing_core::user::{User, UserName};
use licensing_core::webhook::{Parked, Progress, Webhook};
use licensing_core::work::Facts;

pub use search::{DayCount, FoundCustomer, OPEN_COUNTED, Open, SearchHits, SearchQuery};

pub use lists::{
    ApprovalQuery, ContainerQuery, EventQuery, FoundLicense, ItemQuery, LicenseQuery, OrderQuery, Page,
    ROWS_LOOKED_AT, StoredEvent, TransferQuery, UnfinishedTransfer, smallest_id,
};

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or is overloaded; try again.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Stored data contradicts itself or cannot be read.
    #[error("stored data is damaged: {table}.{column}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
}

/// Why a commit did not take place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A row has changed since it was read: load again, decide again.
    #[error("a row has changed since it was read")]
    Conflict,
    /// The request was answered before: give the stored answer.
    #[error("the request was answered before")]
    Duplicate,
    /// The connection broke while committing; [`Store::answered`] tells what happened.
    #[error("it is not known whether the commit took place")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A future of the port. Boxed, so that a server can hold any driver.
pub type StoreFuture<'a, T, E = StoreError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Which facts a transfer decision needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactsQuery {
    /// The ticket of the request; `None` for a bare receipt.
    pub ticket: Option<TicketId>,
    /// The container.
    pub serial: ContainerSerial,
    /// The firm item.
    pub firm_code: FirmCode,
    /// Sequence number of the context at hand.
    pub sequence: u64,
    /// Licenses the context names.
    pub named: Vec<LicenseId>,
    /// Whether what is live of the ticket in other containers is needed whatever the ticket is like: for a
    /// re-activation.
    pub elsewhere: bool,
    /// The container that is to be restored into this one.
    pub old: Option<ContainerSerial>,
}

/// What is on a ticket, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketContents {
    /// Its license lines, in order of their orders and positions.
    pub lines: Vec<LicenseLine>,
    /// Its live activations, oldest first.
    pub live: Vec<Activation>,
}

/// Books that do not balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub what: &'static str,
    /// With which record.
    pub which: String,
}

/// What the books say about a firm item, and the context that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmBooks {
    /// The firm item with its unproven steps.
    pub firm: FirmRecord,
    /// Its activations that are live or superseded.
    pub activations: Vec<Activation>,
    /// The newest receipt of the place that is taken as proven; `None` before the first.
    pub receipt: Option<Receipt>,
}

/// Which events put aside to read, in order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedQuery {
    /// For this receiver.
    pub webhook: String,
    /// Those that are not tried any more, or else those that still are.
    pub dead: bool,
    /// After this number.
    pub after: u64,
    /// At most so many.
    pub limit: u32,
}

/// What was counted in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Activations.
    pub activations: u64,
    /// Whether it was told that they come near their limit.
    pub told: bool,
}

/// How much there is of what, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Tickets.
    pub tickets: u64,
    /// License lines.
    pub licenses: u64,
    /// Containers.
    pub containers: u64,
    /// Activations in all states.
    pub activations: u64,
}

/// A database behind the central server. See the crate's contract.
pub trait Store: Send + Sync + 'static {
    /// Stores a change set, all or nothing, durably.
    fn commit(&self, changes: ChangeSet) -> StoreFuture<'_, (), CommitError>;

    /// The stored answer to a request.
    fn answered(&self, key: Digest) -> StoreFuture<'_, Option<RequestRecord>>;

    /// Loads what a transfer decision needs, as one snapshot: see the fields of [`Facts`]. What is live of the ticket in
    /// other containers is loaded when it is asked for, and when the ticket stays together or one of its lines is
    /// indivisible; the records of those containers only when it is asked for. Steps of the firm record are
    /// the unproven ones, in order of their counters.
    fn facts(&self, query: FactsQuery) -> StoreFuture<'_, Facts>;

    /// The items with these ids; unknown ids are left out.
    fn items(&self, ids: Vec<ItemId>) -> StoreFuture<'_, Vec<Item>>;

    /// Items.
    fn list_items(&self, query: ItemQuery) -> StoreFuture<'_, Vec<Item>>;

    /// An order.
    fn order(&self, id: OrderId) -> StoreFuture<'_, Option<Order>>;

    /// The ticket whose code has this keyed hash.
    fn ticket_by_code(&self, lookup: Digest) -> StoreFuture<'_, Option<Ticket>>;

    /// A ticket and its stored code.
    fn ticket(&self, id: TicketId) -> StoreFuture<'_, Option<(Ticket, StoredCode)>>;

    /// The license lines of a ticket, in order of their orders and positions.
    fn lines_of_ticket(&self, id: TicketId) -> StoreFuture<'_, Vec<LicenseLine>>;

    /// A license line.
    fn license(&self, id: LicenseId) -> StoreFuture<'_, Option<LicenseLine>>;

    /// What is on a ticket, as one snapshot, with at most `limit` live activations.
    fn ticket_contents(&self, ticket: TicketId, limit: u32) -> StoreFuture<'_, TicketContents>;

    /// A container.
    fn container(&self, serial: ContainerSerial) -> StoreFuture<'_, Option<ContainerRecord>>;

    /// The firm items of a container, with their pending steps.
    fn firms_of_container(&self, serial: ContainerSerial) -> StoreFuture<'_, Vec<FirmRecord>>;

    /// Containers.
    fn list_containers(
        &self,
        query: ContainerQuery,
    ) -> StoreFuture<'_, Page<ContainerRecord, ContainerSerial>>;

    /// Events.
    fn events(&self, query: EventQuery) -> StoreFuture<'_, Vec<StoredEvent>>;

    /// A receipt by the hash of its context.
    fn receipt(&self, hash: Digest) -> StoreFuture<'_, Option<Receipt>>;

    /// The API token whose secret has this hash.
    fn token(&self, hash: Digest) -> StoreFuture<'_, Option<ApiToken>>;

    /// All API tokens, in order of their names.
    fn tokens(&self) -> StoreFuture<'_, Vec<ApiToken>>;

    /// What somebody has taken of an item lately.
    fn ordered(&self, by: String, item: ItemId) -> StoreFuture<'_, Option<Ordered>>;

    /// An order that waits, or waited, for a second person.
    fn held_order(&self, id: OrderId) -> StoreFuture<'_, Option<HeldOrder>>;

    /// Such orders in order of their ids, after `after`; only those nobody has decided with `pending`.
    fn held_orders(
        &self,
        pending: bool,
        after: Option<OrderId>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<HeldOrder>>;

    /// A user.
    fn user(&self, name: UserName) -> StoreFuture<'_, Option<User>>;

    /// Users in order of their names, after `after`.
    fn list_users(&self, after: Option<UserName>, limit: u32) -> StoreFuture<'_, Vec<User>>;

    /// The session whose secret has this hash, with its user, as one snapshot.
    fn session(&self, hash: Digest) -> StoreFuture<'_, Option<(Session, User)>>;

    /// The sessions of a user, newest first, also those whose time is over and that were not yet forgotten.
    fn sessions_of(&self, user: UserName) -> StoreFuture<'_, Vec<Session>>;
    /// Number of the newest event; 0 before the first. Whoever reads on after it misses none.
    fn last_event(&self) -> StoreFuture<'_, u64>;

    /// What was counted in a calendar month, given as 202611.
    fn usage(&self, month: u32) -> StoreFuture<'_, Usage>;

    /// All receivers of events with how far they were told, in order of their names. Each pair is one snapshot.
    fn webhooks(&self) -> StoreFuture<'_, Vec<(Webhook, Progress)>>;

    /// Events that are put aside for a receiver.
    fn parked(&self, query: ParkedQuery) -> StoreFuture<'_, Vec<Parked>>;

    /// Live activations of a license line, oldest first.
    fn live_of_license(&self, license: LicenseId) -> StoreFuture<'_, Vec<Activation>>;

    /// License lines with the customers of their tickets.
    fn find_licenses(&self, query: LicenseQuery) -> StoreFuture<'_, Page<FoundLicense, LicenseId>>;

    /// Orders.
    fn find_orders(&self, query: OrderQuery) -> StoreFuture<'_, Vec<Order>>;

    /// Activations that wait for a receipt.
    fn unfinished_transfers(&self, query: TransferQuery) -> StoreFuture<'_, Vec<UnfinishedTransfer>>;

    /// Everything that has an id like this.
    fn search(&self, query: SearchQuery) -> StoreFuture<'_, SearchHits>;

    /// How often each action happened on each of the days between two moments, the second not among them; days and
    /// actions of which there is nothing are left out. Reads what there is of these actions in that time.
    fn activity(
        &self,
        actions: &'static [Action],
        from: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, Vec<DayCount>>;

    /// What waits for somebody.
    fn open(&self) -> StoreFuture<'_, Open>;

    /// An activation.
    fn activation(&self, id: ActivationId) -> StoreFuture<'_, Option<Activation>>;

    /// An approval.
    fn approval(&self, id: ApprovalId) -> StoreFuture<'_, Option<Approval>>;

    /// Approvals.
    fn approvals(&self, query: ApprovalQuery) -> StoreFuture<'_, Vec<Approval>>;

    /// Entries of the blacklist after a version, in order, at most `limit`.
    fn blacklist(&self, after: u32, limit: u32) -> StoreFuture<'_, Vec<BlacklistEntry>>;

    /// Version of the newest entry of the blacklist; 0 while there is none.
    fn blacklist_version(&self) -> StoreFuture<'_, u32>;

    /// A pre-activated license, and whether a container has converted it.
    fn preactivation(
        &self,
        id: PreActivationId,
        serial: ContainerSerial,
    ) -> StoreFuture<'_, Option<(PreActivation, bool)>>;

    /// Since when a restored database is being reconciled.
    fn reconciling(&self) -> StoreFuture<'_, Option<Timestamp>>;

    /// Firm items as an audit compares them with their containers, in order of serial and firm code, after one, at most
    /// `limit`. Each is a snapshot of its own.
    fn firm_books(
        &self,
        after: Option<(ContainerSerial, FirmCode)>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<FirmBooks>>;

    /// One firm item as an audit compares it.
    fn books_of(&self, serial: ContainerSerial, firm_code: FirmCode) -> StoreFuture<'_, Option<FirmBooks>>;

    /// Recomputes every ledger from the activations, every total from its parts, and every chain from its steps; gives
    /// what does not balance. What the containers say is not part of it: see [`Store::firm_books`].
    fn audit(&self) -> StoreFuture<'_, Vec<Finding>>;

    /// How much there is.
    fn counts(&self) -> StoreFuture<'_, Counts>;

    /// Whether the database answers and can be written.
    fn ready(&self) -> StoreFuture<'_, ()>;
}
