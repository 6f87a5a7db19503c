//! The online delivery without a connection: the whole window goes to the license runtime and comes back with a form.
//! That form comes from outside and without a cookie, so it is only shown, and goes on with a click of the visitor.

use licensing_wire::binary::to_base64;
use minijinja::context;
use serde_json::json;

use crate::desk::{Stage, Transfer, Wish};
use crate::http::{Answer, Form, Visit, value};
use crate::pages::deliver::{find, settle, take_receipt, take_request};
use crate::trouble::{Trouble, trouble};

/// Longest answers that are handed on, in bytes.
const ANSWERS_BYTES_MAX: usize = 512 << 10;

/// What the runtime is to do next for a transfer.
async fn requests(visit: &Visit, transfer: &Transfer, chosen: &str) -> Result<serde_json::Value, Trouble> {
    if let (Stage::Update, Some(update)) = (transfer.stage, &transfer.update) {
        let mut import = json!({"verb": "import_update", "update": to_base64(&update.bytes)});
        let mut receipt = json!({"verb": "receipt"});
        if !chosen.is_empty() && chosen != "new" {
            import["container"] = json!(chosen);
            receipt["container"] = json!(chosen);
        }
        return Ok(json!([import, receipt]));
    }
    if chosen == "new" {
        let firm_code = transfer.firm_code;
        let answer = visit.app.ask(visit.client, move |server| server.template(firm_code)).await?;
        return Ok(
            json!([{"verb": "register_template", "template": answer.template}, {"verb": "create_context"}]),
        );
    }
    let mut create = json!({"verb": "create_context"});
    if !chosen.is_empty() {
        create["container"] = json!(chosen);
    }
    Ok(json!([create]))
}

/// What the answers of the runtime are bound to: this transfer, this stage, this visitor.
fn state(visit: &Visit, transfer: &Transfer) -> String {
    let stage = super::deliver::stage_name(transfer.stage);
    let bound = [b"state".as_slice(), &transfer.session, transfer.id.as_bytes(), stage.as_bytes()].concat();
    format!("{}-{}", transfer.id, visit.app.keeper.tag(&bound))
}

/// The page with the forms that go to the runtime: one for the container that was chosen, or for one that is chosen
/// there, and one for a new act license where that is possible.
pub(super) async fn leave(visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    if transfer.stage == Stage::Done {
        return Ok(visit.to(&format!("/transfers/{id}/result")));
    }
    let offered = visit.app.rules.settings.allow_online;
    let grant = visit
        .app
        .grant(transfer.firm_code)
        .filter(|_| offered)
        .ok_or_else(|| trouble("portal_rule", "this portal does not talk to license runtimes"))?;
    let (chosen, asked) = (transfer.chosen.as_str(), transfer.stage == Stage::Request);
    let mut ways = Vec::new();
    if chosen != "new" || !asked {
        let requests = requests(visit, &transfer, if chosen == "new" { "" } else { chosen }).await?;
        ways.push(json!({"key": "navigate-go", "requests": requests.to_string()}));
    }
    let fresh = matches!(transfer.wish, Wish::Activate(_) | Wish::Reactivate(_) | Wish::Restore(_))
        && transfer.kind.as_deref() == Some("act")
        && transfer.container.is_none();
    if asked && fresh && (chosen.is_empty() || chosen == "new") {
        let requests = requests(visit, &transfer, "new").await?;
        ways.push(json!({"key": "navigate-go-new", "requests": requests.to_string()}));
    }
    let values = context! {
        id => id,
        ways => value(&ways),
        grant => grant.text.clone(),
        origin => visit.app.origin.as_str(),
        state => state(visit, &transfer),
        ports => visit.app.config.agent.ports.clone(),
        leaving => true,
    };
    Ok(visit.page(200, "answers.html", values))
}

/// What came back from the runtime, on a page that goes on with a click: only then does the visitor's cookie come along.
pub(super) fn back(visit: &Visit, form: &Form) -> Result<Answer, Trouble> {
    let (state, answers) = (form.get("state"), form.get("answers"));
    let id = state.split('-').next().unwrap_or_default();
    let sound = id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit()) && state.len() <= 256;
    if !sound || answers.len() > ANSWERS_BYTES_MAX {
        return Err(trouble("invalid_message", "the answer of the license runtime cannot be read"));
    }
    let values = context! { id => id, state => state, answers => answers, leaving => false };
    Ok(visit.page(200, "answers.html", values))
}

/// Takes what the runtime answered.
pub(super) async fn answers(visit: &Visit, id: &str, form: &Form) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    if form.get("state") != state(visit, &transfer) {
        return Err(trouble("transfer_forgotten", "this answer belongs to an earlier step"));
    }
    let broken = || trouble("invalid_message", "the answer of the license runtime cannot be read");
    let answers: Vec<serde_json::Value> = serde_json::from_str(form.get("answers")).map_err(|_| broken())?;
    if let Some(error) = answers.iter().find_map(|answer| answer.get("error")) {
        return Err(foreign_problem(error));
    }
    let last = answers.last().and_then(|answer| answer.get("ok")).ok_or_else(broken)?;
    let context = last.get("context").and_then(serde_json::Value::as_str).ok_or_else(broken)?;
    let container = last.get("container").and_then(serde_json::Value::as_str).unwrap_or_default();
    let file = licensing_wire::binary::from_base64(context, licensing_core::limits::CONTEXT_BYTES_MAX)
        .map_err(|_| broken())?;
    if transfer.stage == Stage::Request {
        let mut transfer = take_request(visit, transfer, &file).await?;
        let sound = container.len() <= 64 && container.bytes().all(|b| b.is_ascii_alphanumeric());
        transfer.chosen = if sound { container.to_owned() } else { String::new() };
        visit.app.desk.keep(transfer.clone(), crate::system::now());
        let page = if transfer.stage == Stage::Done { "result" } else { "online" };
        return Ok(visit.to(&format!("/transfers/{id}/{page}")));
    }
    let receipt = take_receipt(visit, &file).await?;
    let transfer = settle(visit, transfer, &receipt);
    let page = if transfer.stage == Stage::Done { "result" } else { "online" };
    Ok(visit.to(&format!("/transfers/{id}/{page}")))
}

/// A problem the runtime told. Its words come from outside, so that only its code is believed.
fn foreign_problem(error: &serde_json::Value) -> Trouble {
    let code = error.get("code").and_then(serde_json::Value::as_str).unwrap_or_default();
    let known = licensing_wire::problem::entry(code).map_or("runtime_unreachable", |entry| entry.code);
    trouble(known, "the license runtime refused")
}
