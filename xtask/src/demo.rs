//! `cargo xtask demo`: the main job on the real programs, as a new user would do it.

mod stay;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::shell;

const FIRM_CODE: &str = "6000010";
const ITEMS: [(&str, &str, &str); 3] = [
    ("SNP-201-000-01-F-300", "SampleNotePad - Basic Module - Floating User - Borrow", "201000"),
    ("SNP-201-001-01-F-300", "SampleNotePad - Change Font Module - Floating User - Borrow", "201001"),
    ("SNP-201-002-01-F-300", "SampleNotePad - Hex View Module - Floating User - Borrow", "201002"),
];

/// A running server, stopped when it goes out of scope.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(program: &Path, data: &Path) -> Result<Self> {
        let log = fs::File::create(data.join("server.log"))?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start central-server")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address =
            line.trim().strip_prefix("listening on ").context("the server did not start; see server.log")?;
        Ok(Self { address: address.to_owned(), child })
    }

    /// Asks the server to stop, as an operator does, and waits for it.
    fn stop(mut self) -> Result<()> {
        shell::run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server stopped with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left running when the story broke off; one that has ended cannot be killed, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One computer with its containers.
struct Computer<'a> {
    cmtool: &'a Path,
    home: PathBuf,
    server: Option<&'a str>,
    token: PathBuf,
}

impl Computer<'_> {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.cmtool);
        command.args(words).env("CM_HOME", &self.home).env("XDG_STATE_HOME", self.home.join("state"));
        command.env("CM_TOKEN_FILE", &self.token).env_remove("CM_SERVER");
        if let Some(server) = self.server {
            command.env("CM_SERVER", server);
        }
        command
    }

    /// Runs a command as shown to the user.
    fn show(&self, words: &[&str]) -> Result<()> {
        println!("\n$ cmtool {}", typed(words));
        shell::run(&mut self.command(words))
    }

    /// Runs a command for its answer.
    fn ask(&self, words: &[&str]) -> Result<Value> {
        let mut words = words.to_vec();
        words.push("--json");
        Ok(serde_json::from_str(&shell::capture(&mut self.command(&words))?)?)
    }

    fn create(&self, words: &[&str]) -> Result<String> {
        println!("\n$ cmtool {}", typed(words));
        let answer = self.ask(words)?;
        let serial = answer["serial"].as_str().context("no serial")?.to_owned();
        println!("{serial}");
        Ok(serial)
    }
}

/// A command as it would be typed.
fn typed(words: &[&str]) -> String {
    let quoted = |word: &&str| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn title(text: &str) {
    println!("\n== {text}");
}

/// Tells the story; with `keep` the server stays, with a portal before it and a license runtime.
pub(crate) fn run(keep: bool) -> Result<()> {
    shell::run(shell::cargo().args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "central-server",
        "--package",
        "cmtool",
        "--package",
        "depot",
        "--package",
        "license-runtime-daemon",
        "--package",
        "embedding-example",
    ]))?;
    let (server_program, cmtool) = (shell::bin("central-server")?, shell::bin("cmtool")?);
    let folder = tempfile::Builder::new().prefix("license-demo-").tempdir()?;
    let data = folder.path().join("central");
    title("The vendor sets up a server");
    println!("$ central-server init --data {} --firm-code {FIRM_CODE}", data.display());
    shell::run(Command::new(&server_program).arg("init").arg("--data").arg(&data).args([
        "--firm-code",
        FIRM_CODE,
        "--firm-name",
        "Sample Vendor",
    ]))?;
    let server = Server::start(&server_program, &data)?;
    println!("serving on {}", server.address);
    let address = server.address.clone();
    let computer = |name: &str, online: bool| Computer {
        cmtool: &cmtool,
        home: folder.path().join(name),
        server: online.then_some(address.as_str()),
        token: data.join("admin.token"),
    };
    let online = computer("online", true);
    let ticket = sell(&online)?;
    let dongle = use_online(&online, &ticket)?;
    let offline = computer("offline", false);
    use_offline(&online, &offline, &ticket, folder.path())?;
    prove(&online, &offline, folder.path())?;
    reactivate(&computer("new-laptop", true), &ticket)?;
    update_by_itself(&online, &dongle)?;
    title("In the end");
    online.show(&["ticket", "show", &ticket])?;
    let overview = online.ask(&["ticket", "show", &ticket])?;
    let first = overview["licenses"][0]["id"].as_str().context("a license")?;
    online.show(&["license", "history", first])?;
    balance(&overview)?;
    if keep {
        stay::portal(&online, &address, &data, &ticket)?;
        println!("\nThe server goes on at {address}; the vendor's pages are there, too");
        let password = stay::user(&server_program, &data)?;
        println!("sign in as: {} with the password {password}", stay::USER);
        println!("API token: {}\nticket:    {ticket}", data.join("admin.token").display());
        println!("stop it with: kill {}", server.child.id());
        std::mem::forget(server);
        let kept = folder.keep();
        println!("everything is in {}", kept.display());
        return Ok(());
    }
    server.stop()?;
    println!("\nThe server has stopped; every unit is accounted for.");
    Ok(())
}

/// Items, an order, a ticket.
fn sell(vendor: &Computer<'_>) -> Result<String> {
    title("The product manager creates the items");
    for (id, name, product) in ITEMS {
        vendor.show(&[
            "item",
            "create",
            "--id",
            id,
            "--name",
            name,
            "--firm-code",
            FIRM_CODE,
            "--product-code",
            product,
            "--borrow",
            "14d",
            "--return",
            "allowed",
            "--reactivation",
            "always",
            "--feature-map",
            "0x3",
        ])?;
    }
    title("A customer orders ten of each; the order gives one ticket");
    let lines: Vec<String> = ITEMS.iter().map(|(id, ..)| format!("{id}=10")).collect();
    let mut words = vec!["order", "create", "--order-id", "O-1", "--customer", "C-1"];
    for line in &lines {
        words.extend(["--item", line]);
    }
    vendor.show(&words)?;
    // The same order again is the same order.
    let answer = vendor.ask(&words)?;
    Ok(answer["ticket"].as_str().context("a ticket")?.to_owned())
}

/// Activation into an act license and a dongle, checks, a return; gives the serial of the dongle.
fn use_online(customer: &Computer<'_>, ticket: &str) -> Result<String> {
    title("The customer looks at the ticket");
    customer.show(&["ticket", "show", ticket])?;
    let overview = customer.ask(&["ticket", "show", ticket])?;
    let id = |line: usize| overview["licenses"][line]["id"].as_str().unwrap_or_default().to_owned();
    let (basic, font) = (id(0), id(1));

    title("Some licenses go into an act license on this computer");
    let act = customer.create(&["container", "create", "act", "--firm-code", FIRM_CODE])?;
    let (three, one) = (format!("{basic}=3"), format!("{font}=1"));
    customer.show(&[
        "activate",
        "--ticket",
        ticket,
        "--license",
        &three,
        "--license",
        &one,
        "--container",
        &act,
    ])?;

    title("Some go into a dongle");
    let dongle = customer.create(&["container", "create", "dongle", "--flash", "64MiB"])?;
    let two = format!("{basic}=2");
    customer.show(&["activate", "--ticket", ticket, "--license", &two, "--container", &dongle])?;
    customer.show(&["container", "list"])?;
    customer.show(&[
        "license",
        "check",
        "--firm-code",
        FIRM_CODE,
        "--product-code",
        "201000",
        "--feature",
        "2",
    ])?;
    customer.show(&["ticket", "show", ticket])?;

    title("One license comes back");
    let back = format!("{basic}=1");
    customer.show(&["deactivate", "--ticket", ticket, "--license", &back, "--container", &act])?;
    customer.show(&["ticket", "show", ticket])?;
    Ok(dongle)
}

/// The computer without a network was lost, and its licenses with it: they are activated again elsewhere.
fn reactivate(customer: &Computer<'_>, ticket: &str) -> Result<()> {
    title("The dongle of the computer without a network is lost: its licenses are activated again elsewhere");
    let overview = customer.ask(&["ticket", "show", ticket])?;
    let hex = overview["licenses"][2]["id"].as_str().context("a license")?.to_owned();
    let dongle = customer.create(&["container", "create", "dongle"])?;
    customer.show(&[
        "reactivate",
        "--ticket",
        ticket,
        "--license",
        &hex,
        "--container",
        &dongle,
        "--accept-conditions",
    ])?;
    let lost = overview["licenses"][2]["activations"][0]["container"].as_str().context("a container")?;
    customer.show(&["container", "status", lost])
}

/// The vendor links an update to a container; it arrives without a ticket.
fn update_by_itself(customer: &Computer<'_>, dongle: &str) -> Result<()> {
    title("The vendor links an upgrade to a dongle; it arrives by itself, without a ticket");
    let (basic, name, product) = ITEMS[0];
    let name = format!("Upgrade of {name}");
    customer.show(&[
        "item",
        "create",
        "--id",
        "SNP-201-000-01-U-300",
        "--name",
        &name,
        "--firm-code",
        FIRM_CODE,
        "--product-code",
        product,
        "--updates",
        basic,
        "--set-feature-map",
        "0x7",
    ])?;
    let assigned = format!("container:{dongle}");
    let line = "SNP-201-000-01-U-300=2";
    customer.show(&["order", "create", "--order-id", "O-2", "--item", line, "--ticket", &assigned])?;
    customer.show(&["auto-update", "--container", dongle])?;
    customer.show(&[
        "license",
        "check",
        "--firm-code",
        FIRM_CODE,
        "--product-code",
        product,
        "--feature",
        "4",
    ])
}

/// A computer without a network: everything by file.
fn use_offline(online: &Computer<'_>, offline: &Computer<'_>, ticket: &str, folder: &Path) -> Result<()> {
    title("A computer without a network: everything by file");
    let file = |name: &str| folder.join(name).display().to_string();
    let (request, update, receipt) =
        (file("request.WibuCmRaC"), file("update.WibuCmRaU"), file("receipt.WibuCmRaC"));
    let dongle = offline.create(&["container", "create", "dongle"])?;
    let overview = online.ask(&["ticket", "show", ticket])?;
    let hex = overview["licenses"][2]["id"].as_str().context("a license")?.to_owned();
    let context = |out: &str| {
        offline.show(&["context", "create", "--container", &dongle, "--firm-code", FIRM_CODE, "--out", out])
    };
    context(&request)?;
    let four = format!("{hex}=4");
    online.show(&[
        "transfer",
        "request",
        "--ticket",
        ticket,
        "--activate",
        &four,
        "--context",
        &request,
        "--out",
        &update,
    ])?;
    offline.show(&["inspect", &update])?;
    offline.show(&["update", "import", &update])?;
    context(&receipt)?;
    online.show(&["transfer", "receipt", &receipt])?;
    offline.show(&["license", "check", "--firm-code", FIRM_CODE, "--product-code", "201002"])
}

/// A program of the vendor, which knows the public key of the item, asks for a proof.
fn prove(vendor: &Computer<'_>, customer: &Computer<'_>, folder: &Path) -> Result<()> {
    title("The vendor's own program asks for a proof (examples/rust)");
    let item = vendor.ask(&["item", "show", ITEMS[2].0])?;
    let key = item["proof_public_key"].as_str().context("a key")?;
    let (home, request) = (customer.home.display().to_string(), folder.join("example.WibuCmRaC"));
    let words = [&home, FIRM_CODE, ITEMS[2].2, key];
    println!("\n$ embedding-example {} {}", typed(&words), request.display());
    shell::run(Command::new(shell::bin("embedding-example")?).args(words).arg(request))
}

/// Whatever the story did, each license line must add up.
fn balance(overview: &Value) -> Result<()> {
    for license in overview["licenses"].as_array().context("licenses")? {
        let part = |name: &str| license[name].as_u64().unwrap_or(u64::MAX);
        let sum =
            part("available") + part("activating") + part("active") + part("returning") + part("withdrawn");
        ensure!(sum == part("quantity"), "the books do not balance: {license}");
    }
    let parts = |line: usize| {
        let license = &overview["licenses"][line];
        (license["available"].as_u64(), license["active"].as_u64())
    };
    ensure!(
        [parts(0), parts(1), parts(2)] == [(Some(6), Some(4)), (Some(9), Some(1)), (Some(6), Some(4))],
        "unexpected end: {overview}"
    );
    Ok(())
}
