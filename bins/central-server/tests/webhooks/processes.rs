//! Servers that are killed while they tell events, and two of them on one database.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use licensing_testkit::postgres::{Cluster, Database, database_of_this_run};
use serde_json::{Value, json};

use super::receiver::{Message, OK, Receiver, Reply};
use super::{assert_order, first_taken};

const SETTINGS: &str = "[webhooks]\nallowed_networks = [\"127.0.0.1\"]\ntimeout_secs = 1\nretry_secs = [1]\n";

/// A data folder, and where its database is.
struct Site {
    folder: tempfile::TempDir,
    url: Option<String>,
    token: String,
    _database: Option<Database>,
}

impl Site {
    fn new(database: Option<Database>) -> Self {
        let (folder, url) = (tempfile::tempdir().unwrap(), database.as_ref().map(Database::url));
        let mut site = Self { folder, url, token: String::new(), _database: database };
        let done = site.command(&["init", "--firm-code", "6000010"]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        fs::write(site.data().join("central.toml"), SETTINGS).unwrap();
        site.token = fs::read_to_string(site.data().join("admin.token")).unwrap().trim().to_owned();
        site
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_central-server"));
        command.args(words).arg("--data").arg(self.data()).env_remove("CENTRAL_DATABASE");
        command.envs(self.url.as_ref().map(|url| ("CENTRAL_DATABASE", url)));
        command
    }

    fn serve(&self, name: &str) -> Server {
        let log = fs::File::create(Path::new(self.folder.path()).join(format!("{name}.log"))).unwrap();
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("the first line").to_owned();
        Server { child, address, token: self.token.clone() }
    }

    /// Every event there is, by its id.
    async fn log(&self, server: &Server) -> BTreeSet<String> {
        let (mut ids, mut after) = (BTreeSet::new(), String::new());
        loop {
            let page = server.send("GET", &format!("/api/v1/events/feed?limit=500{after}"), None).await;
            ids.extend(page["events"].as_array().unwrap().iter().map(super::world::id));
            if page["more"] == false {
                return ids;
            }
            after = format!("&after={}", page["next"].as_str().unwrap());
        }
    }
}

/// A running server, stopped with the value.
struct Server {
    child: Child,
    address: String,
    token: String,
}

impl Server {
    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        static SENT: AtomicU64 = AtomicU64::new(0);
        let key = format!("request-{}", SENT.fetch_add(1, Ordering::Relaxed));
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        for _ in 0..100 {
            let request = Request::builder()
                .method(method)
                .uri(format!("{}{path}", self.address))
                .header("content-type", "application/json")
                .header("authorization", format!("Bearer {}", self.token))
                .header("idempotency-key", &key)
                .body(body.map_or(Body::empty(), |body| Body::from(body.to_string())));
            let response = client.request(request.unwrap()).await.unwrap();
            let status = response.status();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            if status.is_success() {
                return serde_json::from_slice(&bytes).unwrap();
            }
            // On a slow machine one server waits for a row of the other for longer than it is ready to.
            let told = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(status, 503, "{path}: {told}");
        }
        panic!("{path} was never answered")
    }

    /// So many orders, each of a license with several events.
    async fn sell(&self, name: &str, count: usize) {
        let item = json!({"id": "A", "name": "A", "firm_code": 6_000_010, "product_code": 201_000});
        self.send("POST", "/api/v1/items", Some(&item)).await;
        for number in 0..count {
            let id = format!("{name}-{number}");
            let order = json!({"order_id": id, "items": [{"item": "A", "quantity": 1}]});
            let order = self.send("POST", "/api/v1/orders", Some(&order)).await;
            let path =
                format!("/api/v1/licenses/{}/withdrawal", order["licenses"][0]["id"].as_str().unwrap());
            self.send("POST", &path, Some(&json!({}))).await;
            self.send("DELETE", &path, None).await;
        }
    }

    async fn webhook(&self, receiver: &Receiver) {
        let request = json!({ "name": "erp", "url": receiver.url(), "from": "beginning" });
        self.send("POST", "/api/v1/webhooks", Some(&request)).await;
    }

    /// `kill -9`.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn holds_all(seen: &[Message], log: &BTreeSet<String>) -> bool {
    let taken: BTreeSet<String> = first_taken(seen).into_iter().map(|message| message.id).collect();
    log.is_subset(&taken)
}

/// Killed again and again, always in the middle: what was taken and not yet stored as told comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_loses_no_event() {
    let site = Site::new(database_of_this_run());
    let receiver = Receiver::start(|_| Reply::Status(500)).await;
    let mut server = site.serve("first");
    server.sell("O", 25).await;
    server.webhook(&receiver).await;
    let log = site.log(&server).await;
    receiver.answers(|_| OK);
    for (round, told) in [10, 40, 80].into_iter().enumerate() {
        receiver.until("some are told", |seen| first_taken(seen).len() >= told).await;
        server.kill();
        server = site.serve(&format!("round-{round}"));
    }
    let seen = receiver.until("all are told", |seen| holds_all(seen, &log)).await;
    assert_order(&seen);
}

/// Two servers share the work without telling everything twice, and each goes on where the other was killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_tell_one_receiver() {
    let site = Site::new(Some(Cluster::shared().database()));
    let receiver = Receiver::start(|_| OK).await;
    let (mut one, two) = (site.serve("one"), site.serve("two"));
    one.webhook(&receiver).await;
    tokio::join!(one.sell("A", 20), two.sell("B", 20));
    let log = site.log(&two).await;
    let seen = receiver.until("all are told", |seen| holds_all(seen, &log)).await;
    assert_order(&seen);
    assert!(seen.len() < 2 * first_taken(&seen).len(), "one at a time tells it");
    tokio::join!(one.sell("C", 5), two.sell("D", 5));
    one.kill();
    let log = site.log(&two).await;
    let seen = receiver.until("the other goes on", |seen| holds_all(seen, &log)).await;
    assert_order(&seen);
}
