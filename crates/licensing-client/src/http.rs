//! One request and its answer: limits, time-outs, and sending again what may be sent again.

use std::net::IpAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use licensing_wire::problem::{Problem, exit, exit_code_of_status};

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// How long an unused connection is kept: shorter than servers keep theirs, because nobody notices their end while no
/// request is under way.
const IDLE: Duration = Duration::from_secs(4);

/// What programs call themselves that do not say.
const AGENT: &str = concat!("licensing-client/", env!("CARGO_PKG_VERSION"));

/// Requests that only look, although they are no GET so that what they carry is in no address.
const READS: [&str; 1] = ["/api/v1/tickets/show"];

/// How a server is talked to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Time for one attempt.
    pub timeout: Duration,
    /// Attempts at requests that can be repeated without harm.
    pub attempts: u32,
    /// Pause before the second attempt; doubled for each further one.
    pub pause: Duration,
    /// What the program calls itself: its name, a slash, its version.
    pub agent: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            attempts: 4,
            pause: Duration::from_millis(200),
            agent: AGENT,
        }
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server refused.
    #[error("{}", .0.title)]
    Refused(Box<Problem>),
    /// The server cannot be reached, or the connection broke.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server answered something that is not of its interface.
    #[error("the server's answer cannot be understood: {0}")]
    BadAnswer(String),
    /// The address of the server is none.
    #[error("{0} is not the address of a server; it looks like http://127.0.0.1:8080")]
    BadAddress(String),
}

impl ClientError {
    /// The problem this error is, for programs that show it.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Refused(problem) => (**problem).clone(),
            Self::Unreachable(_) => Problem::from_code("server_unreachable", &self.to_string()),
            Self::BadAnswer(_) => Problem::from_code("server_answer_invalid", &self.to_string()),
            Self::BadAddress(_) => Problem::from_code("usage", &self.to_string()),
        }
    }

    /// Whether the same request may well succeed later, so that its journal must be kept.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::BadAnswer(_) => true,
            Self::Refused(problem) => {
                problem.exit_code() == exit::TRY_AGAIN && problem.code != "context_out_of_date"
                    || problem.status >= 500
            }
            Self::BadAddress(_) => false,
        }
    }
}

/// A client for the scheme of an address: plain, or TLS with the certificates the system trusts.
enum Connection {
    Plain(Client<HttpConnector, Full<Bytes>>),
    #[cfg(feature = "tls")]
    Tls(Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Connection {
    fn new(scheme: &str) -> Result<Self, ClientError> {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE);
        if scheme == "http" {
            return Ok(Self::Plain(builder.build_http()));
        }
        #[cfg(feature = "tls")]
        {
            let connector = hyper_rustls::HttpsConnectorBuilder::new()
                .with_native_roots()
                .map_err(|error| ClientError::Unreachable(format!("no trusted certificates: {error}")))?;
            Ok(Self::Tls(builder.build(connector.https_only().enable_http1().build())))
        }
        #[cfg(not(feature = "tls"))]
        Err(ClientError::BadAddress(format!("{scheme} (built without TLS)")))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<hyper::Response<Incoming>, ClientError> {
        let answer = match self {
            Self::Plain(client) => client.request(request).await,
            #[cfg(feature = "tls")]
            Self::Tls(client) => client.request(request).await,
        };
        answer.map_err(|error| ClientError::Unreachable(reason(&error)))
    }
}

/// The connection to a server.
pub(crate) struct Http {
    connection: Connection,
    base: String,
    token: Option<String>,
    settings: Settings,
    /// Taken only when this is dropped.
    runtime: Option<tokio::runtime::Runtime>,
}

/// A request to be sent.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) idempotency_key: Option<&'a str>,
    /// The client a portal asks for.
    pub(crate) forwarded_for: Option<IpAddr>,
}

impl Http {
    pub(crate) fn new(address: &str, token: Option<String>, settings: Settings) -> Result<Self, ClientError> {
        let bad = || ClientError::BadAddress(address.to_owned());
        let base = address.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().map_err(|_| bad())?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https")).ok_or_else(bad)?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(bad());
        }
        let connection = Connection::new(scheme)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ClientError::Unreachable(error.to_string()))?;
        Ok(Self { connection, base, token, settings, runtime: Some(runtime) })
    }

    /// Sends a request; again, when it may be repeated and the connection broke or the server was busy.
    pub(crate) fn send(&self, call: &Call<'_>) -> Result<Vec<u8>, ClientError> {
        let looks = call.method == Method::GET || READS.contains(&call.path);
        let repeatable = looks || call.idempotency_key.is_some();
        let attempts = if repeatable { self.settings.attempts.max(1) } else { 1 };
        let mut pause = self.settings.pause;
        let Some(runtime) = &self.runtime else {
            return Err(ClientError::Unreachable("the client is closed".to_owned()));
        };
        runtime.block_on(async {
            for attempt in 1.. {
                match self.attempt(call).await {
                    Err(error) if attempt < attempts && is_worth_repeating(&error) => {
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    outcome => return outcome,
                }
            }
            Err(ClientError::Unreachable("no attempt was made".to_owned()))
        })
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Vec<u8>, ClientError> {
        match tokio::time::timeout(self.settings.timeout, self.exchange(call)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ClientError::Unreachable("no answer in time".to_owned())),
        }
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<Vec<u8>, ClientError> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.base, call.path))
            .header(USER_AGENT, self.settings.agent)
            .header(ACCEPT, "application/json, application/problem+json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(key) = call.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(client) = call.forwarded_for {
            request = request.header("x-forwarded-for", client.to_string());
        }
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(call.body.clone().unwrap_or_default()));
        // A header that cannot be built is a token or key with characters no header may have.
        let request = request.body(body).map_err(|_| ClientError::BadAddress(self.base.clone()))?;
        let answer = self.connection.send(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| ClientError::Unreachable(error.to_string()))?.to_bytes().to_vec();
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
            Err(_) if exit_code_of_status(status.as_u16()) == exit::TRY_AGAIN => {
                Err(ClientError::Unreachable(format!("status {status}")))
            }
            Err(_) => Err(ClientError::BadAnswer(format!("status {status} without a problem document"))),
        }
    }
}

impl Drop for Http {
    /// A client may be dropped anywhere, also on a thread that must not wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn is_worth_repeating(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable(_) => true,
        ClientError::Refused(problem) => problem.status == 503,
        ClientError::BadAnswer(_) | ClientError::BadAddress(_) => false,
    }
}

/// The innermost cause, which is what a person can do something about.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
