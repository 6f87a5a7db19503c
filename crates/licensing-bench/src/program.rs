//! The programs that are measured, as processes of their own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use central_server::data_dir::DataDir;
use central_server::database::Place;

/// Where the programs of the same build are.
pub(crate) fn beside(name: &str) -> Result<PathBuf> {
    let me = std::env::current_exe()?;
    let path = me.parent().context("a program is in a folder")?.join(name);
    ensure!(path.is_file(), "{} is missing; run it by `cargo xtask bench`", path.display());
    Ok(path)
}

/// A running server, ended with the value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("a program does not start")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://").and_then(|text| text.parse().ok());
        match address {
            Some(address) => Ok(Self { child, address }),
            None => {
                // It has ended, or is of no use.
                let _ = child.kill();
                let _ = child.wait();
                anyhow::bail!("a server did not start: {line:?}")
            }
        }
    }

    /// The central server of a data folder, with its default settings but for the bound on requests per address: all
    /// clients are at one.
    pub(crate) fn central(data: &Path, url: Option<&str>) -> Result<Self> {
        let folder = DataDir::new(data);
        let config = data.join("bench.toml");
        let mut text = std::fs::read_to_string(folder.config())?;
        text = text.replace("requests_per_minute = 60000", "requests_per_minute = 0");
        std::fs::write(&config, text)?;
        let log = std::fs::File::create(data.join("server.log"))?;
        let mut command = Command::new(beside("central-server")?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.arg("--config").arg(&config).stderr(log);
        if let Some(url) = url {
            command.env("CENTRAL_DATABASE", url);
        }
        Self::start(&mut command)
    }

    /// The floor of HTTP: see [`fixed`].
    pub(crate) fn fixed() -> Result<Self> {
        Self::start(Command::new(std::env::current_exe()?).arg("fixed-server"))
    }

    /// Resident memory, in bytes: now, and at most since it was started.
    pub(crate) fn memory(&self) -> Result<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()
        };
        let both = field("VmRSS:").zip(field("VmHWM:")).context("no memory in /proc")?;
        Ok((both.0 * 1024, both.1 * 1024))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds from the start of a central server until it says that it is ready.
pub(crate) fn time_to_ready(data: &Path) -> Result<f64> {
    let begun = Instant::now();
    let server = Server::central(data, None)?;
    let mut stream = std::net::TcpStream::connect(server.address)?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    ensure!(line.contains(" 200 "), "the server is not ready: {line:?}");
    Ok(begun.elapsed().as_secs_f64())
}

/// Serves a fixed JSON document of 1 KiB to every request, by the library the central server uses, and nothing else.
pub(crate) fn fixed() -> Result<()> {
    let document = Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(1024 - 11)));
    let answer = move |_body: Bytes| {
        let document = document.clone();
        async move { ([("content-type", "application/json")], document) }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        axum::serve(listener, Router::new().route("/fixed", post(answer))).await?;
        Ok(())
    })
}

/// The place of the database in a data folder.
pub(crate) fn file(data: &Path) -> Place {
    Place::File(DataDir::new(data).database())
}
