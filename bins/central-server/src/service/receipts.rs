//! Receipts: contexts that prove what was applied. The container is its own credential.

use licensing_core::Entropy;
use licensing_core::crypto::digest::Digest;
use licensing_core::event::Actor;
use licensing_core::refusal::Refusal;
use licensing_core::work::{Decline, Work};
use licensing_wire::binary::to_base64;
use licensing_wire::json::{ReceiptAnswer, ReceiptFile};
use licensing_wire::time;

use crate::keys::FirmKeys;
use crate::service::attempt::Decided;
use crate::service::transfers::{Received, facts_query, refused};
use crate::service::{Answer, Failure, Service, blocking};

impl Service {
    /// Records what a context proves. Sending it again changes nothing.
    ///
    /// A context that is not acceptable leaves no event: anybody can send bytes, and nobody may fill the log.
    ///
    /// # Errors
    /// The context is not acceptable, the container was never part of a transfer, or may not be served.
    pub async fn receipt(&self, actor: &Actor, context: &str) -> Result<Answer, Failure> {
        let received = self.receive(context).await?;
        let keys = self.firm(received.context.firm_code())?;
        let serial = received.context.serial();
        let decide = || async {
            let facts = self.store.facts(facts_query(None, &received.context)).await?;
            if facts.container.is_none() {
                return Err(Refusal::ContainerUnknown(serial).into());
            }
            let work = Work::new(facts, self.server_rules(), actor.clone(), self.now());
            let (received, keys, mut entropy) = (received.clone(), keys.clone(), self.entropy());
            blocking(move || decide_receipt(work, &received, &keys, &mut entropy)).await?
        };
        self.attempt(None, &serial.to_bytes(), decide).await
    }

    /// A kept receipt.
    ///
    /// # Errors
    /// There is none with this hash.
    pub async fn receipt_file(&self, hash: Digest) -> Result<Answer, Failure> {
        let receipt = self
            .store
            .receipt(hash)
            .await?
            .ok_or_else(|| Failure::denied("receipt_unknown", "there is no receipt with this hash"))?;
        let file = ReceiptFile {
            serial: receipt.serial.to_string(),
            firm_code: receipt.firm_code.get(),
            counter: receipt.link.counter,
            received_at: time::print(receipt.received_at),
            context: to_base64(&receipt.bytes),
        };
        Answer::json(200, &file)
    }
}

fn decide_receipt(
    mut work: Work,
    received: &Received,
    keys: &FirmKeys,
    entropy: &mut dyn Entropy,
) -> Result<Decided, Failure> {
    let context = &*received.context;
    let settled = match work.settle(context, &received.bytes) {
        Ok(settled) => settled,
        Err(Decline::Refused(refusal)) => return refused(work, context, refusal, keys, entropy),
        Err(Decline::Broken(broken)) => return Err(broken.into()),
    };
    let unproven = work.catch_up(&settled)?.steps();
    let answer = ReceiptAnswer {
        serial: context.serial().to_string(),
        firm_code: context.firm_code().get(),
        proven: u32::try_from(settled.proven()).unwrap_or(u32::MAX),
        counter: context.body().link.counter,
        unproven: u32::try_from(unproven).unwrap_or(u32::MAX),
    };
    Ok(Decided { changes: work.finish(), answer: Answer::json(200, &answer) })
}
