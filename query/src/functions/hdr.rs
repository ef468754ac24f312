//! Latency sketches in SQL: `hdr_sketch`, `hdr_merge`, `hdr_quantile`, `hdr_count_below`.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int64Array, PrimitiveArray},
    datatypes::{ArrowPrimitiveType, DataType, FieldRef, Float64Type, Int64Type},
};
use datafusion::{
    common::{Result, ScalarValue, exec_err},
    logical_expr::{
        Accumulator, AggregateUDFImpl, ColumnarValue, GroupsAccumulator, ScalarFunctionArgs, ScalarUDFImpl, Signature,
        TypeSignature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
    },
};
use spandrel_analysis::sketch::Sketch;

use super::aggregate::{Aggregation, Groups, Single, refuse_distinct, sketch_error, state_fields};

/// `hdr_sketch(duration_ns BIGINT [, weight DOUBLE])`: a sketch of durations, each standing for as many as its weight,
/// rounded. Nulls are left out; null for no durations.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct HdrSketch {
    signature: Signature,
}

impl HdrSketch {
    pub(super) fn new() -> Self {
        let durations = TypeSignature::Exact(vec![DataType::Int64]);
        let weighted = TypeSignature::Exact(vec![DataType::Int64, DataType::Float64]);
        Self { signature: Signature::one_of(vec![durations, weighted], Volatility::Immutable) }
    }
}

/// `hdr_merge(sketch BINARY)`: one sketch of everything in the sketches. Nulls are left out; null for no sketches.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct HdrMerge {
    signature: Signature,
}

impl HdrMerge {
    pub(super) fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Binary], Volatility::Immutable) }
    }
}

macro_rules! sketch_aggregate {
    ($function:ty, $name:literal, $aggregation:ty) => {
        impl AggregateUDFImpl for $function {
            fn name(&self) -> &str {
                $name
            }

            fn signature(&self) -> &Signature {
                &self.signature
            }

            fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
                Ok(DataType::Binary)
            }

            fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
                refuse_distinct(&arguments, $name)?;
                Ok(Box::new(Single::<$aggregation>::default()))
            }

            fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
                Ok(state_fields(&arguments))
            }

            fn groups_accumulator_supported(&self, arguments: AccumulatorArgs<'_>) -> bool {
                !arguments.is_distinct
            }

            fn create_groups_accumulator(&self, _arguments: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
                Ok(Box::new(Groups::<$aggregation>::default()))
            }
        }
    };
}

sketch_aggregate!(HdrSketch, "hdr_sketch", Durations);
sketch_aggregate!(HdrMerge, "hdr_merge", Sketches);

#[derive(Debug)]
struct Durations;

impl Aggregation for Durations {
    type State = Sketch;
    type Rows<'a> = (&'a Int64Array, Option<&'a Float64Array>);

    fn rows(columns: &[ArrayRef]) -> Result<Self::Rows<'_>> {
        Ok((columns[0].as_primitive::<Int64Type>(), columns.get(1).map(AsArray::as_primitive)))
    }

    fn add(state: &mut Sketch, (durations, weights): &Self::Rows<'_>, row: usize) -> Result<()> {
        if durations.is_null(row) || weights.is_some_and(|weights| weights.is_null(row)) {
            return Ok(());
        }
        let weight = weights.map_or(1.0, |weights| weights.value(row));
        if weight > 0.0 {
            state.record(u64::try_from(durations.value(row)).unwrap_or(0), (weight.round() as u64).max(1));
        }
        Ok(())
    }

    fn merge(state: &mut Sketch, bytes: &[u8]) -> Result<()> {
        state.merge_bytes(bytes).map_err(sketch_error)
    }

    fn to_bytes(state: &Sketch) -> Vec<u8> {
        state.to_bytes()
    }

    fn size(state: &Sketch) -> usize {
        size_of::<Sketch>() + state.size()
    }

    fn finish(states: &[Sketch]) -> Result<ArrayRef> {
        let sketches = states.iter().map(|state| (state.count() > 0).then(|| state.to_bytes()));
        Ok(Arc::new(sketches.collect::<BinaryArray>()))
    }
}

#[derive(Debug)]
struct Sketches;

impl Aggregation for Sketches {
    type State = Sketch;
    type Rows<'a> = &'a BinaryArray;

    fn rows(columns: &[ArrayRef]) -> Result<Self::Rows<'_>> {
        Ok(columns[0].as_binary())
    }

    fn add(state: &mut Sketch, sketches: &Self::Rows<'_>, row: usize) -> Result<()> {
        if sketches.is_null(row) { Ok(()) } else { Durations::merge(state, sketches.value(row)) }
    }

    fn merge(state: &mut Sketch, bytes: &[u8]) -> Result<()> {
        Durations::merge(state, bytes)
    }

    fn to_bytes(state: &Sketch) -> Vec<u8> {
        Durations::to_bytes(state)
    }

    fn size(state: &Sketch) -> usize {
        Durations::size(state)
    }

    fn finish(states: &[Sketch]) -> Result<ArrayRef> {
        Durations::finish(states)
    }
}

/// `hdr_quantile(sketch BINARY, q DOUBLE)`: nanoseconds (BIGINT) that a share `q` (0 to 1) of the durations does not
/// exceed. Null for a null sketch or `q`, and for a sketch of nothing.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct HdrQuantile {
    signature: Signature,
}

impl HdrQuantile {
    pub(super) fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Binary, DataType::Float64], Volatility::Immutable) }
    }
}

/// `hdr_count_below(sketch BINARY, limit_ns BIGINT)`: how many (BIGINT) of the durations are at most `limit_ns`
/// nanoseconds. Null for a null sketch or limit.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct HdrCountBelow {
    signature: Signature,
}

impl HdrCountBelow {
    pub(super) fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Binary, DataType::Int64], Volatility::Immutable) }
    }
}

macro_rules! sketch_function {
    ($function:ty, $name:literal, $argument:ty, $value:expr) => {
        impl ScalarUDFImpl for $function {
            fn name(&self) -> &str {
                $name
            }

            fn signature(&self) -> &Signature {
                &self.signature
            }

            fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
                Ok(DataType::Int64)
            }

            fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
                of_sketches::<$argument>(&arguments, $value)
            }
        }
    };
}

sketch_function!(HdrQuantile, "hdr_quantile", Float64Type, |sketch, share| {
    if !(0.0..=1.0).contains(&share) {
        return exec_err!("hdr_quantile: the quantile {share} is not between 0 and 1");
    }
    Ok(sketch.quantile(share))
});
sketch_function!(HdrCountBelow, "hdr_count_below", Int64Type, |sketch, limit| {
    Ok(Some(u64::try_from(limit).map_or(0, |limit| sketch.count_below(limit))))
});

/// `value` of each sketch and argument, null where one of them is.
fn of_sketches<T: ArrowPrimitiveType>(
    arguments: &ScalarFunctionArgs,
    value: impl Fn(Sketch, T::Native) -> Result<Option<u64>>,
) -> Result<ColumnarValue> {
    let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
    let sketches = columns[0].as_binary::<i32>();
    let mut values = PrimitiveArray::<Int64Type>::builder(sketches.len());
    for (sketch, argument) in sketches.iter().zip(columns[1].as_primitive::<T>()) {
        let (Some(sketch), Some(argument)) = (sketch, argument) else {
            values.append_null();
            continue;
        };
        let value = value(Sketch::from_bytes(sketch).map_err(sketch_error)?, argument)?;
        values.append_option(value.map(|value| i64::try_from(value).unwrap_or(i64::MAX)));
    }
    let values: ArrayRef = Arc::new(values.finish());
    if arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_))) {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?));
    }
    Ok(ColumnarValue::Array(values))
}
