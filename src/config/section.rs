//! Values with a structure of their own: lists of sources, rules. Each mistake is named with where it stands.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A mapping of a list or section, read key by key.
pub(super) struct Section<'a> {
    path: String,
    members: Map<String, Value>,
    known: Vec<&'static str>,
    problems: &'a mut Vec<String>,
}

impl<'a> Section<'a> {
    /// The mappings of a list.
    pub(super) fn list<T>(
        path: &str,
        text: &str,
        problems: &'a mut Vec<String>,
        mut read: impl FnMut(&mut Section<'_>) -> Option<T>,
    ) -> Vec<T> {
        if text.trim().is_empty() {
            return Vec::new();
        }
        let items = match serde_saphyr::from_str::<Value>(text) {
            Ok(Value::Array(items)) => items,
            Ok(Value::Null) => return Vec::new(),
            Ok(_) => {
                problems.push(format!("{path}: expected a list"));
                return Vec::new();
            }
            Err(error) => {
                problems.push(format!("{path}: not YAML: {error}"));
                return Vec::new();
            }
        };
        let mut values = Vec::with_capacity(items.len());
        for (position, item) in items.into_iter().enumerate() {
            let path = format!("{path}[{position}]");
            match item {
                Value::Object(members) => {
                    let mut section = Section { path, members, known: Vec::new(), problems };
                    let value = read(&mut section);
                    section.finish();
                    values.extend(value);
                }
                _ => problems.push(format!("{path}: expected a mapping of keys to values")),
            }
        }
        values
    }

    /// A key whose whole value `text` is, read as if it stood alone in its section.
    pub(super) fn of<T>(
        path: &str,
        key: &'static str,
        text: &str,
        problems: &mut Vec<String>,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let value = serde_saphyr::from_str::<Value>(text).unwrap_or_else(|error| {
            if !text.trim().is_empty() {
                problems.push(format!("{path}{key}: not YAML: {error}"));
            }
            Value::Null
        });
        let members = Map::from_iter([(key.to_owned(), value)]);
        let path = path.trim_end_matches('.').to_owned();
        let mut section = Section { path, members, known: Vec::new(), problems };
        read(&mut section)
    }

    /// The mapping under a key.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> Option<T>,
    ) -> Option<T> {
        let path = format!("{}.{key}", self.path);
        match self.take(key)? {
            Value::Object(members) => {
                let mut section = Section { path, members, known: Vec::new(), problems: self.problems };
                let value = read(&mut section);
                section.finish();
                value
            }
            _ => {
                self.problems.push(format!("{path}: expected a mapping of keys to values"));
                None
            }
        }
    }

    /// The text under a key; numbers and booleans as they are written.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.take(key)?;
        let text = scalar(&value);
        if text.is_none() {
            self.problem(key, "expected one value");
        }
        text
    }

    /// The text under a key that must be there.
    pub(super) fn required(&mut self, key: &'static str) -> Option<String> {
        let text = self.text(key);
        if text.is_none() && !self.members_had(key) {
            self.problem(key, "is missing");
        }
        text
    }

    /// The texts under a key: a list, or one value.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let texts = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items.iter().map(scalar).collect::<Option<Vec<_>>>(),
            Some(value) => scalar(&value).map(|text| vec![text]),
        };
        texts.unwrap_or_else(|| {
            self.problem(key, "expected a list of values");
            Vec::new()
        })
    }

    /// The texts by name under a key.
    pub(super) fn names(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let names = match self.take(key) {
            None => return BTreeMap::new(),
            Some(Value::Object(members)) => {
                members.iter().map(|(name, value)| Some((name.clone(), scalar(value)?))).collect::<Option<_>>()
            }
            Some(_) => None,
        };
        names.unwrap_or_else(|| {
            self.problem(key, "expected names and their values");
            BTreeMap::new()
        })
    }

    /// The value under a key, parsed; a wrong one is a problem and counts as none.
    pub(super) fn parsed<T>(&mut self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        parse(&text).map_err(|problem| self.problem(key, &problem)).ok()
    }

    pub(super) fn problem(&mut self, key: &str, problem: &str) {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.problems.push(format!("{}{dot}{key}: {problem}", self.path));
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.members.get(key).filter(|value| !value.is_null()).cloned()
    }

    fn members_had(&self, key: &str) -> bool {
        self.members.get(key).is_some_and(|value| !value.is_null())
    }

    fn finish(self) {
        let Self { path, members, known, problems } = self;
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            let near = known.iter().map(|key| (strsim::jaro_winkler(name, key), key));
            let near = near.filter(|(likeness, _)| *likeness > 0.8).max_by(|left, right| left.0.total_cmp(&right.0));
            let hint = near.map_or_else(
                || format!("; known are {}", known.join(", ")),
                |(_, key)| format!("; did you mean {key}?"),
            );
            problems.push(format!("{path}: unknown key {name}{hint}"));
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
