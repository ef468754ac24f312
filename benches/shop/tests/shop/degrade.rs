//! Degraded telemetry: each knob does what it says, and nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind},
};
use spandrel_shop::{
    ShopConfig,
    degrade::{AccessLogs, Clocks, Degradation, HeadSampling, MessageContext, Naming, TailSampling, degrade},
    telemetry::{Batch, Payload},
};

use crate::{
    derive::{text, texts},
    history::{History, Sent},
};

const MS: i64 = 1_000_000;

fn history() -> History {
    History::of(&ShopConfig { rate: 20.0, ..ShopConfig::default() }, 20)
}

fn degraded(knobs: &Degradation) -> (Vec<Sent>, Vec<Sent>) {
    let history = history();
    let before = history.spans();
    (before, History { batches: degrade(history.batches, knobs), truth: history.truth }.spans())
}

fn ids(spans: &[Sent]) -> HashSet<Vec<u8>> {
    spans.iter().map(|sent| sent.span.span_id.clone()).collect()
}

fn parents(spans: &[Sent]) -> HashMap<(&[u8], &[u8]), &Sent> {
    spans.iter().map(|sent| ((&*sent.span.trace_id, &*sent.span.span_id), sent)).collect()
}

fn orphans(spans: &[Sent]) -> usize {
    let known = parents(spans);
    let is_orphan =
        |span: &Span| !span.parent_span_id.is_empty() && !known.contains_key(&(&*span.trace_id, &*span.parent_span_id));
    spans.iter().filter(|sent| is_orphan(&sent.span)).count()
}

fn bytes(batches: &[Batch]) -> Vec<(i64, Vec<u8>)> {
    batches.iter().map(|batch| (batch.due, batch.payload.encode().to_vec())).collect()
}

#[test]
fn no_knobs_change_no_byte() {
    let history = history();
    let before = bytes(&history.batches);
    assert!(before == bytes(&degrade(history.batches, &Degradation::default())));
}

#[test]
fn the_seed_decides_every_byte() {
    let knobs = Degradation {
        loss: 100_000,
        delay: 5_000 * MS,
        duplicates: 200_000,
        clocks: Clocks { max_offset: 10 * MS, max_drift: 20, ..Clocks::default() },
        ..Degradation::default()
    };
    let first = bytes(&degrade(history().batches, &knobs));
    assert!(first == bytes(&degrade(history().batches, &knobs)));
    assert!(first != bytes(&degrade(history().batches, &Degradation { seed: 1, ..knobs })));
}

#[test]
fn what_is_lost_at_a_low_rate_is_lost_at_a_high_one() {
    let (before, little) = degraded(&Degradation { loss: 50_000, ..Degradation::default() });
    let (_, much) = degraded(&Degradation { loss: 200_000, ..Degradation::default() });
    let kept = |spans: &[Sent]| spans.len() as f64 / before.len() as f64;
    assert!((kept(&little) - 0.95).abs() < 0.01 && (kept(&much) - 0.8).abs() < 0.02);
    assert!(ids(&much).is_subset(&ids(&little)));
}

#[test]
fn heads_are_sampled_by_trace_and_say_so() {
    let services = BTreeMap::from([("cart".to_owned(), 125_000)]);
    let sampling = HeadSampling { keep: 250_000, services };
    let (before, after) = degraded(&Degradation { head_sampling: Some(sampling), ..Degradation::default() });
    let share = after.len() as f64 / before.len() as f64;
    assert!((share - 0.25).abs() < 0.06, "{share}");
    for sent in &after {
        let expected = if sent.service == "cart" { "ot=th:e" } else { "ot=th:c" };
        assert_eq!(sent.span.trace_state, expected);
        let least = if sent.service == "cart" { 0xe0 } else { 0xc0 };
        assert!(sent.span.trace_id[9] >= least, "a trace id below the threshold of {}", sent.service);
    }
}

#[test]
fn tails_are_sampled_as_whole_traces() {
    let sampling = TailSampling { slow: 200 * MS, keep_others: 50_000 };
    let (before, after) = degraded(&Degradation { tail_sampling: Some(sampling), ..Degradation::default() });
    assert!(after.len() < before.len() / 2 && !after.is_empty());
    assert_eq!(orphans(&before), orphans(&after));
    assert!(after.iter().all(|sent| sent.span.trace_state.is_empty()));
}

#[test]
fn services_without_instrumentation_leave_no_orphans() {
    for forward_context in [true, false] {
        let uninstrumented = vec!["checkout".to_owned()];
        let (before, after) = degraded(&Degradation { uninstrumented, forward_context, ..Degradation::default() });
        assert!(after.iter().all(|sent| sent.service != "checkout"));
        assert_eq!(orphans(&after), 0);
        let traces = |spans: &[Sent]| spans.iter().map(|sent| sent.span.trace_id.clone()).collect::<HashSet<_>>().len();
        assert_eq!(traces(&after) > traces(&before), !forward_context);
    }
}

#[test]
fn spans_without_their_client_hang_below_the_caller() {
    let without_clients = vec!["gateway".to_owned()];
    let (before, after) = degraded(&Degradation { without_clients, ..Degradation::default() });
    assert_eq!(orphans(&after), 0);
    let calls = |spans: &[Sent]| {
        let clients = spans.iter().filter(|sent| sent.service == "gateway" && sent.span.kind() == SpanKind::Client);
        clients.count()
    };
    assert!(calls(&before) > 0);
    assert_eq!(calls(&after), 0);
}

#[test]
fn inserted_spans_keep_the_trees_whole() {
    let serving = |spans: &[Sent]| spans.iter().filter(|sent| sent.span.kind() == SpanKind::Server).count();
    let inserting = [
        Degradation { nested_clients: 1_000_000, ..Degradation::default() },
        Degradation { internal_spans: 3, ..Degradation::default() },
        Degradation { sidecars: true, ..Degradation::default() },
    ];
    for knobs in inserting {
        let (before, after) = degraded(&knobs);
        assert!(after.len() > before.len());
        assert_eq!(ids(&after).len(), after.len(), "ids clash: {knobs:?}");
        assert_eq!((orphans(&before), orphans(&after)), (0, 0), "{knobs:?}");
        assert_eq!(serving(&after), serving(&before) * if knobs.sidecars { 2 } else { 1 });
    }
}

#[test]
fn kinds_and_ids_are_forgotten_where_asked_for() {
    let knobs = Degradation { without_kinds: vec!["cart".to_owned()], short_trace_ids: true, ..Degradation::default() };
    let (_, after) = degraded(&knobs);
    assert!(after.iter().any(|sent| sent.service == "cart"));
    for sent in &after {
        assert_eq!(sent.span.kind() == SpanKind::Unspecified, sent.service == "cart");
        assert_eq!(sent.span.trace_id[..8], [0; 8]);
    }
}

#[test]
fn shared_ids_are_those_of_the_client() {
    let (before, after) = degraded(&Degradation { shared_ids: true, ..Degradation::default() });
    assert_eq!(before.len(), after.len());
    let known = parents(&before);
    let paired = before.iter().filter(|sent| {
        let parent = known.get(&(&*sent.span.trace_id, &*sent.span.parent_span_id));
        sent.span.kind() == SpanKind::Server && parent.is_some_and(|parent| parent.span.kind() == SpanKind::Client)
    });
    let paired = paired.count();
    assert!(paired > 0);
    assert_eq!(after.len() - ids(&after).len(), paired);
    assert_eq!(orphans(&after), 0);
}

#[test]
fn messages_are_linked_or_children() {
    let consumers = |spans: Vec<Sent>| -> Vec<Sent> {
        spans.into_iter().filter(|sent| sent.span.kind() == SpanKind::Consumer).collect()
    };
    let with = |messages| degraded(&Degradation { messages, ..Degradation::default() }).1;
    let linked = with(MessageContext::Links);
    assert_eq!(orphans(&linked), 0);
    let linked = consumers(linked);
    assert!(!linked.is_empty());
    assert!(linked.iter().all(|sent| sent.span.parent_span_id.is_empty() && sent.span.links.len() == 1));
    let joined = with(MessageContext::Parents);
    assert_eq!(orphans(&joined), 0);
    assert!(consumers(joined).iter().all(|sent| !sent.span.parent_span_id.is_empty() && sent.span.links.is_empty()));
}

#[test]
fn names_are_old_or_current_or_both() {
    let pairs = [
        ("http.method", "http.request.method"),
        ("http.target", "url.path"),
        ("db.statement", "db.query.text"),
        ("rpc.grpc.status_code", "rpc.response.status_code"),
        ("messaging.operation", "messaging.operation.type"),
        ("rpc.system", "rpc.system.name"),
    ];
    for naming in [Naming::Old, Naming::Current, Naming::Both] {
        let (_, after) = degraded(&Degradation { naming: Some(naming), ..Degradation::default() });
        for (old, current) in pairs {
            let count = |key| after.iter().filter(|sent| has(&sent.span, key)).count();
            assert_eq!(count(old) > 0, naming != Naming::Current, "{old} with {naming:?}");
            assert_eq!(count(current) > 0, naming != Naming::Old, "{current} with {naming:?}");
        }
        for sent in after.iter().filter(|sent| has(&sent.span, "rpc.method")) {
            let attributes = texts(&sent.span.attributes);
            let method = text(&attributes, &["rpc.method"]);
            assert_eq!(method.contains('/'), naming != Naming::Old, "{method}");
        }
    }
}

#[test]
fn a_wrong_clock_shifts_its_host_and_no_duration() {
    let (before, _) = degraded(&Degradation::default());
    let host = history().batches.iter().filter_map(host_of).min();
    let clocks = Clocks { host, max_offset: 70 * MS, ..Clocks::default() };
    let (_, after) = degraded(&Degradation { clocks, ..Degradation::default() });
    let mut shifted = 0;
    for (was, is) in before.iter().zip(&after) {
        let duration = |span: &Span| span.end_time_unix_nano - span.start_time_unix_nano;
        assert_eq!(duration(&was.span), duration(&is.span));
        let shift = is.span.start_time_unix_nano as i64 - was.span.start_time_unix_nano as i64;
        assert!(shift == 0 || shift == 70 * MS);
        shifted += usize::from(shift != 0);
    }
    assert!(shifted > 0 && shifted < before.len());
}

#[test]
fn coarse_clocks_show_whole_milliseconds() {
    let clocks = Clocks { resolution: MS, ..Clocks::default() };
    let (_, after) = degraded(&Degradation { clocks, ..Degradation::default() });
    assert!(after.iter().all(|sent| sent.span.start_time_unix_nano.is_multiple_of(MS as u64)));
    assert!(after.iter().all(|sent| sent.span.end_time_unix_nano.is_multiple_of(MS as u64)));
}

#[test]
fn requests_come_twice_late_and_in_another_order() {
    let batches = history().batches;
    let sent = batches.len();
    let knobs = Degradation { duplicates: 500_000, delay: 10_000 * MS, ..Degradation::default() };
    let arrived = degrade(batches.clone(), &knobs);
    assert!(arrived.len() > sent);
    assert!(arrived.is_sorted_by_key(|batch| batch.due));
    let order = |batches: &[Batch]| batches.iter().map(|batch| batch.instance).collect::<Vec<_>>();
    assert_ne!(order(&batches), order(&arrived)[..sent]);
    let distinct =
        |batches: &[Batch]| batches.iter().map(|batch| batch.payload.encode().to_vec()).collect::<HashSet<_>>();
    assert!(distinct(&batches) == distinct(&arrived));
}

fn has(span: &Span, key: &str) -> bool {
    span.attributes.iter().any(|attribute| attribute.key == key)
}

fn host_of(batch: &Batch) -> Option<String> {
    let Payload::Traces(request) = &batch.payload else { return None };
    let resource = request.resource_spans.first()?.resource.as_ref()?;
    Some(text(&texts(&resource.attributes), &["host.name"]).to_owned())
}

/// The lines of access logs by the workload that wrote them.
fn lines(access_logs: AccessLogs) -> BTreeMap<String, Vec<(Vec<u8>, String)>> {
    let knobs = Degradation { access_logs, loss: 500_000, ..Degradation::default() };
    let mut lines: BTreeMap<String, Vec<(Vec<u8>, String)>> = BTreeMap::new();
    for batch in degrade(history().batches, &knobs) {
        let Payload::Logs(request) = batch.payload else { continue };
        for group in request.resource_logs {
            let resource = group.resource.unwrap_or_default();
            let service = text(&texts(&resource.attributes), &["service.name"]).to_owned();
            for record in group.scope_logs.into_iter().flat_map(|scope| scope.log_records) {
                let body = record.body.and_then(|body| body.value);
                if let Some(Value::StringValue(line)) = body.filter(|_| record.event_name.is_empty())
                    && line.contains("via_upstream")
                {
                    lines.entry(service.clone()).or_default().push((record.trace_id, line));
                }
            }
        }
    }
    lines
}

#[test]
fn proxies_log_every_request_whatever_becomes_of_the_spans() {
    let spans = history().spans();
    let served: Vec<&Sent> = spans.iter().filter(|sent| sent.span.kind() == SpanKind::Server).collect();
    let (entries, calls): (Vec<&Sent>, Vec<&Sent>) =
        served.iter().partition(|sent| sent.span.parent_span_id.is_empty());
    assert!(entries.len() > 100 && calls.len() > entries.len());
    let count = |lines: &BTreeMap<String, Vec<(Vec<u8>, String)>>, part: &str| -> usize {
        lines.values().flatten().filter(|(_, line)| line.contains(part)).count()
    };
    assert!(lines(AccessLogs::None).is_empty());
    let gateway = lines(AccessLogs::Gateway);
    assert_eq!(gateway.keys().collect::<Vec<_>>(), ["istio-ingressgateway"]);
    let logged: HashSet<&Vec<u8>> = gateway.values().flatten().map(|(trace, _)| trace).collect();
    assert_eq!(logged, entries.iter().map(|sent| &sent.span.trace_id).collect::<HashSet<_>>());
    let (one, both) = (lines(AccessLogs::OneSide), lines(AccessLogs::BothSides));
    assert_eq!((count(&one, " outbound|"), count(&one, " inbound|")), (served.len(), 0));
    assert_eq!((count(&both, " outbound|"), count(&both, " inbound|")), (served.len(), calls.len()));
    assert!(one["web-bff"].iter().any(|(_, line)| line.contains("outbound|8080||search.shop.svc.cluster.local")));
    // Envoy writes into the id of a request that its trace is sampled.
    let ids = gateway.values().flatten().filter_map(|(_, line)| line.split('"').find(|part| part.len() == 36));
    let reasons: HashSet<char> = ids.filter_map(|id| id.chars().nth(14)).collect();
    assert_eq!(reasons, HashSet::from(['9']));
}
