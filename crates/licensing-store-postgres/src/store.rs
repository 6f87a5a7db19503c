//! The driver itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use licensing_core::activation::Activation;
use licensing_core::approval::Approval;
use licensing_core::blacklist::BlacklistEntry;
use licensing_core::changeset::{ChangeSet, Receipt, RequestRecord};
use licensing_core::container::{ContainerRecord, FirmRecord};
use licensing_core::crypto::digest::Digest;
use licensing_core::event::Action;
use licensing_core::four_eyes::{HeldOrder, Ordered};
use licensing_core::ids::{
    ActivationId, ApprovalId, ContainerSerial, FirmCode, ItemId, LicenseId, OrderId, PreActivationId,
    TicketId,
};
use licensing_core::item::Item;
use licensing_core::license::LicenseLine;
use licensing_core::order::{Order, StoredCode};
use licensing_core::preactivation::PreActivation;
use licensing_core::ticket::Ticket;
use licensing_core::time::Timestamp;
use licensing_core::token::ApiToken;
use licensing_core::user::session::Session;
use licensing_core::user::{User, UserName};
use licensing_core::webhook::{Parked, Progress, Webhook};
use licensing_core::work::Facts;
use licensing_store::{
    ApprovalQuery, CommitError, ContainerQuery, Counts, DayCount, EventQuery, FactsQuery, Finding, FirmBooks,
    FoundLicense, ItemQuery, LicenseQuery, Open, OrderQuery, Page, ParkedQuery, SearchHits, SearchQuery,
    Store, StoreError, StoreFuture, StoredEvent, TicketContents, TransferQuery, UnfinishedTransfer, Usage,
};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::commit::{self, Failed};
use crate::connect::{Connection, OpenError, raw};
use crate::pipeline::{Param, Step, values};
use crate::pool::Pool;
use crate::rows::{self, Reader, serial_number, signed};
use crate::settings::Settings;
use crate::tls::Tls;
use crate::{audit, events, lists, load, migrate, query, search};

/// How often a read is tried whose connection breaks.
const READ_ATTEMPTS: u32 = 3;

/// How long an audit of the whole database may take.
const AUDIT_LIMIT: Duration = Duration::from_secs(24 * 3_600);

type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failed>> + Send + 'a>>;

/// A database on a PostgreSQL server, shared by any number of processes.
pub struct PostgresStore {
    pool: Arc<Pool>,
}

impl PostgresStore {
    /// Makes the tables in an empty database and opens it. `runtime` carries the connections and must outlive the
    /// store.
    ///
    /// # Errors
    /// It holds tables of a server already, or cannot be reached or written.
    pub async fn create(settings: Settings, runtime: Handle) -> Result<Self, OpenError> {
        let tls = Tls::new(&settings)?;
        let (client, _) = raw(&settings, &tls, &runtime).await?;
        migrate::create(&client).await?;
        Self::open(settings, runtime).await
    }

    /// Opens a database of exactly the schema version this program knows.
    ///
    /// # Errors
    /// It cannot be reached ([`OpenError::Unreachable`]), or is not such a database.
    pub async fn open(settings: Settings, runtime: Handle) -> Result<Self, OpenError> {
        let store = Self::open_later(settings, runtime)?;
        store.check().await?;
        Ok(store)
    }

    /// Opens a database although it has a part in a move, which keeps every server from it: to look at a copy before
    /// it is taken into use, and to prepare the source of a move for use again.
    ///
    /// # Errors
    /// As [`PostgresStore::open`], but for the move.
    pub async fn open_despite_move(settings: Settings, runtime: Handle) -> Result<Self, OpenError> {
        let tls = Tls::new(&settings)?;
        let store = Self { pool: Pool::despite_move(settings, tls, runtime) };
        store.check().await?;
        Ok(store)
    }

    /// A store that connects when it is used: for a server that starts while its database is away. Until it is
    /// there, everything is answered with [`StoreError::Unavailable`].
    ///
    /// # Errors
    /// The trusted certificates cannot be read.
    pub fn open_later(settings: Settings, runtime: Handle) -> Result<Self, OpenError> {
        let tls = Tls::new(&settings)?;
        Ok(Self { pool: Pool::new(settings, tls, runtime) })
    }

    /// Connects once, without waiting for a database that is away.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn check(&self) -> Result<(), OpenError> {
        self.pool.get(Instant::now()).await?.give_back();
        Ok(())
    }

    /// Brings an older database up to date; gives the number of migrations applied.
    ///
    /// # Errors
    /// It has no schema, one of a newer program, or cannot be reached.
    pub async fn migrate(settings: &Settings, runtime: &Handle) -> Result<usize, OpenError> {
        let (client, _) = raw(settings, &Tls::new(settings)?, runtime).await?;
        migrate::upgrade(&client).await
    }

    /// Settings of the server with which an acknowledged commit can be lost; none on a server that is set up well.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn unsafe_settings(&self) -> StoreFuture<'_, Vec<String>> {
        self.read(|connection| Box::pin(audit::unsafe_settings(connection)))
    }

    /// Runs a read on the runtime of the connections, and again when the connection breaks.
    fn read<T: Send + 'static>(
        &self,
        job: impl for<'c> Fn(&'c mut Connection) -> Reading<'c, T> + Send + Sync + 'static,
    ) -> StoreFuture<'_, T> {
        self.read_within(self.pool.settings.statement_timeout * 4, job)
    }

    fn read_within<T: Send + 'static>(
        &self,
        limit: Duration,
        job: impl for<'c> Fn(&'c mut Connection) -> Reading<'c, T> + Send + Sync + 'static,
    ) -> StoreFuture<'_, T> {
        let pool = Arc::clone(&self.pool);
        let running = self.pool.runtime().spawn(async move {
            let deadline = pool.deadline();
            for attempt in 1.. {
                let mut lease = pool.get(deadline).await.map_err(|error| Failed::from(error).into_store())?;
                let failed = match tokio::time::timeout(limit, job(&mut lease)).await {
                    Ok(Ok(found)) => {
                        lease.give_back();
                        return Ok(found);
                    }
                    Ok(Err(failed)) => failed,
                    Err(_) => Failed::Store(StoreError::Unavailable("no answer in time".to_owned())),
                };
                let passes = matches!(&failed, Failed::Postgres(error) if passes_by(error));
                if !passes || attempt >= READ_ATTEMPTS {
                    return Err(failed.into_store());
                }
            }
            Err(StoreError::Unavailable("too many attempts".to_owned()))
        });
        Box::pin(async move { running.await.unwrap_or_else(|_| Err(ended())) })
    }

    /// All rows of one query.
    fn select<T: Send + 'static>(
        &self,
        sql: &'static str,
        params: Vec<Param>,
        table: &'static str,
        read: fn(&Reader<'_>) -> Result<T, StoreError>,
    ) -> StoreFuture<'_, Vec<T>> {
        self.read(move |connection| {
            let params = params.clone();
            Box::pin(async move { Ok(rows::all(&connection.one(sql, params).await?, table, read)?) })
        })
    }

    /// The only row of a query, if there is one.
    fn find<T: Send + 'static>(
        &self,
        sql: &'static str,
        params: Vec<Param>,
        table: &'static str,
        read: fn(&Reader<'_>) -> Result<T, StoreError>,
    ) -> StoreFuture<'_, Option<T>> {
        let found = self.select(sql, params, table, read);
        Box::pin(async move { Ok(found.await?.pop()) })
    }

    /// A read that is told what is wanted; it may be tried again, so each attempt has its own.
    fn page<Q: Clone + Send + Sync + 'static, T: Send + 'static>(
        &self,
        query: Q,
        job: impl for<'c> Fn(&'c mut Connection, Q) -> Reading<'c, T> + Send + Sync + 'static,
    ) -> StoreFuture<'_, T> {
        self.read(move |connection| job(connection, query.clone()))
    }

    fn write(&self, changes: ChangeSet) -> StoreFuture<'_, (), CommitError> {
        let pool = Arc::clone(&self.pool);
        // A task of its own: a caller that gives up must not leave a transaction half way.
        let running = self.pool.runtime().spawn(async move { commit::commit(&pool, &changes).await });
        Box::pin(async move { running.await.unwrap_or(Err(CommitError::Unknown)) })
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("the database is closed".to_owned())
}

/// Whether another connection, or another attempt, may do.
fn passes_by(error: &tokio_postgres::Error) -> bool {
    error.code().is_none_or(|code| {
        let code = code.code();
        code.starts_with("57P") || code.starts_with("08") || matches!(code, "40001" | "40P01" | "25006")
    })
}

impl Store for PostgresStore {
    fn commit(&self, changes: ChangeSet) -> StoreFuture<'_, (), CommitError> {
        self.write(changes)
    }

    fn answered(&self, key: Digest) -> StoreFuture<'_, Option<RequestRecord>> {
        let sql = "SELECT key, fingerprint, response, at FROM requests WHERE key = $1";
        self.find(sql, values![key.to_vec()], "requests", rows::request)
    }

    fn facts(&self, query: FactsQuery) -> StoreFuture<'_, Facts> {
        // Reads may be tried again: each attempt has its own.
        let query = Arc::new(query);
        self.read(move |connection| {
            let query = Arc::clone(&query);
            Box::pin(async move { load::facts(connection, &query).await })
        })
    }

    fn items(&self, ids: Vec<ItemId>) -> StoreFuture<'_, Vec<Item>> {
        self.read(move |connection| {
            let sql = query::item!("WHERE i.id = $1");
            let step = |id: &ItemId| Step::query(sql, values![id.as_str().to_owned()]);
            let steps: Vec<Step> = ids.iter().map(step).collect();
            Box::pin(async move {
                let mut items = Vec::new();
                for answer in connection.pipeline(&steps).await? {
                    items.extend(rows::all(&answer?, "items", rows::item)?);
                }
                Ok(items)
            })
        })
    }

    fn list_items(&self, query: ItemQuery) -> StoreFuture<'_, Vec<Item>> {
        self.page(query, |connection, query| Box::pin(async move { lists::items(connection, &query).await }))
    }

    fn order(&self, id: OrderId) -> StoreFuture<'_, Option<Order>> {
        let sql = "SELECT id, customer, comment, ticket, content, created_at FROM orders WHERE id = $1";
        self.find(sql, values![id.as_str().to_owned()], "orders", rows::order)
    }

    fn ticket_by_code(&self, lookup: Digest) -> StoreFuture<'_, Option<Ticket>> {
        self.find(query::ticket!("WHERE lookup = $1"), values![lookup.to_vec()], "tickets", rows::ticket)
    }

    fn ticket(&self, id: TicketId) -> StoreFuture<'_, Option<(Ticket, StoredCode)>> {
        let sql = query::ticket!("WHERE id = $1");
        self.find(sql, values![id.0.to_vec()], "tickets", rows::ticket_and_code)
    }

    fn lines_of_ticket(&self, id: TicketId) -> StoreFuture<'_, Vec<LicenseLine>> {
        self.select(load::LINES_OF_TICKET, values![id.0.to_vec()], "licenses", rows::license)
    }

    fn license(&self, id: LicenseId) -> StoreFuture<'_, Option<LicenseLine>> {
        self.find(query::license!("WHERE l.id = $1"), values![id.0.to_vec()], "licenses", rows::license)
    }

    fn ticket_contents(&self, ticket: TicketId, limit: u32) -> StoreFuture<'_, TicketContents> {
        self.read(move |connection| Box::pin(load::ticket_contents(connection, ticket, limit)))
    }

    fn container(&self, serial: ContainerSerial) -> StoreFuture<'_, Option<ContainerRecord>> {
        let sql = query::container!("WHERE serial = $1");
        self.find(sql, values![serial_number(serial)], "containers", rows::container)
    }

    fn firms_of_container(&self, serial: ContainerSerial) -> StoreFuture<'_, Vec<FirmRecord>> {
        self.read(move |connection| Box::pin(load::firms(connection, serial)))
    }

    fn list_containers(
        &self,
        query: ContainerQuery,
    ) -> StoreFuture<'_, Page<ContainerRecord, ContainerSerial>> {
        self.page(query, |connection, query| {
            Box::pin(async move { lists::containers(connection, &query).await })
        })
    }

    fn events(&self, wanted: EventQuery) -> StoreFuture<'_, Vec<StoredEvent>> {
        self.read(move |connection| Box::pin(events::read(connection, wanted)))
    }

    fn receipt(&self, hash: Digest) -> StoreFuture<'_, Option<Receipt>> {
        self.find(query::receipt!("WHERE r.hash = $1"), values![hash.to_vec()], "receipts", rows::receipt)
    }

    fn token(&self, hash: Digest) -> StoreFuture<'_, Option<ApiToken>> {
        self.find(query::token!("WHERE hash = $1"), values![hash.to_vec()], "tokens", rows::token)
    }

    fn tokens(&self) -> StoreFuture<'_, Vec<ApiToken>> {
        self.select(query::token!("ORDER BY name"), vec![], "tokens", rows::token)
    }

    fn ordered(&self, by: String, item: ItemId) -> StoreFuture<'_, Option<Ordered>> {
        let sql = "SELECT who, item, taken, version FROM ordered WHERE who = $1 AND item = $2";
        self.find(sql, values![by, item.as_str().to_owned()], "ordered", rows::ordered)
    }

    fn held_order(&self, id: OrderId) -> StoreFuture<'_, Option<HeldOrder>> {
        let id = id.as_str().to_owned();
        self.find(query::held_order!("WHERE id = $1"), values![id], "held_orders", rows::held_order)
    }

    fn held_orders(
        &self,
        pending: bool,
        after: Option<OrderId>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<HeldOrder>> {
        let sql = if pending {
            query::held_order!("WHERE id > $1 AND state = 'pending' ORDER BY id LIMIT $2")
        } else {
            query::held_order!("WHERE id > $1 ORDER BY id LIMIT $2")
        };
        let after = after.map(|id| id.as_str().to_owned()).unwrap_or_default();
        self.select(sql, values![after, i64::from(limit)], "held_orders", rows::held_order)
    }

    fn user(&self, name: UserName) -> StoreFuture<'_, Option<User>> {
        let name = name.as_str().to_owned();
        self.find(query::user!("WHERE name = $1"), values![name], "users", rows::user)
    }

    fn list_users(&self, after: Option<UserName>, limit: u32) -> StoreFuture<'_, Vec<User>> {
        let after = after.map(|name| name.as_str().to_owned()).unwrap_or_default();
        let sql = query::user!("WHERE name > $1 ORDER BY name LIMIT $2");
        self.select(sql, values![after, i64::from(limit)], "users", rows::user)
    }

    fn session(&self, hash: Digest) -> StoreFuture<'_, Option<(Session, User)>> {
        self.find(query::SESSION_AND_USER, values![hash.to_vec()], "sessions", rows::session_and_user)
    }

    fn sessions_of(&self, user: UserName) -> StoreFuture<'_, Vec<Session>> {
        let sql = query::session!("WHERE owner = $1 ORDER BY begun_at DESC, hash");
        self.select(sql, values![user.as_str().to_owned()], "sessions", rows::session)
    }

    fn last_event(&self) -> StoreFuture<'_, u64> {
        self.read(|connection| Box::pin(events::last(connection)))
    }

    fn usage(&self, month: u32) -> StoreFuture<'_, Usage> {
        let sql = "SELECT COALESCE(SUM(activations), 0)::bigint AS activations,
            COALESCE(MAX((shard = 255)::int), 0)::bigint AS told FROM usage WHERE month = $1";
        let found = self.find(sql, values![i64::from(month)], "usage", rows::usage);
        Box::pin(async move { Ok(found.await?.unwrap_or_default()) })
    }

    fn webhooks(&self) -> StoreFuture<'_, Vec<(Webhook, Progress)>> {
        self.select(query::WEBHOOKS, vec![], "webhooks", rows::webhook)
    }

    fn parked(&self, wanted: ParkedQuery) -> StoreFuture<'_, Vec<Parked>> {
        let sql = if wanted.dead {
            query::parked!("dead_at IS NOT NULL")
        } else {
            query::parked!("dead_at IS NULL")
        };
        let params = values![wanted.webhook, signed(wanted.after), i64::from(wanted.limit)];
        self.select(sql, params, "webhook_parked", rows::parked)
    }

    fn live_of_license(&self, license: LicenseId) -> StoreFuture<'_, Vec<Activation>> {
        let sql = query::activation!("WHERE license = $1 AND ", query::live!(), " ORDER BY created_at, id");
        self.select(sql, values![license.0.to_vec()], "activations", rows::activation)
    }

    fn find_licenses(&self, query: LicenseQuery) -> StoreFuture<'_, Page<FoundLicense, LicenseId>> {
        self.page(query, |connection, query| {
            Box::pin(async move { lists::licenses(connection, &query).await })
        })
    }

    fn find_orders(&self, query: OrderQuery) -> StoreFuture<'_, Vec<Order>> {
        self.page(query, |connection, query| Box::pin(async move { lists::orders(connection, &query).await }))
    }

    fn unfinished_transfers(&self, query: TransferQuery) -> StoreFuture<'_, Vec<UnfinishedTransfer>> {
        self.page(query, |connection, query| {
            Box::pin(async move { lists::unfinished(connection, &query).await })
        })
    }

    fn search(&self, query: SearchQuery) -> StoreFuture<'_, SearchHits> {
        self.page(query, |connection, query| {
            Box::pin(async move { search::search(connection, &query).await })
        })
    }

    fn activity(
        &self,
        actions: &'static [Action],
        from: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, Vec<DayCount>> {
        self.read(move |connection| Box::pin(search::activity(connection, actions, (from, until))))
    }

    fn open(&self) -> StoreFuture<'_, Open> {
        self.read(|connection| Box::pin(search::open(connection)))
    }

    fn activation(&self, id: ActivationId) -> StoreFuture<'_, Option<Activation>> {
        self.find(
            query::activation!("WHERE id = $1"),
            values![id.0.to_vec()],
            "activations",
            rows::activation,
        )
    }

    fn approval(&self, id: ApprovalId) -> StoreFuture<'_, Option<Approval>> {
        self.find(query::approval!("WHERE id = $1"), values![id.0.to_vec()], "approvals", rows::approval)
    }

    fn approvals(&self, wanted: ApprovalQuery) -> StoreFuture<'_, Vec<Approval>> {
        let sql = match (wanted.pending, wanted.newest) {
            (true, false) => query::approval!("WHERE id > $1 AND state = 'pending' ORDER BY id LIMIT $2"),
            (false, false) => query::approval!("WHERE id > $1 ORDER BY id LIMIT $2"),
            (true, true) => query::approval!("WHERE id < $1 AND state = 'pending' ORDER BY id DESC LIMIT $2"),
            (false, true) => query::approval!("WHERE id < $1 ORDER BY id DESC LIMIT $2"),
        };
        let start = if wanted.newest { [u8::MAX; 16] } else { [0; 16] };
        let after = wanted.after.map_or(start, |id| id.0).to_vec();
        self.select(sql, values![after, i64::from(wanted.limit)], "approvals", rows::approval)
    }

    fn blacklist(&self, after: u32, limit: u32) -> StoreFuture<'_, Vec<BlacklistEntry>> {
        let sql = "SELECT version, serial, listed_at, reason FROM blacklist WHERE version > $1
            ORDER BY version LIMIT $2";
        self.select(sql, values![i64::from(after), i64::from(limit)], "blacklist", rows::blacklisted)
    }

    fn blacklist_version(&self) -> StoreFuture<'_, u32> {
        let found = self.find(query::BLACKLIST_VERSION, vec![], "blacklist", rows::blacklist_version);
        Box::pin(async move { Ok(found.await?.unwrap_or_default()) })
    }

    fn preactivation(
        &self,
        id: PreActivationId,
        serial: ContainerSerial,
    ) -> StoreFuture<'_, Option<(PreActivation, bool)>> {
        let sql = "SELECT id, ticket, quantity, conversions, converted, created_at, version, EXISTS (SELECT 1
            FROM conversions c WHERE c.preactivation = p.id AND c.serial = $1) AS done
            FROM preactivations p WHERE id = $2";
        let params = values![serial_number(serial), id.0.to_vec()];
        self.find(sql, params, "preactivations", rows::preactivation)
    }

    fn reconciling(&self) -> StoreFuture<'_, Option<Timestamp>> {
        let found = self.find(query::RECONCILING, vec![], "server_state", rows::reconciling);
        Box::pin(async move { found.await?.ok_or(rows::LOST_STATE) })
    }

    fn firm_books(
        &self,
        after: Option<(ContainerSerial, FirmCode)>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<FirmBooks>> {
        let sql = "SELECT serial, firm_code FROM firms WHERE (serial, firm_code) > ($1, $2)
            ORDER BY serial, firm_code LIMIT $3";
        let (serial, firm_code) = after.map_or((0, 0), |(s, f)| (serial_number(s), i64::from(f.get())));
        let keys = self.select(sql, values![serial, firm_code, i64::from(limit)], "firms", rows::firm_key);
        Box::pin(async move {
            let mut books = Vec::new();
            for (serial, firm_code) in keys.await? {
                books.extend(self.books_of(serial, firm_code).await?);
            }
            Ok(books)
        })
    }

    fn books_of(&self, serial: ContainerSerial, firm_code: FirmCode) -> StoreFuture<'_, Option<FirmBooks>> {
        self.read(move |connection| Box::pin(load::books(connection, serial, firm_code)))
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        let sql = "SELECT (SELECT count(*) FROM tickets) AS tickets, (SELECT count(*) FROM licenses) AS licenses,
            (SELECT count(*) FROM containers) AS containers, (SELECT count(*) FROM activations) AS activations";
        let found = self.find(sql, vec![], "counts", rows::counts);
        Box::pin(async move { Ok(found.await?.unwrap_or_default()) })
    }

    fn audit(&self) -> StoreFuture<'_, Vec<Finding>> {
        self.read_within(AUDIT_LIMIT, |connection| Box::pin(audit::audit(connection)))
    }

    fn ready(&self) -> StoreFuture<'_, ()> {
        let pool = Arc::clone(&self.pool);
        let running = self.pool.runtime().spawn(async move {
            // Whoever asks wants to know how it is now, not whether it will be well soon.
            pool.get(Instant::now()).await.map_err(|error| Failed::from(error).into_store())?.give_back();
            commit::commit(&pool, &ChangeSet::default()).await.map_err(|error| match error {
                CommitError::Store(error) => error,
                other => StoreError::Unavailable(other.to_string()),
            })
        });
        Box::pin(async move { running.await.unwrap_or_else(|_| Err(ended())) })
    }
}
