//! One end of a move of the whole database.

use std::error::Error as StdError;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use licensing_core::time::Timestamp;
use licensing_store::StoreError;
use licensing_store::copy::{Column, End, Kind, Mark, Part, Row, TABLES, Table, Value};
use tokio::runtime::Handle;
use tokio::time::sleep;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error};

use crate::commit::store_error;
use crate::connect::{IN_USE, OpenError, raw};
use crate::migrate::{self, SCHEMA_VERSION};
use crate::rows::secs;
use crate::settings::Settings;
use crate::tls::Tls;

/// How often it is tried whether a server that is just stopping has stopped.
const LOOKS: u32 = 30;
/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A database on a PostgreSQL server that is copied, or copied into. As long as the value lives, no server can use it.
pub struct PostgresEnd {
    client: Client,
    runtime: Handle,
    has_schema: bool,
}

impl PostgresEnd {
    /// The database to be copied.
    ///
    /// # Errors
    /// It cannot be reached, is in use, or not of the schema version this program knows.
    pub async fn source(settings: &Settings, runtime: Handle) -> Result<Self, OpenError> {
        let end = Self::open(settings, runtime).await?;
        if end.has_schema { Ok(end) } else { Err(OpenError::Schema { found: 0, needed: SCHEMA_VERSION }) }
    }

    /// The database to be copied into, whether it has tables or not.
    ///
    /// # Errors
    /// It cannot be reached, is in use, or not of the schema version this program knows.
    pub async fn target(settings: &Settings, runtime: Handle) -> Result<Self, OpenError> {
        Self::open(settings, runtime).await
    }

    async fn open(settings: &Settings, runtime: Handle) -> Result<Self, OpenError> {
        let (client, _) = raw(settings, &Tls::new(settings)?, &runtime).await?;
        let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.get(0);
        if encoding != "UTF8" {
            return Err(OpenError::Encoding(encoding));
        }
        client.batch_execute("SET statement_timeout = 0; SET client_min_messages = warning").await?;
        let lock = format!("SELECT pg_try_advisory_lock({IN_USE})");
        let mut looks = 1;
        while !client.query_one(&lock, &[]).await?.get::<_, bool>(0) {
            if looks == LOOKS {
                return Err(OpenError::InUse);
            }
            looks += 1;
            sleep(BETWEEN_LOOKS).await;
        }
        let found = migrate::version(&client).await?;
        if found != 0 && found != SCHEMA_VERSION {
            return Err(OpenError::Schema { found, needed: SCHEMA_VERSION });
        }
        Ok(Self { client, runtime, has_schema: found != 0 })
    }

    /// Runs one request and waits for it.
    fn run<T>(&self, request: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
        self.runtime.block_on(request).map_err(|error| store_error(&error))
    }

    fn ask<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, sql: &str) -> Result<T, StoreError> {
        let row = self.run(self.client.query_one(sql, &[]))?;
        row.try_get(0).map_err(|error| store_error(&error))
    }
}

fn list<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    columns.map(|column| column.name).collect::<Vec<_>>().join(", ")
}

fn value(
    table: &'static Table,
    column: &'static Column,
    row: &tokio_postgres::Row,
    at: usize,
) -> Result<Value, StoreError> {
    let value = match column.kind {
        Kind::Integer => row.try_get::<_, Option<i64>>(at).map(|value| value.map(Value::Integer)),
        Kind::Flag => row.try_get::<_, Option<bool>>(at).map(|value| value.map(Value::Flag)),
        Kind::Text => row.try_get::<_, Option<String>>(at).map(|value| value.map(Value::Text)),
        Kind::Blob => row.try_get::<_, Option<Vec<u8>>>(at).map(|value| value.map(Value::Blob)),
    };
    let damaged = StoreError::Inconsistent { table: table.name, column: column.name };
    value.map(|value| value.unwrap_or(Value::Null)).map_err(|_| damaged)
}

#[derive(Debug)]
struct Param<'a>(&'a Value);

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(number) => number.to_sql(ty, out),
            Value::Flag(flag) => flag.to_sql(ty, out),
            Value::Text(text) => text.to_sql(ty, out),
            Value::Blob(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

const fn type_of(column: &Column) -> Type {
    match column.kind {
        Kind::Integer => Type::INT8,
        Kind::Flag => Type::BOOL,
        Kind::Text => Type::TEXT,
        Kind::Blob => Type::BYTEA,
    }
}

fn write_mark(mark: Option<&Mark>) -> String {
    let mut sql = "SET LOCAL synchronous_commit = on; DELETE FROM moves;".to_owned();
    if let Some(Mark { key, part, other, since }) = mark {
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        // Written out, because a statement with parameters cannot stand among the statements of a migration.
        // Backslashes mean nothing in a text like this.
        let (part, other) = (part.as_str(), other.replace('\'', "''"));
        sql.push_str(&format!(
            "SET LOCAL standard_conforming_strings = on;
             INSERT INTO moves (id, key, part, other, since) VALUES (1, '\\x{key}', '{part}', '{other}', {});",
            secs(*since)
        ));
    }
    sql
}

impl End for PostgresEnd {
    fn mark(&mut self) -> Result<Option<Mark>, StoreError> {
        if !self.has_schema {
            return Ok(None);
        }
        let found = self.run(self.client.query_opt("SELECT key, part, other, since FROM moves", &[]))?;
        let Some(row) = found else { return Ok(None) };
        let damaged = |column| StoreError::Inconsistent { table: "moves", column };
        let key: Vec<u8> = row.get("key");
        Ok(Some(Mark {
            key: key.try_into().map_err(|_| damaged("key"))?,
            part: Part::parse(row.get("part")).ok_or(damaged("part"))?,
            other: row.get("other"),
            since: Timestamp::from_secs(u64::try_from(row.get::<_, i64>("since")).unwrap_or(0)),
        }))
    }

    fn set_mark(&mut self, mark: Option<&Mark>) -> Result<(), StoreError> {
        let mut sql = write_mark(mark);
        if mark.is_some_and(|mark| mark.part == Part::Filling) {
            sql.push_str("DELETE FROM server_state;");
        }
        if self.has_schema {
            // One message, one transaction.
            self.run(self.client.batch_execute(&format!("BEGIN; {sql} COMMIT")))?;
        } else {
            let made = self.runtime.block_on(migrate::create_and(&self.client, &sql));
            made.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            self.has_schema = true;
        }
        // What a crash takes of the copy is copied again; it is made durable in the end.
        self.run(self.client.batch_execute("SET synchronous_commit = off"))
    }

    fn is_empty(&mut self) -> Result<bool, StoreError> {
        if !self.has_schema {
            return Ok(true);
        }
        for table in TABLES.iter().filter(|table| table.name != "server_state") {
            if self.ask(&format!("SELECT EXISTS (SELECT 1 FROM {})", table.name))? {
                return Ok(false);
            }
        }
        self.ask("SELECT NOT EXISTS (SELECT 1 FROM server_state WHERE reconciling IS NOT NULL)")
    }

    fn last_key(&mut self, table: &'static Table) -> Result<Option<Row>, StoreError> {
        let key: Vec<&'static Column> = table.key_columns().map(|(_, column)| column).collect();
        let order: Vec<String> = key.iter().map(|column| format!("{} DESC", column.name)).collect();
        let columns = list(key.iter().copied());
        let sql = format!("SELECT {columns} FROM {} ORDER BY {} LIMIT 1", table.name, order.join(", "));
        let Some(row) = self.run(self.client.query_opt(&sql, &[]))? else { return Ok(None) };
        let read = |(at, column): (usize, &&'static Column)| value(table, column, &row, at);
        key.iter().enumerate().map(read).collect::<Result<Row, _>>().map(Some)
    }

    fn read(
        &mut self,
        table: &'static Table,
        after: Option<&Row>,
        take: &mut dyn FnMut(Row) -> bool,
    ) -> Result<(), StoreError> {
        let key = list(table.key_columns().map(|(_, column)| column));
        let beyond = after.map_or(String::new(), |after| {
            let values: Vec<String> = (1..=after.len()).map(|number| format!("${number}")).collect();
            format!("WHERE ({key}) > ({})", values.join(", "))
        });
        let columns = list(table.columns.iter());
        let sql = format!("SELECT {columns} FROM {} {beyond} ORDER BY {key}", table.name);
        let after: Vec<Param<'_>> = after.into_iter().flatten().map(Param).collect();
        self.runtime.block_on(async {
            let failed = |error: Error| store_error(&error);
            let params = after.iter().map(|param| param as &dyn ToSql);
            let rows = self.client.query_raw(&sql, params.collect::<Vec<_>>()).await.map_err(failed)?;
            let mut rows = std::pin::pin!(rows);
            while let Some(row) = rows.try_next().await.map_err(failed)? {
                let read = |(at, column): (usize, &'static Column)| value(table, column, &row, at);
                if !take(table.columns.iter().enumerate().map(read).collect::<Result<_, _>>()?) {
                    return Ok(());
                }
            }
            Ok(())
        })
    }

    fn write(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<(), StoreError> {
        let columns = list(table.columns.iter());
        let sql = format!("COPY {} ({columns}) FROM STDIN BINARY", table.name);
        let types: Vec<Type> = table.columns.iter().map(type_of).collect();
        self.run(async {
            let writer = BinaryCopyInWriter::new(self.client.copy_in(&sql).await?, &types);
            let mut writer = std::pin::pin!(writer);
            for row in &rows {
                let params: Vec<Param<'_>> = row.iter().map(Param).collect();
                writer.as_mut().write_raw(params.iter().map(|param| param as &dyn ToSql)).await?;
            }
            writer.finish().await.map(drop)
        })
    }

    fn complete(&mut self) -> Result<(), StoreError> {
        // A commit that is waited for makes durable what was committed before.
        let sql = "BEGIN;
            SET LOCAL synchronous_commit = on;
            SELECT setval('events_sequence', max(sequence)) FROM events HAVING max(sequence) IS NOT NULL;
            SELECT setval(pg_get_serial_sequence('receipts', 'arrival'), max(arrival)) FROM receipts
                HAVING max(arrival) IS NOT NULL;
            UPDATE moves SET part = part;
            COMMIT;
            ANALYZE";
        self.run(self.client.batch_execute(sql))
    }
}
