//! Exemplars of metric points.

use arrow::array::ArrayRef;

use super::{
    attributes::{Kept, push_attributes},
    clamped_nanos,
    logs::push_id,
};
use crate::{
    columns::{Bytes, Finisher, Float64s, Int64s, Maps, Nesting, finish_struct_lists},
    model::{
        Table,
        id::{SPAN_ID_LEN, TRACE_ID_LEN},
    },
    wire::{DecodeLimits, Repair, Report, WireError, protobuf::Reader},
};

#[derive(Debug, Default)]
pub(super) struct ExemplarColumns {
    nesting: Nesting,
    time: Int64s,
    value: Float64s,
    trace_id: Bytes,
    span_id: Bytes,
    attributes: Maps,
}

impl ExemplarColumns {
    /// Sets `row` to the exemplars given as their bytes.
    pub(super) fn push(
        &mut self,
        row: usize,
        exemplars: &Kept<'_>,
        limits: &DecodeLimits,
        report: &mut Report,
    ) -> Result<(), WireError> {
        report.repair_many(Repair::ListItemsDropped, exemplars.dropped);
        for bytes in &exemplars.items {
            self.push_one(bytes, limits, report)?;
        }
        self.nesting.end_row(row, self.time.len());
        Ok(())
    }

    fn push_one(&mut self, bytes: &[u8], limits: &DecodeLimits, report: &mut Report) -> Result<(), WireError> {
        let element = self.time.len();
        let (mut time, mut value, mut trace_id, mut span_id): (u64, Option<f64>, &[u8], &[u8]) = (0, None, &[], &[]);
        let mut attributes = Kept::default();
        let mut reader = Reader::new("Exemplar", bytes);
        while let Some(field) = reader.next()? {
            match field.number {
                2 => time = field.fixed64()?,
                3 => value = Some(field.double()?),
                4 => span_id = field.bytes()?,
                5 => trace_id = field.bytes()?,
                6 => value = Some(field.fixed64()?.cast_signed() as f64),
                7 => attributes.push(field.bytes()?, limits.attributes),
                _ => {}
            }
        }
        self.time.push(element, clamped_nanos(time, report));
        if let Some(value) = value {
            self.value.push(element, value);
        }
        push_id(&mut self.trace_id, element, trace_id, TRACE_ID_LEN, report);
        push_id(&mut self.span_id, element, span_id, SPAN_ID_LEN, report);
        push_attributes(&mut self.attributes, element, &attributes, limits, report)
    }

    pub(super) fn finish(self, finisher: &mut Finisher) -> ArrayRef {
        let schema = Table::Metrics.schema();
        let field = schema.field_with_name("exemplars").expect("metrics have exemplars");
        let elements = self.time.len();
        finish_struct_lists(field, self.nesting, elements, finisher, |fields, finisher| {
            vec![
                self.time.finish(finisher),
                self.value.finish(finisher),
                self.trace_id.finish_binary(finisher),
                self.span_id.finish_binary(finisher),
                self.attributes.finish(&fields[4], finisher),
            ]
        })
    }
}
