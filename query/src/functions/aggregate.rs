//! One shape for our aggregate functions: a state per group that rows are added to, that becomes bytes between the steps
//! of an aggregation, and that becomes a value in the end.

use std::fmt::Debug;

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray},
    datatypes::{DataType, Field, FieldRef},
};
use datafusion::{
    common::{Result, ScalarValue, exec_datafusion_err, not_impl_err},
    logical_expr::{
        Accumulator, EmitTo, GroupsAccumulator,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::format_state_name,
    },
};
use spandrel_analysis::sketch::SketchError;

/// What an aggregate function does with rows.
pub(super) trait Aggregation: Debug + Send + Sync + 'static {
    type State: Default + Debug + Send + Sync;
    /// The columns of the arguments, ready for access by row.
    type Rows<'a>;

    fn rows(columns: &[ArrayRef]) -> Result<Self::Rows<'_>>;
    fn add(state: &mut Self::State, rows: &Self::Rows<'_>, row: usize) -> Result<()>;
    fn merge(state: &mut Self::State, bytes: &[u8]) -> Result<()>;
    fn to_bytes(state: &Self::State) -> Vec<u8>;
    /// Bytes of memory held.
    fn size(state: &Self::State) -> usize;
    fn finish(states: &[Self::State]) -> Result<ArrayRef>;
}

/// The one field of the state of every [`Aggregation`].
pub(super) fn state_fields(arguments: &StateFieldsArgs<'_>) -> Vec<FieldRef> {
    vec![Field::new(format_state_name(arguments.name, "state"), DataType::Binary, true).into()]
}

pub(super) fn refuse_distinct(arguments: &AccumulatorArgs<'_>, function: &str) -> Result<()> {
    if arguments.is_distinct {
        return not_impl_err!(
            "{function}(DISTINCT ...) is not supported: equal durations of different calls all count"
        );
    }
    Ok(())
}

pub(super) fn sketch_error(error: SketchError) -> datafusion::error::DataFusionError {
    exec_datafusion_err!("{error}")
}

/// The states of many groups.
#[derive(Debug)]
pub(super) struct Groups<A: Aggregation> {
    states: Vec<A::State>,
}

impl<A: Aggregation> Default for Groups<A> {
    fn default() -> Self {
        Self { states: Vec::new() }
    }
}

impl<A: Aggregation> Groups<A> {
    fn grow(&mut self, groups: usize) {
        if self.states.len() < groups {
            self.states.resize_with(groups, A::State::default);
        }
    }
}

impl<A: Aggregation> GroupsAccumulator for Groups<A> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let rows = A::rows(values)?;
        for (row, group) in group_indices.iter().enumerate() {
            if selected(filter, row) {
                A::add(&mut self.states[*group], &rows, row)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        A::finish(&emit_to.take_needed(&mut self.states))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let states = emit_to.take_needed(&mut self.states);
        Ok(vec![std::sync::Arc::new(BinaryArray::from_iter_values(states.iter().map(A::to_bytes)))])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.grow(total_num_groups);
        let states = values[0].as_binary::<i32>();
        for (row, group) in group_indices.iter().enumerate() {
            if states.is_valid(row) {
                A::merge(&mut self.states[*group], states.value(row))?;
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = A::rows(values)?;
        let states = (0..values[0].len())
            .map(|row| {
                let mut state = A::State::default();
                if selected(filter, row) {
                    A::add(&mut state, &rows, row)?;
                }
                Ok(A::to_bytes(&state))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(vec![std::sync::Arc::new(BinaryArray::from_iter_values(states))])
    }

    fn size(&self) -> usize {
        let unused = self.states.capacity() - self.states.len();
        self.states.iter().map(A::size).sum::<usize>() + unused * size_of::<A::State>()
    }
}

fn selected(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// The state of an aggregation without groups.
#[derive(Debug)]
pub(super) struct Single<A: Aggregation> {
    state: A::State,
}

impl<A: Aggregation> Default for Single<A> {
    fn default() -> Self {
        Self { state: A::State::default() }
    }
}

impl<A: Aggregation> Accumulator for Single<A> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = A::rows(values)?;
        for row in 0..values[0].len() {
            A::add(&mut self.state, &rows, row)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let state = std::mem::take(&mut self.state);
        ScalarValue::try_from_array(&A::finish(std::slice::from_ref(&state))?, 0)
    }

    fn size(&self) -> usize {
        A::size(&self.state)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(A::to_bytes(&self.state)))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for bytes in states[0].as_binary::<i32>().iter().flatten() {
            A::merge(&mut self.state, bytes)?;
        }
        Ok(())
    }
}
