//! R10: starting on a large database.

use anyhow::Result;
use central_server::data_dir::DataDir;

use super::Bench;
use crate::floor::sqlite::open_raw;
use crate::program::time_to_ready;
use crate::report::{Goal, Line, Rounds, short};

/// R10: the start on a large database against opening it raw and starting on an empty one, so that what a process takes
/// to start at all is in the floor and time stands for nothing by itself.
pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let empty = bench.empty("r10")?;
    let large = bench.filled(bench.large())?;
    let (mut floor, mut product, mut more) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in 0..=bench.rounds() {
        let raw = open_raw(&DataDir::new(&large).database())?;
        let start = time_to_ready(&empty)?;
        let ready = time_to_ready(&large)?;
        if round > 0 {
            floor.0.push(1000.0 * (raw + start));
            product.0.push(1000.0 * ready);
            more.0.push(1000.0 * (ready - raw));
        }
    }
    bench.found(Line {
        id: "R10",
        work: format!(
            "start of the server on {} licenses, against opening raw + a start on none",
            bench.large()
        ),
        goal: Goal::AtMost(1.5),
        floor,
        product,
        unit: "ms",
        notes: vec![format!("{} ms more than opening the database raw", short(more.median()))],
    });
    Ok(())
}
