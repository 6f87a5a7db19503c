//! The interpreter of change sets.

mod decisions;
mod users;
mod webhooks;

use licensing_core::activation::Activation;
use licensing_core::changeset::{Change, ChangeSet, Receipt};
use licensing_core::container::{ContainerRecord, FirmRecord, PendingStep};
use licensing_core::event::Event;
use licensing_core::ids::{ContainerSerial, CustomerId, FirmCode};
use licensing_core::item::{Item, ItemDefinition};
use licensing_core::license::LicenseLine;
use licensing_core::order::{Order, StoredCode};
use licensing_core::ticket::Ticket;
use licensing_core::token::ApiToken;
use licensing_store::{CommitError, document};
use rusqlite::{Connection, ErrorCode, Params, params};

use crate::rows::{StateColumns, commit_error, roles_text, scopes_text, secs, serial_number, signed};

type Written = Result<(), CommitError>;

/// Applies a change set inside the caller's savepoint.
pub(crate) fn apply(db: &Connection, changes: &ChangeSet) -> Written {
    if let Some(request) = &changes.request {
        let sql = "INSERT INTO requests (key, fingerprint, response, at) VALUES (?, ?, ?, ?)";
        match insert(db, sql, params![request.key, request.fingerprint, request.response, secs(request.at)]) {
            Err(CommitError::Conflict) => return Err(CommitError::Duplicate),
            outcome => outcome?,
        }
    }
    let mut defined = None;
    for change in &changes.changes {
        match change {
            Change::InsertLicense(line) => insert_license(db, line, &mut defined)?,
            change => apply_one(db, change)?,
        }
    }
    changes.events.iter().try_for_each(|event| insert_event(db, event))
}

fn apply_one(db: &Connection, change: &Change) -> Written {
    match change {
        Change::PutItem(item) => put_item(db, item),
        Change::InsertOrder(order) => insert_order(db, order),
        Change::InsertTicket { ticket, code } => insert_ticket(db, ticket, code),
        Change::InsertLicense(line) => insert_license(db, line, &mut None),
        Change::UpdateLicense(line) => update_license(db, line),
        Change::PutActivation(activation) => put_activation(db, activation),
        Change::PutContainer(container) => put_container(db, container),
        Change::PutFirm(firm) => put_firm(db, firm),
        Change::InsertStep { serial, firm_code, step } => insert_step(db, *serial, *firm_code, step),
        Change::SettleStep { id, proof, at } => execute_one(
            db,
            "UPDATE steps SET proof = ?, settled_at = ? WHERE id = ? AND settled_at IS NULL AND dropped_at IS NULL",
            params![proof, secs(*at), id.0],
        ),
        Change::VoidStep { id } => execute_one(
            db,
            "UPDATE steps SET voided = 1 WHERE id = ? AND voided = 0 AND settled_at IS NULL AND dropped_at IS NULL",
            params![id.0],
        ),
        Change::ReviveStep { id } => execute_one(
            db,
            "UPDATE steps SET voided = 0 WHERE id = ? AND voided = 1 AND settled_at IS NULL AND dropped_at IS NULL",
            params![id.0],
        ),
        Change::DropStep { id, proof, at } => execute_one(
            db,
            "UPDATE steps SET proof = ?, dropped_at = ? WHERE id = ? AND settled_at IS NULL AND dropped_at IS NULL",
            params![proof, secs(*at), id.0],
        ),
        Change::ForgetContexts { serial, firm_code } => execute(
            db,
            "DELETE FROM contexts WHERE serial = ? AND firm_code = ?",
            params![serial_number(*serial), firm_code.get()],
        )
        .map(|_| ()),
        Change::PutApproval(approval) => decisions::put_approval(db, approval),
        Change::InsertBlacklisted(entry) => decisions::insert_blacklisted(db, entry),
        Change::PutPreActivation(record) => decisions::put_preactivation(db, record),
        Change::InsertConversion { id, serial } => insert(
            db,
            "INSERT INTO conversions (preactivation, serial) VALUES (?, ?)",
            params![id.0, serial_number(*serial)],
        ),
        Change::SetReconciling(since) => {
            execute_one(db, "UPDATE server_state SET reconciling = ? WHERE id = 1", params![since.map(secs)])
        }
        Change::NoteContext { serial, firm_code, sequence, hash } => execute(
            db,
            "INSERT OR IGNORE INTO contexts (serial, firm_code, sequence, hash) VALUES (?, ?, ?, ?)",
            params![serial_number(*serial), firm_code.get(), signed(*sequence), hash],
        )
        .map(|_| ()),
        Change::PutToken(token) => put_token(db, token),
        Change::PutHeldOrder(held) => users::put_held_order(db, held),
        Change::PutOrdered(ordered) => users::put_ordered(db, ordered),
        Change::PutUser(user) => users::put_user(db, user),
        Change::InsertSession(session) => users::insert_session(db, session),
        Change::SeeSession { hash, at } => users::see_session(db, hash, *at),
        Change::EndSession { hash } => users::end_session(db, hash),
        Change::EndSessionsOf { user, except } => users::end_sessions_of(db, user, except.as_ref()),
        Change::ForgetSessions { until } => users::forget_sessions(db, *until),
        Change::CountActivations { month, shard, count, limit, told } => {
            webhooks::count_activations(db, *month, *shard, *count, *limit, *told)
        }
        Change::PutWebhook(webhook) => webhooks::put_webhook(db, webhook),
        Change::RemoveWebhook { name, version } => webhooks::remove_webhook(db, name, *version),
        Change::PutProgress(progress) => webhooks::put_progress(db, progress),
        Change::Park(parked) => webhooks::park(db, parked),
        Change::Unpark { webhook, sequence } => webhooks::unpark(db, webhook, *sequence),
        Change::KeepReceipt(receipt) => keep_receipt(db, receipt),
    }
}

fn execute(db: &Connection, sql: &str, params: impl Params) -> Result<usize, CommitError> {
    let mut statement = db.prepare_cached(sql).map_err(|error| commit_error(&error))?;
    statement.execute(params).map_err(|error| match error.sqlite_error_code() {
        // A key that exists already, or a row it refers to that does not: the facts were not current.
        Some(ErrorCode::ConstraintViolation) => CommitError::Conflict,
        _ => commit_error(&error),
    })
}

fn insert(db: &Connection, sql: &str, params: impl Params) -> Written {
    execute(db, sql, params).map(|_| ())
}

/// An update that must hit exactly one row, or the facts were not current.
fn execute_one(db: &Connection, sql: &str, params: impl Params) -> Written {
    if execute(db, sql, params)? == 1 { Ok(()) } else { Err(CommitError::Conflict) }
}

fn define(db: &Connection, item: &ItemDefinition) -> Result<[u8; 32], CommitError> {
    let (hash, text) = document::write_item(item);
    execute(db, "INSERT OR IGNORE INTO definitions (hash, document) VALUES (?, ?)", params![hash, text])?;
    Ok(hash)
}

fn put_item(db: &Connection, item: &Item) -> Written {
    let definition = define(db, &item.definition)?;
    let id = item.definition.id.as_str();
    if item.version == 0 {
        let sql = "INSERT INTO items (id, definition, created_at, version) VALUES (?, ?, ?, 1)";
        return insert(db, sql, params![id, definition, secs(item.created_at)]);
    }
    let sql = "UPDATE items SET definition = ?, version = version + 1 WHERE id = ? AND version = ?";
    execute_one(db, sql, params![definition, id, signed(item.version)])
}

fn insert_order(db: &Connection, order: &Order) -> Written {
    let customer = order.customer.as_ref().map(CustomerId::as_str);
    insert(
        db,
        "INSERT INTO orders (id, customer, comment, ticket, content, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        params![
            order.id.as_str(),
            customer,
            order.comment.as_str(),
            order.ticket.0,
            order.content,
            secs(order.created_at)
        ],
    )
}

fn insert_ticket(db: &Connection, ticket: &Ticket, code: &StoredCode) -> Written {
    let customer = ticket.customer.as_ref().map(CustomerId::as_str);
    insert(
        db,
        "INSERT INTO tickets (id, lookup, sealed, customer, together, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        params![ticket.id.0, code.lookup, code.sealed, customer, ticket.together, secs(ticket.created_at)],
    )
}

/// The definition that was stored last, and its hash: the lines of an order are often of one item.
type Defined<'a> = Option<(&'a ItemDefinition, [u8; 32])>;

fn insert_license<'a>(db: &Connection, line: &'a LicenseLine, defined: &mut Defined<'a>) -> Written {
    let definition = match defined {
        Some((item, hash)) if **item == line.item => *hash,
        _ => define(db, &line.item)?,
    };
    *defined = Some((&line.item, definition));
    let ledger = &line.ledger;
    insert(
        db,
        "INSERT INTO licenses (id, ticket, customer, order_id, position, definition, quantity, generation, fresh, carried,
            activating, active, being_returned, withdrawn, withdrawn_carried, assigned, replaces, replaced_by,
            wanted_back, created_at, version)
         VALUES (?1, ?2, (SELECT customer FROM tickets WHERE id = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
            ?14, ?15, ?16, ?17, ?18, ?19, 1)",
        params![
            line.id.0,
            line.ticket.0,
            line.order.as_str(),
            line.position,
            definition,
            line.quantity,
            line.generation,
            ledger.fresh,
            document::write_shares(&ledger.carried),
            ledger.activating,
            ledger.active,
            ledger.returning,
            ledger.withdrawn(),
            document::write_shares(&ledger.withdrawn_carried),
            line.assigned.map(serial_number),
            line.replaces.map(|id| id.0),
            line.replaced_by.map(|id| id.0),
            line.wanted_back,
            secs(line.created_at)
        ],
    )
}

fn update_license(db: &Connection, line: &LicenseLine) -> Written {
    let ledger = &line.ledger;
    execute_one(
        db,
        "UPDATE licenses SET quantity = ?, generation = ?, fresh = ?, carried = ?, activating = ?, active = ?,
            being_returned = ?, withdrawn = ?, withdrawn_carried = ?, assigned = ?, replaced_by = ?,
            wanted_back = ?, version = version + 1 WHERE id = ? AND version = ?",
        params![
            line.quantity,
            line.generation,
            ledger.fresh,
            document::write_shares(&ledger.carried),
            ledger.activating,
            ledger.active,
            ledger.returning,
            ledger.withdrawn(),
            document::write_shares(&ledger.withdrawn_carried),
            line.assigned.map(serial_number),
            line.replaced_by.map(|id| id.0),
            line.wanted_back,
            line.id.0,
            signed(line.version)
        ],
    )
}

fn put_activation(db: &Connection, activation: &Activation) -> Written {
    let state = activation.state;
    let StateColumns { step, activated_at, ended_at, proof } = StateColumns::of(state);
    let remainder = &activation.remainder;
    if activation.version > 0 {
        return execute_one(
            db,
            "UPDATE activations SET entry = ?, quantity = ?, units = ?, expires = ?, maintenance_until = ?,
                usage_started = ?, added_uses = ?, feature_map = ?, state = ?, step = ?, activated_at = ?, ended_at = ?,
                proof = ?, withdraw = ?, update_effect = ?, version = version + 1 WHERE id = ? AND version = ?",
            params![
                activation.entry.0,
                activation.quantity,
                remainder.units.map(signed),
                remainder.expires.map(secs),
                remainder.maintenance_until.map(secs),
                remainder.usage_started.map(secs),
                signed(remainder.added_uses),
                remainder.feature_map,
                state.name(),
                step,
                activated_at,
                ended_at,
                proof,
                activation.withdraw,
                activation.update.as_ref().map(document::write_update),
                activation.id.0,
                signed(activation.version)
            ],
        );
    }
    insert(
        db,
        "INSERT INTO activations (id, license, ticket, container, firm_code, entry, generation, quantity, units,
            expires, maintenance_until, usage_started, added_uses, feature_map, state, step, activated_at, ended_at,
            proof, withdraw, update_effect, created_at, version)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
        params![
            activation.id.0,
            activation.license.0,
            activation.ticket.0,
            serial_number(activation.container),
            activation.firm_code.get(),
            activation.entry.0,
            activation.generation,
            activation.quantity,
            remainder.units.map(signed),
            remainder.expires.map(secs),
            remainder.maintenance_until.map(secs),
            remainder.usage_started.map(secs),
            signed(remainder.added_uses),
            remainder.feature_map,
            state.name(),
            step,
            activated_at,
            ended_at,
            proof,
            activation.withdraw,
            activation.update.as_ref().map(document::write_update),
            secs(activation.created_at)
        ],
    )
}

fn put_container(db: &Connection, container: &ContainerRecord) -> Written {
    let serial = serial_number(container.serial);
    if container.version > 0 {
        let sql = "UPDATE containers SET status = ?, version = version + 1 WHERE serial = ? AND version = ?";
        return execute_one(db, sql, params![container.status.name(), serial, signed(container.version)]);
    }
    insert(
        db,
        "INSERT INTO containers (serial, identity_key, sealing_key, test_host, status, registered_at, version)
         VALUES (?, ?, ?, ?, ?, ?, 1)",
        params![
            serial,
            container.identity_key.bytes(),
            container.sealing_key.0,
            container.test_host,
            container.status.name(),
            secs(container.registered_at)
        ],
    )
}

fn put_firm(db: &Connection, firm: &FirmRecord) -> Written {
    let last = firm.last_context.as_ref();
    let values = params![
        signed(firm.confirmed.counter),
        firm.confirmed.digest,
        last.map(|l| signed(l.sequence)),
        last.map(|l| secs(l.certified_time)),
        last.map(|l| secs(l.box_time)),
        last.map(|l| l.hash),
        last.map(|l| secs(l.seen_at)),
        last.map(|l| l.free_products),
        last.map(|l| document::write_traits(&l.traits)),
        firm.resync,
        serial_number(firm.serial),
        firm.firm_code.get(),
        signed(firm.version)
    ];
    if firm.version > 0 {
        let sql = "UPDATE firms SET confirmed_counter = ?, confirmed_digest = ?, last_sequence = ?, last_certified = ?,
            last_box_time = ?, last_hash = ?, last_seen_at = ?, last_free = ?, last_traits = ?, resync = ?,
            version = version + 1
            WHERE serial = ? AND firm_code = ? AND version = ?";
        return execute_one(db, sql, values);
    }
    let sql = "INSERT INTO firms (confirmed_counter, confirmed_digest, last_sequence, last_certified, last_box_time,
        last_hash, last_seen_at, last_free, last_traits, resync, serial, firm_code, version)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1 + ?)";
    insert(db, sql, values)
}

fn insert_step(db: &Connection, serial: ContainerSerial, firm_code: FirmCode, step: &PendingStep) -> Written {
    insert(
        db,
        "INSERT INTO steps (id, serial, firm_code, before_counter, before_digest, after_digest, bytes, issued_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            step.id.0,
            serial_number(serial),
            firm_code.get(),
            signed(step.before.counter),
            step.before.digest,
            step.after.digest,
            step.bytes,
            secs(step.issued_at)
        ],
    )
}

fn put_token(db: &Connection, token: &ApiToken) -> Written {
    let (roles, scopes) = (roles_text(&token.roles), token.scopes.as_deref().map(scopes_text));
    let (expires_at, revoked_at) = (token.expires_at.map(secs), token.revoked_at.map(secs));
    if token.version > 0 {
        let sql =
            "UPDATE tokens SET roles = ?, scopes = ?, expires_at = ?, revoked_at = ?, version = version + 1
            WHERE hash = ? AND version = ?";
        return execute_one(
            db,
            sql,
            params![roles, scopes, expires_at, revoked_at, token.hash, signed(token.version)],
        );
    }
    insert(
        db,
        "INSERT INTO tokens (hash, name, roles, scopes, certificate, created_at, expires_at, revoked_at, version)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
        params![token.hash, token.name, roles, scopes, token.certificate, secs(token.created_at), expires_at, revoked_at],
    )
}

fn keep_receipt(db: &Connection, receipt: &Receipt) -> Written {
    insert(
        db,
        "INSERT OR IGNORE INTO receipts (hash, serial, firm_code, counter, digest, bytes, received_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![
            receipt.hash,
            serial_number(receipt.serial),
            receipt.firm_code.get(),
            signed(receipt.link.counter),
            receipt.link.digest,
            receipt.bytes,
            secs(receipt.received_at)
        ],
    )
}

fn insert_event(db: &Connection, event: &Event) -> Written {
    insert(
        db,
        "INSERT INTO events (at, action, outcome, actor, origin, ticket, license, container, firm_code, quantity,
            proof, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            secs(event.at),
            event.action.name(),
            event.outcome,
            event.actor.name,
            event.actor.origin,
            event.ticket.map(|id| id.0),
            event.license.map(|id| id.0),
            event.container.map(serial_number),
            event.firm_code.map(FirmCode::get),
            event.quantity,
            event.proof,
            event.detail
        ],
    )
}
