//! API tokens and what their roles may do: the one authorisation table of the server.

use crate::crypto::digest::Digest;
use crate::time::Timestamp;

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything.
    Admin,
    /// Items.
    ProductManager,
    /// Orders and tickets.
    Sales,
    /// Looks at everything and helps customers.
    Support,
    /// Looks at everything, changes nothing.
    Auditor,
}

/// Every role with the word used in interfaces and tables.
pub const ROLES: [(Role, &str); 5] = [
    (Role::Admin, "admin"),
    (Role::ProductManager, "product-manager"),
    (Role::Sales, "sales"),
    (Role::Support, "support"),
    (Role::Auditor, "auditor"),
];

impl Role {
    /// The word for the role.
    #[must_use]
    pub const fn name(self) -> &'static str {
        ROLES[self as usize].1
    }

    /// The role of a word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        ROLES.iter().find(|role| role.1 == name).map(|role| role.0)
    }

    /// Whether the role may do it. No wildcard: a new permission is granted to nobody until it is named here.
    #[must_use]
    pub const fn allows(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Admin => true,
            Self::ProductManager => matches!(permission, P::ItemRead | P::ItemWrite),
            Self::Sales => matches!(
                permission,
                P::ItemRead
                    | P::OrderWrite
                    | P::TicketRead
                    | P::LicenseRead
                    | P::LicenseWrite
                    | P::ApprovalWrite
            ),
            Self::Support => matches!(
                permission,
                P::ItemRead
                    | P::TicketRead
                    | P::LicenseRead
                    | P::ContainerRead
                    | P::ContainerWrite
                    | P::HistoryRead
                    | P::ApprovalWrite
            ),
            Self::Auditor => {
                matches!(permission, P::ItemRead | P::LicenseRead | P::ContainerRead | P::HistoryRead)
            }
        }
    }
}

/// What a request of the vendor's side needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Look at items.
    ItemRead,
    /// Create items.
    ItemWrite,
    /// Create orders, and see the ticket they make.
    OrderWrite,
    /// See the ticket of an order.
    TicketRead,
    /// Look at licenses and approvals.
    LicenseRead,
    /// Withdraw, replace and pre-activate licenses.
    LicenseWrite,
    /// Grant and deny approvals.
    ApprovalWrite,
    /// Look at containers.
    ContainerRead,
    /// Blacklist and clear containers, and make updates for them.
    ContainerWrite,
    /// Look at events and receipts.
    HistoryRead,
    /// Manage API tokens.
    TokenWrite,
    /// Manage users.
    UserWrite,
    /// Begin and end the reconciliation of a restored database.
    ServerWrite,
    /// Manage the receivers of events.
    WebhookWrite,
}

/// Every permission.
pub const PERMISSIONS: [Permission; 14] = [
    Permission::ItemRead,
    Permission::ItemWrite,
    Permission::OrderWrite,
    Permission::TicketRead,
    Permission::LicenseRead,
    Permission::LicenseWrite,
    Permission::ApprovalWrite,
    Permission::ContainerRead,
    Permission::ContainerWrite,
    Permission::HistoryRead,
    Permission::TokenWrite,
    Permission::UserWrite,
    Permission::ServerWrite,
    Permission::WebhookWrite,
];

impl Permission {
    /// The word for the permission.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ItemRead => "item-read",
            Self::ItemWrite => "item-write",
            Self::OrderWrite => "order-write",
            Self::TicketRead => "ticket-read",
            Self::LicenseRead => "license-read",
            Self::LicenseWrite => "license-write",
            Self::ApprovalWrite => "approval-write",
            Self::ContainerRead => "container-read",
            Self::ContainerWrite => "container-write",
            Self::HistoryRead => "history-read",
            Self::TokenWrite => "token-write",
            Self::UserWrite => "user-write",
            Self::WebhookWrite => "webhook-write",
            Self::ServerWrite => "server-write",
        }
    }

    /// The permission of a word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        PERMISSIONS.into_iter().find(|permission| permission.name() == name)
    }
}

/// An API token as stored: the secret itself is only known to its holder. A token that is bound to a client certificate has
/// no other secret than the key of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Hash of the secret, or of what names the certificate.
    pub hash: Digest,
    /// Name, shown in events.
    pub name: String,
    /// What it may do: the union of its roles.
    pub roles: Vec<Role>,
    /// And of that only this; everything when absent.
    pub scopes: Option<Vec<Permission>>,
    /// SHA-256 of the client certificate it is bound to.
    pub certificate: Option<Digest>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Valid until (exclusive); `None` without end.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

impl ApiToken {
    /// Whether the token may do it at `now`.
    #[must_use]
    pub fn allows(&self, permission: Permission, now: Timestamp) -> bool {
        let in_scope = self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&permission));
        self.is_valid(now) && in_scope && self.roles.iter().any(|role| role.allows(permission))
    }

    /// Neither expired nor revoked.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_admin_manages_tokens_and_users() {
        for (role, _) in ROLES {
            assert_eq!(role.allows(Permission::TokenWrite), role == Role::Admin);
            assert_eq!(role.allows(Permission::UserWrite), role == Role::Admin);
        }
    }

    #[test]
    fn scopes_take_away_and_never_add() {
        for (role, _) in ROLES {
            for scope in PERMISSIONS {
                assert_eq!(Permission::from_name(scope.name()), Some(scope));
                let token = ApiToken {
                    hash: [0; 32],
                    name: "t".into(),
                    roles: vec![role],
                    scopes: Some(vec![scope]),
                    certificate: None,
                    created_at: Timestamp::ZERO,
                    expires_at: None,
                    revoked_at: None,
                    version: 0,
                };
                for permission in PERMISSIONS {
                    let expected = permission == scope && role.allows(permission);
                    assert_eq!(token.allows(permission, Timestamp::ZERO), expected);
                }
            }
        }
    }

    #[test]
    fn revoked_and_expired_tokens_may_nothing() {
        let now = Timestamp::from_secs(100);
        let token = ApiToken {
            hash: [0; 32],
            name: "t".into(),
            roles: vec![Role::Admin],
            scopes: None,
            certificate: None,
            created_at: now,
            expires_at: Some(now),
            revoked_at: None,
            version: 0,
        };
        for permission in PERMISSIONS {
            assert!(!token.allows(permission, now));
            let revoked = ApiToken { expires_at: None, revoked_at: Some(now), ..token.clone() };
            assert!(!revoked.allows(permission, now));
            assert!(ApiToken { expires_at: None, ..token.clone() }.allows(permission, now));
        }
    }
}
