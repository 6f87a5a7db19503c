//! Durable commits by PostgreSQL through the client library itself: a pipeline for each, prepared statements, as many
//! connections as there are clients.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Result, anyhow};
use futures_util::future::{join_all, try_join_all};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, NoTls, Statement};

use super::rows::{self, Row, Value};
use super::sqlite::Commits;

struct Connection {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

/// A database of its own, with connections.
pub(crate) struct Postgres {
    runtime: Runtime,
    connections: Vec<Connection>,
    next: u64,
}

fn value(value: &Value) -> Box<dyn ToSql + Sync + '_> {
    match value {
        Value::Int(number) => Box::new(*number),
        Value::Blob(bytes) => Box::new(bytes.as_slice()),
        Value::Text(text) => Box::new(text.as_str()),
        Value::Flag(flag) => Box::new(*flag),
    }
}

impl Connection {
    async fn prepare(&mut self, rows: &[Row]) -> Result<()> {
        for Row(sql, _) in rows {
            if !self.statements.contains_key(sql) {
                let statement = self.client.prepare(&sql.replace('?', "$")).await?;
                self.statements.insert(sql, statement);
            }
        }
        Ok(())
    }

    /// Runs statements as one transaction, in one round trip; gives what each came to.
    async fn transaction<T>(
        &mut self,
        begin: &str,
        rows: &[Row],
        run: impl AsyncFn(&Client, &Statement, &[&(dyn ToSql + Sync)]) -> Result<T, Error>,
    ) -> Result<Vec<Result<T, Error>>> {
        self.prepare(rows).await?;
        let run = &run;
        let (client, statements) = (&self.client, &self.statements);
        let params: Vec<Vec<_>> =
            rows.iter().map(|Row(_, values)| values.iter().map(value).collect()).collect();
        let sent = rows.iter().zip(&params).map(|(Row(sql, _), params)| async move {
            let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| &**param).collect();
            run(client, &statements[sql], &params).await
        });
        // All are sent before the first answer is awaited: the library sends when a future is polled first.
        let (begin, done, commit) =
            tokio::join!(biased; client.batch_execute(begin), join_all(sent), client.batch_execute("COMMIT"));
        begin?;
        commit?;
        Ok(done)
    }

    /// Reads, as one snapshot.
    async fn read(&mut self, rows: &[Row]) -> Result<()> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let found = self
            .transaction(begin, rows, async |client, statement, params| client.query(statement, params).await)
            .await?;
        std::hint::black_box(found.into_iter().collect::<Result<Vec<_>, _>>()?);
        Ok(())
    }

    async fn commit(&mut self, rows: &[Row]) -> Result<()> {
        let changed = self
            .transaction("BEGIN", rows, async |client, statement, params| {
                client.execute(statement, params).await
            })
            .await?;
        match changed.into_iter().find(|changed| !matches!(changed, Ok(1))) {
            None => Ok(()),
            Some(other) => Err(anyhow!("a statement of the floor changed {:?} rows", other?)),
        }
    }
}

impl Postgres {
    /// Connects to a database with the schema of the product.
    pub(crate) fn new(url: &str, connections: usize) -> Result<Self> {
        // As many threads as a server has; the floor has nothing else to do on the machine.
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let connections = runtime.block_on(async {
            let mut all = Vec::new();
            for _ in 0..connections {
                let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
                // Its end is noticed by whoever uses it next.
                tokio::spawn(async move {
                    let _ = connection.await;
                });
                all.push(Connection { client, statements: HashMap::new() });
            }
            anyhow::Ok(all)
        })?;
        let mut floor = Self { runtime, connections, next: 0 };
        floor.time(&[[vec![rows::definition()]]], false)?;
        Ok(floor)
    }

    /// Seconds for each of these, whose parts come one after the other.
    fn time<const PARTS: usize>(&mut self, all: &[[Vec<Row>; PARTS]], only_read: bool) -> Result<f64> {
        let next = Cell::new(0);
        let begun = Instant::now();
        let clients = self.connections.iter_mut().map(|connection| {
            let next = &next;
            async move {
                loop {
                    let at = next.get();
                    let Some(parts) = all.get(at) else { return anyhow::Ok(()) };
                    next.set(at + 1);
                    for rows in parts {
                        if only_read { connection.read(rows).await? } else { connection.commit(rows).await? }
                    }
                }
            }
        });
        self.runtime.block_on(try_join_all(clients))?;
        #[expect(clippy::cast_precision_loss, reason = "a time for people")]
        let each = begun.elapsed().as_secs_f64() / all.len() as f64;
        Ok(each)
    }

    /// Commits so many activations, each on its own.
    pub(crate) fn activations(&mut self, count: u64) -> Result<Commits> {
        let numbers = self.next..self.next + count;
        self.next += count;
        let orders: Vec<_> = numbers.clone().map(|number| [rows::order(number, 1)]).collect();
        self.time(&orders, false)?;
        let issues: Vec<_> = numbers.clone().map(|number| [rows::issue(number)]).collect();
        let settlements: Vec<_> = numbers.clone().map(|number| [rows::settle(number)]).collect();
        let first: Vec<_> = numbers.clone().map(rows::read_to_issue_joined).collect();
        let second: Vec<_> = numbers.map(rows::read_to_settle_joined).collect();
        let mut reads = self.time(&first, true)?;
        let issue = self.time(&issues, false)?;
        reads += self.time(&second, true)?;
        Ok(Commits { issue, settle: self.time(&settlements, false)?, reads })
    }
}
