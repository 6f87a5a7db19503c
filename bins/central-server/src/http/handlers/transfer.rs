//! What ticket holders and containers ask for.

use licensing_core::ids::FirmCode;
use licensing_wire::json::{ReceiptRequest, TicketRequest, TransferRequest};

use crate::http::handlers::Call;
use crate::service::{Answer, Direction, Failure};

pub(in crate::http) async fn show_ticket(call: Call) -> Result<Answer, Failure> {
    let request: TicketRequest = call.message()?;
    let service = call.app.service();
    let holder = service.holder(&request.ticket).await?;
    service.ticket_overview(&holder).await
}

pub(in crate::http) async fn activate(call: Call) -> Result<Answer, Failure> {
    transfer(call, Direction::Activate).await
}

pub(in crate::http) async fn deactivate(call: Call) -> Result<Answer, Failure> {
    transfer(call, Direction::GiveBack).await
}

async fn transfer(call: Call, direction: Direction) -> Result<Answer, Failure> {
    let request: TransferRequest = call.message()?;
    let service = call.app.service();
    let actor = call.authorized.actor();
    let holder = match service.holder(&request.ticket).await {
        Ok(holder) => holder,
        Err(failure) => return Err(service.note_unknown_ticket(&actor, failure).await),
    };
    let idempotency = call.idempotency(holder.credential());
    service.transfer(direction, &holder, &actor, idempotency, &request.licenses, &request.context).await
}

pub(in crate::http) async fn receipt(call: Call) -> Result<Answer, Failure> {
    let request: ReceiptRequest = call.message()?;
    call.app.service().receipt(&call.authorized.actor(), &request.context).await
}

pub(in crate::http) async fn template(call: Call) -> Result<Answer, Failure> {
    let firm_code: FirmCode = call.param()?;
    call.app.service().template(firm_code).await
}
