//! A transfer whose only way to the offline computer is light: codes on its screen, pictures into it.

#[path = "support/story.rs"]
mod story;

use licensing_qr::{Collector, encode, png, read_picture};
use story::World;

/// What somebody who photographs the codes of a screen can do with them.
fn photographed(pictures: &[String]) -> Vec<u8> {
    let mut collector = Collector::default();
    for picture in pictures {
        for part in read_picture(&std::fs::read(picture).expect("a picture")).expect("a code") {
            collector.add(part).expect("of one file");
        }
    }
    collector.file().expect("all of it")
}

#[test]
fn a_license_travels_as_codes_and_pictures() {
    let world = World::new();
    let (ticket, license) = world.sell("O-1", 1, &[]);
    let offline = world.computer("offline").offline();
    let dongle = offline.dongle();
    let create = ["context", "create", "--container", &dongle, "--firm-code", "6000010"];
    let picture = world.path("request.png");
    let made = offline.ok(&[create.as_slice(), &["--qr", &picture]].concat());
    let files = made.json["qr"]["files"].as_array().expect("pictures").iter();
    let files: Vec<String> = files.map(|file| file.as_str().expect("a name").to_owned()).collect();
    let context = world.path("request.WibuCmRaC");
    std::fs::write(&context, photographed(&files)).expect("written");

    let online = world.computer("online");
    let update = world.path("answer.WibuCmRaU");
    online.ok(&["transfer", "request", "--ticket", &ticket, "--context", &context, "--out", &update]);
    let update = std::fs::read(&update).expect("an update");
    let parts = encode(&update, 300).expect("codes");
    assert!(parts.len() > 2, "several");
    let mut pictures = Vec::new();
    for part in parts.iter().rev() {
        let file = world.path(&format!("answer-{}.png", part.number));
        std::fs::write(&file, png(part).expect("a picture")).expect("written");
        pictures.push(file);
    }
    let import = |pictures: &[String]| {
        let pictures: Vec<&str> = pictures.iter().map(String::as_str).collect();
        offline.run(&[["update", "import", "--qr"].as_slice(), &pictures].concat())
    };
    let early = import(&pictures[1..]);
    assert_eq!((early.exit, early.code()), (5, "qr_incomplete"));
    let request = offline.ok(&[create.as_slice(), &["--qr", &picture]].concat());
    assert_ne!(request.json["qr"]["codes"], made.json["qr"]["codes"], "another context");
    let mixed = import(&[pictures[0].clone(), picture.clone()]);
    assert_eq!((mixed.exit, mixed.code()), (5, "qr_mixed"));
    let done = import(&pictures);
    assert_eq!((done.exit, &done.json["applied"]), (0, &1.into()), "{done:?}");
    assert_eq!(import(&pictures).json["already_applied"], 1, "importing again changes nothing");

    // The receipt, as a drawing for a page or paper and as letters on the terminal.
    let drawing = world.path("receipt.svg");
    let receipt = offline.ok(&[create.as_slice(), &["--qr", &drawing, "--out", &context]].concat());
    let drawn = receipt.json["qr"]["files"][0].as_str().expect("a file");
    assert!(std::fs::read_to_string(drawn).expect("a drawing").starts_with("<svg "));
    let shown = offline.command(&[create.as_slice(), &["--qr"]].concat()).output().expect("run");
    let shown = String::from_utf8(shown.stdout).expect("text");
    assert!(shown.contains("1 of 1") && shown.contains('\u{2580}') && shown.lines().count() > 40, "{shown}");
    online.ok(&["transfer", "receipt", &context]);
    assert_eq!(world.license(&ticket)["id"], license);
    assert_eq!(world.license(&ticket)["available"], 0);
}

#[test]
fn pictures_without_a_code_are_refused() {
    let world = World::new();
    let user = world.computer("user");
    let picture = world.path("none.png");
    std::fs::write(&picture, b"no picture").expect("written");
    user.fails(5, "qr_unreadable", &["update", "import", "--qr", &picture]);
    user.fails(2, "usage", &["update", "import"]);
    let dongle = user.dongle();
    let create = ["context", "create", "--container", &dongle, "--firm-code", "6000010"];
    user.fails(2, "usage", &create);
    user.fails(2, "usage", &[create.as_slice(), &["--qr", "code.gif"]].concat());
}
