//! Who is on the other side, and one session of it.

use std::time::Instant;

use licensing_core::crypto::sign::PublicKey;
use licensing_core::format::origin_grant::VerifiedGrant;
use licensing_core::ids::{FirmCode, Name};
use licensing_core::limits::GRANT_BYTES_MAX;
use licensing_core::origin::Origin;
use licensing_core::random;
use licensing_wire::binary::{from_base64url, to_hex};
use serde_json::{Value, json};

use crate::agent::execute::{self, Context, Refusal};
use crate::agent::head::Head;
use crate::agent::verb::{Message, Verb};
use crate::agent::{PROTOCOL, Shared, ask};
use crate::system::{SystemClock, SystemEntropy};

/// A page's origin with the vendor that vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) origin: Origin,
    pub(crate) firm_code: FirmCode,
    pub(crate) firm_name: Name,
    pub(crate) root: PublicKey,
}

/// One connection of a page.
pub(crate) struct Session {
    pub(crate) caller: Caller,
    id: String,
    last_request: u64,
    context: Context,
}

/// Verifies a grant, given as base64url, for a page of `origin`.
///
/// # Security
/// The vendor's root must be the one the consents of this computer, or its containers, know for the firm code:
/// anyone can make a grant under a root of his own.
pub(crate) fn caller(grant: &str, origin: &Origin, shared: &Shared) -> Result<Caller, Refusal> {
    let refused = |why: &str| Refusal::new("agent_grant_refused", why);
    let bytes = from_base64url(grant, GRANT_BYTES_MAX).map_err(|error| refused(&error.to_string()))?;
    let verified = VerifiedGrant::verify(&bytes, None).map_err(|error| refused(&error.to_string()))?;
    verified.applies(origin, SystemClock.now()).map_err(|error| refused(&error.to_string()))?;
    let caller = Caller {
        origin: origin.clone(),
        firm_code: verified.grant().firm_code,
        firm_name: verified.firm_name().clone(),
        root: *verified.root(),
    };
    let asked = caller.clone();
    let is_known = shared.owner.call(move |owner| execute::is_root_acceptable(owner, &asked))?;
    if !is_known {
        return Err(refused("another vendor root is known for this firm code on this computer"));
    }
    Ok(caller)
}

/// Lets a page in, or says why not; everything is decided on the head of its request.
pub(crate) fn admit(head: &Head, shared: &Shared) -> Result<Session, Refusal> {
    let denied = |why: &str| Refusal::new("agent_denied", why);
    let is_upgrade = head.lists("upgrade", "websocket")
        && head.lists("connection", "upgrade")
        && head.field("sec-websocket-version") == Some("13")
        && head.field("sec-websocket-key").is_some_and(|key| key.len() == 24);
    let origin = head.field("origin").ok_or_else(|| denied("the request names no origin"))?;
    let origin = Origin::new(origin).map_err(|_| denied("pages of this origin are not talked to"))?;
    if !is_upgrade {
        return Err(denied("this address is for WebSockets"));
    }
    if !shared.limits.take(&origin, Instant::now()) {
        return Err(Refusal::new("agent_limit", "too many requests"));
    }
    let grant = head.query.strip_prefix("grant=").unwrap_or_default();
    let caller = caller(grant, &origin, shared)?;
    let entropy = &mut SystemEntropy::default();
    let id = to_hex(&random::<16>(entropy));
    Ok(Session { caller, id, last_request: 0, context: Context::passing(random(entropy)) })
}

impl Session {
    /// The first message: what the agent is and whether the user has allowed the origin.
    pub(crate) fn greeting(&self, shared: &Shared) -> Result<Value, Refusal> {
        let consent = if ask::is_allowed(shared, &self.caller)? { "granted" } else { "required" };
        Ok(json!({
            "agent": "open-license",
            "version": env!("CARGO_PKG_VERSION"),
            "protocol": PROTOCOL,
            "session": self.id,
            "firm_code": self.caller.firm_code.get(),
            "consent": consent,
        }))
    }

    /// Answers one message.
    pub(crate) fn answer(&mut self, text: &str, shared: &Shared) -> Value {
        let (id, what, outcome) = self.request(text, shared);
        let code = outcome.as_ref().map_or_else(Refusal::code, |_| "done");
        shared.note(self.caller.origin.as_str(), what, code);
        match outcome {
            Ok(value) => json!({ "id": id, "ok": value }),
            Err(refusal) => json!({ "id": id, "error": refusal.document() }),
        }
    }

    fn request(
        &mut self,
        text: &str,
        shared: &Shared,
    ) -> (Option<u64>, &'static str, Result<Value, Refusal>) {
        if !shared.limits.take(&self.caller.origin, Instant::now()) {
            return (None, "request", Err(Refusal::new("agent_limit", "too many requests")));
        }
        let message = match Message::read(text) {
            Ok(message) => message,
            Err(refusal) => return (None, "request", Err(refusal)),
        };
        let invalid = |why: &str| Refusal::new("agent_request_invalid", why);
        let id = message.id;
        // What was recorded in another session, or was sent before, is not obeyed.
        if message.session.as_deref() != Some(self.id.as_str()) {
            return (id, "request", Err(invalid("the request belongs to another session")));
        }
        match id {
            Some(id) if id > self.last_request => self.last_request = id,
            _ => {
                return (
                    id,
                    "request",
                    Err(invalid("the number of the request is not greater than the last")),
                );
            }
        }
        match message.verb() {
            Ok(verb) => (id, verb.name(), self.execute(verb, shared)),
            Err(refusal) => (id, "request", Err(refusal)),
        }
    }

    fn execute(&mut self, verb: Verb, shared: &Shared) -> Result<Value, Refusal> {
        if verb == Verb::Consent {
            ask::consent(shared, &self.caller)?;
            return Ok(json!({ "consent": "granted" }));
        }
        // Asked anew for each request: consent that is taken back ends at once.
        self.context.is_allowed = ask::is_allowed(shared, &self.caller)?;
        execute::run(shared, &self.caller, &mut self.context, verb)
    }
}
