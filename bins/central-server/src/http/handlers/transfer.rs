//! What ticket holders and containers ask for.

use licensing_core::ids::FirmCode;
use licensing_wire::json::{
    AutomaticUpdateRequest, CancellationRequest, ConversionRequest, ReactivationRequest, ReceiptRequest,
    RestoreRequest, TicketRequest, TransferRequest,
};

use crate::http::handlers::Call;
use crate::service::{Answer, Failure, Wish};

pub(in crate::http) async fn show_ticket(call: Call) -> Result<Answer, Failure> {
    let request: TicketRequest = call.message()?;
    let service = call.app.service();
    let holder = service.holder(&request.ticket).await?;
    service.ticket_overview(&holder, request.all).await
}

pub(in crate::http) async fn activate(call: Call) -> Result<Answer, Failure> {
    let TransferRequest { ticket, licenses, context } = call.message()?;
    with_ticket(call, &ticket, &Wish::Activate(licenses), &context).await
}

pub(in crate::http) async fn deactivate(call: Call) -> Result<Answer, Failure> {
    let TransferRequest { ticket, licenses, context } = call.message()?;
    with_ticket(call, &ticket, &Wish::GiveBack(licenses), &context).await
}

pub(in crate::http) async fn reactivate(call: Call) -> Result<Answer, Failure> {
    let ReactivationRequest { ticket, licenses, context, accept_conditions } = call.message()?;
    let wish = Wish::Reactivate { licenses, accepted: accept_conditions };
    with_ticket(call, &ticket, &wish, &context).await
}

pub(in crate::http) async fn cancel(call: Call) -> Result<Answer, Failure> {
    let CancellationRequest { ticket, context } = call.message()?;
    with_ticket(call, &ticket, &Wish::Cancel, &context).await
}

async fn with_ticket(call: Call, ticket: &str, wish: &Wish, context: &str) -> Result<Answer, Failure> {
    let service = call.app.service();
    let actor = call.authorized.actor();
    let holder = match service.holder(ticket).await {
        Ok(holder) => holder,
        Err(failure) => return Err(service.note_unknown_ticket(&actor, failure).await),
    };
    let idempotency = call.idempotency(holder.credential());
    service.transfer(wish, Some(&holder), &actor, idempotency, context).await
}

pub(in crate::http) async fn restore(call: Call) -> Result<Answer, Failure> {
    let request: RestoreRequest = call.message()?;
    let wish = Wish::Restore(request.old.parse()?);
    by_container(&call, &wish, &request.context).await
}

pub(in crate::http) async fn automatic_update(call: Call) -> Result<Answer, Failure> {
    let request: AutomaticUpdateRequest = call.message()?;
    by_container(&call, &Wish::Automatic, &request.context).await
}

/// The container is its own credential, and the context what tells requests apart.
async fn by_container(call: &Call, wish: &Wish, context: &str) -> Result<Answer, Failure> {
    let idempotency = call.idempotency(context.as_bytes());
    call.app.service().transfer(wish, None, &call.authorized.actor(), idempotency, context).await
}

pub(in crate::http) async fn convert(call: Call) -> Result<Answer, Failure> {
    let request: ConversionRequest = call.message()?;
    let idempotency = call.idempotency(request.context.as_bytes());
    let actor = call.authorized.actor();
    call.app.service().convert(&actor, idempotency, &request.license, &request.context).await
}

pub(in crate::http) async fn blacklist(call: Call) -> Result<Answer, Failure> {
    let firm_code: FirmCode = call.param()?;
    call.app.service().blacklist_file(firm_code).await
}

pub(in crate::http) async fn receipt(call: Call) -> Result<Answer, Failure> {
    let request: ReceiptRequest = call.message()?;
    call.app.service().receipt(&call.authorized.actor(), &request.context).await
}

pub(in crate::http) async fn template(call: Call) -> Result<Answer, Failure> {
    let firm_code: FirmCode = call.param()?;
    call.app.service().template(firm_code).await
}
