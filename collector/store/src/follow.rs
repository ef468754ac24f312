//! Rows as they become durable, for those who compute something of them.

use std::{collections::VecDeque, sync::Arc};

use arrow::{array::AsArray, compute::min, datatypes::Int64Type, record_batch::RecordBatch};
use parking_lot::Mutex;
use spandrel_proto::model::Table;
use tokio::sync::Notify;

use crate::hot::NewRows;

/// What a [`Follower`] is told.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// In the order in which they became durable.
    pub batches: Vec<(Table, RecordBatch)>,
    /// Rows that did not fit: the follower has fallen behind, and finds them in the tables only.
    pub missed: Option<Missed>,
}

/// Rows that a [`Follower`] was not told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    pub rows: u64,
    /// The earliest time of one of them.
    pub from: i64,
}

/// Sees every batch of some tables that is appended from its making on, as long as it keeps up.
#[derive(Debug)]
pub struct Follower {
    queue: Arc<Queue>,
}

impl Follower {
    /// Waits until there is something, and takes all of it. `None` when the store is closed and everything was taken.
    pub async fn next(&self) -> Option<Followed> {
        loop {
            let changed = self.queue.changed.notified();
            {
                let mut state = self.queue.state.lock();
                if !state.batches.is_empty() || state.missed.is_some() {
                    state.bytes = 0;
                    let batches = state.batches.drain(..).collect();
                    return Some(Followed { batches, missed: state.missed.take() });
                }
                if state.closed {
                    return None;
                }
            }
            changed.await;
        }
    }
}

/// All followers of a store.
#[derive(Debug, Default)]
pub(crate) struct Followers {
    queues: Mutex<Vec<Arc<Queue>>>,
}

impl Followers {
    pub(crate) fn add(&self, tables: &[Table], max_bytes: usize) -> Follower {
        let queue =
            Arc::new(Queue { tables: tables.to_vec(), max_bytes, state: Mutex::default(), changed: Notify::new() });
        self.queues.lock().push(Arc::clone(&queue));
        Follower { queue }
    }

    /// Tells everybody. Never waits for anybody.
    pub(crate) fn tell(&self, rows: &[NewRows]) {
        let mut queues = self.queues.lock();
        queues.retain(|queue| Arc::strong_count(queue) > 1);
        for queue in queues.iter() {
            queue.push(rows);
        }
    }

    pub(crate) fn close(&self) {
        for queue in self.queues.lock().iter() {
            queue.state.lock().closed = true;
            queue.changed.notify_one();
        }
    }
}

#[derive(Debug)]
struct Queue {
    tables: Vec<Table>,
    max_bytes: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<(Table, RecordBatch)>,
    bytes: usize,
    missed: Option<Missed>,
    closed: bool,
}

impl Queue {
    fn push(&self, rows: &[NewRows]) {
        let mut state = self.state.lock();
        let mut told = false;
        for NewRows { table, batch, bytes, .. } in rows.iter().filter(|rows| self.tables.contains(&rows.table)) {
            if state.bytes + bytes > self.max_bytes {
                let times = batch.column_by_name(table.time_column());
                let first = times.and_then(|times| min(times.as_primitive_opt::<Int64Type>()?)).unwrap_or(i64::MIN);
                let missed = state.missed.get_or_insert(Missed { rows: 0, from: first });
                missed.rows += batch.num_rows() as u64;
                missed.from = missed.from.min(first);
            } else {
                state.bytes += bytes;
                state.batches.push_back((*table, batch.clone()));
            }
            told = true;
        }
        drop(state);
        if told {
            self.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn rows(table: Table, ids: std::ops::Range<u64>) -> NewRows {
        let batch = testing::batch(table, ids);
        NewRows { table, bytes: batch.get_array_memory_size(), batch, sequence: 1 }
    }

    fn first_time(rows: &NewRows) -> i64 {
        let times = rows.batch.column_by_name(rows.table.time_column()).unwrap();
        times.as_primitive::<Int64Type>().values().iter().copied().min().unwrap()
    }

    #[tokio::test]
    async fn a_follower_sees_its_tables_in_order_and_learns_what_it_missed() {
        let followers = Followers::default();
        let spans = rows(Table::Spans, 0..4);
        let follower = followers.add(&[Table::Spans, Table::Breakers], spans.bytes + 1);
        followers.tell(&[rows(Table::Logs, 0..2), spans]);
        followers.tell(&[rows(Table::Breakers, 0..3)]);
        let followed = follower.next().await.unwrap();
        assert_eq!(
            followed.batches.iter().map(|(table, batch)| (*table, batch.num_rows())).collect::<Vec<_>>(),
            [(Table::Spans, 4)]
        );
        assert_eq!(followed.missed, Some(Missed { rows: 3, from: first_time(&rows(Table::Breakers, 0..3)) }));
        followers.tell(&[rows(Table::Breakers, 0..3)]);
        followers.close();
        assert_eq!(follower.next().await.unwrap().batches.len(), 1, "what was there before the end is not lost");
        assert!(follower.next().await.is_none());
    }

    #[tokio::test]
    async fn who_is_gone_is_not_told() {
        let followers = Followers::default();
        drop(followers.add(&[Table::Spans], usize::MAX));
        followers.tell(&[rows(Table::Spans, 0..4)]);
        assert!(followers.queues.lock().is_empty());
    }
}
