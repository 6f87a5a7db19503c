//! The way of many threads to the one owner.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::owner::Owner;
use crate::registry::{Registry, RuntimeError};

/// The way to the owner of the containers. They are given up when the last handle is gone.
#[derive(Clone)]
pub struct OwnerHandle {
    owner: Arc<Mutex<Owner>>,
}

impl OwnerHandle {
    /// Makes everything in the registry go through one owner.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self { owner: Arc::new(Mutex::new(Owner::new(registry))) }
    }

    /// Lets the owner do something, when it is this thread's turn.
    ///
    /// # Errors
    /// What `work` says, or it broke off.
    pub(crate) fn call<T>(
        &self,
        work: impl FnOnce(&mut Owner) -> Result<T, RuntimeError>,
    ) -> Result<T, RuntimeError> {
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        // One request that breaks off must not take the containers away from everybody else. What was open is
        // closed, so that only what is on the disk counts; that is old or new, never between.
        catch_unwind(AssertUnwindSafe(|| work(&mut owner))).unwrap_or_else(|_| {
            owner.close_all();
            Err(io::Error::other("the work on the containers broke off").into())
        })
    }
}
