//! OTLP/JSON to the same request in protobuf bytes, in one streaming pass: no tree of the document is built.
//!
//! Rules: protobuf's JSON mapping, except that ids are hex text and enums are numbers
//! (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>). Read leniently, as senders differ: numbers may be
//! text, enums may be names, field names may be in snake case, unknown fields are passed over. An id that is not hex
//! becomes one of a wrong length, and a time that 64 bits cannot hold becomes the largest, so that each costs its own
//! record and not the request.

use std::fmt;

use base64::{Engine, engine::general_purpose};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use super::{
    Signal,
    messages::{self, Field, FieldType},
};
use crate::model::id;

/// Why a body is not OTLP/JSON. The message says what was expected, and the line and column.
#[derive(Debug, Error)]
#[error("the body is not OTLP/JSON")]
pub struct JsonError(#[from] serde_json::Error);

/// The protobuf bytes of the `Export*ServiceRequest` that `json` holds.
///
/// # Errors
/// When `json` is not JSON, or a field's value is not of the field's type.
pub fn json_to_protobuf(signal: Signal, json: &[u8]) -> Result<Vec<u8>, JsonError> {
    let fields = messages::request(signal);
    let mut out = Vec::with_capacity(json.len() / 2);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    MessageSeed { fields, out: &mut out }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(out)
}

/// Writes the fields of one message.
struct MessageSeed<'o> {
    fields: &'static [Field],
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object")?;
        if let Some(first) = self.fields.first() {
            write!(formatter, " with fields such as {}", first.name)?;
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(NameSeed { fields: self.fields })? {
            match name {
                Some(field) => map.next_value_seed(FieldSeed { field, out: &mut *self.out })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Finds the field that a JSON name means.
struct NameSeed {
    fields: &'static [Field],
}

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Option<&'static Field>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Option<&'static Field>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.fields.iter().find(|field| names_match(field.name, name)))
    }
}

/// Whether `given` is `camel` or its snake-case form.
fn names_match(camel: &str, given: &str) -> bool {
    if camel == given {
        return true;
    }
    if !given.contains('_') {
        return false;
    }
    let mut rest = given.bytes();
    for byte in camel.bytes() {
        let expected = byte.to_ascii_lowercase();
        if byte.is_ascii_uppercase() && rest.next() != Some(b'_') {
            return false;
        }
        if rest.next() != Some(expected) {
            return false;
        }
    }
    rest.next().is_none()
}

/// Writes one field: its tag and its value. `null` is the default, which protobuf leaves out.
struct FieldSeed<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
}

impl FieldSeed<'_> {
    fn write_tag(&mut self, wire_type: u32) {
        write_varint(self.out, u64::from(self.field.number << 3 | wire_type));
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        self.write_tag(2);
        write_varint(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn write_integer<E: Error>(&mut self, value: i128) -> Result<(), E> {
        let out_of_range = || E::custom(format_args!("{value} is out of range for {}", self.field.name));
        match self.field.field_type {
            FieldType::Double | FieldType::Doubles => return self.write_double(value as f64),
            FieldType::Uint32 => {
                let value = u32::try_from(value).map_err(|_| out_of_range())?;
                self.write_tag(0);
                write_varint(self.out, u64::from(value));
            }
            FieldType::Enum(_) => {
                let value = i32::try_from(value).map_err(|_| out_of_range())?;
                self.write_tag(0);
                write_varint(self.out, i64::from(value).cast_unsigned());
            }
            FieldType::Int64 => {
                let value = i64::try_from(value).map_err(|_| out_of_range())?;
                self.write_tag(0);
                write_varint(self.out, value.cast_unsigned());
            }
            FieldType::Sint32 => {
                let value = i32::try_from(value).map_err(|_| out_of_range())?;
                self.write_tag(0);
                write_varint(self.out, u64::from(((value << 1) ^ (value >> 31)).cast_unsigned()));
            }
            FieldType::Fixed32 => {
                let value = u32::try_from(value).map_err(|_| out_of_range())?;
                self.write_tag(5);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            FieldType::Fixed64 | FieldType::Fixed64s => {
                self.write_tag(1);
                self.out.extend_from_slice(&u64::try_from(value).unwrap_or(u64::MAX).to_le_bytes());
            }
            FieldType::Sfixed64 => {
                let value = i64::try_from(value).map_err(|_| out_of_range())?;
                self.write_tag(1);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            FieldType::Uint64s => {
                let value = u64::try_from(value).map_err(|_| out_of_range())?;
                self.write_tag(0);
                write_varint(self.out, value);
            }
            _ => return Err(E::invalid_type(serde::de::Unexpected::Other("a number"), &*self)),
        }
        Ok(())
    }

    fn write_double<E: Error>(&mut self, value: f64) -> Result<(), E> {
        match self.field.field_type {
            FieldType::Double | FieldType::Doubles => {
                self.write_tag(1);
                self.out.extend_from_slice(&value.to_le_bytes());
                Ok(())
            }
            _ if value.fract() == 0.0 => self.write_integer(value as i128),
            _ => Err(E::invalid_type(serde::de::Unexpected::Float(value), &*self)),
        }
    }

    fn write_number_text<E: Error>(&mut self, text: &str) -> Result<(), E> {
        if let Ok(value) = text.parse::<i128>() {
            return self.write_integer(value);
        }
        match text {
            "NaN" => self.write_double(f64::NAN),
            "Infinity" => self.write_double(f64::INFINITY),
            "-Infinity" => self.write_double(f64::NEG_INFINITY),
            _ => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => self.write_double(value),
                _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &*self)),
            },
        }
    }
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.field.field_type {
            FieldType::Message(_) => "an object",
            FieldType::Messages(_) => "an array of objects",
            FieldType::Texts => "an array of texts",
            FieldType::Doubles | FieldType::Fixed64s | FieldType::Uint64s => "an array of numbers",
            FieldType::Text => "a text",
            FieldType::Bytes => "base64 text",
            FieldType::Id => "hex text",
            FieldType::Bool => "a boolean",
            FieldType::Enum(_) => "an enum number",
            _ => "a number",
        };
        write!(formatter, "{kind} for {}", self.field.name)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        if !matches!(self.field.field_type, FieldType::Bool) {
            return Err(E::invalid_type(serde::de::Unexpected::Bool(value), &self));
        }
        self.write_tag(0);
        self.out.push(u8::from(value));
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.write_integer(i128::from(value))
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        self.write_integer(i128::from(value))
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.write_double(value)
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        match self.field.field_type {
            FieldType::Text | FieldType::Texts => self.write_bytes(text.as_bytes()),
            FieldType::Id => match id::from_hex(text) {
                Some(bytes) => self.write_bytes(&bytes),
                None => self.write_bytes(&[0xff]),
            },
            FieldType::Bytes => {
                let bytes =
                    decode_base64(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))?;
                self.write_bytes(&bytes);
            }
            FieldType::Enum(names) => match names.iter().position(|name| *name == text) {
                Some(value) => self.write_integer(value as i128)?,
                None => self.write_number_text(text)?,
            },
            FieldType::Bool => match text {
                "true" => self.visit_bool(true)?,
                "false" => self.visit_bool(false)?,
                _ => return Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            },
            _ => self.write_number_text(text)?,
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let (FieldType::Message(fields) | FieldType::Messages(fields)) = self.field.field_type else {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        };
        let mut message = Vec::new();
        MessageSeed { fields, out: &mut message }.visit_map(map)?;
        self.write_bytes(&message);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let repeated = matches!(
            self.field.field_type,
            FieldType::Messages(_) | FieldType::Texts | FieldType::Doubles | FieldType::Fixed64s | FieldType::Uint64s
        );
        if !repeated {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        while elements.next_element_seed(ElementSeed { field: self.field, out: &mut *self.out })?.is_some() {}
        Ok(())
    }
}

/// Writes one element of a repeated field. Unlike a field, an element that is `null` is there: an empty message.
struct ElementSeed<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let written = self.out.len();
        FieldSeed { field: self.field, out: &mut *self.out }.deserialize(deserializer)?;
        if self.out.len() == written && matches!(self.field.field_type, FieldType::Messages(_)) {
            FieldSeed { field: self.field, out: self.out }.write_bytes(&[]);
        }
        Ok(())
    }
}

/// Base64 of either alphabet, padded or not, as protobuf's JSON mapping has it.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let unpadded = text.trim_end_matches('=');
    general_purpose::STANDARD_NO_PAD
        .decode(unpadded)
        .or_else(|_| general_purpose::URL_SAFE_NO_PAD.decode(unpadded))
        .ok()
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_names_are_the_same_fields() {
        assert!(names_match("startTimeUnixNano", "start_time_unix_nano"));
        assert!(names_match("startTimeUnixNano", "startTimeUnixNano"));
        assert!(!names_match("startTimeUnixNano", "start_time"));
        assert!(!names_match("kind", "kin_d"));
    }

    #[test]
    fn errors_say_what_and_where() {
        for (json, says) in [
            (&b"{"[..], "EOF while parsing"),
            (b"[]", "expected an object"),
            (br#"{"resourceSpans":7}"#, "resourceSpans"),
            (br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":1}]}]}]}"#, "a text for name at line 1 column"),
            (br#"{} trailing"#, "trailing characters"),
        ] {
            let error = json_to_protobuf(Signal::Traces, json).expect_err("the body is bad");
            let source = std::error::Error::source(&error).expect("the parser's error is the source").to_string();
            assert!(source.contains(says), "{source}");
        }
    }
}
