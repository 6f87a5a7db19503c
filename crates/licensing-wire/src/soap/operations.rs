//! The operations of the SOAP interface: each is a route of the JSON interface with the places its elements go to.

use crate::soap::types::Kind::{File, Flag, Long, Number, Of, Text};
use crate::soap::types::{self, Field, Occurs, Type, any, field, one, opt};

/// An operation.
#[derive(Debug)]
pub struct Operation {
    /// Name: of the operation and of the element of its request.
    pub name: &'static str,
    /// Name of the route that does it.
    pub route: &'static str,
    /// Elements of the request, in order.
    pub parts: &'static [Part],
    /// Whether the request may end with an `idempotencyKey`.
    pub keyed: bool,
    /// The one element of the answer.
    pub answer: Field,
}

/// An element of a request, and where its content goes.
#[derive(Debug)]
pub struct Part {
    /// The element.
    pub field: Field,
    /// Where it goes.
    pub place: Place,
}

/// Where the content of an element goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is the whole JSON message.
    Message,
    /// It is a field of the JSON message.
    Body,
    /// It is the parameter in the path.
    Path,
    /// It is a parameter of the query.
    Query,
}

/// Name of the optional last element of requests that change something.
pub const KEY: &str = "idempotencyKey";

impl Operation {
    /// The operation of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|operation| operation.name == name)
    }

    /// The elements of its request, in order, the key among them.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        let key = self.keyed.then_some(opt(KEY, KEY, Text));
        self.parts.iter().map(|part| part.field).chain(key).collect()
    }

    /// The element of its answer is in an element of this name.
    #[must_use]
    pub fn response(&self) -> String {
        format!("{}Response", self.name)
    }

    /// What SOAP calls its action.
    #[must_use]
    pub fn action(&self) -> String {
        format!("{}:{}", crate::soap::NAMESPACE, self.name)
    }
}

const fn message(name: &'static str, of: &'static Type) -> Part {
    Part { field: one(name, "", Of(of)), place: Place::Message }
}

const fn body(field: Field) -> Part {
    Part { field, place: Place::Body }
}

const fn path(name: &'static str, kind: types::Kind) -> Part {
    Part { field: one(name, name, kind), place: Place::Path }
}

const fn query(name: &'static str, json: &'static str, kind: types::Kind) -> Part {
    Part { field: opt(name, json, kind), place: Place::Query }
}

const fn answer(name: &'static str, of: &'static Type) -> Field {
    one(name, "", Of(of))
}

const TICKET: Part = body(one("ticket", "ticket", Text));
const CONTEXT: Part = body(one("context", "context", File));
const LICENSES: Part = body(any("license", "licenses", Of(&types::SELECTION)));
const REASON: Part = body(opt("reason", "reason", Text));
const VALID: Part = body(opt("valid", "valid", Text));
const AFTER: Part = query("after", "after", Text);
const LIMIT: Part = query("limit", "limit", Number);
const NEWEST: Part = query("newest", "newest", Flag);
const FROM: Part = query("fromDay", "from", Text);
const UNTIL: Part = query("untilDay", "until", Text);
const SERIAL: Part = path("serial", Text);

macro_rules! operations {
    ($($name:literal $route:literal ($($part:expr),*) $key:ident -> $element:literal $of:ident;)*) => { &[$(
        Operation {
            name: $name,
            route: $route,
            parts: &[$($part),*],
            keyed: operations!(@ $key),
            answer: answer($element, &types::$of),
        },
    )*] };
    (@ keyed) => { true };
    (@ plain) => { false };
}

/// Every operation.
pub static OPERATIONS: &[Operation] = operations! {
    "CreateItem" "create_item" (message("item", &types::ITEM_DEFINITION)) keyed -> "item" ITEM;
    "ListItems" "list_items" (AFTER, LIMIT, query("prefix", "prefix", Text)) plain -> "page" ITEM_PAGE;
    "GetItem" "get_item" (path("itemId", Text)) plain -> "item" ITEM;
    "CreateOrder" "create_order" (message("order", &types::NEW_ORDER)) keyed -> "order" ORDER;
    "GetOrder" "get_order" (path("orderId", Text)) plain -> "order" ORDER;
    "GetOrderMail" "get_order_mail" (path("orderId", Text), query("language", "language", Text)) plain -> "mail" ORDER_MAIL;
    "MailOrder" "mail_order" (
        path("orderId", Text),
        body(one("to", "to", Text)),
        body(opt("language", "language", Text)),
        body(opt("note", "note", Text))
    ) keyed -> "mail" SENT_MAIL;
    "GetTicket" "show_ticket" (TICKET, body(opt("all", "all", Flag))) plain -> "ticket" TICKET;
    "RequestUpdate" "activate" (TICKET, LICENSES, CONTEXT) keyed -> "update" UPDATE;
    "RequestReturn" "deactivate" (TICKET, LICENSES, CONTEXT) keyed -> "update" UPDATE;
    "RequestReactivation" "reactivate" (
        TICKET,
        body(any("licenseId", "licenses", Text)),
        CONTEXT,
        body(opt("acceptConditions", "accept_conditions", Flag))
    ) keyed -> "update" UPDATE;
    "RequestCancellation" "cancel" (TICKET, CONTEXT) keyed -> "update" UPDATE;
    "RequestRestore" "restore" (body(one("oldSerial", "old", Text)), CONTEXT) keyed -> "update" UPDATE;
    "RequestAutomaticUpdate" "automatic_update" (CONTEXT) keyed -> "update" UPDATE;
    "RequestConversion" "convert" (body(one("preActivation", "license", File)), CONTEXT) keyed -> "update" UPDATE;
    "ConfirmReceipt" "receipt" (CONTEXT) plain -> "receipt" RECEIPT;
    "GetReceipt" "get_receipt" (path("hash", Text)) plain -> "receipt" RECEIPT_FILE;
    "GetTemplate" "template" (path("firmCode", Number)) plain -> "template" TEMPLATE;
    "GetBlacklist" "blacklist" (path("firmCode", Number)) plain -> "blacklist" BLACKLIST;
    "ListContainers" "list_containers" (
        AFTER,
        LIMIT,
        query("kind", "kind", Text),
        query("status", "status", Text),
        query("flagged", "flagged", Flag),
        query("test", "test", Flag),
        NEWEST
    ) plain -> "page" CONTAINER_PAGE;
    "GetContainer" "get_container" (SERIAL) plain -> "container" CONTAINER;
    "BlacklistContainer" "blacklist_container" (SERIAL, REASON) keyed -> "container" CONTAINER;
    "ClearContainer" "clear_container" (SERIAL, REASON) keyed -> "container" CONTAINER;
    "PushUpdate" "push" (SERIAL, body(one("firmCode", "firm_code", Number))) keyed -> "update" UPDATE;
    "ListEvents" "history" (
        query("license", "license", Text),
        query("container", "container", Text),
        query("orderId", "order", Text),
        query("after", "after", Long),
        LIMIT,
        query("action", "action", Text),
        FROM,
        UNTIL,
        NEWEST
    ) plain -> "page" HISTORY;
    "ListLicenses" "list_licenses" (
        query("neverActivated", "never_activated", Flag),
        query("item", "item", Text),
        query("orderId", "order", Text),
        query("customer", "customer", Text),
        FROM,
        UNTIL,
        AFTER,
        LIMIT,
        query("state", "state", Text),
        NEWEST
    ) plain -> "page" LICENSE_PAGE;
    "ListOrders" "list_orders" (query("customer", "customer", Text), FROM, UNTIL, NEWEST, AFTER, LIMIT)
        plain -> "page" ORDER_PAGE;
    "ListTransfers" "list_transfers" (
        query("container", "container", Text),
        query("beforeDay", "before", Text),
        AFTER,
        LIMIT
    ) plain -> "page" TRANSFER_PAGE;
    "Search" "search" (body(one("text", "text", Text))) plain -> "found" SEARCH_RESULT;
    "GetStatistics" "statistics" (FROM, UNTIL) plain -> "statistics" STATISTICS;
    "GetLicense" "get_license" (path("licenseId", Text)) plain -> "license" LICENSE;
    "WithdrawLicense" "withdraw" (path("licenseId", Text)) keyed -> "license" LICENSE;
    "CancelWithdrawal" "cancel_withdrawal" (path("licenseId", Text)) keyed -> "license" LICENSE;
    "ReplaceLicense" "replace" (path("licenseId", Text), body(one("item", "item", Text))) keyed -> "license" LICENSE;
    "CreatePreActivation" "create_preactivation" (
        body(one("item", "item", Text)),
        body(opt("quantity", "quantity", Number)),
        VALID,
        body(opt("conversions", "conversions", Number))
    ) keyed -> "preActivation" PRE_ACTIVATION;
    "ListApprovals" "list_approvals" (query("pending", "pending", Flag), AFTER, LIMIT, NEWEST) plain -> "page" APPROVAL_PAGE;
    "GrantApproval" "grant_approval" (path("approvalId", Text), REASON, VALID) keyed -> "approval" APPROVAL;
    "DenyApproval" "deny_approval" (path("approvalId", Text), REASON) keyed -> "approval" APPROVAL;
    "GetReconciliation" "get_reconciliation" () plain -> "reconciliation" RECONCILIATION;
    "BeginReconciliation" "begin_reconciliation" () plain -> "reconciliation" RECONCILIATION;
    "EndReconciliation" "end_reconciliation" () plain -> "reconciliation" RECONCILIATION;
    "CreateToken" "create_token" (
        body(one("name", "name", Text)),
        body(field("role", "roles", Text, Occurs::Some)),
        body(any("scope", "scopes", Text)),
        body(opt("expires", "expires", Text)),
        body(opt("certificate", "certificate", Text))
    ) keyed -> "token" NEW_TOKEN;
    "ListTokens" "list_tokens" () plain -> "tokens" TOKENS;
    "RevokeToken" "revoke_token" (path("name", Text)) plain -> "token" TOKEN;
};
