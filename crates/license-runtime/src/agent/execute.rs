//! Doing what a page asks for.

use licensing_core::error::VerifyError;
use licensing_core::format::template::VerifiedTemplate;
use licensing_core::format::update::VerifiedUpdate;
use licensing_core::ids::{ContainerKind, ContainerSerial};
use licensing_wire::binary::{to_base64, to_hex};
use licensing_wire::problem::Problem;
use serde_json::{Value, json};

use crate::agent::Shared;
use crate::agent::session::Caller;
use crate::agent::verb::{Target, Verb};
use crate::consent::pseudonym;
use crate::owner::Owner;
use crate::registry::RuntimeError;

/// New act licenses a page may make in one session.
const CREATIONS_MAX: u32 = 5;

/// Why a page does not get what it asked for: a code of the one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    code: String,
    message: String,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned() }
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn document(&self) -> Value {
        let problem = Problem::from_code(&self.code, &self.message);
        json!({
            "code": problem.code,
            "message": problem.title,
            "rule": problem.rule,
            "remedy": problem.remedy,
        })
    }
}

impl From<RuntimeError> for Refusal {
    fn from(error: RuntimeError) -> Self {
        match &error {
            // Where files are, and why the disk does not want to, is nothing for a page.
            RuntimeError::Container(container_sim::ContainerError::Storage(_))
            | RuntimeError::Unreachable(_) => {
                Self::new("storage_failed", "the storage of the container failed")
            }
            _ => Self::new(error.code(), &error.to_string()),
        }
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::new(error.code(), &error.to_string())
    }
}

/// What a session remembers from request to request.
pub(crate) struct Context {
    /// Whether the user has allowed the origin, or this one request.
    pub(crate) is_allowed: bool,
    /// Secret behind the names of containers until the user has: forgotten with the connection.
    passing_secret: [u8; 32],
    /// The container the user chose, or the last one that was made.
    pub(crate) chosen: Option<ContainerSerial>,
    created: u32,
}

impl Context {
    /// Of a session that begins.
    pub(crate) const fn passing(passing_secret: [u8; 32]) -> Self {
        Self { is_allowed: false, passing_secret, chosen: None, created: 0 }
    }
}

/// A container a page may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visible {
    pub(crate) serial: ContainerSerial,
    pub(crate) name: String,
    pub(crate) is_test: bool,
    pub(crate) holds_firm: bool,
}

/// Whether a vendor's root may be the one of its firm code: it is the one the user's consents know, and the
/// containers know none or this one.
pub(crate) fn is_root_acceptable(owner: &mut Owner, caller: &Caller) -> Result<bool, RuntimeError> {
    if let Some(known) = owner.registry().consented_root(caller.firm_code)? {
        return Ok(known == caller.root);
    }
    let mut others = false;
    let of_list = owner.registry().blacklist(caller.firm_code)?.map(|list| *list.root());
    let of_licenses = owner.registry().preactivated()?.into_iter();
    let of_licenses = of_licenses.filter(|l| l.body().firm_code == caller.firm_code).map(|l| *l.root());
    for root in of_list.into_iter().chain(of_licenses) {
        if root == caller.root {
            return Ok(true);
        }
        others = true;
    }
    for serial in owner.registry().serials()? {
        for firm in owner.firms(serial).unwrap_or_default() {
            if firm.firm_code == caller.firm_code {
                if firm.root == Some(caller.root) {
                    return Ok(true);
                }
                others = true;
            }
        }
    }
    Ok(!others)
}

/// The containers a page may see: those that hold something of its vendor, and dongles, which may come to.
fn visible(
    owner: &mut Owner,
    caller: &Caller,
    passing: Option<&[u8; 32]>,
) -> Result<Vec<Visible>, RuntimeError> {
    let mut found = Vec::new();
    for serial in owner.registry().serials()? {
        // One that does not open here says nothing about whose it is.
        let Ok(firms) = owner.firms(serial) else { continue };
        let firm = firms.iter().find(|firm| firm.firm_code == caller.firm_code);
        let is_seen = match firm {
            Some(firm) => firm.root == Some(caller.root),
            None => serial.kind() == ContainerKind::Dongle,
        };
        if !is_seen {
            continue;
        }
        let name = match passing {
            Some(secret) => pseudonym(secret, &caller.origin, serial),
            None => owner.registry().pseudonym(&caller.origin, serial)?,
        };
        let is_test = owner.with(serial, |container, _, _| Ok(container.is_test()))?;
        found.push(Visible { serial, name: to_hex(&name), is_test, holds_firm: firm.is_some() });
    }
    // In the order of their names, which says nothing about when they came to be.
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The containers an allowed page may see.
pub(crate) fn visible_to(shared: &Shared, caller: &Caller) -> Result<Vec<Visible>, Refusal> {
    let caller = caller.clone();
    Ok(shared.owner.call(move |owner| visible(owner, &caller, None))?)
}

fn resolve(shared: &Shared, caller: &Caller, context: &Context, target: &Target) -> Result<Visible, Refusal> {
    let mut seen = visible_to(shared, caller)?.into_iter();
    let found = match target {
        Target::Named(name) => seen.find(|container| container.name == *name),
        Target::Open => seen.find(|container| Some(container.serial) == context.chosen),
    };
    found.ok_or_else(|| Refusal::new("agent_container_unknown", "there is no such container"))
}

/// Does what a page asks for.
pub(crate) fn run(
    shared: &Shared,
    caller: &Caller,
    context: &mut Context,
    verb: Verb,
) -> Result<Value, Refusal> {
    if verb == Verb::List {
        return list(shared, caller, context);
    }
    if !context.is_allowed {
        let why = "the user has not allowed this origin yet";
        return Err(Refusal::new("agent_consent_required", why));
    }
    match verb {
        Verb::Consent | Verb::List => {
            Err(Refusal::new("agent_request_invalid", "not a request to carry out"))
        }
        Verb::CreateContext(target) | Verb::Receipt(target) => {
            let container = resolve(shared, caller, context, &target)?;
            let (serial, firm_code) = (container.serial, caller.firm_code);
            let bytes = shared.owner.call(move |owner| {
                owner.with(serial, |open, entropy, now| open.create_context(firm_code, now, entropy))
            })?;
            Ok(json!({ "container": container.name, "context": to_base64(&bytes) }))
        }
        Verb::RegisterTemplate(target, template) => register(shared, caller, context, target, template),
        Verb::ImportUpdate(target, update) => {
            let container = resolve(shared, caller, context, &target)?;
            let header = VerifiedUpdate::verify(&update, |_| None)?.header;
            if header.firm_code != caller.firm_code {
                return Err(Refusal::new("agent_other_firm", "the update is of another vendor"));
            }
            let serial = container.serial;
            let report = shared.owner.call(move |owner| {
                owner.with(serial, |open, entropy, _| open.import_update(&update, entropy))
            })?;
            Ok(json!({
                "container": container.name,
                "applied": report.applied,
                "already_applied": report.already_applied,
                "counter": report.counter,
            }))
        }
    }
}

fn list(shared: &Shared, caller: &Caller, context: &Context) -> Result<Value, Refusal> {
    if !context.is_allowed {
        let (asked, secret) = (caller.clone(), context.passing_secret);
        let seen = shared.owner.call(move |owner| visible(owner, &asked, Some(&secret)))?;
        let document = |c: &Visible| json!({ "container": c.name, "kind": c.serial.kind().as_str() });
        let containers: Vec<Value> = seen.iter().map(document).collect();
        return Ok(json!({ "consent": "required", "containers": containers }));
    }
    let document = |c: &Visible| {
        json!({
            "container": c.name,
            "kind": c.serial.kind().as_str(),
            "serial": c.serial.to_string(),
            "holds_firm": c.holds_firm,
            "test_container": c.is_test,
        })
    };
    let containers: Vec<Value> = visible_to(shared, caller)?.iter().map(document).collect();
    Ok(json!({ "consent": "granted", "containers": containers }))
}

fn register(
    shared: &Shared,
    caller: &Caller,
    context: &mut Context,
    target: Option<String>,
    template: Vec<u8>,
) -> Result<Value, Refusal> {
    let verified = VerifiedTemplate::verify(&template, Some(&caller.root))?;
    if verified.body().firm_code != caller.firm_code {
        return Err(Refusal::new("agent_other_firm", "the template is of another vendor"));
    }
    let serial = match target {
        Some(name) => {
            let serial = resolve(shared, caller, context, &Target::Named(name))?.serial;
            shared.owner.call(move |owner| {
                owner.with(serial, |open, entropy, _| open.register_template(&template, entropy))
            })?;
            serial
        }
        None if context.created >= CREATIONS_MAX => {
            return Err(Refusal::new("agent_limit", "a session makes only a few act licenses"));
        }
        None => {
            context.created += 1;
            shared.owner.call(move |owner| Ok(owner.registry().create_act(&template)?.serial()))?
        }
    };
    context.chosen = Some(serial);
    let origin = caller.origin.clone();
    let name = shared.owner.call(move |owner| owner.registry().pseudonym(&origin, serial))?;
    Ok(json!({ "container": to_hex(&name), "serial": serial.to_string() }))
}
