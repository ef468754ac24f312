//! From spans in any order to a [`Trace`].

use std::collections::HashMap;

use super::{NONE, Repairs, Trace};
use crate::{context::Context, span::Span};

impl Trace {
    /// The trace of these spans, which all have the same trace id. Whatever they are, in time linear in their number but
    /// for sorting them.
    pub fn build(mut spans: Vec<Span>, _context: &Context) -> Trace {
        spans.sort_by(|a, b| (a.start, b.end, a.span_id).cmp(&(b.start, a.end, b.span_id)));
        let by_id: HashMap<u64, u32> =
            spans.iter().enumerate().map(|(index, span)| (span.span_id, index as u32)).collect();
        let parents: Vec<u32> = spans.iter().map(|span| by_id.get(&span.parent_id).copied().unwrap_or(NONE)).collect();
        let (offsets, children) = children_of(&parents);
        let order = top_down(&parents, &offsets, &children);
        let mut serving = vec![NONE; spans.len()];
        for span in order.iter().map(|span| *span as usize) {
            let own = spans[span].kind.serves() || parents[span] == NONE;
            serving[span] = if own { span as u32 } else { serving[parents[span] as usize] };
        }
        let id = spans.first().map_or(0, |span| span.trace_id);
        Trace { id, spans, repairs: Repairs::default(), parents, offsets, children, order, serving }
    }
}

/// The children of each span, as ranges of one list.
fn children_of(parents: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut offsets = vec![0_u32; parents.len() + 1];
    for parent in parents.iter().filter(|parent| **parent != NONE) {
        offsets[*parent as usize + 1] += 1;
    }
    for index in 1..offsets.len() {
        offsets[index] += offsets[index - 1];
    }
    let mut next = offsets.clone();
    let mut children = vec![0; offsets.last().map_or(0, |count| *count as usize)];
    for (child, parent) in parents.iter().enumerate().filter(|(_, parent)| **parent != NONE) {
        let slot = &mut next[*parent as usize];
        children[*slot as usize] = child as u32;
        *slot += 1;
    }
    (offsets, children)
}

fn top_down(parents: &[u32], offsets: &[u32], children: &[u32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..parents.len() as u32).filter(|span| parents[*span as usize] == NONE).collect();
    let mut next = 0;
    while next < order.len() {
        let span = order[next] as usize;
        order.extend_from_slice(&children[offsets[span] as usize..offsets[span + 1] as usize]);
        next += 1;
    }
    order
}
