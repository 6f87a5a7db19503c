//! R6: orders in bulk.

use anyhow::Result;

use super::Bench;
use crate::fleet::Fleet;
use crate::floor::sqlite::Sqlite;
use crate::program::Server;
use crate::report::{Goal, Line, Rounds};

/// Orders that are on their way at once.
const CLIENTS: usize = 8;
/// Licenses of an order.
const LICENSES: usize = 100;

/// R6.
pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let data = bench.empty("r6")?;
    let server = Server::central(&data, None)?;
    let mut fleet = Fleet::new(&[server.address], CLIENTS, &data, 6)?;
    let mut sqlite = Sqlite::new(&bench.folder.join("r6-floor.db"))?;
    let count = bench.scaled(160);
    let (mut floor, mut product) = (Rounds::default(), Rounds::default());
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let licenses = LICENSES as f64;
    for round in 0..=bench.rounds() {
        let raw = licenses / sqlite.orders(count as u64, CLIENTS)?;
        let orders = fleet.orders(count, LICENSES)?;
        let imported = fleet.closed(&orders)?.rate() * licenses;
        if round > 0 {
            floor.0.push(raw);
            product.0.push(imported);
        }
    }
    bench.found(Line {
        id: "R6",
        work: "import of orders of 100 licenses, against raw rows".to_owned(),
        goal: Goal::AtLeast(0.3),
        floor,
        product,
        unit: "licenses/s",
        notes: vec![],
    });
    Ok(())
}
