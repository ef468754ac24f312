//! The rollups of hours, which are the sums of those of their minutes.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{array::AsArray, datatypes::Int64Type, record_batch::RecordBatch};
use futures::TryStreamExt;
use spandrel_analysis::{analysed::MINUTE, rollup};
use spandrel_proto::model::Table;

use crate::{Engine, analysis::RollupSum, error::QueryError, stale::StaleHours};

pub(super) const HOUR: i64 = 60 * MINUTE;
/// An hour is written when it has been over for so long, and its minutes have not changed for so long.
const SETTLED: i64 = 3 * MINUTE;
/// Least time between two writings of an hour.
const WRITE_INTERVAL: i64 = 10 * MINUTE;

#[derive(Debug, Default)]
struct State {
    changed: i64,
    written: Option<i64>,
    is_dirty: bool,
}

/// The hours whose minutes changed. Times are of the clock, hours of events.
#[derive(Debug, Default)]
pub(super) struct Hours {
    hours: BTreeMap<i64, State>,
    /// The same for those who read them: those of `hours` that are dirty.
    stale: Arc<StaleHours>,
}

impl Hours {
    pub(super) fn new(stale: Arc<StaleHours>) -> Self {
        Self { hours: BTreeMap::new(), stale }
    }

    /// A minute of an hour is about to be written.
    pub(super) fn changing(&mut self, minute: i64, now: i64) {
        let hour = minute.div_euclid(HOUR) * HOUR;
        self.stale.mark(hour);
        let state = self.hours.entry(hour).or_default();
        state.changed = now;
        state.is_dirty = true;
    }

    /// An hour to write.
    pub(super) fn due(&self, now: i64) -> Option<i64> {
        let is_due = |(hour, state): &(&i64, &State)| {
            state.is_dirty
                && now - (**hour + HOUR) >= SETTLED
                && (now - state.changed >= SETTLED || state.written.is_none_or(|at| now - at >= WRITE_INTERVAL))
                && state.written.is_none_or(|at| now - at >= SETTLED)
        };
        self.hours.iter().find(is_due).map(|(hour, _)| *hour)
    }

    pub(super) fn written(&mut self, hour: i64, now: i64) {
        if let Some(state) = self.hours.get_mut(&hour) {
            state.written = Some(now);
            state.is_dirty = false;
        }
        self.stale.clear(hour);
        self.hours.retain(|_, state| state.is_dirty || now - state.changed < 2 * HOUR);
    }

    /// The hour could not be written. It is due again after a while.
    pub(super) fn failed(&mut self, hour: i64, now: i64) {
        if let Some(state) = self.hours.get_mut(&hour) {
            state.changed = now;
            state.written = Some(now);
        }
    }

    /// The hour is not the sum of its minutes.
    pub(super) fn found_stale(&mut self, hour: i64, now: i64) {
        self.stale.mark(hour);
        let settled = State { changed: now - SETTLED, ..State::default() };
        self.hours.entry(hour).or_insert(settled).is_dirty = true;
    }
}

/// The hours that minutes were written of after them.
pub(super) async fn stale(engine: Arc<Engine>) -> Result<Vec<i64>, QueryError> {
    let sql = "SELECT CAST(minutes.hour AS BIGINT) FROM \
          (SELECT date_bin(INTERVAL '1 hour', time) AS hour, max(revision) AS revision \
           FROM (SELECT time, revision FROM operations UNION ALL SELECT time, revision FROM edges) written GROUP BY 1) minutes \
        LEFT JOIN \
          (SELECT time AS hour, max(revision) AS revision \
           FROM (SELECT time, revision FROM operations_hourly UNION ALL SELECT time, revision FROM edges_hourly) written GROUP BY 1) hours \
        ON minutes.hour = hours.hour WHERE hours.revision IS NULL OR hours.revision < minutes.revision";
    let batches: Vec<RecordBatch> = engine.sql(sql).await?.try_collect().await?;
    Ok(batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect())
}

/// The rows of an hour, added up from those of its minutes.
pub(super) async fn rows(
    engine: &Arc<Engine>,
    hour: i64,
    revision: i64,
) -> Result<Vec<(Table, RecordBatch)>, QueryError> {
    let (sum, context) = engine.compute(|tables| RollupSum::new(tables, (hour, hour + HOUR))).await?;
    Ok(rollup::hourly_rows(hour, &sum, &context, revision))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_written_when_it_is_over_and_again_when_its_minutes_changed() {
        let hour = 1_800_000_000_000_000_000_i64.div_euclid(HOUR) * HOUR;
        let mut hours = Hours::default();
        hours.changing(hour + 59 * MINUTE, hour + HOUR);
        assert_eq!(hours.due(hour + HOUR + 2 * MINUTE), None);
        assert_eq!(hours.due(hour + HOUR + 3 * MINUTE), Some(hour));
        hours.written(hour, hour + HOUR + 3 * MINUTE);
        assert_eq!(hours.due(hour + 2 * HOUR), None);
        hours.changing(hour, hour + HOUR + 4 * MINUTE);
        assert_eq!(hours.due(hour + HOUR + 5 * MINUTE), None);
        assert_eq!(hours.due(hour + HOUR + 7 * MINUTE), Some(hour));
        hours.failed(hour, hour + HOUR + 7 * MINUTE);
        assert_eq!(hours.due(hour + HOUR + 8 * MINUTE), None);
        assert_eq!(hours.due(hour + HOUR + 10 * MINUTE), Some(hour));
    }

    #[test]
    fn readers_are_told_which_hours_are_not_the_sum_of_their_minutes() {
        let stale = Arc::new(StaleHours::default());
        let mut hours = Hours::new(Arc::clone(&stale));
        assert_eq!(stale.get(), None, "nothing was compared yet");
        hours.changing(7 * HOUR + MINUTE, 0);
        stale.know();
        assert_eq!(stale.get(), Some([7 * HOUR].into()));
        hours.failed(7 * HOUR, 0);
        assert_eq!(stale.get(), Some([7 * HOUR].into()));
        hours.written(7 * HOUR, 0);
        assert_eq!(stale.get(), Some([].into()));
    }
}
