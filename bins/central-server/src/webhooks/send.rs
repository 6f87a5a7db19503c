//! One attempt: where it may go, how long it may take, and what the answer means.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use tower::Service;

use super::message::Secrets;
use super::network::{Network, is_public};

/// Bytes of an answer that are read, so that its connection can be used again; what is in them is of no interest.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(4);
/// Longest address of a receiver.
const URL_BYTES_MAX: usize = 2_048;

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Taken,
    /// The receiver wants nothing any more.
    Gone,
    /// Not taken: why, and after how many seconds the receiver asks to be asked again.
    Failed(String, Option<u64>),
}

impl Outcome {
    /// In words.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::Taken => "taken",
            Self::Gone => "the receiver answers 410: it wants nothing any more",
            Self::Failed(why, _) => why,
        }
    }
}

/// Which addresses a connection may lead to.
#[derive(Clone)]
struct Allowed {
    networks: Arc<[Network]>,
    /// Whether the public internet too.
    public: bool,
}

impl Allowed {
    fn allows(&self, address: IpAddr) -> bool {
        self.public && is_public(address) || self.networks.iter().any(|network| network.contains(address))
    }
}

/// Finds the addresses of a name, once per connection, and gives only those it may lead to: what is checked is what is
/// connected to.
#[derive(Clone)]
struct Resolver(Allowed);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.filter(|address| allowed.allows(address.ip())).collect();
            if found.is_empty() {
                return Err(forbidden());
            }
            Ok(found.into_iter())
        })
    }
}

fn forbidden() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, FORBIDDEN)
}

const FORBIDDEN: &str = "the address is in no network that webhooks may go to (webhooks.allowed_networks)";

type Body = Full<Bytes>;
type Plain = Client<HttpConnector<Resolver>, Body>;
type Tls = Client<HttpsConnector<HttpConnector<Resolver>>, Body>;

/// Sends messages.
pub struct Sender {
    networks: Arc<[Network]>,
    timeout: Duration,
    plain: Plain,
    /// Made when it is first used: to read the certificates takes longer than to start the server.
    tls: OnceLock<Result<Tls, String>>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

impl Sender {
    /// Sends to the public internet, and to these networks; without TLS only to these.
    #[must_use]
    pub fn new(networks: Vec<Network>, timeout: Duration) -> Self {
        let networks: Arc<[Network]> = networks.into();
        let plain = builder().build(connector(&networks, false, timeout));
        Self { networks, timeout, plain, tls: OnceLock::new() }
    }

    /// The longest an attempt takes.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a message to a receiver.
    pub async fn send(&self, url: &str, secrets: &Secrets, id: &str, now: u64, body: Vec<u8>) -> Outcome {
        let signature = secrets.sign(id, now, &body);
        let sending = self.exchange(url, id, now, &signature, body);
        match tokio::time::timeout(self.timeout, sending).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(why)) => Outcome::Failed(why, None),
            Err(_) => Outcome::Failed(format!("no answer within {} s", self.timeout.as_secs()), None),
        }
    }

    async fn exchange(
        &self,
        url: &str,
        id: &str,
        now: u64,
        signature: &str,
        body: Vec<u8>,
    ) -> Result<Outcome, String> {
        let uri = check_url(url)?;
        let tls = uri.scheme_str() == Some("https");
        let allowed = Allowed { networks: Arc::clone(&self.networks), public: tls };
        // A literal address needs no look-up, and so passes no resolver.
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if host.parse().is_ok_and(|address| !allowed.allows(address)) {
            return Err(FORBIDDEN.to_owned());
        }
        let request = Request::post(uri)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("central-server/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", now.to_string())
            .header("webhook-signature", signature)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let answer = if tls {
            let client = self.tls.get_or_init(|| tls_client(&self.networks, self.timeout)).as_ref()?;
            client.request(request).await
        } else {
            self.plain.request(request).await
        };
        let answer = answer.map_err(|error| reason(&error))?;
        let outcome = outcome(&answer);
        // Too much, or broken off: then the connection is not used again. The verdict is in the status.
        let _ = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok(outcome)
    }
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(IDLE);
    builder
}

fn connector(networks: &Arc<[Network]>, public: bool, timeout: Duration) -> HttpConnector<Resolver> {
    let allowed = Allowed { networks: Arc::clone(networks), public };
    let mut connector = HttpConnector::new_with_resolver(Resolver(allowed));
    connector.set_connect_timeout(Some(timeout));
    connector.enforce_http(!public);
    connector
}

fn tls_client(networks: &Arc<[Network]>, timeout: Duration) -> Result<Tls, String> {
    let roots = hyper_rustls::HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| format!("no trusted certificates: {error}"))?;
    let connector = roots.https_only().enable_http1().wrap_connector(connector(networks, true, timeout));
    Ok(builder().build(connector))
}

/// What the status says. A redirect is not followed: where it leads nobody has allowed.
fn outcome(answer: &Response<Incoming>) -> Outcome {
    let status = answer.status();
    if status.is_success() {
        return Outcome::Taken;
    }
    if status == StatusCode::GONE {
        return Outcome::Gone;
    }
    let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Outcome::Failed(format!("status {}", status.as_u16()), asked)
}

/// The address of a receiver, when it is one.
///
/// # Errors
/// What is wrong with it.
pub fn check_url(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| "the address is malformed".to_owned())?;
    let known = matches!(uri.scheme_str(), Some("https" | "http"));
    let authority = uri.authority().map(hyper::http::uri::Authority::as_str).unwrap_or_default();
    if url.len() > URL_BYTES_MAX || !known || uri.host().is_none_or(str::is_empty) {
        return Err("expected an address like https://receiver.example/path".to_owned());
    }
    if authority.contains('@') || url.contains('#') {
        return Err("an address has neither a password nor a fragment".to_owned());
    }
    Ok(uri)
}

/// The innermost cause, which is what a person can do something about.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_receivers() {
        for good in ["https://a.example/x?y=1", "http://127.0.0.1:8080/", "https://[2606::1]:1/"] {
            assert!(check_url(good).is_ok(), "{good}");
        }
        let long = format!("https://a.example/{}", "x".repeat(URL_BYTES_MAX));
        for bad in
            ["", "a.example", "ftp://a/", "https://", "https://u:p@a.example/", "https://a/#x", "/x", &long]
        {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_where_nothing_may_go() {
        let mut entropy = licensing_core::testing::TestEntropy::new(1);
        let secrets = Secrets::generate(&mut entropy);
        let networks = vec!["127.0.0.0/8".parse().unwrap()];
        // Port 9 of a loopback address: what is refused by the rule never gets as far as a connection.
        let (strict, open) = (Duration::from_secs(5), Sender::new(networks, Duration::from_secs(5)));
        let strict = Sender::new(vec![], strict);
        for url in [
            "http://127.0.0.1:9/",
            "https://127.0.0.1:9/",
            "https://localhost:9/",
            "https://[::1]:9/",
            "https://2130706433:9/",
            "https://127.1:9/",
            "https://0x7f000001:9/",
            "https://[::ffff:127.0.0.1]:9/",
            "https://0:9/",
            "http://1.1.1.1:9/",
        ] {
            let outcome = strict.send(url, &secrets, "a", 1, vec![]).await;
            let Outcome::Failed(why, _) = outcome else { panic!("{url}: {outcome:?}") };
            // With TLS some of them are not even names.
            let never = ["no network that webhooks may go to", "invalid dns name"];
            assert!(never.iter().any(|part| why.contains(part)), "{url}: {why}");
        }
        let outcome = open.send("http://127.0.0.1:9/", &secrets, "a", 1, vec![]).await;
        assert!(!outcome.words().contains("no network"), "{outcome:?}");
        assert!(
            open.send("http://1.1.1.1:9/", &secrets, "a", 1, vec![]).await.words().contains("no network")
        );
    }
}
