//! The gateway: applications talk to the depot as to a central server, with a ticket or a container as credential, and
//! under the same rules as visitors. What vendors do is not reachable from here.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Method;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use licensing_core::format::context::ContextHeader;
use licensing_core::limits::CONTEXT_BYTES_MAX;
use licensing_wire::binary::from_base64;
use licensing_wire::json::{ReactivationRequest, SelectionMessage, TicketAnswer, TransferRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::desk::Wish;
use crate::http::{Answer, plain, problem_document};
use crate::rules::Rules;
use crate::trouble::{Trouble, trouble};
use crate::views;

/// The rule a path is under.
fn wish(path: &str) -> Option<Option<Wish>> {
    Some(match path {
        "/api/v1/tickets/show" | "/api/v1/receipts" | "/api/v1/conversions" => None,
        "/api/v1/activations" => Some(Wish::Activate(Vec::new())),
        "/api/v1/deactivations" => Some(Wish::Deactivate(Vec::new())),
        "/api/v1/reactivations" => Some(Wish::Reactivate(Vec::new())),
        "/api/v1/cancellations" => Some(Wish::Cancel),
        "/api/v1/automatic-updates" => Some(Wish::Automatic),
        "/api/v1/restorations" => Some(Wish::Restore(String::new())),
        _ => return None,
    })
}

/// Answers an application's request.
pub(crate) async fn answer(
    app: &Arc<App>,
    parts: &Parts,
    client: Option<IpAddr>,
    body: Result<Bytes, Trouble>,
) -> (Answer, &'static str) {
    let outcome = async {
        if !app.rules.settings.allow_gateway {
            return Err(trouble("portal_rule", "this portal does not serve applications"));
        }
        let path = parts.uri.path();
        if parts.method == Method::GET {
            return fetch(app, path, client).await;
        }
        let unknown = || trouble("not_found", "applications find nothing at this address");
        let wish = wish(path).filter(|_| parts.method == Method::POST).ok_or_else(unknown)?;
        app.admit(client)?;
        if let Some(wish) = &wish {
            app.rules.offers(wish)?;
        }
        let body = body?;
        let body = match path {
            "/api/v1/activations" => activation(app, client, &body).await?,
            "/api/v1/reactivations" => reactivation(app, client, &body).await?,
            _ => body.to_vec(),
        };
        let key = parts.headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
        let path = path.to_owned();
        app.ask(client, move |server| server.pass_on(&path, body, key.as_deref())).await
    };
    match outcome.await {
        Ok(body) => (plain(200, "application/json", body), "gateway"),
        Err(problem) => {
            app.count(client, &problem);
            (problem_document(&problem), "gateway")
        }
    }
}

/// Templates and blacklists, which are for anybody.
async fn fetch(app: &Arc<App>, path: &str, client: Option<IpAddr>) -> Result<Vec<u8>, Trouble> {
    let public = ["/api/v1/templates/", "/api/v1/blacklists/"];
    let number = public.iter().find_map(|prefix| path.strip_prefix(prefix));
    if number.is_none_or(|number| number.parse::<u32>().is_err()) {
        return Err(trouble("not_found", "applications find nothing at this address"));
    }
    let path = path.to_owned();
    app.ask(client, move |server| server.fetch(&path)).await
}

/// Reads a message and what was entered along with it, which is for the portal alone.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<(T, Vec<(String, String)>), Trouble> {
    let mut value: serde_json::Value = serde_json::from_slice(body)
        .map_err(|_| trouble("invalid_json", "the body is not well-formed JSON"))?;
    let data = value.as_object_mut().and_then(|object| object.remove("data"));
    let entered = data.as_ref().and_then(serde_json::Value::as_object).into_iter().flatten();
    let entered = entered.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
    let entered = entered.collect();
    // What is wrong is not repeated: it may hold a ticket.
    let message = serde_json::from_value(value)
        .map_err(|_| trouble("invalid_message", "the message has not the documented form"))?;
    Ok((message, entered))
}

fn write(message: &impl Serialize) -> Vec<u8> {
    // Invariant: messages are texts and numbers.
    serde_json::to_vec(message).unwrap_or_default()
}

/// Whom the message's context is about; nobody when it cannot be read, which the server then tells.
fn stated(context: &str) -> Option<ContextHeader> {
    ContextHeader::stated(&from_base64(context, CONTEXT_BYTES_MAX).ok()?).ok()
}

async fn overview(app: &Arc<App>, client: Option<IpAddr>, ticket: &str) -> Result<TicketAnswer, Trouble> {
    let ticket = ticket.to_owned();
    app.ask(client, move |server| server.ticket(&ticket, false)).await
}

async fn ask_check(app: &Arc<App>, question: crate::rules::Question) -> Result<(), Trouble> {
    let app = Arc::clone(app);
    let asked = tokio::task::spawn_blocking(move || app.rules.ask(&question)).await;
    asked.map_err(|_| trouble("internal", "the portal failed"))?
}

async fn activation(app: &Arc<App>, client: Option<IpAddr>, body: &[u8]) -> Result<Vec<u8>, Trouble> {
    let (mut request, entered): (TransferRequest, _) = read(body)?;
    let data = app.rules.entered(&entered)?;
    if let Some(header) = stated(&request.context) {
        let answer = overview(app, client, &request.ticket).await?;
        let (serial, firm_code) = (header.serial.to_string(), header.firm_code.get());
        app.rules.together(&answer, &serial)?;
        request.licenses = app.rules.complete(&answer, firm_code, views::kind_of(&serial), request.licenses);
        let wanted = &request.licenses;
        ask_check(app, Rules::question("activate", &answer, firm_code, &serial, wanted, &data)).await?;
    }
    Ok(write(&request))
}

async fn reactivation(app: &Arc<App>, client: Option<IpAddr>, body: &[u8]) -> Result<Vec<u8>, Trouble> {
    let (request, entered): (ReactivationRequest, _) = read(body)?;
    let data = app.rules.entered(&entered)?;
    if let Some(header) = stated(&request.context).filter(|_| app.rules.asks()) {
        let answer = overview(app, client, &request.ticket).await?;
        let (serial, firm_code) = (header.serial.to_string(), header.firm_code.get());
        let select = |id: &String| SelectionMessage { id: id.clone(), quantity: None };
        let wanted: Vec<SelectionMessage> = request.licenses.iter().map(select).collect();
        ask_check(app, Rules::question("reactivate", &answer, firm_code, &serial, &wanted, &data)).await?;
    }
    Ok(write(&request))
}
