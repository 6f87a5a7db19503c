//! Points in time and periods. There is no clock here: whoever decides is told what time it is.

use crate::codec::{Decode, Encode};
use crate::limits::{DAY_SECS, TIMESTAMP_SECS_MAX};

/// A point in time: whole seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The first representable moment.
    pub const ZERO: Self = Self(0);

    /// A moment from seconds since the Unix epoch, clamped to the year 9999.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(if secs > TIMESTAMP_SECS_MAX { TIMESTAMP_SECS_MAX } else { secs })
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0
    }

    /// This moment plus `secs` seconds, saturating at the year 9999.
    #[must_use]
    pub const fn plus_secs(self, secs: u64) -> Self {
        Self::from_secs(self.0.saturating_add(secs))
    }

    /// This moment plus `days` days, saturating at the year 9999.
    #[must_use]
    pub const fn plus_days(self, days: u32) -> Self {
        self.plus_secs((days as u64).saturating_mul(DAY_SECS))
    }

    /// Seconds from `earlier` to this moment; zero when `earlier` is later.
    #[must_use]
    pub const fn secs_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// An end date given either as a fixed moment or as days counted from the first activation.
///
/// The difference between the two is the difference between *Set* and *Add* in item options: a
/// relative end is turned into a fixed one at the first activation and keeps that date through every
/// later return and move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum End {
    /// Ends at this moment.
    At(Timestamp),
    /// Ends this many days after the first activation.
    AfterDays(u32),
}

impl End {
    /// The fixed moment this end means for an activation at `now`.
    #[must_use]
    pub const fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::AfterDays(days) => now.plus_days(days),
        }
    }
}
