//! A server in this process with everything a vendor's pages can show, and browsers that are signed in.

use central_server::config::Config;
use central_server::http::serve;
use central_server::mail::MailSettings;
use central_server::vault::session_hash;
use licensing_core::approval::{Approval, ApprovalKind, ApprovalState};
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::container::{ContainerRecord, ContainerStatus};
use licensing_core::crypto::seal::SealingPublicKey;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::ids::{ApprovalId, LicenseId, Text};
use licensing_core::user::session::{Session, Stage};
use licensing_core::user::{SecondFactor, UserName};
use licensing_testkit::browser::Browser as Chromium;
use licensing_testkit::mail::MailServer;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::roles::CORPUS;
use crate::world::{Browser, World};

/// The server, as long as it is served.
pub(crate) struct Served {
    pub(crate) world: World,
    pub(crate) address: String,
    /// A user with all rights.
    pub(crate) vendor: Browser,
    /// The same, with a second factor.
    pub(crate) guarded: Browser,
    licenses: Vec<String>,
    containers: Vec<String>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    _mail: MailServer,
}

impl Served {
    /// An address of every page.
    pub(crate) fn samples(&self) -> Vec<String> {
        let fixed = [
            "/sign-in",
            "/sign-in/code",
            "/account",
            "/account/password",
            "/account/second-factor",
            "/users",
            "/users/busy",
            "/users/gone",
            "/tokens",
            "/",
            "/items",
            "/items/PAD",
            "/new-item",
            "/orders",
            "/orders/O-1",
            "/new-order",
            "/licenses",
            "/containers",
            "/approvals",
            "/held-orders",
            "/events",
            "/search",
        ];
        let licenses = self.licenses.iter().map(|id| format!("/licenses/{id}"));
        let containers = self.containers.iter().map(|serial| format!("/containers/{serial}"));
        fixed.map(str::to_owned).into_iter().chain(licenses).chain(containers).collect()
    }

    /// Goes on as somebody who has signed in.
    pub(crate) fn enter(&self, chromium: &Chromium, browser: &Browser) {
        let (name, value) = browser.cookie.as_deref().unwrap().split_once('=').unwrap();
        let url = self.address.replace("http://", "https://");
        let cookie = json!({"name": name, "value": value, "url": url, "path": "/", "secure": true,
            "httpOnly": true, "sameSite": "Strict"});
        chromium.forget();
        assert_eq!(chromium.cdp("Network.setCookie", &cookie)["success"], true);
    }

    /// Ends the server in order.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        self.serving.await.unwrap();
    }
}

/// A session of somebody, with what his browser says it is.
fn session(world: &World, user: &str, number: u8, agent: &str) -> (Change, Browser) {
    let secret = format!("{number:064x}");
    let session = Session {
        hash: session_hash(&secret),
        user: UserName::new(user).unwrap(),
        stage: Stage::Full,
        created_at: world.now(),
        last_seen: world.now(),
        expires_at: world.now().plus_secs(7200),
        origin: None,
        agent: agent.to_owned(),
    };
    (Change::InsertSession(session), Browser { cookie: Some(format!("__Host-session={secret}")) })
}

fn containers(world: &World) -> Vec<ContainerRecord> {
    let container = |number: u8| ContainerRecord {
        serial: format!("3-{}", 1_000_000 + u64::from(number)).parse().unwrap(),
        identity_key: PublicKey::from_trusted([3; 32]),
        sealing_key: SealingPublicKey([4; 32]),
        test_host: true,
        status: if number.is_multiple_of(2) {
            ContainerStatus::Normal
        } else {
            ContainerStatus::ManipulationDetected
        },
        registered_at: world.now(),
        version: 0,
    };
    (0..24).map(container).collect()
}

/// An item, orders, licenses in several states, containers, and so much of whatever waits for a decision.
pub(crate) async fn prepared(many: u8) -> Served {
    let mail = MailServer::start().unwrap();
    let settings = MailSettings {
        host: mail.address.ip().to_string(),
        port: mail.address.port(),
        tls: "none".to_owned(),
        from: "licenses@vendor.example".to_owned(),
        ..MailSettings::default()
    };
    let config = "[rate]\nrequests_per_minute = 0\n[four_eyes]\norder_quantity = 100";
    let world = World::with(Config { mail: settings, ..Config::parse(config).unwrap() });
    let item = json!({"id": "PAD", "name": "Sample", "firm_code": 6_000_010, "product_code": 201_000});
    assert_eq!(world.admin("POST", "/api/v1/items", &item).await.status, 201);
    let mut licenses = Vec::new();
    for order in ["O-1", "O-2"] {
        let order = json!({"order_id": order, "items": [{"item": "PAD", "quantity": 3}]});
        let placed = world.admin("POST", "/api/v1/orders", &order).await;
        licenses.push(placed.json["licenses"][0]["id"].as_str().unwrap().to_owned());
    }
    let withdrawal = format!("/api/v1/licenses/{}/withdrawal", licenses[1]);
    assert_eq!(world.admin("POST", &withdrawal, &json!(null)).await.status, 200);
    let ann = world.user("ann", "sales").await;
    for number in 0..many {
        let order =
            json!({"order_id": format!("H-{number:02}"), "items": [{"item": "PAD", "quantity": 200}]});
        assert_eq!(world.post(&ann, "/api/v1/orders", &order).await.code(), "order_held");
    }
    for (name, role) in [("busy", "sales"), ("gone", "sales"), ("guarded", "admin")] {
        world.user(name, role).await;
    }
    assert_eq!(world.admin("POST", "/api/v1/users/gone/disabling", &json!(null)).await.status, 200);
    let vendor = world.user("vendor", "admin").await;
    let guarded = decisions(&world, licenses[0].parse().unwrap(), many).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel();
    let app = std::sync::Arc::clone(&world.app);
    let serving = tokio::spawn(async move {
        serve(app, listener, async move {
            let _ = stopped.await;
        })
        .await;
    });
    let containers = containers(&world).iter().map(|container| container.serial.to_string()).collect();
    Served { world, address, vendor, guarded, licenses, containers, stop, serving, _mail: mail }
}

/// What no message makes: containers, questions, second factors, sessions of odd browsers.
async fn decisions(world: &World, license: LicenseId, many: u8) -> Browser {
    let line = world.store().license(license).await.unwrap().unwrap();
    let containers = containers(world);
    let asked = |number: u8| {
        Change::PutApproval(Approval {
            id: ApprovalId([number; 16]),
            kind: ApprovalKind::Reactivation,
            license,
            ticket: line.ticket,
            container: containers[0].serial,
            firm_code: "6000010".parse().unwrap(),
            state: ApprovalState::Pending,
            first_grant_by: None,
            reason: Text::new("").unwrap(),
            requested_at: world.now(),
            version: 0,
        })
    };
    let mut changes: Vec<Change> = (0..many).map(asked).collect();
    changes.extend(containers.iter().cloned().map(Change::PutContainer));
    for name in ["busy", "guarded"] {
        let mut user = world.store().user(UserName::new(name).unwrap()).await.unwrap().unwrap();
        user.second_factor =
            Some(SecondFactor { sealed: vec![], confirmed: true, last_step: 0, recovery: vec![] });
        changes.push(Change::PutUser(user));
    }
    for (number, word) in (1..).zip(CORPUS) {
        changes.push(session(world, "vendor", number, word).0);
    }
    let (change, guarded) = session(world, "guarded", 100, "test browser");
    changes.push(change);
    world.commit(ChangeSet { changes, ..ChangeSet::default() }).await;
    guarded
}
