//! R7: the license runtime of a computer.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use central_server::system::{Clock as _, SystemClock};
use container_sim::binding::KdfCost;
use license_runtime::Places;
use license_runtime::local::{Answer, Client, PROTOCOL, Request};
use licensing_core::access::AccessRequest;
use licensing_core::item::ItemPolicy;
use licensing_core::terms::LicenseTerms;
use licensing_testkit::server::{Server, firm, product};

use super::Bench;
use super::apply::Unlock;
use crate::floor::crypto;
use crate::program::beside;
use crate::report::{Goal, Line, Rounds};

/// A running daemon, ended with the value.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A runtime with a license in a dongle, and a program that talks to it.
fn start(bench: &Bench) -> Result<(Daemon, Client)> {
    let home = bench.folder("r7")?;
    let mut command = Command::new(beside("license-runtime")?);
    command.args(["serve", "--no-agent", "--home"]).arg(&home).env("XDG_STATE_HOME", home.join("state"));
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("no output")?;
    let daemon = Daemon(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    ensure!(line.starts_with("listening on "), "the runtime did not start: {line:?}");
    let places = Places::below(&home, &home.join("state"));
    let mut client = Client::connect(&places.socket)?.context("the runtime is not there")?;
    let mut server = Server::new(11);
    server.now = SystemClock.now();
    server.makers = vec![licensing_core::trust::emulator_maker().public_key()];
    let Answer::Containers(made) = client.request(&Request::CreateDongle { flash_bytes: 16_384 })? else {
        bail!("no dongle was made");
    };
    let container = made.first().context("a dongle")?.container;
    let (ticket, _) = server.order(LicenseTerms::default(), ItemPolicy::default(), 5);
    let context = |client: &mut Client| match client
        .request(&Request::CreateContext { container, firm_code: firm() })?
    {
        Answer::Bytes(bytes) => anyhow::Ok(bytes),
        other => bail!("no context but {other:?}"),
    };
    let update = server.activate(&context(&mut client)?, ticket, &[])?;
    client.request(&Request::ImportUpdate { container, update })?;
    server.receipt(&context(&mut client)?)?;
    Ok((daemon, client))
}

/// The median of some calls, in milliseconds.
fn middle(count: usize, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        call()?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Rounds(times).median())
}

/// R7.
pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let (_daemon, mut client) = start(bench)?;
    let unlock = Unlock::new(bench)?;
    let request = AccessRequest::product(product());
    let access = Request::Access { firm_code: firm(), request, container: None };
    let (mut trips, mut uses) = (Rounds::default(), Rounds::default());
    let (mut hashes, mut unlocks) = (Rounds::default(), Rounds::default());
    let count = bench.scaled(4_000);
    for round in 0..=bench.rounds() {
        let empty = middle(count, || {
            client.request(&Request::Hello { protocol: PROTOCOL }).map(drop).map_err(Into::into)
        })?;
        let used = middle(count, || match client.request(&access)? {
            Answer::Usable { handle: Some(handle), .. } => {
                client.request(&Request::Release { handle })?;
                Ok(())
            }
            other => bail!("not licensed but {other:?}"),
        })?;
        let KdfCost { memory_kib, passes } = KdfCost::STANDARD;
        let hash = Rounds((0..3).map(|_| crypto::argon2id(memory_kib, passes, 1)).collect::<Result<_>>()?);
        let opened = Rounds((0..3).map(|_| unlock.open()).collect::<Result<_>>()?);
        if round > 0 {
            trips.0.push(empty);
            uses.0.push(used);
            hashes.0.push(1000.0 * hash.median());
            unlocks.0.push(1000.0 * opened.median());
        }
    }
    bench.found(Line {
        id: "R7a",
        work: "access and release through the runtime, p50, against an empty round trip".to_owned(),
        goal: Goal::AtMost(3.0),
        floor: trips,
        product: uses,
        unit: "ms",
        notes: vec![],
    });
    bench.found(Line {
        id: "R7b",
        work: "unlock of an act license, against one Argon2id".to_owned(),
        goal: Goal::AtMost(1.2),
        floor: hashes,
        product: unlocks,
        unit: "ms",
        notes: vec![],
    });
    Ok(())
}
