//! Messages about users of the central server, and about the session one works in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OrderLineMessage;

/// `POST /api/v1/session`: signs a user in. The answer sets the cookie `__Host-session`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// Name of the user.
    pub name: String,
    /// His password.
    pub password: String,
    /// Code of the second factor, or a recovery code; can be sent later when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A code of the second factor, or a recovery code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    /// The code.
    pub code: String,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionAnswer {
    /// Name of the user.
    pub user: String,
    /// Roles.
    pub roles: Vec<String>,
    /// `full`, `code_needed`, `password_needed` or `second_factor_setup_needed`: what is missing before the session is good for anything else.
    pub standing: String,
    /// Whether the user has a second factor.
    pub second_factor: bool,
    /// Recovery codes that were not used.
    pub recovery_codes: usize,
    /// When the session ends, however much it is used.
    pub expires_at: String,
}

/// One session of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionSummary {
    /// What tells it from the others.
    pub id: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When it began.
    pub created_at: String,
    /// When it was last used, to about a minute.
    pub last_seen: String,
    /// When it ends, however much it is used.
    pub expires_at: String,
    /// Network address it began from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What the browser said it is.
    pub agent: String,
}

/// The sessions of a user, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionList {
    /// The sessions.
    pub sessions: Vec<SessionSummary>,
}

/// `POST /api/v1/account/password`: a user sets a new password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    /// The present password.
    pub old: String,
    /// The new one: 12 to 128 characters.
    pub new: String,
}

/// The user's own password once more, before something that matters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmationRequest {
    /// The password.
    pub password: String,
}

/// The secret of a new second factor; it counts once a code of it was shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactorAnswer {
    /// The secret, base32, to be typed into an authenticator app.
    pub secret: String,
    /// The same as an address (`otpauth://`), to be shown as a QR code.
    pub uri: String,
}

/// Codes that stand in for the second factor, each once. They are told only this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub codes: Vec<String>,
}

/// `POST /api/v1/users`: makes a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    /// Name: letters, digits, `.`, `-`, `_` and `@`.
    pub name: String,
    /// `admin`, `product-manager`, `sales`, `support`, `auditor`.
    pub roles: Vec<String>,
}

/// A password that is good for setting an own one, within a week. It is told only this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OneTimePassword {
    /// Name of the user.
    pub name: String,
    /// The password.
    pub one_time_password: String,
}

/// `POST /api/v1/users/{name}/roles`: the roles a user has from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolesRequest {
    /// The roles.
    pub roles: Vec<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserSummary {
    /// Name.
    pub name: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Whether he has a second factor.
    pub second_factor: bool,
    /// Whether he has to set an own password first.
    pub must_change: bool,
    /// When he was made.
    pub created_at: String,
    /// When he last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<String>,
    /// Until when his name waits because of failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<String>,
    /// Since when he may do nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
}

/// A page of users, in order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserList {
    /// The users.
    pub users: Vec<UserSummary>,
    /// Pass as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An order that waits, or waited, for a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldOrderMessage {
    /// The vendor's order id.
    pub order_id: String,
    /// The vendor's customer id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// What is ordered.
    pub items: Vec<OrderLineMessage>,
    /// Licenses in it.
    pub quantity: u64,
    /// Who has sent it.
    pub asked_by: String,
    /// When.
    pub asked_at: String,
    /// `pending`, `released`, `denied`, `placed` or `expired`.
    pub state: String,
    /// Who has decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// Until when a release can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
}

/// A page of such orders, in order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldOrderList {
    /// The orders.
    pub orders: Vec<HeldOrderMessage>,
    /// Pass as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
