//! The browser agent: pages of a vendor's portal talk to the containers of this computer, and no other page
//! does. See `docs/agent.md`.
//!
//! # Security
//! * listens on loopback only, and serves only programs of the user it runs as
//! * `Host` must be the agent's own address, `Origin` must be exactly the origin a grant signed by the vendor's
//!   firm key names; both are checked before a connection is upgraded
//! * nothing is shown or changed before the user has allowed the origin; until then containers have names that
//!   are forgotten with the connection
//! * there are six requests, none of which configures anything or names a file; whatever they bring in is
//!   verified by the container as if it had come from a disk
//! * heads, frames, requests, connections, questions are bounded

mod ask;
mod execute;
mod head;
mod limit;
mod navigation;
mod page;
mod peer;
mod session;
mod socket;
mod verb;

pub use ask::Ask;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::owner::OwnerHandle;
use head::{Head, Response};

/// The port the agent listens on, and those it takes when that is in use; portals try them in this order.
pub const PORTS: [u16; 3] = [7880, 7881, 7882];
/// Version of the protocol, as in the address.
pub const PROTOCOL: u32 = 1;
/// Most connections at a time.
const CONNECTIONS_MAX: u32 = 16;

/// Where the agent tells what it did: one line of JSON for each request.
pub type Log = Box<dyn Fn(&str) + Send + Sync>;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) owner: OwnerHandle,
    pub(crate) port: u16,
    pub(crate) ask: ask::Asker,
    pub(crate) limits: limit::Limits,
    pub(crate) navigations: navigation::Navigations,
    log: Log,
    connections: AtomicU32,
}

impl Shared {
    /// Notes what an origin did. `code` is `done` or the code of the refusal.
    pub(crate) fn note(&self, origin: &str, what: &str, code: &str) {
        let line = json!({ "agent": what, "origin": origin, "outcome": code });
        (self.log)(&line.to_string());
    }
}

/// A listening browser agent.
pub struct Agent {
    listeners: Vec<TcpListener>,
    shared: Arc<Shared>,
}

impl Agent {
    /// Listens on the first of `ports` that is free, on both loopback addresses; port 0 is any free one.
    ///
    /// # Errors
    /// None of the ports is free.
    pub fn bind(ports: &[u16], owner: OwnerHandle, ask: Ask, log: Log) -> io::Result<Self> {
        let mut outcome = Err(io::Error::from(io::ErrorKind::AddrInUse));
        for port in ports {
            outcome = listen(*port);
            if outcome.is_ok() {
                break;
            }
        }
        let (listeners, port) = outcome?;
        let shared = Shared {
            owner,
            port,
            ask: ask::Asker::new(ask),
            limits: limit::Limits::default(),
            navigations: navigation::Navigations::default(),
            log,
            connections: AtomicU32::new(0),
        };
        Ok(Self { listeners, shared: Arc::new(shared) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The sockets are gone.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// Serves in threads of its own until the process ends.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(self) -> io::Result<()> {
        for listener in self.listeners {
            let shared = Arc::clone(&self.shared);
            let serve = move || {
                for stream in listener.incoming().flatten() {
                    accept(stream, &shared);
                }
            };
            std::thread::Builder::new().name("agent".to_owned()).spawn(serve)?;
        }
        Ok(())
    }
}

/// Both loopback addresses on one port: a page that says `localhost` must not reach another program on the
/// other one.
fn listen(port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let port = first.local_addr()?.port();
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
        Ok(second) => Ok((vec![first, second], port)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // A computer without IPv6.
        Err(_) => Ok((vec![first], port)),
    }
}

fn accept(stream: TcpStream, shared: &Arc<Shared>) {
    if shared.connections.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS_MAX {
        shared.connections.fetch_sub(1, Ordering::SeqCst);
        return;
    }
    let mine = Arc::clone(shared);
    let serve = move || {
        // A browser that went away is no trouble of ours.
        let _ = serve_one(stream, &mine);
        mine.connections.fetch_sub(1, Ordering::SeqCst);
    };
    if std::thread::Builder::new().name("page".to_owned()).spawn(serve).is_err() {
        shared.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve_one(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let (local, remote) = (stream.local_addr()?, stream.peer_addr()?);
    let is_loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
    if !is_loopback(local.ip()) || !is_loopback(remote.ip()) || !peer::is_same_user(remote, local) {
        return Ok(());
    }
    head::set_timeouts(&stream)?;
    let (head, rest) = match Head::read(&mut stream) {
        Ok(read) => read,
        Err(head::HeadError::Gone(error)) => return Err(error),
        Err(head::HeadError::Bad(status)) => return Response::empty(status).send(&mut stream),
    };
    // Before anything else: a name that was made to point here is not ours (DNS rebinding).
    if !head.is_for(shared.port) {
        return Response::denied("agent_denied", "this is not the address of the agent").send(&mut stream);
    }
    match (head.method.as_str(), head.path.as_str()) {
        ("GET", "/agent/v1") => match session::admit(&head, shared) {
            Ok(session) => socket::serve(stream, &head, rest, session, shared),
            Err(refusal) => {
                shared.note(&head.shown_origin(), "connect", refusal.code());
                Response::denied(refusal.code(), refusal.message()).send(&mut stream)
            }
        },
        ("POST", "/agent/v1/open") => navigation::open(&mut stream, &head, rest, shared),
        ("POST", "/agent/v1/confirm") => navigation::confirm(&mut stream, &head, rest, shared),
        (_, "/agent/v1" | "/agent/v1/open" | "/agent/v1/confirm") => Response::empty(405).send(&mut stream),
        _ => Response::empty(404).send(&mut stream),
    }
}
