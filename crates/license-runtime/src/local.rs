//! Talking to the license runtime of this computer over its Unix socket. See `docs/runtime.md`.
//!
//! A frame is a length (`u32`, little-endian, of what follows) and a message in the one codec. A client sends a
//! [`Request`], the runtime answers with one [`Answer`], in order. The first request must be
//! [`Request::Hello`].

mod client;
mod message;
mod server;

pub(crate) use client::unexpected;
pub use client::{Client, RemoteContainer, SharedClient};
pub use message::{Answer, ContainerState, Grant, Pending, Request, Status, WarningInfo};
pub use server::{LocalServer, serve};

use std::io::{self, Read, Write};

use licensing_core::codec::{Decode, Encode, decode, encode};
use licensing_core::limits::PACKAGE_BYTES_MAX;

/// Version of the protocol.
pub const PROTOCOL: u32 = 1;
/// Largest message, in bytes: a file for flash memory with some room around it.
pub const FRAME_BYTES_MAX: usize = PACKAGE_BYTES_MAX + (64 << 10);
/// Bytes that are set aside for a message before it has come.
const EXPECTED_MAX: usize = 4 << 10;

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
    // What is claimed is believed up to a size that does no harm: most frames are read at once then.
    let mut body =
        Vec::with_capacity(usize::try_from(length).map_or(EXPECTED_MAX, |all| all.min(EXPECTED_MAX)));
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

    /// As `docs/runtime.md` has them, for programs in other languages.
    #[test]
    fn the_numbers_and_layout_of_the_messages_are_fixed() {
        let firm_code = licensing_core::ids::FirmCode::new(0x0102_0304).unwrap();
        let product_code = licensing_core::ids::ProductCode::new(7).unwrap();
        let request = licensing_core::access::AccessRequest {
            product_code,
            features: 2,
            units: 1,
            release_date: Some(licensing_core::time::Timestamp::from_secs(9)),
        };
        let access = Request::Access { firm_code, request, container: "3-5".parse().ok() };
        let mut frame = Vec::new();
        send(&mut frame, &access).unwrap();
        #[rustfmt::skip]
        let expected = [
            42, 0, 0, 0,                        // length
            3, 0, 0, 0,                         // Access
            4, 3, 2, 1,                         // firm code
            7, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, // product code, features, units
            1, 9, 0, 0, 0, 0, 0, 0, 0,          // release date
            1, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, // dongle 5
        ];
        assert_eq!(frame, expected);
        let serial = "3-5".parse().unwrap();
        for (request, number) in [
            (Request::Hello { protocol: 1 }, 0),
            (Request::Status, 1),
            (Request::Release { handle: 1 }, 4),
            (Request::List, 6),
            (Request::Pulled, 18),
            (Request::Flash { container: serial }, 19),
            (Request::AgentList, 23),
            (Request::ImportBlacklist { file: Vec::new() }, 27),
        ] {
            assert_eq!(encode(&request)[..4], [number, 0, 0, 0], "{request:?}");
        }
        for (answer, number) in [
            (Answer::Hello { protocol: 1 }, 0),
            (Answer::Done, 1),
            (Answer::Failed { code: String::new(), message: String::new() }, 2),
            (Answer::Containers(Vec::new()), 7),
            (Answer::Bytes(Vec::new()), 8),
            (Answer::Serials(Vec::new()), 11),
            (Answer::Agent { allowed: Vec::new(), pending: Vec::new() }, 13),
        ] {
            assert_eq!(encode(&answer)[..4], [number, 0, 0, 0], "{answer:?}");
        }
    }

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
