//! R1 and R2: a full online activation on SQLite.

use anyhow::Result;

use super::{Bench, CLIENTS, TRANSFER_BYTES, limit};
use crate::fleet::Fleet;
use crate::floor::sqlite::Sqlite;
use crate::floor::{Http, crypto};
use crate::load::histogram;
use crate::plot;
use crate::program::Server;
use crate::report::{Goal, Line, Rounds, short};

/// Threads a machine runs at once.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// R1: what 64 clients get done.
pub(crate) fn throughput(bench: &mut Bench) -> Result<()> {
    let data = bench.empty("r1")?;
    let server = Server::central(&data, None)?;
    let fixed = Server::fixed()?;
    let mut fleet = Fleet::new(&[server.address], CLIENTS, &data, 1)?;
    let mut http = Http::new(fixed.address, CLIENTS)?;
    let mut sqlite = Sqlite::new(&bench.folder.join("r1-floor.db"))?;
    let count = bench.scaled(640);
    let (mut floor, mut product) = (Rounds::default(), Rounds::default());
    let mut parts: [Rounds; 6] = Default::default();
    for round in 0..=bench.rounds() {
        let crypto = crypto::measure(cores())?;
        let commits = sqlite.activations(count as u64, CLIENTS)?;
        let requests = http.run(2 * count, TRANSFER_BYTES)?.rate();
        let done = fleet.activate(count)?;
        if round == 0 {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let reads = commits.reads / cores() as f64;
        let each =
            [crypto.of_activation(), 2.0 / requests, commits.issue, commits.settle, 1.0 / done.rate(), reads];
        floor.0.push(1.0 / each[..4].iter().sum::<f64>());
        product.0.push(done.rate());
        parts.iter_mut().zip(each).for_each(|(part, each)| part.0.push(each * 1e6));
    }
    let limit = limit(&Rounds(floor.0.iter().map(|rate| 1e6 / rate).collect()), &parts[5]);
    let [crypto, http_time, issue, settle, whole, reads] = parts.map(|part| short(part.median()));
    let mut notes = vec![format!(
        "an activation takes {whole} µs of the machine; the parts of its floor: cryptography {crypto}, HTTP {http_time}, commits {issue} and {settle}"
    )];
    notes.push(format!(
        "reading the rows it is decided on takes {reads} µs by SQLite itself; with them the floor reaches {limit}"
    ));
    notes.push(open_loop(bench, &mut fleet, 0.5 * product.median())?);
    let (_, most) = server.memory()?;
    notes.push(format!("memory of the server at most {} MiB", most >> 20));
    bench.found(Line {
        id: "R1",
        work: "full online activation, SQLite, 64 clients".to_owned(),
        goal: Goal::AtLeast(0.7),
        floor,
        product,
        unit: "/s",
        notes,
    });
    Ok(())
}

/// Latencies at half of what the server can do, when requests come at fixed moments.
fn open_loop(bench: &mut Bench, fleet: &mut Fleet, activations: f64) -> Result<String> {
    let count = bench.scaled(1_600);
    let (mut issue, mut settle) = (histogram(), histogram());
    let (mut devices, calls) = fleet.activations(count)?;
    // Issue and settlement each have half of the machine in turn: twice as many requests in half of the time.
    let issued = fleet.open(&calls, 2.0 * activations)?;
    issue.add(&issued.latencies)?;
    let receipts = fleet.receipts(&mut devices, &issued)?;
    settle.add(&fleet.open(&receipts, 2.0 * activations)?.latencies)?;
    let curves = [plot::latencies("update issued", &issue), plot::latencies("receipt accepted", &settle)];
    let name = "perf-latency";
    let axes = ("nines of the percentile (2 = 99 %)", "milliseconds");
    plot::curves(&bench.plots.join(format!("{name}.svg")), axes, &curves)?;
    let caption = "Latency of both requests of an activation with requests at fixed moments, at half of the measured throughput.";
    bench.report.plots.push((name.to_owned(), caption.to_owned()));
    let at = |histogram: &hdrhistogram::Histogram<u64>, percentile: f64| {
        short(crate::load::seconds(histogram.value_at_percentile(percentile)) * 1000.0)
    };
    Ok(format!(
        "with requests at fixed moments at half of that: an update after {} ms (p50), {} (p99), {} (p99.9), a receipt after {}, {}, {}",
        at(&issue, 50.0),
        at(&issue, 99.0),
        at(&issue, 99.9),
        at(&settle, 50.0),
        at(&settle, 99.0),
        at(&settle, 99.9)
    ))
}

/// R2: how long one client waits.
pub(crate) fn latency(bench: &mut Bench) -> Result<()> {
    let data = bench.empty("r2")?;
    let server = Server::central(&data, None)?;
    let fixed = Server::fixed()?;
    let mut fleet = Fleet::new(&[server.address], 1, &data, 2)?;
    let mut http = Http::new(fixed.address, 1)?;
    let mut sqlite = Sqlite::new(&bench.folder.join("r2-floor.db"))?;
    let count = bench.scaled(64);
    let (mut floor, mut product, mut reads) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in 0..=bench.rounds() {
        let crypto = crypto::measure(1)?;
        let commits = sqlite.activations(count as u64, 1)?;
        let request = http.run(2 * count, TRANSFER_BYTES)?.latency(50.0);
        let done = fleet.activate(count)?;
        if round > 0 {
            let ideal = commits.issue + commits.settle + crypto.of_activation() + 2.0 * request;
            floor.0.push(1000.0 * ideal);
            reads.0.push(1000.0 * commits.reads);
            product.0.push(1000.0 * done.latency(50.0));
        }
    }
    let least = Rounds(floor.0.iter().zip(&reads.0).map(|(floor, reads)| (floor + reads) / floor).collect());
    let note = format!(
        "reading the rows it is decided on takes {} ms by SQLite itself; with them the floor takes {} of its time",
        short(reads.median()),
        short(least.median())
    );
    bench.found(Line {
        id: "R2",
        work: "the same, one client, p50 of both requests together".to_owned(),
        goal: Goal::AtMost(1.5),
        floor,
        product,
        unit: "ms",
        notes: vec![note],
    });
    Ok(())
}
