//! Loops of calls: the same is called again though the call before did not fail.

use super::{
    build::Builder,
    calls::{Place, TOLERANCE, is_another, needs_another},
    retries::{Key, asks_the_same, keys},
};
use crate::hash::{FastMap, FastSet};

/// The loops of a trace, found one parent after the other when asked for.
#[derive(Debug, Default)]
pub(super) struct Loops {
    parents: FastSet<u32>,
    /// The longest pause between a call that did not fail and the next, nanoseconds.
    pauses: FastMap<Key, i64>,
}

/// A call that another one may follow.
struct Before {
    end: i64,
    parameter: u64,
    failed: bool,
}

impl Loops {
    /// Whether a pause before a call with these keys is longer than all of the loop that the call may be of; so it is if
    /// there is no such loop.
    pub(super) fn is_unlike(&mut self, pause: i64, builder: &Builder<'_>, parent: u32, keys: &[Option<Key>]) -> bool {
        if self.parents.insert(parent) {
            self.find(builder, parent);
        }
        let longest = keys.iter().flatten().filter_map(|key| self.pauses.get(key)).max();
        longest.is_none_or(|longest| pause > longest.saturating_add(TOLERANCE))
    }

    /// Looks at all calls below a parent, in order of start.
    fn find(&mut self, builder: &Builder<'_>, parent: u32) {
        let mut before: FastMap<Key, Before> = FastMap::default();
        for call in builder.trace.children(parent as usize) {
            if builder.calls.place(call) != Place::Top {
                continue;
            }
            let span = &builder.trace.spans[call];
            let target = builder.calls.target(call, builder.trace, builder.context);
            let [with_service, as_said, ..] = keys(parent, span.operation, &target);
            for key in [with_service, as_said].into_iter().flatten() {
                let this = Before { end: span.end, parameter: span.parameter, failed: needs_another(span) };
                let Some(last) = before.insert(key, this) else { continue };
                let pause = span.start.saturating_sub(last.end);
                let goes_on = !last.failed && asks_the_same(last.parameter, span.parameter);
                if goes_on && !is_another(span) && pause >= -TOLERANCE {
                    let longest = self.pauses.entry(key).or_insert(pause);
                    *longest = pause.max(*longest);
                }
            }
        }
    }
}
