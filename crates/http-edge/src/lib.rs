//! What every program that listens for HTTP has in common: connections bounded in number and patience, bodies bounded
//! before they are read, the address of the client behind trusted proxies, and bounds per client.
//!
//! No web framework and nothing of licensing is in here: a program brings its own [`tower::Service`] and says what its
//! refusals look like.

mod address;
mod body;
mod gate;
mod server;

pub use address::{ClientAddress, base_url, client, subscriber};
pub use body::{BodyError, drain, read};
pub use gate::Gate;
pub use server::{Bounds, serve};
