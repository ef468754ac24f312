//! What a process does to protect itself and others: circuit breakers and bulkheads.

use std::collections::VecDeque;

use super::{
    core::Engine,
    record::{BreakerChange, BreakerEvent, Line, Node, Visit},
};
use crate::{
    outcome::Fault,
    topology::{Breaker, Call, InstanceId, Window},
};

/// The breaker of one process before one node.
#[derive(Debug)]
pub(super) struct BreakerState {
    phase: Phase,
    /// When the latest attempts ended, and whether they failed; oldest first.
    window: VecDeque<(i64, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: i64 },
    HalfOpen { allowed: u32, succeeded: u32 },
}

/// The process that calls, and on whose behalf.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calling {
    pub(super) instance: InstanceId,
    pub(super) node: Node,
    pub(super) visit: Visit,
    pub(super) span: u64,
}

impl Engine {
    /// Why an attempt is not made, if it is not. One that is made has to be given back with [`Engine::release`].
    pub(super) fn admit(&mut self, call: &Call, calling: Calling) -> Option<Fault> {
        if let Some(breaker) = &call.breaker
            && !self.breaker_permits(breaker, calling)
        {
            return Some(Fault::NotPermitted);
        }
        let under_way = self.under_way.entry((calling.instance, calling.node)).or_default();
        if call.bulkhead.is_some_and(|most| *under_way >= most) {
            return Some(Fault::Bulkhead);
        }
        *under_way += 1;
        None
    }

    /// An attempt that was admitted is over.
    pub(super) fn release(&mut self, call: &Call, calling: Calling, fault: Option<Fault>) {
        if let Some(under_way) = self.under_way.get_mut(&(calling.instance, calling.node)) {
            *under_way = under_way.saturating_sub(1);
        }
        if let Some(breaker) = &call.breaker {
            self.breaker_counts(breaker, calling, fault.is_some_and(|fault| fault.outcome().is_failure()));
        }
    }

    fn breaker_permits(&mut self, breaker: &Breaker, calling: Calling) -> bool {
        let now = self.now;
        let key = (calling.instance, calling.node);
        let is_known = self.breakers.contains_key(&key);
        let state = self.breakers.entry(key).or_insert_with(BreakerState::closed);
        let (permits, change) = match &mut state.phase {
            Phase::Closed => (true, (!is_known).then_some(BreakerChange::Created)),
            Phase::Open { until } if now < *until => (false, Some(BreakerChange::Rejected)),
            Phase::Open { .. } => {
                state.phase = Phase::HalfOpen { allowed: breaker.half_open_calls.saturating_sub(1), succeeded: 0 };
                (true, Some(BreakerChange::HalfOpened))
            }
            Phase::HalfOpen { allowed: 0, .. } => (false, Some(BreakerChange::Rejected)),
            Phase::HalfOpen { allowed, .. } => {
                *allowed -= 1;
                (true, None)
            }
        };
        self.breaker_changed(calling, change);
        permits
    }

    fn breaker_counts(&mut self, breaker: &Breaker, calling: Calling, failed: bool) {
        let now = self.now;
        let until = now + breaker.wait;
        let Some(state) = self.breakers.get_mut(&(calling.instance, calling.node)) else { return };
        let change = match &mut state.phase {
            // The answer to an attempt from before it opened.
            Phase::Open { .. } => None,
            Phase::HalfOpen { .. } if failed => {
                state.phase = Phase::Open { until };
                Some(BreakerChange::Opened)
            }
            Phase::HalfOpen { succeeded, .. } => {
                *succeeded += 1;
                if *succeeded >= breaker.half_open_calls {
                    *state = BreakerState::closed();
                    Some(BreakerChange::Closed)
                } else {
                    None
                }
            }
            Phase::Closed => {
                state.window.push_back((now, failed));
                match breaker.window {
                    Window::Count(most) if state.window.len() > most as usize => drop(state.window.pop_front()),
                    Window::Count(_) => {}
                    Window::Time(length) => state.window.retain(|(ended, _)| *ended >= now.saturating_sub(length)),
                }
                let failures = state.window.iter().filter(|(_, failed)| *failed).count() as u32;
                let made = state.window.len() as u32;
                let opens = made >= breaker.min_calls && failures * 100 >= breaker.failure_percent * made;
                if opens {
                    *state = BreakerState { phase: Phase::Open { until }, window: VecDeque::new() };
                }
                opens.then_some(BreakerChange::Opened)
            }
        };
        self.breaker_changed(calling, change);
    }

    fn breaker_changed(&mut self, calling: Calling, change: Option<BreakerChange>) {
        let Some(change) = change else { return };
        let Calling { instance, node, visit, span } = calling;
        self.records.breakers.push(BreakerEvent { instance, target: node, time: self.now, change });
        if matches!(change, BreakerChange::Opened | BreakerChange::HalfOpened | BreakerChange::Closed) {
            self.log(visit, span, instance, Line::Breaker { target: node, change });
        }
    }
}

impl BreakerState {
    fn closed() -> Self {
        Self { phase: Phase::Closed, window: VecDeque::new() }
    }
}
