//! Every page once, looked at: accessible to everybody, at home on a telephone, true to its own policy.

use std::path::{Path, PathBuf};

use crate::portal::{LANGUAGES, Visitor};
use crate::world::{self, Computer, World};

#[test]
fn p1_every_page_can_be_read_by_everybody() {
    tour(LANGUAGES[0], None);
}

#[test]
fn p1_every_page_can_be_read_by_everybody_in_german() {
    tour(LANGUAGES[1], None);
}

/// Run by `cargo xtask screenshots`.
#[test]
#[ignore = "writes docs/images"]
fn pictures_of_every_page() {
    tour(LANGUAGES[0], Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images")));
}

fn tour(languages: &str, pictures: Option<PathBuf>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut computer = Computer::in_folder(folder.path(), "laptop");
    let port = computer.start(0);
    let world = World::new(&[port], "");
    world.item("PAD", "SampleNotePad Professional", &["--reactivation", "always", "--restore", "always"]);
    world.item("CAD", "SampleCAD Workstation", &[]);
    world.item("LIB", "Symbol library", &["--containers", "dongle"]);
    world.item("ASK", "Laboratory edition", &["--return", "approval"]);
    let ticket = world.sell("2026-0117", &["PAD=5", "CAD=1", "LIB=2", "ASK=1"]);
    let (first, second) = (computer.dongle(), computer.dongle());
    computer.allow(&world.portal);
    let mut visitor = Visitor::new(&world, languages);
    visitor.pictures = pictures;
    visitor.browser.permission("loopback-network", "granted", &world.portal);
    for (path, name) in [
        ("/", "ticket"),
        ("/automatic-update", "automatic-update"),
        ("/restore", "restore"),
        ("/receipt", "receipt-only"),
    ] {
        visitor.open(path);
        if path != "/" && path != "/receipt" {
            visitor.browser.find("[data-agent-go]");
        }
        visitor.look(name);
    }
    visitor.enter(&ticket);
    // Something of everything: in two dongles, and one of them not confirmed.
    activate(&world, &computer, &ticket, &first, &[0, 3]);
    activate(&world, &computer, &ticket, &second, &[2]);
    unfinished(&world, &computer, &ticket, &first);
    visitor.open("/licenses");
    visitor.look("licenses");
    visitor.open("/licenses/print");
    visitor.look("print");
    visitor.open("/licenses");
    visitor.browser.click("a.button[href$='/unfinished']");
    visitor.arrived("/unfinished");
    visitor.look("unfinished");
    visitor.open("/licenses");
    visitor.browser.click("a.button[href$='/deactivate']");
    visitor.arrived("/deactivate");
    visitor.look("container");
    visitor.browser.click(&format!("a.tile[href$='/{second}']"));
    visitor.arrived(&format!("/{second}"));
    visitor.browser.find("[data-agent-go]:not([disabled])");
    visitor.look("deactivate");
    visitor.open("/licenses");
    visitor.bind("reactivate", "act");
    visitor.browser.find("[data-agent-go]:not([disabled])");
    visitor.look("reactivate");
    visitor.open("/licenses");
    visitor.browser.click("a.button[href$='/activate']");
    visitor.arrived("/activate");
    visitor.look("binding");
    visitor.browser.click("a.tile[href$='/act']");
    visitor.arrived("/act");
    visitor.browser.find("[data-agent-go]:not([disabled])");
    visitor.look("activate");
    files(&world, &mut visitor, &computer);
    trouble(&mut visitor, &mut computer);
}

/// Activates licenses, by their places on the ticket, without the portal.
fn activate(world: &World, computer: &Computer, ticket: &str, container: &str, which: &[usize]) {
    let licenses = world.licenses(ticket);
    let mut words = vec!["activate", "--ticket", ticket, "--container", container];
    let wanted: Vec<String> =
        which.iter().map(|at| format!("{}=1", world::text(&licenses[*at]["id"]))).collect();
    for license in &wanted {
        words.extend(["--license", license]);
    }
    computer.online(world, &words);
}

/// An update that was issued and got lost.
fn unfinished(world: &World, computer: &Computer, ticket: &str, container: &str) {
    let license = format!("{}=1", world::text(&world.licenses(ticket)[0]["id"]));
    let (context, lost) = (computer.context(container, "lost.WibuCmRaC"), world.path("lost.WibuCmRaU"));
    let context = context.display().to_string();
    let words = [
        "transfer",
        "request",
        "--ticket",
        ticket,
        "--activate",
        &license,
        "--context",
        &context,
        "--out",
        &lost,
    ];
    computer.online(world, &words);
}

/// The three steps of a transfer by file.
fn files(world: &World, visitor: &mut Visitor, computer: &Computer) {
    visitor.browser.click("button[value=offline]");
    visitor.arrived("/request");
    visitor.browser.click("details.picture summary");
    visitor.look("request");
    let made = computer.online(world, &["container", "create", "act", "--firm-code", world::FIRM]);
    let act = world::text(&made["serial"]);
    // A file that is none.
    let nothing = computer.home.with_extension("txt.WibuCmRaC");
    std::fs::write(&nothing, "nothing").expect("written");
    visitor.upload(&nothing);
    visitor.browser.find(".notice-bad[data-code]");
    visitor.look("problem");
    visitor.browser.back();
    visitor.arrived("/request");
    visitor.upload(&computer.context(&act, "1.WibuCmRaC"));
    visitor.arrived("/update");
    visitor.browser.click("details.picture summary");
    visitor.look("update");
    let update = visitor.download("a[href$='/file']", &computer.home.with_extension("downloads"));
    computer.run(&["update", "import", &update.display().to_string()]);
    visitor.browser.click("a[href$='/receipt']");
    visitor.arrived("/receipt");
    visitor.look("receipt");
    visitor.upload(&computer.context(&act, "2.WibuCmRaC"));
    visitor.arrived("/result");
    visitor.look("result");
}

/// An online transfer whose license runtime has gone, and the way by its own page.
fn trouble(visitor: &mut Visitor, computer: &mut Computer) {
    visitor.open("/licenses");
    visitor.bind("activate", "dongle");
    visitor.browser.find("[data-agent-go]:not([disabled])");
    computer.stop();
    visitor.go_online(None);
    visitor.browser.find("[data-trouble] .notice-bad");
    visitor.look("online-stopped");
    visitor.browser.click("a[href$='/navigate']");
    visitor.browser.find("form[action^='http://127.0.0.1']");
    visitor.look("by-runtime");
}
