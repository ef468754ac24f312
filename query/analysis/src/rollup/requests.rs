//! What gateways and proxies say: their records, counted in a view of their own.

use std::collections::HashMap;

use arrow::{
    array::{Array, AsArray, Int64Array, MapArray, RecordBatch, StringArray},
    datatypes::DataType,
};
use spandrel_proto::model::{Outcome, Table};

use super::{
    EdgeKey, Examples, Minutes, OUTCOMES, OperationKey, ReadError, Sign, View, busy_minutes,
    columns::{Columns, long, text},
};
use crate::{
    analysed::minute_of,
    context::{Context, Evidence, Node, NodeId, NodeKind},
    hops::HopKind,
    operation::Operation,
    rollup::Calls,
    span::{Protocol, Service, Visitor, WEIGHT_ONE},
    text::Text,
};

/// Adds rows of `requests` to the gateway's view of their minutes.
///
/// A record of a gateway (`edge`) is a call from outside to the gateway and, if it was passed on, one from the gateway to
/// the service behind it; one of a proxy beside the caller (`outbound`) is a call from the caller. Records of proxies
/// beside the callee tell of the same calls again and are left out.
pub fn observe_requests(minutes: &mut Minutes, context: &mut Context, requests: &RecordBatch) -> Result<(), ReadError> {
    let columns = Requests::new(requests)?;
    let mut names = HashMap::new();
    for row in 0..requests.num_rows() {
        let is_edge = match text(&columns.side, row) {
            "edge" => true,
            "outbound" => false,
            _ => continue,
        };
        columns.observe(row, is_edge, minutes, context, &mut names);
    }
    Ok(())
}

struct Requests<'a> {
    batch: &'a RecordBatch,
    start: Int64Array,
    duration: Int64Array,
    side: StringArray,
    gateway: StringArray,
    method: StringArray,
    route: StringArray,
    path: StringArray,
    rpc_status: StringArray,
    upstream_service: StringArray,
    upstream_address: StringArray,
    upstream_duration: Int64Array,
    outcome: StringArray,
}

/// A call as a record tells of it.
struct Call {
    key: EdgeKey,
    start: i64,
    duration: Option<i64>,
    outcome: Outcome,
    attempts: u64,
    trace_id: u128,
}

/// The operation of a method and a route or path.
type Names = HashMap<(String, String, String), Text>;

impl<'a> Requests<'a> {
    fn new(batch: &'a RecordBatch) -> Result<Self, ReadError> {
        let columns = Columns { table: Table::Requests, batch };
        Ok(Self {
            batch,
            start: columns.longs("start_time")?,
            duration: columns.longs("duration_ns")?,
            side: columns.texts("side")?,
            gateway: columns.texts("gateway")?,
            method: columns.texts("http_request_method")?,
            route: columns.texts("http_route")?,
            path: columns.texts("url_path")?,
            rpc_status: columns.texts("rpc_status_code")?,
            upstream_service: columns.texts("upstream_service")?,
            upstream_address: columns.texts("upstream_address")?,
            upstream_duration: columns.longs("upstream_duration_ns")?,
            outcome: columns.texts("outcome")?,
        })
    }

    fn observe(&self, row: usize, is_edge: bool, minutes: &mut Minutes, context: &mut Context, names: &mut Names) {
        let operation = self.operation(row, context, names);
        let protocol = if self.rpc_status.is_valid(row) { Protocol::Rpc } else { Protocol::Http };
        let gateway = self.gateway(row, is_edge, context);
        let outcome = OUTCOMES.into_iter().find(|outcome| outcome.as_str() == text(&self.outcome, row));
        let (outcome, trace_id) = (outcome.unwrap_or(Outcome::Unknown), self.trace_id(row));
        let key = |source, target, kind| EdgeKey {
            source,
            target,
            kind,
            protocol,
            operation,
            schema: Text::NONE,
            view: View::Gateway,
        };
        let duration = self.duration.is_valid(row).then(|| self.duration.value(row));
        let start = long(&self.start, row);
        if is_edge {
            let name = context.texts.intern(Visitor::User.as_str());
            let visitor = Node { kind: NodeKind::Client, name, namespace: Text::NONE, environment: Text::NONE };
            let visitor = context.add_node(visitor, Evidence::Attribute);
            let key = key(visitor, gateway, HopKind::Entry);
            add(minutes, &Call { key, start, duration, outcome, attempts: 1, trace_id });
        }
        let Some((upstream, kind)) = self.upstream(row, context) else { return };
        let upstream_duration = self.upstream_duration.is_valid(row).then(|| self.upstream_duration.value(row));
        let call = Call {
            key: key(gateway, upstream, kind),
            start,
            duration: upstream_duration.or(duration),
            outcome,
            attempts: self.attempts(row),
            trace_id,
        };
        add(minutes, &call);
        if let Some(service) = context.node_service(upstream) {
            let key = OperationKey { service, operation, view: View::Gateway };
            add_operation(minutes, key, &call);
        }
    }

    fn operation(&self, row: usize, context: &mut Context, names: &mut Names) -> Text {
        let (method, route, path) = (text(&self.method, row), text(&self.route, row), text(&self.path, row));
        let key = (method.to_owned(), route.to_owned(), if route.is_empty() { path.to_owned() } else { String::new() });
        if let Some(name) = names.get(&key) {
            return *name;
        }
        let operation = Operation {
            span_name: method,
            http_request_method: Some(method),
            http_route: Some(route),
            url_path: Some(path),
            ..Operation::default()
        };
        let name = context.texts.intern(&operation.name());
        names.insert(key, name);
        name
    }

    /// The gateway, or the service whose proxy wrote the record.
    fn gateway(&self, row: usize, is_edge: bool, context: &mut Context) -> NodeId {
        let name = context.texts.intern(text(&self.gateway, row));
        if is_edge {
            let node = Node { kind: NodeKind::Gateway, name, namespace: Text::NONE, environment: Text::NONE };
            return context.add_node(node, Evidence::Records);
        }
        let service = Service { namespace: Text::NONE, name, environment: Text::NONE };
        let service = context.know_service(service, Evidence::Records);
        context.service_node(service)
    }

    /// Who the request was passed on to, if it was: a service, or an address that nobody knows the service of.
    fn upstream(&self, row: usize, context: &mut Context) -> Option<(NodeId, HopKind)> {
        let (service, address) = (text(&self.upstream_service, row), text(&self.upstream_address, row));
        if !service.is_empty() {
            let name = context.texts.intern(service);
            let namespace = self.attribute(row, "service.peer.namespace").unwrap_or_default();
            let namespace = context.texts.intern(&namespace);
            let service = Service { namespace, name, environment: Text::NONE };
            let service = context.know_service(service, Evidence::Records);
            return Some((context.service_node(service), HopKind::Request));
        }
        if address.is_empty() {
            return None;
        }
        let name = context.texts.intern(address);
        let node = Node { kind: NodeKind::External, name, namespace: Text::NONE, environment: Text::NONE };
        Some((context.add_node(node, Evidence::Records), HopKind::External))
    }

    fn attempts(&self, row: usize) -> u64 {
        let list = self.batch.column_by_name("attempts").and_then(|column| column.as_list_opt::<i32>());
        let attempts = list.filter(|list| list.is_valid(row)).map_or(0, |list| list.value_length(row));
        u64::try_from(attempts).unwrap_or(0).max(1)
    }

    /// 0 if the record has none.
    fn trace_id(&self, row: usize) -> u128 {
        let ids = self.batch.column_by_name("trace_id").and_then(|column| column.as_binary_opt::<i32>());
        let id = ids.filter(|ids| ids.is_valid(row)).and_then(|ids| ids.value(row).try_into().ok());
        id.map_or(0, u128::from_be_bytes)
    }

    fn attribute(&self, row: usize, name: &str) -> Option<String> {
        let attributes = self.batch.column_by_name("attributes")?.as_any().downcast_ref::<MapArray>()?;
        if attributes.is_null(row) {
            return None;
        }
        let entries = attributes.value(row);
        let (keys, values) = (entries.column(0), entries.column(1));
        if (keys.data_type(), values.data_type()) != (&DataType::Utf8, &DataType::Utf8) {
            return None;
        }
        let (keys, values) = (keys.as_string::<i32>(), values.as_string::<i32>());
        let found = (0..keys.len()).find(|entry| keys.value(*entry) == name && values.is_valid(*entry))?;
        Some(values.value(found).to_owned())
    }
}

fn add(minutes: &mut Minutes, call: &Call) {
    for (minute, busy) in busy_minutes(call.start, call.start.saturating_add(call.duration.unwrap_or(0))) {
        minutes.entry(minute).or_default().change_edge(call.key, |stats| {
            stats.see(call.start.max(minute));
            Sign::Add.sum(&mut stats.calls.busy, busy, WEIGHT_ONE);
        });
    }
    minutes.entry(minute_of(call.start)).or_default().change_edge(call.key, |stats| {
        stats.see(call.start);
        count(&mut stats.calls, &mut stats.examples, call);
        Sign::Add.count(&mut stats.attempts, call.attempts.saturating_mul(WEIGHT_ONE));
        Sign::Add.count(&mut stats.sync, WEIGHT_ONE);
    });
}

fn add_operation(minutes: &mut Minutes, key: OperationKey, call: &Call) {
    for (minute, busy) in busy_minutes(call.start, call.start.saturating_add(call.duration.unwrap_or(0))) {
        minutes.entry(minute).or_default().change_operation(key, |stats| {
            stats.see(call.start.max(minute));
            Sign::Add.sum(&mut stats.calls.busy, busy, WEIGHT_ONE);
        });
    }
    minutes.entry(minute_of(call.start)).or_default().change_operation(key, |stats| {
        stats.see(call.start);
        count(&mut stats.calls, &mut stats.examples, call);
    });
}

fn count(calls: &mut Calls, examples: &mut Examples, call: &Call) {
    match call.duration {
        Some(duration) => calls.record(duration, WEIGHT_ONE, call.outcome),
        None => calls.change_untimed(Sign::Add, WEIGHT_ONE, call.outcome),
    }
    examples.add(call.trace_id, call.duration.unwrap_or(0), call.outcome.is_failure());
}
