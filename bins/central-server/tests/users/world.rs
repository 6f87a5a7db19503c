//! A server with users, and browsers that visit it.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use central_server::config::Config;
use central_server::http::{App, router};
use central_server::keys;
use central_server::metrics::Metrics;
use central_server::service::{Rules, Service};
use central_server::system::{Clock, SystemClock};
use http_body_util::BodyExt as _;
use http_edge::ClientAddress;
use licensing_core::changeset::ChangeSet;
use licensing_core::time::Timestamp;
use licensing_store::Store;
use licensing_testkit::clock::ManualClock;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::PASSWORD;
use crate::data::Data;

/// In the place of a header: the other end of the connection.
pub(crate) const FROM: &str = "(from)";

/// A browser: what it keeps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) json: Value,
    pub(crate) text: String,
    pub(crate) cookie: Option<String>,
}

impl Answered {
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or("none")
    }
}

struct Hand(Arc<ManualClock>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

pub(crate) struct World {
    pub(crate) app: Arc<App>,
    clock: Arc<ManualClock>,
    /// After the application, which uses it.
    data: Data,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let data = Data::new(&config);
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let rules = Rules { accept_test_containers: true, ..config.rules().unwrap() };
        let (ring, store) = (keys::load(&data.dir().keys()).unwrap(), data.database.open().unwrap());
        let metrics = Arc::new(Metrics::new(clock.now()));
        let service = Service::new(store, ring, rules, Arc::new(Hand(Arc::clone(&clock))), metrics);
        let service = service.with_mail(config.mail.mailer(data.dir().path()).unwrap());
        let app = App::new(Arc::new(service), config);
        Self { app, clock, data }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets so many seconds pass.
    pub(crate) fn pass(&self, secs: u64) {
        self.clock.advance(secs);
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        browser: &Browser,
        headers: &[(&str, &str)],
    ) -> Answered {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send_as(method, path, ("application/json", &body), browser, headers).await
    }

    pub(crate) async fn send_as(
        &self,
        method: &str,
        path: &str,
        (kind, body): (&str, &str),
        browser: &Browser,
        headers: &[(&str, &str)],
    ) -> Answered {
        let mut request = Request::builder().method(method).uri(path).header("host", "central.test");
        request = request.header("user-agent", "test browser").header("content-type", kind);
        for (name, value) in headers {
            request = match *name {
                // Not sent: the other end of the connection.
                FROM => request.extension(ClientAddress(value.parse().unwrap())),
                name => request.header(name, *value),
            };
        }
        if let Some(cookie) = &browser.cookie {
            request = request.header("cookie", cookie);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = router(&self.app).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answered {
            status: parts.status.as_u16(),
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
            cookie: parts.headers.get("set-cookie").map(|value| value.to_str().unwrap().to_owned()),
        }
    }

    /// The API token of the administrator.
    pub(crate) fn token(&self) -> &str {
        &self.data.token
    }

    /// Stores what nobody asked for.
    pub(crate) async fn commit(&self, changes: ChangeSet) {
        self.app.service().store().commit(changes).await.unwrap();
    }

    /// The server's database.
    pub(crate) fn store(&self) -> &dyn Store {
        self.app.service().store()
    }

    async fn page(&self, method: &str, path: &str, body: &Value, browser: &Browser) -> Answered {
        self.send(method, path, body, browser, &[("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn get(&self, browser: &Browser, path: &str) -> Answered {
        self.page("GET", path, &Value::Null, browser).await
    }

    pub(crate) async fn post(&self, browser: &Browser, path: &str, body: &Value) -> Answered {
        self.page("POST", path, body, browser).await
    }

    pub(crate) async fn delete(&self, browser: &Browser, path: &str) -> Answered {
        self.page("DELETE", path, &Value::Null, browser).await
    }

    /// With the API token of the administrator.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: &Value) -> Answered {
        let token = format!("Bearer {}", self.token());
        self.send(method, path, body, &Browser::default(), &[("authorization", &token)]).await
    }

    fn keep(browser: &mut Browser, answer: &Answered) {
        if let Some(cookie) = &answer.cookie {
            browser.cookie = cookie.split(';').next().map(str::to_owned);
        }
    }

    pub(crate) async fn sign_in(&self, browser: &mut Browser, name: &str, password: &str) -> Answered {
        let answer =
            self.post(browser, "/api/v1/session", &json!({"name": name, "password": password})).await;
        Self::keep(browser, &answer);
        answer
    }

    pub(crate) async fn enter_code(&self, browser: &mut Browser, code: &str) -> Answered {
        let answer = self.post(browser, "/api/v1/session/code", &json!({"code": code})).await;
        Self::keep(browser, &answer);
        answer
    }

    /// A user who has signed in with an own password.
    pub(crate) async fn user(&self, name: &str, role: &str) -> Browser {
        let made = self.admin("POST", "/api/v1/users", &json!({"name": name, "roles": [role]})).await;
        let one_time = made.json["one_time_password"].as_str().unwrap();
        let mut browser = Browser::default();
        self.sign_in(&mut browser, name, one_time).await;
        let change = json!({"old": one_time, "new": PASSWORD});
        assert_eq!(self.post(&browser, "/api/v1/account/password", &change).await.status, 200);
        browser
    }

    /// What happened since the server was made.
    pub(crate) async fn history(&self) -> Value {
        let mut history =
            self.admin("GET", "/api/v1/history?limit=500", &Value::Null).await.json["events"].take();
        history.as_array_mut().unwrap().retain(|event| event["actor"] != "init");
        history
    }

    pub(crate) async fn actions(&self) -> Vec<String> {
        let history = self.history().await;
        history.as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
    }

    /// `central-server user ...` with this on its standard input; gives the exit code.
    pub(crate) fn command(&self, arguments: &[&str], input: &str) -> i32 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_central-server"));
        command.arg("user").args(arguments).arg("--data").arg(self.data.dir().path());
        if let Some(url) = &self.data.url {
            command.args(["--database", url]);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // A command that is refused for its arguments does not read.
        let _ = writeln!(child.stdin.take().unwrap(), "{input}");
        child.wait().unwrap().code().unwrap()
    }
}
