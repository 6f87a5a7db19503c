//! Many statements in one round trip.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

use crate::connect::Connection;

/// A value of a statement.
pub(crate) type Param = Arc<dyn ToSql + Sync + Send>;

/// A statement with its values.
pub(crate) enum Step {
    /// `BEGIN` and the like.
    Control(&'static str),
    /// A prepared statement.
    Query(Cow<'static, str>, Vec<Param>),
}

impl Step {
    pub(crate) fn query(sql: impl Into<Cow<'static, str>>, params: Vec<Param>) -> Self {
        Self::Query(sql.into(), params)
    }

    /// The same once more, with the same values.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Control(sql) => Self::Control(sql),
            Self::Query(sql, params) => Self::Query(sql.clone(), params.clone()),
        }
    }
}

/// Values for a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(std::sync::Arc::new($value) as $crate::pipeline::Param),*] };
}
pub(crate) use values;

/// What one statement answered.
pub(crate) type Answered = Result<Vec<Row>, Error>;

impl Connection {
    /// Sends all steps at once and gives what each answered. After a step that fails inside a transaction the server
    /// skips the others, and the final `COMMIT` rolls back. Where a step cannot be sent, what comes after it is not
    /// sent either, and the answers end with its error: fewer answers than steps means that a final `COMMIT` never
    /// left.
    ///
    /// # Errors
    /// A statement could not be prepared; nothing was executed.
    pub(crate) async fn pipeline(&mut self, steps: &[Step]) -> Result<Vec<Answered>, Error> {
        self.prepare(steps).await?;
        let params: Vec<Vec<&(dyn ToSql + Sync)>> = steps.iter().map(references).collect();
        let (client, statements) = (&self.client, &self.statements);
        let sending = steps.iter().zip(&params).map(|(step, params)| send(client, statements, step, params));
        Ok(in_one_go(sending).await)
    }

    /// One statement outside a transaction.
    pub(crate) async fn one(&mut self, sql: impl Into<Cow<'static, str>>, params: Vec<Param>) -> Answered {
        let mut answers = self.pipeline(&[Step::query(sql, params)]).await?;
        answers.pop().unwrap_or_else(|| Ok(vec![]))
    }

    /// Steps without an answer to wait for: what is sent next comes after them all the same.
    pub(crate) fn control(&mut self, sql: &'static str) {
        let mut sending = Box::pin(self.client.batch_execute(sql));
        let mut cx = Context::from_waker(Waker::noop());
        // The first poll sends. Nobody needs the answer: a connection that breaks is noticed by the next request.
        let _ = sending.as_mut().poll(&mut cx);
    }

    /// Prepares what this connection has not prepared yet, in one round trip.
    async fn prepare(&mut self, steps: &[Step]) -> Result<(), Error> {
        let mut missing = HashSet::new();
        for step in steps {
            if let Step::Query(sql, _) = step
                && !self.statements.contains_key(sql.as_ref())
            {
                missing.insert(sql.as_ref());
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let client = &self.client;
        let prepare = |sql: &&str| {
            let sql = (*sql).to_owned();
            let sending =
                async move { client.prepare_typed(&sql, &[] as &[Type]).await.map(|made| (sql, made)) };
            Box::pin(sending) as Sending<'_, (String, Statement)>
        };
        for prepared in in_one_go(missing.iter().map(prepare)).await {
            let (sql, statement) = prepared?;
            self.statements.insert(sql, statement);
        }
        Ok(())
    }
}

type Sending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

fn send<'a>(
    client: &'a Client,
    statements: &'a HashMap<String, Statement>,
    step: &'a Step,
    params: &'a [&'a (dyn ToSql + Sync)],
) -> Sending<'a, Vec<Row>> {
    match step {
        Step::Control(sql) => Box::pin(async move { client.batch_execute(sql).await.map(|()| vec![]) }),
        Step::Query(sql, _) => {
            let statement = statements[sql.as_ref()].clone();
            Box::pin(async move { client.query(&statement, params).await })
        }
    }
}

fn references(step: &Step) -> Vec<&(dyn ToSql + Sync)> {
    match step {
        Step::Control(_) => vec![],
        Step::Query(_, params) => params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect(),
    }
}

/// The library sends a request when its future is polled first: all are polled once, in order, before the first
/// answer is awaited. A request that fails at once was not sent; then neither is any after it, and the answers end
/// with its error.
async fn in_one_go<'a, T>(mut requests: impl Iterator<Item = Sending<'a, T>>) -> Vec<Result<T, Error>> {
    let mut sent = Vec::new();
    poll_fn(|cx| {
        for mut request in requests.by_ref() {
            match request.as_mut().poll(cx) {
                Poll::Pending => sent.push(Sent::Waiting(request)),
                Poll::Ready(answer) => {
                    let failed = answer.is_err();
                    sent.push(Sent::Answered(answer));
                    if failed {
                        break;
                    }
                }
            }
        }
        Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(sent.len());
    for request in sent {
        answers.push(match request {
            Sent::Answered(answer) => answer,
            Sent::Waiting(request) => request.await,
        });
    }
    answers
}

enum Sent<'a, T> {
    Answered(Result<T, Error>),
    Waiting(Sending<'a, T>),
}
