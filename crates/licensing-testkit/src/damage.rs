//! Damaged content: a value that cannot be read is named, and never passes for absence. The list of damages for the
//! drivers' tests, which know how to do them.

use futures_executor::block_on;
use licensing_core::approval::{Approval, ApprovalKind, ApprovalState};
use licensing_core::blacklist::BlacklistEntry;
use licensing_core::changeset::{Change, ChangeSet, Receipt, RequestRecord};
use licensing_core::container::{ContainerRecord, ContainerStatus, FirmRecord};
use licensing_core::crypto::seal::SealingPublicKey;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::event::{Action, Event};
use licensing_core::four_eyes::{HeldOrder, HeldState, Ordered};
use licensing_core::ids::{
    ApprovalId, ContainerKind, ContainerSerial, ItemId, LicenseId, OrderId, PreActivationId, Text, TicketId,
};
use licensing_core::item::{Item, ItemPolicy};
use licensing_core::license::{LicenseLine, NewLine};
use licensing_core::order::{Order, OrderLine, StoredCode};
use licensing_core::preactivation::PreActivation;
use licensing_core::step::ChainLink;
use licensing_core::terms::LicenseTerms;
use licensing_core::ticket::Ticket;
use licensing_core::token::{ApiToken, Permission, Role};
use licensing_core::user::session::{Session, Stage};
use licensing_core::user::{PasswordHash, SecondFactor, User, UserName};
use licensing_core::webhook::Progress;
use licensing_core::work::{ProofMaster, ServerRules, Work};
use licensing_store::{
    ApprovalQuery, ContainerQuery, EventQuery, FactsQuery, ItemQuery, LicenseQuery, OrderQuery, ParkedQuery,
    Store, StoreError, TransferQuery,
};

use crate::TestEntropy;
use crate::conformance::webhooks::{parked, webhook};
use crate::server::{NOW, Server, actor, definition, firm};

/// The only ticket.
pub const TICKET: TicketId = TicketId([1; 16]);
/// The only license.
pub const LICENSE: LicenseId = LicenseId([1; 16]);

const APPROVAL: ApprovalId = ApprovalId([1; 16]);
const PRE_ACTIVATION: PreActivationId = PreActivationId([1; 16]);

/// The only user.
fn user_name() -> UserName {
    UserName::new("a").expect("plain data")
}

/// The container a receipt was kept of; it is on the blacklist.
fn listed() -> ContainerSerial {
    ContainerSerial::new(ContainerKind::Act, 1).expect("plain data")
}

/// Fills an empty database with one of everything; gives the container.
pub fn one_of_everything(store: &dyn Store) -> ContainerSerial {
    let definition = definition("SNP", LicenseTerms::default(), ItemPolicy::default());
    let item = Item { definition, created_at: NOW, version: 0 };
    let order = OrderId::new("O").expect("plain data");
    let mut changes = ChangeSet::default();
    changes.push(Change::PutItem(item.clone()));
    let ticket = Ticket { id: TICKET, customer: None, together: true, created_at: NOW };
    let code = StoredCode { lookup: [1; 32], sealed: vec![1] };
    changes.push(Change::InsertTicket { ticket, code });
    let line = NewLine {
        id: LICENSE,
        ticket: TICKET,
        order: order.clone(),
        position: 0,
        item: item.definition,
        quantity: 5,
        assigned: None,
    };
    changes.push(Change::InsertLicense(LicenseLine::new(line, NOW)));
    let comment = Text::new("").expect("plain data");
    let placed =
        Order { id: order, customer: None, comment, ticket: TICKET, content: [1; 32], created_at: NOW };
    changes.push(Change::InsertOrder(placed));
    changes.push(Change::PutToken(ApiToken {
        hash: [1; 32],
        name: "erp".to_owned(),
        roles: vec![Role::Sales],
        scopes: Some(vec![Permission::OrderWrite]),
        certificate: Some([7; 32]),
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
        version: 0,
    }));
    changes.request = Some(RequestRecord { key: [1; 32], fingerprint: [1; 32], response: vec![1], at: NOW });
    changes.events.push(Event::new(Action::ItemCreated, &actor(), NOW));
    block_on(store.commit(changes)).expect("plain data");

    let mut server = Server::new(1);
    let mut device = server.device(ContainerKind::Act);
    let context = server.context(&mut device);
    let verified =
        licensing_core::format::context::VerifiedContext::verify(&context, &[]).expect("plain data");
    let facts = block_on(store.facts(query(device.serial))).expect("plain data");
    let rules = ServerRules { accept_test_containers: true, ..ServerRules::default() };
    let mut work = Work::new(facts, rules, actor(), NOW);
    let settled = work.settle(&verified, &context).expect("plain data");
    let proofs = ProofMaster([9; 32]);
    work.activate(&settled, &[(LICENSE, Some(2))], &proofs, &mut TestEntropy::new(1)).expect("plain data");
    block_on(store.commit(work.finish())).expect("plain data");
    block_on(store.commit(decided())).expect("plain data");
    device.serial
}

/// What the vendor has decided, and a container with a receipt.
fn decided() -> ChangeSet {
    let text = |text: &str| Text::new(text).expect("plain data");
    let confirmed = ChainLink { counter: 1, digest: [1; 32] };
    let mut changes = ChangeSet::default();
    changes.push(Change::PutContainer(ContainerRecord {
        serial: listed(),
        identity_key: PublicKey::from_trusted([3; 32]),
        sealing_key: SealingPublicKey([4; 32]),
        test_host: true,
        status: ContainerStatus::Blacklisted,
        registered_at: NOW,
        version: 0,
    }));
    let (version, serial, listed_at, reason) = (1, listed(), NOW, text("stolen"));
    changes.push(Change::InsertBlacklisted(BlacklistEntry { version, serial, listed_at, reason }));
    let identity = PublicKey::from_trusted([3; 32]);
    changes.push(Change::PutFirm(FirmRecord { confirmed, ..FirmRecord::begin(serial, firm(), &identity) }));
    changes.push(Change::KeepReceipt(Receipt {
        hash: [1; 32],
        serial,
        firm_code: firm(),
        link: confirmed,
        bytes: vec![1],
        received_at: NOW,
    }));
    changes.push(Change::PutApproval(Approval {
        id: APPROVAL,
        kind: ApprovalKind::Return,
        license: LICENSE,
        ticket: TICKET,
        container: serial,
        firm_code: firm(),
        state: ApprovalState::Pending,
        first_grant_by: None,
        reason: text(""),
        requested_at: NOW,
        version: 0,
    }));
    changes.push(Change::PutPreActivation(PreActivation {
        id: PRE_ACTIVATION,
        ticket: TICKET,
        quantity: 1,
        conversions: 2,
        converted: 1,
        created_at: NOW,
        version: 0,
    }));
    changes.push(Change::InsertConversion { id: PRE_ACTIVATION, serial });
    changes.push(Change::SetReconciling(Some(NOW)));
    let item = ItemId::new("SNP").expect("plain data");
    changes.push(Change::PutOrdered(Ordered::none("erp".to_owned(), item).with(5, 60, NOW)));
    changes.push(Change::PutHeldOrder(HeldOrder {
        id: OrderId::new("H").expect("plain data"),
        content: [1; 32],
        customer: None,
        lines: vec![OrderLine { item: ItemId::new("SNP").expect("plain data"), quantity: 5 }],
        asked_by: "erp".to_owned(),
        asked_at: NOW,
        state: HeldState::Denied { by: "user:a".to_owned(), at: NOW },
        version: 0,
    }));
    let factor = SecondFactor { sealed: vec![1], confirmed: true, last_step: 1, recovery: vec![[1; 32]] };
    let user = User::new(user_name(), vec![Role::Admin], PasswordHash::new("phc".into()), false, NOW);
    changes.push(Change::PutUser(User { second_factor: Some(factor), ..user }));
    changes.push(Change::InsertSession(Session {
        hash: [1; 32],
        user: user_name(),
        stage: Stage::Full,
        created_at: NOW,
        last_seen: NOW,
        expires_at: NOW.plus_days(1),
        origin: None,
        agent: String::new(),
    }));
    let (month, shard, limit, told) = (202_611, 0, None, false);
    changes.push(Change::CountActivations { month, shard, count: 1, limit, told });
    changes.push(Change::PutWebhook(webhook("erp", 0)));
    changes.push(Change::PutProgress(Progress::new("erp".to_owned(), 1)));
    changes.push(Change::Park(parked("erp", 1)));
    changes
}

/// What a transfer decision about all of it needs.
pub fn query(serial: ContainerSerial) -> FactsQuery {
    let (named, elsewhere, old) = (vec![], false, None);
    FactsQuery { ticket: Some(TICKET), serial, firm_code: firm(), sequence: 1, named, elsewhere, old }
}

/// What a read answers, as text.
pub type Read = fn(&dyn Store, ContainerSerial) -> Result<String, StoreError>;

fn text<T: std::fmt::Debug>(value: T) -> String {
    format!("{value:?}")
}

/// Every read, by name.
pub const READS: [(&str, Read); 36] = [
    ("facts", |store, serial| block_on(store.facts(query(serial))).map(text)),
    ("license", |store, _| block_on(store.license(LICENSE)).map(text)),
    ("lines_of_ticket", |store, _| block_on(store.lines_of_ticket(TICKET)).map(text)),
    ("ticket_contents", |store, _| block_on(store.ticket_contents(TICKET, 9)).map(text)),
    ("items", |store, _| block_on(store.items(vec![ItemId::new("SNP").expect("plain data")])).map(text)),
    ("list_items", |store, _| {
        block_on(store.list_items(ItemQuery { limit: 9, ..ItemQuery::default() })).map(text)
    }),
    ("list_containers", |store, _| {
        block_on(store.list_containers(ContainerQuery { limit: 9, ..ContainerQuery::default() })).map(text)
    }),
    ("find_orders", |store, _| {
        block_on(store.find_orders(OrderQuery { limit: 9, ..OrderQuery::default() })).map(text)
    }),
    ("unfinished_transfers", |store, _| {
        block_on(store.unfinished_transfers(TransferQuery { limit: 9, ..TransferQuery::default() })).map(text)
    }),
    ("ticket", |store, _| block_on(store.ticket(TICKET)).map(text)),
    ("order", |store, _| block_on(store.order(OrderId::new("O").expect("plain data"))).map(text)),
    ("container", |store, serial| block_on(store.container(serial)).map(text)),
    ("firms_of_container", |store, serial| block_on(store.firms_of_container(serial)).map(text)),
    ("token", |store, _| block_on(store.token([1; 32])).map(text)),
    ("held_order", |store, _| block_on(store.held_order(OrderId::new("H").expect("plain data"))).map(text)),
    ("held_orders", |store, _| block_on(store.held_orders(false, None, 9)).map(text)),
    ("user", |store, _| block_on(store.user(user_name())).map(text)),
    ("list_users", |store, _| block_on(store.list_users(None, 9)).map(text)),
    ("session", |store, _| block_on(store.session([1; 32])).map(text)),
    ("sessions_of", |store, _| block_on(store.sessions_of(user_name())).map(text)),
    ("events", |store, _| block_on(store.events(EventQuery { limit: 9, ..EventQuery::default() })).map(text)),
    ("receipt", |store, _| block_on(store.receipt([1; 32])).map(text)),
    ("answered", |store, _| block_on(store.answered([1; 32])).map(text)),
    ("live_of_license", |store, _| block_on(store.live_of_license(LICENSE)).map(text)),
    ("find_licenses", |store, _| {
        block_on(store.find_licenses(LicenseQuery { limit: 9, ..LicenseQuery::default() })).map(text)
    }),
    ("find_item", |store, _| {
        let item = Some(ItemId::new("SNP").expect("plain data"));
        block_on(store.find_licenses(LicenseQuery { item, limit: 9, ..LicenseQuery::default() })).map(text)
    }),
    ("approval", |store, _| block_on(store.approval(APPROVAL)).map(text)),
    ("approvals", |store, _| {
        block_on(store.approvals(ApprovalQuery { limit: 9, ..ApprovalQuery::default() })).map(text)
    }),
    ("blacklist", |store, _| block_on(store.blacklist(0, 9)).map(text)),
    ("blacklist_version", |store, _| block_on(store.blacklist_version()).map(text)),
    ("preactivation", |store, _| block_on(store.preactivation(PRE_ACTIVATION, listed())).map(text)),
    ("reconciling", |store, _| block_on(store.reconciling()).map(text)),
    ("usage", |store, _| block_on(store.usage(202_611)).map(text)),
    ("webhooks", |store, _| block_on(store.webhooks()).map(text)),
    ("parked", |store, _| {
        let webhook = "erp".to_owned();
        block_on(store.parked(ParkedQuery { webhook, dead: false, after: 0, limit: 9 })).map(text)
    }),
    ("firm_books", |store, _| block_on(store.firm_books(None, 9)).map(text)),
];

/// What is damaged, in SQL that both dialects have (byte strings are written `{00}`), and which read must name it how:
/// the read, the table, the column.
pub const DAMAGES: [(&str, &str, &str, &str); 71] = [
    ("UPDATE licenses SET carried = '[{'", "license", "licenses", "carried"),
    ("UPDATE licenses SET ticket = {00}", "license", "licenses", "ticket"),
    ("UPDATE licenses SET order_id = ''", "lines_of_ticket", "licenses", "order_id"),
    ("UPDATE licenses SET fresh = 4294967296", "facts", "licenses", "fresh"),
    ("UPDATE licenses SET version = -1", "license", "licenses", "version"),
    ("UPDATE definitions SET document = '[]'", "license", "licenses", "document"),
    ("UPDATE definitions SET document = '[]'", "list_items", "items", "document"),
    ("DELETE FROM definitions", "license", "licenses", "document"),
    ("DELETE FROM definitions", "facts", "licenses", "document"),
    ("DELETE FROM definitions", "items", "items", "document"),
    ("DELETE FROM licenses", "facts", "activations", "license"),
    ("UPDATE activations SET state = 'gone'", "ticket_contents", "activations", "state"),
    ("UPDATE activations SET state = 'active'", "ticket_contents", "activations", "activated_at"),
    ("UPDATE activations SET container = 7", "ticket_contents", "activations", "container"),
    ("UPDATE activations SET firm_code = 0", "ticket_contents", "activations", "firm_code"),
    ("UPDATE tickets SET customer = ''", "ticket", "tickets", "customer"),
    ("UPDATE orders SET content = {}", "order", "orders", "content"),
    ("UPDATE orders SET comment = '\u{7}'", "find_orders", "orders", "comment"),
    ("UPDATE containers SET status = ''", "list_containers", "containers", "status"),
    ("DELETE FROM definitions", "unfinished_transfers", "activations", "document"),
    ("DELETE FROM steps", "unfinished_transfers", "activations", "issued_at"),
    ("UPDATE licenses SET order_id = ''", "unfinished_transfers", "activations", "order_id"),
    ("UPDATE containers SET status = ''", "facts", "containers", "status"),
    ("UPDATE containers SET sealing_key = {01}", "container", "containers", "sealing_key"),
    ("UPDATE firms SET last_hash = NULL", "firms_of_container", "firms", "last_hash"),
    ("UPDATE firms SET last_box_time = NULL", "facts", "firms", "last_box_time"),
    ("UPDATE steps SET after_digest = {00}", "facts", "steps", "after_digest"),
    ("UPDATE contexts SET hash = {00}", "facts", "contexts", "hash"),
    ("UPDATE tokens SET roles = 'king'", "token", "tokens", "roles"),
    ("UPDATE tokens SET scopes = 'all'", "token", "tokens", "scopes"),
    ("UPDATE held_orders SET state = 'x'", "held_order", "held_orders", "state"),
    ("UPDATE held_orders SET order_lines = 'x'", "held_orders", "held_orders", "order_lines"),
    ("UPDATE held_orders SET decided_by = NULL", "held_order", "held_orders", "decided_by"),
    ("UPDATE users SET roles = 'king'", "user", "users", "roles"),
    ("UPDATE users SET recovery = {00}", "session", "sessions", "recovery"),
    ("UPDATE users SET failures = -1", "list_users", "users", "failures"),
    ("UPDATE sessions SET stage = 'x'", "session", "sessions", "stage"),
    ("UPDATE sessions SET ends_at = -1", "sessions_of", "sessions", "ends_at"),
    ("UPDATE users SET factor_step = -1", "user", "users", "factor_step"),
    ("UPDATE events SET action = 'x'", "events", "events", "action"),
    ("UPDATE receipts SET digest = {00}", "receipt", "receipts", "digest"),
    ("UPDATE requests SET fingerprint = {00}", "answered", "requests", "fingerprint"),
    ("DELETE FROM definitions", "find_item", "licenses", "document"),
    ("UPDATE definitions SET document = '[]'", "find_item", "licenses", "document"),
    ("UPDATE definitions SET document = '[{'", "find_item", "licenses", "document"),
    ("UPDATE licenses SET withdrawn_carried = '[{'", "license", "licenses", "withdrawn_carried"),
    ("UPDATE licenses SET withdrawn_carried = '[{\"quantity\":1}]'", "license", "licenses", "withdrawn"),
    ("UPDATE licenses SET assigned = 7", "find_licenses", "licenses", "assigned"),
    ("UPDATE licenses SET replaces = {00}", "license", "licenses", "replaces"),
    ("UPDATE licenses SET replaced_by = {00}", "facts", "licenses", "replaced_by"),
    ("UPDATE licenses SET customer = ''", "find_licenses", "licenses", "customer"),
    ("UPDATE firms SET last_free = -1", "facts", "firms", "last_free"),
    ("UPDATE firms SET last_traits = {00}", "firms_of_container", "firms", "last_traits"),
    ("UPDATE activations SET added_uses = -1", "live_of_license", "activations", "added_uses"),
    ("UPDATE activations SET feature_map = -1", "facts", "activations", "feature_map"),
    ("UPDATE activations SET update_effect = '{'", "live_of_license", "activations", "update_effect"),
    ("UPDATE approvals SET kind = ''", "approval", "approvals", "kind"),
    ("UPDATE approvals SET state = 'x'", "facts", "approvals", "state"),
    ("UPDATE approvals SET state = 'granted'", "approvals", "approvals", "decided_at"),
    ("UPDATE blacklist SET serial = 7", "blacklist", "blacklist", "serial"),
    ("UPDATE blacklist SET version = -1", "blacklist_version", "blacklist", "version"),
    ("UPDATE preactivations SET ticket = {00}", "preactivation", "preactivations", "ticket"),
    ("UPDATE preactivations SET converted = -1", "preactivation", "preactivations", "converted"),
    ("UPDATE server_state SET reconciling = -1", "facts", "server_state", "reconciling"),
    ("DELETE FROM server_state", "reconciling", "server_state", "reconciling"),
    ("UPDATE receipts SET bytes = {}, hash = {00}", "firm_books", "receipts", "hash"),
    ("UPDATE webhooks SET actions = 'x'", "webhooks", "webhooks", "actions"),
    ("UPDATE webhooks SET disabled_at = 1", "webhooks", "webhooks", "disabled_at"),
    ("UPDATE webhook_progress SET lease = {00}", "webhooks", "webhooks", "lease"),
    ("DELETE FROM webhook_progress", "webhooks", "webhooks", "reached"),
    ("UPDATE webhook_parked SET attempts = -1", "parked", "webhook_parked", "attempts"),
];

const LEDGER: &str = "license: the ledger differs from the activations";
const TOTAL: &str = "license: the parts do not add up to the quantity";
const WITHDRAWN: &str = "license: more was withdrawn after an activation than at all";
const WAITING: &str = "activation: waits for a step that is not unproven";
const UNPROVEN: &str = "container: no receipt proves the place that is taken as proven";
const BRANCH: &str = "container: an unproven step begins nowhere";
const LISTED: &str = "container: status and blacklist differ";
const HISTORY: &str = "container: a proven step begins nowhere";
const BOTH: &str = "container: a step is proven both to have been applied and not to have been";
const STEP_PROOF: &str = "container: no receipt proves what became of a step";
const PROOF: &str = "activation: no receipt proves its state";
const IDLE: &str = "activation: state and pending step differ";
const GENERATION: &str = "activation: of another ticket, or of a generation its license never had";
const CUSTOMER: &str = "license: listed under another customer than its ticket";
const REPLACED: &str = "license: it and its replacement do not name each other";
const SUPERSEDED: &str = "activation: given up for lost in a container that was not shut out";
const TOLD: &str = "webhook: what it is still to be told is not known, or beyond the events";
const STEP: &str = "container: a step is not what its place in the chain says";

/// What is done to the books, one after the other, and what an audit must complain of after it.
pub const BOOKS: [(&str, &[&str]); 33] = [
    ("UPDATE licenses SET fresh = 3", &[]),
    ("UPDATE licenses SET fresh = 4", &[TOTAL]),
    ("UPDATE licenses SET fresh = 2, activating = 3", &[LEDGER]),
    ("UPDATE licenses SET fresh = 3, activating = 2", &[]),
    ("UPDATE activations SET quantity = 1", &[LEDGER]),
    ("UPDATE licenses SET fresh = 0, carried = '[{\"quantity\":3}]', activating = 1, active = 1", &[LEDGER]),
    ("UPDATE licenses SET fresh = 1, active = 0", &[]),
    ("UPDATE licenses SET fresh = 0, withdrawn = 1", &[]),
    ("UPDATE licenses SET withdrawn_carried = '[{\"quantity\":2}]'", &[WITHDRAWN]),
    ("UPDATE licenses SET withdrawn_carried = '[{\"quantity\":1}]'", &[]),
    ("UPDATE steps SET settled_at = 1", &[WAITING, STEP_PROOF]),
    ("UPDATE steps SET dropped_at = 1", &[WAITING, BOTH, STEP_PROOF]),
    ("UPDATE steps SET dropped_at = NULL, before_counter = 1", &[WAITING, HISTORY, STEP_PROOF, STEP]),
    ("UPDATE steps SET settled_at = NULL, before_counter = 0", &[]),
    ("UPDATE steps SET before_digest = id", &[BRANCH, STEP]),
    (
        "UPDATE steps SET before_digest = (SELECT confirmed_digest FROM firms f WHERE f.serial = steps.serial)",
        &[],
    ),
    ("UPDATE activations SET state = 'consumed'", &[LEDGER, PROOF, IDLE]),
    ("UPDATE activations SET state = 'superseded'", &[LEDGER, IDLE, SUPERSEDED]),
    ("UPDATE activations SET state = 'activating', generation = 9", &[GENERATION]),
    ("UPDATE activations SET generation = 0", &[]),
    ("UPDATE licenses SET customer = 'C'", &[CUSTOMER]),
    ("UPDATE licenses SET customer = NULL", &[]),
    ("UPDATE licenses SET replaced_by = id", &[REPLACED]),
    ("UPDATE licenses SET replaced_by = NULL, replaces = id", &[REPLACED]),
    ("UPDATE licenses SET replaced_by = id", &[]),
    ("UPDATE firms SET confirmed_counter = 9 WHERE confirmed_counter = 1", &[UNPROVEN]),
    ("UPDATE firms SET confirmed_counter = 1 WHERE confirmed_counter = 9", &[]),
    ("UPDATE webhook_progress SET reached = 0", &[TOLD]),
    ("UPDATE webhook_progress SET reached = 9", &[TOLD]),
    ("UPDATE webhook_progress SET reached = 1", &[]),
    ("UPDATE containers SET status = 'normal'", &[LISTED]),
    ("UPDATE containers SET status = 'blacklisted'", &[LISTED]),
    ("UPDATE licenses SET quantity = 6", &[TOTAL, LISTED]),
];

/// Whether an audit complains of exactly this.
pub fn assert_findings(store: &dyn Store, damage: &str, expected: &[&str]) {
    let findings = block_on(store.audit()).expect("an audit");
    for finding in findings.iter().filter(|finding| finding.which.starts_with("license")) {
        assert_eq!(finding.which, format!("license {LICENSE}"));
    }
    let kind = |which: &str| which.split(' ').next().unwrap_or_default().to_owned();
    let told: Vec<String> = findings.iter().map(|f| format!("{}: {}", kind(&f.which), f.what)).collect();
    assert_eq!(told, expected, "{damage}");
}
