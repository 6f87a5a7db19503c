//! A small world, explored completely: two containers, a license of quantity two, and every order in which messages
//! can be lost, repeated and overtake each other, both sides crash, and one container is put back to an earlier copy.
//!
//! Nothing here decides anything: every transition is made by [`licensing_core::work::Work`],
//! [`licensing_core::vendor`] and [`licensing_core::device::DeviceState`], on real tables and states. Only signatures
//! and seals are left out. Ids follow from what happened in a container, so that histories which differ only in the
//! order of independent events meet in the same state.

mod check;
mod explore;
mod key;
mod world;

pub use explore::{Counterexample, Explored, explore, explore_near};
pub use world::{Act, World};

/// What happens in the world, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Contexts each container makes.
    pub contexts: u8,
    /// Steps that may be issued to each container before the server is asked for receipts only.
    pub steps: u8,
    /// Newest messages of each container and direction that are still on their way; older ones are lost.
    pub in_flight: usize,
    /// Answers may be lost right after the commit, and contexts right after they were persisted.
    pub crashes: bool,
    /// Users cancel.
    pub cancel: bool,
    /// Users re-activate without a return.
    pub reactivate: bool,
    /// Users restore one container into the other.
    pub restore: bool,
    /// The vendor withdraws, and changes his mind, this many times in all.
    pub vendor: u8,
    /// The vendor puts another license in the place of this one, once.
    pub replace: bool,
    /// A second license is assigned to the first container.
    pub assigned: bool,
    /// A copy of the first container is put back, once.
    pub rollback: bool,
    /// Two requests are decided on the same facts, and committed one after the other.
    pub races: bool,
}

impl Bounds {
    /// Activate, return, receipts, and messages that get lost, repeated and reordered; nothing else.
    #[must_use]
    pub const fn transfers() -> Self {
        Self {
            contexts: 3,
            steps: 3,
            in_flight: 2,
            crashes: true,
            cancel: false,
            reactivate: false,
            restore: false,
            vendor: 0,
            replace: false,
            assigned: false,
            rollback: false,
            races: false,
        }
    }
}
