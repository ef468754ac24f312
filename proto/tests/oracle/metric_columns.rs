//! The columns of `metrics`.

use arrow::{
    array::{BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder},
    datatypes::DataType,
    record_batch::RecordBatch,
};
use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{Exemplar, summary_data_point::ValueAtQuantile},
};
use spandrel_proto::model::Table;

use super::{
    Context,
    attributes::Attributes,
    batch,
    lists::{Exemplars, Quantiles, finish, number_lists},
    metrics::Shape,
    origin::{Origin, OriginColumns},
};

/// A data point of any kind; what its kind does not have is `None` or empty.
#[derive(Debug, Default)]
pub(super) struct Point<'a> {
    pub(super) time: u64,
    pub(super) start_time: u64,
    pub(super) value: Option<f64>,
    pub(super) value_int: Option<i64>,
    pub(super) count: Option<u64>,
    pub(super) sum: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) explicit_bounds: &'a [f64],
    pub(super) bucket_counts: &'a [u64],
    pub(super) scale: Option<i32>,
    pub(super) zero_count: Option<u64>,
    pub(super) zero_threshold: Option<f64>,
    pub(super) positive_offset: Option<i32>,
    pub(super) positive_counts: Option<&'a [u64]>,
    pub(super) negative_offset: Option<i32>,
    pub(super) negative_counts: Option<&'a [u64]>,
    pub(super) quantiles: &'a [ValueAtQuantile],
    pub(super) attributes: &'a [KeyValue],
    pub(super) exemplars: &'a [Exemplar],
    pub(super) flags: u32,
}

#[derive(Debug)]
pub(super) struct Columns {
    time: Int64Builder,
    start_time: Int64Builder,
    name: StringBuilder,
    description: StringBuilder,
    unit: StringBuilder,
    kind: StringBuilder,
    temporality: StringBuilder,
    is_monotonic: BooleanBuilder,
    value: Float64Builder,
    value_int: Int64Builder,
    count: Int64Builder,
    sum: Float64Builder,
    min: Float64Builder,
    max: Float64Builder,
    explicit_bounds: ListBuilder<Float64Builder>,
    bucket_counts: ListBuilder<Int64Builder>,
    scale: Int32Builder,
    zero_count: Int64Builder,
    zero_threshold: Float64Builder,
    positive_offset: Int32Builder,
    positive_counts: ListBuilder<Int64Builder>,
    negative_offset: Int32Builder,
    negative_counts: ListBuilder<Int64Builder>,
    quantiles: Quantiles,
    exemplars: Exemplars,
    flags: Int64Builder,
    attributes: Attributes,
    metadata: Attributes,
    origin: OriginColumns,
}

impl Default for Columns {
    fn default() -> Self {
        let counts = || number_lists(Int64Builder::new(), DataType::Int64);
        Self {
            time: Int64Builder::new(),
            start_time: Int64Builder::new(),
            name: StringBuilder::new(),
            description: StringBuilder::new(),
            unit: StringBuilder::new(),
            kind: StringBuilder::new(),
            temporality: StringBuilder::new(),
            is_monotonic: BooleanBuilder::new(),
            value: Float64Builder::new(),
            value_int: Int64Builder::new(),
            count: Int64Builder::new(),
            sum: Float64Builder::new(),
            min: Float64Builder::new(),
            max: Float64Builder::new(),
            explicit_bounds: number_lists(Float64Builder::new(), DataType::Float64),
            bucket_counts: counts(),
            scale: Int32Builder::new(),
            zero_count: Int64Builder::new(),
            zero_threshold: Float64Builder::new(),
            positive_offset: Int32Builder::new(),
            positive_counts: counts(),
            negative_offset: Int32Builder::new(),
            negative_counts: counts(),
            quantiles: Quantiles::default(),
            exemplars: Exemplars::default(),
            flags: Int64Builder::new(),
            attributes: Attributes::default(),
            metadata: Attributes::default(),
            origin: OriginColumns::default(),
        }
    }
}

impl Columns {
    pub(super) fn push(&mut self, shape: &Shape<'_>, point: &Point<'_>, origin: &Origin, context: &mut Context<'_>) {
        self.time.append_value(point.time.cast_signed());
        self.start_time.append_option((point.start_time != 0).then_some(point.start_time.cast_signed()));
        self.name.append_value(context.cut(&shape.metric.name));
        self.description.append_option(context.cut_some(&shape.metric.description));
        self.unit.append_option(context.cut_some(&shape.metric.unit));
        self.kind.append_value(shape.kind);
        self.temporality.append_option(shape.temporality);
        self.is_monotonic.append_option(shape.is_monotonic);
        self.metadata.push_row(&shape.metric.metadata, context);
        self.push_numbers(point);
        self.quantiles.push_row(point.quantiles);
        self.exemplars.push_row(point.exemplars, context);
        self.flags.append_value(i64::from(point.flags));
        self.attributes.push_row(point.attributes, context);
        self.origin.push(origin);
    }

    fn push_numbers(&mut self, point: &Point<'_>) {
        self.value.append_option(point.value);
        self.value_int.append_option(point.value_int);
        self.count.append_option(point.count.map(u64::cast_signed));
        self.sum.append_option(point.sum);
        self.min.append_option(point.min);
        self.max.append_option(point.max);
        self.explicit_bounds.values().append_slice(point.explicit_bounds);
        self.explicit_bounds.append(!point.explicit_bounds.is_empty());
        push_counts(&mut self.bucket_counts, Some(point.bucket_counts).filter(|counts| !counts.is_empty()));
        self.scale.append_option(point.scale);
        self.zero_count.append_option(point.zero_count.map(u64::cast_signed));
        self.zero_threshold.append_option(point.zero_threshold);
        self.positive_offset.append_option(point.positive_offset);
        push_counts(&mut self.positive_counts, point.positive_counts);
        self.negative_offset.append_option(point.negative_offset);
        push_counts(&mut self.negative_counts, point.negative_counts);
    }

    pub(super) fn finish(mut self) -> RecordBatch {
        let mut columns = vec![
            ("time", finish(&mut self.time)),
            ("start_time", finish(&mut self.start_time)),
            ("name", finish(&mut self.name)),
            ("description", finish(&mut self.description)),
            ("unit", finish(&mut self.unit)),
            ("kind", finish(&mut self.kind)),
            ("temporality", finish(&mut self.temporality)),
            ("is_monotonic", finish(&mut self.is_monotonic)),
            ("value", finish(&mut self.value)),
            ("value_int", finish(&mut self.value_int)),
            ("count", finish(&mut self.count)),
            ("sum", finish(&mut self.sum)),
            ("min", finish(&mut self.min)),
            ("max", finish(&mut self.max)),
            ("explicit_bounds", finish(&mut self.explicit_bounds)),
            ("bucket_counts", finish(&mut self.bucket_counts)),
            ("scale", finish(&mut self.scale)),
            ("zero_count", finish(&mut self.zero_count)),
            ("zero_threshold", finish(&mut self.zero_threshold)),
            ("positive_offset", finish(&mut self.positive_offset)),
            ("positive_counts", finish(&mut self.positive_counts)),
            ("negative_offset", finish(&mut self.negative_offset)),
            ("negative_counts", finish(&mut self.negative_counts)),
            ("quantiles", self.quantiles.finish()),
            ("exemplars", self.exemplars.finish()),
            ("flags", finish(&mut self.flags)),
            ("attributes", self.attributes.finish()),
            ("metadata", self.metadata.finish()),
        ];
        self.origin.finish(&mut columns);
        batch(Table::Metrics, columns)
    }
}

/// Counts that are not there at all are null.
fn push_counts(column: &mut ListBuilder<Int64Builder>, counts: Option<&[u64]>) {
    for count in counts.unwrap_or_default() {
        column.values().append_value(count.cast_signed());
    }
    column.append(counts.is_some());
}
