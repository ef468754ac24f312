//! Spans of a shop as SDKs send them: requests of 20 spans through eight services, with queries, a cache, somebody who
//! sends no telemetry, and messages.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Int64Array, ListArray, StructArray},
    datatypes::Int64Type,
    record_batch::RecordBatch,
};
use spandrel_proto::wire::{
    DecodeLimits,
    otlp::{self, Signal},
};

/// Spans of a trace of [`requests`].
pub(crate) const TRACE_SPANS: usize = 20;
/// When the first span of a batch begins, nanoseconds.
pub(crate) const START: i64 = 1_800_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

struct Row {
    service: &'static str,
    id: u64,
    parent: u64,
    kind: u8,
    name: &'static str,
    /// Microseconds since the request began.
    times: (u64, u64),
    attributes: String,
}

/// `traces` requests that begin within one second, in the order in which a collector passes them on: by process. Those
/// of different `seed` have other ids and durations.
pub(crate) fn requests(traces: u64, seed: u64) -> RecordBatch {
    let mut by_process: Vec<(String, Vec<String>)> = Vec::new();
    for number in 0..traces {
        let trace = mix(seed * 1_000_003 + number);
        let begin = START as u64 + number * SECOND as u64 / traces;
        for row in request(trace) {
            let process = resource(row.service, trace % 2);
            let span = span_json(&row, trace, begin);
            match by_process.iter_mut().find(|(known, _)| *known == process) {
                Some((_, spans)) => spans.push(span),
                None => by_process.push((process, vec![span])),
            }
        }
    }
    let resource_spans: Vec<String> = by_process
        .iter()
        .map(|(resource, spans)| {
            let spans = spans.join(",");
            format!(r#"{{"resource":{{"attributes":[{resource}]}},"scopeSpans":[{{"spans":[{spans}]}}]}}"#)
        })
        .collect();
    decode(&format!(r#"{{"resourceSpans":[{}]}}"#, resource_spans.join(",")))
}

/// The same requests as they would be `seconds` later, in other traces.
pub(crate) fn later(batch: &RecordBatch, seconds: i64) -> RecordBatch {
    let salt = u128::from(mix(seconds as u64)) << 64 | u128::from(mix(!seconds as u64));
    let ids = |column: &BinaryArray| -> ArrayRef {
        let mut ids = BinaryBuilder::with_capacity(column.len(), 16 * column.len());
        for id in column {
            let id = id.and_then(|id| Some(u128::from_be_bytes(id.try_into().ok()?) ^ salt));
            ids.append_option(id.map(u128::to_be_bytes));
        }
        Arc::new(ids.finish())
    };
    let times = |column: &ArrayRef| -> ArrayRef {
        let shifted: Int64Array = column.as_primitive::<Int64Type>().unary(|time| time + seconds * SECOND);
        Arc::new(shifted)
    };
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| match field.name().as_str() {
        "trace_id" => ids(column.as_binary()),
        "start_time" | "end_time" => times(column),
        "links" => links(column.as_list(), &ids),
        _ => Arc::clone(column),
    });
    let columns = columns.collect();
    RecordBatch::try_new(batch.schema(), columns).expect("the columns keep their types")
}

fn links(column: &ListArray, ids: &impl Fn(&BinaryArray) -> ArrayRef) -> ArrayRef {
    let items = column.values().as_struct();
    let fields = items.fields().clone();
    let columns = fields.iter().zip(items.columns()).map(|(field, column)| match field.name().as_str() {
        "trace_id" => ids(column.as_binary()),
        _ => Arc::clone(column),
    });
    let (field, offsets, _, nulls) = column.clone().into_parts();
    let items = StructArray::new(fields.clone(), columns.collect(), items.nulls().cloned());
    Arc::new(ListArray::new(field, offsets, Arc::new(items), nulls))
}

/// One trace of 100,000 spans: a client with all others below it, or each below the one before.
pub(crate) fn large(is_chain: bool) -> RecordBatch {
    const SPANS: u64 = 100_000;
    let mut by_service = [String::new(), String::new()];
    for index in 0..SPANS {
        let (kind, service, parent, times) = match (index, is_chain) {
            (0, _) => (2, 0, 0, (0, 2 * SPANS)),
            (_, false) => (3, 0, 1, (index, index + 2)),
            (_, true) if index % 2 == 1 => (3, index / 2 % 2, index, (index, 2 * SPANS - index)),
            (_, true) => (2, index / 2 % 2, index, (index, 2 * SPANS - index)),
        };
        let (service_name, peer) = [("cart", "stock"), ("stock", "cart")][service as usize];
        let attributes = match kind {
            2 => attributes(&[("http.request.method", "GET"), ("http.route", "/api/items/{item}")]),
            _ => attributes(&[("http.request.method", "GET"), ("server.address", peer)]),
        };
        let row = Row { service: service_name, id: index + 1, parent, kind, name: "GET", times, attributes };
        let spans = &mut by_service[service as usize];
        if !spans.is_empty() {
            spans.push(',');
        }
        spans.push_str(&span_json(&row, 0, START as u64));
    }
    let [cart, stock] = by_service;
    decode(&format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{}]}},"scopeSpans":[{{"spans":[{cart}]}}]}},
        {{"resource":{{"attributes":[{}]}},"scopeSpans":[{{"spans":[{stock}]}}]}}]}}"#,
        resource("cart", 0),
        resource("stock", 0)
    ))
}

fn decode(json: &str) -> RecordBatch {
    let request = otlp::json_to_protobuf(Signal::Traces, json.as_bytes()).expect("the request is OTLP/JSON");
    let decoded = otlp::decode(Signal::Traces, &request, 0, &DecodeLimits::default()).expect("the request is whole");
    assert_eq!(decoded.report.rejected_total(), 0, "all spans are valid");
    decoded.batch
}

fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

fn span_json(row: &Row, trace: u64, begin: u64) -> String {
    let Row { id, parent, kind, name, times, attributes, .. } = row;
    let span_id = |id: u64| mix(trace ^ id << 32);
    let parent = if *parent == 0 { String::new() } else { format!("{:016x}", span_id(*parent)) };
    // Faster and slower requests, all in proportion.
    let slowness = 70 + trace / 2 % 90;
    let [start, end] = [times.0, times.1].map(|time| begin + time * 10 * slowness);
    let link = match *kind {
        5 => format!(r#","links":[{{"traceId":"{:032x}","spanId":"{parent}"}}]"#, trace_id(trace)),
        _ => String::new(),
    };
    format!(
        r#"{{"traceId":"{:032x}","spanId":"{:016x}","parentSpanId":"{parent}","name":"{name}","kind":{kind},"flags":257,
        "startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","attributes":[{attributes}]{link}}}"#,
        trace_id(trace),
        span_id(*id),
    )
}

fn trace_id(trace: u64) -> u128 {
    u128::from(mix(trace)) << 64 | u128::from(mix(!trace))
}

fn attributes(pairs: &[(&str, &str)]) -> String {
    let json = |(key, value): &(&str, &str)| match value.parse::<i64>() {
        Ok(number) => format!(r#"{{"key":"{key}","value":{{"intValue":"{number}"}}}}"#),
        Err(_) => format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#),
    };
    pairs.iter().map(json).collect::<Vec<_>>().join(",")
}

fn resource(service: &str, instance: u64) -> String {
    let pod = format!("{service}-7d9c5b7c5f-x2x7{instance}");
    let host = format!("ip-10-12-3{}-7.eu-central-1.compute.internal", (service.len() as u64 + instance) % 6);
    attributes(&[
        ("service.name", service),
        ("service.namespace", "shop"),
        ("service.version", "2026.11.3"),
        ("service.instance.id", &format!("627cc493-f310-47de-96bd-71410b7dec0{instance}")),
        ("deployment.environment.name", "production"),
        ("host.name", &host),
        ("telemetry.sdk.name", "opentelemetry"),
        ("telemetry.sdk.language", "java"),
        ("telemetry.sdk.version", "1.43.0"),
        ("os.type", "linux"),
        ("process.pid", "1"),
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", &pod),
        ("k8s.deployment.name", service),
    ])
}

/// The spans of one request. One in fifty fails.
fn request(trace: u64) -> [Row; TRACE_SPANS] {
    let (server, client, producer, consumer) = (2, 3, 4, 5);
    let status = if trace.is_multiple_of(50) { "503" } else { "200" };
    let order = format!("{:08}", trace % 100_000_000);
    let row =
        |service, id, parent, kind, name, times, attributes| Row { service, id, parent, kind, name, times, attributes };
    [
        row("frontend", 1, 0, server, "POST /api/v1/carts/{cartId}/checkout", (0, 1000), entry(&order, status)),
        row("frontend", 2, 1, client, "POST", (20, 980), http_client("checkout", &order, status)),
        row("checkout", 3, 2, server, "POST /orders/{orderId}", (30, 970), http_server("/orders/", &order, status)),
        row("checkout", 4, 3, client, "shop.Cart/Get", (40, 200), rpc("cart", "shop.Cart/Get")),
        row("cart", 5, 4, server, "shop.Cart/Get", (50, 190), rpc("cart", "shop.Cart/Get")),
        row("cart", 6, 5, client, "HGET", (60, 180), query("redis", "cache", "HGET", "carts", "HGET cart ?")),
        row("checkout", 7, 3, client, "GET", (210, 400), http_client("catalogue", &order, "200")),
        row("catalogue", 8, 7, server, "GET /items/{itemId}", (220, 390), http_server("/items/", &order, "200")),
        row(
            "catalogue",
            9,
            8,
            client,
            "SELECT items",
            (230, 300),
            query("postgresql", "shop", "SELECT", "items", SELECT),
        ),
        row(
            "catalogue",
            10,
            8,
            client,
            "SELECT prices",
            (310, 380),
            query("postgresql", "shop", "SELECT", "prices", SELECT),
        ),
        row("checkout", 11, 3, client, "shop.Payment/Charge", (410, 700), rpc("payment", "shop.Payment/Charge")),
        row("payment", 12, 11, server, "shop.Payment/Charge", (420, 690), rpc("payment", "shop.Payment/Charge")),
        row("payment", 13, 12, 1, "PaymentService.validate", (430, 440), attributes(&THREAD)),
        row("payment", 14, 12, client, "POST", (450, 680), http_client("api.payments.example", &order, status)),
        row("checkout", 15, 3, client, "GET", (410, 600), http_client("shipping", &order, "200")),
        row("shipping", 16, 15, server, "GET /quotes/{quoteId}", (420, 590), http_server("/quotes/", &order, "200")),
        row("shipping", 17, 16, client, "SELECT rates", (430, 580), query("mysql", "rates", "SELECT", "rates", SELECT)),
        row("checkout", 18, 3, producer, "orders send", (900, 920), message("send", &order, "")),
        row("mail", 19, 18, consumer, "orders process", (1100, 1500), message("process", &order, "mail")),
        row("accounting", 20, 18, consumer, "orders process", (1050, 1300), message("process", &order, "accounting")),
    ]
}

const SELECT: &str = "SELECT id, sku, quantity, unit_price, currency FROM items WHERE id = ? AND deleted_at IS NULL";
const THREAD: [(&str, &str); 2] = [("thread.name", "http-nio-8080-exec-7"), ("thread.id", "57")];

fn entry(order: &str, status: &str) -> String {
    attributes(&[
        ("http.request.method", "POST"),
        ("http.route", "/api/v1/carts/{cartId}/checkout"),
        ("url.path", &format!("/api/v1/carts/c{order}/checkout")),
        ("url.scheme", "https"),
        ("http.response.status_code", status),
        ("server.address", "shop.example.com"),
        ("server.port", "443"),
        ("client.address", "203.0.113.77"),
        ("network.peer.address", "10.12.33.9"),
        ("network.peer.port", "41234"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
        THREAD[0],
    ])
}

fn http_server(route: &str, order: &str, status: &str) -> String {
    attributes(&[
        ("http.request.method", "GET"),
        ("http.route", &format!("{route}{{id}}")),
        ("url.path", &format!("{route}o{order}")),
        ("url.scheme", "http"),
        ("http.response.status_code", status),
        ("server.address", "10.12.33.9"),
        ("server.port", "8080"),
        ("network.peer.address", "10.12.33.9"),
        ("network.peer.port", "41234"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "Java-http-client/21.0.4"),
        THREAD[0],
        THREAD[1],
    ])
}

fn http_client(host: &str, order: &str, status: &str) -> String {
    attributes(&[
        ("http.request.method", "POST"),
        ("url.full", &format!("http://{host}:8080/api/v1/orders/o{order}/authorize")),
        ("http.response.status_code", status),
        ("server.address", host),
        ("server.port", "8080"),
        ("network.protocol.version", "2"),
        THREAD[0],
        THREAD[1],
        ("correlation_id", &format!("6f9619ff-8b86-d011-b42d-{order}")),
    ])
}

fn rpc(host: &str, method: &str) -> String {
    attributes(&[
        ("rpc.system.name", "grpc"),
        ("rpc.method", method),
        ("rpc.response.status_code", "OK"),
        ("server.address", host),
        ("server.port", "9090"),
        ("network.peer.address", "10.12.33.11"),
        ("network.peer.port", "9090"),
        THREAD[0],
        THREAD[1],
    ])
}

fn query(system: &str, namespace: &str, operation: &str, collection: &str, text: &str) -> String {
    attributes(&[
        ("db.system.name", system),
        ("db.namespace", namespace),
        ("db.operation.name", operation),
        ("db.collection.name", collection),
        ("db.query.text", text),
        ("server.address", &format!("{system}.shop.svc.cluster.local")),
        ("server.port", "5432"),
        THREAD[0],
        THREAD[1],
    ])
}

fn message(step: &str, order: &str, group: &str) -> String {
    attributes(&[
        ("messaging.system", "kafka"),
        ("messaging.operation.type", step),
        ("messaging.operation.name", step),
        ("messaging.destination.name", "orders"),
        ("messaging.destination.partition.id", "p3"),
        ("messaging.kafka.offset", order),
        ("messaging.client.id", "checkout-producer-1"),
        ("messaging.consumer.group.name", group),
        THREAD[0],
    ])
}
