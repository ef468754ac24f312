//! Single values as JSON text.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    buffer::ScalarBuffer,
    datatypes::{
        DataType, FieldRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType,
    },
    error::ArrowError,
    json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder},
    record_batch::RecordBatch,
};
use jiff::Timestamp;

static OPTIONS: LazyLock<EncoderOptions> =
    LazyLock::new(|| EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(Times)));

/// The cells of one column of a batch.
pub(super) struct Cells<'a> {
    encoder: NullableEncoder<'a>,
}

impl<'a> Cells<'a> {
    pub(super) fn new(field: &'a FieldRef, column: &'a ArrayRef) -> Result<Self, ArrowError> {
        Ok(Self { encoder: make_encoder(field, column.as_ref(), &OPTIONS)? })
    }

    /// Appends the cell of `row` as JSON.
    pub(super) fn write_json(&mut self, row: usize, out: &mut Vec<u8>) {
        if self.encoder.is_null(row) {
            out.extend_from_slice(b"null");
        } else {
            self.encoder.encode(row, out);
        }
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        self.encoder.is_null(row)
    }
}

/// The cells of every column. The fields are those of the batch itself.
pub(super) fn cells<'a>(fields: &'a [FieldRef], batch: &'a RecordBatch) -> Result<Vec<Cells<'a>>, ArrowError> {
    fields.iter().zip(batch.columns()).map(|(field, column)| Cells::new(field, column)).collect()
}

/// Writes timestamps in UTC with nanoseconds, also inside lists, structs and maps.
#[derive(Debug)]
struct Times;

impl EncoderFactory for Times {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let DataType::Timestamp(unit, zone) = array.data_type() else { return Ok(None) };
        let (values, unit_nanos) = match unit {
            TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().values(), 1_000_000_000),
            TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().values(), 1_000_000),
            TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().values(), 1000),
            TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().values(), 1),
        };
        let encoder = TimeEncoder { values: values.clone(), unit_nanos, zoned: zone.is_some() };
        Ok(Some(NullableEncoder::new(Box::new(encoder), array.nulls().cloned())))
    }
}

struct TimeEncoder {
    values: ScalarBuffer<i64>,
    unit_nanos: i128,
    zoned: bool,
}

impl Encoder for TimeEncoder {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let value = self.values[row];
        let text = match Timestamp::from_nanosecond(i128::from(value) * self.unit_nanos) {
            Ok(timestamp) => format!("{timestamp:.9}"),
            // Beyond the year 9999 there is no RFC 3339.
            Err(_) => value.to_string(),
        };
        let text = if self.zoned { text.as_str() } else { text.trim_end_matches('Z') };
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}
