//! Transfers online: the page talks to the license runtime of the visitor's computer.

use licensing_testkit::browser::{ENTER, SPACE};

use crate::portal::{LANGUAGES, Visitor, available};
use crate::world::{Computer, World};

#[test]
fn p3_the_life_of_licenses_online_in_both_languages() {
    for languages in LANGUAGES {
        let folder = tempfile::tempdir().expect("a folder");
        let mut laptop = Computer::in_folder(folder.path(), "laptop");
        let mut desktop = Computer::in_folder(folder.path(), "desktop");
        let ports = [laptop.start(0), desktop.start(0)];
        let world = World::new(&ports, "");
        world.item("PAD", "SampleNotePad", &["--reactivation", "always", "--restore", "always"]);
        world.item("MORE", "More of it", &["--updates", "PAD", "--set-feature-map", "0x7"]);
        let ticket = world.sell("O-1", &["PAD=5"]);
        let dongle = laptop.dongle();
        laptop.allow(&world.portal);
        let mut visitor = Visitor::new(&world, languages);
        visitor.browser.permission("loopback-network", "granted", &world.portal);
        visitor.enter(&ticket);

        // Two of five into a new act license, one into a dongle.
        let new = visitor.value("return document.documentElement.lang");
        let new = if new == "de" { "Neue Act-Lizenz" } else { "New act license" };
        visitor.bind("activate", "act");
        visitor.browser.fill("input[type=number]", "2");
        visitor.go_online(Some(new));
        visitor.finished();
        assert_eq!(available(&world, &ticket), 3);
        let act = laptop.serials().into_iter().find(|serial| *serial != dongle).expect("an act license");
        assert_eq!(laptop.held(&act), 2);
        visitor.open("/licenses");
        visitor.bind("activate", "dongle");
        visitor.browser.fill("input[type=number]", "1");
        visitor.go_online(Some(&dongle));
        visitor.finished();
        assert_eq!((available(&world, &ticket), laptop.held(&dongle)), (2, 1));

        // Back out of the dongle.
        visitor.open("/licenses");
        visitor.browser.click("a.button[href$='/deactivate']");
        visitor.arrived("/deactivate");
        visitor.browser.click(&format!("a.tile[href$='/{dongle}']"));
        visitor.arrived(&format!("/{dongle}"));
        visitor.go_online(None);
        visitor.finished();
        assert_eq!((available(&world, &ticket), laptop.held(&dongle)), (3, 0));

        // The laptop is gone; its licenses come to the desktop, after the conditions were accepted.
        laptop.stop();
        desktop.allow(&world.portal);
        visitor.open("/licenses");
        visitor.bind("reactivate", "act");
        let go = "return document.querySelector('form[data-transfer]').checkValidity()";
        assert_eq!(visitor.value(go), false, "not without the conditions");
        visitor.browser.click("#accept");
        visitor.go_online(Some(new));
        visitor.finished();
        let new_act = desktop.serials().pop().expect("an act license");
        assert_eq!(desktop.held(&new_act), 2);

        // What the vendor has prepared comes without a ticket.
        world.vendor(&[
            "order",
            "create",
            "--order-id",
            "O-2",
            "--item",
            "MORE=1",
            "--ticket",
            &format!("container:{new_act}"),
        ]);
        visitor.open("/automatic-update");
        visitor.go_online(Some(&new_act));
        visitor.finished();
        let shown = desktop.run(&["container", "show", &new_act]);
        let products = shown["firms"][0]["products"].as_array().expect("products").iter();
        assert_eq!(products.filter(|product| product["feature_map"] == 7).count(), 1, "{shown}");

        // The desktop is installed again: the same computer, with nothing on it.
        desktop.stop();
        let mut again = Computer::in_folder(folder.path(), "desktop-again");
        again.start(ports[1]);
        again.allow(&world.portal);
        visitor.open("/restore");
        visitor.browser.fill("#old", &new_act);
        visitor.go_online(Some(new));
        visitor.finished();
        let restored = again.serials().pop().expect("an act license");
        assert_eq!(again.held(&restored), 2);
        let log = [world.log("depot"), world.log("central")].join("\n");
        assert!(!log.contains(&ticket) && !log.contains(&ticket.replace('-', "")), "a ticket is in a log");
        visitor.quiet("online");
    }
}

#[test]
fn p5_where_the_browser_forbids_the_connection_files_are_offered_and_work() {
    LANGUAGES.into_iter().for_each(forbidden);
}

fn forbidden(languages: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut computer = Computer::in_folder(folder.path(), "laptop");
    let port = computer.start(0);
    let world = World::new(&[port], "");
    world.item("PAD", "SampleNotePad", &[]);
    let ticket = world.sell("O-1", &["PAD=1"]);
    let dongle = computer.dongle();
    computer.allow(&world.portal);
    // As if the portal were on the internet: then the browser wants a permission, and it was refused.
    let mut visitor = Visitor::public(&world, languages);
    visitor.browser.permission("loopback-network", "denied", &world.portal);
    visitor.enter(&ticket);
    visitor.bind("activate", "dongle");
    visitor.browser.until_true("return document.querySelector('[data-agent]').dataset.state === 'denied'");
    assert!(visitor.browser.has("[data-agent-go][disabled]"));
    visitor.browser.click("button[value=offline]");
    visitor.arrived("/request");
    visitor.upload(&computer.context(&dongle, "1.WibuCmRaC"));
    visitor.arrived("/update");
    // He has the update already when the browser is told otherwise: the rest goes online.
    visitor.browser.permission("loopback-network", "granted", &world.portal);
    visitor.browser.click("main a[href$='/online']");
    visitor.finished();
    assert_eq!((available(&world, &ticket), computer.held(&dongle)), (0, 1));
}

#[test]
fn p5_by_the_runtimes_own_page_where_the_browser_forbids_the_connection() {
    LANGUAGES.into_iter().for_each(by_the_runtimes_page);
}

fn by_the_runtimes_page(languages: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut computer = Computer::in_folder(folder.path(), "laptop");
    let port = computer.start(0);
    let world = World::new(&[port], "");
    world.item("PAD", "SampleNotePad", &[]);
    let ticket = world.sell("O-1", &["PAD=1"]);
    let dongle = computer.dongle();
    let mut visitor = Visitor::public(&world, languages);
    visitor.browser.permission("loopback-network", "granted", &world.portal);
    computer.allow(&world.portal);
    visitor.enter(&ticket);
    visitor.bind("activate", "dongle");
    visitor.go_online(Some(&dongle));
    // The connection is refused only now; what was chosen is kept.
    visitor.finished();
    visitor.open("/licenses");
    visitor.browser.permission("loopback-network", "denied", &world.portal);
    visitor.browser.click("a.button[href$='/deactivate']");
    visitor.browser.until_true("return document.querySelector('[data-agent]').dataset.state === 'denied'");
    visitor.browser.click("button[value=offline]");
    visitor.arrived("/request");
    visitor.browser.click("main a[href$='/online']");
    visitor.arrived("/online");
    for _ in 0..2 {
        visitor.browser.click("a[href$='/navigate']");
        visitor.browser.click("form[action^='http://127.0.0.1'] button");
        // The runtime's own page, which asks for this once.
        visitor.browser.click("button[value=allow]");
        visitor.browser.click("button[autofocus]");
        visitor.arrived("/agent/back");
        visitor.browser.click("form[action*='/transfers/'] button");
        // On with the next message, or done; until then the page before is still there.
        let is_done = visitor.browser.until("the next step", || {
            let path = visitor.path();
            (path.ends_with("/online") || path.ends_with("/result")).then(|| path.ends_with("/result"))
        });
        if is_done {
            break;
        }
    }
    visitor.arrived("/result");
    assert_eq!((available(&world, &ticket), computer.held(&dongle)), (1, 0));
}

#[test]
fn p3_with_nothing_but_the_keyboard() {
    LANGUAGES.into_iter().for_each(by_keyboard);
}

fn by_keyboard(languages: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut computer = Computer::in_folder(folder.path(), "laptop");
    let port = computer.start(0);
    let world = World::new(&[port], "");
    world.item("PAD", "SampleNotePad", &[]);
    let ticket = world.sell("O-1", &["PAD=1"]);
    computer.dongle();
    computer.allow(&world.portal);
    let visitor = Visitor::new(&world, languages);
    visitor.browser.permission("loopback-network", "granted", &world.portal);
    visitor.open("/");
    // The first stop leads past what is the same on every page.
    visitor.tab_to("a.skip");
    visitor.browser.keys(ENTER);
    visitor.tab_to("#ticket");
    visitor.browser.keys(&ticket);
    visitor.tab_to("form[action='/tickets'] button");
    visitor.browser.keys(ENTER);
    visitor.arrived("/licenses");
    visitor.tab_to("a.button[href$='/activate']");
    visitor.browser.keys(ENTER);
    visitor.arrived("/activate");
    visitor.tab_to("a.tile[href$='/dongle']");
    visitor.browser.keys(ENTER);
    visitor.arrived("/dongle");
    visitor.browser.find("[data-agent-go]:not([disabled])");
    visitor.tab_to("input[type=checkbox]");
    visitor.browser.keys(SPACE);
    assert_eq!(visitor.value("return document.activeElement.checked"), false);
    visitor.browser.keys(SPACE);
    visitor.tab_to("#container");
    visitor.tab_to("[data-agent-go]");
    visitor.browser.keys(ENTER);
    visitor.finished();
    assert_eq!(available(&world, &ticket), 0);
}
