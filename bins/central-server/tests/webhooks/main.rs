//! Events told to other programs: nothing lost, in order per license, signed, and sent nowhere it must not go.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]
#![allow(clippy::panic, clippy::allow_attributes, reason = "tests say what they expect")]

#[path = "../support/data.rs"]
mod data;
mod processes;
mod receiver;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use receiver::{Message, OK, Receiver, Reply};
use serde_json::json;
use world::World;

/// What was taken, each event once: where it was told first.
fn first_taken(seen: &[Message]) -> Vec<Message> {
    let mut ids = BTreeSet::new();
    seen.iter().filter(|message| message.taken && ids.insert(message.id.clone())).cloned().collect()
}

/// Events of each license were taken in their order.
fn assert_order(seen: &[Message]) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for message in first_taken(seen) {
        let lane = message.license().unwrap_or("none").to_owned();
        if lane != "none" {
            let before = last.insert(lane, message.sequence()).unwrap_or(0);
            assert!(before < message.sequence(), "{message:?} after {before}");
        }
    }
}

#[tokio::test]
async fn a_receiver_that_comes_back_misses_nothing() {
    let world = World::new(json!({ "retry_secs": [1, 2] }));
    let receiver = Receiver::start(|_| Reply::Status(503)).await;
    let secret = world.webhook("erp", &receiver, json!({})).await;
    let licenses = world.licenses(12).await;
    // Seen several times before it is taken: whole rounds have failed.
    receiver.until("attempts", |seen| seen.len() >= 20).await;
    for license in &licenses {
        world.touch(license).await;
    }
    receiver.answers(|_| OK);
    let expected = world.events_after("newest").await;
    assert!(expected.is_empty());
    let all = world.events_after("").await;
    let wanted: BTreeSet<String> =
        all.iter().skip_while(|event| event["type"] != "webhook_created").map(world::id).collect();
    let seen = receiver
        .until("everything", |seen| {
            let taken: BTreeSet<String> = first_taken(seen).into_iter().map(|message| message.id).collect();
            wanted.iter().all(|id| taken.contains(id))
        })
        .await;
    assert_order(&seen);
    assert_eq!(world.get("/api/v1/webhooks/erp/dead-letters").await["dead_letters"], json!([]));
    for message in &seen {
        assert_eq!(message.json["id"], message.id.as_str());
        assert!(message.json["data"].get("origin").is_none(), "where a request came from stays inside");
        let signed = central_server::webhooks::signature(
            &secret,
            &message.id,
            message.timestamp.parse().unwrap(),
            message.body.as_bytes(),
        );
        assert_eq!(message.signature, signed);
    }
    world.verify_with_python(&secret, &seen);
}

#[tokio::test]
async fn what_is_refused_of_one_license_does_not_hold_up_the_others() {
    let world = World::new(json!({ "retry_secs": [1] }));
    let receiver = Receiver::start(|_| OK).await;
    let licenses = world.licenses(3).await;
    world.webhook("erp", &receiver, json!({})).await;
    let bad = licenses[0].clone();
    receiver.answers(
        move |message| {
            if message.license() == Some(bad.as_str()) { Reply::Status(400) } else { OK }
        },
    );
    for license in &licenses {
        world.touch(license).await;
    }
    let done = |license: &str, seen: &[Message]| {
        seen.iter().any(|m| m.taken && m.license() == Some(license) && m.kind() == "withdrawal_cancelled")
    };
    receiver.until("the others", |seen| done(&licenses[1], seen) && done(&licenses[2], seen)).await;
    // Then the next of the license has its turn, and becomes a dead letter too.
    let attempts = |seen: &[Message]| {
        let of_bad = seen.iter().filter(|m| m.license() == Some(licenses[0].as_str()));
        of_bad.map(Message::sequence).collect::<Vec<_>>()
    };
    let count = world.events_of(&licenses[0]).await.len() - 1;
    // Given up is only what is refused while other things are taken: so there has to be something else all the time.
    for _ in 0..240 {
        if world.get("/api/v1/webhooks/erp").await["dead_letters"] == count {
            break;
        }
        world.touch(&licenses[1]).await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    let dead = world.until_dead("erp", count).await;
    let mut order = attempts(&receiver.seen());
    let tried = order.clone();
    order.sort_unstable();
    assert_eq!(tried, order, "one after the other");
    // One attempt more than pauses at least; more while nothing else was taken yet.
    assert!(dead[0]["attempts"].as_u64() >= Some(2) && dead[0]["outcome"] == "status 400", "{}", dead[0]);
    assert_eq!(dead[0]["event"]["data"]["license"], licenses[0].as_str());

    receiver.answers(|_| OK);
    let path = |at: usize| format!("/api/v1/webhooks/erp/dead-letters/{}", dead[at]["sequence"]);
    assert_eq!(world.post(&path(0), &json!({})).await.0, 200);
    let again = dead[0]["event"]["id"].clone();
    receiver.until("the dead letter", |seen| seen.iter().any(|m| m.taken && again == m.id.as_str())).await;
    assert_eq!(world.delete(&path(1)).await.0, 200);
    let (status, answer) = world.delete(&path(1)).await;
    assert_eq!((status, answer["code"].as_str()), (404, Some("dead_letter_unknown")));
    // Everything from the beginning once more, what was given up among it.
    let (status, _) = world.post("/api/v1/webhooks/erp/replay", &json!({ "from": "beginning" })).await;
    assert_eq!(status, 200);
    let given_up = dead[1]["event"]["id"].clone();
    let seen =
        receiver.until("the replay", |seen| seen.iter().any(|m| m.taken && given_up == m.id.as_str())).await;
    assert!(seen.iter().any(|m| m.kind() == "item_created"), "from the very beginning");
    world.until_dead("erp", 0).await;
}

#[tokio::test]
async fn receivers_that_hang_redirect_or_never_end() {
    let world = World::new(json!({ "timeout_secs": 1, "retry_secs": [1] }));
    let elsewhere = Receiver::start(|_| OK).await;
    let receiver = Receiver::start(|_| OK).await;
    world.webhook("erp", &receiver, json!({ "events": ["webhook_removed"] })).await;
    let nothing = json!({});
    let test = || world.post("/api/v1/webhooks/erp/test", &nothing);
    let outcome = |(status, answer): (u16, serde_json::Value)| {
        assert_eq!(status, 200);
        (answer["taken"].as_bool().unwrap(), answer["outcome"].as_str().unwrap().to_owned())
    };
    assert_eq!(outcome(test().await), (true, "taken".to_owned()));
    assert_eq!(receiver.seen().len(), 1, "only the test: no event it wants has happened");
    for status in [301, 302, 307, 308] {
        let to = elsewhere.url();
        receiver.answers(move |_| Reply::With(status, "location", to.clone()));
        assert_eq!(outcome(test().await), (false, format!("status {status}")));
    }
    assert!(elsewhere.seen().is_empty(), "no redirect is followed");
    receiver.answers(|_| Reply::Hang);
    assert_eq!(outcome(test().await), (false, "no answer within 1 s".to_owned()));
    // More than is read of an answer: the verdict stands, and the rest is not waited for.
    receiver.answers(|_| Reply::Endless);
    assert_eq!(outcome(test().await), (true, "taken".to_owned()));
    drop(receiver);
    let (taken, why) = outcome(test().await);
    assert!(!taken && why.contains("refused"), "{why}");
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_disabled_and_goes_on_where_it_was() {
    let world = World::new(json!({ "retry_secs": [1] }));
    let receiver = Receiver::start(|_| Reply::Status(410)).await;
    world.webhook("erp", &receiver, json!({})).await;
    let shown = world.until_shown("erp", |shown| shown["enabled"] == false).await;
    assert!(shown["disabled_because"].as_str().unwrap().contains("410"), "{shown}");
    let told = receiver.seen().len();
    let licenses = world.licenses(2).await;
    assert_eq!(receiver.seen().len(), told, "nothing is sent while it is disabled");
    receiver.answers(|_| OK);
    assert_eq!(world.post("/api/v1/webhooks/erp", &json!({ "enabled": true })).await.0, 200);
    let seen = receiver
        .until("what came meanwhile", |seen| {
            licenses
                .iter()
                .all(|license| seen.iter().any(|m| m.taken && m.license() == Some(license.as_str())))
        })
        .await;
    let taken = first_taken(&seen);
    assert_eq!(taken[0].kind(), "webhook_created", "the first it did not take");
    assert!(taken.iter().any(|message| message.kind() == "webhook_disabled"));
}

#[tokio::test]
async fn nothing_is_sent_to_private_networks_unless_allowed() {
    let world = World::new(json!({ "allowed_networks": [] }));
    let receiver = Receiver::start(|_| OK).await;
    let port = receiver.address.port();
    for (at, host) in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"].into_iter().enumerate() {
        for scheme in ["http", "https"] {
            let (name, url) = (format!("w{at}-{scheme}"), format!("{scheme}://{host}:{port}/"));
            let (status, _) = world.post("/api/v1/webhooks", &json!({ "name": name, "url": url })).await;
            assert_eq!(status, 201);
            let (_, answer) = world.post(&format!("/api/v1/webhooks/{name}/test"), &json!({})).await;
            let why = answer["outcome"].as_str().unwrap();
            // With TLS such a number is not even a name.
            let never = ["no network that webhooks may go to", "invalid dns name"];
            assert!(never.iter().any(|part| why.contains(part)), "{url}: {why}");
        }
    }
    assert!(receiver.seen().is_empty());
}

#[tokio::test]
async fn secrets_are_told_once_and_replaced_one_by_one() {
    let world = World::new(json!({}));
    let receiver = Receiver::start(|_| OK).await;
    let old = world.webhook("erp", &receiver, json!({})).await;
    let (status, answer) = world.post("/api/v1/webhooks/erp/secret", &json!({})).await;
    assert_eq!(status, 200);
    let new = world::secret(&answer);
    assert_ne!(old, new);
    assert_eq!(world.get("/api/v1/webhooks/erp").await["secrets"], 2);
    let message = world.test_message("erp", &receiver).await;
    let signed = |secret: &[u8], message: &Message| {
        let at = message.timestamp.parse().unwrap();
        central_server::webhooks::signature(secret, &message.id, at, message.body.as_bytes())
    };
    assert_eq!(message.signature, format!("{} {}", signed(&new, &message), signed(&old, &message)));
    assert_eq!(world.delete("/api/v1/webhooks/erp/secret").await.0, 200);
    let message = world.test_message("erp", &receiver).await;
    assert_eq!(message.signature, signed(&new, &message));
    let listed = world.get("/api/v1/webhooks").await.to_string();
    assert!(!listed.contains("whsec_"), "{listed}");
    let (status, answer) =
        world.post("/api/v1/webhooks", &json!({ "name": "erp", "url": receiver.url() })).await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("webhook_exists")));
    assert_eq!(world.delete("/api/v1/webhooks/erp").await.0, 200);
    assert_eq!(world.get("/api/v1/webhooks").await["webhooks"], json!([]));
    let (status, answer) = world.delete("/api/v1/webhooks/erp").await;
    assert_eq!((status, answer["code"].as_str()), (404, Some("webhook_unknown")));
}

#[tokio::test]
async fn the_feed_goes_on_where_it_ended_and_waits() {
    let world = World::new(json!({}));
    let empty = world.get("/api/v1/events/feed?after=newest").await;
    assert_eq!(empty["events"], json!([]));
    let licenses = world.licenses(3).await;
    let mut followed = Vec::new();
    let mut after = String::new();
    loop {
        let page = world
            .get(
                &format!("/api/v1/events/feed?limit=2&after={after}")
                    .replace("&after=", if after.is_empty() { "" } else { "&after=" }),
            )
            .await;
        followed.extend(page["events"].as_array().unwrap().clone());
        after = page["next"].as_str().unwrap().to_owned();
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(followed, world.events_after("").await);
    assert_eq!(followed.last().unwrap()["id"], after.as_str());
    // Who waits gets what happens next, and only what is asked for.
    let path = format!("/api/v1/events/feed?after={after}&wait=25&events=withdrawal_cancelled");
    let (waited, ()) = tokio::join!(world.get(&path), world.touch(&licenses[0]));
    let kinds: Vec<_> =
        waited["events"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["withdrawal_cancelled"]);
    let strange = after.replace('_', "_0");
    for (query, code) in [
        (format!("after={strange}"), "invalid_value"),
        (format!("after={after}0"), "cursor_unknown"),
        ("after=evt_999999_0011223344556677".to_owned(), "cursor_unknown"),
        ("after=17".to_owned(), "invalid_value"),
        ("wait=26".to_owned(), "invalid_value"),
        ("events=x".to_owned(), "invalid_value"),
    ] {
        let answer = world.get(&format!("/api/v1/events/feed?{query}")).await;
        assert!(answer["code"] == code || answer["code"] == "cursor_unknown", "{query}: {answer}");
    }
}
