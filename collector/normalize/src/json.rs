//! JSON of one line, borrowed from it where nothing is escaped.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::{
    format::{LineError, LineReason},
    record::Text,
};

/// The longest path of an object whose members are given one by one.
pub(crate) const MAX_PATH: usize = 256;

/// A JSON value. Objects keep the order of their members.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// An integer past `i64`.
    Unsigned(u64),
    Float(f64),
    Text(Text<'a>),
    List(Vec<Value<'a>>),
    Object(Object<'a>),
}

/// The members of a JSON object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object<'a> {
    pub members: Vec<(Text<'a>, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// Reads a line that is one object.
    ///
    /// # Errors
    /// [`LineReason::Format`] when it does not begin as one, [`LineReason::Json`] when it is broken.
    pub fn parse(line: &'a str) -> Result<Self, LineError> {
        if !line.trim_start().starts_with('{') {
            return Err(LineError::new(LineReason::Format, "the line is not a JSON object"));
        }
        serde_json::from_str(line).map_err(|error| LineError::new(LineReason::Json, format!("broken JSON: {error}")))
    }

    /// The value under a key: one written just so, or else members of nested objects by a path of names joined by dots.
    /// Of members with the same key the first counts.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        if let Some((_, value)) = self.members.iter().find(|(name, _)| name == key) {
            return Some(value);
        }
        let (first, rest) = key.split_once('.')?;
        match self.members.iter().find(|(name, _)| name == first) {
            Some((_, Value::Object(object))) => object.get(rest),
            _ => None,
        }
    }

    /// The text under a key; numbers and booleans as their JSON text, `null`, lists and objects as none.
    pub fn text(&self, key: &str) -> Option<Text<'a>> {
        self.get(key)?.to_text()
    }

    /// The members of all depths as texts, nested keys joined by dots, lists as JSON. Nulls are left out. Objects under a
    /// very long path are given as JSON, as each of their members would repeat it.
    pub fn for_each_flat(self, visit: &mut dyn FnMut(Text<'a>, Text<'a>)) {
        self.flatten("", visit);
    }

    fn flatten(self, path: &str, visit: &mut dyn FnMut(Text<'a>, Text<'a>)) {
        // Depth is bounded by the reader, which refuses more than 128 levels.
        for (key, value) in self.members {
            let key = if path.is_empty() { key } else { Cow::Owned(format!("{path}.{key}")) };
            match value {
                Value::Null => {}
                Value::Object(object) if key.len() <= MAX_PATH => object.flatten(&key, visit),
                other => visit(key, other.into_text()),
            }
        }
    }
}

impl<'a> Value<'a> {
    /// The value as text, where it is a scalar.
    pub fn to_text(&self) -> Option<Text<'a>> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(Cow::Owned(number.to_string())),
            Value::Unsigned(number) => Some(Cow::Owned(number.to_string())),
            Value::Float(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Value::Null | Value::List(_) | Value::Object(_) => None,
        }
    }

    /// The value as text: a text as it is, all else as JSON.
    pub fn into_text(self) -> Text<'a> {
        match self {
            Value::Text(text) => text,
            other => Cow::Owned(other.to_string()),
        }
    }

    /// The value as an integer: a number, or a text that is one. A fraction is cut off.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            Value::Unsigned(number) => i64::try_from(*number).ok(),
            Value::Float(number) => Some(*number as i64),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The value as a number: a number, or a text that is one.
    pub fn float(&self) -> Option<f64> {
        match self {
            Value::Integer(number) => Some(*number as f64),
            Value::Unsigned(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    pub fn object(&self) -> Option<&Object<'a>> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn list(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }
}

impl fmt::Display for Value<'_> {
    /// Writes JSON.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => formatter.write_str("null"),
            Value::Bool(value) => value.fmt(formatter),
            Value::Integer(number) => number.fmt(formatter),
            Value::Unsigned(number) => number.fmt(formatter),
            Value::Float(number) => number.fmt(formatter),
            Value::Text(text) => write_json_text(text, formatter),
            Value::List(items) => {
                formatter.write_str("[")?;
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        formatter.write_str(",")?;
                    }
                    item.fmt(formatter)?;
                }
                formatter.write_str("]")
            }
            Value::Object(object) => {
                formatter.write_str("{")?;
                for (position, (key, value)) in object.members.iter().enumerate() {
                    if position > 0 {
                        formatter.write_str(",")?;
                    }
                    write_json_text(key, formatter)?;
                    formatter.write_str(":")?;
                    value.fmt(formatter)?;
                }
                formatter.write_str("}")
            }
        }
    }
}

fn write_json_text(text: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let quoted = serde_json::to_string(text).map_err(|_| fmt::Error)?;
    formatter.write_str(&quoted)
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(ValueVisitor { members: MEMBERS })? {
            Value::Object(object) => Ok(object),
            _ => Err(D::Error::custom("not an object")),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor { members: 0 })
    }
}

/// Room for the members of the object that is the line: most access records fit.
const MEMBERS: usize = 32;

struct ValueVisitor {
    /// How many members to make room for.
    members: usize,
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(value).map_or(Value::Unsigned(value), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value<'de>, A::Error> {
        let mut object = Object { members: Vec::with_capacity(self.members) };
        while let Some(key) = members.next_key_seed(KeySeed)? {
            object.members.push((key, members.next_value()?));
        }
        Ok(Value::Object(object))
    }
}

/// Reads a key, borrowed where nothing in it is escaped.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Text<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Text<'de>, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Text<'de>, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_key_and_by_path() {
        let line = r#"{"a.b":1,"a":{"b":2,"c":{"d":"x"}},"n":null,"f":1.5,"t":"é\n","l":[1,{"k":"v"}],"big":18446744073709551615}"#;
        let object = Object::parse(line).unwrap();
        assert_eq!(object.get("a.b"), Some(&Value::Integer(1)));
        assert_eq!(object.text("a.c.d").as_deref(), Some("x"));
        assert_eq!(object.text("n"), None);
        assert_eq!(object.text("t").as_deref(), Some("é\n"));
        assert_eq!(object.get("big").and_then(Value::integer), None);
        let mut flat = Vec::new();
        object.for_each_flat(&mut |key, value| flat.push(format!("{key}={value}")));
        assert_eq!(
            flat,
            ["a.b=1", "a.b=2", "a.c.d=x", "f=1.5", "t=é\n", r#"l=[1,{"k":"v"}]"#, "big=18446744073709551615"]
        );
    }

    #[test]
    fn a_long_path_is_not_repeated_for_each_member() {
        let key = "k".repeat(100_000);
        let line = format!("{{\"{key}\":{{\"a\":1,\"b\":2}}}}");
        let mut flat = Vec::new();
        Object::parse(&line).unwrap().for_each_flat(&mut |key, value| flat.push((key.len(), value.into_owned())));
        assert_eq!(flat, [(key.len(), "{\"a\":1,\"b\":2}".to_owned())]);
    }

    #[test]
    fn what_is_not_json_and_what_is_broken_are_told_apart() {
        assert_eq!(Object::parse("GET /").unwrap_err().reason, LineReason::Format);
        assert_eq!(Object::parse(r#"{"a":1"#).unwrap_err().reason, LineReason::Json);
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(Object::parse(&deep).unwrap_err().reason, LineReason::Json);
    }
}
