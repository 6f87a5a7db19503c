//! Values to columns and back, the same in both drivers: their tables have the same columns, and only how a value is
//! fetched differs. A column that cannot be read is damage, never absence.

mod records;
mod users;
mod webhooks;

use licensing_core::ids::{ContainerKind, ContainerSerial, CustomerId, FirmCode};
use licensing_core::time::Timestamp;

use crate::StoreError;
pub use records::{
    Definitions, LOST_STATE, StateColumns, activation, approval, blacklist_version, blacklisted, container,
    context, counts, customer, day_count, event, event_time, firm, firm_key, item, license, license_id,
    maybe_context, open, order, preactivation, receipt, reconciling, registered, request, step, step_of_firm,
    ticket, ticket_and_code, token, unfinished,
};
pub use users::{
    FactorColumns, held_columns, held_order, lines_text, ordered, roles_text, scopes_text, session,
    session_and_user, taken_text, user,
};
pub use webhooks::{actions, last_event, parked, usage, webhook};

/// The column is not there, or its value is of another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// A row as a driver has it. `None` is `NULL`.
pub trait Columns {
    /// A number.
    ///
    /// # Errors
    /// It is none.
    fn integer(&self, column: &str) -> Result<Option<i64>, Unreadable>;
    /// Yes or no.
    ///
    /// # Errors
    /// It is neither.
    fn flag(&self, column: &str) -> Result<Option<bool>, Unreadable>;
    /// A text.
    ///
    /// # Errors
    /// It is none.
    fn text(&self, column: &str) -> Result<Option<String>, Unreadable>;
    /// Bytes.
    ///
    /// # Errors
    /// There are none.
    fn blob(&self, column: &str) -> Result<Option<Vec<u8>>, Unreadable>;
}

/// What a column can hold; `NULL` only where it is an [`Option`].
pub trait Value: Sized {
    /// Reads a column.
    ///
    /// # Errors
    /// It is of another type, or `NULL` where a value is due.
    fn read(row: &dyn Columns, column: &str) -> Result<Self, Unreadable>;
}

macro_rules! value {
    ($($type:ty: $method:ident),*) => {$(
        impl Value for $type {
            fn read(row: &dyn Columns, column: &str) -> Result<Self, Unreadable> {
                row.$method(column)?.ok_or(Unreadable)
            }
        }

        impl Value for Option<$type> {
            fn read(row: &dyn Columns, column: &str) -> Result<Self, Unreadable> {
                row.$method(column)
            }
        }
    )*};
}

value!(i64: integer, bool: flag, String: text, Vec<u8>: blob);

/// A row being read, with the table's name for error messages.
pub struct Reader<'a> {
    row: &'a dyn Columns,
    table: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads this row of this table.
    pub const fn new(row: &'a dyn Columns, table: &'static str) -> Self {
        Self { row, table }
    }

    fn damaged(&self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column }
    }

    /// The value of a column.
    ///
    /// # Errors
    /// It is of another type, or `NULL` where a value is due: damage.
    pub fn get<T: Value>(&self, column: &'static str) -> Result<T, StoreError> {
        T::read(self.row, column).map_err(|Unreadable| self.damaged(column))
    }

    fn map<A: Value, B>(
        &self,
        column: &'static str,
        read: impl FnOnce(A) -> Option<B>,
    ) -> Result<B, StoreError> {
        read(self.get(column)?).ok_or_else(|| self.damaged(column))
    }

    fn maybe<A, B>(
        &self,
        column: &'static str,
        read: impl FnOnce(A) -> Option<B>,
    ) -> Result<Option<B>, StoreError>
    where
        Option<A>: Value,
    {
        match self.get::<Option<A>>(column)? {
            Some(value) => read(value).map(Some).ok_or_else(|| self.damaged(column)),
            None => Ok(None),
        }
    }

    /// So many bytes.
    pub fn bytes<const N: usize>(&self, column: &'static str) -> Result<[u8; N], StoreError> {
        self.map(column, |bytes: Vec<u8>| bytes.try_into().ok())
    }

    fn maybe_bytes<const N: usize>(&self, column: &'static str) -> Result<Option<[u8; N]>, StoreError> {
        self.maybe(column, |bytes: Vec<u8>| bytes.try_into().ok())
    }

    fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.map(column, |secs: i64| u64::try_from(secs).ok().map(Timestamp::from_secs))
    }

    /// A moment, or none.
    pub fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        self.maybe(column, |secs: i64| u64::try_from(secs).ok().map(Timestamp::from_secs))
    }

    fn number(&self, column: &'static str) -> Result<u64, StoreError> {
        self.map(column, |number: i64| u64::try_from(number).ok())
    }

    /// A 32-bit number.
    pub fn small(&self, column: &'static str) -> Result<u32, StoreError> {
        self.map(column, |number: i64| u32::try_from(number).ok())
    }

    /// A firm code.
    pub fn firm(&self, column: &'static str) -> Result<FirmCode, StoreError> {
        self.map(column, |code: i64| u32::try_from(code).ok().and_then(FirmCode::new))
    }

    /// The serial of a container, from one integer.
    pub fn serial(&self, column: &'static str) -> Result<ContainerSerial, StoreError> {
        self.map(column, serial_of)
    }

    fn customer(&self, column: &'static str) -> Result<Option<CustomerId>, StoreError> {
        self.maybe(column, |text: String| CustomerId::new(text).ok())
    }
}

/// Mask and number in one integer.
pub const fn serial_number(serial: ContainerSerial) -> i64 {
    // Invariant: masks have 8 bits and numbers 48, so the sum fits 56 bits.
    ((serial.kind().mask() as i64) << 48) | serial.number().cast_signed()
}

fn serial_of(value: i64) -> Option<ContainerSerial> {
    let kind = [ContainerKind::Dongle, ContainerKind::Act]
        .into_iter()
        .find(|kind| i64::from(kind.mask()) == value >> 48)?;
    ContainerSerial::new(kind, u64::try_from(value & ((1 << 48) - 1)).ok()?)
}

/// A number as the database stores it. Units beyond 2^63 do not occur: quantities and counters are 32-bit.
pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Seconds since 1970, as the database stores them.
pub fn secs(time: Timestamp) -> i64 {
    signed(time.secs())
}
