//! Traffic for tests: many traces, written down span by span.

use crate::{
    analysed::{Analysis, minute_of},
    findings::{Candidate, Detector, Evaluation, Harm, shared::Demand},
    peers::PeerMap,
    rollup::{Minutes, Sign, observe},
    skew::Skew,
    span::{Access, Kind, Peer, Protocol, Resource, Span},
    testing::{Fixture, MS},
};

/// 2026-01-01T00:00:00Z in milliseconds.
const START: i64 = 1_767_225_600_000;

/// Traces, in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    fixture: Fixture,
    traces: Vec<Vec<Span>>,
}

impl Traffic {
    /// `count` traces, evenly over the first minute; `write` is told which of them it writes.
    pub(super) fn many(&mut self, count: usize, write: impl Fn(&mut Writer<'_>, usize)) -> &mut Self {
        self.in_minute(0, count, write)
    }

    /// `count` traces, evenly over a minute.
    pub(super) fn in_minute(&mut self, minute: i64, count: usize, write: impl Fn(&mut Writer<'_>, usize)) -> &mut Self {
        for index in 0..count {
            let offset = START + minute * 60_000 + (index as i64 * 50_000) / count as i64;
            let mut writer = Writer { fixture: &mut self.fixture, offset, last: 0 };
            write(&mut writer, index);
            let trace_id = self.traces.len() as u128 + 1;
            let mut spans = std::mem::take(&mut self.fixture.spans);
            spans.iter_mut().for_each(|span| span.trace_id = trace_id);
            self.traces.push(spans);
        }
        self
    }

    /// What `detector` concludes at the end of the minute of the last trace. The traces come in the order of `order`.
    fn evaluate(&self, mut detector: impl Detector, order: impl Iterator<Item = usize>) -> (Vec<Candidate>, usize) {
        let mut context = self.fixture.context.clone();
        let (mut minutes, mut demand, mut last) = (Minutes::new(), Demand::default(), i64::MIN);
        let (mut peers, skew) = (PeerMap::default(), Skew::default());
        for index in order {
            let analysis = Analysis::of(self.traces[index].clone(), &mut context, &mut peers, &skew);
            let analysed = analysis.analysed(&context);
            demand.observe(&analysed);
            detector.observe(&analysed);
            observe(&mut minutes, &analysed, Sign::Add);
            last = last.max(minute_of(analysed.trace.spans[0].start));
        }
        let evaluation = Evaluation { context: &context, minutes: &minutes, demand: &demand, minute: last };
        let candidates = detector.evaluate(&evaluation);
        let size = detector.size();
        detector.forget_before(i64::MAX);
        assert!(detector.size() <= size && detector.size() < 64, "everything was forgotten");
        (candidates, size)
    }

    /// What a detector finds; the same in whatever order the traces come.
    pub(super) fn candidates<D: Detector>(&self, detector: impl Fn() -> D) -> Vec<Candidate> {
        let (forward, _) = self.evaluate(detector(), 0..self.traces.len());
        let (backward, _) = self.evaluate(detector(), (0..self.traces.len()).rev());
        assert_eq!(forward, backward);
        for found in &forward {
            let is_sane = match found.harm {
                Harm::Lost(nanos) => nanos >= 0.0,
                Harm::Risk { share, magnitude } => [share, magnitude].iter().all(|it| (0.0..=1.0).contains(it)),
            };
            assert!(found.since <= found.until && is_sane, "{found:?}");
            assert!(found.sql.contains("TIMESTAMP '2026-01-01T00:") && !found.remedy.is_empty(), "{found:?}");
        }
        forward
    }

    /// The subjects of what fires, with their varieties.
    pub(super) fn fired<D: Detector>(&self, detector: impl Fn() -> D) -> Vec<String> {
        let fired = self.candidates(detector).into_iter().filter(|found| found.fires);
        fired
            .map(|found| match found.subkind {
                Some(subkind) => format!("{} [{subkind}]", found.subject.text),
                None => found.subject.text,
            })
            .collect()
    }

    /// Bytes that a detector holds after all of it.
    pub(super) fn size(&self, detector: impl Detector) -> usize {
        self.evaluate(detector, 0..self.traces.len()).1
    }
}

/// Writes a trace, told which of them it is.
pub(super) type Write = fn(&mut Writer<'_>, usize);

/// Writes the spans of one trace. Times are milliseconds from its start.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    fixture: &'a mut Fixture,
    offset: i64,
    last: u64,
}

impl Writer<'_> {
    /// A span of any kind; returns its id.
    pub(super) fn span(
        &mut self,
        parent: u64,
        kind: Kind,
        service: &str,
        operation: &str,
        (start, end): (i64, i64),
    ) -> u64 {
        self.last += 1;
        let operation = self.fixture.context.texts.intern(operation);
        let span = self.fixture.span((self.last, parent), kind, service, (self.offset + start, self.offset + end));
        span.operation = operation;
        self.last
    }

    /// A request from outside.
    pub(super) fn entry(&mut self, service: &str, operation: &str, time: (i64, i64)) -> u64 {
        self.span(0, Kind::Server, service, operation, time)
    }

    /// A call with both sides; returns the server's span.
    pub(super) fn call(
        &mut self,
        parent: u64,
        (caller, callee): (&str, &str),
        operation: &str,
        time: (i64, i64),
    ) -> u64 {
        let client = self.span(parent, Kind::Client, caller, operation, time);
        self.span(client, Kind::Server, callee, operation, time)
    }

    /// A query of a database, or a command of a cache if `system` is one; returns its span.
    pub(super) fn query(&mut self, parent: u64, caller: &str, data: &Data, operation: &str, time: (i64, i64)) -> u64 {
        let id = self.span(parent, Kind::Client, caller, operation, time);
        let texts = &mut self.fixture.context.texts;
        let peer = Peer {
            protocol: Protocol::Database,
            access: data.access,
            address: texts.intern(data.address),
            system: texts.intern(data.system),
            namespace: texts.intern(data.namespace),
            collection: texts.intern(data.collection),
            ..Peer::default()
        };
        let peer = self.fixture.context.add_peer(peer);
        self.at(id).peer = peer;
        id
    }

    /// A call of somebody who sends no telemetry, or whose span is missing.
    pub(super) fn outside(
        &mut self,
        parent: u64,
        (caller, callee): (&str, &str),
        operation: &str,
        time: (i64, i64),
    ) -> u64 {
        let id = self.span(parent, Kind::Client, caller, operation, time);
        let address = self.fixture.context.texts.intern(callee);
        let peer = Peer { protocol: Protocol::Http, service: address, address, ..Peer::default() };
        let peer = self.fixture.context.add_peer(peer);
        self.at(id).peer = peer;
        id
    }

    /// Makes a span run on this host.
    pub(super) fn run_on(&mut self, id: u64, host: &str) {
        let host = self.fixture.context.texts.intern(host);
        let known = self.at(id).resource;
        let resource = *self.fixture.context.resource(known);
        let resource = self.fixture.context.add_resource(Resource { host, ..resource });
        self.at(id).resource = resource;
    }

    /// A span that was written before.
    pub(super) fn at(&mut self, id: u64) -> &mut Span {
        &mut self.fixture.spans[id as usize - 1]
    }
}

/// What a query works on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data {
    pub(super) system: &'static str,
    pub(super) address: &'static str,
    pub(super) namespace: &'static str,
    pub(super) collection: &'static str,
    pub(super) access: Access,
}

/// Reads a table of PostgreSQL.
pub(super) const ROWS: Data =
    Data { system: "postgresql", address: "db", namespace: "shop", collection: "items", access: Access::Read };

/// Milliseconds as nanoseconds since the epoch, from the start of the first trace.
pub(super) fn at_ms(ms: i64) -> i64 {
    (START + ms) * MS
}
