//! What the vendor looks through, searches and counts.

use serde_json::{Value, json};

use super::{Device, World};

/// Ids of the entries of all pages of a list.
async fn all_pages(world: &World, path: &str, list: &str, id: &str) -> Vec<String> {
    let (mut seen, mut after) = (Vec::new(), String::new());
    for _ in 0..50 {
        let page = world.get(&format!("{path}&limit=2{after}")).await;
        assert_eq!(page.status, 200, "{:?}", page.json);
        let entries = page.json[list].as_array().unwrap();
        assert!(entries.len() <= 2);
        seen.extend(entries.iter().map(|entry| entry[id].as_str().unwrap().to_owned()));
        match page.json["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return seen,
        }
    }
    seen
}

async fn order(world: &World, id: &str, customer: &str) -> Value {
    let item = json!({"id": "SNP", "name": "Notes", "firm_code": 6_000_010, "product_code": 201_001});
    assert!(world.vendor("/api/v1/items", &item).await.status.is_success());
    let order = json!({"order_id": id, "customer": customer, "items": [{"item": "SNP", "quantity": 2}]});
    let placed = world.vendor("/api/v1/orders", &order).await;
    assert_eq!(placed.status, 201, "{:?}", placed.json);
    placed.json
}

#[tokio::test]
async fn lists_are_complete_page_by_page() {
    let world = World::new();
    world.sell(1).await;
    let mut placed = Vec::new();
    for number in 0..5 {
        placed.push(order(&world, &format!("L-{number}"), ["C-1", "C-2"][number % 2]).await);
    }
    // Those of one second come in order of their ids.
    let forth = all_pages(&world, "/api/v1/orders?newest=false", "orders", "order_id").await;
    let mut sorted = forth.clone();
    sorted.sort();
    assert_eq!(sorted, ["L-0", "L-1", "L-2", "L-3", "L-4", "O"]);
    let mut back = all_pages(&world, "/api/v1/orders?newest=true", "orders", "order_id").await;
    back.reverse();
    assert_eq!(back, forth);
    assert_eq!(all_pages(&world, "/api/v1/orders?customer=C-2", "orders", "order_id").await, ["L-1", "L-3"]);

    let license = |at: usize| placed[at]["licenses"][0]["id"].as_str().unwrap().to_owned();
    let of_customer = all_pages(&world, "/api/v1/licenses?customer=C-1", "licenses", "id").await;
    let mut of_first = vec![license(0), license(2), license(4)];
    of_first.sort();
    assert_eq!(of_customer, of_first);
    let of_item = all_pages(&world, "/api/v1/licenses?item=SNP&newest=true", "licenses", "id").await;
    let mut all: Vec<String> = (0..5).map(license).collect();
    all.sort();
    all.reverse();
    assert_eq!(of_item, all);

    let mut device = Device::new(7);
    let ask = json!({"ticket": placed[1]["ticket"], "context": device.context()});
    let update = world.post("/api/v1/activations", &ask, None, None).await;
    let pending = all_pages(&world, "/api/v1/licenses?state=pending", "licenses", "id").await;
    assert_eq!(pending, [license(1)]);
    let open = world.get("/api/v1/transfers").await.json["transfers"].clone();
    let expected = json!({
        "license": license(1), "order_id": "L-1", "customer": "C-2", "item": "SNP", "quantity": 2,
        "state": "activating", "firm_code": 6_000_010,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&open[0][field], value, "{field}");
    }
    device.import(&update);
    let receipt = world.post("/api/v1/receipts", &json!({"context": device.context()}), None, None).await;
    assert_eq!(receipt.status, 200);
    assert_eq!(world.get("/api/v1/transfers").await.json["transfers"], json!([]));
    let never =
        all_pages(&world, "/api/v1/licenses?never_activated=true&customer=C-2", "licenses", "id").await;
    assert_eq!(never, [license(3)]);
    for kind in ["dongle", "act"] {
        let found =
            all_pages(&world, &format!("/api/v1/containers?kind={kind}"), "containers", "serial").await;
        assert_eq!(found.len(), usize::from(kind == "act"));
    }
    for wrong in [
        "licenses?state=odd",
        "containers?kind=odd",
        "containers?test=odd",
        "history?action=odd",
        "orders?from=odd",
        "items?prefix=%00",
    ] {
        assert_eq!(world.get(&format!("/api/v1/{wrong}")).await.code(), "invalid_value", "{wrong}");
    }
    assert_eq!(world.get("/api/v1/orders?after=NONE").await.code(), "order_unknown");
    assert_eq!(world.get("/api/v1/containers?after=3-7").await.code(), "container_unknown");
    let made_up = format!("/api/v1/transfers?after={}", license(1));
    assert_eq!(world.get(&made_up).await.code(), "invalid_value");
}

#[tokio::test]
async fn a_search_shows_each_role_what_it_may_see() {
    let world = World::new();
    world.sell(1).await;
    let placed = order(&world, "Search-1", "Searcher").await;
    let (ticket, license) =
        (placed["ticket"].as_str().unwrap(), placed["licenses"][0]["id"].as_str().unwrap());
    let mut device = Device::new(8);
    let ask = json!({"ticket": ticket, "context": device.context()});
    let update = world.post("/api/v1/activations", &ask, None, None).await;
    let serial = update.json["serial"].as_str().unwrap().to_owned();
    device.import(&update);
    let mut tokens = Vec::new();
    for role in ["admin", "sales", "support", "auditor"] {
        let made =
            world.vendor("/api/v1/tokens", &json!({"name": format!("only {role}"), "roles": [role]})).await;
        tokens.push((role, made.json["token"].as_str().unwrap().to_owned()));
    }
    let searches = [
        ("searc", "order Search-1 customer Searcher"),
        ("snp", "item SNP"),
        (license, "license"),
        (&license[..20], "license"),
        (serial.as_str(), "container"),
        (ticket, "ticket Search-1"),
        (&ticket.to_lowercase(), "ticket Search-1"),
        ("nothing", ""),
    ];
    for (text, expected) in searches {
        for (role, token) in &tokens {
            let found = world.post("/api/v1/search", &json!({"text": text}), Some(token), None).await;
            assert_eq!(found.status, 200, "{:?}", found.json);
            assert!(!String::from_utf8_lossy(&found.bytes).contains(ticket));
            let told: Vec<String> = found.json["hits"]
                .as_array()
                .unwrap()
                .iter()
                .map(|hit| {
                    let kind = hit["kind"].as_str().unwrap();
                    match kind {
                        "license" | "container" => kind.to_owned(),
                        _ => format!("{kind} {}", hit["id"].as_str().unwrap()),
                    }
                })
                .collect();
            let hidden = match *role {
                "sales" => expected == "container",
                "auditor" => expected.starts_with("ticket"),
                _ => false,
            };
            assert_eq!(told.join(" "), if hidden { "" } else { expected }, "{role} looks for {expected}");
        }
    }
    for wrong in ["", "  ", "a\u{0}b", &"x".repeat(65)] {
        let refused = world.vendor("/api/v1/search", &json!({"text": wrong})).await;
        assert_eq!(refused.code(), "invalid_value");
    }
    for number in 0..12 {
        order(&world, &format!("Many-{number:02}"), "Other").await;
    }
    let found = world.vendor("/api/v1/search", &json!({"text": "MANY"})).await.json;
    assert_eq!((found["hits"].as_array().unwrap().len(), &found["more"]), (10, &json!(["order"])));
}

#[tokio::test]
async fn statistics_count_every_day() {
    let world = World::new();
    world.sell(3).await;
    let placed = order(&world, "S-1", "C").await;
    let mut device = Device::new(9);
    let ask = json!({"ticket": placed["ticket"], "context": device.context()});
    device.import(&world.post("/api/v1/activations", &ask, None, None).await);
    world.post("/api/v1/activations", &ask, None, None).await;
    let told = world.get("/api/v1/statistics").await.json;
    let days = told["days"].as_array().unwrap();
    assert_eq!(days.len(), 30);
    assert_eq!(told["total"], days[29]["activity"], "all of it happened today");
    assert_eq!((&told["total"]["created"], &told["total"]["activated"]), (&json!(5), &json!(0)));
    assert_eq!(told["open"], json!({"approvals": 0, "transfers": 1, "flagged_containers": 0}));
    world.post("/api/v1/receipts", &json!({"context": device.context()}), None, None).await;
    let told = world.get("/api/v1/statistics").await.json;
    assert_eq!((&told["total"]["activated"], &told["open"]["transfers"]), (&json!(2), &json!(0)));
    let past = world.get("/api/v1/statistics?from=2020-02-28&until=2020-03-02").await.json;
    let days: Vec<&str> =
        past["days"].as_array().unwrap().iter().map(|day| day["day"].as_str().unwrap()).collect();
    assert_eq!(days, ["2020-02-28", "2020-02-29", "2020-03-01"]);
    assert_eq!(past["total"]["created"], 0);
    for wrong in ["from=2030-01-02&until=2030-01-01", "from=2030-01-01&until=2030-01-01", "from=2020-01-01"] {
        assert_eq!(
            world.get(&format!("/api/v1/statistics?{wrong}")).await.code(),
            "invalid_value",
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn an_export_is_the_whole_list() {
    let world = World::new();
    world.sell(1).await;
    let item = json!({"id": "+A", "name": "=cmd", "firm_code": 6_000_010, "product_code": 201_002});
    assert_eq!(world.vendor("/api/v1/items", &item).await.status, 201);
    // More than a page of licenses, in a few orders.
    for number in 0..6 {
        let lines: Vec<Value> = (0..100).map(|_| json!({"item": "+A", "quantity": 1})).collect();
        let order = json!({
            "order_id": format!("E-{number}"), "customer": "@sum", "comment": "=1+1,\"x\"", "items": lines,
        });
        assert_eq!(world.vendor("/api/v1/orders", &order).await.status, 201);
    }
    let csv = world.get("/api/v1/exports/licenses").await;
    assert_eq!((csv.status.as_u16(), csv.kind.as_str()), (200, "text/csv; charset=utf-8"));
    let text = String::from_utf8(csv.bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 602);
    assert!(lines[0].starts_with("license,item,name,order,customer,quantity,"));
    assert_eq!(
        lines.iter().filter(|line| line.contains("\"'+A\",\"'=cmd\",E-")).count(),
        600,
        "{}",
        lines[9]
    );
    let listed = all_pages(&world, "/api/v1/licenses?newest=true", "licenses", "id").await;
    let found = world.get("/api/v1/exports/licenses?format=jsonl&newest=true").await;
    assert_eq!(found.kind, "application/jsonl");
    let ids: Vec<String> = String::from_utf8(found.bytes)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids[..listed.len()], listed);
    assert_eq!(ids.len(), 601);
    let orders = world.get("/api/v1/exports/orders?customer=%40sum").await;
    let orders = String::from_utf8(orders.bytes).unwrap();
    assert_eq!(orders.lines().count(), 7);
    assert!(orders.contains("E-0,\"'@sum\",\"'=1+1,\"\"x\"\"\","), "{orders}");
    let events = world.get("/api/v1/exports/events?action=license_created&format=jsonl").await;
    assert_eq!(String::from_utf8(events.bytes).unwrap().lines().count(), 601);
    let containers = world.get("/api/v1/exports/containers").await;
    assert_eq!(containers.bytes, b"container,kind,status,test,registered\r\n");
    assert_eq!(world.get("/api/v1/exports/orders?format=xml").await.code(), "invalid_value");
    assert_eq!(world.get("/api/v1/exports/events?order=NONE").await.code(), "order_unknown");
}
