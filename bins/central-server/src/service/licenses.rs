//! What the vendor does with single licenses: finds them, withdraws them, puts others in their place.

use licensing_core::activation::Activation;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::event::Actor;
use licensing_core::ids::{CustomerId, ItemId, LicenseId};
use licensing_core::license::LicenseLine;
use licensing_core::refusal::Refusal;
use licensing_core::vendor::Held;
use licensing_wire::json::{LicenseMessage, ReplacementRequest};
use licensing_wire::time;

use crate::service::attempt::Decided;
use crate::service::tickets::activation_message;
use crate::service::{Answer, Failure, Idempotency, Service};

impl Service {
    /// A license and where it is.
    ///
    /// # Errors
    /// There is none of this id.
    pub async fn license(&self, id: LicenseId) -> Result<Answer, Failure> {
        let held = self.held(id).await?;
        Answer::json(200, &self.license_message(&held.line, &held.live).await?)
    }

    /// Takes a license back.
    ///
    /// # Errors
    /// There is none of this id, or nothing of it to take back.
    pub async fn withdraw(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        id: LicenseId,
    ) -> Result<Answer, Failure> {
        self.change_license(idempotency, id, |held| held.withdraw(actor, self.now())).await
    }

    /// Gives a withdrawn license back to its owner.
    ///
    /// # Errors
    /// There is none of this id, it was not withdrawn, or it was replaced.
    pub async fn cancel_withdrawal(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        id: LicenseId,
    ) -> Result<Answer, Failure> {
        self.change_license(idempotency, id, |held| held.cancel_withdrawal(actor, self.now())).await
    }

    /// Puts a license of another item in the place of one; answers with the new one.
    ///
    /// # Errors
    /// License or item do not exist, or cannot be exchanged.
    pub async fn replace(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        id: LicenseId,
        request: &ReplacementRequest,
    ) -> Result<Answer, Failure> {
        let item = ItemId::new(request.item.as_str())?;
        let decide = || async {
            let held = self.held(id).await?;
            let by = self.store.items(vec![item.clone()]).await?.pop();
            let by = by.ok_or_else(|| Refusal::ItemUnknown(item.clone()))?;
            let replacement = held.replace(&by, actor, self.now(), &mut self.entropy())?;
            let answer = self.license_message(&replacement.line, &[]).await?;
            Ok(Decided { changes: replacement.changes, answer: Answer::json(201, &answer) })
        };
        self.attempt(idempotency, &id.0, decide).await
    }

    async fn change_license(
        &self,
        idempotency: Option<Idempotency>,
        id: LicenseId,
        change: impl Fn(Held) -> Result<ChangeSet, Refusal>,
    ) -> Result<Answer, Failure> {
        let decide = || async {
            let held = self.held(id).await?;
            let mut live = held.live.clone();
            let changes = change(held)?;
            let mut line = None;
            for changed in &changes.changes {
                match changed {
                    Change::UpdateLicense(changed) => line = Some(changed.clone()),
                    Change::PutActivation(changed) => {
                        live.iter_mut().filter(|a| a.id == changed.id).for_each(|a| a.clone_from(changed));
                    }
                    _ => {}
                }
            }
            let line = line.ok_or_else(|| Failure::fault("a decision about a license changed no license"))?;
            let answer = self.license_message(&line, &live).await?;
            Ok(Decided { changes, answer: Answer::json(200, &answer) })
        };
        self.attempt(idempotency, &id.0, decide).await
    }

    async fn held(&self, id: LicenseId) -> Result<Held, Failure> {
        let line = self.store.license(id).await?.ok_or(Refusal::LicenseUnknown(id))?;
        Ok(Held { line, live: self.store.live_of_license(id).await? })
    }

    async fn license_message(
        &self,
        line: &LicenseLine,
        live: &[Activation],
    ) -> Result<LicenseMessage, Failure> {
        let ticket = self.store.ticket(line.ticket).await?;
        let customer = ticket.and_then(|(ticket, _)| ticket.customer);
        Ok(license_message(line, customer.as_ref(), live))
    }
}

/// A license as the vendor sees it.
pub(super) fn license_message(
    line: &LicenseLine,
    customer: Option<&CustomerId>,
    live: &[Activation],
) -> LicenseMessage {
    LicenseMessage {
        id: line.id.to_string(),
        item: line.item.id.to_string(),
        name: line.item.name.to_string(),
        order_id: line.order.to_string(),
        customer: customer.map(ToString::to_string),
        quantity: line.quantity,
        available: line.ledger.available(),
        activating: line.ledger.activating,
        active: line.ledger.active,
        returning: line.ledger.returning,
        withdrawn: line.ledger.withdrawn(),
        state: line.state().name().to_owned(),
        generation: line.generation,
        assigned: line.assigned.map(|serial| serial.to_string()),
        replaces: line.replaces.map(|id| id.to_string()),
        replaced_by: line.replaced_by.map(|id| id.to_string()),
        activations: live.iter().map(activation_message).collect(),
        created_at: time::print(line.created_at),
    }
}
