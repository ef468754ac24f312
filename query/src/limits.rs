//! What one query may use, and how many may run.

use std::{path::PathBuf, time::Duration};

const MIB: usize = 1 << 20;

/// Limits of an [`Engine`](crate::Engine). Sizes are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From the start of a query to its last row, waiting for a slow reader included.
    pub time: Duration,
    /// What the operators of one query may hold.
    pub query_memory: usize,
    /// What the operators of all running queries may hold together.
    pub total_memory: usize,
    /// Where operators may write what does not fit in memory, and how much. `None`: nowhere.
    pub spill: Option<Spill>,
    /// Rows of a result that is delivered as a whole. Streamed formats have no such limit.
    pub result_rows: u64,
    /// Encoded size of a result that is delivered as a whole.
    pub result_bytes: usize,
    /// Queries that run at once.
    pub running: usize,
    /// Queries that wait for one of them to end. Past it a query is refused.
    pub waiting: usize,
    /// How long a query waits before it is refused.
    pub wait: Duration,
    /// Length of a statement.
    pub statement_bytes: usize,
    /// Operators, parentheses and keywords in a statement that can nest. Lists of values do not count. Beyond 2000 the
    /// stack of the query threads is not proven to suffice, so that is as far as it goes.
    pub statement_operators: usize,
    /// Threads that queries run on, apart from the threads that receive and store data.
    pub threads: usize,
    /// Memory for footers of Parquet files.
    pub metadata_cache: usize,
}

/// Room on disk for queries that need more memory than they may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spill {
    pub directory: PathBuf,
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(60),
            query_memory: 128 * MIB,
            total_memory: 128 * MIB,
            spill: None,
            result_rows: 1_000_000,
            result_bytes: 64 * MIB,
            running: 4,
            waiting: 16,
            wait: Duration::from_secs(5),
            statement_bytes: 256 << 10,
            statement_operators: 500,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            metadata_cache: 32 * MIB,
        }
    }
}
