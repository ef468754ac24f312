//! Workers of a process and the requests that wait for one.

use std::collections::VecDeque;

use super::{
    core::{Engine, Event, FrameKey},
    frame::Frame,
};
use crate::{outcome::Fault, topology::InstanceId};

/// The workers of one process.
#[derive(Debug, Default)]
pub(super) struct Workers {
    busy: u32,
    /// In the order of arrival. Some may have given up meanwhile.
    waiting: VecDeque<FrameKey>,
}

impl Engine {
    /// Gives a request that has just arrived a worker, lets it wait for one, or turns it away.
    pub(super) fn seat(&mut self, key: FrameKey, mut frame: Frame) {
        let instance = frame.instance();
        let service = self.topology.service_of(instance);
        let (most, queue) = (service.health_at(self.now).workers, service.queue as usize);
        let workers = &mut self.workers[instance.index()];
        if workers.busy < most.max(1) {
            workers.busy += 1;
            frame.is_seated = true;
            self.proceed(key, frame);
        } else if workers.waiting.len() < queue {
            workers.waiting.push_back(key);
            self.frames.insert(key, frame);
        } else {
            let failure = frame.own_failure(Fault::Limited);
            self.finish(frame, Some(failure));
        }
    }

    /// How many requests a process handles.
    pub(super) fn busy(&self, instance: InstanceId) -> u32 {
        self.workers[instance.index()].busy
    }

    /// A worker is free for the next request that still waits.
    pub(super) fn unseat(&mut self, instance: InstanceId) {
        let most = self.topology.service_of(instance).health_at(self.now).workers.max(1);
        let workers = &mut self.workers[instance.index()];
        workers.busy -= 1;
        while workers.busy < most {
            let Some(next) = workers.waiting.pop_front() else { return };
            if let Some(frame) = self.frames.get_mut(&next) {
                frame.is_seated = true;
                workers.busy += 1;
                self.schedule.push(self.now, Event::Resume(next));
            }
        }
    }
}
