//! Transfers: activation and return. The context is verified and settled first; what it proved is stored even
//! when the rest is refused, and every refusal leaves an event.

use std::sync::Arc;

use licensing_core::Entropy;
use licensing_core::changeset::ChangeSet;
use licensing_core::event::{Actor, Event};
use licensing_core::format::context::VerifiedContext;
use licensing_core::ids::{ContainerSerial, FirmCode, LicenseId};
use licensing_core::limits::{CONTEXT_BYTES_MAX, TRANSFER_LINES_MAX};
use licensing_core::refusal::Refusal;
use licensing_core::work::{Decline, Facts, Plan, Work};
use licensing_store::FactsQuery;
use licensing_wire::binary::{from_base64, to_base64};
use licensing_wire::json::{SelectionMessage, TransferAnswer};

use crate::keys::FirmKeys;
use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Holder, Idempotency, Service, blocking};

/// What the user of a transfer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// These licenses into the container; everything possible when empty.
    Activate(Vec<SelectionMessage>),
    /// These licenses out of it; everything possible when empty.
    GiveBack(Vec<SelectionMessage>),
    /// These licenses into it that are in other containers; everything possible when empty.
    Reactivate {
        /// License ids.
        licenses: Vec<String>,
        /// The user accepts what becomes of the other containers.
        accepted: bool,
    },
    /// What is unfinished of the ticket undone.
    Cancel,
    /// Everything of another container.
    Restore(ContainerSerial),
    /// What the vendor has for the container.
    Automatic,
    /// The same, for a container that may never have been seen before: it has just converted a pre-activated license.
    Converted,
}

/// A wish with its licenses read.
enum Wanted {
    Activate(Selected),
    GiveBack(Selected),
    Reactivate(Vec<LicenseId>, bool),
    Cancel,
    Restore(ContainerSerial),
    Automatic,
    Converted,
}

impl Wish {
    fn read(&self) -> Result<Wanted, Failure> {
        Ok(match self {
            Self::Activate(licenses) => Wanted::Activate(selection(licenses)?),
            Self::GiveBack(licenses) => Wanted::GiveBack(selection(licenses)?),
            Self::Reactivate { licenses, accepted } => {
                if licenses.len() > TRANSFER_LINES_MAX {
                    return Err(Refusal::LicensesInvalid { max: TRANSFER_LINES_MAX }.into());
                }
                let licenses = licenses.iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
                Wanted::Reactivate(licenses, *accepted)
            }
            Self::Cancel => Wanted::Cancel,
            Self::Restore(old) => Wanted::Restore(*old),
            Self::Automatic => Wanted::Automatic,
            Self::Converted => Wanted::Converted,
        })
    }
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
    /// Does what a ticket holder or a container wants: answers with the update for the container. Without a ticket only
    /// what a container may ask for by itself.
    ///
    /// # Errors
    /// The context is not acceptable, or the rule that forbids the transfer.
    pub async fn transfer(
        &self,
        wish: &Wish,
        holder: Option<&Holder>,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        context: &str,
    ) -> Result<Answer, Failure> {
        let wanted = Arc::new(wish.read()?);
        let received = match self.receive(context).await {
            Ok(received) => received,
            Err(failure) => return Err(self.note_refusal(holder, actor, failure).await),
        };
        let keys = match self.firm(received.context.firm_code()) {
            Ok(keys) => keys,
            Err(refusal) => return Err(self.note_refusal(holder, actor, refusal.into()).await),
        };
        let serial = received.context.serial();
        // What a user wants anew is within the edition; what he has, gives back or was promised always goes on.
        let limited = matches!(*wanted, Wanted::Activate(_) | Wanted::Reactivate(..));
        let decide = || async {
            let once = |forbidden| self.decide_once(holder, actor, &received, &wanted, &keys, forbidden);
            let mut decided = once(None).await?;
            match self.count_activations(&mut decided.changes, limited).await {
                Ok(()) => Ok(decided),
                // Again, and no more than what the context proves.
                Err(Failure::Refused(refusal)) => once(Some(refusal)).await,
                Err(failure) => Err(failure),
            }
        };
        let about = holder.map_or_else(|| serial.to_bytes().to_vec(), |holder| holder.ticket().id.0.to_vec());
        self.attempt(idempotency, &about, decide).await
    }

    /// Decides about a transfer, on facts of now. What is `forbidden` is refused after all that is proven was settled.
    async fn decide_once(
        &self,
        holder: Option<&Holder>,
        actor: &Actor,
        received: &Received,
        wanted: &Arc<Wanted>,
        keys: &FirmKeys,
        forbidden: Option<Refusal>,
    ) -> Result<Decided, Failure> {
        let facts = self.facts(holder, &received.context, wanted).await?;
        if facts.container.is_none() && matches!(**wanted, Wanted::Automatic) {
            return Err(Refusal::ContainerUnknown(received.context.serial()).into());
        }
        let work = Work::new(facts, self.server_rules(), actor.clone(), self.now());
        let (received, keys, wanted) = (received.clone(), keys.clone(), Arc::clone(wanted));
        let mut entropy = self.entropy();
        blocking(move || decide_transfer(work, &received, &wanted, forbidden, &keys, &mut entropy)).await?
    }

    /// The update for a container from what it has proven, without a context.
    ///
    /// # Errors
    /// The container was never seen under the firm code, or may not be served.
    pub async fn push(
        &self,
        serial: ContainerSerial,
        firm_code: FirmCode,
        actor: &Actor,
        idempotency: Option<Idempotency>,
    ) -> Result<Answer, Failure> {
        let keys = self.firm(firm_code)?;
        let decide = || async {
            let (ticket, named, old) = (None, Vec::new(), None);
            let query = FactsQuery { ticket, serial, firm_code, sequence: 0, named, elsewhere: false, old };
            let facts = self.store.facts(query).await?;
            if facts.container.is_none() || facts.firm.is_none() {
                return Err(Refusal::ContainerUnknown(serial).into());
            }
            let mut work = Work::new(facts, self.server_rules(), actor.clone(), self.now());
            let (keys, mut entropy) = (keys.clone(), self.entropy());
            blocking(move || {
                let settled = work.last_settled()?;
                let plan = work.automatic_update(&settled, &keys.proofs, &mut entropy)?;
                let answer = update_answer(serial, firm_code, plan, &keys, &mut entropy)?;
                Ok(Decided { changes: work.finish(), answer: Ok(answer) })
            })
            .await?
        };
        self.attempt(idempotency, &serial.to_bytes(), decide).await
    }

    /// Reads and verifies a context.
    pub(super) async fn receive(&self, base64: &str) -> Result<Received, Failure> {
        let bytes = Arc::new(from_base64(base64, CONTEXT_BYTES_MAX)?);
        let (file, makers) = (Arc::clone(&bytes), self.rules.makers.clone());
        let context = blocking(move || VerifiedContext::verify(&file, &makers)).await??;
        Ok(Received { bytes, context: Arc::new(context) })
    }

    async fn facts(
        &self,
        holder: Option<&Holder>,
        context: &VerifiedContext,
        wanted: &Wanted,
    ) -> Result<Facts, Failure> {
        let query = FactsQuery {
            elsewhere: matches!(wanted, Wanted::Reactivate(..)),
            old: match wanted {
                Wanted::Restore(old) => Some(*old),
                _ => None,
            },
            ..facts_query(holder, context)
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
    async fn note_refusal(&self, holder: Option<&Holder>, actor: &Actor, failure: Failure) -> Failure {
        // Without a ticket anybody can send bytes, and nobody may fill the log.
        if let (Failure::Refused(refusal), Some(holder)) = (&failure, holder) {
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

/// What a decision about a context needs at least.
pub(super) fn facts_query(holder: Option<&Holder>, context: &VerifiedContext) -> FactsQuery {
    FactsQuery {
        ticket: holder.map(|holder| holder.ticket().id),
        serial: context.serial(),
        firm_code: context.firm_code(),
        sequence: context.body().sequence,
        named: context.body().products.iter().map(|product| product.license).collect(),
        elsewhere: false,
        old: None,
    }
}

/// Decides and builds the bytes of the update; nothing is answered before the change set is stored.
fn decide_transfer(
    mut work: Work,
    received: &Received,
    wanted: &Wanted,
    forbidden: Option<Refusal>,
    keys: &FirmKeys,
    entropy: &mut dyn Entropy,
) -> Result<Decided, Failure> {
    let context = &*received.context;
    let settled = work.settle(context, &received.bytes);
    let settled = settled.and_then(|settled| forbidden.map_or(Ok(settled), |no| Err(Decline::Refused(no))));
    let planned = settled.and_then(|settled| match wanted {
        Wanted::Activate(selection) => work.activate(&settled, selection, &keys.proofs, entropy),
        Wanted::GiveBack(selection) => work.give_back(&settled, selection, &keys.proofs, entropy),
        Wanted::Reactivate(licenses, accepted) => {
            work.reactivate(&settled, licenses, *accepted, &keys.proofs, entropy)
        }
        Wanted::Cancel => work.cancel(&settled),
        Wanted::Restore(old) => work.restore(&settled, *old, &keys.proofs, entropy),
        Wanted::Automatic | Wanted::Converted => work.automatic_update(&settled, &keys.proofs, entropy),
    });
    match planned {
        Ok(plan) => {
            let answer = update_answer(context.serial(), context.firm_code(), plan, keys, entropy)?;
            Ok(Decided { changes: work.finish(), answer: Ok(answer) })
        }
        Err(Decline::Refused(refusal)) => refused(work, context, refusal, keys, entropy),
        Err(Decline::Broken(broken)) => Err(broken.into()),
    }
}

/// The answer that carries an update.
pub(super) fn update_answer(
    serial: ContainerSerial,
    firm_code: FirmCode,
    plan: Plan,
    keys: &FirmKeys,
    entropy: &mut dyn Entropy,
) -> Result<Answer, Failure> {
    let steps = u32::try_from(plan.steps()).unwrap_or(u32::MAX);
    let update = plan.issue(&keys.issuer, entropy)?;
    let answer = TransferAnswer {
        serial: serial.to_string(),
        firm_code: firm_code.get(),
        update: to_base64(&update),
        steps,
    };
    Answer::json(200, &answer)
}

/// A refusal with everything that was proven, flagged or decided by the vendor before it, and the update that carries
/// what the container has to take all the same.
pub(super) fn refused(
    mut work: Work,
    context: &VerifiedContext,
    refusal: Refusal,
    keys: &FirmKeys,
    entropy: &mut dyn Entropy,
) -> Result<Decided, Failure> {
    work.refuse(&refusal, context.serial(), context.firm_code());
    let failure = match work.parting_update(&refusal) {
        Some(plan) => {
            let update = plan.issue(&keys.issuer, entropy)?;
            Failure::RefusedWithUpdate { refusal, update }
        }
        None => refusal.into(),
    };
    Ok(Decided { changes: work.finish(), answer: Err(failure) })
}
