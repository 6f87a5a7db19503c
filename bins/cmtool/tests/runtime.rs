//! cmtool with the license runtime and without it: the same commands, one owner of the containers, nothing lost
//! when the runtime is killed; software on a dongle; portals the user allows.

#[path = "support/story.rs"]
mod story;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use licensing_testkit::programs;
use story::{Computer, World};

/// A running license runtime.
struct Daemon {
    child: Child,
    lines: Vec<String>,
}

impl Daemon {
    fn start(computer: &Computer<'_>) -> Self {
        let mut child = Command::new(programs::beside(env!("CARGO_BIN_EXE_cmtool"), "license-runtime"))
            .args(["serve", "--agent-port", "0"])
            .env("CM_HOME", &computer.home)
            .env("XDG_STATE_HOME", computer.home.with_extension("state"))
            .env_remove("CM_TEST_HOST_TRAITS")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        let lines = vec![line(), line()];
        assert!(lines[0].starts_with("listening on "), "{lines:?}");
        assert!(lines[1].starts_with("browser agent on http://127.0.0.1:"), "{lines:?}");
        Self { child, lines }
    }

    fn stop(&mut self) -> i32 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        self.child.wait().expect("it ends").code().unwrap_or(-1)
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

const CHECK: [&str; 6] = ["license", "check", "--firm-code", "6000010", "--product-code", "201000"];

#[test]
fn every_command_works_with_the_runtime_as_without_it() {
    let world = World::new();
    let (ticket, license) = world.sell("O-1", 5, &["--unit-counter", "100"]);
    let user = world.computer("user");
    user.fails(4, "runtime_not_running", &["runtime", "status"]);
    let without = user.dongle();
    let mut daemon = Daemon::start(&user);
    let status = user.ok(&["runtime", "status"]).json;
    assert!(status["agent"][0].as_str().is_some_and(|address| daemon.lines[1].ends_with(address)));
    assert_eq!(status["uses"].as_array().map(Vec::len), Some(0));
    let (act, dongle) = (user.act(), user.dongle());
    let listed = user.ok(&["container", "list"]).json;
    assert_eq!(listed["containers"].as_array().map(Vec::len), Some(3), "{listed}");
    for container in [&act, &dongle, &without] {
        assert_eq!(user.activate(&ticket, container, &format!("{license}=1")).exit, 0);
    }
    assert_eq!(user.ok(&CHECK).json["usable"], true);
    let mut wanted = vec!["license", "use"];
    wanted.extend_from_slice(&CHECK[2..]);
    wanted.extend_from_slice(&["--units", "7"]);
    let used = user.ok(&wanted).json;
    assert_eq!(used["units"], 93);
    assert_eq!(user.ok(&["runtime", "status"]).json["uses"].as_array().map(Vec::len), Some(0));
    let report = user.ok(&["container", "report", &act]).json;
    assert_eq!(
        (report["opens"].as_bool(), report["repair"]["needs"].as_str()),
        (Some(true), Some("nothing"))
    );
    assert!(
        report["traits"].as_array().is_some_and(|traits| traits.iter().all(|t| t["status"] == "matched"))
    );
    user.fails(3, "not_supported_by_container", &["container", "report", &dongle]);
    user.fails(4, "container_not_found", &["container", "show", "3-1234567"]);
    let image = world.path("image");
    user.ok(&["container", "export", &dongle, "--out", &image]);
    assert_eq!(user.ok(&["container", "import", &image]).text("serial"), dongle);

    user.ok(&["container", "pull", &dongle]);
    user.fails(4, "container_not_found", &["container", "show", &dongle]);
    assert_eq!(user.ok(&["container", "list"]).json["pulled"][0], dongle);
    assert_eq!(daemon.stop(), 0, "a runtime that is asked to stop ends well");
    assert_eq!(user.ok(&["container", "list"]).json["pulled"][0], dongle, "the files say the same");
    user.ok(&["container", "plug", &dongle]);
    let show = |serial: &str| user.ok(&["container", "show", serial]).json["firms"].clone();
    let before = [show(&act), show(&dongle), show(&without)];
    let _daemon = Daemon::start(&user);
    assert_eq!([show(&act), show(&dongle), show(&without)], before);
    for container in [&act, &dongle, &without] {
        user.ok(&["deactivate", "--ticket", &ticket, "--container", container]);
    }
    assert_eq!(world.license(&ticket)["available"], 5);
}

#[test]
fn there_is_one_runtime_and_a_killed_one_leaves_nothing_behind() {
    let world = World::new();
    let (ticket, license) = world.sell("O-1", 1, &["--unit-counter", "1000", "--access", "no-user-limit"]);
    let user = world.computer("user");
    let dongle = user.dongle();
    user.activate(&ticket, &dongle, &license);
    let mut daemon = Daemon::start(&user);
    let second = Command::new(programs::beside(env!("CARGO_BIN_EXE_cmtool"), "license-runtime"))
        .args(["serve", "--no-agent"])
        .env("CM_HOME", &user.home)
        .env("XDG_STATE_HOME", user.home.with_extension("state"))
        .output()
        .expect("it runs");
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another program is using the containers"));
    assert_eq!(user.ok(&CHECK).json["usable"], true, "the first one still serves");
    // Programs use units while the runtime is killed and started again; what each was told is what counts.
    let mut told = 0;
    for round in 0..6 {
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let mut words = vec!["license", "use"];
                words.extend_from_slice(&CHECK[2..]);
                words.extend_from_slice(&["--units", "1", "--json"]);
                let mut command = user.command(&words);
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
                command.spawn().expect("it starts")
            })
            .collect();
        if round % 2 == 0 {
            daemon.kill();
        }
        for worker in workers {
            let output = worker.wait_with_output().expect("it ends");
            told += u64::from(output.status.success());
        }
        if round % 2 == 0 {
            daemon = Daemon::start(&user);
        }
    }
    drop(daemon);
    let show = user.ok(&["container", "show", &dongle]).json;
    let left = show["firms"][0]["products"][0]["units"].as_u64().expect("units");
    // A use whose answer was lost with the runtime may have been counted; one that was told always was.
    let used = 1_000 - left;
    assert!(used >= told && used <= 18, "{used} used, {told} told");
    assert!(told >= 9, "the rounds without a kill all succeed: {told}");
    user.ok(&["deactivate", "--ticket", &ticket, "--container", &dongle]);
    assert_eq!(world.license(&ticket)["available"], 1);
}

#[test]
fn s4_a_dongle_delivers_files_and_signed_software() {
    let world = World::new();
    let (ticket, license) = world.sell("O-1", 1, &[]);
    let user = world.computer("user");
    let dongle = user.ok(&["container", "create", "dongle", "--flash", "1MiB"]).text("serial");
    let small = user.dongle();
    let file = |name: &str, content: &[u8]| {
        let path = world.path(name);
        std::fs::write(&path, content).expect("written");
        path
    };
    let data = file("settings.bin", &[7; 20_000]);
    user.fails(3, "not_supported_by_container", &["flash", "store", &small, &data]);
    user.ok(&["flash", "store", &dongle, &data]);
    let daemon = Daemon::start(&user);
    user.ok(&["flash", "store", &dongle, &data, "--name", "copy"]);
    let listed = user.ok(&["flash", "list", &dongle]).json;
    assert_eq!(
        (listed["files"][1]["name"].as_str(), listed["files"][1]["bytes"].as_u64()),
        (Some("settings.bin"), Some(20_000))
    );
    let out = world.path("out.bin");
    user.ok(&["flash", "fetch", &dongle, "copy", "--out", &out]);
    assert_eq!(std::fs::read(&out).expect("read"), [7; 20_000]);
    user.ok(&["flash", "remove", &dongle, "copy"]);
    user.fails(4, "flash_file_unknown", &["flash", "fetch", &dongle, "copy", "--out", &out]);
    user.fails(3, "flash_full", &["flash", "store", &dongle, &file("large", &vec![1; 2 << 20])]);
    user.fails(2, "usage", &["flash", "store", &dongle, &data, "--name", "../escape"]);

    let software = file("setup.bin", b"the software");
    let package = world.path("setup.WibuCmPkg");
    let signed = Command::new(programs::beside(env!("CARGO_BIN_EXE_cmtool"), "central-server"))
        .args(["package", "sign", &software, "--version", "1.2", "--out", &package, "--data"])
        .arg(world.folder.path().join("central"))
        .output()
        .expect("it runs");
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let shown = user.ok(&["inspect", &package]).json;
    assert_eq!((shown["name"].as_str(), shown["version"].as_str()), (Some("setup.bin"), Some("1.2")));
    let root = shown["root"].as_str().expect("the root").to_owned();
    let stranger = licensing_core::crypto::sign::SigningKey::from_seed([1; 32]).public_key();
    let stranger = licensing_wire::binary::to_hex(stranger.bytes());
    let deliver = ["flash", "deliver", &dongle, &package];
    user.fails(5, "untrusted_signer", &deliver);
    user.fails(5, "untrusted_signer", &[&deliver[..], &["--vendor-root", &stranger]].concat());
    user.ok(&[&deliver[..], &["--vendor-root", &root]].concat());
    user.ok(&["flash", "remove", &dongle, "setup.bin"]);
    user.activate(&ticket, &dongle, &license);
    user.ok(&deliver);
    user.ok(&["flash", "unpack", &dongle, "setup.bin", "--out", &out]);
    assert_eq!(std::fs::read(&out).expect("read"), b"the software");
    let mut forged = std::fs::read(&package).expect("read");
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let forged = file("forged.WibuCmPkg", &forged);
    user.fails(5, "bad_signature", &["flash", "deliver", &dongle, &forged]);
    user.ok(&["flash", "store", &dongle, &forged, "--name", "setup.bin"]);
    user.fails(5, "bad_signature", &["flash", "unpack", &dongle, "setup.bin", "--out", &out]);

    // Changed behind the dongle's back.
    drop(daemon);
    let flash = user.home.join("containers").join(format!("{dongle}.flash"));
    let mut content = std::fs::read(&flash).expect("read");
    let at = content.windows(16).position(|part| part == [7; 16]).expect("the file");
    content[at] ^= 1;
    std::fs::write(&flash, content).expect("written");
    user.fails(3, "flash_error", &["flash", "fetch", &dongle, "settings.bin", "--out", &out]);
    user.ok(&CHECK);
}

#[test]
fn portals_are_granted_by_the_vendor_and_allowed_by_the_user() {
    let world = World::new();
    let user = world.computer("user");
    let (portal, other) = ("https://portal.example", "https://other.example:8443");
    let allowed = || {
        let list = user.ok(&["agent", "list"]).json;
        let origins = list["allowed"].as_array().expect("a list").iter();
        origins.map(|one| one["origin"].as_str().expect("an origin").to_owned()).collect::<Vec<_>>()
    };
    user.ok(&["agent", "allow", portal]);
    let daemon = Daemon::start(&user);
    assert_eq!(allowed(), [portal]);
    user.ok(&["agent", "allow", other]);
    user.ok(&["agent", "allow", other]);
    assert_eq!(allowed(), [other, portal]);
    user.ok(&["agent", "revoke", portal]);
    user.fails(4, "agent_origin_unknown", &["agent", "revoke", portal]);
    drop(daemon);
    assert_eq!(allowed(), [other]);
    user.ok(&["agent", "revoke", other]);
    user.fails(4, "agent_origin_unknown", &["agent", "revoke", other]);
    for bad in ["portal.example", "https://portal.example/", "http://portal.example", "*", "null"] {
        user.fails(2, "usage", &["agent", "allow", bad]);
    }

    let grant = |words: &[&str]| {
        Command::new(programs::beside(env!("CARGO_BIN_EXE_cmtool"), "central-server"))
            .args(["grant", "origin"])
            .args(words)
            .arg("--data")
            .arg(world.folder.path().join("central"))
            .output()
            .expect("it runs")
    };
    let file = world.path("portal.grant");
    assert!(grant(&[portal, "--out", &file]).status.success());
    let shown = user.ok(&["inspect", &file]).json;
    assert_eq!((shown["type"].as_str(), shown["origin"].as_str()), (Some("origin grant"), Some(portal)));
    assert_eq!(shown["firm_code"], 6_000_010);
    let printed = grant(&[portal]);
    assert!(printed.status.success() && printed.stdout.len() > 300);
    for bad in [&["http://portal.example"][..], &[portal, "--days", "401"], &[portal, "--firm-code", "7"]] {
        assert!(!grant(bad).status.success(), "{bad:?}");
    }
    let firm_key = world.folder.path().join("central/keys/firm-6000010/firm.key");
    std::fs::rename(&firm_key, world.path("kept elsewhere")).expect("moved");
    let refused = grant(&[portal]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("only the firm key signs this"));
}

/// A computer whose parts change (builds with `test-host`).
#[cfg(feature = "test-host")]
#[test]
fn s6_the_report_tells_what_changed_and_what_a_repair_needs() {
    let world = World::new();
    const HOST: [(&str, &str); 4] =
        [("product_uuid", "u-1"), ("board_serial", "b-1"), ("machine_id", "m-1"), ("cpu", "c-1")];
    let user = world.computer("user").with_traits(&HOST);
    let act = user.act();
    let report = |traits: &[(&str, &str)]| {
        let user = world.computer("user").with_traits(traits);
        user.ok(&["container", "report", &act]).json
    };
    let same = report(&HOST);
    assert_eq!((same["score"].as_u64(), same["repair"]["needs"].as_str()), (Some(15), Some("nothing")));
    let drifted = report(&[HOST[0], HOST[1], HOST[2], ("cpu", "c-2")]);
    assert_eq!(drifted["repair"]["needs"], "automatic");
    let changed = drifted["traits"].as_array().expect("traits").iter().filter(|t| t["status"] == "changed");
    assert_eq!(changed.map(|t| t["name"].as_str()).collect::<Vec<_>>(), [Some("cpu")]);
    assert_eq!(drifted["tolerance_left"].as_u64(), drifted["threshold"].as_u64().map(|t| 12 - t));
    let stranger = report(&[("product_uuid", "u-9"), ("board_serial", "b-9")]);
    assert_eq!(
        (stranger["opens"].as_bool(), stranger["repair"]["needs"].as_str()),
        (Some(false), Some("original_computer"))
    );
    let statuses: Vec<_> =
        stranger["traits"].as_array().expect("traits").iter().map(|t| &t["status"]).collect();
    assert_eq!(statuses, ["present", "present", "absent", "absent"]);
    assert!(!stranger.to_string().contains("u-1"), "never a value");
}

#[test]
fn s7_c14_vendors_files_count_with_the_runtime_as_without_it() {
    let world = World::new();
    let (ticket, license) = world.sell("O-1", 1, &[]);
    let (vendor, user) = (world.computer("vendor"), world.computer("user"));
    let trial = world.path("trial.license");
    vendor.ok(&["license", "pre-activate", "--item", "SNP-O-1", "--valid", "30d", "--out", &trial]);
    let dongle = user.dongle();
    let daemon = Daemon::start(&user);
    user.fails(3, "no_license", &CHECK);
    user.ok(&["license", "install", &trial]);
    assert!(user.ok(&CHECK).json["preactivated"].is_string());
    let mut wanted = vec!["license", "use"];
    wanted.extend_from_slice(&CHECK[2..]);
    assert!(user.ok(&wanted).json["preactivated"].is_string(), "what is bound to nothing is not counted");
    user.activate(&ticket, &dongle, &license);
    assert_eq!(user.ok(&CHECK).json["container"], dongle);
    vendor.ok(&["blacklist", "add", &dongle, "--reason", "enough"]);
    let list = world.path("firm.blacklist");
    vendor.ok(&["blacklist", "export", "--out", &list]);
    assert_eq!(user.ok(&["blacklist", "import", &list]).json["version"], 1);
    // The listed dongle is refused; the license that is bound to nothing goes on.
    assert!(user.ok(&CHECK).json["preactivated"].is_string());
    drop(daemon);
    assert!(user.ok(&CHECK).json["preactivated"].is_string(), "the files say the same");
    std::fs::remove_dir_all(user.home.join("vendor")).expect("removed");
    user.ok(&CHECK);
}
