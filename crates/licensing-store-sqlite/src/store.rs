//! The driver itself.

use std::path::{Path, PathBuf};

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
use rusqlite::{Connection, OpenFlags, params};

use crate::connections::Connections;
use crate::migrate::{self, OpenError};
use crate::read::{all, one};
use crate::rows::{self, serial_number, signed, store_error};
use crate::{audit, lists, load, query, search};

/// Connections for reading a few rows by their keys.
const QUICK: usize = 4;
/// Connections for lists, search and audit.
const SLOW: usize = 2;
/// Page cache of the connection for writing, in KiB as SQLite wants them. Keys are random, so commits to a large database
/// come back to the upper pages of every index and to leaves from all over.
const WRITER_CACHE: i64 = -65_536;
/// Pages in the log before they are moved into the file: the pages that every commit changes are moved once for many
/// commits then. 16 MiB.
const CHECKPOINT: i64 = 4_096;

/// The embedded database. Dropping it finishes what is queued and closes the file.
pub struct SqliteStore {
    connections: Connections,
    path: PathBuf,
}

impl SqliteStore {
    /// Creates a new database.
    ///
    /// # Errors
    /// There is one already, or the file cannot be written.
    pub fn create(path: &Path) -> Result<Self, OpenError> {
        if path.exists() {
            return Err(OpenError::Exists);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut connection = migrate::connect(path, flags)?;
        migrate::migrate(&mut connection, |_| Ok(()))?;
        Self::start(connection, path, QUICK, SLOW)
    }

    /// Opens a database of exactly the schema version this program knows.
    ///
    /// # Errors
    /// There is none, it is of another version, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_for_use(path, QUICK, SLOW)
    }

    /// Opens a database although it has a part in a move, which keeps every server from it: to look at a copy before
    /// it is taken into use, and to prepare the source of a move for use again.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], but for the move.
    pub fn open_despite_move(path: &Path) -> Result<Self, OpenError> {
        if !path.exists() {
            return Err(OpenError::Missing);
        }
        let connection = migrate::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate::check_version(&connection)?;
        Self::start(connection, path, 1, 0)
    }

    /// As [`SqliteStore::open`], with one connection for everything that is read, which opens faster.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_small(path: &Path) -> Result<Self, OpenError> {
        Self::open_for_use(path, 1, 0)
    }

    fn open_for_use(path: &Path, quick: usize, slow: usize) -> Result<Self, OpenError> {
        if !path.exists() {
            return Err(OpenError::Missing);
        }
        let connection = migrate::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate::check(&connection)?;
        Self::start(connection, path, quick, slow)
    }

    /// Brings an older database up to date; gives the number of migrations applied.
    ///
    /// # Errors
    /// There is none, it is newer than this program, or it is damaged.
    pub fn migrate(path: &Path) -> Result<usize, OpenError> {
        if !path.exists() {
            return Err(OpenError::Missing);
        }
        migrate::upgrade(&mut migrate::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?)
    }

    fn start(writer: Connection, path: &Path, quick: usize, slow: usize) -> Result<Self, OpenError> {
        let reader = |_| -> Result<Connection, OpenError> {
            let connection = migrate::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            connection.pragma_update(None, "query_only", true)?;
            Ok(connection)
        };
        writer.pragma_update(None, "cache_size", WRITER_CACHE)?;
        writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
        let quick = (0..quick).map(reader).collect::<Result<Vec<_>, _>>()?;
        let slow = (0..slow).map(reader).collect::<Result<Vec<_>, _>>()?;
        let connections = Connections::start(writer, quick, slow)
            .map_err(|error| OpenError::Sqlite(rusqlite::Error::ToSqlConversionFailure(error.into())))?;
        Ok(Self { connections, path: path.to_owned() })
    }

    /// Copies the database into a new file while it is in use.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn backup(&self, out: &Path) -> Result<(), OpenError> {
        if out.exists() {
            return Err(OpenError::Exists);
        }
        let source = migrate::connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut target = Connection::open(out)?;
        let backup = rusqlite::backup::Backup::new(&source, &mut target)?;
        // All pages in one step, which is one snapshot: between steps every commit would start it all over.
        backup.run_to_completion(i32::MAX, std::time::Duration::ZERO, None)?;
        drop(backup);
        target.pragma_update(None, "journal_mode", "DELETE")?;
        Ok(())
    }

    /// Copies a backup into a new file, brings it up to date, and opens that.
    ///
    /// # Errors
    /// `to` exists, or `from` is no database, newer than this program, or damaged.
    pub fn copy_of(from: &Path, to: &Path) -> Result<Self, OpenError> {
        if to.exists() {
            return Err(OpenError::Exists);
        }
        let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut target = Connection::open(to)?;
        let backup = rusqlite::backup::Backup::new(&source, &mut target)?;
        backup.run_to_completion(i32::MAX, std::time::Duration::ZERO, None)?;
        drop(backup);
        drop(target);
        migrate::upgrade(&mut migrate::connect(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?)?;
        Self::open(to)
    }

    /// Makes a database that nobody has open one complete file, without a log beside it.
    ///
    /// # Errors
    /// [`OpenError::InUse`], or it is damaged.
    pub fn seal(path: &Path) -> Result<(), OpenError> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let sealed: Result<String, _> =
            connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0));
        match sealed {
            Ok(mode) if mode == "delete" => Ok(()),
            Ok(_) => Err(OpenError::InUse),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                Err(OpenError::InUse)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the file is physically intact.
    ///
    /// # Errors
    /// It is damaged or cannot be read.
    pub fn integrity(&self) -> StoreFuture<'_, bool> {
        let path = self.path.clone();
        self.connections.scan(move |db| {
            let result: String = db
                .pragma_query_value(None, "integrity_check", |row| row.get(0))
                .map_err(|error| store_error(&error))?;
            Ok(result == "ok" && ends_whole(db, &path)?)
        })
    }
}

/// Whether the file has all of its last page: SQLite reads what is cut off as zeros. As long as there is a log, the page
/// may be in that: the power can go while the log is moved into the file.
fn ends_whole(db: &Connection, path: &Path) -> Result<bool, StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if std::fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        return Ok(true);
    }
    let length = std::fs::metadata(path).map_err(rows::unavailable)?.len();
    let page: i64 =
        db.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(|error| store_error(&error))?;
    Ok(u64::try_from(page).is_ok_and(|page| length.is_multiple_of(page)))
}

impl Store for SqliteStore {
    fn commit(&self, changes: ChangeSet) -> StoreFuture<'_, (), CommitError> {
        self.connections.commit(changes)
    }

    fn answered(&self, key: Digest) -> StoreFuture<'_, Option<RequestRecord>> {
        let sql = "SELECT key, fingerprint, response, at FROM requests WHERE key = ?";
        self.connections.read(move |db| one(db, "requests", sql, params![key], rows::request))
    }

    fn facts(&self, query: FactsQuery) -> StoreFuture<'_, Facts> {
        self.connections.read(move |db| load::facts(db, &query))
    }

    fn items(&self, ids: Vec<ItemId>) -> StoreFuture<'_, Vec<Item>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE i.id = ?", query::ITEM);
            let item = |id: &ItemId| one(db, "items", &sql, params![id.as_str()], rows::item).transpose();
            ids.iter().filter_map(item).collect()
        })
    }

    fn list_items(&self, query: ItemQuery) -> StoreFuture<'_, Vec<Item>> {
        self.connections.scan(move |db| lists::items(db, &query))
    }

    fn order(&self, id: OrderId) -> StoreFuture<'_, Option<Order>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE id = ?", query::ORDER);
            one(db, "orders", &sql, params![id.as_str()], rows::order)
        })
    }

    fn ticket_by_code(&self, lookup: Digest) -> StoreFuture<'_, Option<Ticket>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE lookup = ?", query::TICKET);
            one(db, "tickets", &sql, params![lookup], rows::ticket)
        })
    }

    fn ticket(&self, id: TicketId) -> StoreFuture<'_, Option<(Ticket, StoredCode)>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE id = ?", query::TICKET);
            one(db, "tickets", &sql, params![id.0], rows::ticket_and_code)
        })
    }

    fn lines_of_ticket(&self, id: TicketId) -> StoreFuture<'_, Vec<LicenseLine>> {
        self.connections.read(move |db| load::lines_of_ticket(db, id))
    }

    fn license(&self, id: LicenseId) -> StoreFuture<'_, Option<LicenseLine>> {
        self.connections.read(move |db| load::license(db, id))
    }

    fn ticket_contents(&self, ticket: TicketId, limit: u32) -> StoreFuture<'_, TicketContents> {
        self.connections.read(move |db| load::ticket_contents(db, ticket, limit))
    }

    fn container(&self, serial: ContainerSerial) -> StoreFuture<'_, Option<ContainerRecord>> {
        self.connections.read(move |db| load::container(db, serial))
    }

    fn firms_of_container(&self, serial: ContainerSerial) -> StoreFuture<'_, Vec<FirmRecord>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE serial = ? ORDER BY firm_code", query::FIRM);
            let firms = all(db, "firms", &sql, params![serial_number(serial)], rows::firm)?;
            firms.into_iter().map(|firm| load::with_steps(db, firm)).collect()
        })
    }

    fn list_containers(
        &self,
        query: ContainerQuery,
    ) -> StoreFuture<'_, Page<ContainerRecord, ContainerSerial>> {
        self.connections.scan(move |db| lists::containers(db, &query))
    }

    fn events(&self, query: EventQuery) -> StoreFuture<'_, Vec<StoredEvent>> {
        self.connections.scan(move |db| lists::events(db, &query))
    }

    fn receipt(&self, hash: Digest) -> StoreFuture<'_, Option<Receipt>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE hash = ?", query::RECEIPT);
            one(db, "receipts", &sql, params![hash], rows::receipt)
        })
    }

    fn token(&self, hash: Digest) -> StoreFuture<'_, Option<ApiToken>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE hash = ?", query::TOKEN);
            one(db, "tokens", &sql, params![hash], rows::token)
        })
    }

    fn tokens(&self) -> StoreFuture<'_, Vec<ApiToken>> {
        self.connections.scan(|db| {
            let sql = format!("{} ORDER BY name", query::TOKEN);
            all(db, "tokens", &sql, [], rows::token)
        })
    }

    fn ordered(&self, by: String, item: ItemId) -> StoreFuture<'_, Option<Ordered>> {
        self.connections.read(move |db| {
            let sql = "SELECT who, item, taken, version FROM ordered WHERE who = ? AND item = ?";
            one(db, "ordered", sql, params![by, item.as_str()], rows::ordered)
        })
    }

    fn held_order(&self, id: OrderId) -> StoreFuture<'_, Option<HeldOrder>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE id = ?", query::HELD_ORDER);
            one(db, "held_orders", &sql, params![id.as_str()], rows::held_order)
        })
    }

    fn held_orders(
        &self,
        pending: bool,
        after: Option<OrderId>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<HeldOrder>> {
        self.connections.scan(move |db| {
            let pending = if pending { " AND state = 'pending'" } else { "" };
            let sql = format!("{} WHERE id > ?{pending} ORDER BY id LIMIT ?", query::HELD_ORDER);
            let after = after.as_ref().map(OrderId::as_str).unwrap_or_default();
            all(db, "held_orders", &sql, params![after, limit], rows::held_order)
        })
    }

    fn user(&self, name: UserName) -> StoreFuture<'_, Option<User>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE name = ?", query::USER);
            one(db, "users", &sql, params![name.as_str()], rows::user)
        })
    }

    fn list_users(&self, after: Option<UserName>, limit: u32) -> StoreFuture<'_, Vec<User>> {
        self.connections.scan(move |db| {
            let sql = format!("{} WHERE name > ? ORDER BY name LIMIT ?", query::USER);
            let after = after.as_ref().map(UserName::as_str).unwrap_or_default();
            all(db, "users", &sql, params![after, limit], rows::user)
        })
    }

    fn session(&self, hash: Digest) -> StoreFuture<'_, Option<(Session, User)>> {
        self.connections.read(move |db| {
            one(db, "sessions", query::SESSION_AND_USER, params![hash], rows::session_and_user)
        })
    }

    fn sessions_of(&self, user: UserName) -> StoreFuture<'_, Vec<Session>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE owner = ? ORDER BY begun_at DESC, hash", query::SESSION);
            all(db, "sessions", &sql, params![user.as_str()], rows::session)
        })
    }

    fn last_event(&self) -> StoreFuture<'_, u64> {
        self.connections.read(|db| {
            let sql = "SELECT COALESCE(MAX(sequence), 0) AS last FROM events";
            Ok(one(db, "events", sql, [], rows::last_event)?.unwrap_or_default())
        })
    }

    fn usage(&self, month: u32) -> StoreFuture<'_, Usage> {
        self.connections.read(move |db| {
            let sql =
                "SELECT COALESCE(SUM(activations), 0) AS activations, COALESCE(MAX(shard = 255), 0) AS told
                FROM usage WHERE month = ?";
            Ok(one(db, "usage", sql, params![month], rows::usage)?.unwrap_or_default())
        })
    }

    fn webhooks(&self) -> StoreFuture<'_, Vec<(Webhook, Progress)>> {
        self.connections.read(|db| {
            let sql = format!("{} ORDER BY w.name", query::WEBHOOK);
            all(db, "webhooks", &sql, [], rows::webhook)
        })
    }

    fn parked(&self, query: ParkedQuery) -> StoreFuture<'_, Vec<Parked>> {
        self.connections.scan(move |db| {
            let state = if query.dead { "dead_at IS NOT NULL" } else { "dead_at IS NULL" };
            let sql = format!(
                "{} WHERE webhook = ? AND {state} AND sequence > ? ORDER BY sequence LIMIT ?",
                query::PARKED
            );
            let params = params![query.webhook, signed(query.after), query.limit];
            all(db, "webhook_parked", &sql, params, rows::parked)
        })
    }

    fn live_of_license(&self, license: LicenseId) -> StoreFuture<'_, Vec<Activation>> {
        self.connections.read(move |db| {
            let sql = format!(
                "{} WHERE license = ? AND {} ORDER BY created_at, id",
                query::ACTIVATION,
                query::LIVE
            );
            all(db, "activations", &sql, params![license.0], rows::activation)
        })
    }

    fn find_licenses(&self, query: LicenseQuery) -> StoreFuture<'_, Page<FoundLicense, LicenseId>> {
        self.connections.scan(move |db| lists::licenses(db, &query))
    }

    fn find_orders(&self, query: OrderQuery) -> StoreFuture<'_, Vec<Order>> {
        self.connections.scan(move |db| lists::orders(db, &query))
    }

    fn unfinished_transfers(&self, query: TransferQuery) -> StoreFuture<'_, Vec<UnfinishedTransfer>> {
        self.connections.scan(move |db| lists::unfinished(db, &query))
    }

    fn search(&self, query: SearchQuery) -> StoreFuture<'_, SearchHits> {
        self.connections.scan(move |db| search::search(db, &query))
    }

    fn activity(
        &self,
        actions: &'static [Action],
        from: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, Vec<DayCount>> {
        self.connections.scan(move |db| search::activity(db, actions, (from, until)))
    }

    fn open(&self) -> StoreFuture<'_, Open> {
        self.connections.scan(|db| search::open(db))
    }

    fn activation(&self, id: ActivationId) -> StoreFuture<'_, Option<Activation>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE id = ?", query::ACTIVATION);
            one(db, "activations", &sql, params![id.0], rows::activation)
        })
    }

    fn approval(&self, id: ApprovalId) -> StoreFuture<'_, Option<Approval>> {
        self.connections.read(move |db| {
            let sql = format!("{} WHERE id = ?", query::APPROVAL);
            one(db, "approvals", &sql, params![id.0], rows::approval)
        })
    }

    fn approvals(&self, wanted: ApprovalQuery) -> StoreFuture<'_, Vec<Approval>> {
        self.connections.scan(move |db| {
            let pending = if wanted.pending { " AND state = 'pending'" } else { "" };
            let (beyond, order, start) =
                if wanted.newest { ("<", "DESC", [u8::MAX; 16]) } else { (">", "ASC", [0; 16]) };
            let sql = format!("{} WHERE id {beyond} ?{pending} ORDER BY id {order} LIMIT ?", query::APPROVAL);
            let after = wanted.after.map_or(start, |id| id.0);
            all(db, "approvals", &sql, params![after, wanted.limit], rows::approval)
        })
    }

    fn blacklist(&self, after: u32, limit: u32) -> StoreFuture<'_, Vec<BlacklistEntry>> {
        let sql = "SELECT version, serial, listed_at, reason FROM blacklist WHERE version > ? ORDER BY version LIMIT ?";
        self.connections.scan(move |db| all(db, "blacklist", sql, params![after, limit], rows::blacklisted))
    }

    fn blacklist_version(&self) -> StoreFuture<'_, u32> {
        self.connections.read(|db| load::blacklist_version(db))
    }

    fn preactivation(
        &self,
        id: PreActivationId,
        serial: ContainerSerial,
    ) -> StoreFuture<'_, Option<(PreActivation, bool)>> {
        let sql = "SELECT id, ticket, quantity, conversions, converted, created_at, version, EXISTS (SELECT 1
            FROM conversions c WHERE c.preactivation = p.id AND c.serial = ?) AS done FROM preactivations p WHERE id = ?";
        let key = (serial_number(serial), id.0);
        self.connections
            .read(move |db| one(db, "preactivations", sql, params![key.0, key.1], rows::preactivation))
    }

    fn reconciling(&self) -> StoreFuture<'_, Option<Timestamp>> {
        self.connections.read(|db| load::reconciling(db))
    }

    fn firm_books(
        &self,
        after: Option<(ContainerSerial, FirmCode)>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<FirmBooks>> {
        self.connections.scan(move |db| audit::firm_books(db, after, limit))
    }

    fn books_of(&self, serial: ContainerSerial, firm_code: FirmCode) -> StoreFuture<'_, Option<FirmBooks>> {
        self.connections.read(move |db| audit::books_of(db, serial, firm_code))
    }

    fn audit(&self) -> StoreFuture<'_, Vec<Finding>> {
        self.connections.scan(audit::run)
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        self.connections.scan(|db| {
            let count = |table: &str| -> Result<u64, StoreError> {
                let sql = format!("SELECT COUNT(*) AS count FROM {table}");
                let count: Option<i64> = one(db, "counts", &sql, [], |row| row.get("count"))?;
                Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
            };
            Ok(Counts {
                tickets: count("tickets")?,
                licenses: count("licenses")?,
                containers: count("containers")?,
                activations: count("activations")?,
            })
        })
    }

    fn ready(&self) -> StoreFuture<'_, ()> {
        let committed = self.connections.commit(ChangeSet::default());
        Box::pin(async move {
            committed.await.map_err(|error| match error {
                CommitError::Store(error) => error,
                other => StoreError::Unavailable(other.to_string()),
            })
        })
    }
}
