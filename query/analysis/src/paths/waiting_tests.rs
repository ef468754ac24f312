use spandrel_proto::model::Outcome;

use super::Waiting::{self, Async, Blocking, Sync};
use crate::{
    analysed::Analysis,
    peers::PeerMap,
    skew::Skew,
    span::Kind::{self, Client, Consumer, Internal, Producer, Server},
    testing::Fixture,
};

type Row = ((u64, u64), Kind, &'static str, (i64, i64));

/// How the hops were waited for, in their order.
fn waiting(rows: &[Row], change: impl Fn(&mut Fixture)) -> Vec<Waiting> {
    let mut fixture = Fixture::default();
    for (ids, kind, service, times) in rows {
        fixture.span(*ids, *kind, service, *times);
    }
    change(&mut fixture);
    let spans = fixture.spans.clone();
    let mut skew = Skew::default();
    skew.observe(&fixture.trace(), &fixture.context);
    skew.solve();
    Analysis::of(spans, &mut fixture.context, &mut PeerMap::default(), &skew).paths.waiting
}

const A: Row = ((1, 0), Server, "a", (0, 100));

#[test]
fn callers_wait_for_what_is_nested_and_on_their_path() {
    let vectors: [(&str, &[Row], &[Waiting]); 8] = [
        ("entry, call", &[A, ((2, 1), Client, "a", (10, 90)), ((3, 2), Server, "b", (20, 80))], &[Sync, Blocking]),
        (
            "the longer of two parallel calls, which is the first hop",
            &[A, ((2, 1), Client, "a", (10, 40)), ((3, 1), Client, "a", (10, 90))],
            &[Sync, Blocking, Sync],
        ),
        (
            "what others call is judged by those others, whoever waits for them",
            &[
                A,
                ((2, 1), Client, "a", (10, 40)),
                ((3, 1), Client, "a", (10, 90)),
                ((4, 2), Server, "b", (12, 38)),
                ((5, 4), Client, "b", (15, 35)),
            ],
            &[Sync, Blocking, Sync, Blocking],
        ),
        (
            "a callee that goes on after its answer",
            &[A, ((2, 1), Client, "a", (10, 20)), ((3, 2), Server, "b", (12, 80))],
            &[Sync, Async],
        ),
        (
            "a call that outlasts its caller",
            &[A, ((2, 1), Internal, "a", (10, 200)), ((3, 2), Client, "a", (20, 190))],
            &[Sync, Async],
        ),
        ("a call without the caller's side", &[A, ((2, 1), Server, "b", (10, 90))], &[Sync, Blocking]),
        ("messages", &[A, ((2, 1), Producer, "a", (10, 90)), ((3, 2), Consumer, "b", (20, 80))], &[Sync, Async, Async]),
        (
            "clocks that are apart",
            &[
                ((1, 0), Server, "a/h1", (0, 100)),
                ((2, 1), Client, "a/h1", (10, 90)),
                ((3, 2), Server, "b/h2", (520, 580)),
            ],
            &[Sync, Blocking],
        ),
    ];
    for (name, rows, expected) in vectors {
        let found = waiting(rows, |_| {});
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_caller_that_gave_up_did_wait() {
    let rows = [A, ((2, 1), Client, "a", (10, 90)), ((3, 2), Server, "b", (20, 300))];
    for outcome in [Outcome::Timeout, Outcome::Cancelled, Outcome::Unreachable] {
        let found = waiting(&rows, |fixture| fixture.spans[1].outcome = outcome);
        assert_eq!(found, [Sync, Blocking], "{outcome:?}");
    }
    assert_eq!(waiting(&rows, |_| {}), [Sync, Async]);
}

#[test]
fn attempts_count_together() {
    let rows = [A, ((2, 1), Client, "a", (10, 30)), ((3, 1), Client, "a", (40, 90))];
    let found = waiting(&rows, |fixture| {
        let name = fixture.context.texts.intern("b");
        let peer = crate::span::Peer { service: name, ..Default::default() };
        let peer = fixture.context.add_peer(peer);
        fixture.spans[1].peer = peer;
        fixture.spans[2].peer = peer;
        fixture.spans[1].outcome = Outcome::ServerFault;
    });
    assert_eq!(found, [Sync, Blocking]);
}

#[test]
fn clocks_of_whole_milliseconds_on_two_hosts_do_not_tell_who_took_longer() {
    for (case, host, since, is_async) in [
        ("a millisecond longer, by two coarse clocks", "b/h2", 0, false),
        ("by one clock", "b/h1", 0, true),
        ("by fine clocks", "b/h2", 1, true),
    ] {
        let rows =
            [((1, 0), Server, "a/h1", (0, 100)), ((2, 1), Client, "a/h1", (10, 11)), ((3, 2), Server, host, (10, 12))];
        let found = waiting(&rows, |fixture| {
            for span in &mut fixture.spans {
                (span.start, span.end) = (span.start + since, span.end + since);
            }
        });
        assert_eq!(found[1] == Async, is_async, "{case}: {found:?}");
    }
}
