//! A server that is killed and started again at the same address, and computers with dongles.
#![allow(dead_code, clippy::allow_attributes, reason = "shared by several test programs, each using a part")]

#[path = "programs.rs"]
pub mod programs;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use licensing_testkit::postgres;
use serde_json::Value;
use tempfile::TempDir;

use programs::{SETTINGS, program};

/// A server's folder and address. The process comes and goes.
pub struct Central {
    pub folder: TempDir,
    pub address: String,
    process: Option<Child>,
    /// The server's database, when this run of tests is about PostgreSQL.
    pub postgres: Option<postgres::Database>,
}

impl Central {
    pub fn new(folder: TempDir) -> Self {
        let (address, postgres) = ("127.0.0.1:0".to_owned(), postgres::database_of_this_run());
        let mut central = Self { folder, address, process: None, postgres };
        let done = central.administer(&["init", "--firm-code", "6000010"]);
        assert!(done.status.success(), "{done:?}");
        std::fs::write(central.data().join("central.toml"), SETTINGS).unwrap();
        central.start();
        central
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("central")
    }

    /// Starts the server, the first time at a free address and then always at the same.
    pub fn start(&mut self) {
        let log = self.folder.path().join("server.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut process = self
            .program()
            .args(["serve", "--listen", &self.address, "--data"])
            .arg(self.data())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        self.address = address.unwrap_or_else(|| panic!("no server: {line:?}, {}", self.log())).to_owned();
        self.process = Some(process);
    }

    /// The program, with the database it is to use.
    fn program(&self) -> Command {
        let mut command = Command::new(program("central-server"));
        match &self.postgres {
            Some(database) => command.env("CENTRAL_DATABASE", database.url()),
            None => command.env_remove("CENTRAL_DATABASE"),
        };
        command
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts a server that is expected to end by itself at once: gives its exit code and what it said.
    pub fn refuses_to_start(&self) -> (Option<i32>, String) {
        let mut serve = self.program();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(self.data());
        let mut process = serve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if !line.is_empty() {
            process.kill().unwrap();
        }
        let ended = process.wait_with_output().unwrap();
        assert_eq!(line, "", "it serves");
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    }

    /// Asks the server to stop, and waits until it has.
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let asked = Command::new("kill").arg(process.id().to_string()).status().unwrap();
        assert!(asked.success());
        assert!(process.wait().unwrap().success(), "{}", self.log());
    }

    /// Runs a verb of the server's command line on its folder.
    pub fn administer(&self, words: &[&str]) -> Output {
        self.program().args(words).arg("--data").arg(self.data()).output().unwrap()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    pub fn computer(&self, name: &str) -> Computer {
        Computer {
            home: self.folder.path().join(name),
            address: self.address.clone(),
            token: self.data().join("admin.token"),
        }
    }

    /// An order of an item that is made on the way: gives ticket and license.
    pub fn sell(&self, order: &str, quantity: u32) -> (String, String) {
        let vendor = self.computer("vendor");
        let item = ["--id", "A", "--name", "A", "--firm-code", "6000010", "--product-code", "1"];
        vendor.ok(&[["item", "create"].as_slice(), &item].concat());
        let line = format!("A={quantity}");
        let sold = vendor.ok(&["order", "create", "--order-id", order, "--item", &line]);
        (text(&sold["ticket"]), text(&sold["licenses"][0]["id"]))
    }

    /// The audit of the tables, the receipts, and these contexts; what it says.
    pub fn audit(&self, contexts: &[String]) -> (bool, String) {
        let mut words = vec!["doctor", "--audit"];
        if !contexts.is_empty() {
            words.push("--context");
            words.extend(contexts.iter().map(String::as_str));
        }
        let done = self.administer(&words);
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        // The tests' own PostgreSQL server does not sync, which is the one thing to complain of.
        let complaints = said.lines().filter(|line| line.starts_with("PROBLEM")).collect::<Vec<_>>();
        let unsynced = matches!(complaints[..], [only] if only.ends_with("fsync is off"));
        (done.status.success() || (self.postgres.is_some() && unsynced), said)
    }
}

impl Drop for Central {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

/// A computer with containers of its own.
#[derive(Clone)]
pub struct Computer {
    home: PathBuf,
    address: String,
    token: PathBuf,
}

impl Computer {
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cmtool"));
        command.args(words).arg("--json").stdin(Stdio::null());
        command
            .env("CM_HOME", &self.home)
            .env("XDG_STATE_HOME", self.home.with_extension("state"))
            .env("CM_TOKEN_FILE", &self.token)
            .env("CM_SERVER", format!("http://{}", self.address))
            .env_remove("CM_TEST_HOST_TRAITS");
        command
    }

    /// Runs a command: gives the answer, or the code of the error.
    pub fn run(&self, words: &[&str]) -> Result<Value, String> {
        let output = self.command(words).output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{words:?}: {error}: {output:?}"));
        if output.status.success() { Ok(json) } else { Err(text(&json["error"]["code"])) }
    }

    pub fn ok(&self, words: &[&str]) -> Value {
        self.run(words).unwrap_or_else(|code| panic!("{words:?}: {code}"))
    }

    pub fn dongle(&self) -> String {
        text(&self.ok(&["container", "create", "dongle"])["serial"])
    }

    /// Licenses of all kinds in a container.
    pub fn held(&self, serial: &str) -> u64 {
        let shown = self.ok(&["container", "show", serial]);
        let firms = shown["firms"].as_array().unwrap().iter();
        let products = firms.flat_map(|firm| firm["products"].as_array().unwrap());
        products.map(|product| product["quantity"].as_u64().unwrap()).sum()
    }

    /// Makes a context file and gives its path.
    pub fn context(&self, serial: &str) -> String {
        let file = self.home.with_extension(format!("{serial}.WibuCmRaC")).display().to_string();
        self.ok(&["context", "create", "--container", serial, "--firm-code", "6000010", "--out", &file]);
        file
    }
}
