//! Queries to databases and caches.

use super::{
    core::{Engine, FrameKey},
    frame::{Failure, Frame},
    network::Passage,
    record::{Activity, Called, EdgeKind, Line, Node, Origin, SpanRecord, Work},
};
use crate::{
    outcome::Fault,
    topology::{OnFailure, Query},
};

impl Engine {
    pub(super) fn begin_query(&mut self, key: FrameKey, frame: &mut Frame, query: &Query) -> bool {
        let node = Node::Store(query.store);
        let fault = frame.opening.dice.chance(query.faults_per_million).then_some(Fault::Internal);
        let slow = i64::from(*self.topology.store(query.store).slow_percent.at(self.now));
        let runs = query.latency.draw(&mut frame.opening.dice) * slow / 100;
        frame.peer = Some(node);
        let there = self.passage((frame.service, node), &mut frame.opening.dice);
        let back = self.passage((frame.service, node), &mut frame.opening.dice);
        let (takes, fault) = if there.arrives && back.arrives {
            let waits = self.waits_for_lock(query, frame, there, runs);
            (there.delay + waits + runs + back.delay, fault)
        } else {
            (there.delay + back.delay, Some(Fault::Timeout))
        };
        self.pend(key, frame, Activity::Query { query: *query }, takes, query.timeout, fault)
    }

    /// How long a query waits for others that need the same lock.
    fn waits_for_lock(&mut self, query: &Query, frame: &mut Frame, there: Passage, runs: i64) -> i64 {
        let per_mille = *self.topology.store(query.store).locked_per_mille.at(self.now);
        if per_mille == 0 || !frame.opening.dice.chance(per_mille.saturating_mul(1_000)) {
            return 0;
        }
        let arrives = self.now + there.delay;
        let gives_up = self.now.saturating_add(query.timeout).min(frame.opening.deadline.unwrap_or(i64::MAX));
        let free = self.locks.entry(query.store).or_insert(arrives);
        let begins = arrives.max(*free);
        if begins < gives_up {
            *free = (begins + runs).min(gives_up);
        }
        begins - arrives
    }

    pub(super) fn query_over(&mut self, record: &SpanRecord, query: &Query, frame: FrameKey) -> Option<Failure> {
        let target = Node::Store(query.store);
        self.records.called.push(Called {
            source: self.topology.instance(record.instance).service,
            instance: record.instance,
            target,
            kind: EdgeKind::Data,
            start: record.start,
            end: record.end,
            attempts: 1,
            timeouts: u32::from(record.fault == Some(Fault::Timeout)),
            rejected: 0,
            fault: record.fault,
        });
        if let Some(frame) = self.frames.get_mut(&frame) {
            frame.database += record.end - record.start;
            let since = frame.abandoned.unwrap_or(record.end);
            frame.database_in_vain += (record.end - since.max(record.start)).max(0);
        }
        let fault = record.fault?;
        let is_optional = query.on_failure == OnFailure::GoOn;
        if let Some(frame) = self.frames.get_mut(&frame)
            && (is_optional || frame.has_fallback())
        {
            frame.absorbed += 1;
            frame.drag += self.now - frame.since;
            self.log(record.visit, record.span, record.instance, Line::WentOn { target, fault });
        }
        let origin = Origin { asked: Work::Query(*query), ..Origin::at_peer(target, fault) };
        (!is_optional).then_some(Failure { fault: fault.passed_on(), origin: Some(origin) })
    }
}
