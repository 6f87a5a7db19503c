//! Routes of mail to customers.

use licensing_core::token::Permission;

use super::{Access, BASE, Route, Verb};
use crate::http::handlers::mail;

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "get_order_mail",
        path: "/api/v1/orders/{id}/mail",
        access: Access::Vendor(Permission::TicketRead),
        summary: "Shows the mail about an order, with its ticket, as it would be sent.",
        response: Some("OrderMail"),
        query: &[("language", "`en` (also when absent) or `de`.")],
        handler: |call| Box::pin(mail::order_mail(call)),
        ..BASE
    },
    Route {
        name: "mail_order",
        verb: Verb::Post,
        path: "/api/v1/orders/{id}/mail",
        access: Access::Vendor(Permission::TicketRead),
        summary: "Sends the mail about an order, with its ticket, to an address; once per idempotency key.",
        request: Some("OrderMailRequest"),
        response: Some("OrderMailAnswer"),
        success: &[201],
        handler: |call| Box::pin(mail::mail_order(call)),
        ..BASE
    },
];
