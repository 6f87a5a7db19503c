//! Shutting containers out, letting flagged ones in again, and the signed list of those that are out.

use licensing_core::event::Actor;
use licensing_core::format::blacklist::BlacklistBody;
use licensing_core::ids::{ContainerSerial, FirmCode};
use licensing_core::refusal::Refusal;
use licensing_core::vendor;
use licensing_wire::binary::to_base64;
use licensing_wire::json::{BlacklistAnswer, DecisionRequest};

use crate::service::approvals::reason;
use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Idempotency, PAGE_MAX, Service, blocking};

impl Service {
    /// Shuts a container out for good.
    ///
    /// # Errors
    /// It was never seen, or is shut out already.
    pub async fn blacklist_container(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        serial: ContainerSerial,
        request: &DecisionRequest,
    ) -> Result<Answer, Failure> {
        let reason = reason(request)?;
        let decide = || async {
            let mut container =
                self.store.container(serial).await?.ok_or(Refusal::ContainerUnknown(serial))?;
            let newest = self.store.blacklist_version().await?;
            let changes = vendor::blacklist(container.clone(), newest, reason.clone(), actor, self.now())?;
            container.status = licensing_core::container::ContainerStatus::Blacklisted;
            Ok(Decided { changes, answer: self.container_answer(&container).await })
        };
        self.attempt(idempotency, b"blacklist", decide).await
    }

    /// Serves a container again in which manipulation was detected.
    ///
    /// # Errors
    /// It was never seen, is not flagged, or is blacklisted.
    pub async fn clear_container(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        serial: ContainerSerial,
        request: &DecisionRequest,
    ) -> Result<Answer, Failure> {
        let reason = reason(request)?;
        let decide = || async {
            let mut container =
                self.store.container(serial).await?.ok_or(Refusal::ContainerUnknown(serial))?;
            let firms = self.store.firms_of_container(serial).await?;
            let changes = vendor::clear(container.clone(), firms, &reason, actor, self.now())?;
            container.status = licensing_core::container::ContainerStatus::Normal;
            Ok(Decided { changes, answer: self.container_answer(&container).await })
        };
        self.attempt(idempotency, &serial.to_bytes(), decide).await
    }

    /// The signed blacklist of a vendor.
    ///
    /// # Errors
    /// The firm code is not served here.
    pub async fn blacklist_file(&self, firm_code: FirmCode) -> Result<Answer, Failure> {
        let keys = self.firm(firm_code)?;
        let (mut version, mut serials) = (0, Vec::new());
        loop {
            let page = self.store.blacklist(version, PAGE_MAX).await?;
            let Some(last) = page.last() else { break };
            version = last.version;
            serials.extend(page.iter().map(|entry| entry.serial));
        }
        serials.sort_unstable();
        let containers = u32::try_from(serials.len()).unwrap_or(u32::MAX);
        let body = BlacklistBody { firm_code, version, certified_time: self.now(), serials };
        let file = blocking(move || body.sign(&keys.issuer)).await?;
        let answer =
            BlacklistAnswer { firm_code: firm_code.get(), version, containers, blacklist: to_base64(&file) };
        Answer::json(200, &answer)
    }
}
