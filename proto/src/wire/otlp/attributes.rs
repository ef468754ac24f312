//! Attribute lists as map columns.

use std::ops::Range;

use super::any_value::{AnyValue, read_key_value};
use crate::{
    columns::{Bytes, Maps, Texts, text_prefix},
    model::{alias, make_correlation_key},
    wire::{DecodeLimits, Repair, Report, WireError},
};

/// Sets `row` of a text column to the value's text, cut to the limit.
#[inline]
pub(super) fn push_value(
    column: &mut Bytes,
    row: usize,
    value: AnyValue<'_>,
    limits: &DecodeLimits,
    report: &mut Report,
) -> Result<(), WireError> {
    match value {
        AnyValue::Text(text) => push_text(column, row, text, limits, report),
        AnyValue::Empty => {}
        other => {
            other.write_text(column.open(row), limits.value_bytes)?;
            if column.close(limits.value_bytes) {
                report.repair(Repair::ValueTruncated);
            }
        }
    }
    Ok(())
}

/// Sets `row` of a text column, cut to the limit.
#[inline]
pub(super) fn push_text(column: &mut Bytes, row: usize, text: &[u8], limits: &DecodeLimits, report: &mut Report) {
    column.push(row, cut(text, limits, report));
}

/// Sets `row` of a text column unless `text` is empty, which is how protobuf says that there is none.
#[inline]
pub(super) fn push_some_text(column: &mut Bytes, row: usize, text: &[u8], limits: &DecodeLimits, report: &mut Report) {
    if !text.is_empty() {
        push_text(column, row, text, limits, report);
    }
}

/// Appends one entry to the row of `maps` being written.
#[inline]
pub(super) fn push_entry(
    maps: &mut Maps,
    key: &[u8],
    value: AnyValue<'_>,
    limits: &DecodeLimits,
    report: &mut Report,
) -> Result<(), WireError> {
    let entry = maps.entries();
    push_text(&mut maps.keys, entry, key, limits, report);
    push_value(&mut maps.values, entry, value, limits, report)
}

/// A repeated field of one record, in place: the elements up to a limit, and how many came past it.
#[derive(Debug, Default)]
pub(super) struct Kept<'a> {
    pub(super) items: Vec<&'a [u8]>,
    pub(super) dropped: u64,
}

impl<'a> Kept<'a> {
    #[inline]
    pub(super) fn push(&mut self, item: &'a [u8], limit: usize) {
        if self.items.len() < limit {
            self.items.push(item);
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.dropped = 0;
    }
}

/// Sets `row` of `maps` to `attributes` (each the bytes of a `KeyValue`).
pub(super) fn push_attributes(
    maps: &mut Maps,
    row: usize,
    attributes: &Kept<'_>,
    limits: &DecodeLimits,
    report: &mut Report,
) -> Result<(), WireError> {
    for bytes in &attributes.items {
        let (key, value) = read_key_value(bytes)?;
        push_entry(maps, key, AnyValue::read(value)?, limits, report)?;
    }
    maps.end_row(row);
    report.repair_many(Repair::AttributesDropped, attributes.dropped);
    Ok(())
}

/// The correlation id among a record's attributes: the preferred name's first value that is not blank.
#[derive(Debug, Default)]
pub(super) struct Correlation<'a> {
    best: Option<(u8, AnyValue<'a>)>,
}

impl<'a> Correlation<'a> {
    #[inline]
    pub(super) fn offer(&mut self, key: &[u8], value: AnyValue<'a>) -> Result<(), WireError> {
        let Some(rank) = alias::correlation_rank(key) else { return Ok(()) };
        let value = value.only_element()?;
        if !value.is_blank() && self.best.is_none_or(|(best, _)| rank < best) {
            self.best = Some((rank, value));
        }
        Ok(())
    }

    /// Sets `row` to the form of the id by which records join; as sent it stays among the attributes.
    pub(super) fn push(
        &self,
        column: &mut Bytes,
        row: usize,
        limits: &DecodeLimits,
        report: &mut Report,
    ) -> Result<(), WireError> {
        let Some((_, value)) = self.best else { return Ok(()) };
        let values = column.open(row);
        let start = values.len();
        value.write_text(values, limits.value_bytes)?;
        make_correlation_key(&mut values[start..]);
        if column.close(limits.value_bytes) {
            report.repair(Repair::ValueTruncated);
        }
        Ok(())
    }
}

/// Appends `text`, cut to the limit.
pub(super) fn extend_cut(out: &mut Vec<u8>, text: &[u8], limits: &DecodeLimits, report: &mut Report) {
    out.extend_from_slice(cut(text, limits, report));
}

#[inline]
fn cut<'t>(text: &'t [u8], limits: &DecodeLimits, report: &mut Report) -> &'t [u8] {
    let kept = text_prefix(text, limits.value_bytes);
    if kept.len() < text.len() {
        report.repair(Repair::ValueTruncated);
    }
    kept
}

/// Appends the value's text, cut to the limit.
pub(super) fn write_cut(
    out: &mut Vec<u8>,
    value: AnyValue<'_>,
    limits: &DecodeLimits,
    report: &mut Report,
) -> Result<(), WireError> {
    let start = out.len();
    value.write_text(out, limits.value_bytes)?;
    let kept = text_prefix(&out[start..], limits.value_bytes).len();
    if start + kept < out.len() {
        out.truncate(start + kept);
        report.repair(Repair::ValueTruncated);
    }
    Ok(())
}

/// Attributes rendered once and repeated for every record of a resource or scope.
#[derive(Debug, Default)]
pub(super) struct SharedAttributes {
    keys: Texts,
    values: Texts,
}

impl SharedAttributes {
    pub(super) fn push(
        &mut self,
        key: &[u8],
        value: AnyValue<'_>,
        limits: &DecodeLimits,
        report: &mut Report,
    ) -> Result<(), WireError> {
        extend_cut(self.keys.open(), key, limits, report);
        self.keys.close();
        if value.is_empty() {
            self.values.push_null();
        } else {
            write_cut(self.values.open(), value, limits, report)?;
            self.values.close();
        }
        Ok(())
    }

    /// Says under `key` how many attributes the sender dropped, if any.
    pub(super) fn push_dropped(
        &mut self,
        key: &[u8],
        count: u32,
        limits: &DecodeLimits,
        report: &mut Report,
    ) -> Result<(), WireError> {
        if count == 0 {
            return Ok(());
        }
        self.push(key, AnyValue::Int(i64::from(count)), limits, report)
    }

    /// What a record that repeats these costs.
    pub(super) fn byte_len(&self) -> usize {
        self.keys.byte_len() + self.values.byte_len() + 8 * self.keys.len()
    }

    /// Sets `rows` of `maps` to these attributes.
    pub(super) fn repeat(&self, maps: &mut Maps, rows: Range<usize>) {
        maps.push_run(rows, &self.keys, &self.values);
    }
}
