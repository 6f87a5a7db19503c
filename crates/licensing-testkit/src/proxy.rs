//! Proxies of tests: one before several servers of any kind, one that loses answers, and one before PostgreSQL that cuts
//! connections at chosen messages.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

fn listen(serve: impl Fn(TcpStream) + Send + 'static) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    // Ends with the process: a test has few proxies.
    std::thread::Builder::new().name("proxy".to_owned()).spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            serve(client);
        }
    })?;
    Ok(address)
}

/// A plain TCP proxy: each connection goes to the next server that accepts it.
#[derive(Debug)]
pub struct Balancer {
    /// Where clients connect.
    pub address: SocketAddr,
    servers: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Balancer {
    /// Starts it before these servers.
    ///
    /// # Errors
    /// There is no free port.
    pub fn start(servers: Vec<SocketAddr>) -> io::Result<Self> {
        let servers = Arc::new(Mutex::new(servers));
        let (behind, next) = (Arc::clone(&servers), AtomicUsize::new(0));
        let address = listen(move |client| {
            let servers = behind.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let first = next.fetch_add(1, Ordering::SeqCst);
            let in_turn = (0..servers.len()).map(|at| servers[(first + at) % servers.len()]);
            // Where none accepts, dropping the client closes its connection.
            if let Some(server) = in_turn.filter_map(|server| TcpStream::connect(server).ok()).next() {
                both_ways(client, server);
            }
        })?;
        Ok(Self { address, servers })
    }

    /// Puts other servers behind it, for connections to come.
    pub fn put(&self, servers: Vec<SocketAddr>) {
        *self.servers.lock().unwrap_or_else(PoisonError::into_inner) = servers;
    }
}

/// A proxy that passes requests on and can lose the answers: what was asked is done, and nobody is told.
#[derive(Debug)]
pub struct Loser {
    /// Where clients connect.
    pub address: SocketAddr,
    lost: Arc<Mutex<Vec<u8>>>,
    count: Arc<AtomicU64>,
}

impl Loser {
    /// Starts it before this server.
    ///
    /// # Errors
    /// There is no free port.
    pub fn start(server: SocketAddr) -> io::Result<Self> {
        let (lost, count) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
        let (begins, counter) = (Arc::clone(&lost), Arc::clone(&count));
        let address = listen(move |client| {
            let Ok(server) = TcpStream::connect(server) else { return };
            let (begins, counter) = (Arc::clone(&begins), Arc::clone(&counter));
            std::thread::spawn(move || lose(client, server, &begins, &counter));
        })?;
        Ok(Self { address, lost, count })
    }

    /// From now on answers to requests that begin like this are lost; nothing loses none.
    pub fn lose(&self, begin: &str) {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = begin.as_bytes().to_vec();
    }

    /// Answers lost so far.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }
}

/// Requests and answers take turns on a connection; each is small enough to be told by its first bytes.
fn lose(client: TcpStream, server: TcpStream, begins: &Mutex<Vec<u8>>, count: &AtomicU64) -> Option<()> {
    let (mut from_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    let losing = Arc::new(AtomicBool::new(false));
    let (told, mut from_server, mut to_client) = (Arc::clone(&losing), server, client);
    std::thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(read @ 1..) = from_server.read(&mut bytes) {
            if told.load(Ordering::SeqCst) || to_client.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
    });
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from_client.read(&mut bytes) {
        let begin = begins.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !begin.is_empty() && bytes[..read].starts_with(&begin) {
            losing.store(true, Ordering::SeqCst);
            count.fetch_add(1, Ordering::SeqCst);
        }
        to_server.write_all(&bytes[..read]).ok()?;
    }
    to_server.shutdown(Shutdown::Write).ok()
}

/// Passes bytes on until either side ends, and then ends the other.
fn both_ways(client: TcpStream, server: TcpStream) {
    let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else { return };
    for (mut from, mut to) in [(from_client, server), (from_server, client)] {
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        });
    }
}

/// Where a connection to PostgreSQL is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Everything has arrived but the `COMMIT`.
    BeforeCommit,
    /// Half of the message with the `COMMIT` has arrived.
    InCommit,
    /// The `COMMIT` has arrived; nobody waits for what it does.
    AtCommit,
    /// The `COMMIT` has taken place, and its answer is lost.
    AfterCommit,
}

/// Each of them.
pub const CUTS: [Cut; 4] = [Cut::BeforeCommit, Cut::InCommit, Cut::AtCommit, Cut::AfterCommit];

/// A proxy before a PostgreSQL server.
#[derive(Debug)]
pub struct Cutter {
    /// Where clients connect.
    pub address: SocketAddr,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Plan {
    next: Mutex<Option<Cut>>,
    done: AtomicU64,
}

impl Plan {
    fn take(&self) -> Option<Cut> {
        let cut = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.done.fetch_add(u64::from(cut.is_some()), Ordering::SeqCst);
        cut
    }
}

impl Cutter {
    /// Starts it before the server with this socket.
    ///
    /// # Errors
    /// There is no free port.
    pub fn start(socket: PathBuf) -> io::Result<Self> {
        let plan = Arc::new(Plan { next: Mutex::default(), done: AtomicU64::new(0) });
        let plans = Arc::clone(&plan);
        let address = listen(move |client| {
            if let Ok(server) = UnixStream::connect(&socket) {
                // A connection that cannot be carried is closed.
                let _ = carry(client, server, Arc::clone(&plans));
            }
        })?;
        Ok(Self { address, plan })
    }

    /// The next transaction that commits is cut there.
    pub fn cut(&self, at: Cut) {
        *self.plan.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Connections cut so far.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.plan.done.load(Ordering::SeqCst)
    }
}

fn carry(client: TcpStream, server: UnixStream, plan: Arc<Plan>) -> io::Result<()> {
    let (mut answers, mut asker) = (server.try_clone()?, client.try_clone()?);
    let swallow = Arc::new(Mutex::new(false));
    let swallows = Arc::clone(&swallow);
    let (mut client, mut server) = (client, server);
    std::thread::spawn(move || {
        let _ = requests(&mut client, &mut server, &plan, &swallow);
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        while let Ok(message) = message(&mut answers, true) {
            let done = message.starts_with(b"C") && message[5..].starts_with(b"COMMIT\0");
            let swallow = swallows.lock().unwrap_or_else(PoisonError::into_inner);
            if (done && *swallow) || asker.write_all(&message).is_err() {
                break;
            }
        }
        let _ = asker.shutdown(Shutdown::Both);
        let _ = answers.shutdown(Shutdown::Both);
    });
    Ok(())
}

fn requests(
    client: &mut TcpStream,
    server: &mut UnixStream,
    plan: &Plan,
    swallow: &Mutex<bool>,
) -> io::Result<()> {
    server.write_all(&message(client, false)?)?;
    loop {
        let message = message(client, true)?;
        let commits = message.starts_with(b"Q") && message[5..].starts_with(b"COMMIT\0");
        match if commits { plan.take() } else { None } {
            None => server.write_all(&message)?,
            Some(Cut::BeforeCommit) => return Ok(()),
            Some(Cut::InCommit) => return server.write_all(&message[..message.len() / 2]),
            Some(Cut::AtCommit) => return server.write_all(&message),
            Some(Cut::AfterCommit) => {
                *swallow.lock().unwrap_or_else(PoisonError::into_inner) = true;
                server.write_all(&message)?;
            }
        }
    }
}

/// One message of the protocol; the first of a connection has no type.
fn message(from: &mut impl Read, typed: bool) -> io::Result<Vec<u8>> {
    let head = usize::from(typed) + 4;
    let mut message = vec![0; head];
    from.read_exact(&mut message)?;
    let length = [0, 1, 2, 3].map(|at| message[head - 4 + at]);
    let rest = (u32::from_be_bytes(length) as usize).saturating_sub(4);
    message.resize(head + rest, 0);
    from.read_exact(&mut message[head..])?;
    Ok(message)
}
