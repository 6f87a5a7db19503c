//! Searching and counting, for whoever does not know yet what to look at.

use licensing_core::approval::Approval;
use licensing_core::container::ContainerRecord;
use licensing_core::event::Action;
use licensing_core::ids::{ContainerSerial, CustomerId};
use licensing_core::item::Item;
use licensing_core::order::Order;
use licensing_core::time::Timestamp;

use crate::FoundLicense;

/// Most of anything that is open which is counted: whoever has that many wants to know no more.
pub const OPEN_COUNTED: u32 = 10_000;

/// What to search for. Nothing is looked for where there is nothing to look for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchQuery {
    /// The beginning of ids of orders, customers and items, whether its letters of ASCII are capital or small; not empty.
    pub prefix: String,
    /// The first and the last id of licenses and approvals.
    pub ids: Option<([u8; 16], [u8; 16])>,
    /// Serials of containers.
    pub serials: Vec<ContainerSerial>,
    /// At most so many of each kind.
    pub limit: u32,
}

/// A customer with the moment of the last order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCustomer {
    /// The customer.
    pub customer: CustomerId,
    /// When the last order was placed.
    pub last_order: Timestamp,
}

/// What was found, each kind in order of its ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchHits {
    /// Orders, in the order of their ids in small letters.
    pub orders: Vec<Order>,
    /// Customers, in the order of their ids in small letters.
    pub customers: Vec<FoundCustomer>,
    /// Items, in the order of their ids in small letters.
    pub items: Vec<Item>,
    /// Licenses.
    pub licenses: Vec<FoundLicense>,
    /// Containers.
    pub containers: Vec<ContainerRecord>,
    /// Approvals.
    pub approvals: Vec<Approval>,
}

/// How often something happened on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// The first moment of the day, in UTC.
    pub day: Timestamp,
    /// What.
    pub action: Action,
    /// How often.
    pub events: u64,
    /// How many licenses, all together.
    pub quantity: u64,
}

/// What waits for somebody. None is counted beyond [`OPEN_COUNTED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Open {
    /// Approvals nobody has decided.
    pub approvals: u32,
    /// Activations that wait for a receipt.
    pub transfers: u32,
    /// Containers whose status is not normal.
    pub flagged: u32,
}
