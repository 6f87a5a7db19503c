//! The online delivery: the page's script moves files between the license runtime and these addresses.

use licensing_core::limits::CONTEXT_BYTES_MAX;
use licensing_wire::binary::{from_base64, to_base64};
use minijinja::context;
use serde_json::json;

use crate::desk::Stage;
use crate::http::{self, Answer, Form, Visit};
use crate::pages::deliver::{find, settle, shown, take_receipt, take_request};
use crate::trouble::{Trouble, trouble};

pub(super) fn page(visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    if transfer.stage == Stage::Done {
        return Ok(visit.to(&format!("/transfers/{id}/result")));
    }
    let values = context! {
        chosen => transfer.chosen.clone(),
        ports => visit.app.config.agent.ports.clone(),
        origin => visit.app.origin.as_str(),
        ..shown(visit, &transfer)
    };
    Ok(visit.page(200, "online.html", values))
}

/// The file a script sends in base64.
pub(super) fn context_of(form: &Form) -> Result<Vec<u8>, Trouble> {
    from_base64(form.get("context"), CONTEXT_BYTES_MAX)
        .map_err(|_| trouble("not_our_format", "the request of the container cannot be read"))
}

pub(super) async fn template(visit: &Visit, id: &str, _: &Form) -> Result<Answer, Trouble> {
    let firm_code = find(visit, id)?.firm_code;
    let answer = visit.app.ask(visit.client, move |server| server.template(firm_code)).await?;
    Ok(http::json(200, &json!({ "template": answer.template })))
}

pub(super) async fn request(visit: &Visit, id: &str, form: &Form) -> Result<Answer, Trouble> {
    let transfer = take_request(visit, find(visit, id)?, &context_of(form)?).await?;
    let update = transfer.update.as_ref().map(|update| to_base64(&update.bytes));
    let steps = transfer.update.as_ref().map_or(0, |update| update.steps);
    let problem = transfer.problem.as_ref().map(|problem| visit.shown(problem));
    Ok(http::json(200, &json!({ "update": update, "steps": steps, "problem": problem })))
}

pub(super) async fn receipt(visit: &Visit, id: &str, form: &Form) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    let answer = take_receipt(visit, &context_of(form)?).await?;
    let transfer = settle(visit, transfer, &answer);
    let done = transfer.stage == Stage::Done;
    Ok(http::json(200, &json!({ "done": done, "proven": answer.proven, "unproven": answer.unproven })))
}
