//! Breaker events in `spans`.

use arrow::{
    array::{Array, AsArray},
    record_batch::RecordBatch,
};

use super::{
    super::view::{Attributes, Texts, View, elements_with, rows_of},
    BreakerDetector, detail, first_rule,
    rules::event,
    told,
};
use crate::{
    response_flags,
    rows::{BreakerRow, BreakerRows},
};

/// The name of the span that Spring Cloud CircuitBreaker's fallback has.
pub(super) const SPRING_FALLBACK: &str = "circuit-breaker fallback";
/// Parts of the names of attributes that tell of an event.
pub(super) const KEYS: [&str; 3] = ["response_flags", "hystrix.c", "exception."];

const HYSTRIX_OPEN: &str = "hystrix.circuit_open";
const HYSTRIX_COMMAND: &str = "hystrix.command";

pub(super) fn detect(detector: &BreakerDetector, batch: &RecordBatch, events: &mut BreakerRows) {
    let view = View(batch);
    let spans = Spans {
        view,
        names: view.texts("name"),
        error_types: view.texts("error_type"),
        messages: view.texts("status_message"),
        attributes: view.attributes("attributes"),
        events: SpanEvents::of(view),
    };
    let mut rows = spans.error_types.rows_with(&detector.markers);
    rows.extend(spans.messages.rows_with(&detector.markers));
    rows.extend(spans.names.rows_with(&detector.span_names));
    rows.extend(spans.attributes.rows_with_key(&detector.span_keys));
    rows.extend(spans.events.rows_with(detector));
    rows.sort_unstable();
    rows.dedup();
    for row in rows {
        spans.detect(row, events);
    }
}

struct Spans<'b> {
    view: View<'b>,
    names: Texts<'b>,
    error_types: Texts<'b>,
    messages: Texts<'b>,
    attributes: Attributes<'b>,
    events: SpanEvents<'b>,
}

impl<'b> Spans<'b> {
    fn detect(&self, row: usize, events: &mut BreakerRows) {
        let name = self.names.get(row).unwrap_or_default();
        if name.contains(SPRING_FALLBACK) {
            return self.push(row, events, "spring", None, event::FALLBACK, "span_name", Some(name));
        }
        if let Some(is_open) =
            self.attributes.get(row, HYSTRIX_OPEN).or_else(|| self.attributes.get(row, HYSTRIX_COMMAND))
        {
            let command = self.attributes.get(row, HYSTRIX_COMMAND);
            if let Some(guarded) = name.strip_suffix(".fallback") {
                return self.push(
                    row,
                    events,
                    "hystrix",
                    command.or(Some(guarded)),
                    event::FALLBACK,
                    "span_name",
                    Some(name),
                );
            }
            if is_open == "true" {
                let breaker = command.or(name.strip_suffix(".execute"));
                return self.push(
                    row,
                    events,
                    "hystrix",
                    breaker,
                    event::SHORT_CIRCUIT,
                    "attribute",
                    Some(HYSTRIX_OPEN),
                );
            }
        }
        if self.exception(row, events) {
            return;
        }
        self.response_flags(row, events);
    }

    /// Whether an exception of the span, its error type or its status tells of an event.
    fn exception(&self, row: usize, events: &mut BreakerRows) -> bool {
        let mut own: Vec<&str> =
            ["exception.type", "exception.message"].iter().filter_map(|key| self.attributes.get(row, key)).collect();
        own.extend(self.error_types.get(row));
        own.extend(self.messages.get(row));
        let inside = self.events.texts(row);
        let all: Vec<&str> = inside.iter().chain(&own).copied().collect();
        let Some((rule, text, breaker)) = first_rule(&all) else { return false };
        let signal = if inside.iter().any(|inside| std::ptr::eq(*inside, text)) { "span_event" } else { "exception" };
        let told = told(rule, text, breaker);
        self.push(row, events, told.system, told.breaker, told.event, signal, told.detail);
        true
    }

    fn response_flags(&self, row: usize, events: &mut BreakerRows) {
        let Some(flags) =
            self.attributes.row(row).find(|(key, _)| key.ends_with("response_flags")).map(|(_, value)| value)
        else {
            return;
        };
        let cluster = self.attributes.first(row, &["upstream_cluster.name", "upstream_cluster"]);
        for (flag, event) in [
            ("UO", event::SHORT_CIRCUIT),
            ("UH", event::SHORT_CIRCUIT),
            ("RL", event::RATE_LIMIT),
            ("UT", event::TIMEOUT),
        ] {
            if response_flags::has(flags, flag) {
                let base = self.base(row);
                let row = BreakerRow { system: "envoy", breaker: cluster, event, is_inferred: flag == "UH", ..base };
                return events.push(&BreakerRow { signal: "response_flags", detail: Some(flags), ..row });
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is one column")]
    fn push(
        &self,
        row: usize,
        events: &mut BreakerRows,
        system: &'static str,
        breaker: Option<&str>,
        event: &'static str,
        signal: &'static str,
        words: Option<&str>,
    ) {
        let base = self.base(row);
        events.push(&BreakerRow { system, breaker, event, signal, detail: words.and_then(detail), ..base });
    }

    fn base(&self, row: usize) -> BreakerRow<'b> {
        let view = self.view;
        BreakerRow {
            time: view.longs("start_time").get(row).unwrap_or_default(),
            service_name: view.texts("service_name").get(row).unwrap_or_default(),
            peer_service: view.texts("service_peer_name").get(row),
            server_address: view.texts("server_address").get(row),
            trace_id: view.ids("trace_id").get(row),
            span_id: view.ids("span_id").get(row),
            correlation_id: view.texts("correlation_id").get(row),
            ..BreakerRow::default()
        }
    }
}

/// The events of spans.
#[derive(Debug, Clone, Copy)]
struct SpanEvents<'b> {
    offsets: &'b [i32],
    names: Texts<'b>,
    attributes: Attributes<'b>,
}

impl<'b> SpanEvents<'b> {
    fn of(view: View<'b>) -> Self {
        let lists = view.lists("events");
        let items = lists.and_then(|lists| lists.values().as_struct_opt());
        let column = |name| items.and_then(|items| items.column_by_name(name));
        Self {
            offsets: lists.map_or(&[], |lists| lists.value_offsets()),
            names: Texts(column("name").and_then(|column| column.as_string_opt())),
            attributes: Attributes::of(column("attributes").and_then(|column| column.as_map_opt())),
        }
    }

    fn rows_with(self, detector: &BreakerDetector) -> Vec<usize> {
        let mut elements = self.attributes.rows_with_value(&detector.markers);
        elements.extend(self.names.0.map(|names| elements_with(&detector.markers, names)).unwrap_or_default());
        elements.sort_unstable();
        rows_of(self.offsets, elements)
    }

    /// Names of a row's events and what their exceptions say.
    fn texts(self, row: usize) -> Vec<&'b str> {
        let edge = |at: usize| self.offsets.get(at).and_then(|offset| usize::try_from(*offset).ok()).unwrap_or(0);
        let end = edge(row + 1).min(self.names.0.map_or(0, Array::len));
        let mut texts = Vec::new();
        for element in edge(row)..end {
            texts.extend(
                ["exception.type", "exception.message", "message", "event"]
                    .iter()
                    .filter_map(|key| self.attributes.get(element, key)),
            );
            texts.extend(self.names.get(element));
        }
        texts
    }
}
