use spandrel_proto::model::Outcome::{self, ClientFault, Ok, Rejected, ServerFault, Timeout, Unreachable};

use crate::{
    analysed::Analysis,
    peers::PeerMap,
    skew::Skew,
    span::Kind::{self, Client, Internal, Producer, Server},
    testing::Fixture,
};

/// Id and parent, kind, service, start and end in milliseconds, outcome.
type Row = ((u64, u64), Kind, &'static str, (i64, i64), Outcome);

fn analysis(rows: &[Row]) -> (Fixture, Analysis) {
    let mut fixture = Fixture::default();
    for (ids, kind, service, times, outcome) in rows {
        let cause = fixture.context.texts.intern(outcome.as_str());
        let span = fixture.span(*ids, *kind, service, *times);
        span.outcome = *outcome;
        span.cause = cause;
    }
    let spans = fixture.spans.clone();
    let analysis = Analysis::of(spans, &mut fixture.context, &mut PeerMap::default(), &Skew::default());
    (fixture, analysis)
}

/// `span: origin (span) outcome hops` by ascending span id, and the number of absorbed failures.
fn shown(rows: &[Row]) -> (Vec<String>, usize) {
    let (fixture, Analysis { trace, errors, .. }) = analysis(rows);
    let mut ids: Vec<u64> = rows.iter().map(|row| row.0.0).collect();
    ids.sort_unstable();
    let shown = ids.into_iter().filter_map(|id| {
        let origin = errors.origins[trace.find(id).unwrap()]?;
        let span = origin.span.map_or(String::from("-"), |span| trace.spans[span as usize].span_id.to_string());
        let node = fixture.context.node_name(origin.node);
        let how = if origin.is_slow { "slow" } else { origin.outcome.as_str() };
        assert_eq!(fixture.context.texts.get(origin.cause), origin.outcome.as_str());
        Some(format!("{id}: {node} ({span}) {how} {}", origin.hops))
    });
    (shown.collect(), errors.absorbed.len())
}

const A: ((u64, u64), Kind) = ((1, 0), Server);

#[test]
fn failures_have_an_origin() {
    let vectors: [(&str, &[Row], &[&str], usize); 13] = [
        (
            "TO1: a chain fails from its end",
            &[
                (A.0, A.1, "a", (0, 100), ServerFault),
                ((2, 1), Client, "a", (10, 90), ServerFault),
                ((3, 2), Server, "b", (20, 80), ServerFault),
                ((4, 3), Client, "b", (30, 70), ServerFault),
                ((5, 4), Server, "c", (40, 60), ServerFault),
            ],
            &["1: c (5) server_fault 2", "3: c (5) server_fault 2", "5: c (5) server_fault 2"],
            0,
        ),
        (
            "TO2: a caller that answers all the same absorbs it",
            &[
                (A.0, A.1, "a", (0, 100), Ok),
                ((2, 1), Client, "a", (10, 90), Ok),
                ((3, 2), Server, "b", (20, 80), Ok),
                ((4, 3), Client, "b", (30, 70), ServerFault),
                ((5, 4), Server, "c", (40, 60), ServerFault),
            ],
            &["5: c (5) server_fault 0"],
            1,
        ),
        (
            "TO3: an attempt that failed and was made good is no origin of anything above",
            &[
                (A.0, A.1, "a", (0, 100), Ok),
                ((2, 1), Client, "a", (10, 90), Ok),
                ((3, 2), Client, "a", (11, 40), ServerFault),
                ((4, 3), Server, "c", (12, 39), ServerFault),
                ((5, 2), Client, "a", (50, 80), Ok),
                ((6, 5), Server, "c", (51, 79), Ok),
            ],
            &["4: c (4) server_fault 0"],
            0,
        ),
        (
            "TO4: a callee that was too slow, and what it was slow in",
            &[
                (A.0, A.1, "a", (0, 1010), Timeout),
                ((2, 1), Client, "a", (5, 1005), Timeout),
                ((3, 2), Server, "b", (6, 1406), Ok),
                ((4, 3), Client, "b", (100, 1305), Ok),
                ((5, 4), Server, "d", (101, 1301), Ok),
            ],
            &["1: d (5) slow 2"],
            0,
        ),
        (
            "TO5: a callee that failed by itself",
            &[
                (A.0, A.1, "a", (0, 100), ServerFault),
                ((2, 1), Client, "a", (10, 90), ServerFault),
                ((3, 2), Server, "b", (20, 80), ServerFault),
                ((4, 3), Client, "b", (30, 70), Ok),
                ((5, 4), Server, "c", (40, 60), Ok),
            ],
            &["1: b (3) server_fault 1", "3: b (3) server_fault 1"],
            0,
        ),
        (
            "a callee without a span of its own",
            &[(A.0, A.1, "a", (0, 100), ServerFault), ((2, 1), Client, "a", (10, 90), Rejected)],
            &["1: unknown:unknown (-) rejected 1"],
            0,
        ),
        (
            "of several the one that ended last; the others are origins only below",
            &[
                (A.0, A.1, "a", (0, 100), ServerFault),
                ((2, 1), Client, "a", (10, 50), ServerFault),
                ((3, 2), Server, "b", (20, 40), ServerFault),
                ((4, 1), Client, "a", (10, 90), ServerFault),
                ((5, 4), Server, "c", (20, 80), ServerFault),
            ],
            &["1: c (5) server_fault 1", "3: b (3) server_fault 0", "5: c (5) server_fault 1"],
            0,
        ),
        (
            "of attempts the last decides: nobody answered it",
            &[
                (A.0, A.1, "a", (0, 100), ServerFault),
                ((2, 1), Client, "a", (10, 90), Unreachable),
                ((3, 2), Client, "a", (11, 40), ServerFault),
                ((4, 3), Server, "c", (12, 39), ServerFault),
                ((5, 2), Client, "a", (50, 80), Unreachable),
            ],
            &["1: c (-) unreachable 1", "4: c (4) server_fault 0"],
            0,
        ),
        (
            "a message that failed concerns nobody above",
            &[(A.0, A.1, "a", (0, 100), ServerFault), ((2, 1), Producer, "a", (10, 90), Unreachable)],
            &["1: a (1) server_fault 0"],
            0,
        ),
        (
            "work after the answer is not waited for",
            &[
                (A.0, A.1, "a", (0, 100), Ok),
                ((2, 1), Internal, "a", (10, 300), Ok),
                ((3, 2), Client, "a", (150, 250), ServerFault),
            ],
            &[],
            0,
        ),
        (
            "a fault of the client's own is not absorbed and has no origin",
            &[(A.0, A.1, "a", (0, 100), ClientFault), ((2, 1), Client, "a", (10, 90), ServerFault)],
            &[],
            0,
        ),
        (
            "a callee without spans of its own that a slow one waited for",
            &[
                (A.0, A.1, "a", (0, 100), Timeout),
                ((2, 1), Client, "a", (5, 95), Timeout),
                ((3, 2), Server, "b", (6, 140), Ok),
                ((4, 3), Client, "b", (10, 130), Ok),
            ],
            &["1: unknown:unknown (-) slow 2"],
            0,
        ),
        (
            "who gave up before its callee did has its failure from what was slow, and the callee its own",
            &[
                (A.0, A.1, "a", (0, 100), Timeout),
                ((2, 1), Client, "a", (5, 95), Timeout),
                ((3, 2), Server, "b", (6, 205), Timeout),
                ((4, 3), Client, "b", (10, 200), Timeout),
                ((5, 4), Server, "c", (11, 400), Ok),
            ],
            &["1: c (5) slow 2", "3: c (5) slow 1"],
            0,
        ),
    ];
    for (name, rows, origins, absorbed) in vectors {
        assert_eq!(shown(rows), (origins.iter().map(ToString::to_string).collect(), absorbed), "{name}");
    }
}

/// Each level waits a little less than the one below takes, so that each would look at all below.
#[test]
fn timeouts_that_nest_deeply_are_bounded_and_counted() {
    const LEVELS: i64 = 20_000;
    let mut rows: Vec<Row> = Vec::new();
    for level in 0..LEVELS {
        let id = 2 * level as u64 + 1;
        let (start, end) = (2 * level, 10 * LEVELS + 2 * level);
        rows.push(((id, id - 1), Server, if level % 2 == 0 { "a" } else { "b" }, (start, end), Timeout));
        rows.push(((id + 1, id), Client, if level % 2 == 0 { "a" } else { "b" }, (start + 1, end - 1), Timeout));
    }
    let (_, Analysis { errors, .. }) = analysis(&rows);
    assert_eq!(errors.origins.iter().flatten().count() as i64, LEVELS);
    assert!(errors.not_searched > 0 && i64::from(errors.not_searched) < LEVELS, "{}", errors.not_searched);
}
