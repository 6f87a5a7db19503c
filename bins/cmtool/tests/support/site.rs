//! A vendor's data folder on any database, servers on it, and computers with containers.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "shared by several test programs, each using a part"
)]
#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "programs.rs"]
mod programs;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use licensing_testkit::proof;
use serde_json::Value;
use tempfile::TempDir;

use programs::{NEVER, SETTINGS, program};

/// A vendor's folder. The database is a file in it, or where the URL says.
pub struct Site {
    pub folder: TempDir,
}

impl Site {
    pub fn new(url: Option<&str>) -> Self {
        let site = Self { folder: proof::fast_folder() };
        let done = site.administer(url, &["init", "--firm-code", "6000010"]);
        assert!(done.status.success(), "{done:?}");
        std::fs::write(site.data().join("central.toml"), SETTINGS).unwrap();
        site
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("central")
    }

    fn command(&self, url: Option<&str>, words: &[&str]) -> Command {
        let mut command = Command::new(program("central-server"));
        command.env_remove("CENTRAL_DATABASE").args(words).arg("--data").arg(self.data());
        command.envs(url.map(|url| ("CENTRAL_DATABASE", url)));
        command
    }

    /// Runs a verb of the server's command line.
    pub fn administer(&self, url: Option<&str>, words: &[&str]) -> Output {
        self.command(url, words).output().unwrap()
    }

    /// Moves the database.
    pub fn relocate(&self, from: &str, to: &str) {
        let done = self.administer(None, &["move", "--from", from, "--to", to]);
        assert!(done.status.success(), "{done:?}");
    }

    pub fn serve(&self, url: Option<&str>) -> Server {
        let log = self.folder.path().join("server.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut process = self
            .command(url, &["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        let address =
            address.unwrap_or_else(|| panic!("no server: {line:?}, {}", self.log())).parse().unwrap();
        Server { address, process }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    pub fn computer(&self, name: &str, address: SocketAddr) -> Computer {
        let (home, token) = (self.folder.path().join(name), self.data().join("admin.token"));
        Computer { home, address, token }
    }

    /// The audit of the tables, the receipts, and the present state of these containers.
    pub fn audit(&self, url: Option<&str>, containers: &[(Computer, String)]) {
        let contexts: Vec<String> =
            containers.iter().map(|(computer, serial)| computer.context(serial)).collect();
        let mut words = vec!["doctor", "--audit", "--context"];
        words.extend(contexts.iter().map(String::as_str));
        let done = self.administer(url, &words);
        let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        assert!(said.contains("audit: 0 differences") && !said.contains("DIFFERS"), "{said}\n{}", self.log());
    }
}

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    process: Child,
}

impl Server {
    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

/// A computer with containers of its own.
#[derive(Clone)]
pub struct Computer {
    home: PathBuf,
    pub address: SocketAddr,
    token: PathBuf,
}

impl Computer {
    /// Runs a command: gives the answer, or the code of the error.
    pub fn run(&self, words: &[&str]) -> Result<Value, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cmtool"));
        command.args(words).arg("--json").stdin(Stdio::null());
        command
            .env("CM_HOME", &self.home)
            .env("XDG_STATE_HOME", self.home.with_extension("state"))
            .env("CM_TOKEN_FILE", &self.token)
            .env("CM_SERVER", format!("http://{}", self.address))
            .env_remove("CM_TEST_HOST_TRAITS");
        let output = command.output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{words:?}: {error}: {output:?}"));
        let code = if output.status.success() { return Ok(json) } else { text(&json["error"]["code"]) };
        assert!(!NEVER.contains(&code.as_str()), "{words:?}: {json}");
        Err(code)
    }

    pub fn ok(&self, words: &[&str]) -> Value {
        self.run(words).unwrap_or_else(|code| panic!("{words:?}: {code}"))
    }

    /// Tries again until it is done; gives the number of tries.
    pub fn until_done(&self, words: &[&str]) -> u64 {
        for tries in 1..=200 {
            if self.run(words).is_ok() {
                return tries;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never done: {words:?}");
    }

    pub fn dongle(&self) -> String {
        text(&self.ok(&["container", "create", "dongle"])["serial"])
    }

    /// An order of an item that is made on the way: gives ticket and license.
    pub fn sell(&self, order: &str, quantity: u64) -> (String, String) {
        let item = ["--id", "A", "--name", "A", "--firm-code", "6000010", "--product-code", "1"];
        self.ok(&[["item", "create"].as_slice(), &item].concat());
        let line = format!("A={quantity}");
        let sold = self.ok(&["order", "create", "--order-id", order, "--item", &line]);
        (text(&sold["ticket"]), text(&sold["licenses"][0]["id"]))
    }

    /// Licenses of all kinds in a container.
    pub fn held(&self, serial: &str) -> u64 {
        let shown = self.ok(&["container", "show", serial]);
        let firms = shown["firms"].as_array().unwrap().iter();
        let products = firms.flat_map(|firm| firm["products"].as_array().unwrap());
        products.map(|product| product["quantity"].as_u64().unwrap()).sum()
    }

    /// What is available on a ticket, and what is under way.
    pub fn books(&self, ticket: &str) -> (u64, u64) {
        let license = &self.ok(&["ticket", "show", ticket])["licenses"][0];
        let number = |field: &str| license[field].as_u64().unwrap();
        (number("available"), number("activating") + number("returning"))
    }

    /// Makes a context file and gives its path.
    pub fn context(&self, serial: &str) -> String {
        let file = self.home.with_extension(format!("{serial}.WibuCmRaC")).display().to_string();
        self.ok(&["context", "create", "--container", serial, "--firm-code", "6000010", "--out", &file]);
        file
    }
}
