//! The traces that come first, by one of their spans.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{
    is_one_of,
    search::{Cursor, OPERATION, Order, Search, failed},
    structure,
    summary::MatchedSpan,
};
use crate::{api::rows::rows, engine::Engine, error::QueryError, time::format_time};

/// Matching spans read at first per trace wanted, how much more each time that gave too few traces, and at most.
const SPANS_PER_TRACE: usize = 32;
const WIDEN: usize = 8;
const MAX_SPANS: usize = 100_000;
/// Traces that are looked at more closely at once.
const CHUNK: usize = 1000;

/// A span that matches.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Found {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    service_name: String,
    operation: String,
    pub(super) start_ns: i64,
    pub(super) duration_ns: i64,
    outcome: String,
    pub(super) failed: bool,
}

impl From<Found> for MatchedSpan {
    fn from(found: Found) -> Self {
        MatchedSpan {
            span_id: found.span_id,
            service: found.service_name,
            operation: found.operation,
            start_time: format_time(found.start_ns),
            duration_ms: found.duration_ns as f64 / 1e6,
            outcome: found.outcome,
        }
    }
}

/// The first `limit` traces, each by its first span that matches. Reads more spans as long as they belong to too few.
pub(super) async fn find(engine: &Engine, search: &Search) -> Result<Vec<Found>, QueryError> {
    let mut conditions = vec![search.condition.clone()];
    conditions.extend(search.after.as_ref().map(Cursor::condition));
    conditions.extend(search.called.as_ref().map(|called| format!("trace_id IN ({})", called.traces())));
    let condition = conditions.join(" AND ");
    let mut spans = search.limit * SPANS_PER_TRACE;
    let mut found = Vec::new();
    let mut looked_at = HashSet::new();
    loop {
        let rows = matching(engine, &condition, search.order, Some(spans)).await?;
        let is_complete = rows.len() < spans || spans >= MAX_SPANS;
        let last = rows.last().cloned();
        let firsts: Vec<Found> = rows.into_iter().filter(|row| looked_at.insert(row.trace_id.clone())).collect();
        for (index, chunk) in firsts.chunks(CHUNK).enumerate() {
            found.extend(wanted(engine, search, chunk).await?);
            found.sort_by(|a, b| search.order.compare(a, b));
            // What has not been looked at comes behind this one.
            let next = firsts.get((index + 1) * CHUNK).or(last.as_ref());
            let settled =
                found.partition_point(|found| next.is_some_and(|next| search.order.compare(found, next).is_le()));
            if settled >= search.limit {
                found.truncate(search.limit);
                return Ok(found);
            }
        }
        if is_complete {
            found.truncate(search.limit);
            return Ok(found);
        }
        spans = (spans * WIDEN).min(MAX_SPANS);
    }
}

/// Those of `firsts`, the first spans of different traces, that are wanted indeed.
async fn wanted(engine: &Engine, search: &Search, firsts: &[Found]) -> Result<Vec<Found>, QueryError> {
    if firsts.is_empty() || (search.after.is_none() && search.called.is_none()) {
        return Ok(firsts.to_vec());
    }
    // Another span of a trace may come before the cursor, so that the trace was shown; or not be the one that calls.
    let traces = is_one_of(firsts.iter().map(|found| found.trace_id.as_str()));
    let condition = format!("{} AND {traces}", search.condition);
    let mut matching = matching(engine, &condition, search.order, None).await?;
    if let Some(called) = &search.called {
        let calling = structure::calling(engine, called, &traces, &matching).await?;
        matching.retain(|span| calling.contains(&(span.trace_id.clone(), span.span_id.clone())));
    }
    let mut best: HashMap<String, Found> = HashMap::new();
    for span in matching {
        best.entry(span.trace_id.clone()).or_insert(span);
    }
    let shown = |span: &Found| search.after.as_ref().is_some_and(|cursor| cursor.is_past(span));
    Ok(best.into_values().filter(|span| !shown(span)).collect())
}

/// Spans that match, in order.
async fn matching(
    engine: &Engine,
    condition: &str,
    order: Order,
    limit: Option<usize>,
) -> Result<Vec<Found>, QueryError> {
    let failed = failed();
    let by = match order {
        Order::Recent => "start_time DESC",
        Order::Slowest => "duration_ns DESC",
        Order::Errors => "failed DESC, start_time DESC",
    };
    let limit = limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
    let sql = format!(
        "SELECT trace_id, span_id, service_name, {OPERATION} AS operation, CAST(start_time AS BIGINT) AS start_ns, \
         duration_ns, outcome, {failed} AS failed FROM spans WHERE {condition} ORDER BY {by}, trace_id, span_id{limit}"
    );
    rows(engine, &sql).await
}
