//! `AnyValue` as text: strings as they are, numbers and booleans as JSON, arrays and key-value lists as JSON, bytes as
//! base64.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use crate::wire::protobuf::{Reader, Value, WireError};

/// Nesting of arrays and key-value lists that is read; the prost decoder stops at a like depth.
pub(super) const MAX_DEPTH: usize = 32;

/// The variant an `AnyValue` holds, in place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum AnyValue<'a> {
    Empty,
    Text(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// The bytes of an `ArrayValue`.
    Array(&'a [u8]),
    /// The bytes of a `KeyValueList`.
    KeyValues(&'a [u8]),
    Bytes(&'a [u8]),
}

impl<'a> AnyValue<'a> {
    #[inline]
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        match bytes {
            // Most values are short texts.
            [0x0a, len @ ..0x80, text @ ..] if usize::from(*len) == text.len() => Ok(AnyValue::Text(text)),
            _ => Self::read_fields(bytes),
        }
    }

    fn read_fields(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("AnyValue", bytes);
        let mut value = AnyValue::Empty;
        while let Some(field) = reader.next()? {
            value = match field.number {
                1 => AnyValue::Text(field.bytes()?),
                2 => AnyValue::Bool(field.varint()? != 0),
                3 => AnyValue::Int(field.varint()?.cast_signed()),
                4 => AnyValue::Double(field.double()?),
                5 => AnyValue::Array(field.bytes()?),
                6 => AnyValue::KeyValues(field.bytes()?),
                7 => AnyValue::Bytes(field.bytes()?),
                _ => value,
            };
        }
        Ok(value)
    }

    /// The number this value is, or that its text spells.
    pub(super) fn as_i64(self) -> Option<i64> {
        match self {
            AnyValue::Int(value) => Some(value),
            AnyValue::Double(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i64),
            AnyValue::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// Whether there is nothing to store.
    pub(super) fn is_empty(self) -> bool {
        matches!(self, AnyValue::Empty)
    }

    /// Whether there is nothing to show: no value, or one whose text is empty.
    pub(super) fn is_blank(self) -> bool {
        matches!(self, AnyValue::Empty | AnyValue::Text(b"") | AnyValue::Bytes(b""))
    }

    /// The element of an array of one, as header attributes are; other values as they are.
    pub(super) fn only_element(self) -> Result<Self, WireError> {
        let AnyValue::Array(bytes) = self else { return Ok(self) };
        let mut elements = Reader::new("ArrayValue", bytes);
        let Some(first) = elements.next_bytes(1)? else { return Ok(AnyValue::Empty) };
        match elements.next_bytes(1)? {
            None => AnyValue::read(first),
            Some(_) => Ok(self),
        }
    }

    /// Whether the value is true, or a text that says so.
    pub(super) fn is_true(self) -> bool {
        matches!(self, AnyValue::Bool(true))
            || matches!(self, AnyValue::Text(text) if text.eq_ignore_ascii_case(b"true"))
    }

    /// Appends the value's text to `out`. Of a text of more than `limit` bytes, more than `limit` are written, but not all.
    ///
    /// # Errors
    /// When a nested value is malformed or deeper than [`MAX_DEPTH`].
    pub(super) fn write_text(self, out: &mut Vec<u8>, limit: usize) -> Result<(), WireError> {
        match self {
            AnyValue::Empty => {}
            AnyValue::Text(text) => out.extend_from_slice(&text[..text.len().min(limit.saturating_add(1))]),
            AnyValue::Bytes(bytes) => write_base64(bytes, out, limit),
            scalar_or_nested => scalar_or_nested.write_json(out, limit)?,
        }
        Ok(())
    }

    fn write_json(self, out: &mut Vec<u8>, limit: usize) -> Result<(), WireError> {
        let start = out.len();
        let mut stack = Vec::new();
        write_scalar_or_open(self, out, &mut stack, limit)?;
        while let Some(open) = stack.last_mut() {
            if out.len() - start > limit {
                return Ok(());
            }
            let Some(field) = open.elements.next()? else {
                out.push(open.close);
                stack.pop();
                continue;
            };
            if field.number != 1 {
                continue;
            }
            let element = field.bytes()?;
            if !std::mem::replace(&mut open.first, false) {
                out.push(b',');
            }
            let value = if open.close == b'}' {
                let (key, value) = read_key_value(element)?;
                write_json_text(key, out, limit);
                out.push(b':');
                AnyValue::read(value)?
            } else {
                AnyValue::read(element)?
            };
            write_scalar_or_open(value, out, &mut stack, limit)?;
        }
        Ok(())
    }
}

/// The key and the `AnyValue` bytes of a `KeyValue`.
#[inline]
pub(super) fn read_key_value(bytes: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    // Most are a short key and then a short value.
    if let [0x0a, key_len @ ..0x80, rest @ ..] = bytes
        && let Some((key, [0x12, value_len @ ..0x80, value @ ..])) = rest.split_at_checked(usize::from(*key_len))
        && usize::from(*value_len) == value.len()
    {
        return Ok((key, value));
    }
    read_key_value_fields(bytes)
}

fn read_key_value_fields(bytes: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let mut reader = Reader::new("KeyValue", bytes);
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    while let Some(field) = reader.next()? {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => key = bytes,
            (2, Value::Bytes(bytes)) => value = bytes,
            (1 | 2, _) => {
                field.bytes()?;
            }
            _ => {}
        }
    }
    Ok((key, value))
}

struct Open<'a> {
    elements: Reader<'a>,
    close: u8,
    first: bool,
}

fn write_scalar_or_open<'a>(
    value: AnyValue<'a>,
    out: &mut Vec<u8>,
    stack: &mut Vec<Open<'a>>,
    limit: usize,
) -> Result<(), WireError> {
    let (bytes, message, open, close) = match value {
        AnyValue::Array(bytes) => (bytes, "ArrayValue", b'[', b']'),
        AnyValue::KeyValues(bytes) => (bytes, "KeyValueList", b'{', b'}'),
        scalar => {
            write_scalar_json(scalar, out, limit);
            return Ok(());
        }
    };
    if stack.len() == MAX_DEPTH {
        return Err(WireError::TooDeep { limit: MAX_DEPTH });
    }
    out.push(open);
    stack.push(Open { elements: Reader::new(message, bytes), close, first: true });
    Ok(())
}

fn write_scalar_json(scalar: AnyValue<'_>, out: &mut Vec<u8>, limit: usize) {
    match scalar {
        AnyValue::Text(text) => write_json_text(text, out, limit),
        AnyValue::Bytes(bytes) => {
            out.push(b'"');
            write_base64(bytes, out, limit);
            out.push(b'"');
        }
        AnyValue::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        AnyValue::Int(value) => write_display(out, format_args!("{value}")),
        AnyValue::Double(value) if value.is_finite() => write_display(out, format_args!("{value:?}")),
        AnyValue::Double(value) if value.is_nan() => out.extend_from_slice(b"\"NaN\""),
        AnyValue::Double(value) => out.extend_from_slice(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" }),
        AnyValue::Empty | AnyValue::Array(_) | AnyValue::KeyValues(_) => out.extend_from_slice(b"null"),
    }
}

pub(super) fn write_display(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    use std::io::Write;
    out.write_fmt(arguments).expect("writing to memory does not fail");
}

/// No more than what fills `limit` bytes is encoded.
fn write_base64(bytes: &[u8], out: &mut Vec<u8>, limit: usize) {
    let enough = bytes.len().min((limit / 3).saturating_add(1).saturating_mul(3));
    out.extend_from_slice(BASE64.encode(&bytes[..enough]).as_bytes());
}

/// No more than what fills `limit` bytes is written.
fn write_json_text(text: &[u8], out: &mut Vec<u8>, limit: usize) {
    out.push(b'"');
    for byte in &text[..text.len().min(limit)] {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x00..=0x1f => write_display(out, format_args!("\\u{byte:04x}")),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{
        AnyValue as ProstValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
    };
    use prost::Message;

    use super::*;

    fn text_of(value: Value) -> Result<String, WireError> {
        let encoded = ProstValue { value: Some(value) }.encode_to_vec();
        let mut out = Vec::new();
        AnyValue::read(&encoded)?.write_text(&mut out, usize::MAX)?;
        Ok(String::from_utf8(out).expect("text of these values is UTF-8"))
    }

    #[test]
    fn scalars_and_lists_have_their_json_text() {
        let key_value = |key: &str, value| KeyValue {
            key: key.to_owned(),
            value: Some(ProstValue { value: Some(value) }),
            ..Default::default()
        };
        let list = Value::KvlistValue(KeyValueList {
            values: vec![
                key_value("a\"b", Value::IntValue(-1)),
                key_value(
                    "c",
                    Value::ArrayValue(ArrayValue {
                        values: vec![ProstValue { value: None }, ProstValue { value: Some(Value::BoolValue(true)) }],
                    }),
                ),
            ],
        });
        for (value, text) in [
            (Value::StringValue("plain \"text\"".to_owned()), "plain \"text\""),
            (Value::IntValue(i64::MIN), "-9223372036854775808"),
            (Value::DoubleValue(1.0), "1.0"),
            (Value::DoubleValue(f64::NAN), "\"NaN\""),
            (Value::BytesValue(vec![0xff, 0x00]), "/wA="),
            (list, r#"{"a\"b":-1,"c":[null,true]}"#),
        ] {
            assert_eq!(text_of(value).as_deref(), Ok(text));
        }
    }

    #[test]
    fn nesting_past_the_limit_is_an_error() {
        let mut value = Value::IntValue(1);
        for _ in 0..=MAX_DEPTH {
            value = Value::ArrayValue(ArrayValue { values: vec![ProstValue { value: Some(value) }] });
        }
        assert_eq!(text_of(value), Err(WireError::TooDeep { limit: MAX_DEPTH }));
    }
}
