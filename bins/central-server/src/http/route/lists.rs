//! Routes of what the vendor looks through.

use licensing_core::token::Permission;

use super::{Access, BASE, PAGE, Route, Verb};
use crate::http::handlers::lists;

const FROM: (&str, &str) = ("from", "Only of this day or time, or later.");
const UNTIL: (&str, &str) = ("until", "Only before this day or time.");
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
    query: &[("customer", "Only of this customer id."), FROM, UNTIL, NEWEST, PAGE[0], PAGE[1]],
    handler: |call| Box::pin(lists::orders(call)),
    ..BASE
};

pub(super) const LIST_LICENSES: Route = Route {
    name: "list_licenses",
    path: "/api/v1/licenses",
    access: Access::Vendor(Permission::LicenseRead),
    summary: "Lists licenses in the order in which they were made. A page may be short and still have a next one.",
    response: Some("LicenseList"),
    query: &[
        ("never_activated", "`true`: only those of which nothing was ever activated."),
        ("item", "Only of this item id."),
        ("order", "Only of this order id."),
        ("customer", "Only of this customer id."),
        FROM,
        UNTIL,
        PAGE[0],
        PAGE[1],
        (
            "state",
            "Only in this state: `available`, `pending`, `partly_activated`, `activated`, `consumed`, `withdrawn` or \
            `replaced`.",
        ),
        NEWEST,
    ],
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
    query: &[
        PAGE[0],
        PAGE[1],
        ("kind", "Only of this kind: `dongle` or `act`."),
        ("status", "Only with this status: `normal`, `manipulation_detected` or `blacklisted`."),
        ("flagged", "`true`: only those whose status is not normal."),
        ("test", "`true`: only test containers; `false`: only others."),
        NEWEST,
    ],
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
    query: &[
        ("license", "Only about this license id."),
        ("container", "Only about this container serial."),
        ("order", "Only about the ticket of this order id."),
        PAGE[0],
        PAGE[1],
        ("action", "Only of this action, for example `activation_confirmed` or `refused`."),
        FROM,
        UNTIL,
        NEWEST,
    ],
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
