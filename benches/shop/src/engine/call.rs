//! Calls between services: attempts, timeouts, retries.

use std::sync::Arc;

use super::{
    core::{CallKey, Engine, Event, FrameKey},
    flow::{Opening, draw_fault},
    record::{Activity, Called, EdgeKind, Line, Node, SpanRecord, Visit},
};
use crate::{
    outcome::Fault,
    random::{Dice, Latency},
    topology::{Call, Endpoint, InstanceId, OnFailure, Target},
};

/// One way through the network.
const TRANSIT: Latency = Latency::micros(160, 900);
const REFUSED_PER_MILLION: u32 = 120;

/// Where an answer goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReplyTo {
    pub(super) call: CallKey,
    pub(super) attempt: u32,
    pub(super) transit: i64,
}

/// What a call knows of the work that makes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) visit: Visit,
    pub(super) instance: InstanceId,
    pub(super) span: u64,
    pub(super) deadline: Option<i64>,
}

/// A logical call that is not over.
#[derive(Debug)]
pub(super) struct PendingCall {
    frame: FrameKey,
    caller: Caller,
    call: Call,
    dice: Dice,
    start: i64,
    attempts: u32,
    attempt: Attempt,
}

#[derive(Debug, Default)]
struct Attempt {
    span: u64,
    start: i64,
    end: i64,
    peer: Option<InstanceId>,
    fault: Option<Fault>,
}

impl Engine {
    pub(super) fn begin_call(&mut self, frame: FrameKey, caller: Caller, call: &Call, dice: Dice) {
        let pending =
            PendingCall { frame, caller, call: *call, dice, start: self.now, attempts: 0, attempt: Attempt::default() };
        let key = self.call_key();
        self.begin_attempt(key, pending);
    }

    pub(super) fn retry(&mut self, key: CallKey) {
        let Some(pending) = self.calls.remove(&key) else { return };
        if self.is_working(pending.frame) {
            self.begin_attempt(key, pending);
        } else {
            self.conclude(pending);
        }
    }

    /// An attempt got its answer or did not. Late answers of earlier attempts change nothing.
    pub(super) fn attempt_over(&mut self, key: CallKey, attempt: u32, fault: Option<Fault>, answered: bool) {
        let Some(mut pending) = self.calls.remove(&key) else { return };
        if pending.attempts != attempt || pending.attempt.end != i64::MAX {
            self.calls.insert(key, pending);
            return;
        }
        pending.attempt.end = self.now;
        pending.attempt.fault = fault;
        self.records.spans.push(pending.record(answered));
        match self.pause_before_retry(&pending) {
            Some(pause) => {
                self.schedule.push(self.now + pause, Event::Retry(key));
                self.calls.insert(key, pending);
            }
            None => self.conclude(pending),
        }
    }

    fn begin_attempt(&mut self, key: CallKey, mut pending: PendingCall) {
        pending.attempts += 1;
        let span = self.span_id(&mut pending.dice);
        pending.attempt = Attempt { span, start: self.now, end: i64::MAX, peer: None, fault: None };
        let caller_deadline = pending.caller.deadline.unwrap_or(i64::MAX);
        let deadline = (self.now + pending.call.timeout).min(caller_deadline);
        let (there, back) = (TRANSIT.draw(&mut pending.dice), TRANSIT.draw(&mut pending.dice));
        let reply = ReplyTo { call: key, attempt: pending.attempts, transit: back };
        match pending.call.target {
            Target::Operation(_) if pending.dice.chance(REFUSED_PER_MILLION) => {
                self.reply(reply, there, Some(Fault::Refused));
            }
            Target::Operation(operation) => {
                let topology = Arc::clone(&self.topology);
                let instance = self.pick_instance(topology.operation(operation).service, &mut pending.dice);
                pending.attempt.peer = Some(instance);
                // A gRPC deadline travels with the request; an HTTP server does not learn that nobody waits any more.
                let endpoint = topology.operation(operation).endpoint;
                let opening = Opening {
                    visit: pending.caller.visit,
                    dice: pending.dice.fork(),
                    operation,
                    instance,
                    parent: Some(span),
                    peer: topology.instance(pending.caller.instance).address,
                    deadline: matches!(endpoint, Endpoint::Rpc { .. }).then_some(deadline),
                    reply: Some(reply),
                    message: None,
                };
                self.schedule.push(self.now + there, Event::Open(Box::new(opening)));
            }
            Target::External(external) => {
                let external = self.topology.external(external);
                let takes = external.latency.draw(&mut pending.dice);
                let fault = draw_fault(external.faults, &mut pending.dice);
                self.reply(reply, takes, fault);
            }
        }
        self.schedule.push(deadline, Event::AttemptTimeout { call: key, attempt: pending.attempts });
        self.calls.insert(key, pending);
    }

    fn reply(&mut self, to: ReplyTo, takes: i64, fault: Option<Fault>) {
        let event = Event::Reply { call: to.call, attempt: to.attempt, fault };
        self.schedule.push(self.now + takes + to.transit, event);
    }

    /// How long to wait before another attempt, if there shall be one.
    fn pause_before_retry(&mut self, pending: &PendingCall) -> Option<i64> {
        let fault = pending.attempt.fault.filter(|fault| fault.is_retryable())?;
        if pending.attempts > pending.call.retries || !self.is_working(pending.frame) {
            return None;
        }
        let pause = pending.call.backoff << (pending.attempts - 1).min(10);
        if self.now + pause >= pending.caller.deadline.unwrap_or(i64::MAX) {
            return None;
        }
        let line = Line::Retrying { target: self.node(pending.call.target), attempt: pending.attempts, fault };
        self.log(pending.caller.visit, pending.attempt.span, pending.caller.instance, line);
        Some(pause)
    }

    fn conclude(&mut self, pending: PendingCall) {
        let PendingCall { frame, caller, call, start, attempts, attempt, .. } = pending;
        let target = self.node(call.target);
        self.records.called.push(Called {
            source: self.topology.instance(caller.instance).service,
            instance: caller.instance,
            target,
            kind: EdgeKind::Sync,
            start,
            end: attempt.end,
            attempts,
            fault: attempt.fault,
        });
        let failure = match (attempt.fault, call.on_failure) {
            (Some(fault), OnFailure::Fail) => Some(fault.passed_on()),
            (Some(fault), OnFailure::GoOn) => {
                if self.is_working(frame) {
                    self.log(caller.visit, caller.span, caller.instance, Line::WentOn { target, fault });
                }
                None
            }
            (None, _) => None,
        };
        self.call_returned(frame, failure);
    }

    fn node(&self, target: Target) -> Node {
        match target {
            Target::Operation(operation) => Node::Service(self.topology.operation(operation).service),
            Target::External(external) => Node::External(external),
        }
    }
}

impl PendingCall {
    /// The span of the attempt that has just ended.
    fn record(&self, answered: bool) -> SpanRecord {
        let Attempt { span, start, end, peer, fault } = self.attempt;
        SpanRecord {
            visit: self.caller.visit,
            span,
            parent: Some(self.caller.span),
            link: None,
            instance: self.caller.instance,
            start,
            end,
            fault,
            activity: Activity::Call { target: self.call.target, peer, answered, resend: self.attempts - 1 },
        }
    }
}
