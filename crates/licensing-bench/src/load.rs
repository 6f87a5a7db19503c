//! The load generator: keeps a number of connections busy (closed loop), or sends at fixed moments whatever the answers
//! are like (open loop), and keeps every latency.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// A request to send.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Path on the server.
    pub(crate) path: Cow<'static, str>,
    /// JSON body; `None` only looks.
    pub(crate) body: Option<Bytes>,
    /// Idempotency key, for what must not happen twice.
    pub(crate) key: Option<String>,
    /// API token.
    pub(crate) token: Option<String>,
    /// Cookie of a browser; then the body is that of a form.
    pub(crate) cookie: Option<String>,
}

impl Call {
    /// A request with this message.
    pub(crate) fn new(path: &'static str, message: &impl serde::Serialize) -> Result<Self> {
        let body = Some(serde_json::to_vec(message)?.into());
        Ok(Self { path: path.into(), body, key: None, token: None, cookie: None })
    }

    /// A request that only looks.
    pub(crate) const fn get(path: String) -> Self {
        Self { path: Cow::Owned(path), body: None, key: None, token: None, cookie: None }
    }

    /// Bytes of the body.
    pub(crate) fn bytes(&self) -> usize {
        self.body.as_ref().map_or(0, Bytes::len)
    }

    fn request(&self) -> Result<hyper::Request<Full<Bytes>>> {
        let path = self.path.as_ref();
        let mut request = match self.body {
            Some(_) => {
                let kind = if self.cookie.is_some() { "x-www-form-urlencoded" } else { "json" };
                hyper::Request::post(path).header("content-type", format!("application/{kind}"))
            }
            None => hyper::Request::get(path),
        };
        request = request.header("host", "127.0.0.1");
        if let Some(key) = &self.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie).header("sec-fetch-site", "same-origin");
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        Ok(request.body(Full::new(self.body.clone().unwrap_or_default()))?)
    }
}

/// What came of some requests.
#[derive(Debug)]
pub(crate) struct Done {
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// Bodies of the answers, in the order of the requests.
    pub(crate) answers: Vec<Bytes>,
    /// Latencies in nanoseconds.
    pub(crate) latencies: Histogram<u64>,
}

impl Done {
    /// Answers per second.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(crate) fn rate(&self) -> f64 {
        self.answers.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// A latency at a percentile, in seconds.
    pub(crate) fn latency(&self, percentile: f64) -> f64 {
        seconds(self.latencies.value_at_percentile(percentile))
    }
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "a time for people")]
pub(crate) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// Latencies up to a minute, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    // Invariant: valid bounds.
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("a histogram")
}

/// Open connections to one or several servers, used by turns.
pub(crate) struct Clients {
    runtime: Runtime,
    connections: Vec<SendRequest<Full<Bytes>>>,
}

impl Clients {
    /// Connects `count` clients, spread over the servers.
    pub(crate) fn connect(servers: &[SocketAddr], count: usize) -> Result<Self> {
        // One thread: what the load generator takes of the machine is the same for floor and product.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connections = runtime.block_on(async {
            let mut connections = Vec::new();
            for server in servers.iter().cycle().take(count) {
                let stream = TcpStream::connect(server).await?;
                stream.set_nodelay(true)?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await?;
                // Its end is noticed by whoever uses it next.
                tokio::spawn(async move {
                    let _ = connection.await;
                });
                connections.push(sender);
            }
            anyhow::Ok(connections)
        })?;
        Ok(Self { runtime, connections })
    }

    /// Sends everything, each client its next request as soon as it has its answer.
    pub(crate) fn closed(&mut self, calls: &[Call]) -> Result<Done> {
        let next = Cell::new(0);
        let clients = self.connections.iter_mut().map(|connection| {
            let next = &next;
            async move {
                let mut done = Vec::new();
                loop {
                    let at = next.get();
                    let Some(call) = calls.get(at) else { return anyhow::Ok(done) };
                    next.set(at + 1);
                    let begun = Instant::now();
                    let answer = ask(connection, call).await?;
                    done.push((at, begun.elapsed(), answer));
                }
            }
        });
        let begun = Instant::now();
        let answers = self.runtime.block_on(try_join_all(clients))?;
        collect(begun.elapsed(), answers)
    }

    /// Sends `per_second` requests in equal distances. A latency counts from the moment a request was due, so that a
    /// server that stalls is charged for everybody who would have waited.
    pub(crate) fn open(&mut self, calls: &[Call], per_second: f64) -> Result<Done> {
        let next = Cell::new(0);
        let begun = Instant::now();
        let clients = self.connections.iter_mut().map(|connection| {
            let next = &next;
            async move {
                let mut done = Vec::new();
                loop {
                    let at = next.get();
                    let Some(call) = calls.get(at) else { return anyhow::Ok(done) };
                    next.set(at + 1);
                    #[expect(clippy::cast_precision_loss, reason = "a moment within minutes")]
                    let due = begun + Duration::from_secs_f64(at as f64 / per_second);
                    tokio::time::sleep_until(due.into()).await;
                    let answer = ask(connection, call).await?;
                    done.push((at, due.elapsed(), answer));
                }
            }
        });
        let answers = self.runtime.block_on(try_join_all(clients))?;
        collect(begun.elapsed(), answers)
    }
}

async fn ask(connection: &mut SendRequest<Full<Bytes>>, call: &Call) -> Result<Bytes> {
    connection.ready().await.context("the server has closed a connection")?;
    let answer = connection.send_request(call.request()?).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        bail!("{}: {status}: {}", call.path, String::from_utf8_lossy(&body));
    }
    Ok(body)
}

fn collect(elapsed: Duration, answers: Vec<Vec<(usize, Duration, Bytes)>>) -> Result<Done> {
    let mut latencies = histogram();
    let mut all: Vec<_> = answers.into_iter().flatten().collect();
    all.sort_by_key(|(at, ..)| *at);
    for (_, latency, _) in &all {
        latencies.record(u64::try_from(latency.as_nanos())?.max(1))?;
    }
    Ok(Done { elapsed, answers: all.into_iter().map(|(.., answer)| answer).collect(), latencies })
}
