//! `red_stats` in SQL: requests, failures and latency of a group in one pass.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, StructArray},
    datatypes::{DataType, Field, FieldRef, Fields, Float64Type, Int64Type},
};
use datafusion::{
    common::Result,
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, Expr, GroupsAccumulator, Signature, Volatility, col,
        function::{AccumulatorArgs, StateFieldsArgs},
    },
};
use spandrel_analysis::red::{Red, is_failure};

use super::aggregate::{Aggregation, Groups, Single, refuse_distinct, sketch_error, state_fields};

const NANOS_PER_MILLI: f64 = 1_000_000.0;
const PERCENTILES: [(&str, f64); 3] = [("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)];
const COUNTS: [&str; 3] = ["requests", "failures", "duration_sum_ns"];

/// The fields of the result, in order.
pub(super) fn field_names() -> impl Iterator<Item = &'static str> {
    COUNTS.into_iter().chain(PERCENTILES.map(|(name, _)| name))
}

/// The call of `red_stats` on the columns of `spans`.
pub(super) fn red_of_spans() -> Expr {
    AggregateUDF::new_from_impl(RedStats::new()).call(vec![col("duration_ns"), col("weight"), col("outcome")])
}

/// `red_stats(duration_ns BIGINT, weight DOUBLE, outcome VARCHAR)`: a struct of `requests`, `failures`,
/// `duration_sum_ns` (BIGINT) and `p50_ms`, `p95_ms`, `p99_ms` (DOUBLE, null for no requests).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct RedStats {
    signature: Signature,
}

impl RedStats {
    pub(super) fn new() -> Self {
        let arguments = vec![DataType::Int64, DataType::Float64, DataType::Utf8];
        Self { signature: Signature::exact(arguments, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for RedStats {
    fn name(&self) -> &str {
        "red_stats"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(fields()))
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        refuse_distinct(&arguments, self.name())?;
        Ok(Box::new(Single::<Calls>::default()))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(state_fields(&arguments))
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs<'_>) -> bool {
        !arguments.is_distinct
    }

    fn create_groups_accumulator(&self, _arguments: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::<Calls>::default()))
    }
}

fn fields() -> Fields {
    let counts = COUNTS.map(|name| Field::new(name, DataType::Int64, false));
    let percentiles = PERCENTILES.map(|(name, _)| Field::new(name, DataType::Float64, true));
    counts.into_iter().chain(percentiles).collect()
}

#[derive(Debug)]
struct Calls;

impl Aggregation for Calls {
    type State = Red;
    type Rows<'a> = (&'a Int64Array, &'a Float64Array, &'a StringArray);

    fn rows(columns: &[ArrayRef]) -> Result<Self::Rows<'_>> {
        Ok((columns[0].as_primitive::<Int64Type>(), columns[1].as_primitive::<Float64Type>(), columns[2].as_string()))
    }

    fn add(state: &mut Red, (durations, weights, outcomes): &Self::Rows<'_>, row: usize) -> Result<()> {
        if durations.is_valid(row) && weights.is_valid(row) {
            let failure = outcomes.is_valid(row) && is_failure(outcomes.value(row));
            state.record(durations.value(row), weights.value(row), failure);
        }
        Ok(())
    }

    fn merge(state: &mut Red, bytes: &[u8]) -> Result<()> {
        state.merge(&Red::from_bytes(bytes).map_err(sketch_error)?);
        Ok(())
    }

    fn to_bytes(state: &Red) -> Vec<u8> {
        state.to_bytes()
    }

    fn size(state: &Red) -> usize {
        state.size()
    }

    fn finish(states: &[Red]) -> Result<ArrayRef> {
        let count = |value: fn(&Red) -> i64| -> ArrayRef { Arc::new(states.iter().map(value).collect::<Int64Array>()) };
        let mut columns = vec![count(Red::requests), count(Red::failures), count(Red::duration_sum_ns)];
        for (_, share) in PERCENTILES {
            let percentile = |state: &Red| state.latency().quantile(share).map(|nanos| nanos as f64 / NANOS_PER_MILLI);
            columns.push(Arc::new(states.iter().map(percentile).collect::<Float64Array>()));
        }
        Ok(Arc::new(StructArray::try_new(fields(), columns, None)?))
    }
}
