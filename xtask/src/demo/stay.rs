//! `cargo xtask demo --keep`: what goes on after the story, for trying out in a browser.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::demo::{Computer, FIRM_CODE};
use crate::shell;

/// Where the portal is when nobody else is.
const PORT: u16 = 7890;
/// How long a program may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that goes on when the demo ends; stopped only when the demo breaks off before.
struct Stays {
    child: Option<Child>,
}

impl Stays {
    /// Starts a program and waits until it says something. Its output goes to a file, because nobody reads it when the
    /// demo has ended.
    fn start(mut command: Command, output: &Path, says: &str) -> Result<Self> {
        let file = fs::File::create(output)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let begun = Instant::now();
        while !fs::read_to_string(output)?.contains(says) {
            let alive = child.try_wait()?.is_none() && begun.elapsed() < PATIENCE;
            if !alive {
                let _ = child.kill();
                bail!("{command:?} did not start; see {}", output.display());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { child: Some(child) })
    }

    /// Lets the program go on: its process id.
    fn leave(mut self) -> u32 {
        self.child.take().map_or(0, |child| child.id())
    }
}

impl Drop for Stays {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The usual port, or a free one.
fn port() -> Result<u16> {
    let usual = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    let listener = usual.or_else(|_| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
    Ok(listener.local_addr()?.port())
}

/// Who may sign in at the vendor's pages.
pub(super) const USER: &str = "ada";

/// Makes a user for the vendor's pages; gives the password, which is for this demo only.
pub(super) fn user(central: &Path, data: &Path) -> Result<String> {
    let password = format!("demo {} of this folder", std::process::id());
    let mut command = Command::new(central);
    command.args(["user", "add", USER, "--role", "admin", "--data"]).arg(data).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).spawn().context("central-server user add")?;
    writeln!(child.stdin.take().context("an input")?, "{password}")?;
    let status = child.wait()?;
    if !status.success() {
        bail!("central-server user add failed");
    }
    Ok(password)
}

/// Starts the portal, and the license runtime of the customer's computer, which lets the portal in.
pub(super) fn portal(customer: &Computer<'_>, central: &str, data: &Path, ticket: &str) -> Result<()> {
    let folder = data.parent().context("a folder")?;
    let listen = format!("127.0.0.1:{}", port()?);
    let origin = format!("http://{listen}");
    let mut grant = Command::new(shell::bin("central-server")?);
    grant.args(["grant", "origin", &origin, "--firm-code", FIRM_CODE, "--data"]).arg(data);
    shell::run(grant.arg("--out").arg(folder.join("portal.grant")).stdout(Stdio::null()))?;
    let settings = format!(
        "listen = \"{listen}\"\ncentral_server = \"{central}\"\n[agent]\ngrants = [\"portal.grant\"]\n"
    );
    fs::write(folder.join("depot.toml"), settings)?;
    let mut runtime = Command::new(shell::bin("license-runtime")?);
    runtime.arg("serve").env("CM_HOME", &customer.home).env("XDG_STATE_HOME", customer.home.join("state"));
    let runtime = Stays::start(runtime, &folder.join("runtime.log"), "browser agent on")?;
    customer.ask(&["agent", "allow", &origin])?;
    let mut depot = Command::new(shell::bin("depot")?);
    depot.args(["serve", "--config"]).arg(folder.join("depot.toml"));
    let depot = Stays::start(depot, &folder.join("depot.log"), "listening on")?;
    println!("\nThe customer's portal is at {origin}");
    println!("ticket to try: {ticket}");
    println!(
        "the license runtime of the computer \"online\" lets the portal in; it has an act license and a dongle"
    );
    println!("stop both with: kill {} {}", depot.leave(), runtime.leave());
    Ok(())
}
