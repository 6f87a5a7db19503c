//! Editions: how much a server does, and by which ways; and what no edition ever limits.

use axum::body::Body;
use axum::http::Request;
use central_server::config::Config;
use central_server::edition::{Edition, EditionLimits};
use central_server::http::ClientAddress;
use serde_json::{Value, json};

use super::{Answered, Device, World};

fn limited(activations: &str) -> Config {
    let activations_per_month = activations.to_owned();
    let edition_limits = EditionLimits { activations_per_month, ..EditionLimits::default() };
    Config { edition_limits, ..Config::default() }
}

fn wish(ticket: &str, license: &str, device: &mut Device) -> Value {
    json!({"ticket": ticket, "licenses": [{"id": license, "quantity": 1}], "context": device.context()})
}

async fn activate(world: &World, ticket: &str, license: &str, device: &mut Device, key: &str) -> Answered {
    let body = wish(ticket, license, device);
    world.post("/api/v1/activations", &body, None, Some(key)).await
}

#[tokio::test]
async fn activations_of_a_month_are_limited_and_nothing_that_ends_something_is() {
    let world = World::with(limited("3"));
    let (ticket, license) = world.sell(9).await;
    let mut devices: Vec<Device> = (1..=4).map(Device::new).collect();
    let first = wish(&ticket, &license, &mut devices[0]);
    let granted = world.post("/api/v1/activations", &first, None, Some("key-0")).await;
    assert_eq!(granted.status, 200, "{granted:?}");
    devices[0].import(&granted);
    for (at, device) in devices.iter_mut().enumerate().take(3).skip(1) {
        let answer = activate(&world, &ticket, &license, device, &format!("key-{at}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let refused = activate(&world, &ticket, &license, &mut devices[3], "key-3").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "activations_used_up"));
    assert_eq!(world.line(&ticket).await["activating"], 3);
    // What was granted is granted: the same question has the same answer.
    let again = world.post("/api/v1/activations", &first, None, Some("key-0")).await;
    assert_eq!(again.bytes, granted.bytes);
    // A request that is refused still proves what its context proves.
    let more = activate(&world, &ticket, &license, &mut devices[0], "key-4").await;
    assert_eq!(more.code(), "activations_used_up");
    assert_eq!(world.line(&ticket).await["active"], 1, "the receipt in the context was taken");
    let back = wish(&ticket, &license, &mut devices[0]);
    let back = world.post("/api/v1/deactivations", &back, None, Some("key-5")).await;
    assert_eq!(back.status, 200, "{back:?}");
    devices[0].import(&back);
    let receipt = world.post("/api/v1/receipts", &json!({"context": devices[0].context()}), None, None).await;
    assert_eq!(receipt.json["proven"], 1);
    // Told once, at four fifths: 2 of 3.
    let events = world.get("/api/v1/events/feed?events=activation_limit_near").await.json;
    assert_eq!(events["events"].as_array().unwrap().len(), 1, "{events}");
    assert_eq!(events["events"][0]["data"]["detail"], "2 of 3 activations of this month are used");
    let metrics = String::from_utf8(world.get("/metrics").await.bytes).unwrap();
    for line in ["central_month_activations 3", "central_month_activations_limit 3"] {
        assert!(metrics.contains(&format!("{line}\n")), "{metrics}");
    }
}

/// Whatever number of processes count: as many are granted as there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_count_together() {
    let world = std::sync::Arc::new(World::with(limited("10")));
    let other = world.another(limited("10"));
    let (ticket, license) = world.sell(64).await;
    let mut asking = tokio::task::JoinSet::new();
    for seed in 0..32 {
        let (world, other, ticket, license) =
            (std::sync::Arc::clone(&world), std::sync::Arc::clone(&other), ticket.clone(), license.clone());
        asking.spawn(async move {
            let body = wish(&ticket, &license, &mut Device::new(200 + seed));
            let app = if seed % 2 == 0 { &world.app } else { &other };
            let request = Request::post("/api/v1/activations").header("content-type", "application/json");
            world.send_to(app, request.body(Body::from(body.to_string())).unwrap()).await
        });
    }
    let answers = asking.join_all().await;
    let granted = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.code() == "activations_used_up").count();
    assert_eq!((granted, refused), (10, 22), "{answers:?}");
    assert_eq!(world.line(&ticket).await["activating"], 10);
}

#[tokio::test]
async fn the_edition_decides_which_interfaces_there_are() {
    let world = World::with(Config { edition: Edition::Desktop, ..Config::default() });
    let (ticket, license) = world.sell(2).await;
    let from = |path: &str, body: &Value, address: &str, agent: &str| {
        let mut request = Request::post(path)
            .header("content-type", "application/json")
            .header("user-agent", agent)
            .body(Body::from(body.to_string()))
            .unwrap();
        request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
        world.send(request)
    };
    let mut device = Device::new(1);
    let body = wish(&ticket, &license, &mut device);
    let refused = from("/api/v1/activations", &body, "192.0.2.1:99", "x").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "interface_not_in_edition"));
    let refused = from("/api/v1/activations", &body, "127.0.0.1:99", "depot/1").await;
    assert_eq!(refused.code(), "interface_not_in_edition", "not by a depot either");
    let granted = from("/api/v1/activations", &body, "127.0.0.1:99", "cmtool/1").await;
    assert_eq!(granted.status, 200, "programs of this computer are served");
    device.import(&granted);
    let receipt = json!({"context": device.context()});
    let taken = from("/api/v1/receipts", &receipt, "192.0.2.1:99", "x").await;
    assert_eq!(taken.json["proven"], 1, "a receipt is taken from everywhere");
    for path in ["/soap/1.1?wsdl", "/soap/1.2?wsdl"] {
        assert_eq!(world.get(path).await.code(), "interface_not_in_edition");
    }
    let request = Request::post("/soap/1.1").header("content-type", "text/xml").body(Body::from("<x/>"));
    let (status, body) = world.raw(request.unwrap()).await;
    assert!(status == 403 || status == 500, "{status}");
    assert!(body.contains("interface_not_in_edition"), "{body}");
    // Another edition is another line, and the same database.
    let internet = world.another(Config { edition: Edition::Internet, ..Config::default() });
    let body = wish(&ticket, &license, &mut Device::new(2));
    let mut request = Request::post("/api/v1/activations")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    request.extensions_mut().insert(ClientAddress("192.0.2.1:99".parse().unwrap()));
    assert_eq!(world.send_to(&internet, request).await.status, 200);
}
