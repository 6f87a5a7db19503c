//! The browser agent, seen from pages: the portal it is for, and everybody else.

#[path = "support/page.rs"]
mod page;
#[path = "support/runtime.rs"]
mod support;

use license_runtime::agent::Ask;
use licensing_core::access::AccessRequest;
use licensing_core::crypto::sign::SigningKey;
use licensing_core::format::origin_grant::OriginGrant;
use licensing_core::ids::FirmCode;
use licensing_core::item::ItemPolicy;
use licensing_core::origin::Origin;
use licensing_core::terms::LicenseTerms;
use licensing_testkit::server::{firm, product};
use licensing_wire::binary::{from_base64, to_base64};
use page::{Local, PORTAL, Vendor};
use serde_json::{Value, json};
use support::{activate, template};

fn bytes(value: &Value) -> Vec<u8> {
    from_base64(value.as_str().expect("base64"), 1 << 20).expect("base64")
}

/// Origins that are not the portal's, but would like to be.
const ORIGINS: [&str; 40] = [
    "https://portal.example",
    "http://portal.example",
    "https://portal.example:443",
    "https://portal.example:8443",
    "https://portal.example/",
    "https://portal.example.",
    "https://portal.example.evil.example",
    "https://portal.exampleevil.example",
    "https://evil-portal.example",
    "https://sub.portal.example",
    "https://xportal.example",
    "https://portal.exampl",
    "https://portal.examplee",
    "https://PORTAL.example",
    "https://Portal.Example",
    "HTTPS://portal.example",
    "https://portal.example@evil.example",
    "https://evil.example@portal.example",
    "https://portal.example:pass@evil.example",
    "https://portal.example#evil.example",
    "https://portal.example?evil.example",
    "https://portal.example\\evil.example",
    "https://portal.example%2eevil.example",
    "https://portal.example evil.example",
    "https://portal.example, https://evil.example",
    "https://evil.example, https://portal.example",
    "https://evil.example",
    "https://xn--portal-example.example",
    "https://p\u{f6}rtal.example",
    "https://127.0.0.1",
    "http://127.0.0.1",
    "http://localhost",
    "https://[::1]",
    "null",
    "*",
    "",
    "file://",
    "chrome-extension://abcdefghijklmnop",
    "//portal.example",
    "portal.example",
];

#[test]
fn v4_cve_2020_14519_only_the_granted_origin_at_the_agents_own_address_is_let_in() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let grant = vendor.grant(PORTAL);
    let port = local.port;
    let ours = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")];
    let foreign = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port.wrapping_add(1)),
        format!("LOCALHOST:{port}"),
        format!("localhost.:{port}"),
        format!("0.0.0.0:{port}"),
    ];
    let mut passed = 0;
    for origin in ORIGINS {
        for host in ours.iter().chain(&foreign) {
            let status = local.attempt(&Local::upgrade(&grant, &[("Host", host), ("Origin", origin)]));
            let is_listed = origin == PORTAL && ours.contains(host);
            assert_eq!(status == "101", is_listed, "{origin:?} at {host:?}: {status}");
            assert!(is_listed || status == "403" || status == "400", "{origin:?} at {host:?}: {status}");
            passed += u32::from(is_listed);
        }
    }
    assert_eq!(passed, 3);
    // Absent, or there twice.
    let host = local.host();
    for fields in [
        vec![("Host", host.as_str())],
        vec![("Origin", PORTAL)],
        vec![("Host", &host), ("Host", &host), ("Origin", PORTAL)],
        vec![("Host", &host), ("Origin", PORTAL), ("Origin", PORTAL)],
        vec![("Host", &host), ("Origin", PORTAL), ("Origin", "https://evil.example")],
    ] {
        assert_eq!(local.attempt(&Local::upgrade(&grant, &fields)), "403", "{fields:?}");
    }
}

#[test]
fn t18_a_name_that_was_made_to_point_here_reaches_nothing() {
    let local = Local::start(Ask::Nobody);
    let evil = format!("evil.example:{}", local.port);
    // The page of a rebound name is of one origin with the agent, as its browser sees it.
    let origin = format!("http://{evil}");
    for path in ["/agent/v1", "/agent/v1/open", "/agent/v1/confirm", "/", "/anything"] {
        for method in ["GET", "POST", "OPTIONS", "PUT"] {
            let answer = local.raw(
                format!("{method} {path} HTTP/1.1\r\nHost: {evil}\r\nOrigin: {origin}\r\n\r\n").as_bytes(),
            );
            assert!(answer.starts_with("HTTP/1.1 403 "), "{method} {path}: {answer}");
            assert!(!answer.to_ascii_lowercase().contains("access-control-"), "{answer}");
        }
    }
}

#[test]
fn grants_must_be_genuine_valid_and_the_pages_own() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let facts = vendor.facts(PORTAL);
    let now = license_runtime::SystemClock.now();
    let ago = |secs| licensing_core::time::Timestamp::from_secs(now.secs() - secs);
    let forger = SigningKey::from_seed([200; 32]);
    let forged = facts.sign(vendor.firm_certificate.clone(), &forger);
    let good = data_encoding::BASE64URL_NOPAD.decode(vendor.grant(PORTAL).as_bytes()).expect("base64url");
    let mut flipped = good.clone();
    flipped[60] ^= 1;
    let encode = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    let far = OriginGrant { not_after: now.plus_days(1_000), ..facts.clone() };
    for (what, grant) in [
        ("absent", String::new()),
        ("garbage", "AAAA".to_owned()),
        ("forged", encode(&forged)),
        ("changed", encode(&flipped)),
        ("truncated", encode(&good[..good.len() - 1])),
        ("expired", vendor.grant_of(&OriginGrant { not_after: ago(1), ..facts.clone() })),
        ("not yet valid", vendor.grant_of(&OriginGrant { not_before: now.plus_days(1), ..facts.clone() })),
        ("for ever", vendor.grant_of(&far)),
        ("of another page", vendor.grant("https://other.example")),
        ("oversized", "A".repeat(9_000)),
    ] {
        let head = Local::upgrade(&grant, &[("Host", &local.host()), ("Origin", PORTAL)]);
        assert_eq!(local.attempt(&head), "403", "{what}");
    }
    assert_eq!(local.page(PORTAL, &vendor.grant(PORTAL)).greeting["consent"], "required");
}

#[test]
fn another_root_for_a_known_firm_code_is_refused() {
    let (local, vendor, impostor) = (Local::start(Ask::Nobody), Vendor::new(1), Vendor::new(2));
    let mut computer = local.runtime.computer();
    computer.create_act(&template(&vendor.server())).expect("an act license");
    let evil = "https://evil.example";
    let attempt = |origin: &str, vendor: &Vendor| {
        local.attempt(&Local::upgrade(&vendor.grant(origin), &[("Host", &local.host()), ("Origin", origin)]))
    };
    assert_eq!(attempt(evil, &impostor), "403", "the containers know another root");
    assert_eq!(attempt(PORTAL, &vendor), "101");
    // Where no container knows the vendor, the first root the user consents to counts.
    let fresh = Local::start(Ask::Nobody);
    fresh.allow(PORTAL);
    drop(fresh.page(PORTAL, &vendor.grant(PORTAL)));
    let head = Local::upgrade(&impostor.grant(evil), &[("Host", &fresh.host()), ("Origin", evil)]);
    assert_eq!(fresh.attempt(&head), "403");
}

#[test]
fn t19_nothing_is_seen_or_changed_before_the_user_allows_it_and_names_cannot_be_linked() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let mut computer = local.runtime.computer();
    let act = computer.create_act(&template(&vendor.server())).expect("an act license").serial();
    let grant = vendor.grant(PORTAL);
    let mut page = local.page(PORTAL, &grant);
    let before = page.ok(json!({ "verb": "list" }));
    assert_eq!(before["consent"], "required");
    let shown = before["containers"][0].as_object().expect("a container");
    assert_eq!(shown.keys().collect::<Vec<_>>(), ["container", "kind"], "a passing name and the kind");
    assert!(!before.to_string().contains(&act.to_string()));
    let name = before["containers"][0]["container"].clone();
    for request in [
        json!({ "verb": "create_context", "container": name }),
        json!({ "verb": "receipt", "container": name }),
        json!({ "verb": "import_update", "container": name, "update": "AAAA" }),
        json!({ "verb": "register_template", "template": to_base64(&template(&vendor.server())) }),
    ] {
        page.refused("agent_consent_required", request);
    }
    assert_eq!(computer.list().expect("a list").len(), 1, "nothing was made");
    let again = local.page(PORTAL, &grant).ok(json!({ "verb": "list" }));
    assert_ne!(again["containers"][0]["container"], name, "forgotten with the connection");

    local.allow(PORTAL);
    let after = page.ok(json!({ "verb": "list" }));
    assert_eq!(after["containers"][0]["serial"], act.to_string());
    let lasting = after["containers"][0]["container"].clone();
    assert_ne!(lasting, name);
    assert_eq!(
        local.page(PORTAL, &grant).ok(json!({ "verb": "list" }))["containers"][0]["container"],
        lasting
    );
    page.refused("agent_container_unknown", json!({ "verb": "create_context", "container": name }));
    let other = "https://shop.example";
    local.allow(other);
    let seen = local.page(other, &vendor.grant(other)).ok(json!({ "verb": "list" }));
    assert_ne!(seen["containers"][0]["container"], lasting, "two origins have two names");

    computer.agent_revoke(&Origin::new(PORTAL).expect("an origin")).expect("revoked");
    page.refused("agent_consent_required", json!({ "verb": "create_context", "container": lasting }));
}

#[test]
fn p5_a_portal_brings_a_license_into_a_new_act_license_and_a_dongle() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let (mut server, mut computer) = (vendor.server(), local.runtime.computer());
    let dongle = computer.create_dongle(0).expect("a dongle").serial();
    local.allow(PORTAL);
    let mut page = local.page(PORTAL, &vendor.grant(PORTAL));
    assert_eq!(page.greeting["consent"], "granted");
    let made = page.ok(json!({ "verb": "register_template", "template": to_base64(&template(&server)) }));
    let listed = page.ok(json!({ "verb": "list" }));
    assert_eq!(listed["containers"].as_array().expect("containers").len(), 2);
    let of_dongle = listed["containers"].as_array().expect("containers").iter();
    let of_dongle = of_dongle.clone().find(|c| c["serial"] == dongle.to_string()).expect("the dongle");
    assert_eq!(of_dongle["holds_firm"], false);
    for container in [&made["container"], &of_dongle["container"]] {
        let (ticket, _) = server.order(LicenseTerms::default(), ItemPolicy::default(), 1);
        let context = bytes(&page.ok(json!({ "verb": "create_context", "container": container }))["context"]);
        let update = to_base64(&server.activate(&context, ticket, &[]).expect("an update"));
        let import = json!({ "verb": "import_update", "container": container, "update": update });
        assert_eq!(page.ok(import.clone())["applied"], 1);
        assert_eq!(page.ok(import)["already_applied"], 1, "importing again changes nothing");
        let receipt = bytes(&page.ok(json!({ "verb": "receipt", "container": container }))["context"]);
        server.receipt(&receipt).expect("a receipt");
    }
    server.check_books();
    let request = AccessRequest::product(product());
    computer.access(firm(), &request).expect("asked").outcome.expect("usable");
    let log = local.log.lock().expect("the log").join("\n");
    assert!(
        log.contains(r#""agent":"import_update","origin":"https://portal.example","outcome":"done""#),
        "{log}"
    );
    assert!(!log.contains(&dongle.to_string()), "the log names origins and requests, not containers");
}

#[test]
fn a_page_sees_and_handles_its_own_vendor_only() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let (mut server, mut computer) = (vendor.server(), local.runtime.computer());
    let act = computer.create_act(&template(&server)).expect("an act license").serial();
    let dongle = computer.create_dongle(0).expect("a dongle").serial();
    activate(&mut server, &mut computer, dongle, LicenseTerms::default(), 1);
    let other = Vendor::of(3, FirmCode::new(7_000_000).expect("a firm code"));
    let origin = "https://other.example";
    local.allow(origin);
    let mut page = local.page(origin, &other.grant(origin));
    let listed = page.ok(json!({ "verb": "list" }));
    let text = listed.to_string();
    assert!(!text.contains(&act.to_string()), "an act license of another vendor: {text}");
    assert_eq!(listed["containers"][0]["serial"], dongle.to_string());
    assert_eq!(listed["containers"][0]["holds_firm"], false, "what others put there is not told");
    let name = &listed["containers"][0]["container"];
    // A valid update of another vendor, which anyone may import from a disk, does not come in this way.
    let mut container = computer.container(dongle).expect("open");
    let context = container.create_context(firm(), computer.clock().now(), &mut page::entropy());
    let (ticket, _) = server.order(LicenseTerms::default(), ItemPolicy::default(), 1);
    let update = server.activate(&context.expect("a context"), ticket, &[]).expect("an update");
    let import = json!({ "verb": "import_update", "container": name, "update": to_base64(&update) });
    page.refused("agent_other_firm", import);
    let foreign = json!({ "verb": "register_template", "template": to_base64(&template(&server)) });
    page.refused("untrusted_signer", foreign);
    // Its own context says nothing of the others.
    let context = bytes(&page.ok(json!({ "verb": "create_context", "container": name }))["context"]);
    let makers = [licensing_core::trust::emulator_maker().public_key()];
    let context =
        licensing_core::format::context::VerifiedContext::verify(&context, &makers).expect("genuine");
    assert_eq!((context.firm_code(), context.body().products.len()), (other.firm_code, 0));
}

#[test]
fn what_was_recorded_is_not_obeyed_again() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    local.allow(PORTAL);
    let grant = vendor.grant(PORTAL);
    let mut first = local.page(PORTAL, &grant);
    let recorded = json!({ "verb": "list", "session": first.greeting["session"], "id": 5 }).to_string();
    assert!(first.send(&recorded)["error"].is_null());
    let code = |answer: Value| answer["error"]["code"].as_str().unwrap_or("none").to_owned();
    assert_eq!(code(first.send(&recorded)), "agent_request_invalid", "the same number again");
    let lower = json!({ "verb": "list", "session": first.greeting["session"], "id": 4 }).to_string();
    assert_eq!(code(first.send(&lower)), "agent_request_invalid");
    let mut second = local.page(PORTAL, &grant);
    assert_ne!(second.greeting["session"], first.greeting["session"]);
    assert_eq!(code(second.send(&recorded)), "agent_request_invalid", "another session");
    for bad in ["{}", "garbage", r#"{"verb":"list"}"#, r#"{"verb":"list","id":1}"#, "[]", "\u{0}"] {
        assert_eq!(code(second.send(bad)), "agent_request_invalid", "{bad}");
    }
    second.refused("agent_request_invalid", json!({ "verb": "export" }));
    second.refused("agent_request_invalid", json!({ "verb": "list", "file": "/etc/passwd" }));
}

#[test]
fn frames_requests_and_connections_are_bounded() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let grant = vendor.grant(PORTAL);
    let mut page = local.page(PORTAL, &grant);
    let large = json!({ "verb": "list", "padding": "x".repeat(300 << 10) }).to_string();
    // It may already be refused while it is being sent.
    let _ = page.socket.send(tungstenite::Message::text(large));
    let ended = loop {
        match page.socket.read() {
            Ok(tungstenite::Message::Text(text)) => break Some(text),
            Ok(_) => {}
            Err(_) => break None,
        }
    };
    assert_eq!(ended, None, "a frame that is too large ends the connection");

    let mut page = local.page(PORTAL, &grant);
    let codes: Vec<String> = (0..200)
        .map(|_| {
            page.request(json!({ "verb": "list" }))["error"]["code"].as_str().unwrap_or("none").to_owned()
        })
        .collect();
    let limited = codes.iter().filter(|code| *code == "agent_limit").count();
    assert!(limited > 0 && codes[0] == "none", "{limited} of 200 were limited");
    assert!(codes.iter().all(|code| code == "none" || code == "agent_limit"), "{codes:?}");

    // Connections are bounded in number; one more is closed at once.
    drop(page);
    let local = Local::start(Ask::Nobody);
    let open: Vec<_> = (0..16).map(|_| local.page(PORTAL, &grant)).collect();
    for _ in 0..4 {
        let head = Local::upgrade(&grant, &[("Host", &local.host()), ("Origin", PORTAL)]);
        assert_eq!(local.attempt(&head), "closed");
    }
    drop(open);
}

#[test]
fn the_user_is_asked_once_by_the_program_of_his_choice() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let dialog = |name: &str, exit: u8| {
        let path = folder.path().join(name);
        let seen = folder.path().join(format!("{name}.seen"));
        let script = format!("#!/bin/sh\nprintf '%s|' \"$@\" >> '{}'\nexit {exit}\n", seen.display());
        std::fs::write(&path, script).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("set");
        (path, seen)
    };
    let vendor = Vendor::new(1);
    let (yes, seen) = dialog("yes", 0);
    let local = Local::start(Ask::Program(yes));
    let mut page = local.page(PORTAL, &vendor.grant(PORTAL));
    assert_eq!(page.ok(json!({ "verb": "consent" }))["consent"], "granted");
    assert_eq!(page.ok(json!({ "verb": "consent" }))["consent"], "granted");
    let said = std::fs::read_to_string(&seen).expect("the dialog was shown");
    assert_eq!(said, "https://portal.example|Sample Vendor|6000010|", "asked once, and told who");
    assert_eq!(page.ok(json!({ "verb": "list" }))["consent"], "granted");

    let (no, seen) = dialog("no", 1);
    let local = Local::start(Ask::Program(no));
    let mut page = local.page(PORTAL, &vendor.grant(PORTAL));
    page.refused("agent_consent_refused", json!({ "verb": "consent" }));
    page.refused("agent_consent_refused", json!({ "verb": "consent" }));
    let said = std::fs::read_to_string(&seen).expect("the dialog was shown");
    assert_eq!(said.matches("portal.example").count(), 1, "a refused origin does not ask again at once");
    page.refused("agent_consent_required", json!({ "verb": "receipt", "container": "00" }));
}

#[test]
fn the_user_answers_with_cmtool() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    for (origin, answer) in [(PORTAL, true), ("https://other.example", false)] {
        let mut page = local.page(origin, &vendor.grant(origin));
        let asking = std::thread::spawn(move || page.request(json!({ "verb": "consent" })));
        let mut computer = local.runtime.computer();
        let pending = loop {
            let (_, pending) = computer.agent_list().expect("a list");
            if let Some(one) = pending.into_iter().next() {
                break one;
            }
            std::thread::yield_now();
        };
        assert_eq!((pending.origin.as_str(), pending.firm_name.as_str()), (origin, "Sample Vendor"));
        match answer {
            true => computer.agent_allow(&pending.origin).expect("allowed"),
            false => computer.agent_revoke(&pending.origin).expect("refused"),
        }
        let answered = asking.join().expect("an answer");
        if answer {
            assert_eq!(answered["ok"]["consent"], "granted");
        } else {
            assert_eq!(answered["error"]["code"], "agent_consent_refused");
        }
    }
    let (allowed, pending) = local.runtime.computer().agent_list().expect("a list");
    assert_eq!((allowed.len(), pending.len()), (1, 0));
}
