//! Messages of what happens to a license after its first activation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `POST /api/v1/reactivations`: activates licenses again that were not returned. The ticket is the credential.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReactivationRequest {
    /// The ticket code.
    pub ticket: String,
    /// License ids; all that may be activated again when empty.
    #[serde(default)]
    pub licenses: Vec<String>,
    /// The context file (`*.WibuCmRaC`) of the new container, base64.
    pub context: String,
    /// The user accepts that the old containers are blacklisted with everything in them.
    #[serde(default)]
    pub accept_conditions: bool,
}

/// `POST /api/v1/restorations`: restores a whole act license after a reinstallation. The similarity of the computers is
/// the credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreRequest {
    /// Serial of the old container.
    pub old: String,
    /// The context file (`*.WibuCmRaC`) of the new container, base64.
    pub context: String,
}

/// `POST /api/v1/automatic-updates`: what the vendor has for a container. The container is its own credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutomaticUpdateRequest {
    /// The context file (`*.WibuCmRaC`), base64.
    pub context: String,
}

/// `POST /api/v1/cancellations`: cancels what is unfinished of a ticket in a container. The ticket is the credential.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancellationRequest {
    /// The ticket code.
    pub ticket: String,
    /// The context file (`*.WibuCmRaC`), base64.
    pub context: String,
}

/// `POST /api/v1/conversions`: turns a pre-activated license into one that is bound to the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversionRequest {
    /// The pre-activated license file, base64.
    pub license: String,
    /// The context file (`*.WibuCmRaC`), base64.
    pub context: String,
}

/// `POST /api/v1/containers/{serial}/update`: the update for a container from what it has proven, without a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushRequest {
    /// Firm code.
    pub firm_code: u32,
}

/// A license as the vendor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LicenseMessage {
    /// License id.
    pub id: String,
    /// Item id.
    pub item: String,
    /// Display name.
    pub name: String,
    /// The order that made it.
    pub order_id: String,
    /// The customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Quantity.
    pub quantity: u32,
    /// Available for activation.
    pub available: u32,
    /// Issued, not yet proven.
    pub activating: u32,
    /// Proven to be in containers, or consumed.
    pub active: u32,
    /// Being returned, not yet proven.
    pub returning: u32,
    /// Taken back by the vendor.
    pub withdrawn: u32,
    /// `available`, `pending`, `partly_activated`, `activated`, `consumed`, `withdrawn` or `replaced`.
    pub state: String,
    /// How often it was activated again without a return.
    pub generation: u32,
    /// The container it is assigned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned: Option<String>,
    /// The license it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The license that replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
    /// Where it is; left out in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activations: Vec<super::ActivationMessage>,
    /// When it was made.
    pub created_at: String,
}

/// A page of licenses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LicenseList {
    /// The licenses.
    pub licenses: Vec<LicenseMessage>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `POST /api/v1/licenses/{id}/replacement`: puts a license of another item in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplacementRequest {
    /// The other item.
    pub item: String,
}

/// A decision of the vendor, with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// Why; shown in the history, and to the user when something is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Grants only: `30d`, how long the grant can be used; 30 days when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<String>,
}

/// A question to the vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalMessage {
    /// Approval id.
    pub id: String,
    /// `return` or `reactivation`.
    pub kind: String,
    /// License id.
    pub license: String,
    /// The container it is to leave, or to be activated in.
    pub container: String,
    /// Firm code.
    pub firm_code: u32,
    /// `pending`, `granted`, `denied`, `used` or `expired`.
    pub state: String,
    /// Who has granted it, while a second person still has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_grant_by: Option<String>,
    /// What the vendor said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When it was asked.
    pub requested_at: String,
    /// Until when a grant can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
}

/// A page of approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalList {
    /// The approvals, oldest first.
    pub approvals: Vec<ApprovalMessage>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `GET /api/v1/blacklists/{firm_code}`: the signed list for enforcement without a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlacklistAnswer {
    /// Firm code.
    pub firm_code: u32,
    /// Version of the list.
    pub version: u32,
    /// Containers on it.
    pub containers: u32,
    /// The file, base64.
    pub blacklist: String,
}

/// `POST /api/v1/preactivations`: makes a pre-activated license.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreActivationRequest {
    /// The item.
    pub item: String,
    /// Licenses in the file; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// `30d` from now after which the file stops working; the item's own options decide when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<String>,
    /// How many containers may convert it into a bound license; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversions: Option<u32>,
}

/// A pre-activated license.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreActivationAnswer {
    /// Its id.
    pub id: String,
    /// The item.
    pub item: String,
    /// The ticket its conversions are on.
    pub ticket: String,
    /// The file, base64.
    pub license: String,
}

/// `GET /api/v1/reconciliation`: whether a restored database is being reconciled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReconciliationAnswer {
    /// Since when; absent when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}
