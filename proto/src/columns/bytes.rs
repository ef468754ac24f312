//! Text and id columns.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{ArrayRef, BinaryArray, GenericByteArray, NullBufferBuilder, StringArray, new_null_array},
    buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::DataType,
};

use super::Finisher;

/// A nullable column of byte strings: text (`Utf8`) or ids (`Binary`).
#[derive(Debug)]
pub struct Bytes {
    values: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Default for Bytes {
    fn default() -> Self {
        Self { values: Vec::new(), offsets: vec![0], nulls: NullBufferBuilder::new(0) }
    }
}

impl Bytes {
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets `row`, which is past every row set before; rows between are null.
    #[inline]
    pub fn push(&mut self, row: usize, value: &[u8]) {
        self.pad(row);
        self.values.extend_from_slice(value);
        self.close_value();
    }

    /// Sets `rows`, which are past every row set before, to the same value.
    pub fn push_run(&mut self, rows: Range<usize>, value: &[u8]) {
        self.pad(rows.start);
        self.values.reserve(rows.len() * value.len());
        self.offsets.reserve(rows.len());
        for _ in rows.clone() {
            self.values.extend_from_slice(value);
            let end = self.end_offset_of_values();
            self.offsets.push(end);
        }
        self.nulls.append_n_non_nulls(rows.len());
    }

    /// Sets the rows from `row` on, which is past every row set before, to `texts`.
    #[inline]
    pub fn push_texts(&mut self, row: usize, texts: &Texts) {
        self.pad(row);
        let start = self.end_offset();
        self.values.extend_from_slice(&texts.bytes);
        // The last of them stays in range, and so do those before it.
        self.end_offset_of_values();
        self.offsets.extend(texts.ends.iter().map(|end| start + end));
        if texts.nulls.is_empty() {
            self.nulls.append_n_non_nulls(texts.ends.len());
        } else {
            for is_null in &texts.nulls {
                self.nulls.append(!is_null);
            }
        }
    }

    /// Appends to the value being written; [`Bytes::close`] ends it.
    #[inline]
    pub fn open(&mut self, row: usize) -> &mut Vec<u8> {
        self.pad(row);
        &mut self.values
    }

    /// Ends the value begun with [`Bytes::open`], cut to `limit` bytes at a character's edge. Says whether it was cut.
    #[inline]
    pub fn close(&mut self, limit: usize) -> bool {
        let start = self.offsets.last().map_or(0, |offset| offset.cast_unsigned() as usize);
        let cut = self.values.len() - start > limit;
        if cut {
            let kept = text_prefix(&self.values[start..], limit).len();
            self.values.truncate(start + kept);
        }
        self.close_value();
        cut
    }

    pub fn finish_text(mut self, finisher: &mut Finisher) -> ArrayRef {
        if self.is_empty() {
            return new_null_array(&DataType::Utf8, finisher.rows);
        }
        self.pad(finisher.rows);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let values = Buffer::from_vec(self.values);
        let nulls = self.nulls.finish();
        match StringArray::try_new(offsets.clone(), values.clone(), nulls.clone()) {
            Ok(array) => Arc::new(array),
            Err(_) => Arc::new(repair_texts(&offsets, &values, nulls.as_ref(), &mut finisher.texts_repaired)),
        }
    }

    pub fn finish_binary(mut self, finisher: &mut Finisher) -> ArrayRef {
        if self.is_empty() {
            return new_null_array(&DataType::Binary, finisher.rows);
        }
        self.pad(finisher.rows);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let array: BinaryArray = GenericByteArray::new(offsets, Buffer::from_vec(self.values), self.nulls.finish());
        Arc::new(array)
    }

    #[inline]
    fn pad(&mut self, row: usize) {
        let missing = row - self.len();
        if missing > 0 {
            let end = self.end_offset();
            self.offsets.extend(std::iter::repeat_n(end, missing));
            self.nulls.append_n_nulls(missing);
        }
    }

    #[inline]
    fn close_value(&mut self) {
        let end = self.end_offset_of_values();
        self.offsets.push(end);
        self.nulls.append_non_null();
    }

    fn end_offset(&self) -> i32 {
        self.offsets.last().copied().unwrap_or(0)
    }

    fn end_offset_of_values(&self) -> i32 {
        offset(self.values.len())
    }
}

fn offset(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("a column's bytes are bounded by DecodeLimits::MAX_EXPANDED_BYTES")
}

/// Texts rendered once, to be repeated for many rows.
#[derive(Debug, Default)]
pub struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i32>,
    /// Which texts are null; empty while none is.
    nulls: Vec<bool>,
}

impl Texts {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Where to write the next text, which [`Texts::close`] ends.
    pub fn open(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub fn close(&mut self) {
        self.ends.push(offset(self.bytes.len()));
        if !self.nulls.is_empty() {
            self.nulls.push(false);
        }
    }

    pub fn push_null(&mut self) {
        self.nulls.resize(self.ends.len(), false);
        self.nulls.push(true);
        self.ends.push(offset(self.bytes.len()));
    }
}

/// The longest prefix of `text` of at most `limit` bytes that does not end inside a UTF-8 character.
pub fn text_prefix(text: &[u8], limit: usize) -> &[u8] {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    // A character has at most three continuation bytes.
    while end > 0 && limit - end < 3 && text[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    &text[..end]
}

fn repair_texts(
    offsets: &OffsetBuffer<i32>,
    values: &Buffer,
    nulls: Option<&NullBuffer>,
    repaired: &mut u64,
) -> StringArray {
    let texts = offsets.windows(2).enumerate().map(|(row, range)| {
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let bytes = &values[range[0].cast_unsigned() as usize..range[1].cast_unsigned() as usize];
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            *repaired += 1;
        }
        Some(text)
    });
    texts.collect()
}
