//! The event loop.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{
    arrivals::{Arrivals, Source, UserId},
    call::PendingCall,
    capacity::Workers,
    flow::Pending,
    frame::{Frame, Opening},
    guard::BreakerState,
    messages::{Inbox, Waiting},
    record::{Line, LogRecord, Node, Records, SpanRecord, Visit},
    schedule::Schedule,
};
use crate::{
    outcome::Fault,
    random::{Dice, mix},
    topology::{DataStoreId, InstanceId, Service, ServiceId, TopicId, Topology},
};

/// What a run of the simulation depends on, beside its topology.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EngineConfig {
    /// Decides everything that is random.
    pub seed: u64,
    /// Mean number of requests from outside per second; greater than zero.
    pub rate: f64,
    /// How they come.
    pub arrivals: Arrivals,
    /// Virtual time at which it begins, nanoseconds since the Unix epoch. It shifts all times and changes the ids of
    /// traces and spans, nothing else.
    pub start_time: i64,
}

/// The simulation.
#[derive(Debug)]
pub struct Engine {
    pub(super) topology: Arc<Topology>,
    pub(super) now: i64,
    pub(super) schedule: Schedule<Event>,
    pub(super) frames: HashMap<FrameKey, Frame>,
    pub(super) calls: HashMap<CallKey, PendingCall>,
    /// Next offset of each partition of each topic.
    pub(super) offsets: HashMap<(TopicId, u32), i64>,
    pub(super) inboxes: HashMap<Inbox, VecDeque<Waiting>>,
    /// By the index of the process.
    pub(super) workers: Vec<Workers>,
    /// By calling process and callee.
    pub(super) breakers: HashMap<(InstanceId, Node), BreakerState>,
    pub(super) under_way: HashMap<(InstanceId, Node), u32>,
    /// When the lock of a database that some queries need is free.
    pub(super) locks: HashMap<DataStoreId, i64>,
    /// Whether any process ever stands still.
    pub(super) pauses: bool,
    pub(super) records: Records,
    pub(super) source: Source,
    seed: u64,
    open: bool,
    /// When processes of which services crash, the latest first.
    crashes: Vec<(i64, ServiceId)>,
    flows: u64,
    keys: u64,
    id_key: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FrameKey(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CallKey(u64);

#[derive(Debug)]
pub(super) enum Event {
    /// Maybe a request from outside.
    Arrival,
    /// A user asks.
    Ask(UserId),
    /// A consumer takes messages.
    Poll(Inbox),
    /// A request or message reaches a service.
    Open(Box<Opening>),
    /// Own computing of a frame is over.
    Resume(FrameKey),
    /// A step with a span of its own is over.
    Done(Box<Pending>),
    /// The time that the caller of a frame has given it is over.
    Deadline(FrameKey),
    /// An answer reaches the caller.
    Reply { call: CallKey, attempt: u32, fault: Option<Fault> },
    /// A caller stops waiting.
    AttemptTimeout { call: CallKey, attempt: u32 },
    /// The pause before another attempt is over.
    Retry(CallKey),
    /// A call has taken so long that a second attempt is worth it.
    Hedge(CallKey),
}

impl Engine {
    /// A simulation at its beginning. A rate that is not a positive number counts as one request in 1000 seconds.
    pub fn new(topology: Arc<Topology>, config: EngineConfig) -> Self {
        let workers = std::iter::repeat_with(Workers::default).take(topology.instances().len()).collect();
        let crashes = crashes(&topology, config.start_time);
        let pauses = topology.services().iter().any(Service::pauses);
        let EngineConfig { seed, rate, arrivals, start_time } = config;
        let mut engine = Self {
            topology,
            now: start_time,
            schedule: Schedule::new(),
            frames: HashMap::new(),
            calls: HashMap::new(),
            offsets: HashMap::new(),
            inboxes: HashMap::new(),
            workers,
            breakers: HashMap::new(),
            under_way: HashMap::new(),
            locks: HashMap::new(),
            pauses,
            records: Records::default(),
            source: Source::new(arrivals, seed, rate, start_time),
            seed,
            open: true,
            crashes,
            flows: 0,
            keys: 0,
            id_key: mix(seed ^ mix(start_time as u64 | 1)),
        };
        engine.begin_arrivals();
        engine
    }

    /// When the next event happens; `None` when nothing is left to happen.
    pub fn next_time(&self) -> Option<i64> {
        self.schedule.next_time()
    }

    /// Lets the next event happen and returns what it reported; `None` when nothing is left.
    pub fn step(&mut self) -> Option<&Records> {
        self.records.clear();
        let (time, event) = self.schedule.pop()?;
        debug_assert!(time >= self.now, "virtual time runs backwards");
        while let Some((crash, service)) = self.crashes.pop_if(|(crash, _)| *crash <= time) {
            self.now = crash;
            self.crash(service);
        }
        self.now = time;
        self.happen(event);
        Some(&self.records)
    }

    /// Lets no further requests in. Those inside go on to their end.
    pub fn close(&mut self) {
        self.open = false;
        self.schedule.retain(|event| !matches!(event, Event::Ask(_)));
    }

    /// Lets an event happen, when its process does not stand still any more.
    pub(super) fn happen(&mut self, event: Event) {
        if let Some(until) = self.waits_until(&event) {
            self.schedule.push(until, event);
            return;
        }
        match event {
            Event::Arrival => self.arrive(),
            Event::Ask(user) => self.ask(user),
            Event::Poll(inbox) => self.poll(inbox),
            Event::Open(opening) => self.open_frame(*opening),
            Event::Resume(frame) => self.resume(frame, None),
            Event::Done(pending) => self.done(*pending),
            Event::Deadline(frame) => self.deadline(frame),
            Event::Reply { call, attempt, fault } => {
                self.attempt_over(call, attempt, fault, fault.is_none_or(Fault::is_answer));
            }
            Event::AttemptTimeout { call, attempt } => self.attempt_over(call, attempt, Some(Fault::Timeout), false),
            Event::Retry(call) => self.retry(call),
            Event::Hedge(call) => self.hedge(call),
        }
    }

    /// What runs in a process that crashes is lost.
    fn crash(&mut self, service: ServiceId) {
        let mut lost: Vec<FrameKey> = Vec::new();
        for (key, frame) in &self.frames {
            let instance = frame.instance();
            if self.topology.instance(instance).service == service
                && !self.topology.service(service).is_up(instance, self.now)
            {
                lost.push(*key);
            }
        }
        lost.sort_unstable();
        for key in lost {
            if let Some(mut frame) = self.frames.remove(&key) {
                frame.is_silent = true;
                let failure = frame.own_failure(Fault::Refused);
                self.finish(frame, Some(failure));
            }
        }
    }

    /// Whether requests are let in.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// The random numbers of another flow from outside.
    pub(super) fn flow_dice(&mut self) -> Dice {
        self.flows += 1;
        Dice::new(self.seed, self.flows)
    }

    pub(super) fn trace_id(&self, dice: &mut Dice) -> [u8; 16] {
        let number = u128::from(dice.number() ^ self.id_key) << 64 | u128::from(dice.nonzero());
        number.to_be_bytes()
    }

    pub(super) fn span_id(&self, dice: &mut Dice) -> u64 {
        (dice.number() ^ self.id_key).max(1)
    }

    /// Randomness for what a message leads to, drawn from the span that sent it.
    pub(super) fn consumer_dice(&self, sent_by: u64, consumer: u64) -> Dice {
        Dice::new(sent_by ^ self.id_key, consumer)
    }

    pub(super) fn pick_instance(&self, service: ServiceId, dice: &mut Dice) -> InstanceId {
        let instances = self.topology.service(service).instances_at(self.now);
        instances[dice.below(instances.len() as u64) as usize]
    }

    pub(super) fn frame_key(&mut self) -> FrameKey {
        self.keys += 1;
        FrameKey(self.keys)
    }

    pub(super) fn call_key(&mut self) -> CallKey {
        self.keys += 1;
        CallKey(self.keys)
    }

    /// Reports a span, unless its process keeps it to itself.
    pub(super) fn emit(&mut self, is_silent: bool, span: SpanRecord) {
        if !is_silent {
            self.records.spans.push(span);
        }
    }

    pub(super) fn log(&mut self, visit: Visit, span: u64, instance: InstanceId, line: Line) {
        self.records.logs.push(LogRecord { visit, span, instance, time: self.now, line });
    }
}

/// When processes crash from `start` on, and of which services; the latest first.
fn crashes(topology: &Topology, start: i64) -> Vec<(i64, ServiceId)> {
    let mut crashes = Vec::new();
    for id in topology.service_ids() {
        let changes = topology.service(id).health_changes();
        crashes
            .extend(changes.filter(|(time, health)| *time >= start && health.crashed > 0).map(|(time, _)| (time, id)));
    }
    crashes.sort_unstable_by(|one, other| other.cmp(one));
    crashes
}
