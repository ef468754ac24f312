//! OTLP requests: both generations of attribute names, and samples where they are there.

use std::collections::BTreeMap;

use super::words;
use crate::{
    context::Context,
    hops::{HopKind, Hops},
    input::tests::{attributes, read},
    peers::PeerMap,
    span::Span,
    trace::Trace,
};

/// Hops of all traces, in words.
fn hops_of(spans: Vec<Span>, context: &mut Context) -> Vec<(Trace, Hops)> {
    let mut traces: BTreeMap<u128, Vec<Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(span);
    }
    let mut peers = PeerMap::default();
    traces
        .into_values()
        .map(|spans| {
            let trace = Trace::build(spans, context);
            let hops = Hops::build(&trace, context, &mut peers);
            (trace, hops)
        })
        .collect()
}

/// A request of these spans of one trace: service, id, parent, kind and attributes.
fn request(spans: &[(&str, u64, u64, u8, &str)]) -> String {
    let resource_spans: Vec<String> = spans
        .iter()
        .map(|(service, id, parent, kind, pairs)| {
            let (resource, pairs) = (attributes(&format!("service.name={service}")), attributes(pairs));
            let parent = if *parent == 0 { String::new() } else { format!("{parent:016x}") };
            let (start, end) = (1000 + id, 2000 - id);
            format!(
                r#"{{"resource":{{"attributes":[{resource}]}},"scopeSpans":[{{"spans":[{{
                "traceId":"000102030405060708090a0b0c0d0e0f","spanId":"{id:016x}","parentSpanId":"{parent}",
                "name":"span","kind":{kind},"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}",
                "attributes":[{pairs}]}}]}}]}}"#
            )
        })
        .collect();
    format!(r#"{{"resourceSpans":[{}]}}"#, resource_spans.join(","))
}

#[test]
fn te10_old_and_current_names_give_the_same_graph() {
    let current = [
        ("shop", 1, 0, 2, "http.request.method=GET http.route=/buy http.response.status_code=200"),
        (
            "shop",
            2,
            1,
            3,
            "http.request.method=GET url.full=http://cart:8080/carts/42 server.address=cart server.port=8080 \
             http.response.status_code=503",
        ),
        ("cart", 3, 2, 2, "http.request.method=GET url.path=/carts/42 http.response.status_code=503"),
        (
            "cart",
            4,
            3,
            3,
            "db.system.name=postgresql db.namespace=carts db.collection.name=items db.operation.name=SELECT \
                           server.address=db server.port=5432",
        ),
        (
            "shop",
            5,
            1,
            3,
            "rpc.system.name=grpc rpc.method=shop.Pay/Charge server.address=pay rpc.status_code=UNAVAILABLE",
        ),
        ("shop", 6, 1, 4, "messaging.system=kafka messaging.operation.type=send messaging.destination.name=orders"),
        (
            "mail",
            7,
            6,
            5,
            "messaging.system=kafka messaging.operation.type=process messaging.destination.name=orders \
                           messaging.consumer.group.name=g",
        ),
        ("shop", 8, 1, 3, "service.peer.name=stripe http.request.method=POST http.response.status_code=200"),
    ];
    let old = [
        ("shop", 1, 0, 2, "http.method=GET http.route=/buy http.status_code=200"),
        (
            "shop",
            2,
            1,
            3,
            "http.method=GET http.url=http://cart:8080/carts/42 net.peer.name=cart net.peer.port=8080 \
             http.status_code=503",
        ),
        ("cart", 3, 2, 2, "http.method=GET http.target=/carts/42 http.status_code=503"),
        (
            "cart",
            4,
            3,
            3,
            "db.system=postgresql db.name=carts db.sql.table=items db.operation=SELECT net.peer.name=db \
                           net.peer.port=5432",
        ),
        (
            "shop",
            5,
            1,
            3,
            "rpc.system=grpc rpc.service=shop.Pay rpc.method=Charge net.peer.name=pay rpc.grpc.status_code=14",
        ),
        ("shop", 6, 1, 4, "messaging.system=kafka messaging.operation=publish messaging.destination=orders"),
        (
            "mail",
            7,
            6,
            5,
            "messaging.system=kafka messaging.operation=process messaging.destination=orders \
                           messaging.kafka.consumer.group=g",
        ),
        ("shop", 8, 1, 3, "peer.service=stripe http.method=POST http.status_code=200"),
    ];
    let graph = |spans| {
        let mut context = Context::new();
        let spans = read(&[request(spans)], &mut context);
        let traces = hops_of(spans, &mut context);
        let hops = &traces[0].1;
        let operation = |hop: &crate::hops::Hop| context.texts.get(hop.operation).to_owned();
        hops.hops
            .iter()
            .map(operation)
            .zip(words(hops, &context))
            .map(|(operation, hop)| format!("{hop}: {operation}"))
            .collect::<Vec<_>>()
    };
    let found = graph(&current);
    assert_eq!(
        found,
        [
            "user>shop Entry 1/1 ok: GET /buy",
            "shop>cart Request 1/1 server_fault: GET /carts/{id}",
            "cart>db Database 1/0 ok: SELECT items",
            "shop>pay External 1/0 unreachable: shop.Pay/Charge",
            "shop>orders Publish 1/0 ok: send orders",
            "orders>mail Deliver 1/1 ok skew: process orders",
            "shop>stripe External 1/0 ok: span",
        ]
    );
    assert_eq!(graph(&old), found);
}

/// Calls between services in a minute of Online Boutique, where the sample is there. Its spans have no kinds.
#[test]
fn the_calls_of_online_boutique_are_those_expected() {
    let minute = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/nezha/2022-08-22_05_19");
    let Ok(expected) = std::fs::read_to_string(format!("{minute}/expected.json")) else { return };
    let traces = std::process::Command::new("gzip").arg("-dc").arg(format!("{minute}/otlp_traces.json.gz")).output();
    let traces = String::from_utf8(traces.expect("gzip is there").stdout).expect("JSON is text");
    let mut context = Context::new();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let spans = read(&[traces], &mut context);
    assert_eq!(spans.len(), 6712);
    for (_, hops) in hops_of(spans, &mut context) {
        for hop in &hops.hops {
            assert_eq!(hop.kind, HopKind::Request);
            let edge = format!("{} -> {}", context.node_name(hop.caller), context.node_name(hop.callee));
            *counts.entry(edge).or_default() += 1;
        }
    }
    let (_, rest) = expected.split_once("\"cross_service_parent_child_edges\"").expect("edges are expected");
    let (_, rest) = rest.split_once('{').expect("edges are an object");
    let (edges, _) = rest.split_once('}').expect("edges are an object");
    let expected: BTreeMap<String, u64> = edges
        .split(',')
        .map(|edge| {
            let (name, count) = edge.rsplit_once(':').expect("an edge has a count");
            (name.trim().trim_matches('"').to_owned(), count.trim().parse().expect("counts are numbers"))
        })
        .collect();
    assert_eq!(counts, expected);
}

/// The shapes of the service graph connector's goldens.
#[test]
fn a_client_and_a_lone_server_make_one_edge_each() {
    let edges = |spans: &[(&str, u64, u64, u8, &str)]| {
        let mut context = Context::new();
        let spans = read(&[request(spans)], &mut context);
        let traces = hops_of(spans, &mut context);
        words(&traces[0].1, &context)
    };
    assert_eq!(
        edges(&[("foo-server", 1, 0, 3, ""), ("bar-requester", 2, 1, 2, "")]),
        ["foo-server>bar-requester Request 1/1 ok"]
    );
    assert_eq!(
        edges(&[("bar-requester", 1, 0, 2, "peer.service.name=external-platform")]),
        ["user>bar-requester Entry 1/1 ok"]
    );
}
