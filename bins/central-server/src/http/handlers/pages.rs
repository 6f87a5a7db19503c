//! What programs and people ask the server about itself.

use licensing_wire::problem;
use licensing_wire::soap::{Version, wsdl};

use crate::http::handlers::Call;
use crate::http::{openapi_document, soap};
use crate::service::{Answer, Failure};

fn text(content_type: &'static str, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status: 200, content_type, body: body.into(), cookie: None, export: None }
}

pub(in crate::http) async fn health(_: Call) -> Result<Answer, Failure> {
    Ok(text("text/plain; charset=utf-8", "ok\n"))
}

pub(in crate::http) async fn ready(call: Call) -> Result<Answer, Failure> {
    match call.app.service().store().ready().await {
        Ok(()) => Ok(text("text/plain; charset=utf-8", "ready\n")),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Err(Failure::later("try_again", "the database is not available", 1))
        }
    }
}

pub(in crate::http) async fn metrics(call: Call) -> Result<Answer, Failure> {
    let service = call.app.service();
    // Metrics without counts are better than none while the database is away.
    let counts = service.store().counts().await.ok();
    let activations = service.activations_of_month().await.ok();
    let body = service.metrics().render(counts, activations, service.now());
    Ok(text("text/plain; version=0.0.4; charset=utf-8", body))
}

pub(in crate::http) async fn openapi(_: Call) -> Result<Answer, Failure> {
    Answer::json(200, &openapi_document())
}

pub(in crate::http) async fn wsdl(call: Call, version: Version) -> Result<Answer, Failure> {
    if call.query.is_empty() {
        return Err(Failure::denied(
            "method_not_allowed",
            "SOAP requests are POSTs; ?wsdl gives the description",
        ));
    }
    let address = format!("{}{}", call.base, soap::path(version));
    let summary = |name: &str| soap::route(name).map_or("", |route| route.summary);
    Ok(text("text/xml; charset=utf-8", wsdl::document(version, &address, summary)))
}

/// A page for people; codes and texts come from the table, so nothing in it needs escaping.
pub(in crate::http) async fn problem(call: Call) -> Result<Answer, Failure> {
    let entry = problem::entry(call.text())
        .ok_or_else(|| Failure::denied("not_found", "there is no problem of this code"))?;
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{code}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{{font:1rem/1.5 system-ui;max-width:40rem;margin:2rem auto;padding:0 1rem;\
         color-scheme:light dark}}</style>\
         <h1><code>{code}</code></h1><p>{rule}</p><h2>What to do</h2><p>{remedy}</p>\
         <p>HTTP status {status}, exit code {exit}.</p></html>\n",
        code = entry.code,
        rule = entry.rule,
        remedy = entry.remedy,
        status = entry.status,
        exit = entry.exit,
    );
    Ok(text("text/html; charset=utf-8", body))
}
