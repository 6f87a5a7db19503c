//! A visitor's request, and pages for him.

use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use http_pages::Translator;
use http_pages::headers::{LANGUAGE_COOKIE, cookie, language_cookie, policy, text};
use hyper::HeaderMap;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use licensing_core::random;
use licensing_wire::problem::Problem;
use minijinja::{Value, context};
use serde_json::json;

use crate::app::App;
use crate::http::respond::{self, Answer};
use crate::session::{Keeper, Session};
use crate::system::{self, SystemEntropy};
use crate::trouble::{Trouble, trouble};

/// A visitor's request.
pub(crate) struct Visit {
    pub(crate) app: Arc<App>,
    pub(crate) session: Session,
    pub(crate) language: String,
    pub(crate) client: Option<IpAddr>,
    /// Whether a script asks, which wants JSON.
    pub(crate) script: bool,
    path: String,
}

impl Visit {
    pub(crate) fn new(app: &Arc<App>, parts: &Parts, client: Option<IpAddr>) -> Self {
        let headers = &parts.headers;
        let chosen = cookie(headers, LANGUAGE_COOKIE, |language| app.texts.has(language)).map(str::to_owned);
        let mut session = app.keeper.open(headers).unwrap_or_else(Keeper::fresh);
        session.seen = system::now();
        Self {
            app: Arc::clone(app),
            session,
            language: app.texts.choose(chosen.as_deref(), text(headers, "accept-language")),
            client,
            script: text(headers, "accept").starts_with("application/json"),
            path: parts.uri.path().to_owned(),
        }
    }

    /// Whether a form comes from one of our own pages, of this visitor.
    ///
    /// # Errors
    /// It comes from somewhere else, or its token is not the visitor's.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        let foreign = || {
            let message = format!("the request comes from another page than {}", self.app.origin);
            trouble("portal_origin", &message)
        };
        if headers.contains_key("origin") && text(headers, "origin") != self.app.origin.as_str() {
            return Err(foreign());
        }
        let site = text(headers, "sec-fetch-site");
        if site.is_empty() || site == "same-origin" || site == "none" { Ok(()) } else { Err(foreign()) }
    }

    /// Whether a form carries the visitor's token.
    ///
    /// # Errors
    /// It does not: the page is older than the visit.
    pub(crate) fn check_token(&self, token: &str) -> Result<(), Trouble> {
        if self.app.keeper.is_form_token(&self.session, token) {
            return Ok(());
        }
        Err(trouble("form_expired", "this page is older than your visit"))
    }

    /// A page.
    pub(crate) fn page(&self, status: u16, template: &str, values: Value) -> Answer {
        let nonce = BASE64URL_NOPAD.encode(&random::<16>(&mut SystemEntropy::default()));
        let (app, theme) = (&self.app, &self.app.theme.file);
        let translator = Translator { texts: Arc::clone(&app.texts), language: self.language.clone() };
        let logo = if theme.logo.is_empty() { "logo.svg" } else { &theme.logo };
        let languages: Vec<_> = app
            .texts
            .languages()
            .into_iter()
            .map(|(code, name)| json!({"code": code, "name": name, "chosen": code == self.language}))
            .collect();
        let tag = |name: &str| app.theme.asset(name).map(|asset| asset.tag.clone()).unwrap_or_default();
        let assets = |names: &[String]| -> Vec<String> {
            names.iter().map(|name| format!("/assets/{name}?{}", tag(name))).collect()
        };
        let mut styles = assets(&["base.css".to_owned(), "depot.css".to_owned(), "theme.css".to_owned()]);
        styles.extend(assets(&theme.styles));
        let mut scripts = assets(&["depot.js".to_owned()]);
        scripts.extend(assets(&theme.scripts));
        let shared = context! {
            t => Value::from_object(translator),
            lang => self.language.clone(),
            languages => value(languages),
            brand => theme.name.clone(),
            logo => format!("/assets/{logo}?{}", tag(logo)),
            styles => styles,
            scripts => scripts,
            nonce => nonce.clone(),
            csrf => app.keeper.form_token(&self.session),
            path => self.path.clone(),
            tickets_open => self.session.tickets.len(),
            rules => json_rules(app),
        };
        let rendered = app.theme.render(template, context! { ..values, ..shared });
        let body = match rendered {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(template, error = format!("{error:#}"), "a template failed");
                return respond::plain(500, "text/plain; charset=utf-8", "The portal failed.");
            }
        };
        let mut answer = respond::plain(status, "text/html; charset=utf-8", body);
        let headers = answer.headers_mut();
        if let Ok(policy) = HeaderValue::from_str(&page_policy(app, &nonce)) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert("permissions-policy", HeaderValue::from_static(PERMISSIONS));
        self.remember(&mut answer);
        answer
    }

    fn remember(&self, answer: &mut Answer) {
        if let Ok(value) = HeaderValue::from_str(&self.app.keeper.seal(&self.session)) {
            answer.headers_mut().append(header::SET_COOKIE, value);
        }
    }

    /// The visitor is sent on, so that going back or reloading sends nothing again.
    pub(crate) fn to(&self, path: &str) -> Answer {
        let mut answer = respond::plain(303, "text/plain; charset=utf-8", "");
        if let Ok(path) = HeaderValue::from_str(path) {
            answer.headers_mut().insert(header::LOCATION, path);
        }
        self.remember(&mut answer);
        answer
    }

    /// The same, with a language from now on.
    pub(crate) fn to_with_language(&self, path: &str, language: &str) -> Answer {
        let mut answer = self.to(path);
        if let Ok(cookie) = HeaderValue::from_str(&language_cookie(language)) {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        answer
    }

    /// A file for the visitor to keep.
    pub(crate) fn download(&self, name: &str, bytes: Vec<u8>) -> Answer {
        let mut answer = respond::plain(200, "application/octet-stream", bytes);
        // Names are made of serials and numbers, never of what somebody sent.
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
            answer.headers_mut().insert(header::CONTENT_DISPOSITION, value);
        }
        answer
    }

    /// What went wrong, as a page or for a script.
    pub(crate) fn problem(&self, problem: &Problem) -> Answer {
        if self.script {
            let shown = self.shown(problem);
            let mut document = serde_json::to_value(problem).unwrap_or_default();
            document["shown"] = shown;
            return respond::plain(problem.status, "application/problem+json", document.to_string());
        }
        let mut back = if self.session.tickets.is_empty() { "/" } else { "/licenses" }.to_owned();
        let transfer = self.path.strip_prefix("/transfers/").and_then(|rest| rest.split('/').next());
        if let Some(id) = transfer.filter(|_| problem.code != "transfer_forgotten") {
            back = format!("/transfers/{id}");
        }
        let values = context! { problem => value(self.shown(problem)), back => back };
        self.page(problem.status, "problem.html", values)
    }

    /// A problem in the visitor's language, with the server's own words where the two differ.
    pub(crate) fn shown(&self, problem: &Problem) -> serde_json::Value {
        let Problem { code, title, rule, remedy, incident, .. } = problem;
        let told = http_pages::Problem { code, title, rule, remedy, incident: incident.as_deref() };
        self.app.texts.problem(&self.language, &told)
    }
}

/// What pages may ask of the browser: the license runtime of the computer and, to read QR codes, the camera.
const PERMISSIONS: &str = "camera=(self), loopback-network=(self), local-network-access=(self), \
     geolocation=(), microphone=(), payment=(), usb=()";

/// The content security policy of pages: nobody else but the license runtime of the computer.
fn page_policy(app: &App, nonce: &str) -> String {
    let (mut sockets, mut forms) = (String::new(), String::new());
    if app.rules.settings.allow_online && !app.grants.is_empty() {
        for port in &app.config.agent.ports {
            sockets.push_str(&format!(" ws://127.0.0.1:{port}"));
            forms.push_str(&format!(" http://127.0.0.1:{port}"));
        }
    }
    policy(nonce, &sockets, &forms)
}

/// Anything that has a form in JSON, for a template.
pub(crate) fn value(of: impl serde::Serialize) -> Value {
    Value::from(minijinja::value::Serde(of))
}

fn json_rules(app: &App) -> Value {
    let rules = &app.rules.settings;
    value(json!({
        "online": rules.allow_online && !app.grants.is_empty(),
        "offline": rules.allow_offline,
        "returns": rules.allow_return,
        "reactivation": rules.allow_reactivation,
        "restore": rules.allow_restore,
        "automatic": rules.allow_automatic_update,
        "cancel": rules.allow_cancel,
        "columns": rules.columns,
        "ports": app.config.agent.ports,
    }))
}
