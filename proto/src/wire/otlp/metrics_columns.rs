//! The columns of `metrics` while a request is read.

use arrow::{
    array::ArrayRef,
    datatypes::{Float64Type, Int64Type},
};

use super::{
    exemplars::ExemplarColumns,
    resource::{OriginColumns, finish_map, finish_source},
};
use crate::{
    columns::{Booleans, Bytes, Finisher, Float64s, Int32s, Int64s, Maps, Nesting, NumberLists, finish_struct_lists},
    model::Table,
};

#[derive(Debug, Default)]
pub(super) struct MetricColumns {
    pub(super) time: Int64s,
    pub(super) start_time: Int64s,
    pub(super) name: Bytes,
    pub(super) description: Bytes,
    pub(super) unit: Bytes,
    pub(super) kind: Bytes,
    pub(super) temporality: Bytes,
    pub(super) is_monotonic: Booleans,
    pub(super) value: Float64s,
    pub(super) value_int: Int64s,
    pub(super) count: Int64s,
    pub(super) sum: Float64s,
    pub(super) min: Float64s,
    pub(super) max: Float64s,
    pub(super) explicit_bounds: NumberLists<Float64Type>,
    pub(super) bucket_counts: NumberLists<Int64Type>,
    pub(super) scale: Int32s,
    pub(super) zero_count: Int64s,
    pub(super) zero_threshold: Float64s,
    pub(super) positive_offset: Int32s,
    pub(super) positive_counts: NumberLists<Int64Type>,
    pub(super) negative_offset: Int32s,
    pub(super) negative_counts: NumberLists<Int64Type>,
    pub(super) quantiles: QuantileColumns,
    pub(super) exemplars: ExemplarColumns,
    pub(super) flags: Int64s,
    pub(super) attributes: Maps,
    pub(super) metadata: Maps,
    pub(super) origin: OriginColumns,
}

#[derive(Debug, Default)]
pub(super) struct QuantileColumns {
    pub(super) nesting: Nesting,
    pub(super) quantile: Float64s,
    pub(super) value: Float64s,
}

impl MetricColumns {
    pub(super) fn finish(self, finisher: &mut Finisher) -> Vec<(&'static str, ArrayRef)> {
        let schema = Table::Metrics.schema();
        let field = |name| schema.field_with_name(name).expect("the schema has the columns that readers fill");
        let mut columns = vec![
            ("time", self.time.finish(finisher)),
            ("start_time", self.start_time.finish(finisher)),
            ("name", self.name.finish_text(finisher)),
            ("description", self.description.finish_text(finisher)),
            ("unit", self.unit.finish_text(finisher)),
            ("kind", self.kind.finish_text(finisher)),
            ("temporality", self.temporality.finish_text(finisher)),
            ("is_monotonic", self.is_monotonic.finish(finisher)),
            ("value", self.value.finish(finisher)),
            ("value_int", self.value_int.finish(finisher)),
            ("count", self.count.finish(finisher)),
            ("sum", self.sum.finish(finisher)),
            ("min", self.min.finish(finisher)),
            ("max", self.max.finish(finisher)),
            ("explicit_bounds", self.explicit_bounds.finish(field("explicit_bounds"), finisher)),
            ("bucket_counts", self.bucket_counts.finish(field("bucket_counts"), finisher)),
            ("scale", self.scale.finish(finisher)),
            ("zero_count", self.zero_count.finish(finisher)),
            ("zero_threshold", self.zero_threshold.finish(finisher)),
            ("positive_offset", self.positive_offset.finish(finisher)),
            ("positive_counts", self.positive_counts.finish(field("positive_counts"), finisher)),
            ("negative_offset", self.negative_offset.finish(finisher)),
            ("negative_counts", self.negative_counts.finish(field("negative_counts"), finisher)),
            ("quantiles", self.quantiles.finish(finisher)),
            ("exemplars", self.exemplars.finish(finisher)),
            ("flags", self.flags.finish(finisher)),
            ("attributes", finish_map(Table::Metrics, "attributes", self.attributes, finisher)),
            ("metadata", finish_map(Table::Metrics, "metadata", self.metadata, finisher)),
            ("source", finish_source(finisher.rows)),
        ];
        self.origin.finish(Table::Metrics, finisher, &mut columns);
        columns
    }
}

impl QuantileColumns {
    fn finish(self, finisher: &mut Finisher) -> ArrayRef {
        let schema = Table::Metrics.schema();
        let field = schema.field_with_name("quantiles").expect("metrics have quantiles");
        let elements = self.quantile.len();
        finish_struct_lists(field, self.nesting, elements, finisher, |_, finisher| {
            vec![self.quantile.finish(finisher), self.value.finish(finisher)]
        })
    }
}
