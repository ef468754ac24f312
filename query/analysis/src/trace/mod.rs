//! The spans of one trace as a forest.

mod build;
mod groups;
mod repair;
mod role;
#[cfg(test)]
mod tests;

pub(crate) use groups::Groups;
pub(crate) use role::Role;

use crate::span::{Kind, Span};

/// No span.
pub(crate) const NONE: u32 = u32::MAX;

/// What had to be repaired in a trace, as counts of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repairs {
    /// Copies that were left out.
    pub duplicates: u32,
    /// Server spans that had the id of their client span (Zipkin) and were given one of their own.
    pub shared_ids: u32,
    /// Other spans with the id of another span.
    pub id_clashes: u32,
    /// Spans that were made roots because their parent was below them.
    pub cycles: u32,
    /// Spans whose parent is not there.
    pub orphans: u32,
}

/// The spans of one trace, each once, and who is whose child. Several roots are usual: fragments whose parent is not
/// there stand beside the true root.
#[derive(Debug, Clone)]
pub struct Trace {
    pub id: u128,
    /// In order of start, then end (the later first), then id.
    pub spans: Vec<Span>,
    pub repairs: Repairs,
    /// The spans before they were repaired, where that changed some or left some out.
    as_came: Option<Vec<Span>>,
    /// Indices of the spans in the order of their ids.
    by_id: Vec<u32>,
    parents: Vec<u32>,
    children: Groups,
    roles: Vec<Role>,
    /// Parents before their children.
    order: Vec<u32>,
    /// The nearest span at or above each by which a request or message came into its process.
    serving: Vec<u32>,
}

impl Trace {
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub fn parent(&self, span: usize) -> Option<usize> {
        let parent = self.parents[span];
        (parent != NONE).then_some(parent as usize)
    }

    pub fn children(&self, span: usize) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + '_ {
        self.children.of(span).iter().map(|child| *child as usize)
    }

    /// All spans, parents before their children.
    pub fn order(&self) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + '_ {
        self.order.iter().map(|span| *span as usize)
    }

    /// Spans without a parent here, in order of start.
    pub fn roots(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(|span| self.parents[*span] == NONE)
    }

    /// Whether the span names a parent that is not there, or one below itself.
    pub fn is_orphan(&self, span: usize) -> bool {
        self.parents[span] == NONE && self.spans[span].parent_id != 0
    }

    /// The nearest span at or above `span` that serves, or its root: in whose name `span` works. Frameworks that write a
    /// server span below a server span of the same process serve once.
    pub fn serving(&self, span: usize) -> usize {
        self.serving[span] as usize
    }

    /// Whether requests are counted by this span: a request or message came into a service with it, of whichever kind it
    /// is, or it is a root of its trace.
    pub fn is_serving(&self, span: usize) -> bool {
        self.serving[span] as usize == span
    }

    /// The span with this id.
    pub fn find(&self, span_id: u64) -> Option<usize> {
        let id = |span: &u32| self.spans[*span as usize].span_id;
        let first = *self.by_id.get(self.by_id.partition_point(|span| id(span) < span_id))?;
        (id(&first) == span_id).then_some(first as usize)
    }

    pub(crate) fn role(&self, span: usize) -> Role {
        self.roles[span]
    }

    pub fn kind(&self, span: usize) -> Kind {
        self.spans[span].kind
    }

    /// The spans that the trace was built of, in some order.
    pub(crate) fn as_came(&self) -> &[Span] {
        self.as_came.as_deref().unwrap_or(&self.spans)
    }

    /// Bytes of memory held.
    pub fn size(&self) -> usize {
        let spans = self.spans.iter().chain(self.as_came.iter().flatten());
        spans.map(Span::size).sum::<usize>() + self.len() * 25
    }
}
