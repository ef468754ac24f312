//! `ExportMetricsServiceRequest` to `metrics`, one row a data point.

use super::{
    Budget, Group, assemble,
    attributes::{Kept, push_attributes, push_some_text, push_text},
    metrics_columns::MetricColumns,
    nanos,
    resource::{Resource, Scope},
};
use crate::{
    columns::Finisher,
    model::Table,
    wire::{
        DecodeLimits, Decoded, RejectReason, Repair, Report, WireError,
        protobuf::{Field, Reader},
    },
};

pub(super) fn decode(request: &[u8], limits: &DecodeLimits) -> Result<Decoded, WireError> {
    let mut rows = MetricRows {
        limits,
        columns: MetricColumns::default(),
        rows: 0,
        report: Report::default(),
        budget: Budget::new(limits),
    };
    let mut reader = Reader::new("ExportMetricsServiceRequest", request);
    while let Some(field) = reader.next()? {
        if field.number != 1 {
            continue;
        }
        let resource_metrics = Group::read("ResourceMetrics", field.bytes()?)?;
        let resource = Resource::read(resource_metrics.subject(), limits, &mut rows.report)?;
        let mut scopes = resource_metrics.content();
        while let Some(scope_bytes) = scopes.next()? {
            let scope_metrics = Group::read("ScopeMetrics", scope_bytes)?;
            let schema_urls = [scope_metrics.schema_url, resource_metrics.schema_url];
            let scope = Scope::read(scope_metrics.subject(), schema_urls, limits, &mut rows.report)?;
            let shared_bytes = resource.byte_len() + scope.byte_len();
            let first_row = rows.rows;
            let mut metrics = scope_metrics.content();
            while let Some(metric_bytes) = metrics.next()? {
                let metric = Metric::read(metric_bytes, limits, &rows.budget)?;
                rows.push_metric(metric_bytes, &metric, shared_bytes)?;
            }
            rows.columns.origin.push(first_row..rows.rows, &resource, &scope);
        }
    }
    let MetricRows { columns, rows, mut report, .. } = rows;
    let mut finisher = Finisher::new(rows);
    let columns = columns.finish(&mut finisher);
    report.repair_many(Repair::NotUtf8, finisher.texts_repaired);
    Ok(assemble(Table::Metrics, rows, columns, report))
}

/// Which of the five kinds of data a metric has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

impl Kind {
    fn name(self) -> &'static [u8] {
        match self {
            Kind::Gauge => b"gauge",
            Kind::Sum => b"sum",
            Kind::Histogram => b"histogram",
            Kind::ExponentialHistogram => b"exponential_histogram",
            Kind::Summary => b"summary",
        }
    }

    fn has_temporality(self) -> bool {
        !matches!(self, Kind::Gauge | Kind::Summary)
    }
}

/// A metric's own fields and the bytes of its points.
#[derive(Debug, Default)]
struct Metric<'a> {
    name: &'a [u8],
    description: &'a [u8],
    unit: &'a [u8],
    metadata: Kept<'a>,
    kind: Option<Kind>,
    points: Vec<&'a [u8]>,
    temporality: i32,
    is_monotonic: bool,
}

impl<'a> Metric<'a> {
    fn read(bytes: &'a [u8], limits: &DecodeLimits, budget: &Budget) -> Result<Self, WireError> {
        let mut metric = Self::default();
        let mut reader = Reader::new("Metric", bytes);
        while let Some(field) = reader.next()? {
            match field.number {
                1 => metric.name = field.bytes()?,
                2 => metric.description = field.bytes()?,
                3 => metric.unit = field.bytes()?,
                5 => metric.read_data(Kind::Gauge, field.bytes()?, budget)?,
                7 => metric.read_data(Kind::Sum, field.bytes()?, budget)?,
                9 => metric.read_data(Kind::Histogram, field.bytes()?, budget)?,
                10 => metric.read_data(Kind::ExponentialHistogram, field.bytes()?, budget)?,
                11 => metric.read_data(Kind::Summary, field.bytes()?, budget)?,
                12 => metric.metadata.push(field.bytes()?, limits.attributes),
                _ => {}
            }
        }
        Ok(metric)
    }

    fn read_data(&mut self, kind: Kind, bytes: &'a [u8], budget: &Budget) -> Result<(), WireError> {
        if self.kind != Some(kind) {
            // The kinds are a protobuf oneof: the last one holds.
            self.points.clear();
            self.temporality = 0;
            self.is_monotonic = false;
        }
        self.kind = Some(kind);
        let mut reader = Reader::new("Metric.data", bytes);
        while let Some(field) = reader.next()? {
            match field.number {
                1 => {
                    budget.check_records(self.points.len())?;
                    self.points.push(field.bytes()?);
                }
                2 if kind.has_temporality() => self.temporality = field.int32()?,
                3 if kind == Kind::Sum => self.is_monotonic = field.varint()? != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The parts of a point that are written when all of it is read.
#[derive(Debug, Default)]
struct Point<'a> {
    value: Option<Number>,
    flags: u32,
    attributes: Kept<'a>,
    exemplars: Kept<'a>,
    positive: Option<&'a [u8]>,
    negative: Option<&'a [u8]>,
}

/// The value of a gauge or sum.
#[derive(Debug, Clone, Copy)]
enum Number {
    Double(f64),
    Int(i64),
}

struct MetricRows<'l> {
    limits: &'l DecodeLimits,
    columns: MetricColumns,
    rows: usize,
    report: Report,
    budget: Budget,
}

impl MetricRows<'_> {
    fn push_metric(&mut self, bytes: &[u8], metric: &Metric<'_>, shared_bytes: usize) -> Result<(), WireError> {
        let Some(kind) = metric.kind else {
            self.report.reject(RejectReason::NoData, 1, bytes);
            return Ok(());
        };
        let own_bytes = metric.name.len() + metric.description.len() + metric.unit.len();
        let metadata_bytes: usize = metric.metadata.items.iter().map(|entry| entry.len()).sum();
        let shared_bytes = shared_bytes + own_bytes + 2 * metadata_bytes;
        for point_bytes in &metric.points {
            // Packed varints of one byte become numbers of eight.
            self.budget.charge_record(4 * point_bytes.len(), shared_bytes)?;
            let (time, start_time) = point_times(point_bytes)?;
            match (nanos(time), nanos(start_time)) {
                (Some(0), _) => self.report.reject(RejectReason::TimeMissing, 1, point_bytes),
                (Some(time), Some(start_time)) => {
                    self.push_common(metric, kind, time, start_time)?;
                    self.push_point(kind, point_bytes)?;
                    self.rows += 1;
                }
                _ => self.report.reject(RejectReason::TimeOutOfRange, 1, point_bytes),
            }
        }
        Ok(())
    }

    fn push_common(&mut self, metric: &Metric<'_>, kind: Kind, time: i64, start_time: i64) -> Result<(), WireError> {
        let (columns, row, limits, report) = (&mut self.columns, self.rows, self.limits, &mut self.report);
        columns.time.push(row, time);
        if start_time != 0 {
            columns.start_time.push(row, start_time);
        }
        push_text(&mut columns.name, row, metric.name, limits, report);
        push_some_text(&mut columns.description, row, metric.description, limits, report);
        push_some_text(&mut columns.unit, row, metric.unit, limits, report);
        columns.kind.push(row, kind.name());
        match metric.temporality {
            1 => columns.temporality.push(row, b"delta"),
            2 => columns.temporality.push(row, b"cumulative"),
            _ => {}
        }
        if kind == Kind::Sum {
            columns.is_monotonic.push(row, metric.is_monotonic);
        }
        push_attributes(&mut columns.metadata, row, &metric.metadata, limits, report)
    }

    fn push_point(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), WireError> {
        let row = self.rows;
        let mut point = Point::default();
        let mut reader = Reader::new("DataPoint", bytes);
        while let Some(field) = reader.next()? {
            match kind {
                Kind::Gauge | Kind::Sum => self.number_field(field, &mut point)?,
                Kind::Histogram => self.histogram_field(field, &mut point)?,
                Kind::ExponentialHistogram => self.exponential_field(field, &mut point)?,
                Kind::Summary => self.summary_field(field, &mut point)?,
            }
        }
        self.finish_kind(kind, &point)?;
        self.budget.charge_items(point.exemplars.items.len())?;
        let (columns, limits, report) = (&mut self.columns, self.limits, &mut self.report);
        columns.flags.push(row, i64::from(point.flags));
        columns.exemplars.push(row, &point.exemplars, limits, report)?;
        push_attributes(&mut columns.attributes, row, &point.attributes, limits, report)
    }

    fn number_field<'a>(&mut self, field: Field<'a>, point: &mut Point<'a>) -> Result<(), WireError> {
        match field.number {
            4 => point.value = Some(Number::Double(field.double()?)),
            5 => point.exemplars.push(field.bytes()?, self.limits.list_items),
            6 => point.value = Some(Number::Int(field.fixed64()?.cast_signed())),
            7 => point.attributes.push(field.bytes()?, self.limits.attributes),
            8 => point.flags = field.uint32()?,
            _ => {}
        }
        Ok(())
    }

    fn histogram_field<'a>(&mut self, field: Field<'a>, point: &mut Point<'a>) -> Result<(), WireError> {
        let columns = &mut self.columns;
        match field.number {
            4 => columns.count.set(self.rows, field.fixed64()?.cast_signed()),
            5 => columns.sum.set(self.rows, field.double()?),
            6 => field.each_fixed64(|count| columns.bucket_counts.elements.push(count.cast_signed()))?,
            7 => field.each_fixed64(|bound| columns.explicit_bounds.elements.push(f64::from_bits(bound)))?,
            8 => point.exemplars.push(field.bytes()?, self.limits.list_items),
            9 => point.attributes.push(field.bytes()?, self.limits.attributes),
            10 => point.flags = field.uint32()?,
            11 => columns.min.set(self.rows, field.double()?),
            12 => columns.max.set(self.rows, field.double()?),
            _ => {}
        }
        Ok(())
    }

    fn exponential_field<'a>(&mut self, field: Field<'a>, point: &mut Point<'a>) -> Result<(), WireError> {
        let columns = &mut self.columns;
        match field.number {
            1 => point.attributes.push(field.bytes()?, self.limits.attributes),
            4 => columns.count.set(self.rows, field.fixed64()?.cast_signed()),
            5 => columns.sum.set(self.rows, field.double()?),
            6 => columns.scale.set(self.rows, field.sint32()?),
            7 => columns.zero_count.set(self.rows, field.fixed64()?.cast_signed()),
            8 => point.positive = Some(field.bytes()?),
            9 => point.negative = Some(field.bytes()?),
            10 => point.flags = field.uint32()?,
            11 => point.exemplars.push(field.bytes()?, self.limits.list_items),
            12 => columns.min.set(self.rows, field.double()?),
            13 => columns.max.set(self.rows, field.double()?),
            14 => columns.zero_threshold.set(self.rows, field.double()?),
            _ => {}
        }
        Ok(())
    }

    fn summary_field<'a>(&mut self, field: Field<'a>, point: &mut Point<'a>) -> Result<(), WireError> {
        let columns = &mut self.columns;
        match field.number {
            4 => columns.count.set(self.rows, field.fixed64()?.cast_signed()),
            5 => columns.sum.set(self.rows, field.double()?),
            6 => {
                let element = columns.quantiles.quantile.len();
                let (quantile, value) = read_quantile(field.bytes()?)?;
                columns.quantiles.quantile.push(element, quantile);
                columns.quantiles.value.push(element, value);
            }
            7 => point.attributes.push(field.bytes()?, self.limits.attributes),
            8 => point.flags = field.uint32()?,
            _ => {}
        }
        Ok(())
    }

    /// Ends the row of the columns of `kind`, and sets what protobuf leaves out because it is zero.
    fn finish_kind(&mut self, kind: Kind, point: &Point<'_>) -> Result<(), WireError> {
        let (columns, row) = (&mut self.columns, self.rows);
        match kind {
            Kind::Gauge | Kind::Sum => match point.value {
                Some(Number::Double(value)) => columns.value.push(row, value),
                Some(Number::Int(value)) => {
                    columns.value.push(row, value as f64);
                    columns.value_int.push(row, value);
                }
                None => {}
            },
            Kind::Histogram => {
                columns.count.set_default(row);
                columns.explicit_bounds.end_row(row);
                columns.bucket_counts.end_row(row);
            }
            Kind::ExponentialHistogram => {
                columns.count.set_default(row);
                columns.scale.set_default(row);
                columns.zero_count.set_default(row);
                columns.zero_threshold.set_default(row);
                if let Some(bytes) = point.positive {
                    let offset = read_buckets(bytes, &mut columns.positive_counts.elements)?;
                    columns.positive_offset.push(row, offset);
                    columns.positive_counts.end_present_row(row);
                }
                if let Some(bytes) = point.negative {
                    let offset = read_buckets(bytes, &mut columns.negative_counts.elements)?;
                    columns.negative_offset.push(row, offset);
                    columns.negative_counts.end_present_row(row);
                }
            }
            Kind::Summary => {
                columns.count.set_default(row);
                columns.sum.set_default(row);
                let elements = columns.quantiles.quantile.len();
                columns.quantiles.nesting.end_row(row, elements);
            }
        }
        Ok(())
    }
}

/// The time and start time of a point, which have the same numbers in every kind.
fn point_times(bytes: &[u8]) -> Result<(u64, u64), WireError> {
    let mut reader = Reader::new("DataPoint", bytes);
    let (mut time, mut start_time) = (0, 0);
    while let Some(field) = reader.next()? {
        match field.number {
            2 => start_time = field.fixed64()?,
            3 => time = field.fixed64()?,
            _ => {}
        }
    }
    Ok((time, start_time))
}

fn read_quantile(bytes: &[u8]) -> Result<(f64, f64), WireError> {
    let mut reader = Reader::new("ValueAtQuantile", bytes);
    let (mut quantile, mut value) = (0.0, 0.0);
    while let Some(field) = reader.next()? {
        match field.number {
            1 => quantile = field.double()?,
            2 => value = field.double()?,
            _ => {}
        }
    }
    Ok((quantile, value))
}

/// Appends the counts of a `Buckets` message to `counts` and returns its offset.
fn read_buckets(bytes: &[u8], counts: &mut Vec<i64>) -> Result<i32, WireError> {
    let mut reader = Reader::new("Buckets", bytes);
    let mut offset = 0;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => offset = field.sint32()?,
            2 => field.each_varint(|count| counts.push(count.cast_signed()))?,
            _ => {}
        }
    }
    Ok(offset)
}
