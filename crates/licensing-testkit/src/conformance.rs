//! The conformance suite of the storage port: every driver passes all of it, on a real database.
//!
//! [`conformance_tests`](crate::conformance_tests) makes a `#[test]` of each check for a driver.

mod concurrency;
mod contract;
mod decisions;
mod facts;
mod life;
mod lists;
mod records;
mod search;
mod snapshots;
mod users;
pub(crate) mod webhooks;

pub use concurrency::{one_winner_of_one_unit, sixty_four_writers_lose_nothing};
pub use contract::{
    a_change_set_is_all_or_nothing, a_request_is_answered_once, absent_is_none, events_come_in_commit_order,
    inserting_twice_conflicts, pages_are_complete_and_in_order, stale_versions_conflict, tokens_are_kept,
    what_is_stored_is_read_back,
};
pub use decisions::{
    approvals_are_kept, pre_activations_are_converted_once, reconciling_is_kept, the_blacklist_is_numbered,
    versions_of_the_blacklist_have_no_gaps,
};
pub use facts::{
    a_noted_context_stays, a_settled_transfer_is_stored, an_indivisible_line_loads_what_is_elsewhere,
    facts_hold_what_a_decision_needs, pending_steps_come_in_order, together_loads_what_is_elsewhere,
};
pub use life::{
    an_activation_changes, books_of_firm_items_come_in_pages, competing_steps_are_told_apart,
    contexts_are_forgotten, lines_beyond_the_ticket_are_loaded, live_of_a_license_is_found,
    what_is_elsewhere_is_loaded, withdrawn_and_replaced_lines_come_back,
};
pub use lists::{
    containers_come_in_pages, events_are_filtered, every_state_of_a_license_is_found,
    items_are_found_by_their_beginning, license_lines_are_found, orders_come_in_pages,
    pages_hold_while_rows_are_added, unfinished_transfers_come_oldest_first,
};
pub use records::{
    activations_come_back_in_every_state, containers_and_events_come_back, every_key_is_unique,
    every_versioned_record_keeps_its_version, lines_come_in_order,
};
pub use search::{everything_is_found_by_its_id, what_happened_is_counted_by_day, what_is_open_is_counted};
pub use snapshots::{
    a_conflict_takes_nothing_from_its_neighbours, equal_requests_at_once_are_answered_once,
    facts_are_one_snapshot, following_the_events_misses_none,
};
pub use users::{held_orders_are_kept, ordered_is_kept, sessions_are_kept, users_are_kept};
pub use webhooks::{
    activations_are_counted, events_are_put_aside, the_newest_event_is_known, webhooks_are_kept,
};

use std::sync::Arc;

use futures_executor::block_on;
use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::format::context::VerifiedContext;
use licensing_core::ids::{LicenseId, TicketId};
use licensing_core::item::ItemPolicy;
use licensing_core::license::{LicenseLine, NewLine};
use licensing_core::order::StoredCode;
use licensing_core::terms::LicenseTerms;
use licensing_core::ticket::Ticket;
use licensing_core::work::{Decline, Plan, ServerRules, Settled, Work};
use licensing_store::{CommitError, FactsQuery, Store};

use crate::server::{NOW, actor, definition};

/// A store under test.
pub type Subject = Arc<dyn Store>;

/// Makes a test of every check. `$make` is an expression that gives a fresh, empty [`Subject`] and whatever must
/// live as long as it, as a pair.
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests!(@each $make;
            absent_is_none, what_is_stored_is_read_back, inserting_twice_conflicts, stale_versions_conflict,
            a_change_set_is_all_or_nothing, a_request_is_answered_once, events_come_in_commit_order,
            pages_are_complete_and_in_order, tokens_are_kept, facts_hold_what_a_decision_needs,
            pending_steps_come_in_order, together_loads_what_is_elsewhere, sixty_four_writers_lose_nothing,
            one_winner_of_one_unit, activations_come_back_in_every_state, containers_and_events_come_back,
            every_versioned_record_keeps_its_version, every_key_is_unique, containers_come_in_pages,
            lines_come_in_order, equal_requests_at_once_are_answered_once,
            a_conflict_takes_nothing_from_its_neighbours, following_the_events_misses_none,
            facts_are_one_snapshot, an_indivisible_line_loads_what_is_elsewhere, a_settled_transfer_is_stored,
            a_noted_context_stays, approvals_are_kept, the_blacklist_is_numbered, versions_of_the_blacklist_have_no_gaps, pre_activations_are_converted_once, reconciling_is_kept, competing_steps_are_told_apart, contexts_are_forgotten, live_of_a_license_is_found, an_activation_changes, withdrawn_and_replaced_lines_come_back, license_lines_are_found, books_of_firm_items_come_in_pages, lines_beyond_the_ticket_are_loaded, what_is_elsewhere_is_loaded, every_state_of_a_license_is_found, events_are_filtered,
            items_are_found_by_their_beginning, orders_come_in_pages, pages_hold_while_rows_are_added,
            unfinished_transfers_come_oldest_first, everything_is_found_by_its_id,
            what_happened_is_counted_by_day, what_is_open_is_counted,
            users_are_kept, sessions_are_kept, held_orders_are_kept, ordered_is_kept,
            webhooks_are_kept, events_are_put_aside, the_newest_event_is_known, activations_are_counted);
    };
    (@each $make:expr; $($check:ident),+) => {
        $(#[test]
        fn $check() {
            let (store, _keep) = $make;
            $crate::conformance::$check(store);
        })+
    };
}

/// A ticket with one license line, stored; versions as the store gives them.
pub(crate) fn order(store: &Subject, number: u8, quantity: u32, together: bool) -> (TicketId, LicenseId) {
    let (changes, ticket, line) = order_changes(number, quantity, together);
    block_on(store.commit(changes)).expect("an order");
    (ticket, line)
}

pub(crate) fn order_changes(number: u8, quantity: u32, together: bool) -> (ChangeSet, TicketId, LicenseId) {
    let id = TicketId([number; 16]);
    let ticket = Ticket { id, customer: None, together, created_at: NOW };
    let terms = LicenseTerms { unit_counter: Some(10), ..LicenseTerms::default() };
    let definition = definition(&format!("SNP-{number}"), terms, ItemPolicy::default());
    let new = NewLine {
        id: LicenseId([number; 16]),
        ticket: id,
        order: licensing_core::ids::OrderId::new(format!("O-{number}")).expect("an order id"),
        position: 0,
        item: definition,
        quantity,
        assigned: None,
    };
    let line = LicenseLine::new(new, NOW);
    let license = line.id;
    let mut changes = ChangeSet::default();
    let code = StoredCode { lookup: [number; 32], sealed: vec![number; 40] };
    changes.push(Change::InsertTicket { ticket, code });
    changes.push(Change::InsertLicense(line));
    (changes, id, license)
}

/// One request of a container through the real core and the store; a conflict is decided again.
pub(crate) fn request(
    store: &Subject,
    context: &[u8],
    ticket: Option<TicketId>,
    user: impl Fn(&mut Work, &Settled) -> Result<Option<Plan>, Decline>,
) -> Result<Option<Plan>, Decline> {
    let verified = VerifiedContext::verify(context, &[]).expect("an honest context");
    let query = FactsQuery {
        ticket,
        serial: verified.serial(),
        firm_code: verified.firm_code(),
        sequence: verified.body().sequence,
        named: verified.body().products.iter().map(|product| product.license).collect(),
        elsewhere: false,
        old: None,
    };
    // More rounds than there are ever writers: each conflict means that another one got through.
    for _ in 0..1_000 {
        let facts = block_on(store.facts(query.clone())).expect("facts");
        let rules = ServerRules { accept_test_containers: true, ..ServerRules::default() };
        let mut work = Work::new(facts, rules, actor(), NOW);
        let outcome = work.settle(&verified, context).and_then(|settled| user(&mut work, &settled));
        match block_on(store.commit(work.finish())) {
            Ok(()) => return outcome,
            Err(CommitError::Conflict) => {}
            Err(error) => unreachable!("{error}"),
        }
    }
    unreachable!("conflicts without end")
}

pub(crate) use crate::server::PROOFS;
