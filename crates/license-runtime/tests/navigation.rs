//! Transfers by navigation: the portal's form, the agent's own page, the way back; and what an evil page can do
//! with it, which is nothing.

#[path = "support/page.rs"]
mod page;
#[path = "support/runtime.rs"]
mod support;

use license_runtime::agent::Ask;
use licensing_core::access::AccessRequest;
use licensing_core::item::ItemPolicy;
use licensing_core::terms::LicenseTerms;
use licensing_testkit::server::{firm, product};
use licensing_wire::binary::{from_base64, to_base64};
use page::{Local, PORTAL, Vendor};
use serde_json::{Value, json};
use support::{activate, template};

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) =
        page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {page}"));
    let value = rest.split_once('"').expect("the end of the value").0;
    value
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// The portal's form, as a browser sends it from an https page: without an origin it could be known by.
fn opened(local: &Local, grant: &str, requests: &Value) -> (String, String) {
    let fields = [
        ("Host", &*local.host()),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ];
    local.form("/agent/v1/open", &fields, &form(grant, &requests.to_string()))
}

fn form<'a>(grant: &'a str, requests: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("origin", PORTAL),
        ("grant", grant),
        ("requests", requests),
        ("return", "/transfer/back"),
        ("state", "s-1"),
    ]
}

/// The user's click on the agent's page.
fn confirmed(local: &Local, fields: &[(&str, &str)]) -> (String, String) {
    let origin = format!("http://{}", local.host());
    let own = [("Host", &*local.host()), ("Origin", &*origin), ("Sec-Fetch-Site", "same-origin")];
    local.form("/agent/v1/confirm", &own, fields)
}

/// Opens, allows, and gives the answers the portal receives.
fn through(local: &Local, grant: &str, requests: &Value, container: Option<&str>) -> Vec<Value> {
    let (head, shown) = opened(local, grant, requests);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head} {shown}");
    let token = hidden(&shown, "token");
    let mut fields = vec![("token", token.as_str()), ("decision", "allow")];
    fields.extend(container.map(|name| ("container", name)));
    let (head, result) = confirmed(local, &fields);
    assert!(head.contains("form-action https://portal.example;"), "{head}");
    assert!(result.contains("action=\"https://portal.example/transfer/back\""), "{result}");
    assert_eq!(hidden(&result, "state"), "s-1");
    serde_json::from_str(&hidden(&result, "answers")).expect("answers")
}

fn bytes(value: &Value) -> Vec<u8> {
    from_base64(value.as_str().expect("base64"), 1 << 20).expect("base64")
}

#[test]
fn p5_a_license_is_transferred_without_a_connection_of_the_page() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let mut server = vendor.server();
    let grant = vendor.grant(PORTAL);
    let made = json!([
        { "verb": "register_template", "template": to_base64(&template(&server)) },
        { "verb": "create_context" },
    ]);
    let answers = through(&local, &grant, &made, None);
    let container = answers[0]["ok"]["container"].clone();
    assert_eq!(answers[1]["ok"]["container"], container, "the one that was just made");
    let (ticket, _) = server.order(LicenseTerms::default(), ItemPolicy::default(), 1);
    let update = server.activate(&bytes(&answers[1]["ok"]["context"]), ticket, &[]).expect("an update");
    let import = json!([
        { "verb": "import_update", "container": container, "update": to_base64(&update) },
        { "verb": "receipt", "container": container },
    ]);
    let answers = through(&local, &grant, &import, None);
    assert_eq!(answers[0]["ok"]["applied"], 1);
    server.receipt(&bytes(&answers[1]["ok"]["context"])).expect("a receipt");
    server.check_books();
    let mut computer = local.runtime.computer();
    computer.access(firm(), &AccessRequest::product(product())).expect("asked").outcome.expect("usable");
    assert!(computer.agent_list().expect("a list").0.is_empty(), "a click allows what it allows, once");
}

#[test]
fn the_user_chooses_the_container_where_the_portal_cannot() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let (mut server, mut computer) = (vendor.server(), local.runtime.computer());
    let first = computer.create_dongle(0).expect("a dongle").serial();
    let second = computer.create_dongle(0).expect("a dongle").serial();
    activate(&mut server, &mut computer, second, LicenseTerms::default(), 1);
    let grant = vendor.grant(PORTAL);
    let (_, shown) = opened(&local, &grant, &json!([{ "verb": "create_context" }]));
    assert!(shown.contains(&first.to_string()) && shown.contains(&second.to_string()));
    let (before, _) = shown.split_once(&second.to_string()).expect("shown");
    let name = before.rsplit("value=\"").next().and_then(|rest| rest.split('"').next()).expect("its name");
    let fields = [("token", &*hidden(&shown, "token")), ("decision", "allow"), ("container", name)];
    let (_, result) = confirmed(&local, &fields);
    let answers: Vec<Value> = serde_json::from_str(&hidden(&result, "answers")).expect("answers");
    let makers = [licensing_core::trust::emulator_maker().public_key()];
    let context = bytes(&answers[0]["ok"]["context"]);
    let context =
        licensing_core::format::context::VerifiedContext::verify(&context, &makers).expect("genuine");
    assert_eq!(context.serial(), second);
    let nothing = through(&local, &grant, &json!([{ "verb": "create_context" }]), Some("00"));
    assert_eq!(nothing[0]["error"]["code"], "agent_container_unknown");
}

#[test]
fn opening_changes_nothing_and_refusing_tells_only_that() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let server = vendor.server();
    let made = json!([{ "verb": "register_template", "template": to_base64(&template(&server)) }]);
    let (head, shown) = opened(&local, &vendor.grant(PORTAL), &made);
    for protection in [
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "X-Frame-Options: DENY",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
    ] {
        assert!(head.contains(protection), "{protection}: {head}");
    }
    assert!(shown.contains("https://portal.example") && shown.contains("Sample Vendor"));
    assert!(!shown.contains("<script"));
    assert!(local.runtime.computer().list().expect("a list").is_empty());
    let (_, result) = confirmed(&local, &[("token", &hidden(&shown, "token")), ("decision", "refuse")]);
    let answers: Vec<Value> = serde_json::from_str(&hidden(&result, "answers")).expect("answers");
    assert_eq!((answers.len(), &answers[0]["error"]["code"]), (1, &json!("agent_consent_refused")));
    assert!(local.runtime.computer().list().expect("a list").is_empty());
}

#[test]
fn t15_an_evil_page_cannot_confirm() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let server = vendor.server();
    let made = json!([{ "verb": "register_template", "template": to_base64(&template(&server)) }]);
    let (_, shown) = opened(&local, &vendor.grant(PORTAL), &made);
    let token = hidden(&shown, "token");
    let (host, own) = (local.host(), format!("http://{}", local.host()));
    let fields = [("token", token.as_str()), ("decision", "allow")];
    let localhost = format!("http://localhost:{}", local.port);
    for (what, head) in [
        ("no origin", vec![("Host", host.as_str())]),
        ("null", vec![("Host", &host), ("Origin", "null")]),
        ("evil", vec![("Host", &host), ("Origin", "https://evil.example")]),
        ("the portal itself", vec![("Host", &host), ("Origin", PORTAL)]),
        ("https", vec![("Host", &host), ("Origin", "https://127.0.0.1")]),
        ("another name of this computer", vec![("Host", &host), ("Origin", &localhost)]),
        ("cross-site", vec![("Host", &host), ("Origin", &own), ("Sec-Fetch-Site", "cross-site")]),
        ("same-site", vec![("Host", &host), ("Origin", &own), ("Sec-Fetch-Site", "same-site")]),
        ("rebound", vec![("Host", "evil.example"), ("Origin", "http://evil.example")]),
    ] {
        let (status, _) = local.form("/agent/v1/confirm", &head, &fields);
        assert!(status.starts_with("HTTP/1.1 403 "), "{what}: {status}");
    }
    let (guessed, _) = confirmed(&local, &[("token", &"0".repeat(64)), ("decision", "allow")]);
    assert!(guessed.starts_with("HTTP/1.1 403 "));
    assert!(local.runtime.computer().list().expect("a list").is_empty(), "nothing was done");
    let (good, _) = confirmed(&local, &fields);
    assert!(good.starts_with("HTTP/1.1 200 "), "the user himself can: {good}");
    let (again, _) = confirmed(&local, &fields);
    assert!(again.starts_with("HTTP/1.1 403 "), "a token works once");
    assert_eq!(local.runtime.computer().list().expect("a list").len(), 1);
}

#[test]
fn only_a_navigation_with_the_portals_grant_opens_the_page() {
    let (local, vendor) = (Local::start(Ask::Nobody), Vendor::new(1));
    let (grant, host) = (vendor.grant(PORTAL), local.host());
    let list = json!([{ "verb": "list" }]).to_string();
    let base = [("Host", host.as_str())];
    for extra in [
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Dest", "iframe"),
        ("Sec-Fetch-Dest", "empty"),
        ("Origin", "https://evil.example"),
        ("Origin", "https://portal.example.evil.example"),
    ] {
        let fields = [base[0], extra];
        let (status, _) = local.form("/agent/v1/open", &fields, &form(&grant, &list));
        assert!(status.starts_with("HTTP/1.1 403 "), "{extra:?}: {status}");
    }
    let with = |name: &'static str, value: &str| {
        let mut fields: Vec<(&str, String)> =
            form(&grant, &list).iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value.to_owned()));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        local.form("/agent/v1/open", &base, &fields).0
    };
    let other_grant = vendor.grant("https://evil.example");
    for (name, value) in [
        ("grant", other_grant.as_str()),
        ("grant", ""),
        ("origin", "https://evil.example"),
        ("return", "//evil.example/x"),
        ("return", "https://evil.example/x"),
        ("return", "back"),
        ("return", "/x?y=\"><script>"),
        ("return", "/@evil.example"),
        ("state", ""),
        ("state", "\"><script>"),
        ("requests", "[]"),
        ("requests", r#"[{"verb":"consent"}]"#),
        ("requests", r#"[{"verb":"configure"}]"#),
        ("requests", r#"[{"verb":"list"},{"verb":"list"},{"verb":"list"},{"verb":"list"},{"verb":"list"}]"#),
    ] {
        let status = with(name, value);
        assert!(status.starts_with("HTTP/1.1 40"), "{name}={value}: {status}");
    }
    assert!(with("state", "fine").starts_with("HTTP/1.1 200 "));
    for method in ["GET", "PUT", "OPTIONS"] {
        let answer =
            local.raw(format!("{method} /agent/v1/open HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    }
    let json = format!(
        "POST /agent/v1/open HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    assert!(local.raw(json.as_bytes()).starts_with("HTTP/1.1 415 "));
    let endless = format!(
        "POST /agent/v1/open HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99999999\r\n\r\n"
    );
    assert!(local.raw(endless.as_bytes()).starts_with("HTTP/1.1 413 "));
    let chunked = format!(
        "POST /agent/v1/open HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    assert!(local.raw(chunked.as_bytes()).starts_with("HTTP/1.1 411 "));
}
