//! Mail to customers: what arrives is what was shown, once, and nothing is said that was not asked for.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "support/data.rs"]
mod data;
#[path = "mail/others.rs"]
mod others;
#[path = "users/world.rs"]
#[expect(dead_code, reason = "the tests of users need more of it")]
mod world;

use central_server::config::Config;
use central_server::mail::MailSettings;
use data_encoding::BASE64;
use licensing_testkit::mail::{Mail, MailServer, Manner};
use serde_json::{Value, json};
use world::{Answered, Browser, World};

/// Of every user.
const PASSWORD: &str = "correct horse battery";
const PATH: &str = "/api/v1/orders/O-1/mail";

fn settings(server: &MailServer) -> MailSettings {
    MailSettings {
        host: server.address.ip().to_string(),
        port: server.address.port(),
        tls: "none".to_owned(),
        from: "Größe & Söhne <licenses@vendor.example>".to_owned(),
        reply_to: "sales@vendor.example".to_owned(),
        ..MailSettings::default()
    }
}

async fn world_with(mail: MailSettings) -> (World, String) {
    let world = World::with(Config { mail, ..Config::default() });
    let item = json!({"id": "A", "name": "Größe <b> & \"x\" 日本語", "firm_code": 6_000_010, "product_code": 201_000});
    assert_eq!(world.admin("POST", "/api/v1/items", &item).await.status, 201);
    let order = json!({"order_id": "O-1", "items": [{"item": "A", "quantity": 3}]});
    let placed = world.admin("POST", "/api/v1/orders", &order).await;
    let ticket = placed.json["ticket"].as_str().unwrap().to_owned();
    (world, ticket)
}

async fn world(server: &MailServer) -> (World, String) {
    world_with(settings(server)).await
}

async fn mail(world: &World, to: &str, key: &str) -> Answered {
    let token = format!("Bearer {}", world.token());
    let headers = [("authorization", token.as_str()), ("idempotency-key", key)];
    world.send("POST", PATH, &json!({"to": to}), &Browser::default(), &headers).await
}

/// Headers and text of a message, as simple as what we send.
fn read(mail: &Mail) -> (String, String) {
    let whole = std::str::from_utf8(&mail.bytes).unwrap();
    let (headers, body) = whole.split_once("\r\n\r\n").unwrap();
    let body = BASE64.decode(body.replace("\r\n", "").as_bytes()).unwrap();
    (headers.to_owned(), String::from_utf8(body).unwrap().replace("\r\n", "\n"))
}

/// What a field of a page holds.
fn field(page: &str, id: &str) -> String {
    let after = page.split(&format!("id=\"{id}\"")).nth(1).unwrap();
    let inside = after.split_once('>').unwrap().1.split("</textarea>").next().unwrap();
    let mut text = inside.strip_prefix('\n').unwrap_or(inside).to_owned();
    for (entity, is) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&amp;", "&")] {
        text = text.replace(entity, is);
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_what_the_page_shows_is_what_arrives() {
    let server = MailServer::start().unwrap();
    let (world, ticket) = world(&server).await;
    let browser = world.user("sue", "sales").await;
    let shown = world.get(&browser, "/orders/O-1?mail=de").await.text;
    assert!(shown.contains("name=\"to\"") && shown.contains(&ticket), "{shown}");
    let text = field(&shown, "mail-text");
    let form = "key=k1&language=de&to=+jane%40customer.example+&note=Guten+Tag%2C%0D%0A.%0D%0Ahier+ist+es%3A";
    let kind = "application/x-www-form-urlencoded";
    for _ in 0..2 {
        let ours = [("sec-fetch-site", "same-origin")];
        let answer = world.send_as("POST", "/orders/O-1/mail", (kind, form), &browser, &ours).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
    }
    let taken = server.taken();
    assert_eq!(taken.len(), 1, "a second click sends nothing");
    let (headers, body) = read(&taken[0]);
    assert_eq!(body, format!("Guten Tag,\n.\nhier ist es:\n\n{text}"));
    assert!(body.contains("Größe <b> & \"x\" 日本語 × 3") && body.contains(&ticket));
    assert!(!headers.contains(&ticket) && headers.contains("To: jane@customer.example"), "{headers}");
    assert_eq!(
        taken[0].said[1..3],
        ["MAIL FROM:<licenses@vendor.example>", "RCPT TO:<jane@customer.example>"]
    );
    let history = world.history().await;
    let told = history.as_array().unwrap().iter().find(|event| event["action"] == "ticket_mailed").unwrap();
    assert_eq!((told["actor"].as_str(), told["outcome"].as_str()), (Some("user:sue"), Some("done")));
    assert_eq!(told["detail"], "order O-1 to j***@customer.example");
    assert!(!history.to_string().contains(&ticket));
    let of_order = world.admin("GET", "/api/v1/history?order=O-1&action=ticket_mailed", &Value::Null).await;
    assert_eq!(of_order.json["events"].as_array().unwrap().len(), 1);
    let auditor = world.user("aud", "auditor").await;
    let shown = world.get(&auditor, "/orders/O-1").await.text;
    assert!(!shown.contains("mail-text") && !shown.contains(&ticket), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_under_one_key_send_one_mail() {
    let server = MailServer::start().unwrap();
    let (world, _) = world(&server).await;
    let ask = || mail(&world, "a@b.example", "same");
    let (a, b, c) = tokio::join!(ask(), ask(), ask());
    assert_eq!((a.status, &a.json, &a.json), (201, &b.json, &c.json), "{a:?}");
    assert_eq!(server.taken().len(), 1);
    assert_eq!(mail(&world, "c@b.example", "same").await.code(), "idempotency_key_reused");
    assert_eq!(mail(&world, "a@b.example", "other").await.status, 201);
    assert_eq!(server.taken().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_said_and_never_tried_again() {
    let server = MailServer::start().unwrap();
    let (world, _) = world(&server).await;
    server.behave(Manner::LosesAnswer);
    for _ in 0..2 {
        let lost = mail(&world, "a@b.example", "k").await;
        assert_eq!((lost.status, lost.code()), (504, "mail_outcome_unknown"), "{lost:?}");
    }
    server.behave(Manner::Takes);
    assert_eq!(mail(&world, "a@b.example", "k").await.code(), "mail_outcome_unknown");
    assert_eq!(mail(&world, "c@b.example", "k").await.code(), "idempotency_key_reused");
    assert_eq!(server.taken().len(), 1);
    let outcomes: Vec<Value> = world
        .history()
        .await
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["action"] == "ticket_mailed")
        .map(|event| event["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["mail_outcome_unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_certainly_not_sent_can_be_tried_again_under_its_key() {
    let server = MailServer::start().unwrap();
    let (world, ticket) = world_with(MailSettings { timeout_secs: 1, ..settings(&server) }).await;
    for (manner, status, code) in [
        (Manner::KnowsNobody, 422, "mail_refused"),
        (Manner::Busy, 503, "mail_server_unavailable"),
        (Manner::Complains, 422, "mail_refused"),
        (Manner::Breaks, 503, "mail_server_unavailable"),
        (Manner::Silent, 503, "mail_server_unavailable"),
        (Manner::Endless, 503, "mail_server_unavailable"),
    ] {
        server.behave(manner);
        let refused = mail(&world, "a@b.example", "k").await;
        assert_eq!((refused.status, refused.code()), (status, code), "{manner:?} {refused:?}");
        assert!(!refused.text.contains(&ticket) && !refused.text.contains("in it"), "{refused:?}");
        let nobody = refused.text.contains("550 5.1.1 nobody of this name");
        assert_eq!(nobody, manner == Manner::KnowsNobody, "{refused:?}");
    }
    assert!(server.taken().is_empty());
    server.behave(Manner::Takes);
    assert_eq!(mail(&world, "a@b.example", "k").await.status, 201);
    assert_eq!(mail(&world, "a@b.example", "k").await.status, 201);
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_one_address_is_an_address_and_a_note_is_text() {
    let server = MailServer::start().unwrap();
    let (world, _) = world(&server).await;
    let huge = format!("{}@b.example", "a".repeat(100_000));
    for bad in [
        "",
        "a",
        "a@b.example\r\nBcc: x@y",
        "a@b.example,c@d.example",
        "A <a@b.example>",
        "ä@b.example",
        &huge,
    ] {
        assert_eq!(mail(&world, bad, "k").await.code(), "mail_address_invalid", "{bad}");
    }
    let long = "x".repeat(4_001);
    for note in ["a\u{0}b", "a\u{1b}[2J", &long] {
        let body = json!({"to": "a@b.example", "note": note});
        assert_eq!(world.admin("POST", PATH, &body).await.code(), "invalid_value", "{note}");
    }
    let language = json!({"to": "a@b.example", "language": "fr"});
    assert_eq!(world.admin("POST", PATH, &language).await.code(), "invalid_value");
    assert!(server.said().is_empty(), "nobody was asked");
    let long_lines = json!({"to": "a@b.example", "note": "x".repeat(4_000)});
    assert_eq!(world.admin("POST", PATH, &long_lines).await.status, 201);
    let mail = server.taken().pop().unwrap();
    assert!(mail.bytes.split(|b| *b == b'\n').all(|line| line.len() < 200));
    assert!(read(&mail).1.starts_with(&format!("{}\n\n", "x".repeat(4_000))));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_the_text_can_be_copied() {
    let (world, ticket) = world_with(MailSettings::default()).await;
    let browser = world.user("sue", "sales").await;
    let shown = world.get(&browser, "/orders/O-1").await.text;
    assert!(!shown.contains("name=\"to\"") && field(&shown, "mail-text").contains(&ticket), "{shown}");
    assert_eq!(mail(&world, "a@b.example", "k").await.code(), "mail_not_set_up");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_tls_is_required_nothing_is_said_without() {
    let server = MailServer::start().unwrap();
    let (world, _) = world_with(MailSettings { tls: "required".to_owned(), ..settings(&server) }).await;
    let refused = mail(&world, "a@b.example", "k").await;
    assert_eq!((refused.status, refused.code()), (502, "mail_server_unsuitable"), "{refused:?}");
    assert_eq!(server.said(), ["EHLO [127.0.0.1]"]);
    let (world, _) = world_with(MailSettings { tls: "opportunistic".to_owned(), ..settings(&server) }).await;
    assert_eq!(mail(&world, "a@b.example", "k").await.status, 201);
}
