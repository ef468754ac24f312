//! BREAKER: calls that are refused instead of sent. Breakers say so themselves, in rows of `breakers` or in the spans of
//! calls that they refused; else it is concluded from calls that fail too fast after calls that failed for real.

mod calls;
mod events;
mod inferred;
mod names_of;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use arrow::record_batch::RecordBatch;

use self::{
    calls::{Calls, Timeline},
    events::{EventLog, Events, Variety},
};
use crate::{
    analysed::{Analysed, MINUTE, minute_of},
    context::{Context, NodeId},
    findings::{
        Candidate, DEGRADED, Detector, Evaluation, Evidence, FindingKind, Method, Severity, Subject, Value,
        shared::{Additive, Exemplars, Lost, MIN_TRACES, PerMinute, Window, names, sql},
    },
    hops::HopKind,
    text::Text,
};

/// The most caller processes and callees a minute.
const MAX_KEYS: usize = 8192;
/// How far back calls are looked at, minutes.
const HORIZON: i64 = 30;
/// Refused calls within five minutes that show a breaker or a cap without any other sign.
const MIN_REFUSED: u64 = 5;
const RECENT: i64 = 5;
/// Openings within ten minutes that are called flapping.
const FLAPPING: usize = 4;
const FLAPPING_WINDOW: i64 = 10;
/// Times open that lie no further apart are one finding.
const MAX_PAUSE: i64 = 3 * MINUTE;

/// One process of a caller, and whom it calls: breakers belong to processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct CallerKey {
    caller: NodeId,
    callee: NodeId,
    instance: Text,
}

#[derive(Debug)]
pub(super) struct Breaker {
    calls: PerMinute<CallerKey, Calls>,
    log: EventLog,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { calls: PerMinute::new(MAX_KEYS), log: EventLog::default() }
    }
}

/// All that is known of the breakers between two ends.
#[derive(Debug, Default)]
struct Guard {
    variety: Option<Variety>,
    is_explicit: bool,
    /// When calls were refused, nanoseconds since the epoch.
    open: BTreeSet<(i64, i64)>,
    refused: u64,
    fallbacks: u64,
    lost: Lost,
    exemplars: Exemplars,
    traces: BTreeSet<u128>,
    /// Names of breakers.
    breakers: BTreeSet<String>,
}

/// Caller, callee, environment.
type Ends = (String, String, Option<String>);

impl Detector for Breaker {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        let mut affected = BTreeSet::new();
        for hop in &analysed.hops.hops {
            let is_call = !matches!(hop.kind, HopKind::Entry | HopKind::Publish | HopKind::Deliver);
            let (Some(parent), Some(client), true) = (hop.parent, hop.client, is_call) else { continue };
            let instance = analysed.resource(client).instance;
            let key = CallerKey { caller: hop.caller, callee: hop.callee, instance };
            for attempt in analysed.hops.attempts(hop) {
                let Some(calls) = self.calls.at(minute_of(attempt.start), key) else { continue };
                if !calls.count(analysed, attempt) {
                    continue;
                }
                let entry = analysed.entry(parent);
                calls.exemplars.see(analysed.trace.id, analysed.span(entry.span).duration(), true);
                if affected.insert((entry.span, key)) {
                    calls.lost.failed_or_slower(analysed, entry, DEGRADED);
                }
            }
        }
    }

    fn observe_breakers(&mut self, batch: &RecordBatch, context: &mut Context) {
        self.log.observe(batch, context);
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let mut guards: BTreeMap<Ends, Guard> = BTreeMap::new();
        self.hear_events(evaluation, &mut guards);
        self.judge_calls(evaluation, &mut guards);
        guards.into_iter().filter_map(|(ends, guard)| self.candidate(evaluation, &ends, &guard)).collect()
    }

    fn horizon(&self) -> i64 {
        HORIZON
    }

    fn forget_before(&mut self, minute: i64) {
        self.calls.forget_before(minute);
        self.log.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.calls.size() + self.log.size()
    }
}

impl Breaker {
    /// What breakers say themselves.
    fn hear_events(&self, evaluation: &Evaluation<'_>, guards: &mut BTreeMap<Ends, Guard>) {
        let (horizon, recent) = (Window::of(evaluation, HORIZON), Window::of(evaluation, RECENT));
        for (key, events) in self.log.breakers(horizon) {
            let mut open = self.log.open_intervals(recent, &key);
            let lately = self.log.sum(recent, &key);
            if lately.refused >= MIN_REFUSED {
                open.push((lately.refusals.first, lately.refusals.last));
            }
            if !open.iter().any(|open| is_within(*open, evaluation.minute)) {
                continue;
            }
            let Some(ends) = names_of::ends(evaluation, &key, |callee| self.stopped(evaluation, callee, &open)) else {
                continue;
            };
            let guard = guards.entry(ends).or_default();
            guard.add_events(evaluation, key.variety, key.breaker, &open, &events, &lately);
        }
    }

    /// What calls say: those that were refused, and those that look as if they were.
    fn judge_calls(&self, evaluation: &Evaluation<'_>, guards: &mut BTreeMap<Ends, Guard>) {
        let (horizon, recent) = (Window::of(evaluation, HORIZON), Window::of(evaluation, RECENT));
        let mut refused: BTreeMap<(NodeId, NodeId), u64> = BTreeMap::new();
        for (_, key, calls) in self.calls.each(recent) {
            *refused.entry((key.caller, key.callee)).or_default() += calls.refused;
        }
        let suspects = self.calls.minute(evaluation.minute).filter(|(_, calls)| calls.is_suspect());
        for (key, _) in suspects {
            let lately = self.calls.sum(recent, key);
            let has_said_so = refused.get(&(key.caller, key.callee)).is_some_and(|count| *count >= MIN_REFUSED);
            let mut open = Vec::new();
            if has_said_so {
                let minutes = self.calls.of_key(recent, key);
                let refusals = minutes.map(|(_, calls)| calls.refusals).filter(|refusals| !refusals.is_empty());
                open.extend(refusals.map(|refusals| (refusals.first, refusals.last)));
            }
            if let Some(fast) = self.calls.sum(horizon, key).fast_bin() {
                let minutes = self.calls.of_key(horizon, key);
                open.extend(inferred::open_intervals(&Timeline::of(horizon, fast, minutes)));
            }
            if !open.iter().any(|open| is_within(*open, evaluation.minute)) {
                continue;
            }
            let guard = guards.entry(names_of::ends_of_nodes(evaluation, key.caller, key.callee)).or_default();
            guard.variety.get_or_insert(Variety::Breaker);
            guard.is_explicit |= has_said_so;
            guard.open.extend(open);
            guard.refused = guard.refused.max(lately.refused);
            guard.lost.add(&lately.lost);
            guard.exemplars.add(&lately.exemplars);
        }
    }

    /// Whether calls between two nodes that were made before stopped while a breaker was open.
    fn stopped(&self, evaluation: &Evaluation<'_>, ends: (NodeId, NodeId), open: &[(i64, i64)]) -> bool {
        let Some(first) = open.iter().map(|(from, _)| *from).min() else { return false };
        let horizon = Window::of(evaluation, HORIZON);
        let between = self.calls.each(horizon).filter(|(_, key, _)| (key.caller, key.callee) == ends);
        let minutes = between.map(|(minute, _, calls)| (minute, calls));
        calls::stopped(&Timeline::of(horizon, 0, minutes), first, open)
    }

    fn candidate(&self, evaluation: &Evaluation<'_>, ends: &Ends, guard: &Guard) -> Option<Candidate> {
        let (caller, callee, environment) = ends;
        let variety = guard.variety?;
        if !guard.is_explicit && guard.exemplars.distinct() < MIN_TRACES {
            return None;
        }
        let recent = Window::of(evaluation, RECENT);
        let open = merged(&guard.open, recent.to);
        let open_share =
            open.iter().map(|open| overlap(*open, recent)).sum::<i64>() as f64 / (recent.to - recent.from) as f64;
        let (since, until) = run(&open, evaluation.minute)?;
        let named = evaluation.context.texts.find(environment.as_deref().unwrap_or_default()).unwrap_or_default();
        let requests = evaluation.demand.entries.total(recent, evaluation, named).requests;
        let mut examples = guard.exemplars.traces();
        examples.extend(guard.traces.iter().filter(|trace| !guard.exemplars.traces().contains(trace)));
        let evidence = Evidence {
            measure: open_share,
            threshold: 0.0,
            samples: (requests.effective() as u64).max(guard.refused),
            details: details(evaluation, guard, &open),
            examples,
            ..Evidence::default()
        };
        Some(Candidate {
            kind: FindingKind::Breaker,
            subkind: variety.subkind().or((!guard.is_explicit).then_some("inferred")),
            subject: Subject {
                text: format!("{caller} -> {callee}"),
                service: caller.clone(),
                target: Some(callee.clone()),
                operation: None,
                environment: environment.clone(),
            },
            method: if guard.is_explicit { Method::Explicit } else { Method::Inferred },
            harm: guard.lost.harm(&requests),
            completeness: 1.0,
            at_most: Severity::Critical,
            fires: true,
            since,
            until,
            evidence,
            sql: statement(guard, caller, Window { from: since.min(recent.from), to: recent.to }),
            remedy: remedy(variety, caller, callee),
        })
    }
}

impl Guard {
    fn add_events(
        &mut self,
        evaluation: &Evaluation<'_>,
        variety: Variety,
        breaker: Text,
        open: &[(i64, i64)],
        all: &Events,
        lately: &Events,
    ) {
        // A breaker is a stronger statement than a cap that is met, and that than a host that is left out.
        self.variety = Some(self.variety.map_or(variety, |known| known.min(variety)));
        self.is_explicit |= all.is_explicit;
        self.open.extend(open);
        self.refused = self.refused.max(lately.refused);
        self.fallbacks = self.fallbacks.max(lately.fallbacks);
        self.traces.extend(&lately.traces);
        self.breakers.extend(names::text(evaluation, breaker));
    }
}

/// Whether a time lies within the minute that begins at `minute`, at least in part.
fn is_within((from, to): (i64, i64), minute: i64) -> bool {
    from < minute + MINUTE && to >= minute
}

/// How much of a window lies between two times.
fn overlap((from, to): (i64, i64), window: Window) -> i64 {
    (to.min(window.to) - from.max(window.from)).max(0)
}

/// Times without overlap, in order, none beyond `end`.
fn merged(open: &BTreeSet<(i64, i64)>, end: i64) -> Vec<(i64, i64)> {
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (from, to) in open.iter().map(|(from, to)| (*from, (*to).min(end))) {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// The times that reach into the minute that begins at `minute`, with those shortly before them: from when to when.
fn run(open: &[(i64, i64)], minute: i64) -> Option<(i64, i64)> {
    let mut run: Option<(i64, i64)> = None;
    for one in open {
        match &mut run {
            Some((_, to)) if one.0 - *to <= MAX_PAUSE => *to = one.1,
            _ => run = Some(*one),
        }
    }
    run.filter(|run| is_within(*run, minute))
}

fn details(evaluation: &Evaluation<'_>, guard: &Guard, open: &[(i64, i64)]) -> Vec<(&'static str, Value)> {
    let shown = |(from, to): &(i64, i64)| vec![("from", Value::Time(*from)), ("to", Value::Time(*to))];
    let lately = Window::of(evaluation, FLAPPING_WINDOW);
    let openings = open.iter().filter(|(from, _)| *from >= lately.from).count();
    let mut details = vec![
        ("open", Value::Rows(open.iter().rev().take(20).rev().map(shown).collect())),
        ("refused", Value::Count(guard.refused)),
        ("fallbacks", Value::Count(guard.fallbacks)),
    ];
    if !guard.breakers.is_empty() {
        details.push(("breakers", Value::Texts(guard.breakers.iter().take(20).cloned().collect())));
    }
    if openings >= FLAPPING {
        details.push(("flapping", Value::Count(openings as u64)));
    }
    details
}

fn statement(guard: &Guard, caller: &str, window: Window) -> String {
    let service = sql::equals("service_name", caller);
    if guard.breakers.is_empty() && guard.traces.is_empty() {
        let columns = "start_time, trace_id, name, duration_ns, outcome, error_type, service_peer_name, server_address";
        let failed = "outcome NOT IN ('ok', 'client_fault')".to_owned();
        return sql::select(columns, "spans", window, &[service, "kind = 'CLIENT'".to_owned(), failed]);
    }
    sql::select("time, system, breaker, peer_service, event, basis, signal, detail", "breakers", window, &[service])
}

fn remedy(variety: Variety, caller: &str, callee: &str) -> String {
    match variety {
        Variety::Breaker => format!(
            "Find out why calls to {callee} fail, give {caller} a fallback, and fit the breaker's window and waiting time \
             to the traffic."
        ),
        Variety::Overflow => format!(
            "Find out why calls to {callee} pile up; raise the cap on concurrency only if {callee} has room for more."
        ),
        Variety::Ejection => {
            format!("Repair the hosts of {callee} that were taken out, and bound how many may be taken out at once.")
        }
    }
}
