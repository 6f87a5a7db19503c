//! Pre-activated licenses: making the file, and turning it into a bound license.

use licensing_core::event::Actor;
use licensing_core::format::preactivated::VerifiedPreActivated;
use licensing_core::ids::{ItemId, PreActivationId};
use licensing_core::limits::TEMPLATE_BYTES_MAX;
use licensing_core::preactivation::NewPreActivation;
use licensing_core::refusal::Refusal;
use licensing_core::ticket_code::TicketCode;
use licensing_wire::binary::{from_base64, to_base64};
use licensing_wire::json::{PreActivationAnswer, PreActivationRequest};
use licensing_wire::options;

use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Idempotency, Service, Wish, blocking};

impl Service {
    /// Makes a pre-activated license of an item.
    ///
    /// # Errors
    /// The item does not exist or cannot be pre-activated.
    pub async fn create_preactivation(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        request: &PreActivationRequest,
    ) -> Result<Answer, Failure> {
        let id = ItemId::new(request.item.as_str())?;
        let valid_days =
            request.valid.as_deref().map(|text| options::parse_days("valid", text)).transpose()?;
        let wanted = NewPreActivation {
            quantity: request.quantity.unwrap_or(1),
            valid_days,
            conversions: request.conversions.unwrap_or(0),
        };
        let decide = || async {
            let item = self.store.items(vec![id.clone()]).await?.pop();
            let item = item.ok_or_else(|| Refusal::ItemUnknown(id.clone()))?;
            let keys = self.firm(item.definition.firm_code)?;
            let mut entropy = self.entropy();
            let code = TicketCode::generate(&mut entropy);
            let stored = self.keys().vault.store(&code, &mut entropy);
            let now = self.now();
            let issued = wanted.issue(&item, stored, &keys.proofs, actor, now, &mut entropy)?;
            let (body, mut changes) = (issued.body, issued.changes);
            changes.changes.extend(self.hold_preactivation(&id, &wanted, actor, now).await?);
            let preactivation = body.id.to_string();
            let file = blocking(move || body.sign(&keys.issuer)).await?;
            let answer = PreActivationAnswer {
                id: preactivation,
                item: id.to_string(),
                ticket: code.to_string(),
                license: to_base64(&file),
            };
            Ok(Decided { changes, answer: Answer::json(201, &answer) })
        };
        self.attempt(idempotency, id.as_str().as_bytes(), decide).await
    }

    /// Turns a pre-activated license into one bound to the container of the context: answers with the update. Asking
    /// again gives the update again.
    ///
    /// # Errors
    /// File or context are not acceptable, or the file cannot be converted (any more).
    pub async fn convert(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        license: &str,
        context: &str,
    ) -> Result<Answer, Failure> {
        let file = from_base64(license, TEMPLATE_BYTES_MAX)?;
        let roots = self.keys();
        let verified = blocking(move || {
            let license = VerifiedPreActivated::verify(&file, None)?;
            // Issued by this very server: its own root stands behind the file.
            let ours = roots.firms.get(&license.body().firm_code).map(|firm| firm.root);
            if ours != Some(*license.root()) {
                return Err(licensing_core::error::VerifyError::UntrustedSigner);
            }
            Ok(license)
        })
        .await??;
        let received = self.receive(context).await?;
        let serial = received.context.serial();
        if received.context.firm_code() != verified.body().firm_code {
            return Err(licensing_core::error::VerifyError::WrongFirm.into());
        }
        let id = verified.body().id;
        match self.convert_for(actor, id, &verified.body().item, serial).await {
            // Converted before: whatever of it has not arrived yet comes with the automatic update.
            Err(Failure::Refused(Refusal::AlreadyConverted(_))) => {}
            outcome => {
                outcome?;
            }
        }
        self.transfer(&Wish::Converted, None, actor, idempotency, context).await
    }

    async fn convert_for(
        &self,
        actor: &Actor,
        id: PreActivationId,
        item: &ItemId,
        serial: licensing_core::ids::ContainerSerial,
    ) -> Result<Answer, Failure> {
        let decide = || async {
            let (record, done) =
                self.store.preactivation(id, serial).await?.ok_or(Refusal::PreActivationUnknown)?;
            let item = self.store.items(vec![item.clone()]).await?.pop();
            let item = item.ok_or(Refusal::PreActivationUnknown)?;
            let (_, changes) = record.convert(serial, &item, done, actor, self.now(), &mut self.entropy())?;
            Ok(Decided { changes, answer: Answer::json(200, &serde_json::json!({})) })
        };
        self.attempt(None, &id.0, decide).await
    }
}
