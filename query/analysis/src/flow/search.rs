//! Which ids belong to a flow, found round by round: records that have an id bring up other ids.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem,
};

use arrow::{
    array::{Array, AsArray, BooleanArray},
    compute::{concat_batches, filter_record_batch},
    datatypes::{Schema, SchemaRef},
    error::ArrowError,
    record_batch::RecordBatch,
};
use spandrel_proto::model::{Table, correlation_key};

use super::{
    Gap, GapKind, MAX_IDS, MAX_RECORDS, MAX_ROUNDS, REQUEST_NANOS, REQUEST_TRACES, SESSION_RECORDS,
    columns::Columns,
    id::{FlowId, identifies, trace_form},
};

/// Ids to look up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    pub traces: BTreeSet<u128>,
    /// In the form by which records join.
    pub correlations: BTreeSet<String>,
}

impl Ids {
    fn len(&self) -> usize {
        self.traces.len() + self.correlations.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn extend(&mut self, other: &Ids) {
        self.traces.extend(&other.traces);
        self.correlations.extend(other.correlations.iter().cloned());
    }
}

/// What a search found: the records of one flow by table.
#[derive(Debug, Clone)]
pub struct Found {
    pub id: FlowId,
    pub spans: RecordBatch,
    pub requests: RecordBatch,
    pub logs: RecordBatch,
    pub breakers: RecordBatch,
    /// The id is of a session: its records are shown, but nothing that their other ids lead to.
    pub is_session: bool,
    /// What the search left out.
    pub gaps: Vec<Gap>,
}

impl Found {
    /// Records of all tables.
    pub fn len(&self) -> usize {
        [&self.spans, &self.requests, &self.logs, &self.breakers].into_iter().map(RecordBatch::num_rows).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is known of a correlation id that was looked up.
#[derive(Debug, Default)]
struct Spread {
    traces: HashSet<u128>,
    first: Option<i64>,
    last: i64,
}

impl Spread {
    fn add(&mut self, trace: u128, time: i64) {
        if trace != 0 && self.traces.len() <= REQUEST_TRACES {
            self.traces.insert(trace);
        }
        self.last = if self.first.is_some() { self.last.max(time) } else { time };
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
    }

    fn is_session(&self) -> bool {
        let apart = self.last.saturating_sub(self.first.unwrap_or(self.last));
        self.traces.len() > REQUEST_TRACES || apart > REQUEST_NANOS
    }
}

/// The batches of one table, those of the round that goes on apart.
#[derive(Debug)]
struct Rows {
    schema: SchemaRef,
    kept: Vec<RecordBatch>,
    /// Batches that the round brought.
    fresh: Vec<RecordBatch>,
}

/// Finds the records of a flow. Ask for the ids that are [wanted](Search::wanted), [take](Search::take) the rows that have
/// one of them in the [window](Search::window), [end the round](Search::end_round), and again until none is wanted.
#[derive(Debug)]
pub struct Search {
    id: FlowId,
    wanted: Ids,
    asked: Ids,
    rounds: usize,
    window: Option<(i64, i64)>,
    spreads: BTreeMap<String, Spread>,
    sessions: BTreeSet<String>,
    is_session: bool,
    tables: BTreeMap<Table, Rows>,
    records: usize,
    without_logs: Option<String>,
    session_cut: bool,
    ids_cut: bool,
}

impl Search {
    pub fn new(id: FlowId) -> Search {
        let wanted = Ids {
            traces: id.trace_id.into_iter().collect(),
            correlations: BTreeSet::from([id.correlation_id.clone()]),
        };
        let spreads = BTreeMap::from([(id.correlation_id.clone(), Spread::default())]);
        Search {
            id,
            wanted,
            asked: Ids::default(),
            rounds: 0,
            window: None,
            spreads,
            sessions: BTreeSet::new(),
            is_session: false,
            tables: BTreeMap::new(),
            records: 0,
            without_logs: None,
            session_cut: false,
            ids_cut: false,
        }
    }

    /// The ids to look up in this round; none when the search is over.
    pub fn wanted(&self) -> Option<&Ids> {
        (!self.wanted.is_empty()).then_some(&self.wanted)
    }

    /// Every id that was followed.
    pub fn followed(&self) -> &Ids {
        &self.asked
    }

    /// The times, both inclusive, of the records that belong together, once there are any.
    pub fn window(&self) -> Option<(i64, i64)> {
        self.window
    }

    /// Whether rows of `table` are of use.
    pub fn takes(&self, table: Table) -> bool {
        let of_session = self.session_cut && self.rows_of(table) >= SESSION_RECORDS;
        !of_session && (table != Table::Logs || self.without_logs.is_none())
    }

    /// Goes on without log lines, which do not fit in memory.
    pub fn leave_logs_out(&mut self, why: &str) {
        self.without_logs = Some(why.to_owned());
        self.drop_logs();
    }

    /// Takes rows that have one of the wanted ids. Those that an earlier round had are left out. Breaker events bring up
    /// no ids: they are taken in the end, by all ids that were [followed](Search::followed).
    pub fn take(&mut self, table: Table, batch: &RecordBatch) -> Result<(), ArrowError> {
        let asked = mem::take(&mut self.asked);
        let mut is_fresh = Vec::with_capacity(batch.num_rows());
        each_row(table, batch, |trace, time, keys| {
            for key in &keys {
                if let Some(spread) = self.spreads.get_mut(key) {
                    spread.add(trace, time);
                }
            }
            let is_last = table == Table::Breakers;
            is_fresh.push(
                is_last || !asked.traces.contains(&trace) && !keys.iter().any(|key| asked.correlations.contains(key)),
            );
        });
        self.asked = asked;
        let fresh = filter_record_batch(batch, &BooleanArray::from(is_fresh))?;
        self.records += fresh.num_rows();
        let rows = self.tables.entry(table).or_insert_with(|| Rows {
            schema: batch.schema(),
            kept: Vec::new(),
            fresh: Vec::new(),
        });
        if fresh.num_rows() > 0 {
            rows.fresh.push(fresh);
        }
        if self.records > MAX_RECORDS && self.without_logs.is_none() {
            self.leave_logs_out(&format!("there are more than {MAX_RECORDS} records"));
        }
        self.session_cut = self.rows_of(table) >= SESSION_RECORDS
            && self.id.trace_id.is_none()
            && self.spreads.get(&self.id.correlation_id).is_some_and(Spread::is_session)
            || self.session_cut;
        Ok(())
    }

    /// Draws conclusions from the rows of a round.
    pub fn end_round(&mut self) -> Result<(), ArrowError> {
        self.rounds += 1;
        let spreads = mem::take(&mut self.spreads);
        self.sessions.extend(spreads.into_iter().filter(|(_, spread)| spread.is_session()).map(|(key, _)| key));
        self.is_session |= self.id.trace_id.is_none() && self.sessions.contains(&self.id.correlation_id);
        let mut asked = mem::take(&mut self.wanted);
        if !self.is_session {
            asked.correlations.retain(|key| !self.sessions.contains(key));
        }
        let mut found = Ids::default();
        let mut times: Option<(i64, i64)> = None;
        for (table, rows) in &mut self.tables {
            for batch in mem::take(&mut rows.fresh) {
                let mut belongs = Vec::with_capacity(batch.num_rows());
                each_row(*table, &batch, |trace, time, keys| {
                    let has_id =
                        asked.traces.contains(&trace) || keys.iter().any(|key| asked.correlations.contains(key));
                    belongs.push(has_id);
                    if has_id {
                        found.traces.extend((trace != 0).then_some(trace));
                        found.traces.extend(keys.iter().filter_map(|key| trace_form(key)));
                        found.correlations.extend(keys);
                        times = Some(times.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
                    }
                });
                self.records -= belongs.iter().filter(|belongs| !**belongs).count();
                let batch = filter_record_batch(&batch, &BooleanArray::from(belongs))?;
                if batch.num_rows() > 0 {
                    rows.kept.push(batch);
                }
            }
        }
        if self.window.is_none() {
            let around =
                |(first, last): (i64, i64)| (first.saturating_sub(REQUEST_NANOS), last.saturating_add(REQUEST_NANOS));
            self.window = times.map(around);
        }
        self.asked.extend(&asked);
        self.want(found);
        Ok(())
    }

    fn want(&mut self, mut found: Ids) {
        found.traces.retain(|trace| !self.asked.traces.contains(trace));
        found.correlations.retain(|key| !self.asked.correlations.contains(key) && !self.sessions.contains(key));
        if self.is_session {
            return;
        }
        let room = MAX_IDS.saturating_sub(self.asked.len());
        let room = if self.rounds < MAX_ROUNDS { room } else { 0 };
        self.ids_cut |= found.len() > room;
        let traces: BTreeSet<u128> = found.traces.into_iter().take(room).collect();
        let correlations: BTreeSet<String> = found.correlations.into_iter().take(room - traces.len()).collect();
        self.spreads = correlations.iter().map(|key| (key.clone(), Spread::default())).collect();
        self.wanted = Ids { traces, correlations };
    }

    /// What was found.
    pub fn finish(mut self) -> Result<Found, ArrowError> {
        let gaps = self.gaps();
        let mut whole = |table: Table| match self.tables.remove(&table) {
            Some(rows) => concat_batches(&rows.schema, rows.kept.iter().chain(&rows.fresh)),
            None => Ok(RecordBatch::new_empty(Schema::empty().into())),
        };
        Ok(Found {
            spans: whole(Table::Spans)?,
            requests: whole(Table::Requests)?,
            logs: whole(Table::Logs)?,
            breakers: whole(Table::Breakers)?,
            id: self.id,
            is_session: self.is_session,
            gaps,
        })
    }

    fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut add = |kind: GapKind, detail: String| gaps.push(Gap { kind, detail });
        for session in &self.sessions {
            let detail = format!(
                "{session} is of more than {REQUEST_TRACES} traces, or of more than 15 minutes: it hangs many requests \
                 together and is not followed"
            );
            add(GapKind::Session, detail);
        }
        if self.ids_cut {
            let detail = format!(
                "more ids hang together than the {MAX_IDS} that are followed, or by more than {MAX_ROUNDS} steps"
            );
            add(GapKind::IdsCut, detail);
        }
        if let Some(why) = &self.without_logs {
            add(GapKind::RecordsCut, format!("logs are left out: {why}"));
        }
        if self.session_cut {
            add(GapKind::RecordsCut, format!("records past the first {SESSION_RECORDS} of a table are left out"));
        }
        gaps
    }

    fn rows_of(&self, table: Table) -> usize {
        self.tables.get(&table).map_or(0, |rows| rows.kept.iter().chain(&rows.fresh).map(RecordBatch::num_rows).sum())
    }

    fn drop_logs(&mut self) {
        self.records -= self.rows_of(Table::Logs);
        if let Some(rows) = self.tables.get_mut(&Table::Logs) {
            rows.kept.clear();
            rows.fresh.clear();
        }
    }
}

/// The trace id (0 for none), the time and the correlation ids of each row.
fn each_row(table: Table, batch: &RecordBatch, mut each: impl FnMut(u128, i64, Vec<String>)) {
    let columns = Columns(batch);
    let (traces, times) = (columns.id("trace_id"), columns.time(table.time_column()));
    let (keys, lists) = (columns.text("correlation_id"), columns.list("correlation_ids"));
    for row in 0..batch.num_rows() {
        let mut ids: Vec<String> = Vec::new();
        let mut add = |id: &str| {
            let id = id.trim();
            if identifies(id) {
                ids.push(correlation_key(id).into_owned());
            }
        };
        if let Some(key) = keys.get(row) {
            add(key);
        }
        if let Some(lists) = lists.filter(|lists| lists.is_valid(row)) {
            let list = lists.value(row);
            list.as_string_opt::<i32>().into_iter().flatten().flatten().for_each(&mut add);
        }
        ids.sort_unstable();
        ids.dedup();
        each(traces.trace(row), times.get(row), ids);
    }
}
