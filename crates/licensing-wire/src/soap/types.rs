//! The types of the SOAP interface: every message of the JSON interface with the order of its elements.
//!
//! New elements are only ever added at the end of a type, and are optional: clients that were generated from an older
//! description go on working.

/// A type with elements in it.
#[derive(Debug)]
pub struct Type {
    /// Name in the WSDL.
    pub name: &'static str,
    /// Name of the JSON message.
    pub json: &'static str,
    /// Elements, in order.
    pub fields: &'static [Field],
}

/// An element of a type.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name of the element.
    pub name: &'static str,
    /// Name of the field of the JSON message.
    pub json: &'static str,
    /// What is in it.
    pub kind: Kind,
    /// How often it is there.
    pub occurs: Occurs,
}

/// What is in an element.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text: `xsd:string`.
    Text,
    /// A number of 32 bits: `xsd:unsignedInt`.
    Number,
    /// A counter: `xsd:long`, never negative.
    Long,
    /// `xsd:boolean`.
    Flag,
    /// A moment in UTC: `xsd:dateTime`.
    Moment,
    /// A file: `xsd:base64Binary`.
    File,
    /// Elements of a type.
    Of(&'static Type),
}

impl Kind {
    /// The name of the built-in type; `None` of a type of ours.
    #[must_use]
    pub const fn builtin(self) -> Option<&'static str> {
        Some(match self {
            Self::Text => "string",
            Self::Number => "unsignedInt",
            Self::Long => "long",
            Self::Flag => "boolean",
            Self::Moment => "dateTime",
            Self::File => "base64Binary",
            Self::Of(_) => return None,
        })
    }
}

/// How often an element is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurs {
    /// Once.
    One,
    /// Once or not at all.
    Optional,
    /// Any number of times.
    Any,
    /// Once or more.
    Some,
}

pub(crate) const fn field(name: &'static str, json: &'static str, kind: Kind, occurs: Occurs) -> Field {
    Field { name, json, kind, occurs }
}

/// An element that has to be there.
pub(crate) const fn one(name: &'static str, json: &'static str, kind: Kind) -> Field {
    field(name, json, kind, Occurs::One)
}

/// An element that may be left out.
pub(crate) const fn opt(name: &'static str, json: &'static str, kind: Kind) -> Field {
    field(name, json, kind, Occurs::Optional)
}

/// An element that may be there any number of times.
pub(crate) const fn any(name: &'static str, json: &'static str, kind: Kind) -> Field {
    field(name, json, kind, Occurs::Any)
}

use Kind::{File, Flag, Long, Moment, Number, Of, Text};

const MODULE: Type = Type {
    name: "Module",
    json: "ModuleMessage",
    fields: &[
        one("productCode", "product_code", Number),
        one("name", "name", Text),
        opt("featureMap", "feature_map", Text),
    ],
};

macro_rules! item_fields {
    ($($more:expr),* $(,)?) => { &[
        one("id", "id", Text),
        one("name", "name", Text),
        one("firmCode", "firm_code", Number),
        one("productCode", "product_code", Number),
        opt("licenseQuantity", "license_quantity", Number),
        opt("expires", "expires", Text),
        opt("activates", "activates", Text),
        opt("usagePeriod", "usage_period", Text),
        opt("maintenance", "maintenance", Text),
        opt("unitCounter", "unit_counter", Number),
        opt("featureMap", "feature_map", Text),
        opt("text", "text", Text),
        any("container", "containers", Text),
        opt("tolerance", "tolerance", Text),
        opt("returnPolicy", "return", Text),
        opt("reactivation", "reactivation", Text),
        opt("restore", "restore", Text),
        opt("split", "split", Text),
        opt("access", "access", Text),
        opt("borrow", "borrow", Text),
        opt("linger", "linger", Text),
        any("module", "modules", Of(&MODULE)),
        opt("requires", "requires", Text),
        opt("updates", "updates", Text),
        opt("updateScope", "update_scope", Text),
        opt("addUnits", "add_units", Number),
        opt("addQuantity", "add_quantity", Number),
        opt("extend", "extend", Text),
        opt("renewMaintenance", "renew_maintenance", Text),
        opt("setFeatureMap", "set_feature_map", Text),
        opt("addFeatures", "add_features", Text),
        $($more),*
    ] };
}

pub(crate) const ITEM_DEFINITION: Type =
    Type { name: "ItemDefinition", json: "ItemRequest", fields: item_fields![] };

pub(crate) const ITEM: Type = Type {
    name: "Item",
    json: "ItemAnswer",
    // Answers end with what the server adds; options of later versions come behind it.
    fields: item_fields![
        one("createdAt", "created_at", Moment),
        one("proofPublicKey", "proof_public_key", Text),
        opt("unboundProofPublicKey", "unbound_proof_public_key", Text),
    ],
};

pub(crate) const ITEM_PAGE: Type = Type {
    name: "ItemPage",
    json: "ItemList",
    fields: &[any("item", "items", Of(&ITEM)), opt("next", "next", Text)],
};

const ORDER_LINE: Type = Type {
    name: "OrderLine",
    json: "OrderLineMessage",
    fields: &[one("item", "item", Text), one("quantity", "quantity", Number)],
};

pub(crate) const NEW_ORDER: Type = Type {
    name: "NewOrder",
    json: "OrderRequest",
    fields: &[
        one("orderId", "order_id", Text),
        opt("customer", "customer", Text),
        opt("comment", "comment", Text),
        field("line", "items", Of(&ORDER_LINE), Occurs::Some),
        opt("together", "together", Flag),
        opt("ticket", "ticket", Text),
    ],
};

const ORDERED: Type = Type {
    name: "OrderedLicense",
    json: "LicenseSummary",
    fields: &[
        one("id", "id", Text),
        one("item", "item", Text),
        one("name", "name", Text),
        one("quantity", "quantity", Number),
        one("available", "available", Number),
    ],
};

pub(crate) const ORDER: Type = Type {
    name: "Order",
    json: "OrderAnswer",
    fields: &[
        one("orderId", "order_id", Text),
        one("ticket", "ticket", Text),
        any("license", "licenses", Of(&ORDERED)),
    ],
};

pub(crate) const ORDER_MAIL: Type = Type {
    name: "OrderMail",
    json: "OrderMail",
    fields: &[
        one("orderId", "order_id", Text),
        one("language", "language", Text),
        one("subject", "subject", Text),
        one("text", "text", Text),
        one("canSend", "can_send", Flag),
    ],
};

pub(crate) const SENT_MAIL: Type = Type {
    name: "SentMail",
    json: "OrderMailAnswer",
    fields: &[
        one("orderId", "order_id", Text),
        one("to", "to", Text),
        one("messageId", "message_id", Text),
        one("sentAt", "sent_at", Moment),
    ],
};

const ACTIVATION: Type = Type {
    name: "Activation",
    json: "ActivationMessage",
    fields: &[
        one("container", "container", Text),
        one("quantity", "quantity", Number),
        one("state", "state", Text),
        opt("withdraw", "withdraw", Flag),
        one("activatedAt", "activated_at", Moment),
    ],
};

const ON_TICKET: Type = Type {
    name: "TicketLicense",
    json: "LicenseOverview",
    fields: &[
        one("id", "id", Text),
        one("item", "item", Text),
        one("name", "name", Text),
        one("firmCode", "firm_code", Number),
        one("productCode", "product_code", Number),
        one("quantity", "quantity", Number),
        one("available", "available", Number),
        one("activating", "activating", Number),
        one("active", "active", Number),
        one("returning", "returning", Number),
        one("withdrawn", "withdrawn", Number),
        one("state", "state", Text),
        opt("orderId", "order_id", Text),
        opt("assigned", "assigned", Text),
        opt("updates", "updates", Text),
        any("containerKind", "containers", Text),
        any("activation", "activations", Of(&ACTIVATION)),
        any("option", "options", Text),
        opt("createdAt", "created_at", Moment),
        opt("split", "split", Flag),
    ],
};

pub(crate) const TICKET: Type = Type {
    name: "Ticket",
    json: "TicketAnswer",
    fields: &[one("code", "ticket", Text), any("license", "licenses", Of(&ON_TICKET))],
};

pub(crate) const SELECTION: Type = Type {
    name: "Selection",
    json: "SelectionMessage",
    fields: &[one("id", "id", Text), opt("quantity", "quantity", Number)],
};

pub(crate) const UPDATE: Type = Type {
    name: "Update",
    json: "TransferAnswer",
    fields: &[
        one("serial", "serial", Text),
        one("firmCode", "firm_code", Number),
        one("file", "update", File),
        one("steps", "steps", Number),
    ],
};

pub(crate) const RECEIPT: Type = Type {
    name: "Receipt",
    json: "ReceiptAnswer",
    fields: &[
        one("serial", "serial", Text),
        one("firmCode", "firm_code", Number),
        one("proven", "proven", Number),
        one("counter", "counter", Long),
        one("unproven", "unproven", Number),
    ],
};

pub(crate) const RECEIPT_FILE: Type = Type {
    name: "ReceiptFile",
    json: "ReceiptFile",
    fields: &[
        one("serial", "serial", Text),
        one("firmCode", "firm_code", Number),
        one("counter", "counter", Long),
        one("receivedAt", "received_at", Moment),
        one("context", "context", File),
    ],
};

pub(crate) const TEMPLATE: Type = Type {
    name: "Template",
    json: "TemplateAnswer",
    fields: &[one("firmCode", "firm_code", Number), one("file", "template", File)],
};

const CONTAINER_FIRM: Type = Type {
    name: "ContainerFirm",
    json: "ContainerFirmMessage",
    fields: &[
        one("firmCode", "firm_code", Number),
        one("counter", "counter", Long),
        one("unproven", "unproven", Number),
        opt("lastSeen", "last_seen", Moment),
    ],
};

pub(crate) const CONTAINER: Type = Type {
    name: "Container",
    json: "ContainerAnswer",
    fields: &[
        one("serial", "serial", Text),
        one("kind", "kind", Text),
        one("status", "status", Text),
        one("testContainer", "test_container", Flag),
        one("registeredAt", "registered_at", Moment),
        any("firm", "firms", Of(&CONTAINER_FIRM)),
    ],
};

pub(crate) const CONTAINER_PAGE: Type = Type {
    name: "ContainerPage",
    json: "ContainerList",
    fields: &[any("container", "containers", Of(&CONTAINER)), opt("next", "next", Text)],
};

const EVENT: Type = Type {
    name: "Event",
    json: "EventMessage",
    fields: &[
        one("sequence", "sequence", Long),
        one("at", "at", Moment),
        one("action", "action", Text),
        one("outcome", "outcome", Text),
        one("actor", "actor", Text),
        opt("origin", "origin", Text),
        opt("license", "license", Text),
        opt("container", "container", Text),
        opt("firmCode", "firm_code", Number),
        opt("quantity", "quantity", Number),
        opt("proof", "proof", Text),
        opt("detail", "detail", Text),
    ],
};

pub(crate) const HISTORY: Type = Type {
    name: "EventPage",
    json: "History",
    fields: &[any("event", "events", Of(&EVENT)), opt("next", "next", Long)],
};

pub(crate) const LICENSE: Type = Type {
    name: "License",
    json: "LicenseMessage",
    fields: &[
        one("id", "id", Text),
        one("item", "item", Text),
        one("name", "name", Text),
        one("orderId", "order_id", Text),
        opt("customer", "customer", Text),
        one("quantity", "quantity", Number),
        one("available", "available", Number),
        one("activating", "activating", Number),
        one("active", "active", Number),
        one("returning", "returning", Number),
        one("withdrawn", "withdrawn", Number),
        one("state", "state", Text),
        one("generation", "generation", Number),
        opt("assigned", "assigned", Text),
        opt("replaces", "replaces", Text),
        opt("replacedBy", "replaced_by", Text),
        any("activation", "activations", Of(&ACTIVATION)),
        one("createdAt", "created_at", Moment),
    ],
};

pub(crate) const LICENSE_PAGE: Type = Type {
    name: "LicensePage",
    json: "LicenseList",
    fields: &[any("license", "licenses", Of(&LICENSE)), opt("next", "next", Text)],
};

const ORDER_SUMMARY: Type = Type {
    name: "OrderSummary",
    json: "OrderSummary",
    fields: &[
        one("orderId", "order_id", Text),
        opt("customer", "customer", Text),
        opt("comment", "comment", Text),
        one("createdAt", "created_at", Moment),
    ],
};

pub(crate) const ORDER_PAGE: Type = Type {
    name: "OrderPage",
    json: "OrderList",
    fields: &[any("order", "orders", Of(&ORDER_SUMMARY)), opt("next", "next", Text)],
};

const TRANSFER: Type = Type {
    name: "UnfinishedTransfer",
    json: "UnfinishedMessage",
    fields: &[
        one("license", "license", Text),
        one("orderId", "order_id", Text),
        opt("customer", "customer", Text),
        one("item", "item", Text),
        one("name", "name", Text),
        one("container", "container", Text),
        one("firmCode", "firm_code", Number),
        one("quantity", "quantity", Number),
        one("state", "state", Text),
        one("since", "since", Moment),
    ],
};

pub(crate) const TRANSFER_PAGE: Type = Type {
    name: "TransferPage",
    json: "UnfinishedList",
    fields: &[any("transfer", "transfers", Of(&TRANSFER)), opt("next", "next", Text)],
};

const HIT: Type = Type {
    name: "SearchHit",
    json: "SearchHit",
    fields: &[
        one("kind", "kind", Text),
        one("id", "id", Text),
        opt("description", "description", Text),
        opt("state", "state", Text),
        opt("at", "at", Moment),
    ],
};

pub(crate) const SEARCH_RESULT: Type = Type {
    name: "SearchResult",
    json: "SearchAnswer",
    fields: &[any("hit", "hits", Of(&HIT)), any("more", "more", Text)],
};

const ACTIVITY: Type = Type {
    name: "Activity",
    json: "ActivityMessage",
    fields: &[
        one("created", "created", Long),
        one("activated", "activated", Long),
        one("returned", "returned", Long),
        one("refused", "refused", Long),
    ],
};

const DAY: Type = Type {
    name: "DayStatistics",
    json: "DayStatistics",
    fields: &[one("day", "day", Text), one("activity", "activity", Of(&ACTIVITY))],
};

const OPEN: Type = Type {
    name: "OpenMatters",
    json: "OpenMessage",
    fields: &[
        one("approvals", "approvals", Number),
        one("transfers", "transfers", Number),
        one("flaggedContainers", "flagged_containers", Number),
    ],
};

pub(crate) const STATISTICS: Type = Type {
    name: "Statistics",
    json: "StatisticsAnswer",
    fields: &[
        any("day", "days", Of(&DAY)),
        one("total", "total", Of(&ACTIVITY)),
        one("open", "open", Of(&OPEN)),
    ],
};

pub(crate) const APPROVAL: Type = Type {
    name: "Approval",
    json: "ApprovalMessage",
    fields: &[
        one("id", "id", Text),
        one("kind", "kind", Text),
        one("license", "license", Text),
        one("container", "container", Text),
        one("firmCode", "firm_code", Number),
        one("state", "state", Text),
        opt("firstGrantBy", "first_grant_by", Text),
        opt("reason", "reason", Text),
        one("requestedAt", "requested_at", Moment),
        opt("validUntil", "valid_until", Moment),
    ],
};

pub(crate) const APPROVAL_PAGE: Type = Type {
    name: "ApprovalPage",
    json: "ApprovalList",
    fields: &[any("approval", "approvals", Of(&APPROVAL)), opt("next", "next", Text)],
};

pub(crate) const BLACKLIST: Type = Type {
    name: "Blacklist",
    json: "BlacklistAnswer",
    fields: &[
        one("firmCode", "firm_code", Number),
        one("version", "version", Number),
        one("containers", "containers", Number),
        one("file", "blacklist", File),
    ],
};

pub(crate) const PRE_ACTIVATION: Type = Type {
    name: "PreActivation",
    json: "PreActivationAnswer",
    fields: &[
        one("id", "id", Text),
        one("item", "item", Text),
        one("ticket", "ticket", Text),
        one("file", "license", File),
    ],
};

pub(crate) const RECONCILIATION: Type =
    Type { name: "Reconciliation", json: "ReconciliationAnswer", fields: &[opt("since", "since", Moment)] };

pub(crate) const NEW_TOKEN: Type = Type {
    name: "NewToken",
    json: "TokenAnswer",
    fields: &[
        one("name", "name", Text),
        opt("token", "token", Text),
        opt("certificate", "certificate", Text),
    ],
};

pub(crate) const TOKEN: Type = Type {
    name: "Token",
    json: "TokenSummary",
    fields: &[
        one("name", "name", Text),
        any("role", "roles", Text),
        any("scope", "scopes", Text),
        opt("certificate", "certificate", Text),
        one("createdAt", "created_at", Moment),
        opt("expiresAt", "expires_at", Moment),
        opt("revokedAt", "revoked_at", Moment),
    ],
};

pub(crate) const TOKENS: Type =
    Type { name: "Tokens", json: "TokenList", fields: &[any("token", "tokens", Of(&TOKEN))] };

/// The detail of every fault.
pub const PROBLEM: Type = Type {
    name: "Problem",
    json: "Problem",
    fields: &[
        one("code", "code", Text),
        one("message", "title", Text),
        one("rule", "rule", Text),
        one("remedy", "remedy", Text),
        opt("update", "update", File),
        opt("incident", "incident", Text),
    ],
};
