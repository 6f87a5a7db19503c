//! Talking to the license runtime of this computer over its Unix socket. See `docs/runtime.md`.
//!
//! A frame is a length (`u32`, little-endian, of what follows) and a message in the one codec. A client sends a
//! [`Request`], the runtime answers with one [`Answer`], in order. The first request must be
//! [`Request::Hello`].

mod client;
mod message;
mod server;

pub(crate) use client::unexpected;
pub use client::{Client, RemoteContainer};
pub use message::{Answer, ContainerState, Grant, Pending, Request, Status, WarningInfo};
pub use server::{LocalServer, serve};

use std::io::{self, Read, Write};

use licensing_core::codec::{Decode, Encode, decode, encode};
use licensing_core::limits::PACKAGE_BYTES_MAX;

/// Version of the protocol.
pub const PROTOCOL: u32 = 1;
/// Largest message, in bytes: a file for flash memory with some room around it.
pub const FRAME_BYTES_MAX: usize = PACKAGE_BYTES_MAX + (64 << 10);

/// Writes a message.
///
/// # Errors
/// The other side is gone.
pub(crate) fn send<T: Encode>(stream: &mut impl Write, message: &T) -> io::Result<()> {
    let body = encode(message);
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= FRAME_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::other("the message is larger than the protocol allows"))?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&body);
    stream.write_all(&frame)
}

/// Reads a message; `None` when the other side has closed the connection between two messages.
///
/// # Errors
/// The other side is gone, or sent what is no message.
///
/// # Security
/// Memory grows with what has arrived, never with what a length claims.
pub(crate) fn receive<T: Decode<()> + Encode>(stream: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    let mut got = 0;
    while got < length.len() {
        match stream.read(&mut length[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => got += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u64::from(u32::from_le_bytes(length));
    if length > FRAME_BYTES_MAX as u64 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is larger than the protocol allows"));
    }
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body)?;
    if body.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let message = decode::<T, FRAME_BYTES_MAX>(&body);
    message.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_and_damaged_ones_are_refused() {
        let mut bytes = Vec::new();
        send(&mut bytes, &Request::Status).unwrap();
        let mut reader = bytes.as_slice();
        assert_eq!(receive::<Request>(&mut reader).unwrap(), Some(Request::Status));
        assert_eq!(receive::<Request>(&mut reader).unwrap(), None);
        for end in 1..bytes.len() {
            assert!(receive::<Request>(&mut &bytes[..end]).is_err(), "length {end}");
        }
        let claim = [0xFF, 0xFF, 0xFF, 0xFF, 1];
        assert!(receive::<Request>(&mut claim.as_slice()).is_err());
        let unknown = [4, 0, 0, 0, 0xFF, 0, 0, 0];
        assert!(receive::<Request>(&mut unknown.as_slice()).is_err());
    }
}
