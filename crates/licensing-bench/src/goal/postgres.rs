//! R3: activations on PostgreSQL, with one and with two servers on one database.

use std::path::PathBuf;

use anyhow::Result;
use central_server::command::initialise;
use central_server::data_dir::DataDir;
use central_server::database::{DatabaseUrl, Place};
use licensing_testkit::postgres::{Cluster, programs};

use super::activation::cores;
use super::{Bench, TRANSFER_BYTES, limit};
use crate::fleet::Fleet;
use crate::floor::postgres::Postgres;
use crate::floor::{Http, crypto};
use crate::program::Server;
use crate::report::{Goal, Line, Missing, Rounds, short};
use licensing_bench::generate::firm_code;

const CLIENTS: usize = 32;
/// A server that keeps what it has acknowledged, with room for what is measured.
const SETTINGS: [&str; 3] = ["fsync=on", "shared_buffers=256MB", "max_wal_size=4GB"];

/// A new, empty server on a database of its own.
fn server(bench: &Bench, cluster: &Cluster, name: &str) -> Result<(PathBuf, String)> {
    cluster.sql("postgres", &format!("CREATE DATABASE {name}"))?;
    let url = cluster.url(name);
    let data = bench.folder.join(name);
    let place = Place::Postgres(Box::new(DatabaseUrl::from(url.clone()).settings()?));
    initialise(&DataDir::new(&data), place, firm_code(), "Measured vendor")?;
    Ok((data, url))
}

/// R3.
pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    if programs().is_none() {
        bench.report.missing.push(Missing { id: "R3", why: "PostgreSQL is not installed".to_owned() });
        return Ok(());
    }
    let cluster = Cluster::start(&SETTINGS)?;
    let (data, url) = server(bench, &cluster, "product")?;
    let (_, floor_url) = server(bench, &cluster, "floor")?;
    let servers = [Server::central(&data, Some(&url))?, Server::central(&data, Some(&url))?];
    let fixed = Server::fixed()?;
    let addresses = servers.each_ref().map(|server| server.address);
    let mut one = Fleet::new(&addresses[..1], CLIENTS, &data, 31)?;
    let mut two = Fleet::new(&addresses, CLIENTS, &data, 32)?;
    let mut http = Http::new(fixed.address, CLIENTS)?;
    let mut postgres = Postgres::new(&floor_url, CLIENTS)?;
    let count = bench.scaled(480);
    let (mut floor, mut product, mut both) = (Rounds::default(), Rounds::default(), Rounds::default());
    let mut parts: [Rounds; 6] = Default::default();
    for round in 0..=bench.rounds() {
        let crypto = crypto::measure(cores())?;
        let commits = postgres.activations(count as u64)?;
        let requests = http.run(2 * count, TRANSFER_BYTES)?.rate();
        let alone = one.activate(count)?.rate();
        let together = two.activate(count)?.rate();
        if round == 0 {
            continue;
        }
        let each = [
            crypto.of_activation(),
            2.0 / requests,
            commits.issue,
            commits.settle,
            1.0 / alone,
            commits.reads,
        ];
        floor.0.push(1.0 / each[..4].iter().sum::<f64>());
        product.0.push(alone);
        both.0.push(together);
        parts.iter_mut().zip(each).for_each(|(part, each)| part.0.push(each * 1e6));
    }
    let limit = limit(&Rounds(floor.0.iter().map(|rate| 1e6 / rate).collect()), &parts[5]);
    let [crypto, http_time, issue, settle, whole, reads] = parts.map(|part| short(part.median()));
    let notes = vec![
        format!(
            "an activation takes {whole} µs of the machine; the parts of its floor: cryptography {crypto}, HTTP {http_time}, commits {issue} and {settle}"
        ),
        format!(
            "reading the rows it is decided on takes {reads} µs by the client library itself, in one round trip each; with them the floor reaches {limit}"
        ),
    ];
    bench.found(Line {
        id: "R3a",
        work: "full online activation, PostgreSQL, 32 clients".to_owned(),
        goal: Goal::AtLeast(0.7),
        floor,
        product: product.clone(),
        unit: "/s",
        notes,
    });
    bench.found(Line {
        id: "R3b",
        work: "the same with two servers on one database, against one".to_owned(),
        goal: Goal::AtLeast(1.0),
        floor: product,
        product: both,
        unit: "/s",
        notes: vec![],
    });
    Ok(())
}
