//! A reader's request: admitted, read, shown.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, header, request::Parts};
use data_encoding::BASE64URL_NOPAD;
use http_pages::headers::{LANGUAGE_COOKIE, cookie, language_cookie, policy, text};
use http_pages::{Form, Translator};
use licensing_core::random;
use licensing_core::user::session::Standing;
use licensing_wire::binary::to_hex;
use licensing_wire::problem::Problem;
use minijinja::{Value, context};
use serde_json::{Map, json};
use tokio::time::Instant;

use crate::http::authorized::{Authorized, Credential, Sender, origin_refused, set_cookie};
use crate::http::handlers::Call;
use crate::http::route::{Access, ROUTES, Route};
use crate::http::web::frame::Frame;
use crate::http::web::pages::{CODE_PATH, FACTOR_PATH, PASSWORD_PATH, Page, Reader};
use crate::http::web::response;
use crate::http::{App, Verb, body, dispatch, respond};
use crate::service::{Answer, Cookie, Failure};

/// Longest body of a form, in bytes.
const FORM_BYTES_MAX: usize = 1 << 18;

/// What becomes of a request.
pub(super) enum Shown {
    /// A page, with its status.
    Page(u16, &'static str, Value),
    /// The reader goes on to another page, so that going back or reloading sends nothing again.
    To(String),
    /// The same, and what becomes of his session.
    SignedIn(String, Option<Cookie>),
    /// The same, with a language from now on.
    Speaking(String, String),
    /// A file to keep.
    File(String, &'static str, Vec<u8>),
}

/// A reader's request.
pub(super) struct Visit {
    app: Arc<App>,
    headers: HeaderMap,
    origin: Option<IpAddr>,
    base: String,
    sender: Sender,
    deadline: Instant,
    id: String,
    who: Option<Authorized>,
    pub(super) language: String,
    pub(super) path: String,
    pub(super) params: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) form: Form,
}

/// A route of the table.
pub(super) fn route(name: &str) -> Result<&'static Route, Failure> {
    ROUTES
        .iter()
        .find(|route| route.name == name)
        .ok_or_else(|| Failure::fault(format!("no route is called {name}")))
}

/// Anything that has a form in JSON, for a template.
pub(super) fn value(of: impl serde::Serialize) -> Value {
    Value::from(minijinja::value::Serde(of))
}

/// Shows a page of the table.
pub(super) async fn dispatch(
    app: Arc<App>,
    page: &'static Page,
    params: Option<Vec<String>>,
    request: Request,
) -> Response<Body> {
    let id = to_hex(&random::<8>(&mut app.service.entropy()));
    app.service.metrics().begin();
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let mut visit = Visit::new(&app, &parts, params, &id);
    let shown = visit.run(page, body).await;
    let mut response = match shown.and_then(|shown| visit.answer(shown)) {
        Ok(response) => response,
        Err(failure) => {
            app.service.metrics().problem(failure.code());
            if let Failure::Fault(what) = &failure {
                tracing::error!(incident = id, what, "the server failed");
            }
            visit.refused(page, &failure)
        }
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    let (status, millis) = (response.status().as_u16(), begun.elapsed().as_millis());
    app.service.metrics().answered(page.name, status);
    let origin = visit.origin.map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(request = id, route = page.name, status, millis, origin, "request");
    response
}

impl Visit {
    fn new(app: &Arc<App>, parts: &Parts, params: Option<Vec<String>>, id: &str) -> Self {
        let headers = &parts.headers;
        let (base, public) =
            (dispatch::request_base(app, parts), app.config.public_url.trim_end_matches('/').to_owned());
        let language = Frame::get()
            .map(|frame| {
                let chosen = cookie(headers, LANGUAGE_COOKIE, |language| frame.texts.has(language));
                frame.texts.choose(chosen, text(headers, "accept-language"))
            })
            .unwrap_or_default();
        let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        Self {
            app: Arc::clone(app),
            headers: headers.clone(),
            origin: dispatch::origin(app, parts),
            sender: Sender::of(headers, &[&base, &public]),
            base: if public.is_empty() { base } else { public },
            deadline: Instant::now() + Duration::from_secs(app.config.limits.request_timeout_secs),
            id: id.to_owned(),
            who: None,
            language,
            path: parts.uri.path().to_owned(),
            params: params.unwrap_or_default(),
            query: query.map(|query| query.0).unwrap_or_default(),
            form: Form::default(),
        }
    }

    async fn run(&mut self, page: &Page, body: Body) -> Result<Shown, Failure> {
        let late = |_| Failure::later("request_timeout", "the request did not arrive in time", 1);
        let admitted = self.admit(page).await;
        if !matches!(admitted, Ok(None)) {
            let _ = tokio::time::timeout_at(self.deadline, http_edge::drain(body)).await;
            return admitted.and_then(|to| to.ok_or_else(Failure::try_again));
        }
        let read = async {
            let bytes = body::read(&self.headers, body, FORM_BYTES_MAX).await?;
            if page.verb == Verb::Get {
                return Ok(Form::default());
            }
            let unreadable = |_| Failure::denied("unsupported_media_type", "this is not a form");
            Form::read(&self.headers, bytes).await.map_err(unreadable)
        };
        let form = tokio::time::timeout_at(self.deadline, read).await.map_err(late)??;
        self.form = form;
        (page.maker)(self).await
    }

    /// Whether the reader may see the page; or where he has to go first.
    async fn admit(&mut self, page: &Page) -> Result<Option<Shown>, Failure> {
        if page.verb != Verb::Get && self.sender != Sender::OurPage {
            return Err(origin_refused());
        }
        self.who = match self.admitted(route("get_session")?, self.sender).await {
            Ok(who) => Some(who),
            Err(failure) if failure.code() == "unauthorized" => None,
            Err(failure) => return Err(failure),
        };
        if self.who.is_none() && page.reader != Reader::Anybody {
            let next = if page.verb == Verb::Get { self.here() } else { "/".to_owned() };
            return Ok(Some(Shown::To(format!("/sign-in?{}", encode(&[("next", &next)])))));
        }
        if page.reader != Reader::Anybody && page.name != "page_sign_out" {
            let first = match self.standing() {
                Some(Standing::CodeNeeded) => CODE_PATH,
                Some(Standing::PasswordNeeded) => PASSWORD_PATH,
                Some(Standing::FactorNeeded) => FACTOR_PATH,
                Some(Standing::Full) | None => page.path,
            };
            let confirms = first == FACTOR_PATH && page.name == "page_confirm_factor";
            if first != page.path && !confirms {
                let next = if page.verb == Verb::Get { self.here() } else { "/".to_owned() };
                return Ok(Some(Shown::To(format!("{first}?{}", encode(&[("next", &next)])))));
            }
        }
        if let Reader::Of(name) = page.reader {
            // Asked as every request of this route is; only a page that is looked at may be come to from anywhere.
            let sender = if page.verb == Verb::Get { Sender::OurPage } else { self.sender };
            self.admitted(route(name)?, sender).await?;
        }
        Ok(None)
    }

    /// The reader on a route that this page needs; looked for once.
    async fn admitted(&self, route: &Route, sender: Sender) -> Result<Authorized, Failure> {
        match (&self.who, route.access) {
            (Some(who), Access::Vendor(_) | Access::User(_)) => who.user_to(route, sender),
            _ => {
                let credential = Credential::of(&self.headers, sender);
                Authorized::admit(&self.app, route, credential, self.origin).await
            }
        }
    }

    /// What the reader's session is good for.
    pub(super) fn standing(&self) -> Option<Standing> {
        self.who.as_ref().and_then(|who| who.visitor().ok()).map(|visitor| visitor.standing)
    }

    /// The address of this page.
    pub(super) fn here(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let pairs: Vec<(&str, &str)> = self.query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        format!("{}?{}", self.path, encode(&pairs))
    }

    /// A parameter of the query; empty when it is not there.
    pub(super) fn asked(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.trim()).unwrap_or_default()
    }

    /// The parameter of the path.
    pub(super) fn param(&self) -> &str {
        self.params.first().map(String::as_str).unwrap_or_default()
    }

    /// Whether the reader may use a route.
    pub(super) fn may(&self, name: &str) -> bool {
        route(name).is_ok_and(|route| self.may_use(route))
    }

    fn may_use(&self, route: &Route) -> bool {
        match (&self.who, route.access) {
            (Some(who), Access::Vendor(permission)) => who.may(&self.app, permission),
            (who, Access::User(_)) => who.is_some(),
            _ => true,
        }
    }

    /// Asks a route, as whoever reads.
    pub(super) async fn answer_of(
        &self,
        name: &str,
        params: &[&str],
        query: &[(&str, &str)],
        body: Option<serde_json::Value>,
    ) -> Result<Answer, Failure> {
        let route = route(name)?;
        let authorized = self.admitted(route, self.sender).await?;
        let permit = dispatch::permit(&self.app)?;
        let body = body.map(|body| serde_json::to_vec(&body)).transpose();
        let key = Some(self.form.get("key")).filter(|key| !key.is_empty());
        let call = Call {
            app: Arc::clone(&self.app),
            authorized,
            params: params.iter().map(|param| (*param).to_owned()).collect(),
            query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.map_err(|error| Failure::fault(error.to_string()))?.unwrap_or_default().into(),
            idempotency_key: key.map(dispatch::sound_key).transpose()?,
            route: route.name,
            base: self.base.clone(),
            agent: text(&self.headers, "user-agent").to_owned(),
        };
        dispatch::execute(route, call, permit, self.deadline, &self.id).await
    }

    /// Looks at what a route gives, as a template takes it.
    pub(super) async fn show(&self, name: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        read(&self.answer_of(name, &[], query, None).await?)
    }

    /// Looks at what a route gives.
    pub(super) async fn look(
        &self,
        name: &str,
        params: &[&str],
        query: &[(&str, &str)],
    ) -> Result<serde_json::Value, Failure> {
        read(&self.answer_of(name, params, query, None).await?)
    }

    /// Has a route do something.
    pub(super) async fn act(
        &self,
        name: &str,
        params: &[&str],
        body: serde_json::Value,
    ) -> Result<serde_json::Value, Failure> {
        read(&self.answer_of(name, params, &[], Some(body)).await?)
    }

    /// A problem in the reader's language, with the server's own words where the two differ.
    pub(super) fn problem(&self, failure: &Failure) -> Value {
        let Problem { code, title, rule, remedy, incident, .. } = &respond::described(failure, &self.id);
        let told = http_pages::Problem { code, title, rule, remedy, incident: incident.as_deref() };
        value(Frame::get().ok().map(|frame| frame.texts.problem(&self.language, &told)))
    }

    /// What went wrong, as a page.
    fn refused(&self, page: &Page, failure: &Failure) -> Response<Body> {
        let status = respond::described(failure, &self.id).status;
        let back = if page.path == "/" { "/sign-in" } else { "/" };
        let values = context! { problem => self.problem(failure), back => back };
        let shown = self.page(status, "problem.html", values);
        let mut response = shown.unwrap_or_else(|failure| {
            tracing::error!(code = failure.code(), "the page of a problem failed");
            response(500, "text/plain; charset=utf-8", "The server failed.\n")
        });
        respond::hints(&mut response, failure, status);
        response
    }

    fn answer(&self, shown: Shown) -> Result<Response<Body>, Failure> {
        match shown {
            Shown::Page(status, template, values) => self.page(status, template, values),
            Shown::To(path) => Ok(to(&path)),
            Shown::SignedIn(path, cookie) => {
                let mut response = to(&path);
                let value = cookie.map(|cookie| HeaderValue::from_str(&set_cookie(&cookie)));
                if let Some(Ok(mut value)) = value {
                    value.set_sensitive(true);
                    response.headers_mut().append(header::SET_COOKIE, value);
                }
                Ok(response)
            }
            Shown::Speaking(path, language) => {
                let mut response = to(&path);
                if let Ok(value) = HeaderValue::from_str(&language_cookie(&language)) {
                    response.headers_mut().append(header::SET_COOKIE, value);
                }
                Ok(response)
            }
            Shown::File(name, content_type, bytes) => {
                let mut response = response(200, content_type, bytes);
                // Names are made here, never of what somebody sent.
                if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
                    response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
                }
                Ok(response)
            }
        }
    }

    fn page(&self, status: u16, template: &str, values: Value) -> Result<Response<Body>, Failure> {
        let frame = Frame::get()?;
        let nonce = BASE64URL_NOPAD.encode(&random::<16>(&mut self.app.service.entropy()));
        let key = to_hex(&random::<16>(&mut self.app.service.entropy()));
        let languages: Vec<_> = frame
            .texts
            .languages()
            .into_iter()
            .map(|(code, name)| json!({"code": code, "name": name, "chosen": code == self.language}))
            .collect();
        let can = Value::from_object(Can(ROUTES.iter().map(|route| self.may_use(route)).collect()));
        let asked: Map<String, serde_json::Value> =
            self.query.iter().map(|(name, value)| (name.clone(), value.trim().into())).collect();
        let done = Some(self.asked("done")).filter(|done| !done.is_empty());
        let done = done.and_then(|done| frame.texts.find(&self.language, &format!("done-{done}"), &[]));
        let who = self.who.as_ref().and_then(|who| who.visitor().ok());
        let shared = context! {
            t => Value::from_object(Translator { texts: Arc::clone(&frame.texts), language: self.language.clone() }),
            lang => self.language.clone(),
            languages => value(languages),
            styles => vec![frame.address("base.css"), frame.address("vendor.css")],
            logo => frame.address("logo.svg"),
            path => self.path.clone(),
            here => self.here(),
            asked => value(asked),
            can => can,
            user => who.map(|who| who.user.name.to_string()),
            key => key,
            done => done,
        };
        let body = frame
            .templates
            .get_template(template)
            .and_then(|template| template.render(context! { ..values, ..shared }))
            .map_err(|error| Failure::fault(format!("the template {template} failed: {error:#}")))?;
        let mut response = response(status, "text/html; charset=utf-8", body);
        if let Ok(policy) = HeaderValue::from_str(&policy(&nonce, "", "")) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        Ok(response)
    }
}

/// What the reader may use, by the names of routes.
#[derive(Debug)]
struct Can(Vec<bool>);

impl minijinja::value::Object for Can {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        let at = ROUTES.iter().position(|route| Some(route.name) == name.as_str())?;
        self.0.get(at).map(|may| Value::from(*may))
    }
}

/// An answer as JSON.
fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body).map_err(|error| Failure::fault(error.to_string()))
}

fn to(path: &str) -> Response<Body> {
    let mut response = response(303, "text/plain; charset=utf-8", "");
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, path);
    }
    response
}

/// Pairs as a query.
pub(super) fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
