//! Requests with realistic traces, encoded once and sent many times with other ids and times.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use prost::Message;

use super::patch::{IdSource, Meaning, Patch, apply, locate};
use crate::{
    engine::{Arrivals, Engine, EngineConfig, Records},
    random::mix,
    telemetry::{RenderedSpan, group_spans, render_span},
    topology::{self, Topology},
};

/// Traces end up to this long before the request is sent.
const MAX_AGE_NANOS: u64 = 500_000_000;
const ENTRY_RATE: f64 = 50.0;
const START_TIME: i64 = 1_767_225_600_000_000_000;

/// An encoded request.
#[derive(Debug)]
pub struct Template {
    bytes: Vec<u8>,
    patches: Vec<Patch>,
    traces: Vec<u64>,
}

impl Template {
    /// The request as its `request`th sending, with times shortly before `now` (nanoseconds since the Unix epoch).
    pub fn fill(&self, ids: &IdSource, request: u64, now: i64) -> Bytes {
        let mut bytes = self.bytes.clone();
        apply(&self.patches, &mut bytes, ids, request, now);
        bytes.into()
    }

    /// How many spans it has.
    pub fn spans(&self) -> u64 {
        self.traces.iter().sum()
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Ids and span counts of its traces in its `request`th sending.
    pub fn trace_ids(&self, ids: &IdSource, request: u64) -> impl Iterator<Item = ([u8; 16], u64)> {
        self.traces.iter().enumerate().map(move |(number, spans)| (ids.trace_id(request, number as u16), *spans))
    }
}

/// `count` different requests with exactly `batch` spans each, of whole traces but for the last one in each request, of
/// which only the first spans are there.
pub fn build_templates(seed: u64, count: usize, batch: usize) -> Vec<Template> {
    let topology = Arc::new(topology::shop(None));
    let traces = simulate(&topology, seed, count * batch);
    // There are enough spans for all requests, so no request comes round to a trace that it has already.
    let mut supply = traces.iter().cycle();
    let packs = std::iter::repeat_with(|| pack(&mut supply, batch));
    packs.take(count).map(|traces| encode(&topology, seed, traces)).collect()
}

/// Complete traces with at least so many spans together. Parents stand before their children.
fn simulate(topology: &Arc<Topology>, seed: u64, spans: usize) -> Vec<Vec<RenderedSpan>> {
    let config = EngineConfig { seed, rate: ENTRY_RATE, arrivals: Arrivals::Poisson, start_time: START_TIME };
    let mut engine = Engine::new(Arc::clone(topology), config);
    let mut traces: Vec<Vec<RenderedSpan>> = Vec::new();
    let mut numbers = HashMap::new();
    let mut total = 0;
    while let Some(Records { spans: ended, .. }) = engine.step() {
        for record in ended {
            let number = *numbers.entry(record.visit.trace).or_insert(traces.len());
            if number == traces.len() {
                traces.push(Vec::new());
            }
            traces[number].push(render_span(topology, record));
            total += 1;
        }
        if total >= spans {
            engine.close();
        }
    }
    for trace in &mut traces {
        // Children end first, so of those that start together the last one is the outermost.
        let mut indexed: Vec<_> = std::mem::take(trace).into_iter().enumerate().collect();
        indexed.sort_by_key(|(index, rendered)| (rendered.span.start_time_unix_nano, Reverse(*index)));
        trace.extend(indexed.into_iter().map(|(_, rendered)| rendered));
    }
    traces
}

fn pack<'a>(supply: &mut impl Iterator<Item = &'a Vec<RenderedSpan>>, batch: usize) -> Vec<Vec<RenderedSpan>> {
    let mut traces = Vec::new();
    let mut room = batch;
    while room > 0
        && let Some(trace) = supply.next()
    {
        let taken = trace.len().min(room);
        traces.push(trace[..taken].to_vec());
        room -= taken;
    }
    traces
}

fn encode(topology: &Topology, seed: u64, traces: Vec<Vec<RenderedSpan>>) -> Template {
    let mut meaning = Meaning::default();
    let mut spans = Vec::new();
    let counts = traces.iter().map(|trace| trace.len() as u64).collect();
    for (number, trace) in traces.into_iter().enumerate() {
        let end = trace.iter().map(|rendered| rendered.span.end_time_unix_nano).max().unwrap_or(0);
        let age = mix(seed ^ spans.len() as u64) % MAX_AGE_NANOS;
        meaning.shifts.push(-((end + age) as i64));
        for rendered in &trace {
            meaning.traces.insert(rendered.span.trace_id.clone(), number as u16);
            let next = meaning.spans.len() as u16;
            meaning.spans.insert(rendered.span.span_id.clone(), next);
        }
        spans.extend(trace);
    }
    let ids: HashSet<Vec<u8>> = meaning.spans.keys().cloned().collect();
    for rendered in &mut spans {
        rendered.span.links.retain(|link| ids.contains(&link.span_id));
    }
    let bytes = group_spans(topology, spans).encode_to_vec();
    let patches = locate(&bytes, &meaning);
    Template { bytes, patches, traces: counts }
}
