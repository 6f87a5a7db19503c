//! A server in this process that tells its events.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use central_server::command;
use central_server::config::Config;
use central_server::http::{App, router};
use data_encoding::BASE64;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::data::Data;
use crate::receiver::{Message, Receiver};

pub(crate) struct World {
    app: Arc<App>,
    /// After the application, which uses it.
    data: Data,
}

pub(crate) fn id(event: &Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}

/// The bytes of the secret in an answer.
pub(crate) fn secret(answer: &Value) -> Vec<u8> {
    let text = answer["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap();
    BASE64.decode(text.as_bytes()).unwrap()
}

impl World {
    /// `settings` are those of `[webhooks]`; this computer may be told when they do not say otherwise.
    pub(crate) fn new(settings: Value) -> Self {
        let mut settings = settings;
        if settings.get("allowed_networks").is_none() {
            settings["allowed_networks"] = json!(["127.0.0.0/8"]);
        }
        let config = Config { webhooks: serde_json::from_value(settings).unwrap(), ..Config::default() };
        let data = Data::new(&config);
        let app = App::new(command::service(&data.dir(), &config, &data.database).unwrap(), config);
        let telling = Arc::clone(&app);
        tokio::spawn(async move { telling.tell_webhooks().await });
        Self { app, data }
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.data.token));
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        let response = router(&self.app).oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send("GET", path, None).await.1
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send("POST", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.send("DELETE", path, None).await
    }

    /// Makes a webhook; gives its secret.
    pub(crate) async fn webhook(&self, name: &str, receiver: &Receiver, more: Value) -> Vec<u8> {
        let mut request = json!({ "name": name, "url": receiver.url() });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = self.post("/api/v1/webhooks", &request).await;
        assert_eq!(status, 201, "{answer}");
        secret(&answer)
    }

    /// Licenses, each of an order of its own.
    pub(crate) async fn licenses(&self, count: usize) -> Vec<String> {
        let item = json!({"id": "A", "name": "A", "firm_code": 6_000_010, "product_code": 201_000});
        assert!(self.post("/api/v1/items", &item).await.0 < 300);
        let mut licenses = Vec::new();
        for number in 0..count {
            let order = json!({"order_id": format!("O-{number}"), "items": [{"item": "A", "quantity": 1}]});
            let (status, answer) = self.post("/api/v1/orders", &order).await;
            assert!(status < 300, "{answer}");
            licenses.push(answer["licenses"][0]["id"].as_str().unwrap().to_owned());
        }
        licenses
    }

    /// Makes several events about a license; the last is `withdrawal_cancelled`.
    pub(crate) async fn touch(&self, license: &str) {
        let path = format!("/api/v1/licenses/{license}/withdrawal");
        assert_eq!(self.post(&path, &json!({})).await.0, 200);
        assert_eq!(self.delete(&path).await.0, 200);
    }

    /// Everything in the log after an event.
    pub(crate) async fn events_after(&self, after: &str) -> Vec<Value> {
        let after = if after.is_empty() { String::new() } else { format!("&after={after}") };
        let page = self.get(&format!("/api/v1/events/feed?limit=500{after}")).await;
        assert_eq!(page["more"], false);
        page["events"].as_array().unwrap().clone()
    }

    pub(crate) async fn events_of(&self, license: &str) -> Vec<Value> {
        let all = self.events_after("").await;
        all.into_iter().filter(|event| event["data"]["license"] == license).collect()
    }

    /// Waits until a webhook is as it must become.
    pub(crate) async fn until_shown(&self, name: &str, done: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_200 {
            let shown = self.get(&format!("/api/v1/webhooks/{name}")).await;
            if done(&shown) {
                return shown;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{}", self.get(&format!("/api/v1/webhooks/{name}")).await)
    }

    /// Waits until a webhook has so many dead letters, and nothing else waits.
    pub(crate) async fn until_dead(&self, name: &str, count: usize) -> Vec<Value> {
        self.until_shown(name, |shown| shown["dead_letters"] == count && shown["waiting"] == 0).await;
        let page = self.get(&format!("/api/v1/webhooks/{name}/dead-letters")).await;
        page["dead_letters"].as_array().unwrap().clone()
    }

    /// The message of a test delivery.
    pub(crate) async fn test_message(&self, name: &str, receiver: &Receiver) -> Message {
        let before = receiver.seen().iter().filter(|message| message.kind() == "webhook_test").count();
        let (_, answer) = self.post(&format!("/api/v1/webhooks/{name}/test"), &json!({})).await;
        assert_eq!(answer["taken"], true, "{answer}");
        let seen = receiver.seen();
        seen.into_iter().filter(|message| message.kind() == "webhook_test").nth(before).unwrap()
    }

    /// The signatures again, by the library of the specification's authors.
    pub(crate) fn verify_with_python(&self, secret: &[u8], seen: &[Message]) {
        let Some(python) = licensing_testkit::python::with(licensing_testkit::python::STANDARD_WEBHOOKS)
        else {
            return;
        };
        let messages: Vec<Value> = seen
            .iter()
            .map(
                |m| json!({ "id": m.id, "timestamp": m.timestamp, "signature": m.signature, "body": m.body }),
            )
            .collect();
        let input = json!({ "secret": format!("whsec_{}", BASE64.encode(secret)), "messages": messages });
        let script = "
import json, sys
from standardwebhooks import Webhook, WebhookVerificationError
given = json.load(sys.stdin)
webhook = Webhook(given['secret'])
for m in given['messages']:
    headers = {'webhook-id': m['id'], 'webhook-timestamp': m['timestamp'], 'webhook-signature': m['signature']}
    assert webhook.verify(m['body'], headers)['id'] == m['id']
    for body in (m['body'] + ' ', m['body'].replace('done', 'gone', 1)):
        try:
            webhook.verify(body, headers)
        except WebhookVerificationError:
            continue
        raise SystemExit('a changed message was accepted')
print(len(given['messages']))
";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("messages.json");
        std::fs::write(&file, input.to_string()).unwrap();
        let output = std::process::Command::new(python)
            .args(["-c", script])
            .stdin(std::fs::File::open(&file).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), seen.len().to_string());
    }
}
