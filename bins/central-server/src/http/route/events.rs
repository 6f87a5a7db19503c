//! Telling events to others.

use licensing_core::token::Permission;

use super::{Access, BASE, PAGE, Route, Verb};
use crate::http::handlers::events;

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "event_feed",
        path: "/api/v1/events/feed",
        access: Access::Vendor(Permission::HistoryRead),
        summary: "Gives what happened after an event, oldest first, and waits for it when asked to.",
        response: Some("EventFeed"),
        query: &[
            (
                "after",
                "The id of an event, which is the `next` of the answer before; `newest` for the end of the log; from the beginning when absent.",
            ),
            ("wait", "Seconds to wait for something to happen, at most 25; 0 when absent."),
            ("events", "Only events of these types, with commas between them."),
            PAGE[1],
        ],
        handler: |call| Box::pin(events::feed(call)),
        ..BASE
    },
    Route {
        name: "create_webhook",
        verb: Verb::Post,
        path: "/api/v1/webhooks",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Makes a webhook and tells its signing secret, this once.",
        request: Some("WebhookRequest"),
        response: Some("WebhookSecret"),
        success: &[201],
        handler: |call| Box::pin(events::create(call)),
        ..BASE
    },
    Route {
        name: "list_webhooks",
        path: "/api/v1/webhooks",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Lists webhooks and how far each has come.",
        response: Some("WebhookList"),
        handler: |call| Box::pin(events::list(call)),
        ..BASE
    },
    Route {
        name: "get_webhook",
        path: "/api/v1/webhooks/{name}",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Shows a webhook and how far it has come.",
        response: Some("WebhookMessage"),
        handler: |call| Box::pin(events::show(call)),
        ..BASE
    },
    Route {
        name: "change_webhook",
        verb: Verb::Post,
        path: "/api/v1/webhooks/{name}",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Changes, disables or enables a webhook.",
        request: Some("WebhookChange"),
        response: Some("WebhookMessage"),
        handler: |call| Box::pin(events::change(call)),
        ..BASE
    },
    Route {
        name: "remove_webhook",
        verb: Verb::Delete,
        path: "/api/v1/webhooks/{name}",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Removes a webhook with everything that waits for it.",
        response: Some("WebhookMessage"),
        handler: |call| Box::pin(events::remove(call)),
        ..BASE
    },
    Route {
        name: "rotate_webhook_secret",
        verb: Verb::Post,
        path: "/api/v1/webhooks/{name}/secret",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Gives a webhook a new signing secret; the present one goes on signing beside it.",
        response: Some("WebhookSecret"),
        handler: |call| Box::pin(events::rotate(call)),
        ..BASE
    },
    Route {
        name: "retire_webhook_secret",
        verb: Verb::Delete,
        path: "/api/v1/webhooks/{name}/secret",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Ends the older of two signing secrets.",
        response: Some("WebhookMessage"),
        handler: |call| Box::pin(events::retire(call)),
        ..BASE
    },
    Route {
        name: "test_webhook",
        verb: Verb::Post,
        path: "/api/v1/webhooks/{name}/test",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Sends a message of the type `webhook_test` now, and tells what came of it.",
        response: Some("WebhookTest"),
        handler: |call| Box::pin(events::test(call)),
        ..BASE
    },
    Route {
        name: "replay_webhook",
        verb: Verb::Post,
        path: "/api/v1/webhooks/{name}/replay",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Goes back to an earlier place in the event log, and sends everything from there again.",
        request: Some("ReplayRequest"),
        response: Some("WebhookMessage"),
        handler: |call| Box::pin(events::replay(call)),
        ..BASE
    },
    Route {
        name: "list_dead_letters",
        path: "/api/v1/webhooks/{name}/dead-letters",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Lists events that are not tried any more.",
        response: Some("DeadLetterList"),
        query: &PAGE,
        handler: |call| Box::pin(events::dead_letters(call)),
        ..BASE
    },
    Route {
        name: "retry_dead_letter",
        verb: Verb::Post,
        path: "/api/v1/webhooks/{name}/dead-letters/{sequence}",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Tries a dead letter again.",
        response: Some("WebhookMessage"),
        handler: |call| Box::pin(events::retry_dead_letter(call)),
        ..BASE
    },
    Route {
        name: "drop_dead_letter",
        verb: Verb::Delete,
        path: "/api/v1/webhooks/{name}/dead-letters/{sequence}",
        access: Access::Vendor(Permission::WebhookWrite),
        summary: "Gives a dead letter up for good.",
        response: Some("WebhookMessage"),
        handler: |call| Box::pin(events::drop_dead_letter(call)),
        ..BASE
    },
];
