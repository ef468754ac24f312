//! Calls between services: attempts, timeouts, retries, hedges.

use std::sync::Arc;

use super::{
    core::{CallKey, Engine, Event, FrameKey},
    flow::draw_fault,
    frame::{Answer, Failure, Frame, Opening},
    guard::Calling,
    record::{Activity, Called, EdgeKind, Line, Node, Origin, SpanRecord, Visit, Wasted},
    waiting::Shares,
};
use crate::{
    outcome::Fault,
    random::{Dice, Latency},
    topology::{Call, Endpoint, InstanceId, OnFailure, OperationId, Target},
};

/// One way through the network.
const TRANSIT: Latency = Latency::micros(160, 900);
/// How long it takes to find out that a call is not permitted.
const TURNED_AWAY: Latency = Latency::micros(25, 110);
const REFUSED_PER_MILLION: u32 = 120;

/// Where an answer goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReplyTo {
    pub(super) call: CallKey,
    pub(super) attempt: u32,
    pub(super) transit: i64,
    /// Whether the answer arrives. If not, the connection is given up.
    pub(super) arrives: bool,
}

/// A request that its caller sends.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// How long it takes to get there, and how much of that it is lost.
    there: i64,
    lost: i64,
    deadline: i64,
    reply: ReplyTo,
}

/// What a call knows of the work that makes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) visit: Visit,
    pub(super) instance: InstanceId,
    pub(super) span: u64,
    pub(super) deadline: Option<i64>,
    pub(super) is_silent: bool,
    /// Whether nobody waited for that work any more when the call began.
    pub(super) is_in_vain: bool,
}

/// A logical call that is not over.
#[derive(Debug)]
pub(super) struct PendingCall {
    frame: FrameKey,
    caller: Caller,
    pub(super) call: Call,
    dice: Dice,
    start: i64,
    /// Attempts made so far.
    attempts: u32,
    /// Attempts under way; more than one with a hedge.
    pub(super) open: Vec<Attempt>,
    ended: Vec<Ended>,
}

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Attempt {
    number: u32,
    span: u64,
    start: i64,
    peer: Option<InstanceId>,
    is_admitted: bool,
    /// Whether packets get lost.
    is_delayed: bool,
    /// The request at the callee, once it has arrived.
    pub(super) frame: Option<FrameKey>,
    /// The callee's answer, which may still be on its way.
    pub(super) answer: Option<Box<Answer>>,
}

/// An attempt that is over.
#[derive(Debug)]
struct Ended {
    start: i64,
    end: i64,
    fault: Option<Fault>,
    was_answered: bool,
    shares: Shares,
}

/// How a call ended.
#[derive(Debug)]
struct Conclusion {
    fault: Option<Fault>,
    origin: Option<Origin>,
    absorbed: u32,
    drag: i64,
}

impl PendingCall {
    /// How the attempts that led up to `end` spent their time, without those that ran beside them.
    pub(super) fn ended_shares(&self, end: i64) -> Shares {
        let (mut shares, mut until) = (Shares::default(), end);
        for attempt in self.ended.iter().rev().filter(|attempt| attempt.shares.total() > 0) {
            if attempt.end <= until {
                shares.add_below(&attempt.shares, 0);
                until = attempt.start;
            }
        }
        shares
    }

    /// The process that calls.
    pub(super) fn instance(&self) -> InstanceId {
        self.caller.instance
    }

    fn calling(&self, node: Node, span: u64) -> Calling {
        Calling { instance: self.caller.instance, node, visit: self.caller.visit, span }
    }
}

impl Engine {
    pub(super) fn begin_call(&mut self, frame: FrameKey, caller: Caller, call: &Call, dice: Dice) -> CallKey {
        let key = self.call_key();
        let (start, open, ended) = (self.now, Vec::new(), Vec::new());
        let pending = PendingCall { frame, caller, call: *call, dice, start, attempts: 0, open, ended };
        if let Some(hedge) = call.hedge {
            self.schedule.push(self.now + hedge, Event::Hedge(key));
        }
        self.begin_attempt(key, pending);
        key
    }

    pub(super) fn retry(&mut self, key: CallKey) {
        let Some(pending) = self.calls.remove(&key) else { return };
        if self.is_working(pending.frame) {
            self.begin_attempt(key, pending);
        } else {
            self.conclude(key, pending, None);
        }
    }

    /// The first attempt takes long; another one is made beside it.
    pub(super) fn hedge(&mut self, key: CallKey) {
        let Some(pending) = self.calls.remove(&key) else { return };
        if pending.attempts == 1 && pending.open.len() == 1 && self.is_working(pending.frame) {
            self.begin_attempt(key, pending);
        } else {
            self.calls.insert(key, pending);
        }
    }

    /// An attempt got its answer or did not. Late answers of attempts that are over change nothing.
    pub(super) fn attempt_over(&mut self, key: CallKey, number: u32, fault: Option<Fault>, answered: bool) {
        let Some(mut pending) = self.calls.remove(&key) else { return };
        let Some(place) = pending.open.iter().position(|attempt| attempt.number == number) else {
            self.calls.insert(key, pending);
            return;
        };
        let attempt = pending.open.remove(place);
        let conclusion = self.end_attempt(&mut pending, &attempt, fault, answered);
        if fault.is_some() && !pending.open.is_empty() {
            // Its hedge may still get an answer.
            self.calls.insert(key, pending);
            return;
        }
        match self.pause_before_retry(&mut pending, &attempt, fault) {
            Some(pause) => {
                self.schedule.push(self.now + pause, Event::Retry(key));
                self.calls.insert(key, pending);
            }
            None => self.conclude(key, pending, Some(conclusion)),
        }
    }

    /// The request at the callee of an attempt has arrived. False if nobody waits for it any more.
    pub(super) fn attempt_arrived(&mut self, reply: ReplyTo, frame: FrameKey) -> bool {
        let Some(attempt) = self.open_attempt(reply) else { return false };
        attempt.frame = Some(frame);
        true
    }

    /// The callee of an attempt is done; its answer is on the way.
    pub(super) fn attempt_answered(&mut self, reply: ReplyTo, answer: Answer) {
        let fault = answer.fault;
        if let Some(attempt) = self.open_attempt(reply) {
            attempt.frame = None;
            attempt.answer = Some(Box::new(answer));
        }
        self.reply(reply, 0, fault);
    }

    fn open_attempt(&mut self, reply: ReplyTo) -> Option<&mut Attempt> {
        let pending = self.calls.get_mut(&reply.call)?;
        pending.open.iter_mut().find(|attempt| attempt.number == reply.attempt)
    }

    fn begin_attempt(&mut self, key: CallKey, mut pending: PendingCall) {
        pending.attempts += 1;
        let number = pending.attempts;
        let span = self.span_id(&mut pending.dice);
        let (there, back) = (TRANSIT.draw(&mut pending.dice), TRANSIT.draw(&mut pending.dice));
        let node = self.node(pending.call.target);
        let edge = (self.topology.instance(pending.caller.instance).service, node);
        let (request, answer) = (self.passage(edge, &mut pending.dice), self.passage(edge, &mut pending.dice));
        let (there, back) = (there + request.delay, back + answer.delay);
        let rejected = self.admit(&pending.call, pending.calling(node, span));
        let caller_deadline = pending.caller.deadline.unwrap_or(i64::MAX);
        let deadline = (self.now + pending.call.timeout).min(caller_deadline);
        let is_admitted = rejected.is_none();
        let mut attempt = Attempt {
            number,
            span,
            start: self.now,
            peer: None,
            is_admitted,
            is_delayed: request.delay + answer.delay > 0,
            frame: None,
            answer: None,
        };
        let reply = ReplyTo { call: key, attempt: number, transit: back, arrives: answer.arrives };
        if rejected.is_some() {
            let takes = TURNED_AWAY.draw(&mut pending.dice);
            self.reply(ReplyTo { transit: 0, arrives: true, ..reply }, takes, rejected);
        } else if !request.arrives {
            self.reply(ReplyTo { transit: 0, arrives: false, ..reply }, there, None);
        } else {
            self.dispatch(&mut pending, &mut attempt, Way { there, lost: request.delay, deadline, reply });
        }
        pending.open.push(attempt);
        self.schedule.push(deadline, Event::AttemptTimeout { call: key, attempt: number });
        self.calls.insert(key, pending);
    }

    /// Lets a request go to whom it is for.
    fn dispatch(&mut self, pending: &mut PendingCall, attempt: &mut Attempt, way: Way) {
        match pending.call.target {
            Target::Operation(_) if pending.dice.chance(REFUSED_PER_MILLION) => {
                self.reply(way.reply, way.there, Some(Fault::Refused));
            }
            Target::Operation(operation) => self.send(pending, attempt, operation, way),
            Target::External(external) => {
                let external = self.topology.external(external);
                let slow = i64::from(*external.slow_percent.at(self.now));
                let takes = external.latency.draw(&mut pending.dice) * slow / 100;
                let fault = draw_fault(external.faults, &mut pending.dice);
                self.reply(way.reply, way.lost + takes, fault);
            }
        }
    }

    /// Sends an attempt to one of the processes of the callee.
    fn send(&mut self, pending: &mut PendingCall, attempt: &mut Attempt, operation: OperationId, way: Way) {
        let Way { there, deadline, reply, .. } = way;
        let topology = Arc::clone(&self.topology);
        let (service, endpoint) = (topology.operation(operation).service, topology.operation(operation).endpoint);
        let instance = self.pick_instance(service, &mut pending.dice);
        let callee = topology.service(service);
        if callee.health_at(self.now).refuses || !callee.is_up(instance, self.now) {
            return self.reply(reply, there, Some(Fault::Refused));
        }
        attempt.peer = Some(instance);
        // A gRPC deadline travels with the request; an HTTP server does not learn that nobody waits any more.
        let travels = pending.call.propagates_deadline && matches!(endpoint, Endpoint::Rpc { .. });
        let opening = Opening {
            visit: pending.caller.visit,
            dice: pending.dice.fork(),
            operation,
            instance,
            parent: Some(attempt.span),
            peer: topology.instance(pending.caller.instance).address,
            deadline: travels.then_some(deadline),
            reply: Some(reply),
            messages: Vec::new(),
            user: None,
            is_in_vain: pending.caller.is_in_vain || self.is_abandoned(pending.frame),
        };
        self.schedule.push(self.now + there, Event::Open(Box::new(opening)));
    }

    fn reply(&mut self, to: ReplyTo, takes: i64, fault: Option<Fault>) {
        let ReplyTo { call, attempt, .. } = to;
        let event =
            if to.arrives { Event::Reply { call, attempt, fault } } else { Event::AttemptTimeout { call, attempt } };
        self.schedule.push(self.now + takes + to.transit, event);
    }

    /// Writes down an attempt that is over, and says how the call ends if there is no other one.
    fn end_attempt(
        &mut self,
        pending: &mut PendingCall,
        attempt: &Attempt,
        fault: Option<Fault>,
        answered: bool,
    ) -> Conclusion {
        let node = self.node(pending.call.target);
        self.emit(pending.caller.is_silent, pending.record(attempt, self.now, fault, answered));
        if attempt.is_admitted {
            self.release(&pending.call, pending.calling(node, attempt.span), fault);
        }
        let shares = match (&attempt.answer, attempt.frame) {
            (Some(answer), _) => answer.shares.clone(),
            (None, Some(frame)) => self.shares_so_far(frame),
            (None, None) => Shares::default(),
        };
        if let Some(frame) = attempt.frame {
            self.abandon(frame, pending.call.cancels);
        }
        let answer = attempt.answer.as_ref().filter(|_| answered);
        let origin = match (fault, answer) {
            (None, _) => None,
            (Some(_), Some(answer)) => answer.origin.map(Origin::one_hop_up),
            (Some(Fault::Timeout), None) if attempt.is_delayed => {
                Some(self.origin_of_delay(node, &shares, self.now - attempt.start))
            }
            (Some(Fault::Timeout), None) => Some(self.origin_of_timeout(node, &shares)),
            (Some(fault), None) => Some(Origin::at_peer(node, fault)),
        };
        let (absorbed, drag) = answer.map_or((0, 0), |answer| (answer.absorbed, answer.drag));
        pending.ended.push(Ended { start: attempt.start, end: self.now, fault, was_answered: answered, shares });
        Conclusion { fault, origin, absorbed, drag }
    }

    /// How long to wait before another attempt, if there shall be one.
    fn pause_before_retry(
        &mut self,
        pending: &mut PendingCall,
        attempt: &Attempt,
        fault: Option<Fault>,
    ) -> Option<i64> {
        let fault = fault.filter(|fault| pending.call.retries_on.contains(fault))?;
        if pending.attempts > pending.call.retries || !self.is_working(pending.frame) {
            return None;
        }
        let longest = pending.call.backoff << (attempt.number - 1).min(10);
        let pause = match pending.call.jitter_percent {
            0 => longest,
            percent => longest - pending.dice.below((longest * i64::from(percent) / 100).max(0) as u64) as i64,
        };
        if self.now + pause >= pending.caller.deadline.unwrap_or(i64::MAX) {
            return None;
        }
        if let Some(answer) = &attempt.answer
            && let Target::Operation(operation) = pending.call.target
        {
            let service = self.topology.operation(operation).service;
            let Answer { start, end, database, .. } = **answer;
            self.records.wasted.push(Wasted { service, start, nanos: end - start, database });
        }
        let line = Line::Retrying { target: self.node(pending.call.target), attempt: pending.attempts, fault };
        self.log(pending.caller.visit, attempt.span, pending.caller.instance, line);
        Some(pause)
    }

    /// A call is over. Without a conclusion it ended with its last attempt, and its caller has gone meanwhile.
    fn conclude(&mut self, key: CallKey, mut pending: PendingCall, conclusion: Option<Conclusion>) {
        let (last_end, last_fault) = pending.ended.last().map_or((self.now, None), |ended| (ended.end, ended.fault));
        let Conclusion { fault, origin, absorbed, drag } =
            conclusion.unwrap_or(Conclusion { fault: last_fault, origin: None, absorbed: 0, drag: 0 });
        let shares = pending.ended_shares(self.now);
        for attempt in std::mem::take(&mut pending.open) {
            self.end_attempt(&mut pending, &attempt, Some(Fault::Cancelled), false);
        }
        let ended_by = |faults: &[Fault]| {
            let is = |ended: &&Ended| ended.fault.is_some_and(|fault| faults.contains(&fault)) && !ended.was_answered;
            pending.ended.iter().filter(is).count() as u32
        };
        let timeouts = ended_by(&[Fault::Timeout]);
        let rejected = ended_by(&[Fault::NotPermitted, Fault::Bulkhead]);
        let PendingCall { frame, caller, call, start, attempts, .. } = pending;
        let target = self.node(call.target);
        self.records.called.push(Called {
            source: self.topology.instance(caller.instance).service,
            instance: caller.instance,
            target,
            kind: EdgeKind::Sync,
            start,
            end: last_end,
            attempts,
            timeouts,
            rejected,
            fault,
        });
        let failed = fault.is_some_and(|fault| fault.outcome().is_failure());
        let is_optional = call.on_failure == OnFailure::GoOn;
        let goes_on = is_optional || self.frames.get(&frame).is_some_and(Frame::has_fallback);
        if goes_on
            && let Some(fault) = fault
            && self.is_working(frame)
        {
            self.log(caller.visit, caller.span, caller.instance, Line::WentOn { target, fault });
        }
        let returned = Returned {
            failure: fault.filter(|_| !is_optional).map(|fault| Failure { fault: fault.passed_on(), origin }),
            shares,
            peer: target,
            absorbed: absorbed + u32::from(failed && goes_on),
            is_absorbed: failed && goes_on,
            drag,
        };
        self.call_returned(key, frame, &returned);
    }

    pub(super) fn node(&self, target: Target) -> Node {
        match target {
            Target::Operation(operation) => Node::Service(self.topology.operation(operation).service),
            Target::External(external) => Node::External(external),
        }
    }
}

/// What a frame gets back from a call.
#[derive(Debug)]
pub(super) struct Returned {
    pub(super) failure: Option<Failure>,
    pub(super) shares: Shares,
    pub(super) peer: Node,
    pub(super) absorbed: u32,
    /// Whether the call itself failed and the frame goes on all the same.
    pub(super) is_absorbed: bool,
    pub(super) drag: i64,
}

impl PendingCall {
    /// The span of an attempt that has just ended.
    fn record(&self, attempt: &Attempt, end: i64, fault: Option<Fault>, answered: bool) -> SpanRecord {
        SpanRecord {
            visit: self.caller.visit,
            span: attempt.span,
            parent: Some(self.caller.span),
            links: Vec::new(),
            instance: self.caller.instance,
            start: attempt.start,
            end,
            fault,
            activity: Activity::Call {
                target: self.call.target,
                peer: attempt.peer,
                answered,
                resend: attempt.number - 1,
            },
        }
    }
}
