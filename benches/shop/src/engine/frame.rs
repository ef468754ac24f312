//! A service handling one request or message: what it is about, and how far it has come.

use std::{net::Ipv4Addr, sync::Arc};

use super::{
    arrivals::UserId,
    call::{Caller, ReplyTo},
    core::{CallKey, Engine},
    record::{Activity, Node, Origin, SpanRecord, SpanRef, Visit, Work},
    waiting::{Share, Shares},
};
use crate::{
    outcome::Fault,
    random::Dice,
    topology::{InstanceId, OperationId, Script, ServiceId, Step},
};

/// Share of successful requests that services other than the gateway write a line about.
const HANDLED_LINES_PER_MILLION: u32 = 200_000;

/// A request or message on its way to a service.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) visit: Visit,
    pub(super) dice: Dice,
    pub(super) operation: OperationId,
    pub(super) instance: InstanceId,
    pub(super) parent: Option<u64>,
    pub(super) peer: Ipv4Addr,
    pub(super) deadline: Option<i64>,
    pub(super) reply: Option<ReplyTo>,
    /// Those that are handled; none of a request.
    pub(super) messages: Vec<Message>,
    /// Who waits outside, if he asks anew only when he has the answer.
    pub(super) user: Option<UserId>,
    /// Whether whoever makes the request has nobody waiting for him.
    pub(super) is_in_vain: bool,
}

impl Opening {
    pub(super) fn from_outside(visit: Visit, dice: Dice, operation: OperationId, instance: InstanceId) -> Self {
        let peer = visit.address;
        let (parent, deadline, reply, messages, user) = (None, None, None, Vec::new(), None);
        Self { visit, dice, operation, instance, parent, peer, deadline, reply, messages, user, is_in_vain: false }
    }
}

/// Where a message came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    pub(super) producer: ServiceId,
    pub(super) producer_instance: InstanceId,
    pub(super) sent_by: SpanRef,
    pub(super) partition: u32,
    pub(super) offset: i64,
}

/// A script being run.
#[derive(Debug)]
pub(super) struct Running {
    script: Script,
    /// The index of its next step.
    next: usize,
    /// What to do instead when it fails.
    fallback: Option<Script>,
}

/// A request or message being handled.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) opening: Opening,
    pub(super) service: ServiceId,
    pub(super) span: u64,
    pub(super) start: i64,
    /// Since when the frame waits for whatever it waits for.
    pub(super) since: i64,
    /// Whom it waits for, unless it computes or waits for calls.
    pub(super) peer: Option<Node>,
    /// Calls not yet over.
    pub(super) calls: Vec<CallKey>,
    /// How the time until `since` was spent.
    pub(super) shares: Shares,
    /// Scripts being run, innermost last.
    pub(super) cursor: Vec<Running>,
    pub(super) begun: u32,
    /// What goes wrong by itself after the first step.
    pub(super) planned: Option<Fault>,
    /// Whether it goes wrong when all is done.
    pub(super) breaks: bool,
    /// What went wrong in a call or query.
    pub(super) failure: Option<Failure>,
    /// Failures inside that somebody went on without, and how long they were waited for.
    pub(super) absorbed: u32,
    pub(super) drag: i64,
    /// Whether it has a worker.
    pub(super) is_seated: bool,
    /// Whether its spans are kept back.
    pub(super) is_silent: bool,
    /// Whether it was told to stop.
    pub(super) is_cancelled: bool,
    /// Since when nobody waits for it.
    pub(super) abandoned: Option<i64>,
    /// Nanoseconds of its queries, and of these since nobody waits for it.
    pub(super) database: i64,
    pub(super) database_in_vain: i64,
}

/// What went wrong, and where it began if it counts as a failure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) origin: Option<Origin>,
}

/// What a caller gets to know, and the truth about it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) fault: Option<Fault>,
    pub(super) origin: Option<Origin>,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) shares: Shares,
    pub(super) absorbed: u32,
    pub(super) drag: i64,
    pub(super) database: i64,
}

impl Running {
    pub(super) fn new(script: &Script) -> Self {
        Self { script: Arc::clone(script), next: 0, fallback: None }
    }
}

impl Frame {
    pub(super) fn next_step(&mut self) -> Option<Step> {
        while let Some(running) = self.cursor.last_mut() {
            if let Some(step) = running.script.get(running.next) {
                running.next += 1;
                return Some(step.clone());
            }
            self.cursor.pop();
        }
        None
    }

    /// Whether there is something to do instead when what it does fails.
    pub(super) fn has_fallback(&self) -> bool {
        self.cursor.iter().any(|running| running.fallback.is_some())
    }

    /// Continues with what is to be done instead of the innermost steps that have a fallback, if there are any.
    pub(super) fn falls_back(&mut self) -> bool {
        while let Some(failed) = self.cursor.pop() {
            if let Some(fallback) = failed.fallback {
                self.cursor.push(Running::new(&fallback));
                return true;
            }
        }
        false
    }

    /// Continues with `steps`, so many times; nothing to wait for.
    pub(super) fn enter(&mut self, steps: &Script, times: u32) -> bool {
        for _ in 0..times {
            self.cursor.push(Running::new(steps));
        }
        false
    }

    /// Continues with `steps`, or with `fallback` when they fail; nothing to wait for.
    pub(super) fn attempt(&mut self, steps: &Script, fallback: &Script) -> bool {
        self.cursor.push(Running { fallback: Some(Arc::clone(fallback)), ..Running::new(steps) });
        false
    }

    pub(super) fn caller(&self) -> Caller {
        Caller {
            visit: self.opening.visit,
            instance: self.opening.instance,
            span: self.span,
            deadline: self.opening.deadline,
            is_silent: self.is_silent,
            is_in_vain: self.abandoned.is_some(),
        }
    }

    /// The process it runs in.
    pub(super) fn instance(&self) -> InstanceId {
        self.opening.instance
    }

    pub(super) fn work(&self) -> Work {
        Work::Operation(self.service, self.opening.operation)
    }

    /// A failure that begins here.
    pub(super) fn own_failure(&self, fault: Fault) -> Failure {
        let node = Node::Service(self.service);
        let origin = Origin { node, asked: self.work(), outcome: fault.outcome(), is_slow: false, hops: 0 };
        Failure { fault, origin: Some(origin) }
    }

    /// Accounts for the time since the last step ended: `below` was spent by whoever was called, the rest on waiting
    /// for `peer`, or on own work.
    pub(super) fn has_waited(&mut self, now: i64, below: &Shares, peer: Option<Node>) {
        let nanos = now - self.since - below.total();
        self.shares.add_below(below, 1);
        self.shares.add(Share { work: self.work(), peer, depth: 0, nanos });
        self.since = now;
        self.peer = None;
    }

    pub(super) fn is_worth_a_line(&mut self, engine: &Engine, fault: Option<Fault>) -> bool {
        let service = engine.topology.service_of(self.opening.instance);
        fault.is_some() || service.records_request_id || self.opening.dice.chance(HANDLED_LINES_PER_MILLION)
    }

    pub(super) fn into_record(self, end: i64, fault: Option<Fault>) -> SpanRecord {
        let Opening { visit, operation, instance, parent, peer, messages, .. } = self.opening;
        let activity = match messages.first() {
            Some(&Message { partition, offset, .. }) => Activity::Consume { operation, partition, offset },
            None => Activity::Serve { operation, peer },
        };
        let links = messages.into_iter().map(|message| message.sent_by).collect();
        SpanRecord { visit, span: self.span, parent, links, instance, start: self.start, end, fault, activity }
    }
}
