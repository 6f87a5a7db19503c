//! A vendor's central server and portal, and computers with license runtimes: real processes, stopped with the value.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use licensing_testkit::programs;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const FIRM: &str = "6000010";

/// A program beside the depot; built when this test is run alone.
pub(crate) fn program(name: &str) -> PathBuf {
    programs::beside(env!("CARGO_BIN_EXE_depot"), name)
}

/// A running program that says in a line where it listens.
struct Process {
    child: Child,
    said: Vec<String>,
}

impl Process {
    /// Starts it and reads lines up to the one that begins with `last`; none when it ends before.
    fn start(mut command: Command, log: &Path, last: &str) -> Option<Self> {
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            let is_last = line.starts_with(last);
            said.push(line);
            if is_last {
                return Some(Self { child, said });
            }
        }
        let _ = child.wait();
        None
    }

    /// The port in the line that begins so.
    fn port(&self, begin: &str) -> u16 {
        let line = self.said.iter().find(|line| line.starts_with(begin)).unwrap();
        line.rsplit(':').next().unwrap().trim().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) central: String,
    /// The portal's address, which is its origin.
    pub(crate) portal: String,
    settings: String,
    _central: Process,
    depot: Option<Process>,
}

impl World {
    /// Server and portal; `runtimes` are the ports of license runtimes the portal may find, `settings` is added to
    /// the portal's.
    pub(crate) fn new(runtimes: &[u16], settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("central");
        let init = ["init", "--firm-code", FIRM, "--firm-name", "Sample Vendor"];
        let done = central().args(init).arg("--data").arg(&data).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let limits = "[rate]\nrequests_per_minute = 0\nticket_failures_per_minute = 0\ntrusted_proxies = [\"127.0.0.1\"]\n";
        fs::write(data.join("central.toml"), limits).unwrap();
        let mut serve = central();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        let central_process =
            Process::start(serve, &folder.path().join("central.log"), "listening on ").expect("a server");
        let central = format!("http://127.0.0.1:{}", central_process.port("listening on "));
        let mut world = Self {
            folder,
            central,
            portal: String::new(),
            settings: String::new(),
            _central: central_process,
            depot: None,
        };
        // The grant names the port before anybody listens there; somebody else may be faster.
        for _ in 0..8 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            world.portal = format!("http://127.0.0.1:{port}");
            let grant = world.path("portal.grant");
            let _ = fs::remove_file(&grant);
            let words = ["grant", "origin", &world.portal, "--out", &grant];
            let done = central_command(&world, &words);
            assert!(done.status.success(), "{done:?}");
            fs::write(world.path("session.key"), "5a".repeat(32)).unwrap();
            world.settings = format!(
                "listen = \"127.0.0.1:{port}\"\ncentral_server = \"{}\"\n{settings}\n[agent]\ngrants = [\"{grant}\"]\n\
                 ports = {runtimes:?}\n[rate]\nrequests_per_minute = 0\nticket_failures_per_minute = 0\n\
                 [session]\nkey_file = \"{}\"\n[log]\nlevel = \"trace\"\n",
                world.central,
                world.path("session.key"),
            );
            if world.start_depot() {
                return world;
            }
        }
        panic!("no portal: {}", world.log("depot"))
    }

    /// Starts the portal, or starts it again: what it only remembered is gone.
    pub(crate) fn start_depot(&mut self) -> bool {
        drop(self.depot.take());
        let file = self.path("depot.toml");
        fs::write(&file, &self.settings).unwrap();
        let mut serve = Command::new(env!("CARGO_BIN_EXE_depot"));
        serve.args(["serve", "--config", &file]).env_remove("CM_SERVER").env_remove("DEPOT_CONFIG");
        self.depot = Process::start(serve, &self.folder.path().join("depot.log"), "listening on ");
        self.depot.is_some()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// A computer of this name, with containers of its own.
    pub(crate) fn computer(&self, name: &str) -> Computer {
        Computer { home: self.folder.path().join(name), runtime: None }
    }

    /// What the vendor types.
    pub(crate) fn vendor(&self, words: &[&str]) -> Value {
        let mut command = cmtool(&self.folder.path().join("vendor"), words);
        command.env("CM_TOKEN_FILE", self.folder.path().join("central/admin.token"));
        answer(words, command.env("CM_SERVER", &self.central))
    }

    pub(crate) fn item(&self, id: &str, name: &str, options: &[&str]) {
        let product = (201_000 + id.bytes().map(u32::from).sum::<u32>()).to_string();
        let words =
            ["item", "create", "--id", id, "--name", name, "--firm-code", FIRM, "--product-code", &product];
        self.vendor(&[words.as_slice(), options].concat());
    }

    /// An order of these lines (`ITEM=QUANTITY`): gives the ticket.
    pub(crate) fn sell(&self, order: &str, lines: &[&str]) -> String {
        let mut words = vec!["order", "create", "--order-id", order];
        for line in lines {
            words.extend(["--item", line]);
        }
        text(&self.vendor(&words)["ticket"])
    }

    /// The licenses of a ticket, as the server tells them.
    pub(crate) fn licenses(&self, ticket: &str) -> Vec<Value> {
        self.vendor(&["ticket", "show", ticket])["licenses"].as_array().cloned().unwrap_or_default()
    }
}

fn central() -> Command {
    let mut command = Command::new(program("central-server"));
    command.env_remove("CENTRAL_DATABASE");
    command
}

fn central_command(world: &World, words: &[&str]) -> std::process::Output {
    central().args(words).arg("--data").arg(world.folder.path().join("central")).output().unwrap()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

fn cmtool(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(program("cmtool"));
    command
        .args(words)
        .arg("--json")
        .env("CM_HOME", home)
        .env("XDG_STATE_HOME", home.with_extension("state"));
    command.env_remove("CM_TEST_HOST_TRAITS").env_remove("CM_SERVER").env_remove("CM_TOKEN_FILE");
    command
}

fn answer(words: &[&str], command: &mut Command) -> Value {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {output:?}"));
    assert!(output.status.success(), "{words:?}: {json}");
    json
}

/// A computer of a customer.
pub(crate) struct Computer {
    pub(crate) home: PathBuf,
    runtime: Option<Process>,
}

impl Computer {
    /// A computer in a folder that is there before the world is.
    pub(crate) fn in_folder(folder: &Path, name: &str) -> Self {
        Self { home: folder.join(name), runtime: None }
    }

    /// Starts the license runtime at a port, 0 for any free one; gives the port.
    pub(crate) fn start(&mut self, port: u16) -> u16 {
        fs::create_dir_all(&self.home).unwrap();
        let mut serve = Command::new(program("license-runtime"));
        serve.args(["serve", "--agent-port", &port.to_string()]).env("CM_HOME", &self.home);
        serve.env("XDG_STATE_HOME", self.home.with_extension("state")).env_remove("CM_TEST_HOST_TRAITS");
        let process = Process::start(serve, &self.home.with_extension("log"), "browser agent on ");
        let process = process.expect("a license runtime");
        let port = process.port("browser agent on ");
        self.runtime = Some(process);
        port
    }

    /// Stops it, as an operating system that is shut down.
    pub(crate) fn stop(&mut self) {
        self.runtime = None;
    }

    /// What the user types.
    pub(crate) fn run(&self, words: &[&str]) -> Value {
        answer(words, &mut cmtool(&self.home, words))
    }

    /// What a user types who is online.
    pub(crate) fn online(&self, world: &World, words: &[&str]) -> Value {
        answer(words, cmtool(&self.home, words).env("CM_SERVER", &world.central))
    }

    pub(crate) fn allow(&self, portal: &str) {
        self.run(&["agent", "allow", portal]);
    }

    pub(crate) fn dongle(&self) -> String {
        text(&self.run(&["container", "create", "dongle"])["serial"])
    }

    /// Licenses in a container.
    pub(crate) fn held(&self, serial: &str) -> u64 {
        let shown = self.run(&["container", "show", serial]);
        let firms = shown["firms"].as_array().unwrap().iter();
        let products = firms.flat_map(|firm| firm["products"].as_array().unwrap());
        products.map(|product| product["quantity"].as_u64().unwrap()).sum()
    }

    /// The serials of all containers.
    pub(crate) fn serials(&self) -> Vec<String> {
        let list = self.run(&["container", "list"]);
        list["containers"].as_array().unwrap().iter().map(|one| text(&one["serial"])).collect()
    }

    /// Makes a context file.
    pub(crate) fn context(&self, serial: &str, file: &str) -> PathBuf {
        let out = self.home.with_extension(file);
        let to = out.display().to_string();
        self.run(&["context", "create", "--container", serial, "--firm-code", FIRM, "--out", &to]);
        out
    }
}
