//! Users, their sessions and their second factor, as a browser meets them.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "users/authorisation.rs"]
mod authorisation;
#[path = "support/data.rs"]
mod data;
#[path = "users/world.rs"]
mod world;

use central_server::config::Config;
use licensing_core::approval::{Approval, ApprovalKind, ApprovalState};
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::ids::{ApprovalId, LicenseId, Text};
use licensing_core::time::Timestamp;
use licensing_core::user::totp;
use serde_json::{Value, json};
use world::{Browser, World};

const PASSWORD: &str = "four words make one";

/// The code of an enrolment at a moment.
fn code(secret: &str, at: Timestamp) -> String {
    let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    totp::code(&secret, totp::step(at))
}

#[tokio::test]
async fn a_new_user_sets_an_own_password_before_anything_else() {
    let world = World::new();
    let made = world.admin("POST", "/api/v1/users", &json!({"name": "Bob", "roles": ["sales"]})).await;
    assert_eq!((made.status, made.json["name"].as_str()), (201, Some("bob")));
    let one_time = made.json["one_time_password"].as_str().unwrap().to_owned();
    assert_eq!(
        world.admin("POST", "/api/v1/users", &json!({"name": "bob", "roles": ["sales"]})).await.code(),
        "user_exists"
    );

    let mut bob = Browser::default();
    let entered = world.sign_in(&mut bob, "bob", &one_time).await;
    assert_eq!(
        (entered.status, entered.json["standing"].as_str()),
        (201, Some("password_needed")),
        "{entered:?}"
    );
    assert_eq!(world.get(&bob, "/api/v1/items").await.code(), "password_change_needed");
    let change = |new: &str| json!({"old": one_time, "new": new});
    for (unsuitable, code) in [("short", "password_unsuitable"), ("passwordpassword", "password_unsuitable")]
    {
        assert_eq!(world.post(&bob, "/api/v1/account/password", &change(unsuitable)).await.code(), code);
    }
    let wrong = json!({"old": "something else", "new": PASSWORD});
    assert_eq!(world.post(&bob, "/api/v1/account/password", &wrong).await.code(), "password_wrong");
    let changed = world.post(&bob, "/api/v1/account/password", &change(PASSWORD)).await;
    assert_eq!((changed.status, changed.json["must_change"].as_bool()), (200, Some(false)), "{changed:?}");
    assert_eq!(world.get(&bob, "/api/v1/items").await.status, 200, "the session goes on");
    assert_eq!(world.get(&bob, "/api/v1/users").await.code(), "forbidden");
    assert_eq!(world.sign_in(&mut Browser::default(), "bob", &one_time).await.code(), "sign_in_failed");
    assert_eq!(world.sign_in(&mut Browser::default(), "BOB ", PASSWORD).await.status, 201);

    // A week later nobody can use a one-time password any more.
    let reset = world.admin("POST", "/api/v1/users/bob/password", &Value::Null).await;
    let one_time = reset.json["one_time_password"].as_str().unwrap();
    assert_eq!(world.get(&bob, "/api/v1/session").await.code(), "unauthorized", "his sessions have ended");
    world.pass(7 * 86_400);
    assert_eq!(world.sign_in(&mut Browser::default(), "bob", one_time).await.code(), "sign_in_failed");
    let expected = [
        "user_created",
        "signed_in",
        "sign_in_refused",
        "password_changed",
        "sign_in_refused",
        "signed_in",
        "password_reset",
        "sign_in_refused",
    ];
    assert_eq!(world.actions().await, expected);
    let log = world.history().await;
    for secret in [one_time, PASSWORD] {
        assert!(!log.to_string().contains(secret));
    }
    assert_eq!(log[0]["actor"], "admin");
    assert_eq!(log[1]["actor"], "user:bob");
    assert_eq!(log[4]["outcome"], "password_wrong");
    assert_eq!(log[7]["outcome"], "one_time_password_over");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_is_good_once() {
    let world = World::new();
    let mut ann = world.user("ann", "support").await;
    let begin = async |browser: &Browser, password: &str| {
        world.post(browser, "/api/v1/account/second-factor", &json!({"password": password})).await
    };
    assert_eq!(begin(&ann, "wrong password").await.code(), "password_wrong");
    let begun = begin(&ann, PASSWORD).await;
    let secret = begun.json["secret"].as_str().unwrap().to_owned();
    let uri = begun.json["uri"].as_str().unwrap();
    assert!(
        uri.starts_with("otpauth://totp/License%20central:ann?secret=") && uri.contains(&secret),
        "{uri}"
    );
    let confirm = async |browser: &Browser, code: String| {
        world.post(browser, "/api/v1/account/second-factor/confirmation", &json!({"code": code})).await
    };
    // What was not confirmed is not asked for.
    assert_eq!(world.sign_in(&mut Browser::default(), "ann", PASSWORD).await.json["standing"], "full");
    assert_eq!(confirm(&ann, "000000".into()).await.code(), "second_factor_wrong");
    let first = code(&secret, world.now());
    let confirmed = confirm(&ann, first.clone()).await;
    let recovery: Vec<String> = confirmed.json["codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(recovery.len(), 10);
    assert_eq!(begin(&ann, PASSWORD).await.code(), "second_factor_exists");

    let mut other = Browser::default();
    let entered = world.sign_in(&mut other, "ann", PASSWORD).await;
    assert_eq!(entered.json["standing"], "code_needed");
    assert_eq!(world.get(&other, "/api/v1/items").await.code(), "second_factor_needed");
    let enter = async |browser: &mut Browser, code: &str| world.enter_code(browser, code).await;
    assert_eq!(enter(&mut other, &first).await.code(), "second_factor_wrong", "used when it was confirmed");
    world.pass(30);
    let second = code(&secret, world.now());
    let before = other.clone();
    assert_eq!(enter(&mut other, &second).await.json["standing"], "full");
    assert_ne!(before.cookie, other.cookie, "a new secret");
    assert_eq!(world.get(&before, "/api/v1/session").await.code(), "unauthorized");
    assert_eq!(world.get(&other, "/api/v1/items").await.status, 200);
    assert_eq!(enter(&mut other, &second).await.code(), "second_factor_not_due");
    let at_once = async |code: &str| {
        let body = json!({"name": "ann", "password": PASSWORD, "code": code});
        world.post(&Browser::default(), "/api/v1/session", &body).await
    };
    assert_eq!(at_once(&second).await.code(), "sign_in_failed");
    assert_eq!(at_once(&recovery[3].to_lowercase()).await.json["recovery_codes"], 9);
    assert_eq!(at_once(&recovery[3]).await.code(), "sign_in_failed", "used");
    // The half session ends by itself.
    let mut late = Browser::default();
    world.sign_in(&mut late, "ann", PASSWORD).await;
    world.pass(300);
    assert_eq!(enter(&mut late, &code(&secret, world.now())).await.code(), "unauthorized");

    let removal = |password: &str| json!({"password": password});
    let path = "/api/v1/account/second-factor/removal";
    assert_eq!(world.post(&other, path, &removal("wrong")).await.code(), "password_wrong");
    assert_eq!(world.post(&other, path, &removal(PASSWORD)).await.json["second_factor"], false);
    assert_eq!(world.sign_in(&mut ann, "ann", PASSWORD).await.json["standing"], "full");
    assert_eq!(
        world.admin("DELETE", "/api/v1/users/ann/second-factor", &Value::Null).await.code(),
        "second_factor_unknown"
    );
    assert!(world.actions().await.iter().any(|action| action == "recovery_code_used"));
    assert!(!world.history().await.to_string().contains(&secret));
}

#[tokio::test]
async fn guessing_makes_a_name_wait_and_tells_nothing() {
    let world = World::new();
    world.user("ann", "support").await;
    let answers =
        async |name: &str, password: &str| world.sign_in(&mut Browser::default(), name, password).await;
    let unknown = answers("nobody", PASSWORD).await;
    for _ in 0..5 {
        let wrong = answers("ann", "wrong password").await;
        assert_eq!((wrong.status, &wrong.json), (unknown.status, &unknown.json), "who exists is not told");
    }
    let right = answers("ann", PASSWORD).await;
    assert_eq!((right.status, &right.json), (unknown.status, &unknown.json), "the name waits");
    let shown = world.admin("GET", "/api/v1/users/ann", &Value::Null).await;
    assert!(shown.json["waits_until"].is_string(), "{shown:?}");
    world.pass(30);
    assert_eq!(answers("ann", PASSWORD).await.status, 201);
    let shown = world.admin("GET", "/api/v1/users/ann", &Value::Null).await;
    assert_eq!(shown.json.get("waits_until"), None);
    let outcomes: Vec<String> = world
        .history()
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["outcome"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        outcomes[outcomes.len() - 7..],
        [
            "password_wrong",
            "password_wrong",
            "password_wrong",
            "password_wrong",
            "password_wrong",
            "user_waits",
            "done"
        ]
    );
}

#[tokio::test]
async fn sessions_end_when_they_are_old_unused_or_ended() {
    let world = World::new();
    let ann = world.user("ann", "support").await;
    let alive = async |browser: &Browser| world.get(browser, "/api/v1/items").await.status == 200;
    for _ in 0..23 {
        world.pass(30 * 60 - 1);
        assert!(alive(&ann).await, "it is used");
    }
    let sessions = world.get(&ann, "/api/v1/account/sessions").await;
    let listed = &sessions.json["sessions"][0];
    assert_eq!((listed["current"].as_bool(), listed["agent"].as_str()), (Some(true), Some("test browser")));
    world.pass(30 * 60 + 23);
    assert!(!alive(&ann).await, "twelve hours are over");

    let mut idle = Browser::default();
    world.sign_in(&mut idle, "ann", PASSWORD).await;
    world.pass(30 * 60);
    assert!(!alive(&idle).await);

    let mut two = [Browser::default(), Browser::default()];
    for browser in &mut two {
        world.sign_in(browser, "ann", PASSWORD).await;
    }
    let [one, other] = two;
    assert_eq!(
        world.delete(&one, "/api/v1/account/sessions").await.json["sessions"].as_array().unwrap().len(),
        1
    );
    assert!(alive(&one).await && !alive(&other).await);
    let gone = world.delete(&one, "/api/v1/session").await;
    assert!(gone.cookie.as_deref().is_some_and(|cookie| cookie.contains("Max-Age=0")), "{gone:?}");
    assert!(!alive(&one).await);

    let mut last = Browser::default();
    world.sign_in(&mut last, "ann", PASSWORD).await;
    assert_eq!(world.admin("DELETE", "/api/v1/users/ann/sessions", &Value::Null).await.status, 200);
    assert!(!alive(&last).await);
}

#[tokio::test]
async fn what_changes_about_a_user_counts_at_once() {
    let world = World::new();
    let mut ann = world.user("ann", "admin").await;
    assert_eq!(world.get(&ann, "/api/v1/users").await.status, 200);
    let path = "/api/v1/users/ann";
    let last = world.admin("POST", &format!("{path}/roles"), &json!({"roles": ["sales"]})).await;
    assert_eq!(last.code(), "last_admin_user");
    assert_eq!(
        world.admin("POST", &format!("{path}/disabling"), &Value::Null).await.code(),
        "last_admin_user"
    );
    world.user("eve", "admin").await;
    assert_eq!(world.admin("POST", &format!("{path}/roles"), &json!({"roles": ["sales"]})).await.status, 200);
    assert_eq!(world.get(&ann, "/api/v1/users").await.code(), "forbidden");
    assert_eq!(world.get(&ann, "/api/v1/items").await.status, 200);
    assert_eq!(world.admin("POST", &format!("{path}/disabling"), &Value::Null).await.status, 200);
    assert_eq!(world.get(&ann, "/api/v1/items").await.code(), "unauthorized");
    assert_eq!(world.sign_in(&mut ann, "ann", PASSWORD).await.code(), "sign_in_failed");
    assert_eq!(world.admin("DELETE", &format!("{path}/disabling"), &Value::Null).await.status, 200);
    assert_eq!(world.sign_in(&mut ann, "ann", PASSWORD).await.status, 201);
    assert_eq!(
        world.admin("POST", "/api/v1/users/eve/roles", &json!({"roles": ["king"]})).await.code(),
        "invalid_value"
    );
    assert_eq!(world.admin("GET", "/api/v1/users/nobody", &Value::Null).await.code(), "user_unknown");
    let list = world.admin("GET", "/api/v1/users?limit=1", &Value::Null).await;
    assert_eq!(
        (list.json["users"][0]["name"].as_str(), list.json["next"].as_str()),
        (Some("ann"), Some("ann"))
    );
}

#[tokio::test]
async fn a_role_that_requires_a_second_factor_is_good_for_nothing_without() {
    let world = World::with(Config::parse("[users]\nsecond_factor_required = [\"sales\"]").unwrap());
    world.admin("POST", "/api/v1/users", &json!({"name": "eve", "roles": ["support"]})).await;
    let mut ann = world.user("ann", "support").await;
    assert_eq!(world.get(&ann, "/api/v1/items").await.status, 200, "this role does not");
    let roles = json!({"roles": ["support", "sales"]});
    assert_eq!(world.admin("POST", "/api/v1/users/ann/roles", &roles).await.status, 200);
    // At once, in the session that exists, and in a new one.
    for _ in 0..2 {
        let session = world.get(&ann, "/api/v1/session").await;
        assert_eq!(session.json["standing"], "second_factor_setup_needed");
        for path in ["/api/v1/items", "/api/v1/orders", "/api/v1/account/sessions"] {
            assert_eq!(world.get(&ann, path).await.code(), "second_factor_setup_needed", "{path}");
        }
        assert_eq!(world.sign_in(&mut ann, "ann", PASSWORD).await.status, 201);
    }
    let begun = world.post(&ann, "/api/v1/account/second-factor", &json!({"password": PASSWORD})).await;
    assert_eq!(world.get(&ann, "/api/v1/items").await.code(), "second_factor_setup_needed", "not yet");
    let code = json!({"code": code(begun.json["secret"].as_str().unwrap(), world.now())});
    let confirmed = world.post(&ann, "/api/v1/account/second-factor/confirmation", &code).await;
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
    assert_eq!(world.get(&ann, "/api/v1/items").await.status, 200, "the session goes on");
    // Without it the door is closed again, in the same session.
    let removal = json!({"password": PASSWORD});
    assert_eq!(world.post(&ann, "/api/v1/account/second-factor/removal", &removal).await.status, 200);
    assert_eq!(world.get(&ann, "/api/v1/items").await.code(), "second_factor_setup_needed");
    let wrong = Config::parse("[users]\nsecond_factor_required = [\"king\"]").unwrap_err();
    assert!(wrong.to_string().contains("users.second_factor_required: king"), "{wrong}");
}

#[tokio::test]
async fn only_pages_of_this_server_act_for_a_browser() {
    let world = World::new();
    let ann = world.user("ann", "admin").await;
    let path = "/api/v1/users/ann/sessions";
    for foreign in [
        vec![],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "none")],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
    ] {
        let answer = world.send("DELETE", path, &Value::Null, &ann, &foreign).await;
        assert_eq!((answer.status, answer.code()), (403, "origin_refused"), "{foreign:?}");
        // Looking changes nothing, and no other page can read what is answered.
        assert_eq!(world.send("GET", "/api/v1/users", &Value::Null, &ann, &foreign).await.status, 200);
    }
    let sign_in = json!({"name": "ann", "password": PASSWORD});
    let nobody = Browser::default();
    let foreign = [("sec-fetch-site", "cross-site")];
    assert_eq!(
        world.send("POST", "/api/v1/session", &sign_in, &nobody, &foreign).await.code(),
        "origin_refused"
    );
    assert_eq!(
        world.send("POST", "/api/v1/session", &sign_in, &nobody, &[]).await.status,
        201,
        "not a browser"
    );
    let ours = [("origin", "http://central.test")];
    assert_eq!(world.send("DELETE", path, &Value::Null, &ann, &ours).await.status, 200);
    // A token that is wrong is not made up for by a session.
    let mut ann = ann;
    world.sign_in(&mut ann, "ann", PASSWORD).await;
    let both = [("authorization", "Bearer cst_nothing"), ("sec-fetch-site", "same-origin")];
    assert_eq!(world.send("GET", "/api/v1/users", &Value::Null, &ann, &both).await.code(), "unauthorized");
}

#[tokio::test]
async fn the_command_line_makes_the_first_user_and_opens_the_door_again() {
    let world = World::new();
    assert_eq!(world.command(&["add", "root", "--role", "admin"], "too short"), 3);
    assert_eq!(world.command(&["add", "root", "--role", "king"], PASSWORD), 2);
    assert_eq!(world.command(&["add", "root", "--role", "admin", "--role", "sales"], PASSWORD), 0);
    assert_eq!(world.command(&["add", "root", "--role", "admin"], PASSWORD), 3, "exists");
    let mut root = Browser::default();
    assert_eq!(world.sign_in(&mut root, "root", PASSWORD).await.json["standing"], "full");
    assert_eq!(world.command(&["reset", "nobody"], PASSWORD), 4);
    let other = "another four words";
    assert_eq!(world.command(&["reset", "root", "--remove-second-factor"], other), 0);
    assert_eq!(world.get(&root, "/api/v1/session").await.code(), "unauthorized");
    assert_eq!(world.sign_in(&mut root, "root", PASSWORD).await.code(), "sign_in_failed");
    assert_eq!(world.sign_in(&mut root, "root", other).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_order_is_large_in_parts_as_well() {
    let world = World::with(Config::parse("[four_eyes]\norder_quantity = 100").unwrap());
    for id in ["A", "B"] {
        let item = json!({"id": id, "name": id, "firm_code": 6_000_010, "product_code": 1});
        assert_eq!(world.admin("POST", "/api/v1/items", &item).await.status, 201);
    }
    let (mut ann, bob) = (world.user("ann", "sales").await, world.user("bob", "sales").await);
    let place = async |who: &Browser, id: &str, item: &str, quantity: u32| {
        let order = json!({"order_id": id, "items": [{"item": item, "quantity": quantity}]});
        let answer = world.post(who, "/api/v1/orders", &order).await;
        (answer.status, answer.code().to_owned())
    };
    let (done, again) = ((201, "none".to_owned()), (200, "none".to_owned()));
    let held = (409, "order_held".to_owned());
    assert_eq!(place(&ann, "1", "A", 60).await, done);
    assert_eq!(place(&ann, "1", "A", 60).await, again, "the same order counts once");
    assert_eq!(place(&ann, "2", "A", 41).await, held);
    assert_eq!(place(&ann, "3", "B", 100).await, done, "another item");
    assert_eq!(place(&bob, "4", "A", 100).await, done, "somebody else");
    // Pre-activated licenses count, each as often as it can be converted, and nobody can release them.
    let preactivate = async |quantity: u32, conversions: u32| {
        let request = json!({"item": "A", "quantity": quantity, "conversions": conversions});
        world.post(&ann, "/api/v1/preactivations", &request).await
    };
    assert_eq!(preactivate(9, 5).await.code(), "preactivation_beyond_limit");
    assert_eq!(preactivate(20, 0).await.status, 201);
    assert_eq!(preactivate(4, 5).await.status, 201);
    assert_eq!(place(&ann, "5", "A", 1).await, held);
    // What a second person releases is placed, and is his affair.
    assert_eq!(world.post(&bob, "/api/v1/held-orders/2/release", &json!({})).await.status, 200);
    assert_eq!(place(&ann, "2", "A", 41).await, done);
    world.pass(86_400 + 900);
    world.sign_in(&mut ann, "ann", PASSWORD).await;
    // Two at once do not both pass.
    let (one, other) = tokio::join!(place(&ann, "6", "A", 60), place(&ann, "7", "A", 60));
    assert!([(&one, &other), (&other, &one)].contains(&(&done, &held)), "{one:?} {other:?}");
    assert_eq!(place(&ann, "8", "A", 40).await, done, "what was refused does not count");
}

#[tokio::test]
async fn a_large_order_waits_for_a_second_person() {
    let world = World::with(Config::parse("[four_eyes]\norder_quantity = 100").unwrap());
    let item = json!({"id": "A", "name": "A", "firm_code": 6_000_010, "product_code": 1});
    assert_eq!(world.admin("POST", "/api/v1/items", &item).await.status, 201);
    let order = |id: &str, quantities: [u32; 2]| {
        let items = quantities.map(|quantity| json!({"item": "A", "quantity": quantity}));
        json!({"order_id": id, "items": items})
    };
    let (ann, bob) = (world.user("ann", "sales").await, world.user("bob", "sales").await);
    let place = async |order: &Value| world.post(&ann, "/api/v1/orders", order).await;
    let decide = async |browser: &Browser, id: &str, verb: &str| {
        world.post(browser, &format!("/api/v1/held-orders/{id}/{verb}"), &json!({})).await
    };
    assert_eq!(place(&order("small", [60, 40])).await.status, 201, "the limit itself is not above it");
    let large = order("large", [60, 41]);
    for _ in 0..2 {
        assert_eq!(place(&large).await.code(), "order_held");
    }
    let unknown = json!({"order_id": "odd", "items": [{"item": "B", "quantity": 500}]});
    assert_eq!(place(&unknown).await.code(), "item_unknown", "what cannot be placed is not held");
    let list = world.get(&bob, "/api/v1/held-orders?pending=true").await;
    let held = &list.json["orders"];
    assert_eq!(held.as_array().map(Vec::len), Some(1));
    assert_eq!((held[0]["asked_by"].as_str(), held[0]["quantity"].as_u64()), (Some("user:ann"), Some(101)));
    assert_eq!(decide(&ann, "large", "release").await.code(), "second_person_needed");
    let token = world.admin("POST", "/api/v1/held-orders/large/release", &json!({})).await;
    assert_eq!(token.code(), "second_person_needed", "an API token is nobody");
    assert_eq!(decide(&bob, "none", "release").await.code(), "held_order_unknown");
    let released = decide(&bob, "large", "release").await;
    assert_eq!(
        (released.json["state"].as_str(), released.json["decided_by"].as_str()),
        (Some("released"), Some("user:bob"))
    );
    assert_eq!(decide(&bob, "large", "release").await.code(), "held_order_decided");
    assert_eq!(
        place(&order("large", [60, 42])).await.code(),
        "order_held",
        "another content is another order"
    );
    assert_eq!(decide(&bob, "large", "release").await.status, 200);
    assert_eq!(place(&large).await.code(), "order_held", "and the release was for that one");
    assert_eq!(decide(&bob, "large", "release").await.status, 200);
    let placed = place(&large).await;
    assert_eq!(
        (placed.status, placed.json["licenses"].as_array().map(Vec::len)),
        (201, Some(2)),
        "{placed:?}"
    );
    assert_eq!(place(&large).await.status, 200, "the same order again");
    assert_eq!(decide(&bob, "large", "denial").await.code(), "held_order_decided");
    let refused = order("refused", [101, 1]);
    assert_eq!(place(&refused).await.code(), "order_held");
    assert_eq!(decide(&ann, "refused", "denial").await.json["state"], "denied");
    assert_eq!(place(&refused).await.code(), "order_held");
    assert_eq!(decide(&bob, "refused", "release").await.status, 200);
    world.pass(7 * 86_400);
    let late = world.admin("POST", "/api/v1/orders", &refused).await;
    assert_eq!(late.code(), "order_held", "a release is for a week");
    let actions = world.actions().await;
    let count = |wanted: &str| actions.iter().filter(|action| *action == wanted).count();
    assert_eq!(
        (count("order_held"), count("order_released"), count("order_denied")),
        (5, 4, 1),
        "{actions:?}"
    );
}

#[tokio::test]
async fn a_reactivation_is_granted_by_two_people() {
    let world = World::with(Config::parse("[four_eyes]\nreactivations = true").unwrap());
    let item = json!({"id": "A", "name": "A", "firm_code": 6_000_010, "product_code": 1});
    world.admin("POST", "/api/v1/items", &item).await;
    let order = json!({"order_id": "O", "items": [{"item": "A", "quantity": 1}]});
    let order = world.admin("POST", "/api/v1/orders", &order).await;
    let license: LicenseId = order.json["licenses"][0]["id"].as_str().unwrap().parse().unwrap();
    let line = world.store().license(license).await.unwrap().unwrap();
    let asked = |number: u8, kind| {
        Change::PutApproval(Approval {
            id: ApprovalId([number; 16]),
            kind,
            license,
            ticket: line.ticket,
            container: "130-7".parse().unwrap(),
            firm_code: "6000010".parse().unwrap(),
            state: ApprovalState::Pending,
            first_grant_by: None,
            reason: Text::new("").unwrap(),
            requested_at: world.now(),
            version: 0,
        })
    };
    let changes = vec![asked(1, ApprovalKind::Reactivation), asked(2, ApprovalKind::Return)];
    world.commit(ChangeSet { changes, ..ChangeSet::default() }).await;
    let (ann, bob) = (world.user("ann", "support").await, world.user("bob", "support").await);
    let decide = async |browser: &Browser, number: u8, verb: &str| {
        let id = ApprovalId([number; 16]);
        world.post(browser, &format!("/api/v1/approvals/{id}/{verb}"), &json!({})).await
    };
    assert_eq!(decide(&ann, 2, "grant").await.json["state"], "granted", "a return needs one");
    let half = decide(&ann, 1, "grant").await;
    assert_eq!(
        (half.json["state"].as_str(), half.json["first_grant_by"].as_str()),
        (Some("pending"), Some("user:ann"))
    );
    let list = world.get(&bob, "/api/v1/approvals?pending=true").await;
    assert_eq!(list.json["approvals"][0]["first_grant_by"], "user:ann", "who else is asked sees it");
    assert_eq!(decide(&ann, 1, "grant").await.code(), "second_person_needed");
    let id = ApprovalId([1; 16]);
    let token = world.admin("POST", &format!("/api/v1/approvals/{id}/grant"), &json!({})).await;
    assert_eq!(token.code(), "second_person_needed");
    let granted = decide(&bob, 1, "grant").await;
    assert_eq!((granted.json["state"].as_str(), granted.json.get("first_grant_by")), (Some("granted"), None));
    let actions = world.actions().await;
    assert!(actions.ends_with(&["approval_half_granted".into(), "approval_granted".into()]), "{actions:?}");
}

#[tokio::test]
async fn tokens_are_narrowed_and_end() {
    let world = World::new();
    let make = async |name: &str, scopes: Value, expires: &str| {
        let request = json!({"name": name, "roles": ["admin"], "scopes": scopes, "expires": expires});
        world.admin("POST", "/api/v1/tokens", &request).await
    };
    assert_eq!(make("x", json!(["everything"]), "2999-01-01").await.code(), "invalid_value");
    assert_eq!(
        make("user:ann", json!([]), "2999-01-01").await.code(),
        "invalid_value",
        "not the name of a user"
    );
    let end = licensing_wire::time::print(world.now().plus_secs(60));
    let made = make("shop", json!(["order-write", "item-read"]), &end).await;
    let bearer = format!("Bearer {}", made.json["token"].as_str().unwrap());
    let get = async |path: &str| {
        world.send("GET", path, &Value::Null, &Browser::default(), &[("authorization", &bearer)]).await
    };
    assert_eq!(get("/api/v1/items").await.status, 200);
    assert_eq!(get("/api/v1/tokens").await.code(), "forbidden");
    let list = world.admin("GET", "/api/v1/tokens", &Value::Null).await;
    assert_eq!(list.json["tokens"][1]["scopes"], json!(["order-write", "item-read"]));
    assert_eq!(world.admin("DELETE", "/api/v1/tokens/admin", &Value::Null).await.code(), "last_admin_token");
    world.pass(60);
    assert_eq!(get("/api/v1/items").await.code(), "unauthorized");
}
