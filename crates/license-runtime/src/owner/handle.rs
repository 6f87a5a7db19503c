//! The owner's thread and the way to it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::owner::Owner;
use crate::registry::{Registry, RuntimeError};

type Job = Box<dyn FnOnce(&mut Owner) + Send>;

/// Work that may wait for the owner before whoever brings more has to wait too.
const QUEUE: usize = 64;

/// The way to the owner of the containers. The thread ends when the last handle is gone.
#[derive(Clone)]
pub struct OwnerHandle {
    jobs: SyncSender<Job>,
}

impl OwnerHandle {
    /// Starts the owner's thread over the registry `open` gives, which is opened on that thread.
    ///
    /// # Errors
    /// What `open` says; then there is no thread.
    pub fn start(
        open: impl FnOnce() -> Result<Registry, RuntimeError> + Send + 'static,
    ) -> Result<Self, RuntimeError> {
        let (jobs, queue) = sync_channel::<Job>(QUEUE);
        let (opened, when_opened) = sync_channel(1);
        let work = move || match open() {
            Ok(registry) => {
                let _ = opened.send(Ok(()));
                run(registry, &queue);
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        };
        std::thread::Builder::new().name("containers".to_owned()).spawn(work)?;
        when_opened.recv().map_err(|_| stopped())??;
        Ok(Self { jobs })
    }

    /// Lets the owner do something and waits for the outcome.
    ///
    /// # Errors
    /// What `work` says, or the owner is gone.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Owner) -> Result<T, RuntimeError> + Send + 'static,
    ) -> Result<T, RuntimeError> {
        let (answer, when_done) = sync_channel(1);
        let job: Job = Box::new(move |owner| {
            let _ = answer.send(work(owner));
        });
        self.jobs.send(job).map_err(|_| stopped())?;
        when_done.recv().map_err(|_| stopped())?
    }
}

fn stopped() -> RuntimeError {
    io::Error::other("the work on the containers broke off").into()
}

fn run(registry: Registry, queue: &Receiver<Job>) {
    let mut owner = Owner::new(registry);
    while let Ok(job) = queue.recv() {
        // One request that breaks off must not take the containers away from everybody else. What was open is
        // closed, so that only what is on the disk counts; that is old or new, never between.
        if catch_unwind(AssertUnwindSafe(|| job(&mut owner))).is_err() {
            owner.close_all();
        }
    }
}
