//! Graphs of hand-made traces, their differences, and that neither order nor splitting matters.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use proptest::prelude::*;
use spandrel_proto::model::Outcome;

use super::*;
use crate::{
    analysed::{Analysis, MINUTE},
    context::Context,
    hops::HopKind,
    peers::PeerMap,
    rollup::{EdgeStats, Minutes, OperationStats, Sign, hourly_rows, observe, observe_requests, rows},
    skew::Skew,
    span::{Kind, Span},
    testing::{Fixture, any_spans},
};

fn minutes_of(fixture: &mut Fixture) -> Minutes {
    let mut by_trace: BTreeMap<u128, Vec<Span>> = BTreeMap::new();
    for span in &fixture.spans {
        by_trace.entry(span.trace_id).or_default().push(span.clone());
    }
    let mut minutes = Minutes::new();
    for spans in by_trace.into_values() {
        let analysis = Analysis::of(spans, &mut fixture.context, &mut PeerMap::default(), &Skew::default());
        observe(&mut minutes, &analysis.analysed(&fixture.context), Sign::Add);
    }
    minutes
}

/// Rows of edges and of operations.
fn stored(minutes: &Minutes, context: &Context) -> (Vec<RecordBatch>, Vec<RecordBatch>) {
    let (mut edges, mut operations) = (Vec::new(), Vec::new());
    for (time, minute) in minutes {
        for (table, batch) in rows(*time, minute, context, 1) {
            match table {
                Table::Edges => edges.push(batch),
                Table::Operations => operations.push(batch),
                _ => {}
            }
        }
    }
    (edges, operations)
}

fn graph_of(fixture: &mut Fixture) -> Graph {
    let minutes = minutes_of(fixture);
    let (edges, operations) = stored(&minutes, &fixture.context);
    Graph::build(&edges, &operations, (0, MINUTE)).unwrap()
}

fn shown(graph: &Graph) -> Vec<String> {
    let name = |index: usize| graph.nodes[index].name.name.as_str();
    let shown = |edge: &Edge| {
        let (view, main) = edge.main_view().unwrap();
        let Measures { requests, failures, .. } = main.measures;
        let (source, target, kind) = (name(edge.source), name(edge.target), edge.kind_text());
        format!("{source}>{target} {kind} {} {requests}/{failures} tries {}", view.as_str(), main.attempts)
    };
    graph.edges.iter().map(shown).collect()
}

fn node<'a>(graph: &'a Graph, name: &str) -> &'a Node {
    graph.nodes.iter().find(|node| node.name.name == name).unwrap()
}

/// `calls` traces in which `shop` calls `cart`, of `millis` each; `failed` of them fail.
fn calls(calls: u64, millis: i64, failed: u64) -> Fixture {
    let mut fixture = Fixture::default();
    for call in 0..calls {
        let outcome = if call < failed { Outcome::ServerFault } else { Outcome::Ok };
        let parts = [(1, 0, Kind::Server, "shop"), (2, 1, Kind::Client, "shop"), (3, 2, Kind::Server, "cart")];
        for (id, parent, kind, service) in parts {
            let edge = i64::try_from(id).unwrap();
            let span = fixture.span((id, parent), kind, service, (edge, millis + 10 - edge));
            (span.trace_id, span.outcome) = (u128::from(call) + 1, outcome);
        }
    }
    fixture
}

#[test]
fn a_graph_has_nodes_edges_and_views() {
    let graph = graph_of(&mut calls(20, 100, 2));
    assert_eq!(shown(&graph), ["shop>cart sync client 20/2 tries 20", "user>shop entry server 20/2 tries 20"]);
    let cart = node(&graph, "cart");
    assert_eq!((cart.view, cart.measures.requests, cart.edge_coverage), (Some(View::Server), 20.0, Some(1.0)));
    assert_eq!((cart.measures.latency.unwrap().samples, cart.measures.latency.unwrap().p95), (18, 104_000_000));
    assert_eq!(cart.measures.error_rate, 0.1);
    assert!(cart.measures.error_interval.0 > 0.02 && cart.measures.error_interval.1 < 0.31);
    let shop = node(&graph, "shop");
    assert_eq!((shop.entries, shop.edge_coverage), (20.0, None));
    assert_eq!((node(&graph, "user").view, node(&graph, "user").measures.requests), (None, 0.0));
    let edge = &graph.edges[0];
    assert_eq!(edge.client.as_ref().unwrap().network_mean_ns, Some(2_000_000.0));
    assert_eq!(edge.coverage(), Some(1.0));
    assert_eq!(edge.server.as_ref().unwrap().measures.latency.unwrap().p50, 104_000_000);
    assert!(edge.gateway.is_none() && !edge.examples.is_empty());
}

#[test]
fn coverage_falls_where_callers_are_missing_and_rises_where_servers_are() {
    let mut fixture = calls(4, 100, 0);
    fixture.span((7, 99), Kind::Server, "cart", (0, 5)).trace_id = 50;
    assert_eq!(node(&graph_of(&mut fixture), "cart").edge_coverage, Some(0.8));
    let mut fixture = calls(4, 100, 0);
    fixture.spans.retain(|span| span.span_id != 2 || span.trace_id > 2);
    assert_eq!(node(&graph_of(&mut fixture), "cart").edge_coverage, Some(0.5));
}

#[test]
fn rows_outside_the_range_are_left_out() {
    let mut fixture = calls(3, 100, 0);
    let minutes = minutes_of(&mut fixture);
    let (edges, operations) = stored(&minutes, &fixture.context);
    assert_eq!(Graph::build(&edges, &operations, (1, MINUTE)).unwrap(), Graph::default());
    assert_eq!(Graph::build(&[], &[], (0, MINUTE)).unwrap().to_batch().num_rows(), 0);
}

/// As a minute with too many keys has them of which everything was taken away.
#[test]
fn rows_that_count_nothing_draw_nothing() {
    let mut fixture = calls(3, 100, 0);
    let mut minutes = minutes_of(&mut fixture);
    for minute in minutes.values_mut() {
        minute.edges.values_mut().for_each(|stats| *stats = EdgeStats::default());
        minute.operations.values_mut().for_each(|stats| *stats = OperationStats::default());
    }
    let (edges, operations) = stored(&minutes, &fixture.context);
    assert!(edges[0].num_rows() > 0 && operations[0].num_rows() > 0);
    assert_eq!(Graph::build(&edges, &operations, (0, MINUTE)).unwrap(), Graph::default());
}

#[test]
fn hours_give_the_graph_of_their_minutes() {
    let mut fixture = calls(3, 100, 1);
    let minutes = minutes_of(&mut fixture);
    let (edges, operations) = stored(&minutes, &fixture.context);
    let hourly = hourly_rows(0, &minutes[&0], &fixture.context, 1);
    let mut builder = GraphBuilder::new(0, MINUTE);
    for (table, batch) in &hourly {
        builder.push(*table, batch).unwrap();
    }
    assert!(builder.size() > 0);
    assert_eq!(builder.finish(), Graph::build(&edges, &operations, (0, MINUTE)).unwrap());
}

#[test]
fn what_gateways_alone_know_is_united_with_what_spans_tell() {
    let mut fixture = calls(2, 100, 0);
    let mut minutes = minutes_of(&mut fixture);
    let line = |gateway: &str, upstream: &str| {
        format!(
            r#"{{"start_time":1000,"end_time":2000,"duration_ns":1000,"source":"nginx","side":"edge","gateway":"{gateway}",
            "upstream_service":"{upstream}","outcome":"ok"}}"#
        )
    };
    let lines = [line("edge", "shop"), line("shop", "cart"), line("edge", "legacy")].join("\n");
    let mut decoder = arrow::json::ReaderBuilder::new(Table::Requests.schema()).build_decoder().unwrap();
    decoder.decode(lines.as_bytes()).unwrap();
    let requests = decoder.flush().unwrap().unwrap();
    observe_requests(&mut minutes, &mut fixture.context, &requests).unwrap();
    let (edges, operations) = stored(&minutes, &fixture.context);
    let graph = Graph::build(&edges, &operations, (0, MINUTE)).unwrap();
    let mut found = shown(&graph);
    found.sort();
    assert_eq!(
        found,
        [
            "edge>legacy sync gateway 1/0 tries 1",
            "edge>shop sync gateway 1/0 tries 1",
            "shop>cart sync client 2/0 tries 2",
            "user>edge entry gateway 2/0 tries 2",
            "user>shop entry server 2/0 tries 2",
        ]
    );
    assert_eq!(node(&graph, "legacy").evidence, Evidence::Records);
    assert_eq!((node(&graph, "shop").evidence, node(&graph, "shop").name.kind), (Evidence::Spans, NodeKind::Service));
    assert_eq!(graph.nodes.iter().filter(|node| node.name.name == "shop").count(), 1);
    let both = graph.edges.iter().filter(|edge| edge.gateway.is_some() && edge.client.is_some()).count();
    assert_eq!(both, 1, "the call of shop to cart, seen from both sides");
}

#[test]
fn requests_are_named_by_how_many_are_waited_for() {
    let view = |sync_ratio: f64| EdgeView {
        measures: Measures::default(),
        attempts: 1.0,
        paired: 0.0,
        sync_ratio,
        blocking_ratio: 0.0,
        network_mean_ns: None,
        queue_delay: None,
        negative_delays: 0,
    };
    let edge = |kind: HopKind, sync_ratio: f64| Edge {
        source: 0,
        target: 0,
        kind,
        protocol: "http",
        client: Some(view(sync_ratio)),
        server: None,
        gateway: None,
        first_seen: 0,
        last_seen: 0,
        examples: Vec::new(),
    };
    for (kind, sync_ratio, expected) in [
        (HopKind::Request, 0.9, "sync"),
        (HopKind::Request, 0.5, "mixed"),
        (HopKind::Request, 0.1, "async"),
        (HopKind::Database, 0.1, "db"),
        (HopKind::Publish, 0.0, "async"),
    ] {
        assert_eq!(edge(kind, sync_ratio).kind_text(), expected, "{kind:?} {sync_ratio}");
    }
}

#[test]
fn differences_are_what_is_new_gone_slower_and_failing() {
    let before = graph_of(&mut calls(200, 100, 4));
    assert_eq!(before.diff(&before), GraphDiff::default());
    let after = graph_of(&mut calls(200, 200, 60));
    let diff = before.diff(&after);
    let told = |changes: &[EdgeChange]| -> Vec<String> {
        let text =
            |found: &EdgeChange| format!("{}>{} {}", found.source.name, found.target.name, found.change.as_str());
        changes.iter().map(text).collect()
    };
    assert_eq!(told(&diff.edges), ["shop>cart slower", "shop>cart failing", "user>shop slower", "user>shop failing"]);
    assert_eq!(diff.nodes.len(), 4);
    assert!(matches!(diff.edges[0].change, Change::Slower { before: 106_000_000..107_000_000, .. }), "{diff:?}");
    let rows = diff.to_batch();
    assert_eq!((rows.num_rows(), rows.schema()), (8, diff_schema()));
    assert_eq!(rows["change"].as_string::<i32>().value(0), "slower");
    let few = graph_of(&mut calls(20, 200, 1));
    assert_eq!(before.diff(&few), GraphDiff::default(), "twenty calls are too few");
    let gone = before.diff(&Graph::default());
    assert_eq!((told(&gone.edges), gone.nodes.len()), (vec!["shop>cart gone".into(), "user>shop gone".into()], 3));
    assert_eq!(Graph::default().diff(&before).edges[0].change, Change::New);
}

#[test]
fn rows_of_a_graph_are_as_documented() {
    let graph = graph_of(&mut calls(20, 100, 2));
    let batch = graph.to_batch();
    assert_eq!(batch.schema(), graph_schema());
    let number = |column: &str| batch[column].as_primitive::<arrow::datatypes::Float64Type>().value(0);
    assert_eq!((number("requests"), number("failures"), number("p95_ms")), (20.0, 2.0, 106.0));
    assert_eq!((number("client_requests"), number("server_p95_ms")), (20.0, 104.0));
    assert_eq!((number("network_mean_ms"), number("coverage"), number("sync_ratio")), (2.0, 1.0, 1.0));
    assert_eq!(batch["source"].as_string::<i32>().value(0), "shop");
    let module = include_str!("mod.rs");
    for field in batch.schema().fields() {
        let name = field.name().trim_start_matches("server_").trim_start_matches("gateway_");
        let name = name.trim_start_matches("source").trim_start_matches("target").trim_start_matches("client_");
        assert!(module.contains(&format!("{name}`")), "{} is not documented", field.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn neither_order_nor_splitting_matters(spans in any_spans(6, 40)) {
        let mut fixture = spans.fixture();
        let minutes = minutes_of(&mut fixture);
        let (edges, operations) = stored(&minutes, &fixture.context);
        let halves = |batches: &[RecordBatch]| -> Vec<RecordBatch> {
            let half = |batch: &RecordBatch| {
                let middle = batch.num_rows() / 2;
                [batch.slice(middle, batch.num_rows() - middle), batch.slice(0, middle)]
            };
            batches.iter().rev().flat_map(half).collect()
        };
        let range = (0, 60 * MINUTE);
        let graph = Graph::build(&edges, &operations, range).unwrap();
        prop_assert_eq!(&Graph::build(&halves(&edges), &halves(&operations), range).unwrap(), &graph);
        prop_assert_eq!(graph.to_batch().num_rows(), graph.edges.len());
        let shown = |views: fn(&Edge) -> &Option<EdgeView>| -> f64 {
            graph.edges.iter().filter_map(|edge| views(edge).as_ref()).map(|view| view.measures.requests).sum()
        };
        let counted = |view: View| -> u64 {
            let edges = minutes.values().flat_map(|minute| &minute.edges).filter(|(key, _)| key.view == view);
            edges.map(|(_, stats)| stats.calls.weight()).sum()
        };
        prop_assert_eq!(shown(|edge| &edge.client), measures::weight(counted(View::Client)));
        prop_assert_eq!(shown(|edge| &edge.server), measures::weight(counted(View::Server)));
    }
}
