//! A server on a fresh database, asked through JSON or SOAP with the same words.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use central_server::config::Config;
use central_server::http::{App, ROUTES, Route, router};
use central_server::keys;
use central_server::metrics::Metrics;
use central_server::service::Service;
use central_server::system::{Clock, Randomness, SystemClock};
use http_body_util::BodyExt as _;
use licensing_core::Entropy;
use licensing_core::device::DeviceState;
use licensing_core::format::context::TraitDigest;
use licensing_core::ids::ContainerKind;
use licensing_core::time::Timestamp;
use licensing_testkit::TestEntropy;
use licensing_testkit::clock::ManualClock;
use licensing_testkit::server::{Server as Keys, firm};
use licensing_wire::binary::{from_base64, to_base64};
use licensing_wire::soap::envelope::body;
use licensing_wire::soap::operations::{KEY, Place};
use licensing_wire::soap::types::{Field, Kind, Occurs, PROBLEM};
use licensing_wire::soap::{NAMESPACE, OPERATIONS, Operation, Version, read, write, xml};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::data::Data;

/// A clock that moves by a second from question to question: how long a story takes must not be seen in it.
struct Hand(ManualClock);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// The same randomness for the same number of questions: what is listed by ids has one order.
struct Seeded(AtomicU64);

impl Randomness for Seeded {
    fn source(&self) -> Box<dyn Entropy + Send> {
        Box::new(TestEntropy::new(self.0.fetch_add(1, Ordering::SeqCst)))
    }
}

pub(crate) struct World {
    pub(crate) app: Arc<App>,
    clock: ManualClock,
    /// After the application, which uses it.
    pub(crate) data: Data,
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Json,
    Soap(Version),
}

pub(crate) const ALL: [Via; 3] = [Via::Json, Via::Soap(Version::Soap11), Via::Soap(Version::Soap12)];

/// What a route is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) path: Option<String>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Value,
    pub(crate) key: Option<String>,
}

/// What was answered: the code of a refusal or `ok`, and the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) code: String,
    pub(crate) value: Value,
}

/// A response as it is.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Raw {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }
}

pub(crate) fn operation(route: &str) -> &'static Operation {
    OPERATIONS
        .iter()
        .find(|operation| operation.route == route)
        .unwrap_or_else(|| panic!("no operation for {route}"))
}

pub(crate) fn route(name: &str) -> &'static Route {
    ROUTES.iter().find(|route| route.name == name).unwrap_or_else(|| panic!("no route {name}"))
}

/// How a token travels.
pub(crate) fn authorization(via: Via, token: &str) -> String {
    match via {
        Via::Soap(Version::Soap11) => format!("Basic {}", to_base64(format!("erp:{token}").as_bytes())),
        Via::Json | Via::Soap(Version::Soap12) => format!("Bearer {token}"),
    }
}

pub(crate) const fn address(version: Version) -> &'static str {
    match version {
        Version::Soap11 => "/soap/1.1",
        Version::Soap12 => "/soap/1.2",
    }
}

/// An envelope as a toolkit would make it.
pub(crate) fn envelope(version: Version, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"{}\" xmlns:m=\"{NAMESPACE}\"><s:Header/><s:Body>\
         {body}</s:Body></s:Envelope>",
        version.namespace()
    )
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let data = Data::new(&config);
        let clock = ManualClock::new(SystemClock.now());
        let (keys, metrics) = (keys::load(&data.dir().keys()).unwrap(), Arc::new(Metrics::new(clock.now())));
        let service = Service::new(
            data.database.open_to_serve().unwrap(),
            keys,
            config.rules().unwrap(),
            Arc::new(Hand(clock.clone())),
            metrics,
        );
        let service = service.with_mail(config.mail.mailer(data.dir().path()).unwrap());
        let service = service.with_randomness(Arc::new(Seeded(AtomicU64::new(1))));
        let app = App::new(Arc::new(service), config);
        Self { app, clock, data }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Raw {
        let response = router(&self.app).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        assert_eq!(parts.headers["cache-control"], "no-store");
        assert!(parts.headers.contains_key("x-request-id"));
        Raw { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    /// Asks a route with the token of the administrator.
    pub(crate) async fn ask(&self, via: Via, name: &str, ask: &Ask) -> Told {
        self.ask_as(via, name, ask, Some(&self.data.token)).await
    }

    pub(crate) async fn ask_as(&self, via: Via, name: &str, ask: &Ask, token: Option<&str>) -> Told {
        self.clock.advance(1);
        match via {
            Via::Json => self.ask_json(route(name), ask, token).await,
            Via::Soap(version) => {
                let xml = request(operation(name), ask);
                let (_, told) = self.post_soap(version, &envelope(version, &xml), token).await;
                told
            }
        }
    }

    async fn ask_json(&self, route: &Route, ask: &Ask, token: Option<&str>) -> Told {
        let (before, after) = route.path.split_once('{').unwrap_or((route.path, "}"));
        let after = after.split_once('}').unwrap_or_default().1;
        let path = if route.path.contains('{') { ask.path.as_deref() } else { None };
        let mut uri = format!("{before}{}{after}", path.unwrap_or_default());
        for (index, (name, value)) in ask.query.iter().enumerate() {
            uri.push_str(&format!("{}{name}={value}", if index == 0 { '?' } else { '&' }));
        }
        let mut request = Request::builder().method(route.verb.name()).uri(uri);
        if let Some(token) = token {
            request = request.header("authorization", authorization(Via::Json, token));
        }
        if let Some(key) = &ask.key {
            request = request.header("idempotency-key", key);
        }
        let body = if ask.body.is_null() { String::new() } else { ask.body.to_string() };
        let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
        let raw = self.send(request).await;
        let value: Value = serde_json::from_slice(&raw.bytes).unwrap();
        if raw.status < 300 {
            return Told { code: "ok".into(), value: tidy(value) };
        }
        let mut problem = value.as_object().unwrap().clone();
        problem.remove("type");
        problem.remove("status");
        Told { code: problem["code"].as_str().unwrap().to_owned(), value: Value::Object(problem) }
    }

    /// Posts an envelope and reads what comes back.
    pub(crate) async fn post_soap(
        &self,
        version: Version,
        envelope: &str,
        token: Option<&str>,
    ) -> (Raw, Told) {
        let mut request = Request::post(address(version)).header("content-type", version.content_type());
        if let Some(token) = token {
            request = request.header("authorization", authorization(Via::Soap(version), token));
        }
        let raw = self.send(request.body(Body::from(envelope.to_owned())).unwrap()).await;
        let told = answered(&raw);
        (raw, told)
    }
}

/// The request of an operation, written by the description.
pub(crate) fn request(operation: &Operation, ask: &Ask) -> String {
    let mut xml = format!("<m:{}>", operation.name);
    for part in operation.parts {
        let value = match part.place {
            Place::Message => Some(ask.body.clone()),
            Place::Body => ask.body.get(part.field.json).cloned(),
            Place::Path => ask.path.as_deref().map(|text| typed(part.field.kind, text)),
            Place::Query => {
                let found = ask.query.iter().find(|(name, _)| *name == part.field.json);
                found.map(|(_, text)| typed(part.field.kind, text))
            }
        };
        // What is missing is left out: the server has to say so, not this function.
        let lenient = Field {
            occurs: if part.field.occurs == Occurs::One { Occurs::Optional } else { part.field.occurs },
            ..part.field
        };
        write::elements(&mut xml, &lenient, value.as_ref()).unwrap();
    }
    if let Some(key) = ask.key.as_deref().filter(|_| operation.keyed) {
        xml.push_str(&format!("<m:{KEY}>{key}</m:{KEY}>"));
    }
    xml + &format!("</m:{}>", operation.name)
}

fn typed(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Number | Kind::Long => json!(text.parse::<u64>().unwrap()),
        Kind::Flag => json!(text.parse::<bool>().unwrap()),
        _ => json!(text),
    }
}

/// Reads an answer or a fault.
pub(crate) fn answered(raw: &Raw) -> Told {
    let root = xml::parse(&raw.bytes).unwrap_or_else(|error| panic!("{error}: {}", raw.text()));
    let version = if root.space == xml::Space::Soap11 { Version::Soap11 } else { Version::Soap12 };
    assert_eq!(raw.headers["content-type"], version.content_type());
    let element = body(root, version).unwrap();
    if element.name != "Fault" {
        assert_eq!(raw.status, 200);
        let operation = Operation::named(element.name.strip_suffix("Response").unwrap()).unwrap();
        let Kind::Of(of) = operation.answer.kind else { panic!("an answer has a type") };
        let [inner] = element.children.as_slice() else { panic!("an answer has one element") };
        assert_eq!(inner.name, operation.answer.name);
        return Told { code: "ok".into(), value: tidy(Value::Object(read::message(inner, of).unwrap())) };
    }
    assert!(raw.status >= 400, "{}", raw.text());
    let detail = element.children.iter().find(|child| child.name.eq_ignore_ascii_case("detail")).unwrap();
    let problem = read::message(&detail.children[0], &PROBLEM).unwrap();
    Told { code: problem["code"].as_str().unwrap().to_owned(), value: Value::Object(problem) }
}

/// Lists without entries are not there in XML.
fn tidy(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| *value != json!([]));
            Value::Object(kept.map(|(name, value)| (name, tidy(value))).collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(tidy).collect()),
        other => other,
    }
}

/// A container, the same for the same seed.
pub(crate) struct Device(pub(crate) DeviceState, TestEntropy);

impl Device {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Keys::new(seed).device(ContainerKind::Act), TestEntropy::new(seed))
    }

    pub(crate) fn context(&mut self) -> String {
        let nonce = licensing_core::random(&mut self.1);
        // All on one computer, so that one can be restored into another.
        let traits = vec![TraitDigest { kind: [1; 4], weight: 50, digest: [7; 16] }];
        to_base64(&self.0.make_context(firm(), nonce, traits, Timestamp::ZERO).unwrap())
    }

    /// A copy that goes its own way.
    pub(crate) fn twin(&self) -> Self {
        Self(self.0.clone(), TestEntropy::new(99))
    }

    pub(crate) fn import(&mut self, told: &Told) {
        let update = from_base64(told.value["update"].as_str().unwrap(), 1 << 20).unwrap();
        self.0 = self.0.apply_update(&update).unwrap().state;
    }

    pub(crate) fn serial(&self) -> String {
        self.0.serial.to_string()
    }
}
