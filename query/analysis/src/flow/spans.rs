//! Which span is under which, repaired: ids that client and server share, ids that clash, parents that are not there.

use std::collections::HashMap;

use super::{
    Gap, GapKind, Tier,
    gaps::Gaps,
    records::{NONE, Records},
};
use crate::span::Kind;

/// Who has a span id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) span: u32,
    /// The server's span where client and server have one id (Zipkin).
    server: u32,
}

/// Spans by trace id and span id.
#[derive(Debug, Default)]
pub(super) struct SpanIds {
    owners: HashMap<(u128, u64), Owner>,
}

impl SpanIds {
    /// The spans of `records`, of which those that are not the first with their id have `gaps`.
    pub(super) fn of(records: &Records, gaps: &mut Gaps) -> SpanIds {
        let mut owners: HashMap<(u128, u64), Owner> = HashMap::with_capacity(records.spans.len());
        for (index, part) in records.spans.iter().enumerate() {
            let record = &records.all[index];
            if record.span == 0 {
                continue;
            }
            let index = index as u32;
            let Some(owner) = owners.get_mut(&(record.trace, record.span)) else {
                owners.insert((record.trace, record.span), Owner { span: index, server: NONE });
                continue;
            };
            match (records.spans[owner.span as usize].kind, part.kind) {
                (Kind::Client, Kind::Server) if owner.server == NONE => owner.server = index,
                (Kind::Server, Kind::Client) if owner.server == NONE => {
                    *owner = Owner { span: index, server: owner.span };
                }
                _ => {
                    let detail = format!("another span has the id {:016x} as well", record.span);
                    gaps.add(index, Gap { kind: GapKind::IdClash, detail });
                }
            }
        }
        SpanIds { owners }
    }

    /// The span with this id; of two that share it, the server's for what the server's service does.
    pub(super) fn find(&self, records: &Records, trace: u128, span: u64, service: crate::text::Text) -> Option<u32> {
        let owner = self.owners.get(&(trace, span)).filter(|_| span != 0)?;
        let is_servers = owner.server != NONE && records.all[owner.server as usize].service == service;
        Some(if is_servers { owner.server } else { owner.span })
    }

    /// The span above `index`.
    fn parent(&self, records: &Records, index: usize) -> Option<u32> {
        let record = &records.all[index];
        let own = self.owners.get(&(record.trace, record.span)).filter(|_| record.span != 0);
        match own {
            Some(owner) if owner.server == index as u32 => Some(owner.span),
            _ => self.find(records, record.trace, record.parent_span, record.service),
        }
    }
}

/// Puts every span under its parent. Spans whose parent is not there stand on top.
pub(super) fn place_spans(records: &mut Records, ids: &SpanIds) {
    for index in 0..records.spans.len() {
        records.all[index].parent = ids.parent(records, index).unwrap_or(NONE);
        records.all[index].tier = Tier::Span;
    }
}

/// Takes records out from under their own descendants: of each cycle the record that starts first, then the one of the
/// smallest id, stands on top.
pub(super) fn cut_cycles(records: &mut Records, gaps: &mut Gaps) {
    const UNSEEN: u32 = 0;
    let mut walks = vec![UNSEEN; records.all.len()];
    for start in 0..records.all.len() {
        let walk = start as u32 + 1;
        let mut current = start;
        while walks[current] == UNSEEN {
            walks[current] = walk;
            match records.all[current].parent {
                NONE => break,
                parent => current = parent as usize,
            }
        }
        if walks[current] == walk && records.all[current].parent != NONE {
            cut(records, current, gaps);
        }
    }
}

/// `member` is on a cycle.
fn cut(records: &mut Records, member: usize, gaps: &mut Gaps) {
    let mut first = member;
    let mut current = records.all[member].parent as usize;
    while current != member {
        let key = |index: usize| (records.all[index].start, records.all[index].span, index);
        if key(current) < key(first) {
            first = current;
        }
        current = records.all[current].parent as usize;
    }
    records.all[first].parent = NONE;
    gaps.add(first as u32, Gap { kind: GapKind::Cycle, detail: "the record was above itself".to_owned() });
}
