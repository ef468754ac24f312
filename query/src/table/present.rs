//! The step from a scanned column to an exposed one.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, PrimitiveArray, StringArray, StructArray},
    buffer::{Buffer, OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, Field, FieldRef, Int64Type, Schema, TimestampNanosecondType},
    error::ArrowError,
    record_batch::RecordBatch,
};
use datafusion::{
    common::{Result, internal_err},
    logical_expr::ColumnarValue,
    physical_expr::PhysicalExpr,
};
use spandrel_proto::model::{ColumnType, column_type};

/// Shows a scanned column (`input`) to users as `exposed`: bytes of ids as hex text, integers of times as timestamps,
/// also inside lists and structs.
#[derive(Debug, Clone, Eq)]
pub(super) struct Present {
    input: Arc<dyn PhysicalExpr>,
    /// The scanned field, whose metadata says what is an id and what is a time.
    scanned: FieldRef,
    exposed: FieldRef,
}

impl Present {
    pub(super) fn new(input: Arc<dyn PhysicalExpr>, scanned: FieldRef, exposed: FieldRef) -> Self {
        Self { input, scanned, exposed }
    }

    pub(super) fn input(&self) -> &Arc<dyn PhysicalExpr> {
        &self.input
    }

    /// Whether the column is an id, so that its text stands for bytes one to one.
    pub(super) fn is_id(&self) -> bool {
        column_type(&self.scanned) == Some(ColumnType::Id)
    }
}

// Not derived: the derive cannot compare a boxed trait object (rust-lang/rust#78808).
impl PartialEq for Present {
    fn eq(&self, other: &Self) -> bool {
        self.input.eq(&other.input) && self.scanned == other.scanned && self.exposed == other.exposed
    }
}

impl Hash for Present {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
        self.scanned.hash(state);
        self.exposed.hash(state);
    }
}

impl fmt::Display for Present {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "present({})", self.input)
    }
}

impl PhysicalExpr for Present {
    fn return_field(&self, _input_schema: &Schema) -> Result<FieldRef> {
        Ok(self.exposed.clone())
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let column = self.input.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(present(&column, &self.scanned, &self.exposed)?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.input]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let Ok([input]) = <[_; 1]>::try_from(children) else {
            return internal_err!("a presented column has one input");
        };
        Ok(Arc::new(Self { input, scanned: self.scanned.clone(), exposed: self.exposed.clone() }))
    }

    fn fmt_sql(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The values of `array`, a column of the stored or scanned field `stored`, as a column of `exposed`.
pub(super) fn present(array: &ArrayRef, stored: &Field, exposed: &Field) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == exposed.data_type() {
        return Ok(array.clone());
    }
    match (column_type(stored), array.data_type(), stored.data_type(), exposed.data_type()) {
        (Some(ColumnType::Id), DataType::Binary, ..) => Ok(Arc::new(hex(array.as_binary())?)),
        (Some(ColumnType::Time), DataType::Int64, _, DataType::Timestamp(_, zone)) => {
            let times: PrimitiveArray<TimestampNanosecondType> = array.as_primitive::<Int64Type>().reinterpret_cast();
            Ok(Arc::new(times.with_timezone_opt(zone.clone())))
        }
        (None, DataType::List(_), DataType::List(stored), DataType::List(exposed)) => {
            let list = array.as_list::<i32>();
            let values = present(list.values(), stored, exposed)?;
            Ok(Arc::new(ListArray::try_new(exposed.clone(), list.offsets().clone(), values, list.nulls().cloned())?))
        }
        (None, DataType::Struct(_), DataType::Struct(stored), DataType::Struct(exposed)) => {
            let columns = array.as_struct();
            let presented = columns
                .columns()
                .iter()
                .zip(stored.iter().zip(exposed))
                .map(|(column, (stored, exposed))| present(column, stored, exposed))
                .collect::<Result<_, _>>()?;
            Ok(Arc::new(StructArray::try_new(exposed.clone(), presented, columns.nulls().cloned())?))
        }
        (_, found, _, wanted) => {
            Err(ArrowError::CastError(format!("column {} of type {found} cannot be shown as {wanted}", stored.name())))
        }
    }
}

const HEX_PAIRS: [[u8; 2]; 256] = hex_pairs();

const fn hex_pairs() -> [[u8; 2]; 256] {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
}

/// Lower-case hex text of each value.
fn hex(bytes: &BinaryArray) -> Result<StringArray, ArrowError> {
    let offsets = bytes.value_offsets();
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let mut text = Vec::with_capacity((last - first) as usize * 2);
    for byte in &bytes.value_data()[first as usize..last as usize] {
        text.extend_from_slice(&HEX_PAIRS[usize::from(*byte)]);
    }
    let doubled: Option<ScalarBuffer<i32>> = offsets.iter().map(|offset| (offset - first).checked_mul(2)).collect();
    let doubled = doubled.ok_or_else(|| ArrowError::ComputeError("a batch has more than 1 GiB of ids".to_owned()))?;
    StringArray::try_new(OffsetBuffer::new(doubled), Buffer::from_vec(text), bytes.nulls().cloned())
}

#[cfg(test)]
mod tests {
    use spandrel_proto::model::{Table, links_item};

    use super::*;
    use crate::table::exposed::exposed_field;

    #[test]
    fn ids_become_hex_text_also_from_a_slice() {
        let ids = BinaryArray::from(vec![Some(&b"\x00"[..]), Some(&[0xab, 0xcd]), None, Some(&[0xff])]);
        assert_eq!(hex(&ids.slice(1, 3)).unwrap(), StringArray::from(vec![Some("abcd"), None, Some("ff")]));
        assert_eq!(hex(&ids.slice(0, 0)).unwrap().len(), 0);
    }

    #[test]
    fn an_empty_list_of_links_is_presented() {
        let stored: FieldRef = Arc::new(Field::new("links", DataType::List(links_item()), true));
        let exposed = exposed_field(&stored);
        let array = arrow::array::new_null_array(stored.data_type(), 3);
        let presented = present(&array, &stored, &exposed).unwrap();
        assert_eq!((presented.data_type(), presented.null_count()), (exposed.data_type(), 3));
    }

    #[test]
    fn every_column_of_every_table_can_be_presented() {
        for table in Table::ALL {
            for stored in table.schema().fields() {
                let array = arrow::array::new_null_array(stored.data_type(), 2);
                let exposed = exposed_field(stored);
                let presented = present(&array, stored, &exposed).unwrap();
                assert_eq!(presented.data_type(), exposed.data_type(), "{table}.{}", stored.name());
            }
        }
    }
}
