//! The shape of the traces.

use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use spandrel_shop::{FindingKind, MINUTE, Scenario, Scheduled, ShopConfig, telemetry::Payload};

use crate::{
    derive::{outcome, resend_count, text, texts},
    history::{History, Sent, by_id},
};

fn history() -> History {
    History::of(&ShopConfig::default(), 90)
}

fn kind(sent: &Sent) -> SpanKind {
    sent.span.kind()
}

#[test]
fn parents_exist_and_enclose_unless_nobody_waits() {
    let hanging = Scenario::of(FindingKind::WastedWork);
    let scenarios = vec![Scheduled { scenario: hanging, during: MINUTE / 2..MINUTE }];
    let spans = History::of(&ShopConfig { scenarios, ..ShopConfig::default() }, 90).spans();
    let ids = by_id(&spans);
    assert_eq!(ids.len(), spans.len(), "span ids repeat");
    let mut overruns = 0;
    for sent in &spans {
        let span = &sent.span;
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
        if span.parent_span_id.is_empty() {
            assert!(matches!(kind(sent), SpanKind::Server | SpanKind::Consumer), "{} is a root", span.name);
            continue;
        }
        let parent = ids[&*span.parent_span_id];
        assert_eq!(parent.span.trace_id, span.trace_id);
        assert!(
            parent.span.start_time_unix_nano <= span.start_time_unix_nano,
            "{} starts before its parent",
            span.name
        );
        match (kind(parent), kind(sent)) {
            (SpanKind::Producer, SpanKind::Consumer) => {
                assert!(parent.span.end_time_unix_nano <= span.start_time_unix_nano);
            }
            (SpanKind::Client, SpanKind::Server) => {
                assert_ne!(parent.service, sent.service);
                let caller_gave_up = outcome(&parent.span) == "timeout";
                let encloses = span.end_time_unix_nano <= parent.span.end_time_unix_nano;
                assert!(encloses || caller_gave_up, "{} outlives its parent", span.name);
                overruns += u32::from(!encloses);
            }
            (SpanKind::Server | SpanKind::Consumer, SpanKind::Client | SpanKind::Producer | SpanKind::Internal) => {
                assert_eq!(parent.service, sent.service);
                assert!(span.end_time_unix_nano <= parent.span.end_time_unix_nano, "{} outlives its parent", span.name);
            }
            (parent_kind, kind) => panic!("{kind:?} below {parent_kind:?}"),
        }
    }
    assert!(overruns > 0, "no caller ever gave up on a server");
}

#[test]
fn messages_are_linked_across_and_within_traces() {
    let spans = history().spans();
    let ids = by_id(&spans);
    let consumers: Vec<&Sent> = spans.iter().filter(|sent| kind(sent) == SpanKind::Consumer).collect();
    let (mut same, mut own) = (0, 0);
    for consumer in &consumers {
        let [link] = &*consumer.span.links else { panic!("{} links", consumer.span.links.len()) };
        let producer = ids[&*link.span_id];
        assert_eq!((kind(producer), &*producer.service), (SpanKind::Producer, "checkout"));
        assert_eq!(link.trace_id, producer.span.trace_id);
        if consumer.span.trace_id == producer.span.trace_id {
            assert_eq!(consumer.span.parent_span_id, producer.span.span_id);
            same += 1;
        } else {
            assert!(consumer.span.parent_span_id.is_empty());
            own += 1;
        }
    }
    assert!(same > 0 && own > 0, "{same} in the same trace, {own} in their own");
}

#[test]
fn every_request_passes_the_gateway_with_an_id_of_its_own() {
    let spans = history().spans();
    let gateway = spans.iter().filter(|sent| sent.service == "gateway" && kind(sent) == SpanKind::Server);
    let ids: Vec<String> = gateway
        .map(|sent| text(&texts(&sent.span.attributes), &["http.request.header.x-request-id"]).to_owned())
        .collect();
    assert!(ids.len() > 1_000);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
}

#[test]
fn retries_are_siblings_with_a_resend_count() {
    let spans = history().spans();
    let mut by_parent: HashMap<&[u8], Vec<&Sent>> = HashMap::new();
    for sent in &spans {
        by_parent.entry(&sent.span.parent_span_id).or_default().push(sent);
    }
    let resent: Vec<&Sent> = spans.iter().filter(|sent| resend_count(&sent.span) > 0).collect();
    assert!(!resent.is_empty());
    for sent in resent {
        let earlier = by_parent[&*sent.span.parent_span_id].iter().any(|sibling| {
            resend_count(&sibling.span) + 1 == resend_count(&sent.span)
                && sibling.span.end_time_unix_nano <= sent.span.start_time_unix_nano
                && outcome(&sibling.span) != "ok"
        });
        assert!(earlier, "attempt {} without an earlier one", resend_count(&sent.span));
    }
}

#[test]
fn a_span_takes_about_500_bytes() {
    let history = history();
    let mut bytes = 0;
    let mut requests = 0;
    for batch in &history.batches {
        assert!(batch.items > 0);
        if let Payload::Traces(request) = &batch.payload {
            assert_eq!(request.resource_spans.len(), 1);
            bytes += request.encoded_len();
            requests += 1;
        }
    }
    let spans = history.truth.totals.spans as usize;
    let average = bytes / spans;
    assert!((350..=700).contains(&average), "{average} bytes per span in {requests} requests");
}

#[test]
fn the_whole_shop_takes_part() {
    let history = history();
    let spans = history.spans();
    let services: HashSet<&str> = spans.iter().map(|sent| sent.service.as_str()).collect();
    assert_eq!(services.len(), 14, "{services:?}");
    let entries = history.truth.operations.iter().filter(|entry| entry.service == "gateway");
    let per_request = spans.len() as u64 / entries.map(|entry| entry.requests).sum::<u64>();
    assert!((10..40).contains(&per_request), "{per_request} spans per request");
    let old =
        |sent: &&Sent| sent.span.attributes.iter().any(|pair| pair.key == "http.method" || pair.key == "db.system");
    let old_services: HashSet<&str> = spans.iter().filter(old).map(|sent| sent.service.as_str()).collect();
    assert_eq!(old_services, HashSet::from(["recommendation", "shipping"]));
}
