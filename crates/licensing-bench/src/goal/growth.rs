//! R5: what becomes of speed and memory when a database is large.

use anyhow::Result;
use central_server::data_dir::DataDir;

use super::overview;
use super::{Bench, CLIENTS, file_size};
use crate::fleet::Fleet;
use crate::program::Server;
use crate::report::{Goal, Line, Rounds, short};

/// Licenses in the small database.
const SMALL: u64 = 10_000;
/// What the server may use.
const MEMORY: u64 = 200 << 20;

/// R5: activations, overviews and memory.
pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let large = bench.large();
    let data = [bench.filled(SMALL)?, bench.filled(large)?];
    let servers = [Server::central(&data[0], None)?, Server::central(&data[1], None)?];
    let fleet = |at: usize| Fleet::new(&[servers[at].address], CLIENTS, &data[at], 50 + at as u64);
    let mut fleets = [fleet(0)?, fleet(1)?];
    let mut calls = Vec::new();
    for fleet in &mut fleets {
        calls.push(overview::calls(fleet, CLIENTS, bench.scaled(1_600))?);
    }
    let (mut activations, mut overviews): ([Rounds; 2], [Rounds; 2]) = Default::default();
    for round in 0..=bench.rounds() {
        for (at, fleet) in fleets.iter_mut().enumerate() {
            let activated = fleet.activate(bench.scaled(480))?.rate();
            let shown = fleet.closed(&calls[at])?.rate();
            if round > 0 {
                activations[at].0.push(activated);
                overviews[at].0.push(shown);
            }
        }
    }
    let compared = |id, what: &str, [small, large_rates]: [Rounds; 2], notes| Line {
        id,
        work: format!("{what} at {large} licenses against {SMALL}"),
        goal: Goal::AtLeast(0.8),
        floor: small,
        product: large_rates,
        unit: "/s",
        notes,
    };
    bench.found(compared("R5a", "activation", activations, vec![]));
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    let each = file_size(&DataDir::new(&data[1]).database()) as f64 / large as f64;
    let note = format!("the database takes {} bytes for each license, with its history", short(each));
    bench.found(compared("R5b", "ticket overview", overviews, vec![note]));
    let mut memory = Rounds::default();
    for server in &servers {
        #[expect(clippy::cast_precision_loss, reason = "a size for people")]
        memory.0.push(server.memory()?.1 as f64 / f64::from(1 << 20));
    }
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    let allowed = MEMORY as f64 / f64::from(1 << 20);
    bench.found(Line {
        id: "R5c",
        work: format!("memory of the server at {SMALL} and at {large} licenses, against 200 MiB"),
        goal: Goal::AtMost(1.0),
        floor: Rounds(vec![allowed; 2]),
        product: memory,
        unit: "MiB",
        notes: vec![],
    });
    Ok(())
}
