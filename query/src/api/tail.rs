//! `GET /logs/tail`: log records as they become durable.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use arrow::{
    array::{Array, AsArray, BooleanArray},
    compute::filter_record_batch,
    datatypes::Int32Type,
    error::ArrowError,
    record_batch::RecordBatch,
};
use axum::{
    extract::{RawQuery, State},
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, stream};
use serde::Serialize;
use spandrel_proto::model::Table;
use spandrel_store::Follower;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    ApiState,
    error::{ApiError, ErrorBody},
    parameters::Parameters,
};
use crate::{
    output::{Format, Writer},
    table::exposed_rows,
};

/// Tails at once.
pub(super) const MAX_TAILS: usize = 8;
/// Records that wait for the reader of one tail (B-1). They are the hot rows of the store, most of them not copied.
const FOLLOWED_BYTES: usize = 8 << 20;
/// Records that are turned into events at once.
const SLICE: usize = 256;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const SEVERITIES: [(&str, i32); 6] =
    [("trace", 1), ("debug", 5), ("info", 9), ("warn", 13), ("error", 17), ("fatal", 21)];

/// What a reader who was too slow is told.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Missed {
    /// Records that came faster than they were read, whether they match or not. They are in the table `logs`.
    missed: u64,
}

/// Log records as they become durable
///
/// Server-sent events. `log`: a record as JSON, with the columns of `logs`. `missed`: the reader was too slow, and so many
/// records were left out. A comment every 15 seconds while there is nothing to tell.
#[utoipa::path(
    get,
    path = "/api/v1/logs/tail",
    operation_id = "tailLogs",
    params(
        ("service" = Option<String>, Query, description = "Only records of this service"),
        ("severity" = Option<String>, Query, description = "Only records at least so severe: `trace`, `debug`, `info`, `warn`, `error`, `fatal`, or a number from 1 to 24"),
        ("contains" = Option<String>, Query, description = "Only records whose body has this text, in upper or lower case"),
    ),
    responses(
        (status = 200, description = "Events until the reader goes or the server stops", content((String = "text/event-stream"))),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
        (status = 409, description = "This server does not store anything", body = ErrorBody),
        (status = 503, description = "Eight tails are being read; see Retry-After", body = ErrorBody),
    )
)]
pub(super) async fn tail(
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let filter = Filter::read(query.as_deref())?;
    let store = state.engine.store().ok_or_else(ApiError::read_only)?;
    let place = Arc::clone(&state.tails).try_acquire_owned().map_err(|_| ApiError::too_many_tails(MAX_TAILS))?;
    let tail = Tail {
        follower: store.follow(&[Table::Logs], FOLLOWED_BYTES),
        filter,
        batches: VecDeque::new(),
        missed: 0,
        events: VecDeque::new(),
        stop: state.stop,
        _place: place,
    };
    let events = stream::unfold(tail, |mut tail| async move { tail.next().await.map(|event| (Ok(event), tail)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_TAILS))
}

/// One reader. Nothing is done unless it reads: what comes meanwhile waits in `follower`, as far as there is room.
struct Tail {
    follower: Follower,
    filter: Filter,
    batches: VecDeque<RecordBatch>,
    missed: u64,
    events: VecDeque<Event>,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Tail {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if let Some(batch) = self.batches.pop_front() {
                self.look_at(&batch);
            } else if self.missed > 0 {
                let missed = Missed { missed: std::mem::take(&mut self.missed) };
                return Some(Event::default().event("missed").json_data(missed).expect("a number is valid JSON"));
            } else {
                let followed = tokio::select! {
                    () = self.stop.cancelled() => return None,
                    followed = self.follower.next() => followed?,
                };
                self.batches.extend(followed.batches.into_iter().map(|(_, batch)| batch));
                self.missed = followed.missed.map_or(0, |missed| missed.rows);
            }
        }
    }

    /// Makes events of the first records of `batch`, and puts back the others.
    fn look_at(&mut self, batch: &RecordBatch) {
        let first = batch.slice(0, SLICE.min(batch.num_rows()));
        if batch.num_rows() > SLICE {
            self.batches.push_front(batch.slice(SLICE, batch.num_rows() - SLICE));
        }
        match self.filter.lines(&first) {
            Ok(lines) => {
                let lines = lines.lines().map(|line| Event::default().event("log").data(line));
                self.events.extend(lines);
            }
            Err(error) => {
                tracing::error!(%error, "log records cannot be told to who follows them");
                self.missed += first.num_rows() as u64;
            }
        }
    }
}

/// Which records are told.
#[derive(Debug)]
struct Filter {
    service: Option<String>,
    severity: Option<i32>,
    /// In lower case.
    contains: Option<String>,
}

impl Filter {
    fn read(query: Option<&str>) -> Result<Filter, ApiError> {
        let mut parameters = Parameters::new(query);
        let service = parameters.text("service");
        let contains = parameters.text("contains").map(|text| text.to_lowercase());
        let severity = parameters.text("severity").map(|text| severity(&text)).transpose()?;
        parameters.finish()?;
        Ok(Filter { service, severity, contains })
    }

    /// The records of `batch` that are told, a line each.
    fn lines(&self, batch: &RecordBatch) -> Result<String, ArrowError> {
        let schema = Table::Logs.schema();
        let services = batch.column(schema.index_of("service_name")?).as_string::<i32>();
        let severities = batch.column(schema.index_of("severity_number")?).as_primitive::<Int32Type>();
        let bodies = batch.column(schema.index_of("body")?).as_string::<i32>();
        let is_told = |row: usize| {
            self.service.as_ref().is_none_or(|service| services.is_valid(row) && services.value(row) == service)
                && self.severity.is_none_or(|least| severities.is_valid(row) && severities.value(row) >= least)
                && self
                    .contains
                    .as_ref()
                    .is_none_or(|part| bodies.is_valid(row) && bodies.value(row).to_lowercase().contains(part.as_str()))
        };
        let told: BooleanArray = (0..batch.num_rows()).map(|row| Some(is_told(row))).collect();
        let rows = exposed_rows(&filter_record_batch(batch, &told)?)?;
        let mut lines = Vec::new();
        Writer::begin(Format::Ndjson, &rows.schema(), &mut lines)?.batch(&rows, &mut lines)?;
        String::from_utf8(lines).map_err(|error| ArrowError::ExternalError(Box::new(error)))
    }
}

fn severity(text: &str) -> Result<i32, ApiError> {
    let named = SEVERITIES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, number)| number);
    named.or_else(|| text.parse().ok().filter(|number| (1..=24).contains(number))).ok_or_else(|| {
        let names = SEVERITIES.map(|(name, _)| name).join(", ");
        ApiError::parameter("severity", format!("severity: '{text}' is not one of {names}, or a number from 1 to 24"))
    })
}
