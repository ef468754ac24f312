//! From what was found to a flow.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow::{
    array::{Array, AsArray},
    datatypes::Schema,
    record_batch::RecordBatch,
};

use super::{
    Flow, Gap, GapKind, LinkedFlow, Placed, RecordType, Summary, Tier,
    columns::Columns,
    gaps::{Gaps, absent_callees, missing_parents},
    join::{Traces, place_events, place_requests},
    order::depth_first,
    records::{NONE, Records},
    search::Found,
    spans::{SpanIds, cut_cycles, place_spans},
};

/// Linked flows that are named.
const MAX_LINKS: usize = 1000;

pub(super) fn assemble(found: &Found, senders: &BTreeSet<String>) -> Flow {
    let mut records = Records::read(found);
    let mut gaps = Gaps::default();
    let ids = SpanIds::of(&records, &mut gaps);
    place_spans(&mut records, &ids);
    cut_cycles(&mut records, &mut gaps);
    let span_parents: Vec<u32> = records.all[..records.spans.len()].iter().map(|span| span.parent).collect();
    let session = found.is_session.then(|| records.texts.intern(&found.id.correlation_id));
    let traces = Traces::of(&records, session);
    let of_trace = place_requests(&mut records, &ids, &traces);
    place_events(&mut records, &ids, &traces, &of_trace);
    cut_cycles(&mut records, &mut gaps);
    not_sampled(&records, &traces, &of_trace, &mut gaps);
    let incomplete = missing_parents(&records, &mut gaps) + absent_callees(&records, &span_parents, senders, &mut gaps);
    top_tiers(&mut records, found);

    let order = depth_first(&records);
    let mut positions = vec![NONE; records.all.len()];
    for (position, (index, _)) in order.iter().enumerate() {
        positions[*index as usize] = position as u32;
    }
    let summary = summary(found, &records, &positions, incomplete);
    let placed = order.into_iter().map(|(index, depth)| {
        let record = &records.all[index as usize];
        Placed {
            record_type: record.record_type,
            row: record.row,
            time: record.start,
            parent: (record.parent != NONE).then(|| positions[record.parent as usize]),
            depth,
            tier: record.tier,
            gaps: gaps.take(index),
        }
    });
    Flow { records: placed.collect(), summary }
}

fn not_sampled(records: &Records, traces: &Traces, of_trace: &[Option<(u32, Tier)>], gaps: &mut Gaps) {
    for (request, of_trace) in records.requests().zip(of_trace) {
        let trace = records.all[request].trace;
        let detail = match trace {
            0 if of_trace.is_some() => continue,
            0 => "no span of the request is stored".to_owned(),
            trace if traces.has(trace) => continue,
            trace => format!("no span of trace {trace:032x} is stored"),
        };
        gaps.add(request as u32, Gap { kind: GapKind::NotSampled, detail });
    }
}

/// What stands on top is joined to the flow as such.
fn top_tiers(records: &mut Records, found: &Found) {
    let main = found.id.trace_id.filter(|trace| records.all.iter().any(|record| record.trace == *trace));
    let main = main.or_else(|| records.all.first().map(|record| record.trace)).unwrap_or(0);
    for record in records.all.iter_mut().filter(|record| record.parent == NONE) {
        record.tier = match record.record_type {
            _ if record.trace != main || main == 0 => Tier::Correlation,
            RecordType::Span => Tier::Span,
            _ => Tier::Trace,
        };
    }
}

fn summary(found: &Found, records: &Records, positions: &[u32], incomplete: u64) -> Summary {
    let timed = &records.all[..records.requests().end];
    let timed = if timed.is_empty() { &records.all[..] } else { timed };
    let mut counts: BTreeMap<RecordType, u64> =
        [RecordType::Span, RecordType::Request, RecordType::Log, RecordType::Breaker].map(|kind| (kind, 0)).into();
    let mut tiers: BTreeMap<Tier, u64> = [Tier::Span, Tier::Trace, Tier::Correlation].map(|tier| (tier, 0)).into();
    let mut services = BTreeSet::new();
    for record in &records.all {
        *counts.entry(record.record_type).or_default() += 1;
        *tiers.entry(record.tier).or_default() += 1;
        if !record.service.is_none() {
            services.insert(record.service);
        }
    }
    let spans = records.spans.len();
    Summary {
        id: found.id.text(),
        start: timed.iter().map(|record| record.start).min().unwrap_or(0),
        end: timed.iter().map(|record| record.end).max().unwrap_or(0),
        services: services.into_iter().map(|service| records.texts.get(service).to_owned()).collect(),
        completeness: if spans == 0 { 0.0 } else { (1.0 - incomplete as f64 / spans as f64).max(0.0) },
        gaps: flow_gaps(found, counts[&RecordType::Log]),
        records: counts,
        tiers,
        linked_flows: linked_flows(found, records, positions),
    }
}

fn flow_gaps(found: &Found, logs: u64) -> Vec<Gap> {
    let mut gaps = found.gaps.clone();
    let are_cut = gaps.iter().any(|gap| gap.kind == GapKind::RecordsCut);
    if logs == 0 && !are_cut {
        gaps.push(Gap { kind: GapKind::NoLogs, detail: "no log line of it is stored".to_owned() });
    }
    gaps
}

/// Links to traces of which no span is in the flow.
fn linked_flows(found: &Found, records: &Records, positions: &[u32]) -> Vec<LinkedFlow> {
    let spans = &records.all[..records.spans.len()];
    let own: BTreeSet<u128> = spans.iter().map(|span| span.trace).collect();
    let mut linked = BTreeSet::new();
    let Some(links) = Columns(&found.spans).list("links") else { return Vec::new() };
    for (index, span) in spans.iter().enumerate() {
        let row = span.row as usize;
        if links.is_null(row) || links.value_length(row) == 0 {
            continue;
        }
        let value = links.value(row);
        let Some(value) = value.as_struct_opt() else { continue };
        let schema = Arc::new(Schema::new(value.fields().clone()));
        let Ok(batch) = RecordBatch::try_new(schema, value.columns().to_vec()) else { continue };
        let (traces, ids) = (Columns(&batch).id("trace_id"), Columns(&batch).id("span_id"));
        for link in 0..batch.num_rows() {
            let (trace_id, span_id) = (traces.trace(link), ids.span(link));
            if trace_id != 0 && !own.contains(&trace_id) && linked.len() < MAX_LINKS {
                linked.insert(LinkedFlow { record: positions[index], trace_id, span_id });
            }
        }
    }
    linked.into_iter().collect()
}
