//! Requests to the driver, one connection each.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than anything that is waited for: a hanging browser fails a test and does not stop it.
const ANSWER: Duration = Duration::from_secs(120);

/// Sends a request and gives the value of the answer, or what the driver says is wrong.
pub(super) fn send(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let answer =
        exchange(port, method, path, body).map_err(|error| format!("the driver is gone: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the driver's answer has no end")?;
    let mut answer: Value = serde_json::from_str(body).map_err(|error| format!("{error}: {head} {body}"))?;
    let value = answer["value"].take();
    match value["error"].as_str() {
        Some(error) => Err(format!("{error}: {}", value["message"].as_str().unwrap_or_default())),
        None => Ok(value),
    }
}

fn exchange(port: u16, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<String> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    // The driver keeps the connection open, whatever it is asked for: the length tells where the answer ends.
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 << 10]);
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        if end.is_some_and(|end| bytes.len() >= end + length(&bytes[..end])) {
            return String::from_utf8(bytes).map_err(std::io::Error::other);
        }
        match stream.read(&mut piece)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    length.unwrap_or(0)
}
