//! The route table: every address of the server, what it needs, what it takes and gives. Router, admission,
//! OpenAPI document and the authorisation test are all made from it.

mod events;
mod lists;
mod mail;

use licensing_core::token::Permission;
use licensing_wire::soap::Version;

use crate::http::handlers::{Handler, look, pages, sessions, transfer, users, vendor};

/// A method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Looks.
    Get,
    /// Makes or moves.
    Post,
    /// Ends.
    Delete,
}

impl Verb {
    /// The method's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Anybody,
    /// A ticket, in the body.
    TicketHolder,
    /// A context, in the body; the container is its own credential.
    Container,
    /// An API token or a user with this permission.
    Vendor(Permission),
    /// A user in a session; API tokens have none.
    User(Needs),
}

/// What the session of a user must be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Signing in has begun; the code of the second factor may be missing.
    Begun,
    /// Everything but an own password and a second factor where one is required.
    Password,
    /// Everything but a second factor where one is required.
    Factor,
    /// Everything.
    Full,
}

/// One address with one method.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Name in logs, metrics and the OpenAPI document.
    pub name: &'static str,
    /// Method.
    pub verb: Verb,
    /// Path, with parameters in braces.
    pub path: &'static str,
    /// What it needs.
    pub access: Access,
    /// Whether requests per client are bounded.
    pub limited: bool,
    /// What it does, one sentence.
    pub summary: &'static str,
    /// Type of the body.
    pub request: Option<&'static str>,
    /// Type of the answer; `None` when it is not JSON.
    pub response: Option<&'static str>,
    /// Media types of an answer that is not JSON.
    pub media: &'static [&'static str],
    /// Statuses of success.
    pub success: &'static [u16],
    /// Query parameters with what they mean.
    pub query: &'static [(&'static str, &'static str)],
    /// What runs.
    pub(super) handler: Handler,
}

const BASE: Route = Route {
    name: "",
    verb: Verb::Get,
    path: "",
    access: Access::Anybody,
    limited: false,
    summary: "",
    request: None,
    response: None,
    media: &["text/plain"],
    success: &[200],
    query: &[],
    handler: |call| Box::pin(pages::health(call)),
};

const PAGE: [(&str, &str); 2] =
    [("after", "The `next` of the page before."), ("limit", "Entries on a page, 1 to 500; 100 when absent.")];

/// Toolkits ask in different ways for the same document.
const WSDL: [(&str, &str); 3] =
    [("wsdl", "Asks for the document."), ("WSDL", "The same."), ("singleWsdl", "The same.")];

/// The parts of the table.
const PARTS: [&[Route]; 3] = [BASIC, events::ROUTES, mail::ROUTES];

const COUNT: usize = {
    let (mut count, mut part) = (0, 0);
    while part < PARTS.len() {
        count += PARTS[part].len();
        part += 1;
    }
    count
};

const fn joined() -> [Route; COUNT] {
    let (mut all, mut filled, mut part) = ([BASE; COUNT], 0, 0);
    while part < PARTS.len() {
        let mut at = 0;
        while at < PARTS[part].len() {
            all[filled] = PARTS[part][at];
            filled += 1;
            at += 1;
        }
        part += 1;
    }
    all
}

/// Every route.
pub static ROUTES: &[Route] = &joined();

/// Items, orders, licenses, containers, and what is for everybody.
const BASIC: &[Route] = &[
    Route {
        name: "create_item",
        verb: Verb::Post,
        path: "/api/v1/items",
        access: Access::Vendor(Permission::ItemWrite),
        summary: "Creates an item; the same item again is answered with what is there.",
        request: Some("ItemRequest"),
        response: Some("ItemAnswer"),
        success: &[201, 200],
        handler: |call| Box::pin(vendor::create_item(call)),
        ..BASE
    },
    lists::LIST_ITEMS,
    Route {
        name: "get_item",
        path: "/api/v1/items/{id}",
        access: Access::Vendor(Permission::ItemRead),
        summary: "Shows an item.",
        response: Some("ItemAnswer"),
        handler: |call| Box::pin(look::item(call)),
        ..BASE
    },
    Route {
        name: "create_order",
        verb: Verb::Post,
        path: "/api/v1/orders",
        access: Access::Vendor(Permission::OrderWrite),
        summary: "Creates an order with its licenses and ticket; the same order again is answered with its ticket.",
        request: Some("OrderRequest"),
        response: Some("OrderAnswer"),
        success: &[201, 200],
        handler: |call| Box::pin(vendor::create_order(call)),
        ..BASE
    },
    lists::LIST_ORDERS,
    lists::LIST_TRANSFERS,
    lists::SEARCH,
    lists::STATISTICS,
    lists::EXPORT_ORDERS,
    lists::EXPORT_LICENSES,
    lists::EXPORT_CONTAINERS,
    lists::EXPORT_EVENTS,
    Route {
        name: "get_order",
        path: "/api/v1/orders/{id}",
        access: Access::Vendor(Permission::LicenseRead),
        summary: "Shows an order with its licenses; its ticket only to roles that may see tickets, else as asterisks.",
        response: Some("OrderAnswer"),
        handler: |call| Box::pin(look::order(call)),
        ..BASE
    },
    Route {
        name: "show_ticket",
        verb: Verb::Post,
        path: "/api/v1/tickets/show",
        access: Access::TicketHolder,
        limited: true,
        summary: "Shows what is on a ticket. The ticket is the credential and is never part of an address.",
        request: Some("TicketRequest"),
        response: Some("TicketAnswer"),
        handler: |call| Box::pin(transfer::show_ticket(call)),
        ..BASE
    },
    Route {
        name: "activate",
        verb: Verb::Post,
        path: "/api/v1/activations",
        access: Access::TicketHolder,
        limited: true,
        summary: "Activates licenses of a ticket: takes a context, gives the update for the container.",
        request: Some("TransferRequest"),
        response: Some("TransferAnswer"),
        handler: |call| Box::pin(transfer::activate(call)),
        ..BASE
    },
    Route {
        name: "deactivate",
        verb: Verb::Post,
        path: "/api/v1/deactivations",
        access: Access::TicketHolder,
        limited: true,
        summary: "Returns licenses of a ticket: takes a context, gives the update for the container.",
        request: Some("TransferRequest"),
        response: Some("TransferAnswer"),
        handler: |call| Box::pin(transfer::deactivate(call)),
        ..BASE
    },
    Route {
        name: "receipt",
        verb: Verb::Post,
        path: "/api/v1/receipts",
        access: Access::Container,
        limited: true,
        summary: "Takes a context as the receipt of an update.",
        request: Some("ReceiptRequest"),
        response: Some("ReceiptAnswer"),
        handler: |call| Box::pin(transfer::receipt(call)),
        ..BASE
    },
    Route {
        name: "get_receipt",
        path: "/api/v1/receipts/{hash}",
        access: Access::Vendor(Permission::HistoryRead),
        summary: "Shows a kept receipt by the hash of its context (hexadecimal).",
        response: Some("ReceiptFile"),
        handler: |call| Box::pin(look::receipt(call)),
        ..BASE
    },
    Route {
        name: "template",
        path: "/api/v1/templates/{firm_code}",
        limited: true,
        summary: "Gives the signed file a new act license starts from.",
        response: Some("TemplateAnswer"),
        handler: |call| Box::pin(transfer::template(call)),
        ..BASE
    },
    lists::LIST_CONTAINERS,
    Route {
        name: "get_container",
        path: "/api/v1/containers/{serial}",
        access: Access::Vendor(Permission::ContainerRead),
        summary: "Shows a container with its firm items.",
        response: Some("ContainerAnswer"),
        handler: |call| Box::pin(look::container(call)),
        ..BASE
    },
    lists::HISTORY,
    Route {
        name: "reactivate",
        verb: Verb::Post,
        path: "/api/v1/reactivations",
        access: Access::TicketHolder,
        limited: true,
        summary: "Activates licenses again that were not returned, as the vendor allows; their old containers are blacklisted.",
        request: Some("ReactivationRequest"),
        response: Some("TransferAnswer"),
        handler: |call| Box::pin(transfer::reactivate(call)),
        ..BASE
    },
    Route {
        name: "cancel",
        verb: Verb::Post,
        path: "/api/v1/cancellations",
        access: Access::TicketHolder,
        limited: true,
        summary: "Cancels what is unfinished of a ticket in a container by a competing step.",
        request: Some("CancellationRequest"),
        response: Some("TransferAnswer"),
        handler: |call| Box::pin(transfer::cancel(call)),
        ..BASE
    },
    Route {
        name: "restore",
        verb: Verb::Post,
        path: "/api/v1/restorations",
        access: Access::Container,
        limited: true,
        summary: "Restores everything of an act license into a new one on the same computer.",
        request: Some("RestoreRequest"),
        response: Some("TransferAnswer"),
        handler: |call| Box::pin(transfer::restore(call)),
        ..BASE
    },
    Route {
        name: "automatic_update",
        verb: Verb::Post,
        path: "/api/v1/automatic-updates",
        access: Access::Container,
        limited: true,
        summary: "Gives what the vendor has for a container: assigned, withdrawn and replaced licenses.",
        request: Some("AutomaticUpdateRequest"),
        response: Some("TransferAnswer"),
        handler: |call| Box::pin(transfer::automatic_update(call)),
        ..BASE
    },
    Route {
        name: "convert",
        verb: Verb::Post,
        path: "/api/v1/conversions",
        access: Access::Container,
        limited: true,
        summary: "Turns a pre-activated license into one that is bound to the container.",
        request: Some("ConversionRequest"),
        response: Some("TransferAnswer"),
        handler: |call| Box::pin(transfer::convert(call)),
        ..BASE
    },
    Route {
        name: "blacklist",
        path: "/api/v1/blacklists/{firm_code}",
        limited: true,
        summary: "Gives the signed list of blacklisted containers, for enforcement without a network.",
        response: Some("BlacklistAnswer"),
        handler: |call| Box::pin(transfer::blacklist(call)),
        ..BASE
    },
    lists::LIST_LICENSES,
    Route {
        name: "get_license",
        path: "/api/v1/licenses/{id}",
        access: Access::Vendor(Permission::LicenseRead),
        summary: "Shows a license and where it is.",
        response: Some("LicenseMessage"),
        handler: |call| Box::pin(look::license(call)),
        ..BASE
    },
    Route {
        name: "withdraw",
        verb: Verb::Post,
        path: "/api/v1/licenses/{id}/withdrawal",
        access: Access::Vendor(Permission::LicenseWrite),
        summary: "Takes a license back: what is inactive at once, the rest when its containers next make contact.",
        response: Some("LicenseMessage"),
        handler: |call| Box::pin(vendor::withdraw(call)),
        ..BASE
    },
    Route {
        name: "cancel_withdrawal",
        verb: Verb::Delete,
        path: "/api/v1/licenses/{id}/withdrawal",
        access: Access::Vendor(Permission::LicenseWrite),
        summary: "Gives a withdrawn license back to its owner.",
        response: Some("LicenseMessage"),
        handler: |call| Box::pin(vendor::cancel_withdrawal(call)),
        ..BASE
    },
    Route {
        name: "replace",
        verb: Verb::Post,
        path: "/api/v1/licenses/{id}/replacement",
        access: Access::Vendor(Permission::LicenseWrite),
        summary: "Puts a license of another item in the place of one, on the same ticket and in the same containers.",
        request: Some("ReplacementRequest"),
        response: Some("LicenseMessage"),
        success: &[201],
        handler: |call| Box::pin(vendor::replace(call)),
        ..BASE
    },
    Route {
        name: "create_preactivation",
        verb: Verb::Post,
        path: "/api/v1/preactivations",
        access: Access::Vendor(Permission::LicenseWrite),
        summary: "Makes a pre-activated license: a signed file that works at once on any computer.",
        request: Some("PreActivationRequest"),
        response: Some("PreActivationAnswer"),
        success: &[201],
        handler: |call| Box::pin(vendor::create_preactivation(call)),
        ..BASE
    },
    lists::LIST_APPROVALS,
    Route {
        name: "grant_approval",
        verb: Verb::Post,
        path: "/api/v1/approvals/{id}/grant",
        access: Access::Vendor(Permission::ApprovalWrite),
        summary: "Grants what a user asked for, for one use and a limited time.",
        request: Some("DecisionRequest"),
        response: Some("ApprovalMessage"),
        handler: |call| Box::pin(vendor::grant(call)),
        ..BASE
    },
    Route {
        name: "deny_approval",
        verb: Verb::Post,
        path: "/api/v1/approvals/{id}/denial",
        access: Access::Vendor(Permission::ApprovalWrite),
        summary: "Denies what a user asked for.",
        request: Some("DecisionRequest"),
        response: Some("ApprovalMessage"),
        handler: |call| Box::pin(vendor::deny(call)),
        ..BASE
    },
    Route {
        name: "blacklist_container",
        verb: Verb::Post,
        path: "/api/v1/containers/{serial}/blacklisting",
        access: Access::Vendor(Permission::ContainerWrite),
        summary: "Shuts a container out for good; it is locked at its next contact.",
        request: Some("DecisionRequest"),
        response: Some("ContainerAnswer"),
        handler: |call| Box::pin(vendor::blacklist_container(call)),
        ..BASE
    },
    Route {
        name: "clear_container",
        verb: Verb::Post,
        path: "/api/v1/containers/{serial}/clearance",
        access: Access::Vendor(Permission::ContainerWrite),
        summary: "Serves a container again in which manipulation was detected.",
        request: Some("DecisionRequest"),
        response: Some("ContainerAnswer"),
        handler: |call| Box::pin(vendor::clear_container(call)),
        ..BASE
    },
    Route {
        name: "push",
        verb: Verb::Post,
        path: "/api/v1/containers/{serial}/update",
        access: Access::Vendor(Permission::ContainerWrite),
        summary: "Makes the update for a container from what it has proven, without a context.",
        request: Some("PushRequest"),
        response: Some("TransferAnswer"),
        handler: |call| Box::pin(vendor::push(call)),
        ..BASE
    },
    Route {
        name: "get_reconciliation",
        path: "/api/v1/reconciliation",
        access: Access::Vendor(Permission::ContainerRead),
        summary: "Tells whether a restored database is being reconciled.",
        response: Some("ReconciliationAnswer"),
        handler: |call| Box::pin(look::reconciliation(call)),
        ..BASE
    },
    Route {
        name: "begin_reconciliation",
        verb: Verb::Post,
        path: "/api/v1/reconciliation",
        access: Access::Vendor(Permission::ServerWrite),
        summary: "Begins to take over the states of containers that are further than the server knows.",
        response: Some("ReconciliationAnswer"),
        handler: |call| Box::pin(vendor::begin_reconciliation(call)),
        ..BASE
    },
    Route {
        name: "end_reconciliation",
        verb: Verb::Delete,
        path: "/api/v1/reconciliation",
        access: Access::Vendor(Permission::ServerWrite),
        summary: "Ends the reconciliation.",
        response: Some("ReconciliationAnswer"),
        handler: |call| Box::pin(vendor::end_reconciliation(call)),
        ..BASE
    },
    Route {
        name: "create_token",
        verb: Verb::Post,
        path: "/api/v1/tokens",
        access: Access::Vendor(Permission::TokenWrite),
        summary: "Makes an API token and tells its secret, this once.",
        request: Some("TokenRequest"),
        response: Some("TokenAnswer"),
        success: &[201],
        handler: |call| Box::pin(vendor::create_token(call)),
        ..BASE
    },
    Route {
        name: "list_tokens",
        path: "/api/v1/tokens",
        access: Access::Vendor(Permission::TokenWrite),
        summary: "Lists API tokens, without their secrets.",
        response: Some("TokenList"),
        handler: |call| Box::pin(look::tokens(call)),
        ..BASE
    },
    Route {
        name: "revoke_token",
        verb: Verb::Delete,
        path: "/api/v1/tokens/{name}",
        access: Access::Vendor(Permission::TokenWrite),
        summary: "Revokes the valid API token of a name, at once and for good.",
        response: Some("TokenSummary"),
        handler: |call| Box::pin(vendor::revoke_token(call)),
        ..BASE
    },
    Route {
        name: "sign_in",
        verb: Verb::Post,
        path: "/api/v1/session",
        limited: true,
        summary: "Signs a user in; the answer sets the cookie of the session.",
        request: Some("SignInRequest"),
        response: Some("SessionAnswer"),
        success: &[201],
        handler: |call| Box::pin(sessions::sign_in(call)),
        ..BASE
    },
    Route {
        name: "get_session",
        path: "/api/v1/session",
        access: Access::User(Needs::Begun),
        summary: "Tells who is signed in, and what is missing before the session is good for anything.",
        response: Some("SessionAnswer"),
        handler: |call| Box::pin(sessions::session(call)),
        ..BASE
    },
    Route {
        name: "sign_out",
        verb: Verb::Delete,
        path: "/api/v1/session",
        access: Access::User(Needs::Begun),
        summary: "Ends the session.",
        response: Some("SessionAnswer"),
        handler: |call| Box::pin(sessions::sign_out(call)),
        ..BASE
    },
    Route {
        name: "enter_code",
        verb: Verb::Post,
        path: "/api/v1/session/code",
        access: Access::User(Needs::Begun),
        summary: "Completes signing in with the code of the second factor, or a recovery code.",
        request: Some("CodeRequest"),
        response: Some("SessionAnswer"),
        success: &[201],
        handler: |call| Box::pin(sessions::enter_code(call)),
        ..BASE
    },
    Route {
        name: "own_sessions",
        path: "/api/v1/account/sessions",
        access: Access::User(Needs::Full),
        summary: "Lists the sessions of the user.",
        response: Some("SessionList"),
        handler: |call| Box::pin(sessions::own_sessions(call)),
        ..BASE
    },
    Route {
        name: "end_other_sessions",
        verb: Verb::Delete,
        path: "/api/v1/account/sessions",
        access: Access::User(Needs::Full),
        summary: "Ends all other sessions of the user.",
        response: Some("SessionList"),
        handler: |call| Box::pin(sessions::end_other_sessions(call)),
        ..BASE
    },
    Route {
        name: "change_password",
        verb: Verb::Post,
        path: "/api/v1/account/password",
        access: Access::User(Needs::Password),
        summary: "Sets a new password; the other sessions of the user end.",
        request: Some("PasswordRequest"),
        response: Some("UserSummary"),
        handler: |call| Box::pin(sessions::change_password(call)),
        ..BASE
    },
    Route {
        name: "begin_second_factor",
        verb: Verb::Post,
        path: "/api/v1/account/second-factor",
        access: Access::User(Needs::Factor),
        summary: "Gives the secret of a second factor, which counts once it was confirmed.",
        request: Some("ConfirmationRequest"),
        response: Some("SecondFactorAnswer"),
        success: &[201],
        handler: |call| Box::pin(sessions::begin_second_factor(call)),
        ..BASE
    },
    Route {
        name: "confirm_second_factor",
        verb: Verb::Post,
        path: "/api/v1/account/second-factor/confirmation",
        access: Access::User(Needs::Factor),
        summary: "Makes the second factor count, and tells the recovery codes, this once.",
        request: Some("CodeRequest"),
        response: Some("RecoveryCodes"),
        handler: |call| Box::pin(sessions::confirm_second_factor(call)),
        ..BASE
    },
    Route {
        name: "remove_own_second_factor",
        verb: Verb::Post,
        path: "/api/v1/account/second-factor/removal",
        access: Access::User(Needs::Full),
        summary: "Takes the second factor of the user away.",
        request: Some("ConfirmationRequest"),
        response: Some("UserSummary"),
        handler: |call| Box::pin(sessions::remove_own_second_factor(call)),
        ..BASE
    },
    Route {
        name: "list_held_orders",
        path: "/api/v1/held-orders",
        access: Access::Vendor(Permission::LicenseRead),
        summary: "Lists orders that wait, or waited, for a second person, in order of their ids.",
        response: Some("HeldOrderList"),
        query: &[("pending", "`true`: only those nobody has decided."), PAGE[0], PAGE[1]],
        handler: |call| Box::pin(users::held_orders(call)),
        ..BASE
    },
    Route {
        name: "release_order",
        verb: Verb::Post,
        path: "/api/v1/held-orders/{id}/release",
        access: Access::Vendor(Permission::OrderWrite),
        summary: "Releases an order, as a second person who has signed in; it is placed when it is sent again.",
        request: Some("DecisionRequest"),
        response: Some("HeldOrderMessage"),
        handler: |call| Box::pin(users::release_order(call)),
        ..BASE
    },
    Route {
        name: "deny_order",
        verb: Verb::Post,
        path: "/api/v1/held-orders/{id}/denial",
        access: Access::Vendor(Permission::OrderWrite),
        summary: "Denies an order that waits for a second person.",
        request: Some("DecisionRequest"),
        response: Some("HeldOrderMessage"),
        handler: |call| Box::pin(users::deny_order(call)),
        ..BASE
    },
    Route {
        name: "create_user",
        verb: Verb::Post,
        path: "/api/v1/users",
        access: Access::Vendor(Permission::UserWrite),
        summary: "Makes a user and tells a one-time password, this once.",
        request: Some("UserRequest"),
        response: Some("OneTimePassword"),
        success: &[201],
        handler: |call| Box::pin(users::create_user(call)),
        ..BASE
    },
    Route {
        name: "list_users",
        path: "/api/v1/users",
        access: Access::Vendor(Permission::UserWrite),
        summary: "Lists users in order of their names.",
        response: Some("UserList"),
        query: &PAGE,
        handler: |call| Box::pin(users::users(call)),
        ..BASE
    },
    Route {
        name: "get_user",
        path: "/api/v1/users/{name}",
        access: Access::Vendor(Permission::UserWrite),
        summary: "Shows a user.",
        response: Some("UserSummary"),
        handler: |call| Box::pin(users::user(call)),
        ..BASE
    },
    Route {
        name: "change_roles",
        verb: Verb::Post,
        path: "/api/v1/users/{name}/roles",
        access: Access::Vendor(Permission::UserWrite),
        summary: "Gives a user other roles, which count at once.",
        request: Some("RolesRequest"),
        response: Some("UserSummary"),
        handler: |call| Box::pin(users::change_roles(call)),
        ..BASE
    },
    Route {
        name: "disable_user",
        verb: Verb::Post,
        path: "/api/v1/users/{name}/disabling",
        access: Access::Vendor(Permission::UserWrite),
        summary: "Disables a user; his sessions end.",
        response: Some("UserSummary"),
        handler: |call| Box::pin(users::disable_user(call)),
        ..BASE
    },
    Route {
        name: "enable_user",
        verb: Verb::Delete,
        path: "/api/v1/users/{name}/disabling",
        access: Access::Vendor(Permission::UserWrite),
        summary: "Enables a user again.",
        response: Some("UserSummary"),
        handler: |call| Box::pin(users::enable_user(call)),
        ..BASE
    },
    Route {
        name: "reset_password",
        verb: Verb::Post,
        path: "/api/v1/users/{name}/password",
        access: Access::Vendor(Permission::UserWrite),
        summary: "Sets a one-time password for a user and tells it, this once; his sessions end.",
        response: Some("OneTimePassword"),
        handler: |call| Box::pin(users::reset_password(call)),
        ..BASE
    },
    Route {
        name: "remove_second_factor",
        verb: Verb::Delete,
        path: "/api/v1/users/{name}/second-factor",
        access: Access::Vendor(Permission::UserWrite),
        summary: "Takes the second factor of a user away who has lost it; his sessions end.",
        response: Some("UserSummary"),
        handler: |call| Box::pin(users::remove_second_factor(call)),
        ..BASE
    },
    Route {
        name: "end_sessions",
        verb: Verb::Delete,
        path: "/api/v1/users/{name}/sessions",
        access: Access::Vendor(Permission::UserWrite),
        summary: "Ends all sessions of a user.",
        response: Some("UserSummary"),
        handler: |call| Box::pin(users::end_sessions(call)),
        ..BASE
    },
    Route {
        name: "openapi",
        path: "/api/v1/openapi.json",
        summary: "This interface as an OpenAPI 3.1 document.",
        response: Some("OpenApi"),
        handler: |call| Box::pin(pages::openapi(call)),
        ..BASE
    },
    Route {
        name: "wsdl_11",
        path: "/soap/1.1",
        summary: "This interface as a WSDL document for SOAP 1.1; requests are POSTs to the same address.",
        query: &WSDL,
        handler: |call| Box::pin(pages::wsdl(call, Version::Soap11)),
        ..BASE
    },
    Route {
        name: "wsdl_12",
        path: "/soap/1.2",
        summary: "This interface as a WSDL document for SOAP 1.2; requests are POSTs to the same address.",
        query: &WSDL,
        handler: |call| Box::pin(pages::wsdl(call, Version::Soap12)),
        ..BASE
    },
    Route {
        name: "problem",
        path: "/problems/{code}",
        summary: "Explains a problem code, to people.",
        handler: |call| Box::pin(pages::problem(call)),
        ..BASE
    },
    Route {
        name: "health",
        path: "/healthz",
        summary: "The process runs.",
        handler: |call| Box::pin(pages::health(call)),
        ..BASE
    },
    Route {
        name: "ready",
        path: "/readyz",
        summary: "The database answers and can be written.",
        handler: |call| Box::pin(pages::ready(call)),
        ..BASE
    },
    Route {
        name: "metrics",
        path: "/metrics",
        summary: "Counters in the Prometheus text format.",
        handler: |call| Box::pin(pages::metrics(call)),
        ..BASE
    },
];
