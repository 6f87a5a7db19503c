//! Requests about a license after its first activation.

use licensing_wire::json::{
    ApprovalList, ApprovalMessage, AutomaticUpdateRequest, BlacklistAnswer, CancellationRequest,
    ContainerAnswer, ConversionRequest, DecisionRequest, LicenseList, LicenseMessage, PreActivationAnswer,
    PreActivationRequest, PushRequest, ReactivationRequest, ReconciliationAnswer, ReplacementRequest,
    RestoreRequest, TransferAnswer,
};
use serde_json::{Value, json};

use crate::client::{ServerClient, encoded};
use crate::http::ClientError;

/// Which licenses to list. Several filters must all match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LicenseSearch {
    /// Only those of which nothing was ever activated.
    pub never_activated: bool,
    /// Only in this state, by its word.
    pub state: Option<String>,
    /// Those made last come first.
    pub newest: bool,
    /// Only of this item.
    pub item: Option<String>,
    /// Only of this order.
    pub order: Option<String>,
    /// Only of this customer.
    pub customer: Option<String>,
    /// Only made on this day or later.
    pub from: Option<String>,
    /// Only made before this day.
    pub until: Option<String>,
}

impl ServerClient {
    /// Activates licenses again that were not returned. The same key gives the same answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn reactivate(
        &self,
        request: &ReactivationRequest,
        key: &str,
    ) -> Result<TransferAnswer, ClientError> {
        self.post("/api/v1/reactivations", request, Some(key))
    }

    /// Cancels what is unfinished of a ticket. The same key gives the same answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn cancel(&self, request: &CancellationRequest, key: &str) -> Result<TransferAnswer, ClientError> {
        self.post("/api/v1/cancellations", request, Some(key))
    }

    /// Restores an act license into a new one. The same key gives the same answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn restore(&self, request: &RestoreRequest, key: &str) -> Result<TransferAnswer, ClientError> {
        self.post("/api/v1/restorations", request, Some(key))
    }

    /// What the vendor has for a container. The same key gives the same answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn automatic_update(
        &self,
        request: &AutomaticUpdateRequest,
        key: &str,
    ) -> Result<TransferAnswer, ClientError> {
        self.post("/api/v1/automatic-updates", request, Some(key))
    }

    /// Turns a pre-activated license into a bound one. The same key gives the same answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn convert(&self, request: &ConversionRequest, key: &str) -> Result<TransferAnswer, ClientError> {
        self.post("/api/v1/conversions", request, Some(key))
    }

    /// The signed blacklist of a vendor.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn blacklist(&self, firm_code: u32) -> Result<BlacklistAnswer, ClientError> {
        self.get(&format!("/api/v1/blacklists/{firm_code}"))
    }

    /// A license and where it is.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn license(&self, id: &str) -> Result<LicenseMessage, ClientError> {
        self.get(&format!("/api/v1/licenses/{}", encoded(id)))
    }

    /// A page of licenses, after the license `after`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn licenses(&self, search: &LicenseSearch, after: Option<&str>) -> Result<LicenseList, ClientError> {
        let filters = [
            ("state", search.state.as_deref()),
            ("item", search.item.as_deref()),
            ("order", search.order.as_deref()),
            ("customer", search.customer.as_deref()),
            ("from", search.from.as_deref()),
            ("until", search.until.as_deref()),
            ("after", after),
        ];
        let (never, newest) = (search.never_activated, search.newest);
        let mut path = format!("/api/v1/licenses?never_activated={never}&newest={newest}");
        for (name, value) in filters {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        self.get(&path)
    }

    /// Takes a license back.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn withdraw(&self, id: &str) -> Result<LicenseMessage, ClientError> {
        self.post(&format!("/api/v1/licenses/{}/withdrawal", encoded(id)), &nothing(), None)
    }

    /// Gives a withdrawn license back to its owner.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn cancel_withdrawal(&self, id: &str) -> Result<LicenseMessage, ClientError> {
        self.delete(&format!("/api/v1/licenses/{}/withdrawal", encoded(id)))
    }

    /// Puts a license of another item in the place of one.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn replace(&self, id: &str, request: &ReplacementRequest) -> Result<LicenseMessage, ClientError> {
        self.post(&format!("/api/v1/licenses/{}/replacement", encoded(id)), request, None)
    }

    /// Makes a pre-activated license.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn create_preactivation(
        &self,
        request: &PreActivationRequest,
    ) -> Result<PreActivationAnswer, ClientError> {
        self.post("/api/v1/preactivations", request, None)
    }

    /// A page of approvals, after the approval `after`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn approvals(&self, pending: bool, after: Option<&str>) -> Result<ApprovalList, ClientError> {
        let after = after.map(|after| format!("&after={}", encoded(after))).unwrap_or_default();
        self.get(&format!("/api/v1/approvals?pending={pending}{after}"))
    }

    /// Grants an approval.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn grant(&self, id: &str, decision: &DecisionRequest) -> Result<ApprovalMessage, ClientError> {
        self.post(&format!("/api/v1/approvals/{}/grant", encoded(id)), decision, None)
    }

    /// Denies an approval.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn deny(&self, id: &str, decision: &DecisionRequest) -> Result<ApprovalMessage, ClientError> {
        self.post(&format!("/api/v1/approvals/{}/denial", encoded(id)), decision, None)
    }

    /// Shuts a container out for good.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn blacklist_container(
        &self,
        serial: &str,
        decision: &DecisionRequest,
    ) -> Result<ContainerAnswer, ClientError> {
        self.post(&format!("/api/v1/containers/{}/blacklisting", encoded(serial)), decision, None)
    }

    /// Serves a container again in which manipulation was detected.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn clear_container(
        &self,
        serial: &str,
        decision: &DecisionRequest,
    ) -> Result<ContainerAnswer, ClientError> {
        self.post(&format!("/api/v1/containers/{}/clearance", encoded(serial)), decision, None)
    }

    /// The update for a container from what it has proven, without a context.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn push(&self, serial: &str, firm_code: u32) -> Result<TransferAnswer, ClientError> {
        self.post(&format!("/api/v1/containers/{}/update", encoded(serial)), &PushRequest { firm_code }, None)
    }

    /// Whether a restored database is being reconciled.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn reconciliation(&self) -> Result<ReconciliationAnswer, ClientError> {
        self.get("/api/v1/reconciliation")
    }

    /// Begins the reconciliation of a restored database.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn begin_reconciliation(&self) -> Result<ReconciliationAnswer, ClientError> {
        self.post("/api/v1/reconciliation", &nothing(), None)
    }

    /// Ends it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn end_reconciliation(&self) -> Result<ReconciliationAnswer, ClientError> {
        self.delete("/api/v1/reconciliation")
    }
}

/// The body of a request that has nothing to say.
fn nothing() -> Value {
    json!({})
}
