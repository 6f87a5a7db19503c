//! Receivers of events, what is still to be told them, and what is counted.

use licensing_core::webhook::{Parked, Progress, Webhook};

use super::{Batch, must_hit, small};
use crate::pipeline::values;
use crate::rows::{actions, secs, signed};

impl Batch {
    pub(super) fn put_webhook(&mut self, webhook: &Webhook) {
        let (at, why) =
            webhook.disabled.clone().map_or((None, None), |(at, why)| (Some(secs(at)), Some(why)));
        let (name, url, sealed) = (webhook.name.clone(), webhook.url.clone(), webhook.sealed.clone());
        let actions = actions(&webhook.actions);
        if webhook.version > 0 {
            let sql = must_hit!(
                "UPDATE webhooks SET url = $1, sealed = $2, actions = $3, disabled_at = $4, disabled_why = $5,
                    version = version + 1 WHERE name = $6 AND version = $7"
            );
            let version = signed(webhook.version);
            return self.execute(sql, values![url, sealed, actions, at, why, name, version]);
        }
        self.execute(
            "INSERT INTO webhooks (name, url, sealed, actions, disabled_at, disabled_why, created_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 1)",
            values![name, url, sealed, actions, at, why, secs(webhook.created_at)],
        );
    }

    pub(super) fn remove_webhook(&mut self, name: &str, version: u64) {
        self.execute("DELETE FROM webhook_parked WHERE webhook = $1", values![name.to_owned()]);
        self.execute("DELETE FROM webhook_progress WHERE webhook = $1", values![name.to_owned()]);
        let sql = must_hit!("DELETE FROM webhooks WHERE name = $1 AND version = $2");
        self.execute(sql, values![name.to_owned(), signed(version)]);
    }

    pub(super) fn put_progress(&mut self, progress: &Progress) {
        let lease = progress.lease.map(|lease| lease.holder.to_vec());
        let until = progress.lease.map(|lease| secs(lease.until));
        let (failing, taken) = (progress.failing_since.map(secs), progress.taken_at.map(secs));
        let (name, reached) = (progress.webhook.clone(), signed(progress.reached));
        if progress.version > 0 {
            let sql = must_hit!(
                "UPDATE webhook_progress SET reached = $1, lease = $2, lease_until = $3, failing_since = $4,
                    taken_at = $5, version = version + 1 WHERE webhook = $6 AND version = $7"
            );
            let version = signed(progress.version);
            return self.execute(sql, values![reached, lease, until, failing, taken, name, version]);
        }
        self.execute(
            "INSERT INTO webhook_progress (webhook, reached, lease, lease_until, failing_since, taken_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, 1)",
            values![name, reached, lease, until, failing, taken],
        );
    }

    pub(super) fn park(&mut self, parked: &Parked) {
        self.execute(
            "INSERT INTO webhook_parked (webhook, sequence, lane, attempts, since, next_at, outcome, dead_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (webhook, sequence) DO UPDATE SET attempts = excluded.attempts,
                next_at = excluded.next_at, since = excluded.since, outcome = excluded.outcome,
                dead_at = excluded.dead_at",
            values![
                parked.webhook.clone(),
                signed(parked.sequence),
                parked.lane.clone(),
                small(parked.attempts),
                secs(parked.since),
                secs(parked.next_at),
                parked.outcome.clone(),
                parked.dead_at.map(secs),
            ],
        );
    }

    pub(super) fn unpark(&mut self, webhook: &str, sequence: u64) {
        let sql = must_hit!("DELETE FROM webhook_parked WHERE webhook = $1 AND sequence = $2");
        self.execute(sql, values![webhook.to_owned(), signed(sequence)]);
    }

    /// The row of part 0 makes everybody who is limited wait for each other, and the statement after it sees what those
    /// before have stored.
    pub(super) fn count_activations(
        &mut self,
        month: u32,
        shard: u8,
        count: u32,
        limit: Option<u64>,
        told: bool,
    ) {
        let (month, shard) = (i64::from(month), i64::from(shard));
        self.execute(
            "INSERT INTO usage AS u (month, shard, activations) VALUES ($1, $2, $3)
             ON CONFLICT (month, shard) DO UPDATE SET activations = u.activations + excluded.activations",
            values![month, shard, i64::from(count)],
        );
        if let Some(limit) = limit {
            self.execute(
                "SELECT 1 / CASE WHEN SUM(activations) <= $2::bigint THEN 1 ELSE 0 END FROM usage WHERE month = $1",
                values![month, signed(limit)],
            );
        }
        if told {
            let sql = "INSERT INTO usage (month, shard, activations) VALUES ($1, 255, 0)";
            self.execute(sql, values![month]);
        }
    }
}
