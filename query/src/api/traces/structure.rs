//! Which spans call what: "A calls B".

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{find::Found, search::operation_condition};
use crate::{
    api::{
        parameters::{TimeRange, quote},
        rows::rows,
    },
    engine::Engine,
    error::QueryError,
};

/// How long after the end of the range what is called may begin: messages wait in queues.
const CALLED_WITHIN_NS: i64 = 15 * 60 * 1_000_000_000;

/// What is called.
#[derive(Debug)]
pub(super) struct Called {
    /// As the service graph names it.
    pub(super) name: String,
    pub(super) operation: Option<String>,
    /// When those who call begin.
    pub(super) range: TimeRange,
}

#[derive(Debug, Deserialize)]
struct SpanRow {
    trace_id: String,
    span_id: String,
    parent_span_id: Option<String>,
    service_name: String,
    calls: bool,
}

type SpanKey = (String, String);

impl Called {
    /// A statement that gives the traces of those who call.
    pub(super) fn traces(&self) -> String {
        format!("SELECT trace_id FROM ({})", self.callers(None))
    }

    /// A statement that gives `trace_id, span_id` of those who call, and the service of the callee if that may be the
    /// caller's own and the span no call at all.
    fn callers(&self, traces: Option<&str>) -> String {
        let name = quote(&self.name);
        let range = TimeRange { to_ns: self.range.to_ns.saturating_add(CALLED_WITHIN_NS), ..self.range };
        let operation = self.operation.as_deref().map(|operation| format!(" AND {}", operation_condition(operation)));
        let common = format!("{}{}", range.condition(), operation.unwrap_or_default());
        let in_traces = traces.map(|traces| format!(" AND {traces}")).unwrap_or_default();
        let parents = format!(
            "SELECT trace_id, parent_span_id AS span_id, \
             CASE WHEN kind IN ('SERVER', 'CONSUMER') THEN '' ELSE service_name END AS within FROM spans \
             WHERE {common} AND service_name = {name} AND parent_span_id IS NOT NULL{in_traces}"
        );
        let linked = format!(
            "SELECT link['trace_id'] AS trace_id, link['span_id'] AS span_id, '' AS within FROM \
             (SELECT unnest(links) AS link FROM spans WHERE {common} AND service_name = {name} \
              AND kind IN ('SERVER', 'CONSUMER'))"
        );
        let named = [
            "service_peer_name",
            "messaging_destination_name",
            "db_namespace",
            "server_address",
            "concat(server_address, ':', server_port)",
            "concat(lower(db_system_name), '/', db_namespace, '@', service_name)",
        ]
        .map(|peer| format!("{peer} = {name}"))
        .join(" OR ");
        let peers = format!(
            "SELECT trace_id, span_id, '' AS within FROM spans \
             WHERE {common} AND kind IN ('CLIENT', 'PRODUCER') AND ({named}){in_traces}"
        );
        format!("{parents} UNION ALL {linked} UNION ALL {peers}")
    }
}

/// Those of `matching`, spans of `traces` (a condition), from which calls of `called` come: by themselves, or by spans
/// below them that their service does not leave in between.
pub(super) async fn calling(
    engine: &Engine,
    called: &Called,
    traces: &str,
    matching: &[Found],
) -> Result<HashSet<SpanKey>, QueryError> {
    let sql = format!(
        "WITH callers AS (SELECT DISTINCT trace_id AS of_trace, span_id AS of_span, within FROM ({})) \
         SELECT trace_id, span_id, parent_span_id, service_name, \
         of_span IS NOT NULL AND within <> service_name AS calls \
         FROM (SELECT trace_id, span_id, parent_span_id, service_name FROM spans WHERE {traces}) \
         LEFT JOIN callers ON trace_id = of_trace AND span_id = of_span",
        called.callers(Some(traces))
    );
    let spans: Vec<SpanRow> = rows(engine, &sql).await?;
    let mut open: Vec<SpanKey> = Vec::new();
    let mut above: HashMap<SpanKey, (SpanKey, String)> = HashMap::new();
    for SpanRow { trace_id, span_id, parent_span_id, service_name, calls } in spans {
        if calls {
            open.push((trace_id.clone(), span_id.clone()));
        }
        let parent = parent_span_id.unwrap_or_default();
        above.insert((trace_id.clone(), span_id), ((trace_id, parent), service_name));
    }
    let mut calling = HashSet::new();
    while let Some(span) = open.pop() {
        if let Some((parent, service)) = above.get(&span)
            && !calling.contains(&span)
        {
            let stays = above.get(parent).is_some_and(|(_, of_parent)| of_parent == service);
            open.extend(stays.then(|| parent.clone()));
            calling.insert(span);
        }
    }
    let matched: HashSet<SpanKey> = matching.iter().map(|span| (span.trace_id.clone(), span.span_id.clone())).collect();
    calling.retain(|span| matched.contains(span));
    Ok(calling)
}
