//! Many traces for tests of detectors, and what a detector says of them.

use spandrel_proto::model::Outcome;

use crate::{
    analysed::Analysis,
    findings::{Candidate, Detector, Evaluation, shared::Demand},
    peers::PeerMap,
    rollup::{Minutes, Sign, observe},
    skew::Skew,
    span::{Kind, Peer, Protocol, Span},
    testing::{Fixture, MS},
};

/// Milliseconds in a minute.
pub(super) const MINUTE_MS: i64 = 60_000;

/// What a minute of traffic looks like, and how it is written by the number of the trace.
pub(super) type Case = (&'static str, fn(i64, &mut Writer<'_>));

/// Traces, written one after the other.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) fixture: Fixture,
    traces: Vec<Vec<Span>>,
    /// Rows of `breakers`.
    pub(super) breakers: Vec<arrow::record_batch::RecordBatch>,
}

/// Writes the spans of one trace, with times in milliseconds after its beginning.
pub(super) struct Writer<'a> {
    fixture: &'a mut Fixture,
    start: i64,
    next: u64,
}

impl Traffic {
    /// Adds a trace that begins `start` milliseconds after the epoch.
    pub(super) fn trace(&mut self, start: i64, write: impl FnOnce(&mut Writer<'_>)) {
        write(&mut Writer { fixture: &mut self.fixture, start, next: 1000 });
        let mut spans = std::mem::take(&mut self.fixture.spans);
        let id = self.traces.len() as u128 + 1;
        spans.iter_mut().for_each(|span| span.trace_id = id);
        self.traces.push(spans);
    }

    /// Adds `count` traces that begin at even distances within a minute; `write` is told their numbers.
    pub(super) fn minute(&mut self, minute: i64, count: i64, mut write: impl FnMut(i64, &mut Writer<'_>)) {
        for number in 0..count {
            self.trace(minute * MINUTE_MS + number * MINUTE_MS / count, |writer| write(number, writer));
        }
    }

    /// What a detector says at the end of a minute, in whatever order the traces come.
    pub(super) fn candidates<D: Detector + Default>(&self, minute: i64) -> Vec<Candidate> {
        let mut forward = self.run::<D>(minute, false);
        let mut backward = self.run::<D>(minute, true);
        forward.sort_by(|a, b| (a.kind, &a.subject).cmp(&(b.kind, &b.subject)));
        backward.sort_by(|a, b| (a.kind, &a.subject).cmp(&(b.kind, &b.subject)));
        assert_eq!(forward, backward, "the order of the traces matters");
        forward
    }

    /// The kinds and subjects that fire at the end of a minute.
    pub(super) fn fires<D: Detector + Default>(&self, minute: i64) -> Vec<String> {
        let firing = self.candidates::<D>(minute).into_iter().filter(|candidate| candidate.fires);
        firing.map(|candidate| format!("{} {}", candidate.kind.as_str(), candidate.subject.text)).collect()
    }

    fn run<D: Detector + Default>(&self, minute: i64, backward: bool) -> Vec<Candidate> {
        let mut detector = D::default();
        let mut context = self.fixture.context.clone();
        let (mut peers, mut minutes, mut demand) = (PeerMap::default(), Minutes::new(), Demand::default());
        let mut traces: Vec<&Vec<Span>> = self.traces.iter().collect();
        if backward {
            traces.reverse();
        }
        for spans in traces {
            let analysis = Analysis::of(spans.clone(), &mut context, &mut peers, &Skew::default());
            let analysed = analysis.analysed(&context);
            demand.observe(&analysed);
            detector.observe(&analysed);
            observe(&mut minutes, &analysed, Sign::Add);
        }
        for batch in &self.breakers {
            detector.observe_breakers(batch, &mut context);
        }
        let minute = minute * MINUTE_MS * MS;
        minutes.retain(|begins, _| *begins <= minute);
        detector.evaluate(&Evaluation { context: &context, minutes: &minutes, demand: &demand, minute })
    }
}

impl Writer<'_> {
    /// Adds a span. A parent of 0 is none.
    pub(super) fn span(&mut self, ids: (u64, u64), kind: Kind, service: &str, (start, end): (i64, i64)) -> &mut Span {
        self.fixture.span(ids, kind, service, (self.start + start, self.start + end))
    }

    /// Adds a call to `callee` that has no span there: by a client span that names it.
    pub(super) fn call_out(
        &mut self,
        ids: (u64, u64),
        caller: &str,
        callee: &str,
        times: (i64, i64),
        outcome: Outcome,
    ) -> &mut Span {
        let service = self.fixture.context.texts.intern(callee);
        let peer = self.fixture.context.add_peer(Peer { service, protocol: Protocol::Http, ..Peer::default() });
        let span = self.span(ids, Kind::Client, caller, times);
        (span.peer, span.outcome) = (peer, outcome);
        span
    }

    /// Adds a call with both sides: the client span is `id`, the server span `id + 1`, which begins and ends one
    /// millisecond inside of it.
    pub(super) fn call(
        &mut self,
        (id, parent): (u64, u64),
        (caller, callee): (&str, &str),
        (start, end): (i64, i64),
        outcome: Outcome,
    ) {
        self.call_out((id, parent), caller, callee, (start, end), outcome);
        self.span((id + 1, id), Kind::Server, callee, (start + 1, end - 1)).outcome = outcome;
    }

    /// A request to the first service that calls the second, which calls the third, and so on, each of which waits for
    /// the next and ends as `outcome` says of its position.
    pub(super) fn chain(&mut self, services: &[&str], duration: i64, outcome: impl Fn(usize) -> Outcome) {
        let first = self.next;
        self.next += 100;
        self.span((first, 0), Kind::Server, services[0], (0, duration)).outcome = outcome(0);
        for (index, pair) in services.windows(2).enumerate() {
            let (id, inset) = (first + 1 + 2 * index as u64, 2 * index as i64 + 1);
            self.call((id, id - 1), (pair[0], pair[1]), (inset, duration - inset), outcome(index + 1));
        }
    }

    pub(super) fn text(&mut self, text: &str) -> crate::text::Text {
        self.fixture.context.texts.intern(text)
    }

    pub(super) fn peer(&mut self, peer: Peer) -> crate::span::PeerId {
        self.fixture.context.add_peer(peer)
    }

    /// Changes the spans written so far.
    pub(super) fn each(&mut self, change: impl FnMut(&mut Span)) {
        self.fixture.spans.iter_mut().for_each(change);
    }
}
