//! The WebSocket: frames in, frames out.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::agent::Shared;
use crate::agent::head::{Head, Response};
use crate::agent::session::Session;

/// Largest message, in bytes. A larger update goes by file.
const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// How long a page may be silent.
const IDLE: Duration = Duration::from_secs(300);

/// What a browser sent together with its head, and then the connection.
struct Resumed {
    rest: io::Cursor<Vec<u8>>,
    stream: TcpStream,
}

impl Read for Resumed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.rest.read(out)? {
            0 => self.stream.read(out),
            read => Ok(read),
        }
    }
}

impl Write for Resumed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Upgrades an admitted connection and answers its messages until the page goes away or says nothing.
pub(crate) fn serve(
    mut stream: TcpStream,
    head: &Head,
    rest: Vec<u8>,
    mut session: Session,
    shared: &Shared,
) -> io::Result<()> {
    let greeting = match session.greeting(shared) {
        Ok(greeting) => greeting,
        Err(refusal) => return Response::denied(refusal.code(), refusal.message()).send(&mut stream),
    };
    let accept = derive_accept_key(head.field("sec-websocket-key").unwrap_or_default().as_bytes());
    let upgrade = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes())?;
    shared.note(session.caller.origin.as_str(), "connect", "done");
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
        .max_write_buffer_size(4 << 20);
    let resumed = Resumed { rest: io::Cursor::new(rest), stream };
    let mut socket = WebSocket::from_raw_socket(resumed, Role::Server, Some(config));
    let outcome = converse(&mut socket, &mut session, shared, &greeting.to_string());
    let _ = socket.close(None).and_then(|()| socket.flush());
    match outcome {
        Err(Error::Io(error)) => Err(error),
        _ => Ok(()),
    }
}

fn converse(
    socket: &mut WebSocket<Resumed>,
    session: &mut Session,
    shared: &Shared,
    greeting: &str,
) -> Result<(), Error> {
    socket.send(Message::text(greeting))?;
    let mut last_heard = Instant::now();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                last_heard = Instant::now();
                let answer = session.answer(text.as_str(), shared);
                socket.send(Message::text(answer.to_string()))?;
            }
            Ok(Message::Close(_)) => return Ok(()),
            // Pings are answered by the library; a page does not stay by pinging alone.
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            // There are no binary messages.
            Ok(Message::Binary(_) | Message::Frame(_)) => return Ok(()),
            Err(Error::Io(error)) if is_pause(&error) => {}
            Err(error) => return Err(error),
        }
        if last_heard.elapsed() > IDLE {
            return Ok(());
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
