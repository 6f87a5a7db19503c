//! What the vendor decides about licenses and containers, outside of any transfer. What has to happen in a container
//! happens at its next contact.

mod container;
mod withdraw;

pub use container::{blacklist, clear};
pub use withdraw::{Held, Replacement};
