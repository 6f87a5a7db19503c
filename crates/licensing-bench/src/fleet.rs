//! Customers for a server under load: tickets and containers that are ready before anything is measured.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use central_server::data_dir::DataDir;
use licensing_core::crypto::seal::SealingKey;
use licensing_core::crypto::sign::SigningKey;
use licensing_core::device::{DeviceState, NewDevice};
use licensing_core::ids::ContainerKind;
use licensing_core::random;
use licensing_core::testing::TestEntropy;
use licensing_core::time::Timestamp;
use licensing_wire::binary::{from_base64, to_base64, to_hex};
use licensing_wire::json::{
    OrderAnswer, OrderLineMessage, OrderRequest, ReceiptRequest, TransferAnswer, TransferRequest,
};
use serde_json::json;

use crate::load::{Call, Clients, Done};
use licensing_bench::generate::{FIRM_CODE, firm_code};

/// The item everybody buys.
pub(crate) const ITEM: &str = "BENCH-1";
/// Most bytes of an update file here.
const UPDATE_MAX: usize = 1 << 20;

/// The vendor and the customers of a server.
pub(crate) struct Fleet {
    clients: Clients,
    token: String,
    entropy: TestEntropy,
    now: Timestamp,
    sold: u64,
}

/// A full activation, seen by its clients: first the updates, then the receipts.
pub(crate) struct Activated {
    pub(crate) issue: Done,
    pub(crate) settle: Done,
}

impl Activated {
    /// Activations per second. What the containers do between the two requests takes none of the time.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(crate) fn rate(&self) -> f64 {
        self.issue.answers.len() as f64 / (self.issue.elapsed + self.settle.elapsed).as_secs_f64()
    }

    /// Seconds both requests take at a percentile, one after the other.
    pub(crate) fn latency(&self, percentile: f64) -> f64 {
        self.issue.latency(percentile) + self.settle.latency(percentile)
    }
}

impl Fleet {
    /// Connects so many clients to the servers of a data folder. `seed` keeps the containers of several fleets apart.
    pub(crate) fn new(servers: &[SocketAddr], clients: usize, data: &Path, seed: u64) -> Result<Self> {
        let token = std::fs::read_to_string(DataDir::new(data).admin_token())?.trim().to_owned();
        let clients = Clients::connect(servers, clients)?;
        let now = central_server::system::Clock::now(&central_server::system::SystemClock);
        let mut fleet = Self { clients, token, entropy: TestEntropy::new(seed), now, sold: 0 };
        let item = json!({ "id": ITEM, "name": "Measured product", "firm_code": FIRM_CODE, "product_code": 201_999,
            "feature_map": "0x3" });
        let call = fleet.vendor("/api/v1/items", &item)?;
        fleet.clients.closed(&[call])?;
        Ok(fleet)
    }

    fn vendor(&self, path: &'static str, message: &impl serde::Serialize) -> Result<Call> {
        Ok(Call { token: Some(self.token.clone()), ..Call::new(path, message)? })
    }

    /// Orders of so many licenses each.
    pub(crate) fn orders(&mut self, count: usize, licenses: usize) -> Result<Vec<Call>> {
        let tag: [u8; 6] = random(&mut self.entropy);
        let line = || OrderLineMessage { item: ITEM.to_owned(), quantity: 1 };
        let first = self.sold;
        self.sold += count as u64;
        (first..self.sold)
            .map(|number| {
                let order = OrderRequest {
                    order_id: format!("B-{}-{number:08}", to_hex(&tag)),
                    customer: None,
                    comment: None,
                    items: (0..licenses).map(|_| line()).collect(),
                    together: false,
                    ticket: None,
                };
                self.vendor("/api/v1/orders", &order)
            })
            .collect()
    }

    /// Sells so many tickets with so many licenses each.
    pub(crate) fn tickets(&mut self, count: usize, licenses: usize) -> Result<Vec<String>> {
        let orders = self.orders(count, licenses)?;
        let sold = self.clients.closed(&orders)?;
        sold.answers.iter().map(|answer| Ok(serde_json::from_slice::<OrderAnswer>(answer)?.ticket)).collect()
    }

    /// Sends requests, each client its next as soon as it has its answer.
    pub(crate) fn closed(&mut self, calls: &[Call]) -> Result<Done> {
        self.clients.closed(calls)
    }

    /// Sends requests at fixed moments.
    pub(crate) fn open(&mut self, calls: &[Call], per_second: f64) -> Result<Done> {
        self.clients.open(calls, per_second)
    }

    fn device(&mut self) -> DeviceState {
        let new = NewDevice {
            kind: ContainerKind::Act,
            identity: SigningKey::generate(&mut self.entropy),
            sealing: SealingKey::generate(&mut self.entropy),
            capacity: 2_000,
            test_host: false,
        };
        DeviceState::new(new, self.now)
    }

    fn context(&mut self, device: &mut DeviceState) -> Result<String> {
        let nonce = random(&mut self.entropy);
        Ok(to_base64(&device.make_context(firm_code(), nonce, vec![], self.now)?))
    }

    /// New containers with the requests that bring the license of a new ticket into each.
    pub(crate) fn activations(&mut self, count: usize) -> Result<(Vec<DeviceState>, Vec<Call>)> {
        let tickets = self.tickets(count, 1)?;
        let mut devices = Vec::new();
        let mut calls = Vec::new();
        for ticket in tickets {
            let mut device = self.device();
            let context = self.context(&mut device)?;
            let request = TransferRequest { ticket, licenses: vec![], context };
            let key = Some(to_hex(&random::<16>(&mut self.entropy)));
            calls.push(Call { key, ..Call::new("/api/v1/activations", &request)? });
            devices.push(device);
        }
        Ok((devices, calls))
    }

    /// Lets the containers apply the updates; the requests that prove it.
    pub(crate) fn receipts(&mut self, devices: &mut [DeviceState], issued: &Done) -> Result<Vec<Call>> {
        let mut calls = Vec::new();
        for (device, answer) in devices.iter_mut().zip(&issued.answers) {
            let answer: TransferAnswer = serde_json::from_slice(answer)?;
            let update = from_base64(&answer.update, UPDATE_MAX).ok().context("an update in base64")?;
            *device = device.apply_update(&update)?.state;
            let receipt = ReceiptRequest { context: self.context(device)? };
            calls.push(Call::new("/api/v1/receipts", &receipt)?);
        }
        Ok(calls)
    }

    /// So many full activations: all updates, then all receipts. Ordering and what the containers do is not measured.
    pub(crate) fn activate(&mut self, count: usize) -> Result<Activated> {
        let (mut devices, calls) = self.activations(count)?;
        let issue = self.closed(&calls)?;
        let receipts = self.receipts(&mut devices, &issue)?;
        let settle = self.closed(&receipts)?;
        Ok(Activated { issue, settle })
    }
}
