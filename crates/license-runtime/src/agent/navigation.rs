//! Transfers by top-level navigation, for browsers that let no page connect to this computer.
//!
//! The portal sends its requests with a form to `/agent/v1/open`. The agent shows its own page, which says who
//! wants what; when the user agrees there, the requests are carried out and the answers go, by a form the user
//! sends, to the granted origin and nowhere else.
//!
//! # Security
//! Opening changes nothing. Agreeing needs a token only the agent's own page has, from the agent's own origin.
//! Who opened the page does not matter: what comes out goes to the portal the vendor's grant names.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use licensing_core::origin::Origin;
use licensing_core::random;
use licensing_wire::binary::to_hex;
use serde_json::{Value, json};

use crate::agent::Shared;
use crate::agent::execute::{self, Context, Refusal, Visible};
use crate::agent::head::{Head, HeadError, Response};
use crate::agent::page::{self, Language};
use crate::agent::session::{Caller, caller};
use crate::agent::verb::{Message, Target, Verb};
use crate::system::SystemEntropy;

/// Largest form, in bytes.
const FORM_BYTES_MAX: usize = 512 << 10;
/// How long the user may think.
const PATIENCE: Duration = Duration::from_secs(300);
/// Most pages that wait for an answer.
const WAITING_MAX: usize = 16;

/// What the user was shown and has not answered yet.
pub(crate) struct Waiting {
    pub(crate) caller: Caller,
    pub(crate) verbs: Vec<Verb>,
    pub(crate) choices: Vec<Visible>,
    return_path: String,
    state: String,
    since: Instant,
}

impl Waiting {
    /// Whether the user has to say which container is meant.
    pub(crate) fn needs_choice(&self) -> bool {
        let makes_one = matches!(self.verbs.first(), Some(Verb::RegisterTemplate(None, _)));
        let is_open = |verb: &Verb| {
            let (Verb::CreateContext(target) | Verb::Receipt(target) | Verb::ImportUpdate(target, _)) = verb
            else {
                return false;
            };
            *target == Target::Open
        };
        !makes_one && self.verbs.iter().any(is_open)
    }
}

/// All pages that wait for an answer.
#[derive(Default)]
pub(crate) struct Navigations {
    waiting: Mutex<HashMap<String, Waiting>>,
}

impl Navigations {
    fn add(&self, token: String, one: Waiting) -> Result<(), Refusal> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, known| known.since.elapsed() < PATIENCE);
        if waiting.len() >= WAITING_MAX {
            return Err(Refusal::new("agent_limit", "too many pages wait for an answer"));
        }
        waiting.insert(token, one);
        Ok(())
    }

    /// Takes what waits under a token: it works once.
    fn take(&self, token: &str) -> Option<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, known| known.since.elapsed() < PATIENCE);
        waiting.remove(token)
    }
}

struct Form(Vec<(String, String)>);

impl Form {
    /// A field that is there exactly once.
    fn field(&self, name: &str) -> Result<&str, Refusal> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value),
            _ => Err(Refusal::new(
                "agent_request_invalid",
                &format!("the field {name} is missing or there twice"),
            )),
        }
    }
}

/// Answers a request to show what a portal wants.
pub(crate) fn open(stream: &mut TcpStream, head: &Head, rest: Vec<u8>, shared: &Shared) -> io::Result<()> {
    let form = match head.form(stream, rest, FORM_BYTES_MAX) {
        Ok(form) => Form(form),
        Err(HeadError::Gone(error)) => return Err(error),
        Err(HeadError::Bad(status)) => return Response::empty(status).send(stream),
    };
    let language = Language::of(head);
    let response = match prepare(head, &form, shared) {
        Ok((token, waiting)) => {
            let body = page::question(&waiting, &token, language);
            shared.note(waiting.caller.origin.as_str(), "open", "done");
            match shared.navigations.add(token, waiting) {
                Ok(()) => Response::page(body, "'self'"),
                Err(refusal) => Response::denied(refusal.code(), refusal.message()),
            }
        }
        Err(refusal) => {
            shared.note(&head.shown_origin(), "open", refusal.code());
            Response::denied(refusal.code(), refusal.message())
        }
    };
    response.send(stream)
}

fn prepare(head: &Head, form: &Form, shared: &Shared) -> Result<(String, Waiting), Refusal> {
    let denied = |why: &str| Refusal::new("agent_denied", why);
    // A script's request, a frame, an image: none of them is a navigation of the whole window.
    let is = |name: &str, wanted: &str| !head.has(name) || head.field(name) == Some(wanted);
    if !is("sec-fetch-mode", "navigate") || !is("sec-fetch-dest", "document") {
        return Err(denied("only a navigation of the whole window opens this page"));
    }
    let origin =
        Origin::new(form.field("origin")?).map_err(|_| denied("pages of this origin are not talked to"))?;
    // Browsers hide the origin when they go from https to http; when they tell, it must be this one.
    if head.has("origin")
        && !matches!(head.field("origin"), Some(told) if told == "null" || told == origin.as_str())
    {
        return Err(denied("the page that opened this is of another origin"));
    }
    if !shared.limits.take(&origin, Instant::now()) {
        return Err(Refusal::new("agent_limit", "too many requests"));
    }
    let caller = caller(form.field("grant")?, &origin, shared)?;
    let verbs = Message::read_all(form.field("requests")?)?.into_iter().map(Message::verb);
    let verbs = verbs.collect::<Result<Vec<_>, _>>()?;
    if verbs.contains(&Verb::Consent) {
        return Err(Refusal::new("agent_request_invalid", "the page asks for consent by itself"));
    }
    let return_path = form.field("return")?.to_owned();
    let state = form.field("state")?.to_owned();
    let path_ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.');
    if !return_path.starts_with('/')
        || return_path.starts_with("//")
        || return_path.len() > 200
        || !return_path.bytes().all(path_ok)
    {
        return Err(Refusal::new("agent_request_invalid", "return is a plain path at the portal"));
    }
    let state_ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if state.is_empty() || state.len() > 256 || !state.bytes().all(state_ok) {
        return Err(Refusal::new("agent_request_invalid", "state is 1 to 256 letters, digits, - and _"));
    }
    let choices = execute::visible_to(shared, &caller)?;
    let token = to_hex(&random::<32>(&mut SystemEntropy::default()));
    Ok((token, Waiting { caller, verbs, choices, return_path, state, since: Instant::now() }))
}

/// Answers the user's decision.
pub(crate) fn confirm(stream: &mut TcpStream, head: &Head, rest: Vec<u8>, shared: &Shared) -> io::Result<()> {
    // The agent's own page, at the very address it was shown at.
    let own = head.field("host").map(|host| format!("http://{host}"));
    let is_own = own.is_some() && head.field("origin") == own.as_deref();
    let is_same = !head.has("sec-fetch-site") || head.field("sec-fetch-site") == Some("same-origin");
    if !is_own || !is_same {
        shared.note(&head.shown_origin(), "confirm", "agent_denied");
        return Response::denied("agent_denied", "only the agent's own page confirms").send(stream);
    }
    let form = match head.form(stream, rest, 4096) {
        Ok(form) => Form(form),
        Err(HeadError::Gone(error)) => return Err(error),
        Err(HeadError::Bad(status)) => return Response::empty(status).send(stream),
    };
    let waiting = form.field("token").ok().and_then(|token| shared.navigations.take(token));
    let Some(waiting) = waiting else {
        return Response::denied("agent_denied", "this page is out of date").send(stream);
    };
    let answers = match form.field("decision") {
        Ok("allow") => carry_out(&waiting, &form, shared),
        _ => {
            vec![json!({ "error": Refusal::new("agent_consent_refused", "the user has refused").document() })]
        }
    };
    let target = format!("{}{}", waiting.caller.origin, waiting.return_path);
    let body = page::result(&target, &waiting.state, &Value::from(answers), Language::of(head));
    Response::page(body, waiting.caller.origin.as_str()).send(stream)
}

/// Carries the requests out in their order, up to the first that fails.
fn carry_out(waiting: &Waiting, form: &Form, shared: &Shared) -> Vec<Value> {
    let mut context = Context::passing(random(&mut SystemEntropy::default()));
    context.is_allowed = true;
    if waiting.needs_choice() {
        let chosen = form.field("container").ok();
        context.chosen = waiting.choices.iter().find(|c| Some(c.name.as_str()) == chosen).map(|c| c.serial);
    }
    let mut answers = Vec::new();
    for verb in &waiting.verbs {
        let what = verb.name();
        let outcome = execute::run(shared, &waiting.caller, &mut context, verb.clone());
        let code = outcome.as_ref().map_or_else(Refusal::code, |_| "done");
        shared.note(waiting.caller.origin.as_str(), what, code);
        match outcome {
            Ok(value) => answers.push(json!({ "ok": value })),
            Err(refusal) => {
                answers.push(json!({ "error": refusal.document() }));
                break;
            }
        }
    }
    answers
}
