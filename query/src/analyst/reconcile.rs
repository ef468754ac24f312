//! Minutes whose spans are not all counted.

use std::sync::Arc;

use arrow::{array::AsArray, datatypes::Int64Type};
use futures::TryStreamExt;
use spandrel_analysis::analysed::MINUTE;

use crate::{Engine, error::QueryError};

/// Longest stretch of minutes that is computed at once.
const MAX_STRETCH: i64 = 15 * MINUTE;

/// The minutes in `[from, to)` of which the rollups do not hold all stored spans, in order.
pub(super) async fn uncovered(engine: &Arc<Engine>, from: i64, to: i64) -> Result<Vec<i64>, QueryError> {
    let sql = format!(
        "SELECT CAST(stored.minute AS BIGINT) AS minute FROM \
           (SELECT date_bin(INTERVAL '1 minute', start_time) AS minute, count(*) AS spans FROM spans \
            WHERE start_time >= to_timestamp_nanos({from}) AND start_time < to_timestamp_nanos({to}) GROUP BY 1) stored \
         LEFT JOIN \
           (SELECT time AS minute, sum(spans + duplicates) AS spans FROM coverage \
            WHERE time >= to_timestamp_nanos({from}) AND time < to_timestamp_nanos({to}) GROUP BY 1) counted \
         ON stored.minute = counted.minute \
         WHERE counted.spans IS NULL OR counted.spans <> stored.spans ORDER BY 1"
    );
    minutes(engine, &sql).await
}

/// Those of the minutes in `[from, to)` that rollups hold something of.
pub(super) async fn stored(engine: &Arc<Engine>, from: i64, to: i64) -> Result<Vec<i64>, QueryError> {
    let sql = format!(
        "SELECT DISTINCT CAST(time AS BIGINT) AS minute FROM \
           (SELECT time FROM coverage UNION ALL SELECT time FROM operations) stored \
         WHERE time >= to_timestamp_nanos({from}) AND time < to_timestamp_nanos({to}) ORDER BY 1"
    );
    minutes(engine, &sql).await
}

/// The greatest revision of all that is stored, and the latest time of a change of a finding; 0 if there is nothing.
pub(super) async fn last_revision(engine: &Arc<Engine>) -> Result<i64, QueryError> {
    let sql = "SELECT coalesce(max(revision), 0) AS minute FROM (\
                 SELECT revision FROM coverage UNION ALL \
                 SELECT revision FROM operations_hourly UNION ALL \
                 SELECT revision FROM edges_hourly UNION ALL \
                 SELECT CAST(time AS BIGINT) AS revision FROM findings) stored";
    Ok(minutes(engine, sql).await?.into_iter().max().unwrap_or(0))
}

async fn minutes(engine: &Arc<Engine>, sql: &str) -> Result<Vec<i64>, QueryError> {
    let batches: Vec<_> = engine.sql(sql).await?.try_collect().await?;
    let minutes = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
    Ok(minutes.collect())
}

/// Minutes in stretches `[from, to)` of neighbours, each of bounded length.
pub(super) fn stretches(minutes: &[i64]) -> Vec<(i64, i64)> {
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    for minute in minutes {
        match stretches.last_mut() {
            Some((from, to)) if *to == *minute && minute - *from < MAX_STRETCH => *to = minute + MINUTE,
            _ => stretches.push((*minute, minute + MINUTE)),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_computed_together() {
        let minutes: Vec<i64> = [0, 1, 2, 5, 7, 8].map(|minute| minute * MINUTE).to_vec();
        let stretches: Vec<_> = stretches(&minutes).iter().map(|(from, to)| (from / MINUTE, to / MINUTE)).collect();
        assert_eq!(stretches, [(0, 3), (5, 6), (7, 9)]);
        let long: Vec<i64> = (0..40).map(|minute| minute * MINUTE).collect();
        assert_eq!(super::stretches(&long).len(), 3);
    }
}
