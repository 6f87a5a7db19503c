//! R11: what the vendor looks through and searches, on a large database.

use anyhow::{Result, ensure};
use central_server::data_dir::DataDir;
use licensing_core::time::Timestamp;
use licensing_wire::json::SearchRequest;
use licensing_wire::time;

use super::Bench;
use crate::floor::Http;
use crate::floor::pages::{self, Pages, Query, ROWS, SHOWN, Sample, hex, prefix_of};
use crate::load::{Call, Clients, seconds};
use crate::program::Server;
use crate::report::{Goal, Line, Rounds, short};
use crate::visitor;

/// Places in the database that are looked at.
const SAMPLES: u32 = 40;

/// A page: what it is, how it is asked for, and its rows by SQLite itself.
struct Looked {
    what: &'static str,
    ask: fn(&Sample) -> Asked,
    raw: fn(&Sample, u32) -> Vec<Query>,
}

/// How a page is asked for.
enum Asked {
    /// By an address.
    Get(String),
    /// By a text.
    Search(String),
    /// As a page, with rows of [`SHOWN`].
    Page(String),
    /// By a text in the form of a page.
    Form(String),
}

/// `2030-01-31T12:00:00Z`, or the day alone.
fn moment(at: i64) -> String {
    time::print(Timestamp::from_secs(at.unsigned_abs()))
}

fn day(at: i64) -> String {
    moment(at).chars().take(10).collect()
}

fn get(path: &str) -> Asked {
    Asked::Get(format!("/api/v1/{path}limit={ROWS}"))
}

#[rustfmt::skip]
const PAGES: [Looked; 22] = [
    Looked { what: "licenses, newest first, from anywhere", raw: pages::licenses,
        ask: |at| get(&format!("licenses?newest=true&after={}&", hex(&at.license))) },
    Looked { what: "licenses of a customer", raw: pages::of_customer,
        ask: |at| get(&format!("licenses?newest=true&customer={}&", at.customer)) },
    Looked { what: "licenses of an item, from anywhere", raw: pages::of_item,
        ask: |at| get(&format!("licenses?newest=true&item={}&after={}&", at.item, hex(&at.license))) },
    Looked { what: "licenses never activated, from anywhere", raw: pages::never_activated,
        ask: |at| get(&format!("licenses?newest=true&never_activated=true&after={}&", hex(&at.license))) },
    Looked { what: "licenses with an unfinished transfer, from anywhere", raw: pages::pending,
        ask: |at| get(&format!("licenses?newest=true&state=pending&after={}&", hex(&at.license))) },
    Looked { what: "orders, newest first, from anywhere", raw: pages::orders,
        ask: |at| get(&format!("orders?newest=true&until={}&", moment(at.made))) },
    Looked { what: "containers, newest first", raw: pages::containers, ask: |_| get("containers?newest=true&") },
    Looked { what: "unfinished transfers", raw: pages::transfers, ask: |_| get("transfers?") },
    Looked { what: "events of one action, from anywhere", raw: pages::of_action,
        ask: |at| get(&format!("history?newest=true&action=activation_confirmed&until={}&", moment(at.made))) },
    Looked { what: "events of a license", raw: pages::history,
        ask: |at| get(&format!("history?license={}&", hex(&at.license))) },
    Looked { what: "search for an order", raw: pages::search_order,
        ask: |at| Asked::Search(prefix_of(&at.order).to_owned()) },
    Looked { what: "search for a license", raw: pages::search_license, ask: |at| Asked::Search(hex(&at.license)) },
    Looked { what: "statistics of 30 days", raw: pages::statistics,
        ask: |at| Asked::Get(format!("/api/v1/statistics?from={}&until={}", day(at.made), day(at.made + 30 * 86_400))) },
    Looked { what: "page of licenses, from anywhere", raw: pages::licenses,
        ask: |at| Asked::Page(format!("/licenses?after={}", hex(&at.license))) },
    Looked { what: "page of licenses of a customer", raw: pages::of_customer,
        ask: |at| Asked::Page(format!("/licenses?customer={}", at.customer)) },
    Looked { what: "page of licenses of an item, from anywhere", raw: pages::of_item,
        ask: |at| Asked::Page(format!("/licenses?item={}&after={}", at.item, hex(&at.license))) },
    Looked { what: "page of licenses never activated, from anywhere", raw: pages::never_activated,
        ask: |at| Asked::Page(format!("/licenses?never_activated=true&after={}", hex(&at.license))) },
    Looked { what: "page of licenses with an unfinished transfer, from anywhere", raw: pages::pending,
        ask: |at| Asked::Page(format!("/licenses?state=pending&after={}", hex(&at.license))) },
    Looked { what: "page of orders, from anywhere", raw: pages::orders,
        ask: |at| Asked::Page(format!("/orders?until={}", moment(at.made))) },
    Looked { what: "page of containers", raw: pages::containers, ask: |_| Asked::Page("/containers".to_owned()) },
    Looked { what: "page of events of one action, from anywhere", raw: pages::of_action,
        ask: |at| Asked::Page(format!("/events?action=activation_confirmed&until={}", moment(at.made))) },
    Looked { what: "page of a search for an order", raw: pages::search_order,
        ask: |at| Asked::Form(format!("text={}", prefix_of(&at.order))) },
];

impl Asked {
    const fn rows(&self) -> u32 {
        match self {
            Self::Get(_) | Self::Search(_) => ROWS,
            Self::Page(_) | Self::Form(_) => SHOWN,
        }
    }

    /// The request, by a program with this token or a browser with this cookie.
    fn call(self, token: &str, cookie: &str) -> Result<Call> {
        let (token, cookie) = (Some(token.to_owned()), Some(cookie.to_owned()));
        Ok(match self {
            Self::Get(path) => Call { token, ..Call::get(path) },
            Self::Search(text) => Call { token, ..Call::new("/api/v1/search", &SearchRequest { text })? },
            Self::Page(path) => Call { cookie, ..Call::get(path) },
            Self::Form(form) => Call { cookie, body: Some(form.into()), ..Call::get("/search".to_owned()) },
        })
    }
}

/// R11: each page as one client sees it, against its rows read by SQLite and one fixed answer over HTTP, in the same round.
pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let large = bench.large();
    let data = bench.filled(large)?;
    let folder = DataDir::new(&data);
    visitor::add(&data)?;
    let server = Server::central(&data, None)?;
    let cookie = visitor::sign_in(server.address)?;
    let token = std::fs::read_to_string(folder.admin_token())?.trim().to_owned();
    let mut client = Clients::connect(&[server.address], 1)?;
    let fixed = Server::fixed()?;
    let mut http = Http::new(fixed.address, 1)?;
    let raw = Pages::open(&folder.database())?;
    let samples = raw.samples(SAMPLES)?;
    for page in &PAGES {
        let asked = bench.scaled(400);
        let calls = samples.iter().map(|sample| (page.ask)(sample).call(&token, &cookie));
        let calls = calls.collect::<Result<Vec<_>>>()?;
        let calls: Vec<Call> = calls.into_iter().cycle().take(asked).collect();
        let queries: Vec<Vec<Query>> = samples
            .iter()
            .map(|sample| (page.raw)(sample, (page.ask)(sample).rows()))
            .cycle()
            .take(asked)
            .collect();
        let (mut floor, mut product, mut alone) = (Rounds::default(), Rounds::default(), Rounds::default());
        let (mut bytes, mut rows) = (0, 0);
        for round in 0..=bench.rounds() {
            let done = client.closed(&calls)?;
            let (latencies, read) = raw.time(&queries)?;
            let answered = http.run(asked, 0)?.latency(95.0);
            let read_raw = seconds(latencies.value_at_percentile(95.0));
            if round > 0 {
                product.0.push(1000.0 * done.latency(95.0));
                floor.0.push(1000.0 * (read_raw + answered));
                alone.0.push(1000.0 * read_raw);
            }
            (bytes, rows) = (done.answers.iter().map(|answer| answer.len()).sum::<usize>(), read);
        }
        ensure!(rows > 0, "{}: nothing was read", page.what);
        #[expect(clippy::cast_precision_loss, reason = "an average for people")]
        let each = |all: usize| short(all as f64 / asked as f64);
        bench.found(Line {
            id: "R11",
            work: format!(
                "p95 of {} at {large} licenses, against its rows read raw + a fixed answer",
                page.what
            ),
            goal: Goal::AtMost(5.0),
            floor,
            product,
            unit: "ms",
            notes: vec![format!(
                "{}: {} rows, {} bytes answered; read raw, without HTTP, {} ms",
                page.what,
                each(rows),
                each(bytes),
                short(alone.median())
            )],
        });
    }
    Ok(())
}
