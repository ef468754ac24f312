//! How a request or message is handled, step by step.

use std::sync::Arc;

use super::{
    call::Returned,
    core::{CallKey, Engine, Event, FrameKey},
    frame::{Answer, Failure, Frame, Opening, Running},
    record::{Activity, Called, EdgeKind, EntryEnded, Handled, Line, Node, Origin, SpanRecord, Wasted},
    waiting::Shares,
};
use crate::{
    outcome::Fault,
    random::{Dice, Latency},
    topology::{Call, InstanceId, Step},
};

/// A step with a span of its own, under way.
#[derive(Debug)]
pub(super) struct Pending {
    frame: FrameKey,
    is_silent: bool,
    record: SpanRecord,
}

impl Pending {
    /// The process it happens in.
    pub(super) fn instance(&self) -> InstanceId {
        self.record.instance
    }
}

enum Progress {
    Blocked,
    Finished(Option<Failure>),
}

impl Engine {
    /// A request or message arrives. One that arrives after its deadline is not looked at.
    pub(super) fn open_frame(&mut self, mut opening: Opening) {
        if opening.deadline.is_some_and(|deadline| deadline <= self.now) {
            return;
        }
        let topology = Arc::clone(&self.topology);
        let operation = topology.operation(opening.operation);
        let health = topology.service(operation.service).health_at(self.now);
        let span = self.span_id(&mut opening.dice);
        let planned = draw_fault(operation.faults, &mut opening.dice);
        let key = self.frame_key();
        if let Some(deadline) = opening.deadline {
            self.schedule.push(deadline, Event::Deadline(key));
        }
        let is_expected = opening.reply.is_none_or(|reply| self.attempt_arrived(reply, key));
        let frame = Frame {
            service: operation.service,
            span,
            start: self.now,
            since: self.now,
            peer: None,
            calls: Vec::new(),
            shares: Shares::default(),
            cursor: vec![Running::new(operation.script_at(self.now))],
            begun: 0,
            planned,
            breaks: health.fails_per_million > 0 && opening.dice.chance(health.fails_per_million),
            failure: None,
            absorbed: 0,
            drag: 0,
            is_seated: false,
            is_silent: health.silent_per_mille > 0 && opening.dice.chance(health.silent_per_mille * 1_000),
            is_cancelled: false,
            abandoned: (opening.is_in_vain || !is_expected).then_some(self.now),
            database: 0,
            database_in_vain: 0,
            opening,
        };
        self.seat(key, frame);
    }

    /// Goes on with a frame after a step, which may have failed it.
    pub(super) fn resume(&mut self, key: FrameKey, failure: Option<Failure>) {
        let Some(mut frame) = self.frames.remove(&key) else { return };
        frame.failure = frame.failure.or(failure);
        frame.has_waited(self.now, &Shares::default(), frame.peer);
        self.proceed(key, frame);
    }

    /// One of the calls that a frame waits for is over. The last one lets it go on.
    pub(super) fn call_returned(&mut self, call: CallKey, key: FrameKey, returned: &Returned) {
        let Some(frame) = self.frames.get_mut(&key) else { return };
        frame.failure = frame.failure.or(returned.failure);
        frame.absorbed += returned.absorbed;
        frame.calls.retain(|waiting| *waiting != call);
        if !frame.calls.is_empty() {
            return;
        }
        frame.drag += if returned.is_absorbed { self.now - frame.since } else { returned.drag };
        frame.has_waited(self.now, &returned.shares, Some(returned.peer));
        if let Some(frame) = self.frames.remove(&key) {
            self.proceed(key, frame);
        }
    }

    pub(super) fn is_working(&self, key: FrameKey) -> bool {
        self.frames.contains_key(&key)
    }

    /// Whether nobody waits for a frame any more.
    pub(super) fn is_abandoned(&self, key: FrameKey) -> bool {
        self.frames.get(&key).is_some_and(|frame| frame.abandoned.is_some())
    }

    /// Nobody waits for a frame any more. It only learns about it if it is told; then it, and what it called, stops
    /// before its next step.
    pub(super) fn abandon(&mut self, key: FrameKey, tell: bool) {
        if let Some(frame) = self.frames.get_mut(&key) {
            frame.abandoned.get_or_insert(self.now);
        }
        let mut told = if tell { vec![key] } else { Vec::new() };
        while let Some(key) = told.pop() {
            let Some(frame) = self.frames.get_mut(&key) else { continue };
            frame.is_cancelled = true;
            for call in &frame.calls {
                let open = self.calls.get(call).map(|call| call.open.as_slice()).unwrap_or_default();
                told.extend(open.iter().filter_map(|attempt| attempt.frame));
            }
        }
    }

    pub(super) fn deadline(&mut self, key: FrameKey) {
        let shares = self.shares_so_far(key);
        if let Some(mut frame) = self.frames.remove(&key) {
            let node = Node::Service(frame.service);
            let origin = self.origin_of_timeout(node, &shares);
            frame.shares = shares;
            let origin = Some(Origin { hops: origin.hops.saturating_sub(1), ..origin });
            self.finish(frame, Some(Failure { fault: Fault::Timeout, origin }));
        }
    }

    /// A query, message or computation is over.
    pub(super) fn done(&mut self, pending: Pending) {
        let Pending { frame, is_silent, record } = pending;
        // Later than foreseen if the process stood still.
        let record = SpanRecord { end: self.now, ..record };
        let failure = match record.activity {
            Activity::Query { query } => self.query_over(&record, &query, frame),
            Activity::Publish { topic, partition, offset } if record.fault.is_none() => {
                self.deliver(&record, topic, partition, offset);
                None
            }
            _ => None,
        };
        self.emit(is_silent, record);
        self.resume(frame, failure);
    }

    pub(super) fn proceed(&mut self, key: FrameKey, mut frame: Frame) {
        match self.run(key, &mut frame) {
            Progress::Blocked => {
                self.frames.insert(key, frame);
            }
            Progress::Finished(failure) => self.finish(frame, failure),
        }
    }

    fn run(&mut self, key: FrameKey, frame: &mut Frame) -> Progress {
        loop {
            if frame.is_cancelled {
                return Progress::Finished(Some(Failure { fault: Fault::Cancelled, origin: None }));
            }
            let failure = frame.failure.take();
            if failure.is_some() && !frame.falls_back() {
                return Progress::Finished(failure);
            }
            let planned = frame.planned.map(|fault| frame.own_failure(fault));
            if frame.begun > 0 && planned.is_some() {
                return Progress::Finished(planned);
            }
            let Some(step) = frame.next_step() else {
                let breaks = frame.breaks.then(|| frame.own_failure(Fault::Internal));
                return Progress::Finished(planned.or(breaks));
            };
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
                let takes = self.computing(*latency, frame);
                self.schedule.push(self.now + takes, Event::Resume(key));
                true
            }
            Step::Internal { name, latency } => {
                let takes = self.computing(*latency, frame);
                self.pend(key, frame, Activity::Internal { name }, takes, i64::MAX, None)
            }
            Step::Query(query) => self.begin_query(key, frame, query),
            Step::Publish(topic) => {
                let activity = self.next_message(*topic, frame);
                let takes = self.topology.topic(*topic).acknowledge.draw(&mut frame.opening.dice);
                self.pend(key, frame, activity, takes, i64::MAX, None)
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
            Step::Fallback { steps, fallback } => frame.attempt(steps, fallback),
            Step::Say { event, body } => {
                let (visit, instance) = (frame.opening.visit, frame.opening.instance);
                self.log(visit, frame.span, instance, Line::Said { event, body });
                false
            }
        }
    }

    /// How long own computing takes, which stops while the process stands still.
    fn computing(&self, latency: Latency, frame: &mut Frame) -> i64 {
        let instance = frame.instance();
        let health = self.topology.service(frame.service).health_at(self.now);
        let others = i64::from(self.busy(instance).saturating_sub(1));
        let contended = i64::from(health.contention_percent) * others + 100;
        let percent = i64::from(health.slow_percent).saturating_mul(contended) / 100;
        let takes = latency.draw(&mut frame.opening.dice).saturating_mul(percent) / 100;
        takes + self.stands_still(instance, takes)
    }

    /// Begins a step with a span. It ends after `takes`, after `timeout` or at the frame's deadline, whichever comes
    /// first; the last two are timeouts.
    pub(super) fn pend(
        &mut self,
        key: FrameKey,
        frame: &mut Frame,
        activity: Activity,
        takes: i64,
        timeout: i64,
        fault: Option<Fault>,
    ) -> bool {
        let natural_end = self.now + takes;
        let limit = self.now.saturating_add(timeout).min(frame.opening.deadline.unwrap_or(i64::MAX));
        let (end, fault) = if natural_end > limit { (limit, Some(Fault::Timeout)) } else { (natural_end, fault) };
        let record = SpanRecord {
            visit: frame.opening.visit,
            span: self.span_id(&mut frame.opening.dice),
            parent: Some(frame.span),
            links: Vec::new(),
            instance: frame.opening.instance,
            start: self.now,
            end,
            fault,
            activity,
        };
        self.schedule.push(end, Event::Done(Box::new(Pending { frame: key, is_silent: frame.is_silent, record })));
        true
    }

    fn begin_calls(&mut self, key: FrameKey, frame: &mut Frame, calls: &[Call]) -> bool {
        for call in calls {
            let dice = frame.opening.dice.fork();
            let call = self.begin_call(key, frame.caller(), call, dice);
            frame.calls.push(call);
        }
        !calls.is_empty()
    }

    /// A frame is done: its worker is free, its caller gets the answer, and everything is written down.
    pub(super) fn finish(&mut self, mut frame: Frame, failure: Option<Failure>) {
        let (start, end) = (frame.start, self.now);
        // A message has nobody to blame for what is wrong with it.
        let is_message = !frame.opening.messages.is_empty();
        let fault = failure.map(|failure| failure.fault);
        let fault =
            fault.map(|fault| if is_message && !fault.outcome().is_failure() { Fault::Internal } else { fault });
        let Opening { visit, operation, instance, .. } = frame.opening;
        self.records.handled.push(Handled { operation, instance, start, end, database: frame.database, fault });
        if frame.is_worth_a_line(self, fault) {
            self.log(visit, frame.span, instance, Line::Handled { operation, fault, duration: end - start });
        }
        for message in &frame.opening.messages {
            self.records.called.push(Called {
                source: message.producer,
                instance: message.producer_instance,
                target: Node::Service(frame.service),
                kind: EdgeKind::Async,
                start,
                end,
                attempts: 1,
                timeouts: 0,
                rejected: 0,
                fault,
            });
        }
        if let Some(since) = frame.abandoned {
            let nanos = end - since.max(start);
            let database = frame.database_in_vain;
            self.records.wasted.push(Wasted { service: frame.service, start, nanos, database });
        }
        if frame.is_seated {
            self.unseat(instance);
        }
        self.answer(&mut frame, fault, failure.and_then(|failure| failure.origin));
        self.emit(frame.is_silent, frame.into_record(end, fault));
    }

    /// Answers whoever asked: another frame, or somebody outside.
    fn answer(&mut self, frame: &mut Frame, fault: Option<Fault>, origin: Option<Origin>) {
        let (start, end) = (frame.start, self.now);
        let origin = origin.filter(|_| fault.is_some_and(|fault| fault.outcome().is_failure()));
        let shares = std::mem::take(&mut frame.shares);
        let (absorbed, drag) = (frame.absorbed, frame.drag);
        if let Some(reply) = frame.opening.reply {
            let database = frame.database;
            self.attempt_answered(reply, Answer { fault, origin, start, end, shares, absorbed, drag, database });
        } else if frame.opening.messages.is_empty() {
            let (trace, operation) = (frame.opening.visit.trace, frame.opening.operation);
            let shares = shares.by_service();
            self.records.entries.push(EntryEnded {
                trace,
                operation,
                start,
                end,
                fault,
                origin,
                absorbed,
                drag,
                shares,
            });
            if let Some(user) = frame.opening.user {
                self.user_answered(user, fault);
            }
        }
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
