//! A bounded number of connections, opened when they are needed.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use crate::connect::{Connection, OpenError};
use crate::settings::Settings;
use crate::tls::Tls;

/// Between two attempts to connect while the database is away.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

/// The connections of this process.
pub(crate) struct Pool {
    pub(crate) settings: Settings,
    tls: Tls,
    runtime: Handle,
    permits: Arc<Semaphore>,
    /// Whether a part in a move keeps nobody from the database.
    despite_move: bool,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(crate) fn new(settings: Settings, tls: Tls, runtime: Handle) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(settings.pool_size));
        Arc::new(Self { settings, tls, runtime, permits, despite_move: false, idle: Mutex::default() })
    }

    /// A pool for a database whatever its part in a move.
    pub(crate) fn despite_move(settings: Settings, tls: Tls, runtime: Handle) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(settings.pool_size));
        Arc::new(Self { settings, tls, runtime, permits, despite_move: true, idle: Mutex::default() })
    }

    async fn connect(&self) -> Result<Connection, OpenError> {
        if self.despite_move {
            Connection::open_despite_move(&self.settings, &self.tls, &self.runtime).await
        } else {
            Connection::open(&self.settings, &self.tls, &self.runtime).await
        }
    }

    pub(crate) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// When somebody who begins to wait now is told that the database is not available.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.settings.patience
    }

    /// A connection; waits until `deadline` for one to become free or for the database to come back. At least one
    /// attempt to connect is made.
    pub(crate) async fn get(self: &Arc<Self>, deadline: Instant) -> Result<Lease, OpenError> {
        let busy = || OpenError::Unreachable(format!("all {} connections are busy", self.settings.pool_size));
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| busy())?.map_err(|_| busy())?;
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(connection) if connection.client.is_closed() => continue,
                Some(connection) => return Ok(self.lease(connection, permit)),
                None => {}
            }
            match self.connect().await {
                Ok(connection) => return Ok(self.lease(connection, permit)),
                // Everything else does not pass by itself.
                Err(OpenError::Unreachable(_)) if Instant::now() + BETWEEN_ATTEMPTS < deadline => {
                    sleep(BETWEEN_ATTEMPTS).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn lease(self: &Arc<Self>, connection: Connection, permit: OwnedSemaphorePermit) -> Lease {
        Lease { pool: Arc::clone(self), connection: Some(connection), clean: false, _permit: permit }
    }
}

/// A connection on loan. It goes back only when its user says that it is clean; otherwise it is closed, and with it
/// whatever was still open on it.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    clean: bool,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Gives it back for others to use.
    pub(crate) fn give_back(mut self) {
        self.clean = true;
    }
}

impl Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        // Invariant: taken out only by `drop`.
        self.connection.as_ref().expect("a connection")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Connection {
        // Invariant: taken out only by `drop`.
        self.connection.as_mut().expect("a connection")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.clean
            && !connection.client.is_closed()
        {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}
