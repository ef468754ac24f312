//! What is missing.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    Gap, GapKind,
    records::{NONE, Records},
};
use crate::{span::Kind, text::Text};

/// Gaps by the index of their record.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    gaps: HashMap<u32, Vec<Gap>>,
}

impl Gaps {
    pub(super) fn add(&mut self, record: u32, gap: Gap) {
        self.gaps.entry(record).or_default().push(gap);
    }

    pub(super) fn take(&mut self, record: u32) -> Vec<Gap> {
        self.gaps.remove(&record).unwrap_or_default()
    }
}

/// Names spans and gateway records that stand on top although they have a parent; how many of them are spans.
pub(super) fn missing_parents(records: &Records, gaps: &mut Gaps) -> u64 {
    let mut spans = 0;
    for index in 0..records.requests().end {
        let record = &records.all[index];
        if record.parent != NONE || record.parent_span == 0 {
            continue;
        }
        let is_span = index < records.spans.len();
        let known = gaps.gaps.get(&(index as u32));
        if known.is_some_and(|gaps| gaps.iter().any(|gap| gap.kind == GapKind::Cycle)) {
            continue;
        }
        spans += u64::from(is_span);
        let detail = format!("span {:016x} is not stored", record.parent_span);
        gaps.add(index as u32, Gap { kind: GapKind::MissingParent, detail });
    }
    spans
}

/// Names the calls of services that are known to send spans and sent none; how many there are. `span_parents` are the
/// parents of spans among spans.
pub(super) fn absent_callees(
    records: &Records,
    span_parents: &[u32],
    senders: &BTreeSet<String>,
    gaps: &mut Gaps,
) -> u64 {
    let mut answered = vec![false; records.spans.len()];
    for (index, parent) in span_parents.iter().enumerate().filter(|(_, parent)| **parent != NONE) {
        // The inner of nested client spans is the one that calls.
        let kind = records.spans[index].kind;
        let nested = kind == Kind::Client && records.all[index].service == records.all[*parent as usize].service;
        answered[*parent as usize] |= kind.serves() || nested;
    }
    let own: HashSet<Text> = records.all[..records.spans.len()].iter().map(|span| span.service).collect();
    let mut absent = 0;
    for (index, part) in records.spans.iter().enumerate() {
        let sends = |callee: Text| own.contains(&callee) || senders.contains(records.texts.get(callee));
        if part.kind == Kind::Client
            && part.expects_spans
            && !answered[index]
            && !part.callee.is_none()
            && sends(part.callee)
        {
            absent += 1;
            let detail = format!("{} sends spans, but none of this call is stored", records.texts.get(part.callee));
            gaps.add(index as u32, Gap { kind: GapKind::AbsentCallee, detail });
        }
    }
    absent
}
