//! A system of two services, and everything that happens in it.

use std::sync::Arc;

use spandrel_shop::{
    Outcome,
    engine::{Activity, Arrivals, Called, Engine, EngineConfig, EntryEnded, Handled, SpanRecord},
    topology::{Builder, Call, Endpoint, Language, Step, Target, Topology},
};

pub(crate) const MILLISECOND: i64 = 1_000_000;
pub(crate) const SECOND: i64 = 1_000 * MILLISECOND;
pub(crate) const START: i64 = 1_790_000_000 * SECOND;

/// Everything that happened in a stretch of time.
#[derive(Default)]
pub(crate) struct Happened {
    pub(crate) spans: Vec<SpanRecord>,
    pub(crate) handled: Vec<Handled>,
    pub(crate) called: Vec<Called>,
    pub(crate) entries: Vec<EntryEnded>,
    pub(crate) wasted: i64,
}

/// `front` calls `back` by HTTP or gRPC, one process each.
pub(crate) fn pair(steps: Vec<Step>, is_http: bool, policy: impl Fn(Call) -> Call) -> Topology {
    let mut builder = Builder::new(Some(1));
    let back = builder.service("back", "1", Language::Java, 1, 1);
    let endpoint =
        if is_http { Endpoint::Http { method: "GET", route: "/back" } } else { Endpoint::Rpc { method: "b.B/Back" } };
    let operation = builder.operation(back, endpoint, &[], steps);
    let front = builder.service("front", "1", Language::Java, 1, 1);
    let call = policy(Call::to(Target::Operation(operation), 60));
    let entry = Endpoint::Http { method: "GET", route: "/" };
    let entry = builder.operation(front, entry, &[], vec![Step::Call(call), Step::work(100, 200)]);
    builder.entry(entry, 1);
    builder.finish()
}

/// Lets requests come at a rate for so many seconds, and end.
pub(crate) fn run(topology: Topology, rate: f64, seconds: i64) -> Happened {
    run_with(Arrivals::Poisson, topology, rate, seconds)
}

/// The same for requests that come in another way.
pub(crate) fn run_with(arrivals: Arrivals, topology: Topology, rate: f64, seconds: i64) -> Happened {
    let config = EngineConfig { seed: 3, rate, arrivals, start_time: START };
    let mut engine = Engine::new(Arc::new(topology), config);
    let mut happened = Happened::default();
    let mut closed = false;
    while let Some(time) = engine.next_time() {
        if time > START + seconds * SECOND && !closed {
            engine.close();
            closed = true;
        }
        let Some(records) = engine.step() else { break };
        happened.spans.extend(records.spans.iter().cloned());
        happened.handled.extend(records.handled.iter().copied());
        happened.called.extend(records.called.iter().copied());
        happened.entries.extend(records.entries.iter().cloned());
        happened.wasted += records.wasted.iter().map(|wasted| wasted.nanos).sum::<i64>();
    }
    for entry in &happened.entries {
        assert_eq!(entry.shares.iter().map(|(_, nanos)| nanos).sum::<i64>(), entry.end - entry.start);
        assert_eq!(entry.origin.is_some(), Outcome::of(entry.fault).is_failure());
    }
    happened
}

/// Durations of requests of the called service in milliseconds, in order, with their outcomes.
pub(crate) fn served(happened: &Happened) -> Vec<(i64, Outcome)> {
    let serves = |span: &&SpanRecord| span.parent.is_some() && matches!(span.activity, Activity::Serve { .. });
    let spans = happened.spans.iter().filter(serves);
    let mut served: Vec<(i64, Outcome)> =
        spans.map(|span| ((span.end - span.start) / MILLISECOND, Outcome::of(span.fault))).collect();
    served.sort_unstable();
    served
}
