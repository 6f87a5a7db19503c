//! A receiver of webhooks that does what a test tells it to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Nothing a test waits for takes as long; it only ends what would never end.
const NEVER: Duration = Duration::from_secs(120);

/// What was received.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    pub(crate) body: String,
    /// What was answered: whether the sender must take it as told.
    pub(crate) taken: bool,
    pub(crate) json: Value,
}

impl Message {
    pub(crate) fn license(&self) -> Option<&str> {
        self.json["data"]["license"].as_str()
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.json["data"]["sequence"].as_u64().unwrap()
    }

    pub(crate) fn kind(&self) -> &str {
        self.json["type"].as_str().unwrap()
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Status(u16),
    /// A status with `Location`, or `Retry-After`.
    With(u16, &'static str, String),
    Hang,
    /// A success whose body never ends.
    Endless,
}

pub(crate) const OK: Reply = Reply::Status(204);

type Verdict = Box<dyn Fn(&Message) -> Reply + Send + Sync>;

struct Shared {
    verdict: Mutex<Verdict>,
    seen: watch::Sender<Vec<Message>>,
}

/// Listens until it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(verdict: impl Fn(&Message) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared =
            Arc::new(Shared { verdict: Mutex::new(Box::new(verdict)), seen: watch::Sender::new(Vec::new()) });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            axum_serve(listener, router).await;
        });
        Self { address, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn answers(&self, verdict: impl Fn(&Message) -> Reply + Send + Sync + 'static) {
        *self.shared.verdict.lock().unwrap() = Box::new(verdict);
    }

    pub(crate) fn seen(&self) -> Vec<Message> {
        self.shared.seen.borrow().clone()
    }

    /// Waits until what was received is as it must become.
    pub(crate) async fn until(&self, what: &str, done: impl Fn(&[Message]) -> bool) -> Vec<Message> {
        let mut seen = self.shared.seen.subscribe();
        let found = tokio::time::timeout(NEVER, seen.wait_for(|seen| done(seen))).await;
        let Ok(found) = found else { panic!("{what}: {:#?}", self.seen()) };
        found.unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn axum_serve(listener: TcpListener, router: Router) {
    let bounds = http_edge::Bounds {
        connections: 1_000,
        header_timeout: NEVER,
        header_bytes: 1 << 16,
        shutdown_timeout: NEVER,
    };
    http_edge::serve(router, bounds, listener, std::future::pending()).await;
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_else(|_| Bytes::new());
    let header = |name: &str| text(&parts.headers, name);
    let body = String::from_utf8(body.to_vec()).unwrap();
    let mut message = Message {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        json: serde_json::from_str(&body).unwrap_or_default(),
        body,
        taken: false,
    };
    let reply = (shared.verdict.lock().unwrap())(&message);
    message.taken = matches!(reply, Reply::Status(200..=299) | Reply::Endless);
    shared.seen.send_modify(|seen| seen.push(message));
    let answer = |status: u16| Response::builder().status(status);
    match reply {
        Reply::Status(status) => answer(status).body(Body::empty()).unwrap(),
        Reply::With(status, name, value) => answer(status).header(name, value).body(Body::empty()).unwrap(),
        Reply::Hang => std::future::pending().await,
        Reply::Endless => answer(200).body(Body::new(Zeros)).unwrap(),
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// A body without an end.
struct Zeros;

impl hyper::body::Body for Zeros {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from_static(&[0; 4096])))))
    }
}
