//! The interpreter of change sets: what each change is in SQL.

mod decisions;
mod users;
mod webhooks;

use std::collections::HashSet;

use licensing_core::activation::Activation;
use licensing_core::changeset::{Change, ChangeSet, Receipt};
use licensing_core::container::{ContainerRecord, FirmRecord, PendingStep};
use licensing_core::crypto::digest::Digest;
use licensing_core::event::Event;
use licensing_core::ids::{ContainerSerial, CustomerId, FirmCode};
use licensing_core::item::{Item, ItemDefinition};
use licensing_core::license::LicenseLine;
use licensing_core::order::{Order, StoredCode};
use licensing_core::ticket::Ticket;
use licensing_core::token::ApiToken;
use licensing_store::document;

use crate::events;
use crate::pipeline::{Param, Step, values};
use crate::rows::{StateColumns, roles_text, scopes_text, secs, serial_number, signed};

/// An update that must hit exactly one row, or the facts were not current: where it hits none the division fails, and
/// the transaction with it, without anybody having to wait for the answer.
macro_rules! must_hit {
    ($update:literal) => {
        concat!("WITH hit AS (", $update, " RETURNING 1) SELECT 1 / count(*) FROM hit")
    };
}
pub(crate) use must_hit;

/// The statements of a change set, in order.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) steps: Vec<Step>,
    /// Where in `steps` the request is recorded.
    pub(crate) request: Option<usize>,
    pub(crate) defined: HashSet<Digest>,
}

impl Batch {
    /// The statements of a change set.
    pub(crate) fn of(changes: &ChangeSet) -> Self {
        let mut batch = Self::default();
        if let Some(request) = &changes.request {
            batch.request = Some(batch.steps.len());
            batch.execute(
                "INSERT INTO requests (key, fingerprint, response, at) VALUES ($1, $2, $3, $4)",
                values![
                    request.key.to_vec(),
                    request.fingerprint.to_vec(),
                    request.response.clone(),
                    secs(request.at)
                ],
            );
        }
        changes.changes.iter().for_each(|change| batch.apply(change));
        if !changes.events.is_empty() {
            batch.execute(events::ANNOUNCE, vec![]);
            changes.events.iter().for_each(|event| batch.insert_event(event));
        }
        batch
    }

    fn execute(&mut self, sql: &'static str, params: Vec<Param>) {
        self.steps.push(Step::query(sql, params));
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::PutItem(item) => self.put_item(item),
            Change::InsertOrder(order) => self.insert_order(order),
            Change::InsertTicket { ticket, code } => self.insert_ticket(ticket, code),
            Change::InsertLicense(line) => self.insert_license(line),
            Change::UpdateLicense(line) => self.update_license(line),
            Change::PutActivation(activation) if activation.version == 0 => {
                self.insert_activation(activation);
            }
            Change::PutActivation(activation) => self.update_activation(activation),
            Change::PutContainer(container) => self.put_container(container),
            Change::PutFirm(firm) => self.put_firm(firm),
            Change::InsertStep { serial, firm_code, step } => self.insert_step(*serial, *firm_code, step),
            Change::SettleStep { .. }
            | Change::VoidStep { .. }
            | Change::ReviveStep { .. }
            | Change::DropStep { .. } => self.change_step(change),
            Change::NoteContext { serial, firm_code, sequence, hash } => self.execute(
                "INSERT INTO contexts (serial, firm_code, sequence, hash) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING",
                values![serial_number(*serial), code(*firm_code), signed(*sequence), hash.to_vec()],
            ),
            Change::ForgetContexts { serial, firm_code } => self.execute(
                "DELETE FROM contexts WHERE serial = $1 AND firm_code = $2",
                values![serial_number(*serial), code(*firm_code)],
            ),
            Change::PutApproval(approval) => self.put_approval(approval),
            Change::InsertBlacklisted(entry) => self.insert_blacklisted(entry),
            Change::PutPreActivation(record) => self.put_preactivation(record),
            Change::InsertConversion { id, serial } => self.insert_conversion(*id, *serial),
            Change::SetReconciling(since) => self.set_reconciling(*since),
            Change::PutToken(token) => self.put_token(token),
            Change::PutHeldOrder(held) => self.put_held_order(held),
            Change::PutOrdered(ordered) => self.put_ordered(ordered),
            Change::PutUser(user) => self.put_user(user),
            Change::InsertSession(session) => self.insert_session(session),
            Change::SeeSession { .. }
            | Change::EndSession { .. }
            | Change::EndSessionsOf { .. }
            | Change::ForgetSessions { .. } => self.change_sessions(change),
            Change::CountActivations { month, shard, count, limit, told } => {
                self.count_activations(*month, *shard, *count, *limit, *told);
            }
            Change::PutWebhook(webhook) => self.put_webhook(webhook),
            Change::RemoveWebhook { name, version } => self.remove_webhook(name, *version),
            Change::PutProgress(progress) => self.put_progress(progress),
            Change::Park(parked) => self.park(parked),
            Change::Unpark { webhook, sequence } => self.unpark(webhook, *sequence),
            Change::KeepReceipt(receipt) => self.keep_receipt(receipt),
        }
    }

    /// What becomes of an unproven step.
    fn change_step(&mut self, change: &Change) {
        match change {
            Change::SettleStep { id, proof, at } => self.execute(
                must_hit!(
                    "UPDATE steps SET proof = $1, settled_at = $2
                     WHERE id = $3 AND settled_at IS NULL AND dropped_at IS NULL"
                ),
                values![proof.to_vec(), secs(*at), id.0.to_vec()],
            ),
            Change::VoidStep { id } => self.execute(
                must_hit!(
                    "UPDATE steps SET voided = TRUE
                     WHERE id = $1 AND NOT voided AND settled_at IS NULL AND dropped_at IS NULL"
                ),
                values![id.0.to_vec()],
            ),
            Change::ReviveStep { id } => self.execute(
                must_hit!(
                    "UPDATE steps SET voided = FALSE
                     WHERE id = $1 AND voided AND settled_at IS NULL AND dropped_at IS NULL"
                ),
                values![id.0.to_vec()],
            ),
            Change::DropStep { id, proof, at } => self.execute(
                must_hit!(
                    "UPDATE steps SET proof = $1, dropped_at = $2
                     WHERE id = $3 AND settled_at IS NULL AND dropped_at IS NULL"
                ),
                values![proof.to_vec(), secs(*at), id.0.to_vec()],
            ),
            _ => {}
        }
    }

    fn define(&mut self, item: &ItemDefinition) -> Vec<u8> {
        let (hash, text) = document::write_item(item);
        if self.defined.insert(hash) {
            let sql = "INSERT INTO definitions (hash, document) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            self.execute(sql, values![hash.to_vec(), text]);
        }
        hash.to_vec()
    }

    fn put_item(&mut self, item: &Item) {
        let definition = self.define(&item.definition);
        let id = item.definition.id.as_str().to_owned();
        if item.version == 0 {
            let sql = "INSERT INTO items (id, definition, created_at, version) VALUES ($1, $2, $3, 1)";
            return self.execute(sql, values![id, definition, secs(item.created_at)]);
        }
        self.execute(
            must_hit!(
                "UPDATE items SET definition = $1, version = version + 1 WHERE id = $2 AND version = $3"
            ),
            values![definition, id, signed(item.version)],
        );
    }

    fn insert_order(&mut self, order: &Order) {
        self.execute(
            "INSERT INTO orders (id, customer, comment, ticket, content, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            values![
                order.id.as_str().to_owned(),
                order.customer.as_ref().map(|id| id.as_str().to_owned()),
                order.comment.as_str().to_owned(),
                order.ticket.0.to_vec(),
                order.content.to_vec(),
                secs(order.created_at),
            ],
        );
    }

    fn insert_ticket(&mut self, ticket: &Ticket, code: &StoredCode) {
        self.execute(
            "INSERT INTO tickets (id, lookup, sealed, customer, together, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            values![
                ticket.id.0.to_vec(),
                code.lookup.to_vec(),
                code.sealed.clone(),
                ticket.customer.as_ref().map(|id: &CustomerId| id.as_str().to_owned()),
                ticket.together,
                secs(ticket.created_at),
            ],
        );
    }

    fn insert_license(&mut self, line: &LicenseLine) {
        let definition = self.define(&line.item);
        let ledger = &line.ledger;
        self.execute(
            "INSERT INTO licenses (id, ticket, customer, order_id, position, definition, quantity, generation, fresh, carried,
                activating, active, being_returned, withdrawn, withdrawn_carried, assigned, replaces, replaced_by,
                wanted_back, created_at, version)
             VALUES ($1, $2, (SELECT customer FROM tickets WHERE id = $2), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                $13, $14, $15, $16, $17, $18, $19, 1)",
            values![
                line.id.0.to_vec(),
                line.ticket.0.to_vec(),
                line.order.as_str().to_owned(),
                small(line.position),
                definition,
                small(line.quantity),
                small(line.generation),
                small(ledger.fresh),
                document::write_shares(&ledger.carried),
                small(ledger.activating),
                small(ledger.active),
                small(ledger.returning),
                small(ledger.withdrawn()),
                document::write_shares(&ledger.withdrawn_carried),
                line.assigned.map(serial_number),
                line.replaces.map(|id| id.0.to_vec()),
                line.replaced_by.map(|id| id.0.to_vec()),
                line.wanted_back,
                secs(line.created_at),
            ],
        );
    }

    fn update_license(&mut self, line: &LicenseLine) {
        let ledger = &line.ledger;
        self.execute(
            must_hit!(
                "UPDATE licenses SET quantity = $1, generation = $2, fresh = $3, carried = $4, activating = $5,
                    active = $6, being_returned = $7, withdrawn = $8, withdrawn_carried = $9, assigned = $10,
                    replaced_by = $11, wanted_back = $12, version = version + 1 WHERE id = $13 AND version = $14"
            ),
            values![
                small(line.quantity),
                small(line.generation),
                small(ledger.fresh),
                document::write_shares(&ledger.carried),
                small(ledger.activating),
                small(ledger.active),
                small(ledger.returning),
                small(ledger.withdrawn()),
                document::write_shares(&ledger.withdrawn_carried),
                line.assigned.map(serial_number),
                line.replaced_by.map(|id| id.0.to_vec()),
                line.wanted_back,
                line.id.0.to_vec(),
                signed(line.version),
            ],
        );
    }

    fn update_activation(&mut self, activation: &Activation) {
        let (state, remainder) = (StateColumns::of(activation.state), &activation.remainder);
        self.execute(
            must_hit!(
                "UPDATE activations SET entry = $1, quantity = $2, units = $3, expires = $4, maintenance_until = $5,
                    usage_started = $6, added_uses = $7, feature_map = $8, state = $9, step = $10, activated_at = $11,
                    ended_at = $12, proof = $13, withdraw = $14, update_effect = $15, version = version + 1
                 WHERE id = $16 AND version = $17"
            ),
            values![
                activation.entry.0.to_vec(),
                small(activation.quantity),
                remainder.units.map(signed),
                remainder.expires.map(secs),
                remainder.maintenance_until.map(secs),
                remainder.usage_started.map(secs),
                signed(remainder.added_uses),
                remainder.feature_map.map(small),
                activation.state.name(),
                state.step.map(|digest| digest.to_vec()),
                state.activated_at,
                state.ended_at,
                state.proof.map(|digest| digest.to_vec()),
                activation.withdraw,
                activation.update.as_ref().map(document::write_update),
                activation.id.0.to_vec(),
                signed(activation.version),
            ],
        );
    }

    fn insert_activation(&mut self, activation: &Activation) {
        let (state, remainder) = (StateColumns::of(activation.state), &activation.remainder);
        self.execute(
            "INSERT INTO activations (id, license, ticket, container, firm_code, entry, generation, quantity, units,
                expires, maintenance_until, usage_started, added_uses, feature_map, state, step, activated_at, ended_at,
                proof, withdraw, update_effect, created_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                $22, 1)",
            values![
                activation.id.0.to_vec(),
                activation.license.0.to_vec(),
                activation.ticket.0.to_vec(),
                serial_number(activation.container),
                code(activation.firm_code),
                activation.entry.0.to_vec(),
                small(activation.generation),
                small(activation.quantity),
                remainder.units.map(signed),
                remainder.expires.map(secs),
                remainder.maintenance_until.map(secs),
                remainder.usage_started.map(secs),
                signed(remainder.added_uses),
                remainder.feature_map.map(small),
                activation.state.name(),
                state.step.map(|digest| digest.to_vec()),
                state.activated_at,
                state.ended_at,
                state.proof.map(|digest| digest.to_vec()),
                activation.withdraw,
                activation.update.as_ref().map(document::write_update),
                secs(activation.created_at),
            ],
        );
    }

    fn put_container(&mut self, container: &ContainerRecord) {
        let (serial, status) = (serial_number(container.serial), container.status.name());
        if container.version > 0 {
            let sql = must_hit!(
                "UPDATE containers SET status = $1, version = version + 1 WHERE serial = $2 AND version = $3"
            );
            return self.execute(sql, values![status, serial, signed(container.version)]);
        }
        self.execute(
            "INSERT INTO containers (serial, identity_key, sealing_key, test_host, status, registered_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, 1)",
            values![
                serial,
                container.identity_key.bytes().to_vec(),
                container.sealing_key.0.to_vec(),
                container.test_host,
                status,
                secs(container.registered_at),
            ],
        );
    }

    fn put_firm(&mut self, firm: &FirmRecord) {
        let last = firm.last_context.as_ref();
        let values = values![
            signed(firm.confirmed.counter),
            firm.confirmed.digest.to_vec(),
            last.map(|l| signed(l.sequence)),
            last.map(|l| secs(l.certified_time)),
            last.map(|l| secs(l.box_time)),
            last.map(|l| l.hash.to_vec()),
            last.map(|l| secs(l.seen_at)),
            last.map(|l| small(l.free_products)),
            last.map(|l| document::write_traits(&l.traits)),
            firm.resync,
            serial_number(firm.serial),
            code(firm.firm_code),
            signed(firm.version),
        ];
        let sql = if firm.version > 0 {
            must_hit!(
                "UPDATE firms SET confirmed_counter = $1, confirmed_digest = $2, last_sequence = $3,
                    last_certified = $4, last_box_time = $5, last_hash = $6, last_seen_at = $7, last_free = $8,
                    last_traits = $9, resync = $10, version = version + 1
                 WHERE serial = $11 AND firm_code = $12 AND version = $13"
            )
        } else {
            "INSERT INTO firms (confirmed_counter, confirmed_digest, last_sequence, last_certified, last_box_time,
                last_hash, last_seen_at, last_free, last_traits, resync, serial, firm_code, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1 + $13::bigint)"
        };
        self.execute(sql, values);
    }

    fn insert_step(&mut self, serial: ContainerSerial, firm_code: FirmCode, step: &PendingStep) {
        self.execute(
            "INSERT INTO steps (id, serial, firm_code, before_counter, before_digest, after_digest, bytes, issued_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                step.id.0.to_vec(),
                serial_number(serial),
                code(firm_code),
                signed(step.before.counter),
                step.before.digest.to_vec(),
                step.after.digest.to_vec(),
                step.bytes.clone(),
                secs(step.issued_at),
            ],
        );
    }

    fn put_token(&mut self, token: &ApiToken) {
        let (roles, scopes) = (roles_text(&token.roles), token.scopes.as_deref().map(scopes_text));
        let (expires_at, revoked_at) = (token.expires_at.map(secs), token.revoked_at.map(secs));
        let (hash, certificate) = (token.hash.to_vec(), token.certificate.map(|hash| hash.to_vec()));
        if token.version > 0 {
            let sql = must_hit!(
                "UPDATE tokens SET roles = $1, scopes = $2, expires_at = $3, revoked_at = $4, version = version + 1
                 WHERE hash = $5 AND version = $6"
            );
            return self
                .execute(sql, values![roles, scopes, expires_at, revoked_at, hash, signed(token.version)]);
        }
        self.execute(
            "INSERT INTO tokens (hash, name, roles, scopes, certificate, created_at, expires_at, revoked_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)",
            values![hash, token.name.clone(), roles, scopes, certificate, secs(token.created_at), expires_at, revoked_at],
        );
    }

    fn keep_receipt(&mut self, receipt: &Receipt) {
        self.execute(
            "INSERT INTO receipts (hash, serial, firm_code, counter, digest, bytes, received_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            values![
                receipt.hash.to_vec(),
                serial_number(receipt.serial),
                code(receipt.firm_code),
                signed(receipt.link.counter),
                receipt.link.digest.to_vec(),
                receipt.bytes.clone(),
                secs(receipt.received_at),
            ],
        );
    }

    fn insert_event(&mut self, event: &Event) {
        self.execute(
            "INSERT INTO events (at, action, outcome, actor, origin, ticket, license, container, firm_code, quantity,
                proof, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            values![
                secs(event.at),
                event.action.name(),
                event.outcome.clone(),
                event.actor.name.clone(),
                event.actor.origin.clone(),
                event.ticket.map(|id| id.0.to_vec()),
                event.license.map(|id| id.0.to_vec()),
                event.container.map(serial_number),
                event.firm_code.map(code),
                event.quantity.map(small),
                event.proof.map(|proof| proof.to_vec()),
                event.detail.clone(),
            ],
        );
    }
}

const fn code(firm_code: FirmCode) -> i64 {
    firm_code.get() as i64
}

fn small(number: u32) -> i64 {
    i64::from(number)
}
