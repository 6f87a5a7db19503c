//! The programs: Chromium and its driver.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

use super::Setup;
use crate::chromium::{MISSING, programs};

/// Runs the driver until standard input ends, which it does when the process that started it is gone.
const GUARD: &str = r#"trap '' INT TERM HUP
"$1" --port=0 --log-level=SEVERE </dev/null &
driver=$!
read -r _
kill -KILL $driver
wait $driver 2>/dev/null
rm -rf "$2"
kill -KILL 0"#;

/// A running driver.
pub(super) struct Driver {
    chromium: PathBuf,
    profile: TempDir,
    port: u16,
    guard: Child,
    /// Closed when this value goes, or this process.
    input: Option<ChildStdin>,
}

impl Driver {
    pub(super) fn start() -> Self {
        let (chromium, driver) = programs().unwrap_or_else(|| panic!("{MISSING}"));
        let profile = tempfile::Builder::new().prefix("browser-").tempdir().expect("a folder");
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard"])
            .args([driver.as_path(), profile.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let input = guard.stdin.take();
        let said = BufReader::new(guard.stdout.take().expect("its output"));
        let mut heard = String::new();
        let port = said.lines().map_while(Result::ok).find_map(|line| {
            heard.push_str(&line);
            let (_, rest) = line.split_once("started successfully on port ")?;
            rest.trim_end_matches('.').parse().ok()
        });
        let port = port.unwrap_or_else(|| panic!("{} does not start: {heard}", driver.display()));
        Self { chromium, profile, port, guard, input }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn chromium(&self) -> &Path {
        &self.chromium
    }

    /// Nothing of the user's, nothing from the internet, and no name but those of this computer and the test's.
    pub(super) fn arguments(&self, setup: &Setup) -> Vec<String> {
        let names = setup.names.as_deref().unwrap_or_default();
        let rules = format!(
            "{names}{}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE ::1, EXCLUDE [::1]",
            { if names.is_empty() { "" } else { ", " } }
        );
        let mut arguments: Vec<String> = [
            "--headless",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-default-apps",
            "--disable-sync",
            "--disable-extensions",
            "--no-first-run",
            "--no-default-browser-check",
            "--no-proxy-server",
            "--hide-scrollbars",
            "--font-render-hinting=none",
            "--lang=en",
        ]
        .map(str::to_owned)
        .into();
        arguments.push(format!("--user-data-dir={}", self.profile.path().display()));
        arguments.push(format!("--host-resolver-rules={rules}"));
        if !setup.public.is_empty() {
            let list = setup.public.iter().map(|address| format!("{address}=public")).collect::<Vec<_>>();
            arguments.push(format!("--ip-address-space-overrides={}", list.join(",")));
        }
        // Chromium's sandbox cannot be set up by root; everybody else keeps it.
        if is_root() {
            arguments.push("--no-sandbox".to_owned());
        }
        arguments
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|mine| mine.uid() == 0)
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.guard.wait();
    }
}
