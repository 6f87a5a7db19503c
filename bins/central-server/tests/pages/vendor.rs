//! A central server as a process, and a vendor at his browser who looks at every page he sees.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use licensing_testkit::browser::{Browser, HIGH, Setup, WIDE};
use licensing_testkit::programs;
use serde_json::{Value, json};

use crate::PASSWORD;

const FIRM: &str = "6000010";
/// A server that is stopped with the value.
pub(crate) struct Server {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// A server with the user `ada`, an administrator.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("central");
        let central = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_central-server"));
            command.env_remove("CENTRAL_DATABASE").stdout(Stdio::piped()).stderr(Stdio::null());
            command
        };
        let init = central().args(["init", "--firm-code", FIRM, "--data"]).arg(&data).status().unwrap();
        assert!(init.success());
        let mail = "[mail]\nhost = \"localhost\"\nfrom = \"licenses@vendor.example\"\n";
        let settings = format!("[rate]\nrequests_per_minute = 0\n[four_eyes]\norder_quantity = 100\n{mail}");
        fs::write(data.join("central.toml"), settings).unwrap();
        let mut user = central();
        user.args(["user", "add", "ada", "--role", "admin", "--data"]).arg(&data).stdin(Stdio::piped());
        let mut child = user.spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(child.wait().unwrap().success());
        let mut child =
            central().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let line = said.into_iter().find(|line| line.starts_with("listening on ")).unwrap();
        let address = line.trim_start_matches("listening on ").trim().to_owned();
        Self { child, folder, address }
    }

    /// What a customer types on his computer.
    pub(crate) fn customer(&self, words: &[&str]) -> (bool, Value) {
        let home = self.folder.path().join("customer");
        let mut command = Command::new(programs::beside(env!("CARGO_BIN_EXE_central-server"), "cmtool"));
        command.args(words).arg("--json").env("CM_HOME", &home).env("CM_SERVER", &self.address);
        command.env("XDG_STATE_HOME", home.with_extension("state")).env_remove("CM_TOKEN_FILE");
        command.env_remove("CM_TEST_HOST_TRAITS").stdin(Stdio::null());
        let output = command.output().unwrap();
        let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.success(), json)
    }
}

/// A vendor at his browser.
pub(crate) struct Vendor {
    pub(crate) browser: Browser,
    server: String,
    pictures: Option<PathBuf>,
    seen: Vec<String>,
}

impl Vendor {
    pub(crate) fn new(server: &Server, languages: &str, pictures: Option<PathBuf>) -> Self {
        let browser = Browser::start(&Setup::default());
        browser.language(languages);
        browser.size(WIDE, HIGH);
        Self { browser, server: server.address.clone(), pictures, seen: Vec::new() }
    }

    pub(crate) fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.server));
    }

    pub(crate) fn path(&self) -> String {
        self.browser.address().trim_start_matches(&self.server).to_owned()
    }

    /// Waits until a page is there whose path, without its query, is this.
    #[track_caller]
    pub(crate) fn arrived(&self, expected: &str) {
        self.browser.until(expected, || {
            let is_there = self.path().split('?').next() == Some(expected);
            (is_there && self.browser.run("return document.readyState", &[]) == "complete").then_some(())
        });
    }

    pub(crate) fn choose(&self, selector: &str, value: &str) {
        let script = "const field = document.querySelector(arguments[0]); field.value = arguments[1]; return field.value";
        assert_eq!(self.browser.run(script, &[json!(selector), json!(value)]), value, "{selector}");
    }

    /// Signs in with the keyboard alone.
    pub(crate) fn sign_in(&mut self) {
        self.open("/items");
        self.arrived("/sign-in");
        self.look("vendor-sign-in");
        self.browser.fill("#name", "ada");
        self.browser.fill("#password", PASSWORD);
        self.browser.keys("\u{e007}");
        self.arrived("/items");
    }

    /// Looks at the page that is open, under a name.
    #[track_caller]
    pub(crate) fn look(&mut self, name: &str) {
        if self.seen.iter().any(|seen| seen == name) {
            return;
        }
        self.seen.push(name.to_owned());
        let pictures = self.pictures.as_deref().filter(|_| !name.contains("none"));
        self.browser.look(name, pictures);
        self.quiet(name);
    }

    /// The page has not broken its own policy, and nothing of a stranger has run.
    #[track_caller]
    pub(crate) fn quiet(&self, name: &str) {
        assert_eq!(self.browser.violations(), json!([]), "{name}");
        for complaint in self.browser.complaints() {
            let is_bad = complaint.contains("Content Security Policy") || complaint.contains("SEVERE");
            assert!(complaint.contains("Failed to load resource") || !is_bad, "{name}: {complaint}");
        }
    }
}
