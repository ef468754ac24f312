//! Which spans are compared with which.

use spandrel_analysis::red::SERVER_KINDS;

use super::comparison::{Key, Origin, Side};
use crate::api::{
    attributes::{RESOURCE_ATTRIBUTES, SPAN_ATTRIBUTES},
    error::ApiError,
    parameters::{Parameters, TimeRange, quote},
    traces::{attribute_condition, failed, operation_condition},
};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
const MAX_ATTRIBUTES: usize = 10;
/// How far the record of a gateway may be from the spans it belongs to.
const GATEWAY_REACH_NS: i64 = 15 * 60 * 1_000_000_000;

/// Columns of `spans` that are compared beside those of attributes.
pub(super) const OTHER_COLUMNS: [&str; 4] = ["kind", "outcome", "status_message", "scope_name"];
/// Columns of `requests` that are compared.
pub(super) const GATEWAY_COLUMNS: [&str; 11] = [
    "source",
    "gateway",
    "client_address",
    "user_agent",
    "server_address",
    "http_response_status_code",
    "upstream_service",
    "upstream_address",
    "upstream_status",
    "response_flags",
    "outcome",
];

/// Spans of a service, and the condition that selects some of them.
#[derive(Debug)]
pub(super) struct Selection {
    all: String,
    selected: String,
    range: TimeRange,
    /// Attributes in the answer.
    pub(super) limit: usize,
}

impl Selection {
    pub(super) fn read(query: Option<&str>, now_ns: i64) -> Result<Selection, ApiError> {
        let mut parameters = Parameters::new(query);
        let range = TimeRange::read(&mut parameters, now_ns)?;
        let service = parameters
            .text("service")
            .ok_or_else(|| ApiError::parameter("service", "service: name the service whose spans are compared"))?;
        let of_operation = match parameters.text("operation") {
            Some(operation) => operation_condition(&operation),
            None => format!("kind IN ({})", SERVER_KINDS.map(quote).join(", ")),
        };
        let all = format!("{} AND service_name = {} AND {of_operation}", range.condition(), quote(&service));
        let selected = selected(&mut parameters, now_ns)?;
        let wanted = format!("a whole number from 1 to {MAX_LIMIT}");
        let limit = parameters.parsed("limit", &wanted)?.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::parameter("limit", format!("limit: {limit} is not {wanted}")));
        }
        parameters.finish()?;
        if selected.is_empty() {
            let message = "nothing is selected: give at least one of `selection_from`, `selection_to`, `min_duration`, \
                           `max_duration`, `error` and `attribute`";
            return Err(ApiError::parameter("selection_from", message));
        }
        Ok(Selection { all, selected: selected.join(" AND "), range, limit })
    }

    /// A statement that counts the spans of both sides.
    pub(super) fn sizes(&self) -> String {
        let Selection { all, selected, .. } = self;
        format!(
            "SELECT count(*) FILTER (WHERE ({selected}) IS TRUE) AS selected, \
             count(*) FILTER (WHERE ({selected}) IS NOT TRUE) AS others FROM spans WHERE {all}"
        )
    }

    /// As the end of a statement over `spans`: the newest `limit` of a side.
    pub(super) fn newest(&self, side: Side, limit: usize) -> String {
        let Selection { all, selected, .. } = self;
        let not = match side {
            Side::Selection => "",
            Side::Rest => "NOT ",
        };
        format!(
            "FROM spans WHERE {all} AND ({selected}) IS {not}TRUE ORDER BY start_time DESC, trace_id, span_id LIMIT {limit}"
        )
    }

    /// As a condition on `requests`: records at the edge that may belong to the spans.
    pub(super) fn gateway_condition(&self) -> String {
        let range = TimeRange {
            from_ns: self.range.from_ns.saturating_sub(GATEWAY_REACH_NS),
            to_ns: self.range.to_ns.saturating_add(GATEWAY_REACH_NS),
        };
        format!("side = 'edge' AND {}", range.condition())
    }

    /// A statement that shows the difference of one attribute.
    pub(super) fn sql_of(&self, key: &Key) -> String {
        let Selection { all, selected, .. } = self;
        let name = quote(&key.name);
        let columns = match key.origin {
            Origin::Resource => &RESOURCE_ATTRIBUTES[..],
            _ => &SPAN_ATTRIBUTES[..],
        };
        let column = columns.iter().find(|(_, attribute)| *attribute == key.name).map(|(column, _)| *column);
        let value = match (key.origin, column) {
            (Origin::Gateway, _) => {
                return format!(
                    "SELECT value, count(*) FILTER (WHERE selected) AS selection, \
                     count(*) FILTER (WHERE NOT selected) AS rest FROM \
                     (SELECT trace_id AS of_trace, ({selected}) IS TRUE AS selected FROM spans WHERE {all}) LEFT JOIN \
                     (SELECT trace_id, min({}) AS value FROM requests WHERE {} GROUP BY trace_id) \
                     ON of_trace = trace_id GROUP BY value ORDER BY selection DESC, rest DESC LIMIT 100",
                    key.name,
                    self.gateway_condition()
                );
            }
            (Origin::Span, _) if OTHER_COLUMNS.contains(&key.name.as_str()) => key.name.clone(),
            (_, Some(column)) => column.to_owned(),
            (Origin::Span, None) => format!("attributes[{name}]"),
            (Origin::Resource, None) => format!("resource_attributes[{name}]"),
        };
        format!(
            "SELECT {value} AS value, count(*) FILTER (WHERE ({selected}) IS TRUE) AS selection, \
             count(*) FILTER (WHERE ({selected}) IS NOT TRUE) AS rest FROM spans WHERE {all} \
             GROUP BY value ORDER BY selection DESC, rest DESC LIMIT 100"
        )
    }
}

/// The conditions that select.
fn selected(parameters: &mut Parameters, now_ns: i64) -> Result<Vec<String>, ApiError> {
    let mut conditions = Vec::new();
    for (name, comparison) in [("selection_from", ">="), ("selection_to", "<")] {
        if let Some(text) = parameters.text(name) {
            let time = crate::time::parse_time(&text, now_ns).map_err(|error| ApiError::time(name, &error))?;
            conditions.push(format!("start_time {comparison} to_timestamp_nanos({time})"));
        }
    }
    for (name, comparison) in [("min_duration", ">="), ("max_duration", "<=")] {
        if let Some(duration) = parameters.duration(name)? {
            conditions.push(format!("duration_ns {comparison} {duration}"));
        }
    }
    match parameters.parsed("error", "true or false")? {
        Some(true) => conditions.push(failed()),
        Some(false) => conditions.push(format!("NOT {}", failed())),
        None => {}
    }
    let attributes = parameters.all("attribute");
    if attributes.len() > MAX_ATTRIBUTES {
        let message = format!("attribute: {} are given, at most {MAX_ATTRIBUTES} are allowed", attributes.len());
        return Err(ApiError::parameter("attribute", message));
    }
    for attribute in attributes {
        conditions.push(attribute_condition(&attribute)?);
    }
    Ok(conditions)
}
