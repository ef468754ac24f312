//! Runs SQL over the tables of a store.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion::{
    common::TableReference,
    error::DataFusionError,
    execution::{
        SessionState, TaskContext,
        memory_pool::{GreedyMemoryPool, MemoryPool},
    },
    physical_plan::{ExecutionPlan, execute_stream},
    prelude::SQLOptions,
    sql::parser::Statement,
};
use futures::StreamExt;
use spandrel_proto::model::{Clock, Table};
use spandrel_store::{Snapshot, Store};
use tokio::{
    sync::mpsc,
    time::{sleep_until, timeout_at},
};

use crate::{
    admission::{Admission, Admitted},
    classify::{execution_error, planning_error},
    computed::{Computation, compute, input_plans},
    cooperative::cooperative,
    error::{EngineError, QueryError},
    functions::Tables,
    limits::Limits,
    memory::QueryMemory,
    registry::TablesOnly,
    session::{query_state, shared_state},
    stale::StaleHours,
    statement,
    stream::{Message, QueryStream},
    suggest::Suggestion,
    table::ScanCounters,
    workers::Workers,
};

/// Batches on their way to the reader of a result.
const BATCHES_AHEAD: usize = 2;
/// How long after its time limit a query that does not end by itself is given up.
const OVERDUE_GRACE: Duration = Duration::from_secs(1);

/// Answers SQL statements, each over one snapshot of all tables, within [`Limits`].
#[derive(Debug)]
pub struct Engine {
    source: Source,
    limits: Limits,
    clock: Arc<dyn Clock>,
    shared: SessionState,
    memory: Arc<dyn MemoryPool>,
    admission: Admission,
    workers: Arc<Workers>,
    stale_hours: Arc<StaleHours>,
}

#[derive(Debug, Clone)]
enum Source {
    Live(Arc<Store>),
    Fixed(Snapshot),
}

/// A statement on its way through the engine.
struct Query {
    text: String,
    state: SessionState,
    limits: Limits,
    memory_limit: usize,
}

/// A statement that is ready to run.
struct Planned {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    admitted: Admitted,
}

impl Engine {
    /// Over a store that is being written to: every query sees what was acknowledged before it began.
    pub fn new(store: Arc<Store>, limits: Limits, clock: Arc<dyn Clock>) -> Result<Arc<Engine>, EngineError> {
        let object_store = store.snapshot().object_store();
        Self::build(Source::Live(store), TablesOnly::new(object_store), limits, clock)
    }

    /// Over one snapshot, such as that of [`spandrel_store::open_read_only`].
    pub fn over_snapshot(
        snapshot: Snapshot,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Engine>, EngineError> {
        let object_store = snapshot.object_store();
        Self::build(Source::Fixed(snapshot), TablesOnly::new(object_store), limits, clock)
    }

    fn build(
        source: Source,
        registry: TablesOnly,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Engine>, EngineError> {
        let shared = shared_state(&limits, Arc::new(registry)).map_err(|error| EngineError::Setup(Box::new(error)))?;
        Ok(Arc::new(Engine {
            shared,
            memory: Arc::new(GreedyMemoryPool::new(limits.total_memory)),
            admission: Admission::new(&limits),
            workers: Arc::new(Workers::new(limits.threads).map_err(EngineError::Threads)?),
            source,
            limits,
            clock,
            stale_hours: Arc::default(),
        }))
    }

    /// The same engine for `running` queries of its own: they neither wait for those of this one nor keep them from running.
    /// Threads and memory are shared.
    pub(crate) fn apart(&self, running: usize) -> Arc<Engine> {
        let limits = Limits { running, waiting: 0, ..self.limits.clone() };
        Arc::new(Engine {
            source: self.source.clone(),
            clock: Arc::clone(&self.clock),
            shared: self.shared.clone(),
            memory: Arc::clone(&self.memory),
            admission: Admission::new(&limits),
            workers: Arc::clone(&self.workers),
            stale_hours: Arc::clone(&self.stale_hours),
            limits,
        })
    }

    /// Starts the query in `text`. Errors of the statement itself come back here, errors of running it from the stream.
    pub async fn sql(&self, text: &str) -> Result<QueryStream, QueryError> {
        let started = Instant::now();
        let admitted = self.admission.admit().await?;
        let deadline = tokio::time::Instant::now() + self.limits.time;
        let timed_out = QueryError::TimedOut { limit: self.limits.time };

        let counters = Arc::new(ScanCounters::default());
        let memory_limit = self.limits.query_memory.min(self.limits.total_memory);
        let memory = Arc::new(QueryMemory::new(self.memory.clone(), memory_limit));
        let state = query_state(&self.shared, &self.tables(&counters), self.now_ns(), memory)
            .map_err(|error| planning_error(&error, memory_limit))?;
        let query = Query { text: text.to_owned(), state, limits: self.limits.clone(), memory_limit };
        let mut planning = self.workers.spawn(plan(query, admitted));
        let planned = match timeout_at(deadline, &mut planning.0).await {
            Ok(Ok(planned)) => planned?,
            Ok(Err(_)) => return Err(QueryError::Internal { message: "planning ended abnormally".to_owned() }),
            Err(_) => return Err(timed_out),
        };

        let schema = planned.plan.schema();
        let (sender, messages) = mpsc::channel(BATCHES_AHEAD);
        let worker = self.workers.spawn(async move {
            let end = match timeout_at(deadline, produce(planned, &sender, memory_limit)).await {
                Ok(end) => end,
                Err(_) => Err(timed_out),
            };
            // Nobody to tell when the reader is gone.
            let _ = sender.send(Message::End(end)).await;
        });
        let overdue = sleep_until(deadline + OVERDUE_GRACE);
        Ok(QueryStream::new(schema, messages, worker, counters, started, overdue, self.limits.time))
    }

    /// Makes a computation over one snapshot, within the limits of a query.
    pub(crate) async fn compute<C: Computation>(
        &self,
        computation: impl FnOnce(&Tables) -> C,
    ) -> Result<C::Output, QueryError> {
        let admitted = self.admission.admit().await?;
        let deadline = tokio::time::Instant::now() + self.limits.time;
        let timed_out = QueryError::TimedOut { limit: self.limits.time };
        let counters = Arc::new(ScanCounters::default());
        let memory_limit = self.limits.query_memory.min(self.limits.total_memory);
        let memory = Arc::new(QueryMemory::new(self.memory.clone(), memory_limit));
        let tables = self.tables(&counters);
        let state = query_state(&self.shared, &tables, self.now_ns(), memory)
            .map_err(|error| planning_error(&error, memory_limit))?;
        let computation = computation(&tables);
        let mut work = self.workers.spawn(async move {
            let _admitted = admitted;
            let inputs = input_plans(&computation.inputs()?, &state).await?;
            compute(&computation, &inputs, state.task_ctx()).await
        });
        match timeout_at(deadline, &mut work.0).await {
            Ok(Ok(output)) => output.map_err(|error| execution_error(&error, memory_limit)),
            Ok(Err(_)) => Err(QueryError::Internal { message: "an analysis ended abnormally".to_owned() }),
            Err(_) => Err(timed_out),
        }
    }

    /// The store, unless the engine is over one snapshot of it.
    pub(crate) fn store(&self) -> Option<&Arc<Store>> {
        match &self.source {
            Source::Live(store) => Some(store),
            Source::Fixed(_) => None,
        }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Nanoseconds since the epoch by the engine's clock.
    pub fn now_ns(&self) -> i64 {
        self.clock.now_unix_nano()
    }

    /// Queries that run at this moment, without those of the live analysis.
    pub fn running_queries(&self) -> usize {
        self.admission.running()
    }

    /// Bytes that running queries hold at this moment.
    pub fn memory_used(&self) -> usize {
        self.memory.reserved()
    }

    /// Hours that are not the sum of their minutes, for who writes them.
    pub(crate) fn stale_hours(&self) -> &Arc<StaleHours> {
        &self.stale_hours
    }

    /// The tables as they are at this moment.
    fn tables(&self, counters: &Arc<ScanCounters>) -> Tables {
        // Asked for before the snapshot: an hour that is written in between only counts as stale for longer.
        let stale_hours = self.stale_hours.get();
        let snapshot = match &self.source {
            Source::Live(store) => store.snapshot(),
            Source::Fixed(snapshot) => snapshot.clone(),
        };
        // And after it: a minute that was written in between makes its hour stale.
        let since = self.stale_hours.get();
        let stale_hours = stale_hours.zip(since).map(|(before, since)| &before | &since);
        Tables::new(snapshot, counters, stale_hours)
    }
}

async fn plan(query: Query, admitted: Admitted) -> Result<Planned, QueryError> {
    let Query { text, state, limits, memory_limit } = query;
    let planning_error = |error: DataFusionError| planning_error(&error, memory_limit);
    let statement = statement::parse(&text, &limits)?;
    check_tables(&state, &statement).map_err(planning_error)??;
    let logical = state.statement_to_plan(statement).await.map_err(planning_error)?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&logical)
        .map_err(|error| QueryError::NotReadOnly {
            statement: format!("this statement ({})", error.strip_backtrace()),
        })?;
    let plan = state.create_physical_plan(&logical).await.and_then(cooperative).map_err(planning_error)?;
    Ok(Planned { plan, context: state.task_ctx(), admitted })
}

/// Names a table that does not exist better than the planner does.
fn check_tables(state: &SessionState, statement: &Statement) -> Result<Result<(), QueryError>, DataFusionError> {
    for reference in state.resolve_table_references(statement)? {
        let TableReference::Bare { table: name } = &reference else { continue };
        let known = Table::ALL.into_iter().any(|table| table.name() == name.as_ref());
        if !known && !state.table_functions().contains_key(name.as_ref()) {
            let tables = Table::ALL.map(Table::name);
            return Ok(Err(QueryError::UnknownTable {
                name: name.to_string(),
                suggestion: Suggestion::nearest(name, tables),
                tables: tables.map(str::to_owned).to_vec(),
            }));
        }
    }
    Ok(Ok(()))
}

async fn produce(planned: Planned, sender: &mpsc::Sender<Message>, memory_limit: usize) -> Result<(), QueryError> {
    let Planned { plan, context, admitted } = planned;
    let _admitted = admitted;
    let execution_error = |error: DataFusionError| execution_error(&error, memory_limit);
    let mut batches = execute_stream(plan, context).map_err(execution_error)?;
    while let Some(batch) = batches.next().await {
        if sender.send(Message::Batch(batch.map_err(execution_error)?)).await.is_err() {
            break;
        }
    }
    Ok(())
}
