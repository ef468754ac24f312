//! `spans`.

use arrow::array::{ArrayRef, BinaryBuilder, Float64Builder, Int32Builder, Int64Builder, StringBuilder};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use spandrel_proto::{
    model::{
        self, Signals, Table,
        alias::{Side, Target},
        correlation_key,
        id::{SPAN_ID_LEN, TRACE_ID_LEN},
    },
    wire::{DecodeLimits, RejectReason, Repair},
};

use super::{
    Context, Expected,
    attributes::{Attributes, correlation_id},
    batch, id,
    lists::{Events, Links, finish},
    nanos,
    origin::{Origin, OriginColumns},
    promotion::{Named, Promotion},
    text::{text, variant},
};

/// Targets that are text columns of their own, other than `url_path` and `error_type`, which have other sources too.
const PROMOTED: [(Target, &str); 15] = [
    (Target::HttpRequestMethod, "http_request_method"),
    (Target::HttpRoute, "http_route"),
    (Target::RpcSystemName, "rpc_system_name"),
    (Target::RpcMethod, "rpc_method"),
    (Target::RpcStatusCode, "rpc_status_code"),
    (Target::DbSystemName, "db_system_name"),
    (Target::DbNamespace, "db_namespace"),
    (Target::DbCollectionName, "db_collection_name"),
    (Target::DbOperationName, "db_operation_name"),
    (Target::DbQueryText, "db_query_text"),
    (Target::MessagingSystem, "messaging_system"),
    (Target::MessagingOperationType, "messaging_operation_type"),
    (Target::MessagingDestinationName, "messaging_destination_name"),
    (Target::ServicePeerName, "service_peer_name"),
    (Target::ServerAddress, "server_address"),
];

pub fn traces(request: &ExportTraceServiceRequest, limits: &DecodeLimits) -> Expected {
    let mut context = Context::new(limits);
    let mut columns = Columns::default();
    for resource_spans in &request.resource_spans {
        let origin = Origin::of_resource(resource_spans.resource.as_ref(), &mut context);
        for scope_spans in &resource_spans.scope_spans {
            let urls = [scope_spans.schema_url.as_str(), &resource_spans.schema_url];
            let origin = origin.with_scope(scope_spans.scope.as_ref(), urls, &mut context);
            for span in &scope_spans.spans {
                match fault(span, limits) {
                    Some(reason) => context.counts.reject(reason),
                    None => columns.push(span, &origin, &mut context),
                }
            }
        }
    }
    Expected { batch: columns.finish(), counts: context.counts }
}

fn fault(span: &Span, limits: &DecodeLimits) -> Option<RejectReason> {
    if id(&span.trace_id, TRACE_ID_LEN).is_none() {
        return Some(RejectReason::TraceId);
    }
    if id(&span.span_id, SPAN_ID_LEN).is_none() {
        return Some(RejectReason::SpanId);
    }
    if !matches!(span.parent_span_id.len(), 0 | SPAN_ID_LEN) {
        return Some(RejectReason::ParentSpanId);
    }
    if span.start_time_unix_nano == 0 {
        return Some(RejectReason::TimeMissing);
    }
    if nanos(span.start_time_unix_nano).is_none() || nanos(span.end_time_unix_nano).is_none() {
        return Some(RejectReason::TimeOutOfRange);
    }
    let is_bad = |link: &opentelemetry_proto::tonic::trace::v1::span::Link| {
        link.trace_id.len() != TRACE_ID_LEN || link.span_id.len() != SPAN_ID_LEN
    };
    span.links.iter().take(limits.list_items).any(is_bad).then_some(RejectReason::LinkId)
}

#[derive(Debug, Default)]
struct Columns {
    trace_id: BinaryBuilder,
    span_id: BinaryBuilder,
    parent_span_id: BinaryBuilder,
    trace_state: StringBuilder,
    name: StringBuilder,
    kind: StringBuilder,
    start_time: Int64Builder,
    end_time: Int64Builder,
    duration_ns: Int64Builder,
    status_code: StringBuilder,
    status_message: StringBuilder,
    promoted: [StringBuilder; PROMOTED.len()],
    url_path: StringBuilder,
    http_response_status_code: Int32Builder,
    server_port: Int32Builder,
    error_type: StringBuilder,
    correlation_id: StringBuilder,
    outcome: StringBuilder,
    weight: Float64Builder,
    flags: Int64Builder,
    dropped_attributes_count: Int64Builder,
    dropped_events_count: Int64Builder,
    dropped_links_count: Int64Builder,
    attributes: Attributes,
    events: Events,
    links: Links,
    origin: OriginColumns,
}

impl Columns {
    fn push(&mut self, span: &Span, origin: &Origin, context: &mut Context<'_>) {
        let (kept, dropped) = context.first(&span.attributes, context.limits.attributes, Repair::AttributesDropped);
        let side = if serves(span) { Side::Server } else { Side::Client };
        let promotion = Promotion::of(kept, side, context);
        self.push_identity(span, context);
        self.push_times(span, context);
        self.push_promoted(&promotion, context);
        self.push_outcome(span, &promotion, context);
        let correlation_id = correlation_id(kept).map(|id| correlation_key(&text(id)).into_owned());
        self.correlation_id.append_option(correlation_id.as_deref().map(|text| context.cut(text)));
        promotion.push_row(&mut self.attributes, context);
        self.dropped_attributes_count.append_value(i64::from(span.dropped_attributes_count) + dropped);
        let (events, dropped) = context.first(&span.events, context.limits.list_items, Repair::ListItemsDropped);
        self.events.push_row(events, context);
        self.dropped_events_count.append_value(i64::from(span.dropped_events_count) + dropped);
        let (links, dropped) = context.first(&span.links, context.limits.list_items, Repair::ListItemsDropped);
        self.links.push_row(links, context);
        self.dropped_links_count.append_value(i64::from(span.dropped_links_count) + dropped);
        self.origin.push(origin);
    }

    fn push_identity(&mut self, span: &Span, context: &mut Context<'_>) {
        self.trace_id.append_value(&span.trace_id);
        self.span_id.append_value(&span.span_id);
        self.parent_span_id.append_option(id(&span.parent_span_id, SPAN_ID_LEN));
        self.trace_state.append_option(context.cut_some(&span.trace_state));
        self.weight.append_value(model::weight(span.trace_state.as_bytes()));
        self.flags.append_value(i64::from(span.flags));
        self.name.append_value(context.cut(&span.name));
        self.kind.append_value(match SpanKind::try_from(span.kind) {
            Ok(SpanKind::Internal) => "INTERNAL",
            Ok(SpanKind::Server) => "SERVER",
            Ok(SpanKind::Client) => "CLIENT",
            Ok(SpanKind::Producer) => "PRODUCER",
            Ok(SpanKind::Consumer) => "CONSUMER",
            Ok(SpanKind::Unspecified) | Err(_) => "UNSPECIFIED",
        });
    }

    fn push_times(&mut self, span: &Span, context: &mut Context<'_>) {
        let start = span.start_time_unix_nano.cast_signed();
        let end = span.end_time_unix_nano.cast_signed();
        if end < start {
            context.counts.repair(Repair::NegativeDuration);
        }
        self.start_time.append_value(start);
        self.end_time.append_value(end);
        self.duration_ns.append_value((end - start).max(0));
    }

    fn push_promoted(&mut self, promotion: &Promotion<'_>, context: &mut Context<'_>) {
        let rpc_method = promotion.joined_rpc_method();
        for ((target, _), column) in PROMOTED.iter().zip(&mut self.promoted) {
            let text = match (target, &rpc_method) {
                (Target::RpcMethod, Some(joined)) => Some(joined.into()),
                _ => promotion.get(*target).map(Named::text),
            };
            column.append_option(text.as_deref().map(|text| context.cut(text)));
        }
        self.url_path.append_option(promotion.url_path().as_deref().map(|path| context.cut(path)));
        self.http_response_status_code
            .append_option(promotion.get(Target::HttpResponseStatusCode).and_then(Named::number));
        self.server_port.append_option(promotion.get(Target::ServerPort).and_then(Named::number));
    }

    fn push_outcome(&mut self, span: &Span, promotion: &Promotion<'_>, context: &mut Context<'_>) {
        let status = span.status.clone().unwrap_or_default();
        let is_error = status.code == StatusCode::Error as i32;
        self.status_code.append_value(match StatusCode::try_from(status.code) {
            Ok(StatusCode::Ok) => "OK",
            Ok(StatusCode::Error) => "ERROR",
            Ok(StatusCode::Unset) | Err(_) => "UNSET",
        });
        self.status_message.append_option(context.cut_some(&status.message));

        let error = is_error || promotion.error;
        let given = promotion.get(Target::ErrorType);
        let exception = || exception_type(span, context.limits).filter(|class| error && !class.is_empty());
        let column = given.map_or_else(|| exception().map(Into::into), |named| Some(named.text()));
        let class = given.map_or_else(|| exception().map(Into::into), Named::wire_text);
        self.error_type.append_option(column.as_deref().map(|text| context.cut(text)));
        let rpc_status = promotion.get(Target::RpcStatusCode).and_then(Named::wire_text);
        let outcome = model::outcome(&Signals {
            serves: serves(span),
            calls: span.kind == SpanKind::Client as i32,
            error,
            status_message: status.message.as_bytes(),
            error_type: class.as_deref().unwrap_or_default().as_bytes(),
            is_http: promotion.get(Target::HttpRequestMethod).is_some(),
            http_status: promotion.get(Target::HttpResponseStatusCode).and_then(Named::number),
            retry_after: promotion.retry_after,
            rpc_status: rpc_status.as_deref().unwrap_or_default().as_bytes(),
        });
        self.outcome.append_value(outcome.as_str());
    }

    fn finish(mut self) -> arrow::record_batch::RecordBatch {
        let mut columns: Vec<(&'static str, ArrayRef)> = vec![
            ("trace_id", finish(&mut self.trace_id)),
            ("span_id", finish(&mut self.span_id)),
            ("parent_span_id", finish(&mut self.parent_span_id)),
            ("trace_state", finish(&mut self.trace_state)),
            ("name", finish(&mut self.name)),
            ("kind", finish(&mut self.kind)),
            ("start_time", finish(&mut self.start_time)),
            ("end_time", finish(&mut self.end_time)),
            ("duration_ns", finish(&mut self.duration_ns)),
            ("status_code", finish(&mut self.status_code)),
            ("status_message", finish(&mut self.status_message)),
            ("url_path", finish(&mut self.url_path)),
            ("http_response_status_code", finish(&mut self.http_response_status_code)),
            ("server_port", finish(&mut self.server_port)),
            ("error_type", finish(&mut self.error_type)),
            ("correlation_id", finish(&mut self.correlation_id)),
            ("outcome", finish(&mut self.outcome)),
            ("weight", finish(&mut self.weight)),
            ("flags", finish(&mut self.flags)),
            ("dropped_attributes_count", finish(&mut self.dropped_attributes_count)),
            ("dropped_events_count", finish(&mut self.dropped_events_count)),
            ("dropped_links_count", finish(&mut self.dropped_links_count)),
            ("attributes", self.attributes.finish()),
            ("events", self.events.finish()),
            ("links", self.links.finish()),
        ];
        for ((_, name), mut column) in PROMOTED.into_iter().zip(self.promoted) {
            columns.push((name, finish(&mut column)));
        }
        self.origin.finish(&mut columns);
        batch(Table::Spans, columns)
    }
}

fn serves(span: &Span) -> bool {
    matches!(SpanKind::try_from(span.kind), Ok(SpanKind::Server | SpanKind::Consumer))
}

/// The class of the last exception that the span recorded.
fn exception_type<'a>(span: &'a Span, limits: &DecodeLimits) -> Option<&'a str> {
    let kept = &span.events[..span.events.len().min(limits.list_items)];
    kept.iter().filter(|event| event.name == "exception").rev().find_map(|event| {
        let attributes = &event.attributes[..event.attributes.len().min(limits.attributes)];
        attributes.iter().filter(|attribute| attribute.key == "exception.type").find_map(|attribute| {
            match variant(attribute.value.as_ref()) {
                Some(Value::StringValue(class)) => Some(class.as_str()),
                _ => None,
            }
        })
    })
}
