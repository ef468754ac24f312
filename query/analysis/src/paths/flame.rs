//! The critical path by calling context, for flame graphs.

use std::collections::HashMap;

use super::Paths;
use crate::{context::Context, span::ServiceId, text::Text, trace::Trace};

/// An operation below others that led to it. Equal calls below the same frame are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Index of the frame above, which comes earlier; `None` for the first.
    pub parent: Option<u32>,
    pub service: ServiceId,
    pub operation: Text,
    /// Of the request's duration, without the frames below.
    pub exclusive_ns: i64,
}

impl Paths {
    /// The frames of the critical path of the request that begins with `root`, which is the first of them.
    pub fn frames(&self, trace: &Trace, context: &Context, root: usize) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut numbers: HashMap<(Option<u32>, ServiceId, Text), u32> = HashMap::new();
        let mut frame_of: HashMap<usize, u32> = HashMap::new();
        for span in self.on_path(trace, root) {
            let found = &trace.spans[span];
            let parent = trace.parent(span).and_then(|parent| frame_of.get(&parent).copied());
            let service = context.resource(found.resource).service;
            let number = *numbers.entry((parent, service, found.operation)).or_insert_with(|| {
                frames.push(Frame { parent, service, operation: found.operation, exclusive_ns: 0 });
                frames.len() as u32 - 1
            });
            frames[number as usize].exclusive_ns += self.exclusive[span];
            frame_of.insert(span, number);
        }
        frames
    }

    /// The spans on the critical path below `root` and those that led to them, parents first.
    fn on_path(&self, trace: &Trace, root: usize) -> Vec<usize> {
        let mut wanted = vec![false; trace.len()];
        for segment in self.segments_of(root) {
            let mut span = segment.span as usize;
            while !wanted[span] {
                wanted[span] = true;
                let Some(parent) = trace.parent(span) else { break };
                span = parent;
            }
        }
        trace.order().filter(|span| wanted[*span]).collect()
    }
}
