//! How the queries of lists are planned where the planner may neither sort nor read whole tables: what is left must be
//! the index that was made for it. On small tables it would do both, and be right.

use licensing_core::container::ContainerStatus;
use licensing_core::event::Action;
use licensing_core::ids::{
    ActivationId, ContainerKind, ContainerSerial, CustomerId, ItemId, LicenseId, OrderId, TicketId,
};
use licensing_core::license::LINE_STATES;
use licensing_core::time::Timestamp;
use licensing_store::{
    ContainerQuery, EventQuery, ItemQuery, LicenseQuery, OrderQuery, SearchQuery, TransferQuery,
};
use licensing_testkit::postgres::{Cluster, Database};
use tokio::runtime::Runtime;

use crate::commit::Failed;
use crate::connect::Connection;
use crate::settings::Settings;
use crate::tls::Tls;
use crate::{PostgresStore, lists, search};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

struct World {
    runtime: Runtime,
    connection: Connection,
    _database: Database,
}

impl World {
    fn new() -> Self {
        let database = Cluster::shared().database();
        let runtime = Runtime::new().unwrap();
        let settings = Settings::parse(&database.url()).unwrap();
        let handle = runtime.handle().clone();
        drop(runtime.block_on(PostgresStore::create(settings.clone(), handle.clone())).unwrap());
        let connection = runtime.block_on(async {
            let tls = Tls::new(&settings).unwrap();
            let connection = Connection::open(&settings, &tls, &handle).await.unwrap();
            let only_indexes =
                "SET enable_seqscan = off; SET enable_sort = off; SET enable_incremental_sort = off;
                SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
                SET plan_cache_mode = force_generic_plan; SET jit = off";
            connection.client.batch_execute(only_indexes).await.unwrap();
            connection
        });
        Self { runtime, connection, _database: database }
    }

    /// Every new statement of a read is planned with `index`, without a sort and without a scan of a whole table.
    fn reads<T>(&mut self, index: &str, run: impl AsyncFnOnce(&mut Connection) -> Result<T, Failed>) {
        let connection = &mut self.connection;
        connection.statements.clear();
        self.runtime.block_on(async {
            run(connection).await.unwrap_or_else(|error| panic!("{}", error.into_store()));
            for (sql, statement) in &connection.statements {
                let values = vec!["NULL"; statement.params().len()].join(", ");
                let arguments = if values.is_empty() { String::new() } else { format!("({values})") };
                let client = &connection.client;
                client.batch_execute(&format!("PREPARE planned AS {sql}")).await.unwrap();
                let lines = client.query(&format!("EXPLAIN EXECUTE planned{arguments}"), &[]).await.unwrap();
                client.batch_execute("DEALLOCATE planned").await.unwrap();
                let plan: Vec<String> = lines.iter().map(|line| line.get(0)).collect();
                let told = format!("{sql}\n{}", plan.join("\n"));
                assert!(told.contains(index), "not by {index}:\n{told}");
                assert!(
                    !plan.iter().any(|line| line.contains("Sort") || line.contains("Seq Scan")),
                    "{told}"
                );
            }
        });
    }
}

#[test]
fn licenses_are_read_by_their_indexes() {
    let mut world = World::new();
    let (item, customer) = (ItemId::new("I").ok(), CustomerId::new("C").ok());
    for newest in [false, true] {
        let after = newest.then_some(LicenseId([1; 16]));
        let all = LicenseQuery { newest, after, limit: 100, ..LicenseQuery::default() };
        let mut check = |query: LicenseQuery, index: &str| {
            let mut queries = vec![query.clone(), LicenseQuery { never_activated: true, ..query.clone() }];
            queries
                .extend(LINE_STATES.map(|(state, _)| LicenseQuery { state: Some(state), ..query.clone() }));
            for query in queries {
                world.reads(index, async |connection: &mut Connection| {
                    lists::licenses(connection, &query).await
                });
            }
        };
        check(all.clone(), "licenses_pkey");
        check(LicenseQuery { customer: customer.clone(), ..all.clone() }, "licenses_by_customer");
        check(LicenseQuery { item: item.clone(), ..all.clone() }, "licenses_by_definition");
    }
}

#[test]
fn other_lists_are_read_by_their_indexes() {
    let mut world = World::new();
    let (serial, id) = (ContainerSerial::new(ContainerKind::Act, 1), OrderId::new("O").unwrap());
    for newest in [false, true] {
        for after in [None, Some((NOW, id.clone()))] {
            for (from, until) in [(None, None), (Some(NOW), Some(NOW.plus_days(1)))] {
                let all =
                    OrderQuery { newest, after: after.clone(), from, until, limit: 9, ..Default::default() };
                let of = OrderQuery { customer: CustomerId::new("C").ok(), ..all.clone() };
                world.reads("orders_by_time", async |c: &mut Connection| lists::orders(c, &all).await);
                world.reads("orders_by_customer", async |c: &mut Connection| lists::orders(c, &of).await);
            }
        }
        for after in [None, serial.map(|serial| (NOW, serial))] {
            let all = ContainerQuery { newest, after, limit: 9, ..ContainerQuery::default() };
            let mut check = |index: &str, query: ContainerQuery| {
                world.reads(index, async |c: &mut Connection| lists::containers(c, &query).await);
            };
            check("containers_by_time", all);
            check("containers_by_time", ContainerQuery { kind: Some(ContainerKind::Dongle), ..all });
            check("containers_by_time", ContainerQuery { test: Some(true), ..all });
            check("containers_by_time", ContainerQuery { status: Some(ContainerStatus::Normal), ..all });
            check("containers_flagged", ContainerQuery { flagged: true, ..all });
            let listed = Some(ContainerStatus::Blacklisted);
            check(
                "containers_flagged",
                ContainerQuery { status: listed, kind: Some(ContainerKind::Act), ..all },
            );
        }
        let all = EventQuery { newest: true, limit: 9, ..EventQuery::default() };
        let mut check = |index: &str, query: EventQuery| {
            world.reads(index, async |c: &mut Connection| lists::events(c, query).await);
        };
        check("events_pkey", all);
        check("events_by_ticket", EventQuery { ticket: Some(TicketId([1; 16])), ..all });
        check("events_by_license", EventQuery { license: Some(LicenseId([1; 16])), ..all });
        check("events_by_container", EventQuery { container: serial, ..all });
        let (action, from, until) = (Some(Action::Refused), Some(NOW), Some(NOW.plus_days(1)));
        check("events_by_action", EventQuery { action, newest, ..all });
        check("events_by_action", EventQuery { action, from, until, newest, ..all });
        check("events_by_time", EventQuery { from, until, newest, ..all });
    }
    for after in [None, Some((NOW, ActivationId([1; 16])))] {
        for before in [None, Some(NOW)] {
            let query = TransferQuery { after, before, limit: 9, ..TransferQuery::default() };
            world.reads("activations_unfinished", async |c: &mut Connection| {
                lists::unfinished(c, &query).await
            });
        }
    }
    for after in [None, ItemId::new("I").ok()] {
        let all = ItemQuery { prefix: String::new(), after, limit: 9 };
        world.reads("items_pkey", async |c: &mut Connection| lists::items(c, &all).await);
        let some = ItemQuery { prefix: "i".to_owned(), ..all };
        world.reads("items_by_name", async |c: &mut Connection| lists::items(c, &some).await);
    }
}

#[test]
fn searching_and_counting_read_indexes() {
    let mut world = World::new();
    let query = SearchQuery {
        prefix: "a".to_owned(),
        ids: Some(([0; 16], [9; 16])),
        serials: ContainerSerial::new(ContainerKind::Act, 1).into_iter().collect(),
        limit: 9,
    };
    world.reads("", async |c: &mut Connection| search::search(c, &query).await);
    for index in ["approvals_pending", "activations_unfinished", "containers_flagged"] {
        world.reads(index, async |c: &mut Connection| search::open(c).await);
    }
}
