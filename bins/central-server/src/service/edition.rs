//! Counting activations, exactly, whatever number of processes count, and refusing what is beyond the edition.

use std::sync::atomic::{AtomicU64, Ordering};

use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::event::{Action, Event};
use licensing_core::random;
use licensing_core::refusal::Refusal;

use crate::edition::{Limits, month};
use crate::service::{Failure, Service, actor};

/// Parts of the count of a month, so that those who are not limited do not queue on one row.
const SHARDS: u8 = 200;

/// The limits, and what was last known of the count.
#[derive(Debug)]
pub(super) struct Counted {
    limits: Limits,
    /// Activations of this month.
    last: AtomicU64,
}

impl Counted {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { limits, last: AtomicU64::new(0) }
    }
}

fn issued(changes: &ChangeSet) -> u32 {
    let issued = changes.events.iter().filter(|event| event.action == Action::ActivationIssued).count();
    u32::try_from(issued).unwrap_or(u32::MAX)
}

impl Service {
    /// The same services within these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.counted = Counted::new(limits);
        self
    }

    /// The limits of the edition.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.counted.limits
    }

    /// Activations of this month, as last seen, where they are near the limit: for a header of answers.
    #[must_use]
    pub fn near_limit(&self) -> Option<(u64, u64)> {
        let used = self.counted.last.load(Ordering::Relaxed);
        let near = self.limits().warn_at().is_some_and(|warn| used >= warn);
        near.then_some(used).zip(self.limits().activations_per_month)
    }

    /// Adds to what is stored that activations are counted.
    ///
    /// # Errors
    /// With `limited`: there are more than the edition has left this month.
    pub(super) async fn count_activations(
        &self,
        changes: &mut ChangeSet,
        limited: bool,
    ) -> Result<(), Failure> {
        let count = issued(changes);
        let counted = |change: &Change| matches!(change, Change::CountActivations { .. });
        if count == 0 || changes.changes.iter().any(counted) {
            return Ok(());
        }
        let now = self.now();
        let month = month(now);
        let limit = self.limits().activations_per_month;
        let Some(most) = limit else {
            let [dice] = random::<1>(&mut self.entropy());
            let shard = 1 + dice % SHARDS;
            changes.push(Change::CountActivations { month, shard, count, limit: None, told: false });
            return Ok(());
        };
        let usage = self.store.usage(month).await?;
        let after = usage.activations.saturating_add(u64::from(count));
        self.counted.last.store(usage.activations, Ordering::Relaxed);
        if limited && after > most {
            return Err(Refusal::ActivationsUsedUp { limit: most }.into());
        }
        let told = !usage.told && self.limits().warn_at().is_some_and(|warn| after >= warn);
        if told {
            tracing::warn!(
                month,
                used = after,
                limit = most,
                "the activations of this month are nearly used up"
            );
            let mut event = Event::new(Action::ActivationLimitNear, &actor("server", None), now);
            event.detail = format!("{after} of {most} activations of this month are used");
            changes.events.push(event);
        }
        self.counted.last.store(after, Ordering::Relaxed);
        // Everybody who is limited counts in one place, so that nobody can pass the limit beside another.
        let limit = limited.then_some(most);
        changes.push(Change::CountActivations { month, shard: 0, count, limit, told });
        Ok(())
    }

    /// Activations of this month and their limit.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn activations_of_month(&self) -> Result<(u64, Option<u64>), Failure> {
        let usage = self.store.usage(month(self.now())).await?;
        self.counted.last.store(usage.activations, Ordering::Relaxed);
        Ok((usage.activations, self.limits().activations_per_month))
    }
}
