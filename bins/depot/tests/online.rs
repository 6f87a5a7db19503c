//! The addresses an online transfer uses, as the page's script and the license runtime use them; the containers are real.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "support/browser.rs"]
mod browser;
#[path = "support/world.rs"]
mod world;

use browser::{Browser, Page};
use licensing_testkit::proxy::Loser;
use licensing_wire::binary::{from_base64, to_base64};
use serde_json::{Value, json};
use world::World;

const SETTINGS: &str =
    "origin = \"https://portal.example\"\n[agent]\ngrants = [\"portal.grant\"]\nports = [7880, 7881]\n";

fn begin(browser: &mut Browser, ticket: &str, fields: &[(&str, &str)]) -> String {
    let page = browser.enter(ticket);
    let reference = page.link("/tickets/").split('/').nth(2).unwrap().to_owned();
    let page =
        browser.post(&format!("/tickets/{reference}/transfers"), &[&[("firm", "6000010")], fields].concat());
    page.path.split('/').nth(2).unwrap_or_else(|| panic!("{page:?}")).to_owned()
}

/// What the page's script sends.
fn call(browser: &mut Browser, id: &str, what: &str, fields: Value) -> (u16, Value) {
    let mut message = fields;
    message["csrf"] = json!(browser.token);
    browser.headers =
        vec!["Accept: application/json".to_owned(), "Origin: https://portal.example".to_owned()];
    let path = format!("/transfers/{id}/online/{what}");
    let page = browser.send("POST", &path, "application/json", message.to_string().as_bytes());
    browser.headers.clear();
    (
        page.status,
        serde_json::from_slice(&page.body).unwrap_or_else(|error| panic!("{error}: {}", page.text())),
    )
}

#[test]
fn the_pages_say_what_the_script_needs_and_the_policy_lets_it() {
    let world = World::with(SETTINGS);
    let (ticket, license) = world.sell("A", 2, &[]);
    let mut browser = Browser::at(&world.depot.address);
    let licenses = browser.enter(&ticket);
    let page = browser.get(&licenses.link("/tickets/").replace("/forget", "/activate/6000010/act"));
    page.shows("data-agent").shows("data-ports=\"7880 7881\"").shows("data-kind=\"act\"");
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.contains("connect-src 'self' ws://127.0.0.1:7880 ws://127.0.0.1:7881;"), "{policy}");
    assert!(policy.contains("form-action 'self' http://127.0.0.1:7880 http://127.0.0.1:7881;"), "{policy}");
    assert!(page.header("permissions-policy").contains("loopback-network=(self)"));
    let id = begin(
        &mut browser,
        &ticket,
        &[
            ("action", "activate"),
            ("kind", "act"),
            ("license", &license),
            ("mode", "online"),
            ("container", "new"),
        ],
    );
    let page = browser.get(&format!("/transfers/{id}/online"));
    page.shows("data-chosen=\"new\"").shows("data-stage=\"request\"").hides(&ticket);
    assert_eq!(page.text().matches("data-phase=").count(), 8);
    // Without a grant there is nothing of it, and the same button goes by file.
    let world = World::new();
    let (ticket, _) = world.sell("A", 2, &[]);
    let mut browser = Browser::at(&world.depot.address);
    let licenses = browser.enter(&ticket);
    let page = browser.get(&licenses.link("/tickets/").replace("/forget", "/activate/6000010/act"));
    page.hides("data-agent").shows("Offline license transfer");
    assert!(page.header("content-security-policy").contains("connect-src 'self';"));
}

#[test]
fn a_script_carries_a_transfer_and_may_stop_anywhere() {
    let world = World::with(SETTINGS);
    let (ticket, license) = world.sell("A", 2, &["--containers", "dongle"]);
    let computer = world.computer("one");
    let dongle = computer.dongle();
    let mut browser = Browser::at(&world.depot.address);
    let id = begin(
        &mut browser,
        &ticket,
        &[("action", "activate"), ("kind", "dongle"), ("license", &license), ("mode", "online")],
    );
    browser.get(&format!("/transfers/{id}/online"));
    let (status, template) = call(&mut browser, &id, "template", json!({}));
    assert!(status == 200 && template["template"].as_str().unwrap().len() > 100, "{template}");
    let context = to_base64(&computer.context(&dongle));
    let (status, answer) = call(&mut browser, &id, "request", json!({"context": context}));
    assert_eq!((status, answer["steps"].clone()), (200, json!(1)), "{answer}");
    // The page was reloaded: the same again; then with a newer context.
    assert_eq!(call(&mut browser, &id, "request", json!({"context": context})).1["update"], answer["update"]);
    let newer = to_base64(&computer.context(&dongle));
    let (_, again) = call(&mut browser, &id, "request", json!({"context": newer}));
    assert_eq!(again["steps"], 1, "{again}");
    assert_eq!(world.licenses(&ticket)[0]["activating"], 2, "nothing is taken twice");
    let (_, early) = call(&mut browser, &id, "receipt", json!({"context": newer}));
    assert_eq!(early["done"], false);
    computer.import(&from_base64(again["update"].as_str().unwrap(), 1 << 20).unwrap());
    let receipt = to_base64(&computer.context(&dongle));
    let (_, done) = call(&mut browser, &id, "receipt", json!({"context": receipt}));
    assert_eq!((done["done"].clone(), done["proven"].clone()), (json!(true), json!(1)));
    browser.get(&format!("/transfers/{id}")).shows("The licenses were activated.");
    assert_eq!(computer.held(&dongle), 2);
    // What is refused is told to the script in the visitor's language.
    browser.language = "de".to_owned();
    let (status, problem) = call(&mut browser, &id, "receipt", json!({"context": "AAAA"}));
    assert_eq!((status, problem["code"].clone()), (422, json!("not_our_format")));
    assert_eq!(problem["shown"]["title"], "Das ist keine Datei dieses Systems.");
    // And what the runtime refuses, by its code.
    browser.headers = vec!["Accept: application/json".to_owned()];
    let page = browser.get("/problems/agent_consent_refused");
    let told: Value = serde_json::from_slice(&page.body).unwrap();
    assert_eq!(told["shown"]["title"], "Sie haben es dem Portal nicht erlaubt.");
    browser.headers.clear();
    browser.language = "en".to_owned();
    browser.get("/problems/blocking_period").shows("lets some time pass");
    assert_eq!(browser.get("/problems/nonsense").status, 404);
}

fn hidden(page: &Page, name: &str) -> String {
    let text = page.text();
    let (_, rest) =
        text.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {text}"));
    rest.split('"').next().unwrap().replace("&quot;", "\"")
}

#[test]
fn a_wish_whose_answer_was_lost_is_not_granted_twice() {
    let world = World::with(SETTINGS);
    let (ticket, license) = world.sell("A", 5, &["--containers", "dongle"]);
    let computer = world.computer("one");
    let dongle = computer.dongle();
    let central = world.central.address.trim_start_matches("http://").parse().unwrap();
    let proxy = Loser::start(central).unwrap();
    let depot = world.depot_before(&format!("http://{}", proxy.address), SETTINGS);
    let mut browser = Browser::at(&depot.address);
    let quantity = format!("quantity-{license}");
    let wish = [
        ("action", "activate"),
        ("kind", "dongle"),
        ("license", &license),
        (&quantity, "2"),
        ("mode", "online"),
    ];
    let id = begin(&mut browser, &ticket, &wish);
    proxy.lose("POST /api/v1/activations");
    let first = to_base64(&computer.context(&dongle));
    let (_, problem) = call(&mut browser, &id, "request", json!({"context": first}));
    assert_eq!(problem["code"], "server_unreachable", "{problem}");
    assert!(proxy.done() > 0);
    assert_eq!(world.licenses(&ticket)[0]["activating"], 2, "it was granted, and nobody was told");
    // Still nothing arrives, so a newer request is not asked either.
    let newer = to_base64(&computer.context(&dongle));
    let (status, _) = call(&mut browser, &id, "request", json!({"context": newer}));
    assert_ne!(status, 200);
    assert_eq!(world.licenses(&ticket)[0]["activating"], 2);
    proxy.lose("");
    let (status, answer) = call(&mut browser, &id, "request", json!({"context": newer}));
    assert_eq!((status, answer["steps"].clone()), (200, json!(1)), "{answer}");
    assert_eq!(world.licenses(&ticket)[0]["activating"], 2, "granted once");
    computer.import(&from_base64(answer["update"].as_str().unwrap(), 1 << 20).unwrap());
    let receipt = to_base64(&computer.context(&dongle));
    let (_, done) = call(&mut browser, &id, "receipt", json!({"context": receipt}));
    assert_eq!(done["done"], json!(true), "{done}");
    assert_eq!(computer.held(&dongle), 2);
    assert_eq!(world.licenses(&ticket)[0]["available"], 3);
}

/// What the license runtime's page sends, from its own origin and without a cookie.
fn come_back(world: &World, state: &str, answers: &Value) -> Page {
    let mut window = Browser::at(&world.depot.address);
    window.headers = vec!["Origin: null".to_owned(), "Sec-Fetch-Site: cross-site".to_owned()];
    let page = window.post_as_is("/agent/back", &[("state", state), ("answers", &answers.to_string())]);
    assert!(window.cookies.is_empty(), "it would replace the visitor's cookie");
    page
}

#[test]
fn by_navigation_each_answer_belongs_to_one_visitor_transfer_and_step() {
    let world = World::with(SETTINGS);
    let (ticket, license) = world.sell("A", 2, &["--containers", "dongle"]);
    let computer = world.computer("one");
    let dongle = computer.dongle();
    let mut browser = Browser::at(&world.depot.address);
    let fields =
        [("action", "activate"), ("kind", "dongle"), ("license", license.as_str()), ("mode", "navigation")];
    let id = begin(&mut browser, &ticket, &fields);
    let page = browser.get(&format!("/transfers/{id}/navigate"));
    page.shows("action=\"http://127.0.0.1:7880/agent/v1/open\"").shows("value=\"/agent/back\"");
    assert_eq!(hidden(&page, "origin"), "https://portal.example");
    assert_eq!(hidden(&page, "requests"), "[{\"verb\":\"create_context\"}]");
    let state = hidden(&page, "state");
    assert!(state.len() <= 256 && state.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{state}");
    let context = to_base64(&computer.context(&dongle));
    let answers = json!([{"ok": {"container": "00ff", "context": context}}]);
    // Coming back changes nothing; the visitor's click does.
    let page = come_back(&world, &state, &answers);
    page.shows(&format!("/transfers/{id}/answers"));
    assert_eq!(world.licenses(&ticket)[0]["available"], 2);
    let path = format!("/transfers/{id}/answers");
    let (state_shown, answers_shown) = (hidden(&page, "state"), answers.to_string());
    let send = |browser: &mut Browser, state: &str, answers: &str| {
        browser.post(&path, &[("state", state), ("answers", answers)])
    };
    // Neither with another state, nor by another visitor, nor from another page.
    let forged = format!("{}0", &state[..state.len() - 1]);
    let forged = if forged == state { format!("{}1", &state[..state.len() - 1]) } else { forged };
    assert_eq!(send(&mut browser, &forged, &answers_shown).problem(), "transfer_forgotten");
    let mut thief = Browser::at(&world.depot.address);
    thief.get("/");
    assert_eq!(send(&mut thief, &state_shown, &answers_shown).problem(), "transfer_forgotten");
    browser.headers = vec!["Origin: https://evil.example".to_owned()];
    assert_eq!(send(&mut browser, &state_shown, &answers_shown).problem(), "portal_origin");
    browser.headers.clear();
    assert_eq!(world.licenses(&ticket)[0]["available"], 2);
    // The runtime's refusal is told.
    let refused = json!([{"error": {"code": "agent_consent_refused", "message": "<b>x</b>"}}]).to_string();
    let page = send(&mut browser, &state, &refused);
    assert_eq!(page.problem(), "agent_consent_refused");
    page.hides("<b>x</b>");
    let page = send(&mut browser, &state_shown, &answers_shown);
    assert_eq!(page.path, format!("/transfers/{id}/online"), "{}", page.text());
    assert_eq!(world.licenses(&ticket)[0]["activating"], 2);
    // The same answer a second time is of an earlier step.
    assert_eq!(send(&mut browser, &state_shown, &answers_shown).problem(), "transfer_forgotten");
    let page = browser.get(&format!("/transfers/{id}/navigate"));
    let requests: Value = serde_json::from_str(&hidden(&page, "requests")).unwrap();
    assert_eq!(
        (requests[0]["verb"].clone(), requests[0]["container"].clone()),
        (json!("import_update"), json!("00ff"))
    );
    computer.import(&from_base64(requests[0]["update"].as_str().unwrap(), 1 << 20).unwrap());
    let receipt = to_base64(&computer.context(&dongle));
    let answers = json!([{"ok": {"applied": 1}}, {"ok": {"container": "00ff", "context": receipt}}]);
    let state = hidden(&page, "state");
    come_back(&world, &state, &answers).shows("Continue");
    send(&mut browser, &state, &answers.to_string()).shows("The licenses were activated.");
    assert_eq!((computer.held(&dongle), world.licenses(&ticket)[0]["active"].clone()), (2, json!(2)));
    // Nonsense from outside.
    assert_eq!(come_back(&world, "x", &answers).status, 422);
    assert_eq!(come_back(&world, &"a".repeat(300), &answers).status, 422);
}

#[test]
fn a_portal_with_a_grant_for_elsewhere_does_not_start() {
    let world = World::new();
    let file = world.path("wrong.toml");
    std::fs::write(&file, SETTINGS.replace("portal.example", "other.example")).unwrap();
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_depot")).args(["config", "check", &file]).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(said.contains("portal.grant") && said.contains("https://other.example"), "{said}");
}
