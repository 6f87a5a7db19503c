//! The pages of the portal: which address shows what.

mod begin;
mod choose;
mod deliver;
mod navigation;
mod online;
mod tickets;

use std::net::IpAddr;
use std::sync::Arc;

use http_pages::FormError;
use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;

use crate::app::App;
use crate::http::{Answer, Form, Visit, json, plain};
use crate::trouble::{Trouble, trouble};

/// The request that comes from the license runtime's page.
const NO_COOKIE: &str = "agent back";

/// What an address leads to, with its name for the log.
type Routed = (Result<Answer, Trouble>, &'static str);

/// Answers a visitor's request.
pub(crate) async fn answer(
    app: &Arc<App>,
    parts: &Parts,
    client: Option<IpAddr>,
    body: Result<Bytes, Trouble>,
) -> (Answer, &'static str) {
    let path = parts.uri.path().to_owned();
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if let Some(answer) = machine(app, &parts.method, &segments).await {
        return answer;
    }
    let mut visit = Visit::new(app, parts, client);
    let (outcome, name) = match parts.method {
        Method::GET | Method::HEAD => get(&visit, &segments).await,
        Method::POST => post(&mut visit, parts, &segments, body).await,
        _ => (Err(trouble("method_not_allowed", "pages are read or sent, nothing else")), "method"),
    };
    let mut answer = outcome.unwrap_or_else(|problem| {
        app.count(client, &problem);
        visit.problem(&problem)
    });
    if name == NO_COOKIE {
        // No cookie came with this request, so none may be set: it would replace the visitor's.
        answer.headers_mut().remove(header::SET_COOKIE);
    }
    (answer, name)
}

/// What programs and browsers fetch without a visitor.
async fn machine(app: &Arc<App>, method: &Method, segments: &[&str]) -> Option<(Answer, &'static str)> {
    if *method != Method::GET && *method != Method::HEAD {
        return None;
    }
    match segments {
        ["healthz"] => Some((plain(200, "text/plain; charset=utf-8", "ok\n"), "healthz")),
        ["readyz"] => {
            let ready = app.ask(None, |server| server.fetch("/readyz")).await;
            let answer = match ready {
                Ok(_) => json(200, &serde_json::json!({"ready": true})),
                Err(problem) => json(503, &serde_json::json!({"ready": false, "code": problem.code})),
            };
            Some((answer, "readyz"))
        }
        ["robots.txt"] => {
            let nobody = "User-agent: *\nDisallow: /\n";
            Some((plain(200, "text/plain; charset=utf-8", nobody), "robots"))
        }
        ["assets", name] => {
            let asset = app.theme.asset(name)?;
            let mut answer = plain(200, asset.content_type, asset.bytes.clone());
            // The address changes with the content.
            let kept = HeaderValue::from_static("public, max-age=86400");
            answer.headers_mut().insert(header::CACHE_CONTROL, kept);
            Some((answer, "asset"))
        }
        _ => None,
    }
}

/// What a code means, in the visitor's language: the address that problem documents name, and what the script asks when
/// the license runtime refuses.
fn explain(visit: &Visit, code: &str) -> Result<Answer, Trouble> {
    let entry = licensing_wire::problem::entry(code)
        .ok_or_else(|| trouble("not_found", "there is no such problem"))?;
    let mut problem = trouble(entry.code, &entry.code.replace('_', " "));
    problem.status = 200;
    Ok(visit.problem(&problem))
}

fn no_form(error: FormError) -> Trouble {
    let code = match error {
        FormError::NotAForm => "unsupported_media_type",
        FormError::NotJson => "invalid_json",
        FormError::Broken => "invalid_message",
    };
    trouble(code, &error.to_string())
}

fn unknown() -> Routed {
    (Err(trouble("not_found", "there is no page at this address")), "unknown")
}

async fn get(visit: &Visit, segments: &[&str]) -> Routed {
    match segments {
        [] => (tickets::enter(visit), "enter"),
        ["licenses"] => (tickets::licenses(visit, "licenses.html").await, "licenses"),
        ["licenses", "print"] => (tickets::licenses(visit, "print.html").await, "print"),
        ["tickets", ticket, "activate"] => (choose::binding(visit, ticket, "activate").await, "binding"),
        ["tickets", ticket, "reactivate"] => (choose::binding(visit, ticket, "reactivate").await, "binding"),
        ["tickets", ticket, "activate", firm, kind] => {
            (choose::activate(visit, ticket, firm, kind).await, "activate")
        }
        ["tickets", ticket, "reactivate", firm, kind] => {
            (choose::reactivate(visit, ticket, firm, kind).await, "reactivate")
        }
        ["tickets", ticket, "deactivate"] => (choose::container(visit, ticket).await, "container"),
        ["tickets", ticket, "deactivate", firm, serial] => {
            (choose::deactivate(visit, ticket, firm, serial).await, "deactivate")
        }
        ["tickets", ticket, "unfinished"] => (choose::unfinished(visit, ticket).await, "unfinished"),
        ["automatic-update"] => (choose::automatic(visit), "automatic"),
        ["restore"] => (choose::restore(visit), "restore"),
        ["receipt"] => (deliver::any_receipt_page(visit), "any receipt"),
        ["templates", firm] => (deliver::template(visit, firm).await, "template"),
        ["transfers", id] => (deliver::resume(visit, id), "resume"),
        ["transfers", id, "request"] => (deliver::request_page(visit, id), "request"),
        ["transfers", id, "update"] => (deliver::update_page(visit, id), "update"),
        ["transfers", id, "file"] => (deliver::file(visit, id), "file"),
        ["transfers", id, "qr", number] => (deliver::code(visit, id, number), "code"),
        ["transfers", id, "receipt"] => (deliver::receipt_page(visit, id), "receipt"),
        ["transfers", id, "result"] => (deliver::result_page(visit, id), "result"),
        ["transfers", id, "online"] => (online::page(visit, id), "online"),
        ["transfers", id, "navigate"] => (navigation::leave(visit, id).await, "navigate"),
        ["problems", code] => (explain(visit, code), "problem"),
        _ => unknown(),
    }
}

async fn post(visit: &mut Visit, parts: &Parts, segments: &[&str], body: Result<Bytes, Trouble>) -> Routed {
    let read = async { Form::read(&parts.headers, body?).await.map_err(no_form) };
    // The runtime's page sends its form from another origin, without a cookie; nothing is done with it but shown.
    if segments == ["agent", "back"] {
        let form = match read.await {
            Ok(form) => form,
            Err(problem) => return (Err(problem), NO_COOKIE),
        };
        return (navigation::back(visit, &form), NO_COOKIE);
    }
    let admitted = async {
        visit.check_origin(&parts.headers)?;
        let form = read.await?;
        // Answers of a license runtime carry a token of their own, which is checked where they are taken.
        if !matches!(segments, ["transfers", _, "answers"]) {
            visit.check_token(form.get("csrf"))?;
        }
        visit.app.admit(visit.client)?;
        Ok(form)
    };
    let form = match admitted.await {
        Ok(form) => form,
        Err(problem) => return (Err(problem), "refused"),
    };
    match segments {
        ["tickets"] => (tickets::add(visit, &form).await, "add ticket"),
        ["tickets", ticket, "forget"] => (tickets::forget(visit, ticket), "forget ticket"),
        ["leave"] => (tickets::leave(visit), "leave"),
        ["language"] => (tickets::language(visit, &form), "language"),
        ["tickets", ticket, "transfers"] => (begin::with_ticket(visit, ticket, &form).await, "begin"),
        ["transfers"] => (begin::without_ticket(visit, &form), "begin"),
        ["receipt"] => (deliver::any_receipt(visit, &form).await, "any receipt"),
        ["transfers", id, "request"] => (deliver::upload_request(visit, id, &form).await, "request"),
        ["transfers", id, "receipt"] => (deliver::upload_receipt(visit, id, &form).await, "receipt"),
        ["transfers", id, "forget"] => (deliver::forget(visit, id), "forget transfer"),
        ["transfers", id, "online", "template"] => (online::template(visit, id, &form).await, "template"),
        ["transfers", id, "online", "request"] => (online::request(visit, id, &form).await, "request"),
        ["transfers", id, "online", "receipt"] => (online::receipt(visit, id, &form).await, "receipt"),
        ["transfers", id, "answers"] => (navigation::answers(visit, id, &form).await, "answers"),
        _ => unknown(),
    }
}
