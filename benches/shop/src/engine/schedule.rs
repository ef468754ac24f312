//! Future events in the order in which they happen.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

/// Events by time; those of the same time in the order in which they were put in.
#[derive(Debug)]
pub(super) struct Schedule<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    sequence: u64,
}

#[derive(Debug)]
struct Entry<E> {
    time: i64,
    sequence: u64,
    event: E,
}

impl<E> Schedule<E> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }

    pub(super) fn push(&mut self, time: i64, event: E) {
        self.heap.push(Reverse(Entry { time, sequence: self.sequence, event }));
        self.sequence += 1;
    }

    pub(super) fn pop(&mut self) -> Option<(i64, E)> {
        self.heap.pop().map(|Reverse(entry)| (entry.time, entry.event))
    }

    /// Takes out the events that are not to happen.
    pub(super) fn retain(&mut self, keep: impl Fn(&E) -> bool) {
        self.heap.retain(|Reverse(entry)| keep(&entry.event));
    }

    pub(super) fn next_time(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse(entry)| entry.time)
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.sequence).cmp(&(other.time, other.sequence))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_keep_their_order() {
        let mut schedule = Schedule::new();
        for (time, event) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b')] {
            schedule.push(time, event);
        }
        let order: String = std::iter::from_fn(|| schedule.pop()).map(|(_, event)| event).collect();
        assert_eq!(order, "abcd");
    }
}
