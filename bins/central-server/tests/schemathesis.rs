//! The server asked by a program that knows nothing of it but its OpenAPI document: no request makes it fail.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use licensing_testkit::postgres::{Database, database_of_this_run};
use licensing_testkit::python;

/// A running server, stopped with the value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn no_request_that_the_description_allows_makes_the_server_fail() {
    let Some(interpreter) = python::with(python::SCHEMATHESIS) else { return };
    let (folder, database) = (tempfile::tempdir().unwrap(), database_of_this_run());
    let data = folder.path().join("central");
    let url = database.as_ref().map(Database::url);
    let command = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_central-server"));
        command.args(words).arg("--data").arg(&data).env_remove("CENTRAL_DATABASE");
        command.envs(url.as_ref().map(|url| ("CENTRAL_DATABASE", url)));
        command
    };
    assert!(command(&["init", "--firm-code", "6000010"]).output().unwrap().status.success());
    let log = folder.path().join("server.log");
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut child = serve.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _server = Server(child);
    let address = line.trim().strip_prefix("listening on ").unwrap();
    let token = fs::read_to_string(data.join("admin.token")).unwrap();

    let report = folder.path().join("report.txt");
    let status = Command::new(interpreter.with_file_name("schemathesis"))
        .arg("run")
        .arg(format!("{address}/api/v1/openapi.json"))
        .args(["--checks", "not_a_server_error", "--phases", "coverage,fuzzing", "--max-examples", "4"])
        .args(["--generation-deterministic", "--continue-on-failure", "--warnings", "off"])
        // A test of a webhook may wait for its receiver, which is a failure of neither.
        .args(["--exclude-path-regex", "/test$"])
        // The token that asks must stay valid.
        .args(["--exclude-operation-id", "revoke_token"])
        .arg("--header")
        .arg(format!("Authorization: Bearer {}", token.trim()))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(File::create(&report).unwrap())
        .stderr(File::create(folder.path().join("errors.txt")).unwrap())
        .status()
        .unwrap();
    let said = fs::read_to_string(&report).unwrap();
    assert!(status.success(), "{said}");
    assert!(said.contains("No issues found"), "{said}");
    let log = fs::read_to_string(&log).unwrap();
    let faults: Vec<&str> = log.lines().filter(|line| line.contains("\"ERROR\"")).collect();
    assert!(faults.is_empty(), "{faults:?}");
    // The program asked the real thing: most requests were answered by a route, and with an answer.
    assert!(log.lines().filter(|line| line.contains("\"status\":200")).count() > 20, "{log}");
}
