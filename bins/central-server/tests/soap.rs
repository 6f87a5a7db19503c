//! SOAP is JSON in other words: the same operations, answers, refusals and rights, and nothing beyond them.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "../../../crates/licensing-wire/tests/soap/corpus.rs"]
mod corpus;
#[path = "support/data.rs"]
mod data;
#[path = "soap/script.rs"]
mod script;
#[path = "soap/world.rs"]
mod world;

use axum::body::Body;
use axum::http::Request;
use central_server::config::Config;
use central_server::http::{Access, ROUTES, Route};
use licensing_core::token::{Permission, ROLES};
use licensing_wire::schema::schemas;
use licensing_wire::soap::operations::Place;
use licensing_wire::soap::types::{Field, Kind, Occurs};
use licensing_wire::soap::{OPERATIONS, Version};
use script::Story;
use serde_json::json;
use world::{ALL, Ask, Via, World, address, answered, authorization, envelope, operation, request, route};

const VERSIONS: [Version; 2] = [Version::Soap11, Version::Soap12];

/// Routes without an operation: who follows events speaks JSON, and waits for its answers.
const ONLY_JSON: [&str; 13] = [
    "event_feed",
    "create_webhook",
    "list_webhooks",
    "get_webhook",
    "change_webhook",
    "remove_webhook",
    "rotate_webhook_secret",
    "retire_webhook_secret",
    "test_webhook",
    "replay_webhook",
    "list_dead_letters",
    "retry_dead_letter",
    "drop_dead_letter",
];

/// Operations and routes are the same things, and take and give the same messages.
#[test]
fn every_route_has_its_operation() {
    let schemas = schemas();
    // People and their sessions are the affair of people.
    let of_people = |route: &Route| {
        matches!(route.access, Access::User(_) | Access::Vendor(Permission::UserWrite))
            || ["sign_in", "list_held_orders", "release_order", "deny_order"].contains(&route.name)
    };
    let answering = ROUTES.iter().filter(|route| route.response.is_some_and(|name| name != "OpenApi"));
    for route in answering.filter(|route| !of_people(route) && !ONLY_JSON.contains(&route.name)) {
        let found = OPERATIONS.iter().filter(|operation| operation.route == route.name).count();
        assert_eq!(found, 1, "{}", route.name);
    }
    for operation in OPERATIONS {
        let (name, route) = (operation.name, route(operation.route));
        let places = |place| operation.parts.iter().filter(move |part| part.place == place);
        assert_eq!(places(Place::Path).count(), route.path.matches('{').count(), "{name}");
        let query: Vec<&str> = places(Place::Query).map(|part| part.field.json).collect();
        let expected: Vec<&str> = route.query.iter().map(|(name, _)| *name).collect();
        assert_eq!(query, expected, "{name}");
        let Kind::Of(answer) = operation.answer.kind else { panic!("{name} answers with a type") };
        assert_eq!(Some(answer.json), route.response, "{name}");
        for part in places(Place::Message) {
            let Kind::Of(message) = part.field.kind else { panic!("{name} takes a type") };
            assert_eq!(Some(message.json), route.request, "{name}");
        }
        let fields: Vec<&str> = places(Place::Body).map(|part| part.field.json).collect();
        if places(Place::Message).count() == 0 {
            let schema = route.request.map(|request| &schemas[request]);
            let known = schema.and_then(|schema| schema["properties"].as_object());
            let mut left_out: Vec<&str> =
                known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            left_out.retain(|name| !fields.contains(name));
            // How long a grant is valid means nothing to other decisions.
            let decision = route.request == Some("DecisionRequest") && name != "GrantApproval";
            assert_eq!(left_out, if decision { vec!["valid"] } else { vec![] }, "{name}");
            for field in &fields {
                assert!(known.is_some_and(|known| known.contains_key(*field)), "{name}: {field}");
            }
        }
    }
}

/// The table of `docs/soap.md`.
fn operations_in_markdown() -> String {
    let mut out =
        String::from("| operation | what it does | who | request | answer |\n|---|---|---|---|---|\n");
    for operation in OPERATIONS {
        let route = route(operation.route);
        let who = match route.access {
            Access::Vendor(permission) => format!("token: {permission:?}"),
            Access::TicketHolder => "ticket".to_owned(),
            Access::Container => "container".to_owned(),
            Access::User(_) => "user".to_owned(),
            Access::Anybody => "anybody".to_owned(),
        };
        let element = |field: &Field| match field.occurs {
            Occurs::One => field.name.to_owned(),
            Occurs::Optional => format!("{}?", field.name),
            Occurs::Any => format!("{}*", field.name),
            Occurs::Some => format!("{}+", field.name),
        };
        let request: Vec<String> = operation.fields().iter().map(element).collect();
        let (request, answer) = (request.join(", "), operation.answer.name);
        out.push_str(&format!(
            "| `{}` | {} | {who} | {request} | {answer} |\n",
            operation.name, route.summary
        ));
    }
    out
}

/// Run with `-- --nocapture the_page_lists` to see the table that belongs there.
#[test]
fn the_page_lists_every_operation() {
    let (page, table) = (include_str!("../../../docs/soap.md"), operations_in_markdown());
    assert!(page.contains(&table), "docs/soap.md must contain this table:\n{table}");
}

#[tokio::test]
async fn every_operation_tells_the_same_through_json_and_soap() {
    let mut stories = Vec::new();
    for via in ALL {
        let mut story = Story::new(via);
        story.tell().await;
        stories.push(story);
    }
    let [json, soap11, soap12] = stories.try_into().unwrap_or_else(|_| panic!("three stories"));
    for soap in [&soap11, &soap12] {
        for (index, (expected, found)) in json.log.iter().zip(&soap.log).enumerate() {
            assert_eq!(found, expected, "step {index}");
        }
        assert_eq!(soap.log.len(), json.log.len());
    }
    for operation in OPERATIONS {
        assert!(soap12.used.contains(operation.route), "{} was never asked", operation.name);
    }
    let never_done: Vec<&str> = soap12.used.difference(&soap12.done).copied().collect();
    println!("{} steps; only refused: {never_done:?}", soap12.log.len());
    assert!(never_done.is_empty(), "{never_done:?}");
}

/// Every operation with every role and without a token, through every transport: the same verdict, that of the table.
#[tokio::test]
async fn the_authorisation_matrix() {
    let world = World::new();
    let mut tokens = vec![(None, None)];
    for (role, name) in ROLES {
        let ask =
            Ask { body: json!({"name": name.to_owned() + "-token", "roles": [name]}), ..Ask::default() };
        let made = world.ask(Via::Json, "create_token", &ask).await;
        tokens.push((Some(role), Some(made.value["token"].as_str().unwrap().to_owned())));
    }
    tokens.push((None, Some("cst_nobody".to_owned())));
    let (mut checked, mut allowed) = (0, 0);
    for operation in OPERATIONS {
        let route = route(operation.route);
        for (role, token) in &tokens {
            let expected = match route.access {
                Access::Vendor(permission) => role.map(|role| role.allows(permission)),
                Access::User(_) => None,
                Access::Anybody | Access::TicketHolder | Access::Container => Some(true),
            };
            for via in ALL {
                // Nothing in it: whoever is let in gets to hear of that, and nobody changes anything.
                let told = match via {
                    Via::Json => {
                        let ask = Ask { path: Some("X".to_owned()), body: json!({}), ..Ask::default() };
                        world.ask_as(via, route.name, &ask, token.as_deref()).await
                    }
                    Via::Soap(version) => {
                        let empty = envelope(version, &format!("<m:{}/>", operation.name));
                        world.post_soap(version, &empty, token.as_deref()).await.1
                    }
                };
                let found = match told.code.as_str() {
                    "unauthorized" => None,
                    "forbidden" => Some(false),
                    _ => Some(true),
                };
                assert_eq!(found, expected, "{} as {role:?} via {via:?}: {told:?}", operation.name);
                checked += 1;
                allowed += u32::from(found == Some(true));
            }
        }
    }
    println!("{checked} combinations, {allowed} let in");
    assert_eq!(checked, OPERATIONS.len() * tokens.len() * ALL.len());
}

#[tokio::test]
async fn hostile_requests_are_refused_and_change_nothing() {
    let world = World::new();
    let item = json!({"id": "A", "name": "A", "firm_code": 6_000_010, "product_code": 201_000});
    world.ask(Via::Json, "create_item", &Ask { body: item, ..Ask::default() }).await;
    let before = world.ask(Via::Json, "history", &Ask::default()).await;
    for hostile in corpus::corpus() {
        for version in VERSIONS {
            let post = Request::post(address(version)).header("content-type", version.content_type());
            let post = post.header("authorization", authorization(Via::Soap(version), &world.data.token));
            let raw = world.send(post.body(Body::from(hostile.bytes.clone())).unwrap()).await;
            assert_eq!(answered(&raw).code, hostile.code, "{}", hostile.name);
            assert!(raw.bytes.len() < 4_096, "{}", hostile.name);
        }
    }
    assert_eq!(world.ask(Via::Json, "history", &Ask::default()).await, before);
    let orders = world.ask(Via::Json, "list_licenses", &Ask::default()).await;
    assert_eq!(orders.value, json!({}));
    // The same server still does what it is asked.
    let order = json!({"order_id": "BOMB", "items": [{"item": "A", "quantity": 1}]});
    let told =
        world.ask(Via::Soap(Version::Soap11), "create_order", &Ask { body: order, ..Ask::default() }).await;
    assert_eq!(told.code, "ok");
}

#[tokio::test]
async fn what_http_has_to_say() {
    let world = World::new();
    let xml = request(operation("list_items"), &Ask::default());
    for version in VERSIONS {
        // The other version at this address, too; the answer comes in the version of the question.
        for spoken in VERSIONS {
            let post = Request::post(address(version)).header("content-type", spoken.content_type());
            let post = post.header("authorization", authorization(Via::Json, &world.data.token));
            let raw = world.send(post.body(Body::from(envelope(spoken, &xml))).unwrap()).await;
            assert_eq!(
                (raw.status, &raw.headers["content-type"]),
                (200, &spoken.content_type().parse().unwrap())
            );
            assert_eq!(answered(&raw).code, "ok");
        }
        let (raw, told) = world.post_soap(version, &envelope(version, &xml), None).await;
        assert_eq!((raw.status, told.code.as_str()), (401, "unauthorized"));
        assert!(raw.headers["www-authenticate"].to_str().unwrap().starts_with("Basic realm="));
        let none = Ask { path: Some("NONE".into()), ..Ask::default() };
        let wrong = envelope(version, &request(operation("get_item"), &none));
        let (raw, told) = world.post_soap(version, &wrong, Some(&world.data.token)).await;
        let status = if version == Version::Soap11 { 500 } else { 400 };
        assert_eq!((raw.status, told.code.as_str()), (status, "item_unknown"));
        for (name, value, code) in [
            ("content-type", "application/json", "unsupported_media_type"),
            ("content-type", "text/xml; charset=utf-16", "unsupported_media_type"),
            ("content-type", "multipart/related; type=\"application/xop+xml\"", "unsupported_media_type"),
            ("content-encoding", "gzip", "unsupported_media_type"),
            ("soapaction", "\"urn:open-license:central:v1:CreateOrder\"", "soap_envelope"),
            ("soapaction", "\"urn:open-license:central:v1:ListItems\"", "ok"),
            ("soapaction", "\"\"", "ok"),
            ("content-type", "application/soap+xml; action=\"urn:x\"", "soap_envelope"),
            (
                "content-type",
                "application/soap+xml; charset=\"UTF-8\"; action=urn:open-license:central:v1:ListItems",
                "ok",
            ),
            ("idempotency-key", "no blanks here", "idempotency_key_invalid"),
        ] {
            let mut post = Request::post(address(version))
                .header("authorization", authorization(Via::Soap(version), &world.data.token))
                .body(Body::from(envelope(version, &xml)))
                .unwrap();
            post.headers_mut().insert("content-type", version.content_type().parse().unwrap());
            post.headers_mut().insert(name, value.parse().unwrap());
            assert_eq!(answered(&world.send(post).await).code, code, "{name}: {value}");
        }
    }
    let ask = Ask {
        body: json!({"order_id": "O", "items": [{"item": "A", "quantity": 1}]}),
        key: Some("one".into()),
        ..Ask::default()
    };
    let two_keys =
        Request::post("/soap/1.1").header("content-type", "text/xml").header("idempotency-key", "other");
    let two_keys = two_keys.header("authorization", authorization(Via::Json, &world.data.token));
    let body = envelope(Version::Soap11, &request(operation("create_order"), &ask));
    let told = answered(&world.send(two_keys.body(Body::from(body)).unwrap()).await);
    assert_eq!(told.code, "idempotency_key_invalid");
}

#[tokio::test]
async fn guessing_tickets_is_slowed_down_before_anything_is_read() {
    let mut config = Config::default();
    config.rate.ticket_failures_per_minute = 5;
    let world = World::with(config);
    let guess = Ask { body: json!({"ticket": "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23"}), ..Ask::default() };
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(world.ask_as(Via::Soap(Version::Soap11), "show_ticket", &guess, None).await.code);
    }
    assert_eq!(codes.first().map(String::as_str), Some("ticket_unknown"));
    assert_eq!(codes.last().map(String::as_str), Some("rate_limited"));
    let (raw, told) = world.post_soap(Version::Soap12, "not even XML", None).await;
    assert_eq!((told.code.as_str(), raw.headers.contains_key("retry-after")), ("rate_limited", true));
}

#[tokio::test]
async fn the_wsdl_is_at_its_address() {
    let world = World::new();
    for version in VERSIONS {
        for query in ["wsdl", "WSDL", "singleWsdl", "wsdl="] {
            let get =
                Request::get(format!("{}?{query}", address(version))).header("host", "licenses.example:8443");
            let raw = world.send(get.body(Body::empty()).unwrap()).await;
            assert_eq!(
                (raw.status, &raw.headers["content-type"]),
                (200, &"text/xml; charset=utf-8".parse().unwrap())
            );
            let location = format!("location=\"http://licenses.example:8443{}\"", address(version));
            assert!(raw.text().contains(&location), "{}", raw.text());
            // What the operations do is told where the operations are.
            assert!(raw.text().contains(route("create_order").summary));
        }
        let plain = Request::get(address(version)).body(Body::empty()).unwrap();
        assert_eq!(world.send(plain).await.status, 405);
        let other = Request::get(format!("{}?xsd=1", address(version))).body(Body::empty()).unwrap();
        assert_eq!(world.send(other).await.status, 422);
    }
    let config = Config { public_url: "https://licenses.example/central/".into(), ..Config::default() };
    let world = World::with(config);
    let get = Request::get("/soap/1.2?wsdl").header("host", "inner").body(Body::empty()).unwrap();
    let raw = world.send(get).await;
    assert!(raw.text().contains("location=\"https://licenses.example/central/soap/1.2\""));
}
