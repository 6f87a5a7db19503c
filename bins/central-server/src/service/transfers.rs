//! Transfers: activation and return. The context is verified and settled first; what it proved is stored even
//! when the rest is refused, and every refusal leaves an event.

use std::sync::Arc;

use licensing_core::changeset::ChangeSet;
use licensing_core::event::{Actor, Event};
use licensing_core::format::context::VerifiedContext;
use licensing_core::ids::LicenseId;
use licensing_core::limits::{CONTEXT_BYTES_MAX, TRANSFER_LINES_MAX};
use licensing_core::refusal::Refusal;
use licensing_core::work::{Decline, Facts, Work};
use licensing_store::FactsQuery;
use licensing_wire::binary::{from_base64, to_base64};
use licensing_wire::json::{SelectionMessage, TransferAnswer};

use crate::keys::FirmKeys;
use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Holder, Idempotency, Service, blocking};

/// Which way licenses go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the container.
    Activate,
    /// Out of it.
    GiveBack,
}

/// A context file with what it says.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) context: Arc<VerifiedContext>,
}

type Selected = Vec<(LicenseId, Option<u32>)>;

fn selection(messages: &[SelectionMessage]) -> Result<Selected, Failure> {
    if messages.len() > TRANSFER_LINES_MAX {
        return Err(Refusal::LicensesInvalid { max: TRANSFER_LINES_MAX }.into());
    }
    messages.iter().map(|message| Ok((message.id.parse()?, message.quantity))).collect()
}

impl Service {
    /// Activates or returns licenses of a ticket: answers with the update for the container.
    ///
    /// # Errors
    /// The context is not acceptable, or the rule that forbids the transfer.
    pub async fn transfer(
        &self,
        direction: Direction,
        holder: &Holder,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        licenses: &[SelectionMessage],
        context: &str,
    ) -> Result<Answer, Failure> {
        let selection = Arc::new(selection(licenses)?);
        let received = match self.receive(context).await {
            Ok(received) => received,
            Err(failure) => return Err(self.note_refusal(holder, actor, failure).await),
        };
        let keys = match self.firm(received.context.firm_code()) {
            Ok(keys) => keys,
            Err(refusal) => return Err(self.note_refusal(holder, actor, refusal.into()).await),
        };
        let decide = || async {
            let facts = self.facts(Some(holder), &received.context).await?;
            let work = Work::new(facts, self.server_rules(), actor.clone(), self.now());
            let (received, keys, selection) = (received.clone(), keys.clone(), Arc::clone(&selection));
            let mut entropy = self.entropy();
            blocking(move || decide_transfer(work, direction, &received, &selection, &keys, &mut entropy))
                .await?
        };
        self.attempt(idempotency, &holder.ticket().id.0, decide).await
    }

    /// Reads and verifies a context.
    pub(super) async fn receive(&self, base64: &str) -> Result<Received, Failure> {
        let bytes = Arc::new(from_base64(base64, CONTEXT_BYTES_MAX)?);
        let (file, makers) = (Arc::clone(&bytes), self.rules.makers.clone());
        let context = blocking(move || VerifiedContext::verify(&file, &makers)).await??;
        Ok(Received { bytes, context: Arc::new(context) })
    }

    pub(super) async fn facts(
        &self,
        holder: Option<&Holder>,
        context: &VerifiedContext,
    ) -> Result<Facts, Failure> {
        let query = FactsQuery {
            ticket: holder.map(|holder| holder.ticket().id),
            serial: context.serial(),
            firm_code: context.firm_code(),
            sequence: context.body().sequence,
        };
        Ok(self.store.facts(query).await?)
    }

    /// Leaves an event of a transfer with a ticket nobody was given. Mistyped ones are not worth one.
    pub async fn note_unknown_ticket(&self, actor: &Actor, failure: Failure) -> Failure {
        if failure == Failure::Refused(Refusal::TicketUnknown) {
            self.note(Event::refused(&Refusal::TicketUnknown, actor, self.now())).await;
        }
        failure
    }

    /// Leaves an event of a refusal that came before there was anything to decide on.
    async fn note_refusal(&self, holder: &Holder, actor: &Actor, failure: Failure) -> Failure {
        if let Failure::Refused(refusal) = &failure {
            self.note(Event::refused(refusal, actor, self.now()).ticket(holder.ticket().id)).await;
        }
        failure
    }

    async fn note(&self, event: Event) {
        let changes = ChangeSet { events: vec![event], ..ChangeSet::default() };
        if let Err(error) = self.store.commit(changes).await {
            tracing::warn!(%error, "the event of a refusal was not stored");
        }
    }
}

/// Decides and builds the bytes of the update; nothing is answered before the change set is stored.
fn decide_transfer(
    mut work: Work,
    direction: Direction,
    received: &Received,
    selection: &Selected,
    keys: &FirmKeys,
    entropy: &mut dyn licensing_core::Entropy,
) -> Result<Decided, Failure> {
    let context = &*received.context;
    let planned = work.settle(context, &received.bytes).and_then(|settled| match direction {
        Direction::Activate => work.activate(&settled, selection, &keys.proofs, entropy),
        Direction::GiveBack => work.give_back(&settled, selection, entropy),
    });
    let plan = match planned {
        Ok(plan) => plan,
        Err(Decline::Refused(refusal)) => return Ok(refused(work, context, refusal)),
        Err(Decline::Broken(broken)) => return Err(broken.into()),
    };
    let steps = u32::try_from(plan.steps()).unwrap_or(u32::MAX);
    let update = plan.issue(&keys.issuer, entropy)?;
    let answer = TransferAnswer {
        serial: context.serial().to_string(),
        firm_code: context.firm_code().get(),
        update: to_base64(&update),
        steps,
    };
    Ok(Decided { changes: work.finish(), answer: Answer::json(200, &answer) })
}

/// A refusal with everything that was proven, or flagged, before it.
pub(super) fn refused(mut work: Work, context: &VerifiedContext, refusal: Refusal) -> Decided {
    work.refuse(&refusal, context.serial(), context.firm_code());
    Decided { changes: work.finish(), answer: Err(refusal.into()) }
}
