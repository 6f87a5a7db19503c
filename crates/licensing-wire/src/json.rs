//! JSON messages of `/api/v1`. Unknown fields in requests are refused, unknown fields in answers are ignored.
//!
//! Times are RFC 3339 in UTC with whole seconds; binary content is base64 (standard alphabet, padded).

mod life;
mod lists;
mod mail;
mod users;
mod webhooks;

pub use life::*;
pub use lists::*;
pub use mail::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use users::*;
pub use webhooks::*;

/// `POST /api/v1/items`: creates an item. Option texts are as on the command line (see [`crate::options`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemRequest {
    /// The vendor's part number.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Firm code.
    pub firm_code: u32,
    /// Product code.
    pub product_code: u32,
    /// Concurrent uses one license grants; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license_quantity: Option<u32>,
    /// `2030-01-31`, an RFC 3339 time, or `+30d` from the first activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// `2030-01-31` or an RFC 3339 time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activates: Option<String>,
    /// `30d` from the first use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_period: Option<String>,
    /// `2030-01-31`, an RFC 3339 time, or `+365d` from the first activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<String>,
    /// Units one license starts with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_counter: Option<u32>,
    /// Feature bits, `0x3` or `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_map: Option<String>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Kinds of container: `dongle`, `act`; both when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<Vec<String>>,
    /// `loose`, `medium` or `strict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<String>,
    /// `allowed`, `denied` or `approval`.
    #[serde(default, rename = "return", skip_serializing_if = "Option::is_none")]
    pub returns: Option<String>,
    /// `never`, `always`, `after:365d` or `approval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reactivation: Option<String>,
    /// `never`, `always` or `after:30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<String>,
    /// `allowed` or `denied`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// `user-limit`, `station-share`, `exclusive`, `no-user-limit` or `local-only`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// `14d`: longest borrowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrow: Option<String>,
    /// `60s`: linger time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linger: Option<String>,
    /// Modules licensed together with the product.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<ModuleMessage>,
    /// The item a license of which must be in the same container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires: Option<String>,
    /// Makes it an update item: the item whose licenses it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updates: Option<String>,
    /// Which of them: `container` (any in the container, on the same ticket first) or `ticket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_scope: Option<String>,
    /// Update: units added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_units: Option<u32>,
    /// Update: concurrent uses added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_quantity: Option<u32>,
    /// Update: `365d` from the present expiration time, or a fixed one like `2030-01-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend: Option<String>,
    /// Update: `365d` from the present end of maintenance, or a fixed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew_maintenance: Option<String>,
    /// Update: feature bits to have, and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_feature_map: Option<String>,
    /// Update: feature bits to have too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_features: Option<String>,
}

/// A module of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModuleMessage {
    /// Product code applications ask for.
    pub product_code: u32,
    /// Display name.
    pub name: String,
    /// Feature bits, `0x3` or `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_map: Option<String>,
}

/// An item as the server tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ItemAnswer {
    /// The definition, every option that is set.
    #[serde(flatten)]
    pub item: ItemRequest,
    /// When it was created.
    pub created_at: String,
    /// Public key (hex) an application embeds to check challenges for this product.
    pub proof_public_key: String,
    /// Public key (hex) for challenges of pre-activated licenses, for applications that accept those.
    #[serde(default)]
    pub unbound_proof_public_key: String,
}

/// A page of items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ItemList {
    /// The items.
    pub items: Vec<ItemAnswer>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderLineMessage {
    /// The item.
    pub item: String,
    /// How many.
    pub quantity: u32,
}

/// `POST /api/v1/orders`: creates an order, its licenses and its ticket in one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// The vendor's order id.
    pub order_id: String,
    /// The vendor's customer id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What was ordered.
    pub items: Vec<OrderLineMessage>,
    /// All licenses must stay in one container.
    #[serde(default)]
    pub together: bool,
    /// Where the licenses go: `new` (a ticket of their own, also when absent), `order:O-0` (the ticket of an earlier
    /// order) or `container:SERIAL` (straight to a container).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// The order with its ticket; also the answer to a repeated submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderAnswer {
    /// The vendor's order id.
    pub order_id: String,
    /// The ticket code. A bearer secret.
    pub ticket: String,
    /// The licenses it made.
    pub licenses: Vec<LicenseSummary>,
}

/// A license of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LicenseSummary {
    /// License id.
    pub id: String,
    /// Item id.
    pub item: String,
    /// Display name.
    pub name: String,
    /// Ordered quantity.
    pub quantity: u32,
    /// Available for activation.
    pub available: u32,
}

/// `POST /api/v1/tickets/show`: what is on a ticket. A POST, so that the ticket is never part of a URL.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketRequest {
    /// The ticket code.
    pub ticket: String,
    /// Also licenses there is nothing more to do with: consumed updates, withdrawn and replaced ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// What is on a ticket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TicketAnswer {
    /// The ticket code, tidied.
    pub ticket: String,
    /// Its licenses.
    pub licenses: Vec<LicenseOverview>,
}

/// A license on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LicenseOverview {
    /// License id.
    pub id: String,
    /// Item id.
    pub item: String,
    /// Display name.
    pub name: String,
    /// Firm code: which containers fit.
    pub firm_code: u32,
    /// Product code.
    pub product_code: u32,
    /// Ordered quantity.
    pub quantity: u32,
    /// Available for activation.
    pub available: u32,
    /// Issued, not yet proven.
    pub activating: u32,
    /// Proven to be in containers.
    pub active: u32,
    /// Being returned, not yet proven.
    pub returning: u32,
    /// Taken back by the vendor.
    pub withdrawn: u32,
    /// `available`, `pending`, `partly_activated`, `activated`, `consumed`, `withdrawn` or `replaced`.
    pub state: String,
    /// The order that made it.
    #[serde(default)]
    pub order_id: String,
    /// When it was made.
    #[serde(default)]
    pub created_at: String,
    /// Whether parts of its quantity may be in different containers.
    #[serde(default)]
    pub split: bool,
    /// The container it is assigned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned: Option<String>,
    /// The item it changes, when it is an update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updates: Option<String>,
    /// Kinds of container that may hold it.
    pub containers: Vec<String>,
    /// Where it is.
    pub activations: Vec<ActivationMessage>,
    /// What the user can do now: `activate`, `deactivate`, `reactivate`, `continue`.
    pub options: Vec<String>,
}

/// A share of a license in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActivationMessage {
    /// Container serial.
    pub container: String,
    /// Licenses in the share.
    pub quantity: u32,
    /// `activating`, `active` or `returning`.
    pub state: String,
    /// The vendor wants it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdraw: bool,
    /// When it was activated.
    pub activated_at: String,
}

/// A license selected for a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectionMessage {
    /// License id.
    pub id: String,
    /// How many; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
}

/// `POST /api/v1/activations` and `POST /api/v1/deactivations`. The ticket is the credential.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    /// The ticket code.
    pub ticket: String,
    /// Licenses; everything possible when empty.
    #[serde(default)]
    pub licenses: Vec<SelectionMessage>,
    /// The context file (`*.WibuCmRaC`), base64.
    pub context: String,
}

/// The update that answers a transfer request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransferAnswer {
    /// Container serial.
    pub serial: String,
    /// Firm code.
    pub firm_code: u32,
    /// The update file (`*.WibuCmRaU`), base64.
    pub update: String,
    /// Steps in it.
    pub steps: u32,
}

/// `POST /api/v1/receipts`: a context taken after an update. The container is its own credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRequest {
    /// The context file (`*.WibuCmRaC`), base64.
    pub context: String,
}

/// What a receipt proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptAnswer {
    /// Container serial.
    pub serial: String,
    /// Firm code.
    pub firm_code: u32,
    /// Steps it was the first to prove.
    pub proven: u32,
    /// Counter of the container.
    pub counter: u64,
    /// Steps issued and still not proven.
    pub unproven: u32,
}

/// `GET /api/v1/templates/{firm_code}`: what a new act license starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateAnswer {
    /// Firm code.
    pub firm_code: u32,
    /// The template file, base64.
    pub template: String,
}

/// `GET /api/v1/containers/{serial}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerAnswer {
    /// Serial.
    pub serial: String,
    /// `dongle` or `act`.
    pub kind: String,
    /// `normal`, `manipulation_detected` or `blacklisted`.
    pub status: String,
    /// Made on simulated host traits.
    pub test_container: bool,
    /// First contact.
    pub registered_at: String,
    /// Firm items.
    pub firms: Vec<ContainerFirmMessage>,
}

/// A firm item of a container, as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerFirmMessage {
    /// Firm code.
    pub firm_code: u32,
    /// Proven counter.
    pub counter: u64,
    /// Steps issued and not proven.
    pub unproven: u32,
    /// Last contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
}

/// A page of containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerList {
    /// The containers, without their firm items.
    pub containers: Vec<ContainerAnswer>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A page of events: `GET /api/v1/history?license=|container=|order=&after=&limit=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// The events, oldest first.
    pub events: Vec<EventMessage>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventMessage {
    /// Place in the log.
    pub sequence: u64,
    /// When.
    pub at: String,
    /// What.
    pub action: String,
    /// `done`, or the code of a refusal.
    pub outcome: String,
    /// Who.
    pub actor: String,
    /// Network address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// License id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Container serial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Firm code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firm_code: Option<u32>,
    /// How many licenses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// Hash (hex) of the context that proves it: `GET /api/v1/receipts/{proof}` gives the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// Anything else worth reading.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// `GET /api/v1/receipts/{hash}`: a kept receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptFile {
    /// Container serial.
    pub serial: String,
    /// Firm code.
    pub firm_code: u32,
    /// Counter it proves.
    pub counter: u64,
    /// When it arrived.
    pub received_at: String,
    /// The context file, base64.
    pub context: String,
}

/// `POST /api/v1/tokens`: makes an API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Name, shown in events.
    pub name: String,
    /// `admin`, `product-manager`, `sales`, `support`, `auditor`.
    pub roles: Vec<String>,
    /// Of what the roles allow only this, like `order-write`; everything when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// `2030-01-31` or an RFC 3339 time; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// A client certificate in PEM: the token is used by presenting it, has no secret, and ends with it at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// A new API token; the secret is told only this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenAnswer {
    /// Name.
    pub name: String,
    /// The secret; absent when the token is bound to a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// SHA-256 of the certificate it is bound to, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// API tokens without their secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenList {
    /// The tokens.
    pub tokens: Vec<TokenSummary>,
}

/// An API token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenSummary {
    /// Name.
    pub name: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Of what the roles allow only this; everything when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// SHA-256 of the certificate it is bound to, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// Valid until.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
}
