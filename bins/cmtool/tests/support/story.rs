//! A real central server on a fresh folder, and computers that run the real cmtool.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "shared by several test programs, each using a part"
)]
#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "programs.rs"]
mod programs;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use licensing_testkit::postgres;
use serde_json::Value;
use tempfile::TempDir;

pub use programs::program;

/// A running server with its folder.
pub struct World {
    pub folder: TempDir,
    pub address: String,
    server: Child,
    /// The server's database, when this run of tests is about PostgreSQL.
    postgres: Option<postgres::Database>,
}

/// A command of the server, with the database it is to use.
fn server_command(postgres: Option<&postgres::Database>) -> Command {
    let mut command = Command::new(program("central-server"));
    match postgres {
        Some(database) => command.env("CENTRAL_DATABASE", database.url()),
        None => command.env_remove("CENTRAL_DATABASE"),
    };
    command
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub exit: i32,
    pub json: Value,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// The code of the error.
    pub fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or("none")
    }

    /// The text of a field.
    pub fn text(&self, field: &str) -> String {
        self.json[field].as_str().unwrap_or_else(|| panic!("{field} in {}", self.stdout)).to_owned()
    }
}

impl World {
    /// Everything the central server's database holds, as text; PostgreSQL's bytes as hexadecimal digits.
    pub fn stored(&self) -> String {
        if let Some(postgres) = &self.postgres {
            let tables = "SET xmlbinary TO hex; SELECT query_to_xml(format('SELECT * FROM %I.%I', schemaname, tablename),
                true, false, '') FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
            return postgres.sql(tables).unwrap();
        }
        let mut stored = String::new();
        for file in std::fs::read_dir(self.path("central")).unwrap().map(|entry| entry.unwrap().path()) {
            if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("central.db")) {
                stored.push_str(&String::from_utf8_lossy(&std::fs::read(file).unwrap()));
            }
        }
        stored
    }

    pub fn new() -> Self {
        Self::with_settings("", "")
    }

    /// A server with a part of its settings replaced.
    pub fn with_settings(default: &str, changed: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("central");
        let postgres = postgres::database_of_this_run();
        let init = server_command(postgres.as_ref())
            .args(["init", "--firm-code", "6000010", "--data"])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(init.unwrap().success());
        let file = data.join("central.toml");
        let settings = std::fs::read_to_string(&file).unwrap();
        assert!(settings.contains(default));
        std::fs::write(&file, settings.replacen(default, changed, 1)).unwrap();
        let mut server = server_command(postgres.as_ref())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(Stdio::from(std::fs::File::create(folder.path().join("server.log")).unwrap()))
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("the server's first line").to_owned();
        Self { folder, address, server, postgres }
    }

    pub fn token_file(&self) -> PathBuf {
        self.folder.path().join("central/admin.token")
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap()
    }

    /// Sends bytes and gives what comes back.
    pub fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Stops the server as an operator does.
    pub fn stop(&mut self) -> i32 {
        let pid = self.server.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.server.wait().unwrap().code().unwrap_or(-1)
    }

    /// A computer of this name, with containers of its own.
    pub fn computer(&self, name: &str) -> Computer<'_> {
        Computer { world: self, home: self.folder.path().join(name), traits: None, online: true }
    }

    /// Item and order in one go: gives ticket and license ids.
    pub fn sell(&self, order: &str, quantity: u32, options: &[&str]) -> (String, String) {
        let vendor = self.computer("vendor");
        let id = format!("SNP-{order}");
        let mut create = vec![
            "item",
            "create",
            "--id",
            &id,
            "--name",
            "SampleNotePad",
            "--firm-code",
            "6000010",
            "--product-code",
            "201000",
        ];
        create.extend(options);
        assert_eq!(vendor.run(&create).exit, 0);
        let line = format!("{id}={quantity}");
        let done = vendor.run(&["order", "create", "--order-id", order, "--item", &line]);
        assert_eq!(done.exit, 0, "{done:?}");
        (done.text("ticket"), done.json["licenses"][0]["id"].as_str().unwrap().to_owned())
    }

    /// The only license of a ticket.
    pub fn license(&self, ticket: &str) -> Value {
        self.computer("viewer").run(&["ticket", "show", ticket]).json["licenses"][0].clone()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A computer.
pub struct Computer<'a> {
    pub world: &'a World,
    pub home: PathBuf,
    pub traits: Option<PathBuf>,
    pub online: bool,
}

impl Computer<'_> {
    /// Gives the computer traits of its own (builds with `test-host`).
    pub fn with_traits(mut self, traits: &[(&str, &str)]) -> Self {
        let lines: Vec<String> = traits.iter().map(|(name, value)| format!("{name} = \"{value}\"")).collect();
        let file = self.home.with_extension("traits.toml");
        std::fs::write(&file, lines.join("\n")).unwrap();
        self.traits = Some(file);
        self
    }

    pub fn offline(mut self) -> Self {
        self.online = false;
        self
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cmtool"));
        command
            .args(words)
            .env("CM_HOME", &self.home)
            .env("XDG_STATE_HOME", self.home.with_extension("state"));
        command.env("CM_TOKEN_FILE", self.world.token_file()).env_remove("CM_SERVER");
        command.env_remove("CM_TEST_HOST_TRAITS");
        if self.online {
            command.env("CM_SERVER", &self.world.address);
        }
        if let Some(traits) = &self.traits {
            command.env("CM_TEST_HOST_TRAITS", traits);
        }
        command
    }

    /// Runs a command with `--json` and checks that it printed one document and nothing else.
    pub fn run(&self, words: &[&str]) -> Done {
        let mut words = words.to_vec();
        words.push("--json");
        let output = self.command(&words).stdin(Stdio::null()).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let json =
            serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {stdout}"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        let done = Done { exit: output.status.code().unwrap(), json, stdout, stderr };
        if done.exit != 0 {
            let error = &done.json["error"];
            for field in ["code", "message", "rule", "remedy"] {
                assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {done:?}");
            }
        }
        done
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, words: &[&str]) -> Done {
        let done = self.run(words);
        assert_eq!(done.exit, 0, "{words:?}: {done:?}");
        done
    }

    /// Runs a command that must fail with an exit code and an error code.
    #[track_caller]
    pub fn fails(&self, exit: i32, code: &str, words: &[&str]) {
        let done = self.run(words);
        assert_eq!((done.exit, done.code()), (exit, code), "{words:?}: {done:?}");
    }

    pub fn act(&self) -> String {
        self.ok(&["container", "create", "act", "--firm-code", "6000010"]).text("serial")
    }

    pub fn dongle(&self) -> String {
        self.ok(&["container", "create", "dongle"]).text("serial")
    }

    pub fn activate(&self, ticket: &str, container: &str, license: &str) -> Done {
        self.run(&["activate", "--ticket", ticket, "--container", container, "--license", license])
    }
}
