//! Requests and their tries.

use spandrel_proto::model::Outcome;

use super::{built, shown, words};
use crate::{
    context::Context,
    hops::{HopKind, Hops},
    peers::PeerMap,
    span::{Kind, Protocol, SpanFlags},
    testing::Fixture,
};

const ENTRY: &str = "user>shop Entry 1/1 ok";

fn shop() -> Fixture {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 1000));
    fixture
}

#[test]
fn te1_a_pair_is_one_hop() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.span((3, 2), Kind::Server, "cart", (20, 80)).weight = 7 << 16;
    fixture.named("GET /cart");
    assert_eq!(shown(&mut fixture), [ENTRY, "shop>cart Request 1/1 ok"]);
    let hops = built(&mut fixture);
    let hop = &hops.hops[hops.index_into(2).expect("the server has a hop")];
    assert_eq!((hop.client, hop.wire, hop.parent, hop.is_paired()), (Some(1), Some(1), Some(0), true));
    assert_eq!((hop.weight, hop.duration()), (1 << 16, 80_000_000), "the client's");
    assert_eq!(fixture.context.texts.get(hop.operation), "GET /cart", "the server's");
    assert_eq!((hops.index_into(0), hops.index_into(1), hops.index_into(2)), (Some(0), None, Some(1)));
}

#[test]
fn te2_a_server_below_a_server_of_another_service_is_a_hop() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Internal, "shop", (10, 90));
    fixture.span((3, 2), Kind::Server, "cart", (20, 80));
    fixture.span((4, 3), Kind::Internal, "stock", (30, 70));
    let missing = ["shop>cart Request 1/1 ok client_missing", "cart>stock Request 1/1 ok client_missing"];
    assert_eq!(shown(&mut fixture), [ENTRY, missing[0], missing[1]]);
    assert_eq!(built(&mut fixture).hops[1].parent, Some(0));
}

#[test]
fn te3_nested_client_spans_are_one_hop() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.peer(|peer, _| peer.protocol = Protocol::Rpc);
    fixture.span((3, 2), Kind::Internal, "shop", (11, 89));
    fixture.span((4, 3), Kind::Client, "shop", (12, 88));
    fixture.http("cart", 80);
    fixture.span((5, 4), Kind::Server, "cart", (20, 80));
    assert_eq!(shown(&mut fixture), [ENTRY, "shop>cart Request 1/1 ok"]);
    let hops = built(&mut fixture);
    let hop = &hops.hops[1];
    assert_eq!((hop.client, hop.wire, hop.protocol), (Some(1), Some(3), Protocol::Rpc));
}

/// A call around tries that end so, one after the other, each with its server.
fn tries(fixture: &mut Fixture, parent: u64, outcomes: &[Outcome]) {
    for (number, outcome) in (0..).zip(outcomes) {
        let (id, start) = (100 + 10 * number, 20 + 10 * number as i64);
        fixture.span((id, parent), Kind::Client, "shop", (start, start + 8)).outcome = *outcome;
        fixture.span((id + 1, id), Kind::Server, "cart", (start + 1, start + 7)).outcome = *outcome;
        fixture.span((id + 2, id + 1), Kind::Client, "cart", (start + 2, start + 6));
        fixture.query("redis", "cache", "");
    }
}

#[test]
fn te4_client_spans_in_a_client_span_are_tries() {
    use Outcome::{Ok, ServerFault};
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    tries(&mut fixture, 2, &[ServerFault, ServerFault, Ok]);
    assert_eq!(
        shown(&mut fixture),
        [
            ENTRY,
            "shop>cart Request 3/3 ok",
            "cart>cache Cache 1/0 ok",
            "cart>cache Cache 1/0 ok under_retry",
            "cart>cache Cache 1/0 ok under_retry",
        ]
    );
    let hops = built(&mut fixture);
    let outcomes: Vec<Outcome> = hops.attempts(&hops.hops[1]).iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [ServerFault, ServerFault, Ok]);
}

#[test]
fn siblings_are_tries_if_the_one_before_failed() {
    use Outcome::{Ok, ServerFault, Timeout};
    let hop = |outcomes: &[Outcome]| {
        let mut fixture = shop();
        tries(&mut fixture, 1, outcomes);
        shown(&mut fixture).into_iter().filter(|hop| hop.starts_with("shop>")).collect::<Vec<_>>()
    };
    assert_eq!(hop(&[ServerFault, Timeout, Ok]), ["shop>cart Request 3/3 ok inferred"]);
    assert_eq!(hop(&[ServerFault, ServerFault]), ["shop>cart Request 2/2 server_fault inferred"]);
}

#[test]
fn in_a_loop_only_a_longer_pause_makes_a_try() {
    use Outcome::{Ok, ServerFault};
    // With the pause before each call, milliseconds.
    let hop = |calls: &[(i64, Outcome)]| {
        let mut fixture = shop();
        let mut end = 10;
        for (number, (pause, outcome)) in (0..).zip(calls) {
            let start = end + pause;
            end = start + 8;
            fixture.span((100 + number, 1), Kind::Client, "shop", (start, end)).outcome = *outcome;
            fixture.http("cart", 80);
        }
        shown(&mut fixture).split_off(1)
    };
    let one = "shop>cart External 1/0 ok";
    let (failed, retried) = ("shop>cart External 1/0 server_fault", "shop>cart External 2/0 ok inferred");
    assert_eq!(hop(&[(0, Ok), (2, ServerFault), (2, Ok), (2, Ok)]), [one, failed, one, one]);
    assert_eq!(hop(&[(0, Ok), (2, ServerFault), (20, Ok), (2, Ok)]), [one, retried, one]);
    assert_eq!(hop(&[(0, ServerFault), (2, Ok), (2, Ok)]), [failed, one, one], "what comes later tells too");
    assert_eq!(hop(&[(0, ServerFault), (2, Ok), (0, Ok)]), [retried, one]);
    assert_eq!(hop(&[(0, ServerFault), (2, Ok), (1, Ok)]), [failed, one, one], "clocks are not that good");
    assert_eq!(hop(&[(0, ServerFault), (2, Ok), (40, ServerFault)]), [failed, one, failed]);
    assert_eq!(
        hop(&[(0, Ok), (1, ServerFault), (1, Ok), (1, Ok), (60, Ok)]),
        [one, failed, one, one, one],
        "it is over then"
    );
}

#[test]
fn tries_have_one_target_and_follow_one_another() {
    let pair = |second: &dyn Fn(&mut Fixture)| {
        let mut fixture = shop();
        fixture.span((2, 1), Kind::Client, "shop", (10, 20)).outcome = Outcome::Unreachable;
        fixture.http("cart", 8080);
        second(&mut fixture);
        built(&mut fixture).hops.len() - 1
    };
    let at = |fixture: &mut Fixture, start: i64, address: &str| {
        fixture.span((3, 1), Kind::Client, "shop", (start, start + 10));
        fixture.http(address, 8080);
    };
    assert_eq!(pair(&|fixture| at(fixture, 20, "cart")), 1);
    assert_eq!(pair(&|fixture| at(fixture, 20, "stock")), 2, "another target");
    assert_eq!(pair(&|fixture| at(fixture, 15, "cart")), 2, "at the same time");
    assert_eq!(pair(&|fixture| at(fixture, 60_021, "cart")), 2, "a minute later");
    assert_eq!(
        pair(&|fixture| {
            at(fixture, 20, "cart");
            fixture.named("other");
        }),
        2,
        "another operation"
    );
    assert_eq!(
        pair(&|fixture| {
            at(fixture, 20, "cart");
            fixture.span((4, 3), Kind::Server, "cart", (21, 29));
        }),
        1,
        "the first did not get through"
    );
}

/// A loop of calls of one operation, each with its outcome, parameter and resend count.
fn looped(fixture: &mut Fixture, trace_id: u128, calls: &[(Outcome, u64, u8)]) {
    fixture.span((1, 0), Kind::Server, "shop", (0, 1000)).trace_id = trace_id;
    for (number, (outcome, parameter, resend)) in (0..).zip(calls) {
        let start = 10 + 10 * number;
        let call = fixture.span((number as u64 + 2, 1), Kind::Client, "shop", (start, start + 8));
        (call.trace_id, call.outcome, call.parameter, call.resend) = (trace_id, *outcome, *parameter, *resend);
        fixture.http("cart", 80);
    }
}

#[test]
fn calls_of_a_loop_are_no_tries_of_a_client_that_says_so_of_its_tries() {
    use Outcome::{Ok, ServerFault};
    let one = "shop>cart External 1/0 ok";
    let (failed, retried) = ("shop>cart External 1/0 server_fault", "shop>cart External 2/0 ok inferred");
    let mut peers = PeerMap::default();
    let mut context = Context::new();
    let mut shown = |trace_id, calls: &[(Outcome, u64, u8)]| {
        let mut fixture = Fixture { context: context.clone(), spans: Vec::new() };
        looped(&mut fixture, trace_id, calls);
        let hops = Hops::build(&fixture.trace(), &mut fixture.context, &mut peers);
        context = fixture.context;
        words(&hops, &context).split_off(1)
    };
    let independent = [(ServerFault, 0, 0), (Ok, 0, 0)];
    assert_eq!(shown(1, &independent), [retried], "nothing is known of the client");
    let redirected = [(Ok, 0, 0), (Ok, 0, 1)];
    assert_eq!(shown(2, &redirected), [one; 2]);
    assert_eq!(shown(3, &independent), [retried], "it says so of redirects");
    // The failed call before the marked pair is of the loop too, in the trace that teaches it.
    let marked = [(ServerFault, 0, 0), (Ok, 0, 0), (ServerFault, 0, 0), (Ok, 0, 1), (Ok, 0, 0)];
    assert_eq!(shown(4, &marked), [failed, one, retried, one]);
    assert_eq!(shown(5, &independent), [failed, one]);
}

#[test]
fn calls_that_ask_for_different_things_are_no_tries() {
    use Outcome::{Ok, ServerFault};
    let shown = |calls: &[(Outcome, u64, u8)]| {
        let mut fixture = Fixture::default();
        looped(&mut fixture, 1, calls);
        shown(&mut fixture).split_off(1)
    };
    let one = "shop>cart External 1/0 ok";
    let (failed, retried) = ("shop>cart External 1/0 server_fault", "shop>cart External 2/0 ok inferred");
    assert_eq!(shown(&[(Ok, 7, 0), (ServerFault, 8, 0), (Ok, 9, 0)]), [one, failed, one]);
    assert_eq!(shown(&[(Ok, 7, 0), (ServerFault, 8, 0), (Ok, 8, 0)]), [one, retried]);
    assert_eq!(shown(&[(ServerFault, 8, 0), (Ok, 0, 0)]), [retried], "it does not say");
    assert_eq!(shown(&[(ServerFault, 8, 0), (Ok, 9, 1)]), [retried], "it says that it is sent again");
}

#[test]
fn redirects_are_sent_again_without_a_failure() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 20)).http_status = 302;
    fixture.http("cart", 80);
    fixture.span((3, 1), Kind::Client, "shop", (20, 30)).resend = 1;
    fixture.http("cart", 80);
    fixture.named("GET /elsewhere");
    assert_eq!(shown(&mut fixture), [ENTRY, "shop>cart External 2/0 ok inferred resent"]);
}

#[test]
fn hedged_requests_are_tries_at_the_same_time() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.span((3, 2), Kind::Client, "shop", (11, 80)).outcome = Outcome::Cancelled;
    fixture.http("cart", 80);
    fixture.span((4, 2), Kind::Client, "shop", (30, 60));
    fixture.http("cart", 80);
    assert_eq!(shown(&mut fixture), [ENTRY, "shop>cart External 2/0 ok hedged"]);
}

#[test]
fn pages_are_calls_of_their_own() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    for page in 0..3 {
        fixture.span((10 + page, 2), Kind::Client, "shop", (20 + 10 * page as i64, 28 + 10 * page as i64));
        fixture.http("cart", 80);
    }
    assert_eq!(shown(&mut fixture)[1..], ["shop>cart External 1/0 ok"; 3]);
    fixture.spans.last_mut().expect("there are spans").flags = SpanFlags::RESEND;
    assert_eq!(shown(&mut fixture).len(), 4, "one of them sent again does not make the others tries");
}

#[test]
fn te5_one_client_with_two_servers_is_one_call() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.span((3, 2), Kind::Server, "cart/1", (20, 80));
    fixture.span((4, 2), Kind::Server, "cart/2", (20, 70));
    assert_eq!(shown(&mut fixture), [ENTRY, "shop>cart Request 1/2 ok multi_server"]);
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.span((3, 2), Kind::Server, "cart/1", (20, 30)).outcome = Outcome::ServerFault;
    fixture.span((4, 2), Kind::Server, "cart/2", (40, 70));
    fixture.span((5, 4), Kind::Server, "stock", (50, 60));
    let retried = "shop>cart Request 2/2 ok multi_server";
    let below = "cart>stock Request 1/1 ok client_missing under_retry";
    assert_eq!(shown(&mut fixture), [ENTRY, retried, below], "a mesh tried again");
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.span((3, 2), Kind::Server, "cart", (20, 80));
    fixture.span((4, 2), Kind::Server, "shadow", (25, 80));
    let mirrored = "shop>shadow Request 1/1 ok multi_server";
    assert_eq!(shown(&mut fixture), [ENTRY, "shop>cart Request 1/1 ok multi_server", mirrored]);
}

#[test]
fn te6_an_orphan_is_the_entry_of_a_fragment() {
    let mut fixture = Fixture::default();
    fixture.span((1, 99), Kind::Server, "shop", (0, 100));
    assert_eq!(shown(&mut fixture), ["unknown>shop Entry 1/1 ok orphan"]);
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Internal, "job", (0, 100));
    fixture.span((2, 99), Kind::Internal, "job", (0, 100));
    assert!(built(&mut fixture).hops.is_empty(), "jobs are entries nobody called");
}

#[test]
fn te7_client_and_server_of_one_id_are_a_pair() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.span((2, 1), Kind::Server, "cart", (20, 80));
    assert_eq!(shown(&mut fixture), [ENTRY, "shop>cart Request 1/1 ok"]);
}

#[test]
fn te12_a_404_is_the_callers_fault() {
    let mut fixture = shop();
    let client = fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    client.outcome = Outcome::ClientFault;
    client.flags = SpanFlags::STATUS_ERROR;
    fixture.span((3, 2), Kind::Server, "cart", (20, 80)).outcome = Outcome::ClientFault;
    assert_eq!(shown(&mut fixture)[1], "shop>cart Request 1/1 client_fault");
    assert!(!built(&mut fixture).hops[1].outcome.is_failure());
}

#[test]
fn servers_within_a_process_are_folded() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Server, "shop", (1, 99));
    fixture.span((3, 2), Kind::Internal, "shop", (2, 98));
    fixture.span((4, 3), Kind::Server, "shop", (3, 97));
    assert_eq!(shown(&mut fixture), [ENTRY]);
    assert_eq!(built(&mut fixture).index_into(3), None);
}

#[test]
fn a_client_span_that_came_in_is_served_and_calls() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.span((3, 2), Kind::Client, "proxy", (20, 80));
    fixture.span((4, 3), Kind::Server, "cart", (30, 70));
    assert_eq!(shown(&mut fixture), [ENTRY, "shop>proxy Request 1/1 ok", "proxy>cart Request 1/1 ok"]);
}

#[test]
fn a_query_within_a_call_is_a_call_of_its_own() {
    let mut fixture = shop();
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.http("api.example.com", 443);
    fixture.span((3, 2), Kind::Client, "shop", (11, 20));
    fixture.query("redis", "cache", "");
    assert_eq!(shown(&mut fixture)[1..], ["shop>api.example.com External 1/0 ok", "shop>cache Cache 1/0 ok"]);
    let kinds: Vec<HopKind> = built(&mut fixture).hops.iter().map(|hop| hop.kind).collect();
    assert_eq!(kinds, [HopKind::Entry, HopKind::External, HopKind::Cache]);
}
