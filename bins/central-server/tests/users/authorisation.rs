//! The authorisation matrix: every route of the table with every role, through every way of asking, and with every state a
//! session can be in. Whatever the table does not allow is refused, and for its own reason.

use crate::world::{Answered, Browser, World};
use central_server::config::Config;
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

#[tokio::test]
async fn tokens_get_the_same_verdict_through_json_and_soap_and_sessions_none_through_soap() {
    let world = World::new();
    let mut tokens = vec![(None, None, None), (None, None, Some("cst_nobody".to_owned()))];
    let make = async |name: String, role: &str, scopes: Value| {
        let request = json!({"name": name, "roles": [role], "scopes": scopes});
        let made = world.admin("POST", "/api/v1/tokens", &request).await;
        Some(made.json["token"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned())
    };
    for (role, word) in ROLES {
        tokens.push((Some(role), None, make(format!("role-{word}"), word, json!([])).await));
    }
    for scope in PERMISSIONS {
        let name = format!("only-{}", scope.name());
        tokens.push((Some(Role::Admin), Some(scope), make(name, "admin", json!([scope.name()])).await));
    }
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
        for (role, scope, token) in &tokens {
            let expected = match (route.access, role) {
                (Access::User(_), _) | (Access::Vendor(_), None) => Some("unauthorized"),
                (Access::Vendor(permission), Some(role)) => granted(
                    role.allows(permission) && scope.is_none_or(|scope: Permission| scope == permission),
                ),
                (Access::Anybody | Access::TicketHolder | Access::Container, _) => None,
            };
            let bearer = token.as_ref().map(|token| format!("Bearer {token}"));
            let headers: Vec<(&str, &str)> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
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
