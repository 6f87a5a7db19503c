//! Choosing: a binding, a container, licenses.

use licensing_wire::json::LicenseOverview;
use minijinja::{Value, context};
use serde_json::json;

use crate::desk::Wish;
use crate::http::{Answer, Visit, value};
use crate::pages::tickets::{overview, ticket};
use crate::trouble::{Trouble, trouble};
use crate::views;

type Sort = fn(&LicenseOverview) -> bool;

fn sort(action: &str) -> (Sort, Wish) {
    match action {
        "reactivate" => (views::reactivatable, Wish::Reactivate(Vec::new())),
        _ => (views::activatable, Wish::Activate(Vec::new())),
    }
}

fn number(text: &str) -> Result<u32, Trouble> {
    text.parse().map_err(|_| trouble("not_found", "there is no page at this address"))
}

/// What an online transfer needs to know on the page where it is chosen.
fn agent(visit: &Visit, firm_code: u32) -> Value {
    let grant = visit.app.grant(firm_code).map(|grant| grant.text.clone()).unwrap_or_default();
    value(json!({ "grant": grant, "ports": visit.app.config.agent.ports }))
}

fn data_fields(visit: &Visit) -> Value {
    let fields = visit.app.rules.settings.data.iter().map(|field| {
        let label = field.label.get(&visit.language).or_else(|| field.label.get("en"));
        let label = label.or_else(|| field.label.values().next());
        json!({"name": field.name, "label": label, "required": field.required, "max": field.max_length})
    });
    value(fields.collect::<Vec<_>>())
}

pub(super) async fn binding(visit: &Visit, reference: &str, action: &str) -> Result<Answer, Trouble> {
    let (sort, wish) = sort(action);
    visit.app.rules.offers(&wish)?;
    let answer = overview(visit, ticket(visit, reference)?).await?;
    let bindings = views::bindings(&answer, sort);
    match bindings.as_slice() {
        [] if action == "reactivate" => {
            Err(trouble("nothing_to_reactivate", "nothing of this ticket can be activated again"))
        }
        [] => Err(trouble("nothing_to_activate", "nothing of this ticket is available")),
        [only] => Ok(visit.to(&format!("/tickets/{reference}/{action}/{}/{}", only.firm_code, only.kind))),
        _ => {
            let values = context! {
                reference => reference,
                action => action,
                bindings => value(&bindings),
                firms => bindings.iter().map(|b| b.firm_code).collect::<std::collections::BTreeSet<_>>().len(),
            };
            Ok(visit.page(200, "binding.html", values))
        }
    }
}

pub(super) async fn activate(
    visit: &Visit,
    reference: &str,
    firm: &str,
    kind: &str,
) -> Result<Answer, Trouble> {
    let firm_code = number(firm)?;
    let answer = overview(visit, ticket(visit, reference)?).await?;
    let rows = views::rows_for(&answer, views::activatable, firm_code, kind);
    if rows.is_empty() {
        return Err(trouble("nothing_to_activate", "nothing of this ticket is available"));
    }
    let values = context! {
        reference => reference,
        firm_code => firm_code,
        kind => kind,
        several => views::bindings(&answer, views::activatable).len() > 1,
        rows => value(&rows),
        placed => rows.iter().any(|row| !row.places.is_empty()),
        selection => format!("{:?}", visit.app.rules.settings.selection).to_lowercase(),
        data => data_fields(visit),
        agent => agent(visit, firm_code),
    };
    Ok(visit.page(200, "activate.html", values))
}

pub(super) async fn reactivate(
    visit: &Visit,
    reference: &str,
    firm: &str,
    kind: &str,
) -> Result<Answer, Trouble> {
    let firm_code = number(firm)?;
    visit.app.rules.offers(&Wish::Reactivate(Vec::new()))?;
    let answer = overview(visit, ticket(visit, reference)?).await?;
    let rows = views::rows_for(&answer, views::reactivatable, firm_code, kind);
    if rows.is_empty() {
        let message = "nothing of this ticket can be activated again";
        return Err(trouble("nothing_to_reactivate", message));
    }
    let values = context! {
        reference => reference,
        firm_code => firm_code,
        kind => kind,
        several => views::bindings(&answer, views::reactivatable).len() > 1,
        rows => value(&rows),
        data => data_fields(visit),
        agent => agent(visit, firm_code),
    };
    Ok(visit.page(200, "reactivate.html", values))
}

pub(super) async fn container(visit: &Visit, reference: &str) -> Result<Answer, Trouble> {
    visit.app.rules.offers(&Wish::Deactivate(Vec::new()))?;
    let answer = overview(visit, ticket(visit, reference)?).await?;
    let holders = views::holders(&answer);
    match holders.as_slice() {
        [] => Err(trouble("nothing_to_return", "nothing of this ticket can be returned")),
        [only] => {
            Ok(visit.to(&format!("/tickets/{reference}/deactivate/{}/{}", only.firm_code, only.container)))
        }
        _ => {
            let values = context! { reference => reference, holders => value(&holders) };
            Ok(visit.page(200, "container.html", values))
        }
    }
}

pub(super) async fn deactivate(
    visit: &Visit,
    reference: &str,
    firm: &str,
    serial: &str,
) -> Result<Answer, Trouble> {
    let firm_code = number(firm)?;
    visit.app.rules.offers(&Wish::Deactivate(Vec::new()))?;
    let answer = overview(visit, ticket(visit, reference)?).await?;
    let rows = views::rows_in(&answer, serial, firm_code);
    if rows.is_empty() {
        let message = "nothing of this ticket can be returned out of this container";
        return Err(trouble("nothing_to_return", message));
    }
    let values = context! {
        reference => reference,
        firm_code => firm_code,
        serial => serial,
        kind => views::kind_of(serial),
        several => views::holders(&answer).len() > 1,
        rows => value(&rows),
        agent => agent(visit, firm_code),
    };
    Ok(visit.page(200, "deactivate.html", values))
}

pub(super) async fn unfinished(visit: &Visit, reference: &str) -> Result<Answer, Trouble> {
    let answer = overview(visit, ticket(visit, reference)?).await?;
    let holders = views::unfinished(&answer);
    if holders.is_empty() {
        return Ok(visit.to("/licenses"));
    }
    let values = context! {
        reference => reference,
        holders => value(&holders),
        agent => agent(visit, holders[0].firm_code),
    };
    Ok(visit.page(200, "unfinished.html", values))
}

pub(super) fn automatic(visit: &Visit) -> Result<Answer, Trouble> {
    visit.app.rules.offers(&Wish::Automatic)?;
    Ok(visit.page(
        200,
        "automatic.html",
        context! { agent => agent(visit, 0), kind => "any", firm_code => 0 },
    ))
}

pub(super) fn restore(visit: &Visit) -> Result<Answer, Trouble> {
    visit.app.rules.offers(&Wish::Restore(String::new()))?;
    let firm_code = visit.app.grant(0).map_or(0, |grant| grant.firm_code);
    let values = context! { agent => agent(visit, 0), kind => "act", firm_code => firm_code };
    Ok(visit.page(200, "restore.html", values))
}
