//! The pure heart of license delivery: tickets, items, licenses, containers, the transfer protocol, its file
//! formats and its cryptography.
//!
//! Facts go in, a decision comes out. What is never here: files, sockets, a clock, a source of randomness,
//! threads, serialisation for the outside. Time is an argument ([`time::Timestamp`]), randomness is an
//! argument ([`Entropy`]), and what a decision wants stored is a value ([`changeset::ChangeSet`]).
//!
//! Start with [`work::Work`], the server's side of a transfer, and [`device::DeviceState`], the container's
//! side. The protocol between the two is in `docs/architecture.md`, the files in `docs/formats/`.
//!
//! # Example: a ticket code
//! ```
//! use licensing_core::ticket_code::TicketCode;
//!
//! let code: TicketCode = "abcde fghjk lmnpq rstuv wxz23".parse()?;
//! assert_eq!(code.to_string(), "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23");
//! # Ok::<(), licensing_core::ticket_code::TicketCodeError>(())
//! ```

pub mod access;
pub mod activation;
pub mod approval;
pub mod audit;
pub mod blacklist;
pub mod changeset;
pub mod codec;
pub mod container;
pub mod crypto;
pub mod device;
pub mod envelope;
pub mod error;
pub mod event;
pub mod format;
pub mod four_eyes;
pub mod ids;
pub mod item;
pub mod license;
pub mod limits;
pub mod order;
pub mod origin;
pub mod preactivation;
pub mod product;
pub mod refusal;
pub mod step;
pub mod terms;
pub mod testing;
pub mod ticket;
pub mod ticket_code;
pub mod time;
pub mod token;
pub mod trust;
pub mod update_item;
pub mod user;
pub mod vendor;
pub mod webhook;
pub mod work;
pub mod zoo;

/// A source of randomness, given by whoever calls.
pub trait Entropy {
    /// Fills `out` with uniformly random, unpredictable bytes.
    ///
    /// # Security
    /// Every key, ticket and seal rests on this; an implementation that cannot deliver must not return.
    fn fill(&mut self, out: &mut [u8]);
}

impl<E: Entropy + ?Sized> Entropy for Box<E> {
    fn fill(&mut self, out: &mut [u8]) {
        (**self).fill(out);
    }
}

/// Draws a fixed number of random bytes.
#[must_use]
pub fn random<const N: usize>(entropy: &mut dyn Entropy) -> [u8; N] {
    let mut out = [0; N];
    entropy.fill(&mut out);
    out
}
