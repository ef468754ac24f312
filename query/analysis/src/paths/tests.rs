use std::time::Instant;

use proptest::prelude::*;

use super::{Frame, Paths, Share, critical_path, drag, slack};
use crate::{
    hops::Hops,
    skew::Skew,
    span::Kind::{self, Client, Consumer, Internal, Producer, Server},
    testing::{Fixture, MS},
    trace::Trace,
};

/// Id and parent, kind, service, start and end in milliseconds.
type Row = ((u64, u64), Kind, &'static str, (i64, i64));

fn fixture(rows: &[Row]) -> Fixture {
    let mut fixture = Fixture::default();
    for (ids, kind, service, times) in rows {
        fixture.span(*ids, *kind, service, *times);
    }
    fixture
}

fn paths(fixture: &Fixture) -> (Trace, Paths) {
    let trace = fixture.trace();
    let paths = Paths::build(&trace, &Hops::default(), &fixture.context, &Skew::default());
    (trace, paths)
}

/// Exclusive milliseconds by span id, ascending.
fn exclusive(rows: &[Row]) -> Vec<i64> {
    let (trace, paths) = paths(&fixture(rows));
    by_id(rows, &trace, &paths.exclusive)
}

fn by_id(rows: &[Row], trace: &Trace, values: &[i64]) -> Vec<i64> {
    let mut ids: Vec<u64> = rows.iter().map(|row| row.0.0).collect();
    ids.sort_unstable();
    ids.iter().map(|id| values[trace.find(*id).unwrap()] / MS).collect()
}

const P: (u64, u64) = (1, 0);

#[test]
fn the_time_of_a_request_is_given_to_those_it_was_waited_for() {
    let b2b: Vec<Row> = (0..10).map(|call| ((call as u64 + 2, 1), Client, "p", (call * 10, call * 10 + 10))).collect();
    let tc3 = [vec![(P, Server, "p", (0, 100))], b2b].concat();
    let vectors: [(&str, &[Row], &[i64]); 12] = [
        (
            "TC1: consecutive children own all of it",
            &[(P, Server, "p", (0, 100)), ((2, 1), Client, "p", (0, 50)), ((3, 1), Client, "p", (50, 100))],
            &[0, 50, 50],
        ),
        (
            "TC2: what overruns its caller is cut off",
            &[(P, Server, "a", (0, 100)), ((2, 1), Server, "b", (50, 150)), ((3, 2), Server, "c", (60, 140))],
            &[50, 10, 40],
        ),
        ("TC3: ten calls back to back", &tc3, &[0, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10]),
        (
            "TC5: a child that starts after its parent's end does not count, nor what is below it",
            &[
                (P, Server, "a", (0, 100)),
                ((2, 1), Server, "b", (110, 160)),
                ((3, 2), Server, "c", (115, 150)),
                ((4, 1), Server, "d", (40, 70)),
            ],
            &[70, 0, 0, 30],
        ),
        (
            "TC6: of parallel children the longer",
            &[(P, Server, "p", (0, 70)), ((2, 1), Client, "p", (10, 40)), ((3, 1), Client, "p", (10, 60))],
            &[20, 0, 50],
        ),
        (
            "TC8: nobody waits for a message",
            &[(P, Server, "p", (0, 100)), ((2, 1), Producer, "p", (10, 90)), ((3, 2), Consumer, "q", (20, 80))],
            &[100, 0, 0],
        ),
        (
            "work that goes on in the same process is not waited for, nor what is below it",
            &[(P, Server, "p", (0, 100)), ((2, 1), Internal, "p", (50, 150)), ((3, 2), Client, "p", (60, 90))],
            &[100, 0, 0],
        ),
        (
            "other processes that overrun are cut off",
            &[(P, Server, "p/1", (0, 100)), ((2, 1), Internal, "p/2", (50, 150))],
            &[50, 50],
        ),
        (
            "a call of a process to itself is cut off",
            &[(P, Client, "p", (0, 100)), ((2, 1), Server, "p", (50, 150))],
            &[50, 50],
        ),
        ("spans that take no time own none", &[(P, Server, "p", (0, 9)), ((2, 1), Client, "p", (4, 4))], &[9, 0]),
        (
            "a child before its parent is cut off",
            &[(P, Server, "p", (10, 20)), ((2, 1), Server, "q", (0, 15))],
            &[5, 5],
        ),
        (
            "of equal children the one with the smaller id",
            &[(P, Server, "p", (0, 9)), ((3, 1), Client, "p", (2, 5)), ((2, 1), Client, "p", (2, 5))],
            &[6, 3, 0],
        ),
    ];
    for (name, rows, expected) in vectors {
        assert_eq!(exclusive(rows), expected, "{name}");
        let backwards: Vec<Row> = rows.iter().rev().copied().collect();
        assert_eq!(exclusive(&backwards), expected, "{name}, in reverse order");
    }
}

/// The shape of the tenth fixture of CRISP, with other times: siblings that overlap by a thousandth of the request.
#[test]
fn tc4_overlaps_pass_for_none_if_told_so() {
    let rows: [Row; 4] = [
        (P, Server, "a", (0, 1000)),
        ((2, 1), Client, "a", (200, 400)),
        ((3, 1), Client, "a", (399, 499)),
        ((4, 1), Client, "a", (498, 798)),
    ];
    // Microseconds written as milliseconds would be more than the longest overlap that passes, a millisecond.
    let mut fixture = fixture(&rows);
    for span in &mut fixture.spans {
        (span.start, span.end) = (span.start / 1000, span.end / 1000);
    }
    let (trace, paths) = paths(&fixture);
    for (overlap_percent, expected) in [(0, [500, 200, 0, 300]), (1, [402, 199, 99, 300])] {
        let exclusive = critical_path::partition(paths.timeline(&trace), overlap_percent).exclusive;
        let by_id: Vec<i64> = (1..=4).map(|id| exclusive[trace.find(id).unwrap()] / 1000).collect();
        assert_eq!(by_id, expected, "{overlap_percent} %");
        assert_eq!(by_id.iter().sum::<i64>(), 1000);
    }
}

#[test]
fn self_time_is_what_no_child_covers() {
    let rows: [Row; 5] = [
        (P, Server, "p", (0, 100)),
        ((2, 1), Client, "p", (10, 40)),
        ((3, 1), Client, "p", (20, 60)),
        ((4, 1), Server, "q", (90, 120)),
        ((5, 2), Server, "r", (15, 30)),
    ];
    let (trace, paths) = paths(&fixture(&rows));
    assert_eq!(by_id(&rows, &trace, &paths.self_time), [40, 15, 40, 30, 15]);
}

#[test]
fn segments_are_in_order_of_time_below_each_root() {
    let rows: [Row; 4] = [
        (P, Server, "p", (0, 100)),
        ((2, 1), Client, "p", (10, 40)),
        ((3, 1), Client, "p", (50, 60)),
        ((4, 99), Server, "q", (20, 30)),
    ];
    let (trace, paths) = paths(&fixture(&rows));
    let of = |id| {
        let of_root = paths.segments_of(trace.find(id).unwrap()).iter();
        let spans = of_root.map(|segment| (trace.spans[segment.span as usize].span_id, segment.end / MS));
        spans.collect::<Vec<_>>()
    };
    assert_eq!(of(1), [(1, 10), (2, 40), (1, 50), (3, 60), (1, 100)]);
    assert_eq!(of(4), [(4, 30)]);
    assert_eq!(of(2), []);
}

#[test]
fn shares_and_frames_add_up_to_the_request() {
    let rows: [Row; 5] = [
        (P, Server, "p", (0, 100)),
        ((2, 1), Server, "q", (10, 40)),
        ((3, 1), Server, "q", (50, 60)),
        ((4, 3), Server, "p", (52, 58)),
        ((5, 2), Producer, "q", (10, 20)),
    ];
    let fixture = fixture(&rows);
    let (trace, paths) = paths(&fixture);
    let operation = fixture.context.texts.find("op").unwrap();
    let [p, q] = ["p", "q"].map(|name| fixture.context.service_named(name).unwrap());
    let share = |service, ms| Share { service, operation, exclusive_ns: ms * MS };
    assert_eq!(paths.shares(&trace, &fixture.context, 0), [share(p, 66), share(q, 34)]);
    let frame = |parent, service, ms| Frame { parent, service, operation, exclusive_ns: ms * MS };
    let expected = [frame(None, p, 60), frame(Some(0), q, 34), frame(Some(1), p, 6)];
    assert_eq!(paths.frames(&trace, &fixture.context, 0), expected);
}

#[test]
fn slack_is_how_much_later_and_drag_how_much_earlier() {
    let leaves: [Row; 4] = [
        (P, Server, "p", (0, 100)),
        ((2, 1), Client, "p", (0, 20)),
        ((3, 1), Client, "p", (20, 60)),
        ((4, 1), Client, "p", (60, 90)),
    ];
    let parallel: [Row; 4] = [
        (P, Server, "p", (0, 70)),
        ((2, 1), Client, "p", (10, 40)),
        ((3, 1), Client, "p", (10, 60)),
        ((4, 3), Server, "q", (12, 58)),
    ];
    let unwaited: [Row; 4] = [
        (P, Server, "p", (0, 50)),
        ((2, 1), Producer, "p", (10, 20)),
        ((3, 1), Internal, "p", (40, 90)),
        ((4, 1), Server, "q", (60, 70)),
    ];
    type Vector<'a> = (&'a str, &'a [Row], [Option<i64>; 4], [i64; 4]);
    // In the manner of CRISP's: b follows a and overlaps it a little, d ran beside b.
    let chained: [Row; 4] = [
        (P, Server, "p", (0, 1000)),
        ((2, 1), Client, "p", (0, 200)),
        ((3, 1), Client, "p", (190, 400)),
        ((4, 1), Client, "p", (250, 380)),
    ];
    let consecutive: [Row; 4] = [
        (P, Server, "p", (0, 500)),
        ((2, 1), Client, "p", (0, 100)),
        ((3, 1), Client, "p", (200, 450)),
        ((4, 3), Server, "q", (200, 230)),
    ];
    let vectors: [Vector<'_>; 5] = [
        ("siblings in a chain", &chained, [None, Some(200), Some(0), Some(20)], [1000, 0, 20, 0]),
        ("consecutive, with a callee", &consecutive, [None, Some(0), Some(0), Some(0)], [500, 100, 250, 30]),
        ("three sequential leaves", &leaves, [None, Some(0), Some(0), Some(0)], [100, 20, 40, 30]),
        ("TC6, with a callee below the longer", &parallel, [None, Some(20), Some(0), Some(0)], [70, 0, 20, 20]),
        ("nobody waits", &unwaited, [None; 4], [50, 0, 0, 0]),
    ];
    for (name, rows, slacks, drags) in vectors {
        let (trace, paths) = paths(&fixture(rows));
        for id in 1..=4_u64 {
            let span = trace.find(id).unwrap();
            let slack = slack(&trace, &paths, span).map(|slack| slack / MS);
            assert_eq!(slack, slacks[id as usize - 1], "{name}: slack of {id}");
            assert_eq!(drag(&trace, &paths, span) / MS, drags[id as usize - 1], "{name}: drag of {id}");
        }
    }
}

/// TC7.
#[test]
fn many_siblings_and_deep_chains_are_no_trouble() {
    const SPANS: i64 = 100_000;
    let mut siblings = Fixture::default();
    let mut chain = Fixture::default();
    siblings.span((1, 0), Server, "p", (0, SPANS));
    chain.span((1, 0), Server, "p", (0, 2 * SPANS));
    for index in 1..SPANS {
        let id = index as u64 + 1;
        siblings.span((id, 1), Client, "p", (index - 1, index + 1));
        chain.span((id, id - 1), Server, "p", (index, 2 * SPANS - index));
    }
    for (name, fixture) in [("siblings", &siblings), ("chain", &chain)] {
        let trace = fixture.trace();
        let started = Instant::now();
        let paths = Paths::build(&trace, &Hops::default(), &fixture.context, &Skew::default());
        println!("{name}: {SPANS} spans in {:?}", started.elapsed());
        assert_eq!(paths.exclusive.iter().sum::<i64>(), trace.spans[0].duration(), "{name}");
        assert_eq!(paths.shares(&trace, &fixture.context, 0).len(), 1, "{name}");
        let frames = paths.frames(&trace, &fixture.context, 0);
        assert_eq!(frames.iter().map(|frame| frame.exclusive_ns).sum::<i64>(), trace.spans[0].duration(), "{name}");
        let last = trace.find(SPANS as u64).unwrap();
        assert!(drag(&trace, &paths, last) >= 0 && slack(&trace, &paths, last).is_some(), "{name}");
    }
}

/// Trees of spans with any times: the parent of each comes before it.
fn any_trace() -> impl Strategy<Value = Vec<(u64, u8, u8, i64, i64)>> {
    let span = |id: u64| (0..id, 0..5_u8, 0..3_u8, 0..200_i64, 0..200_i64);
    (1..40_u64).prop_flat_map(move |count| (1..=count).map(span).collect::<Vec<_>>())
}

proptest! {
    /// P-1: below each root, the exclusive times add up to its duration, its segments are disjoint and cover it,
    /// whatever the clocks.
    #[test]
    fn every_nanosecond_of_a_root_is_given_to_one_span(rows in any_trace()) {
        let mut fixture = Fixture::default();
        for (index, (parent, kind, service, start, duration)) in rows.iter().enumerate() {
            let kind = [Internal, Server, Client, Producer, Consumer][*kind as usize];
            let service = ["a", "b/1", "b/2"][*service as usize];
            fixture.span((index as u64 + 1, *parent), kind, service, (*start, start + duration));
        }
        let trace = fixture.trace();
        let mut skew = Skew::default();
        skew.observe(&trace, &fixture.context);
        skew.solve();
        let paths = Paths::build(&trace, &Hops::default(), &fixture.context, &skew);
        let mut below = vec![0; trace.len()];
        let mut roots = vec![0; trace.len()];
        for span in trace.order() {
            roots[span] = trace.parent(span).map_or(span, |parent| roots[parent]);
            below[roots[span]] += paths.exclusive[span];
            prop_assert!(paths.self_time[span] >= 0 && paths.self_time[span] <= trace.spans[span].duration());
        }
        for root in trace.roots() {
            prop_assert_eq!(below[root], trace.spans[root].duration());
            let mut reached = trace.spans[root].start;
            for segment in paths.segments_of(root) {
                prop_assert_eq!(segment.start, reached);
                prop_assert!(segment.start < segment.end);
                reached = segment.end;
            }
            prop_assert_eq!(reached, trace.spans[root].end);
            let shares = paths.shares(&trace, &fixture.context, root);
            prop_assert_eq!(shares.iter().map(|share| share.exclusive_ns).sum::<i64>(), below[root]);
        }
        for (span, root) in roots.into_iter().enumerate() {
            let drag = drag(&trace, &paths, span);
            prop_assert!(drag >= 0 && drag <= trace.spans[root].duration());
            prop_assert!(slack(&trace, &paths, span).is_none_or(|slack| slack >= 0));
        }
    }
}
