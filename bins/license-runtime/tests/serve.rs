//! The program itself: it starts, says where it listens, and ends well when it is asked to.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

fn runtime(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_license-runtime"));
    command.arg("serve").args(words).env("CM_HOME", home).env("XDG_STATE_HOME", home.join("state"));
    command.env_remove("CM_TEST_HOST_TRAITS").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn it_serves_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    for words in [&["--no-agent"][..], &["--agent-port", "0"]] {
        let mut child = runtime(folder.path(), words).spawn().expect("it starts");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("its output"));
        said.read_line(&mut line).expect("a line");
        let socket = folder.path().join("runtime.sock");
        assert_eq!(line.trim(), format!("listening on {}", socket.display()));
        assert!(socket.exists());
        // A second one for the same home does not start.
        let second = runtime(folder.path(), &["--no-agent"]).output().expect("it runs");
        assert_eq!(second.status.code(), Some(1));
        let complaint = String::from_utf8_lossy(&second.stderr).into_owned();
        assert!(complaint.contains("another program is using the containers"), "{complaint}");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
        assert!(!socket.exists(), "whoever comes now goes to the files");
    }
}

#[test]
fn it_does_not_start_with_what_cannot_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let complaint = |words: &[&str]| {
        let output = runtime(folder.path(), words).output().expect("it runs");
        assert!(!output.status.success(), "{words:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(complaint(&["--ask", "/no/such/program"]).contains("no program that could ask"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    assert!(complaint(&["--agent-port", &port]).contains("no port for the browser agent is free"));
    // There is no way to make it listen anywhere else than on this computer.
    assert!(complaint(&["--listen", "0.0.0.0"]).contains("--listen"));
}
