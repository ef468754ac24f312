//! Rows of the `spans` table, read from OTLP.

use std::{fmt::Write, sync::Arc};

use arrow::array::{RecordBatch, StringArray, UInt32Array};
use proptest::prelude::*;
use spandrel_proto::{
    model::{Outcome, Table},
    wire::{
        DecodeLimits,
        otlp::{self, Signal},
    },
};

use super::{InputError, SpanReader};
use crate::{
    context::Context,
    span::{Access, Kind, Link, MessageStep, Peer, Protocol, Span, SpanFlags, Visitor},
};

/// The rows of an OTLP/JSON request.
pub(crate) fn rows(json: &str) -> RecordBatch {
    let request = otlp::json_to_protobuf(Signal::Traces, json.as_bytes()).expect("the request is OTLP/JSON");
    let decoded = otlp::decode(Signal::Traces, &request, 0, &DecodeLimits::default()).expect("the request is whole");
    assert_eq!(decoded.report.rejected_total(), 0);
    decoded.batch
}

/// Spans of OTLP/JSON requests.
pub(crate) fn read(json: &[String], context: &mut Context) -> Vec<Span> {
    let mut reader = SpanReader::default();
    let mut spans = Vec::new();
    for request in json {
        reader.read(&rows(request), context, &mut spans).expect("the rows are of the table");
    }
    assert_eq!(reader.skipped(), 0);
    spans
}

/// Attributes as OTLP/JSON: `name=value`, numbers as numbers.
pub(crate) fn attributes(pairs: &str) -> String {
    let mut json = String::new();
    for pair in pairs.split_whitespace() {
        let (key, value) = pair.split_once('=').expect("an attribute is name=value");
        let comma = if json.is_empty() { "" } else { "," };
        let value = match value.parse::<i64>() {
            Ok(number) => format!(r#"{{"intValue":"{number}"}}"#),
            Err(_) => format!(r#"{{"stringValue":"{}"}}"#, value.replace('_', " ").replace("  ", "_")),
        };
        write!(json, r#"{comma}{{"key":"{key}","value":{value}}}"#).expect("writing to a string");
    }
    json
}

/// A request of one span: `resource` and `span` as [`attributes`], `fields` as JSON.
pub(crate) fn request(resource: &str, span: &str, fields: &str) -> String {
    let (resource, span) = (attributes(resource), attributes(span));
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{resource}]}},"scopeSpans":[{{"spans":[{{
        "traceId":"000102030405060708090a0b0c0d0e0f","name":"span","startTimeUnixNano":"1000000000",
        "endTimeUnixNano":"1500000000","attributes":[{span}],{fields}}}]}}]}}]}}"#
    )
}

const CLIENT: &str = r#""spanId":"0000000000000002","parentSpanId":"0000000000000001","kind":3"#;
const SERVER: &str = r#""spanId":"0000000000000001","kind":2"#;

fn one(span: &str, fields: &str) -> (Span, Peer, Context) {
    let mut context = Context::new();
    let spans = read(&[request("service.name=shop", span, fields)], &mut context);
    let peer = *context.peer(spans[0].peer);
    (spans[0].clone(), peer, context)
}

#[test]
fn a_span_is_read_with_its_process() {
    let mut context = Context::new();
    let resource = "service.name=shop service.namespace=eu deployment.environment=prod k8s.pod.name=shop-1 host.name=h \
                    host.id=i-1 cloud.availability_zone=a service.version=3 service.criticality=high";
    let fields = r#""spanId":"00000000000000a1","parentSpanId":"00000000000000a0","kind":5,"status":{"code":2},
        "traceState":"ot=th:8",
        "links":[{"traceId":"0f0102030405060708090a0b0c0d0e0f","spanId":"0000000000000009"}]"#;
    let spans = read(&[request(resource, "error.type=E", fields)], &mut context);
    let span = &spans[0];
    assert_eq!((span.trace_id, span.span_id, span.parent_id), (0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f, 0xa1, 0xa0));
    assert_eq!((span.start, span.end, span.kind), (1_000_000_000, 1_500_000_000, Kind::Consumer));
    assert_eq!((span.weight, span.outcome), (2 << 16, Outcome::ServerFault));
    let link = Link { trace_id: 0x0f01_0203_0405_0607_0809_0a0b_0c0d_0e0f, span_id: 9 };
    assert_eq!(span.links.as_deref(), Some(&[link][..]));
    let texts = |found: &[crate::text::Text]| found.iter().map(|text| context.texts.get(*text)).collect::<Vec<_>>();
    let resource = context.resource(span.resource);
    let service = context.service(resource.service);
    assert_eq!(texts(&[service.namespace, service.name, service.environment]), ["eu", "shop", "prod"]);
    let process = [resource.instance, resource.host, resource.zone, resource.version, resource.criticality];
    assert_eq!(texts(&process), ["shop-1", "i-1", "a", "3", "high"]);
    assert_eq!(texts(&[span.cause, span.operation]), ["E", "span"]);
    // Its threshold is half of all, and the trace id's low bits are below that.
    assert!(span.flags.contains(SpanFlags::STATUS_ERROR) && span.flags.contains(SpanFlags::INCONSISTENT_SAMPLING));
}

#[test]
fn old_and_current_names_say_the_same() {
    let pairs = [
        (
            "http.method=GET http.url=http://cart:8080/carts/42?full=1 http.status_code=404",
            "http.request.method=GET url.full=http://cart:8080/carts/42?full=1 server.address=cart server.port=8080 \
             http.response.status_code=404",
            "GET /carts/{id}",
        ),
        (
            "db.system=mssql db.name=shop db.sql.table=orders db.operation=SELECT net.peer.name=db net.peer.port=1433",
            "db.system.name=microsoft.sql__server db.namespace=shop db.collection.name=orders \
             db.operation.name=SELECT server.address=db server.port=1433",
            "SELECT orders",
        ),
        (
            "messaging.system=kafka messaging.operation=publish messaging.destination=orders",
            "messaging.system=kafka messaging.operation.type=send messaging.destination.name=orders",
            "send orders",
        ),
        (
            "rpc.system=grpc rpc.service=shop.Cart rpc.method=Get net.peer.name=cart",
            "rpc.system.name=grpc rpc.method=shop.Cart/Get server.address=cart",
            "shop.Cart/Get",
        ),
    ];
    for (old, current, operation) in pairs {
        let ((old_span, old_peer, context), (span, peer, current_context)) = (one(old, CLIENT), one(current, CLIENT));
        assert_eq!(context.texts.get(old_span.operation), operation);
        assert_eq!(current_context.texts.get(span.operation), operation);
        let readable = |peer: &Peer, context: &Context| {
            let texts = [peer.service, peer.address, peer.scope, peer.system, peer.namespace, peer.collection];
            (peer.protocol, peer.step, peer.access, peer.port, texts.map(|text| context.texts.get(text).to_owned()))
        };
        assert_eq!(readable(&old_peer, &context), readable(&peer, &current_context), "{old}");
        assert_eq!((old_span.http_status, old_span.outcome), (span.http_status, span.outcome));
        assert!(!old_span.flags.contains(SpanFlags::ALIAS_CONFLICT));
    }
    let (span, ..) = one("http.method=GET http.request.method=POST", CLIENT);
    assert!(span.flags.contains(SpanFlags::ALIAS_CONFLICT));
}

#[test]
fn peers_are_told_by_attributes() {
    let (_, peer, context) = one("db.system.name=postgresql db.query.text=insert_into_t server.address=pg", CLIENT);
    assert_eq!((peer.protocol, peer.access, peer.port), (Protocol::Database, Access::Write, 0));
    assert_eq!(context.texts.get(peer.address), "pg");
    let (_, peer, context) = one(
        "messaging.system=kafka messaging.operation.name=poll messaging.destination.name=t messaging.kafka.cluster.id=c \
         messaging.consumer.group.name=g",
        CLIENT,
    );
    assert_eq!((peer.protocol, peer.step), (Protocol::Messaging, MessageStep::Receive));
    assert_eq!([peer.namespace, peer.collection, peer.group].map(|text| context.texts.get(text)), ["c", "t", "g"]);
    let (_, peer, _) = one("messaging.destination.temporary=true messaging.destination.name=amq.1", CLIENT);
    assert!(peer.collection.is_none());
    let server = "http.request.method=GET http.route=/a/{b} server.address=shop network.peer.port=50123";
    let (_, peer, _) = one(server, SERVER);
    assert_eq!(peer, Peer { protocol: Protocol::Http, ..Peer::default() });
    let (_, peer, context) = one("http.request.method=GET http.route=/a/{b} network.peer.address=10.0.0.1", CLIENT);
    assert_eq!([peer.scope, peer.network_address].map(|text| context.texts.get(text)), ["/a", "10.0.0.1"]);
}

#[test]
fn an_entry_tells_who_called() {
    for (attributes, visitor) in [
        ("http.request.method=GET", Visitor::User),
        ("user_agent.original=Mozilla/5.0_(X11)", Visitor::Browser),
        ("http.user_agent=okhttp/4.9", Visitor::Mobile),
        ("user_agent.original=curl/8.0", Visitor::Job),
        ("client.address=10.0.0.1", Visitor::User),
        ("client.address=8.8.8.8", Visitor::Internet),
        ("client.address=fd00::1", Visitor::User),
    ] {
        assert_eq!(one(attributes, SERVER).1.visitor, visitor, "{attributes}");
        assert_eq!(one(attributes, CLIENT).1.visitor, Visitor::User);
    }
}

#[test]
fn deadlines_and_resends_are_read() {
    for (attributes, deadline) in [
        ("rpc.request.metadata.grpc-timeout=1500m", 1500),
        (r#"rpc.grpc.request.metadata.grpc-timeout=2S"#, 2000),
        ("grpc-timeout=100u", 1),
        ("grpc-timeout=99999999H", u32::MAX),
        ("grpc-timeout=H", 0),
        ("grpc-timeout=é", 0),
        ("http.request.header.x-envoy-expected-rq-timeout-ms=250", 250),
        ("http.request.method=GET", 0),
    ] {
        assert_eq!(one(attributes, CLIENT).0.deadline_ms, deadline, "{attributes}");
    }
    for (attributes, resend, flag) in [
        ("http.request.resend_count=2", 2, true),
        ("http.resend_count=1", 1, true),
        ("http.request.resend_count=0", 0, false),
        ("retry.attempt=1", 0, false),
        ("retry.attempt=2", 0, true),
        ("retry.count=1", 0, true),
    ] {
        let (span, ..) = one(attributes, CLIENT);
        assert_eq!((span.resend, span.flags.contains(SpanFlags::RESEND)), (resend, flag), "{attributes}");
    }
}

#[test]
fn a_parameter_differs_when_the_call_does() {
    let parameter = |attributes: &str| one(attributes, CLIENT).0.parameter;
    assert_eq!(parameter("user.id=1"), 0);
    let queries = ["1", "2", "1"].map(|id| parameter(&format!("db.query.text=SELECT_{id} db.system.name=mysql")));
    assert!(queries[0] == queries[2] && queries[0] != queries[1]);
    let paths = ["/a?x=1", "/a?x=2", "/b"].map(|path| parameter(&format!("http.method=GET http.target={path}")));
    assert!(paths[0] != paths[1] && paths[1] != paths[2]);
    let message = "messaging.system=kafka messaging.destination.partition.id=1";
    assert_eq!(parameter(message), 0);
    assert_ne!(parameter(&format!("{message} messaging.kafka.offset=7")), 0);
}

#[test]
fn breakers_and_oddities_are_flagged() {
    let (span, ..) = one("error.type=CallNotPermittedException", &format!(r#"{CLIENT},"status":{{"code":2}}"#));
    assert!(span.flags.contains(SpanFlags::SHORT_CIRCUITED) && span.outcome == Outcome::Rejected);
    let (span, ..) = one("http.request.method=GET http.response.status_code=429", CLIENT);
    assert!(!span.flags.contains(SpanFlags::SHORT_CIRCUITED) && span.outcome == Outcome::Rejected);
    let mut context = Context::new();
    let backwards = request("a=b", "", CLIENT).replace("1500000000", "500000000");
    let span = &read(&[backwards], &mut context)[0];
    assert!(span.flags.contains(SpanFlags::NEGATIVE_DURATION) && span.flags.contains(SpanFlags::UNKNOWN_SERVICE));
    assert_eq!(span.duration(), 0);
}

#[test]
fn processes_are_told_apart_in_any_order() {
    let mut context = Context::new();
    let requests: Vec<String> = [("a", "1"), ("a", "1"), ("a", "2"), ("b", "1"), ("a", "1"), ("a", "12")]
        .iter()
        .map(|(service, pod)| request(&format!("service.name={service} k8s.pod.name={pod}"), "", CLIENT))
        .collect();
    let batches: Vec<RecordBatch> = requests.iter().map(|request| rows(request)).collect();
    let together = arrow::compute::concat_batches(&Table::Spans.schema(), &batches).unwrap();
    let mut spans = Vec::new();
    SpanReader::default().read(&together, &mut context, &mut spans).unwrap();
    let names: Vec<_> = spans
        .iter()
        .map(|span| {
            let resource = context.resource(span.resource);
            (context.service_name(resource.service), context.texts.get(resource.instance))
        })
        .collect();
    assert_eq!(names, [("a", "1"), ("a", "1"), ("a", "2"), ("b", "1"), ("a", "1"), ("a", "12")]);
    assert_eq!(spans[0].resource, spans[4].resource);
}

/// Rows of processes that differ in little, and one that is not read.
fn processes() -> RecordBatch {
    let mut batches: Vec<RecordBatch> = [
        "",
        "service.name=a",
        "service.name=b",
        "service.name=a k8s.pod.name=1 x=2",
        "service.name=a k8s.pod.name=2 x=1",
        "service.name=a k8s.pod.name=12 x=",
        "service.name=a k8s.pod.name=1 x=2 y=3",
        "service.name=a service.instance.id=1",
        "service.name=a host.name=1",
    ]
    .iter()
    .map(|resource| rows(&request(resource, "", CLIENT)))
    .collect();
    let mut columns = batches[2].columns().to_vec();
    let span_id = batches[2].schema().index_of("span_id").unwrap();
    columns[span_id] = Arc::new(arrow::array::BinaryArray::from(vec![&b"short"[..]]));
    batches.push(RecordBatch::try_new(batches[2].schema(), columns).unwrap());
    arrow::compute::concat_batches(&Table::Spans.schema(), &batches).unwrap()
}

proptest! {
    #[test]
    fn runs_of_processes_are_read_like_single_rows(
        runs in prop::collection::vec((0..10_u32, prop_oneof![1..4_usize, 1..100_usize]), 1..20),
    ) {
        let order: Vec<u32> = runs.into_iter().flat_map(|(process, times)| vec![process; times]).collect();
        let batch = arrow::compute::take_record_batch(&processes(), &UInt32Array::from(order)).unwrap();
        let (mut context, mut reader) = (Context::new(), SpanReader::default());
        let (mut together, mut single) = (Vec::new(), Vec::new());
        reader.read(&batch, &mut context, &mut together).unwrap();
        for row in 0..batch.num_rows() {
            reader.read(&batch.slice(row, 1), &mut context, &mut single).unwrap();
        }
        let resources = |spans: &[Span]| spans.iter().map(|span| span.resource).collect::<Vec<_>>();
        prop_assert_eq!(resources(&together), resources(&single));
    }
}

#[test]
fn a_service_has_at_most_500_operations() {
    let mut context = Context::new();
    let mut reader = SpanReader::default();
    let mut spans = Vec::new();
    let spans_json: Vec<String> = (0..600)
        .map(|number| {
            format!(
                r#"{{"traceId":"000102030405060708090a0b0c0d0e0f","spanId":"{:016x}","name":"op-{number}",
                "startTimeUnixNano":"1","endTimeUnixNano":"2"}}"#,
                number + 1
            )
        })
        .collect();
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans_json.join(","));
    reader.read(&rows(&json), &mut context, &mut spans).unwrap();
    let name = |span: &Span| context.texts.get(span.operation).to_owned();
    assert_eq!((name(&spans[499]), name(&spans[500])), ("op-499".to_owned(), "_other".to_owned()));
    assert_eq!(reader.operations_overflowed(), 100);
}

#[test]
fn other_columns_are_errors_and_bad_ids_cost_their_row() {
    let batch = rows(&request("a=b", "", CLIENT));
    let mut context = Context::new();
    let mut spans = Vec::new();
    let mut reader = SpanReader::default();
    let projected: Vec<usize> =
        SpanReader::COLUMNS.iter().map(|name| batch.schema().index_of(name).expect("it is a column")).collect();
    assert!(projected.is_sorted(), "columns are named in the order of the table");
    reader.read(&batch.project(&projected).unwrap(), &mut context, &mut spans).unwrap();
    assert_eq!(spans.len(), 1);

    let without = batch.project(&projected[1..]).unwrap();
    let error = reader.read(&without, &mut context, &mut spans).unwrap_err();
    assert!(matches!(error, InputError::Missing("trace_id")), "{error}");
    let mut columns = batch.columns().to_vec();
    let start = batch.schema().index_of("start_time").unwrap();
    columns[start] = Arc::new(StringArray::from(vec!["1"]));
    let schema = batch.schema();
    let named = schema.fields().iter().map(|field| field.name().clone()).zip(columns.iter().cloned());
    let error = reader.read(&RecordBatch::try_from_iter(named).unwrap(), &mut context, &mut spans).unwrap_err();
    assert!(matches!(error, InputError::Type { name: "start_time", .. }), "{error}");

    columns = batch.columns().to_vec();
    columns[1] = Arc::new(arrow::array::BinaryArray::from(vec![&b"short"[..]]));
    let short = RecordBatch::try_new(batch.schema(), columns).unwrap();
    reader.read(&short, &mut context, &mut spans).unwrap();
    assert_eq!((spans.len(), reader.skipped()), (1, 1));
}
