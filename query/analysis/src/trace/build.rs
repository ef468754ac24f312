//! From spans in any order to a [`Trace`].

use super::{
    Groups, NONE, Role, Trace,
    repair::{Repaired, cut_cycles, repair},
};
use crate::{
    context::Context,
    span::{Kind, Span},
};

impl Trace {
    /// The trace of these spans, which all have the same trace id. Whatever they are, in time linear in their number but
    /// for sorting them.
    pub fn build(mut spans: Vec<Span>, context: &Context) -> Trace {
        let Repaired { mut parents, by_id, mut repairs, as_came } = repair(&mut spans, context);
        let (mut children, mut order) = top_down(&parents);
        if order.len() < spans.len() {
            repairs.cycles = cut_cycles(&spans, &mut parents);
            (children, order) = top_down(&parents);
        }
        let gone = |(span, parent): &(&Span, &u32)| span.parent_id != 0 && **parent == NONE;
        repairs.orphans = (spans.iter().zip(&parents).filter(gone).count() as u32).saturating_sub(repairs.cycles);
        let mut trace = Trace {
            id: spans.first().map_or(0, |span| span.trace_id),
            roles: spans.iter().map(|span| Role::of(span, context.peer(span.peer))).collect(),
            serving: Vec::new(),
            spans,
            as_came,
            repairs,
            by_id,
            parents,
            children,
            order,
        };
        trace.judge_receivers(context);
        trace.serving = trace.find_serving(context);
        trace
    }

    /// A span that fetches messages handles them too if no other span does.
    fn judge_receivers(&mut self, context: &Context) {
        if !self.roles.contains(&Role::Receive) {
            return;
        }
        let service = |span: &Span| context.resource(span.resource).service;
        let mut handled = vec![false; self.len()];
        for span in self.order.iter().rev().map(|span| *span as usize) {
            let has_handler = matches!(self.roles[span], Role::Handle) || handled[span];
            if has_handler
                && let Some(parent) = self.parent(span)
                && service(&self.spans[parent]) == service(&self.spans[span])
            {
                handled[parent] = true;
            }
        }
        for (index, span) in self.spans.iter().enumerate() {
            let fetched = span.kind == Kind::Consumer || span.links.is_some() || span.messages > 0;
            if self.roles[index] == Role::Receive && fetched && !handled[index] {
                self.roles[index] = Role::Handle;
            }
        }
    }

    fn find_serving(&self, context: &Context) -> Vec<u32> {
        let mut serving = vec![NONE; self.len()];
        // Per span, the part of the nearest span at or above it in its process that is not local.
        let mut nearest = vec![Role::Local; self.len()];
        for span in self.order() {
            let Some(parent) = self.parent(span) else {
                serving[span] = span as u32;
                nearest[span] = self.roles[span];
                continue;
            };
            let (own, above) =
                (context.resource(self.spans[span].resource), context.resource(self.spans[parent].resource));
            let elsewhere = own.instance != above.instance && !own.instance.is_none() && !above.instance.is_none();
            let came_in = own.service != above.service
                || match self.roles[span] {
                    Role::Handle => true,
                    Role::Serve => elsewhere || matches!(nearest[parent], Role::Call | Role::Publish),
                    _ => false,
                };
            serving[span] = if came_in { span as u32 } else { serving[parent] };
            nearest[span] =
                if self.roles[span] == Role::Local && !came_in { nearest[parent] } else { self.roles[span] };
        }
        serving
    }
}

/// Who is whose child, and all spans that are below a root, parents before their children. Those of cycles are not.
fn top_down(parents: &[u32]) -> (Groups, Vec<u32>) {
    let children = Groups::by_owner(parents);
    let mut order = Vec::with_capacity(parents.len());
    order.extend((0..parents.len() as u32).filter(|span| parents[*span as usize] == NONE));
    let mut next = 0;
    while next < order.len() {
        order.extend_from_slice(children.of(order[next] as usize));
        next += 1;
    }
    (children, order)
}
