//! Messages: bipartite, one delivery for each context.

use super::{built, shown};
use crate::{
    hops::{HopFlags, HopKind},
    span::{Kind, Link, MessageStep},
    testing::{Fixture, MS},
};

/// `shop` sends to `orders` from 20 to 30 ms in its request.
fn sender() -> Fixture {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    fixture.span((2, 1), Kind::Producer, "shop", (20, 30));
    fixture.message(MessageStep::Send, "orders");
    fixture
}

const SENT: [&str; 2] = ["user>shop Entry 1/1 ok", "shop>orders Publish 1/0 ok"];
const DELIVERED: &str = "orders>billing Deliver 1/1 ok";

#[test]
fn a_child_of_the_send_span_is_a_delivery() {
    let mut fixture = sender();
    fixture.span((3, 2), Kind::Consumer, "billing", (50, 90));
    fixture.message(MessageStep::Process, "orders");
    assert_eq!(shown(&mut fixture), [SENT[0], SENT[1], DELIVERED]);
    let hops = built(&mut fixture);
    let hop = &hops.hops[2];
    assert_eq!((hop.queue_delay, hop.client, hop.parent), (Some(20 * MS), None, None));
    assert_eq!(hop.producer.map(|producer| fixture.context.node_name(producer)), Some("shop"));
    assert_eq!(hops.hops[1].callee, hop.caller, "one topic");
    assert!(!hop.flags.contains(HopFlags::SKEW_SUSPECT) && hops.links.is_empty());
}

#[test]
fn te8_a_link_is_one_delivery_and_the_same_as_parent_too() {
    let mut fixture = Fixture::default();
    fixture.span((9, 0), Kind::Consumer, "billing", (50, 90));
    fixture.message(MessageStep::Process, "orders");
    fixture.linked(&[(77, 5)]);
    assert_eq!(shown(&mut fixture), ["orders>billing Deliver 1/1 ok dangling"]);
    assert_eq!(built(&mut fixture).links, [(0, Link { trace_id: 77, span_id: 5 })]);

    let mut fixture = sender();
    fixture.span((3, 2), Kind::Consumer, "billing", (50, 90));
    fixture.message(MessageStep::Process, "orders");
    fixture.linked(&[(1, 2), (1, 2)]);
    assert_eq!(shown(&mut fixture), [SENT[0], SENT[1], DELIVERED]);

    let mut fixture = Fixture::default();
    fixture.span((3, 2), Kind::Consumer, "billing", (50, 90));
    fixture.message(MessageStep::Process, "orders");
    fixture.linked(&[(1, 2)]);
    assert_eq!(shown(&mut fixture), ["orders>billing Deliver 1/1 ok dangling"]);
}

#[test]
fn te9_a_batch_is_one_operation_and_many_deliveries() {
    let mut fixture = Fixture::default();
    for (id, service) in [(1, "shop"), (2, "shop"), (3, "shop"), (4, "web"), (5, "web")] {
        fixture.span((id, 0), Kind::Producer, service, (id as i64, id as i64 + 1));
        fixture.message(MessageStep::Send, "orders");
    }
    fixture.span((9, 0), Kind::Consumer, "billing", (50, 90));
    fixture.message(MessageStep::Process, "orders");
    fixture.linked(&[(1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]);
    let hops = built(&mut fixture);
    let producers: Vec<&str> = hops
        .hops
        .iter()
        .filter(|hop| hop.kind == HopKind::Deliver)
        .map(|hop| fixture.context.node_name(hop.producer.expect("each is in the trace")))
        .collect();
    assert_eq!(producers, ["shop", "shop", "shop", "web", "web"]);
    assert_eq!(hops.hops.iter().filter(|hop| hop.kind == HopKind::Publish).count(), 5);
    assert!(hops.hops.iter().all(|hop| hop.kind != HopKind::Entry));
}

#[test]
fn messages_are_counted_where_they_are_created() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    for id in [2, 3] {
        fixture.span((id, 1), Kind::Producer, "shop", (10, 11));
        fixture.message(MessageStep::Create, "orders");
    }
    fixture.span((4, 1), Kind::Client, "shop", (12, 20));
    fixture.message(MessageStep::Send, "orders");
    fixture.linked(&[(1, 2), (1, 3)]);
    assert_eq!(shown(&mut fixture)[1..], [SENT[1], SENT[1]]);
}

#[test]
fn a_send_over_http_is_one_hop() {
    let mut fixture = sender();
    fixture.span((3, 2), Kind::Client, "shop", (21, 29));
    fixture.http("sqs.eu-west-1.amazonaws.com", 443);
    assert_eq!(shown(&mut fixture), SENT);
}

#[test]
fn messages_that_were_fetched_are_delivered_to_who_handles_them() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Consumer, "billing", (0, 100));
    fixture.message(MessageStep::Receive, "orders");
    fixture.linked(&[(7, 1)]);
    fixture.span((2, 1), Kind::Consumer, "billing", (10, 90));
    fixture.message(MessageStep::Process, "orders");
    fixture.linked(&[(7, 1)]);
    assert_eq!(shown(&mut fixture), ["orders>billing Deliver 1/1 ok dangling"]);
    assert_eq!(built(&mut fixture).servers, [1]);

    fixture.spans.truncate(1);
    assert_eq!(shown(&mut fixture), ["orders>billing Deliver 1/1 ok dangling"], "nobody else handles it");

    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Client, "billing", (0, 100));
    fixture.message(MessageStep::Receive, "orders");
    assert!(built(&mut fixture).hops.is_empty(), "there was no message");
}

#[test]
fn a_message_handled_again_is_an_attempt() {
    use spandrel_proto::model::Outcome;
    let mut fixture = sender();
    for (id, start, outcome) in [(3, 50, Outcome::ServerFault), (4, 60, Outcome::Ok)] {
        fixture.span((id, 2), Kind::Consumer, "billing", (start, start + 5));
        let span = fixture.message(MessageStep::Process, "orders");
        (span.parameter, span.outcome) = (42, outcome);
    }
    fixture.span((5, 2), Kind::Consumer, "stock", (50, 60));
    fixture.message(MessageStep::Process, "orders").parameter = 42;
    let stock = "orders>stock Deliver 1/1 ok";
    assert_eq!(shown(&mut fixture), [SENT[0], SENT[1], stock, "orders>billing Deliver 2/2 ok"]);
}

#[test]
fn arriving_before_it_was_sent_is_suspect() {
    let mut fixture = sender();
    fixture.span((3, 2), Kind::Consumer, "billing", (25, 90));
    fixture.message(MessageStep::Process, "orders");
    assert_eq!(shown(&mut fixture)[2], "orders>billing Deliver 1/1 ok skew");
    assert_eq!(built(&mut fixture).hops[2].queue_delay, Some(-5 * MS));
}

#[test]
fn a_temporary_destination_goes_by_what_is_done() {
    let mut fixture = sender();
    fixture.message(MessageStep::Send, "");
    fixture.named("send (temporary)");
    fixture.span((3, 2), Kind::Consumer, "billing", (50, 90));
    fixture.message(MessageStep::Process, "");
    assert_eq!(
        shown(&mut fixture)[1..],
        ["shop>send (temporary) Publish 1/0 ok", "send (temporary)>billing Deliver 1/1 ok"]
    );
}

#[test]
fn a_consumer_below_another_service_without_a_send_span_knows_its_producer() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    fixture.span((2, 1), Kind::Consumer, "billing", (50, 90));
    fixture.message(MessageStep::Process, "orders");
    assert_eq!(shown(&mut fixture)[1], "orders>billing Deliver 1/1 ok client_missing");
    let producer = built(&mut fixture).hops[1].producer.expect("the parent's service");
    assert_eq!(fixture.context.node_name(producer), "shop");
}
