//! Telling events to other programs: the feed, and webhooks.

use std::io::Write as _;

use licensing_client::ServerClient;
use licensing_core::random;
use licensing_wire::binary::to_hex;
use licensing_wire::json::{EventEnvelope, WebhookChange, WebhookMessage, WebhookRequest, WebhookSecret};
use serde_json::json;

use crate::args::{EventsArguments, Global, WebhookCommand};
use crate::failure::Failure;
use crate::output::{Output, table};

/// How long a request waits for something to happen, in seconds.
const WAIT_SECS: u32 = 25;

pub(crate) fn events(global: &Global, arguments: &EventsArguments, output: &Output) -> Result<(), Failure> {
    let server = global.vendor_server()?;
    let mut after = arguments.after.clone();
    let mut all: Vec<EventEnvelope> = Vec::new();
    loop {
        let wait = if arguments.follow { WAIT_SECS } else { 0 };
        let page = server.feed(after.as_deref(), &arguments.types, wait)?;
        after = page.next.or(after);
        if arguments.follow {
            follow(&page.events)?;
            continue;
        }
        all.extend(page.events);
        if !page.more {
            break;
        }
    }
    output.result(&json!({ "events": all, "next": after }), || {
        let row = |event: &EventEnvelope| {
            let data = &event.data;
            let about = data.license.clone().or_else(|| data.container.clone()).unwrap_or_default();
            vec![event.id.clone(), event.timestamp.clone(), event.kind.clone(), data.outcome.clone(), about]
        };
        table(&["Event", "Time", "Type", "Outcome", "About"], all.iter().map(row))
    });
    Ok(())
}

/// A line for each event, at once.
fn follow(events: &[EventEnvelope]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let failed = |error: &dyn std::fmt::Display| Failure::new("output_unwritable", error.to_string());
    for event in events {
        let line = serde_json::to_string(event).map_err(|error| failed(&error))?;
        writeln!(out, "{line}").map_err(|error| failed(&error))?;
    }
    out.flush().map_err(|error| failed(&error))
}

pub(crate) fn webhook(global: &Global, command: WebhookCommand, output: &Output) -> Result<(), Failure> {
    let server = global.vendor_server()?;
    match command {
        WebhookCommand::Add { name, url, types, from } => {
            let request = WebhookRequest { name, url, events: types, from: Some(from) };
            told(&server.create_webhook(&request, &new_key())?, output);
        }
        WebhookCommand::List => {
            let webhooks = server.webhooks()?;
            output.result(&webhooks, || list(&webhooks.webhooks));
        }
        WebhookCommand::Change { name, url, types, all_types } => {
            let events = types.or_else(|| all_types.then(Vec::new));
            changed(&server, &name, &WebhookChange { url, events, enabled: None }, output)?;
        }
        WebhookCommand::Enable { name } => enable(&server, &name, true, output)?,
        WebhookCommand::Disable { name } => enable(&server, &name, false, output)?,
        WebhookCommand::Remove { name } => {
            let removed = server.remove_webhook(&name)?;
            output.result(&removed, || format!("webhook {name} removed"));
        }
        WebhookCommand::Rotate { name, retire: false } => {
            told(&server.rotate_webhook_secret(&name, &new_key())?, output);
        }
        WebhookCommand::Rotate { name, retire: true } => show(&server.retire_webhook_secret(&name)?, output),
        WebhookCommand::Test { name } => {
            let test = server.test_webhook(&name)?;
            output.result(&test, || test.outcome.clone());
        }
        WebhookCommand::Replay { name, from } => show(&server.replay_webhook(&name, &from)?, output),
        WebhookCommand::DeadLetters { name } => dead_letters(&server, &name, output)?,
        WebhookCommand::Retry { name, sequence } => {
            show(&server.settle_dead_letter(&name, sequence, true)?, output);
        }
        WebhookCommand::Drop { name, sequence } => {
            show(&server.settle_dead_letter(&name, sequence, false)?, output);
        }
    }
    Ok(())
}

/// A key for this one request: sent again after a broken connection it tells the same secret.
pub(super) fn new_key() -> String {
    to_hex(&random::<16>(&mut license_runtime::SystemEntropy::default()))
}

fn told(secret: &WebhookSecret, output: &Output) {
    output.result(secret, || format!("webhook {}\nsecret  {}", secret.name, secret.secret));
}

fn show(webhook: &WebhookMessage, output: &Output) {
    output.result(webhook, || list(std::slice::from_ref(webhook)));
}

fn enable(server: &ServerClient, name: &str, enabled: bool, output: &Output) -> Result<(), Failure> {
    changed(server, name, &WebhookChange { enabled: Some(enabled), ..WebhookChange::default() }, output)
}

fn changed(
    server: &ServerClient,
    name: &str,
    change: &WebhookChange,
    output: &Output,
) -> Result<(), Failure> {
    show(&server.change_webhook(name, change)?, output);
    Ok(())
}

fn list(webhooks: &[WebhookMessage]) -> String {
    let row = |webhook: &WebhookMessage| {
        let state = match (&webhook.disabled_because, &webhook.failing_since) {
            (Some(why), _) => format!("disabled: {why}"),
            (None, Some(since)) => format!("failing since {since}"),
            (None, None) => "enabled".to_owned(),
        };
        vec![
            webhook.name.clone(),
            webhook.url.clone(),
            format!("{} of {}", webhook.reached, webhook.newest),
            webhook.waiting.to_string(),
            webhook.dead_letters.to_string(),
            state,
        ]
    };
    let header = ["Webhook", "Address", "Told", "Waiting", "Dead letters", "State"];
    table(&header, webhooks.iter().map(row))
}

fn dead_letters(server: &ServerClient, name: &str, output: &Output) -> Result<(), Failure> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = server.dead_letters(name, after)?;
        all.extend(page.dead_letters);
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    output.result(&json!({ "dead_letters": all }), || {
        let rows = all.iter().map(|dead| {
            let (sequence, attempts) = (dead.sequence.to_string(), dead.attempts.to_string());
            vec![sequence, dead.event.kind.clone(), attempts, dead.dead_at.clone(), dead.outcome.clone()]
        });
        table(&["Sequence", "Type", "Attempts", "Given up", "Outcome"], rows)
    });
    Ok(())
}
