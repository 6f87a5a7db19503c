//! Tickets: what a customer is handed. The code itself is a secret and is not part of this record.

use crate::ids::{CustomerId, TicketId};
use crate::time::Timestamp;

/// A ticket as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Identity inside the system.
    pub id: TicketId,
    /// The customer, when the order named one.
    pub customer: Option<CustomerId>,
    /// All licenses of the ticket must be in one container.
    pub together: bool,
    /// When it was made.
    pub created_at: Timestamp,
}
