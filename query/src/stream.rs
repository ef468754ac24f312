//! The result of a query as it is produced.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use futures::Stream;
use serde::Serialize;
use spandrel_analysis::flow::Summary;
use tokio::{sync::mpsc, time::Sleep};

use crate::{error::QueryError, table::ScanCounters, workers::AbortOnDrop};

/// What a query did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, utoipa::ToSchema)]
pub struct QueryStats {
    /// Rows of the result so far.
    pub rows: u64,
    /// Files of the tables that were scanned.
    pub files_considered: u64,
    /// Those of them that could hold matching rows.
    pub files_scanned: u64,
    /// Since the query was accepted.
    pub elapsed_ms: u64,
}

/// What the worker of a query sends. The last message is always an end.
#[derive(Debug)]
pub(crate) enum Message {
    Batch(RecordBatch),
    End(Result<(), QueryError>),
}

/// Batches of the result of a query. Dropping it ends the query.
#[derive(Debug)]
pub struct QueryStream {
    schema: SchemaRef,
    messages: mpsc::Receiver<Message>,
    /// Ends the query here when its worker does not, because it is inside a computation that never yields.
    overdue: Pin<Box<Sleep>>,
    limit: Duration,
    ended: bool,
    rows: u64,
    started: Instant,
    counters: Arc<ScanCounters>,
    _worker: AbortOnDrop<()>,
}

impl QueryStream {
    pub(crate) fn new(
        schema: SchemaRef,
        messages: mpsc::Receiver<Message>,
        worker: AbortOnDrop<()>,
        counters: Arc<ScanCounters>,
        started: Instant,
        overdue: Sleep,
        limit: Duration,
    ) -> Self {
        Self {
            schema,
            messages,
            overdue: Box::pin(overdue),
            limit,
            ended: false,
            rows: 0,
            started,
            counters,
            _worker: worker,
        }
    }

    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The flow that the query asked for, once the query is planned.
    pub(crate) fn flow(&self) -> Option<&Summary> {
        self.counters.flow()
    }

    pub fn stats(&self) -> QueryStats {
        QueryStats {
            rows: self.rows,
            files_considered: self.counters.considered(),
            files_scanned: self.counters.scanned(),
            elapsed_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(message) = self.messages.poll_recv(context) {
            return Poll::Ready(self.receive(message));
        }
        ready!(self.overdue.as_mut().poll(context));
        self.ended = true;
        let limit = self.limit;
        Poll::Ready(Some(Err(QueryError::TimedOut { limit })))
    }
}

impl QueryStream {
    fn receive(&mut self, message: Option<Message>) -> Option<Result<RecordBatch, QueryError>> {
        match message {
            Some(Message::Batch(batch)) => {
                self.rows += batch.num_rows() as u64;
                Some(Ok(batch))
            }
            Some(Message::End(Ok(()))) => {
                self.ended = true;
                None
            }
            Some(Message::End(Err(error))) => {
                self.ended = true;
                Some(Err(error))
            }
            None => {
                self.ended = true;
                let message = "its worker ended abnormally".to_owned();
                Some(Err(QueryError::Internal { message }))
            }
        }
    }
}
