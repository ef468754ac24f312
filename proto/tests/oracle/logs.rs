//! `logs`.

use arrow::{
    array::{BinaryBuilder, Int32Builder, Int64Builder, StringBuilder},
    record_batch::RecordBatch,
};
use opentelemetry_proto::tonic::{collector::logs::v1::ExportLogsServiceRequest, logs::v1::LogRecord};
use spandrel_proto::{
    model::{
        Table, correlation_key,
        id::{SPAN_ID_LEN, TRACE_ID_LEN},
    },
    wire::{DecodeLimits, RejectReason},
};

use super::{
    Context, Expected,
    attributes::{Attributes, correlation_id},
    batch,
    lists::{finish, push_id},
    nanos,
    origin::{Origin, OriginColumns},
    text::{text, variant},
};

pub fn logs(request: &ExportLogsServiceRequest, received_at: i64, limits: &DecodeLimits) -> Expected {
    let mut context = Context::new(limits);
    let mut columns = Columns::default();
    for resource_logs in &request.resource_logs {
        let origin = Origin::of_resource(resource_logs.resource.as_ref(), &mut context);
        for scope_logs in &resource_logs.scope_logs {
            let urls = [scope_logs.schema_url.as_str(), &resource_logs.schema_url];
            let origin = origin.with_scope(scope_logs.scope.as_ref(), urls, &mut context);
            for log in &scope_logs.log_records {
                columns.push(log, received_at, &origin, &mut context);
            }
        }
    }
    Expected { batch: columns.finish(), counts: context.counts }
}

#[derive(Debug, Default)]
struct Columns {
    time: Int64Builder,
    observed_time: Int64Builder,
    severity_number: Int32Builder,
    severity_text: StringBuilder,
    body: StringBuilder,
    event_name: StringBuilder,
    trace_id: BinaryBuilder,
    span_id: BinaryBuilder,
    correlation_id: StringBuilder,
    flags: Int64Builder,
    dropped_attributes_count: Int64Builder,
    attributes: Attributes,
    origin: OriginColumns,
}

impl Columns {
    fn push(&mut self, log: &LogRecord, received_at: i64, origin: &Origin, context: &mut Context<'_>) {
        let (Some(time), Some(observed)) = (nanos(log.time_unix_nano), nanos(log.observed_time_unix_nano)) else {
            context.counts.reject(RejectReason::TimeOutOfRange);
            return;
        };
        self.time.append_value(match (time, observed) {
            (0, 0) => received_at,
            (0, observed) => observed,
            (time, _) => time,
        });
        self.observed_time.append_option((observed != 0).then_some(observed));
        self.severity_number.append_option((log.severity_number != 0).then_some(log.severity_number));
        self.severity_text.append_option(context.cut_some(&log.severity_text));
        self.event_name.append_option(context.cut_some(&log.event_name));
        let body = variant(log.body.as_ref()).map(text);
        self.body.append_option(body.as_deref().map(|text| context.cut(text)));
        push_id(&mut self.trace_id, &log.trace_id, TRACE_ID_LEN, context);
        push_id(&mut self.span_id, &log.span_id, SPAN_ID_LEN, context);
        self.flags.append_value(i64::from(log.flags));
        let kept = &log.attributes[..log.attributes.len().min(context.limits.attributes)];
        let correlation_id = correlation_id(kept).map(|id| correlation_key(&text(id)).into_owned());
        self.correlation_id.append_option(correlation_id.as_deref().map(|text| context.cut(text)));
        let dropped = self.attributes.push_row(&log.attributes, context);
        self.dropped_attributes_count.append_value(i64::from(log.dropped_attributes_count) + dropped);
        self.origin.push(origin);
    }

    fn finish(mut self) -> RecordBatch {
        let mut columns = vec![
            ("time", finish(&mut self.time)),
            ("observed_time", finish(&mut self.observed_time)),
            ("severity_number", finish(&mut self.severity_number)),
            ("severity_text", finish(&mut self.severity_text)),
            ("body", finish(&mut self.body)),
            ("event_name", finish(&mut self.event_name)),
            ("trace_id", finish(&mut self.trace_id)),
            ("span_id", finish(&mut self.span_id)),
            ("correlation_id", finish(&mut self.correlation_id)),
            ("flags", finish(&mut self.flags)),
            ("dropped_attributes_count", finish(&mut self.dropped_attributes_count)),
            ("attributes", self.attributes.finish()),
        ];
        self.origin.finish(&mut columns);
        batch(Table::Logs, columns)
    }
}
