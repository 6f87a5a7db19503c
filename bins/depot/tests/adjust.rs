//! A vendor adjusts the portal without a build: colours, texts, a template, rules; and the same rules for applications.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "support/browser.rs"]
mod browser;
#[path = "support/world.rs"]
mod world;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use browser::{Browser, Page};
use world::World;

fn reference(page: &Page) -> String {
    page.link("/tickets/").split('/').nth(2).unwrap().to_owned()
}

fn put(folder: &std::path::Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_theme_changes_colours_texts_a_template_and_scripts() {
    let theme = tempfile::tempdir().unwrap();
    put(
        theme.path(),
        "theme.toml",
        "name = \"Acme Licensing\"\nlogo = \"acme.svg\"\nstyles = [\"acme.css\"]\nscripts = [\"acme.js\"]\n[variables]\naccent = \"#b00020\"\n",
    );
    put(theme.path(), "assets/acme.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    put(theme.path(), "assets/acme.css", "h1 { letter-spacing: 0 }");
    put(theme.path(), "assets/acme.js", "document.title += '!';");
    put(theme.path(), "texts/en.ftl", "tickets-title = Acme at your service\n");
    put(theme.path(), "texts/nl.ftl", "language-name = Nederlands\ntickets-title = Welkom\n");
    let footer = "{% extends \"built-in/base.html\" %}{% block footer %}<p>Acme, 12 Road</p>{% endblock %}";
    put(theme.path(), "templates/base.html", footer);
    let world = World::with(&format!(
        "[theme]\nfolder = {:?}\n[rules]\ncolumns = [\"item\", \"name\", \"status\"]\n",
        theme.path()
    ));
    let mut browser = Browser::at(&world.depot.address);
    let page = browser.get("/");
    page.shows("Acme Licensing")
        .shows("Acme at your service")
        .shows("Acme, 12 Road")
        .shows("/assets/acme.css?");
    assert!(page.text().contains("src=\"/assets/acme.js?"), "{}", page.text());
    let css = browser.get("/assets/theme.css").text();
    assert!(css.contains("--accent:#b00020;"), "{css}");
    assert_eq!(browser.get("/assets/acme.svg").header("content-type"), "image/svg+xml");
    // What a theme does not say stays as it is, in every language.
    browser.language = "nl".to_owned();
    browser.get("/").shows("<html lang=\"nl\">").shows("Welkom").shows("Show my licenses");
    let (ticket, _) = world.sell("A", 1, &[]);
    browser.language = "de".to_owned();
    let page = browser.enter(&ticket);
    page.shows(">Artikel</th>").hides(">Aktiviert am</th>");
    let text = page.text();
    assert!(
        text.find(">Artikel</th>").unwrap() < text.find(">Name</th>").unwrap(),
        "in the order of the settings"
    );
}

#[test]
fn languages_are_chosen_and_remembered() {
    let world = World::new();
    let mut browser = Browser::at(&world.depot.address);
    browser.get("/").shows("Welcome to your licenses");
    let page = browser.post("/language", &[("language", "de"), ("back", "/restore")]);
    assert_eq!(page.path, "/restore");
    page.shows("<html lang=\"de\">").shows("Container wiederherstellen");
    browser.get("/").shows("Willkommen bei Ihren Lizenzen");
    // Nobody is sent to another site by it.
    for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "/a?b\r\nX: y"] {
        assert_eq!(browser.post("/language", &[("language", "en"), ("back", elsewhere)]).path, "/");
    }
    assert_eq!(browser.post("/language", &[("language", "xx")]).problem(), "invalid_value");
    // Problems are told in the visitor's language, with the server's own words beside.
    browser.post("/language", &[("language", "de")]);
    let page = browser.enter("AAAAA");
    page.shows("Vergleichen Sie").shows("Warum").shows("Was zu tun ist");
}

#[test]
fn switches_and_columns_hold_for_pages_and_for_requests() {
    let world = World::with(
        "[rules]\nallow_return = false\nallow_restore = false\nallow_automatic_update = false\nallow_offline = false\n",
    );
    let (ticket, license) = world.sell("A", 1, &[]);
    let computer = world.computer("one");
    let dongle = computer.dongle();
    computer.ok(&["activate", "--ticket", &ticket, "--container", &dongle]);
    let mut browser = Browser::at(&world.depot.address);
    let page = browser.enter(&ticket);
    page.hides("Return or move licenses").hides("Restore a container").hides("Automatic update");
    let reference = reference(&page);
    for path in ["/restore", "/automatic-update", &format!("/tickets/{reference}/deactivate")] {
        assert_eq!(browser.get(path).problem(), "portal_rule", "{path}");
    }
    let fields = [("action", "deactivate"), ("firm", "6000010"), ("license", &license), ("mode", "online")];
    assert_eq!(browser.post(&format!("/tickets/{reference}/transfers"), &fields).problem(), "portal_rule");
    let fields = [("action", "continue"), ("firm", "6000010"), ("mode", "offline")];
    assert_eq!(browser.post(&format!("/tickets/{reference}/transfers"), &fields).problem(), "portal_rule");
    // And for applications.
    let mut application = world.computer("one");
    application.server.clone_from(&world.depot.address);
    let code = application.fails(&["deactivate", "--ticket", &ticket, "--container", &dongle]);
    assert_eq!(code, "portal_rule");
    assert_eq!(application.fails(&["auto-update", "--container", &dongle]), "portal_rule");
}

#[test]
fn applications_work_through_the_gateway_under_the_same_rules() {
    let world = World::with("[rules]\nkeep_ticket_together = true\nselection = \"all\"\n");
    let (ticket, _) = world.sell("A", 2, &[]);
    let vendor = world.computer("vendor");
    vendor.ok(&["order", "create", "--order-id", "O-2", "--item", "A=3", "--ticket", "order:O-A"]);
    let license = world.licenses(&ticket)[0]["id"].as_str().unwrap().to_owned();
    let mut one = world.computer("one");
    one.server.clone_from(&world.depot.address);
    let shown = one.ok(&["ticket", "show", &ticket]);
    assert_eq!(shown["licenses"].as_array().unwrap().len(), 2);
    // An act license is made through the gateway as well; the rule takes all along.
    let act = one.act();
    let named = format!("{license}=1");
    one.ok(&["activate", "--ticket", &ticket, "--container", &act, "--license", &named]);
    assert_eq!(one.held(&act), 5);
    one.ok(&["deactivate", "--ticket", &ticket, "--container", &act, "--license", &named]);
    let mut two = world.computer("two");
    two.server.clone_from(&world.depot.address);
    let dongle = two.dongle();
    assert_eq!(
        two.fails(&["activate", "--ticket", &ticket, "--container", &dongle]),
        "ticket_stays_together"
    );
    // The same in the browser.
    let mut browser = Browser::at(&world.depot.address);
    let page = browser.enter(&ticket);
    let path = format!("/tickets/{}/activate/6000010/dongle", reference(&page));
    browser.get(&path).shows("All of these licenses are activated together.");
    let fields = [("action", "activate"), ("firm", "6000010"), ("kind", "dongle"), ("mode", "offline")];
    let upload = browser.post(&format!("/tickets/{}/transfers", reference(&page)), &fields);
    let refused = browser.upload(&upload.path, &two.context(&dongle));
    assert_eq!(refused.problem(), "ticket_stays_together");
    refused.shows(&act);
    one.ok(&["activate", "--ticket", &ticket, "--container", &act]);
    // Nothing of the vendor is reachable from here.
    assert_eq!(one.fails(&["order", "show", "O-2"]), "not_found");
    assert_eq!(one.fails(&["item", "list"]), "not_found");
    // Wrong tickets are told as the central server tells them.
    assert_eq!(one.fails(&["ticket", "show", "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA"]), "ticket_mistyped");
}

/// A vendor's check of activations that answers what it is told, and says what it was asked.
fn vendor_check(answers: Vec<&'static str>) -> (String, mpsc::Receiver<serde_json::Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/check", listener.local_addr().unwrap());
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            send.send(serde_json::from_slice(&body).unwrap()).unwrap();
            let mut stream = stream;
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
            stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
        }
    });
    (address, receive)
}

#[test]
fn the_vendor_is_asked_before_an_activation_and_knows_what_was_entered() {
    let answers =
        vec![r#"{"allow":false,"message":"Please call us first."}"#, "nonsense", r#"{"allow":true}"#];
    let (address, asked) = vendor_check(answers);
    let field = "name = \"installer\"\nlabel = { en = \"Your name\", de = \"Ihr Name\" }\nrequired = true";
    let world = World::with(&format!("[rules.check]\nurl = \"{address}\"\n[[rules.data]]\n{field}\n"));
    let (ticket, license) = world.sell("A", 1, &["--containers", "dongle"]);
    let computer = world.computer("one");
    let dongle = computer.dongle();
    let mut browser = Browser::at(&world.depot.address);
    let page = browser.enter(&ticket);
    browser.get(&format!("/tickets/{}/activate", reference(&page))).shows("Your name").shows("required");
    let begin = format!("/tickets/{}/transfers", reference(&page));
    let fields =
        [("action", "activate"), ("firm", "6000010"), ("license", license.as_str()), ("mode", "offline")];
    assert_eq!(browser.post(&begin, &fields).problem(), "data_missing");
    let entered = [fields.as_slice(), &[("data-installer", "Ada")]].concat();
    let upload = browser.post(&begin, &entered);
    let context = computer.context(&dongle);
    let refused = browser.upload(&upload.path, &context);
    assert_eq!((refused.status, refused.problem().as_str()), (403, "activation_check_refused"));
    refused.shows("Please call us first.");
    let question = asked.recv().unwrap();
    assert_eq!(question["data"]["installer"], "Ada");
    assert_eq!(question["container"], dongle.as_str());
    assert_eq!(
        (question["licenses"][0]["quantity"].clone(), question["licenses"][0]["item"].clone()),
        (1.into(), "A".into())
    );
    assert!(!question.to_string().contains(&ticket), "the ticket is not the check's business");
    // An answer that is none is no permission.
    assert_eq!(browser.upload(&upload.path, &context).problem(), "activation_check_failed");
    assert_eq!(world.licenses(&ticket)[0]["available"], 1);
    browser.upload(&upload.path, &context).shows("Download license update file now");
    assert_eq!(world.licenses(&ticket)[0]["activating"], 1);
    // Nobody listens there any more.
    let (ticket, license) = world.sell("B", 1, &["--containers", "dongle"]);
    let page = browser.enter(&ticket);
    let fields = [
        ("action", "activate"),
        ("firm", "6000010"),
        ("license", license.as_str()),
        ("mode", "offline"),
        ("data-installer", "Ada"),
    ];
    let upload = browser.post(
        &format!(
            "/tickets/{}/transfers",
            page.text().rsplit("/tickets/").next().map_or(String::new(), |rest| rest
                .split('/')
                .next()
                .unwrap_or_default()
                .to_owned())
        ),
        &fields,
    );
    assert_eq!(browser.upload(&upload.path, &computer.context(&dongle)).problem(), "activation_check_failed");
    // An application that says nothing is told what is missing.
    let mut application = world.computer("two");
    application.server.clone_from(&world.depot.address);
    let dongle = application.dongle();
    assert_eq!(application.fails(&["activate", "--ticket", &ticket, "--container", &dongle]), "data_missing");
}

#[test]
fn several_tickets_side_by_side_and_several_depots_before_one_server() {
    let key = tempfile::tempdir().unwrap();
    let file = key.path().join("key");
    std::fs::write(&file, "5a".repeat(32)).unwrap();
    let settings = format!("[session]\nkey_file = {file:?}\ntickets = 2\n");
    let world = World::with(&settings);
    let (first, _) = world.sell("A", 1, &[]);
    let (second, _) = world.sell("B", 1, &[]);
    let mut browser = Browser::at(&world.depot.address);
    let page = browser.enter(&format!("{first}\n{second}"));
    page.shows("SampleNotePad A").shows("SampleNotePad B");
    let other = world.another_depot(&settings);
    let mut elsewhere = Browser::at(&other.address);
    elsewhere.cookies = browser.cookies.clone();
    let page = elsewhere.get("/licenses");
    page.shows("SampleNotePad A").shows("SampleNotePad B");
    elsewhere.post(&format!("/tickets/{}/forget", reference(&page)), &[]).hides("SampleNotePad A");
    elsewhere.post("/leave", &[]).shows("Welcome to your licenses");
    assert_eq!(elsewhere.get("/licenses").path, "/");
}
