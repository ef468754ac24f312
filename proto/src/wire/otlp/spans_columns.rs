//! The columns of `spans` while a request is read.

use arrow::array::ArrayRef;

use super::resource::{OriginColumns, finish_map, finish_source};
use crate::{
    columns::{Bytes, Finisher, Float64s, Int32s, Int64s, Maps, Nesting, finish_struct_lists},
    model::{Table, alias::Target},
};

/// Targets that are columns of their own.
const COLUMN_TARGETS: usize = Target::ErrorType as usize + 1;

/// Names of those columns, in the order of [`Target`].
const TARGET_COLUMNS: [&str; COLUMN_TARGETS] = [
    "http_request_method",
    "http_route",
    "url_path",
    "http_response_status_code",
    "rpc_system_name",
    "rpc_method",
    "rpc_status_code",
    "db_system_name",
    "db_namespace",
    "db_collection_name",
    "db_operation_name",
    "db_query_text",
    "messaging_system",
    "messaging_operation_type",
    "messaging_destination_name",
    "service_peer_name",
    "server_address",
    "server_port",
    "error_type",
];

#[derive(Debug, Default)]
pub(super) struct SpanColumns {
    pub(super) trace_id: Bytes,
    pub(super) span_id: Bytes,
    pub(super) parent_span_id: Bytes,
    pub(super) trace_state: Bytes,
    pub(super) name: Bytes,
    pub(super) kind: Bytes,
    pub(super) start_time: Int64s,
    pub(super) end_time: Int64s,
    pub(super) duration_ns: Int64s,
    pub(super) status_code: Bytes,
    pub(super) status_message: Bytes,
    targets: [Bytes; COLUMN_TARGETS],
    http_response_status_code: Int32s,
    server_port: Int32s,
    pub(super) correlation_id: Bytes,
    pub(super) outcome: Bytes,
    pub(super) weight: Float64s,
    pub(super) flags: Int64s,
    pub(super) dropped_attributes_count: Int64s,
    pub(super) dropped_events_count: Int64s,
    pub(super) dropped_links_count: Int64s,
    pub(super) attributes: Maps,
    pub(super) origin: OriginColumns,
    pub(super) events: EventColumns,
    pub(super) links: LinkColumns,
}

#[derive(Debug, Default)]
pub(super) struct EventColumns {
    pub(super) nesting: Nesting,
    pub(super) time: Int64s,
    pub(super) name: Bytes,
    pub(super) attributes: Maps,
    pub(super) dropped_attributes_count: Int64s,
}

#[derive(Debug, Default)]
pub(super) struct LinkColumns {
    pub(super) nesting: Nesting,
    pub(super) trace_id: Bytes,
    pub(super) span_id: Bytes,
    pub(super) trace_state: Bytes,
    pub(super) attributes: Maps,
    pub(super) dropped_attributes_count: Int64s,
    pub(super) flags: Int64s,
}

impl SpanColumns {
    /// The text column of a target that has one.
    pub(super) fn text(&mut self, target: Target) -> &mut Bytes {
        &mut self.targets[target as usize]
    }

    /// The number column of a target that is a number.
    pub(super) fn number(&mut self, target: Target) -> Option<&mut Int32s> {
        match target {
            Target::HttpResponseStatusCode => Some(&mut self.http_response_status_code),
            Target::ServerPort => Some(&mut self.server_port),
            _ => None,
        }
    }

    pub(super) fn finish(self, finisher: &mut Finisher) -> Vec<(&'static str, ArrayRef)> {
        let rows = finisher.rows;
        let mut columns = vec![
            ("trace_id", self.trace_id.finish_binary(finisher)),
            ("span_id", self.span_id.finish_binary(finisher)),
            ("parent_span_id", self.parent_span_id.finish_binary(finisher)),
            ("trace_state", self.trace_state.finish_text(finisher)),
            ("name", self.name.finish_text(finisher)),
            ("kind", self.kind.finish_text(finisher)),
            ("start_time", self.start_time.finish(finisher)),
            ("end_time", self.end_time.finish(finisher)),
            ("duration_ns", self.duration_ns.finish(finisher)),
            ("status_code", self.status_code.finish_text(finisher)),
            ("status_message", self.status_message.finish_text(finisher)),
            ("correlation_id", self.correlation_id.finish_text(finisher)),
            ("outcome", self.outcome.finish_text(finisher)),
            ("weight", self.weight.finish(finisher)),
            ("flags", self.flags.finish(finisher)),
            ("dropped_attributes_count", self.dropped_attributes_count.finish(finisher)),
            ("dropped_events_count", self.dropped_events_count.finish(finisher)),
            ("dropped_links_count", self.dropped_links_count.finish(finisher)),
            ("attributes", finish_map(Table::Spans, "attributes", self.attributes, finisher)),
            ("events", self.events.finish(finisher)),
            ("links", self.links.finish(finisher)),
            ("http_response_status_code", self.http_response_status_code.finish(finisher)),
            ("server_port", self.server_port.finish(finisher)),
            ("source", finish_source(rows)),
        ];
        for (name, column) in TARGET_COLUMNS.into_iter().zip(self.targets) {
            if !matches!(name, "http_response_status_code" | "server_port") {
                columns.push((name, column.finish_text(finisher)));
            }
        }
        self.origin.finish(Table::Spans, finisher, &mut columns);
        columns
    }
}

impl EventColumns {
    fn finish(self, finisher: &mut Finisher) -> ArrayRef {
        let schema = Table::Spans.schema();
        let field = schema.field_with_name("events").expect("spans have events");
        let elements = self.time.len();
        finish_struct_lists(field, self.nesting, elements, finisher, |fields, finisher| {
            vec![
                self.time.finish(finisher),
                self.name.finish_text(finisher),
                self.attributes.finish(&fields[2], finisher),
                self.dropped_attributes_count.finish(finisher),
            ]
        })
    }
}

impl LinkColumns {
    fn finish(self, finisher: &mut Finisher) -> ArrayRef {
        let schema = Table::Spans.schema();
        let field = schema.field_with_name("links").expect("spans have links");
        let elements = self.trace_id.len();
        finish_struct_lists(field, self.nesting, elements, finisher, |fields, finisher| {
            vec![
                self.trace_id.finish_binary(finisher),
                self.span_id.finish_binary(finisher),
                self.trace_state.finish_text(finisher),
                self.attributes.finish(&fields[3], finisher),
                self.dropped_attributes_count.finish(finisher),
                self.flags.finish(finisher),
            ]
        })
    }
}
