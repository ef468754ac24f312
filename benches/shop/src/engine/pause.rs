//! Processes that stand still for a while.

use super::core::{Engine, Event};
use crate::topology::InstanceId;

impl Engine {
    /// Until when the process that an event happens in stands still, if it does.
    pub(super) fn waits_until(&self, event: &Event) -> Option<i64> {
        if !self.pauses {
            return None;
        }
        let instance = match event {
            Event::Arrival | Event::Ask(_) | Event::Poll(_) => return None,
            Event::Open(opening) => opening.instance,
            Event::Done(pending) => pending.instance(),
            Event::Resume(frame) | Event::Deadline(frame) => self.frames.get(frame)?.instance(),
            Event::Reply { call, .. }
            | Event::AttemptTimeout { call, .. }
            | Event::Retry(call)
            | Event::Hedge(call) => self.calls.get(call)?.instance(),
        };
        let pause = self.topology.service_of(instance).next_pause(instance, self.now)?;
        (pause.start <= self.now).then_some(pause.end)
    }

    /// How long a process stands still before it has computed for so long.
    pub(super) fn stands_still(&self, instance: InstanceId, computes: i64) -> i64 {
        if !self.pauses {
            return 0;
        }
        let service = self.topology.service_of(instance);
        let (mut time, mut left) = (self.now, computes);
        while let Some(pause) = service.next_pause(instance, time).filter(|pause| pause.start < time + left) {
            left -= (pause.start - time).max(0);
            time = pause.end;
        }
        time + left - self.now - computes
    }
}
