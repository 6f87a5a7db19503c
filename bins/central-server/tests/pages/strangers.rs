//! What strangers enter, in a real Chromium: every field of every form takes the words of somebody who wants them to run,
//! and every page that may show them is looked at. Forms are found on the pages themselves; the tables say which there
//! must be, so that a page or a form nobody attacks fails the test.

use std::collections::{BTreeMap, BTreeSet};

use central_server::http::{PAGES, Page, ROUTES, Verb};
use licensing_testkit::browser::Browser;
use serde_json::{Value, json};

use crate::PASSWORD;
use crate::roles::CORPUS;
use crate::served::{Served, prepared};

/// How many of each thing waits for a decision: each word of a stranger needs its own, and a page of a list shows them all.
const MANY: u8 = 48;

const SCRIPT: &str = include_str!("strangers.js");

/// Fields that take any words, by page: what is kept and shown, and what is taken for something else or for nothing.
const KEPT: &[(&str, &[&str])] = &[
    ("page_blacklist", &["reason"]),
    ("page_clear", &["reason"]),
    (
        "page_create_item",
        &["id", "module_name", "name", "reactivation_days", "requires", "restore_days", "text"],
    ),
    (
        "page_create_order",
        &["choice", "comment", "customer", "earlier", "item", "order_id", "serial", "together"],
    ),
    ("page_create_token", &["name"]),
    ("page_deny", &["reason"]),
    ("page_deny_order", &["reason"]),
    ("page_grant", &["reason"]),
    ("page_language", &["language"]),
    ("page_mail_order", &["note"]),
    ("page_release_order", &["reason"]),
    ("page_search_send", &["text"]),
];

/// After which others find less: what is shut out is not cleared any more, and a name waits after wrong passwords.
const LATE: &[&str] = &["page_blacklist", "page_change_password"];

/// Ends what the others need.
const LAST: &[&str] = &["page_end_sessions", "page_sign_out"];

/// A form as a page shows it.
#[derive(Debug, Clone)]
struct Form {
    action: String,
    fields: Vec<Field>,
}

#[derive(Debug, Clone)]
struct Field {
    name: String,
    value: String,
    hidden: bool,
    required: bool,
    /// Sent only when it is ticked.
    ticked: bool,
}

/// Somebody who visits every page.
struct Visitor<'a> {
    browser: &'a Browser,
    served: &'a Served,
    /// Forms that send something, by the page that takes it: each page has as many as it was found with addresses.
    forms: BTreeMap<&'static str, Vec<Form>>,
    /// Fields of forms that ask, by path.
    filters: BTreeMap<String, BTreeSet<String>>,
    kept: BTreeMap<&'static str, BTreeSet<String>>,
    led_to: BTreeSet<String>,
    number: usize,
}

/// The page of the table an address belongs to.
pub(crate) fn page_of(verb: Verb, path: &str) -> Option<&'static Page> {
    let parts: Vec<&str> = path.split(['?', '#']).next().unwrap_or_default().split('/').collect();
    let fits = |page: &&Page| {
        let known: Vec<&str> = page.path.split('/').collect();
        let same = |(known, part): (&&str, &&str)| known.starts_with('{') || known == part;
        page.verb == verb && known.len() == parts.len() && known.iter().zip(&parts).all(same)
    };
    let mut found: Vec<&Page> = PAGES.iter().filter(fits).collect();
    found.sort_by_key(|page| page.path.contains('{'));
    found.first().copied()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Visitor<'_> {
    fn run(&self, what: &str, arguments: &[Value]) -> Value {
        self.browser.run(&format!("{SCRIPT}\n{what}"), arguments)
    }

    /// Opens a page and the ones that go on after it; nothing of a stranger is in them.
    fn open(&mut self, path: &str) {
        let mut next = Some(path.to_owned());
        while let Some(path) = next.take() {
            self.browser.open(&format!("{}{path}", self.served.address));
            next = self.shown(&path)["next"].as_str().map(str::to_owned);
        }
    }

    /// The page that is open.
    fn shown(&mut self, what: &str) -> Value {
        let seen = self.run("return look(document)", &[]);
        assert_eq!(self.browser.violations(), json!([]), "{what}");
        self.judge(what, &seen);
        seen
    }

    fn judge(&mut self, what: &str, seen: &Value) {
        assert_eq!((&seen["foreign"], &seen["ran"]), (&json!([]), &json!(false)), "{what}");
        for form in seen["forms"].as_array().into_iter().flatten() {
            let field = |field: &Value| Field {
                name: text(&field["name"]),
                value: text(&field["value"]),
                hidden: field["hidden"] == true,
                required: field["required"] == true,
                ticked: field["box"] == true,
            };
            let fields: Vec<Field> = form["fields"].as_array().into_iter().flatten().map(field).collect();
            let action = text(&form["action"]);
            if form["method"] == "get" {
                let path =
                    if action.is_empty() { what.split('?').next().unwrap_or_default() } else { &action };
                let path = path.split('#').next().unwrap_or_default().to_owned();
                self.filters.entry(path).or_default().extend(fields.into_iter().map(|field| field.name));
                continue;
            }
            let page = page_of(Verb::Post, &action).unwrap_or_else(|| panic!("{what} sends to {action}"));
            let known = self.forms.entry(page.name).or_default();
            if !known.iter().any(|known| known.action == action) {
                known.push(Form { action, fields });
            }
        }
    }

    /// What a field holds when it is not the one that is attacked.
    fn sound(&mut self, page: &str, field: &Field) -> String {
        self.number += 1;
        let number = self.number;
        let given = match (page, field.name.as_str()) {
            (_, "key") => format!("k{number}"),
            ("page_create_item", "id" | "name") | ("page_create_token", "name") => format!("S-{number}"),
            ("page_create_user", "name") => format!("user-{number}"),
            (_, "firm_code") => "6000010".to_owned(),
            (_, "product_code") => "201000".to_owned(),
            (_, "module_code") => "300000".to_owned(),
            ("page_create_order", "order_id") => format!("S-{number}"),
            (_, "item") => "PAD".to_owned(),
            (_, "quantity") => "1".to_owned(),
            (_, "roles") => "sales".to_owned(),
            (_, "to") => "jane@customer.example".to_owned(),
            (_, "text") if page == "page_search_send" => "O-1".to_owned(),
            ("page_change_password", "new" | "repeated") => "four other words of hers".to_owned(),
            (_, "password" | "old") => PASSWORD.to_owned(),
            ("page_sign_in_send", "name") => "vendor".to_owned(),
            (_, "code") => "000000".to_owned(),
            (_, "language") => "en".to_owned(),
            (_, "module_name") => "Module".to_owned(),
            _ => field.value.clone(),
        };
        assert!(!given.is_empty() || !field.required, "{page}: what is a sound {}?", field.name);
        given
    }

    /// The fields with sound values, but for those that are attacked with a word.
    fn pairs(&mut self, page: &str, form: &Form, attacked: impl Fn(&str) -> bool, word: &str) -> Value {
        let mut pairs = Vec::new();
        for field in &form.fields {
            let sound = self.sound(page, field);
            let value = if attacked(&field.name) { word.to_owned() } else { sound };
            if !(field.ticked && value.is_empty()) {
                pairs.push(json!([field.name, value]));
            }
        }
        pairs.into()
    }

    /// Every field of a page's forms with every word, alone and all at once.
    fn attack(&mut self, page: &'static str) {
        let forms = self.forms.get(page).cloned().unwrap_or_default();
        let mut next = forms.iter().cycle();
        let first = next.next().unwrap();
        let sound = self.pairs(page, first, |_| false, "");
        self.send(page, None, &[(first, sound)]);
        let mut fields = first.fields.clone();
        fields.sort_by_key(|field| field.hidden);
        for field in &fields {
            let mut sent = Vec::new();
            for word in CORPUS {
                let form = next.next().unwrap();
                sent.push((form, self.pairs(page, form, |name| name == field.name, word)));
            }
            self.send(page, Some(field), &sent);
        }
        if fields.is_empty() {
            return;
        }
        for word in CORPUS {
            let form = next.next().unwrap();
            let pairs = self.pairs(page, form, |field| field != "key", word);
            self.run("submit(arguments[0], arguments[1])", &[json!(form.action), pairs]);
            self.browser.until_true(
                "return document.readyState === 'complete' && !document.querySelector('body > form')",
            );
            self.shown(&format!("{page} all {word}"));
        }
    }

    /// Sends forms at once.
    fn send(&mut self, page: &'static str, attacked: Option<&Field>, sent: &[(&Form, Value)]) {
        let forms: Vec<Value> = sent.iter().map(|(form, pairs)| json!([form.action, pairs])).collect();
        let seen = self.run("return Promise.all(arguments[0].map((form) => send(...form)))", &[json!(forms)]);
        for ((_, pairs), seen) in sent.iter().zip(seen.as_array().unwrap()) {
            let what = format!("{page} {pairs}");
            self.judge(&what, seen);
            assert!(seen["status"].as_u64().is_some_and(|status| status < 500), "{what}: {seen}");
            let accepted = seen["status"] == 200 && seen["problem"].is_null();
            if let Some(field) = attacked.filter(|field| accepted && !field.hidden) {
                self.kept.entry(page).or_default().insert(field.name.clone());
            }
            let to = seen["to"].as_str().and_then(|to| to.split('?').next());
            self.led_to.extend(to.map(str::to_owned));
        }
    }

    /// Every form that was found, until no new ones are.
    fn attack_all(&mut self, attacked: &mut BTreeSet<&'static str>) {
        let late = |page: &&&'static str| LATE.contains(page);
        let left = |visitor: &Self, attacked: &BTreeSet<&'static str>| {
            let is_left = |page: &&&'static str| !LAST.contains(page) && !attacked.contains(**page);
            visitor.forms.keys().filter(is_left).min_by_key(late).copied()
        };
        while let Some(page) = left(self, attacked) {
            attacked.insert(page);
            self.attack(page);
        }
    }

    /// Pages that are asked for something.
    fn ask(&mut self, samples: &[String]) {
        let all: BTreeSet<String> = self.filters.values().flatten().cloned().collect();
        let more = ["done", "next", "after", "like", "item", "mail", "begins", "limit"].map(str::to_owned);
        let all: BTreeSet<String> = all.into_iter().chain(more).collect();
        let query = |names: &mut dyn Iterator<Item = &String>, word: &str| {
            let pairs = names.map(|name| (name, word));
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        };
        for (sample, word) in samples.iter().zip(CORPUS.iter().cycle()) {
            let path = format!("{sample}?{}", query(&mut all.iter(), word));
            self.browser.open(&format!("{}{path}", self.served.address));
            self.shown(&path);
        }
        for (path, names) in self.filters.clone() {
            for word in CORPUS {
                let mut asked: Vec<String> =
                    names.iter().map(|name| query(&mut [name].into_iter(), word)).collect();
                asked.push(query(&mut all.iter(), word));
                let paths: Vec<String> = asked.iter().map(|query| format!("{path}?{query}")).collect();
                let seen = self.run("return Promise.all(arguments[0].map(peek))", &[json!(paths)]);
                for (path, seen) in paths.iter().zip(seen.as_array().unwrap()) {
                    self.judge(path, seen);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_nothing_anybody_enters_runs_in_any_page() {
    let served = prepared(MANY).await;
    let browser = Browser::start(&licensing_testkit::browser::Setup::default());
    let mut visitor = Visitor {
        browser: &browser,
        served: &served,
        forms: BTreeMap::new(),
        filters: BTreeMap::new(),
        kept: BTreeMap::new(),
        led_to: BTreeSet::new(),
        number: 0,
    };
    tokio::task::block_in_place(|| everything(&mut visitor, &served));
    formulas(&served).await;
    served.stop().await;
}

fn everything(visitor: &mut Visitor<'_>, served: &Served) {
    let samples = served.samples();
    for page in PAGES.iter().filter(|page| page.verb == Verb::Get && page.name != "page_receipt") {
        let known =
            samples.iter().any(|path| page_of(Verb::Get, path).is_some_and(|of| of.name == page.name));
        assert!(known, "nobody looks at {}", page.name);
    }
    let mut attacked = BTreeSet::new();
    served.enter(visitor.browser, &served.guarded);
    visitor.open("/account");
    visitor.attack_all(&mut attacked);
    served.enter(visitor.browser, &served.vendor);
    visitor.forms.clear();
    for path in &samples {
        visitor.open(path);
    }
    visitor.attack_all(&mut attacked);
    let kept: Vec<(&str, Vec<&str>)> = visitor
        .kept
        .iter()
        .map(|(page, names)| (*page, names.iter().map(String::as_str).collect()))
        .collect();
    let expected: Vec<(&str, Vec<&str>)> = KEPT.iter().map(|(page, names)| (*page, names.to_vec())).collect();
    assert_eq!(kept, expected, "fields that take any words");
    // Everything again, now that it is full of what was entered.
    let led_to: Vec<String> = visitor.led_to.iter().cloned().collect();
    for path in samples.iter().chain(&led_to) {
        visitor.open(path);
    }
    visitor.ask(&samples);
    for page in LAST {
        visitor.attack(page);
        attacked.insert(page);
    }
    for page in PAGES.iter().filter(|page| page.verb == Verb::Post) {
        assert!(attacked.contains(page.name), "no form of {} was found", page.name);
    }
}

/// No cell of a file is a formula to a spreadsheet.
async fn formulas(served: &Served) {
    let mut cells = 0;
    for route in ROUTES.iter().filter(|route| route.media.contains(&"text/csv")) {
        let file = served.world.admin("GET", route.path, &Value::Null).await;
        assert_eq!(file.status, 200, "{}", route.name);
        for cell in file.text.split("\r\n").flat_map(|line| line.split(',')) {
            let begins = cell.trim_start_matches('"').chars().next();
            let number = cell.parse::<f64>().is_ok();
            assert!(number || !begins.is_some_and(|c| "=+-@\t".contains(c)), "{}: {cell}", route.name);
            cells += 1;
        }
    }
    assert!(cells > 1000, "files hold what was entered: {cells}");
}
