//! Everything a vendor, a customer and a container can ask, in one story; told once through JSON and once through each
//! version of SOAP, with what must differ (ids, tickets, times, files) replaced by names.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use central_server::config::Config;
use central_server::mail::MailSettings;
use licensing_testkit::mail::MailServer;

use crate::world::{Ask, Device, Told, Via, World};

/// One world that is told the story.
pub(crate) struct Story {
    world: World,
    via: Via,
    /// What was asked and answered, comparable.
    pub(crate) log: Vec<(String, Value)>,
    /// Routes that were used, and those that did what they were asked.
    pub(crate) used: BTreeSet<&'static str>,
    pub(crate) done: BTreeSet<&'static str>,
    names: Vec<String>,
}

/// Fields of which every value is made up by the server.
const MADE_UP: [&str; 16] = [
    "certificate",
    "message_id",
    "ticket",
    "token",
    "proof",
    "update",
    "template",
    "blacklist",
    "context",
    "proof_public_key",
    "unbound_proof_public_key",
    "id",
    "license",
    "replaces",
    "replaced_by",
    "next",
];

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

impl Story {
    pub(crate) fn new(via: Via) -> Self {
        let names = Vec::new();
        let server = MailServer::start().unwrap();
        let mail = MailSettings {
            host: server.address.ip().to_string(),
            port: server.address.port(),
            tls: "none".to_owned(),
            from: "Vendor <licenses@vendor.example>".to_owned(),
            ..MailSettings::default()
        };
        Self {
            world: World::with(Config { mail, ..Config::default() }),
            via,
            log: Vec::new(),
            used: BTreeSet::new(),
            done: BTreeSet::new(),
            names,
        }
    }

    async fn ask(&mut self, route: &'static str, ask: Ask) -> Told {
        let told = self.world.ask(self.via, route, &ask).await;
        self.used.insert(route);
        if told.code == "ok" {
            self.done.insert(route);
        }
        let mut shown = told.value.clone();
        self.mask("", &mut shown);
        self.log.push((format!("{route} {}", told.code), shown));
        told
    }

    async fn post(&mut self, route: &'static str, body: Value) -> Told {
        self.ask(route, Ask { body, ..Ask::default() }).await
    }

    async fn look(&mut self, route: &'static str, path: &str) -> Told {
        self.ask(route, Ask { path: Some(path.to_owned()), ..Ask::default() }).await
    }

    async fn list(&mut self, route: &'static str, query: &[(&'static str, &str)]) -> Told {
        let query = query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.ask(route, Ask { query, ..Ask::default() }).await
    }

    async fn change(&mut self, route: &'static str, path: &str, body: Value) -> Told {
        self.ask(route, Ask { path: Some(path.to_owned()), body, ..Ask::default() }).await
    }

    /// Replaces what is made up by the order in which it was first seen.
    fn mask(&mut self, field: &str, value: &mut Value) {
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(name, value)| self.mask(name, value)),
            Value::Array(values) => values.iter_mut().for_each(|value| self.mask(field, value)),
            Value::String(text) => {
                let is_time = text.len() == 20 && text.ends_with('Z') && text.contains('T');
                if is_time {
                    "a time".clone_into(text);
                } else if MADE_UP.contains(&field)
                    && !text.is_empty()
                    && text.len() > 9
                    && !text.starts_with("130-")
                {
                    let known = self.names.iter().position(|known| known == text);
                    let index = known.unwrap_or_else(|| {
                        self.names.push(text.clone());
                        self.names.len() - 1
                    });
                    *text = format!("#{index}");
                } else {
                    for (index, known) in self.names.iter().enumerate() {
                        *text = text.replace(known.as_str(), &format!("#{index}"));
                    }
                }
            }
            _ => {}
        }
    }

    /// Tells everything.
    pub(crate) async fn tell(&mut self) {
        self.items().await;
        let (ticket, a, b) = self.orders().await;
        let mut first = Device::new(1);
        self.moves(&ticket, &a, &mut first).await;
        self.approvals(&ticket, &b, &mut first).await;
        let mut third = Device::new(3);
        self.blacklisting(&ticket, &a, &mut first, &mut third).await;
        self.vendor(&a, &b, &mut third).await;
        self.administration(&first, &third).await;
    }

    async fn items(&mut self) {
        let a = json!({
            "id": "A", "name": "Ä & <b> \"x\" 'y'", "firm_code": 6_000_010, "product_code": 201_000, "license_quantity": 2,
            "feature_map": "0x3", "containers": ["act", "dongle"], "modules": [{"product_code": 5, "name": "M"}],
            "return": "allowed", "reactivation": "always", "restore": "always", "text": "two\nlines", "maintenance": "+30d",
        });
        self.post("create_item", a.clone()).await;
        self.post("create_item", a.clone()).await;
        let mut other = a;
        other["name"] = json!("other");
        self.post("create_item", other.clone()).await;
        other["id"] = json!(" spaced ");
        self.post("create_item", other).await;
        let b = json!({"id": "B", "name": "B", "firm_code": 6_000_010, "product_code": 7, "return": "approval", "reactivation": "approval"});
        self.post("create_item", b).await;
        self.list("list_items", &[("limit", "1")]).await;
        self.list("list_items", &[("after", "A"), ("limit", "5")]).await;
        self.list("list_items", &[("limit", "0")]).await;
        self.look("get_item", "A").await;
        self.look("get_item", "NONE").await;
    }

    async fn orders(&mut self) -> (String, String, String) {
        let order = json!({
            "order_id": "O-1", "customer": "C-1", "comment": "one\ntwo",
            "items": [{"item": "A", "quantity": 5}, {"item": "B", "quantity": 1}],
        });
        let with =
            |key: &str, body: &Value| Ask { body: body.clone(), key: Some(key.into()), ..Ask::default() };
        let placed = self.ask("create_order", with("key-1", &order)).await;
        self.ask("create_order", with("key-1", &order)).await;
        self.post("create_order", order.clone()).await;
        let mut other = order;
        other["customer"] = json!("C-2");
        self.ask("create_order", with("key-1", &other)).await;
        self.post("create_order", other.clone()).await;
        self.ask("create_order", with("no blanks", &other)).await;
        let ticket = text(&placed.value["ticket"]);
        let on_it = json!({"order_id": "O-2", "items": [{"item": "A", "quantity": 1}], "ticket": "order:O-1", "together": false});
        self.post("create_order", on_it).await;
        self.post("create_order", json!({"order_id": "O-3", "items": [{"item": "NONE", "quantity": 1}]}))
            .await;
        self.post("create_order", json!({"order_id": "O-3", "items": [{"item": "A", "quantity": 0}]})).await;
        self.look("get_order", "O-1").await;
        self.look("get_order", "O-9").await;
        self.mails().await;
        self.post("show_ticket", json!({"ticket": ticket})).await;
        self.post("show_ticket", json!({"ticket": ticket, "all": true})).await;
        self.post("show_ticket", json!({"ticket": "ABCDE"})).await;
        self.post("show_ticket", json!({"ticket": "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23"})).await;
        self.look("template", "6000010").await;
        self.look("template", "1").await;
        let id = |index: usize| text(&placed.value["licenses"][index]["id"]);
        (ticket, id(0), id(1))
    }

    async fn mails(&mut self) {
        let in_language = |path: &str, language: &str| Ask {
            path: Some(path.into()),
            query: vec![("language", language.into())],
            ..Ask::default()
        };
        self.look("get_order_mail", "O-1").await;
        self.ask("get_order_mail", in_language("O-1", "de")).await;
        self.ask("get_order_mail", in_language("O-1", "xx")).await;
        self.look("get_order_mail", "O-9").await;
        let body = json!({"to": "jane@customer.example", "language": "de", "note": "Hello,\nthere"});
        let keyed = Ask { path: Some("O-1".into()), body, key: Some("mail-1".into()), ..Ask::default() };
        let first = self.ask("mail_order", keyed.clone()).await;
        assert_eq!(self.ask("mail_order", keyed.clone()).await, first);
        self.ask("mail_order", Ask { path: Some("O-2".into()), ..keyed }).await;
        self.change("mail_order", "O-1", json!({"to": "jane@customer.example\r\nBcc: x@y"})).await;
        self.change("mail_order", "O-9", json!({"to": "jane@customer.example"})).await;
    }

    async fn moves(&mut self, ticket: &str, a: &str, device: &mut Device) {
        let body =
            json!({"ticket": ticket, "licenses": [{"id": a, "quantity": 2}], "context": device.context()});
        let ask = Ask { body, key: Some("move-1".into()), ..Ask::default() };
        let update = self.ask("activate", ask.clone()).await;
        self.ask("activate", ask).await;
        self.post("activate", json!({"ticket": ticket, "context": "no base64!"})).await;
        device.import(&update);
        let context = device.context();
        self.post("receipt", json!({"context": context})).await;
        self.post("receipt", json!({"context": context})).await;
        let back =
            json!({"ticket": ticket, "licenses": [{"id": a, "quantity": 1}], "context": device.context()});
        let update = self.post("deactivate", back).await;
        device.import(&update);
        self.post("receipt", json!({"context": device.context()})).await;
        self.post("show_ticket", json!({"ticket": ticket})).await;
        let mut second = Device::new(2);
        let mut twin = second.twin();
        self.post(
            "activate",
            json!({"ticket": ticket, "licenses": [{"id": a}], "context": second.context()}),
        )
        .await;
        self.post("cancel", json!({"ticket": ticket, "context": second.context()})).await;
        // A copy of it that has lived another life is noticed; the vendor lets the container in again.
        let _ = twin.context();
        self.post("automatic_update", json!({"context": twin.context()})).await;
        self.look("get_container", &second.serial()).await;
        self.change("clear_container", &second.serial(), json!({"reason": "explained"})).await;
    }

    async fn approvals(&mut self, ticket: &str, b: &str, device: &mut Device) {
        let selected = json!([{"id": b}]);
        let update = self
            .post("activate", json!({"ticket": ticket, "licenses": selected, "context": device.context()}))
            .await;
        device.import(&update);
        self.post("receipt", json!({"context": device.context()})).await;
        let mut fourth = Device::new(4);
        let again = json!({"ticket": ticket, "licenses": [b], "context": fourth.context(), "accept_conditions": true});
        self.post("reactivate", again).await;
        let pending = self.list("list_approvals", &[("pending", "true"), ("limit", "3")]).await;
        let id = text(&pending.value["approvals"][0]["id"]);
        self.change("deny_approval", &id, json!({"reason": "not you"})).await;
        self.change("deny_approval", &id, json!({})).await;
        self.post("deactivate", json!({"ticket": ticket, "licenses": selected, "context": device.context()}))
            .await;
        let pending = self.list("list_approvals", &[("pending", "true")]).await;
        let id = text(&pending.value["approvals"][0]["id"]);
        self.change("grant_approval", &id, json!({"reason": "fine", "valid": "30d"})).await;
        self.list("list_approvals", &[]).await;
        let update = self
            .post("deactivate", json!({"ticket": ticket, "licenses": selected, "context": device.context()}))
            .await;
        device.import(&update);
        self.post("receipt", json!({"context": device.context()})).await;
    }

    async fn blacklisting(&mut self, ticket: &str, a: &str, first: &mut Device, third: &mut Device) {
        let context = third.context();
        let again = |accepted: bool| json!({"ticket": ticket, "licenses": [a], "context": context, "accept_conditions": accepted});
        self.post("reactivate", again(false)).await;
        let update = self.post("reactivate", again(true)).await;
        third.import(&update);
        self.post("receipt", json!({"context": third.context()})).await;
        // The old container is refused, and is told so by an update.
        let refused = self.post("activate", json!({"ticket": ticket, "context": first.context()})).await;
        assert_eq!(refused.code, "container_blacklisted");
        assert!(refused.value["update"].as_str().is_some_and(|update| update.len() > 100));
        self.look("get_container", &first.serial()).await;
        self.look("blacklist", "6000010").await;
        self.post("automatic_update", json!({"context": third.context()})).await;
    }

    async fn vendor(&mut self, a: &str, b: &str, third: &mut Device) {
        let made = json!({"item": "A", "quantity": 1, "valid": "30d", "conversions": 2});
        let made = self.post("create_preactivation", made).await;
        let file = text(&made.value["license"]);
        self.post("convert", json!({"license": file, "context": third.context()})).await;
        self.list("list_licenses", &[("never_activated", "true")]).await;
        self.list("list_licenses", &[("item", "A"), ("order", "O-1"), ("customer", "C-1"), ("limit", "1")])
            .await;
        self.list("list_licenses", &[("from", "2020-01-01"), ("until", "2021-01-01"), ("after", a)]).await;
        self.look("get_license", a).await;
        self.look("get_license", "nonsense").await;
        self.change("withdraw", b, Value::Null).await;
        self.change("cancel_withdrawal", b, Value::Null).await;
        let key = |path: &str| Ask { path: Some(path.into()), key: Some("key-w".into()), ..Ask::default() };
        self.ask("withdraw", key(b)).await;
        self.ask("withdraw", key(b)).await;
        let other = self.ask("withdraw", key(a)).await;
        assert_eq!(other.code, "idempotency_key_reused", "a key belongs to one license, too");
        self.change("cancel_withdrawal", b, Value::Null).await;
        self.change("replace", b, json!({"item": "A"})).await;
        self.change("replace", a, json!({"item": "NONE"})).await;
        self.change("push", &third.serial(), json!({"firm_code": 6_000_010})).await;
    }

    async fn administration(&mut self, first: &Device, third: &Device) {
        let mut fifth = Device::new(5);
        self.post("restore", json!({"old": first.serial(), "context": fifth.context()})).await;
        self.post("restore", json!({"old": "nonsense", "context": fifth.context()})).await;
        let update = self.post("restore", json!({"old": third.serial(), "context": fifth.context()})).await;
        fifth.import(&update);
        self.post("receipt", json!({"context": fifth.context()})).await;
        self.list("list_containers", &[("limit", "2")]).await;
        self.list("list_containers", &[("kind", "act"), ("flagged", "true"), ("newest", "true")]).await;
        self.list("list_containers", &[("status", "odd")]).await;
        self.list("list_orders", &[("limit", "1"), ("newest", "true")]).await;
        self.list("list_orders", &[("customer", "C-1"), ("after", "NONE")]).await;
        self.list("list_transfers", &[("limit", "1")]).await;
        self.list("list_transfers", &[("container", &third.serial()), ("before", "2099-01-01")]).await;
        self.list("list_licenses", &[("state", "available"), ("newest", "true")]).await;
        self.list("list_items", &[("prefix", "a")]).await;
        self.list("statistics", &[]).await;
        self.list("statistics", &[("from", "2020-01-01"), ("until", "2030-01-01")]).await;
        self.post("search", json!({"text": "o-"})).await;
        self.post("search", json!({"text": first.serial()})).await;
        self.post("search", json!({"text": " "})).await;
        self.list("history", &[("action", "refused"), ("newest", "true"), ("limit", "2")]).await;
        self.change("clear_container", &first.serial(), json!({})).await;
        self.change("blacklist_container", &fifth.serial(), json!({"reason": "stolen"})).await;
        self.list("history", &[("container", &fifth.serial())]).await;
        let history = self.list("history", &[("container", &first.serial())]).await;
        let events = history.value["events"].as_array().unwrap().clone();
        let confirmed = events.iter().find(|event| event["action"] == "activation_confirmed").unwrap();
        let proof = text(&confirmed["proof"]);
        self.look("get_receipt", &proof).await;
        self.look("get_receipt", "00").await;
        self.list("history", &[("order", "O-1"), ("after", "2"), ("limit", "3")]).await;
        self.list("get_reconciliation", &[]).await;
        self.list("begin_reconciliation", &[]).await;
        self.list("get_reconciliation", &[]).await;
        self.list("end_reconciliation", &[]).await;
        let token = json!({"name": "shop", "roles": ["sales", "support"], "expires": "2099-12-31"});
        self.post("create_token", token.clone()).await;
        self.post("create_token", token).await;
        let pem = rcgen::generate_simple_self_signed(vec!["erp.example".to_owned()]).unwrap().cert.pem();
        let bound = json!({"name": "erp", "roles": ["sales"], "certificate": pem});
        self.post("create_token", bound.clone()).await;
        self.post("create_token", bound).await;
        self.list("list_tokens", &[]).await;
        self.look("revoke_token", "shop").await;
        self.look("revoke_token", "shop").await;
    }
}
