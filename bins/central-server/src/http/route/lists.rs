//! Routes of what the vendor looks through.

use licensing_core::token::Permission;

use super::{Access, BASE, PAGE, Route, Verb};
use crate::http::handlers::lists;

const FROM: (&str, &str) = ("from", "Only of this day or time, or later.");
const UNTIL: (&str, &str) = ("until", "Only before this day or time.");
const STATE: (&str, &str) = (
    "state",
    "Only in this state: `available`, `pending`, `partly_activated`, `activated`, `consumed`, `withdrawn` or `replaced`.",
);
const FORMAT: (&str, &str) =
    ("format", "`csv` or `jsonl` (one JSON object on each line); `csv` when absent.");
const NEVER: (&str, &str) = ("never_activated", "`true`: only those of which nothing was ever activated.");
const ITEM: (&str, &str) = ("item", "Only of this item id.");
const ORDER: (&str, &str) = ("order", "Only of this order id.");
const CUSTOMER: (&str, &str) = ("customer", "Only of this customer id.");
const KIND: (&str, &str) = ("kind", "Only of this kind: `dongle` or `act`.");
const STATUS: (&str, &str) =
    ("status", "Only with this status: `normal`, `manipulation_detected` or `blacklisted`.");
const FLAGGED: (&str, &str) = ("flagged", "`true`: only those whose status is not normal.");
const TEST: (&str, &str) = ("test", "`true`: only test containers; `false`: only others.");
const OF_LICENSE: (&str, &str) = ("license", "Only about this license id.");
const OF_CONTAINER: (&str, &str) = ("container", "Only about this container serial.");
const OF_ORDER: (&str, &str) = ("order", "Only about the ticket of this order id.");
const ACTION: (&str, &str) =
    ("action", "Only of this action, for example `activation_confirmed` or `refused`.");
const NEWEST: (&str, &str) = ("newest", "`true`: the last ones come first.");

pub(super) const LIST_ITEMS: Route = Route {
    name: "list_items",
    path: "/api/v1/items",
    access: Access::Vendor(Permission::ItemRead),
    summary: "Lists items in order of their ids.",
    response: Some("ItemList"),
    query: &[
        PAGE[0],
        PAGE[1],
        ("prefix", "Only those whose ids begin with this, whether its letters are capital or small."),
    ],
    handler: |call| Box::pin(lists::items(call)),
    ..BASE
};

pub(super) const LIST_ORDERS: Route = Route {
    name: "list_orders",
    path: "/api/v1/orders",
    access: Access::Vendor(Permission::LicenseRead),
    summary: "Lists orders in the order in which they were placed, those of one second by their ids, without their licenses and tickets.",
    response: Some("OrderList"),
    query: &[CUSTOMER, FROM, UNTIL, NEWEST, PAGE[0], PAGE[1]],
    handler: |call| Box::pin(lists::orders(call)),
    ..BASE
};

pub(super) const LIST_LICENSES: Route = Route {
    name: "list_licenses",
    path: "/api/v1/licenses",
    access: Access::Vendor(Permission::LicenseRead),
    summary: "Lists licenses in the order in which they were made. A page may be short and still have a next one.",
    response: Some("LicenseList"),
    query: &[NEVER, ITEM, ORDER, CUSTOMER, FROM, UNTIL, PAGE[0], PAGE[1], STATE, NEWEST],
    handler: |call| Box::pin(lists::licenses(call)),
    ..BASE
};

pub(super) const LIST_CONTAINERS: Route = Route {
    name: "list_containers",
    path: "/api/v1/containers",
    access: Access::Vendor(Permission::ContainerRead),
    summary: "Lists containers in order of their first contact, without their firm items. A page may be short and \
        still have a next one.",
    response: Some("ContainerList"),
    query: &[PAGE[0], PAGE[1], KIND, STATUS, FLAGGED, TEST, NEWEST],
    handler: |call| Box::pin(lists::containers(call)),
    ..BASE
};

pub(super) const LIST_TRANSFERS: Route = Route {
    name: "list_transfers",
    path: "/api/v1/transfers",
    access: Access::Vendor(Permission::LicenseRead),
    summary: "Lists transfers whose receipt has not arrived, oldest first.",
    response: Some("UnfinishedList"),
    query: &[
        ("container", "Only in this container."),
        ("before", "Only those whose update was issued before this day or time."),
        PAGE[0],
        PAGE[1],
    ],
    handler: |call| Box::pin(lists::transfers(call)),
    ..BASE
};

pub(super) const LIST_APPROVALS: Route = Route {
    name: "list_approvals",
    path: "/api/v1/approvals",
    access: Access::Vendor(Permission::LicenseRead),
    summary: "Lists what users asked for and the vendor decides.",
    response: Some("ApprovalList"),
    query: &[("pending", "`true`: only those nobody has decided."), PAGE[0], PAGE[1], NEWEST],
    handler: |call| Box::pin(lists::approvals(call)),
    ..BASE
};

pub(super) const HISTORY: Route = Route {
    name: "history",
    path: "/api/v1/history",
    access: Access::Vendor(Permission::HistoryRead),
    summary: "Lists events: of one license, container or order, and when nothing is asked for, in the order of the \
        log; else in order of time.",
    response: Some("History"),
    query: &[OF_LICENSE, OF_CONTAINER, OF_ORDER, PAGE[0], PAGE[1], ACTION, FROM, UNTIL, NEWEST],
    handler: |call| Box::pin(lists::history(call)),
    ..BASE
};

pub(super) const SEARCH: Route = Route {
    name: "search",
    verb: Verb::Post,
    path: "/api/v1/search",
    access: Access::Vendor(Permission::LicenseRead),
    summary: "Finds orders, customers, items, licenses, containers and approvals by their ids, and orders by their ticket; \
        each kind only for roles that may see it.",
    request: Some("SearchRequest"),
    response: Some("SearchAnswer"),
    handler: |call| Box::pin(lists::search(call)),
    ..BASE
};

pub(super) const STATISTICS: Route = Route {
    name: "statistics",
    path: "/api/v1/statistics",
    access: Access::Vendor(Permission::LicenseRead),
    summary: "Tells how much was created, activated, returned and refused on each of at most 366 days, and what is open.",
    response: Some("StatisticsAnswer"),
    query: &[
        ("from", "The first day; 30 days before the end when absent."),
        ("until", "The day after the last one; tomorrow when absent."),
    ],
    handler: |call| Box::pin(lists::statistics(call)),
    ..BASE
};

/// A whole list as a file.
const FILE: Route = Route {
    access: Access::Vendor(Permission::LicenseRead),
    media: &["text/csv", "application/jsonl"],
    ..BASE
};

pub(super) const EXPORT_ORDERS: Route = Route {
    name: "export_orders",
    path: "/api/v1/exports/orders",
    summary: "Gives all orders as a file, without their licenses and tickets.",
    query: &[FORMAT, CUSTOMER, FROM, UNTIL, NEWEST],
    handler: |call| Box::pin(lists::export_orders(call)),
    ..FILE
};

pub(super) const EXPORT_LICENSES: Route = Route {
    name: "export_licenses",
    path: "/api/v1/exports/licenses",
    summary: "Gives all licenses as a file.",
    query: &[FORMAT, NEVER, ITEM, ORDER, CUSTOMER, FROM, UNTIL, STATE, NEWEST],
    handler: |call| Box::pin(lists::export_licenses(call)),
    ..FILE
};

pub(super) const EXPORT_CONTAINERS: Route = Route {
    name: "export_containers",
    path: "/api/v1/exports/containers",
    access: Access::Vendor(Permission::ContainerRead),
    summary: "Gives all containers as a file, without their firm items.",
    query: &[FORMAT, KIND, STATUS, FLAGGED, TEST, NEWEST],
    handler: |call| Box::pin(lists::export_containers(call)),
    ..FILE
};

pub(super) const EXPORT_EVENTS: Route = Route {
    name: "export_events",
    path: "/api/v1/exports/events",
    access: Access::Vendor(Permission::HistoryRead),
    summary: "Gives all events as a file.",
    query: &[FORMAT, OF_LICENSE, OF_CONTAINER, OF_ORDER, ACTION, FROM, UNTIL, NEWEST],
    handler: |call| Box::pin(lists::export_events(call)),
    ..FILE
};
