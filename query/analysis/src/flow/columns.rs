//! Columns of the records, as they are stored or as SQL shows them: ids in bytes or in hex, times as integers or as
//! timestamps. A column that is not there reads as null.

use arrow::{
    array::{Array, AsArray, BinaryArray, ListArray, StringArray},
    datatypes::{Int64Type, TimestampNanosecondType},
    record_batch::RecordBatch,
};
use spandrel_proto::model::id::from_hex;

#[derive(Debug, Clone, Copy)]
pub(super) struct Columns<'a>(pub(super) &'a RecordBatch);

impl<'a> Columns<'a> {
    pub(super) fn text(self, name: &str) -> Texts<'a> {
        Texts(self.0.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()))
    }

    pub(super) fn id(self, name: &str) -> Ids<'a> {
        match self.0.column_by_name(name) {
            Some(column) => Ids { bytes: column.as_binary_opt::<i32>(), hex: column.as_string_opt::<i32>() },
            None => Ids { bytes: None, hex: None },
        }
    }

    pub(super) fn time(self, name: &str) -> Times<'a> {
        let column = self.0.column_by_name(name);
        let values = column.and_then(|column| {
            let integers = column.as_primitive_opt::<Int64Type>().map(|times| &times.values()[..]);
            integers.or_else(|| column.as_primitive_opt::<TimestampNanosecondType>().map(|times| &times.values()[..]))
        });
        Times(values)
    }

    pub(super) fn list(self, name: &str) -> Option<&'a ListArray> {
        self.0.column_by_name(name)?.as_list_opt::<i32>()
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a>(Option<&'a StringArray>);

impl<'a> Texts<'a> {
    pub(super) fn get(self, row: usize) -> Option<&'a str> {
        self.0.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row)).filter(|text| !text.is_empty())
    }

    pub(super) fn or_empty(self, row: usize) -> &'a str {
        self.get(row).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Ids<'a> {
    bytes: Option<&'a BinaryArray>,
    hex: Option<&'a StringArray>,
}

impl Ids<'_> {
    /// 0 for none, and for what is no trace id.
    pub(super) fn trace(self, row: usize) -> u128 {
        self.array(row).map_or(0, u128::from_be_bytes)
    }

    /// 0 for none, and for what is no span id.
    pub(super) fn span(self, row: usize) -> u64 {
        self.array(row).map_or(0, u64::from_be_bytes)
    }

    fn array<const N: usize>(self, row: usize) -> Option<[u8; N]> {
        if let Some(bytes) = self.bytes.filter(|bytes| bytes.is_valid(row)) {
            return bytes.value(row).try_into().ok();
        }
        let hex = self.hex.filter(|hex| hex.is_valid(row))?;
        from_hex(hex.value(row))?.try_into().ok()
    }
}

/// Nanoseconds since the epoch. The columns that are read are never null.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times<'a>(Option<&'a [i64]>);

impl Times<'_> {
    pub(super) fn get(self, row: usize) -> i64 {
        self.0.map_or(0, |times| times[row])
    }
}
