//! Entering tickets, and what is on them.

use licensing_core::ticket_code::TicketCode;
use licensing_wire::json::TicketAnswer;
use minijinja::{Value, context};

use crate::http::{Answer, Form, Visit, value};
use crate::trouble::{Trouble, trouble};
use crate::{session, system, views};

pub(super) fn enter(visit: &Visit) -> Result<Answer, Trouble> {
    Ok(visit.page(200, "tickets.html", context! {}))
}

/// One or several tickets, separated by whatever people separate them with.
fn entered(text: &str) -> Vec<String> {
    let separators = [',', ';', '\n', '\r', '\t'];
    // A ticket may be typed with blanks between its groups, so blanks do not separate when one ticket is meant.
    let mut tickets: Vec<String> = Vec::new();
    for part in text.split(separators).map(str::trim).filter(|part| !part.is_empty()) {
        let words: Vec<&str> = part.split_whitespace().collect();
        let several = words.len() > 1 && words.iter().all(|word| word.parse::<TicketCode>().is_ok());
        if several {
            tickets.extend(words.iter().map(|word| (*word).to_owned()));
        } else {
            tickets.push(part.to_owned());
        }
    }
    tickets
}

pub(super) async fn add(visit: &mut Visit, form: &Form) -> Result<Answer, Trouble> {
    let entered = entered(form.get("ticket"));
    if entered.is_empty() {
        return Err(trouble("ticket_mistyped", "no ticket was entered"));
    }
    let most = visit.app.config.session.tickets;
    if entered.len() + visit.session.tickets.len() > most + visit.session.tickets.len().min(most) {
        let message = format!("at most {most} tickets can be open at once");
        return Err(trouble("invalid_value", &message));
    }
    let mut known = Vec::new();
    for ticket in entered {
        let answer = visit.app.ask(visit.client, move |server| server.ticket(&ticket, false)).await?;
        known.push(answer.ticket);
    }
    if visit.session.tickets.is_empty() {
        // What was bound to the visit before it had a ticket does not reach what follows.
        visit.session = session::Keeper::fresh();
    }
    for ticket in known {
        visit.session.tickets.retain(|open| *open != ticket);
        visit.session.tickets.push(ticket);
    }
    if visit.session.tickets.len() > most {
        let surplus = visit.session.tickets.len() - most;
        visit.session.tickets.drain(..surplus);
    }
    Ok(visit.to("/licenses"))
}

pub(super) fn forget(visit: &mut Visit, reference: &str) -> Result<Answer, Trouble> {
    let (app, session) = (visit.app.clone(), visit.session.clone());
    visit.session.tickets.retain(|ticket| app.keeper.reference(&session, ticket) != reference);
    Ok(visit.to(if visit.session.tickets.is_empty() { "/" } else { "/licenses" }))
}

pub(super) fn leave(visit: &mut Visit) -> Result<Answer, Trouble> {
    visit.session = session::Keeper::fresh();
    Ok(visit.to("/"))
}

pub(super) fn language(visit: &Visit, form: &Form) -> Result<Answer, Trouble> {
    let language = form.get("language");
    if !visit.app.texts.has(language) {
        return Err(trouble("invalid_value", "there are no texts in this language"));
    }
    // Back to the page it was chosen on, and never to another site.
    let back = form.get("back");
    let sound = back.starts_with('/')
        && !back.starts_with("//")
        && back.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.".contains(&b));
    Ok(visit.to_with_language(if sound { back } else { "/" }, language))
}

/// The ticket behind a reference.
pub(super) fn ticket(visit: &Visit, reference: &str) -> Result<String, Trouble> {
    let tickets = visit.session.tickets.iter();
    let mut named = tickets.filter(|ticket| visit.app.keeper.reference(&visit.session, ticket) == reference);
    named
        .next()
        .cloned()
        .ok_or_else(|| trouble("session_over", "the ticket is not open in this browser any more"))
}

/// What is on a ticket.
pub(super) async fn overview(visit: &Visit, ticket: String) -> Result<TicketAnswer, Trouble> {
    visit.app.ask(visit.client, move |server| server.ticket(&ticket, false)).await
}

pub(super) async fn licenses(visit: &Visit, template: &str) -> Result<Answer, Trouble> {
    if visit.session.tickets.is_empty() {
        return Ok(visit.to("/"));
    }
    let mut tickets = Vec::new();
    for ticket in &visit.session.tickets {
        let reference = visit.app.keeper.reference(&visit.session, ticket);
        let answer = overview(visit, ticket.clone()).await?;
        tickets.push(views::ticket(reference, &answer));
    }
    let running: Vec<Value> = visit
        .app
        .desk
        .unfinished(&visit.session.id, system::now())
        .iter()
        .map(|transfer| {
            context! {
                id => transfer.id.clone(),
                wish => transfer.wish.name(),
                stage => super::deliver::stage_name(transfer.stage),
                container => transfer.update.as_ref().map(|update| update.serial.clone())
                    .or_else(|| transfer.container.clone()),
                lines => value(&transfer.lines),
                waits => transfer.problem.as_ref().is_some_and(|problem| problem.code.ends_with("needs_approval")),
            }
        })
        .collect();
    let printed = views::moment(&licensing_wire::time::print(licensing_core::time::Timestamp::from_secs(
        system::now(),
    )));
    let values = context! { tickets => value(&tickets), running => running, printed => printed };
    Ok(visit.page(200, template, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_several_tickets_in_whatever_form() {
        assert_eq!(entered(" a b c "), ["a b c"], "blanks inside of one");
        assert_eq!(entered("a, b\nc;;d"), ["a", "b", "c", "d"]);
        assert!(entered(" \n").is_empty());
    }
}
