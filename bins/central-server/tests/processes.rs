//! Several processes on one PostgreSQL database, a database that is away, and secrets that stay where they are.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use licensing_testkit::postgres::{Cluster, free_port};
use serde_json::{Value, json};

const SECRET: &str = "s3cret-of-the-database";

/// The program, with a password in its database URL; the servers of the tests ask for none.
fn central_server(url: &str, data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_central-server"));
    command.env("CENTRAL_DATABASE", url.replace("postgres@", &format!("postgres:{SECRET}@")));
    command.current_dir(data);
    command
}

/// A running server, stopped with the value.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(url: &str, folder: &Path, name: &str) -> Self {
        let log = fs::File::create(folder.join(format!("{name}.log"))).unwrap();
        let mut child = central_server(url, folder)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("the first line").to_owned();
        Self { child, address }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let request = Request::get(format!("{}{path}", self.address)).body(Body::empty()).unwrap();
        self.send(request).await
    }

    async fn post(&self, path: &str, token: &str, key: &str, body: &Value) -> (u16, String) {
        let request = Request::post(format!("{}{path}", self.address))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", key)
            .body(Body::from(body.to_string()));
        self.send(request.unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> (u16, String) {
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let response = client.request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn init(url: &str, folder: &Path) -> Output {
    central_server(url, folder).args(["init", "--firm-code", "6000010"]).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn two_processes_serve_one_database_and_neither_is_special() {
    let (database, folder) = (Cluster::shared().database(), tempfile::tempdir().unwrap());
    let output = init(&database.url(), folder.path());
    assert!(output.status.success(), "{}", told(&output));
    let other = tempfile::tempdir().unwrap();
    let refused = init(&database.url(), other.path());
    assert!(!refused.status.success() && told(&refused).contains("holds a server's tables already"));

    let servers = [
        Server::start(&database.url(), folder.path(), "a"),
        Server::start(&database.url(), folder.path(), "b"),
    ];
    let token = fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
    let token = token.trim();
    let item = json!({"id": "A", "name": "A", "firm_code": 6_000_010, "product_code": 201_000});
    assert_eq!(servers[0].post("/api/v1/items", token, "item", &item).await.0, 201);
    // The same request reaches both at the same moment, many times over: one order, one answer.
    let order = json!({"order_id": "O", "items": [{"item": "A", "quantity": 3}]});
    let ask = |at: usize| servers[at % 2].post("/api/v1/orders", token, "order", &order);
    let answers = futures_util::future::join_all((0..32).map(ask)).await;
    assert_eq!(answers[0].0, 201, "{:?}", answers[0]);
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
    assert_eq!(database.sql("SELECT count(*) FROM orders").unwrap(), "1");
    assert_eq!(database.sql("SELECT count(*) FROM tickets").unwrap(), "1");
    // Different orders of one id through different servers: one wins, the other is told.
    let place = |at: usize| {
        let order = json!({"order_id": "P", "items": [{"item": "A", "quantity": 1 + at}]});
        let server = &servers[at];
        async move { server.post("/api/v1/orders", token, &format!("p{at}"), &order).await.0 }
    };
    let mut outcomes = futures_util::future::join_all([place(0), place(1)]).await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, [201, 409]);
    // What one server was told is seen through the other at once.
    let made =
        servers[1].post("/api/v1/tokens", token, "t", &json!({"name": "erp", "roles": ["sales"]})).await;
    let made: Value = serde_json::from_str(&made.1).unwrap();
    let order = json!({"order_id": "Q", "items": [{"item": "A", "quantity": 1}]});
    let status = servers[0].post("/api/v1/orders", made["token"].as_str().unwrap(), "q", &order).await.0;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn a_server_waits_for_its_database_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let settings = ["listen_addresses=127.0.0.1".to_owned(), format!("port={port}")];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?pool_timeout=1");
    let refused = init(&url, folder.path());
    assert!(!refused.status.success() && told(&refused).contains("cannot be reached"), "{}", told(&refused));

    let cluster = Cluster::start(&settings).unwrap();
    let output = init(&url, folder.path());
    assert!(output.status.success(), "{}", told(&output));
    let server = Server::start(&url, folder.path(), "before");
    assert_eq!(server.get("/readyz").await, (200, "ready\n".to_owned()));
    cluster.stop().unwrap();
    for server in [&server, &Server::start(&url, folder.path(), "while")] {
        let (status, body) = server.get("/readyz").await;
        assert_eq!((status, body.contains("he database is not available")), (503, true), "{body}");
        assert_eq!(server.get("/healthz").await.0, 200, "the process itself is well");
        let token = fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
        let item = json!({"id": "A", "name": "A", "firm_code": 6_000_010, "product_code": 201_000});
        assert_eq!(server.post("/api/v1/items", token.trim(), "k", &item).await.0, 503);
    }
    let waiting = Server::start(&url, folder.path(), "waiting");
    cluster.start_again().unwrap();
    for server in [server, waiting] {
        // The first request after its return finds it.
        assert_eq!(server.get("/readyz").await, (200, "ready\n".to_owned()));
    }
    let log = fs::read_to_string(folder.path().join("while.log")).unwrap();
    assert!(log.contains("the database cannot be reached; waiting for it"), "{log}");
}

#[test]
fn the_password_is_in_no_output() {
    let (database, folder) = (Cluster::shared().database(), tempfile::tempdir().unwrap());
    let path = folder.path();
    let url = database.url();
    let away = url.replace("%2Flicensing", "%2Fnowhere");
    let unknown = format!("{url}_unknown");
    assert!(init(&url, path).status.success());
    for (url, arguments) in [
        (&url, &["doctor"][..]),
        (&url, &["migrate"]),
        (&url, &["init", "--firm-code", "6000010"]),
        (&url, &["--help"]),
        (&url, &["serve", "--help"]),
        (&url, &["backup", "--out", "x"]),
        (&away, &["doctor"]),
        (&away, &["migrate"]),
        (&unknown, &["doctor"]),
        (&unknown, &["serve"]),
        (&format!("{url}?surprise=1"), &["serve"]),
        (&format!("{url}?sslmode=prefer"), &["doctor"]),
    ] {
        let output = central_server(url, path).env("RUST_LOG", "trace").args(arguments).output().unwrap();
        assert!(!told(&output).contains(SECRET), "{arguments:?}: {}", told(&output));
    }
    let wrong =
        central_server(&url, path).args(["serve", "--database", &format!("mysql://u:{SECRET}@h/d")]).output();
    assert!(!told(&wrong.unwrap()).contains(SECRET));
}
