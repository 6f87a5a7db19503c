//! Somebody who is signed in to the vendor's pages.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::program::beside;

const NAME: &str = "bench";
/// Of a user in a database that was made for this run.
const PASSWORD: &str = "looks through everything";
/// Most bytes of the answer to a sign-in.
const ANSWER_MAX: u64 = 64 << 10;

/// Adds a user who may see everything.
pub(crate) fn add(data: &Path) -> Result<()> {
    let mut command = Command::new(beside("central-server")?);
    command.args(["user", "add", NAME, "--role", "admin", "--data"]).arg(data);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    writeln!(child.stdin.take().context("an input")?, "{PASSWORD}")?;
    ensure!(child.wait()?.success(), "no user was made");
    Ok(())
}

/// Signs in; gives the cookie.
pub(crate) fn sign_in(server: SocketAddr) -> Result<String> {
    let body = json!({ "name": NAME, "password": PASSWORD }).to_string();
    let mut stream = TcpStream::connect(server)?;
    write!(
        stream,
        "POST /api/v1/session HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nsec-fetch-site: same-origin\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
    let cookie = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default().trim())
    });
    cookie.map(str::to_owned).with_context(|| format!("not signed in: {:?}", answer.lines().next()))
}
