//! Input that nobody in their right mind sends.

use proptest::prelude::*;

use super::support::{Store, breaker, log, request, span};

const TRACE: u128 = 0x5b8e_fff7_9803_8103_d269_b633_813f_c60c;
const ID: &str = "5b8efff798038103d269b633813fc60c";

#[test]
fn cycles_are_cut_where_they_start_first() {
    let store = Store::default().spans([
        span(TRACE, (1, 3), "INTERNAL", "a", (5, 10)),
        span(TRACE, (2, 1), "INTERNAL", "b", (1, 10)),
        span(TRACE, (3, 2), "INTERNAL", "c", (7, 10)),
        span(TRACE, (4, 4), "INTERNAL", "d", (8, 10)),
    ]);
    let shown = store.flow(ID);
    let expected = ["span b INTERNAL T0", "  span c INTERNAL T0", "    span a INTERNAL T0", "span d INTERNAL T0"];
    assert_eq!(shown.lines(), expected);
    assert_eq!(shown.gaps().iter().filter(|gap| gap.contains("cycle")).count(), 2);
}

#[test]
fn a_hundred_thousand_nested_spans_are_no_trouble() {
    const COUNT: u64 = 100_000;
    let spans = (1..=COUNT).map(|id| span(TRACE, (id, id - 1), "SERVER", "deep", (id as i64, 2 * COUNT as i64)));
    let logs = (0..1000).map(|time| log("deep", time * 50, "line").trace(TRACE));
    let shown = Store::default().spans(spans).logs(logs).flow(ID);
    assert_eq!(shown.flow.records.len() as u64, COUNT + 1000);
    assert_eq!(shown.flow.records.iter().map(|record| u64::from(record.depth)).max(), Some(COUNT - 1));
}

#[test]
fn many_fragments_and_gateway_records_take_no_longer_than_they_must() {
    let spans = (1..=30_000_u64).map(|id| span(TRACE, (id, id + 1_000_000), "SERVER", "wide", (0, 50)));
    let requests = (0..30_000).map(|start| request("edge", "edge", (-(start % 7), 60)).trace(TRACE).ids(0, 5));
    let shown = Store::default().spans(spans).requests(requests).flow(ID);
    assert_eq!(shown.flow.records.len(), 60_000);
}

proptest! {
    /// `check` in the support holds whatever comes.
    #[test]
    fn every_record_has_one_place(
        spans in prop::collection::vec((0_u64..6, 0_u64..6, 0_usize..5, 0_i64..40, -5_i64..40, 0_u128..3), 0..14),
        requests in prop::collection::vec((0_u64..6, 0_u64..6, 0_i64..40, -5_i64..40, 0_u128..3, 0_usize..4), 0..8),
        events in prop::collection::vec((0_u64..6, 0_i64..40, 0_u128..3, 0_usize..4), 0..8),
        step in 1_usize..30,
    ) {
        const KINDS: [&str; 5] = ["SERVER", "CLIENT", "INTERNAL", "PRODUCER", "CONSUMER"];
        const KEYS: [&str; 4] = ["request-1", "request-2", "request-3", "x"];
        const SIDES: [&str; 4] = ["edge", "outbound", "inbound", "edge"];
        let spans: Vec<_> = spans.iter().map(|(id, parent, kind, start, length, trace)| {
            let service = ["a", "b"][*kind % 2];
            span(*trace, (*id, *parent), KINDS[*kind], service, (*start, start + length)).key(KEYS[*kind % 4])
        }).collect();
        let requests: Vec<_> = requests.iter().map(|(id, parent, start, length, trace, key)| {
            let row = request("a", SIDES[*key], (*start, start + length)).ids(*id, *parent).keys(&[KEYS[*key], "request-1"]);
            if *trace == 0 { row } else { row.trace(*trace) }
        }).collect();
        let logs: Vec<_> = events.iter().map(|(id, time, trace, key)| {
            log("b", *time, "line").trace(*trace).ids(*id, 0).key(KEYS[*key])
        }).collect();
        let breakers: Vec<_> = events.iter().map(|(id, time, trace, _)| breaker("a", *time, "trip").trace(*trace).ids(*id, 0)).collect();
        let count = spans.len() + requests.len() + logs.len() + breakers.len();
        let store = || Store::default()
            .spans(spans.clone())
            .requests(requests.clone())
            .logs(logs.clone())
            .breakers(breakers.clone());
        for id in ["request-1", "0000000000000001", "request-3"] {
            let whole = store().flow(id).lines();
            prop_assert!(whole.len() <= count);
            let coprime = (step..).find(|step| count == 0 || (1..=*step).rev().find(|d| step % d == 0 && count % d == 0) == Some(1)).unwrap_or(1);
            prop_assert_eq!(store().shuffled(coprime).flow(id).lines(), whole);
        }
    }
}
