//! What the vendor looks through: pages that begin behind a key and come in an order an index has.
//!
//! A page begins where the one before ended, by the key of its last entry and never by a count, so that rows added in
//! between neither repeat nor hide any. Where a filter has no index of its own a page looks at no more than
//! [`ROWS_LOOKED_AT`] rows: it may then hold fewer entries than were asked for, even none, and still have a next page.

use licensing_core::activation::Activation;
use licensing_core::container::ContainerStatus;
use licensing_core::event::{Action, Event};
use licensing_core::ids::{
    ActivationId, ApprovalId, ContainerKind, ContainerSerial, CustomerId, ItemId, LicenseId, Name, OrderId,
    TicketId,
};
use licensing_core::license::{LicenseLine, LineState};
use licensing_core::time::Timestamp;

/// Rows one page looks at where a filter has no index.
pub const ROWS_LOOKED_AT: u32 = 10_000;

/// Some of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, K> {
    /// The entries.
    pub entries: Vec<T>,
    /// After which one the next page begins; `None` when there is nothing more.
    pub next: Option<K>,
}

impl<T, K> Page<T, K> {
    /// A page of what was read with a limit of one more. `end` is the last row that was looked at, where there are
    /// rows behind it.
    #[must_use]
    pub fn cut(mut entries: Vec<T>, limit: u32, end: Option<K>, key: impl Fn(&T) -> K) -> Self {
        let more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let next = if more { entries.last().map(key) } else { end };
        Self { entries, next }
    }
}

/// The smallest time-ordered id that can have been given at a moment.
#[must_use]
pub fn smallest_id(at: Timestamp) -> [u8; 16] {
    let mut id = [0; 16];
    let millis = at.secs().saturating_mul(1000).to_be_bytes();
    for (to, from) in id.iter_mut().zip(millis.into_iter().skip(2)) {
        *to = from;
    }
    id
}

/// Which license lines to read, in order of their ids, which is the order in which they were made. Several filters
/// must all match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LicenseQuery {
    /// Only those of which nothing was ever activated.
    pub never_activated: bool,
    /// Only in this state.
    pub state: Option<LineState>,
    /// Only of this item.
    pub item: Option<ItemId>,
    /// Only of this order.
    pub order: Option<OrderId>,
    /// Only of this customer.
    pub customer: Option<CustomerId>,
    /// Only made at this moment or later, as their ids tell.
    pub from: Option<Timestamp>,
    /// Only made before this moment, as their ids tell.
    pub until: Option<Timestamp>,
    /// Those made last come first.
    pub newest: bool,
    /// After this one, in the order that was asked for.
    pub after: Option<LicenseId>,
    /// At most so many.
    pub limit: u32,
}

impl LicenseQuery {
    /// Ids that are asked for lie above the first and below the second.
    #[must_use]
    pub fn range(&self) -> ([u8; 16], [u8; 16]) {
        let above = self.from.map_or([0; 16], smallest_id);
        let below = self.until.map_or([u8::MAX; 16], smallest_id);
        match self.after {
            Some(after) if self.newest => (above, below.min(after.0)),
            Some(after) => (above.max(after.0), below),
            None => (above, below),
        }
    }
}

/// A license line with the customer of its ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLicense {
    /// The line.
    pub line: LicenseLine,
    /// The customer.
    pub customer: Option<CustomerId>,
}

/// Which orders to read, in the order in which they were placed. Several filters must all match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderQuery {
    /// Only of this customer.
    pub customer: Option<CustomerId>,
    /// Only placed at this moment or later.
    pub from: Option<Timestamp>,
    /// Only placed before this moment.
    pub until: Option<Timestamp>,
    /// Those placed last come first.
    pub newest: bool,
    /// After this one, which was placed at this moment, in the order that was asked for.
    pub after: Option<(Timestamp, OrderId)>,
    /// At most so many.
    pub limit: u32,
}

/// Which containers to read, in order of their first contact. Several filters must all match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContainerQuery {
    /// Only of this kind.
    pub kind: Option<ContainerKind>,
    /// Only with this status.
    pub status: Option<ContainerStatus>,
    /// Only those whose status is not normal.
    pub flagged: bool,
    /// Only test containers, or only others.
    pub test: Option<bool>,
    /// Those seen last for the first time come first.
    pub newest: bool,
    /// After this one, which was first seen at this moment, in the order that was asked for.
    pub after: Option<(Timestamp, ContainerSerial)>,
    /// At most so many.
    pub limit: u32,
}

impl ContainerQuery {
    /// Whether only containers with a status other than normal can match.
    #[must_use]
    pub fn only_flagged(&self) -> bool {
        self.flagged || self.status.is_some_and(|status| status != ContainerStatus::Normal)
    }
}

/// Which activations to read that are activating or returning, oldest first. Several filters must all match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransferQuery {
    /// Only in this container.
    pub container: Option<ContainerSerial>,
    /// Only those whose step was issued before this moment.
    pub before: Option<Timestamp>,
    /// After this one, which was made at this moment.
    pub after: Option<(Timestamp, ActivationId)>,
    /// At most so many.
    pub limit: u32,
}

/// A transfer whose receipt has not arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedTransfer {
    /// What is activating or returning.
    pub activation: Activation,
    /// When its step was issued.
    pub since: Timestamp,
    /// The order of the license.
    pub order: OrderId,
    /// The customer of the license.
    pub customer: Option<CustomerId>,
    /// The item of the license.
    pub item: ItemId,
    /// Its display name.
    pub name: Name,
}

/// Which approvals to read, in order of their ids, which is the order in which they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApprovalQuery {
    /// Only those nobody has decided.
    pub pending: bool,
    /// Those asked for last come first.
    pub newest: bool,
    /// After this one, in the order that was asked for.
    pub after: Option<ApprovalId>,
    /// At most so many.
    pub limit: u32,
}

/// Which items to read. With a prefix they come in the order of their ids in small letters, else in that of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemQuery {
    /// Only those whose id begins with this, whether letters of ASCII are capital or small.
    pub prefix: String,
    /// After this one.
    pub after: Option<ItemId>,
    /// At most so many.
    pub limit: u32,
}

/// Which events to read. Several filters must all match.
///
/// Those of a ticket, a license or a container, and those with no filter at all, come in order of their sequence
/// numbers; others in order of their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventQuery {
    /// About this ticket.
    pub ticket: Option<TicketId>,
    /// About this license.
    pub license: Option<LicenseId>,
    /// About this container.
    pub container: Option<ContainerSerial>,
    /// Of this action.
    pub action: Option<Action>,
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// The last ones come first.
    pub newest: bool,
    /// After the one with this sequence number, in the order that was asked for (0: from the beginning).
    pub after: u64,
    /// At most so many.
    pub limit: u32,
}

impl EventQuery {
    /// Whether they come in order of their time.
    #[must_use]
    pub const fn by_time(&self) -> bool {
        let about = self.ticket.is_some() || self.license.is_some() || self.container.is_some();
        !about && (self.action.is_some() || self.from.is_some() || self.until.is_some())
    }
}

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Grows in commit order.
    pub sequence: u64,
    /// The event.
    pub event: Event,
}
