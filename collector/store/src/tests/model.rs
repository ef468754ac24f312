//! Any sequence of operations leaves the store with what a plain list would have.

use std::sync::Arc;

use proptest::prelude::*;
use spandrel_proto::model::Table;

use crate::{
    Store, StoreConfig,
    testing::{ManualClock, NOW, append, copy_directory, ids, quiet_config},
};

#[derive(Debug, Clone)]
enum Operation {
    /// Appends so many rows that were never seen.
    Append(Table, u64),
    /// Appends the last rows of a table again.
    Repeat(Table),
    Seal,
    /// Goes on with a copy of the directory as it is.
    Crash,
    /// Goes on after a clean stop.
    Reopen,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let table = prop::sample::select(Table::ALL.to_vec());
    let operation = prop_oneof![
        6 => (table.clone(), 1..12_u64).prop_map(|(table, rows)| Operation::Append(table, rows)),
        2 => table.prop_map(Operation::Repeat),
        2 => Just(Operation::Seal),
        2 => Just(Operation::Crash),
        1 => Just(Operation::Reopen),
    ];
    prop::collection::vec(operation, 1..16)
}

struct Model {
    directory: tempfile::TempDir,
    store: Arc<Store>,
    next_id: u64,
    expected: Vec<(Table, Vec<u64>)>,
    latest: Vec<(Table, Vec<u64>)>,
}

impl Model {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open_small(directory.path()).await;
        let none = Table::ALL.map(|table| (table, Vec::new())).to_vec();
        Self { directory, store, next_id: 0, expected: none.clone(), latest: none }
    }

    async fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::Append(table, rows) => {
                let ids: Vec<u64> = (self.next_id..self.next_id + rows).collect();
                self.next_id += rows;
                append(&self.store, table, ids.iter().copied()).await;
                of(&mut self.expected, table).extend(&ids);
                *of(&mut self.latest, table) = ids;
            }
            Operation::Repeat(table) => self.repeat(table).await,
            Operation::Seal => self.store.seal().await.unwrap(),
            Operation::Crash => {
                let crashed = copy_directory(self.directory.path());
                self.store = open_small(crashed.path()).await;
                self.directory = crashed;
                // What is known of spans that were in files is forgotten with the process.
                *of(&mut self.latest, Table::Spans) = Vec::new();
            }
            Operation::Reopen => {
                self.store.close().await.unwrap();
                self.store = open_small(self.directory.path()).await;
                *of(&mut self.latest, Table::Spans) = Vec::new();
            }
        }
    }

    async fn repeat(&mut self, table: Table) {
        let ids = of(&mut self.latest, table).clone();
        append(&self.store, table, ids.iter().copied()).await;
        if table != Table::Spans {
            of(&mut self.expected, table).extend(ids);
        }
    }

    fn check(&mut self, operation: &Operation) {
        let snapshot = self.store.snapshot();
        for (table, expected) in &mut self.expected {
            expected.sort_unstable();
            assert_eq!(&ids(self.directory.path(), &snapshot, *table), expected, "V-1: {table} after {operation:?}");
        }
    }
}

fn of(lists: &mut [(Table, Vec<u64>)], table: Table) -> &mut Vec<u64> {
    &mut lists.iter_mut().find(|(of, _)| *of == table).unwrap().1
}

async fn open_small(data_dir: &std::path::Path) -> Arc<Store> {
    let config = StoreConfig { wal_segment_bytes: 10_000, seal_bytes: 60_000, ..quiet_config(data_dir) };
    Store::open(config, ManualClock::at(NOW)).await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn v1_the_store_is_a_list(operations in operations()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new().await;
            for operation in &operations {
                model.apply(operation).await;
                model.check(operation);
            }
        });
    }
}
