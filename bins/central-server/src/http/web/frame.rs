//! What all pages have: texts, templates and files, made ready once.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use http_pages::{Asset, Sources, Texts};
use minijinja::{Environment, HtmlEscape, State, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::App;
use crate::http::web::response;
use crate::service::Failure;

/// The languages that are built in, with their texts; a language may have several.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("en", include_str!("texts/en.ftl")),
    ("de", include_str!("texts/de.ftl")),
    ("de", include_str!("texts/problems-de.ftl")),
    ("de", http_pages::PROBLEMS_GERMAN),
];

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("templates/", $name)))),*]
    };
}

/// The templates.
pub(super) const TEMPLATES: &[(&str, &str)] = templates!(
    "base.html",
    "parts.html",
    "sign-in.html",
    "sign-in-code.html",
    "account.html",
    "password.html",
    "second-factor-add.html",
    "second-factor.html",
    "recovery-codes.html",
    "secret.html",
    "users.html",
    "user.html",
    "tokens.html",
    "dashboard.html",
    "items.html",
    "item.html",
    "item-form.html",
    "orders.html",
    "order.html",
    "order-form.html",
    "licenses.html",
    "license.html",
    "containers.html",
    "container.html",
    "approvals.html",
    "held-orders.html",
    "events.html",
    "search.html",
    "problem.html",
);

/// What is left as it is in one part of a path.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Texts, templates and files.
pub(super) struct Frame {
    pub(super) texts: Arc<Texts>,
    pub(super) templates: Environment<'static>,
    pub(super) assets: BTreeMap<&'static str, Asset>,
}

static FRAME: LazyLock<Result<Frame, String>> =
    LazyLock::new(|| Frame::new().map_err(|error| format!("{error:#}")));

impl Frame {
    fn new() -> anyhow::Result<Self> {
        let mut sources = Sources::default();
        for (name, source) in TEMPLATES {
            sources.add(name, (*source).to_owned());
        }
        let mut templates = sources.compile()?;
        templates.add_filter("part", part);
        templates.add_function("when", when);
        templates.add_function("chip", chip);
        let mut assets = BTreeMap::new();
        for (name, text) in [
            ("base.css", http_pages::STYLE),
            ("vendor.css", include_str!("assets/vendor.css")),
            ("logo.svg", include_str!("assets/logo.svg")),
        ] {
            assets.insert(name, Asset::new(name, text.into())?);
        }
        Ok(Self { texts: Arc::new(Texts::new(BUILT_IN, None, "en")?), templates, assets })
    }

    /// The frame.
    ///
    /// # Errors
    /// What is built in is broken, which a test would have told.
    pub(super) fn get() -> Result<&'static Self, Failure> {
        FRAME.as_ref().map_err(|error| Failure::fault(error.clone()))
    }

    /// The address of a file, which changes with its content.
    pub(super) fn address(&self, name: &str) -> String {
        let tag = self.assets.get(name).map(|asset| asset.tag.as_str()).unwrap_or_default();
        format!("/assets/{name}?{tag}")
    }
}

/// One part of a path, whatever it holds.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

/// A moment, for a page. Lists have hundreds of them, for which a macro takes longer than everything else of a row.
fn when(at: Option<&str>) -> Value {
    let Some(at) = at.filter(|at| !at.is_empty()) else {
        return Value::from_safe_string("<span class=\"none\">–</span>".to_owned());
    };
    let (day, time) = (at.get(..10).unwrap_or(at), at.get(11..16).unwrap_or_default());
    let [at, day, time] = [at, day, time].map(HtmlEscape);
    Value::from_safe_string(format!("<time datetime=\"{at}\">{day} {time}</time>"))
}

/// The name of a state, told by `t`, with the colour of the state.
fn chip(state: &mut State<'_, '_>, t: Value, name: &str) -> Result<Value, minijinja::Error> {
    let name = name.replace('_', "-");
    let text = t.call(state, &[Value::from(format!("state-{name}"))])?.to_string();
    let (name, text) = (HtmlEscape(&name), HtmlEscape(&text));
    Ok(Value::from_safe_string(format!("<span class=\"chip chip-{name}\">{text}</span>")))
}

/// A file.
pub(super) fn asset(_: &App, params: Option<Vec<String>>) -> Response<Body> {
    let name = params.and_then(|params| params.into_iter().next()).unwrap_or_default();
    match Frame::get().ok().and_then(|frame| frame.assets.get(name.as_str())) {
        None => response(404, "text/plain; charset=utf-8", "There is no such file.\n"),
        Some(asset) => {
            let mut answer = response(200, asset.content_type, asset.bytes.clone());
            // The address changes with the content.
            let kept = HeaderValue::from_static("public, max-age=86400");
            answer.headers_mut().insert(header::CACHE_CONTROL, kept);
            answer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_whole() {
        let frame = Frame::get().unwrap();
        assert_eq!(frame.texts.languages().len(), 2);
        assert_eq!(part("A/B ?#"), "A%2FB%20%3F%23");
        let shown = when(Some("2030-01-31T12:00:59Z")).to_string();
        assert_eq!(shown, "<time datetime=\"2030-01-31T12:00:59Z\">2030-01-31 12:00</time>");
        assert!(when(None).to_string().contains('–'));
        assert!(!when(Some("<script>alert(1)</script>")).to_string().contains("<script>"));
    }
}
