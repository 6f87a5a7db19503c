//! The authorisation matrix: every route of the table with every role, through every way of asking, and with every state a
//! session can be in. Whatever the table does not allow is refused, and for its own reason.

use crate::world::{Answered, Browser, FROM, World};
use central_server::config::{ClientCertificates, Config};
use central_server::http::{Access, Needs, ROUTES, Route, Verb};
use central_server::vault::session_hash;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::time::Timestamp;
use licensing_core::token::{PERMISSIONS, Permission, ROLES, Role};
use licensing_core::user::session::{Session, Stage};
use licensing_core::user::{PasswordHash, SecondFactor, User, UserName};
use licensing_wire::soap::{NAMESPACE, OPERATIONS};
use serde_json::{Value, json};

/// What admission refuses with; anything else comes from behind it.
const REFUSALS: [&str; 6] = [
    "unauthorized",
    "forbidden",
    "second_factor_needed",
    "password_change_needed",
    "second_factor_setup_needed",
    "origin_refused",
];

const OURS: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];
const CROSS_SITE: &[(&str, &str)] = &[("sec-fetch-site", "cross-site")];
const FOREIGN: &[(&str, &str)] = &[("origin", "https://evil.example")];
const SILENT: &[(&str, &str)] = &[];

fn path(route: &Route) -> String {
    let numbers = route.path.replace("{firm_code}", "1").replace("{hash}", &"0".repeat(64));
    numbers.replace("{serial}", "3-7").replace("{id}", "X").replace("{name}", "x").replace("{code}", "usage")
}

/// The refusal of admission, or nothing when the request came through.
fn verdict(answer: &Answered) -> Option<&str> {
    REFUSALS.into_iter().find(|code| *code == answer.code())
}

fn granted(allowed: bool) -> Option<&'static str> {
    if allowed { None } else { Some("forbidden") }
}

/// What a session is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Unknown,
    Expired,
    Idle,
    Disabled,
    CodeMissing,
    PasswordMissing,
    FactorMissing,
}

const STATES: [State; 8] = [
    State::Good,
    State::Unknown,
    State::Expired,
    State::Idle,
    State::Disabled,
    State::CodeMissing,
    State::PasswordMissing,
    State::FactorMissing,
];

/// What must come of a request in a session.
fn expected(route: &Route, role: Role, state: State, sender: &[(&str, &str)]) -> Option<&'static str> {
    let needs = match route.access {
        Access::Vendor(_) => Needs::Full,
        Access::User(needs) => needs,
        Access::Anybody if route.verb == Verb::Post && [CROSS_SITE, FOREIGN].contains(&sender) => {
            return Some("origin_refused");
        }
        Access::Anybody | Access::TicketHolder | Access::Container => return None,
    };
    if matches!(state, State::Unknown | State::Expired | State::Idle | State::Disabled) {
        return Some("unauthorized");
    }
    if route.verb != Verb::Get && sender != OURS {
        return Some("origin_refused");
    }
    match (state, needs) {
        (State::CodeMissing, Needs::Password | Needs::Factor | Needs::Full) => Some("second_factor_needed"),
        (State::PasswordMissing, Needs::Factor | Needs::Full) => Some("password_change_needed"),
        (State::FactorMissing, Needs::Full) => Some("second_factor_setup_needed"),
        _ => match route.access {
            Access::Vendor(permission) => granted(role.allows(permission)),
            _ => None,
        },
    }
}

/// A fresh session of a user of its own.
fn session(changes: &mut ChangeSet, now: Timestamp, number: u32, role: Role, state: State) -> Browser {
    let (name, secret) = (UserName::new(&format!("u{number}")).unwrap(), format!("{number:064x}"));
    let mut user = User::new(name.clone(), vec![role], PasswordHash::new(String::new()), false, now);
    user.disabled_at = (state == State::Disabled).then_some(now);
    user.must_change = state == State::PasswordMissing;
    let factor = SecondFactor { sealed: vec![], confirmed: true, last_step: 0, recovery: vec![] };
    user.second_factor = (state == State::Good).then_some(factor);
    let before = |secs| Timestamp::from_secs(now.secs() - secs);
    let session = Session {
        hash: session_hash(&secret),
        user: name,
        stage: if state == State::CodeMissing { Stage::Code } else { Stage::Full },
        created_at: before(7200),
        last_seen: before(if state == State::Idle { 1800 } else { 0 }),
        expires_at: if state == State::Expired { now } else { now.plus_secs(60) },
        origin: None,
        agent: String::new(),
    };
    changes.push(Change::PutUser(user));
    if state != State::Unknown {
        changes.push(Change::InsertSession(session));
    }
    Browser { cookie: Some(format!("__Host-session={secret}")) }
}

async fn ask(world: &World, route: &Route, browser: &Browser, headers: &[(&str, &str)]) -> Answered {
    let body = if route.verb == Verb::Post { json!({}) } else { Value::Null };
    world.send(route.verb.name(), &path(route), &body, browser, headers).await
}

#[tokio::test]
async fn sessions_are_good_for_what_the_table_says_and_nothing_else() {
    let roles = ROLES.map(|(_, word)| format!("\"{word}\"")).join(", ");
    let settings = format!("[users]\nsecond_factor_required = [{roles}]");
    let world = World::with(Config::parse(&settings).unwrap());
    let mut number = 0;
    for route in ROUTES {
        let (mut changes, mut questions) = (ChangeSet::default(), Vec::new());
        for (role, _) in ROLES {
            for state in STATES {
                for sender in [OURS, CROSS_SITE, FOREIGN, SILENT] {
                    number += 1;
                    let browser = session(&mut changes, world.now(), number, role, state);
                    questions.push((browser, role, state, sender));
                }
            }
        }
        world.commit(changes).await;
        for (browser, role, state, sender) in questions {
            let answer = ask(&world, route, &browser, sender).await;
            let expected = expected(route, role, state, sender);
            let name = route.name;
            assert_eq!(verdict(&answer), expected, "{name} as {role:?}, {state:?}, {sender:?}: {answer:?}");
        }
    }
    println!("{number} combinations");
}

type Headers = Vec<(&'static str, String)>;

fn bearer(token: &str) -> Headers {
    vec![("authorization", format!("Bearer {token}"))]
}

const PROXY: &str = "10.9.8.7:50000";

fn behind_a_proxy() -> Config {
    let trusted_proxies = vec!["10.9.8.7".parse().unwrap()];
    Config { client_certificates: ClientCertificates { trusted_proxies }, ..Config::default() }
}

/// A certificate, in PEM and as a proxy tells it.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["erp.example".to_owned()]).unwrap().cert;
    (made.pem(), format!(":{}:", data_encoding::BASE64.encode(made.der())))
}

fn presented(told: &str) -> Headers {
    vec![("client-cert", told.to_owned()), (FROM, PROXY.to_owned())]
}

#[tokio::test]
async fn a_certificate_counts_only_where_a_proxy_vouches_for_it() {
    let world = World::with(behind_a_proxy());
    let ((pem, told), nobody) = (certificate(), Browser::default());
    let request = json!({"name": "erp", "roles": ["admin"], "certificate": pem});
    let made = world.admin("POST", "/api/v1/tokens", &request).await;
    let listed = world.admin("GET", "/api/v1/tokens", &Value::Null).await;
    let erp = listed.json["tokens"].as_array().unwrap().iter().find(|token| token["name"] == "erp").unwrap();
    assert!(made.json["certificate"].is_string() && made.json["certificate"] == erp["certificate"]);
    assert!(erp["expires_at"].is_string(), "it ends with its certificate: {erp}");
    let look = async |headers: &[(&str, &str)]| {
        world.send("GET", "/api/v1/items", &Value::Null, &nobody, headers).await.status
    };
    let by = ("client-cert", told.as_str());
    assert_eq!(look(&[by, (FROM, PROXY)]).await, 200);
    assert_eq!(look(&[by, (FROM, "[::ffff:10.9.8.7]:1")]).await, 200);
    assert_eq!(look(&[by, (FROM, "10.9.8.8:50000")]).await, 401, "said by somebody else");
    assert_eq!(look(&[by, (FROM, "10.9.8.8:50000"), ("x-forwarded-for", "10.9.8.7")]).await, 401);
    assert_eq!(look(&[by]).await, 401);
    assert_eq!(look(&[by, by, (FROM, PROXY)]).await, 401, "two of them");
    assert_eq!(
        look(&[by, (FROM, PROXY), ("authorization", "Bearer cst_nobody")]).await,
        401,
        "a token comes first"
    );
    // A browser presents certificates by itself, also for pages of somebody else.
    for elsewhere in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        assert_eq!(look(&[by, (FROM, PROXY), elsewhere]).await, 403, "{elsewhere:?}");
    }
    let again = json!({"name": "erp-2", "roles": ["sales"], "certificate": pem});
    assert_eq!(world.admin("POST", "/api/v1/tokens", &again).await.code(), "certificate_unsuitable");
    let none = json!({"name": "erp-2", "roles": ["sales"], "certificate": "no PEM"});
    assert_eq!(world.admin("POST", "/api/v1/tokens", &none).await.code(), "certificate_unsuitable");
    assert_eq!(world.admin("DELETE", "/api/v1/tokens/erp", &Value::Null).await.status, 200);
    assert_eq!(look(&[by, (FROM, PROXY)]).await, 401, "revoked");
    assert_eq!(world.admin("POST", "/api/v1/tokens", &again).await.code(), "certificate_unsuitable");
}

#[tokio::test]
async fn a_token_ends_with_its_certificate_at_the_latest() {
    let world = World::with(behind_a_proxy());
    let made = |begins: i64, ends: i64| {
        let mut params = rcgen::CertificateParams::new(vec!["erp.example".to_owned()]).unwrap();
        let now = i64::try_from(world.now().secs()).unwrap();
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + std::time::Duration::from_secs(u64::try_from(now + begins).unwrap());
        params.not_after = epoch + std::time::Duration::from_secs(u64::try_from(now + ends).unwrap());
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        (made.pem(), format!(":{}:", data_encoding::BASE64.encode(made.der())))
    };
    for (begins, ends) in [(60, 3600), (-3600, -60)] {
        let request = json!({"name": "erp", "roles": ["sales"], "certificate": made(begins, ends).0});
        assert_eq!(world.admin("POST", "/api/v1/tokens", &request).await.code(), "certificate_unsuitable");
    }
    let (pem, told) = made(-60, 3600);
    let request = json!({"name": "erp", "roles": ["sales"], "certificate": pem, "expires": "2099-01-01"});
    assert_eq!(world.admin("POST", "/api/v1/tokens", &request).await.status, 201);
    let headers = [("client-cert", told.as_str()), (FROM, PROXY)];
    let nobody = Browser::default();
    let look = async || world.send("GET", "/api/v1/items", &Value::Null, &nobody, &headers).await.status;
    assert_eq!(look().await, 200);
    world.pass(3601);
    assert_eq!(look().await, 401);
}

#[tokio::test]
async fn tokens_get_the_same_verdict_through_json_and_soap_and_sessions_none_through_soap() {
    let world = World::with(behind_a_proxy());
    let mut tokens = vec![(None, None, vec![]), (None, None, bearer("cst_nobody"))];
    let ask_for = async |request: Value| {
        let made = world.admin("POST", "/api/v1/tokens", &request).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json
    };
    // Each twice: with a secret, and with a client certificate in its place.
    let make = async |name: String, role: &str, scopes: Value| {
        let mut request = json!({"name": name, "roles": [role], "scopes": scopes});
        let secret = ask_for(request.clone()).await["token"].as_str().unwrap().to_owned();
        let (pem, told) = certificate();
        request["name"] = json!(name + "-certificate");
        request["certificate"] = json!(pem);
        assert!(ask_for(request).await["token"].is_null());
        [bearer(&secret), presented(&told)]
    };
    for (role, word) in ROLES {
        let both = make(format!("role-{word}"), word, json!([])).await;
        tokens.extend(both.map(|headers| (Some(role), None, headers)));
    }
    for scope in PERMISSIONS {
        let both = make(format!("only-{}", scope.name()), "admin", json!([scope.name()])).await;
        tokens.extend(both.map(|headers| (Some(Role::Admin), Some(scope), headers)));
    }
    tokens.push((None, None, presented(&certificate().1)));
    let soap = async |operation: &str, browser: &Browser, headers: &[(&str, &str)]| {
        let envelope = format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
             <m:{operation} xmlns:m=\"{NAMESPACE}\"/></s:Body></s:Envelope>"
        );
        let answer = world.send_as("POST", "/soap/1.1", ("text/xml", &envelope), browser, headers).await;
        REFUSALS.into_iter().find(|code| answer.text.contains(&format!(">{code}<")))
    };
    let (mut checked, nobody) = (0, Browser::default());
    for route in ROUTES {
        let operation = OPERATIONS.iter().find(|operation| operation.route == route.name);
        for (role, scope, headers) in &tokens {
            let expected = match (route.access, role) {
                (Access::User(_), _) | (Access::Vendor(_), None) => Some("unauthorized"),
                (Access::Vendor(permission), Some(role)) => granted(
                    role.allows(permission) && scope.is_none_or(|scope: Permission| scope == permission),
                ),
                (Access::Anybody | Access::TicketHolder | Access::Container, _) => None,
            };
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = ask(&world, route, &nobody, &headers).await;
            assert_eq!(verdict(&answer), expected, "{} as {role:?}, {scope:?}: {answer:?}", route.name);
            checked += 1;
            if let Some(operation) = operation {
                let found = soap(operation.name, &nobody, &headers).await;
                assert_eq!(found, expected, "{} as {role:?}, {scope:?} through SOAP", route.name);
                checked += 1;
            }
        }
        if let (Some(operation), Access::Vendor(_)) = (operation, route.access) {
            let mut changes = ChangeSet::default();
            let admin = session(&mut changes, world.now(), 1_000_000 + checked, Role::Admin, State::Good);
            world.commit(changes).await;
            let found = soap(operation.name, &admin, OURS).await;
            assert_eq!(found, Some("unauthorized"), "{} in a session through SOAP", route.name);
        }
    }
    println!("{checked} combinations");
}
