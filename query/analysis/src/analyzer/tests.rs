//! However spans come in, the counts are those of whole traces.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::{
    analysed::Analysed,
    findings::{Evidence, FindingKind, Harm, Method, Severity, Subject},
    input::tests::{attributes, rows as rows_of},
    rollup::{EdgeStats, LONGEST, read, rows},
    span::{Kind, MessageStep},
    testing::{Fixture, MS, any_spans},
};

const SECOND: i64 = 1_000_000_000;

fn options() -> Options {
    Options { quiet_ns: 10 * SECOND, max_trace_bytes: 1 << 20, max_minutes: 100, range: None }
}

/// An analyzer whose context is that of a fixture.
fn analyzer(fixture: &Fixture, options: Options, detectors: Vec<Box<dyn Detector>>) -> Analyzer {
    Analyzer { context: fixture.context.clone(), ..Analyzer::new(options, detectors) }
}

/// All rows, without the times of first and last calls, which stay when calls are taken away.
fn counts(analyzer: &Analyzer) -> Vec<String> {
    let mut shown = Vec::new();
    for (time, minute) in analyzer.minutes() {
        let mut minute = minute.clone();
        minute.operations.values_mut().for_each(|stats| (stats.first_seen, stats.last_seen) = (0, 0));
        minute.edges.values_mut().for_each(|stats| (stats.first_seen, stats.last_seen) = (0, 0));
        if !minute.is_empty() {
            shown.push(format!("{:?}", rows(*time, &minute, analyzer.context(), 1)));
        }
    }
    shown
}

/// The counts of spans that all came at once.
fn at_once(fixture: &Fixture) -> Vec<String> {
    let mut analyzer = analyzer(fixture, options(), Vec::new());
    analyzer.push(fixture.spans.clone(), 0);
    analyzer.close_all();
    counts(&analyzer)
}

/// Gives an analyzer what it wants of the past: all spans that came so far, and stored minutes.
fn serve(analyzer: &mut Analyzer, came: &[Span]) {
    for trace_id in analyzer.late_traces() {
        analyzer.correct_with(trace_id, came.iter().filter(|span| span.trace_id == trace_id).cloned().collect());
    }
}

/// Counts how often it is shown a trace.
#[derive(Debug)]
struct Counter(Arc<Mutex<Vec<u128>>>);

impl Detector for Counter {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        self.0.lock().unwrap().push(analysed.trace.id);
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        assert!(evaluation.minutes.contains_key(&evaluation.minute));
        Vec::new()
    }

    fn horizon(&self) -> i64 {
        1
    }

    fn forget_before(&mut self, _minute: i64) {}

    fn size(&self) -> usize {
        0
    }
}

/// Looks back some minutes and always finds something.
#[derive(Debug)]
struct Finder {
    horizon: i64,
    forgotten: Arc<Mutex<i64>>,
}

impl Detector for Finder {
    fn observe(&mut self, _analysed: &Analysed<'_>) {}

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        vec![Candidate {
            kind: FindingKind::Chatty,
            subkind: None,
            subject: Subject::default(),
            method: Method::Measured,
            harm: Harm::Risk { share: 1.0, magnitude: 1.0 },
            completeness: 1.0,
            at_most: Severity::Critical,
            fires: true,
            since: evaluation.minute,
            until: evaluation.minute,
            evidence: Evidence::default(),
            sql: String::new(),
            remedy: String::new(),
        }]
    }

    fn horizon(&self) -> i64 {
        self.horizon
    }

    fn forget_before(&mut self, minute: i64) {
        *self.forgotten.lock().unwrap() = minute;
    }

    fn size(&self) -> usize {
        0
    }
}

impl Analyzer {
    fn push(&mut self, spans: impl IntoIterator<Item = Span>, now: i64) {
        for span in spans {
            let added = self.traces.add(span, &self.context, now);
            note_added(added, &mut self.activity, &mut self.uncounted);
        }
        self.make_room();
    }
}

fn pair() -> Fixture {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.span((3, 2), Kind::Server, "cart", (20, 80));
    fixture
}

#[test]
fn traces_close_when_they_are_quiet() {
    let fixture = pair();
    let mut analyzer = analyzer(&fixture, options(), Vec::new());
    analyzer.push(fixture.spans[..2].to_vec(), 0);
    analyzer.push(fixture.spans[2..].to_vec(), 5 * SECOND);
    analyzer.close_quiet(14 * SECOND);
    assert_eq!((analyzer.open_traces(), analyzer.activity().traces), (1, 0));
    analyzer.close_quiet(15 * SECOND);
    assert_eq!((analyzer.open_traces(), analyzer.activity().traces), (0, 1));
    assert_eq!(counts(&analyzer), at_once(&fixture));
    assert_eq!((analyzer.take_dirty(), analyzer.take_dirty()), (vec![0], vec![]));
}

#[test]
fn a_late_span_is_counted_as_if_it_had_come_in_time_and_detectors_see_a_trace_once() {
    let fixture = pair();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut analyzer = analyzer(&fixture, options(), vec![Box::new(Counter(seen.clone()))]);
    analyzer.push(fixture.spans[..2].to_vec(), 0);
    analyzer.close_all();
    assert_ne!(counts(&analyzer), at_once(&fixture));
    analyzer.push(fixture.spans[2..].to_vec(), 60 * SECOND);
    analyzer.close_all();
    assert_eq!(counts(&analyzer), at_once(&fixture));
    assert_eq!(*seen.lock().unwrap(), [1]);
    assert_eq!((analyzer.activity().traces, analyzer.activity().corrections), (1, 1));
    assert!(analyzer.late_traces().is_empty() && analyzer.evaluate(0).is_empty());
}

#[test]
fn what_no_evaluation_looks_back_to_is_forgotten_and_what_memory_lacks_is_said() {
    let [short, long] = [3, 10].map(|horizon| (horizon, Arc::new(Mutex::new(i64::MIN))));
    let finder = |(horizon, forgotten): &(i64, Arc<Mutex<i64>>)| {
        Box::new(Finder { horizon: *horizon, forgotten: forgotten.clone() }) as Box<dyn Detector>
    };
    let forgotten = |(_, forgotten): &(i64, Arc<Mutex<i64>>)| *forgotten.lock().unwrap() / MINUTE;
    let mut analyzer = analyzer(&pair(), options(), vec![finder(&short), finder(&long)]);
    let caveats = |found: &[Candidate]| -> Vec<usize> {
        found.iter().map(|candidate| candidate.evidence.caveats.len()).collect()
    };

    assert_eq!(caveats(&analyzer.evaluate(20 * MINUTE)), [0, 0]);
    // Of the next minute they look at 19 to 21, and at 12 to 21.
    assert_eq!((forgotten(&short), forgotten(&long)), (19, 12));

    analyzer.forget_before(30 * MINUTE);
    assert_eq!(caveats(&analyzer.evaluate(21 * MINUTE)), [0, 0], "there was nothing to forget");
    for minute in 0..23 {
        analyzer.minutes.entry(minute * MINUTE).or_default();
    }
    analyzer.forget_before(13 * MINUTE);
    assert_eq!(caveats(&analyzer.evaluate(22 * MINUTE)), [0, 0]);
    analyzer.forget_before(18 * MINUTE);
    let found = analyzer.evaluate(22 * MINUTE);
    assert_eq!(caveats(&found), [0, 1]);
    assert!(found[1].evidence.caveats[0].contains("the last 5 minutes"), "{:?}", found[1].evidence.caveats);
}

#[test]
fn a_late_span_of_a_trace_that_was_let_go_needs_all_its_spans() {
    let fixture = pair();
    let mut analyzer = analyzer(&fixture, Options { max_trace_bytes: 1, ..options() }, Vec::new());
    analyzer.push(fixture.spans[..2].to_vec(), 0);
    assert_eq!((analyzer.activity().closed_early, analyzer.traces.spans_size()), (1, 0));
    analyzer.push(fixture.spans[2..].to_vec(), 60 * SECOND);
    assert_eq!(analyzer.late_traces(), [1]);
    analyzer.options.max_trace_bytes = 1 << 20;
    serve(&mut analyzer, &fixture.spans);
    assert!(analyzer.late_traces().is_empty());
    analyzer.close_quiet(0);
    assert_eq!(counts(&analyzer), at_once(&fixture));
}

#[test]
fn a_copy_of_a_span_of_a_trace_that_was_let_go_takes_nothing_away() {
    let fixture = pair();
    let mut analyzer = analyzer(&fixture, Options { max_trace_bytes: 1, ..options() }, Vec::new());
    analyzer.push(fixture.spans.clone(), 0);
    let before = counts(&analyzer);
    analyzer.push(fixture.spans[2..].to_vec(), 60 * SECOND);
    let came: Vec<Span> = fixture.spans.iter().chain(&fixture.spans[2..]).cloned().collect();
    let (earlier, late) = analyzer.traces.late.part(1, came).unwrap();
    assert_eq!((earlier.len(), late.len()), (3, 1));
    assert_eq!(counts(&analyzer), before);
}

#[test]
fn late_spans_of_minutes_that_were_let_go_wait_until_those_are_restored() {
    let fixture = pair();
    let mut analyzer = analyzer(&fixture, options(), Vec::new());
    analyzer.push(fixture.spans[..2].to_vec(), 0);
    analyzer.close_all();
    analyzer.forget_before(MINUTE);
    assert!(analyzer.minutes().contains_key(&0), "it was not written");
    analyzer.take_dirty();
    let stored = rows(0, &analyzer.minutes()[&0], analyzer.context(), 1);
    analyzer.forget_before(MINUTE);
    assert!(analyzer.minutes().is_empty());
    analyzer.push(fixture.spans[2..].to_vec(), 2 * MINUTE);
    analyzer.close_all();
    assert_eq!((analyzer.wanted(), analyzer.open_traces()), (vec![0], 1));
    let minute = read(&stored, analyzer.context_mut()).unwrap();
    analyzer.restore(0, minute);
    analyzer.close_all();
    assert_eq!((analyzer.wanted(), analyzer.take_dirty()), (vec![], vec![0]));
    assert_eq!(counts(&analyzer), at_once(&fixture));
}

#[test]
fn minutes_have_a_bound() {
    let mut fixture = Fixture::default();
    for trace in 0..50 {
        let start = i64::try_from(trace).unwrap() * 60_000;
        fixture.span((1, 0), Kind::Server, "shop", (start, start + 100)).trace_id = trace + 1;
    }
    let mut analyzer = analyzer(&fixture, Options { max_minutes: 20, ..options() }, Vec::new());
    analyzer.push(fixture.spans.clone(), 0);
    analyzer.close_all();
    assert_eq!((analyzer.minutes().len(), analyzer.activity().traces, analyzer.activity().refused), (20, 20, 30));
    let uncounted: Vec<i64> = analyzer.take_uncounted().into_iter().collect();
    assert_eq!(uncounted, (20..50).map(|minute| minute * MINUTE).collect::<Vec<_>>());
    assert!(analyzer.take_uncounted().is_empty());
}

#[test]
fn what_must_be_closed_early_and_cannot_wait_for_a_stored_minute_is_said_to_be_uncounted() {
    let fixture = pair();
    let mut analyzer = analyzer(&fixture, Options { max_trace_bytes: 1, ..options() }, Vec::new());
    analyzer.set_stored(i64::MIN, [0]);
    analyzer.push(fixture.spans.clone(), 0);
    assert_eq!((analyzer.activity().refused, analyzer.take_uncounted().into_iter().collect()), (3, vec![0]));
    assert!(analyzer.wanted().is_empty() && counts(&analyzer).is_empty());
}

#[test]
fn traces_that_have_been_quiet_for_longest_are_closed_first() {
    let mut fixture = Fixture::default();
    for trace in 1..=3 {
        fixture.span((1, 0), Kind::Server, "shop", (0, 100)).trace_id = trace;
        fixture.span((2, 1), Kind::Client, "shop", (10, 30)).trace_id = trace;
    }
    let mut analyzer = analyzer(&fixture, options(), Vec::new());
    for (at, spans) in fixture.spans.chunks(2).enumerate().rev() {
        analyzer.push(spans.to_vec(), i64::try_from(at).unwrap());
    }
    analyzer.close_some(60 * SECOND, 3);
    assert_eq!((analyzer.activity().traces, analyzer.open_traces()), (2, 1));
    assert!(analyzer.traces.held.get(1).is_some() && analyzer.traces.held.get(2).is_some());
    analyzer.close_some(60 * SECOND, 3);
    assert_eq!(counts(&analyzer), at_once(&fixture));
}

/// Trace, span, parent and kind of a span, and milliseconds from its start to its end.
type Row = (i64, i64, i64, u8, (i64, i64));

/// Stored rows of `service`.
fn stored(service: &str, spans: &[Row]) -> RecordBatch {
    let spans = spans.iter().map(|(trace, id, parent, kind, (start, end))| {
        let parent = if *parent > 0 { format!("{parent:016x}") } else { String::new() };
        format!(
            r#"{{"traceId":"{trace:032x}","spanId":"{id:016x}","parentSpanId":"{parent}","name":"op","kind":{kind},
            "startTimeUnixNano":"{}","endTimeUnixNano":"{}"}}"#,
            start * MS,
            end * MS
        )
    });
    let (spans, service) = (spans.collect::<Vec<_>>().join(","), attributes(&format!("service.name={service}")));
    rows_of(&format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{service}]}},"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#
    ))
}

/// Rows are stored by service, and read second by second. Each second a request begins in one and goes on in the next.
#[test]
fn stored_spans_are_put_together_across_slices_when_memory_is_short() {
    let second = |number: i64| {
        let (from, trace) = (1000 * number, 100 * (number + 1));
        let caller = [(trace, 1, 0, 2, (from + 950, from + 1100)), (trace, 2, 1, 3, (from + 960, from + 1090))];
        let callee = (number > 0).then(|| (trace - 100, 3, 2, 2, (from + 10, from + 80)));
        let others = (1..20).map(|other| (trace + other, 1, 0, 2, (from + 45 * other, from + 45 * other + 10)));
        [stored("cart", &caller), stored("shop", &callee.into_iter().chain(others).collect::<Vec<_>>())]
    };
    let of = |max_trace_bytes| {
        let mut analyzer = Analyzer::new(Options { max_trace_bytes, ..options() }, Vec::new());
        for number in 0..30 {
            for batch in second(number) {
                analyzer.push_stored_spans(&batch).unwrap();
            }
            analyzer.close_quiet(1000 * number * MS);
        }
        analyzer.close_all();
        analyzer
    };
    let (short, enough) = (of(24_000), of(64 << 20));
    assert!(short.activity().closed_early > 500 && enough.activity().closed_early == 0);
    assert_eq!(short.late_traces(), Vec::<u128>::new());
    assert_eq!(counts(&short), counts(&enough));
}

#[test]
fn only_minutes_of_the_range_are_counted() {
    let mut fixture = Fixture::default();
    for trace in 0..5 {
        let start = i64::try_from(trace).unwrap() * 60_000;
        fixture.span((1, 0), Kind::Server, "shop", (start, start + 100_000)).trace_id = trace + 1;
    }
    let all = at_once(&fixture);
    let range = Some((MINUTE, 3 * MINUTE));
    let mut analyzer = analyzer(&fixture, Options { range, max_minutes: 2, ..options() }, Vec::new());
    for spans in [&fixture.spans[..3], &fixture.spans[3..]] {
        analyzer.push(spans.to_vec(), 0);
        analyzer.close_all();
    }
    assert_eq!(analyzer.minutes().keys().copied().collect::<Vec<_>>(), [MINUTE, 2 * MINUTE]);
    assert_eq!(counts(&analyzer), all[1..3]);
    assert_eq!(analyzer.activity().refused, 0);
}

#[test]
fn traces_that_are_too_large_to_be_corrected_are_not() {
    let fixture = pair();
    let mut analyzer = analyzer(&fixture, Options { max_trace_bytes: 1, ..options() }, Vec::new());
    analyzer.push(fixture.spans[..2].to_vec(), 0);
    analyzer.push(fixture.spans[2..].to_vec(), 60 * SECOND);
    serve(&mut analyzer, &fixture.spans);
    assert_eq!((analyzer.late_traces(), analyzer.open_traces(), analyzer.activity().refused), (vec![], 0, 1));
    assert_eq!(analyzer.take_uncounted().into_iter().collect::<Vec<_>>(), [0]);
}

#[test]
fn minutes_touched_are_those_of_starts_and_busy_time() {
    let touched_by = |times: &[(i64, i64)]| {
        let mut fixture = Fixture::default();
        for (index, (start, end)) in times.iter().enumerate() {
            let span = fixture.span((index as u64 + 1, 0), Kind::Server, "shop", (0, 0));
            (span.start, span.end) = (*start, *end);
        }
        touched(fixture.spans.iter()).iter().map(|time| time / MINUTE).collect::<Vec<_>>()
    };
    assert!(touched_by(&[]).is_empty());
    assert_eq!(touched_by(&[(5, 6), (7, 3 * MINUTE)]), [0, 1, 2, 3]);
    assert_eq!(touched_by(&[(9 * MINUTE, 9 * MINUTE), (0, MINUTE + 1), (MINUTE, 2 * MINUTE)]), [0, 1, 2, 9]);
    assert_eq!(touched_by(&[(0, 2 * LONGEST)]), [0]);
    assert!(touched_by(&[(i64::MAX - MS, i64::MAX)]).len() <= 2);
}

/// `checkout` publishes in trace 1 from 1,020 to 1,030 ms, and `mail` handles that from 1,050 ms on in `trace`, which
/// begins at `start`.
fn order(trace: u128, start: i64) -> Fixture {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "checkout", (1_000, 1_100));
    fixture.span((2, 1), Kind::Producer, "checkout", (1_020, 1_030));
    fixture.message(MessageStep::Send, "orders");
    fixture.span((3, 0), Kind::Internal, "mail", (start, 1_090)).trace_id = trace;
    fixture.span((4, 3), Kind::Consumer, "mail", (1_050, 1_080)).trace_id = trace;
    fixture.message(MessageStep::Process, "orders");
    fixture.linked(&[(1, 2)]);
    fixture.span((5, 4), Kind::Internal, "mail", (1_060, 1_070)).trace_id = trace;
    fixture
}

/// The counts of the edge from `checkout` to `mail`.
fn from_checkout_to_mail(analyzer: &Analyzer) -> Option<EdgeStats> {
    let (context, edges) = (&analyzer.context, &analyzer.minutes.get(&0)?.edges);
    let node = |name| context.service_node(context.service_named(name).unwrap());
    let mut found = edges.iter().filter(|(key, _)| (key.source, key.target) == (node("checkout"), node("mail")));
    let (_, stats) = found.next()?;
    assert!(found.next().is_none());
    Some(EdgeStats { examples: Default::default(), ..stats.clone() })
}

fn dangling(analyzer: &Analyzer) -> usize {
    let hops = |trace_id| &analyzer.traces.held.get(trace_id).unwrap().analysis.hops;
    let is_dangling = |hop: &crate::hops::Hop| hop.flags.contains(crate::hops::HopFlags::DANGLING_LINK);
    let flagged = hops(2).hops.iter().filter(|hop| is_dangling(hop)).count();
    assert_eq!(hops(2).links.len(), flagged);
    flagged
}

#[test]
fn a_message_from_another_trace_counts_from_service_to_service_as_within_one() {
    let within_one = {
        let fixture = order(1, 1_040);
        let mut analyzer = analyzer(&fixture, options(), Vec::new());
        analyzer.push(fixture.spans.clone(), 0);
        analyzer.close_all();
        from_checkout_to_mail(&analyzer).unwrap()
    };
    assert_eq!((within_one.calls.records, within_one.queue_delay.quantile(0.5)), (1, Some(20 * MS as u64)));
    for start in [0, 1_040] {
        let fixture = order(2, start);
        let (producer, consumer) = fixture.spans.split_at(2);
        for (first, then, is_one_batch) in
            [(producer, consumer, true), (consumer, producer, true), (producer, consumer, false)]
        {
            let mut analyzer = analyzer(&fixture, options(), Vec::new());
            analyzer.push(first.to_vec(), 0);
            if !is_one_batch {
                analyzer.close_all();
            }
            analyzer.push(then.to_vec(), 0);
            analyzer.close_all();
            assert_eq!((from_checkout_to_mail(&analyzer).as_ref(), dangling(&analyzer)), (Some(&within_one), 0));
            assert_eq!(counts(&analyzer), at_once(&fixture));
        }
    }
}

#[test]
fn a_message_of_nobody_known_dangles_until_its_sender_comes() {
    let fixture = order(2, 1_040);
    let (producer, consumer) = fixture.spans.split_at(2);
    let mut analyzer = analyzer(&fixture, options(), Vec::new());
    for (spans, is_known) in [(&consumer[..2], false), (producer, true), (&consumer[2..], true)] {
        analyzer.push(spans.to_vec(), 0);
        analyzer.close_all();
        assert_eq!((from_checkout_to_mail(&analyzer).is_some(), dangling(&analyzer)), (is_known, (!is_known).into()));
    }
    assert_eq!(counts(&analyzer), at_once(&fixture));
}

#[test]
fn what_is_known_of_a_message_is_taken_away_as_it_was_counted() {
    let fixture = order(2, 1_040);
    let mut analyzer = analyzer(&fixture, options(), Vec::new());
    analyzer.push(fixture.spans[..4].to_vec(), 0);
    analyzer.close_all();
    assert_eq!((from_checkout_to_mail(&analyzer).map(|stats| stats.calls.records), dangling(&analyzer)), (Some(1), 0));
    analyzer.traces.published = published::PublishedSpans::default();
    analyzer.push(fixture.spans[4..].to_vec(), 0);
    analyzer.close_all();
    assert_eq!((from_checkout_to_mail(&analyzer).map(|stats| stats.calls.records), dangling(&analyzer)), (None, 1));
}

/// A minute of Online Boutique, where the sample is there, in several orders and with half of it late.
#[test]
fn online_boutique_is_counted_whole_however_it_comes() {
    let minute = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/nezha/2022-08-22_05_19");
    if !std::path::Path::new(minute).exists() {
        return;
    }
    let traces = std::process::Command::new("gzip").arg("-dc").arg(format!("{minute}/otlp_traces.json.gz")).output();
    let mut fixture = Fixture::default();
    fixture.spans =
        crate::input::tests::read(&[String::from_utf8(traces.unwrap().stdout).unwrap()], &mut fixture.context);
    let expected = at_once(&fixture);
    let (early, late): (Vec<Span>, Vec<Span>) = fixture.spans.iter().cloned().partition(|span| span.span_id % 2 == 0);
    for max_trace_bytes in [1 << 20, 64 << 20] {
        let mut analyzer = analyzer(&fixture, Options { max_trace_bytes, ..options() }, Vec::new());
        for spans in [&early, &late] {
            analyzer.push(spans.iter().rev().cloned(), 0);
            analyzer.close_all();
        }
        serve(&mut analyzer, &fixture.spans);
        analyzer.close_all();
        assert_eq!(counts(&analyzer), expected);
        let stats = analyzer.minutes().values().flat_map(|minute| minute.coverage.values());
        assert_eq!(stats.map(|stats| stats.spans).sum::<u64>(), 6712);
        let paths = analyzer.minutes().values().flat_map(|minute| minute.paths.values());
        let roots = fixture.spans.iter().filter(|span| span.parent_id == 0);
        let durations: i64 = roots.map(Span::duration).sum();
        assert_eq!(paths.map(|stats| stats.exclusive).sum::<i128>() >> 16, i128::from(durations));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_when_the_counts_are_those_of_whole_traces(
        spans in any_spans(5, 40),
        seed in any::<u64>(),
        cuts in prop::collection::vec((0_usize..40, any::<bool>()), 0..8),
        is_tight in any::<bool>(),
    ) {
        let straight = spans.fixture();
        let fixture = spans.shuffled(seed).fixture();
        let bounds = Options { max_trace_bytes: if is_tight { 12_000 } else { 1 << 20 }, ..options() };
        let mut analyzer = analyzer(&fixture, bounds, Vec::new());
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut from = 0;
        for (step, (cut, closes)) in cuts.into_iter().chain([(usize::MAX, true)]).enumerate() {
            let cut = cut.min(fixture.spans.len());
            analyzer.push(fixture.spans[from..cut].to_vec(), step as i64 * SECOND);
            from = cut;
            if closes {
                analyzer.close_all();
            }
            serve(&mut analyzer, &fixture.spans[..cut]);
        }
        while analyzer.open_traces() > 0 || !analyzer.late_traces().is_empty() {
            analyzer.close_all();
            serve(&mut analyzer, &fixture.spans);
        }
        prop_assert_eq!(analyzer.activity().refused, 0);
        prop_assert!(analyzer.traces.spans_size() <= bounds.max_trace_bytes);
        prop_assert_eq!(counts(&analyzer), at_once(&straight));
    }
}
