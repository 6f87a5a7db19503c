//! Heads of HTTP requests, read within bounds, and the few answers that are not pages.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use licensing_wire::problem::Problem;

/// Largest head, in bytes: a grant of 2 KiB in the address, and what browsers add.
const HEAD_BYTES_MAX: usize = 12 << 10;
/// Most header fields.
const FIELDS_MAX: usize = 64;
/// Time for a head or a form to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);
/// Time for one piece of it.
const PIECE: Duration = Duration::from_secs(5);

/// The head of a request.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    fields: Vec<(String, String)>,
}

/// Why there is no head.
#[derive(Debug)]
pub(crate) enum HeadError {
    /// The connection is gone.
    Gone(io::Error),
    /// It is not acceptable; the status to say so.
    Bad(u16),
}

impl From<io::Error> for HeadError {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

/// Bounds how long the other side may take.
pub(crate) fn set_timeouts(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PIECE))?;
    stream.set_write_timeout(Some(PIECE))
}

impl Head {
    /// Reads a head; what has arrived beyond it is given back.
    pub(crate) fn read(stream: &mut impl Read) -> Result<(Self, Vec<u8>), HeadError> {
        let (mut bytes, mut piece) = (Vec::new(), [0; 2048]);
        let started = Instant::now();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if bytes.len() >= HEAD_BYTES_MAX {
                return Err(HeadError::Bad(431));
            }
            if started.elapsed() > ARRIVAL {
                return Err(HeadError::Bad(408));
            }
            match stream.read(&mut piece)? {
                0 => return Err(HeadError::Gone(io::ErrorKind::UnexpectedEof.into())),
                read => bytes.extend_from_slice(&piece[..read]),
            }
        };
        let rest = bytes.split_off(end);
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(HeadError::Bad(431));
        }
        Self::parse(&bytes).map(|head| (head, rest)).ok_or(HeadError::Bad(400))
    }

    /// Parses a complete head; `None` when it is not one browsers send.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        if !request.parse(bytes).ok()?.is_complete() || request.version != Some(1) {
            return None;
        }
        let target = request.path?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut head = Self {
            method: request.method?.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            fields: Vec::new(),
        };
        for field in request.headers.iter() {
            let value = std::str::from_utf8(field.value).ok()?;
            head.fields.push((field.name.to_ascii_lowercase(), value.to_owned()));
        }
        Some(head)
    }

    /// The value of a field that must not be there twice: whoever sends two wants us to see one and somebody
    /// else the other.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// Whether a field is there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }

    /// Whether a comma-separated field lists a word.
    pub(crate) fn lists(&self, name: &str, word: &str) -> bool {
        let value = self.field(name).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
    }

    /// Whether the request was sent to the agent's own address, and not to a name that points to it.
    pub(crate) fn is_for(&self, port: u16) -> bool {
        let ours = ["127.0.0.1", "[::1]", "localhost"].map(|name| format!("{name}:{port}"));
        self.field("host").is_some_and(|host| ours.iter().any(|name| name == host))
    }

    /// The origin as it may be shown in a log: bounded, whoever wrote it.
    pub(crate) fn shown_origin(&self) -> String {
        self.field("origin").unwrap_or("none").chars().take(300).collect()
    }

    /// Reads a form of at most `limit` bytes; `rest` is what has arrived of it with the head.
    pub(crate) fn form(
        &self,
        stream: &mut impl Read,
        rest: Vec<u8>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, HeadError> {
        if self.field("content-type") != Some("application/x-www-form-urlencoded") {
            return Err(HeadError::Bad(415));
        }
        if self.has("transfer-encoding") {
            return Err(HeadError::Bad(411));
        }
        let length = self.field("content-length").and_then(|length| length.parse::<usize>().ok());
        let length = length.ok_or(HeadError::Bad(411))?;
        if length > limit {
            return Err(HeadError::Bad(413));
        }
        let (mut bytes, mut piece) = (rest, [0; 8192]);
        let started = Instant::now();
        while bytes.len() < length {
            if started.elapsed() > ARRIVAL {
                return Err(HeadError::Bad(408));
            }
            match stream.read(&mut piece)? {
                0 => return Err(HeadError::Gone(io::ErrorKind::UnexpectedEof.into())),
                read => bytes.extend_from_slice(&piece[..read]),
            }
        }
        if bytes.len() > length {
            return Err(HeadError::Bad(400));
        }
        parse_form(&bytes).ok_or(HeadError::Bad(400))
    }
}

/// Fields of a form (`application/x-www-form-urlencoded`), at most 16.
fn parse_form(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let pairs: Vec<&str> = text.split('&').filter(|pair| !pair.is_empty()).collect();
    if pairs.len() > 16 {
        return None;
    }
    let decoded = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((percent_decode(name)?, percent_decode(value)?))
    };
    pairs.into_iter().map(decoded).collect()
}

fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

/// An answer.
pub(crate) struct Response {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: String,
}

impl Response {
    /// An answer without content.
    pub(crate) const fn empty(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: String::new() }
    }

    /// A refusal. No field lets another origin read it.
    pub(crate) fn denied(code: &str, message: &str) -> Self {
        let problem = Problem::from_code(code, message);
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let fields = vec![("Content-Type", "application/problem+json".to_owned())];
        Self { status: problem.status, fields, body }
    }

    /// A page that runs no script, loads nothing, is in no frame, and sends forms to `form_action` only.
    pub(crate) fn page(body: String, form_action: &str) -> Self {
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
        );
        let fields = vec![
            ("Content-Type", "text/html; charset=utf-8".to_owned()),
            ("Content-Security-Policy", policy),
            ("X-Frame-Options", "DENY".to_owned()),
            // Not no-referrer: browsers then send `Origin: null` with the page's own form.
            ("Referrer-Policy", "same-origin".to_owned()),
            ("Cross-Origin-Opener-Policy", "same-origin".to_owned()),
        ];
        Self { status: 200, fields, body }
    }

    /// Sends the answer and closes the connection.
    pub(crate) fn send(self, stream: &mut impl Write) -> io::Result<()> {
        let reason = match self.status {
            200 => "OK",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            _ => "Refused",
        };
        let mut text = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nVary: Origin\r\n");
        text.push_str("Cross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n");
        text.push_str(&format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body));
        stream.write_all(text.as_bytes())?;
        stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_bounded() {
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(HEAD_BYTES_MAX));
        assert!(matches!(Head::read(&mut long.as_bytes()), Err(HeadError::Bad(431))));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(FIELDS_MAX + 1));
        assert!(matches!(Head::read(&mut many.as_bytes()), Err(HeadError::Bad(400))));
        let never: &[u8] = b"GET / HTTP/1.1\r\nX: y\r\n";
        assert!(matches!(Head::read(&mut &*never), Err(HeadError::Gone(_))));
        for bad in ["GET / HTTP/1.0\r\n\r\n", "\r\n\r\n", "GET\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n"] {
            assert!(matches!(Head::read(&mut bad.as_bytes()), Err(HeadError::Bad(400))), "{bad}");
        }
    }

    #[test]
    fn two_of_a_field_are_none() {
        let head = Head::parse(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:7880\r\nhost: evil:7880\r\n\r\n").unwrap();
        assert!(!head.is_for(7880) && head.has("host"));
    }

    #[test]
    fn forms_are_decoded_or_refused() {
        let form = parse_form(b"a=b%20c&d=%C3%A4+x&e").unwrap();
        let of = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(form, [of("a", "b c"), of("d", "\u{e4} x"), of("e", "")]);
        for bad in [b"a=%".as_slice(), b"a=%4", b"a=%zz", b"a=%ff", &[0xFF]] {
            assert!(parse_form(bad).is_none(), "{bad:?}");
        }
        assert!(parse_form("a=b&".repeat(17).as_bytes()).is_none());
    }
}
