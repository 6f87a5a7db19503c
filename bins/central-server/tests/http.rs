//! The JSON interface, request by request, on a real database.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "http/lists.rs"]
mod lists;

#[path = "http/editions.rs"]
mod editions;

#[path = "support/data.rs"]
mod data;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use central_server::command;
use central_server::config::Config;
use central_server::http::{Access, App, ROUTES, Verb, router};
use data::Data;
use http_body_util::BodyExt as _;
use licensing_core::device::DeviceState;
use licensing_core::ids::ContainerKind;
use licensing_core::time::Timestamp;
use licensing_core::token::{Permission, ROLES};
use licensing_testkit::TestEntropy;
use licensing_testkit::server::{Server as Keys, firm};
use licensing_wire::binary::{from_base64, to_base64};
use serde_json::{Value, json};
use tower::ServiceExt as _;

struct World {
    app: Arc<App>,
    /// After the application, which uses it.
    data: Data,
}

/// What was answered.
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    kind: String,
    json: Value,
    bytes: Vec<u8>,
}

impl Answered {
    fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or("none")
    }
}

impl World {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let data = Data::new(&config);
        let app = App::new(command::service(&data.dir(), &config, &data.database).unwrap(), config);
        Self { app, data }
    }

    /// The same folder, served anew.
    fn restart(self) -> Self {
        let Self { app, data } = self;
        drop(app);
        let service = command::service(&data.dir(), &Config::default(), &data.database).unwrap();
        Self { app: App::new(service, Config::default()), data }
    }

    /// Another process on the same database.
    fn another(&self, config: Config) -> Arc<App> {
        App::new(command::service(&self.data.dir(), &config, &self.data.database).unwrap(), config)
    }

    /// An answer that need not be one of the JSON interface.
    async fn raw(&self, request: Request<Body>) -> (u16, String) {
        let response = router(&self.app).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn send(&self, request: Request<Body>) -> Answered {
        self.send_to(&self.app, request).await
    }

    async fn send_to(&self, app: &Arc<App>, request: Request<Body>) -> Answered {
        let response = router(app).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        assert_eq!(parts.headers["cache-control"], "no-store");
        assert!(parts.headers.contains_key("x-request-id"));
        let kind = parts.headers["content-type"].to_str().unwrap().to_owned();
        if !parts.status.is_success() {
            assert_eq!(kind, "application/problem+json");
            let problem: licensing_wire::problem::Problem = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(problem.status, parts.status.as_u16());
            assert!(!problem.rule.is_empty() && !problem.remedy.is_empty());
        }
        Answered {
            status: parts.status,
            kind,
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
            bytes,
        }
    }

    async fn post(&self, path: &str, body: &Value, token: Option<&str>, key: Option<&str>) -> Answered {
        let mut request = Request::post(path).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn vendor(&self, path: &str, body: &Value) -> Answered {
        self.post(path, body, Some(&self.data.token), None).await
    }

    async fn get(&self, path: &str) -> Answered {
        let request = Request::get(path).header("authorization", format!("Bearer {}", self.data.token));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// An item and an order of it: gives the ticket and the license.
    async fn sell(&self, quantity: u32) -> (String, String) {
        let item = json!({"id": "A", "name": "A", "firm_code": 6_000_010, "product_code": 201_000});
        assert!(self.vendor("/api/v1/items", &item).await.status.is_success());
        let order = json!({"order_id": "O", "items": [{"item": "A", "quantity": quantity}]});
        let order = self.vendor("/api/v1/orders", &order).await.json;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&order["ticket"]), text(&order["licenses"][0]["id"]))
    }

    async fn line(&self, ticket: &str) -> Value {
        self.post("/api/v1/tickets/show", &json!({"ticket": ticket}), None, None).await.json["licenses"][0]
            .clone()
    }
}

/// A container, and the clock it goes by.
struct Device(DeviceState, TestEntropy);

impl Device {
    fn new(seed: u64) -> Self {
        Self(Keys::new(seed).device(ContainerKind::Act), TestEntropy::new(seed))
    }

    fn context(&mut self) -> String {
        let nonce = licensing_core::random(&mut self.1);
        // Test containers live in the year of the testkit, which is behind no server's clock for long.
        to_base64(&self.0.make_context(firm(), nonce, vec![], Timestamp::ZERO).unwrap())
    }

    fn import(&mut self, answer: &Answered) {
        let update = from_base64(answer.json["update"].as_str().unwrap(), 1 << 20).unwrap();
        self.0 = self.0.apply_update(&update).unwrap().state;
    }
}

#[tokio::test]
async fn a_repeated_request_is_answered_with_the_same_bytes_even_after_a_restart() {
    let world = World::new();
    let (ticket, license) = world.sell(5).await;
    let mut device = Device::new(1);
    let body =
        json!({"ticket": ticket, "licenses": [{"id": license, "quantity": 2}], "context": device.context()});
    let first = world.post("/api/v1/activations", &body, None, Some("key-1")).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(world.post("/api/v1/activations", &body, None, Some("key-1")).await.bytes, first.bytes);
    let world = world.restart();
    assert_eq!(world.post("/api/v1/activations", &body, None, Some("key-1")).await.bytes, first.bytes);
    let other = json!({"ticket": ticket, "licenses": [], "context": device.context()});
    let reused = world.post("/api/v1/activations", &other, None, Some("key-1")).await;
    assert_eq!((reused.status.as_u16(), reused.code()), (422, "idempotency_key_reused"));
    assert_eq!(world.line(&ticket).await["activating"], 2);
    device.import(&first);
    let receipt = world.post("/api/v1/receipts", &json!({"context": device.context()}), None, None).await;
    assert_eq!((receipt.json["proven"].as_u64(), receipt.json["unproven"].as_u64()), (Some(1), Some(0)));
    assert_eq!(world.line(&ticket).await["active"], 2);
    let history = world.get(&format!("/api/v1/history?license={license}")).await;
    let proof = history.json["events"][2]["proof"].as_str().unwrap().to_owned();
    let kept = world.get(&format!("/api/v1/receipts/{proof}")).await;
    assert_eq!(kept.json["counter"], 1);
    let container = world.get(&format!("/api/v1/containers/{}", device.0.serial)).await;
    assert_eq!(container.json["firms"][0]["counter"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_clients_and_one_unit() {
    let world = Arc::new(World::new());
    let (ticket, license) = world.sell(1).await;
    let mut asking = tokio::task::JoinSet::new();
    for seed in 0..64 {
        let (world, ticket, license) = (Arc::clone(&world), ticket.clone(), license.clone());
        asking.spawn(async move {
            let body = json!({"ticket": ticket, "licenses": [{"id": license}], "context": Device::new(100 + seed).context()});
            world.post("/api/v1/activations", &body, None, Some(&format!("key-{seed}"))).await
        });
    }
    let answers = asking.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.code() == "license_not_available").count(), 63);
    assert_eq!(world.line(&ticket).await["activating"], 1);
}

/// Every route with every role and without a token: allowed exactly when the table says so.
#[tokio::test]
async fn the_authorisation_matrix() {
    let world = World::new();
    let mut tokens: Vec<(Option<licensing_core::token::Role>, Option<String>)> = vec![(None, None)];
    for (role, name) in ROLES {
        let made = world
            .vendor("/api/v1/tokens", &json!({"name": name.to_owned() + "-token", "roles": [name]}))
            .await;
        tokens.push((Some(role), Some(made.json["token"].as_str().unwrap().to_owned())));
    }
    let mut checked = 0;
    for route in ROUTES {
        for (role, token) in &tokens {
            let path = route.path.replace("{firm_code}", "1").replace("{hash}", &"0".repeat(64));
            let path = path
                .replace("{serial}", "3-7")
                .replace("{id}", "X")
                .replace("{name}", "X")
                .replace("{code}", "usage")
                .replace("{sequence}", "1");
            let mut request = Request::builder().method(route.verb.name()).uri(path);
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let body = if matches!(route.verb, Verb::Post) { "{}" } else { "" };
            let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
            let answer = world.send(request).await;
            let expected = match route.access {
                Access::Vendor(permission) => role.map(|role| role.allows(permission)),
                Access::User(_) => None,
                Access::Anybody | Access::TicketHolder | Access::Container => Some(true),
            };
            let found = match answer.code() {
                "unauthorized" => None,
                "forbidden" => Some(false),
                _ => Some(true),
            };
            assert_eq!(found, expected, "{} as {role:?}: {answer:?}", route.name);
            checked += 1;
        }
    }
    println!("{checked} combinations");
    assert!(ROUTES.iter().any(|route| route.access == Access::Vendor(Permission::TokenWrite)));
}

#[tokio::test]
async fn wrong_requests_get_a_problem_and_change_nothing() {
    let world = World::new();
    let (ticket, license) = world.sell(3).await;
    let post = async |path: &str, body: String| {
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {}", world.data.token));
        world.send(request.body(Body::from(body)).unwrap()).await
    };
    let huge = "x".repeat(10 << 20);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let orders = "/api/v1/orders";
    let table: Vec<(&str, String, u16, &str)> = vec![
        (orders, format!("{{\"order_id\":\"{huge}\"}}"), 413, "too_large"),
        (orders, deep.clone(), 422, "invalid_message"),
        ("/api/v1/tickets/show", format!("{{\"ticket\":{deep}}}"), 422, "invalid_message"),
        (orders, "{".into(), 400, "invalid_json"),
        (orders, "{\"order_id\":1,\"items\":[]}".into(), 422, "invalid_message"),
        (orders, "{\"order_id\":\"O\",\"items\":[],\"surprise\":1}".into(), 422, "invalid_message"),
        (orders, "{\"order_id\":\"O2\",\"items\":[]}".into(), 422, "order_lines"),
        (orders, json!({"order_id": "O", "items": [{"item": "A", "quantity": 4}]}).to_string(), 409, "order_exists"),
        (orders, json!({"order_id": "O2", "items": [{"item": "B", "quantity": 4}]}).to_string(), 404, "item_unknown"),
        (orders, json!({"order_id": "O2", "items": [{"item": "A", "quantity": 0}]}).to_string(), 422, "quantity_invalid"),
        ("/api/v1/tickets/show", json!({"ticket": "ABCDE"}).to_string(), 422, "ticket_mistyped"),
        ("/api/v1/activations", json!({"ticket": ticket, "licenses": [], "context": "!!"}).to_string(), 422, "invalid_field"),
        ("/api/v1/activations", json!({"ticket": ticket, "licenses": [{"id": license}, {"id": license}], "context": Device::new(5).context()}).to_string(), 422, "licenses_invalid"),
        ("/api/v1/receipts", json!({"context": Device::new(6).context()}).to_string(), 404, "container_unknown"),
    ];
    for (path, body, status, code) in table {
        let shown: String = body.chars().take(60).collect();
        let answer = post(path, body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{path} {shown}: {answer:?}");
    }
    let plain = Request::post(orders)
        .header("authorization", format!("Bearer {}", world.data.token))
        .body(Body::from("{}"));
    assert_eq!(world.send(plain.unwrap()).await.code(), "unsupported_media_type");
    let delete = Request::delete(orders).body(Body::empty()).unwrap();
    assert_eq!(world.send(delete).await.code(), "method_not_allowed");
    assert_eq!(world.get("/api/v1/nothing").await.code(), "not_found");
    assert_eq!(world.get("/api/v1/items?limit=0").await.code(), "invalid_value");
    assert_eq!(world.get("/api/v1/items?surprise=1").await.code(), "invalid_value");
    assert_eq!(world.line(&ticket).await["available"], 3);
}

#[tokio::test]
async fn guessing_tickets_is_slowed_down() {
    let mut config = Config::default();
    config.rate.ticket_failures_per_minute = 5;
    let world = World::with(config);
    let guess = json!({"ticket": "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23"});
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(world.post("/api/v1/tickets/show", &guess, None, None).await.code().to_owned());
    }
    assert_eq!(codes.first().map(String::as_str), Some("ticket_unknown"));
    assert_eq!(codes.last().map(String::as_str), Some("rate_limited"));
}

#[tokio::test]
async fn health_readiness_metrics_and_the_description_of_itself() {
    let world = World::new();
    let (ticket, _) = world.sell(3).await;
    assert_eq!(world.get("/healthz").await.bytes, b"ok\n");
    assert_eq!(world.get("/readyz").await.bytes, b"ready\n");
    let metrics = String::from_utf8(world.get("/metrics").await.bytes).unwrap();
    for line in [
        "central_requests_total{route=\"create_order\",status=\"201\"} 1",
        "central_events_total{action=\"order_created\"} 1",
        "central_tickets 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    assert!(!metrics.contains(&ticket));
    let document = world.get("/api/v1/openapi.json").await;
    assert_eq!(
        (document.json["openapi"].as_str(), document.kind.as_str()),
        (Some("3.1.0"), "application/json")
    );
    let page = world.get("/problems/ticket_unknown").await;
    assert!(page.kind.starts_with("text/html"));
    assert_eq!(world.get("/problems/none").await.code(), "not_found");
}
