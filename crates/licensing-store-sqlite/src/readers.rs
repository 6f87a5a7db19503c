//! Connections for reading, lent to one read at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;
use licensing_store::StoreError;
use rusqlite::Connection;

/// A pool of connections.
pub(crate) struct Readers {
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    /// How many there are, lent ones too.
    size: usize,
    free: Vec<Connection>,
    waiting: VecDeque<oneshot::Sender<Lent>>,
}

/// A connection that goes back to its pool when it is dropped.
pub(crate) struct Lent {
    connection: Option<Connection>,
    pool: Arc<Readers>,
}

impl Readers {
    pub(crate) fn new(connections: Vec<Connection>) -> Arc<Self> {
        let state = State { size: connections.len(), free: connections, waiting: VecDeque::new() };
        Arc::new(Self { state: Mutex::new(state), returned: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection: at once when one is free, else when it is this one's turn.
    pub(crate) async fn lend(self: &Arc<Self>) -> Result<Lent, StoreError> {
        let turn = {
            let mut state = self.lock();
            if let Some(connection) = state.free.pop() {
                return Ok(Lent { connection: Some(connection), pool: Arc::clone(self) });
            }
            let (turn, coming) = oneshot::channel();
            state.waiting.push_back(turn);
            coming
        };
        turn.await.map_err(|_| closed())
    }

    /// Closes all connections when nobody reads with them any more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        while state.free.len() < state.size {
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.size = 0;
        state.free.clear();
    }

    fn take_back(self: &Arc<Self>, connection: Connection) {
        let mut lent = Lent { connection: Some(connection), pool: Arc::clone(self) };
        loop {
            let mut state = self.lock();
            let Some(next) = state.waiting.pop_front() else {
                state.free.extend(lent.connection.take());
                drop(state);
                self.returned.notify_all();
                return;
            };
            drop(state);
            // Who does not wait any more gives it back.
            match next.send(lent) {
                Ok(()) => return,
                Err(refused) => lent = refused,
            }
        }
    }
}

impl Lent {
    /// Does a job with the connection.
    pub(crate) fn run<T>(
        &mut self,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connection.as_mut().map_or_else(|| Err(closed()), job)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.take_back(connection);
        }
    }
}

pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the database is closed".to_owned())
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_executor::block_on;

    use super::*;

    fn pool(size: usize) -> Arc<Readers> {
        Readers::new((0..size).map(|_| Connection::open_in_memory().unwrap()).collect())
    }

    fn free(pool: &Readers) -> usize {
        pool.lock().free.len()
    }

    #[test]
    fn a_connection_goes_to_whoever_waited_first_and_still_waits() {
        let pool = pool(1);
        let first = block_on(pool.lend()).unwrap();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(pool.lend())).collect();
        for one in &mut waiting {
            assert!(block_on(polled_once(one.as_mut())).is_none());
        }
        // The first has gone away; the second is next.
        drop(waiting.remove(0));
        drop(first);
        assert_eq!(free(&pool), 0);
        let second = block_on(waiting.remove(0)).unwrap();
        drop(second);
        drop(block_on(waiting.remove(0)).unwrap());
        assert_eq!(free(&pool), 1);
    }

    #[test]
    fn a_job_that_fails_or_panics_gives_the_connection_back() {
        let pool = pool(1);
        let failed: Result<(), _> = block_on(pool.lend()).unwrap().run(|_| Err(closed()));
        assert_eq!(failed, Err(closed()));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            block_on(pool.lend()).unwrap().run(|_| -> Result<(), StoreError> { panic!("on purpose") })
        }));
        assert!(panicked.is_err());
        assert_eq!(free(&pool), 1);
        // Closing waits for nobody then, and may be repeated.
        pool.close();
        pool.close();
        assert_eq!(free(&pool), 0);
    }

    /// Polls once.
    async fn polled_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let mut future = future;
        std::future::poll_fn(|context| {
            Poll::Ready(match future.as_mut().poll(context) {
                Poll::Ready(value) => Some(value),
                Poll::Pending => None,
            })
        })
        .await
    }
}
