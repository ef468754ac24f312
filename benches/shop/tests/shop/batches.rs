//! Consumers that take several messages at once.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_shop::{
    Latency,
    engine::{Activity, EdgeKind, SpanRecord},
    telemetry::render_span,
    topology::{Builder, Consumer, Endpoint, Language, Step, Topology},
};

use crate::pair::run;

const MOST: usize = 5;

/// `shop` publishes what `mail` handles, up to five messages at once.
fn topology() -> Topology {
    let mut builder = Builder::new(Some(1));
    let topic = builder.topic("orders", "kafka-0", 2, Latency::micros(1_000, 2_000));
    let mail = builder.service("mail", "1", Language::Java, 1, 1);
    let endpoint = Endpoint::Consume { topic, group: "mail" };
    let operation = builder.operation(mail, endpoint, &[], vec![Step::work(1_000, 2_000)]);
    let lag = Latency::micros(200_000, 300_000);
    builder.subscribe(topic, Consumer { operation, own_trace: true, lag, batch: MOST as u32 });
    let shop = builder.service("shop", "1", Language::Java, 1, 1);
    let entry = builder.operation(shop, Endpoint::Http { method: "POST", route: "/" }, &[], vec![Step::Publish(topic)]);
    builder.entry(entry, 1);
    builder.finish()
}

#[test]
fn each_message_is_in_one_batch_and_each_batch_is_of_one_partition() {
    let happened = run(topology(), 20.0, 20);
    let mut sent: BTreeMap<([u8; 16], u64), u32> = BTreeMap::new();
    let mut handled: Vec<&SpanRecord> = Vec::new();
    for span in &happened.spans {
        match span.activity {
            Activity::Publish { partition, .. } => {
                sent.insert((span.visit.trace, span.span), partition);
            }
            Activity::Consume { .. } => handled.push(span),
            _ => {}
        }
    }
    assert!(sent.len() > 300);
    let mut taken = BTreeSet::new();
    for batch in &handled {
        let Activity::Consume { partition, .. } = batch.activity else { continue };
        assert!((1..=MOST).contains(&batch.links.len()) && batch.parent.is_none());
        for link in &batch.links {
            assert_eq!(sent.get(&(link.trace, link.span)), Some(&partition));
            assert!(taken.insert((link.trace, link.span)), "handled twice");
        }
    }
    assert_eq!(taken.len(), sent.len());
    assert!(handled.iter().any(|batch| batch.links.len() == MOST), "more wait than are taken at once");
    assert!(handled.len() * 2 < sent.len());
    let deliveries = happened.called.iter().filter(|called| called.kind == EdgeKind::Async);
    assert_eq!(deliveries.count(), sent.len(), "each message is a delivery");
}

#[test]
fn a_batch_says_how_many_messages_it_has() {
    let topology = topology();
    let happened = run(self::topology(), 20.0, 5);
    for record in happened.spans.iter().filter(|span| matches!(span.activity, Activity::Consume { .. })) {
        let span = render_span(&topology, record).span;
        let has = |key: &str| span.attributes.iter().any(|attribute| attribute.key == key);
        assert_eq!(span.links.len(), record.links.len());
        let is_batch = record.links.len() > 1;
        assert_eq!((has("messaging.batch.message_count"), has("messaging.kafka.offset")), (is_batch, !is_batch));
    }
}
