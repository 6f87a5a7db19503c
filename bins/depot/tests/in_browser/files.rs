//! Transfers by file and by picture.

use std::path::Path;

use licensing_qr::{PART_BYTES, encode, png};

use crate::portal::{LANGUAGES, Visitor, available};
use crate::world::{self, Computer, World};

/// The serial of an act license that is made of the template which the page offers.
fn new_act(visitor: &Visitor, computer: &Computer, folder: &Path) -> String {
    let template = visitor.download("a[href^='/templates/']", folder);
    let file = template.display().to_string();
    let made = computer.run(&["container", "create", "act", "--firm-code", world::FIRM, "--template", &file]);
    world::text(&made["serial"])
}

#[test]
fn p4_by_file_without_a_script_and_broken_off_after_every_step() {
    for (at, languages) in LANGUAGES.iter().enumerate() {
        let mut world = World::new(&[], "");
        world.item("PAD", "SampleNotePad", &[]);
        let ticket = world.sell("O-1", &["PAD=5"]);
        let offline = world.computer("offline");
        let mut visitor = Visitor::new(&world, languages);
        visitor.browser.scripts(false);
        visitor.enter(&ticket);
        visitor.bind("activate", "act");
        visitor.browser.fill("input[type=number]", "2");
        visitor.browser.click("button[value=offline]");
        visitor.arrived("/request");
        // He goes away, and finds it again.
        visitor.open("/licenses");
        visitor.browser.click(".running a.button");
        visitor.arrived("/request");
        let act = new_act(&visitor, &offline, Path::new(&world.path("template")));
        visitor.upload(&offline.context(&act, "1.WibuCmRaC"));
        visitor.arrived("/update");
        assert_eq!(available(&world, &ticket), 3);
        let lost = visitor.download("a[href$='/file']", Path::new(&world.path("lost")));
        // The portal forgets everything. The ticket does not, and nor does the server.
        assert!(world.start_depot());
        visitor.open("/licenses");
        assert!(!visitor.browser.has(".running"));
        visitor.browser.click("a.button[href$='/unfinished']");
        visitor.browser.click("form:has(input[value=continue]) button[value=offline]");
        visitor.arrived("/request");
        visitor.upload(&offline.context(&act, "2.WibuCmRaC"));
        visitor.arrived("/update");
        assert_eq!(available(&world, &ticket), 3, "the same two, not two more");
        let update = visitor.download("a[href$='/file']", Path::new(&world.path("update")));
        let import = |file: &Path| offline.run(&["update", "import", &file.display().to_string()]);
        assert_eq!(import(&update)["applied"], 1);
        assert_eq!(import(&lost)["already_applied"], 1);
        assert_eq!(offline.held(&act), 2);
        // Another browser, in which nobody knows of a transfer: the next file is the receipt.
        visitor.browser.forget();
        visitor.enter(&ticket);
        visitor.browser.click("a.button[href$='/unfinished']");
        visitor.browser.click("form:has(input[value=continue]) button[value=offline]");
        visitor.arrived("/request");
        visitor.upload(&offline.context(&act, "3.WibuCmRaC"));
        visitor.arrived("/result");
        assert!(visitor.browser.has(".notice-good"));
        let places = &world.licenses(&ticket)[0]["activations"];
        assert_eq!(places[0]["state"], "active", "{places}");

        // And back, every step twice.
        visitor.open("/licenses");
        visitor.browser.click("a.button[href$='/deactivate']");
        visitor.browser.click("button[value=offline]");
        visitor.arrived("/request");
        let request = offline.context(&act, "4.WibuCmRaC");
        visitor.upload(&request);
        visitor.arrived("/update");
        visitor.browser.click("a[href$='/request']");
        visitor.arrived("/request");
        visitor.upload(&request);
        visitor.arrived("/update");
        let update = visitor.download("a[href$='/file']", Path::new(&world.path("back")));
        visitor.browser.click("a[href$='/receipt']");
        visitor.arrived("/receipt");
        // Too early: nothing was imported yet.
        visitor.upload(&offline.context(&act, "5.WibuCmRaC"));
        // The answer comes at the same address.
        visitor.browser.find("[role=alert]");
        visitor.arrived("/receipt");
        assert_eq!(available(&world, &ticket), 3);
        import(&update);
        let receipt = offline.context(&act, "6.WibuCmRaC");
        visitor.upload(&receipt);
        visitor.arrived("/result");
        assert_eq!(available(&world, &ticket), 5);
        let lang = visitor.value("return document.documentElement.lang");
        assert_eq!(lang, ["en", "de"][at], "the visitor's language");
        for log in [world.log("depot"), world.log("central")] {
            assert!(
                !log.contains(&ticket) && !log.contains(&ticket.replace('-', "")),
                "a ticket is in a log"
            );
        }
        // A receipt without a transfer, and once more.
        visitor.open("/receipt");
        visitor.upload(&receipt);
        visitor.arrived("/result");
    }
}

#[test]
fn p4_through_pictures_both_ways() {
    LANGUAGES.into_iter().for_each(through_pictures);
}

fn through_pictures(languages: &str) {
    let world = World::new(&[], "");
    world.item("PAD", "SampleNotePad", &[]);
    let ticket = world.sell("O-1", &["PAD=1"]);
    let offline = world.computer("offline");
    let dongle = offline.dongle();
    let mut visitor = Visitor::new(&world, languages);
    visitor.browser.scripts(false);
    visitor.enter(&ticket);
    visitor.bind("activate", "dongle");
    visitor.browser.click("button[value=offline]");
    visitor.arrived("/request");
    // The request as codes so small that there are several, one picture each.
    let context = std::fs::read(offline.context(&dongle, "1.WibuCmRaC")).expect("a context");
    let parts = encode(&context, 200).expect("codes");
    assert!(parts.len() > 1);
    let mut pictures = Vec::new();
    for part in parts.iter().rev() {
        let file = world.path(&format!("request-{}.png", part.number));
        std::fs::write(&file, png(part).expect("a picture")).expect("written");
        pictures.push(file);
    }
    visitor.browser.click("details:has(input[name=picture]) summary");
    visitor.browser.choose_file("input[name=picture]", Path::new(&pictures[0]));
    visitor.browser.click("form:has(input[name=picture]) button");
    assert_eq!(visitor.refusal(), "qr_incomplete");
    visitor.browser.back();
    visitor.arrived("/request");
    let open = "details:has(input[name=picture]):not([open]) summary";
    if visitor.browser.has(open) {
        visitor.browser.click(open);
    }
    visitor.browser.choose_file("input[name=picture]", Path::new(&pictures.join("\n")));
    visitor.browser.click("form:has(input[name=picture]) button");
    visitor.arrived("/update");
    // What the page shows is photographed, and that is all the offline computer gets.
    visitor.browser.click("details:has(img) summary");
    let shown = visitor.browser.all("img[src*='/qr/']");
    assert!(!shown.is_empty());
    let mut words = vec!["update".to_owned(), "import".to_owned(), "--qr".to_owned()];
    for (at, image) in shown.iter().enumerate() {
        visitor
            .browser
            .until_true(&format!("return document.querySelectorAll(\"img[src*='/qr/']\")[{at}].complete"));
        let file = world.path(&format!("screen-{at}.png"));
        std::fs::write(&file, visitor.browser.picture_of(image)).expect("written");
        words.push(file);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(offline.run(&words)["applied"], 1);
    let receipt = std::fs::read(offline.context(&dongle, "2.WibuCmRaC")).expect("a context");
    visitor.browser.click("a[href$='/receipt']");
    visitor.arrived("/receipt");
    let file = world.path("receipt.png");
    let code = encode(&receipt, PART_BYTES).expect("codes").remove(0);
    std::fs::write(&file, png(&code).expect("a picture")).expect("written");
    visitor.browser.click("details:has(input[name=picture]) summary");
    visitor.browser.choose_file("input[name=picture]", Path::new(&file));
    visitor.browser.click("form:has(input[name=picture]) button");
    visitor.arrived("/result");
    assert_eq!(available(&world, &ticket), 0);
    assert_eq!(offline.held(&dongle), 1);
    visitor.quiet("pictures");
}
