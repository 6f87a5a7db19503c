//! The delivery by file: upload request, download update, upload receipt. Each step can be repeated, and taken up again
//! later.

use hyper::body::Bytes;
use licensing_core::format::context::ContextHeader;
use licensing_core::limits::{CONTEXT_BYTES_MAX, TEMPLATE_BYTES_MAX, UPDATE_BYTES_MAX};
use licensing_wire::binary::{from_base64, to_base64};
use licensing_wire::json::{
    AutomaticUpdateRequest, CancellationRequest, ReactivationRequest, ReceiptAnswer, ReceiptRequest,
    RestoreRequest, SelectionMessage, TransferAnswer, TransferRequest,
};
use minijinja::{Value, context};

use crate::desk::{Stage, Transfer, Update, Wish};
use crate::http::{Answer, Form, Visit, plain, value};
use crate::pages::begin::draft;
use crate::pages::tickets::overview;
use crate::rules::Rules;
use crate::trouble::{Trouble, trouble};
use crate::{qr, system, views};

pub(super) const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Request => "request",
        Stage::Update => "update",
        Stage::Done => "done",
    }
}

/// The visitor's transfer.
pub(super) fn find(visit: &Visit, id: &str) -> Result<Transfer, Trouble> {
    visit
        .app
        .desk
        .find(&visit.session.id, id, system::now())
        .ok_or_else(|| trouble("transfer_forgotten", "this transfer is not remembered any more"))
}

/// What every page of a transfer shows.
pub(super) fn shown(visit: &Visit, transfer: &Transfer) -> Value {
    let serial = transfer.update.as_ref().map(|update| update.serial.clone());
    context! {
        id => transfer.id.clone(),
        wish => transfer.wish.name(),
        stage => stage_name(transfer.stage),
        firm_code => transfer.firm_code,
        kind => transfer.kind.clone(),
        serial => serial.or_else(|| transfer.container.clone()),
        lines => value(&transfer.lines),
        steps => transfer.update.as_ref().map_or(0, |update| update.steps),
        has_update => transfer.update.is_some(),
        codes => transfer.update.as_ref().map_or(0, |update| qr::count(&update.bytes)),
        unproven => transfer.unproven,
        problem => transfer.problem.as_ref().map(|problem| value(visit.shown(problem))),
        with_ticket => transfer.ticket.is_some(),
        grant => visit.app.grant(transfer.firm_code).map(|grant| grant.text.clone()),
    }
}

pub(super) fn resume(visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    let page = match transfer.stage {
        Stage::Request => "request",
        Stage::Update => "update",
        Stage::Done => "result",
    };
    Ok(visit.to(&format!("/transfers/{id}/{page}")))
}

pub(super) fn request_page(visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    Ok(visit.page(200, "request.html", shown(visit, &transfer)))
}

pub(super) fn update_page(visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    if transfer.update.is_none() {
        return Ok(visit.to(&format!("/transfers/{id}/request")));
    }
    Ok(visit.page(200, "update.html", shown(visit, &transfer)))
}

pub(super) fn receipt_page(visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    if transfer.update.is_none() {
        return Ok(visit.to(&format!("/transfers/{id}/request")));
    }
    Ok(visit.page(200, "receipt.html", shown(visit, &transfer)))
}

pub(super) fn result_page(visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    if transfer.stage != Stage::Done {
        return resume(visit, id);
    }
    Ok(visit.page(200, "result.html", shown(visit, &transfer)))
}

pub(super) fn file(visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    let update = transfer
        .update
        .ok_or_else(|| trouble("transfer_forgotten", "there is no update before a request was uploaded"))?;
    Ok(visit.download(&format!("{}.WibuCmRaU", update.serial), update.bytes))
}

/// A QR code of the update, for a container that no file reaches.
pub(super) fn code(visit: &Visit, id: &str, number: &str) -> Result<Answer, Trouble> {
    let update = find(visit, id)?
        .update
        .ok_or_else(|| trouble("transfer_forgotten", "there is no update before a request was uploaded"))?;
    Ok(plain(200, "image/svg+xml", qr::code(&update.bytes, number)?))
}

pub(super) fn forget(visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let mut transfer = find(visit, id)?;
    // Nothing is undone by this: what the server has issued it has issued, and the ticket shows it.
    transfer.stage = Stage::Done;
    transfer.update = None;
    visit.app.desk.keep(transfer, system::now());
    Ok(visit.to(if visit.session.tickets.is_empty() { "/" } else { "/licenses" }))
}

pub(super) async fn template(visit: &Visit, firm: &str) -> Result<Answer, Trouble> {
    let firm_code: u32 =
        firm.parse().map_err(|_| trouble("not_found", "there is no page at this address"))?;
    let answer = visit.app.ask(visit.client, move |server| server.template(firm_code)).await?;
    let bytes = from_base64(&answer.template, TEMPLATE_BYTES_MAX).map_err(|_| unreadable())?;
    Ok(visit.download(&format!("{firm_code}.WibuCmLIF"), bytes))
}

fn unreadable() -> Trouble {
    trouble("server_answer_invalid", "the central server's answer cannot be understood")
}

/// Whom a context is about, when it is a context at all.
fn stated(file: &[u8]) -> Result<ContextHeader, Trouble> {
    ContextHeader::stated(file).map_err(|error| trouble(error.code(), &error.to_string()))
}

/// Whether a context is of a container the transfer is for: to be told before anything is asked.
fn check_fit(transfer: &Transfer, header: &ContextHeader) -> Result<(), Trouble> {
    let (serial, firm_code) = (header.serial.to_string(), header.firm_code.get());
    if transfer.firm_code != 0 && firm_code != transfer.firm_code {
        let wanted = transfer.firm_code;
        let message = format!("the file is for firm code {firm_code}, the transfer for firm code {wanted}");
        return Err(trouble("license_other_firm", &message));
    }
    if let Some(wanted) = transfer.container.as_ref().filter(|wanted| **wanted != serial) {
        let message = format!("the file is of container {serial}, the transfer is for container {wanted}");
        return Err(trouble("request_other_container", &message));
    }
    let kind = views::kind_of(&serial);
    if transfer.kind.as_ref().is_some_and(|wanted| wanted != kind) {
        let message = format!("the file is of container {serial}, which is of another kind than was chosen");
        return Err(trouble("container_kind_not_allowed", &message));
    }
    Ok(())
}

/// The portal's own rules about an activation, now that its container is known.
async fn check_rules(visit: &Visit, transfer: &Transfer, header: &ContextHeader) -> Result<(), Trouble> {
    let rules = &visit.app.rules;
    rules.offers(&transfer.wish)?;
    let wanted: Vec<SelectionMessage> = match &transfer.wish {
        Wish::Activate(wanted) => wanted.clone(),
        Wish::Reactivate(ids) => {
            ids.iter().map(|id| SelectionMessage { id: id.clone(), quantity: None }).collect()
        }
        _ => return Ok(()),
    };
    if !rules.asks() && !rules.settings.keep_ticket_together {
        return Ok(());
    }
    let Some(ticket) = transfer.ticket.clone() else { return Ok(()) };
    let answer = overview(visit, ticket).await?;
    let serial = header.serial.to_string();
    let activating = matches!(transfer.wish, Wish::Activate(_));
    if activating {
        rules.together(&answer, &serial)?;
    }
    let action = if activating { "activate" } else { "reactivate" };
    let firm_code = header.firm_code.get();
    let question = Rules::question(action, &answer, firm_code, &serial, &wanted, &transfer.data);
    let app = visit.app.clone();
    let asked = tokio::task::spawn_blocking(move || app.rules.ask(&question)).await;
    asked.map_err(|_| trouble("internal", "the portal failed"))?
}

/// What stands for a context in a transfer.
fn request_tag(visit: &Visit, transfer: &Transfer, file: &[u8]) -> String {
    let what = [transfer.wish.name().as_bytes(), b" ", transfer.id.as_bytes(), b" ", file].concat();
    visit.app.keeper.tag(&what)
}

/// Asks the central server for the update that answers a context.
async fn ask(visit: &Visit, transfer: &Transfer, file: &[u8]) -> Result<TransferAnswer, Trouble> {
    let context = to_base64(file);
    // The same context of the same transfer is the same question, however often it is sent.
    let key = request_tag(visit, transfer, file);
    let (wish, ticket) = (transfer.wish.clone(), transfer.ticket.clone().unwrap_or_default());
    let question = move |server: &licensing_client::ServerClient| match wish {
        Wish::Activate(licenses) => server.activate(&TransferRequest { ticket, licenses, context }, &key),
        Wish::Deactivate(licenses) => server.deactivate(&TransferRequest { ticket, licenses, context }, &key),
        Wish::Reactivate(licenses) => {
            let request = ReactivationRequest { ticket, licenses, context, accept_conditions: true };
            server.reactivate(&request, &key)
        }
        Wish::Cancel => server.cancel(&CancellationRequest { ticket, context }, &key),
        Wish::Continue | Wish::Automatic => {
            server.automatic_update(&AutomaticUpdateRequest { context }, &key)
        }
        Wish::Restore(old) => server.restore(&RestoreRequest { old, context }, &key),
    };
    visit.app.ask(visit.client, question).await
}

fn update(answer: &TransferAnswer) -> Result<Update, Trouble> {
    let bytes = from_base64(&answer.update, UPDATE_BYTES_MAX).map_err(|_| unreadable())?;
    Ok(Update { bytes, steps: answer.steps, serial: answer.serial.clone() })
}

/// Takes a request: the transfer then has its update. When the server refuses but has something the container must
/// take, the transfer has that, and the reason.
pub(super) async fn take_request(
    visit: &Visit,
    mut transfer: Transfer,
    file: &[u8],
) -> Result<Transfer, Trouble> {
    let header = stated(file)?;
    check_fit(&transfer, &header)?;
    let tag = request_tag(visit, &transfer, file);
    if transfer.issued.as_ref().is_some_and(|issued| *issued != tag) {
        // What was wished is issued already; a newer request gets what it has not proven yet, and wishes it no second time.
        let ongoing = Transfer { wish: Wish::Continue, ..transfer.clone() };
        let answer = ask(visit, &ongoing, file).await?;
        transfer.update = Some(update(&answer)?);
        transfer.unproven = 0;
        if answer.steps == 0 {
            // Which of the two was applied, a step or the one that cancelled it, only the overview tells.
            transfer.wish = Wish::Continue;
            transfer.stage = Stage::Done;
        }
        visit.app.desk.keep(transfer.clone(), system::now());
        return Ok(transfer);
    }
    check_rules(visit, &transfer, &header).await?;
    match ask(visit, &transfer, file).await {
        Ok(answer) => {
            transfer.update = Some(update(&answer)?);
            transfer.problem = None;
            transfer.issued = Some(tag);
            transfer.firm_code = answer.firm_code;
            // Nothing to import: the context alone has proven everything.
            transfer.stage = if answer.steps == 0 { Stage::Done } else { Stage::Update };
        }
        Err(mut problem) => match problem.update.take() {
            Some(bytes) => {
                let bytes = from_base64(&bytes, UPDATE_BYTES_MAX).map_err(|_| unreadable())?;
                let serial = header.serial.to_string();
                transfer.update = Some(Update { bytes, steps: 1, serial });
                transfer.problem = Some(problem);
                transfer.stage = Stage::Update;
            }
            None => {
                transfer.problem = Some(problem.clone());
                visit.app.desk.keep(transfer, system::now());
                return Err(problem);
            }
        },
    }
    transfer.unproven = 0;
    visit.app.desk.keep(transfer.clone(), system::now());
    Ok(transfer)
}

/// Takes a receipt.
pub(super) async fn take_receipt(visit: &Visit, file: &[u8]) -> Result<ReceiptAnswer, Trouble> {
    stated(file)?;
    let key = visit.app.keeper.tag(&[b"receipt".as_slice(), file].concat());
    let request = ReceiptRequest { context: to_base64(file) };
    visit.app.ask(visit.client, move |server| server.receipt(&request, &key)).await
}

/// Notes what a receipt proved about a transfer.
pub(super) fn settle(visit: &Visit, mut transfer: Transfer, answer: &ReceiptAnswer) -> Transfer {
    transfer.unproven = answer.unproven;
    if answer.unproven == 0 {
        transfer.stage = Stage::Done;
    }
    visit.app.desk.keep(transfer.clone(), system::now());
    transfer
}

/// The uploaded file, or the one that uploaded pictures show.
async fn uploaded(visit: &Visit, form: &Form) -> Result<Bytes, Trouble> {
    if form.file.is_none() && !form.pictures.is_empty() {
        return qr::read(visit, &form.pictures).await;
    }
    let file = form.file.as_ref().ok_or_else(|| trouble("file_missing", "no file was chosen"))?;
    if file.len() > CONTEXT_BYTES_MAX {
        let message = format!("the file has more than {CONTEXT_BYTES_MAX} bytes");
        return Err(trouble("file_too_large", &message));
    }
    Ok(file.clone())
}

pub(super) async fn upload_request(visit: &Visit, id: &str, form: &Form) -> Result<Answer, Trouble> {
    let transfer = take_request(visit, find(visit, id)?, &uploaded(visit, form).await?).await?;
    Ok(visit
        .to(&format!("/transfers/{id}/{}", if transfer.stage == Stage::Done { "result" } else { "update" })))
}

pub(super) async fn upload_receipt(visit: &Visit, id: &str, form: &Form) -> Result<Answer, Trouble> {
    let transfer = find(visit, id)?;
    let file = uploaded(visit, form).await?;
    let header = stated(&file)?;
    if let Some(update) = transfer.update.as_ref().filter(|update| update.serial != header.serial.to_string())
    {
        let (found, wanted) = (header.serial, &update.serial);
        let message = format!("the file is of container {found}, the update was for container {wanted}");
        return Err(trouble("request_other_container", &message));
    }
    let answer = take_receipt(visit, &file).await?;
    let transfer = settle(visit, transfer, &answer);
    let page = if transfer.stage == Stage::Done { "result" } else { "receipt" };
    Ok(visit.to(&format!("/transfers/{id}/{page}")))
}

pub(super) fn any_receipt_page(visit: &Visit) -> Result<Answer, Trouble> {
    Ok(visit.page(200, "anyreceipt.html", context! {}))
}

pub(super) async fn any_receipt(visit: &Visit, form: &Form) -> Result<Answer, Trouble> {
    let answer = take_receipt(visit, &uploaded(visit, form).await?).await?;
    let mut transfer = draft(visit, Wish::Continue, None);
    transfer.firm_code = answer.firm_code;
    transfer.container = Some(answer.serial.clone());
    transfer.kind = Some(views::kind_of(&answer.serial).to_owned());
    let id = transfer.id.clone();
    let transfer = settle(visit, transfer, &answer);
    // Something is still to be imported: the next page gives it out again.
    let page = if transfer.stage == Stage::Done { "result" } else { "request" };
    Ok(visit.to(&format!("/transfers/{id}/{page}")))
}
