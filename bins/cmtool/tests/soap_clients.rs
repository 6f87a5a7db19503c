//! Real SOAP toolkits, from the WSDL alone: each runs its program of `examples/soap`, which creates an item and an
//! order, reads the ticket, activates into a container with a context of cmtool, sends the receipt, and is refused.

#[path = "support/story.rs"]
mod story;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use licensing_testkit::soap_clients::{Toolkit, modules};
use story::World;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/soap")
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{complained}", output.status);
    said.into_owned()
}

/// Runs a client against a server of its own and looks at what really happened.
fn story_of(toolkit: Toolkit, version: &str, client: impl FnOnce(&str) -> Command) {
    let world = World::new();
    let wsdl = format!("{}/soap/{version}?wsdl", world.address);
    let user = world.computer("user");
    let act = user.act();
    let cmtool = Path::new(env!("CARGO_BIN_EXE_cmtool")).parent().expect("a folder");
    let path =
        std::env::join_paths([cmtool, Path::new("/usr/local/bin"), Path::new("/usr/bin"), Path::new("/bin")]);
    let mut command = client(&wsdl);
    command.arg(&wsdl).arg(world.token_file()).args([act.as_str(), "ERP", version]);
    command.env("CM_HOME", &user.home).env("XDG_STATE_HOME", user.home.with_extension("state"));
    command.env("PATH", path.expect("a path")).env("TMPDIR", world.folder.path());
    command.env_remove("CM_TEST_HOST_TRAITS").env_remove("CM_SERVER").env_remove("http_proxy");
    let said = run(&mut command);
    let told: BTreeMap<&str, &str> = said.lines().filter_map(|line| line.split_once(' ')).collect();
    println!("{} {version}: {told:?}", toolkit.name());
    for (name, value) in [
        ("item", "ERP-ITEM"),
        ("available", "3"),
        ("proven", "1"),
        ("active", "2"),
        ("fault", "item_unknown"),
    ] {
        assert_eq!(told.get(name), Some(&value), "{said}");
    }
    assert_eq!(told["ticket"], told["again"], "the order sent twice is one order");
    assert!(told["rule"].ends_with('.') && told["remedy"].ends_with('.'), "{said}");
    let license = world.license(told["ticket"]);
    assert_eq!((license["active"].as_u64(), license["available"].as_u64()), (Some(2), Some(1)));
    assert_eq!(license["name"], "Sample & Söhne <Basic>", "the name survived the way");
    let shown = user.ok(&["container", "show", &act]);
    assert_eq!(shown.json["firms"][0]["products"][0]["quantity"], 2, "{}", shown.stdout);
    let orders = world.computer("vendor").ok(&["license", "search", "--order", "ERP-2"]);
    assert_eq!(orders.json["licenses"].as_array().map(Vec::len), Some(0), "what was refused is not there");
    let log = world.log();
    assert!(!log.contains(told["ticket"]), "no ticket in the log");
    for spoken in ["1.1", "1.2"] {
        let count = log.matches(&format!("\"transport\":\"soap-{spoken}\"")).count();
        assert_eq!(count, if spoken == version { 8 } else { 0 }, "SOAP {spoken}: {log}");
    }
}

fn script(toolkit: Toolkit, file: &str, versions: &[&str]) {
    let Some(program) = toolkit.required() else { return };
    for version in versions {
        story_of(toolkit, version, |_| {
            let mut command = Command::new(&program);
            command.arg(examples().join(file)).env("NODE_PATH", modules());
            command
        });
    }
}

#[test]
fn zeep() {
    script(Toolkit::Zeep, "python/client.py", &["1.1", "1.2"]);
}

#[test]
fn php() {
    script(Toolkit::Php, "php/client.php", &["1.1", "1.2"]);
}

#[test]
fn node_soap() {
    script(Toolkit::Node, "node/client.js", &["1.1", "1.2"]);
}

#[test]
fn jax_ws() {
    if Toolkit::Java.required().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    story_of(Toolkit::Java, "1.1", |wsdl| {
        let libraries = "/usr/share/java/*:/usr/share/jaxws/lib/*";
        let words = ["-quiet", "-Xnocompile", "-encoding", "UTF-8", "-p", "central", "-s"];
        run(Command::new("wsimport").args(words).arg(folder).arg(wsdl));
        let classes = folder.join("classes");
        let mut compile = Command::new("javac");
        compile.args(["-nowarn", "-encoding", "UTF-8", "-cp", libraries, "-d"]).arg(&classes);
        let generated = std::fs::read_dir(folder.join("central")).expect("generated sources");
        compile.args(
            generated.map(|entry| entry.expect("a file").path()).filter(|file| file.extension().is_some()),
        );
        run(compile.arg(examples().join("java/Client.java")));
        let mut command = Command::new("java");
        command.arg("-cp").arg(format!("{}:{libraries}", classes.display())).arg("Client");
        command
    });
}

#[test]
fn gsoap() {
    if Toolkit::Gsoap.required().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for version in ["1.1", "1.2"] {
        story_of(Toolkit::Gsoap, version, |wsdl| {
            run(Command::new("wsdl2h").current_dir(folder).args(["-c", "-o", "central.h", wsdl]));
            let (flag, namespaces) = match version {
                "1.1" => ("-1", "-DNAMESPACES=\"LicenseCentral11.nsmap\""),
                _ => ("-2", "-DNAMESPACES=\"LicenseCentral12.nsmap\""),
            };
            let words = ["-c", "-C", "-L", "-x", "-w", flag, "central.h"];
            run(Command::new("soapcpp2").current_dir(folder).args(words));
            let sources = ["soapC.c", "soapClient.c"];
            let mut compile = Command::new("gcc");
            compile.current_dir(folder).args(["-O0", "-w", "-I.", namespaces, "-o", "client"]).args(sources);
            run(compile.arg(examples().join("gsoap/client.c")).arg("-lgsoap"));
            Command::new(folder.join("client"))
        });
    }
}
