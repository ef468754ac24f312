//! `breakers`.

use arrow::record_batch::RecordBatch;
use spandrel_proto::{
    columns::{Bytes, Finisher, Int64s},
    model::Table,
};

use super::{Repairs, assemble, push_text};

/// One event of a circuit breaker or its kin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BreakerRow<'a> {
    pub time: i64,
    /// `resilience4j`, `envoy`, `nginx`, ...
    pub system: &'static str,
    /// Name of the breaker, or the host or cluster it guards.
    pub breaker: Option<&'a str>,
    /// The service that calls, whose breaker it is.
    pub service_name: &'a str,
    /// The service that is called, where that is known.
    pub peer_service: Option<&'a str>,
    pub server_address: Option<&'a str>,
    /// `trip`, `half_open`, `close`, `short_circuit`, `fallback`, `eject`, `uneject`, `retry`, `rate_limit`, `timeout`.
    pub event: &'static str,
    /// Stated in so many words, or inferred from a sign that may have other causes.
    pub is_inferred: bool,
    /// What told it: `response_flags`, `log`, `exception`, `span_event`, `metric`, ...
    pub signal: &'static str,
    /// The words that told it.
    pub detail: Option<&'a str>,
    pub trace_id: Option<&'a [u8]>,
    pub span_id: Option<&'a [u8]>,
    pub correlation_id: Option<&'a str>,
}

/// Collects breaker events found in rows of one table.
#[derive(Debug)]
pub struct BreakerRows {
    rows: usize,
    source_table: Table,
    time: Int64s,
    texts: [Bytes; TEXTS.len()],
    trace_id: Bytes,
    span_id: Bytes,
    pub repairs: Repairs,
}

const TEXTS: [&str; 11] = [
    "system",
    "breaker",
    "service_name",
    "peer_service",
    "server_address",
    "event",
    "basis",
    "signal",
    "detail",
    "correlation_id",
    "source_table",
];

impl BreakerRows {
    pub fn new(source_table: Table) -> Self {
        Self {
            rows: 0,
            source_table,
            time: Int64s::default(),
            texts: Default::default(),
            trace_id: Bytes::default(),
            span_id: Bytes::default(),
            repairs: Repairs::default(),
        }
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    pub fn push(&mut self, event: &BreakerRow<'_>) {
        let row = self.rows;
        self.time.push(row, event.time);
        let values = [
            Some(event.system),
            event.breaker,
            Some(event.service_name),
            event.peer_service,
            event.server_address,
            Some(event.event),
            Some(if event.is_inferred { "inferred" } else { "explicit" }),
            Some(event.signal),
            event.detail,
            event.correlation_id,
            Some(self.source_table.name()),
        ];
        for (column, value) in self.texts.iter_mut().zip(values) {
            if let Some(value) = value {
                push_text(column, row, value, &mut self.repairs);
            }
        }
        if let Some(id) = event.trace_id {
            self.trace_id.push(row, id);
        }
        if let Some(id) = event.span_id {
            self.span_id.push(row, id);
        }
        self.rows += 1;
    }

    /// The batch, of the table's schema.
    pub fn finish(self) -> RecordBatch {
        let mut finisher = Finisher::new(self.rows);
        let mut columns = vec![
            ("time", self.time.finish(&mut finisher)),
            ("trace_id", self.trace_id.finish_binary(&mut finisher)),
            ("span_id", self.span_id.finish_binary(&mut finisher)),
        ];
        for (name, column) in TEXTS.into_iter().zip(self.texts) {
            columns.push((name, column.finish_text(&mut finisher)));
        }
        assemble(Table::Breakers, self.rows, columns)
    }
}
