//! A web site of a test: a vendor's portal, or somebody evil. Listens on this computer only.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Largest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// What a browser has asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// The head, as it came.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Request {
    /// The value of a field of the head, by its name in lower case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// An answer: an HTML page with further fields of the head.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The page.
    pub page: String,
    /// Further fields.
    pub fields: Vec<(String, String)>,
}

impl Reply {
    /// A page.
    #[must_use]
    pub fn page(page: impl Into<String>) -> Self {
        Self { page: page.into(), fields: Vec::new() }
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A running site.
pub struct Site {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
    addresses: Vec<SocketAddr>,
}

impl Site {
    /// A site on both loopback addresses, at a port of its own.
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(handler, None)
    }

    /// A site that is reached with https, under these names.
    ///
    /// # Panics
    /// A certificate cannot be made.
    pub fn start_https(names: &[&str], handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).expect("a certificate");
        Self::serve(handler, Some(Arc::new(config)))
    }

    fn serve(
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = first.local_addr().expect("an address").port();
        let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok();
        let (seen, is_over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let handler: Arc<Handler> = Arc::new(handler);
        let mut addresses = Vec::new();
        for listener in [Some(first), second].into_iter().flatten() {
            addresses.push(listener.local_addr().expect("an address"));
            let (seen, is_over, handler, tls) =
                (Arc::clone(&seen), Arc::clone(&is_over), Arc::clone(&handler), tls.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let (seen, handler, tls) = (Arc::clone(&seen), Arc::clone(&handler), tls.clone());
                    // A browser that goes away is no trouble of the test's.
                    std::thread::spawn(move || answer(stream, tls, &seen, &*handler));
                }
            });
        }
        Self { port, seen, is_over, addresses }
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Everything that was asked for so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        for address in &self.addresses {
            let _ = TcpStream::connect(address);
        }
    }
}

fn answer(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    seen: &Mutex<Vec<Request>>,
    handler: &Handler,
) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    match tls {
        None => exchange(stream, seen, handler),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(connection, stream);
            exchange(&mut stream, seen, handler)?;
            stream.conn.send_close_notify();
            stream.flush()
        }
    }
}

fn exchange(mut stream: impl Read + Write, seen: &Mutex<Vec<Request>>, handler: &Handler) -> io::Result<()> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        let read = stream.read(&mut piece)?;
        if read == 0 || bytes.len() > REQUEST_BYTES_MAX {
            return Ok(());
        }
        bytes.extend_from_slice(&piece[..read]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { method, path, head, body: String::new() };
    let length = request.field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_usize);
    while bytes.len() < end + length.min(REQUEST_BYTES_MAX) {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
    request.body = String::from_utf8_lossy(&bytes[end..]).into_owned();
    let reply = handler(&request);
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let mut answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n".to_owned();
    for (name, value) in &reply.fields {
        answer.push_str(&format!("{name}: {value}\r\n"));
    }
    answer.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", reply.page.len()));
    stream.write_all(answer.as_bytes())?;
    stream.write_all(reply.page.as_bytes())?;
    stream.flush()
}
