//! Durable commits per second, alone and in company: what group commit is worth on this disk.
//!
//! `cargo run --release -p licensing-store-sqlite --example commit_rate -- FOLDER` (default: the current folder)

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::item::{Item, ItemPolicy};
use licensing_core::terms::LicenseTerms;
use licensing_store::Store;
use licensing_store_sqlite::SqliteStore;
use licensing_testkit::server::{NOW, definition};

const PERIOD: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    for writers in [1, 8, 64, 256] {
        let path = folder.join(format!("commit_rate_{}_{writers}.db", std::process::id()));
        let store = SqliteStore::create(&path)?;
        let rate = rate(&store, writers);
        drop(store);
        std::fs::remove_file(&path)?;
        println!("{writers:>4} writers: {rate:>9.0} commits/s");
    }
    Ok(())
}

fn rate(store: &SqliteStore, writers: u64) -> f64 {
    let committed = AtomicU64::new(0);
    let start = std::time::Instant::now();
    thread::scope(|scope| {
        for writer in 0..writers {
            let committed = &committed;
            scope.spawn(move || {
                for number in 0u64.. {
                    if start.elapsed() >= PERIOD {
                        return;
                    }
                    let terms = LicenseTerms::default();
                    let definition = definition(&format!("{writer}-{number}"), terms, ItemPolicy::default());
                    let item = Change::PutItem(Item { definition, created_at: NOW, version: 0 });
                    block_on(store.commit(ChangeSet { changes: vec![item], ..ChangeSet::default() }))
                        .expect("a commit");
                    committed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let committed = committed.load(Ordering::Relaxed) as f64;
    committed / start.elapsed().as_secs_f64()
}
