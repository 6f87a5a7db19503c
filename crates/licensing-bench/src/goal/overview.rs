//! R4: the overview of a ticket.

use anyhow::Result;
use central_server::data_dir::DataDir;
use licensing_wire::json::TicketRequest;

use super::activation::cores;
use super::{Bench, CLIENTS};
use crate::fleet::Fleet;
use crate::floor::{Http, sqlite};
use crate::load::Call;
use crate::program::Server;
use crate::report::{Goal, Line, Rounds, short};

/// Requests for the overviews of tickets with ten licenses.
pub(crate) fn calls(fleet: &mut Fleet, tickets: usize, count: usize) -> Result<Vec<Call>> {
    let tickets = fleet.tickets(tickets, 10)?;
    let call = |ticket: &String| {
        Call::new("/api/v1/tickets/show", &TicketRequest { ticket: ticket.clone(), all: false })
    };
    tickets.iter().cycle().take(count).map(call).collect()
}

/// R4.
pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let data = bench.empty("r4")?;
    let server = Server::central(&data, None)?;
    let fixed = Server::fixed()?;
    let mut fleet = Fleet::new(&[server.address], CLIENTS, &data, 4)?;
    let mut http = Http::new(fixed.address, CLIENTS)?;
    let calls = calls(&mut fleet, CLIENTS, bench.scaled(24_000))?;
    let database = DataDir::new(&data).database();
    let (mut floor, mut product, mut limit) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in 0..=bench.rounds() {
        let fixed = http.run(calls.len(), calls[0].bytes())?.rate();
        let raw = sqlite::overviews(&database, calls.len(), cores())?;
        let shown = fleet.closed(&calls)?.rate();
        if round > 0 {
            floor.0.push(fixed);
            product.0.push(shown);
            limit.0.push(raw / (fixed + raw));
        }
    }
    let note = format!(
        "a server that reads the same rows by SQLite itself, makes nothing of them, and then gives the fixed answer would reach {}",
        short(limit.median())
    );
    bench.found(Line {
        id: "R4",
        work: "ticket overview, 10 licenses, against a fixed answer".to_owned(),
        goal: Goal::AtLeast(0.6),
        floor,
        product,
        unit: "/s",
        notes: vec![note],
    });
    Ok(())
}
