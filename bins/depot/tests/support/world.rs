//! A real central server, a real depot before it, and computers that run the real cmtool.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "shared by several test programs, each using a part"
)]
#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use licensing_testkit::programs;
use serde_json::Value;
use tempfile::TempDir;

/// A program beside the depot; built when this test is run alone.
pub fn program(name: &str) -> PathBuf {
    programs::beside(env!("CARGO_BIN_EXE_depot"), name)
}

/// A program that serves until the value is dropped.
pub struct Served {
    child: Child,
    pub address: String,
}

impl Served {
    pub fn start(mut command: Command, log: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("no server: {line}"));
        Self { address: address.to_owned(), child }
    }

    /// Asks the program to stop, as an operator does: its exit code.
    pub fn stop(mut self) -> i32 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Vendor, portal, customers.
pub struct World {
    pub folder: TempDir,
    pub central: Served,
    pub depot: Served,
}

impl World {
    pub fn new() -> Self {
        Self::with("")
    }

    /// With settings of the depot.
    pub fn with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("central");
        let init = Command::new(program("central-server"))
            .args(["init", "--firm-code", "6000010", "--data"])
            .arg(&data)
            .env_remove("CENTRAL_DATABASE")
            .stdout(Stdio::null())
            .status();
        assert!(init.unwrap().success());
        let grant = Command::new(program("central-server"))
            .args(["grant", "origin", "https://portal.example", "--data"])
            .arg(&data)
            .arg("--out")
            .arg(folder.path().join("portal.grant"))
            .stdout(Stdio::null())
            .status();
        assert!(grant.unwrap().success());
        // The depot is the proxy of its visitors.
        std::fs::write(data.join("central.toml"), "[rate]\ntrusted_proxies = [\"127.0.0.1\"]\n").unwrap();
        let mut command = Command::new(program("central-server"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .env_remove("CENTRAL_DATABASE");
        let central = Served::start(command, &folder.path().join("central.log"));
        let depot = Self::depot(folder.path(), &central.address, settings);
        Self { folder, central, depot }
    }

    fn depot(folder: &Path, central: &str, settings: &str) -> Served {
        let file = folder.join("depot.toml");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_depot"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--central-server", central, "--config"])
            .arg(&file);
        Served::start(command, &folder.join("depot.log"))
    }

    /// Another depot before the same server.
    pub fn another_depot(&self, settings: &str) -> Served {
        self.depot_before(&self.central.address, settings)
    }

    /// Another depot, which reaches the server at another address.
    pub fn depot_before(&self, central: &str, settings: &str) -> Served {
        Self::depot(self.folder.path(), central, settings)
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Everything the depot has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("depot.log")).unwrap()
    }

    /// A computer of this name, with containers of its own.
    pub fn computer(&self, name: &str) -> Computer<'_> {
        Computer { world: self, home: self.folder.path().join(name), server: self.central.address.clone() }
    }

    /// An item and an order of it: the ticket and the license's id.
    pub fn sell(&self, id: &str, quantity: u32, options: &[&str]) -> (String, String) {
        let vendor = self.computer("vendor");
        let name = format!("SampleNotePad {id}");
        let mut create = vec!["item", "create", "--id", id, "--name", &name];
        create.extend(["--firm-code", "6000010", "--product-code", "201000"]);
        create.extend(options);
        vendor.ok(&create);
        let line = format!("{id}={quantity}");
        let order = format!("O-{id}");
        let done = vendor.ok(&["order", "create", "--order-id", &order, "--item", &line]);
        let license = done["licenses"][0]["id"].as_str().unwrap().to_owned();
        (done["ticket"].as_str().unwrap().to_owned(), license)
    }

    /// The licenses of a ticket, as the central server tells them.
    pub fn licenses(&self, ticket: &str) -> Value {
        self.computer("viewer").ok(&["ticket", "show", ticket])["licenses"].clone()
    }
}

/// A computer.
pub struct Computer<'a> {
    world: &'a World,
    home: PathBuf,
    /// The server its cmtool talks to.
    pub server: String,
}

impl Computer<'_> {
    pub fn run(&self, words: &[&str]) -> (i32, Value) {
        let mut command = Command::new(program("cmtool"));
        command
            .args(words)
            .arg("--json")
            .env("CM_HOME", &self.home)
            .env("XDG_STATE_HOME", self.home.with_extension("state"))
            .env("CM_TOKEN_FILE", self.world.folder.path().join("central/admin.token"))
            .env("CM_SERVER", &self.server)
            .env_remove("CM_TEST_HOST_TRAITS")
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        let json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{words:?}: {error}: {output:?}"));
        (output.status.code().unwrap(), json)
    }

    pub fn ok(&self, words: &[&str]) -> Value {
        let (exit, json) = self.run(words);
        assert_eq!(exit, 0, "{words:?}: {json}");
        json
    }

    /// The code of an error.
    pub fn fails(&self, words: &[&str]) -> String {
        let (exit, json) = self.run(words);
        assert_ne!(exit, 0, "{words:?}: {json}");
        json["error"]["code"].as_str().unwrap().to_owned()
    }

    pub fn dongle(&self) -> String {
        self.ok(&["container", "create", "dongle"])["serial"].as_str().unwrap().to_owned()
    }

    pub fn act(&self) -> String {
        let made = self.ok(&["container", "create", "act", "--firm-code", "6000010"]);
        made["serial"].as_str().unwrap().to_owned()
    }

    /// A request file of a container.
    pub fn context(&self, serial: &str) -> Vec<u8> {
        let file = self.home.with_extension("WibuCmRaC").display().to_string();
        let _ = std::fs::remove_file(&file);
        self.ok(&["context", "create", "--container", serial, "--firm-code", "6000010", "--out", &file]);
        std::fs::read(file).unwrap()
    }

    /// Imports an update file: steps applied now.
    pub fn import(&self, update: &[u8]) -> u64 {
        let file = self.home.with_extension("WibuCmRaU");
        std::fs::write(&file, update).unwrap();
        let done = self.ok(&["update", "import", &file.display().to_string()]);
        done["applied"].as_u64().unwrap()
    }

    /// Licenses in a container.
    pub fn held(&self, serial: &str) -> u64 {
        let shown = self.ok(&["container", "show", serial]);
        let firms = shown["firms"].as_array().unwrap().iter();
        let products = firms.flat_map(|firm| firm["products"].as_array().unwrap());
        products.map(|product| product["quantity"].as_u64().unwrap()).sum()
    }
}
