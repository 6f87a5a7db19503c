//! Receivers of events, what is still to be told them, and what is counted.

use licensing_core::webhook::{Parked, Progress, Webhook};
use rusqlite::{Connection, params};

use super::{Written, execute, execute_one, insert};
use crate::rows::{actions, secs, signed};

pub(super) fn put_webhook(db: &Connection, webhook: &Webhook) -> Written {
    let (at, why) = match &webhook.disabled {
        Some((at, why)) => (Some(secs(*at)), Some(why)),
        None => (None, None),
    };
    let actions = actions(&webhook.actions);
    if webhook.version > 0 {
        let sql = "UPDATE webhooks SET url = ?, sealed = ?, actions = ?, disabled_at = ?, disabled_why = ?,
            version = version + 1 WHERE name = ? AND version = ?";
        let version = signed(webhook.version);
        return execute_one(
            db,
            sql,
            params![webhook.url, webhook.sealed, actions, at, why, webhook.name, version],
        );
    }
    let sql =
        "INSERT INTO webhooks (name, url, sealed, actions, disabled_at, disabled_why, created_at, version)
        VALUES (?, ?, ?, ?, ?, ?, ?, 1)";
    let created_at = secs(webhook.created_at);
    insert(db, sql, params![webhook.name, webhook.url, webhook.sealed, actions, at, why, created_at])
}

pub(super) fn remove_webhook(db: &Connection, name: &str, version: u64) -> Written {
    execute(db, "DELETE FROM webhook_parked WHERE webhook = ?", params![name])?;
    execute(db, "DELETE FROM webhook_progress WHERE webhook = ?", params![name])?;
    execute_one(db, "DELETE FROM webhooks WHERE name = ? AND version = ?", params![name, signed(version)])
}

pub(super) fn put_progress(db: &Connection, progress: &Progress) -> Written {
    let (lease, until) =
        (progress.lease.map(|lease| lease.holder), progress.lease.map(|lease| secs(lease.until)));
    let (failing, taken) = (progress.failing_since.map(secs), progress.taken_at.map(secs));
    let (name, reached) = (&progress.webhook, signed(progress.reached));
    if progress.version > 0 {
        let sql = "UPDATE webhook_progress SET reached = ?, lease = ?, lease_until = ?, failing_since = ?,
            taken_at = ?, version = version + 1 WHERE webhook = ? AND version = ?";
        let version = signed(progress.version);
        return execute_one(db, sql, params![reached, lease, until, failing, taken, name, version]);
    }
    let sql = "INSERT INTO webhook_progress (webhook, reached, lease, lease_until, failing_since, taken_at, version)
        VALUES (?, ?, ?, ?, ?, ?, 1)";
    insert(db, sql, params![name, reached, lease, until, failing, taken])
}

pub(super) fn park(db: &Connection, parked: &Parked) -> Written {
    let sql = "INSERT INTO webhook_parked (webhook, sequence, lane, attempts, since, next_at, outcome, dead_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (webhook, sequence) DO UPDATE SET attempts = excluded.attempts, next_at = excluded.next_at,
            since = excluded.since, outcome = excluded.outcome, dead_at = excluded.dead_at";
    insert(
        db,
        sql,
        params![
            parked.webhook,
            signed(parked.sequence),
            parked.lane,
            parked.attempts,
            secs(parked.since),
            secs(parked.next_at),
            parked.outcome,
            parked.dead_at.map(secs)
        ],
    )
}

pub(super) fn unpark(db: &Connection, webhook: &str, sequence: u64) -> Written {
    let sql = "DELETE FROM webhook_parked WHERE webhook = ? AND sequence = ?";
    execute_one(db, sql, params![webhook, signed(sequence)])
}

pub(super) fn count_activations(
    db: &Connection,
    month: u32,
    shard: u8,
    count: u32,
    limit: Option<u64>,
    told: bool,
) -> Written {
    let sql = "INSERT INTO usage (month, shard, activations) VALUES (?1, ?2, ?3)
        ON CONFLICT (month, shard) DO UPDATE SET activations = activations + ?3";
    insert(db, sql, params![month, shard, count])?;
    if let Some(limit) = limit {
        let sql = "UPDATE usage SET activations = activations WHERE month = ?1 AND shard = ?2
            AND (SELECT SUM(activations) FROM usage WHERE month = ?1) <= ?3";
        execute_one(db, sql, params![month, shard, signed(limit)])?;
    }
    if told {
        insert(db, "INSERT INTO usage (month, shard, activations) VALUES (?, 255, 0)", params![month])?;
    }
    Ok(())
}
