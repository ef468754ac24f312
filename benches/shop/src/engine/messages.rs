//! Messages on their way through topics.

use std::{collections::VecDeque, sync::Arc};

use super::{
    core::{Engine, Event},
    frame::{Frame, Message, Opening},
    record::{Activity, SpanRecord, SpanRef, Visit},
};
use crate::{
    random::Dice,
    topology::{Consumer, TopicId},
};

/// The stream of random numbers of batches: after those of messages that are handled by themselves.
const BATCHES: u64 = 1 << 32;

/// Where messages wait for a consumer that takes several at once: a partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Inbox {
    topic: TopicId,
    partition: u32,
    /// Position among the consumers of the topic.
    consumer: usize,
}

/// A message that waits, and the flow that it is part of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    visit: Visit,
    message: Message,
}

impl Engine {
    pub(super) fn next_message(&mut self, topic: TopicId, frame: &mut Frame) -> Activity {
        let partition = frame.opening.visit.order % self.topology.topic(topic).partitions.max(1);
        let next = self.offsets.entry((topic, partition)).or_insert(0);
        let offset = *next;
        *next += 1;
        Activity::Publish { topic, partition, offset }
    }

    /// Sends a published message to everybody who subscribed to its topic.
    pub(super) fn deliver(&mut self, sent: &SpanRecord, topic: TopicId, partition: u32, offset: i64) {
        let topology = Arc::clone(&self.topology);
        let message = Message {
            producer: topology.instance(sent.instance).service,
            producer_instance: sent.instance,
            sent_by: SpanRef { trace: sent.visit.trace, span: sent.span },
            partition,
            offset,
        };
        for (number, consumer) in topology.topic(topic).consumers().iter().enumerate() {
            if consumer.batch > 1 {
                let inbox = Inbox { topic, partition, consumer: number };
                self.put_in(inbox, consumer, Waiting { visit: sent.visit, message });
                continue;
            }
            let mut dice = self.consumer_dice(sent.span, number as u64 + 1);
            let mut visit = sent.visit;
            if consumer.own_trace {
                visit.trace = self.trace_id(&mut dice);
                self.records.traces += 1;
            }
            let lag = consumer.lag.draw(&mut dice);
            let parent = (!consumer.own_trace).then_some(sent.span);
            let opening = self.message_opening(consumer, visit, vec![message], parent, dice);
            self.schedule.push(self.now + lag, Event::Open(Box::new(opening)));
        }
    }

    fn put_in(&mut self, inbox: Inbox, consumer: &Consumer, message: Waiting) {
        let waiting = self.inboxes.entry(inbox).or_default();
        waiting.push_back(message);
        if waiting.len() == 1 {
            self.schedule_poll(inbox, consumer, &message.message);
        }
    }

    /// The next batch is taken when its first message has waited long enough.
    fn schedule_poll(&mut self, inbox: Inbox, consumer: &Consumer, first: &Message) {
        let lag = consumer.lag.draw(&mut self.consumer_dice(first.sent_by.span, BATCHES + inbox.consumer as u64));
        self.schedule.push(self.now + lag, Event::Poll(inbox));
    }

    /// A consumer takes what waits.
    pub(super) fn poll(&mut self, inbox: Inbox) {
        let topology = Arc::clone(&self.topology);
        let Some(consumer) = topology.topic(inbox.topic).consumers().get(inbox.consumer) else { return };
        let waiting: &mut VecDeque<Waiting> = self.inboxes.entry(inbox).or_default();
        let taken: Vec<Waiting> = waiting.drain(..waiting.len().min(consumer.batch as usize)).collect();
        if let Some(next) = waiting.front().copied() {
            self.schedule_poll(inbox, consumer, &next.message);
        }
        let Some(first) = taken.first() else { return };
        let mut dice = self.consumer_dice(first.message.sent_by.span, inbox.consumer as u64 + 1);
        let visit = Visit { trace: self.trace_id(&mut dice), ..first.visit };
        self.records.traces += 1;
        let messages = taken.iter().map(|waiting| waiting.message).collect();
        let opening = self.message_opening(consumer, visit, messages, None, dice);
        self.happen(Event::Open(Box::new(opening)));
    }

    fn message_opening(
        &self,
        consumer: &Consumer,
        visit: Visit,
        messages: Vec<Message>,
        parent: Option<u64>,
        mut dice: Dice,
    ) -> Opening {
        let operation = consumer.operation;
        let instance = self.pick_instance(self.topology.operation(operation).service, &mut dice);
        let mut opening = Opening::from_outside(visit, dice, operation, instance);
        if let Some(first) = messages.first() {
            opening.peer = self.topology.instance(first.producer_instance).address;
        }
        Opening { parent, messages, ..opening }
    }
}
