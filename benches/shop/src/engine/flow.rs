//! Frames: a service handling one request or message, step by step.

use std::{net::Ipv4Addr, sync::Arc};

use super::{
    call::{Caller, ReplyTo},
    core::{Engine, Event, FrameKey},
    record::{Activity, Called, EdgeKind, Handled, Line, Node, SpanRecord, SpanRef, Visit},
};
use crate::{
    outcome::Fault,
    random::{Dice, Latency},
    topology::{Call, InstanceId, OnFailure, OperationId, Query, Script, ServiceId, Step, TopicId},
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
    pub(super) message: Option<Message>,
}

impl Opening {
    pub(super) fn from_outside(visit: Visit, dice: Dice, operation: OperationId, instance: InstanceId) -> Self {
        let peer = visit.address;
        Self { visit, dice, operation, instance, parent: None, peer, deadline: None, reply: None, message: None }
    }
}

/// Where a message came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    producer: ServiceId,
    producer_instance: InstanceId,
    sent_by: SpanRef,
    partition: u32,
    offset: i64,
}

/// A request or message being handled.
#[derive(Debug)]
pub(super) struct Frame {
    opening: Opening,
    span: u64,
    start: i64,
    /// Scripts being run, innermost last, each with the index of its next step.
    cursor: Vec<(Script, usize)>,
    begun: u32,
    /// Calls not yet over.
    waiting: u32,
    /// What goes wrong by itself after the first step.
    planned: Option<Fault>,
    /// What went wrong in a call or query.
    failure: Option<Fault>,
}

/// A step with a span of its own, under way.
#[derive(Debug)]
pub(super) struct Pending {
    frame: FrameKey,
    record: SpanRecord,
}

enum Progress {
    Blocked,
    Finished(Option<Fault>),
}

impl Engine {
    /// A request or message arrives. One that arrives after its deadline is not looked at.
    pub(super) fn open_frame(&mut self, mut opening: Opening) {
        if opening.deadline.is_some_and(|deadline| deadline <= self.now) {
            return;
        }
        let topology = Arc::clone(&self.topology);
        let operation = topology.operation(opening.operation);
        let span = self.span_id(&mut opening.dice);
        let planned = draw_fault(operation.faults, &mut opening.dice);
        let key = self.frame_key();
        if let Some(deadline) = opening.deadline {
            self.schedule.push(deadline, Event::Deadline(key));
        }
        let cursor = vec![(Arc::clone(&operation.script), 0)];
        let start = self.now;
        self.proceed(key, Frame { opening, span, start, cursor, begun: 0, waiting: 0, planned, failure: None });
    }

    /// Goes on with a frame after a step, which may have failed it.
    pub(super) fn resume(&mut self, key: FrameKey, failure: Option<Fault>) {
        let Some(mut frame) = self.frames.remove(&key) else { return };
        frame.failure = frame.failure.or(failure);
        self.proceed(key, frame);
    }

    /// One of the calls that a frame waits for is over.
    pub(super) fn call_returned(&mut self, key: FrameKey, failure: Option<Fault>) {
        let Some(frame) = self.frames.get_mut(&key) else { return };
        frame.failure = frame.failure.or(failure);
        frame.waiting -= 1;
        if frame.waiting == 0 {
            self.resume(key, None);
        }
    }

    pub(super) fn is_working(&self, key: FrameKey) -> bool {
        self.frames.contains_key(&key)
    }

    pub(super) fn deadline(&mut self, key: FrameKey) {
        if let Some(frame) = self.frames.remove(&key) {
            self.finish(frame, Some(Fault::Timeout));
        }
    }

    /// A query, message or computation is over.
    pub(super) fn done(&mut self, pending: Pending) {
        let Pending { frame, record } = pending;
        let failure = match record.activity {
            Activity::Query { query } => self.query_over(&record, &query, frame),
            Activity::Publish { topic, partition, offset } if record.fault.is_none() => {
                self.deliver(&record, topic, partition, offset);
                None
            }
            _ => None,
        };
        self.records.spans.push(record);
        self.resume(frame, failure);
    }

    fn proceed(&mut self, key: FrameKey, mut frame: Frame) {
        match self.run(key, &mut frame) {
            Progress::Blocked => {
                self.frames.insert(key, frame);
            }
            Progress::Finished(fault) => self.finish(frame, fault),
        }
    }

    fn run(&mut self, key: FrameKey, frame: &mut Frame) -> Progress {
        loop {
            if frame.failure.is_some() {
                return Progress::Finished(frame.failure);
            }
            if frame.begun > 0 && frame.planned.is_some() {
                return Progress::Finished(frame.planned);
            }
            let Some(step) = frame.next_step() else { return Progress::Finished(frame.planned) };
            frame.begun += 1;
            if self.begin(key, frame, &step) {
                return Progress::Blocked;
            }
        }
    }

    /// Begins a step; true if the frame has to wait for it.
    fn begin(&mut self, key: FrameKey, frame: &mut Frame, step: &Step) -> bool {
        match step {
            Step::Work(latency) => {
                let pause = latency.draw(&mut frame.opening.dice);
                self.schedule.push(self.now + pause, Event::Resume(key));
                true
            }
            Step::Internal { name, latency } => {
                self.pend(key, frame, Activity::Internal { name }, *latency, i64::MAX, None)
            }
            Step::Query(query) => {
                let fault = frame.opening.dice.chance(query.faults_per_million).then_some(Fault::Internal);
                self.pend(key, frame, Activity::Query { query: *query }, query.latency, query.timeout, fault)
            }
            Step::Publish(topic) => {
                let activity = self.next_message(*topic, frame);
                let acknowledge = self.topology.topic(*topic).acknowledge;
                self.pend(key, frame, activity, acknowledge, i64::MAX, None)
            }
            Step::Call(call) => self.begin_calls(key, frame, std::slice::from_ref(call)),
            Step::Together(calls) => self.begin_calls(key, frame, calls),
            Step::Sometimes { per_mille, steps } => {
                let times = u32::from(frame.opening.dice.chance(per_mille * 1_000));
                frame.enter(steps, times)
            }
            Step::Repeat { from, to, steps } => {
                let times = frame.opening.dice.between(*from, *to);
                frame.enter(steps, times)
            }
            Step::Say { event, body } => {
                let (visit, instance) = (frame.opening.visit, frame.opening.instance);
                self.log(visit, frame.span, instance, Line::Said { event, body });
                false
            }
        }
    }

    /// Begins a step with a span. It ends after `latency`, after `timeout` or at the frame's deadline, whichever comes
    /// first; the last two are timeouts.
    fn pend(
        &mut self,
        key: FrameKey,
        frame: &mut Frame,
        activity: Activity,
        latency: Latency,
        timeout: i64,
        fault: Option<Fault>,
    ) -> bool {
        let natural_end = self.now + latency.draw(&mut frame.opening.dice);
        let limit = self.now.saturating_add(timeout).min(frame.opening.deadline.unwrap_or(i64::MAX));
        let (end, fault) = if natural_end > limit { (limit, Some(Fault::Timeout)) } else { (natural_end, fault) };
        let record = SpanRecord {
            visit: frame.opening.visit,
            span: self.span_id(&mut frame.opening.dice),
            parent: Some(frame.span),
            link: None,
            instance: frame.opening.instance,
            start: self.now,
            end,
            fault,
            activity,
        };
        self.schedule.push(end, Event::Done(Box::new(Pending { frame: key, record })));
        true
    }

    fn begin_calls(&mut self, key: FrameKey, frame: &mut Frame, calls: &[Call]) -> bool {
        frame.waiting = calls.len() as u32;
        for call in calls {
            self.begin_call(key, frame.caller(), call, frame.opening.dice.fork());
        }
        !calls.is_empty()
    }

    fn query_over(&mut self, record: &SpanRecord, query: &Query, frame: FrameKey) -> Option<Fault> {
        let target = Node::Store(query.store);
        self.records.called.push(Called {
            source: self.topology.instance(record.instance).service,
            instance: record.instance,
            target,
            kind: EdgeKind::Data,
            start: record.start,
            end: record.end,
            attempts: 1,
            fault: record.fault,
        });
        let fault = record.fault?;
        if query.on_failure == OnFailure::Fail {
            return Some(fault.passed_on());
        }
        if self.is_working(frame) {
            self.log(record.visit, record.span, record.instance, Line::WentOn { target, fault });
        }
        None
    }

    fn next_message(&mut self, topic: TopicId, frame: &mut Frame) -> Activity {
        let partition = frame.opening.visit.order % self.topology.topic(topic).partitions.max(1);
        let next = self.offsets.entry((topic, partition)).or_insert(0);
        let offset = *next;
        *next += 1;
        Activity::Publish { topic, partition, offset }
    }

    /// Sends a published message to everybody who subscribed to its topic.
    fn deliver(&mut self, sent: &SpanRecord, topic: TopicId, partition: u32, offset: i64) {
        let topology = Arc::clone(&self.topology);
        let message = Message {
            producer: topology.instance(sent.instance).service,
            producer_instance: sent.instance,
            sent_by: SpanRef { trace: sent.visit.trace, span: sent.span },
            partition,
            offset,
        };
        for (number, consumer) in topology.topic(topic).consumers().iter().enumerate() {
            let mut dice = self.consumer_dice(sent.span, number as u64 + 1);
            let mut visit = sent.visit;
            if consumer.own_trace {
                visit.trace = self.trace_id(&mut dice);
                self.records.traces += 1;
            }
            let lag = consumer.lag.draw(&mut dice);
            let opening = Opening {
                visit,
                operation: consumer.operation,
                instance: self.pick_instance(topology.operation(consumer.operation).service, &mut dice),
                parent: (!consumer.own_trace).then_some(sent.span),
                peer: topology.instance(sent.instance).address,
                deadline: None,
                reply: None,
                message: Some(message),
                dice,
            };
            self.schedule.push(self.now + lag, Event::Open(Box::new(opening)));
        }
    }

    fn finish(&mut self, mut frame: Frame, fault: Option<Fault>) {
        let (start, end) = (frame.start, self.now);
        // A message has nobody to blame for what is wrong with it.
        let is_message = frame.opening.message.is_some();
        let fault =
            fault.map(|fault| if is_message && !fault.outcome().is_failure() { Fault::Internal } else { fault });
        let Opening { visit, operation, instance, .. } = frame.opening;
        self.records.handled.push(Handled { operation, instance, start, end, fault });
        if frame.is_worth_a_line(self, fault) {
            self.log(visit, frame.span, instance, Line::Handled { operation, fault, duration: end - start });
        }
        if let Some(message) = frame.opening.message {
            self.records.called.push(Called {
                source: message.producer,
                instance: message.producer_instance,
                target: Node::Service(self.topology.operation(operation).service),
                kind: EdgeKind::Async,
                start,
                end,
                attempts: 1,
                fault,
            });
        }
        if let Some(reply) = frame.opening.reply {
            self.schedule.push(end + reply.transit, Event::Reply { call: reply.call, attempt: reply.attempt, fault });
        }
        self.records.spans.push(frame.into_record(end, fault));
    }
}

impl Frame {
    fn next_step(&mut self) -> Option<Step> {
        while let Some((script, next)) = self.cursor.last_mut() {
            if let Some(step) = script.get(*next) {
                *next += 1;
                return Some(step.clone());
            }
            self.cursor.pop();
        }
        None
    }

    /// Continues with `steps`, so many times; nothing to wait for.
    fn enter(&mut self, steps: &Script, times: u32) -> bool {
        for _ in 0..times {
            self.cursor.push((Arc::clone(steps), 0));
        }
        false
    }

    fn caller(&self) -> Caller {
        Caller {
            visit: self.opening.visit,
            instance: self.opening.instance,
            span: self.span,
            deadline: self.opening.deadline,
        }
    }

    fn is_worth_a_line(&mut self, engine: &Engine, fault: Option<Fault>) -> bool {
        let service = engine.topology.service_of(self.opening.instance);
        fault.is_some() || service.records_request_id || self.opening.dice.chance(HANDLED_LINES_PER_MILLION)
    }

    fn into_record(self, end: i64, fault: Option<Fault>) -> SpanRecord {
        let Opening { visit, operation, instance, parent, peer, message, .. } = self.opening;
        let activity = match message {
            Some(Message { partition, offset, .. }) => Activity::Consume { operation, partition, offset },
            None => Activity::Serve { operation, peer },
        };
        let link = message.map(|message| message.sent_by);
        SpanRecord { visit, span: self.span, parent, link, instance, start: self.start, end, fault, activity }
    }
}

/// At most one of the faults, each with its probability in millionths.
pub(super) fn draw_fault(faults: &[(Fault, u32)], dice: &mut Dice) -> Option<Fault> {
    let mut left = dice.below(1_000_000);
    for &(fault, per_million) in faults {
        if left < u64::from(per_million) {
            return Some(fault);
        }
        left -= u64::from(per_million);
    }
    None
}
